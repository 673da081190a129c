"""The figures of a report that are rows of bars: the ranking, what can be read from the embeddings, the errors."""

from __future__ import annotations

from collections.abc import Sequence

from embedcli.analysis.accuracy import ITEMS, TAGS, USERS, Accuracy, GroupError
from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.probe import Probed, Probes
from embedcli.analysis.record import Row, Tone, Verdict
from embedcli.analysis.report import Bet, bet
from embedcli.render.pages.bars import Bar, BarRow, Bars, Scale
from embedcli.render.pages.cards import named
from embedcli.render.view import percent

BETS = {Bet.YES: "Bet on", Bet.MAYBE: "Perhaps bet on", Bet.NO: "Do not bet on"}
TONES = {Bet.YES: Tone.GOOD, Bet.MAYBE: Tone.NONE, Bet.NO: Tone.CAUTION}
Figure = tuple[str, Bars, Sequence[Row]]  # with its name before, and its data behind it


def of_ranking(ranking: Biases, noun: str, value: str) -> list[Figure]:
    """Return the worst and the best, each item with its interval, and whether to bet on it."""
    figures: list[Figure] = []
    for end, rows in (("worst", ranking.worst), ("best", ranking.best)):
        scale = Scale.over([number for row in rows for number in (_figure(row), row.lower, row.upper)])
        titles = {what: "; ".join(row.title for row in rows if bet(row) is kind) for kind, what in BETS.items()}
        notes = [(what, words) for what, words in titles.items() if words]
        notes += _at_least(rows, end, ranking, noun)
        shown = [_ranked(row, end, ranking, scale) for row in rows]
        bars = Bars(f"The {len(rows)} {end} {noun}s", scale, value, shown, notes)
        figures.append((end, bars, list(map(vars, rows))))
    return figures


def of_probes(probes: Probes, noun: str) -> list[Figure]:
    """Return how well tags and numbers can be read, beside what control labels reach."""
    figures: list[Figure] = []
    for kind, heading, score in (("tag", "Tags", "AUC, .5 by chance"), ("number", "Numbers", "R2, 0 by chance")):
        if rows := [row for row in probes.probed if row.kind == kind]:
            scale = Scale.over([number for row in rows for number in (row.score, row.control, row.control_high)])
            bars = Bars(heading, scale, score, [_probed(row, scale, noun) for row in rows], is_control=True)
            figures.append((f"readable-{kind}s", bars, list(map(vars, rows))))
    return figures


def of_accuracy(found: Accuracy, noun: str, value: str) -> list[Figure]:
    """Return the errors by numbers of ratings, and of the most frequent tags, the hardest to predict first."""
    headings = {
        USERS: "By the users' number of training ratings",
        ITEMS: f"By the {noun}s' number of training ratings",
        TAGS: f"By the {noun}s' most frequent tags",
    }
    figures: list[Figure] = []
    for kind, heading in headings.items():
        if groups := sorted(found.of(kind), key=lambda group: -group.rmse if group.tag else 0):
            scale = Scale.over([number for group in groups for number in (group.lower, group.upper, group.baseline)])
            bars = Bars(heading, scale, f"RMSE in {value}", [_group(group, scale) for group in groups])
            figures.append((f"errors-{kind}", bars, list(map(vars, groups))))
    return figures


def _ranked(row: ItemBias, end: str, ranking: Biases, scale: Scale) -> BarRow:
    """Return a row of the ranking."""
    kind, interval, reason = bet(row), "", ""
    if row.lower is not None and row.upper is not None:
        interval = f"{row.lower:.2f} to {row.upper:.2f}"
    if row.probability is not None:
        reason = f"{_likely(row.probability)} likely one of the {min(ranking.limit, ranking.n_items)} {end}; "
        reason += f"rank {row.rank_lower:,} to {row.rank_upper:,}"
    if row.is_outside:
        assert row.lower is not None
        reason = f"Dot {'above' if _figure(row) > row.lower else 'below'} its interval; {reason}"
    return BarRow(
        label=row.title,
        note=f"{row.n_ratings:,} ratings",
        bar=Bar.on(scale, _figure(row), row.lower, row.upper, is_outside=bool(row.is_outside)),
        figure=f"{_figure(row):.2f}",
        figure_note=interval,
        verdict="" if kind is Bet.UNKNOWN else kind.value,
        tone=TONES[kind].value if kind in TONES else "",
        reason=reason,
        rank=str(row.rank),
    )


def _at_least(rows: Sequence[ItemBias], end: str, ranking: Biases, noun: str) -> list[tuple[str, str]]:
    """Say what is sure of all items of a list."""
    ranks = [row.rank_upper for row in rows if row.rank_upper is not None]
    if not ranks or max(ranks) <= len(rows):
        return []
    among = f"among the {max(ranks):,} {end} of {ranking.n_items:,} {noun}s"
    return [(f"All {len(rows)}", f"are {among}, by the {percent(ranking.interval)} intervals of their ranks")]


def _likely(probability: float) -> str:
    """Write a probability, of so many draws that none is sure."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def _figure(row: ItemBias) -> float:
    return row.bias if row.stars is None else row.stars


def _probed(row: Probed, scale: Scale, noun: str) -> BarRow:
    judged = row.judged or Verdict(Tone.NONE, "not judged")
    return BarRow(
        label=named(row.name),
        note=f"{row.n:,} {noun}s",
        bar=Bar.on(scale, row.score, row.control, row.control_high),
        figure=f"{row.score:.2f}".replace("-", "\u2212"),
        figure_note=f"control {row.control:.2f}".replace("-", "\u2212"),
        verdict=judged.words,
        tone=judged.tone.value,
        reason="" if row.readable is not None else "training writes it into any embeddings",
    )


def _group(group: GroupError, scale: Scale) -> BarRow:
    """Return a row of the errors by group."""
    label = group.tag or f"{group.n_from:,} to {group.n_to:,}"
    if group.tag is None and (group.n_to is None or group.n_to == 0):
        label = f"{group.n_from:,} or more" if group.n_to is None else "none"
    return BarRow(
        label=label,
        note=f"{group.n_rows:,} rows, {group.n_users:,} users",
        bar=Bar.on(scale, group.rmse, group.lower, group.upper, group.baseline),
        figure=f"{group.rmse:.3f}",
        figure_note=f"{group.lower:.3f} to {group.upper:.3f}",
        reason="" if group.baseline is None else f"biases alone {group.baseline:.3f}",
    )

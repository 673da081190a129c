"""The figures of a report that are rows of bars: the ranking, what can be read from the embeddings, the errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from embedcli.analysis.accuracy import ITEMS, MOST_TAGS, TAGS, USERS, Accuracy, GroupError
from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.probe import Probed, Probes
from embedcli.analysis.record import Row, Tone
from embedcli.analysis.report import Bet, bet
from embedcli.render.pages.bars import Bar, BarRow, Bars, Scale
from embedcli.render.pages.cards import named
from embedcli.render.pages.story import with_article

BETS = {Bet.YES: "Bet on", Bet.MAYBE: "perhaps on", Bet.NO: "do not bet on"}
TONES = {Bet.YES: Tone.GOOD, Bet.MAYBE: Tone.NONE, Bet.NO: Tone.CAUTION}
Figure = tuple[str, Bars, Sequence[Row]]  # with its name before, and its data behind it


def of_ranking(ranking: Biases, noun: str, value: str) -> list[Figure]:
    """Return the worst and the best, each item with its interval, and whether to bet on it."""
    figures: list[Figure] = []
    for end, rows in (("worst", ranking.worst), ("best", ranking.best)):
        scale = Scale.over([number for row in rows for number in (_figure(row), row.lower, row.upper)])
        counts = Counter(map(bet, rows))
        note = "; ".join(f"{words} {counts[kind]}" for kind, words in BETS.items() if counts[kind])
        heads = (f"likely one of the {len(rows)} {end}", "rank, 95 %") if ranking.n_draws else ()
        shown = [_ranked(row, scale) for row in rows]
        bars = Bars(f"The {len(rows)} {end} {noun}s", scale, value, shown, note and f"{note}.", heads)
        figures.append((end, bars, list(map(vars, rows))))
    return figures


def of_probes(probes: Probes, noun: str) -> list[Figure]:
    """Return how well tags and numbers can be read, beside what control labels reach."""
    figures: list[Figure] = []
    for kind, heading, score in (("tag", "Tags", "AUC"), ("number", "Numbers", "R2")):
        all_of = [row for row in probes.probed if row.kind == kind]
        if rows := [row for row in all_of if row.readable is not None]:
            scale = Scale.over([number for row in rows for number in (row.score, row.control, row.control_high)])
            shown = [_probed(row, scale, noun) for row in rows]
            bars = Bars(heading, scale, score, shown, heads=("control",), is_control=True)
            figures.append((f"readable-{kind}s", bars, list(map(vars, all_of))))
    return figures


def of_accuracy(found: Accuracy, noun: str, value: str) -> list[Figure]:
    """Return the errors by numbers of ratings, and of the most frequent tags, the hardest to predict first."""
    headings = {
        USERS: ("By the users' number of training ratings", ""),
        ITEMS: (f"By the {noun}s' number of training ratings", ""),
        TAGS: (
            f"By the {noun}s' tags",
            f"The tags with the most test ratings, at most {MOST_TAGS}; {with_article(noun)} with several is in "
            "several rows.",
        ),
    }
    shown = (found.overall, *found.groups)
    scale = Scale.over([number for group in shown for number in (group.lower, group.upper, group.baseline)])
    heads = ("biases alone",) if found.overall.baseline is not None else ()
    figures: list[Figure] = []
    for kind, (heading, note) in headings.items():
        if groups := sorted(found.of(kind), key=lambda group: -group.rmse if group.tag else 0):
            rows, line = [_group(group, scale) for group in groups], scale.at(found.overall.rmse)
            bars = Bars(heading, scale, f"RMSE in {value}", rows, note, heads, line)
            figures.append((f"errors-{kind}", bars, list(map(vars, groups))))
    return figures


def _ranked(row: ItemBias, scale: Scale) -> BarRow:
    """Return a row of the ranking."""
    kind, interval, reason = bet(row), "", ""
    cells: tuple[str, ...] = ()
    if row.lower is not None and row.upper is not None:
        interval = f"{row.lower:.2f} to {row.upper:.2f}"
    if row.probability is not None:
        cells = (_likely(row.probability), f"{row.rank_lower:,} to {row.rank_upper:,}")
    if row.is_outside:
        assert row.lower is not None
        reason = f"dot {'above' if _figure(row) > row.lower else 'below'} the bar"
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
        cells=cells,
    )


def _likely(probability: float) -> str:
    """Write a probability, of so many draws that none is sure."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def _figure(row: ItemBias) -> float:
    return row.bias if row.stars is None else row.stars


def _probed(row: Probed, scale: Scale, noun: str) -> BarRow:
    judged = row.judged
    assert judged is not None
    return BarRow(
        label=named(row.name),
        note=f"{row.n:,} {noun}s",
        bar=Bar.on(scale, row.score, row.control, row.control_high),
        figure=f"{row.score:.2f}".replace("-", "\u2212"),
        verdict=judged.words,
        tone=judged.tone.value,
        cells=(f"{row.control:.2f}".replace("-", "\u2212"),),
    )


def _group(group: GroupError, scale: Scale) -> BarRow:
    """Return a row of the errors by group."""
    return BarRow(
        label=group.label,
        note=f"{group.n_rows:,} ratings, {group.n_users:,} users",
        bar=Bar.on(scale, group.rmse, group.lower, group.upper, group.baseline),
        figure=f"{group.rmse:.3f}",
        figure_note="" if group.lower is None else f"{group.lower:.3f} to {group.upper:.3f}",
        cells=() if group.baseline is None else (f"{group.baseline:.3f}",),
    )

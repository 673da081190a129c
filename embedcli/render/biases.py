"""How a ranking by bias is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from embedcli.analysis.biases import DAMPING, MANY, TOO_MUCH, Agreement, Biases, ItemBias, Movers, Pull
from embedcli.analysis.choices import By
from embedcli.render.view import Block, Column, Row, View, decimal, percent, text, whole
from embedcli.run.record import Run

CLEARLY = 0.05  # stars, from which one group of items is pulled more than another
MARK = "!"  # beside an interval that does not hold the trained stars


def view(found: Biases, run: Run, *, worst: bool, best: bool) -> View:
    """Show one end of the ranking, or both, the best first."""
    noun = run.data.noun
    ends = [end for end, wanted in (("best", best), ("worst", worst)) if wanted]
    rows = {end: [_shown(row) for row in getattr(found, end)] for end in ends}
    which = f"{ends[0].capitalize()} {noun}s" if len(ends) == 1 else f"Best and worst {noun}s"
    passing = f"at least {found.min_ratings} ratings: {found.n_items:,} {noun}s"
    source = "posterior " if found.by is By.POSTERIOR else ""
    return View(
        title=f"{which} by {source}{found.sort.value} | {run.headline} | {passing}",
        blocks=[
            Block(
                heading=f"{end.capitalize()} {noun}s" if len(ends) > 1 else "",
                columns=_columns(found, run, end),
                rows=rows[end],
            )
            for end in ends
        ],
        captions=captions(found, run, [row for end in ends for row in getattr(found, end)]),
        records=[{"list": end, **vars(row)} for end in ends for row in getattr(found, end)],
        body={
            "by": found.by.value,
            "sort": found.sort.value,
            "interval": found.interval,
            "n_draws": found.n_draws,
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "agreement": None if found.agreement is None else asdict(found.agreement),
            "correlation_log_n": found.correlation_log_n,
            "correlation_mean": found.correlation_mean,
            **{end: [vars(row) for row in getattr(found, end)] for end in ends},
        },
        meta=run.meta,
    )


def movers(found: Movers, run: Run, correlations: Biases) -> View:
    """Show the items whose stars differ most from their damped mean, those above it first."""
    noun = run.data.noun
    columns = [
        whole("rank", "#"),
        text("title", noun),
        decimal("stars", "stars"),
        decimal("damped_mean", "damped mean"),
        decimal("difference", "difference", sign=True),
        whole("n_ratings", "n"),
        decimal("mean_rating", "mean"),
        text("id", "id"),
    ]
    lists = {"up": [vars(row) for row in found.up], "down": [vars(row) for row in found.down]}
    headings = {"up": "Better than their mean says", "down": "Worse than their mean says"}
    source = f"{found.n_draws} draws from the posterior" if found.by is By.POSTERIOR else "the trained model"
    return View(
        title=f"Biggest movers | {run.headline} | at least {found.min_ratings} ratings: {found.n_items:,} {noun}s",
        blocks=[Block(heading=headings[name], columns=columns, rows=rows) for name, rows in lists.items()],
        captions=[
            f"stars: mean rating if every user rated the {noun}, from {source}; "
            f"damped mean: (sum of ratings + {DAMPING:g} x global mean) / (n + {DAMPING:g}).",
            *_correlations(correlations),
        ],
        records=[{"list": name, **row} for name, rows in lists.items() for row in rows],
        body={
            "by": found.by.value,
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "correlation_log_n": correlations.correlation_log_n,
            "correlation_mean": correlations.correlation_mean,
            **lists,
        },
        meta=run.meta,
    )


def _shown(row: ItemBias) -> Row:
    """Return a row with its intervals as text, for the table."""
    shown: dict[str, Any] = dict(vars(row))
    shown["stars_interval"] = None if row.lower is None else f"{row.lower:.1f}..{row.upper:.1f}"
    shown["mark"] = MARK if row.is_outside else None
    shown["rank_interval"] = None if row.rank_lower is None else f"{row.rank_lower}..{row.rank_upper}"
    return shown


def _columns(found: Biases, run: Run, end: str) -> list[Column]:
    rows = (*found.best, *found.worst)
    evidence = [
        Column("stars_interval", percent(found.interval)),
        *([text("mark", "")] if any(row.is_outside for row in rows) else []),
        Column("rank_interval", "rank"),
        decimal("probability", f"P({'top' if end == 'best' else 'bottom'} {min(found.limit, found.n_items)})"),
    ]
    spread = [decimal("spread", "spread", 3)] if any(row.spread is not None for row in rows) else []
    return [
        whole("rank", "#"),
        text("title", run.data.noun),
        decimal("bias", "bias", sign=True),
        *([decimal("stars", run.data.value_noun)] if any(row.stars is not None for row in rows) else []),
        *(evidence if found.n_draws else spread),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]


def captions(found: Biases, run: Run, shown: Sequence[ItemBias]) -> list[str]:
    """Say what the figures of a ranking are, and how well the trained model agrees with its evidence."""
    noun, value = run.data.noun, run.data.value_noun
    who = "posterior mean" if found.by is By.POSTERIOR else "mean prediction of the trained model"
    if any(row.stars is not None for row in shown):
        said = [f"{value}: {who} over all users; bias: {value} above the average {noun}'s; n, mean: training ratings."]
    else:
        said = [f"bias: of the trained model, in logits, 0 for the average {noun}; n, mean: training ratings."]
    if run.data.implicit:
        negatives = run.training.settings.get("n_negatives", "some")
        said = [
            f"{value}: {who} over all users, beside {negatives} {noun}s drawn at random; bias: {value} above the "
            f"average {noun}'s; n: training rows.",
            "Who takes what says much of what is known and little of what is liked: compare n. Implicit data has no "
            "intervals: the rows sampled as not taken are no observations.",
        ]
    if found.n_draws:
        n_outside = sum(bool(row.is_outside) for row in shown)
        mark = f"; {MARK}: {value} outside it ({n_outside} of these {len(shown)})" if n_outside else ""
        said.append(
            f"{percent(found.interval)}, rank, P: from {found.n_draws} draws from a posterior that knows no weight "
            f"decay{mark}."
        )
    elif found.n_members > 1:
        said.append(
            f"spread: standard deviation over {found.n_members} members that differ by seed alone; not an interval."
        )
    if found.agreement is not None and found.by is By.TRAINED:
        said += about_agreement(found.agreement, noun, found.n_items)
    return [*said, *_correlations(found)]


def about_agreement(agreement: Agreement, noun: str, n_items: int) -> list[str]:
    """Say how many items lie outside their interval, what that says of the decay, and how far rare ones are pulled."""
    outside = f"outside their interval: {100 * agreement.outside:.1f} % of {n_items:,} {noun}s"
    if agreement.outside_many is not None:
        verdict = "too much weight decay" if agreement.is_too_much_decay else "not too much weight decay"
        outside += (
            f", {100 * agreement.outside_many:.1f} % of the {agreement.n_many:,} with {MANY} ratings or more: "
            f"{verdict} (the limit is {100 * TOO_MUCH:g} %)"
        )
    pulls = ", ".join(f"{pull.stars:+.2f} {_ratings_of(pull)}" for pull in agreement.pulls)
    first, *others = agreement.pulls or (None,)
    is_pulled = first is not None and first.n_from < MANY and any(first.stars > pull.stars + CLEARLY for pull in others)
    why = f": training pulls rarely rated {noun}s to the mean rating" if is_pulled else ""
    return [f"{outside}.", *([f"stars less the posterior's {pulls}{why}."] if pulls else [])]


def _ratings_of(pull: Pull) -> str:
    return f"from {pull.n_from} ratings" if pull.n_to is None else f"at {pull.n_from} to {pull.n_to - 1}"


def _correlations(found: Biases) -> list[str]:
    if found.correlation_log_n is None:
        return []
    mean = "" if found.correlation_mean is None else f", with the mean {found.correlation_mean:+.2f}"
    return [f"correlation of the bias with log n {found.correlation_log_n:+.2f}{mean}."]

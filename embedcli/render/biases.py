"""How a ranking by bias is shown."""

from __future__ import annotations

from typing import Any

from embedcli.analysis.biases import DAMPING, Biases, ItemBias, Movers
from embedcli.render.view import Block, Column, Row, View, decimal, text, whole
from embedcli.run.record import Run


def view(found: Biases, run: Run, *, worst: bool, best: bool) -> View:
    """Show one end of the ranking, or both, the best first."""
    noun = run.data.noun
    ends = [end for end, wanted in (("best", best), ("worst", worst)) if wanted]
    rows = {end: [_shown(row) for row in getattr(found, end)] for end in ends}
    which = f"{ends[0].capitalize()} {noun}s" if len(ends) == 1 else f"Best and worst {noun}s"
    passing = f"at least {found.min_ratings} ratings: {found.n_items:,} {noun}s"
    return View(
        title=f"{which} by {found.sort.value} | {run.data.title} | {passing}",
        blocks=[
            Block(
                heading=f"{end.capitalize()} {noun}s" if len(ends) > 1 else "",
                columns=_columns(found, run, end),
                rows=rows[end],
            )
            for end in ends
        ],
        captions=captions(found, run),
        records=[{"list": end, **vars(row)} for end in ends for row in getattr(found, end)],
        body={
            "sort": found.sort.value,
            "interval": found.interval,
            "n_draws": found.n_draws,
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
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
    source = f"{found.n_draws} draws from the posterior" if found.n_draws else "the trained members"
    return View(
        title=f"Biggest movers | {run.data.title} | at least {found.min_ratings} ratings: {found.n_items:,} {noun}s",
        blocks=[Block(heading=headings[name], columns=columns, rows=rows) for name, rows in lists.items()],
        captions=[
            f"stars: mean rating if every user rated the {noun}, from {source}; "
            f"damped mean: (sum of ratings + {DAMPING:g} x global mean) / (n + {DAMPING:g}).",
            *_correlations(correlations),
        ],
        records=[{"list": name, **row} for name, rows in lists.items() for row in rows],
        body={
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "n_draws": found.n_draws,
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
    shown["rank_interval"] = None if row.rank_lower is None else f"{row.rank_lower}..{row.rank_upper}"
    return shown


def _columns(found: Biases, run: Run, end: str) -> list[Column]:
    level = f"{100 * found.interval:g} %"
    sure = [
        Column("stars_interval", level),
        Column("rank_interval", "rank"),
        decimal("probability", f"P({'top' if end == 'best' else 'bottom'} {min(found.limit, found.n_items)})"),
    ]
    spread = [decimal("spread", "spread", 3)] if found.n_members > 1 else []
    return [
        whole("rank", "#"),
        text("title", run.data.noun),
        decimal("bias", "bias", sign=True),
        *([decimal("stars", run.data.value_noun)] if any(row.stars is not None for row in found.best) else []),
        *(sure if found.n_draws else spread),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]


def captions(found: Biases, run: Run) -> list[str]:
    """Say what the figures of a ranking are."""
    noun = run.data.noun
    if run.data.implicit:
        return [
            f"bias: of the trained model, in logits, 0 for the average {noun}; chance: mean prediction over all users, "
            f"beside {run.training.config.get('n_negatives', 'some')} {noun}s drawn at random; n: training rows.",
            "Who takes what says much of what is known and little of what is liked: compare n. Implicit data has no "
            "intervals: the rows sampled as not taken are no observations.",
            *_correlations(found),
        ]
    if found.n_draws:
        captions = [
            f"stars: mean rating if every user rated the {noun}; bias: stars above or below the average {noun}; "
            "n, mean: training ratings.",
            f"All but n and mean from {found.n_draws} draws from the posterior of a factor model "
            "(the trained members' biases: --trained).",
        ]
    else:
        captions = [
            f"bias: of the trained model, in logits, 0 for the average {noun}; stars: its mean prediction over all "
            "users; n, mean: training ratings."
        ]
        if found.n_members > 1:
            captions.append(
                f"spread: standard deviation of the bias over {found.n_members} members that differ by seed alone; "
                "not an interval."
            )
    return [*captions, *_correlations(found)]


def _correlations(found: Biases) -> list[str]:
    if found.correlation_log_n is None:
        return []
    mean = "" if found.correlation_mean is None else f", with the mean {found.correlation_mean:+.2f}"
    return [f"correlation of the bias with log n {found.correlation_log_n:+.2f}{mean}."]

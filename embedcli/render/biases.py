"""How a ranking by bias is shown."""

from __future__ import annotations

from embedcli.analysis.biases import Biases
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run


def view(found: Biases, run: Run, *, worst: bool, best: bool) -> View:
    """Show one end of the ranking, or both, the best first."""
    noun = run.data.noun
    ends = [end for end, wanted in (("best", best), ("worst", worst)) if wanted]
    rows = {end: [vars(row) for row in getattr(found, end)] for end in ends}
    columns = [
        whole("rank", "#"),
        text("title", noun),
        decimal("bias", "bias", sign=True),
        decimal("stars", "stars"),
        decimal("spread", "spread", 3),
        whole("n_ratings", "n"),
        decimal("mean_rating", "mean"),
        text("id", "id"),
    ]
    if found.n_members == 1:
        columns = [column for column in columns if column.key != "spread"]
    which = f"{ends[0].capitalize()} {noun}s" if len(ends) == 1 else f"Best and worst {noun}s"
    passing = f"at least {found.min_ratings} ratings: {found.n_items:,} {noun}s"
    return View(
        title=f"{which} by bias | {run.data.title} | {passing}",
        blocks=[
            Block(
                heading=f"{end.capitalize()} {noun}s" if len(ends) > 1 else "",
                columns=columns,
                rows=rows[end],
            )
            for end in ends
        ],
        captions=_captions(found, noun),
        records=[{"list": end, **row} for end in ends for row in rows[end]],
        body={
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "correlation_log_n": found.correlation_log_n,
            "correlation_mean": found.correlation_mean,
            **rows,
        },
        meta=run.meta,
    )


def _captions(found: Biases, noun: str) -> list[str]:
    captions = [
        f"bias: the {noun}'s own part of the prediction, 0 for the average {noun}; "
        f"stars: mean prediction over all users; n, mean: training ratings."
    ]
    if found.n_members > 1:
        captions.append(
            f"spread: standard deviation of the bias over {found.n_members} members that differ by seed alone; "
            "not an interval."
        )
    if found.correlation_log_n is not None and found.correlation_mean is not None:
        captions.append(
            f"correlation of the bias with log n {found.correlation_log_n:+.2f}, "
            f"with the mean {found.correlation_mean:+.2f}."
        )
    return captions

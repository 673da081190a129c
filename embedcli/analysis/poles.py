"""The two poles of an axis through items, and which of them is +."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedcli.analysis.selection import item_records, pearson
from embedcli.evidence.bases import Floats, Rows
from embedcli.run.record import Run

CLEAR_SIGN = 0.1  # |correlation with the mean rating| from which it decides which pole is +


@dataclass(frozen=True)
class PoleItem:
    """An item near a pole; `score` is its coordinate on the component."""

    title: str
    score: float
    n_ratings: int
    mean_rating: float | None
    year: int | None
    id: str


def poles(run: Run, rows: Rows, scores: Floats, limit: int) -> tuple[tuple[PoleItem, ...], tuple[PoleItem, ...]]:
    """Return the `limit` items with the highest and with the lowest scores (n,) among these rows.

    If several items have the same title, only the outermost is returned.
    """
    titles = [run.items.titles[row] for row in rows.tolist()]
    order = np.argsort(scores, kind="stable")
    years = [run.items.years[row] for row in rows.tolist()]
    positive, negative = (
        item_records(run, PoleItem, rows[here], score=scores[here], year=[years[j] for j in here])
        for here in (_of_different_titles(ends, titles, limit) for ends in (order[::-1], order))
    )
    return positive, negative


def _of_different_titles(order: Rows, titles: Sequence[str], limit: int) -> Rows:
    """Return the first `limit` positions, in this order (n,), whose titles differ."""
    first: dict[str, int] = {}
    for here in order.tolist():
        if len(first) == limit:
            break
        first.setdefault(titles[here], here)
    return np.array(list(first.values()), dtype=np.int64)


def sign(scores: Floats, mean_rating: Floats) -> float:
    """Return 1 or -1: times the scores (n,), the pole of the better rated items is +."""
    rated = np.isfinite(mean_rating)
    r = pearson(scores[rated], mean_rating[rated]) or 0.0
    return -1.0 if (r if abs(r) >= CLEAR_SIGN else ((scores - scores.mean()) ** 3).mean()) < 0 else 1.0

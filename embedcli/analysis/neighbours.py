"""Which items are nearest to an item, and whether members trained on other ratings find the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import Measure
from embedcli.analysis.selection import check_limit, rated
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MOST_NEAREST = 10  # neighbours of each of many items
TOGETHER = 500  # items whose neighbours are looked for at once


@dataclass(frozen=True)
class Neighbour:
    """One of the nearest items.

    `similarity` is the mean over the members (of euclidean, the distance). `seeds` is the share of the members, and
    `folds` of the members that left out a fold of the ratings each, that have it among as many nearest as are shown;
    `co_raters` the number of users with training ratings of both. What the run cannot tell is None.
    """

    rank: int
    title: str
    similarity: float
    folds: float | None
    seeds: float | None
    co_raters: int | None
    n_ratings: int
    mean_rating: float | None
    id: str


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest items to one item, itself left out."""

    title: str
    id: str
    n_ratings: int
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Neighbours:
    """The neighbourhoods asked for, of the items with enough ratings."""

    asked: tuple[Neighbourhood, ...]
    by: Measure
    limit: int
    min_ratings: int
    n_items: int
    n_members: int
    n_folds: int
    has_rows: bool

    def to_frame(self) -> pd.DataFrame:
        """Return all neighbourhoods as one table, with a column `of` that says whose."""
        import pandas as pd

        return pd.DataFrame([{"of": one.title, **vars(row)} for one in self.asked for row in one.neighbours])


def similar(
    run: Run, rows: Sequence[int], *, by: Measure = Measure.COSINE, limit: int = 10, min_ratings: int = 20
) -> Neighbours:
    """Return the nearest items to each of some items (row numbers), among those with enough training ratings.

    Nearness is that of the item factors, never of the biases: by the cosine of the angle at the average item, the dot
    product, or the euclidean distance, of each member, averaged. An item asked for may have fewer ratings itself.

    Raises UsageError if no item passes the filter, or an item asked for has no training rating.
    """
    check_limit(limit, "neighbours")
    run.check_rated(rows)
    passing = rated(run, min_ratings)
    members = _by_member(run.array("item_factors"), rows, passing, by)  # (M, n_asked, n)
    folds = None
    if "fold_item_factors" in run.arrays:
        folds = _by_member(run.array("fold_item_factors"), rows, passing, by)
    return Neighbours(
        asked=tuple(
            _neighbourhood(run, row, passing, members[:, at], None if folds is None else folds[:, at], by, limit)
            for at, row in enumerate(rows)
        ),
        by=by,
        limit=limit,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_members=len(members),
        n_folds=0 if folds is None else len(folds),
        has_rows=run.rows is not None,
    )


def nearness(
    factors: NDArray[np.floating], rows: Sequence[int] | NDArray[np.int64], passing: NDArray[np.int64], by: Measure
) -> Floats:
    """Return how near items are, larger is nearer: factors (I, k) of one member -> (n_asked, n passing).

    Of euclidean, the negative distance.
    """
    own, others = (factors[np.asarray(at)].astype(np.float64) for at in (rows, passing))
    if by is Measure.COSINE:
        own, others = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in (own, others))
    products: Floats = own @ others.T
    if by is not Measure.EUCLIDEAN:
        return products
    squares = (own**2).sum(1)[:, None] + (others**2).sum(1) - 2 * products
    distances: Floats = np.sqrt(squares.clip(0))
    return -distances


def nearest(factors: NDArray[np.floating], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each item's nearest others among these rows by the mean cosine of the members, (n, MOST_NEAREST).

    As places in `rows`, the nearest first; factors (M, I, k).
    """
    n, k = len(rows), min(MOST_NEAREST, len(rows) - 1)
    found = np.empty((n, k), dtype=np.int64)
    for begin in range(0, n, TOGETHER):
        here = np.arange(begin, min(begin + TOGETHER, n))
        near = np.mean([nearness(member, rows[here], rows, Measure.COSINE) for member in factors], axis=0)
        near[np.arange(len(here)), here] = -np.inf
        nearest_k = np.argpartition(-near, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(near, nearest_k, 1), axis=1, kind="stable")
        found[here] = np.take_along_axis(nearest_k, order, 1)
    return found


def _by_member(factors: NDArray[np.floating], rows: Sequence[int], passing: NDArray[np.int64], by: Measure) -> Floats:
    return np.stack([nearness(member, rows, passing, by) for member in factors])


def _neighbourhood(
    run: Run, row: int, passing: NDArray[np.int64], members: Floats, folds: Floats | None, by: Measure, limit: int
) -> Neighbourhood:
    """Return the nearest of the passing items by nearness (M, n), and by that of the folds (F, n)."""
    others = passing != row
    mean = np.where(others, members.mean(0), -np.inf)
    nearest = np.argsort(-mean, kind="stable")[: min(limit, int(others.sum()))]
    seeds, resampled = _found(members, others, nearest), None if folds is None else _found(folds, others, nearest)
    both = _co_raters(run, row)
    seen = run.item_stats
    return Neighbourhood(
        title=run.items.titles[row],
        id=run.items.ids[row],
        n_ratings=int(seen.n_ratings[row]),
        neighbours=tuple(
            Neighbour(
                rank=at + 1,
                title=run.items.titles[passing[j]],
                similarity=float(-mean[j] if by is Measure.EUCLIDEAN else mean[j]),
                folds=None if resampled is None else float(resampled[at]),
                seeds=float(seeds[at]) if len(members) > 1 else None,
                co_raters=None if both is None else int(both[passing[j]]),
                n_ratings=int(seen.n_ratings[passing[j]]),
                mean_rating=seen.mean_of(passing[j]),
                id=run.items.ids[passing[j]],
            )
            for at, j in enumerate(nearest)
        ),
    )


def _found(nearness: Floats, others: NDArray[np.bool_], nearest: NDArray[np.int64]) -> Floats:
    """Return the share of members (M, n) that have each of the nearest among as many of their own."""
    own = np.argsort(-np.where(others, nearness, -np.inf), axis=1, kind="stable")[:, : len(nearest)]
    share: Floats = np.mean([np.isin(nearest, member) for member in own], axis=0)
    return share


def _co_raters(run: Run, row: int) -> NDArray[np.int64] | None:
    """Return the number of users with training ratings of this item and of each other, (I,)."""
    if run.rows is None:
        return None
    user, item = run.rows.user, run.rows.item
    raters = np.zeros(len(run.users), dtype=bool)
    raters[user[item == row]] = True
    return np.bincount(item[raters[user]], minlength=len(run.items))

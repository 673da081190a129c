"""Which items are nearest to an item, and whether members trained on other ratings find the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import Measure, chosen
from embedcli.analysis.record import Record, Tone, Verdict, column, decimal, text, titles, whole
from embedcli.analysis.selection import check_limit, item, item_records, rated, rows_of
from embedcli.evidence.bases import Floats, Rows
from embedcli.run.canonical import user_covariance
from embedcli.run.record import Run

MOST_NEAREST = 10  # neighbours of each of many items
CHUNK = 1 << 24  # cosines in memory at once
MOST_EXACT = 2000  # items whose cosines are in float64; with more, float32 tells the nearest as well


def judge_folds(share: float) -> Verdict:
    """Judge a neighbour by the share of the fold members that find it: figures in examples/benchmarks/trust.py."""
    if share == 1:
        return Verdict(Tone.GOOD, "stable")
    return Verdict(Tone.CAUTION, "unstable") if share >= 0.5 else Verdict(Tone.NONE, "weak")


@dataclass(frozen=True)
class Neighbour:
    """One of the nearest items; what the run does not know is None.

    `similarity` is a distance if the measure is euclidean. `seeds` is the share of members that differ by seed only
    and have the item among their own nearest, which is no evidence.
    """

    rank: Annotated[int, whole("#", "rank by the {measure}")]
    title: Annotated[str, titles("{noun}")]
    similarity: Annotated[float, decimal("{measure}", "{meaning}, mean over members")]
    folds: Annotated[
        float | None,
        column(
            "folds",
            "share of {n_folds} members, each trained without a fold of the ratings, that have the {noun} among their "
            "{limit} nearest (all: stable, at least half: unstable, fewer: weak)",
            lambda share: f"{judge_folds(share).words} {100 * share:.0f} %",
            tone=lambda row: judge_folds(row["folds"]).tone,
        ),
    ]
    seeds: float | None
    co_raters: Annotated[int | None, whole("both", "number of users with training ratings of both {noun}s")]
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: Annotated[float | None, decimal("mean", "mean of the training ratings")]
    id: Annotated[str, text("id")]

    @property
    def judged(self) -> Verdict | None:
        """Whether members trained on other ratings find the neighbour, too; None without such members."""
        return None if self.folds is None else judge_folds(self.folds)


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest items to one item, without the item itself."""

    title: str
    id: str
    n_ratings: int
    mean_rating: float | None
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Neighbours(Record):
    """The neighbourhoods of some items, among the `n_items` with enough ratings."""

    asked: tuple[Neighbourhood, ...]
    by: Measure
    limit: int
    min_ratings: int
    n_items: int
    n_folds: int

    def rows(self) -> list[dict[str, Any]]:
        """Return all neighbourhoods as one table, with columns `of` and `of_id` for the item they belong to."""
        return [
            {"of": center.title, "of_id": center.id, **vars(row)} for center in self.asked for row in center.neighbours
        ]


def similar(
    run: Run,
    items: str | int | Sequence[str | int],
    *,
    by: Measure | None = None,
    limit: int = 10,
    min_ratings: int = 20,
) -> Neighbours:
    """Return the nearest items to each of some items (titles, ids or row numbers), among those with enough ratings.

    Only the factors count, not the biases. The measure is averaged over the members: the correlation over the users of
    the preferences that are predicted for both items, which no other form of the same model changes (Steck, Ekanadham
    and Kallus 2024); or of the item factors alone, and the default without user factors, the cosine of the angle at
    the average item; the dot product; the Euclidean distance. The items given may have fewer ratings themselves.

    Raises UsageError if no item passes the filter, or an item given has no training rating; RunError if the run has no
    user factors to correlate.
    """
    check_limit(limit, "neighbours")
    rows, by = rows_of(run, items), default_measure(run) if by is None else chosen(Measure, by, "by")
    run.check_rated(rows)
    passing = rated(run, min_ratings)
    members, folds = (
        np.array([nearness(*member, rows, passing, by) for member in zip(*arrays, strict=True)]).reshape(
            -1, len(rows), len(passing)
        )
        for arrays in _compared(run, by)
    )  # (M, n rows, n passing), (F, n rows, n passing)
    return Neighbours(
        asked=tuple(
            _neighbourhood(run, row, passing, members[:, j], folds[:, j], by, limit) for j, row in enumerate(rows)
        ),
        by=by,
        limit=limit,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_folds=len(folds),
    )


def _compared(run: Run, by: Measure) -> Iterator[tuple[NDArray[np.floating], Iterable[Floats | None]]]:
    """Yield the item factors of the members, then of the fold members, each with their users' covariances if needed."""
    members, folds = run.array("item_factors"), run.arrays.get("fold_item_factors", np.zeros((0, 0, 0)))
    if by is not Measure.PREFERENCE:
        yield from ((factors, [None] * len(factors)) for factors in (members, folds))
        return
    is_rated = run.user_stats.n_ratings > 0
    yield members, user_covariance(run.array("user_factors"), is_rated if is_rated.any() else ~is_rated)
    covariances = run.arrays.get("fold_user_covariance", folds[:0])
    yield folds[: len(covariances)], covariances


def nearness(
    factors: NDArray[np.floating],
    user_covariance: NDArray[np.floating] | None,
    rows: Sequence[int] | Rows,
    passing: Rows,
    by: Measure,
) -> Floats:
    """Return how near items are, the nearest the largest: factors (I, k) of one member -> (n rows, n passing).

    `user_covariance` (k, k) is given for preferences only. For the Euclidean distance this is its negative.
    """
    own, others = (_in_metric(factors[np.asarray(selected)], user_covariance) for selected in (rows, passing))
    if by in (Measure.PREFERENCE, Measure.COSINE):
        own, others = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in (own, others))
    products: Floats = own @ others.T
    if by is not Measure.EUCLIDEAN:
        return products
    squares = (own**2).sum(1)[:, None] + (others**2).sum(1) - 2 * products
    distances: Floats = np.sqrt(squares.clip(0))
    return -distances


def _in_metric(factors: NDArray[np.floating], user_covariance: NDArray[np.floating] | None) -> Floats:
    """Return item factors (n, k); with a user covariance, their dot products are the covariances of preferences."""
    own: Floats = factors.astype(np.float64)
    if user_covariance is None:
        return own
    values, vectors = np.linalg.eigh(user_covariance.astype(np.float64))
    root: Floats = vectors * np.sqrt(values.clip(0))
    return own @ root


@dataclass(frozen=True)
class Nearest:
    """The nearest of many items among themselves, by the measure that `similar` takes by default.

    `positions` (n, k) are the indices of each item's neighbours, the nearest first. `folds` (n, k) counts the fold
    members, of `n_folds`, that also have the neighbour among their k nearest. `co_raters` (n, k) counts the users who
    rated both. Both are None if the run lacks the arrays.
    """

    by: Measure
    positions: Rows
    n_folds: int
    folds: Rows | None
    co_raters: Rows | None


def nearest_among(run: Run, rows: Rows) -> Nearest:
    """Return each item's nearest others among these rows, with the evidence that `similar` gives for one item."""
    by = default_measure(run)
    members, folds = (
        [_in_metric(factors[rows], covariance) for factors, covariance in zip(*arrays, strict=True)]
        for arrays in _compared(run, by)
    )
    every = np.arange(len(rows))
    positions = nearest(np.array(members), every)
    found = np.zeros(positions.shape, dtype=np.int64)
    for fold in folds:
        found += (positions[:, :, None] == nearest(fold[None], every)[:, None, :]).any(2)
    return Nearest(by, positions, len(folds), found if folds else None, _co_raters_of_all(run, rows, positions))


def default_measure(run: Run) -> Measure:
    """Return the measure of a run that was not asked for one: its preferences, if it has user factors."""
    return Measure.PREFERENCE if "user_factors" in run.arrays else Measure.COSINE


def nearest(factors: NDArray[np.floating], rows: Rows, of: Rows | None = None) -> Rows:
    """Return each item's nearest others among these rows by the mean cosine of the members, (n, MOST_NEAREST).

    They are positions in `rows`, the nearest first; factors (M, I, k). `of` are the positions of the items whose
    nearest are wanted, all of them if it is not given.
    """
    n, k = len(rows), min(MOST_NEAREST, len(rows) - 1)
    units = np.empty((n, len(factors), factors.shape[2]), dtype=np.float64 if n <= MOST_EXACT else np.float32)
    for m, member in enumerate(factors):
        units[:, m] = member[rows]
    units /= np.maximum(np.linalg.norm(units, axis=2, keepdims=True), 1e-12)
    flat, of = units.reshape(n, -1), np.arange(n) if of is None else of  # products are sums of the members' cosines
    neighbours = np.empty((len(of), k), dtype=np.int64)
    n_together = max(1, CHUNK // n)
    for begin in range(0, len(of), n_together):
        chunk = of[begin : begin + n_together]
        farness = flat[chunk] @ flat.T
        np.negative(farness, out=farness)
        farness[np.arange(len(chunk)), chunk] = np.inf
        unordered = np.argpartition(farness, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(farness, unordered, 1), axis=1, kind="stable")
        neighbours[begin : begin + n_together] = np.take_along_axis(unordered, order, 1)
    return neighbours


def _neighbourhood(
    run: Run, row: int, passing: Rows, members: Floats, folds: Floats, by: Measure, limit: int
) -> Neighbourhood:
    """Return the nearest of the passing items by the nearness (M, n) to one item, and to that of the folds (F, n)."""
    is_other = passing != row
    mean = np.where(is_other, members.mean(0), -np.inf)
    order = np.argsort(-mean, kind="stable")[: min(limit, int(is_other.sum()))]
    neighbours = item_records(
        run,
        Neighbour,
        passing[order],
        rank=range(1, len(order) + 1),
        similarity=(-mean if by is Measure.EUCLIDEAN else mean)[order],
        folds=_shares(folds, is_other, order) if len(folds) else None,
        seeds=_shares(members, is_other, order) if len(members) > 1 else None,
        co_raters=_co_raters(run, row, passing[order]),
    )
    return Neighbourhood(neighbours=neighbours, **item(run, row))


def _shares(nearness: Floats, is_other: NDArray[np.bool_], order: Rows) -> Floats:
    """Return the share of members (M, n) that have each of the nearest among as many of their own."""
    own = np.argsort(-np.where(is_other, nearness, -np.inf), axis=1, kind="stable")[:, : len(order)]
    shares: Floats = np.mean([np.isin(order, member) for member in own], axis=0)
    return shares


def _co_raters(run: Run, row: int, others: Rows) -> Rows | None:
    """Return the number of users with training ratings of an item and of each of some others; None without rows."""
    if run.rows is None:
        return None
    user, rated_item = run.rows.user, run.rows.item
    raters = np.zeros(len(run.users), dtype=bool)
    raters[user[rated_item == row]] = True
    return np.bincount(rated_item[raters[user]], minlength=len(run.items))[others]


def _co_raters_of_all(run: Run, rows: Rows, positions: Rows) -> Rows | None:
    """Return the number of users with training ratings of each item and of its nearest (n, k); None without rows."""
    if run.rows is None:
        return None
    position = np.full(len(run.items), -1)
    position[rows] = np.arange(len(rows))
    item, user, n_users = position[run.rows.item], run.rows.user.astype(np.int64), len(run.users)
    pairs = np.sort((item * n_users + user)[item >= 0])  # of item and user, by item
    rater, begin = pairs % n_users, np.searchsorted(pairs, np.arange(len(rows) + 1) * n_users)
    n_raters, counts = np.diff(begin), np.empty_like(positions)
    for rank, others in enumerate(positions.T):
        of = np.repeat(np.arange(len(rows)), n_raters[others])  # the item, for each rater of its neighbour
        nth = np.arange(len(of)) - np.repeat(np.cumsum(n_raters[others]) - n_raters[others], n_raters[others])
        both = of * n_users + rater[begin[others][of] + nth]
        found = pairs[np.minimum(np.searchsorted(pairs, both), len(pairs) - 1)] == both
        counts[:, rank] = np.bincount(of[found], minlength=len(rows))
    return counts

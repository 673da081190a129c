"""Your own axis: from some items to others, every item ranked along it, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.effects import Candidates, Effect, effects_of
from embedcli.analysis.record import PYTHON_ONLY, Record, Tone, Verdict, decimal, text, titles, whole
from embedcli.analysis.selection import check_limit, item_records, pearson, rated, rows_of
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, blocks, coordinates, side_by_side
from embedcli.evidence.strata import Strata
from embedcli.run.record import Run

RESAMPLES = 200  # of the items of each side, if a side has several
MOST_RESAMPLED = 10_000  # items of a side: the mean of more is drawn from its normal distribution
CONTROLS = 200  # axes between random items rated as often
ALIKE = 50  # items, by their number of ratings, of which any may stand for another
INTERVAL = 0.95


@dataclass(frozen=True)
class AxisItem:
    """An item on the axis; `lower` and `upper` are None if there is nothing to resample."""

    rank: Annotated[int, whole("#", "rank in this list")]
    title: Annotated[str, titles("{noun}")]
    place: Annotated[
        float, decimal("place", "projection on the axis: 0 at the mean of one side, 1 at that of the other")
    ]
    lower: Annotated[
        float | None,
        decimal(
            "{interval}",
            "interval of the place, with the items of each side and the members resampled",
            end="upper",
            dot="place",
        ),
    ]
    upper: float | None
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: Annotated[float | None, decimal("mean", "mean of the training ratings")]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Axis(Record):
    """An axis through the embeddings, from the items with the titles in `start` to those in `end`.

    `share` is its share of the variance of the embeddings, `chance` the 95th percentile of that share for axes between
    as many random items, each rated about as often as the title in whose place it is. `stability` is the mean
    |correlation| of the places with those by members that left out a fold of the ratings each, None if there are none.
    `first` and `last` are the items at either end.
    """

    start: Annotated[tuple[str, ...], PYTHON_ONLY]
    end: Annotated[tuple[str, ...], PYTHON_ONLY]
    share: float
    chance: float
    stability: float | None
    n_items: int
    min_ratings: int
    n_members: int
    n_folds: int
    effects: tuple[Effect, ...]
    first: tuple[AxisItem, ...]
    last: tuple[AxisItem, ...]

    @property
    def judged(self) -> Verdict:
        """What the evidence says of the axis."""
        figures = f"{100 * self.share:.1f} % of the variance, 95 % of random axes below {100 * self.chance:.1f} %"
        if self.share > self.chance:
            return Verdict(Tone.GOOD, "more variance than random axes", figures)
        return Verdict(Tone.NONE, "no more variance than random axes", figures)

    def rows(self) -> list[dict[str, Any]]:
        """Return both ends as one table, with a column `end` that says which."""
        return [{"end": name, **vars(row)} for name, end in (("from", self.first), ("to", self.last)) for row in end]


def axis(
    run: Run, start: Sequence[str | int], end: Sequence[str | int], *, limit: int = 10, min_ratings: int = 20
) -> Axis:
    """Rank items along the direction from some items to others (titles, ids or rows); return `limit` at either end.

    The direction is the difference of the two sides' mean embeddings, in all members side by side.

    Raises UsageError for an empty side, an item on both sides or without training ratings, or two sides with the same
    mean, and if no item passes the filter.
    """
    check_limit(limit, "items per end")
    sides = _Sides.of(run, start, end)
    passing, factors, rng = rated(run, min_ratings), run.array("item_factors"), np.random.default_rng(0)
    means = sides.means(factors)
    places = _places(factors, passing, *means)
    if places is None:
        raise UsageError("both sides have the same mean: there is no axis between them", "give other titles")
    has_folds = "fold_item_factors" in run.arrays
    members = run.array("fold_item_factors") if has_folds else factors
    order = np.argsort(places, kind="stable")
    ends = (order[:limit], order[::-1][:limit])
    bounds = _bounds(sides, members, passing[np.concatenate(ends)], rng)
    lower, upper = ((None, None), (None, None)) if bounds is None else bounds.reshape(2, 2, -1)
    scatter = _scatter(factors, passing)
    return Axis(
        start=tuple(run.items.titles[row] for row in sides.start),
        end=tuple(run.items.titles[row] for row in sides.end),
        share=_share(scatter, means[1] - means[0]),
        chance=_chance(run, scatter, sides, rng),
        stability=_stability(sides, places, members, passing) if has_folds else None,
        n_items=len(passing),
        min_ratings=min_ratings,
        n_members=run.n_members,
        n_folds=len(members) if has_folds else 0,
        effects=effects_of(Candidates.of(run, passing), places[:, None])[0],
        first=_end(run, passing, places, ends[0], lower[0], upper[0]),
        last=_end(run, passing, places, ends[1], lower[1], upper[1]),
    )


def tagged(run: Run, tag: str) -> list[int]:
    """Return the rows of the rated items with a tag, in any case; UsageError, with the tags, if no item has it."""
    rows = [row for row, tags in enumerate(run.items.tags) if tag.casefold() in map(str.casefold, tags)]
    if not rows:
        tags = sorted({tag for tags in run.items.tags for tag in tags})
        raise UsageError(
            f"no {run.data.noun} has the tag {tag!r}",
            f"the tags are {', '.join(tags)[:300]}" if tags else "train with `items` FILE",
        )
    return [row for row in rows if run.item_stats.n_ratings[row]]


@dataclass(frozen=True)
class _Sides:
    """The rows of the items that an axis begins at and leads to."""

    start: list[int]
    end: list[int]

    @classmethod
    def of(cls, run: Run, start: Iterable[str | int], end: Iterable[str | int]) -> _Sides:
        sides = cls(rows_of(run, start), rows_of(run, end))
        if empty := [name for name, side in vars(sides).items() if not side]:
            raise UsageError(f"the axis has no `{empty[0]}`", f"give `{empty[0]}` TITLE")
        if both := set(sides.start) & set(sides.end):
            title = run.items.titles[min(both)]
            raise UsageError(f"{title!r} is on both sides of the axis", "give each title on one side")
        run.check_rated([*sides.start, *sides.end])
        return sides

    def means(self, factors: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return the mean (M k,) of each side's factors (M, I, k), side by side."""
        start, end = (side_by_side(factors[:, side]).mean(0) for side in (self.start, self.end))
        return start, end


def _places(factors: NDArray[np.float32], rows: Rows, start: Floats, end: Floats) -> Floats | None:
    """Return the places (n,) of items with factors (M, I, k) between the sides' means; None if these are the same."""
    direction = end - start
    squared = float(direction @ direction)
    return None if squared < 1e-12 else coordinates(factors, rows, (start, direction[:, None] / squared))[:, 0]


def _bounds(sides: _Sides, members: NDArray[np.float32], rows: Rows, rng: np.random.Generator) -> Floats | None:
    """Return the intervals (2, n) of the places of some items; None if there is nothing to resample.

    The items of each side are drawn again, for one member (M, I, k) at a time.
    """

    @cache
    def moments(m: int, is_end: bool) -> tuple[Floats, Floats]:
        """Return the mean (k,) of a side by a member, and the covariance of the mean."""
        own = members[m][both[is_end]].astype(np.float64)
        return own.mean(0), np.cov(own, rowvar=False, bias=True) / len(own)

    def resampled(m: int, is_end: bool) -> Floats:
        n = len(both[is_end])
        if n > MOST_RESAMPLED:
            return rng.multivariate_normal(*moments(m, is_end))
        mean: Floats = members[m][rng.choice(both[is_end], n) if n > 1 else both[is_end]].mean(0, dtype=np.float64)
        return mean

    resamples, both = [], (sides.start, sides.end)
    for j in range(RESAMPLES if max(map(len, both)) > 1 else len(members)):
        m = j % len(members)
        places = _places(members[m : m + 1], rows, resampled(m, False), resampled(m, True))
        if places is not None:
            resamples.append(places)
    tail = (1 - INTERVAL) / 2
    return np.quantile(resamples, (tail, 1 - tail), axis=0) if len(resamples) > 1 else None


def _scatter(factors: NDArray[np.float32], rows: Rows) -> Floats:
    """Return X'X (M k, M k) of some rows X of factors (M, I, k), centred and side by side."""
    mean = np.sum([own.sum(0) for _, own in blocks(factors, rows)], axis=0) / len(rows)
    return np.sum([(own - mean).T @ (own - mean) for _, own in blocks(factors, rows)], axis=0)  # type: ignore[no-any-return]


def _share(scatter: Floats, direction: Floats) -> float:
    """Return the share of the variance of factors, of which X'X (R, R) is given, along a direction (R,)."""
    length = np.linalg.norm(direction)
    if length < 1e-9:
        return 0.0
    along = direction / length
    return float(along @ scatter @ along / np.trace(scatter))


def _chance(run: Run, scatter: Floats, sides: _Sides, rng: np.random.Generator) -> float:
    """Return the 95th percentile of the share of axes between as many random items, each rated as often."""
    factors, shares = run.array("item_factors"), []
    for drawn in _rated_as_often(run, [*sides.start, *sides.end], rng):
        start, end = _Sides(drawn[: len(sides.start)], drawn[len(sides.start) :]).means(factors)
        shares.append(_share(scatter, end - start))
    return float(np.quantile(shares, 0.95))


def _rated_as_often(run: Run, rows: list[int], rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield CONTROLS draws of random items, one in place of each row, none twice.

    It is a random one of the row's group of ALIKE items, of all items in the order of their numbers of ratings. Items
    rated more often are spread along other directions.
    """
    pool = rated(run, 0)
    pool = pool[np.argsort(run.item_stats.n_ratings[pool], kind="stable")]
    group = np.arange(len(pool)) // ALIKE
    positions = np.argsort(pool)[np.searchsorted(np.sort(pool), rows)]
    used = np.isin(group, group[positions])
    pool, strata = pool[used], Strata(np.unique(group[used], return_inverse=True)[1])
    positions = (np.cumsum(used) - 1)[positions]
    for _ in range(CONTROLS):
        yield pool[strata.orders(1, rng)[0, positions]].tolist()


def _stability(sides: _Sides, places: Floats, members: NDArray[np.float32], passing: Rows) -> float:
    """Return the mean |correlation| of the places (n,) of the passing items with those by each member."""
    others = (_places(member[None], passing, *sides.means(member[None])) for member in members)
    return float(np.mean([abs(pearson(places, other) or 0) for other in others if other is not None]))


def _end(
    run: Run, passing: Rows, places: Floats, end: Rows, lower: Floats | None, upper: Floats | None
) -> tuple[AxisItem, ...]:
    """Return the items at one end of the axis; `end` are their indices among the passing ones."""
    rank = range(1, len(end) + 1)
    return item_records(run, AxisItem, passing[end], rank=rank, place=places[end], lower=lower, upper=upper)

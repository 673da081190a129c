"""Which items are liked best and least once it is known who rated them, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import Sort
from embedcli.errors import UsageError
from embedcli.run.canonical import NAMES, item_stars
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

DAMPING = 5.0  # ratings at the global mean that a damped mean starts from


@dataclass(frozen=True)
class ItemBias:
    """One item of a ranking.

    All figures of a row come from one model. From the posterior: `stars`, the mean rating if every user rated the
    item; `bias`, what it is above or below the average item, in stars; `lower` to `upper`, the interval of the stars;
    `rank_lower` to `rank_upper`, that of the rank among the items that pass the filter (1 the outermost of this end
    of the ranking); `probability`, that of being among the outermost, as many as are shown. From the trained members:
    `bias` in logits and `stars`, the means over the members, and `spread`, the standard deviation of the bias over
    the members, which differ by seed alone: it is no interval. What the other model gives is None. `n_ratings` and
    `mean_rating` are over the training rows; without ratings the mean is None.
    """

    rank: int
    title: str
    bias: float
    stars: float | None
    lower: float | None
    upper: float | None
    rank_lower: int | None
    rank_upper: int | None
    probability: float | None
    n_ratings: int
    mean_rating: float | None
    spread: float | None
    id: str


@dataclass(frozen=True)
class Biases:
    """The two ends of a ranking, each from its end inwards.

    `correlation_log_n` and `correlation_mean` are Pearson correlations of the bias with the logarithm of the number
    of ratings and with the raw mean, over the items that pass the filter and have ratings. `n_draws` is 0 where the
    run holds no draws from a posterior.
    """

    worst: tuple[ItemBias, ...]
    best: tuple[ItemBias, ...]
    sort: Sort
    interval: float
    limit: int
    min_ratings: int
    n_items: int
    n_members: int
    n_draws: int
    correlation_log_n: float | None
    correlation_mean: float | None

    def to_frame(self) -> pd.DataFrame:
        """Return both ends as one table, with a column `list` that says which end."""
        import pandas as pd

        ends = (("worst", self.worst), ("best", self.best))
        return pd.DataFrame([{"list": name, **vars(row)} for name, rows in ends for row in rows])


def biases(
    run: Run,
    *,
    min_ratings: int = 10,
    limit: int = 10,
    interval: float = 0.95,
    sort: Sort = Sort.BIAS,
    trained: bool = False,
) -> Biases:
    """Rank the items with at least `min_ratings` training ratings, and return `limit` of each end.

    The bias of an item is what is left of its ratings once the users' biases and tastes are accounted for
    (Howard and Gugger 2020, chapter 8), in canonical form: 0 is the average item. It comes from the run's draws from
    a posterior, or where there are none, or with `trained`, from the trained members. Intervals are equal-tailed
    and hold the given share of the draws; ranks and probabilities come from the same draws, jointly.

    Raises UsageError where no item passes the filter or there are no draws to sort by, RunError where the run has
    neither draws nor biases.
    """
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of rows to show, such as -n 10")
    if not 0 < interval < 1:
        raise UsageError(f"--interval {interval:g} is not between 0 and 1", "give a share such as 0.95")
    passing = select(run, min_ratings)
    if run.n_draws and not trained:
        if (1 - interval) / 2 * run.n_draws < 1:
            raise UsageError(
                f"--interval {interval:g} is more than {run.n_draws} draws can tell",
                f"give at most {1 - 2 / run.n_draws:.3g}, or train with more --draws",
            )
        table = _Table.of_draws(run, passing, limit, interval)
    elif sort in (Sort.BIAS, Sort.STARS):
        table = _Table.of_members(run, passing, limit)
        if sort is Sort.STARS and table.rows[0].stars is None:
            raise UsageError(f"run {run.name!r} holds no stars to sort by", "use --sort bias")
    else:
        why = "the trained members have no intervals" if trained else f"run {run.name!r} holds no draws"
        raise UsageError(f"{why} to sort by {sort.value}", "use --sort bias, or a run trained with --draws")
    rated = run.item_seen.n_ratings[passing] > 0
    log_n = np.log(run.item_seen.n_ratings[passing][rated])
    return Biases(
        worst=table.end(sort, best=False),
        best=table.end(sort, best=True),
        sort=sort,
        interval=interval,
        limit=limit,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_members=run.n_members,
        n_draws=0 if table.ranks is None else len(table.ranks),
        correlation_log_n=_correlation(table.bias[rated], log_n),
        correlation_mean=_correlation(table.bias[rated], run.item_seen.mean_rating[passing][rated]),
    )


@dataclass(frozen=True)
class Mover:
    """An item whose stars differ from its damped mean, (sum + 5 x global mean) / (n + 5), by `difference`."""

    rank: int
    title: str
    stars: float
    damped_mean: float
    difference: float
    n_ratings: int
    mean_rating: float | None
    id: str


@dataclass(frozen=True)
class Movers:
    """The items that a model sees most differently from their mean: `up` above it, `down` below it."""

    up: tuple[Mover, ...]
    down: tuple[Mover, ...]
    min_ratings: int
    n_items: int
    n_draws: int

    def to_frame(self) -> pd.DataFrame:
        """Return both lists as one table, with a column `list` that says which."""
        import pandas as pd

        return pd.DataFrame([{"list": name, **vars(row)} for name in ("up", "down") for row in getattr(self, name)])


def movers(run: Run, *, min_ratings: int = 10, limit: int = 10) -> Movers:
    """Return the items whose stars differ most from their damped mean, `limit` in either direction.

    Raises UsageError where no item passes the filter or the data is implicit, RunError where the run has no stars.
    """
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of rows to show, such as -n 10")
    if run.data.implicit:
        raise UsageError(f"run {run.name!r} is of implicit data: there is no mean to move from", "leave out --movers")
    passing = select(run, min_ratings)
    stars = run.array("item_stars")[:, passing].mean(0, dtype=np.float64)
    n, mean = run.item_seen.n_ratings[passing], np.nan_to_num(run.item_seen.mean_rating[passing])
    every = run.item_seen.n_ratings
    global_mean = every @ np.nan_to_num(run.item_seen.mean_rating) / max(every.sum(), 1)
    damped = (n * mean + DAMPING * global_mean) / (n + DAMPING)
    order = np.argsort(stars - damped, kind="stable")

    def row(rank: int, j: int) -> Mover:
        return Mover(
            rank=rank,
            title=run.items.titles[passing[j]],
            stars=float(stars[j]),
            damped_mean=float(damped[j]),
            difference=float(stars[j] - damped[j]),
            n_ratings=int(n[j]),
            mean_rating=float(mean[j]) if n[j] else None,
            id=run.items.ids[passing[j]],
        )

    up = [j for j in order[::-1][:limit] if stars[j] > damped[j]]
    down = [j for j in order[:limit] if stars[j] < damped[j]]
    return Movers(
        up=tuple(row(rank, j) for rank, j in enumerate(up, 1)),
        down=tuple(row(rank, j) for rank, j in enumerate(down, 1)),
        min_ratings=min_ratings,
        n_items=len(passing),
        n_draws=run.n_draws,
    )


def select(run: Run, min_ratings: int) -> NDArray[np.int64]:
    """Return the positions of the items with enough training ratings; UsageError where there is none."""
    if min_ratings < 0:
        raise UsageError(f"--min-ratings {min_ratings} is below 0", "give 0 for all, or a number such as 10")
    n = run.item_seen.n_ratings
    passing = np.flatnonzero(n >= min_ratings)
    if not len(passing):
        raise UsageError(
            f"--min-ratings {min_ratings} leaves no {run.data.noun}: the most rated has {n.max():,}",
            f"give --min-ratings {n.max()} or less",
        )
    return passing


@dataclass(frozen=True)
class _Table:
    """All passing items as rows of the ranking, without what depends on the end they are shown at."""

    rows: tuple[ItemBias, ...]
    bias: NDArray[np.float64]  # (n,)
    limit: int
    ranks: NDArray[np.int64] | None = None  # (D, n) from the bottom, 1 the lowest
    tail: float = 0.0  # share of the draws left out at either end of an interval

    @classmethod
    def of_draws(cls, run: Run, passing: NDArray[np.int64], limit: int, interval: float) -> _Table:
        every = run.array("item_stars")  # (D, I)
        draws = every[:, passing]
        tail = (1 - interval) / 2
        stars = draws.mean(0, dtype=np.float64)
        bias = stars - every[:, run.item_seen.n_ratings > 0].mean(dtype=np.float64)
        lower, upper = np.quantile(draws, (tail, 1 - tail), axis=0)
        rows = tuple(
            replace(row, lower=float(low), upper=float(high))
            for row, low, high in zip(_rows(run, passing, bias, stars), lower, upper, strict=True)
        )
        return cls(rows, bias, limit, draws.argsort(1, kind="stable").argsort(1) + 1, tail)

    @classmethod
    def of_members(cls, run: Run, passing: NDArray[np.int64], limit: int) -> _Table:
        by_member = run.array("item_bias")[:, passing].astype(np.float64)  # (M, n)
        bias, stars = by_member.mean(0), None
        if set(NAMES) <= set(run.arrays):
            by_stars = item_stars(run.arrays, run.user_seen.n_ratings > 0, link=run.link, y_range=run.y_range)
            stars = by_stars[:, passing].mean(0, dtype=np.float64)
        rows = _rows(run, passing, bias, stars)
        if len(by_member) > 1:
            spread = by_member.std(0, ddof=1)
            rows = tuple(replace(row, spread=float(sd)) for row, sd in zip(rows, spread, strict=True))
        return cls(rows, bias, limit)

    def end(self, sort: Sort, *, best: bool) -> tuple[ItemBias, ...]:
        """Return the outermost rows of one end, ranked from the end inwards; ties by position."""
        outwards = -1 if best else 1
        n = len(self.rows)
        ranks = None if self.ranks is None else n + 1 - self.ranks if best else self.ranks  # (D, n), 1 outermost
        if ranks is not None and sort is Sort.PROBABILITY:
            order = np.lexsort((outwards * self.bias, -(ranks <= self.limit).mean(0)))
        else:
            value = np.array([getattr(row, sort.value) for row in self.rows], dtype=np.float64)
            order = np.argsort(outwards * value, kind="stable")
        shown = [replace(self.rows[j], rank=rank) for rank, j in enumerate(order[: self.limit], 1)]
        if ranks is None:
            return tuple(shown)
        own = ranks[:, order[: self.limit]]  # (D, limit)
        bounds = np.quantile(own, (self.tail, 1 - self.tail), axis=0, method="inverted_cdf")
        return tuple(
            replace(row, rank_lower=int(low), rank_upper=int(high), probability=float(chance))
            for row, low, high, chance in zip(shown, *bounds, (own <= self.limit).mean(0), strict=True)
        )


def _rows(
    run: Run, passing: NDArray[np.int64], bias: NDArray[np.float64], stars: NDArray[np.float64] | None
) -> tuple[ItemBias, ...]:
    n = run.item_seen.n_ratings
    return tuple(
        ItemBias(
            rank=0,
            title=run.items.titles[j],
            bias=float(bias[at]),
            stars=None if stars is None else float(stars[at]),
            lower=None,
            upper=None,
            rank_lower=None,
            rank_upper=None,
            probability=None,
            n_ratings=int(n[j]),
            mean_rating=run.item_seen.mean_of(j),
            spread=None,
            id=run.items.ids[j],
        )
        for at, j in enumerate(passing)
    )


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Return Pearson's r, or None where one side does not vary."""
    if len(a) < 2 or not np.isfinite(b).all() or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])

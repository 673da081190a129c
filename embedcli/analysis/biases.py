"""Which items are liked best and least once it is known who rated them, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import By, Sort, check_limit
from embedcli.errors import UsageError
from embedcli.evidence.observations import DAMPING as DAMPING
from embedcli.evidence.observations import damped_mean
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

PULL_FROM = (10, 20, 50, 100)  # numbers of ratings from which a group of items begins
MANY = PULL_FROM[-1]  # ratings of an item from which its stars judge the weight decay
FEWEST_JUDGES = 20  # items with MANY ratings: from fewer there is no verdict
TOO_MUCH = 0.08  # share of them outside their interval: measured in examples/benchmarks/decay.py


@dataclass(frozen=True)
class ItemBias:
    """One item of a ranking.

    `stars` is the mean rating predicted if every user rated the item, `bias` what that is above or below the average
    item, in stars: of the trained members, or of the posterior if the ranking goes by it. A run without users has
    no stars; its `bias` is in logits. `spread` is the standard deviation over the members, which differ by seed
    alone: not an interval.

    The evidence comes from the draws from the posterior: `lower` to `upper`, the interval of the stars; `is_outside`,
    whether the trained stars lie outside it; `rank_lower` to `rank_upper`, the interval of the rank among the items
    that pass the filter (1 the outermost of this end of the ranking); `probability`, that of being among the
    outermost, as many as are shown. Without draws they are None. `n_ratings` and `mean_rating` are over the training
    rows; without ratings the mean is None.
    """

    rank: int
    title: str
    bias: float
    stars: float | None
    lower: float | None
    upper: float | None
    is_outside: bool | None
    rank_lower: int | None
    rank_upper: int | None
    probability: float | None
    n_ratings: int
    mean_rating: float | None
    spread: float | None
    id: str


@dataclass(frozen=True)
class Pull:
    """How far the trained stars of items with n_from to below n_to ratings lie above the posterior's, on average."""

    n_from: int
    n_to: int | None
    n_items: int
    stars: float


@dataclass(frozen=True)
class Agreement:
    """How well the trained stars agree with the posterior, which knows no weight decay.

    `outside` is the share of the items that pass the filter whose trained stars lie outside their interval,
    `outside_many` the same of the `n_many` of them with 100 ratings or more, None if there are fewer than 20 of
    these: too much decay shows in them, because their intervals are narrow and luck is not in the way. `pulls` says
    how far the stars of rarely rated items are drawn away from what the posterior says of them.
    """

    outside: float
    n_many: int
    outside_many: float | None
    pulls: tuple[Pull, ...]

    @property
    def is_too_much_decay(self) -> bool | None:
        """Whether the share outside says that the weight decay is too much; None without enough items."""
        return None if self.outside_many is None else self.outside_many > TOO_MUCH


@dataclass(frozen=True)
class Biases:
    """The two ends of a ranking, each from its end inwards.

    `correlation_log_n` and `correlation_mean` are Pearson correlations of the bias with the logarithm of the number
    of ratings and with the raw mean, over the items that pass the filter and have ratings. `agreement` is None and
    `n_draws` 0 if the run has no draws from a posterior.
    """

    worst: tuple[ItemBias, ...]
    best: tuple[ItemBias, ...]
    by: By
    sort: Sort
    interval: float
    limit: int
    min_ratings: int
    n_items: int
    n_members: int
    n_draws: int
    agreement: Agreement | None
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
    by: By = By.TRAINED,
) -> Biases:
    """Rank the items with at least `min_ratings` training ratings, and return `limit` of each end.

    The bias of an item is what is left of its ratings once the users' biases and tastes are accounted for
    (Howard and Gugger 2020, chapter 8): here the mean rating that the trained members predict over all users, less
    that of the average item. It changes with the weight decay. The run's draws from a posterior are the evidence
    beside it, or with `By.POSTERIOR` their mean is the ranking. Intervals are equal-tailed and hold the given share
    of the draws; ranks and probabilities come from the same draws, jointly.

    Raises UsageError if no item passes the filter or there is nothing to sort by, RunError if the run has neither
    stars nor biases.
    """
    check_limit(limit, "rows")
    if not 0 < interval < 1:
        raise UsageError(f"--interval {interval:g} is not between 0 and 1", "give a share such as 0.95")
    if by is By.POSTERIOR and not run.n_draws:
        raise UsageError(f"run {run.name!r} has no draws from a posterior", "leave out --by, or train with --draws 300")
    if run.n_draws and (1 - interval) / 2 * run.n_draws < 1:
        raise UsageError(
            f"--interval {interval:g} is more than {run.n_draws} draws can tell",
            f"give at most {1 - 2 / run.n_draws:.3g}, or train with more --draws",
        )
    passing = select(run, min_ratings)
    ranking = _Ranking.of(run, passing, by, limit, interval)
    if sort is not Sort.BIAS and getattr(ranking.rows[0], "lower" if sort is Sort.PROBABILITY else sort.value) is None:
        what = "stars" if sort is Sort.STARS else "draws from a posterior"
        raise UsageError(f"run {run.name!r} has no {what} to sort by", "use --sort bias, or train with --draws 300")
    rated = run.item_stats.n_ratings[passing] > 0
    log_n = np.log(run.item_stats.n_ratings[passing][rated])
    return Biases(
        worst=ranking.end(sort, best=False),
        best=ranking.end(sort, best=True),
        by=by,
        sort=sort,
        interval=interval,
        limit=limit,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_members=run.n_members,
        n_draws=run.n_draws,
        agreement=agreement(run, min_ratings=min_ratings, interval=interval),
        correlation_log_n=_correlation(ranking.bias[rated], log_n),
        correlation_mean=_correlation(ranking.bias[rated], run.item_stats.mean_rating[passing][rated]),
    )


def agreement(run: Run, *, min_ratings: int = PULL_FROM[0], interval: float = 0.95) -> Agreement | None:
    """Hold the trained stars against the posterior; None if the run lacks either."""
    if not run.n_draws or "trained_stars" not in run.arrays:
        return None
    n, draws = run.item_stats.n_ratings, run.array("item_stars")
    stars, posterior = _mean(run.array("trained_stars")), _mean(draws)
    outside = _is_outside(stars, *_interval(draws, interval))
    passing, many = n >= min_ratings, n >= max(MANY, min_ratings)
    if not passing.any():
        return None
    groups = [
        (low, high, (n >= max(low, min_ratings)) & (n < (high or np.inf)))
        for low, high in zip(PULL_FROM, (*PULL_FROM[1:], None), strict=True)
    ]
    return Agreement(
        outside=float(outside[passing].mean()),
        n_many=int(many.sum()),
        outside_many=float(outside[many].mean()) if many.sum() >= FEWEST_JUDGES else None,
        pulls=tuple(
            Pull(low, high, int(here.sum()), float((stars - posterior)[here].mean()))
            for low, high, here in groups
            if here.any()
        ),
    )


def stars_and_bias(run: Run, by: By = By.TRAINED) -> tuple[Floats | None, Floats | None]:
    """Return each item's stars (I,) and bias (I,) as a ranking has them; None for what the run cannot tell.

    The bias is in stars, above the average rated item's; without stars it is the members' mean bias, in logits.
    """
    name = "item_stars" if by is By.POSTERIOR else "trained_stars"
    if name in run.arrays:
        stars = _mean(run.array(name))
        rated = run.item_stats.n_ratings > 0
        return stars, stars - (stars[rated].mean() if rated.any() else stars.mean())
    return None, _mean(run.array("item_bias")) if "item_bias" in run.arrays else None


def _mean(by_member: NDArray[np.float32]) -> Floats:
    mean: Floats = by_member.mean(0, dtype=np.float64)
    return mean


def _interval(draws: NDArray[np.float32], interval: float) -> tuple[Floats, Floats]:
    tail = (1 - interval) / 2
    lower, upper = np.quantile(draws, (tail, 1 - tail), axis=0)
    return lower, upper


def _is_outside(stars: Floats, lower: Floats, upper: Floats) -> NDArray[np.bool_]:
    return (stars < lower) | (stars > upper)


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
    by: By
    min_ratings: int
    n_items: int
    n_draws: int

    def to_frame(self) -> pd.DataFrame:
        """Return both lists as one table, with a column `list` that says which."""
        import pandas as pd

        return pd.DataFrame([{"list": name, **vars(row)} for name in ("up", "down") for row in getattr(self, name)])


def movers(run: Run, *, min_ratings: int = 10, limit: int = 10, by: By = By.TRAINED) -> Movers:
    """Return the items whose stars differ most from their damped mean, `limit` in either direction.

    Raises UsageError if no item passes the filter or the data is implicit, RunError if the run has no stars.
    """
    check_limit(limit, "rows")
    if run.data.implicit:
        raise UsageError(f"run {run.name!r} is of implicit data: there is no mean to move from", "leave out --movers")
    passing = select(run, min_ratings)
    stars = _mean(run.array("item_stars" if by is By.POSTERIOR else "trained_stars"))[passing]
    n, mean = run.item_stats.n_ratings[passing], np.nan_to_num(run.item_stats.mean_rating[passing])
    every = run.item_stats.n_ratings
    global_mean = every @ np.nan_to_num(run.item_stats.mean_rating) / max(every.sum(), 1)
    damped = damped_mean(n * mean, n, prior_mean=global_mean)
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
        by=by,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_draws=run.n_draws,
    )


def select(run: Run, min_ratings: int) -> NDArray[np.int64]:
    """Return the positions of the items with enough training ratings; UsageError where there is none."""
    if min_ratings < 0:
        raise UsageError(f"--min-ratings {min_ratings} is below 0", "give 0 for all, or a number such as 10")
    n = run.item_stats.n_ratings
    passing = np.flatnonzero(n >= min_ratings)
    if not len(passing):
        raise UsageError(
            f"--min-ratings {min_ratings} leaves no {run.data.noun}: the most rated has {n.max():,}",
            f"give --min-ratings {n.max()} or less",
        )
    return passing


def select_rated(run: Run, min_ratings: int) -> NDArray[np.int64]:
    """Return what `select` does, without items that have no training rating, if any item has one."""
    passing = select(run, min_ratings)
    return passing[run.item_stats.n_ratings[passing] > 0] if run.item_stats.n_ratings.any() else passing


@dataclass(frozen=True)
class _Ranking:
    """All passing items as rows of the ranking, without what depends on the end they are shown at."""

    rows: tuple[ItemBias, ...]
    bias: Floats  # (n,)
    limit: int
    ranks: Rows | None  # (D, n) of the draws, from the bottom, 1 the lowest
    tail: float  # share of the draws left out at either end of an interval

    @classmethod
    def of(cls, run: Run, passing: Rows, by: By, limit: int, interval: float) -> _Ranking:
        stars, bias = stars_and_bias(run, by)
        if bias is None:
            bias = _mean(run.array("item_bias"))  # the error says that it is missing
        spread, lower, upper, outside, ranks = None, None, None, None, None
        if by is By.TRAINED and run.n_members > 1:
            by_member = run.array("item_bias" if stars is None else "trained_stars")
            spread = by_member.std(0, ddof=1, dtype=np.float64)
        if run.n_draws:
            draws = run.array("item_stars")
            lower, upper = _interval(draws, interval)
            ranks = draws[:, passing].argsort(1, kind="stable").argsort(1) + 1
            if by is By.TRAINED and stars is not None:
                outside = _is_outside(stars, lower, upper)

        def at(values: NDArray[np.generic] | None, row: int) -> float | None:
            return None if values is None else float(values[row])

        rows = tuple(
            ItemBias(
                rank=0,
                title=run.items.titles[j],
                bias=float(bias[j]),
                stars=at(stars, j),
                lower=at(lower, j),
                upper=at(upper, j),
                is_outside=None if outside is None else bool(outside[j]),
                rank_lower=None,
                rank_upper=None,
                probability=None,
                n_ratings=int(run.item_stats.n_ratings[j]),
                mean_rating=run.item_stats.mean_of(j),
                spread=at(spread, j),
                id=run.items.ids[j],
            )
            for j in passing.tolist()
        )
        return cls(rows, bias[passing], limit, ranks, (1 - interval) / 2)

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


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Return Pearson's r, or None where one side does not vary."""
    if len(a) < 2 or not np.isfinite(b).all() or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])

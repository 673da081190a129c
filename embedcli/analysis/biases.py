"""Which items are liked best and least, allowing for who rated them, and how certain that is."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import By, Sort, chosen
from embedcli.analysis.decay import Agreement, agreement, is_outside, stars_interval
from embedcli.analysis.posterior import with_draws
from embedcli.analysis.record import Record, Row, Tone, Verdict, decimal, mark, text, titles, whole
from embedcli.analysis.selection import check_limit, item_records, mean_over_members, pearson, rated_often
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.observations import DAMPING, damped_mean
from embedcli.run.record import Run

# of 95 % intervals on simulated data, by the log of how many times as likely one rates what one likes a star more
COVERAGE = (0.0, 0.93), (0.5, 0.90), (1.0, 0.83)
COVERAGE_OF_USERS = (0.0, 0.94), (0.5, 0.86), (1.0, 0.80)  # of the intervals of users (trust.py stars)
WEAK, STRONG = 0.1, 0.5  # logs below which a choice is not worth a word, and from which it belongs in the caption
MIN_RATINGS = 10  # of an item in a ranking
MARK = "!"  # beside an interval that does not contain the trained stars


def _caution(row: Row) -> Tone | None:
    return Tone.CAUTION if row["is_outside"] else None


@dataclass(frozen=True)
class ItemBias:
    """One item of a ranking; `lower` to `probability`, its evidence, are None without draws from a posterior.

    Stars and bias are those of the trained members, or of the posterior if the ranking goes by it. A run without
    users has no stars, and its bias is in logits. Ranks count from this end, among all items that pass the filter.
    """

    rank: Annotated[int, whole("#", "rank in this list")]
    title: Annotated[str, titles("{noun}")]
    bias: Annotated[float, decimal("bias", "{bias}", sign=True)]
    stars: Annotated[float | None, decimal("{value}", "{source} over all {other}s", tone=_caution)]
    lower: Annotated[
        float | None,
        decimal(
            "{interval}",
            "interval of the {value} from {n_draws} draws of the posterior",
            1,
            end="upper",
            dot="stars",
            tone=_caution,
        ),
    ]
    upper: float | None
    is_outside: Annotated[
        bool | None, mark(MARK, "the {value} of the trained model are outside the interval", tone=_caution)
    ]
    rank_lower: Annotated[int | None, whole("rank", "interval of the rank, from the same draws", end="rank_upper")]
    rank_upper: int | None
    probability: Annotated[float | None, decimal("P({end} {limit})", "probability of being in the true {end} {limit}")]
    spread: Annotated[
        float | None, decimal("spread", "standard deviation over members that differ by seed only; not an interval", 3)
    ]
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: Annotated[float | None, decimal("mean", "mean of the training ratings")]
    id: Annotated[str, text("id")]

    @property
    def judged(self) -> Verdict | None:
        """A verdict if the trained stars are outside their interval, else None."""
        return Verdict(Tone.CAUTION, "outside its interval") if self.is_outside else None


@dataclass(frozen=True)
class Choice:
    """How strongly users choose by taste what to rate, and how often intervals hold then.

    Users are `times` as likely to have rated an item that they like `unit` more than others do; `log_times` has a
    standard error of `error`. `coverage` is that of 95 % intervals on simulated data with as strong a choice.
    """

    times: float
    unit: float  # a quarter of the scale, in stars
    log_times: float
    error: float
    coverage: float

    @property
    def is_clear(self) -> bool:
        """Whether users choose by taste at all, as far as one can tell."""
        return self.log_times > max(WEAK, 2 * self.error)

    @property
    def is_strong(self) -> bool:
        """Whether the intervals are clearly too narrow."""
        return self.is_clear and self.log_times >= STRONG

    @property
    def is_beyond(self) -> bool:
        """Whether the choice is stronger than any that coverage was measured at."""
        return self.log_times > COVERAGE[-1][0]


@dataclass(frozen=True)
class Biases(Record):
    """The two ends of a ranking, each from its end inwards.

    `correlation_log_n` and `correlation_mean` are Pearson's, of the bias with the logarithm of the number of ratings
    and with the raw mean, over the items that pass the filter and have ratings. `agreement` and `choice` are None
    without draws.
    """

    row_fields = ("best", "worst")
    by: By
    sort: Sort
    interval: float
    limit: int
    n_draws: int
    min_ratings: int
    n_items: int
    agreement: Agreement | None
    choice: Choice | None
    correlation_log_n: float | None
    correlation_mean: float | None
    best: tuple[ItemBias, ...]
    worst: tuple[ItemBias, ...]


def biases(
    run: Run,
    *,
    min_ratings: int = MIN_RATINGS,
    limit: int = 10,
    interval: float = 0.95,
    sort: str = Sort.BIAS.value,
    by: str = By.TRAINED.value,
) -> Biases:
    """Rank the items with at least `min_ratings` training ratings, and return `limit` of each end.

    The bias of an item is what is left of its ratings once the users' biases and tastes are accounted for
    (Howard and Gugger 2020, chapter 8): here the mean rating that the trained members predict over all users, less
    that of the average item. It changes with the weight decay. The evidence beside it comes from the run's draws from
    a posterior, jointly; intervals are equal-tailed. With `By.POSTERIOR` the mean of the draws is the ranking.

    Raises UsageError if no item passes the filter or there is nothing to sort by, RunError if the run has neither
    stars nor biases.
    """
    sort, by, run = chosen(Sort, sort, "sort"), chosen(By, by, "by"), with_draws(run)
    check_limit(limit, "rows")
    if not 0 < interval < 1:
        raise UsageError(f"`interval` {interval:g} is not between 0 and 1", "give a share such as 0.95")
    if by is By.POSTERIOR and not run.n_draws:
        raise UsageError(
            f"run {run.name!r} has no draws from a posterior", "leave out `by`, or train with `n_draws` 300"
        )
    if run.n_draws and (1 - interval) / 2 * run.n_draws < 1:
        raise UsageError(
            f"`interval` {interval:g} needs more than {run.n_draws} draws",
            f"give at most {1 - 2 / run.n_draws:.3g}, or train with more draws: `n_draws`",
        )
    passing = rated_often(run, min_ratings)
    draws = run.array("item_stars")[:, passing] if run.n_draws else None
    bounds = None if draws is None else stars_interval(draws, interval)
    figures = _figures(run, passing, by, bounds)
    if figures["lower" if sort is Sort.PROBABILITY else sort.value] is None:
        what = "stars" if sort is Sort.STARS else "draws from a posterior"
        raise UsageError(f"run {run.name!r} has no {what} to sort by", "use `sort` bias, or train with `n_draws` 300")
    ends = {best: _end(run, passing, figures, draws, sort, limit, interval, best=best) for best in (True, False)}
    return Biases(
        by=by,
        sort=sort,
        interval=interval,
        limit=limit,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_draws=run.n_draws,
        agreement=None if bounds is None else agreement(run, bounds, min_ratings),
        choice=choice_by_taste(run),
        **_correlations(run, passing, figures["bias"]),
        best=ends[True],
        worst=ends[False],
    )


def choice_by_taste(run: Run) -> Choice | None:
    """Return how strongly users choose by taste, as the training found it; None if it did not."""
    info, (low, high) = (run.turned or run).training.posterior, run.data.scale
    if info is None or info.by_taste is None or info.by_taste_error is None:
        return None
    coverages = COVERAGE if run.turned is None else COVERAGE_OF_USERS
    coverage = float(np.interp(info.by_taste, *np.array(coverages).T))
    return Choice(float(np.exp(info.by_taste)), (high - low) / 4, info.by_taste, info.by_taste_error, coverage)


def stars_and_bias(run: Run, by: By = By.TRAINED) -> tuple[Floats | None, Floats | None]:
    """Return each item's stars (I,) and bias (I,) as a ranking has them; None for what the run cannot tell.

    The bias is in stars, above the average rated item's; without stars it is the members' mean bias, in logits.
    """
    name = "item_stars" if by is By.POSTERIOR else "trained_stars"
    if name in run.arrays:
        stars = mean_over_members(run, name)
        return stars, stars - stars[run.item_stats.is_rated].mean()
    return None, mean_over_members(run, "item_bias") if "item_bias" in run.arrays else None


def _figures(run: Run, passing: Rows, by: By, bounds: tuple[Floats, Floats] | None) -> dict[str, Any]:
    """Return the figures (n,) of the passing items, the same for both ends; None for what is not known."""
    figures: dict[str, Any] = dict.fromkeys(("spread", "lower", "upper", "is_outside"))
    stars, bias = stars_and_bias(run, by)
    bias = mean_over_members(run, "item_bias") if bias is None else bias
    figures |= {"stars": None if stars is None else stars[passing], "bias": bias[passing]}
    if by is By.TRAINED and run.n_members > 1:
        by_member = run.array("item_bias" if stars is None else "trained_stars")
        figures["spread"] = by_member[:, passing].std(0, ddof=1, dtype=np.float64)
    if bounds is not None:
        figures["lower"], figures["upper"] = bounds
        if by is By.TRAINED and stars is not None:
            figures["is_outside"] = is_outside(stars[passing], bounds)
    return figures


def _end(
    run: Run,
    passing: Rows,
    figures: dict[str, Any],
    draws: NDArray[np.float32] | None,
    sort: Sort,
    limit: int,
    interval: float,
    *,
    best: bool,
) -> tuple[ItemBias, ...]:
    """Return the outermost rows of one end, ranked from the end inwards; ties by position. The draws are (D, n)."""
    outwards = -1 if best else 1
    keys = [figures["bias" if sort is Sort.PROBABILITY else sort.value] * outwards]
    if sort is Sort.PROBABILITY:
        assert draws is not None
        keys.append(-_times_among(draws, limit, best=best))
    order = np.lexsort(keys)[:limit]
    shown = {name: None if values is None else values[order] for name, values in figures.items()}
    shown |= dict.fromkeys(("rank_lower", "rank_upper", "probability"))
    if draws is not None:
        ranks = _ranks(draws, order)
        ranks = len(passing) + 1 - ranks if best else ranks  # 1 is the outermost
        tail = (1 - interval) / 2
        bounds = np.quantile(ranks, (tail, 1 - tail), axis=1, method="inverted_cdf")
        shown["rank_lower"], shown["rank_upper"] = bounds.astype(np.int64)
        shown["probability"] = (ranks <= limit).mean(1)
    return item_records(run, ItemBias, passing[order], rank=range(1, len(order) + 1), **shown)


def _ranks(draws: NDArray[np.float32], rows: Rows) -> Rows:
    """Return the rank of some items, 1 for the lowest, in each of the draws (D, n) -> (n rows, D); ties by position."""
    ranks = np.empty((len(rows), len(draws)), dtype=np.int64)
    for draw, of_draw in zip(draws, ranks.T, strict=True):
        ascending, own = np.sort(draw), draw[rows]
        first, end = (np.searchsorted(ascending, own, side) for side in ("left", "right"))
        of_draw[:] = first + 1
        for j in np.flatnonzero(end - first > 1):
            of_draw[j] += np.count_nonzero(draw[: rows[j]] == own[j])
    return ranks


def _times_among(draws: NDArray[np.float32], limit: int, *, best: bool) -> Rows:
    """Return in how many draws (D, n) each item is among the `limit` at one end -> (n,); ties as in `_ranks`."""
    if best:
        return _times_among(-draws[:, ::-1], limit, best=False)[::-1]
    n = draws.shape[1]
    times, limit = np.zeros(n, dtype=np.int64), min(limit, n)
    for draw in draws:
        among = np.flatnonzero(draw <= np.partition(draw, limit - 1)[limit - 1])
        times[among[np.argsort(draw[among], kind="stable")[:limit]]] += 1
    return times


@dataclass(frozen=True)
class Mover:
    """An item whose stars differ from its damped mean, (sum + 5 x global mean) / (n + 5), by `difference`."""

    rank: Annotated[int, whole("#", "rank in this list")]
    title: Annotated[str, titles("{noun}")]
    stars: Annotated[float, decimal("stars", "mean rating if {who} rated {what}, from {source}")]
    damped_mean: Annotated[
        float, decimal("damped mean", f"(sum of ratings + {DAMPING:g} x global mean) / (n + {DAMPING:g})")
    ]
    difference: Annotated[float, decimal("difference", "stars less the damped mean", sign=True)]
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: Annotated[float | None, decimal("mean", "mean of the training ratings")]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Movers(Record):
    """The items that a model sees most differently from their mean: `up` above it, `down` below it."""

    row_fields = ("up", "down")
    by: By
    min_ratings: int
    n_items: int
    n_draws: int
    correlation_log_n: float | None
    correlation_mean: float | None
    up: tuple[Mover, ...]
    down: tuple[Mover, ...]


def movers(run: Run, *, min_ratings: int = MIN_RATINGS, limit: int = 10, by: str = By.TRAINED.value) -> Movers:
    """Return the items whose stars differ most from their damped mean, `limit` in either direction.

    Raises UsageError if no item passes the filter or the data is implicit, RunError if the run has no stars.
    """
    by, run = chosen(By, by, "by"), with_draws(run)
    check_limit(limit, "rows")
    if run.data.implicit:
        raise UsageError(f"run {run.name!r} is of implicit data: there is no mean to move from", "rank by bias instead")
    passing = rated_often(run, min_ratings)
    stars = mean_over_members(run, "item_stars" if by is By.POSTERIOR else "trained_stars")[passing]
    n, mean = run.item_stats.n_ratings[passing], np.nan_to_num(run.item_stats.mean_rating[passing])
    every = run.item_stats.n_ratings
    global_mean = every @ np.nan_to_num(run.item_stats.mean_rating) / max(every.sum(), 1)
    damped = damped_mean(n * mean, n, prior_mean=global_mean)
    difference = stars - damped
    order = np.argsort(difference, kind="stable")

    def ranked(j: Rows) -> tuple[Mover, ...]:
        shown = {"stars": stars[j], "damped_mean": damped[j], "difference": difference[j]}
        return item_records(run, Mover, passing[j], rank=range(1, len(j) + 1), **shown)

    _, bias = stars_and_bias(run, by)
    assert bias is not None
    return Movers(
        by=by,
        min_ratings=min_ratings,
        n_items=len(passing),
        n_draws=run.n_draws,
        **_correlations(run, passing, bias[passing]),
        up=ranked(order[difference[order] > 0][::-1][:limit]),
        down=ranked(order[difference[order] < 0][:limit]),
    )


def _correlations(run: Run, passing: Rows, bias: Floats) -> dict[str, float | None]:
    """Return the correlations of the bias (n,) of the passing items with log n and with the mean rating."""
    n, mean = run.item_stats.n_ratings[passing], run.item_stats.mean_rating[passing]
    rated = n > 0
    of = {"correlation_log_n": np.log(n[rated]), "correlation_mean": mean[rated]}
    return {name: pearson(bias[rated], values) for name, values in of.items()}

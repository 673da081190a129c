"""How good the lists of best items are that a run makes, and how far its predictions are off, on the test rows.

Definitions, with k items in the list of each user, as RecTools and RecBole have them:

    precision@k   share of the list that is relevant, mean over users
    recall@k      share of the user's relevant test items that the list has, mean over users
    NDCG@k        sum of 1 / log2(1 + rank) over the relevant of the list, over the largest possible, mean over users
    coverage@k    share of the candidates that at least one list has
    Gini@k        sum (2 i - n - 1) c_i / (n sum c), with c_i lists that have candidate i, ascending: 0 if all n
                  candidates are recommended equally often, near 1 if few are
    popularity lift@k   mean popularity of the lists over that of the users' training items, less 1
                        (Abdollahpouri and others 2020); popularity is the number of training ratings

It displays and chooses nothing. The intervals, and the test of a difference between two runs, resample users with all
that belongs to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.accuracy import (
    COLUMNS,
    ITEMS,
    TAGS,
    USERS,
    Errors,
    groups,
    have_same_test,
    heldout_of,
    model_of,
)
from embedcli.analysis.members import check_predicts
from embedcli.analysis.posterior import has_states
from embedcli.analysis.predict import best
from embedcli.analysis.record import Record, decimal, p_value, text, whole
from embedcli.analysis.selection import rated
from embedcli.errors import RunError, UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.scores import Resampled, bootstrap_of_users, change_of, jackknifed, resampled_root
from embedcli.run.record import MEMBERS, POSTERIOR, Run

RELEVANT = 0.75  # of the scale: from 4 of 5 stars on
MOST_USERS = 10_000  # with a list
RMSE = "RMSE"
KINDS = {USERS: "user's ratings", ITEMS: "{noun}'s ratings", COLUMNS: "user", TAGS: "{noun}'s tag"}
Lists = NDArray[np.int64]  # (n, up to k) items, -1 where there are fewer


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval by a bootstrap over the users, over all of them or a group.

    The interval is None if the users do not differ, such as one alone, or all without a hit.
    `baseline` is the same figure of the simplest model: of lists of the most rated items, and the RMSE of user and item
    biases alone; it is None without training rows. `n_rows` of test rows is None for lists.
    """

    metric: Annotated[str, text("metric")]
    by: Annotated[str, text("by")]
    group: Annotated[str, text("group")]
    value: Annotated[float, decimal("{value}", "{meaning}", 3)]
    lower: Annotated[float | None, decimal("95 %", "interval by a bootstrap over the users", 3, end="upper")]
    upper: float | None
    baseline: Annotated[float | None, decimal("{baseline}", "the same by {simplest}", 3)]
    n_rows: Annotated[int | None, whole("rows", "number of test rows")]
    n_users: Annotated[int, whole("users", "number of users")]


@dataclass(frozen=True)
class Protocol:
    """What the figures are about: how the lists are made, and what counts as relevant.

    Lists of the best `k` of `n_candidates` items, without the user's training items, are made for `n_users` of the
    `n_with_relevant` users with a relevant test row: one with a value of `threshold` or more. There are `n_relevant`.
    """

    k: int
    n_candidates: int
    n_users: int
    n_with_relevant: int
    n_relevant: int
    threshold: float


@dataclass(frozen=True)
class Evaluation(Record):
    """The figures of a run; `ranked_by` is what makes the lists, `predicted_by` what predicts the test rows.

    With implicit data there are no errors, so `predicted_by` is None.
    """

    row_fields = ("figures",)
    protocol: Protocol
    ranked_by: str
    predicted_by: str | None
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Difference:
    """A figure of two runs; the interval and p of their difference are by a paired bootstrap over the users.

    They are None if the difference is the same for all users, such as one alone.
    """

    metric: Annotated[str, text("metric")]
    by: Annotated[str, text("by")]
    group: Annotated[str, text("group")]
    a: Annotated[float, decimal("{a}", "{meaning}, of the run {a}", 3)]
    b: Annotated[float, decimal("{b}", "{meaning}, of the run {b}", 3)]
    change: Annotated[float, decimal("change", "the second less the first", 4, sign=True)]
    lower: Annotated[float | None, decimal("95 %", "interval of the change, the same users for both", 4, end="upper")]
    upper: float | None
    p: Annotated[
        float | None, p_value("p", "probability of such a change by the choice of users alone, each row by itself")
    ]
    n_users: Annotated[int, whole("users", "number of users")]


@dataclass(frozen=True)
class PairedEvaluation(Record):
    """The figures of two runs with the same test rows, and whether they differ by more than the choice of users makes.

    What another training of the same settings would change is not in the intervals.
    """

    row_fields = ("figures",)
    a: str
    b: str
    protocol: Protocol
    figures: tuple[Difference, ...]


def evaluate(run: Run, *, k: int = 10) -> Evaluation:
    """Return ranking metrics at `k`, and the RMSE of the test rows by group of users and items, with intervals.

    The posterior makes the lists and the predictions, or the members averaged if the run has no posterior. A test row
    is relevant if it lies in the upper quarter of the scale: 4 or 5 of 5 stars. With implicit data, all that the user
    took is relevant.

    Raises RunError if the run predicts nothing or kept no test rows, UsageError if no test row is relevant.
    """
    ranking = _Ranking.of(run, k)
    return Evaluation(
        protocol=ranking.protocol,
        ranked_by=POSTERIOR if has_states(run) else MEMBERS,
        predicted_by=None if run.data.implicit else model_of(heldout_of(run)),
        figures=tuple(
            Figure(
                metric=one.metric,
                by=one.by,
                group=one.group,
                value=one.found.value,
                lower=one.found.interval[0],
                upper=one.found.interval[1],
                baseline=one.baseline,
                n_rows=one.n_rows,
                n_users=one.n_users,
            )
            for one in _measured(ranking, run)
            if one.is_known
        ),
    )


def evaluate_pair(a: Run, b: Run, *, k: int = 10) -> PairedEvaluation:
    """Return the figures of `evaluate` for two runs with the same test rows, and a paired test of each difference.

    Users are resampled with all that belongs to them, the same ones for both runs: a paired bootstrap (Smucker, Allan
    and Carterette 2007). Groups by numbers of ratings are those of the first run.

    Raises RunError and UsageError as `evaluate`, and UsageError for runs with different test rows.
    """
    rankings = [_Ranking.of(run, k) for run in (a, b)]
    if not have_same_test(a, b):
        raise UsageError(
            f"runs {a.name!r} and {b.name!r} have different test rows",
            "train both on the same data with the same `split` and `split_seed`",
        )
    pairs = zip(*(_measured(ranking, a) for ranking in rankings), strict=True)
    return PairedEvaluation(
        a=a.name,
        b=b.name,
        protocol=rankings[0].protocol,
        figures=tuple(_difference(one, other) for one, other in pairs if one.is_known and other.is_known),
    )


@dataclass(frozen=True)
class _Measured:
    """A figure of some users."""

    metric: str
    by: str
    group: str
    found: Resampled
    baseline: float | None
    n_rows: int | None
    n_users: int

    @property
    def is_known(self) -> bool:
        """Whether there is a figure; new users alone have no popularity lift."""
        return isfinite(self.found.value)


def _difference(a: _Measured, b: _Measured) -> Difference:
    """Compare a figure of two runs, given the same draws of users."""
    (lower, upper), p = change_of(a.found, b.found, a.n_users)
    return Difference(
        metric=a.metric,
        by=a.by,
        group=a.group,
        a=a.found.value,
        b=b.found.value,
        change=b.found.value - a.found.value,
        lower=lower,
        upper=upper,
        p=p,
        n_users=a.n_users,
    )


def _measured(ranking: "_Ranking", of: Run) -> Iterator[_Measured]:
    """Yield the figures of the lists, and the errors of the groups that the test rows of the run `of` make."""
    run, n_users = ranking.run, len(ranking.users)
    popular = ranking.metrics(ranking.most_rated())
    for name, found in ranking.metrics(ranking.lists()).items():
        yield _Measured(f"{name}@{ranking.protocol.k}", "", "all", found, popular[name].value, None, n_users)
    if run.data.implicit:  # the error of a sampled row says nothing of a group
        return
    errors = Errors.of(run, heldout_of(run))
    for group in groups(of, heldout_of(of)):
        found = errors.rmse(group.rows)
        error = errors.group(group, found)
        by = KINDS.get(group.kind, "").format(noun=run.data.noun)
        yield _Measured(RMSE, by, error.label, found, error.baseline, error.n_rows, error.n_users)


@dataclass(frozen=True)
class _Ranking:
    """What the lists of a run are made of, and held against."""

    run: Run
    protocol: Protocol
    candidates: Rows  # items with a training rating
    users: Rows  # (n,) who get a list, ascending
    relevant: Rows  # user x number of items + item of the relevant test rows, ascending
    block: NDArray[np.int64]  # (n,) of users that are drawn together
    weights: Floats  # (1 + D, blocks)

    @classmethod
    def of(cls, run: Run, k: int) -> "_Ranking":
        """Find the relevant test rows, and draw the users; see `evaluate` for what is raised."""
        if k < 1:
            raise UsageError(f"`k` {k} is below 1", "give the number of items in a list, such as `k` 10")
        rows, (low, high) = heldout_of(run), run.data.scale
        if run.rows is None:
            raise RunError(f"run {run.name!r} kept no training rows", "train again without `keep_rows` False")
        if not has_states(run):
            check_predicts(run)
        is_relevant = rows.value >= low + RELEVANT * (high - low)
        if not is_relevant.any():
            raise UsageError(
                f"no test row of run {run.name!r} is relevant: none has {low + RELEVANT * (high - low):g} or more",
                "hold out more rows: embedcli train --test-fraction .2",
            )
        relevant = np.unique(rows.user[is_relevant].astype(np.int64) * len(run.items) + rows.item[is_relevant])
        users = every = np.unique(relevant // len(run.items))
        if len(every) > MOST_USERS:
            users = np.sort(np.random.default_rng(0).choice(every, MOST_USERS, replace=False))
            relevant = relevant[np.isin(relevant // len(run.items), users)]
        candidates = rated(run, 1)
        threshold = float(rows.value[is_relevant].min())
        protocol = Protocol(k, len(candidates), len(users), len(every), len(relevant), threshold)
        return cls(run, protocol, candidates, users, relevant, *bootstrap_of_users(users))

    @cached_property
    def rated(self) -> tuple[Rows, Rows]:
        """The training items, sorted by user, and where those of each user begin."""
        assert self.run.rows is not None
        return self.run.rows.by_user(len(self.run.users))

    @property
    def width(self) -> int:
        """The number of places in the lists: no user has more than all items."""
        return min(self.protocol.k, len(self.run.items))

    def lists(self) -> Lists:
        """Return the lists of the run."""
        found = np.full((len(self.users), self.width), -1)
        nothing = np.zeros(len(self.run.items))
        for user, rank, item, *_ in best(self.run, self.users, self.candidates, nothing, self.width):
            found[np.searchsorted(self.users, user), rank - 1] = item
        return found

    def most_rated(self) -> Lists:
        """Return lists of the items with the most training ratings that the user has not rated."""
        k, (items, begin) = self.width, self.rated
        found = np.full((len(self.users), k), -1)
        order = self.candidates[np.argsort(-self.run.item_stats.n_ratings[self.candidates], kind="stable")]
        is_own = np.zeros(len(self.run.items), dtype=np.bool_)
        for row, user in enumerate(self.users.tolist()):
            own = items[begin[user] : begin[user + 1]]
            is_own[own] = True
            first = order[: k + len(own)]
            first = first[~is_own[first]][:k]
            found[row, : len(first)] = first
            is_own[own] = False
        return found

    def metrics(self, lists: Lists) -> dict[str, Resampled]:
        """Return each metric of lists."""
        n_items, k = len(self.run.items), self.protocol.k
        hits = np.isin(self.users[:, None] * n_items + lists, self.relevant) & (lists >= 0)
        n_relevant = np.unique(self.relevant // n_items, return_counts=True)[1]
        gains = 1 / np.log2(np.arange(2, self.width + 2))
        most = np.cumsum(gains)[np.minimum(n_relevant, self.width) - 1]
        coverage, gini = self._spreads(lists)
        return {
            "precision": self._mean(hits.sum(1) / k),
            "recall": self._mean(hits.sum(1) / n_relevant),
            "NDCG": self._mean(hits @ gains / most),
            "coverage": coverage,
            "Gini": gini,
            "popularity lift": self._lift(lists),
        }

    def _mean(self, shares: Floats) -> Resampled:
        """Return the mean of shares of the users (n,)."""
        root = resampled_root(self._sums(shares), self._sums(np.ones(len(shares))), self.weights)
        return root.through(lambda value: np.minimum(value**2, 1.0))

    def _sums(self, values: Floats) -> Floats:
        """Return the sums over each block (B,) of the values (n,) of the users."""
        sums: Floats = np.bincount(self.block, values, self.weights.shape[1]).astype(np.float64)
        return sums

    def _spreads(self, lists: Lists) -> tuple[Resampled, Resampled]:
        """Return coverage and Gini of lists."""
        row, place = np.nonzero(lists >= 0)
        item = np.unique(lists[row, place], return_inverse=True)[1]
        order = np.argsort(self.block[row], kind="stable")
        times = np.bincount(item)
        ends = np.cumsum(np.bincount(self.block[row], minlength=self.weights.shape[1]))[:-1]
        without = [self._spread(times - np.bincount(own, minlength=len(times))) for own in np.split(item[order], ends)]
        figures = zip(self._spread(times), np.transpose(without), strict=True)
        coverage, gini = (jackknifed(figure, changed, self.weights) for figure, changed in figures)
        return coverage, gini

    def _spread(self, times: NDArray[np.int64]) -> tuple[float, float]:
        """Return coverage and Gini if so many lists (I,) have each item; no list has the other candidates."""
        n, own = len(self.candidates), np.sort(times[times > 0])
        rank = n - len(own) + 1 + np.arange(len(own))  # those that no list has come first
        return len(own) / n, float((2 * rank - n - 1) @ own / (n * max(own.sum(), 1)))

    def _lift(self, lists: Lists) -> Resampled:
        """Return the mean number of training ratings of the items in the lists over that of the users' own, less 1.

        Both are means over the users with a list and training ratings.
        """
        (items, begin), of_items = self.rated, self.run.item_stats.n_ratings
        total, n_rated = np.append(0, np.cumsum(of_items[items]))[begin], np.diff(begin)[self.users]
        n_listed = (lists >= 0).sum(1)
        has_both = (n_rated > 0) & (n_listed > 0)
        listed = np.append(of_items, 0)[lists].sum(1) / np.maximum(n_listed, 1)
        rated = (total[self.users + 1] - total[self.users]) / np.maximum(n_rated, 1)
        top, bottom = (self._sums(np.where(has_both, mean, 0.0)) for mean in (listed, rated))
        return resampled_root(top, bottom, self.weights).through(lambda value: value**2 - 1)

"""What users of a run would rate: pairs of a user and an item, or the best items of every user."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import RankBy, chosen
from embedcli.analysis.members import Members, check_predicts
from embedcli.analysis.posterior import Predictor, has_states
from embedcli.analysis.record import Columns, Record, decimal, name, text, titles, whole
from embedcli.analysis.selection import check_limit, mean_over_members, rated
from embedcli.data.pairs import Pairs
from embedcli.data.ratings import Frame
from embedcli.data.text import shorten
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.evidence.states import UserStates, interval
from embedcli.progress import stage, step
from embedcli.run.lookup import find_all
from embedcli.run.record import Run

TOGETHER = 1 << 12  # items of a user that are predicted at once
DECIMALS = 12  # fewer than the last bits, which depend on the size of a block
SPARE = 10  # items beyond the best whose predictions are computed precisely
SHOWN = 5  # ids in a hint


class PairPrediction(TypedDict):
    """A row of `PairPredictions`; prediction and interval are missing for an unknown user or item."""

    user: Annotated[str, name("user")]
    title: Annotated[str, titles("{noun}")]
    prediction: Annotated[float | None, decimal("{value}", "prediction, mean over the {source}")]
    lower: Annotated[
        float | None, decimal("95 %", "interval that holds 95 % of such ratings", 1, end="upper", dot="prediction")
    ]
    upper: float | None
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    id: Annotated[str, text("id")]


class TopPrediction(TypedDict):
    """A row of `TopPredictions`."""

    user: Annotated[str, name("user")]
    rank: Annotated[int, whole("#", "rank in the list of the user")]
    title: Annotated[str, titles("{noun}")]
    prediction: Annotated[float, decimal("{value}", "prediction, mean over the {source}")]
    lower: Annotated[
        float | None, decimal("95 %", "interval that holds 95 % of such ratings", 1, end="upper", dot="prediction")
    ]
    upper: float | None
    gain: Annotated[float, decimal("gain", "prediction less what the average user would give", sign=True)]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class PairPredictions(Record):
    """A prediction for each of the pairs asked for, in their order: rows of `PairPrediction`.

    `n_unknown` pairs have no prediction: the run does not have `n_unknown_users` of the users and `n_unknown_items` of
    the items. A title of several items counts as unknown. The posterior predicts (`by_posterior`), or the trained
    members if the run has none; without a posterior, or without the run's ratings, there are no intervals.
    """

    row_fields = ("predictions",)
    predictions: Columns
    n_unknown: int
    n_unknown_users: int
    n_unknown_items: int
    by_posterior: bool
    has_intervals: bool

    def rows(self) -> Columns:
        """Return the rows, which are kept as columns."""
        return self.predictions


@dataclass(frozen=True)
class TopPredictions(Record):
    """The best items of every user of the run, user by user: rows of `TopPrediction`.

    The posterior predicts (`by_posterior`), or the trained members if the run has none. `knows_rated` says whether
    the items that a user rated are known, and left out.
    """

    row_fields = ("predictions",)
    predictions: Columns
    n_users: int
    n_items: int
    limit: int
    by: RankBy
    min_ratings: int
    by_posterior: bool
    has_intervals: bool
    knows_rated: bool

    def rows(self) -> Columns:
        """Return the rows, which are kept as columns."""
        return self.predictions


def predict(run: Run, pairs: Pairs | Frame | Iterable[tuple[object, object]]) -> PairPredictions:
    """Predict what users of the run would rate items: pairs of the id of a user and the id or title of an item.

    `pairs` may be a data frame with a user and an item column; the predictions have the order of its rows.

    Raises RunError if the run predicts nothing, UsageError if no pair has a user and an item of the run.
    """
    predictor = Predictor(run) if has_states(run) else Members(run)
    if not isinstance(pairs, Pairs):
        pairs = Pairs.from_frame(pairs) if isinstance(pairs, Frame) else Pairs.of(pairs)
    rows_of = {identifier: row for row, identifier in enumerate(run.users.ids)}
    users = np.array([rows_of.get(identifier, -1) for identifier in pairs.users], np.int64)
    items = np.array(find_all(run, pairs.items), np.int64)
    user, item = users[pairs.user], items[pairs.item]
    is_known = (user >= 0) & (item >= 0)
    if not is_known.any():
        raise _all_unknown(run, pairs, users)
    expected, spread = np.full((2, len(pairs)), np.nan)
    if isinstance(predictor, Members):
        expected[is_known] = predictor.predict(user[is_known], item[is_known])
    else:
        expected[is_known], spread[is_known] = _of_pairs(predictor, user[is_known], item[is_known])
    ids, titles = np.array(pairs.items, object), np.full(len(items), "", object)
    for texts, own in ((ids, run.items.ids), (titles, run.items.titles)):
        texts[items >= 0] = np.array(own, object)[items[items >= 0]]
    predictions = Columns(
        user=np.array(pairs.users, object)[pairs.user],
        id=ids[pairs.item],
        title=titles[pairs.item],
        **_figures(run, expected, spread),
        n_ratings=np.where(item < 0, 0, run.item_stats.n_ratings[item]),
    )
    return PairPredictions(
        predictions,
        n_unknown=int((~is_known).sum()),
        n_unknown_users=int((users < 0).sum()),
        n_unknown_items=int((items < 0).sum()),
        by_posterior=isinstance(predictor, Predictor),
        has_intervals=isinstance(predictor, Predictor) and run.rows is not None,
    )


def _all_unknown(run: Run, pairs: Pairs, users: Rows) -> UsageError:
    """Return the error for pairs none of which has a user and an item of the run."""
    if not len(pairs):
        return UsageError("no pair is given", "give pairs of a user and an item")
    is_user = users[pairs.user[0]] < 0
    what, text = ("user", pairs.users[pairs.user[0]]) if is_user else (run.data.noun, pairs.items[pairs.item[0]])
    ids, n = (run.users if is_user else run.items).ids[:SHOWN], len(pairs)
    message = f"run {run.name!r} has no {what} {shorten(text)!r}"
    return UsageError(
        message if n == 1 else f"{message}, and none of the other {n - 1:,} pairs is known",
        f"the ids of the {what}s are such as {', '.join(ids)}",
    )


def _of_pairs(predictor: Predictor, user: Rows, item: Rows) -> tuple[Floats, Floats]:
    """Return the expected ratings of pairs (n,) and their standard deviations, NaN if these are not known."""
    n_items = len(predictor.run.items)
    pairs, which = np.unique(user * n_items + item, return_inverse=True)  # user by user
    users, items = np.divmod(pairs, n_items)
    corrections = np.zeros(len(pairs), np.float32)
    if predictor.weight:
        corrections = np.float32(predictor.weight) * predictor.neighbours.at(users.astype(np.int32), items)
    expected, spread = np.empty((2, len(pairs)))
    for own in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(users)) + 1):
        known, _ = predictor.at(int(users[own[0]]))
        for begin in range(0, len(own), TOGETHER):
            here = own[begin : begin + TOGETHER]
            expected[here], spread[here] = _of_user(known, items[here], corrections[here])
    return expected[which], spread[which]


def predict_all(run: Run, *, limit: int = 10, by: str = RankBy.STARS.value, min_ratings: int = 20) -> TopPredictions:
    """Return the best items of every user of the run, at most `limit`, without those that the user has rated.

    The best have the highest prediction, or with `by` "gain" the highest above the posterior mean of their stars.

    Raises RunError if the run predicts nothing, UsageError if no item has enough ratings.
    """
    check_limit(limit, "items")
    by, passing, is_posterior = chosen(RankBy, by, "by"), rated(run, min_ratings), has_states(run)
    if not is_posterior:
        check_predicts(run)
    stars = mean_over_members(run, "item_stars" if is_posterior else "trained_stars")
    of_all = stars if by is RankBy.GAIN else np.zeros_like(stars)
    blocks = best(run, np.arange(len(run.users)), passing, of_all, limit)
    user, rank, item, expected, spread = map(np.concatenate, zip(*blocks, strict=True))
    figures = _figures(run, expected, spread)
    predictions = Columns(
        user=np.array(run.users.ids, object)[user],
        rank=rank,
        id=np.array(run.items.ids, object)[item],
        title=np.array(run.items.titles, object)[item],
        **figures,
        gain=np.round(figures["prediction"] - stars[item], DECIMALS),
    )
    n_users, has_rows = len(run.users), run.rows is not None
    return TopPredictions(
        predictions, n_users, len(passing), limit, by, min_ratings, is_posterior, is_posterior and has_rows, has_rows
    )


def best(run: Run, users: Rows, passing: Rows, of_all: Floats, limit: int) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield user, rank, item, expected rating and its standard deviation of the best items of users, each (N,).

    The best of the items `passing` that a user has not rated have the highest prediction above `of_all` (I,), by the
    posterior, or by the members if there is none: the deviations are then NaN.
    """
    with stage("the best of each user", len(users)):
        yield from (_best_by_posterior if has_states(run) else _best_by_members)(run, users, passing, of_all, limit)


def _best_by_members(
    run: Run, users: Rows, passing: Rows, of_all: Floats, limit: int
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield what `best` does, by the members."""
    members = Members(run)

    def best_of(user: int, expected: Table) -> tuple[NDArray[Any], ...]:
        free = np.setdiff1d(passing, members.rated(user))
        items = free[_nearly_best(of_all[free] - expected[free], limit)]
        precise = members.predict(np.full(len(items), user), items)
        order = np.argsort(of_all[items] - precise, kind="stable")[:limit]
        n = len(order)
        return np.full(n, user), np.arange(1, n + 1), items[order], precise[order], np.full(n, np.nan)

    for some, table in members.tables(users):
        step(len(some))
        yield tuple(map(np.concatenate, zip(*map(best_of, some.tolist(), table), strict=True)))


def _best_by_posterior(
    run: Run, users: Rows, passing: Rows, of_all: Floats, limit: int
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield what `best` does, by the posterior."""
    predictor = Predictor(run)

    def best_of(user: int, expected: Table, corrections: Table) -> tuple[NDArray[Any], ...]:
        known, own = predictor.at(user)
        free = np.setdiff1d(passing, own, assume_unique=True)
        item, *figures = _best(known, free, expected[free], corrections[free], of_all[free], limit)
        return np.full(len(item), user), np.arange(1, len(item) + 1), item, *figures

    for some, *tables in predictor.tables(users):
        step(len(some))
        yield tuple(map(np.concatenate, zip(*map(best_of, some.tolist(), *tables), strict=True)))


def _nearly_best(worth: Floats, limit: int) -> Rows:
    """Return the positions (N,) of the lowest values and some more, in their order."""
    n = min(limit + SPARE, len(worth))
    return np.sort(np.argpartition(worth, n - 1)[:n]) if n else np.arange(0)


def _best(
    user: UserStates, items: Rows, expected: Table, corrections: Table, of_all: Floats, limit: int
) -> tuple[Rows, Floats, Floats]:
    """Return the best of some items (n,), their expected ratings and standard deviations, each (N,).

    They are computed anew and precisely, for some more items than are wanted: the last bits of a product of matrices
    depend on its size and on the number of threads.
    """
    near = _nearly_best(of_all - expected - corrections, limit)
    precise, spread = _of_user(user, items[near], corrections[near])
    best = np.argsort(of_all[near] - precise, kind="stable")[:limit]
    return items[near[best]], precise[best], np.broadcast_to(spread, len(near))[best]


def _of_user(user: UserStates, items: Rows, corrections: Table) -> tuple[Floats, Floats | float]:
    """Return the expected ratings of items (n,) and their standard deviations, NaN if these are not known."""
    spread = user.spread(items)
    return user.predict(items) + corrections, np.nan if spread is None else spread


def _figures(run: Run, expected: Floats, spread: Floats) -> dict[str, Floats]:
    """Return prediction, lower and upper (n,); what the posterior predicts is cut to the scale of the run."""
    lower, upper = interval(expected, spread, run.data.scale)
    predicted = np.clip(expected, *run.data.scale) if has_states(run) else expected
    figures = {"prediction": predicted, "lower": lower, "upper": upper}
    return {key: np.round(values, DECIMALS) for key, values in figures.items()}

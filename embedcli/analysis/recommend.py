"""What a user would like next: a user of the run, or a new one made of a few ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from embedcli.analysis.choices import RankBy, chosen
from embedcli.analysis.posterior import PosteriorUser, Prediction, Predictor, has_states
from embedcli.analysis.record import Record, decimal, text, titles, whole
from embedcli.analysis.selection import Asked, check_limit, item_records, mean_over_members, rated, row_of, rows_of
from embedcli.data.text import id_text
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, Table, coordinates
from embedcli.run.lookup import Name
from embedcli.run.predictions import NAMES, ratings_of, sigmoid
from embedcli.run.record import Run

Rated = Mapping[Any, float] | Iterable[tuple[Name, float]]  # items with their ratings
STEPS = 8  # of Gauss and Newton: a step that no longer moves anything costs nothing
DIVERSITY = 2.0  # standard deviations of the values that an item like one in the list is worth less
NOISE = 0.2  # of a rating, as a share of the range, if the run has not measured it


@dataclass(frozen=True)
class Recommendation:
    """An item with its prediction; `lower` and `upper` are None if the run cannot tell how sure it is."""

    rank: Annotated[int, whole("#", "rank in this list")]
    title: Annotated[str, titles("{noun}")]
    prediction: Annotated[float, decimal("{value}", "predicted rating, mean over the {source}")]
    lower: Annotated[
        float | None,
        decimal(
            "95 %", "interval that holds 95 % of the ratings predicted like this", 1, end="upper", dot="prediction"
        ),
    ]
    upper: float | None
    gain: Annotated[
        float,
        decimal("gain", "prediction less what the average user would give: what this user's taste adds", sign=True),
    ]
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: Annotated[float | None, decimal("mean", "mean of the training ratings")]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Recommendations(Record):
    """The best items for a user among `n_items`; `profile` are the known ratings of the user.

    The posterior predicts (`by_posterior`), or the trained members if the run has none. `is_unrated` says that a user
    of the run has no training rating: the list is then the average user's. `diversity` is None for a plain list.
    """

    row_fields = ("items",)
    user: str | None
    by: RankBy
    by_posterior: bool
    profile: Mapping[str, float]
    items: tuple[Recommendation, ...]
    n_items: int
    n_left_out: int
    min_ratings: int
    knows_rated: bool
    is_unrated: bool
    diversity: Diversity | None = None


@dataclass(frozen=True)
class Diversity:
    """The price of a diverse list: mean value, mean likeness of an item to the likest other; and of the plain list."""

    mean: float
    mean_of_best: float
    likeness: float
    likeness_of_best: float


@dataclass(frozen=True)
class UserVector:
    """A user of every member: factors (M, k) and bias (M,), and the known ratings: rows and values (n,).

    `id` and `user_row` are those of a user of the run; a new user has none.
    """

    factors: Floats
    bias: Floats
    rows: Rows
    values: Floats
    id: str | None = None
    user_row: int | None = None


def recommend(
    run: Run,
    user: Name | UserVector | None = None,
    *,
    like: Asked = (),
    dislike: Asked = (),
    rate: Rated = (),
    limit: int = 10,
    min_ratings: int = 20,
    include_rated: bool = False,
    by: str = RankBy.STARS.value,
    diverse: bool = False,
) -> Recommendations:
    """Return the best items for a user of the run, or for a new one, by predicted stars or by gain.

        embedcli.recommend(run, "196", by="gain")
        embedcli.recommend(run, like=["star wars", "fargo"], rate={"titanic": 2.5})

    `user` is an id of the run, or a new user by `fold_in`. Without it, a new user is made of the items in `like`, which
    count as the highest rating of the scale, those in `dislike`, as the lowest, and the ratings in `rate` (by title
    or id).

    The posterior predicts; a run without one leaves it to its trained members. Items with a rating of the user are left
    out unless `include_rated` is true. `diverse` trades stars for coverage: an item is worth less by its
    likeness to the likest item already in the list (maximal marginal relevance, Carbonell and Goldstein 1998).

    Raises UsageError for an unknown user and if there is nothing left to recommend, RunError if `diverse` is asked of
    a run without a posterior.
    """
    check_limit(limit, "items")
    by = chosen(RankBy, by, "by")
    user = _asked(run, user, like, dislike, rate)
    if diverse and run.data.implicit:
        raise UsageError("`diverse` needs a posterior, and implicit data has none", "leave it out")
    vector = user if isinstance(user, UserVector) else of_user(run, user)
    passing = rated(run, min_ratings)
    rows = passing if include_rated else np.setdiff1d(passing, vector.rows)
    if not len(rows):
        raise UsageError(
            f"the user has rated all {len(passing)} {run.data.noun}s that pass",
            "lower `min_ratings`, or `include_rated`",
        )
    predictor = Predictor(run) if diverse or has_states(run) else None
    if predictor is None:
        mean = predictions(run, vector, rows).mean(0)
        predicted, stars = Prediction(mean, mean, None, None), "trained_stars"
    else:
        predicted, stars = predictor.predict(posterior_user(predictor, vector), rows), "item_stars"
    of_all = mean_over_members(run, stars)[rows]
    gain = predicted.expected - of_all
    shown, value = predicted.expected, predicted.uncut
    if by is RankBy.GAIN:
        shown, value = gain, value - of_all
    best = np.argsort(-value, kind="stable")[:limit]
    order, diversity = best, None
    if predictor is not None and diverse:
        tastes = predictor.states.tastes(rows)
        order = diverse_order(value, tastes, limit)
        diversity = Diversity(
            *(float(shown[own].mean()) for own in (order, best)), *(nearest(tastes[:, own]) for own in (order, best))
        )
    profile = zip(vector.rows, vector.values, strict=True)
    return Recommendations(
        user=vector.id,
        by=by,
        by_posterior=predictor is not None,
        profile={run.items.titles[row]: float(value) for row, value in profile},
        items=item_records(
            run,
            Recommendation,
            rows[order],
            rank=range(1, len(order) + 1),
            prediction=predicted.expected[order],
            lower=None if predicted.lower is None else predicted.lower[order],
            upper=None if predicted.upper is None else predicted.upper[order],
            gain=gain[order],
        ),
        n_items=len(rows),
        n_left_out=len(passing) - len(rows),
        min_ratings=min_ratings,
        knows_rated=vector.id is None or run.rows is not None,
        is_unrated=vector.user_row is not None and not run.user_stats.is_rated[vector.user_row],
        diversity=diversity,
    )


def diverse_order(value: Floats, tastes: Table, limit: int) -> Rows:
    """Choose items one after another: the highest value less a penalty for its likeness to the likest of those chosen.

    The likeness of two is the mean product over states of their `tastes` (S, n, k).
    """
    left, likest, penalty = value.copy(), np.zeros(len(value)), DIVERSITY * value.std()
    order: list[int] = []
    for _ in range(min(limit, len(value))):
        best = int(np.argmax(left - penalty * likest))
        order.append(best)
        left[best] = -np.inf
        likest = np.maximum(likest, np.einsum("snk,sk->n", tastes, tastes[:, best]) / len(tastes))
    return np.array(order, dtype=np.int64)


def nearest(tastes: Table) -> float:
    """Return the mean over items of the likeness to the likest other, given their tastes (S, n, k); 0 for one item."""
    likeness = (tastes @ tastes.transpose(0, 2, 1)).mean(0)
    np.fill_diagonal(likeness, -1.0)
    return float(likeness.max(0).mean()) if len(likeness) > 1 else 0.0


def _asked(
    run: Run,
    user: Name | UserVector | None,
    like: Asked,
    dislike: Asked,
    rate: Rated,
) -> Name | UserVector:
    """Return the user that is asked for, a new one if only some ratings are known; UsageError for neither, or both."""
    run.shape("user_factors")  # which says that there are no users before a rating is found wrong
    low, high = run.data.scale
    ends = [(row, end) for items, end in ((like, high), (dislike, low)) for row in rows_of(run, items)]
    ratings = [*ends, *(rate.items() if isinstance(rate, Mapping) else rate)]
    if user is not None and ratings:
        raise UsageError("`user` is a user of the run, `like`, `dislike` and `rate` make a new one", "give one of them")
    if user is None and not ratings:
        raise UsageError("nothing is known of the user", "give `user` ID, or `like` TITLE")
    return fold_in(run, ratings) if user is None else user


def of_user(run: Run, user: Name) -> UserVector:
    """Return the vector of a user of the run by the id; UsageError for an unknown user."""
    run.shape("user_factors")  # which says what is missing before any user is
    if (user := id_text(user)) not in run.users.ids:
        raise UsageError(
            f"run {run.name!r} has no user {user!r}", f"the ids are such as {', '.join(run.users.ids[:5])}"
        )
    row = run.users.ids.index(user)
    factors, bias = (run.array(name)[:, row].astype(np.float64) for name in ("user_factors", "user_bias"))
    if run.rows is None:
        return UserVector(factors, bias, np.zeros(0, np.int64), np.zeros(0), user, row)
    own = run.rows.user == row
    rated, values = run.rows.item[own].astype(np.int64), run.rows.value[own].astype(np.float64)
    return UserVector(factors, bias, rated, values, user, row)


def posterior_user(predictor: Predictor, user: UserVector) -> PosteriorUser:
    """Return a user as the posterior knows it."""
    if user.user_row is None:
        return predictor.fold_in(user.rows, user.values)
    return predictor.known(user.user_row, user.rows)


def fold_in(run: Run, ratings: Rated) -> UserVector:
    """Return a new user with ratings of a few items (titles or ids), without training again.

    For each member these are the most probable bias and factors given the ratings: squared error over the noise of a
    rating, and a normal prior with the covariance of the member's own users.

    Raises UsageError without ratings, for an item that is given twice and for one without training ratings, RunError
    if the run lacks users or biases.
    """
    rows, values = _rows_and_values(run, ratings.items() if isinstance(ratings, Mapping) else ratings)
    users, items, user_bias, item_bias, level = map(run.array, NAMES)
    known = np.dstack([user_bias, users])[:, run.user_stats.is_rated].astype(np.float64)  # (M, U', 1 + k)
    x = np.dstack([np.ones((len(items), len(rows))), items[:, rows]])  # (M, n, 1 + k)
    members = zip(known, x, level.astype(np.float64)[:, None] + item_bias[:, rows], strict=True)
    vectors = np.array([_most_probable(run, *member, values) for member in members])
    return UserVector(vectors[:, 1:], vectors[:, 0], rows, values)


def _rows_and_values(run: Run, ratings: Iterable[tuple[Name, float]]) -> tuple[Rows, Floats]:
    """Return the ratings (item, value) as parallel arrays; UsageError as `fold_in` says."""
    values: dict[int, float] = {}
    for name, value in ratings:
        row = row_of(run, name)
        if row in values:
            raise UsageError(f"{run.items.titles[row]!r} is given twice", "give every item once")
        if not run.data.scale[0] <= value <= run.data.scale[1]:
            low, high = run.data.scale
            raise UsageError(f"a rating of {value:g} is not on the scale", f"give a rating from {low:g} to {high:g}")
        values[row] = float(value)
    if not values:
        raise UsageError("nothing is known of the user", "give at least one rating")
    run.check_rated(list(values))
    return np.array(list(values), dtype=np.int64), np.array(list(values.values()))


def _most_probable(run: Run, known: Floats, x: Floats, constant: Floats, values: Floats) -> Floats:
    """Return the most probable bias and factors (1 + k,) of a user with ratings values (n,), for one member.

    They are found by Gauss-Newton steps through the link (for the identity one step is exact: ridge regression);
    known (U, 1 + k) are those of the member's own users, and the logit is constant + x theta, x (n, 1 + k).
    """
    low, high = run.y_range or run.data.scale
    noise = run.training.posterior.noise if run.training.posterior else NOISE * (high - low)
    prior = np.atleast_2d(np.cov(known, rowvar=False)) + 1e-6 * np.eye(known.shape[1])
    theta: Floats = known.mean(0)
    start = theta
    for _ in range(STEPS):
        logit = constant + x @ theta
        predicted, design = ratings_of(logit, run.sigmoid_range), x * _slope(run, logit)[:, None]
        # theta = start + prior D' (D prior D' + noise^2)^-1 (r - predicted + D (theta - start))
        inner = design @ prior @ design.T + noise**2 * np.eye(len(values))
        theta = start + prior @ design.T @ np.linalg.solve(inner, values - predicted + design @ (theta - start))
    return theta


def predictions(run: Run, user: UserVector, rows: Rows | None = None) -> Floats:
    """Return the predicted rating of some items, or of all, by every member, (M, n)."""
    return ratings_of(logits(run, user, rows), run.sigmoid_range)


def logits(run: Run, user: UserVector, rows: Rows | None = None) -> Floats:
    """Return the logit of some items, or of all, by every member, (M, n)."""
    rows = np.arange(len(run.items)) if rows is None else rows
    items, item_bias, level = map(run.array, ("item_factors", "item_bias", "global_bias"))
    constant = level.astype(np.float64)[:, None] + user.bias[:, None] + item_bias[:, rows]
    products = [
        coordinates(member[None], rows, (np.zeros(1), factors[:, None]))[:, 0]
        for member, factors in zip(items, user.factors, strict=True)
    ]
    total: Floats = constant + np.array(products)
    return total


def _slope(run: Run, logit: Floats) -> Floats:
    """Return the slope of the link at a logit, in units of the rating."""
    if run.sigmoid_range is None:
        return np.ones_like(logit)
    low, high = run.sigmoid_range
    share = sigmoid(logit)
    slope: Floats = (high - low) * share * (1 - share)
    return slope

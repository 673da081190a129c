"""What a user would like next: one of the run's users, or a new one made of a few likes and dislikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.selection import check_limit, rated
from embedcli.errors import UsageError
from embedcli.run.predictions import ratings_of, sigmoid
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

STEPS = 8  # of Gauss and Newton: a step that no longer moves anything costs nothing
NOISE = 0.2  # of a rating, as a share of the range, where the run has not measured it


@dataclass(frozen=True)
class Recommendation:
    """An item; `prediction` is the mean over the members, `spread` their standard deviation, which is no interval.

    `gain` is what the user's taste adds, in units of the rating: how far the prediction lies above the user's mean
    over the items that pass, less the same for the average user, whose prediction are the trained stars. `rank_of_all`
    is the rank in the average user's list.
    """

    rank: int
    title: str
    prediction: float
    gain: float
    rank_of_all: int
    spread: float | None
    n_ratings: int
    mean_rating: float | None
    id: str


@dataclass(frozen=True)
class Recommendations:
    """The items with the highest predictions, among `n_items`; `profile` are the ratings that speak for the user.

    `is_unrated` says that a user of the run has no training rating: the list is then the average user's.
    """

    user: str | None
    profile: Mapping[str, float]
    items: tuple[Recommendation, ...]
    n_items: int
    n_left_out: int
    min_ratings: int
    n_members: int
    knows_rated: bool
    is_unrated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return the recommendations as a table."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.items])


@dataclass(frozen=True)
class UserVector:
    """A user of every member: factors (M, k) and bias (M,), and the ratings it is known by: rows and values (n,)."""

    factors: Floats
    bias: Floats
    rows: NDArray[np.int64]
    values: Floats


def recommend(
    run: Run,
    taste: UserVector,
    *,
    user: str | None = None,
    limit: int = 10,
    min_ratings: int = 20,
    include_rated: bool = False,
) -> Recommendations:
    """Return the items a user would rate highest, without those rated already unless they are asked for.

    Raises UsageError where nothing is left to recommend.
    """
    check_limit(limit, "items")
    passing = rated(run, min_ratings)
    kept = passing if include_rated else np.setdiff1d(passing, taste.rows)
    if not len(kept):
        raise UsageError(
            f"the user has rated all {len(passing)} {run.data.noun}s that pass",
            "lower --min-ratings, or --include-rated",
        )
    by_member = predictions(run, taste)[:, kept]  # (M, n)
    predicted = by_member.mean(0)
    of_all = run.array("trained_stars").mean(0, dtype=np.float64)[kept]
    gain = predicted - predicted.mean() - (of_all - of_all.mean())
    rank_of_all = np.empty(len(kept), dtype=np.int64)
    rank_of_all[np.argsort(-of_all, kind="stable")] = np.arange(1, len(kept) + 1)
    order = np.argsort(-predicted, kind="stable")[:limit]
    return Recommendations(
        user=user,
        profile={run.items.titles[row]: float(value) for row, value in zip(taste.rows, taste.values, strict=True)},
        items=tuple(
            Recommendation(
                rank=at + 1,
                title=run.items.titles[kept[j]],
                prediction=float(predicted[j]),
                gain=float(gain[j]),
                rank_of_all=int(rank_of_all[j]),
                spread=float(by_member[:, j].std(ddof=1)) if len(by_member) > 1 else None,
                n_ratings=int(run.item_stats.n_ratings[kept[j]]),
                mean_rating=run.item_stats.mean_of(kept[j]),
                id=run.items.ids[kept[j]],
            )
            for at, j in enumerate(order)
        ),
        n_items=len(kept),
        n_left_out=len(passing) - len(kept),
        min_ratings=min_ratings,
        n_members=run.n_members,
        knows_rated=user is None or run.rows is not None,
        is_unrated=user is not None and run.user_stats.n_ratings[run.users.ids.index(user)] == 0,
    )


def of_user(run: Run, user: str) -> UserVector:
    """Return the taste of a user of the run, by the id; UsageError for one that is not there."""
    if user not in run.users.ids:
        raise UsageError(
            f"run {run.name!r} has no user {user!r}", f"the ids are such as {', '.join(run.users.ids[:5])}"
        )
    row = run.users.ids.index(user)
    factors, bias = run.array("user_factors")[:, row], run.array("user_bias")[:, row]
    rows, values = np.zeros(0, np.int64), np.zeros(0)
    if run.rows is not None:
        own = run.rows.user == row
        rows, values = run.rows.item[own].astype(np.int64), run.rows.value[own].astype(np.float64)
    return UserVector(factors.astype(np.float64), bias.astype(np.float64), rows, values)


def fold_in(run: Run, ratings: Mapping[int, float]) -> UserVector:
    """Make a user of ratings of a few items (row: rating), without training again.

    For each member the most probable (b, p) given the ratings: squared error over the noise of a rating, and a normal
    prior with the covariance of the member's own users, found by Gauss-Newton steps through the sigmoid (of the
    identity, one step is exact: ridge regression).

    Raises UsageError without ratings and for an item without training ratings, RunError if the run lacks users or
    biases.
    """
    if not ratings:
        raise UsageError("nothing is known of the user", "give --user ID, or what is liked with --like TITLE")
    run.check_rated(list(ratings))
    rows, values = np.array(list(ratings), dtype=np.int64), np.array(list(ratings.values()), dtype=np.float64)
    names = ("user_factors", "item_factors", "user_bias", "item_bias", "global_bias")
    users, items, user_bias, item_bias, level = (run.array(name).astype(np.float64) for name in names)
    rated = run.user_stats.n_ratings > 0
    low, high = run.y_range or run.data.scale
    noise = run.training.posterior.noise if run.training.posterior else NOISE * (high - low)
    found = []
    for m in range(len(items)):
        known = np.column_stack([user_bias[m], users[m]])[rated]  # (U, 1 + k)
        prior = np.atleast_2d(np.cov(known, rowvar=False)) + 1e-6 * np.eye(known.shape[1])
        x = np.column_stack([np.ones(len(rows)), items[m, rows]])  # (n, 1 + k)
        theta, start = known.mean(0), known.mean(0)
        for _ in range(STEPS):
            logit = level[m] + item_bias[m, rows] + x @ theta
            predicted, slope = ratings_of(logit, run.sigmoid_range), _slope(run, logit)
            design = x * slope[:, None]
            # theta = start + prior D' (D prior D' + noise^2)^-1 (r - predicted + D (theta - start))
            inner = design @ prior @ design.T + noise**2 * np.eye(len(rows))
            theta = start + prior @ design.T @ np.linalg.solve(inner, values - predicted + design @ (theta - start))
        found.append(theta)
    theta = np.array(found)
    return UserVector(theta[:, 1:], theta[:, 0], rows, values)


def predictions(run: Run, taste: UserVector) -> Floats:
    """Return the predicted rating of every item by every member, (M, I)."""
    return ratings_of(logits(run, taste), run.sigmoid_range)


def logits(run: Run, taste: UserVector) -> Floats:
    """Return the logit of every item by every member, (M, I)."""
    items, item_bias, level = (
        run.array(name).astype(np.float64) for name in ("item_factors", "item_bias", "global_bias")
    )
    found: Floats = level[:, None] + taste.bias[:, None] + item_bias + np.einsum("mik,mk->mi", items, taste.factors)
    return found


def _slope(run: Run, logit: Floats) -> Floats:
    """Return the slope of the link at a logit, in units of the rating."""
    if run.sigmoid_range is None:
        return np.ones_like(logit)
    low, high = run.sigmoid_range
    share = sigmoid(logit)
    slope: Floats = (high - low) * share * (1 - share)
    return slope

"""The canonical form of a model, and its biases in stars.

A learned bias means nothing before that: a constant may move between factors and biases without any effect.
"""

import numpy as np
from numpy.typing import NDArray

from embedcli.run.predictions import NAMES, Arrays, Range, sigmoid

Floats = NDArray[np.float64]
NODES = 16  # of the Gauss-Hermite quadrature
MOST_PAIRS = 50_000_000  # of user and item whose predictions are summed one by one
BLOCK = 4096  # users whose factors are held in float64
TOGETHER = 256  # items whose predictions for all users are held in memory at once


def canonical(
    arrays: Arrays, rated_users: NDArray[np.bool_], rated_items: NDArray[np.bool_]
) -> dict[str, NDArray[np.float32]]:
    """Return the same model with centred factors and biases, per member, computed in float64.

    With c the mean of the user factors over the users that have ratings, b_i += q_i . c and p_u -= c; likewise
    for the items; then the means of the biases go to the global bias. An item's bias is then the opinion of the
    average user, and the average item's is 0. The predictions stay the same.
    """
    centred = {name: np.empty_like(arrays[name], dtype=np.float32) for name in NAMES}
    for m in range(len(arrays["global_bias"])):
        member = _centred(arrays, m, rated_users, rated_items)
        for name, value in zip(NAMES, member, strict=True):
            centred[name][m] = value
        del member, value  # before the next is made: a member may be large
    return centred


def _centred(
    arrays: Arrays, m: int, rated_users: NDArray[np.bool_], rated_items: NDArray[np.bool_]
) -> tuple[Floats, ...]:
    """Return the arrays of a member, in the order of NAMES, with centred factors and biases."""
    users, items, user_bias, item_bias, level = (arrays[name][m].astype(np.float64) for name in NAMES)
    centre = users[rated_users].mean(0)  # (k,)
    users -= centre
    item_bias += items @ centre
    centre = items[rated_items].mean(0)
    items -= centre
    user_bias += users @ centre
    for bias, rated in ((user_bias, rated_users), (item_bias, rated_items)):
        mean = bias[rated].mean()
        bias -= mean
        level = level + mean
    return users, items, user_bias, item_bias, level


def user_covariance(user_factors: NDArray[np.float32], rated_users: NDArray[np.bool_]) -> Floats:
    """Return the covariances (M, k, k) of user factors (M, U, k) over the users that have ratings.

    q' C r is the covariance, over the users, of the preferences for items q and r: whatever linear map the item
    factors are multiplied by, and the user factors by its inverse, it stays the same, as the predictions do.
    """
    k, n = user_factors.shape[2], rated_users.sum()
    covariances = np.zeros((len(user_factors), k, k))
    for users, covariance in zip(user_factors, covariances, strict=True):
        centre = np.zeros(k)
        for begin in range(0, len(users), BLOCK):
            own, is_rated = users[begin : begin + BLOCK].astype(np.float64), rated_users[begin : begin + BLOCK]
            own = own if is_rated.all() else own[is_rated]
            centre += own.sum(0)
            covariance += own.T @ own
        covariance /= n
        covariance -= np.outer(centre / n, centre / n)
    return covariances


def trained_stars(arrays: Arrays, rated_users: NDArray[np.bool_], y_range: Range | None) -> NDArray[np.float32]:
    """Return the mean predicted rating of each item over all users with ratings, in stars, (M, I).

    "If every user had rated it." The mean of the sigmoid is summed over the users, some items at a time. If there are
    more than MOST_PAIRS pairs of user and item, Gauss-Hermite quadrature takes it as if the logits of an item were
    normal over the users (their mean and variance follow from the first two moments of (b_u, p_u)). That costs I k^2,
    and is off by up to .02 stars if the weight decay is weak. Without `y_range` the link is the identity.
    """
    stars = np.empty(arrays["item_bias"].shape, dtype=np.float32)
    for m in range(len(stars)):
        stars[m] = _stars(arrays, m, rated_users, y_range)
    return stars


def _stars(arrays: Arrays, m: int, rated_users: NDArray[np.bool_], y_range: Range | None) -> Floats:
    """Return the mean predicted rating of each item over the users with ratings by one member, (I,)."""
    users, items, user_bias, item_bias, level = (arrays[name][m].astype(np.float64) for name in NAMES)
    of_users = np.column_stack([user_bias, users])[rated_users]  # (U, 1 + k)
    of_items = np.column_stack([np.ones(len(items)), items])  # (I, 1 + k)
    constant = level + item_bias
    if y_range is None:
        linear: Floats = constant + of_items @ of_users.mean(0)
        return linear
    mean_of_sigmoid = _exact if len(of_users) * len(of_items) <= MOST_PAIRS else _by_quadrature
    low, high = y_range
    return low + (high - low) * mean_of_sigmoid(constant, of_items, of_users)


def _exact(constant: Floats, of_items: Floats, of_users: Floats) -> Floats:
    """Return the mean over the users of the sigmoid of each item's logits, (I,)."""
    mean = np.empty(len(of_items))
    of_users = of_users.astype(np.float32)
    for begin in range(0, len(of_items), TOGETHER):
        here = slice(begin, begin + TOGETHER)
        logits = of_users @ of_items[here].astype(np.float32).T + constant[here].astype(np.float32)  # (U, TOGETHER)
        mean[here] = sigmoid(logits).mean(0, dtype=np.float64)
    return mean


def _by_quadrature(constant: Floats, of_items: Floats, of_users: Floats) -> Floats:
    """Return nearly what `_exact` does, from the mean and the covariance of the users."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    covariance = np.atleast_2d(np.cov(of_users, rowvar=False, bias=True))
    sd = np.sqrt(np.einsum("ij,jk,ik->i", of_items, covariance, of_items, optimize=True).clip(0))
    logits = (constant + of_items @ of_users.mean(0))[:, None] + sd[:, None] * nodes
    mean: Floats = sigmoid(logits) @ weights / weights.sum()
    return mean

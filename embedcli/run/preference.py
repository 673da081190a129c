"""Among which items the axes of a run are looked for, and the axes of the predicted preferences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOP_ITEMS = 1000  # that the axes are looked for among, as in the lesson

Matrix = NDArray[np.float64]


def preference_basis(
    users: Matrix, items: Matrix, user_weight: NDArray[np.int64], item_weight: NDArray[np.int64], n_components: int
) -> tuple[Matrix, Matrix, Matrix]:
    """Return u (U, K), s (R,) and v (I, K): users @ items.T = sum over f of s_f u_f v_f', centred on both sides.

    users (U, R) and items (I, R) are factors whose product is the preference. The singular value decomposition
    is that of the cells weighted by user_weight x item_weight (numbers of ratings): the columns of W^1/2 u and
    W^1/2 v are orthonormal, so that a row counts for as much as is known of it, and s^2 / sum s^2 is a share of
    the variance of the predicted preferences. It depends neither on the gauge nor on a rotation of the factors,
    and costs two thin QR decompositions. K = min(n_components, R).
    """
    (users, user_root), (items, item_root) = (
        _centred(factors, weight) for factors, weight in ((users, user_weight), (items, item_weight))
    )
    left, s, right = np.linalg.svd(user_root @ item_root.T)
    k = min(n_components, len(s))
    u = users @ np.linalg.lstsq(user_root, left[:, :k], rcond=1e-6)[0]
    v = items @ np.linalg.lstsq(item_root, right[:k].T, rcond=1e-6)[0]
    return u, s, v


def _centred(factors: Matrix, weight: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
    """Return factors less their weighted mean, and the triangle of their weighted QR decomposition."""
    centred = weighted_centred(factors, weight)
    _, triangle = np.linalg.qr(np.sqrt(weight)[:, None] * centred)
    return centred, triangle


def weighted_centred(factors: Matrix, weight: NDArray[np.int64]) -> Matrix:
    """Return factors (n, R) less their mean over the rows, each as often as its weight says."""
    centred: Matrix = factors - weight @ factors / weight.sum()
    return centred


def most_rated(n_ratings: NDArray[np.int64], limit: int = TOP_ITEMS, least: int = 1) -> NDArray[np.int64]:
    """Return the row numbers of the most rated items with at least so many ratings; ties by position."""
    order = np.lexsort((np.arange(len(n_ratings)), -n_ratings))
    return order[n_ratings[order] >= least][:limit]


def side_by_side(factors: NDArray[np.floating]) -> Matrix:
    """Lay the members' factors (M, n, k) beside one another -> (n, M k), in float64."""
    return np.concatenate(list(factors.astype(np.float64)), axis=1)

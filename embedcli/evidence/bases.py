"""Bases of the embeddings: their principal axes, and the axes of the predicted preferences."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]  # row numbers, or other codes

TOP_ITEMS = 1000  # the components are those of so many most rated items, as in the lesson


def principal_axes(x: Floats) -> tuple[Floats, Floats]:
    """Return the principal axes (R, K) of rows x (n, R), the largest first, and the variances along them (K,).

    Their largest entry is positive. K = min(n, R). What scikit-learn's PCA finds, without its import of a second.
    """
    _, s, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return (axes * np.where(largest < 0, -1.0, 1.0)).T, s**2 / max(len(x) - 1, 1)


def preference_basis(
    users: Floats, items: Floats, user_weight: NDArray[np.int64], item_weight: NDArray[np.int64], n_components: int
) -> tuple[Floats, Floats, Floats]:
    """Return u (U, K), s (R,) and v (I, K): users @ items.T = sum over f of s_f u_f v_f', centred on both sides.

    users (U, R) and items (I, R) are factors whose product is the preference. The cells of the singular value
    decomposition are weighted by user_weight x item_weight (numbers of ratings): the columns of W^1/2 u and W^1/2 v
    are orthonormal, so a row counts for as much as is known of it, and s^2 / sum s^2 is a share of the variance of
    the predicted preferences. The basis depends neither on the gauge nor on a rotation of the factors. It costs two
    Gram matrices (R, R). K = min(n_components, R).
    """
    users, items = weighted_centred(users, user_weight), weighted_centred(items, item_weight)
    sides = ((users, user_weight), (items, item_weight))
    user_root, item_root = (
        np.asarray(np.linalg.qr(np.sqrt(weight)[:, None] * side, mode="r")) for side, weight in sides
    )
    left, s, right = np.linalg.svd(user_root @ item_root.T)
    k = min(n_components, len(s))
    u = users @ np.linalg.lstsq(user_root, left[:, :k], rcond=1e-6)[0]
    v = items @ np.linalg.lstsq(item_root, right[:k].T, rcond=1e-6)[0]
    return u, s, v


def root(gram: Floats) -> Floats:
    """Return r (R, R) with r' r = gram, which has no negative eigenvalues but by rounding."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    turned: Floats = np.sqrt(np.maximum(eigenvalues, 0.0))[:, None] * vectors.T
    return turned


def weighted_centred(factors: Floats, weight: NDArray[np.int64]) -> Floats:
    """Return factors (n, R) less their weighted mean over the rows."""
    centred: Floats = factors - weight @ factors / weight.sum()
    return centred


def most_rated(n_ratings: NDArray[np.int64], limit: int = TOP_ITEMS, least: int = 1) -> Rows:
    """Return the row numbers of the most rated items with at least `least` ratings; ties by position."""
    order = np.lexsort((np.arange(len(n_ratings)), -n_ratings))
    return order[n_ratings[order] >= least][:limit]


def side_by_side(factors: NDArray[np.floating]) -> Floats:
    """Lay the factors of the members (M, n, k) side by side -> (n, M k), in float64."""
    return np.concatenate(list(factors.astype(np.float64)), axis=1)

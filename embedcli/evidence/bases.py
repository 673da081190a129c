"""Bases of the embeddings: their principal axes, and the axes of the predicted preferences."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]  # row numbers, or other codes
Table = NDArray[np.float32]  # many numbers: in half the memory

Axes = tuple[Floats, Floats]  # a centre (R,) and axes (R, K): rows (n, R) have the coordinates (rows - centre) @ axes

TOGETHER = 1 << 16  # rows that are in memory in float64
TOP_ITEMS = 1000  # the components are those of so many most rated items, as in the lesson


def principal_axes(x: Floats) -> tuple[Floats, Floats]:
    """Return the principal axes (R, K) of rows x (n, R), the largest first, and the variances along them (K,).

    Their largest entry is positive. K = min(n, R). What scikit-learn's PCA finds, without its import of a second.
    """
    _, s, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return (axes * np.where(largest < 0, -1.0, 1.0)).T, s**2 / max(len(x) - 1, 1)


def turning_axes(x: Floats) -> tuple[Floats, Floats]:
    """Return what `principal_axes` does, but the row that is farthest along an axis is on its + side.

    If the rows are rotated or reflected, so are the axes: the coordinates stay as they are.
    """
    axes, variances = principal_axes(x)
    scores = (x - x.mean(0)) @ axes
    farthest = np.take_along_axis(scores, np.abs(scores).argmax(0)[None], 0)
    return axes * np.where(farthest < 0, -1.0, 1.0), variances


def weighted_axes(x: Floats, weight: NDArray[Any]) -> Floats:
    """Return the principal axes (R, R) of weighted rows x (n, R), the largest first."""
    centred = x - weight @ x / max(weight.sum(), 1)
    axes: Floats = np.linalg.eigh((centred.T * weight) @ centred)[1]
    return axes[:, ::-1]


def preference_basis(
    users: Floats, items: Floats, user_weight: NDArray[np.int64], item_weight: NDArray[np.int64], n_components: int
) -> tuple[Floats, Floats, Floats]:
    """Return u (U, K), s (R,) and v (I, K): users @ items.T = sum over f of s_f u_f v_f', centred on both sides.

    users (U, R) and items (I, R) are factors whose product is the preference. The cells of the singular value
    decomposition are weighted by user_weight x item_weight (numbers of ratings): the columns of W^1/2 u and W^1/2 v
    are orthonormal, so a row counts for as much as is known of it, and s^2 / sum s^2 is a share of the variance of
    the predicted preferences. The basis depends neither on the gauge nor on a rotation of the factors. It costs two
    thin QR decompositions, or two matrices X'X of many rows. K = min(n_components, R).
    """
    of_users, s, of_items = preference_axes(users[None], items[None], user_weight, item_weight, n_components)
    return (users - of_users[0]) @ of_users[1], s, (items - of_items[0]) @ of_items[1]


def preference_axes(
    users: NDArray[np.floating],
    items: NDArray[np.floating],
    user_weight: NDArray[np.int64],
    item_weight: NDArray[np.int64],
    n_components: int,
) -> tuple[Axes, Floats, Axes]:
    """Return the axes that give u, s and the axes that give v, as in `preference_basis`, of several members together.

    users (M, U, k) and items (M, I, k), side by side; the preference is the mean over the members.
    """
    user_centre, item_centre = _weighted_mean(users, user_weight), _weighted_mean(items, item_weight)
    user_root, item_root = _root(users, user_weight, user_centre), _root(items, item_weight, item_centre)
    left, s, right = np.linalg.svd(user_root @ item_root.T / len(users))
    k = min(n_components, len(s))
    of_users = np.linalg.lstsq(user_root, left[:, :k], rcond=1e-6)[0]
    of_items = np.linalg.lstsq(item_root, right[:k].T, rcond=1e-6)[0]
    return (user_centre, of_users), s, (item_centre, of_items)


def _weighted_mean(factors: NDArray[np.floating], weight: NDArray[np.int64]) -> Floats:
    """Return the weighted mean (M k,) over the rows of factors (M, n, k), side by side."""
    mean: Floats = sum(weight[here] @ rows for here, rows in blocks(factors)) / weight.sum()
    return mean


def _root(factors: NDArray[np.floating], weight: NDArray[np.int64], centre: Floats) -> Floats:
    """Return a root R, of R'R = X'X, of weighted factors X = (M, n, k) less their centre, side by side.

    R is that of the QR decomposition. With more rows than one block it is a root of the sum of the blocks' X'X, which
    is seven times as fast.
    """
    weighted = (np.sqrt(weight[here])[:, None] * (rows - centre) for here, rows in blocks(factors))
    if factors.shape[1] <= TOGETHER:
        root: Floats = np.linalg.qr(next(weighted))[1]
    else:
        values, vectors = np.linalg.eigh(sum(rows.T @ rows for rows in weighted))
        root = np.sqrt(values.clip(0))[:, None] * vectors.T
    return root


def coordinates(factors: NDArray[np.floating], rows: Rows, axes: Axes) -> Floats:
    """Return coordinates (n, K) on axes of some rows of factors (M, I, k), side by side, in float64."""
    centre, directions = axes
    found = np.empty((len(rows), directions.shape[1]))
    for here, chosen in blocks(factors, rows):
        found[here] = (chosen - centre) @ directions
    return found


def blocks(factors: NDArray[np.floating], rows: Rows | None = None) -> Iterator[tuple[slice, Floats]]:
    """Yield (where, rows side by side) of blocks of factors (M, I, k), or of some rows of them."""
    for begin in range(0, factors.shape[1] if rows is None else len(rows), TOGETHER):
        here = slice(begin, begin + TOGETHER)
        yield here, side_by_side(factors[:, here if rows is None else rows[here]])


def weighted_centred(factors: Floats, weight: NDArray[np.int64]) -> Floats:
    """Return factors (n, R) less their weighted mean over the rows."""
    centred: Floats = factors - weight @ factors / weight.sum()
    return centred


def unit(columns: Floats) -> Floats:
    """Scale the columns of (n, K), or a vector (n,), to length 1; columns of zeros stay as they are."""
    length = np.linalg.norm(columns, axis=0)
    scaled: Floats = columns / np.where(length > 0, length, 1)
    return scaled


def most_rated(n_ratings: NDArray[np.int64], limit: int = TOP_ITEMS, least: int = 1) -> Rows:
    """Return the row numbers of the most rated items with at least `least` ratings; ties by position."""
    order = np.lexsort((np.arange(len(n_ratings)), -n_ratings))
    return order[n_ratings[order] >= least][:limit]


def side_by_side(factors: NDArray[np.floating]) -> Floats:
    """Lay the factors of the members (M, n, k) side by side -> (n, M k), in float64."""
    return np.concatenate(list(factors.astype(np.float64)), axis=1)

"""Ratings as sparse matrices in blocks of rows, and the normal equations of every row at once, on all cores.

Threads share the blocks, which are the same for any number of threads: so are the results, to the byte.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import Observations

ROWS, COLUMNS = 2048, 8192  # of a tile: what it reads and adds up stays in the cache of a core


@dataclass(frozen=True)
class Side:
    """Ratings less their mean, seen from the users or from the items, and their numbers and sums by row (n_rows,)."""

    blocks: list[list[sp.csr_array]]  # the tiles (ROWS, COLUMNS) of each block of rows, the last with the rest
    count: NDArray[Any]
    total: NDArray[Any]


def sides(observations: Observations, value: NDArray[np.float32]) -> tuple[Side, Side]:
    """Return the two sides of ratings with these centred values (n,): by user, by item. No pair has two ratings."""

    def side(matrix: sp.csr_array, count: NDArray[np.int64]) -> Side:
        blocks = (matrix[first : first + ROWS] for first in range(0, len(count), ROWS))
        tiles = [[block[:, first : first + COLUMNS] for first in range(0, block.shape[1], COLUMNS)] for block in blocks]
        return Side(tiles, count, matrix.sum(1, dtype=np.float64))

    by_user = sp.csr_array(
        (value, (observations.user, observations.item)), shape=(observations.n_users, observations.n_items)
    )
    n_users, n_items = observations.counts()
    by_item = by_user.T.tocsr()
    return side(by_user, n_users), side(by_item, n_items)


class Moments(NamedTuple):
    """Coordinates theta (d, n) of rows, their squared error, and mean and variance (n,) of a direction of them."""

    theta: Floats
    error: float
    mean: Floats
    variance: Floats


def solve_side(
    side: Side,
    other: Floats,
    tau: float,
    prior: tuple[Floats, Floats],
    noise: Floats,
    direction: Floats,
    pool: Executor,
) -> Moments:
    """Return one side's coordinates theta, given the other side's (d, n_others): a draw, or the mode if noise is 0.

    The prior is precision (d, d) and mean (d, n); `noise` (d, n) is standard normal. The mean and variance returned
    describe direction (d,) . theta exactly. The error is without the part that does not depend on theta, the sum of
    (rating - the other's bias)^2.
    """
    precision, mean = prior
    of_others, pull = products(other), np.broadcast_to(precision @ mean, noise.shape)

    def solved(first: int, tiles: list[sp.csr_array]) -> Moments:
        rows = slice(first, first + ROWS)
        gram, linear = sums(tiles, *of_others)
        root = cholesky(tau * gram + precision[:, :, None])
        centre, along = forward(root, tau * linear + pull[:, rows]), forward(root, direction[:, None])
        theta = backward(root, centre + noise[:, rows])
        return Moments(theta, error(theta, gram, linear), (along * centre).sum(0), (along**2).sum(0))

    parts = list(pool.map(solved, range(0, len(side.count), ROWS), side.blocks))
    thetas, errors, means, variances = zip(*parts, strict=True)
    return Moments(np.concatenate(thetas, 1), sum(errors), np.concatenate(means), np.concatenate(variances))


def sums(
    tiles: list[sp.csr_array], bias: NDArray[np.float32], x: NDArray[np.float32], squares: NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Return, per row of a block, the sums of x x' (d, d, n; lower triangle) and of (rating - bias) x (d, n).

    Of the other side: bias (n_others,), x (n_others, d) and the products of `products`.
    """
    n, d = tiles[0].shape[0], x.shape[1]
    of_squares, linear = (np.zeros((n, table.shape[1]), np.float32) for table in (squares, x))
    for j, tile in enumerate(tiles):
        columns = slice(j * COLUMNS, (j + 1) * COLUMNS)
        rest = tile.data - bias[columns][tile.indices]
        seen, rated = (
            sp.csr_array((data, tile.indices, tile.indptr), shape=tile.shape) for data in (np.ones_like(rest), rest)
        )
        of_squares += seen @ squares[columns]
        linear += rated @ x[columns]
    gram = np.zeros((d, d, n))
    gram[np.triu_indices(d)[::-1]] = of_squares.T
    return gram, linear.T.astype(np.float64)


def products(other: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the bias (n,) of other (d, n), x = (1, factors) (n, d), and the products x x' (n, d (d + 1) / 2).

    The products are those in the lower triangle, column by column.
    """
    x = other.T.astype(np.float32, order="C")
    bias = x[:, 0].copy()
    x[:, 0] = 1.0
    columns, rows = np.triu_indices(len(other))
    return bias, x, x[:, rows] * x[:, columns]


def error(theta: Floats, gram: Floats, linear: Floats) -> float:
    """Return the sum over rows of theta' gram theta - 2 theta . linear; gram is a lower triangle."""
    weighted = np.array([(gram[j, :j] * theta[:j]).sum(0) for j in range(len(theta))])
    diagonal = np.einsum("jjn,jn->jn", gram, theta)
    return float((theta * (2 * weighted + diagonal - 2 * linear)).sum())


def cholesky(gram: Floats) -> Floats:
    """Return the lower L of gram = L L', for all rows at once, in the place of gram (d, d, n)."""
    for j in range(len(gram)):
        gram[j:, j] /= np.sqrt(gram[j, j])
        for m in range(j + 1, len(gram)):
            gram[m:, m] -= gram[m:, j] * gram[m, j]
    return gram


def forward(root: Floats, x: Floats) -> Floats:
    """Return L^-1 x for all rows at once: root (d, d, n), x (d, n) or (d, 1)."""
    x = np.array(np.broadcast_to(x, root.shape[1:]))
    for j in range(len(root)):
        x[j] /= root[j, j]
        x[j + 1 :] -= root[j + 1 :, j] * x[j]
    return x


def backward(root: Floats, x: Floats) -> Floats:
    """Return L'^-1 x for all rows at once: root (d, d, n), x (d, n)."""
    x = x.copy()
    for j in reversed(range(len(root))):
        x[j] = (x[j] - (root[j + 1 :, j] * x[j + 1 :]).sum(0)) / root[j, j]
    return x

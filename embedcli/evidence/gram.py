"""Ratings as sparse matrices in blocks of rows, and the normal equations of every row at once, on all cores.

Threads share the blocks, which are the same for any number of threads: so are the results, to the byte.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Table
from embedcli.evidence.observations import Observations

ROWS, COLUMNS = 2048, 8192  # of a tile: what it reads and adds up stays in the cache of a core


@dataclass(frozen=True)
class Side:
    """Ratings less their mean, seen from the users or from the items, and their numbers by row (n_rows,).

    `blocks` are the tiles (ROWS, COLUMNS) of each block of rows, the last with the rest. `order`, if the values are to
    change, is the position among the observations of each value of a tile.
    """

    blocks: list[list[sp.csr_array]]
    count: NDArray[np.int64]
    n_columns: int
    order: list[list[NDArray[np.int32]]] | None = None

    def parts(self) -> Iterator[tuple[slice, list[sp.csr_array]]]:
        """Yield (rows, tiles) of every block."""
        for first, tiles in zip(range(0, len(self.count), ROWS), self.blocks, strict=True):
            yield slice(first, first + ROWS), tiles

    def set_values(self, value: Table) -> None:
        """Replace the values by those of the observations (n,)."""
        assert self.order is not None
        for tiles, positions in zip(self.blocks, self.order, strict=True):
            for tile, position in zip(tiles, positions, strict=True):
                tile.data[:] = value[position]


def sides(observations: Observations, value: Table, *, may_change: bool = False) -> tuple[Side, Side]:
    """Return the two sides of ratings with these centred values (n,): by user, by item. No pair has two ratings."""
    shape = observations.n_users, observations.n_items

    def tiled(matrix: sp.csr_array) -> list[list[sp.csr_array]]:
        blocks = (matrix[first : first + ROWS] for first in range(0, matrix.shape[0], ROWS))
        return [[block[:, first : first + COLUMNS] for first in range(0, block.shape[1], COLUMNS)] for block in blocks]

    def side(data: NDArray[Any], count: NDArray[np.int64], *, is_turned: bool) -> list[list[sp.csr_array]]:
        matrix = sp.csr_array((data, (observations.user, observations.item)), shape=shape)
        return tiled(matrix.T.tocsr() if is_turned else matrix)

    made = []
    for is_turned, count in enumerate(observations.counts()):
        order = None
        if may_change:
            positions = side(np.arange(len(value), dtype=np.int32), count, is_turned=bool(is_turned))
            order = [[tile.data for tile in tiles] for tiles in positions]
        made.append(Side(side(value, count, is_turned=bool(is_turned)), count, shape[1 - is_turned], order))
    return made[0], made[1]


class Solved(NamedTuple):
    """Coordinates theta (d, n) of the rows of a side: a draw, and the mean that it is drawn around.

    `error` (n,) is the sum of (rating - the other's bias - theta . x)^2 less that of the ratings' squares; `variance`
    (n,) that of the direction asked for, or None.
    """

    theta: Floats
    mean: Floats
    error: Floats
    variance: Floats | None


def solve_side(
    side: Side,
    other: Floats,
    prior: tuple[Floats, Floats],
    noise: Floats,
    pool: Executor,
    *,
    tau: Floats | float = 1.0,
    weight: Floats | None = None,
    direction: Floats | None = None,
) -> Solved:
    """Return one side's coordinates theta given the other side's (d, n_others), whose first row is the bias.

    The prior is precision (d, d) and mean (d, n); `noise` (d, n) is standard normal, 0 for the mode. The precision of a
    rating is `tau` (n,) of its row times `weight` (n_others,) of the other's. The variance is that of
    direction (d,) . theta.
    """
    precision, mean = prior
    of_others, pull = products(other, weight), np.broadcast_to(precision @ mean, noise.shape)
    taus = np.broadcast_to(tau, noise.shape[1:])

    def solved(part: tuple[slice, list[sp.csr_array]]) -> Solved:
        rows, tiles = part
        gram, linear, squares = sums(tiles, *of_others)
        root = cholesky(taus[rows] * gram + precision[:, :, None])
        centre = backward(root, forward(root, taus[rows] * linear + pull[:, rows]))
        theta = centre + backward(root, noise[:, rows])
        variance = None if direction is None else (forward(root, direction[:, None]) ** 2).sum(0)
        return Solved(theta, centre, squares + quadratic(theta, gram, linear), variance)

    thetas, means, errors, variances = zip(*pool.map(solved, side.parts()), strict=True)
    variance = None if direction is None else np.concatenate(variances)
    return Solved(np.concatenate(thetas, 1), np.concatenate(means, 1), np.concatenate(errors), variance)


def products(other: Floats, weight: Floats | None = None) -> tuple[Table, Table]:
    """Return what a rating adds to the sums of its row, from its other side (d, n) with the bias c in row 0.

    With x = (1, factors) and weight w: w x x' (lower triangle, column by column), w c x and w c^2, whatever the rating;
    and w x, w c, to be multiplied by the rating.
    """
    x = other.T.astype(np.float32, order="C")
    bias = x[:, :1].copy()
    x[:, 0] = 1.0
    columns, rows = np.triu_indices(len(other))
    weighted = x if weight is None else x * weight.astype(np.float32)[:, None]
    weighted_bias = bias * weighted[:, :1]
    seen = np.concatenate([x[:, rows] * weighted[:, columns], bias * weighted, bias * weighted_bias], 1)
    return seen, np.concatenate([weighted, weighted_bias], 1)


def sums(tiles: list[sp.csr_array], of_seen: Table, of_rated: Table) -> tuple[Floats, Floats, Floats]:
    """Return each row's sums of x x' (d, d, n; lower triangle), of (rating - c) x (d, n), and of c^2 - 2 c rating.

    The tables are those of `products`, and all sums are weighted as they are.
    """
    d = of_rated.shape[1] - 1
    seen, rated = add_up(tiles, of_seen, of_rated)
    gram = np.zeros((d, d, len(seen)))
    gram[np.triu_indices(d)[::-1]] = seen[:, : -d - 1].T
    linear = (rated[:, :d] - seen[:, -d - 1 : -1]).T.astype(np.float64)
    return gram, linear, (seen[:, -1] - 2 * rated[:, -1]).astype(np.float64)


def add_up(tiles: list[sp.csr_array], of_seen: Table, of_rated: Table | None = None) -> tuple[Table, Table]:
    """Add up, for each row of a block, the rows of a table (n_others, m), and ratings times the rows of another."""
    n = tiles[0].shape[0]
    seen = np.zeros((n, of_seen.shape[1]), np.float32)
    rated = np.zeros((n, 0 if of_rated is None else of_rated.shape[1]), np.float32)
    for j, tile in enumerate(tiles):
        columns = slice(j * COLUMNS, (j + 1) * COLUMNS)
        seen += sp.csr_array((np.ones_like(tile.data), tile.indices, tile.indptr), shape=tile.shape) @ of_seen[columns]
        if of_rated is not None:
            rated += tile @ of_rated[columns]
    return seen, rated


def totals(side: Side, table: Table, pool: Executor) -> Table:
    """Return the sums over the ratings of each row of the rows of a table (n_others, m): (n, m)."""
    return np.concatenate(list(pool.map(lambda part: add_up(part[1], table)[0], side.parts())))


def quadratic(theta: Floats, gram: Floats, linear: Floats) -> Floats:
    """Return theta' gram theta - 2 theta . linear of each row (n,); gram is a lower triangle."""
    weighted = np.array([(gram[j, :j] * theta[:j]).sum(0) for j in range(len(theta))])
    diagonal = np.einsum("jjn,jn->jn", gram, theta)
    total: Floats = (theta * (2 * weighted + diagonal - 2 * linear)).sum(0)
    return total


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

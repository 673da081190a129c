"""What is known of users and items besides the values of their ratings: who rated what, how many, tags and columns.

Features are tables (n, m) whose columns are orthogonal over the rows with ratings: each weight is drawn on its own.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Table
from embedcli.evidence.gram import Side, totals

OVERSAMPLED, ITERATIONS = 16, 2  # of the randomised singular value decomposition (Halko, Martinsson and Tropp 2011)


class Bags(NamedTuple):
    """Who rated what: `table` (n, r) = sum over a row's ratings of `directions` (n_others, r), / sqrt(their number)."""

    table: Table
    directions: Table


def who_rated_what(side: Side, other: Side, rank: int, rng: np.random.Generator, pool: Executor) -> Bags:
    """Return the leading left singular vectors times values of the 0/1 matrix of ratings, each row divided by sqrt(n).

    For users these are the implicit features of SVD++ (Koren 2008), in a basis of `rank` directions instead of one
    direction for each item; for items the same the other way round.
    """
    shrink = (np.maximum(side.count, 1) ** -0.5).astype(np.float32)[:, None]
    rank = min(rank, len(shrink) - 1, side.n_columns - 1)

    def forth(table: Table) -> Table:
        return shrink * totals(side, table, pool)

    def back(table: Table) -> Table:
        return totals(other, shrink * table, pool)

    basis = forth(rng.standard_normal((side.n_columns, rank + OVERSAMPLED), dtype=np.float32))
    for _ in range(ITERATIONS):
        basis = forth(np.linalg.qr(back(np.linalg.qr(basis)[0]))[0])
    seen = back(np.linalg.qr(basis)[0])
    squares, vectors = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    leading = slice(-1, -1 - max(rank, 0), -1)
    lengths = np.sqrt(np.maximum(squares[leading], 1e-12 * squares[-1] + 1e-30))
    directions = seen @ (vectors[:, leading] / lengths).astype(np.float32)
    table = forth(directions)  # its columns are orthogonal only nearly, and the chain would leave for infinity
    turn = np.linalg.eigh((table.T @ table).astype(np.float64))[1].astype(np.float32)
    return Bags(table @ turn, directions @ turn)


def popularity(count: NDArray[Any]) -> Floats:
    """Return (1, log (n + 1)) of each row, (n, 2)."""
    return np.column_stack([np.ones(len(count)), np.log1p(count)])


def orthogonal(table: NDArray[Any], is_rated: NDArray[np.bool_]) -> Floats:
    """Return the map (m, m') of a table's columns (n, m) to orthogonal ones over the rated rows."""
    _, lengths, axes = np.linalg.svd(table[is_rated].astype(np.float64), full_matrices=False)
    kept: Floats = axes[lengths > 1e-6 * lengths.max(initial=0)].T
    return kept


class Known(NamedTuple):
    """Tables of what is known of users (U, m) and of items (I, m') besides their ratings, or None."""

    users: Table | None = None
    items: Table | None = None


class Features(NamedTuple):
    """Tables of all features of the users and of the items, and what a new user's are computed from."""

    users: list[Table]
    items: list[Table]
    directions: Table  # of `Bags`, of the users
    of_popularity: Floats  # map (2, m') of `popularity`
    average: Floats  # (m,) of the users' last table: who they are

    def weights_of_new(self, weights: Sequence[Floats]) -> Floats:
        """Return the weights (r + 2, d) of a new user's features, given the weights of each table of users.

        The features are the mean direction, 1 and log (n + 1). Who a new user is, is not known: the average counts.
        """
        of_bags, of_popularity, of_known = weights
        raw = self.of_popularity @ of_popularity
        raw[0] += self.average @ of_known
        return np.concatenate([of_bags, raw])


def features_of(both: tuple[Side, Side], known: Known, rank: int, rng: np.random.Generator, pool: Executor) -> Features:
    """Return the features of users and items, given the sides of their ratings."""

    def of_side(side: Side, other: Side, table: Table | None) -> tuple[list[Table], Table, Floats]:
        is_rated = side.count > 0
        bags, of_n = who_rated_what(side, other, rank, rng, pool), popularity(side.count)
        turn = orthogonal(of_n, is_rated)
        table = np.zeros((len(of_n), 0), np.float32) if table is None else table
        turned = [of_n @ turn, table @ orthogonal(table, is_rated)]
        return [bags.table, *(own.astype(np.float32) for own in turned)], bags.directions, turn

    (users, directions, turn), (items, *_) = of_side(*both, known.users), of_side(*both[::-1], known.items)
    average = users[-1][both[0].count > 0].mean(0, dtype=np.float64)
    return Features(users, items, directions, turn, average)

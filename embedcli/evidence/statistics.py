"""Ranks, p-values and matching in numpy: scipy's take a second to import, longer than most commands work."""

from math import erfc, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def average_ranks(values: NDArray[Any]) -> Floats:
    """Rank values (n,), or the columns of (n, K), from 1 on; ties have their mean rank."""
    if values.ndim == 2:
        return np.stack([average_ranks(column) for column in values.T], axis=1) if values.shape[1] else values * 1.0
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[inverse]
    return ranks


def spearman(a: Floats, b: Floats) -> float:
    """Return the rank correlation of a (n,) and b (n,); 0 if either is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(average_ranks(a), average_ranks(b))[0, 1])


def upper_tail(z: Floats) -> Floats:
    """Return the probability that a standard normal number is above z, of any shape."""
    tail: Floats = np.vectorize(lambda value: erfc(value / sqrt(2)) / 2, otypes=[np.float64])(z)
    return tail


def normal_of_t(t: Floats, n_free: int) -> Floats:
    """Return the standard normal number with the tail of Student's t of `n_free` degrees of freedom (Wallace 1959)."""
    normal: Floats = (8 * n_free + 1) / (8 * n_free + 3) * np.sqrt(n_free * np.log1p(t * t / n_free))
    return normal


def students_t(normal: float, n_free: int) -> float:
    """Return Student's t of `n_free` degrees of freedom with the tail of a standard normal number, by the same."""
    root = normal * (8 * n_free + 3) / (8 * n_free + 1)
    return float(np.sqrt(n_free * np.expm1(root * root / n_free)))


def false_discovery_rates(p: Floats) -> Floats:
    """Adjust p-values (n,), or the columns of (n, K), by Benjamini and Hochberg 1995."""
    n = len(p)
    order = np.argsort(-p, axis=0)  # the largest first
    times = n / np.arange(n, 0, -1.0)
    adjusted = np.take_along_axis(p, order, 0) * (times if p.ndim == 1 else times[:, None])
    q = np.empty_like(adjusted)
    np.put_along_axis(q, order, np.minimum.accumulate(adjusted, axis=0).clip(max=1), 0)
    return q


def best_assignment(gains: Floats) -> NDArray[np.int64]:
    """Assign rows to columns so that the sum of their gains (R, C), R <= C, is largest -> columns (R,).

    Kuhn and Munkres's Hungarian method by shortest augmenting paths: each row in turn takes a column, and rows that
    lose theirs take others, along the path of least regret.
    """
    n_rows, n_columns = gains.shape
    row_price, column_price = np.zeros(n_rows + 1), np.zeros(n_columns)
    owner = np.full(n_columns + 1, n_rows)  # the row of each column; n_rows for none
    for row in range(n_rows):
        owner[n_columns], column = row, n_columns  # a column outside the table holds the row that looks for one
        least, path, seen = np.full(n_columns, np.inf), np.full(n_columns, n_columns), np.zeros(n_columns, dtype=bool)
        while owner[column] != n_rows:
            if column < n_columns:
                seen[column] = True
            regret = row_price[owner[column]] - gains[owner[column]] - column_price
            shorter = ~seen & (regret < least)
            least[shorter], path[shorter] = regret[shorter], column
            nearest = int(np.where(seen, np.inf, least).argmin())
            step = least[nearest]
            row_price[owner[np.append(np.flatnonzero(seen), n_columns)]] -= step
            column_price[seen] -= step
            least[~seen] -= step
            column = nearest
        while column != n_columns:
            owner[column], column = owner[path[column]], path[column]
    columns = np.empty(n_rows, dtype=np.int64)
    taken = owner[:-1] < n_rows
    columns[owner[:-1][taken]] = np.flatnonzero(taken)
    return columns

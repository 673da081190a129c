"""Ranks and p-values in numpy: scipy.stats takes a second to import, longer than most commands work."""

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


def false_discovery_rates(p: Floats) -> Floats:
    """Adjust p-values (n,), or the columns of (n, K), by Benjamini and Hochberg 1995."""
    n = len(p)
    order = np.argsort(-p, axis=0)  # the largest first
    times = n / np.arange(n, 0, -1.0)
    adjusted = np.take_along_axis(p, order, 0) * (times if p.ndim == 1 else times[:, None])
    q = np.empty_like(adjusted)
    np.put_along_axis(q, order, np.minimum.accumulate(adjusted, axis=0).clip(max=1), 0)
    return q

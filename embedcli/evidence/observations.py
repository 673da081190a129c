"""Ratings as bare arrays, the model with biases alone that every other one is measured by."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats
from embedcli.evidence.cores import n_cores

BLOCK = 1 << 20  # rows
DAMPING = 5.0  # ratings at the prior mean that a damped mean starts from
SWEEPS = 10  # over users and items, of the model that others are measured by


@dataclass(frozen=True)
class Observations:
    """Ratings (n,) by codes of users and items, no pair twice; users and items without any are counted too."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    value: NDArray[np.float32]
    n_users: int
    n_items: int

    def take(self, rows: NDArray[Any] | slice) -> Observations:
        """Return some rows, given by positions, a mask or a slice."""
        return replace(self, user=self.user[rows], item=self.item[rows], value=self.value[rows])

    def blocks(self) -> list[slice]:
        """Return the rows in blocks that are worth a thread."""
        return [slice(first, first + BLOCK) for first in range(0, len(self.value), BLOCK)]

    def counts(self, seen: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of ratings of each user (U,) and of each item (I,), of all rows or those `seen` (n,)."""
        n_users, n_items = np.zeros(self.n_users, np.int64), np.zeros(self.n_items, np.int64)
        for rows in self.blocks():
            for codes, n in ((self.user[rows], n_users), (self.item[rows], n_items)):
                n += np.bincount(codes if seen is None else codes[seen[rows]], minlength=len(n))
        return n_users, n_items


@dataclass(frozen=True)
class BiasModel:
    """A mean, the biases of the users (U,) and the items (I,), and the numbers of ratings that each is from."""

    mean: float
    user_bias: Floats
    item_bias: Floats
    n_by_user: NDArray[np.int64]
    n_by_item: NDArray[np.int64]

    def predict(self, rows: Observations) -> Floats:
        """Predict the value of each row."""
        predicted: Floats = self.mean + self.user_bias[rows.user] + self.item_bias[rows.item]
        return predicted

    def residuals(self, rows: Observations) -> Floats:
        """Return the value of each row less its prediction."""
        residuals: Floats = rows.value - self.mean - self.user_bias[rows.user] - self.item_bias[rows.item]
        return residuals


def bias_model(
    observations: Observations,
    damping: float,
    sweeps: int,
    *,
    seen: NDArray[np.bool_] | None = None,
    start: BiasModel | None = None,
) -> BiasModel:
    """Fit a model with biases alone, to all rows or to those `seen` (n,).

    Each bias is the damped mean of its ratings less the other biases. Users and items are computed in turn (ridge
    regression by alternating steps), from the item biases of `start`, or from none. The result does not depend on the
    number of threads: they share blocks of rows.
    """
    user, item, value = observations.user, observations.item, observations.value
    mean = float(value.mean(dtype=np.float64, where=True if seen is None else seen))
    n_by_user, n_by_item = observations.counts(seen)
    item_bias = np.zeros(len(n_by_item)) if start is None else start.item_bias
    user_bias = np.zeros(len(n_by_user))

    def total(codes: NDArray[np.int32], n: int, others: NDArray[np.int32], bias: Floats) -> Floats:
        def of_block(rows: slice) -> NDArray[Any]:
            rest = value[rows] - mean - bias[others[rows]]
            return np.bincount(codes[rows], rest if seen is None else rest * seen[rows], n)

        return sum(pool.map(of_block, observations.blocks()), np.zeros(n))

    with ThreadPoolExecutor(n_cores()) as pool:
        for _ in range(sweeps):
            user_bias = damped_mean(total(user, len(n_by_user), item, item_bias), n_by_user, damping)
            item_bias = damped_mean(total(item, len(n_by_item), user, user_bias), n_by_item, damping)
    return BiasModel(mean, user_bias, item_bias, n_by_user, n_by_item)


def damped_mean(total: NDArray[Any], n: NDArray[Any], damping: float = DAMPING, prior_mean: float = 0.0) -> Floats:
    """Return the means of n values with these totals and of `damping` further values at `prior_mean`."""
    mean: Floats = (total + damping * prior_mean) / (n + damping)
    return mean

"""Ratings as bare arrays, the model with biases alone that every other one is measured by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats

DAMPING = 5.0  # ratings at the prior mean that a damped mean starts from


@dataclass(frozen=True)
class Observations:
    """Ratings (n,) by codes of users and items; users and items without any are counted too."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    value: NDArray[np.float32]
    n_users: int
    n_items: int

    def take(self, rows: NDArray[Any]) -> Observations:
        """Return the ratings of these rows (positions or a mask)."""
        return replace(self, user=self.user[rows], item=self.item[rows], value=self.value[rows])

    @property
    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of ratings of each user (U,) and of each item (I,)."""
        return np.bincount(self.user, minlength=self.n_users), np.bincount(self.item, minlength=self.n_items)


@dataclass(frozen=True)
class BiasModel:
    """A mean, and the biases of the users (U,) and the items (I,)."""

    mean: float
    user_bias: Floats
    item_bias: Floats

    def predict(self, rows: Observations) -> Floats:
        """Predict the value of each row."""
        predicted: Floats = self.mean + self.user_bias[rows.user] + self.item_bias[rows.item]
        return predicted

    def residuals(self, rows: Observations) -> Floats:
        """Return the value of each row less its prediction."""
        residuals: Floats = rows.value - self.mean - self.user_bias[rows.user] - self.item_bias[rows.item]
        return residuals


def bias_model(observations: Observations, damping: float, sweeps: int) -> BiasModel:
    """Fit a model with biases alone.

    Each bias is the damped mean of its ratings less the other biases. Users and items are computed in turn (ridge
    regression by alternating steps).
    """
    user, item = observations.user, observations.item
    mean = float(observations.value.mean(dtype=np.float64))
    value = observations.value - mean
    n_users, n_items = observations.counts
    user_bias, item_bias = np.zeros(len(n_users)), np.zeros(len(n_items))
    for _ in range(sweeps):
        user_bias = damped_mean(np.bincount(user, value - item_bias[item], len(n_users)), n_users, damping)
        item_bias = damped_mean(np.bincount(item, value - user_bias[user], len(n_items)), n_items, damping)
    return BiasModel(mean, user_bias, item_bias)


def damped_mean(total: NDArray[Any], n: NDArray[np.int64], damping: float = DAMPING, prior_mean: float = 0.0) -> Floats:
    """Return the means of n values with these totals and of `damping` further values at `prior_mean`."""
    mean: Floats = (total + damping * prior_mean) / (n + damping)
    return mean

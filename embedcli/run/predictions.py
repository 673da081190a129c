"""Predictions of a factor model from its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.float32]]
Range = tuple[float, float]
Floats = NDArray[np.floating]

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias", "global_bias")
CHUNK = 1 << 14  # predictions at a time


def sigmoid(logits: Floats) -> NDArray[Any]:
    """Return 1 / (1 + exp(-logits)), the share of the range that a prediction reaches."""
    with np.errstate(over="ignore"):  # the share is then 0
        share: Floats = 1 / (1 + np.exp(-logits))
    return share


def ratings_of(logits: Floats, y_range: Range | None) -> NDArray[Any]:
    """Return the ratings that logits stand for: within `y_range`, or without one (the identity link) themselves."""
    if y_range is None:
        return logits
    low, high = y_range
    return low + (high - low) * sigmoid(logits)


def predict(
    arrays: Arrays, user: NDArray[np.int32], item: NDArray[np.int32], y_range: Range | None
) -> NDArray[np.float32]:
    """Predict the ratings of pairs of user and item (n,) with every member -> (M, n)."""
    users, items, user_bias, item_bias, level = (arrays[name] for name in NAMES)
    predicted = np.empty((len(level), len(user)), dtype=np.float32)
    step = max(1, CHUNK // len(level))
    for begin in range(0, len(user), step):
        u, i = user[begin : begin + step], item[begin : begin + step]
        logits = np.einsum("mnk,mnk->mn", users[:, u], items[:, i]) + user_bias[:, u] + item_bias[:, i]
        predicted[:, begin : begin + step] = ratings_of(logits + level[:, None], y_range)
    return predicted

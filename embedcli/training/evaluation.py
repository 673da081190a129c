"""How well a model predicts, and the baselines it must beat.

Protocol of every figure: RMSE and MAE over all rows given (never a mean of per-user figures), predictions
clipped to the rating scale, users and items without training ratings scored like all others.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.run.record import Score
from embedcli.training.model import EmbeddingDotBias

PROTOCOL = "RMSE and MAE over all test rows, predictions clipped to the rating scale, cold users and items scored"
CHUNK = 1 << 14  # predictions at a time
DAMPING = 5.0  # ratings
SWEEPS = 10


def score(model: str, predictions: NDArray[np.floating], ratings: Ratings) -> Score:
    """Score predictions (n,) of the rows of `ratings` by the protocol of this module."""
    error = np.clip(predictions, *ratings.data.scale).astype(np.float64) - ratings.value
    return Score(model, float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error))))


@torch.no_grad()
def predict(model: EmbeddingDotBias, ratings: Ratings) -> NDArray[np.float32]:
    """Predict every row of `ratings` with every member -> (M, n)."""
    device = model.biases.device
    user, item = (torch.from_numpy(codes).to(device, torch.int64)[None] for codes in (ratings.user, ratings.item))
    rows = max(1, CHUNK // model.n_members)
    chunks = [model(u, i) for u, i in zip(user.split(rows, 1), item.split(rows, 1), strict=True)]
    return torch.cat(chunks, 1).cpu().numpy()


def baselines(train: Ratings, test: Ratings) -> list[Score]:
    """Score what needs no factors: the global mean, and user and item biases alone.

    The biases are damped means of residuals (5 ratings of damping), item and user in turn, ten sweeps.
    """
    mean = float(train.value.mean(dtype=np.float64))
    user_bias, item_bias = np.zeros(len(train.users)), np.zeros(len(train.items))
    for _ in range(SWEEPS):
        item_bias = _damped_mean(train.item, train.value - mean - user_bias[train.user], len(item_bias))
        user_bias = _damped_mean(train.user, train.value - mean - item_bias[train.item], len(user_bias))
    return [
        score("global mean", np.full(len(test), mean), test),
        score("user + item bias", mean + user_bias[test.user] + item_bias[test.item], test),
    ]


def _damped_mean(codes: NDArray[np.int32], residual: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    return np.bincount(codes, residual, n) / (np.bincount(codes, minlength=n) + DAMPING)

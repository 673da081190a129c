"""How well a model predicts, and the baselines it must beat.

Protocol of every figure: RMSE and MAE over all rows given (never a mean of per-user figures), predictions
clipped to the rating scale, users and items without training ratings scored like all others.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

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
    figures = float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error)))
    return Score(model, *figures, auc(predictions, ratings.value) if ratings.data.implicit else None)


def auc(predictions: NDArray[np.floating], truth: NDArray[np.floating]) -> float | None:
    """Return the chance that a row with value 1 is predicted higher than one with value 0, ties counting half.

    Mann and Whitney's U over the number of pairs; None where either kind is missing.
    """
    positive = truth > 0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    ranks = rankdata(predictions)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


@torch.no_grad()
def predict(model: EmbeddingDotBias, ratings: Ratings) -> NDArray[np.float32]:
    """Predict every row of `ratings` with every member -> (M, n)."""
    device = model.biases.device
    user, item = (torch.from_numpy(codes).to(device, torch.int64)[None] for codes in (ratings.user, ratings.item))
    rows = max(1, CHUNK // model.n_members)
    chunks = [model(u, i) for u, i in zip(user.split(rows, 1), item.split(rows, 1), strict=True)]
    return torch.cat(chunks, 1).cpu().numpy()


def baselines(train: Ratings, test: Ratings) -> list[Score]:
    """Score what needs no factors: the global mean, and user and item biases alone (5 ratings of damping)."""
    mean, user_bias, item_bias = bias_model(train, DAMPING, SWEEPS)
    return [
        score("global mean", np.full(len(test), mean), test),
        score("user + item bias", mean + user_bias[test.user] + item_bias[test.item], test),
    ]


def bias_model(ratings: Ratings, damping: float, sweeps: int) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return (mean, user biases (U,), item biases (I,)) of a model with biases alone.

    Each bias is the mean of what the others leave of its ratings, damped by so many ratings of 0; the users' and
    the items' are worked out in turn (ridge regression by alternating steps).
    """
    mean = float(ratings.value.mean(dtype=np.float64))
    value = ratings.value - mean
    n_users, n_items = counts(ratings)
    user_bias, item_bias = np.zeros(len(n_users)), np.zeros(len(n_items))
    for _ in range(sweeps):
        user_bias = np.bincount(ratings.user, value - item_bias[ratings.item], len(n_users)) / (n_users + damping)
        item_bias = np.bincount(ratings.item, value - user_bias[ratings.user], len(n_items)) / (n_items + damping)
    return mean, user_bias, item_bias


def counts(ratings: Ratings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of ratings of each user (U,) and of each item (I,)."""
    n_users = np.bincount(ratings.user, minlength=len(ratings.users))
    return n_users, np.bincount(ratings.item, minlength=len(ratings.items))

"""The one-cycle schedule of the learning rate, and what it adds up to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.run.config import TrainConfig

WARM_UP = 0.25  # share of the steps in which the learning rate rises
START_DIVISOR, END_DIVISOR = 25.0, 1e5
MEAN = 0.5 * (1 + WARM_UP / START_DIVISOR + (1 - WARM_UP) / END_DIVISOR)  # of the cycle, in units of its height


def one_cycle(epoch: int, n_epochs: int, n_steps: int, highest: float) -> NDArray[np.float32]:
    """Return the learning rates of the n steps of an epoch, counted from 0: cosine up, cosine down over all epochs.

    Smith 2018 (1cycle), with the constants of fastai's `fit_one_cycle`; each at the middle of its step.
    """
    done = (epoch + (np.arange(n_steps) + 0.5) / n_steps) / n_epochs
    up = highest / START_DIVISOR + (highest - highest / START_DIVISOR) * _rise(done / WARM_UP)
    down = highest - (highest - highest / END_DIVISOR) * _rise((done - WARM_UP) / (1 - WARM_UP))
    return np.where(done < WARM_UP, up, down).astype(np.float32)


def _rise(done: NDArray[np.float64]) -> NDArray[Any]:
    return (1 - np.cos(np.pi * done)) / 2


def shrinkage(config: TrainConfig) -> dict[str, float]:
    """Return the sum of learning rate x weight decay over the visits of one rating, by role of the weights.

    A row with n ratings is multiplied by about exp(-n times this) in a training.
    """
    total = config.n_epochs * config.learning_rate * MEAN
    return {"factors": total * config.weight_decay, "biases": total * config.bias_weight_decay}

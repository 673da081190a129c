"""The one-cycle schedule of learning rate and momentum, and what it adds up to."""

import math

from embedcli.run.config import TrainConfig

WARM_UP = 0.25  # share of the steps in which the learning rate rises
START_DIVISOR, END_DIVISOR = 25.0, 1e5
MOMENTUM = (0.95, 0.85)  # at the lowest and at the highest learning rate


def one_cycle(step: int, n_steps: int, highest: float) -> tuple[float, float]:
    """Return (learning rate, beta1) of a step: cosine up, cosine down, the momentum against it.

    Smith 2018 (1cycle), with the constants of fastai's `fit_one_cycle`.
    """
    done = step / n_steps
    if done < WARM_UP:
        height, lowest = _rise(done / WARM_UP), highest / START_DIVISOR
    else:
        height, lowest = 1 - _rise((done - WARM_UP) / (1 - WARM_UP)), highest / END_DIVISOR
    return lowest + (highest - lowest) * height, MOMENTUM[0] + (MOMENTUM[1] - MOMENTUM[0]) * height


def _rise(done: float) -> float:
    return (1 - math.cos(math.pi * done)) / 2


def steps_per_epoch(config: TrainConfig, n_ratings: int) -> int:
    """Return the steps of an epoch of a training on n ratings."""
    return math.ceil(n_ratings / config.batch_size_for(n_ratings))


def shrinkage(config: TrainConfig, n_ratings: int) -> dict[str, float]:
    """Return the sum over all steps of learning rate x weight decay, by role of the weights."""
    n_steps = config.n_epochs * steps_per_epoch(config, n_ratings)
    total = sum(one_cycle(step, n_steps, config.learning_rate)[0] for step in range(n_steps))
    return {"factors": total * config.weight_decay, "biases": total * config.bias_weight_decay}

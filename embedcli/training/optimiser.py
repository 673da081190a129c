"""AdamW on a one-cycle schedule."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim.adamw import adamw

EPS = 1e-8
BETA2 = 0.99
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


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), a decay for each parameter.

    It keeps the moments and calls torch's functional form: the class of torch.optim imports torch's compiler
    when it is first used, which takes longer than a whole training here.
    """

    def __init__(self, decays: list[tuple[Tensor, float]]) -> None:
        """Take (parameter, weight decay) pairs."""
        self.states = [
            (
                parameter,
                decay,
                torch.zeros_like(parameter),
                torch.zeros_like(parameter),
                _step_count(parameter),
            )
            for parameter, decay in decays
        ]

    @torch.no_grad()
    def step(self, learning_rate: float, beta1: float) -> None:
        """Update every parameter by its gradient, and clear the gradients."""
        for parameter, decay, mean, square, count in self.states:
            assert parameter.grad is not None
            adamw(
                [parameter],
                [parameter.grad],
                [mean],
                [square],
                [],
                [count],
                foreach=False,
                fused=True,
                amsgrad=False,
                beta1=beta1,
                beta2=BETA2,
                lr=learning_rate,
                weight_decay=decay,
                eps=EPS,
                maximize=False,
            )
            parameter.grad = None


def _step_count(parameter: Tensor) -> Tensor:
    return torch.zeros((), device=parameter.device)

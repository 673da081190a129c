"""Gradient descent by hand: fit y = a x + b, one row at a time.

    python examples/gradient_descent_by_hand.py

The data lie on y = 2 x + 30, which the fit does not know: it starts at a = b = 1. For one row the squared error is

    loss = (a x + b - y)^2

The derivative says how the loss changes when a or b is raised a little. There are three ways to get it:

- Try it: add 0.01 to b, look at the loss again, divide the change by 0.01. That is finite differencing. It costs one
  more prediction for every parameter, and it is a little off, since the loss is curved: by 0.01 for b and by
  0.01 x^2 for a. (Half a step to either side cancels the curvature; tests of gradients use that.)
- Work it out: with error = a x + b - y, the chain rule gives d loss / d b = 2 error and d loss / d a = 2 error x.
- Have it worked out: autograd writes down every operation, and applies the chain rule backwards.

Then step against the derivative, times a learning rate: a -= 1e-4 * d loss / d a. A step on each row in turn is
stochastic gradient descent (SGD); once through the rows is an epoch. The learning rate cannot be much larger here: at
x near 100 the loss along a curves by 2 x^2 = 20,000, and a step of more than 2 / 20,000 = 1e-4 would overshoot by
more than it corrects. So b, whose slope is gentle, creeps. optimisers_from_scratch.py shows what helps.
"""

from __future__ import annotations

import numpy as np
import torch
from made_data import run_script
from numpy.typing import NDArray

TRUE_A, TRUE_B = 2.0, 30.0
LEARNING_RATE = 1e-4
STEP = 0.01  # of the finite differences
N_ROWS = 30


def rows(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y on the line, the first row being x = 14, y = 58."""
    x = np.random.default_rng(seed).integers(5, 95, N_ROWS).astype(float)
    x[0] = 14
    return x, TRUE_A * x + TRUE_B


def loss(a: float, b: float, x: float, y: float) -> float:
    """Return the squared error of one row."""
    return (a * x + b - y) ** 2


def by_finite_differences(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """Return (d loss / d a, d loss / d b), by trying."""
    here = loss(a, b, x, y)
    return (loss(a + STEP, b, x, y) - here) / STEP, (loss(a, b + STEP, x, y) - here) / STEP


def by_hand(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """Return (d loss / d a, d loss / d b), by the chain rule."""
    error = a * x + b - y
    return 2 * error * x, 2 * error


def by_autograd(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """Return (d loss / d a, d loss / d b), by PyTorch."""
    parameters = torch.tensor([a, b], dtype=torch.float64, requires_grad=True)
    (parameters[0] * x + parameters[1] - y).square().backward()
    assert parameters.grad is not None
    slope_a, slope_b = parameters.grad.tolist()
    return slope_a, slope_b


def step(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """Return a and b after one step of SGD on one row."""
    slope_a, slope_b = by_hand(a, b, x, y)
    return a - LEARNING_RATE * slope_a, b - LEARNING_RATE * slope_b


def main(*, small: bool = False) -> dict[str, tuple[float, ...]]:
    """Print the first row's derivatives in three ways, then the fit; return the numbers."""
    xs, ys = rows()
    a = b = 1.0
    x, y = float(xs[0]), float(ys[0])
    figures: dict[str, tuple[float, ...]] = {"loss": (loss(a, b, x, y),)}
    print(f"the first row: x = {x:g}, y = {y:g}; at a = b = 1 the squared error is {loss(a, b, x, y):g}\n")
    print(f"{'':22}{'d loss / d a':>14}{'d loss / d b':>14}")
    for name, slopes in (
        ("finite differences", by_finite_differences(a, b, x, y)),
        ("by hand", by_hand(a, b, x, y)),
        ("autograd", by_autograd(a, b, x, y)),
    ):
        figures[name] = slopes
        print(f"{name:22}{slopes[0]:14.2f}{slopes[1]:14.2f}")
    figures["first step"] = step(a, b, x, y)
    print(f"\nafter the first step: a = {figures['first step'][0]:.4f}, b = {figures['first step'][1]:.4f}\n")

    print(f"{'epoch':>5}{'a':>10}{'b':>10}{'mean squared error':>21}")
    for epoch in range(1, (300 if small else 3000) + 1):
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            a, b = step(a, b, x, y)
        if epoch in (1, 10, 100, 300, 1000, 3000):
            print(f"{epoch:5}{a:10.4f}{b:10.4f}{np.mean((a * xs + b - ys) ** 2):21.6f}")
    print(f"{'truth':>5}{TRUE_A:10.4f}{TRUE_B:10.4f}")
    figures["fitted"] = (a, b)
    return figures


if __name__ == "__main__":
    run_script(main, __doc__)

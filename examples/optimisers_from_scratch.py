"""Optimisers from scratch: SGD, momentum, RMSprop and Adam, a few lines each, and a race between them.

    python examples/optimisers_from_scratch.py

SGD steps against the gradient g. What is added to it:

- Momentum steps along a running sum of gradients, v = 0.9 v + g: steps that agree add up to ten times the gradient,
  steps to and fro cancel.
- RMSprop divides by the gradient's own recent size, s = 0.99 s + 0.01 g^2: each parameter gets a learning rate of its
  own, large where gradients are small or rare. The embedding of a film that few have rated is such a place.
- Adam does both, and divides both averages by what they have seen so far (1 - beta^step), since they start at zero.

`embedcli train` keeps RMSprop's idea and spares its cost: one size for the whole embedding of a user or film, updated
only by a rating of it (embedcli/training/engines).

The functions below are stepped beside those of `torch.optim` and stay equal to them. Then each trains the dot-bias
model, rating = sigmoid(mu + b_u + b_i + p_u . q_i) stretched to the stars, from the same start on the same
minibatches, and the error on ratings left out is drawn. Each has the best of the learning rates 1, 2, 5, 10, 20, ...
(and 0.5, 0.2, ...) after four epochs on a tenth of MovieLens 100K's training ratings. SGD's is 5,000 times Adam's:
the gradient of a mean over 512 ratings says little about any one film, and only a division by its own size makes up
for that. On MovieLens 100K SGD has the biases soon, but then it waits: the gradient of p_u is a multiple of q_i and
the other way round, and both start near zero. Adam and RMSprop look past the size of a gradient, and are away sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from made_data import RATINGS, ratings, run_script
from torch import Tensor

from embedcli.data.ratings import Split
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import predict
from embedcli.training.config import resolve
from embedcli.training.engines.torch import one_thread
from embedcli.training.evaluation import score
from embedcli.training.model import new_model

BATCH_SIZE = 512
Memory = dict[str, Tensor]
Optimiser = Callable[..., None]  # (parameter, gradient, what it remembers of this parameter, learning_rate=...)


def sgd(w: Tensor, g: Tensor, memory: Memory, *, learning_rate: float) -> None:
    """Step against the gradient."""
    w -= learning_rate * g


def momentum(w: Tensor, g: Tensor, memory: Memory, *, learning_rate: float, beta: float = 0.9) -> None:
    """Step against a running sum of the gradients."""
    memory["sum"] = beta * memory.get("sum", torch.zeros_like(w)) + g
    w -= learning_rate * memory["sum"]


def rmsprop(w: Tensor, g: Tensor, memory: Memory, *, learning_rate: float, beta: float = 0.99) -> None:
    """Step against the gradient over its root mean square."""
    memory["square"] = beta * memory.get("square", torch.zeros_like(w)) + (1 - beta) * g**2
    w -= learning_rate * g / (memory["square"].sqrt() + 1e-8)


def adam(w: Tensor, g: Tensor, memory: Memory, *, learning_rate: float) -> None:
    """Step against the mean gradient over its root mean square, both corrected for their start at zero."""
    beta1, beta2 = 0.9, 0.999
    memory["step"] = memory.get("step", torch.zeros((), dtype=torch.float64)) + 1
    memory["mean"] = beta1 * memory.get("mean", torch.zeros_like(w)) + (1 - beta1) * g
    memory["square"] = beta2 * memory.get("square", torch.zeros_like(w)) + (1 - beta2) * g**2
    mean, square = memory["mean"] / (1 - beta1 ** memory["step"]), memory["square"] / (1 - beta2 ** memory["step"])
    w -= learning_rate * mean / (square.sqrt() + 1e-8)


OPTIMISERS: dict[str, tuple[Optimiser, Callable[..., torch.optim.Optimizer], float]] = {  # ours, torch's, rate
    "SGD": (sgd, torch.optim.SGD, 10.0),
    "Momentum": (momentum, partial(torch.optim.SGD, momentum=0.9), 1.0),
    "RMSprop": (rmsprop, torch.optim.RMSprop, 0.002),
    "Adam": (adam, torch.optim.Adam, 0.002),
}


def difference(name: str, n_steps: int = 100) -> float:
    """Return the largest difference between our weights and those of torch.optim over some steps downhill."""
    ours, theirs, _ = OPTIMISERS[name]
    x = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w, memory = torch.ones(4, dtype=torch.float64), Memory()
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimiser, largest = theirs([weights], lr=0.02), 0.0
    for _ in range(n_steps):
        optimiser.zero_grad()
        (x @ weights - x[:, 0]).square().mean().backward()
        optimiser.step()
        ours(w, 2 * x.T @ (x @ w - x[:, 0]) / len(x), memory, learning_rate=0.02)
        largest = max(largest, float((w - weights.detach()).abs().max()))
    return largest


@one_thread()
def race(name: str, split: Split, n_epochs: int) -> list[float]:
    """Train the dot-bias model and return the RMSE on the ratings left out, four times an epoch."""
    (step, _, rate), train, rng = OPTIMISERS[name], split.train, np.random.default_rng(0)
    model, test = new_model(train, resolve(TrainConfig(n_factors=20), train), [rng]), split.test
    memories: list[Memory] = [{} for _ in model.parameters()]
    columns = [torch.from_numpy(column) for column in (train.user.astype(np.int64), train.item, train.value)]
    n_batches = len(train) // BATCH_SIZE + 1
    batches = [rows for _ in range(n_epochs) for rows in np.array_split(rng.permutation(len(train)), n_batches)]
    curve = []
    for number, rows in enumerate(batches, 1):
        user, item, value = (column[rows][None] for column in columns)
        model.zero_grad()
        (model(user, item) - value).square().mean().backward()
        with torch.no_grad():
            for w, memory in zip(model.parameters(), memories, strict=True):
                step(w, w.grad, memory, learning_rate=rate)
        if number % (n_batches // 4) == 0:
            predicted = predict(model.arrays(), test.user, test.item, model.y_range)
            curve.append(score("", predicted[0], test).rmse)
    return curve


def draw(curves: dict[str, list[float]], height: int = 15) -> None:
    """Print the curves, each as its first letter; a star is where two meet."""
    high, low = max(map(max, curves.values())), min(map(min, curves.values()))
    grid = [[" "] * len(curves["SGD"]) for _ in range(height)]
    for name, curve in curves.items():
        for column, value in enumerate(curve):
            row = grid[round((high - value) / (high - low) * (height - 1))]
            row[column] = name[0] if row[column] == " " else "*"
    for number, line in enumerate(grid):
        print(f"{high - (high - low) * number / (height - 1):6.3f} | {'  '.join(line)}")


def main(data: str | None = None, *, small: bool = False) -> dict[str, dict[str, float]]:
    """Print how far our optimisers are from torch's, then race them; return the differences and the last errors."""
    differences = {name: difference(name) for name in OPTIMISERS}
    for name, value in differences.items():
        print(f"{name:9} differs from torch.optim by at most {value:.0e} in 100 steps")
    print()
    split = ratings(data, small=small).split("random", seed=0)
    n_epochs = 2 if small else max(4, 200_000 // len(split.train))
    curves = {name: race(name, split, n_epochs) for name in OPTIMISERS}
    print(f"RMSE on {len(split.test):,} ratings left out, four times in each of {n_epochs} epochs:\n")
    draw(curves)
    print()
    for name, curve in curves.items():
        print(f"{name[0]}  {name:9}learning rate {OPTIMISERS[name][2]:<6g} RMSE at the end {curve[-1]:.3f}")
    return {"difference": differences, "rmse": {name: curve[-1] for name, curve in curves.items()}}


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

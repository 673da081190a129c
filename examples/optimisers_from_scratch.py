# %% [markdown]
"""Optimisers from scratch: SGD, momentum, RMSprop and Adam, and two races between them.

    python examples/optimisers_from_scratch.py [--data PATH] [--small]

An *optimiser* is the rule that makes a step from a gradient g. (The *gradient* of a parameter is the derivative of the
loss by that parameter.) The step is always

    w -= learning_rate * step

and SGD's step is g itself. The others remember something of the gradients before:

- *Momentum* takes a running average of the gradients, v = 0.9 v + 0.1 g. Steps to and fro cancel, steps that agree
  stay. PyTorch takes the running sum, v = 0.9 v + g. That is ten times the average. So the sum at a learning rate of
  1e-5 is the average at 1e-4, and if you change from one to the other, change the learning rate too.
- *RMSprop* divides g by its own recent size. The size is the root of a running mean of squares: s = 0.99 s + 0.01 g^2,
  step = g / sqrt(s). So each parameter gets a learning rate of its own. It is large if gradients are small or rare.
- *Adam* does both. It also divides both averages by what they have seen so far (1 - beta^n after n steps), because
  they start at zero and are too small at first.

First race: the line of the lesson's spreadsheet (gradient_descent_by_hand.py). How many epochs until the mean squared
error is below 0.01?

Second race: ratings. Each optimiser trains the dot-bias model, rating = sigmoid(mu + b_u + b_i + p_u . q_i) stretched
to the stars, from the same start on the same minibatches. What counts is the error on ratings that are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from gradient_descent_by_hand import ROWS, by_hand, mean_squared_error
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
NEAR = 0.01  # the mean squared error at which the line is found
T = TypeVar("T", float, Tensor)  # a rule works on one number, and on a tensor of parameters
Memory = dict[str, Any]  # what an optimiser remembers of a parameter
Rule = Callable[[Any, Memory], Any]


# %%
def sgd(g: T, memory: Memory) -> T:
    """Return the gradient."""
    return g


def average(g: T, memory: Memory, beta: float = 0.9) -> T:
    """Return the running average of the gradients: momentum, as in the lesson's spreadsheet."""
    v: T = beta * memory.get("average", 0.0) + (1 - beta) * g
    memory["average"] = v
    return v


def momentum(g: T, memory: Memory, beta: float = 0.9) -> T:
    """Return the running sum of the gradients: momentum, as in PyTorch."""
    v: T = beta * memory.get("sum", 0.0) + g
    memory["sum"] = v
    return v


def rmsprop(g: T, memory: Memory, beta: float = 0.99) -> T:
    """Return the gradient over its root mean square."""
    memory["square"] = beta * memory.get("square", 0.0) + (1 - beta) * g**2
    step: T = g / (memory["square"] ** 0.5 + 1e-8)
    return step


def adam(g: T, memory: Memory, beta1: float = 0.9, beta2: float = 0.999) -> T:
    """Return the mean gradient over its root mean square, both corrected for their start at zero."""
    n = memory["n"] = memory.get("n", 0) + 1
    memory["mean"] = beta1 * memory.get("mean", 0.0) + (1 - beta1) * g
    memory["square"] = beta2 * memory.get("square", 0.0) + (1 - beta2) * g**2
    step: T = memory["mean"] / (1 - beta1**n) / ((memory["square"] / (1 - beta2**n)) ** 0.5 + 1e-8)
    return step


OPTIMISERS: dict[str, tuple[Rule, Callable[..., torch.optim.Optimizer], float]] = {  # ours, torch's, rate on ratings
    "SGD": (sgd, torch.optim.SGD, 10.0),
    "Momentum": (momentum, partial(torch.optim.SGD, momentum=0.9), 1.0),
    "RMSprop": (rmsprop, torch.optim.RMSprop, 0.002),
    "Adam": (adam, torch.optim.Adam, 0.002),
}
ON_THE_LINE: tuple[tuple[str, Rule, float], ...] = (  # name, rule, learning rate
    ("SGD", sgd, 1e-4),
    ("momentum, average", average, 1e-4),
    ("momentum, average", average, 5e-4),
    ("momentum, sum", momentum, 1e-5),
    ("momentum, sum", momentum, 1e-4),
    ("RMSprop (0.9, 0.1)", partial(rmsprop, beta=0.9), 0.02),
    ("Adam", adam, 0.1),
)


# %% [markdown]
# ## Are the rules right?
# Each rule is stepped beside the one of `torch.optim`, on the same small problem.


# %%
def difference(name: str, n_steps: int = 100) -> float:
    """Return the largest difference between our weights and those of torch.optim over some steps downhill."""
    rule, theirs, _ = OPTIMISERS[name]
    x = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    w, memory = torch.ones(4, dtype=torch.float64), Memory()
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimiser, largest = theirs([weights], lr=0.02), 0.0
    for _ in range(n_steps):
        optimiser.zero_grad()
        (x @ weights - x[:, 0]).square().mean().backward()
        optimiser.step()
        w -= 0.02 * rule(2 * x.T @ (x @ w - x[:, 0]) / len(x), memory)
        largest = max(largest, float((w - weights.detach()).abs().max()))
    return largest


# %% [markdown]
# ## First race: the line
# The learning rates are those of the lesson. SGD and momentum have one rate for a and b: it must be small for a, and b
# waits. RMSprop and Adam divide each gradient by its own size, so a and b go at the same speed.


# %%
def epochs_needed(rule: Rule, learning_rate: float, at_most: int = 5000) -> int | None:
    """Return how many epochs a rule needs from a = b = 1 to the line, or None if it diverges or does not arrive."""
    a = b = 1.0
    memory_a, memory_b = Memory(), Memory()
    for epoch in range(1, at_most + 1):
        for x, y in ROWS:
            slope_a, slope_b = by_hand(a, b, x, y)
            a -= learning_rate * rule(slope_a, memory_a)
            b -= learning_rate * rule(slope_b, memory_b)
        error = mean_squared_error(a, b)
        if error < NEAR:
            return epoch
        if error > 1e9:
            return None
    return None


def race_on_the_line() -> dict[str, int | None]:
    """Print the first steps of average and sum, and the epochs that each rule needs; return the epochs."""
    of_average, of_sum = Memory(), Memory()
    steps = [(average(1.0, of_average), momentum(1.0, of_sum)) for _ in range(100)]
    print(f"momentum, if every gradient is 1:  step{'1':>7}{'2':>8}{'3':>8}{'100':>8}")
    for name, column in zip(
        ("average, v = 0.9 v + 0.1 g", "sum,     v = 0.9 v +     g"), zip(*steps, strict=True), strict=True
    ):
        print(f"  {name:32}" + "".join(f"{column[n]:8.3f}" for n in (0, 1, 2, 99)))
    print(f"\nThe line y = 2 x + 30, from a = b = 1: epochs until the mean squared error is below {NEAR:g}\n")
    print(f"{'rule':20}{'learning rate':>15}{'epochs':>10}")
    found = {}
    for name, rule, rate in ON_THE_LINE:
        epochs = found[f"{name} {rate:g}"] = epochs_needed(rule, rate)
        print(f"{name:20}{rate:15g}{'diverges' if epochs is None else format(epochs, ','):>10}")
    print()
    return found


# %% [markdown]
# ## Second race: ratings
# Each optimiser has the best of the learning rates 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) after four epochs on a
# tenth of MovieLens 100K's training ratings. SGD's rate is 5,000 times Adam's. The gradient of a mean over 512 ratings
# says little about any one film, and only a division by its own size makes up for that.
#
# On MovieLens 100K SGD has learned the biases soon, but then it waits. The gradient of p_u is a multiple of q_i and the
# other way round, and both start near zero. Adam and RMSprop divide by the size of the gradient, so they do not wait.
#
# `embedcli train` keeps RMSprop's idea and saves its cost: one size for the whole embedding of a user or film. Only a
# rating of that user or film updates it (embedcli/training/engines).


# %%
@one_thread()
def race(name: str, split: Split, n_epochs: int) -> list[float]:
    """Train the dot-bias model and return the RMSE on the ratings left out, four times an epoch."""
    (rule, _, rate), train, rng = OPTIMISERS[name], split.train, np.random.default_rng(0)
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
                w.sub_(rate * rule(w.grad, memory))
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


def race_on_ratings(data: str | None, small: bool) -> dict[str, float]:
    """Print the curves of all optimisers on ratings left out; return the errors at the end."""
    split = ratings(data, small=small).split("random", seed=0)
    n_epochs = 2 if small else max(4, 200_000 // len(split.train))
    curves = {name: race(name, split, n_epochs) for name in OPTIMISERS}
    print(f"RMSE on {len(split.test):,} ratings left out, four times in each of {n_epochs} epochs:\n")
    draw(curves)
    print()
    for name, curve in curves.items():
        print(f"{name[0]}  {name:9}learning rate {OPTIMISERS[name][2]:<6g} RMSE at the end {curve[-1]:.3f}")
    return {name: curve[-1] for name, curve in curves.items()}


# %%
def main(data: str | None = None, *, small: bool = False) -> dict[str, dict[str, Any]]:
    """Hold our rules against torch's, then race them twice; return the differences, the epochs and the last errors."""
    differences = {name: difference(name) for name in OPTIMISERS}
    for name, value in differences.items():
        print(f"{name:9} differs from torch.optim by at most {value:.0e} in 100 steps")
    print()
    return {"difference": differences, "epochs": race_on_the_line(), "rmse": race_on_ratings(data, small)}


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

# %% [markdown]
# ## Try this
# - Race SGD on the line at 2e-4. Then RMSprop at 0.2: it arrives near the line, but does it stay there?
# - Leave out Adam's correction: return memory["mean"] / (memory["square"] ** 0.5 + 1e-8). Which steps are too large?
# - Give momentum a beta of 0.99. How much smaller must the learning rate of the sum be now?
#
# ## Questions
# 1. Momentum by the average needs more epochs than SGD at the same learning rate. Why does it not help here?
# 2. RMSprop's first step does not depend on the size of the gradient. What is it (s starts at zero)?
# 3. Why does a film with few ratings gain most by a learning rate of its own?

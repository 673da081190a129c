# %% [markdown]
"""Back propagation from scratch: a neural net of two layers, its gradients in numpy, and what its width is good for.

    python examples/backprop_from_scratch.py

A net has only two kinds of numbers. *Parameters* are stored and learned. *Activations* are computed, from the
parameters and the activations before them. The last activations are the predictions:

    z = x W1 + c1          a matrix product and a shift: an *affine function*
    h = max(z, 0)          *ReLU*, an activation function: it acts on each number alone, and has no parameters
    p = h W2 + c2          the predictions, by another affine function
    loss = mean((p - y)^2)

*Back propagation* is the chain rule, from the loss backwards. Each line needs only the line before it, and what the
way forward has kept (dA is short for d loss / d A, and ^T for transposed):

    dp  = 2 (p - y) / n
    dW2 = h^T dp           dc2 = dp summed over the rows          dh = dp W2^T
    dz  = dh where z > 0, else 0
    dW1 = x^T dz           dc1 = dz summed over the rows

The transposes follow from the shapes: dW2 must have the shape of W2. The gradients of the parameters make the step of
gradient descent, in the lesson's words

    weights -= weights.grad * learning_rate

The gradients of the activations are only passed on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from made_data import run_script
from numpy.typing import NDArray
from torch.nn.functional import mse_loss

Array = NDArray[np.float64]
Parameters = dict[str, Array]
X: Array = np.linspace(-2, 2, 100)[:, None]  # (n, 1)
CURVES: dict[str, Callable[[Array], Array]] = {"x^2": lambda x: x**2, "sin 3x": lambda x: np.sin(3 * x)}
WIDTHS = (1, 2, 5, 20)
N_STARTS, N_STEPS = 3, 5000
LEARNING_RATE = 0.05
STEP = 1e-6  # of the finite differences


# %%
def start(rng: np.random.Generator, width: int = 20) -> Parameters:
    """Draw the parameters, of a size that keeps the activations' size from layer to layer (He et al. 2015)."""
    return {
        "W1": rng.normal(0, np.sqrt(2), (1, width)),
        "c1": rng.normal(0, 1, width),  # spreads the kinks
        "W2": rng.normal(0, np.sqrt(2 / width), (width, 1)),
        "c2": np.zeros(1),
    }


def forward(w: Parameters, x: Array) -> dict[str, Array]:
    """Return every activation of the net."""
    z = x @ w["W1"] + w["c1"]  # (n, hidden)
    h = np.maximum(z, 0)  # (n, hidden)
    return {"x": x, "z": z, "h": h, "p": h @ w["W2"] + w["c2"]}  # p: (n, 1)


def mean_squared_error(w: Parameters, x: Array, y: Array) -> float:
    """Return the loss."""
    return float(np.mean((forward(w, x)["p"] - y) ** 2))


def backward(w: Parameters, made: dict[str, Array], y: Array) -> Parameters:
    """Return the gradient of the loss by every parameter, by back propagation."""
    dp = 2 * (made["p"] - y) / len(y)  # (n, 1)
    dz = (dp @ w["W2"].T) * (made["z"] > 0)  # (n, hidden)
    return {"W1": made["x"].T @ dz, "c1": dz.sum(0), "W2": made["h"].T @ dp, "c2": dp.sum(0)}


def by_finite_differences(w: Parameters, x: Array, y: Array) -> Parameters:
    """Return the same by trying: half a step to either side, one parameter after another."""
    gradient = {}
    for name, values in w.items():
        gradient[name] = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            nudge = np.zeros_like(values)
            nudge[place] = STEP / 2
            up, down = (mean_squared_error({**w, name: values + side}, x, y) for side in (nudge, -nudge))
            gradient[name][place] = (up - down) / STEP
    return gradient


def by_torch(w: Parameters, x: Array, y: Array) -> Parameters:
    """Return the same by PyTorch's autograd."""
    t = {name: torch.tensor(values, requires_grad=True) for name, values in w.items()}
    prediction = (torch.from_numpy(x) @ t["W1"] + t["c1"]).relu() @ t["W2"] + t["c2"]
    gradients = torch.autograd.grad(mse_loss(prediction, torch.from_numpy(y)), list(t.values()))
    return {name: gradient.numpy() for name, gradient in zip(t, gradients, strict=True)}


def furthest(one: Parameters, other: Parameters) -> float:
    """Return the largest difference between two sets of gradients."""
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def train(w: Parameters, x: Array, y: Array, n_steps: int) -> Parameters:
    """Return the parameters after some steps of gradient descent on all rows."""
    for _ in range(n_steps):
        gradient = backward(w, forward(w, x), y)
        w = {name: w[name] - LEARNING_RATE * gradient[name] for name in w}
    return w


# %%
def check() -> dict[str, float]:
    """Print the layers, how equal the gradients are, and a training; return the numbers."""
    y, w = X**2, start(np.random.default_rng(0))
    made = forward(w, X)
    for kind, layers in (("parameters", w), ("activations", made)):
        print(f"{kind:12}" + "  ".join(f"{name} {'x'.join(map(str, layer.shape))}" for name, layer in layers.items()))
    gradient = backward(w, made, y)
    figures = {
        "finite differences": furthest(gradient, by_finite_differences(w, X, y)),
        "torch": furthest(gradient, by_torch(w, X, y)),
        "loss before": mean_squared_error(w, X, y),
    }
    for other in ("finite differences", "torch"):
        print(f"back propagation and {other} differ by at most {figures[other]:.1e}")
    figures["loss after"] = mean_squared_error(train(w, X, y, 500), X, y)
    print(f"loss before training {figures['loss before']:.4f}, after 500 steps {figures['loss after']:.4f}\n")
    return figures


# %% [markdown]
# ## Universal approximation
# Without the ReLU, two affine functions are one affine function: a straight line, whatever the width. (The *width* is
# how many numbers h has for each row.) With it, the prediction has a kink wherever a number of z is zero. So one hidden
# number gives one kink, and a curve can be as close to any other curve as you like, if there are enough kinks. This is
# the *universal approximation theorem* (Cybenko 1989, Hornik 1991): one hidden layer that is wide enough comes as near
# as you like to any continuous function on an interval.
#
# The theorem says that good parameters exist. It does not say that gradient descent finds them: with 20 numbers,
# sin 3x is not fitted as well as it could be. So each width gets three starts here, and the best of them counts.


# %%
def by_width(widths: tuple[int, ...], n_steps: int) -> dict[str, list[float]]:
    """Print the loss after training by width, and the best line's; return them by curve, the line's first."""
    print(
        f"loss after {n_steps:,} steps, best of {N_STARTS} starts\n{'':12}" + "".join(f"{name:>10}" for name in CURVES)
    )
    losses = {}
    for name, curve in CURVES.items():
        y = curve(X)
        line = np.polynomial.Polynomial.fit(X[:, 0], y[:, 0], 1)
        losses[name] = [float(np.mean((line(X) - y) ** 2))]
        for width in widths:
            starts = (start(np.random.default_rng(seed), width) for seed in range(N_STARTS))
            losses[name].append(min(mean_squared_error(train(w, X, y, n_steps), X, y) for w in starts))
    for label, *row in zip(["no ReLU", *(f"width {width}" for width in widths)], *losses.values(), strict=True):
        print(f"{label:12}" + "".join(f"{loss:10.4f}" for loss in row))
    return losses


# %%
def main(*, small: bool = False) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Print the check of the gradients, and the loss by width; return the numbers."""
    return check(), by_width(WIDTHS[::3] if small else WIDTHS, N_STEPS // 10 if small else N_STEPS)


if __name__ == "__main__":
    run_script(main, __doc__)

# %% [markdown]
# ## Try this
# - Forget the ReLU on the way back: leave out `* (made["z"] > 0)`. Which of the two checks sees it?
# - Give the net 100 hidden numbers. Does sin 3x get better with N_STEPS = 5,000? With a LEARNING_RATE of 0.1?
# - Add a curve to CURVES that has a corner, such as np.abs(x). How many hidden numbers does it need?
#
# ## Questions
# 1. How many kinks can the prediction have with 5 hidden numbers?
# 2. Why must the way forward keep z, or h?
# 3. Why are parameters not all started at zero?

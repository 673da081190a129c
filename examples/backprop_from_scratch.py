"""Back propagation from scratch: a neural net of two layers, and its gradients, in numpy.

    python examples/backprop_from_scratch.py

A net has only two kinds of layers: *parameters*, numbers that are stored and learned, and *activations*, numbers that
are computed, from the parameters and the activations before them. The last activations are the predictions:

    z = x W1 + c1          a matrix product: parameters meet activations
    h = max(z, 0)          ReLU: an activation function, on each number alone; it has no parameters
    p = h W2 + c2          the predictions
    loss = mean((p - y)^2)

Without the ReLU, two matrix products would be one matrix product, a straight line. With it the prediction has a
kink wherever a number of z is zero, and enough kinks fit any curve. Here: y = x^2.

Back propagation is the chain rule, from the loss backwards. Each line needs only the line before it, and what the way
forward has kept (write dA for d loss / d A):

    dp  = 2 (p - y) / n
    dW2 = h^T dp           dc2 = dp summed over the rows          dh = dp W2^T
    dz  = dh where z > 0, else 0
    dW1 = x^T dz           dc1 = dz summed over the rows

The transposes follow from the shapes: dW2 must have W2's. The gradients of the parameters make the step of gradient
descent; those of the activations are only passed on.
"""

from __future__ import annotations

import numpy as np
import torch
from made_data import run_script
from numpy.typing import NDArray
from torch.nn.functional import mse_loss

Array = NDArray[np.float64]
Parameters = dict[str, Array]
N_ROWS, N_HIDDEN = 100, 20
LEARNING_RATE = 0.05
STEP = 1e-6  # of the finite differences


def start(rng: np.random.Generator) -> Parameters:
    """Draw the parameters, of a size that keeps the activations' size from layer to layer (He et al. 2015)."""
    return {
        "W1": rng.normal(0, np.sqrt(2), (1, N_HIDDEN)),
        "c1": rng.normal(0, 1, N_HIDDEN),  # spreads the kinks
        "W2": rng.normal(0, np.sqrt(2 / N_HIDDEN), (N_HIDDEN, 1)),
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


def main(*, small: bool = False) -> dict[str, float]:
    """Print the layers, the check of the gradients and the training; return the numbers."""
    rng = np.random.default_rng(0)
    x = np.linspace(-2, 2, N_ROWS)[:, None]
    y, w = x**2, start(rng)
    made = forward(w, x)
    for kind, layers in (("parameters", w), ("activations", made)):
        print(f"{kind:12}" + "  ".join(f"{name} {'x'.join(map(str, layer.shape))}" for name, layer in layers.items()))
    gradient = backward(w, made, y)
    figures = {
        "finite differences": furthest(gradient, by_finite_differences(w, x, y)),
        "torch": furthest(gradient, by_torch(w, x, y)),
        "loss before": mean_squared_error(w, x, y),
    }
    for other in ("finite differences", "torch"):
        print(f"back propagation and {other} differ by at most {figures[other]:.1e}")
    print(f"\n{'step':>5}  loss")
    for step in range(501 if small else 5001):
        if step in (0, 10, 100, 500, 1000, 5000):
            print(f"{step:5}  {mean_squared_error(w, x, y):.5f}")
        gradient = backward(w, forward(w, x), y)
        w = {name: w[name] - LEARNING_RATE * gradient[name] for name in w}
    figures["loss after"] = mean_squared_error(w, x, y)
    return figures


if __name__ == "__main__":
    run_script(main, __doc__)

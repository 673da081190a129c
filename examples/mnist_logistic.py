"""Read handwritten digits with one matrix, then with two: softmax, cross-entropy, the training loop, weight decay.

    python examples/mnist_logistic.py                 scikit-learn's 1,797 digits of 8 x 8 pixels
    python examples/mnist_logistic.py --data FOLDER   MNIST, from its four idx files, .gz or not

An image is a row x of numbers, one per pixel. The first model multiplies it by one matrix and adds a bias: ten outputs
z = W x + b, one per digit. The second model has two matrices, and ReLU between them. ReLU replaces every negative
number by 0; without it two matrices would be no more than one (convolution_is_a_matrix.py shows why).

The parameters are the numbers that are learned: all of W and b. The activations are the numbers that are computed from
an image: the 50 numbers after the first matrix, the 50 after ReLU, and the ten outputs.

Softmax makes probabilities of the outputs, p_c = exp(z_c) / sum_k exp(z_k): they are positive, and their sum is 1.
Cross-entropy is the loss. It is large if the true digit y has a small probability:

    loss = -log p_y = log sum_k exp(z_k) - z_y

Its derivative is simple, and this is why softmax and cross-entropy are used together. The derivative of
log sum_k exp(z_k) by z_c is p_c again; the derivative of z_y is 1 for c = y and 0 for every other c:

    d loss / d z_c = p_c - (1 if c = y else 0)        predicted minus true

Weight decay pulls every weight w towards 0. It can be a term in the loss, or a step of its own (the last part).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np
import torch
from made_data import file_in, run_script
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from embedcli.training.engines.torch import one_thread

BATCH, HIDDEN, N_SEEDS, DECAY = 64, 50, 3, 0.02
SHEET = {"cat": 0.02, "dog": -2.49, "plane": -1.75, "fish": 2.07, "building": 1.25}  # the lesson's outputs, rounded
LOWER = 1.85  # all outputs of the second image are lower by this much
SPELLINGS = ("none", "in the loss", "decoupled")


# %% 1. Softmax with numbers: the spreadsheet of the lesson
def softmax(outputs: Tensor) -> Tensor:
    """Return the probabilities of outputs (..., n_classes).

    The result is the same if one number is subtracted from all outputs. So the largest output is subtracted first.
    Without that, exp of a large output would be too large for the computer.
    """
    powers = (outputs - outputs.max(-1, keepdim=True).values).exp()
    return powers / powers.sum(-1, keepdim=True)


def worked() -> tuple[Tensor, Tensor]:
    """Print the softmax of two images with different outputs -> their probabilities, which are the same."""
    first = torch.tensor(list(SHEET.values()), dtype=torch.float64)
    second = first - LOWER
    images = (first, first.exp(), softmax(first), second, second.exp(), softmax(second))
    print("Softmax by hand. p = exp(output) / sum of all exp(output)\n")
    print(f"{'':10}{'image 1':^27}{'image 2':^27}")
    print(f"{'':10}" + 2 * f"{'output':>8}{'exp':>9}{'p':>10}")
    for row, name in enumerate(SHEET):
        a, exp_a, p_a, b, exp_b, p_b = (column[row].item() for column in images)
        print(f"{name:10}{a:8.2f}{exp_a:9.3f}{p_a:10.4f}{b:8.2f}{exp_b:9.3f}{p_b:10.4f}")
    print(f"{'sum':10}{'':8}{images[1].sum():9.3f}{images[2].sum():10.4f}{'':8}{images[4].sum():9.3f}{1:10.4f}")
    loss = -images[2][list(SHEET).index("fish")].log().item()
    print(f"\nIf image 1 is a fish, its cross-entropy is -log {images[2].max():.4f} = {loss:.4f}.")
    print("The outputs of image 2 are far lower: perhaps it shows none of these things. Softmax cannot say so:")
    print("it looks at differences only, and something must get the probability. (The sheet shows outputs of two")
    print("digits and computes with more, so its first and last p are .0805 and .2749.)\n")
    return images[2], images[5]


# %% 2. The data
@dataclass(frozen=True)
class Images:
    """Pixels from 0 to 1 (n, n_pixels) and the true digits (n,), and how long and how fast to train on them."""

    title: str
    x: Tensor
    digits: Tensor
    test_x: Tensor
    test_digits: Tensor
    n_epochs: int
    rates: dict[str, float]  # learning rate of each optimiser


def load(folder: str | None = None) -> Images:
    """Return MNIST from a folder, with its own test images; else scikit-learn's digits, a fifth of them to test on."""
    if folder is None:
        title, arrays, n_epochs, rates = "scikit-learn's digits", small_digits(), 10, {"SGD": 0.2, "Adam": 0.01}
    else:
        names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
        arrays = tuple(read_idx(folder, f"{name}-ubyte") for name in names)
        title, n_epochs, rates = "MNIST", 1, {"SGD": 0.1, "Adam": 0.001}
    x, digits, test_x, test_digits = map(torch.tensor, arrays)  # tensors of numpy's arrays, as in the lesson
    scale = 16 if folder is None else 255
    x, test_x = (pixels.flatten(1).float().div_(scale) for pixels in (x, test_x))  # float32 is enough
    return Images(title, x, digits.long(), test_x, test_digits.long(), n_epochs, rates)


def small_digits() -> tuple[NDArray[np.generic], ...]:
    """Return (images, digits, test images, test digits) of scikit-learn; the images have 8 x 8 pixels from 0 to 16."""
    from sklearn.datasets import load_digits

    x, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    rest, test = order[len(x) // 5 :], order[: len(x) // 5]
    return x[rest], digits[rest], x[test], digits[test]


def read_idx(folder: str, name: str) -> NDArray[np.generic]:
    """Return the numbers of an idx file: its fourth byte says how many lengths follow, then come the numbers."""
    path = file_in(folder, name, f"{name}.gz")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lengths = np.frombuffer(content, ">i4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(lengths)


# %% 3. The models and the training loop
class Logistic(nn.Module):
    """One linear layer: the lesson's Mnist_Logistic."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_pixels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs: (n, n_pixels) -> (n, 10)."""
        outputs: Tensor = self.linear(x)
        return outputs


class Net(nn.Module):
    """Two linear layers with ReLU between them: the lesson's Mnist_NN, 784-50-10 on MNIST."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(n_pixels, HIDDEN), nn.Linear(HIDDEN, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs: (n, n_pixels) -> (n, 10)."""
        outputs: Tensor = self.second(self.first(x).relu())
        return outputs


def train(
    images: Images, kind: type[nn.Module], rule: str, spelling: str = "none", decay: float = DECAY, seed: int = 0
) -> nn.Module:
    """Train a model by SGD or Adam; one seed always gives the same start and the same order of images."""
    torch.manual_seed(seed)
    model = kind(images.x.shape[1])
    weights, lr = list(model.parameters()), images.rates[rule]
    optimiser = torch.optim.SGD(weights, lr=lr) if rule == "SGD" else torch.optim.Adam(weights, lr=lr)
    for _ in range(images.n_epochs):
        for rows in torch.randperm(len(images.x)).split(BATCH):  # a minibatch: 64 images at a time
            loss = cross_entropy(model(images.x[rows]), images.digits[rows])
            if spelling == "in the loss":
                loss = loss + decay / 2 * torch.stack([w.square().sum() for w in weights]).sum()
            optimiser.zero_grad()
            loss.backward()  # back propagation: the gradient of the loss for every weight
            if spelling == "decoupled":
                with torch.no_grad():
                    for w in weights:
                        w.mul_(1 - lr * decay)
            optimiser.step()  # SGD: w -= lr * w.grad
    return model


@torch.no_grad()
def accuracy(model: nn.Module, images: Images) -> float:
    """Return the share of the test images whose largest output is that of the true digit."""
    return float((model(images.test_x).argmax(1) == images.test_digits).double().mean())


# %% 4. Loss and gradient by hand
def softmax_cross_entropy(outputs: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss of outputs (n, 10) and its derivative by them, as derived at the top."""
    z = outputs - outputs.max(1, keepdim=True).values
    truth = torch.eye(10, dtype=z.dtype)[digits]  # (n, 10), a 1 in each row: the digits one-hot
    loss = z.exp().sum(1).log() - (z * truth).sum(1)
    return loss.mean(), (softmax(z) - truth) / len(z)  # the mean over n images: so is each derivative


def check(images: Images) -> dict[str, float]:
    """Return how far loss and derivatives by hand are from those of torch, in float64."""
    x, digits = images.x[:BATCH], images.digits[:BATCH]
    outputs = Logistic(x.shape[1])(x).detach().double().requires_grad_()
    theirs = cross_entropy(outputs, digits)
    loss, slope = softmax_cross_entropy(outputs.detach(), digits)
    (their_slope,) = torch.autograd.grad(theirs, outputs)
    found = {"loss off": abs((loss - theirs).item()), "slope off": (slope - their_slope).abs().max().item()}
    print(f"Loss by hand and by torch: {found['loss off']:.0e} apart; the derivatives {found['slope off']:.0e}.\n")
    return found


# %% 5. One matrix against two
def one_and_two_matrices(images: Images) -> dict[str, float]:
    """Train both models with some seeds, and print how many test images they read correctly."""
    found: dict[str, float] = {}
    n_pixels = images.x.shape[1]
    print(f"Adam, epochs: {images.n_epochs}. Accuracy on the test images with {N_SEEDS} seeds:")
    for name, kind in ((f"{n_pixels}-10", Logistic), (f"{n_pixels}-{HIDDEN}-10", Net)):
        shares = [accuracy(train(images, kind, "Adam", seed=seed), images) for seed in range(N_SEEDS)]
        n_parameters = sum(w.numel() for w in kind(n_pixels).parameters())
        print(f"{name:12}{n_parameters:7,} parameters   " + "  ".join(f"{share:.3f}" for share in shares))
        found |= {f"{kind.__name__} lowest": min(shares), f"{kind.__name__} highest": max(shares)}
    print("Small images are almost as easy for one matrix. MNIST has larger ones: try --data.\n")
    return found


# %% 6. Weight decay in two spellings
# In the loss: add decay / 2 x sum w^2. Its derivative is decay x w. (The lesson leaves out the half, so its decay
# counts twice.) Decoupled from the loss: multiply w by 1 - lr x decay before a step with learning rate lr.
#
# For SGD both are the same: w - lr (gradient + decay w) = (1 - lr decay) w - lr gradient.
#
# For Adam they are not. Adam divides the gradient by its usual size, and a term in the loss is part of the gradient:
# after the division it weighs most on weights with small gradients. Decoupled (AdamW, Loshchilov and Hutter 2019),
# the decay takes the same share of every weight.
def two_spellings(images: Images, decay: float) -> dict[str, float]:
    """Train one matrix without decay, with decay in the loss and with decoupled decay; compare the weights."""
    found: dict[str, float] = {}
    print(f"{'':6}weight decay {decay:<6g}accuracy  mean |w|")
    for rule in images.rates:
        models = [train(images, Logistic, rule, spelling, decay) for spelling in SPELLINGS]
        weights = [next(model.parameters()).detach() for model in models]
        for spelling, model, weight in zip(SPELLINGS, models, weights, strict=True):
            share, size = accuracy(model, images), weight.abs().mean().item()
            print(f"{rule:6}{spelling:19}{share:8.3f}{size:10.4f}")
            found |= {f"{rule} {spelling} accuracy": share, f"{rule} {spelling} size": size}
        found[f"{rule} apart"] = (weights[1] - weights[2]).abs().max().item()
        print(f"{rule:6}the weights of the two spellings are at most {found[f'{rule} apart']:.0e} apart\n")
    return found


# %% Run it
@one_thread()  # a step is too small to share
def main(data: str | None = None, decay: float = DECAY) -> dict[str, float]:
    """Go through all parts and return the figures printed."""
    p, lower = worked()
    images = load(data)
    n, n_pixels = images.x.shape
    print(f"Trained on {images.title}: {n:,} images of {n_pixels} pixels; tested on {len(images.test_x):,} others")
    return {
        **dict(zip(SHEET, p.tolist(), strict=True)),
        "softmax apart": (p - lower).abs().max().item(),
        **check(images),
        **one_and_two_matrices(images),
        **two_spellings(images, decay),
    }


if __name__ == "__main__":
    run_script(main, __doc__, small=False, data="a folder with the four idx files of MNIST")

# %% Try this
# - Take `.relu()` out of Net. How good are two matrices without it?
# - Set HIDDEN to 5, then to 500. Which number of parameters is worth its time?
# - Set DECAY to 0.2. Which of the six rows changes most?
#
# Questions
# 1. Which outputs give the probabilities .5 and .5? Name two different pairs.
# 2. An image has the true digit 3, and p_3 = .9. What is the derivative of the loss by the output z_3, and which way
#    does a step of SGD move z_3?
# 3. Why do the two spellings of weight decay agree for SGD and not for Adam?

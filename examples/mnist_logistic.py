"""Logistic regression on handwritten digits: one linear layer, cross-entropy, and weight decay in two spellings.

    python examples/mnist_logistic.py                 scikit-learn's 1,797 digits of 8 x 8 pixels
    python examples/mnist_logistic.py --data FOLDER   MNIST, from its four idx files, .gz or not

The model is one matrix product: ten scores z = W x + b for an image x. Softmax makes probabilities of the scores,
p_c = exp(z_c) / sum_k exp(z_k): positive, and their sum is 1. Cross-entropy is how surprised the model is by the
true digit y,

    loss = -log p_y = log sum_k exp(z_k) - z_y

and its derivative is why the two come together. The derivative of log sum_k exp(z_k) by z_c is p_c again, that of
z_y is 1 where c = y and 0 elsewhere:

    d loss / d z_c = p_c - (1 if c = y else 0)        what was predicted minus what was true

Softmax does not change when all scores move by the same amount: subtract the largest, and exp cannot overflow.

Weight decay pulls every weight w towards zero. It is a term in the loss, decay / 2 x sum w^2, whose derivative is
decay x w; or decoupled from the loss: before a step at rate lr, multiply w by 1 - lr x decay. For SGD that is the
same, as w - lr (gradient + decay w) = (1 - lr decay) w - lr gradient. Adam divides the gradient by its usual size,
and a term in the loss is part of the gradient: after the division the decay weighs most on the weights whose own
gradients are small. Decoupled (AdamW, Loshchilov and Hutter 2019) it takes the same share of all weights; here that
is little, and it takes a larger decay to do as much. (The lesson leaves out the half, so its decay counts double.)
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from embedcli.training.engines.torch import one_thread

Images = tuple[Tensor, Tensor, Tensor, Tensor]  # pixels and digits to train on, pixels and digits to test on
BATCH = 64
RATES = {"SGD": 0.2, "Adam": 0.01}
SPELLINGS = ("none", "in the loss", "decoupled")


class Logistic(nn.Module):
    """One linear layer: a score per digit."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_pixels, 10, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores: (n, n_pixels) -> (n, 10)."""
        scores: Tensor = self.linear(x)
        return scores


def softmax_cross_entropy(scores: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss of scores (n, 10) and its derivative by them, as derived above."""
    z = scores - scores.max(1, keepdim=True).values
    total = z.exp().sum(1, keepdim=True)
    truth = torch.eye(10, dtype=z.dtype)[digits]  # (n, 10), a 1 in each row
    loss = total.log().squeeze(1) - (z * truth).sum(1)
    return loss.mean(), (z.exp() / total - truth) / len(z)  # the mean over n images: so is each derivative


@one_thread()  # a step is too small to share
def train(images: Images, rule: str, spelling: str, decay: float, n_epochs: int) -> Logistic:
    """Train by SGD or Adam, from the same start and in the same order every time."""
    x, digits = images[:2]
    torch.manual_seed(0)
    model = Logistic(x.shape[1])
    weights, lr = list(model.parameters()), RATES[rule]
    optimiser = torch.optim.SGD(weights, lr=lr) if rule == "SGD" else torch.optim.Adam(weights, lr=lr)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = cross_entropy(model(x[rows]), digits[rows])
            if spelling == "in the loss":
                loss = loss + decay / 2 * torch.cat([w.flatten() for w in weights]).square().sum()
            optimiser.zero_grad()
            loss.backward()
            if spelling == "decoupled":
                with torch.no_grad():
                    for w in weights:
                        w.mul_(1 - lr * decay)
            optimiser.step()
    return model


def load(folder: Path | None) -> Images:
    """Return the digits of scikit-learn, a fifth of them to test on, or MNIST with its own test set."""
    if folder is not None:
        x, test_x = (read_idx(folder, f"{part}-images-idx3-ubyte").flatten(1) / 255 for part in ("train", "t10k"))
        digits, test_digits = (read_idx(folder, f"{part}-labels-idx1-ubyte").long() for part in ("train", "t10k"))
        return x, digits, test_x, test_digits
    from sklearn.datasets import load_digits

    x, digits = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(x)))
    rest, test = order[len(x) // 5 :], order[: len(x) // 5]
    return x[rest] / 16, digits[rest], x[test] / 16, digits[test]  # pixels from 0 to 1


def read_idx(folder: Path, name: str) -> Tensor:
    """Return the numbers of an idx file: its fourth byte says how many lengths follow, then come the numbers."""
    path = folder / f"{name}.gz"
    content = gzip.decompress(path.read_bytes()) if path.exists() else (folder / name).read_bytes()
    lengths = np.frombuffer(content, ">i4", content[3], 4)
    return torch.tensor(
        np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(lengths), dtype=torch.float64
    )


def check(images: Images) -> dict[str, float]:
    """Return how far loss and derivatives by hand are from those of torch and autograd."""
    x, digits = images[0][:BATCH], images[1][:BATCH]
    scores = Logistic(x.shape[1])(x).detach().requires_grad_()
    theirs = cross_entropy(scores, digits)
    loss, slope = softmax_cross_entropy(scores.detach(), digits)
    (their_slope,) = torch.autograd.grad(theirs, scores)
    return {"loss off": abs((loss - theirs).item()), "slope off": (slope - their_slope).abs().max().item()}


def main(folder: Path | None = None, n_epochs: int = 10, decay: float = 0.02) -> dict[str, float]:
    """Check the derivation, train with either spelling of the decay, and return the figures printed."""
    images = load(folder)
    test_x, test_digits = images[2:]
    found = check(images)
    print(f"{len(images[0]):,} digits to train on, {len(test_x):,} to test on, {test_x.shape[1]} pixels each")
    print(f"by hand and by torch: loss {found['loss off']:.0e} apart, its derivatives {found['slope off']:.0e}\n")
    print(f"{'':6}weight decay  accuracy  mean |w|")
    for rule in RATES:
        models = [train(images, rule, spelling, decay, n_epochs) for spelling in SPELLINGS]
        for spelling, model in zip(SPELLINGS, models, strict=True):
            accuracy = (model(test_x).argmax(1) == test_digits).double().mean().item()
            size = model.linear.weight.abs().mean().item()
            print(f"{rule:6}{spelling:12}{accuracy:10.3f}{size:10.4f}")
            found |= {f"{rule} {spelling} accuracy": accuracy, f"{rule} {spelling} size": size}
        _, in_loss, decoupled = (model.linear.weight.detach() for model in models)
        found[f"{rule} apart"] = (in_loss - decoupled).abs().max().item()
        print(f"{rule:6}weights of the two spellings: at most {found[f'{rule} apart']:.0e} apart\n")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="a folder with the idx files of MNIST")
    main(parser.parse_args().data)

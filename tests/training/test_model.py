"""The model and its schedule, against independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import one_cycle

M, U, N, K, B = 2, 5, 7, 3, 11


@pytest.fixture
def model() -> EmbeddingDotBias:
    """Return a model with random weights."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(M, U + N, K)).astype(np.float32)
    model = EmbeddingDotBias(factors, U, global_bias=0.3, y_range=(0, 5.5))
    with torch.no_grad():
        model.biases.copy_(torch.from_numpy(rng.normal(size=M * (U + N)).astype(np.float32)))
    return model


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return users, items and ratings, different for each member, with rows that repeat."""
    rng = np.random.default_rng(1)
    user, item = (torch.from_numpy(rng.integers(0, n, (M, B))) for n in (U, N))
    return user, item, torch.from_numpy(rng.integers(1, 6, (M, B)).astype(np.float32))


def test_prediction_is_the_formula(model: EmbeddingDotBias) -> None:
    """A prediction is lo + (hi - lo) * sigmoid(mu + b_u + b_i + p_u . q_i), for each member."""
    arrays = model.arrays()
    predicted = model(torch.tensor([[4]]), torch.tensor([[6]])).detach().numpy()
    for m in range(M):
        dot = arrays["user_factors"][m, 4] @ arrays["item_factors"][m, 6]
        logit = 0.3 + arrays["user_bias"][m, 4] + arrays["item_bias"][m, 6] + dot
        assert predicted[m, 0] == pytest.approx(5.5 / (1 + np.exp(-logit)), rel=1e-5)


def test_gradient_is_autograds(model: EmbeddingDotBias, batch: tuple[torch.Tensor, ...]) -> None:
    """The gradient written out is the one autograd finds, and so is the loss."""
    user, item, rating = batch
    loss = (model(user, item) - rating).square().mean(1).sum()
    expected = torch.autograd.grad(loss, [model.factors, model.biases])
    found = model.set_gradient(user, item, rating)
    torch.testing.assert_close(found, loss.detach())
    torch.testing.assert_close(model.factors.grad, expected[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.biases.grad, expected[1], atol=1e-6, rtol=1e-5)


def test_logistic_gradient_is_autograds(model: EmbeddingDotBias, batch: tuple[torch.Tensor, ...]) -> None:
    """With logistic loss the gradient is that of torch's cross-entropy of probabilities."""
    model.logistic, model.low, model.high = True, 0.0, 1.0
    user, item, rating = batch
    taken = (rating > 3).float()
    loss = torch.nn.functional.binary_cross_entropy(model(user, item), taken, reduction="none").mean(1).sum()
    expected = torch.autograd.grad(loss, [model.factors, model.biases])
    found = model.set_gradient(user, item, taken)
    torch.testing.assert_close(found, loss.detach())
    torch.testing.assert_close(model.factors.grad, expected[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.biases.grad, expected[1], atol=1e-6, rtol=1e-5)


def test_one_cycle_rises_and_falls() -> None:
    """The learning rate goes from 1/25 of its height to its height in a quarter of the steps, then to nothing."""
    rates, momenta = zip(*(one_cycle(step, 100, 1.0) for step in range(100)), strict=True)
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[25] == 1
    assert rates[-1] < 1e-3
    assert (momenta[0], momenta[25]) == (pytest.approx(0.95), pytest.approx(0.85))
    assert np.all(np.diff(rates[:26]) > 0)
    assert np.all(np.diff(rates[25:]) < 0)

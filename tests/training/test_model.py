"""The model and its schedule, against independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from embedcli.run.config import TrainConfig
from embedcli.training.engines import BIAS_RATE
from embedcli.training.engines.torch import step
from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import MEAN, one_cycle

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


@pytest.mark.parametrize("logistic", [False, True])
def test_biases_move_down_the_gradient(
    model: EmbeddingDotBias, batch: tuple[torch.Tensor, ...], logistic: bool
) -> None:
    """A step moves the biases against autograd's gradient of the loss, the ratings as shares of the range.

    The loss is the squared error, or with implicit feedback torch's cross-entropy of probabilities.
    """
    user, item, rating = batch
    share = rating / 5.5
    if logistic:
        model.logistic, share = True, (rating > 3).float()
    error = torch.nn.functional.binary_cross_entropy if logistic else torch.nn.functional.mse_loss
    (slope,) = torch.autograd.grad(error(model(user, item) / 5.5, share, reduction="sum"), [model.biases])
    before, moment = model.biases.detach().clone(), torch.ones_like(model.biases)
    config = TrainConfig(n_factors=K, bias_weight_decay=0)
    step(model, moment, torch.zeros_like(moment, dtype=torch.int64), user, item, share, 0.01, config)
    torch.testing.assert_close(model.biases.detach(), before - 0.01 * BIAS_RATE * slope, atol=1e-5, rtol=1e-4)


def test_one_cycle_rises_and_falls() -> None:
    """The learning rate goes from 1/25 of its height to its height in a quarter of the steps, then to nothing."""
    rates = np.concatenate([one_cycle(epoch, 5, 20_000, 1.0) for epoch in range(5)])
    assert rates[0] == pytest.approx(1 / 25, rel=1e-4)
    assert abs(rates.argmax() - 25_000) < 100
    assert rates.max() == pytest.approx(1)
    assert rates[-1] < 2e-5
    assert np.all(np.diff(rates[:24_900]) >= 0)
    assert np.all(np.diff(rates[25_100:]) <= 0)
    assert rates.mean(dtype=np.float64) == pytest.approx(MEAN, abs=1e-6)

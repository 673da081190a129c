"""The door of the engines: `learn(model, ratings, config, state)`, against the rule stepped by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from planted import World

from embedcli.data.ratings import Ratings
from embedcli.run.config import TrainConfig
from embedcli.training.engines.torch import BETA2, EPS, learn
from embedcli.training.learn import start
from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import one_cycle
from embedcli.training.state import TrainingState

CONFIG = TrainConfig(n_factors=3, n_epochs=4, n_members=2, batch_size=100, y_range=(0.0, 5.5))
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def few(world: World) -> Ratings:
    """Return 400 ratings."""
    return world.ratings.take(np.arange(400))


def begin(ratings: Ratings, config: TrainConfig = CONFIG) -> tuple[EmbeddingDotBias, TrainingState]:
    """Return an untrained model and its state, the same at every call."""
    return start(ratings, config, [np.random.default_rng(seed) for seed in range(config.n_members)])


def gradients(
    factors: Floats, biases: Floats, level: float, user: NDArray[np.int64], item: NDArray[np.int64], value: Floats
) -> tuple[Floats, Floats]:
    """Return the gradient of the mean squared error, one rating after another; items stand below the users."""
    of_factors, of_biases = np.zeros_like(factors), np.zeros_like(biases)
    for u, i, rating in zip(user, item, value, strict=True):
        share = 1 / (1 + np.exp(-(level + biases[u] + biases[i] + factors[u] @ factors[i])))
        slope = 2 * (5.5 * share - rating) * 5.5 * share * (1 - share) / len(value)
        of_factors[u] += slope * factors[i]
        of_factors[i] += slope * factors[u]
        of_biases[u] += slope
        of_biases[i] += slope
    return of_factors, of_biases


def test_steps_are_adamw_by_hand(few: Ratings) -> None:
    """Two epochs of one member, of two steps each, are AdamW by its formula: decay, schedule and order of the rows."""
    config = replace(CONFIG, n_members=1, n_epochs=2, batch_size=200, learning_rate=0.1, bias_weight_decay=0.1)
    model, state = begin(few, config)
    weights = [weight.detach().numpy().astype(np.float64) for weight in model.parameters()]
    means, squares = ([np.zeros_like(w) for w in weights] for _ in range(2))
    order = np.random.default_rng(0)
    order.normal(size=weights[0].shape)  # the start of the factors
    for step, rows in enumerate(np.split(np.r_[order.permutation(400), order.permutation(400)], 4)):
        rate, beta1 = one_cycle(step, 4, 0.1)
        batch = few.user[rows].astype(np.int64), few.item[rows].astype(np.int64) + len(few.users), few.value[rows]
        for j, gradient in enumerate(gradients(*weights, model.global_bias, *batch)):
            means[j] = beta1 * means[j] + (1 - beta1) * gradient
            squares[j] = BETA2 * squares[j] + (1 - BETA2) * gradient**2
            move = means[j] / (1 - beta1 ** (step + 1)) / (np.sqrt(squares[j] / (1 - BETA2 ** (step + 1))) + EPS)
            weights[j] = weights[j] * (1 - rate * (config.weight_decay, 0.1)[j]) - rate * move
    assert [rate for _, rate in learn(model, few, config, state)] == [one_cycle(step, 4, 0.1)[0] for step in (1, 3)]
    for (name, weight), expected, mean in zip(model.named_parameters(), weights, means, strict=True):
        np.testing.assert_allclose(weight.detach(), expected, atol=1e-5)
        np.testing.assert_allclose(state.moments[name][0], mean, atol=1e-6)
    assert (state.step, state.epoch) == (4, 2)


@pytest.mark.parametrize("n_first", [1, 3])
def test_state_carries_on(few: Ratings, n_first: int) -> None:
    """Training some epochs, and the rest from the same state later, gives the same bytes as training all at once."""
    (whole, state), (parts, carried) = begin(few), begin(few)
    rates = list(learn(whole, few, CONFIG, state))
    assert [*islice(learn(parts, few, CONFIG, carried), n_first), *learn(parts, few, CONFIG, carried)] == rates
    for weight, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(weight, other)
    assert list(learn(whole, few, CONFIG, state)) == []


def test_weights_are_views_of_the_parameters(few: Ratings) -> None:
    """On the CPU the arrays of the model share the memory of its parameters, and the moments are updated in place."""
    model, state = begin(few)
    before, moments = model.arrays(), state.moments["factors"]
    was = before["item_factors"].copy()
    next(learn(model, few, CONFIG, state))
    assert (before["item_factors"] != was).any()
    assert moments is state.moments["factors"]
    assert moments[0].any()


def test_number_of_threads_does_not_matter(few: Ratings) -> None:
    """One thread and two train to the same bytes."""
    threads, trained = torch.get_num_threads(), []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        model, state = begin(few)
        list(learn(model, few, CONFIG, state))
        trained.append(b"".join(weight.tobytes() for weight in model.arrays().values()))
    torch.set_num_threads(threads)
    assert trained[0] == trained[1]


def test_members_see_their_own_rows(few: Ratings) -> None:
    """A member with rows of its own never learns of the others: the items only they rate keep their start."""
    model, state = begin(few)
    seen = np.flatnonzero(few.item < 60)
    state.rows = np.stack([seen, seen])
    for _ in learn(model, few, replace(CONFIG, weight_decay=0, bias_weight_decay=0), state):
        pass
    unseen = model.arrays()["item_bias"][:, 60:]
    assert not unseen.any()
    assert model.arrays()["item_bias"][:, :60].any()

"""The protocol of every figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.training.evaluation import baselines, score


def test_errors_are_global_and_clipped(world: World) -> None:
    """RMSE and MAE are over all rows, and a prediction outside the scale counts as its nearest end."""
    ratings = replace(world.ratings.take(np.arange(2)), value=np.array([5, 1], np.float32))
    found = score("any", np.array([7.0, 3.0]), ratings)
    assert (found.rmse, found.mae) == (pytest.approx(2**0.5), 1.0)


def test_bias_baseline_recovers_additive_ratings(world: World) -> None:
    """Where ratings are nothing but user plus item, the bias baseline leaves little of the error of the mean."""
    user, item = np.meshgrid(np.arange(60), np.arange(60))
    value = 3 + np.linspace(-1, 1, 60)[user] + np.linspace(-1, 1, 60)[item]
    ratings = replace(
        world.ratings,
        user=user.ravel().astype(np.int32),
        item=item.ravel().astype(np.int32),
        value=value.ravel().astype(np.float32),
        timestamp=None,
    )
    split = ratings.split("random", seed=0)
    mean, biases = baselines(split.train, split.test)
    assert mean.rmse == pytest.approx(np.sqrt(2 / 3), abs=0.06)  # two uniform variables of variance 1/3 each
    assert biases.rmse < 0.1 * mean.rmse

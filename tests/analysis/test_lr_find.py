"""The learning-rate finder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke
from planted import World

from embedcli.analysis.lr_find import learning_rates
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig
from embedcli.training import lr_find


def test_the_lowest_loss_and_a_tenth_of_it() -> None:
    """The rates found are that of the lowest smoothed loss and a tenth of it, around their geometric mean."""
    rates = np.geomspace(1e-4, 10, 501)
    found = learning_rates(rates, 1 + (np.log10(rates) + 1.5) ** 2)
    assert found.high == pytest.approx(10**-1.5, rel=0.3)  # smoothing lags by nine steps
    assert found.high > 10**-1.5
    assert (found.low, found.suggested) == (pytest.approx(found.high / 10), pytest.approx(found.high / 10**0.5))


def test_smoothing_is_debiased() -> None:
    """A constant loss stays what it is from the first step on, and tells no rate."""
    with pytest.raises(UsageError, match="lowest at an end"):
        learning_rates(np.geomspace(1e-4, 10, 50), np.full(50, 2.0))


def test_training_rows_tell_a_rate_near_the_default(world: World) -> None:
    """On the planted world, the loss falls, then rises: the sweep ends early, and tells a usable rate."""
    split = world.ratings.split("random", seed=0)
    rates, losses = lr_find.try_rates(split, TrainConfig(n_factors=8))
    assert len(rates) == len(losses)
    assert np.isfinite(losses).all()
    found = learning_rates(rates, losses)
    assert rates[-1] < lr_find.HIGHEST / 2
    assert 0.003 < found.suggested < 0.1


def test_users_of_large_data_are_drawn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large data only some users are tried, each with all of his ratings."""
    monkeypatch.setattr(lr_find, "MOST_RATINGS", len(world.ratings) // 2)
    some = lr_find.some_users(world.ratings, np.random.default_rng(0))
    assert 0.3 < len(some) / len(world.ratings) < 0.7
    counts, whole = (np.bincount(rows.user, minlength=len(rows.users)) for rows in (some, world.ratings))
    assert np.isin(counts, [0]).any()
    assert ((counts == 0) | (counts == whole)).all()


def test_train_lr_find(made_files: Path, embedcli: Invoke) -> None:
    """`train --lr-find` answers in every format and saves no run; a picture of a training is an error."""
    result = embedcli("train", made_files, "--lr-find", "--json")
    assert {"tried", "low", "high", "suggested"} <= json.loads(result.stdout).keys()
    assert "wrote lr.svg" in embedcli("train", made_files, "--lr-find", "-o", "lr.svg").stderr
    assert not Path("runs").exists()
    assert "not a picture" in embedcli("train", made_files, "-o", "run.png").stderr

"""Training."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from planted import World

from embedcli.data.ratings import Ratings
from embedcli.data.scale import y_range_for
from embedcli.errors import TrainingError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.record import Epoch, Run
from embedcli.run.store import save
from embedcli.training import assess as assess_module
from embedcli.training import learn as learn_module
from embedcli.training.fit import fit
from embedcli.training.schedule import one_cycle, shrinkage

SMALL = TrainConfig(n_factors=4, n_epochs=1, n_members=2, n_folds=0, n_draws=0)


def test_planted_truth_comes_back(world: World, trained: Run) -> None:
    """The bias of an item is what the average user thinks of it, up to noise."""
    rated = trained.item_stats.n_ratings >= 10
    bias = trained.array("item_bias").mean(0)
    assert np.corrcoef(bias[rated], world.quality[rated])[0, 1] > 0.95


def test_model_beats_biases_which_beat_the_mean(trained: Run) -> None:
    """Where ratings follow from a factor, each model is better than the one it contains."""
    mean, biases, one, averaged, posterior = (score.rmse for score in trained.training.scores)
    assert mean > biases + 0.1 > one > averaged > posterior


def test_same_seed_same_bytes(world: World, tmp_path: Path) -> None:
    """The same seed gives the same model.safetensors, byte for byte."""
    split = world.ratings.split("random", seed=0)
    paths = [tmp_path / "runs" / save(fit(split, SMALL), tmp_path / "runs").name for _ in range(2)]
    first, second = ((path / "model.safetensors").read_bytes() for path in paths)
    assert first == second


def test_seeds_share_no_member(world: World) -> None:
    """Runs with seeds 0 and 1 have no member in common, and no two members of a run are the same."""
    split = world.ratings.split("random", seed=0)
    members = [m for seed in (0, 1) for m in fit(split, replace(SMALL, seed=seed)).array("item_factors")]
    for one, other in combinations(members, 2):
        assert np.abs(one - other).max() > 0.01  # equal members differ by rounding


def test_members_do_not_depend_on_their_number(world: World) -> None:
    """The first member of two is the single member of one: members share nothing but the ratings."""
    split = world.ratings.split("random", seed=0)
    two, one = (fit(split, replace(SMALL, n_members=n)).array("item_bias") for n in (2, 1))
    np.testing.assert_allclose(two[0], one[0], atol=1e-6)


def test_test_rows_are_display_only(world: World) -> None:
    """Changing the ratings of the test rows changes no weight."""
    split = world.ratings.split("random", seed=0)
    other = replace(split, test=replace(split.test, value=6 - split.test.value))
    assert fit(split, SMALL).array("item_bias").tobytes() == fit(other, SMALL).array("item_bias").tobytes()


def test_epochs_are_reported_as_they_end(world: World) -> None:
    """`fit` calls back once per epoch, with errors that fall, and None for a test that is not there."""
    seen: list[Epoch] = []
    run = fit(world.ratings.split("none"), replace(SMALL, n_epochs=3), seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert seen[-1].train_rmse < seen[0].train_rmse
    assert {epoch.test_rmse for epoch in seen} == {None}
    assert run.training.scores == []


def test_item_without_ratings_is_kept(world: World, trained: Run) -> None:
    """An item that nobody rated stays in the run, with n = 0, no mean, and an interval wider than any other's."""
    last = len(world.ratings.items) - 1
    assert trained.item_stats.n_ratings[last] == 0
    assert np.isnan(trained.item_stats.mean_rating[last])
    spread = trained.array("item_stars").std(0)
    assert spread.argmax() == last


def test_divergence_stops_with_the_numbers(world: World) -> None:
    """A loss that is no longer finite ends the training with the epoch and the learning rate."""
    config = TrainConfig(learning_rate=1e38, weight_decay=0, bias_weight_decay=0, n_factors=2)
    with pytest.raises(TrainingError, match=r"epoch 1, at learning rate .*e\+3"):
        fit(world.ratings.split("none"), config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_factors": 0}, "`n_factors` 0 is below 1"),
        ({"n_epochs": 0}, "`n_epochs` 0"),
        ({"n_folds": 1}, "`n_folds` 1 are too few"),
        ({"n_draws": 50}, "`n_draws` 50 are too few"),
        ({"n_members": 0}, "`n_members` 0"),
        ({"batch_size": 0}, "`batch_size` 0"),
        ({"seed": -1}, "`seed` -1"),
        ({"learning_rate": 0.0}, "`learning_rate` 0"),
        ({"learning_rate": float("nan")}, "`learning_rate` nan is not above 0"),
        ({"learning_rate": float("inf")}, "`learning_rate` inf is not finite"),
        ({"weight_decay": -0.1}, "`weight_decay` -0.1 is below 0"),
        ({"bias_weight_decay": float("nan")}, "`bias_weight_decay` nan is not finite"),
        ({"weight_decay": 100.0}, "`weight_decay` 100 times `learning_rate` 0.01"),
        ({"y_range": (5.0, 1.0)}, "`y_range` 5 1"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, float], message: str) -> None:
    """An invalid setting is refused when it is made, by its name in backticks, which the command line translates."""
    with pytest.raises(UsageError, match=message):
        TrainConfig(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_range": (1.0, 4.0)}, "leaves out ratings"),
        ({"device": "abacus"}, "`device` 'abacus'"),
        ({"device": "meta"}, "`device` 'meta'"),
        ({"n_factors": 10**20}, "need .* GB of memory"),
        ({"n_members": 10**8}, "need .* GB of memory"),
    ],
)
def test_settings_that_do_not_fit_the_ratings(world: World, change: dict[str, float], message: str) -> None:
    """A range that leaves ratings outside and a device that is not there are refused before training."""
    with pytest.raises(UsageError, match=message):
        fit(world.ratings.split("none"), TrainConfig(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "scale", "expected"),
    [
        ((1, 2, 3, 4, 5), (1, 5), (0, 5.5)),
        ((0.5, 1, 4.5, 5), (0.5, 5), (0, 5.25)),
        ((-10, 10), (-10, 10), (-30, 20)),
    ],
)
def test_range_of_predictions_follows_the_scale(
    world: World, values: tuple[float, ...], scale: tuple[float, float], expected: tuple[float, float]
) -> None:
    """The range is one step wider than the scale below and half a step above: 0 to 5.5 for 1 to 5 stars."""
    ratings: Ratings = world.ratings.take(np.arange(len(values)))
    ratings = replace(ratings, value=np.array(values, np.float32), data=replace(ratings.data, scale=scale))
    assert y_range_for(ratings.data, ratings.value) == expected


def test_shrinkage_adds_up_the_schedule() -> None:
    """The recorded shrinkage is the sum of learning rate x decay over the visits of a rating, one in each epoch."""
    total = shrinkage(TrainConfig(weight_decay=0.5, bias_weight_decay=0.25, n_epochs=4))
    assert total["factors"] == pytest.approx(
        4 * float(one_cycle(0, 1, 4000, 0.01).mean(dtype=np.float64)) * 0.5, rel=1e-4
    )
    assert total["factors"] == pytest.approx(2 * total["biases"])


def test_batches_shrink_with_small_data() -> None:
    """A batch of the torch engine holds 512 ratings, or what leaves about 175 steps an epoch, unless it is set."""
    sizes = [TrainConfig().batch_size_for(n) for n in (100_000, 17_500, 10)]
    assert sizes == [512, 100, 1]
    assert TrainConfig(batch_size=64).batch_size_for(100_000) == 64


def test_halves_that_fail_lose_no_evidence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the half members fail, the run says so, and comes with the tests of its components all the same."""

    def fail(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(learn_module, "learn_halves", fail)
    said: list[str] = []
    config = TrainConfig(n_members=1, n_factors=4, n_epochs=1, n_folds=2, n_draws=0)
    run = fit(world.ratings.split("none"), config, on_stage=lambda line, seconds: said.append(line))
    assert "half_axes" not in run.arrays
    assert run.training.evidence is not None
    assert said[0].startswith("left out, agreement with the truth")


@pytest.mark.parametrize(
    ("module", "stage"),
    [
        (learn_module, "learn_folds"),
        (assess_module, "component_evidence"),
        (assess_module, "find_kinds"),
        (assess_module, "sample"),
    ],
)
@pytest.mark.parametrize(
    "error", [np.linalg.LinAlgError("SVD did not converge"), MemoryError(), RuntimeError("ARPACK")]
)
def test_evidence_that_fails_loses_no_training(
    world: World, monkeypatch: pytest.MonkeyPatch, module: ModuleType, stage: str, error: Exception
) -> None:
    """If the fold members or the evidence fail, the run comes without them, and is told which part failed and why."""

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(module, stage, fail)
    said: list[str] = []
    config = TrainConfig(n_members=1, n_factors=4, n_epochs=1, n_folds=2, n_draws=100)
    run = fit(world.ratings.split("random", seed=0), config, on_stage=lambda line, seconds: said.append(line))
    assert "item_bias" in run.arrays
    assert ("item_stars" in run.arrays) == (stage != "sample")
    assert (run.training.evidence is not None) == (stage in ("sample", "find_kinds"))
    assert (run.training.tastes == []) == (stage in ("learn_folds", "find_kinds"))
    (failed,) = [line for line in said if line.startswith("left out")]
    assert (str(error) or "MemoryError") in failed
    assert len(said) == (2 if stage == "learn_folds" else 3)

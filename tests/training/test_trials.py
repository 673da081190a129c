"""Trials: settings judged on training rows, in parallel processes, each saved as a run."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World

from embedcli.cli.notes import Notes
from embedcli.cli.trials import carry_out
from embedcli.errors import UsageError
from embedcli.evidence.scores import rmse
from embedcli.run.config import TrainConfig
from embedcli.run.store import load
from embedcli.training import ranks as ranks_module
from embedcli.training import trials as trials_module
from embedcli.training.fit import fit
from embedcli.training.ranks import Team
from embedcli.training.trials import Plan, Trial, carried_out, finished, usual_processes, validated

SMALL = TrainConfig(n_epochs=1, n_members=1, n_factors=2, n_folds=0, n_draws=0)


@pytest.fixture
def plan(world: World, tmp_path: Path) -> Plan:
    """Return a plan that validates, for a folder without runs."""
    return Plan(world.ratings, seed=0, test_fraction=0.1, run_dir=tmp_path / "runs", validates=True)


def test_validation_never_sees_the_test(world: World) -> None:
    """The validation depends on the training rows alone, and its RMSE is that of a model trained without its rows."""
    train = world.ratings.split("random", seed=0).train
    found = validated(train, SMALL, 0)
    run = fit(train.split("random", seed=0), SMALL)
    assert run.heldout is not None
    low, high = run.data.scale
    own = rmse(np.clip(run.heldout.predictions[0], low, high).astype(np.float64), run.heldout.value)
    assert found.rmse == pytest.approx(own, abs=1e-9)
    assert found.n_rows == round(len(train) / 10)
    assert 0 < found.standard_error < 0.2 * found.rmse


def test_processes_give_what_one_gives(plan: Plan, tmp_path: Path) -> None:
    """Trials in two processes give the same models and validation as one after another."""
    trials = [Trial("random", replace(SMALL, weight_decay=decay), f"decay-{decay}") for decay in (0.1, 1.0)]
    in_parallel = dict(carried_out(plan, trials, 2))
    alone = dict(carried_out(replace(plan, run_dir=tmp_path / "alone"), trials, 1))
    for number in range(2):
        a, b = load(in_parallel[number]), load(alone[number])
        np.testing.assert_array_equal(a.array("item_factors"), b.array("item_factors"))
        assert a.training.validation == b.training.validation is not None


def test_ranks_share_each_trial(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under torchrun trials are trained one after another, and more processes than that are an error."""

    class Two(Team):
        size = 2  # type: ignore[assignment]

    monkeypatch.setattr(trials_module, "team", Two)
    monkeypatch.setattr(ranks_module, "team", Two)
    assert usual_processes() == 1
    with pytest.raises(UsageError, match="--jobs 2 under torchrun"):
        carry_out(plan, [Trial("random", SMALL, "a"), Trial("random", replace(SMALL, seed=1), "b")], 2, Notes())


def test_an_error_of_a_process_arrives(plan: Plan) -> None:
    """An error in a process is the one that a training alone raises, with its hint."""
    trials = [Trial("random", replace(SMALL, y_range=(2, decay)), f"y{decay}") for decay in (3.0, 3.5)]
    with pytest.raises(UsageError, match="leaves out ratings") as caught:
        list(carried_out(plan, trials, 2))
    assert caught.value.hint.startswith("give at least `y_range`")
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(UsageError(caught.value.message, caught.value.hint))


def test_finished_trials_are_found(plan: Plan) -> None:
    """A run is a finished trial if ratings, split and settings are the same, and if it has what is asked for."""
    trial = Trial("random", SMALL, "first")
    ((_, path),) = carried_out(plan, [trial], 1)
    assert finished(plan, [trial]) == {0: path}
    others = [replace(trial, config=replace(SMALL, seed=1)), replace(trial, split="none")]
    others += [replace(trial, config=replace(SMALL, batch_size=7)), replace(trial, split="cv5/1")]
    assert finished(plan, others) == {}
    assert finished(replace(plan, seed=1), [trial]) == {}
    unknown = replace(plan.ratings, data=replace(plan.ratings.data, sha256=""))
    assert finished(replace(plan, ratings=unknown), [trial]) == {}
    ((_, unvalidated),) = carried_out(replace(plan, validates=False), [replace(trial, split="none")], 1)
    assert finished(plan, [replace(trial, split="none")]) == {}
    assert finished(replace(plan, validates=False), [replace(trial, split="none")]) == {0: unvalidated}

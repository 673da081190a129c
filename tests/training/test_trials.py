"""Trials: settings judged on training rows, in parallel processes, each saved as a run."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World

from embedcli.errors import TrainingError, UsageError
from embedcli.evidence.scores import rmse
from embedcli.run.config import TrainConfig
from embedcli.run.store import load
from embedcli.training.fit import fit
from embedcli.training.trials import Crew, Plan, Saved, Trial, finished, grouped, validated

SMALL = TrainConfig(n_epochs=1, n_members=1, n_factors=2, n_folds=0, n_draws=0)


@pytest.fixture
def plan(world: World, tmp_path: Path) -> Plan:
    """Return a plan that validates, for a folder without runs."""
    return Plan(world.ratings, seed=0, test_fraction=0.1, run_dir=tmp_path / "runs", validates=True)


def carried_out(plan: Plan, trials: Sequence[Trial], n_processes: int) -> list[Saved]:
    """Carry out trials, and return what they left in the order of the trials."""
    with Crew(plan, n_processes) as crew:
        return sorted(crew.carry_out(trials))


def test_validation_never_sees_the_test(world: World) -> None:
    """The validation depends on the training rows alone, and its RMSE is that of a model trained without its rows."""
    train = world.ratings.split("random", seed=0).train
    found, errors = validated(train, SMALL)
    run = fit(train.split("random", seed=0), SMALL)
    assert run.heldout is not None
    low, high = run.data.scale
    own = rmse(np.clip(run.heldout.predictions[0], low, high).astype(np.float64), run.heldout.value)
    assert found.rmse == pytest.approx(own, abs=1e-7)
    assert found.n_rows == round(len(train) / 10) == errors[1].sum()
    assert np.sqrt(errors[0].sum() / found.n_rows) == pytest.approx(found.rmse, abs=1e-6)


def test_processes_give_what_one_gives(plan: Plan, tmp_path: Path) -> None:
    """Trials in two processes, which have posterior and tastes in common, are those that each training alone gives."""
    config = replace(SMALL, n_folds=2, n_draws=100)
    trials = [Trial("random", replace(config, weight_decay=decay), f"decay-{decay}") for decay in (0.1, 1.0)]
    expected = [fit(plan.split(trial), trial.config) for trial in trials]
    for n_processes in (1, 2):
        saved = carried_out(replace(plan, run_dir=tmp_path / str(n_processes)), trials, n_processes)
        for alone, (_, path, _, notes) in zip(expected, saved, strict=True):
            run = load(path)
            assert run.arrays.keys() - alone.arrays.keys() == {"validation_errors"}
            for name, array in alone.arrays.items():
                np.testing.assert_array_equal(run.array(name), array, name)
            assert run.training.tastes == alone.training.tastes != []
            assert run.training.scores == alone.training.scores
            assert run.training.validation is not None
            assert notes == []


def test_settings_that_share_nothing(plan: Plan) -> None:
    """Trials whose seeds, draws or folds differ share neither posterior nor tastes; those with other decays do."""
    config = replace(SMALL, n_folds=2, n_draws=100)
    apart = [replace(config, **own) for own in ({"seed": 1}, {"n_draws": 200}, {"n_folds": 3}, {"n_members": 2})]
    trials = [Trial("random", own, "") for own in (config, replace(config, weight_decay=1.0), *apart)]
    assert [*grouped(trials).values()] == [[0, 1], [2], [3], [4], [5]]
    assert [*grouped([replace(trials[0], split="u1"), trials[0]]).values()] == [[0], [1]]


def test_what_fails_in_common_is_tried_by_each(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that trials have in common and that fails is left out of each run, with a note of why."""

    def fail(*_: object) -> None:
        raise ArithmeticError("no draws")

    monkeypatch.setattr("embedcli.training.assess.sample", fail)
    trials = [Trial("random", replace(SMALL, n_draws=100, weight_decay=decay), f"{decay}") for decay in (0.1, 1.0)]
    for _, path, _, notes in carried_out(plan, trials, 1):
        assert load(path).training.posterior is None
        assert "it failed: no draws" in notes[0]


def test_a_killed_process_ends_all(plan: Plan) -> None:
    """If a process is killed, the others end with one error, and what is saved stays."""
    trials = [Trial("random", replace(SMALL, n_epochs=n), f"epochs-{n}") for n in (1, 1_000_000)]
    with pytest.raises(TrainingError, match="was killed"), Crew(plan, 2) as crew:
        for _ in crew.carry_out(trials):
            for process in multiprocessing.active_children():
                process.kill()
    assert finished(plan, trials) == {0: plan.run_dir / "epochs-1"}
    assert not multiprocessing.active_children()
    assert [path.name for path in plan.run_dir.iterdir()] == ["epochs-1"]


def test_an_error_of_a_process_arrives(plan: Plan) -> None:
    """An error in a process is the one that a training alone raises, with its hint."""
    trials = [Trial("random", replace(SMALL, y_range=(2, decay)), f"y{decay}") for decay in (3.0, 3.5)]
    with pytest.raises(UsageError, match="leaves out ratings") as caught:
        carried_out(plan, trials, 2)
    assert caught.value.hint.startswith("give at least `y_range`")
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(UsageError(caught.value.message, caught.value.hint))


def test_finished_trials_are_found(plan: Plan) -> None:
    """A run is a finished trial if ratings, split and settings are the same, and if it has what is asked for."""
    trial = Trial("random", SMALL, "first")
    ((_, path, *_),) = carried_out(plan, [trial], 1)
    assert finished(plan, [trial]) == {0: path}
    others = [replace(trial, config=replace(SMALL, seed=1)), replace(trial, split="none")]
    others += [replace(trial, config=replace(SMALL, batch_size=7)), replace(trial, split="cv5/1")]
    assert finished(plan, others) == {}
    assert finished(replace(plan, seed=1), [trial]) == {}
    unknown = replace(plan.ratings, data=replace(plan.ratings.data, sha256=""))
    assert finished(replace(plan, ratings=unknown), [trial]) == {}
    ((_, unvalidated, *_),) = carried_out(replace(plan, validates=False), [replace(trial, split="none")], 1)
    assert finished(plan, [replace(trial, split="none")]) == {}
    assert finished(replace(plan, validates=False), [replace(trial, split="none")]) == {0: unvalidated}

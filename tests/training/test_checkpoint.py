"""Checkpoints: a killed training is finished as if nothing had happened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World

from embedcli.data.ratings import Split
from embedcli.errors import RunError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.scratch import remove_leftovers
from embedcli.training.checkpoint import ABOUT, KEPT, Checkpoint, Snapshot, folders, unfinished
from embedcli.training.fit import fit

CONFIG = TrainConfig(n_factors=4, n_epochs=2, n_members=2, n_folds=2, n_draws=0, engine="torch", batch_size=2000)
N_WRITTEN = 12  # 2 epochs of the members, of 4 splits in halves, and of the folds


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it is done."""


class Mortal(Checkpoint):
    """A checkpoint written after every epoch, whose process is killed right after it was written."""

    dies = True

    @property
    def is_due(self) -> bool:
        """Whether there is a folder."""
        return self.folder is not None

    def keep(self, *args: object) -> None:
        """Write, and die."""
        super().keep(*args)  # type: ignore[arg-type]
        if self.dies and self.is_kept:
            self._lock.close()  # as the system does
            raise Killed


@pytest.fixture(scope="module")
def split(world: World) -> Split:
    """Return the planted world, split."""
    return world.ratings.split("random", seed=0)


def kill(split: Split, config: TrainConfig = CONFIG, *, resume: bool = False) -> Run | None:
    """Train, and die at the next checkpoint; return the run if there was none any more."""
    try:
        return fit(split, config, checkpoint=Mortal(Path("runs"), ["--seed", "0"], resume))
    except Killed:
        return None


def test_killed_after_every_epoch(split: Split) -> None:
    """A training that is killed after each of its epochs, and resumed each time, ends with the same arrays."""
    said: list[int] = []
    whole = fit(split, CONFIG, on_epoch=lambda epoch: said.append(epoch.epoch))
    run, n_killed = kill(split), 1
    while run is None:
        remove_leftovers(Path("runs"))  # as any command does that writes there
        run, n_killed = kill(split, resume=True), n_killed + 1
    assert n_killed - 1 == N_WRITTEN
    assert run.arrays.keys() == whole.arrays.keys()
    for name in whole.arrays:
        assert run.array(name).tobytes() == whole.array(name).tobytes(), name
    assert [epoch.test_rmse for epoch in run.training.epochs] == [epoch.test_rmse for epoch in whole.training.epochs]
    assert run.training.evidence == whole.training.evidence


def test_only_the_same_training_is_resumed(split: Split, world: World) -> None:
    """Other settings, another split and a finished training have nothing to resume."""
    kill(split)
    for other, config in ((split, replace(CONFIG, seed=1)), (world.ratings.split("random", seed=1), CONFIG)):
        with pytest.raises(UsageError, match="no unfinished training with these ratings and settings"):
            fit(other, config, checkpoint=Checkpoint(Path("runs"), resume=True))
    checkpoint = Checkpoint(Path("runs"), resume=True)
    fit(split, CONFIG, checkpoint=checkpoint)
    checkpoint.remove()
    assert not folders(Path("runs"))
    with pytest.raises(UsageError, match="no unfinished training"):
        fit(split, CONFIG, checkpoint=Checkpoint(Path("runs"), resume=True))


def test_started_again_without_resume(split: Split) -> None:
    """Without `resume`, the same training starts again, and says what it dropped."""
    kill(split)
    said: list[str] = []
    fit(split, CONFIG, on_stage=lambda line, seconds: said.append(line), checkpoint=Checkpoint(Path("runs")))
    assert [line for line in said if "an unfinished training was dropped" in line]
    assert not unfinished(Path("runs"))


def test_a_running_training_is_left_alone(split: Split) -> None:
    """What another process is at is neither resumed nor dropped."""
    kill(split)
    running = Checkpoint(Path("runs"), resume=True)
    (folder,) = folders(Path("runs"))
    running.begin(folder.name.removeprefix(".checkpoint-"), lambda line, seconds: None)
    with pytest.raises(UsageError, match="is still running"):
        fit(split, CONFIG, checkpoint=Checkpoint(Path("runs"), resume=True))
    fit(split, replace(CONFIG), checkpoint=Mortal(Path("runs")))  # keeps none, so it does not die
    assert unfinished(Path("runs")) == [(folder, ["--seed", "0"])]


def test_a_damaged_checkpoint_is_refused(split: Split) -> None:
    """A changed byte is found before anything is trained, also in a stage that a run may do without."""
    kill(split)
    for _ in range(3):
        kill(split, resume=True)
    (folder,) = folders(Path("runs"))
    (path,) = folder.glob("halves-0-*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        fit(split, CONFIG, checkpoint=Checkpoint(Path("runs"), resume=True))
    (folder / ABOUT).write_text(json.dumps({"words": [], "stages": {"members": {"file": "../x"}}}))
    with pytest.raises(RunError, match="is damaged"):
        fit(split, CONFIG, checkpoint=Checkpoint(Path("runs"), resume=True))


def test_checkpoints_are_rare(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short training writes none, a long one spends a hundredth of its time on them at most."""
    fit(split, CONFIG, checkpoint=Checkpoint(Path("runs")))
    assert not Path("runs").exists()
    clock = [0.0]
    monkeypatch.setattr("embedcli.training.checkpoint.time.perf_counter", lambda: clock[0])
    checkpoint = Checkpoint(Path("runs"))
    checkpoint.begin("key", lambda line, seconds: None)

    def write(*args: object) -> None:
        clock[0] += 0.5

    monkeypatch.setattr(checkpoint, "_write", write)
    for _ in range(1000):
        clock[0] += 1.0
        checkpoint.keep("members", None)  # type: ignore[arg-type]
    assert 0.008 < checkpoint.seconds / clock[0] < 0.01


def test_a_full_disk_does_not_end_the_training(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a checkpoint cannot be written, that is said, and the training goes on."""
    said: list[str] = []

    def write(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embedcli.training.checkpoint.write_synced", write)
    run = fit(split, CONFIG, on_stage=lambda line, s: said.append(line), checkpoint=Checkpoint(Path("runs"), every=0))
    assert [line for line in said if line.startswith("note: no more checkpoints: No space")]
    assert np.isfinite(run.array("item_bias")).all()
    assert not folders(Path("runs"))


def test_old_checkpoints_are_removed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody resumed for a month goes with the next training; a younger one stays."""
    import time

    kill(split)
    fit(split, replace(CONFIG, seed=1), checkpoint=Checkpoint(Path("runs")))
    assert folders(Path("runs"))
    later = time.time() + KEPT + 60
    monkeypatch.setattr("embedcli.training.checkpoint.time.time", lambda: later)
    fit(split, replace(CONFIG, seed=1), checkpoint=Checkpoint(Path("runs")))
    assert not folders(Path("runs"))


def test_two_at_once(split: Split) -> None:
    """Of two processes that begin the same training at the same time, one keeps a checkpoint; others leave it."""
    first, second, idle = (Checkpoint(Path("runs"), every=0) for _ in range(3))
    snapshot = Snapshot(1, {"factors": np.zeros((1, 2), np.float32)}, np.zeros((1, 2), np.float32), [{}])
    for checkpoint in (first, second, idle):
        checkpoint.begin("key", lambda line, seconds: None)
    for checkpoint in (first, second):
        checkpoint.keep("members", snapshot)
    second.remove()
    idle.remove()  # it has written nothing yet
    assert (first.is_kept, second.is_kept) == (True, False)
    assert [folder for folder, _ in unfinished(Path("runs"))] == [first.folder]
    first.remove()
    assert not folders(Path("runs"))


def test_a_changed_figure_is_found(split: Split) -> None:
    """A changed digit in the state of a generator is damage, though the file is still JSON."""
    kill(split)
    (folder,) = folders(Path("runs"))
    told = json.loads((folder / ABOUT).read_text())
    told["stages"]["members"]["generators"][0]["state"]["state"] ^= 1
    (folder / ABOUT).write_text(json.dumps(told))
    with pytest.raises(RunError, match="is damaged"):
        fit(split, CONFIG, checkpoint=Checkpoint(Path("runs"), resume=True))
    with pytest.raises(RunError, match="is damaged"):
        unfinished(Path("runs"))


def test_the_same_command_with_other_ratings(split: Split, world: World) -> None:
    """If the ratings have changed since, `resume` says that the checkpoint of this command line does not fit."""
    kill(split)
    changed = replace(split, train=split.train.take(np.arange(len(split.train) - 1)))
    with pytest.raises(UsageError, match="had other ratings, settings or versions than now"):
        fit(changed, CONFIG, checkpoint=Checkpoint(Path("runs"), ["--seed", "0"], resume=True))


def test_the_newest_that_is_not_running_is_resumed(split: Split) -> None:
    """A training that is still running is listed after those that wait to be resumed."""
    kill(split)
    kill(split, replace(CONFIG, seed=1))
    (newest, _), (other, _) = unfinished(Path("runs"))
    running = Checkpoint(Path("runs"), resume=True)
    running.begin(newest.name.removeprefix(".checkpoint-"), lambda line, seconds: None)
    assert [folder for folder, _ in unfinished(Path("runs"))] == [other, newest]
    running.close()
    assert [folder for folder, _ in unfinished(Path("runs"))] == [newest, other]

"""Checkpoints: what an unfinished training has learned so far, kept beside the runs until its run is saved.

A training draws all its random numbers from streams of its own, so what is not in a checkpoint can be done again with
the same result. A checkpoint holds what takes long to learn: the weights of members, of halves and of folds, with the
second moments and the generators that their engine goes on from.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Split
from embedcli.errors import RunError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.files import ArrayFile, damaged, hashed, read_small, safetensors, verify
from embedcli.run.predictions import Arrays
from embedcli.run.record import Epoch
from embedcli.scratch import locked, sync_folder, write_synced, write_whole
from embedcli.training.stages import OnStage

PREFIX, ABOUT = ".checkpoint-", "checkpoint.json"
EVERY = 10.0  # seconds between two checkpoints, at least
COST = 100.0  # seconds of training for each second that a checkpoint takes, at least
KEPT = 30 * 86_400.0  # seconds after which a checkpoint is a leftover


@dataclass(frozen=True)
class Snapshot:
    """Some members after an epoch: the tables (M, ...) and second moments (M, U + I), and the states of generators (M).

    The training goes on changing the arrays in place.
    """

    epoch: int
    weights: Arrays
    moment: NDArray[np.float32]
    generators: list[Any]

    def __reduce__(self) -> tuple[type["Snapshot"], tuple[Any, ...]]:
        """Say how another process gets it: as a copy."""
        weights = {name: array.copy() for name, array in self.weights.items()}
        return type(self), (self.epoch, weights, self.moment.copy(), self.generators)

    def member(self, m: int) -> "Snapshot":
        """Return one of the members, alone; its arrays share their memory with these."""
        weights = {name: array[m : m + 1] for name, array in self.weights.items()}
        return Snapshot(self.epoch, weights, self.moment[m : m + 1], self.generators[m : m + 1])


@dataclass
class Checkpoint:
    """The checkpoint of one training in the folder of its run, or if that is None, none.

    `words` are the command line, for those who look for it. A training that is to `resume` must have been begun with
    the same ratings, split, settings and versions. `every` and `cost` limit how often it is written.
    """

    run_dir: Path | None = None
    words: Sequence[str] = ()
    resume: bool = False
    every: float = EVERY
    cost: float = COST
    folder: Path | None = field(default=None, init=False)  # where it is, or will be; None: nothing is written
    stages: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)  # what it holds
    seconds: float = field(default=0.0, init=False)  # that it took to write
    _next: float = field(default=0.0, init=False)
    _on_stage: OnStage = field(default=lambda line, seconds: None, init=False)
    _lock: ExitStack = field(default_factory=ExitStack, init=False)
    _is_ours: bool = field(default=False, init=False)  # the folder is there, and no other process writes in it

    def __reduce__(self) -> tuple[type["Checkpoint"], tuple[()]]:
        """Say how another process gets it: without a folder. One process writes."""
        return type(self), ()

    def begin(self, key: str, on_stage: OnStage) -> None:
        """Find the checkpoint of the training with this key.

        Raises UsageError if it is to be resumed and there is none, or if another process is at it, and RunError if it
        is damaged.
        """
        assert self.run_dir is not None
        self._on_stage, self._next = on_stage, time.perf_counter() + self.every
        remove_old(self.run_dir)
        self.folder = self.run_dir / f"{PREFIX}{key[:16]}"
        if not self.folder.exists():
            if self.resume:
                raise self._nothing_to_resume()
            return
        if not self._take():
            if self.resume:
                raise UsageError(
                    f"the training of {self.folder} is still running, or another user's", "wait for it, or end it first"
                )
            self.folder = None
        elif self.resume:
            self.stages = about(self.folder)["stages"]
            for stage in self.stages.values():  # now: a stage that fails later is left out of the run
                verify(self.folder / stage["file"], stage["sha256"])
            done = ", ".join(f"{name} after epoch {stage['epoch']}" for name, stage in self.stages.items())
            on_stage(f"resumed from {self.folder}: {done}", None)
        else:
            on_stage(
                "note: starting again; an unfinished training was dropped, which `resume` would have finished", None
            )
            shutil.rmtree(self.folder, ignore_errors=True)
            self.close()

    def _nothing_to_resume(self) -> UsageError:
        """Return the error that this training has no checkpoint, though one of the same command line may be there."""
        assert self.run_dir is not None
        for folder, words in unfinished(self.run_dir):
            if words == list(self.words):
                return UsageError(
                    f"the unfinished training {folder} had other ratings, settings or versions than now",
                    f"leave `resume` out to start again, then remove {folder}",
                )
        return nothing_to_resume(self.run_dir, " with these ratings and settings")

    def restore(self, name: str) -> tuple[Snapshot | None, list[Epoch]]:
        """Return the members of a stage as the checkpoint has them, None if it has not, and their epochs so far."""
        if name not in self.stages:
            return None, []
        assert self.folder is not None
        stage = self.stages[name]
        arrays = dict(ArrayFile(self.folder / stage["file"], stage["sha256"], verify_now=False))
        moment = arrays.pop("moment")
        snapshot = Snapshot(stage["epoch"], arrays, moment, stage["generators"])
        return snapshot, [Epoch(**epoch) for epoch in stage["epochs"]]

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        return self.folder is not None and time.perf_counter() >= self._next

    def keep(self, name: str, snapshot: Snapshot, epochs: Sequence[Epoch] = ()) -> None:
        """Write the members of a stage, if it is time to; a full disk ends the checkpoints, no more."""
        if not self.is_due:
            return
        began = time.perf_counter()
        try:
            self._write(name, snapshot, epochs)
        except OSError as error:
            self._on_stage(f"note: no more checkpoints: {error.strerror or error}", None)
            self.remove()
        now = time.perf_counter()
        self.seconds += now - began
        self._next = now + max(self.every, self.cost * (now - began))

    def _write(self, name: str, snapshot: Snapshot, epochs: Sequence[Epoch]) -> None:
        assert self.folder is not None
        if not self._is_ours:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._take():
                self.folder = None
                return
        older, path = self.stages.get(name), self.folder / f"{name}-{snapshot.epoch}.safetensors"
        digest, parts = hashlib.sha256(), safetensors({**snapshot.weights, "moment": snapshot.moment})
        write_synced(path, hashed(parts, digest))
        self.stages[name] = {
            "file": path.name,
            "sha256": digest.hexdigest(),
            "epoch": snapshot.epoch,
            "generators": snapshot.generators,
            "epochs": [asdict(epoch) for epoch in epochs],
        }
        told = {"words": list(self.words), "stages": self.stages}
        write_whole(self.folder / ABOUT, json.dumps({"sha256": sha256_of(told), **told}, indent=1).encode())
        sync_folder(self.folder)
        if older is not None and older["file"] != path.name:
            (self.folder / older["file"]).unlink(missing_ok=True)

    def _take(self) -> bool:
        """Lock the folder; tell whether it is ours: no other process has it, and it is not another user's."""
        assert self.folder is not None
        with suppress(PermissionError):
            self._is_ours = self._lock.enter_context(locked(self.folder)) is not False
        return self._is_ours

    @property
    def is_kept(self) -> bool:
        """Whether there is something to go on from."""
        return bool(self.stages)

    def close(self) -> None:
        """Let another process go on from here."""
        self._is_ours = False
        self._lock.close()

    def remove(self) -> None:
        """Remove the checkpoint: the run is saved, or the training failed for good."""
        if self.folder is not None and self._is_ours:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder, self.stages = None, {}
        self.close()


def key_of(config: TrainConfig, split: Split, versions: dict[str, str], *start: Any) -> str:
    """Return the sha256 of all that a training follows from: settings, ratings, split, versions and its start."""
    told = [asdict(config), split.kind, split.train.data.implicit, split.train.data.scale, versions, *start]
    digest = hashlib.sha256(sha256_of(told).encode())
    for rows in (split.train, split.test):
        for column in (rows.user, rows.item, rows.value, rows.timestamp):
            digest.update(b"none" if column is None else np.ascontiguousarray(column).data)
    return digest.hexdigest()


def sha256_of(told: Any) -> str:
    """Return the sha256 of what is written as JSON."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def unfinished(run_dir: Path) -> list[tuple[Path, list[str]]]:
    """Return the folders of the checkpoints and their command lines; RunError if there are damaged ones only.

    The newest are first, and those of trainings that are still running last.
    """
    found, damage = [], None
    for folder in folders(run_dir):
        try:
            with suppress(OSError), locked(folder) as is_ours:
                found.append((is_ours is not False, (folder / ABOUT).stat().st_mtime, folder, about(folder)["words"]))
        except RunError as error:
            damage = error
    if damage is not None and not found:
        raise damage
    return [(folder, words) for *_, folder, words in sorted(found, reverse=True)]


def folders(run_dir: Path) -> list[Path]:
    """Return the folders that hold a checkpoint; links are none."""
    return [folder for folder in run_dir.glob(f"{PREFIX}*") if folder.is_dir() and not folder.is_symlink()]


def remove_old(run_dir: Path) -> None:
    """Remove checkpoints that nobody resumed for a month."""
    for folder in folders(run_dir):
        with suppress(OSError), locked(folder) as is_ours:
            if is_ours is not False and time.time() - folder.stat().st_mtime > KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def about(folder: Path) -> dict[str, Any]:
    """Read what a checkpoint says of itself; RunError if it is damaged."""
    try:
        told = json.loads(read_small(folder / ABOUT))
        valid = [Path(stage["file"]).name == stage["file"] for stage in told["stages"].values()]
        valid += [isinstance(word, str) for word in told["words"]]
        if told.pop("sha256") == sha256_of(told) and all(valid):
            return dict(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise damaged(folder / ABOUT, "not what a checkpoint says of itself")


def nothing_to_resume(run_dir: Path, which: str = "") -> UsageError:
    """Return the error that there is no unfinished training."""
    return UsageError(
        f"there is no unfinished training{which} in {run_dir}",
        "leave `resume` out; more epochs on a finished run are a new cycle: embedcli train --init-from RUN",
    )

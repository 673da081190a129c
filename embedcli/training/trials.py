"""Trials: several trainings on the same ratings, in parallel processes, each saved as a run."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli.data.ratings import Ratings, Split
from embedcli.data.splits import description
from embedcli.errors import TrainingError
from embedcli.evidence.cores import n_cores
from embedcli.evidence.scores import error_over_users, rmse_by_user
from embedcli.progress import share, stage, step
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import VALIDATION
from embedcli.run.record import Validation
from embedcli.run.shelf import entries
from embedcli.run.store import save_anywhere
from embedcli.scratch import scratch_folder
from embedcli.training.assess import NOTHING_SHARED, Part, Shared, shared_by, shared_part
from embedcli.training.stages import SHARED, TRAINING

VALIDATION_FRACTION = 0.1  # of the training rows
TRIALS, TRIAL, JUDGING = "trainings", "a training", "validation"  # the stages on a terminal
SHARE_OF_JUDGING = 0.1  # of the time, next to the training of the run
MOST_TRIALS = 1000
TOLD_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Trial:
    """One training: its split, its settings, and the name of its run."""

    split: str
    config: TrainConfig
    name: str


class Saved(NamedTuple):
    """What a trial left: its number, the folder of its run, its seconds, and what there is to note of the training."""

    number: int
    path: Path
    seconds: float
    notes: list[str]


@dataclass(frozen=True)
class Plan:
    """What the trials have in common: the ratings, the options of `Ratings.split`, and how runs are saved.

    `validates` judges the settings on a tenth of the training rows. A choice of settings goes by that alone.
    """

    ratings: Ratings
    seed: int
    test_fraction: float
    run_dir: Path
    keep_rows: bool = True
    validates: bool = False
    command: str = ""

    def split(self, trial: Trial) -> Split:
        """Return the training and test rows of a trial."""
        keep_times = trial.config.timestamps or trial.config.n_folds > 0
        return self.ratings.split(trial.split, seed=self.seed, test_fraction=self.test_fraction, keep_times=keep_times)

    def parts(self, trial: Trial) -> list[str]:
        """Return the names of the parts of what a trial has in common with those that differ in the members."""
        return Shared.parts(self.split(trial), trial.config)

    def find(self, trial: Trial, part: str) -> dict[str, Part]:
        """Find a part of what trials have in common, by its name; if that fails, each trial tries, and says why."""
        try:
            return {part: shared_part(self.split(trial), trial.config, part)}
        except Exception:
            return {}

    def carry_out(self, number: int, trial: Trial, shared: Shared) -> Saved:
        """Train and save a run; raise what kept it from being saved in `run_dir`."""
        from embedcli.training.fit import fit  # not at the top: what trials share needs no torch, which loads slowly

        began, notes = time.perf_counter(), list[str]()

        def on_stage(line: str, seconds: float | None) -> None:
            if seconds is None or line.startswith("left out"):
                notes.append(line)

        parts = self.split(trial)
        with stage(TRIAL, parts={TRAINING: 1, JUDGING: SHARE_OF_JUDGING * self.validates}):
            run = fit(parts, trial.config, keep_rows=self.keep_rows, on_stage=on_stage, shared=shared)
            if self.validates:
                validation, errors = validated(parts.train, trial.config)
                training = replace(run.training, validation=validation)
                run = replace(run, arrays={**run.arrays, VALIDATION: errors}, training=training)
        _, path, problem = save_anywhere(run, self.run_dir, name=trial.name, command=self.command)
        if problem is not None:
            raise problem
        return Saved(number, path, time.perf_counter() - began, notes)


def validated(train: Ratings, config: TrainConfig) -> tuple[Validation, NDArray[np.float32]]:
    """Train members without a random tenth of the training rows, and measure their error on it.

    That tenth follows from the training rows alone: settings with other seeds are judged on the same rows.
    Also returns the sum of the squared errors and the number of rows (2, V) of each user in that tenth.
    """
    from embedcli.training.fit import fit

    rows = train.split("random", test_fraction=VALIDATION_FRACTION, keep_times=False)
    with stage(JUDGING, parts={TRAINING: 1}):
        run = fit(rows, replace(config, n_folds=0, n_draws=0, timestamps=False))
    heldout = run.heldout
    assert heldout is not None
    predicted = np.clip(heldout.predictions.mean(0, dtype=np.float64), *run.data.scale)
    _, user = np.unique(heldout.user, return_inverse=True)
    errors = np.array([np.bincount(user, (predicted - heldout.value) ** 2), np.bincount(user)], np.float32)
    rmse, moves = rmse_by_user(*errors)
    return Validation(rmse, error_over_users(moves), len(heldout.value)), errors


def finished(plan: Plan, trials: Sequence[Trial]) -> dict[int, Path]:
    """Return the runs in the folder that are such trials, by the number of the trial: these need no training."""
    about = [(entry.path, entry.about) for entry in entries(plan.run_dir) if entry.about and not entry.is_older]
    found = {}
    for number, trial in enumerate(trials):
        split = description(trial.split, seed=plan.seed, test_fraction=plan.test_fraction)
        same = (path for path, own in about if _is_same(own, plan, trial.config, split))
        if (path := next(same, None)) is not None:
            found[number] = path
    return found


def _is_same(about: dict[str, Any], plan: Plan, config: TrainConfig, split: str) -> bool:
    """Tell whether a run, by its run.json, was trained on these ratings, split and settings, by this version."""
    data, training, own = about["data"], about["training"], plan.ratings.data
    if not own.sha256 or (data.get("sha256"), data.get("reading")) != (own.sha256, dict(own.reading)):
        return False
    if training["split"].get("description") != split or (plan.validates and not training.get("validation")):
        return False
    if training["versions"].get("embedcli") != embedcli.__version__ or training.get("aligned_to"):
        return False
    free = {"engine": "auto", "batch_size": None, "y_range": None}  # these values are filled in
    wanted = {name: value for name, value in asdict(config).items() if free.get(name, 0) != value or name not in free}
    if own.implicit:
        del wanted["n_draws"]
    stored = {name: training["config"].get(name) for name in wanted}
    return stored == {name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()}


def usual_processes() -> int:
    """Return the number of processes that train in parallel, unless another is asked for: one for each core."""
    return n_cores()


def grouped(trials: Sequence[Trial]) -> dict[Any, list[int]]:
    """Return the numbers of the trials that have posterior and tastes in common, by what these depend on."""
    groups: dict[Any, list[int]] = {}
    for number, trial in enumerate(trials):
        groups.setdefault((trial.split, shared_by(trial.config)), []).append(number)
    return groups


class Crew:
    """The processes that carry out trials, `n` of them; a crew of one is this process.

    What trials have in common is found once. What is saved stays if the others fail or are interrupted.
    """

    def __init__(self, plan: Plan, n: int) -> None:
        self.plan, self.n = plan, n
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._folder: Path | None = None  # what the processes read: a pipe would block for ever if one is killed
        self._found: tuple[Any, Shared] = None, NOTHING_SHARED  # what was found last, and by which split and settings
        self._done: Any = None  # the share of each trial that is done, in memory that the processes have in common

    def __enter__(self) -> Crew:
        """Return the crew; the processes start when there is work."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the processes, in the middle of their work if there is an error."""
        with self._stack:
            if self._pool is not None:
                for process in multiprocessing.active_children() if error is not None else ():
                    process.kill()
                    process.join()
                self._pool.shutdown(wait=error is None, cancel_futures=True)

    def carry_out(self, trials: Sequence[Trial]) -> Iterator[Saved]:
        """Carry out trials, and yield each when it is saved. Raises TrainingError if a process is killed."""
        if self._done is not None:
            self._done[: len(trials)] = [0.0] * len(trials)

        def n_done() -> float:  # of those in other processes
            return sum(self._done[: len(trials)]) if self._done else 0.0

        with stage(TRIALS, len(trials), count=n_done, parts={TRIAL: 1}):
            yield from self._carry_out(trials)

    def _carry_out(self, trials: Sequence[Trial]) -> Iterator[Saved]:
        try:
            for numbers, is_shared in self._groups(trials):
                if self.n == 1:
                    shared = self._found[1] if is_shared else NOTHING_SHARED
                    yield from (self.plan.carry_out(number, trials[number], shared) for number in numbers)
                else:
                    begun = [self._start(_carry_out, number, trials[number], is_shared) for number in numbers]
                    yield from (trial.result() for trial in as_completed(begun))
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process of the trials was killed, perhaps for lack of memory",
                "end other programs, and type the same command again: it goes on with what is left",
            ) from error

    def _groups(self, trials: Sequence[Trial]) -> Iterator[tuple[list[int], bool]]:
        """Yield the numbers of trials, and whether these share what was found; first all that share nothing."""
        groups = grouped(trials)
        several = [key for key, numbers in groups.items() if len(numbers) > 1 or key == self._found[0]]
        yield [number for key, (number, *_) in groups.items() if key not in several], False
        for key in several:
            if key != self._found[0]:
                self._found = key, self._find(trials[groups[key][0]])
            yield groups[key], True

    def _find(self, trial: Trial) -> Shared:
        """Find what trials have in common: with several processes its parts in parallel, kept in their folder."""
        names, found = self.plan.parts(trial), dict[str, Part]()
        for path in self._folder.glob(f"{FOUND}-*") if self._folder else ():
            path.unlink()
        with stage(SHARED, len(names)):
            if self.n == 1:
                for name in names:
                    found |= self.plan.find(trial, name)
                    step()
            else:
                for part in as_completed([self._start(_find, trial, name) for name in names]):
                    part.result()
                    step()
        return Shared.of(found)

    def _start(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a process work."""
        with _without_interrupts():  # this may start a process
            if self._pool is None or self._folder is None:
                self.plan.run_dir.mkdir(parents=True, exist_ok=True)
                self._folder = self._stack.enter_context(scratch_folder(self.plan.run_dir))
                (self._folder / PLAN).write_bytes(pickle.dumps(self.plan, protocol=5))
                context = multiprocessing.get_context("spawn")  # threads of a forked process may wait for ever
                self._done = context.RawArray("d", MOST_TRIALS + 1)  # the last one is for what is no trial
                self._pool = ProcessPoolExecutor(self.n, context, _begin, (self._folder, self._done))
            return self._pool.submit(work, *arguments)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Put Ctrl-C off; a process that starts meanwhile never gets it: it ends with the process that started it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


PLAN, FOUND = "plan", "found"  # files of a crew
_plan: Plan | None = None  # of this process
_folder: Path | None = None
_number = -1  # of the trial that it carries out


def _begin(folder: Path, done: Any) -> None:
    """Prepare a process: it does not hear Ctrl-C, tells its progress, and ends with the process that started it."""
    global _plan, _folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        while parent.is_alive():
            done[_number] = max(share(), done[_number])
            parent.join(TOLD_EVERY)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    _plan, _folder = pickle.loads((folder / PLAN).read_bytes()), folder


def _find(trial: Trial, name: str) -> None:
    """Find a part of what trials have in common, and keep it in the folder."""
    assert _plan is not None
    assert _folder is not None
    for part in _plan.find(trial, name).values():
        (_folder / f"{FOUND}-{name}").write_bytes(pickle.dumps(part, protocol=5))


def _carry_out(number: int, trial: Trial, is_shared: bool) -> Saved:
    global _number
    _number = number
    assert _plan is not None
    assert _folder is not None
    kept = _folder.glob(f"{FOUND}-*") if is_shared else ()
    parts = {path.name.removeprefix(f"{FOUND}-"): pickle.loads(path.read_bytes()) for path in kept}
    return _plan.carry_out(number, trial, Shared.of(parts))

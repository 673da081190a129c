"""Trials: several trainings on the same ratings, in parallel processes, each saved as a run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import embedcli
from embedcli.data.ratings import Ratings, Split
from embedcli.data.splits import description
from embedcli.errors import TrainingError
from embedcli.evidence.cores import n_cores
from embedcli.evidence.scores import bootstrap_of_users, drawn_rmse
from embedcli.run.config import TrainConfig
from embedcli.run.record import Validation
from embedcli.run.shelf import entries
from embedcli.run.store import save_anywhere
from embedcli.training.fit import fit
from embedcli.training.ranks import team

VALIDATION_FRACTION = 0.1  # of the training rows


@dataclass(frozen=True)
class Trial:
    """One training: its split, its settings, and the name of its run."""

    split: str
    config: TrainConfig
    name: str


@dataclass(frozen=True)
class Plan:
    """What the trials share: the ratings, the options of `Ratings.split`, and how runs are saved.

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

    def carry_out(self, trial: Trial) -> Path:
        """Train, save the run, and return its folder; raise what kept it from being saved under `run_dir`."""
        parts = self.split(trial)
        validation = validated(parts.train, trial.config, self.seed) if self.validates else None
        run = fit(parts, trial.config, keep_rows=self.keep_rows)
        run = replace(run, training=replace(run.training, validation=validation))
        _, path, problem = save_anywhere(run, self.run_dir, name=trial.name, command=self.command)
        if problem is not None:
            raise problem
        return path


def validated(train: Ratings, config: TrainConfig, seed: int) -> Validation:
    """Train members without a random tenth of the training rows, and measure their error on it.

    The standard error is that of a bootstrap over users, drawn with all their rows.
    """
    rows = train.split("random", seed=seed, test_fraction=VALIDATION_FRACTION, keep_times=False)
    run = fit(rows, replace(config, n_folds=0, n_draws=0, timestamps=False))
    heldout = run.heldout
    assert heldout is not None
    predicted = np.clip(heldout.predictions.mean(0, dtype=np.float64), *run.data.scale)
    rmse, *drawn = drawn_rmse((predicted - heldout.value) ** 2, *bootstrap_of_users(heldout.user))
    return Validation(float(rmse), float(np.std(drawn)), len(heldout.value))


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
    """Return the number of processes that train in parallel, unless another is asked for: one for each core.

    Under torchrun it is one: its ranks share each training.
    """
    return n_cores() if team().size == 1 else 1


def carried_out(plan: Plan, trials: Sequence[Trial], n_processes: int) -> Iterator[tuple[int, Path]]:
    """Carry out trials in parallel, and yield the number and the folder of each when it is saved.

    What is saved stays if the others fail or are interrupted. Raises TrainingError if a process is killed.
    """
    if min(n_processes, len(trials)) < 2:
        yield from ((number, plan.carry_out(trial)) for number, trial in enumerate(trials))
        return
    context = multiprocessing.get_context("spawn")  # threads of a forked process may wait for ever
    with ProcessPoolExecutor(min(n_processes, len(trials)), context, _begin, (plan,)) as pool:
        numbers = {pool.submit(_carry_out, trial): number for number, trial in enumerate(trials)}
        try:
            for future in as_completed(numbers):
                yield numbers[future], future.result()
        except BaseException as error:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise TrainingError(
                    "a process of the trials was killed, perhaps for lack of memory",
                    "type the same command again: it goes on with what is left",
                ) from error
            raise


_plan: Plan | None = None  # of this process


def _begin(plan: Plan) -> None:
    """Prepare a process: it ends silently with Ctrl-C, and with the process that started it."""
    global _plan
    _plan = plan
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _carry_out(trial: Trial) -> Path:
    assert _plan is not None
    return _plan.carry_out(trial)

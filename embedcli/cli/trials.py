"""Trials: trainings of one command in parallel processes, each saved as a run, for `sweep` and cross-validation."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedcli.cli.notes import Notes
from embedcli.errors import UsageError

if TYPE_CHECKING:
    from embedcli.cli.answer import Answer
    from embedcli.cli.train import SaveOptions
    from embedcli.data.ratings import Ratings
    from embedcli.run.config import TrainConfig
    from embedcli.run.record import Run
    from embedcli.training.trials import Plan, Trial


def plan_of(ratings: Ratings, of_split: dict[str, Any], saving: SaveOptions, *, validates: bool = False) -> Plan:
    """Return what all trials of this command share; RunError if nothing could be saved."""
    from embedcli.training.trials import Plan

    return Plan(
        ratings,
        run_dir=saving.run_dir,
        keep_rows=saving.keep_rows,
        validates=validates,
        command=shlex.join(["embedcli", *sys.argv[1:]]),
        **of_split,
    )


def carry_out(plan: Plan, trials: Sequence[Trial], jobs: int | None, notes: Notes) -> list[Run]:
    """Train what is not yet trained, say how it goes, and return the runs of all trials."""
    from embedcli.run.store import check_writable, load
    from embedcli.training.config import stored_bytes
    from embedcli.training.ranks import team
    from embedcli.training.trials import carried_out, finished, usual_processes

    parts = plan.split(trials[0])
    runs = {number: load(path) for number, path in finished(plan, trials).items()}
    if runs:
        names = ", ".join(run.name for run in runs.values())
        notes.say(f"note: {len(runs)} of {len(trials)} are trained already: {names}")
    left = [number for number in range(len(trials)) if number not in runs]
    n_processes = min(usual_processes() if jobs is None else jobs, len(left))
    if left:
        size = sum(stored_bytes(trials[number].config, parts.train, len(parts.test)) for number in left)
        check_writable(plan.run_dir, size)
        shared = f", shared by {team().size} processes" if team().size > 1 else ""
        if shared and n_processes > 1:
            why = f"--jobs {n_processes} under torchrun, whose {team().size} processes share each training"
            raise UsageError(why, "leave out --jobs, or torchrun")
        notes.say(f"{len(left)} trainings in {n_processes} process{'es' if n_processes > 1 else ''}{shared}")
    del parts
    began = time.perf_counter()
    for n_done, (number, path) in enumerate(carried_out(plan, [trials[j] for j in left], n_processes), 1):
        run = runs[left[number]] = load(path)
        notes.say(_progress(run, path, n_done, len(left), time.perf_counter() - began))
    return [runs[number] for number in range(len(trials))]


def _progress(run: Run, path: Path, n_done: int, n: int, seconds: float) -> str:
    """Say what was trained, its error and how long the rest may take."""
    score, validation = run.training.model_score, run.training.validation
    figures = [f"validation RMSE {validation.rmse:.4f}"] if validation else []
    figures += [f"test RMSE {score.rmse:.4f}"] if score and not validation else []
    rest = f", about {seconds / n_done * (n - n_done):.0f} s left" if n_done < n else ""
    return f"{n_done} of {n}: {', '.join(figures) or 'trained'}, saved {path} ({seconds:.1f} s{rest})"


def cross_validate(
    ratings: Ratings,
    folds: Sequence[str],
    of_split: dict[str, Any],
    config: TrainConfig,
    saving: SaveOptions,
    answer: Answer,
) -> None:
    """Train a run for each fold, and show their errors with mean and spread."""
    from embedcli.analysis.sweep import cross_validation
    from embedcli.render.sweep import folds as view
    from embedcli.run.store import folder_name
    from embedcli.training.trials import Trial

    name = saving.name or folder_name(ratings.data.name)
    trials = [Trial(fold, config, f"{name}-{fold.replace('/', '-')}") for fold in folds]
    runs = carry_out(plan_of(ratings, of_split, saving), trials, None, answer.notes)
    answer.show(view(cross_validation(runs), runs))

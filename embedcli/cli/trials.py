"""Trials: trainings of one command in parallel processes, each saved as a run, for `sweep` and cross-validation."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedcli.cli.notes import Notes
from embedcli.cli.options import RunOptions
from embedcli.errors import Interrupted, RunError, UsageError

if TYPE_CHECKING:
    from embedcli.cli.answer import Answer
    from embedcli.cli.train import SaveOptions
    from embedcli.data.ratings import Ratings
    from embedcli.run.config import TrainConfig
    from embedcli.run.record import Run
    from embedcli.training.trials import Crew, Plan, Trial


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


def crew_of(plan: Plan, n_trials: int, jobs: int | None) -> Crew:
    """Return the processes that carry out so many trials."""
    from embedcli.training.trials import Crew, usual_processes

    return Crew(plan, max(1, min(usual_processes() if jobs is None else jobs, n_trials)))


def carry_out(crew: Crew, trials: Sequence[Trial], notes: Notes) -> list[Run]:
    """Train what is not yet trained, say how it goes, and return the runs of all trials."""
    from embedcli.run.store import check_writable, load
    from embedcli.training.config import stored_bytes
    from embedcli.training.trials import VALIDATION_FRACTION, finished

    plan = crew.plan
    runs = {}
    for number, path in finished(plan, trials).items():
        try:
            runs[number] = load(path)
        except RunError as error:
            again = RunOptions(None, plan.run_dir).again
            raise RunError(
                error.message, f"remove it, and it is trained again: embedcli runs rm {path.name}{again}"
            ) from error
    if runs:
        names = ", ".join(run.name for run in runs.values())
        notes.say(f"note: {len(runs)} of {len(trials)} are trained already: {names}")
    left = [number for number in range(len(trials)) if number not in runs]
    if left:
        parts = plan.split(trials[left[0]])
        if plan.validates and not round(len(parts.train) * VALIDATION_FRACTION):
            raise UsageError(
                f"{len(parts.train)} training ratings are too few: a tenth of them judges the settings",
                "give more ratings",
            )
        size = sum(stored_bytes(trials[number].config, parts.train, len(parts.test)) for number in left)
        del parts
        check_writable(plan.run_dir, size)
        notes.say(_beginning(crew, [trials[number] for number in left]))
    began, said = time.perf_counter(), set[str]()
    try:
        for n_done, saved in enumerate(crew.carry_out([trials[number] for number in left]), 1):
            run = runs[left[saved.number]] = load(saved.path)
            notes.say_of_library(*(line for line in saved.notes if line not in said))
            said.update(saved.notes)
            rounds = ceil((len(left) - n_done) / crew.n)
            which, seconds = f"{n_done} of {len(left)}", time.perf_counter() - began
            notes.say(_progress(run, saved.path, which, seconds, rounds * saved.seconds))
    except KeyboardInterrupt:
        kept = f"{len(finished(plan, trials))} of {len(trials)} trainings are saved: the same command goes on"
        raise Interrupted("interrupted", kept) from None
    return [runs[number] for number in range(len(trials))]


def _beginning(crew: Crew, trials: Sequence[Trial]) -> str:
    """Say how many trainings begin, and what they have in common."""
    from embedcli.training.trials import grouped

    several = [trials[numbers[0]] for numbers in grouped(trials).values() if len(numbers) > 1]
    once = any(map(crew.plan.parts, several))
    words = f"{len(trials)} training{'s' if len(trials) > 1 else ''} in {crew.n} process{'es' if crew.n > 1 else ''}"
    return words + ("; posterior and axes of tastes do not depend on these settings: found once" if once else "")


def _progress(run: Run, path: Path, which: str, seconds: float, rest: float) -> str:
    """Say what was trained, its error and how long the rest may take."""
    score, validation = run.training.model_score, run.training.validation
    figures = [f"validation RMSE {validation.rmse:.4f}"] if validation else []
    figures += [f"test RMSE {score.rmse:.4f}"] if score and not validation else []
    left = f", about {rest:.0f} s left" if rest else ""
    return f"{which}: {', '.join(figures) or 'trained'}, saved {path} ({seconds:.1f} s{left})"


def check_alone() -> None:
    """Raise UsageError if torchrun started this process as one of several: trials start processes of their own."""
    if (size := os.environ.get("WORLD_SIZE", "1")) != "1" and "RANK" in os.environ:
        raise UsageError(
            f"several trainings cannot share the {size} processes of torchrun (RANK and WORLD_SIZE are set)",
            "start the command without torchrun: it starts its own processes",
        )


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

    check_alone()
    name = saving.name or folder_name(ratings.data.name)
    trials = [Trial(fold, config, f"{name}-{fold.replace('/', '-')}") for fold in folds]
    with crew_of(plan_of(ratings, of_split, saving), len(trials), None) as crew:
        runs = carry_out(crew, trials, answer.notes)
    answer.show(view(cross_validation(runs), runs))

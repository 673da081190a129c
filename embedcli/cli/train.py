"""`embedcli train`: train a model and save it as a run."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import fail
from embedcli.cli.command import ADVANCED, DATA, MODEL, OUTPUT, command, declare, option
from embedcli.cli.notes import Notes
from embedcli.cli.options import AlignTo, RunOptions, complete_run
from embedcli.cli.settings import WORDS, ConfiguredCommand, Elsewhere
from embedcli.cli.source import Source, took
from embedcli.data.read_options import ReadOptions
from embedcli.errors import Interrupted, UsageError
from embedcli.progress import stage
from embedcli.render.output import PICTURES
from embedcli.run import DEFAULT_DIR
from embedcli.run.config import LARGEST_BATCH, TrainConfig

if TYPE_CHECKING:
    from embedcli.data.ratings import Split
    from embedcli.run.record import Epoch, Run
    from embedcli.training.checkpoint import Checkpoint


declare(
    TrainConfig,
    n_factors=Annotated[int, option("--factors K", "Number of factors of an embedding.", MODEL)],
    n_epochs=Annotated[int, option("--epochs N", "Passes over the ratings.", MODEL)],
    learning_rate=Annotated[float, option("--lr RATE", "Peak learning rate of the one-cycle schedule.", MODEL)],
    weight_decay=Annotated[float, option("--weight-decay W", "Decoupled weight decay of the factors.", MODEL)],
    n_members=Annotated[int, option("--members N", "Number of models, each with its own seed.", MODEL)],
    seed=Annotated[int, option("--seed S", "Seed of the members.", MODEL)],
    bias_weight_decay=Annotated[
        float, option("--bias-weight-decay W", "Decoupled weight decay of the biases.", ADVANCED)
    ],
    batch_size=Annotated[
        int | None,
        option(
            "--batch-size N", f"Ratings per step of torch (default: {LARGEST_BATCH}, fewer for small data).", ADVANCED
        ),
    ],
    n_draws=Annotated[int, option("--draws N", "Posterior draws for the intervals; 0 for none.", ADVANCED)],
    timestamps=Annotated[bool, option("--timestamps", "Let the posterior use the time of a rating.", ADVANCED)],
    n_folds=Annotated[int, option("--folds N", "Folds for testing the components; 0 for none.", ADVANCED)],
    n_negatives=Annotated[int, option("--negatives N", "Sampled negatives per row of implicit data.", ADVANCED)],
    y_range=Annotated[
        tuple[float, float] | None,
        option("--y-range LO HI", "Range of the predictions (default: from the scale, 0 5.5 for 1 to 5).", ADVANCED),
    ],
    device=Annotated[str, option("--device DEVICE", "cpu, cuda or mps.", ADVANCED)],
    engine=Annotated[str, option("--engine NAME", "compiled, torch, or auto: compiled on the CPU.", ADVANCED)],
)


@dataclass(frozen=True)
class SplitOptions:
    """Which ratings are test rows."""

    split: Annotated[
        str, option("--split KIND", "random, leave-last, time, an official fold u1..u5, official, cv5, or none.", DATA)
    ] = "random"
    test_fraction: Annotated[
        float | None,
        option("--test-fraction F", "Share of test rows in a random or time split (default: 0.1).", ADVANCED),
    ] = None
    split_seed: Annotated[
        int | None, option("--split-seed S", "Seed of a random split (default: --seed).", ADVANCED)
    ] = None

    def check(self, seed: int) -> dict[str, Any]:
        """Return the options that `Ratings.split` takes; UsageError, before any rating is read, if they do not fit."""
        from embedcli.data import splits  # not at the top: help needs no numpy

        for flag, given, has_meaning, kinds in (
            ("--split-seed", self.split_seed, splits.is_drawn(self.split), ("random", "cv5")),
            ("--test-fraction", self.test_fraction, self.split in splits.WITH_FRACTION, splits.WITH_FRACTION),
        ):
            if given is not None and not has_meaning:
                why = f"{flag} {given:g} has no meaning with --split {self.split}"
                raise UsageError(why, f"use --split {' or '.join(kinds)}, or leave it out")
        if self.split_seed is not None and self.split_seed < 0:
            raise UsageError(f"--split-seed {self.split_seed} is below 0", "give 0 or more")
        options: dict[str, Any] = {
            "seed": seed if self.split_seed is None else self.split_seed,
            "test_fraction": splits.TEST_FRACTION if self.test_fraction is None else self.test_fraction,
        }
        splits.check(self.split, **options)
        return options


@dataclass(frozen=True)
class SaveOptions:
    """How the run is saved."""

    name: Annotated[
        str | None, option("--name NAME", "Name of the run (default: the data set's, numbered).", OUTPUT)
    ] = None
    run_dir: Annotated[Path, option("--run-dir DIR", "Folder of the runs.", OUTPUT)] = DEFAULT_DIR
    keep_rows: Annotated[
        bool, option("--keep-rows/--no-keep-rows", "Keep the training ratings in the run.", ADVANCED)
    ] = True

    def check(self) -> None:
        """Raise UsageError or RunError, before any time is spent, if the run could not be saved."""
        from embedcli.run.store import check_name, check_writable

        if self.name is not None:
            check_name(self.name, self.run_dir)
        check_writable(self.run_dir)


@dataclass(frozen=True)
class TrainAnswer(Answer):
    """The answer of `train`: a picture only of the learning-rate finder."""

    endings = PICTURES
    lr_find: Annotated[
        bool, option("--lr-find", "Find a learning rate instead of training; -o draws it.", ADVANCED)
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.picture and not self.lr_find:
            why = f"{self.output}: the answer of a training is not a picture"
            raise UsageError(why, "draw the run afterwards: embedcli biases -o FILE.png, or give --lr-find")


@dataclass(frozen=True)
class StartOptions:
    """Where a training starts: from a run, or where it was killed."""

    init_from: Annotated[
        str | None,
        option(
            "--init-from RUN",
            "Start users and items that RUN knows from its factors: a new cycle.",
            ADVANCED,
            autocompletion=complete_run,
        ),
    ] = None
    freeze: Annotated[str | None, option("--freeze items", "Leave the items of --init-from as they are.", ADVANCED)] = (
        None
    )

    resume: Annotated[
        bool, option("--resume", "Finish the training that was killed: the newest, or that of the options.", ADVANCED)
    ] = False

    def reject(self, other: str) -> None:
        """Raise UsageError if one of these options is given beside another option that has no use for it."""
        for flag, given in (("--init-from", self.init_from), ("--freeze", self.freeze), ("--resume", self.resume)):
            if given:
                raise UsageError(f"{flag} has no meaning with {other}", "leave it out")

    def open(self, run_dir: Path) -> dict[str, Any]:
        """Return the parameters of `fit`."""
        from embedcli.run.shelf import open_run
        from embedcli.training.older import check_freeze

        check_freeze(self.freeze, has_run=self.init_from is not None)
        run = None if self.init_from is None else open_run(self.init_from, run_dir).table()
        return {"init_from": run, "freeze": self.freeze}


@command(short_help="Train a model and save it as a run.", cls=ConfiguredCommand)
def train(
    context: typer.Context,
    elsewhere: Elsewhere,
    source: Source,
    config: TrainConfig,
    split: SplitOptions,
    options: ReadOptions,
    saving: SaveOptions,
    start: StartOptions,
    answer: TrainAnswer,
    *,
    align_to: AlignTo = None,
) -> None:
    """Train an embedding-dot-bias model with weight decay, and save it as a run.

    \b
    Examples:
      embedcli train                          MovieLens 100K, a few seconds
      embedcli train --split u1 --members 1   one member, on an official fold
      embedcli train --split cv5              cross-validation: five runs, a table
      embedcli train --split none --seed 1    on all ratings, with other seeds
      embedcli train ml-1m                    another edition, by its name
      embedcli train ~/ml-100k.zip            your own copy
      embedcli train ratings.csv              your own ratings, columns detected
      embedcli train books.tsv --items titles.csv --duplicates last
      embedcli train --config books.toml      options from a TOML file
      embedcli train --like ml-100k --seed 1  as a run, with other seeds
      embedcli train --seed 1 --align-to old  in the coordinates of the run old
      embedcli train --lr-find -o lr.png      draw the learning-rate finder
      embedcli train new.csv --init-from old --freeze items
      embedcli train --resume                 finish a training that was killed

    Test rows are for display only: nothing is chosen by them. The factors are decayed more than the biases,
    because the factors overfit.
    """
    from embedcli.cli.trials import cross_validate
    from embedcli.data.splits import folds_of
    from embedcli.render.runs import summary
    from embedcli.run.align import about_agreement, aligned, check_alignable
    from embedcli.run.files import check_storable
    from embedcli.run.shelf import open_run
    from embedcli.training.checkpoint import Checkpoint

    of_split = split.check(config.seed)
    if answer.lr_find:
        start.reject("--lr-find")
    saving.check()
    to = None if align_to is None else open_run(align_to, saving.run_dir).table()
    of_start = start.open(saving.run_dir)
    answer.keep(*source.paths, options.items, elsewhere.config_file)
    ratings = source.read(options, answer.notes)
    check_storable(ratings.users, ratings.items)
    if folds := folds_of(split.split, ratings.data.n_folds):
        several = f"--split {split.split}, which trains {len(folds)} runs"
        start.reject(several)
        for flag, given in (("--align-to", to is not None), ("--lr-find", answer.lr_find)):
            if given:
                why = f"{flag} has no meaning with {several}"
                raise UsageError(why, "leave it out, or choose one fold, such as --split " + folds[0])
        cross_validate(ratings, folds, of_split, config, saving, answer)
        return
    if to is not None:
        check_alignable(ratings, config.n_factors, to)
    with stage("splitting the ratings"):
        parts = ratings.split(split.split, **of_split, keep_times=config.timestamps or config.n_folds > 0)
    del ratings  # the parts take as much memory again
    if answer.lr_find:
        find_rate(parts, config, answer)
        return
    words = context.meta[WORDS]
    checkpoint = Checkpoint(saving.run_dir, words, start.resume)
    run = _fit(parts, config, saving, answer.notes, checkpoint, **of_start)
    if to is not None:
        run = aligned(run, to)
        answer.notes.say(about_agreement(run, to))
    run, path, exit_code = save(run, saving, answer.notes, words)
    checkpoint.remove()
    answer.show(summary(run, path))
    raise typer.Exit(exit_code)


def find_rate(parts: Split, config: TrainConfig, answer: TrainAnswer) -> None:
    """Find a learning rate, and show it."""
    from embedcli.analysis.lr_find import learning_rates
    from embedcli.render.lr_find import view
    from embedcli.training.lr_find import try_rates

    found, title = learning_rates(*try_rates(parts, config)), parts.train.data.title
    if answer.picture is None:
        answer.show(view(found, title))
    else:
        from embedcli.render.pictures.lr_find import draw

        answer.save(draw(found, title, answer.picture))


def _fit(
    parts: Split, config: TrainConfig, saving: SaveOptions, notes: Notes, checkpoint: Checkpoint, **start: Any
) -> Run:
    """Train, and say on stderr how it goes."""
    from embedcli.run.store import check_writable

    with stage("loading PyTorch"):
        from embedcli.training.config import stored_bytes
        from embedcli.training.fit import fit
        from embedcli.training.ranks import team

    check_writable(saving.run_dir, stored_bytes(config, parts.train, len(parts.test)))
    try:
        run = fit(
            parts,
            config,
            lambda epoch: notes.say(*_epoch_lines(epoch)),
            on_stage=lambda line, seconds: notes.say_of_library(
                line if seconds is None else f"{line} ({seconds:.1f} s)"
            ),
            keep_rows=saving.keep_rows,
            checkpoint=checkpoint,
            **start,
        )
    except KeyboardInterrupt:
        checkpoint.close()
        if checkpoint.is_kept:
            raise Interrupted(
                "interrupted", f"embedcli train --resume{RunOptions(None, saving.run_dir).again} goes on"
            ) from None
        raise
    team().dismiss()  # a process that is killed now ends no training
    return run


def save(run: Run, saving: SaveOptions, notes: Notes, words: Sequence[str] | None = None) -> tuple[Run, Path, int]:
    """Save a run under its name or another: a finished training is never lost. Return its path and the exit code.

    `words` is the command line of the training, if another process began it.
    """
    from embedcli.run.store import save_anywhere

    command_line = shlex.join(["embedcli", *(sys.argv[1:] if words is None else ["train", *words])])
    began = time.perf_counter()
    with stage("saving the run"):
        run, path, problem = save_anywhere(run, saving.run_dir, name=saving.name, command=command_line)
    if problem is not None:  # said before anything else can fail
        return run, path, fail(problem.message, problem.hint, problem.exit_code)
    if saving.name not in (None, run.name):
        Notes().say(f"note: another training took the name {saving.name!r}; this run is named {run.name!r}")
    named = run.name if os.environ.get("EMBEDCLI_RUN") else None  # which would otherwise choose the run
    again = RunOptions(named, saving.run_dir).again
    notes.say(f"saved {path}{took(began)}; next: embedcli {_next(run)}{again}")
    return run, path, 0


def _next(run: Run) -> str:
    """Return the command to look at a run with: `biases`, with the option by which it finds items, or else `pca`."""
    from embedcli.analysis.biases import MIN_RATINGS

    n = run.item_stats.n_ratings
    if "item_bias" not in run.arrays:
        return "pca"
    return "biases --worst" + (f" --min-ratings {sorted(n)[len(n) // 2]}" if 0 < n.max() < MIN_RATINGS else "")


def _epoch_lines(epoch: Epoch) -> list[str]:
    header = [" epoch   train    test    time"] if epoch.epoch == 1 else []
    test = "-" if epoch.test_rmse is None else f"{epoch.test_rmse:.3f}"
    return [*header, f"{epoch.epoch:6}{epoch.train_rmse:8.3f}{test:>8}{epoch.seconds:6.1f} s"]

"""`embedcli train`."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli import reading
from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.notes import Notes
from embedcli.cli.options import FormatOption, Output, Quiet, RunDir, reopen
from embedcli.data.read_options import ReadOptions
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.training.config import LARGEST_BATCH, TrainConfig

if TYPE_CHECKING:
    from embedcli.run.record import Epoch

DEFAULT = TrainConfig()


@app.command(short_help="Train a model and save it as a run.")
def train(
    data: reading.DataArgument = None,
    copy: reading.DataOption = None,
    factors: Annotated[
        int, typer.Option("--factors", metavar="K", help="Length of the embeddings.")
    ] = DEFAULT.n_factors,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Passes over the ratings.")] = DEFAULT.n_epochs,
    lr: Annotated[
        float, typer.Option("--lr", metavar="RATE", help="Highest learning rate of the one-cycle schedule.")
    ] = DEFAULT.learning_rate,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", metavar="W", help="Decoupled weight decay of the factors.")
    ] = DEFAULT.weight_decay,
    bias_weight_decay: Annotated[
        float, typer.Option("--bias-weight-decay", metavar="W", help="Decoupled weight decay of the biases.")
    ] = DEFAULT.bias_weight_decay,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            metavar="N",
            help=f"Ratings per step (default: {LARGEST_BATCH}, fewer for small data).",
        ),
    ] = DEFAULT.batch_size,
    members: Annotated[
        int, typer.Option("--members", metavar="N", help="Models trained together, with seeds of their own.")
    ] = DEFAULT.n_members,
    draws: Annotated[
        int,
        typer.Option(
            "--draws",
            metavar="N",
            help="Draws from the posterior for the intervals of the stars; 0 for none.",
        ),
    ] = DEFAULT.n_draws,
    folds: Annotated[
        int,
        typer.Option(
            "--folds",
            metavar="N",
            help="Members that leave out a fold each, to test the components; 0 for none.",
        ),
    ] = DEFAULT.n_folds,
    negatives: Annotated[
        int, typer.Option("--negatives", metavar="N", help="Rows sampled for each, of implicit data.")
    ] = DEFAULT.n_negatives,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Seed of the members.")] = DEFAULT.seed,
    split_seed: Annotated[
        int | None,
        typer.Option("--split-seed", metavar="S", help="Seed of the random split (default: --seed)."),
    ] = None,
    split: Annotated[
        str,
        typer.Option("--split", metavar="KIND", help="random, leave-last, time, an official fold u1..u5, or none."),
    ] = "random",
    valid_fraction: Annotated[
        float | None,
        typer.Option("--valid-fraction", metavar="F", help="Share left out by --split random or time (default: 0.1)."),
    ] = None,
    y_range: Annotated[
        tuple[float, float] | None,
        typer.Option("--y-range", metavar="LO HI", help="Range of the predictions (default: from the scale, 0 5.5)."),
    ] = DEFAULT.y_range,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu, cuda or mps.")] = DEFAULT.device,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The run's name (default: the data set's, numbered)."),
    ] = None,
    keep_rows: Annotated[
        bool, typer.Option("--keep-rows/--no-keep-rows", help="Keep the training ratings with the run.")
    ] = True,
    user_col: reading.UserCol = None,
    item_col: reading.ItemCol = None,
    rating_col: reading.RatingCol = None,
    time_col: reading.TimeCol = None,
    sep: reading.Sep = None,
    encoding: reading.Encoding = None,
    items: reading.ItemsTable = None,
    item_id_col: reading.ItemIdCol = None,
    title_col: reading.TitleCol = None,
    tag_cols: reading.TagCols = None,
    duplicates: reading.DuplicatesOption = reading.DEFAULT.duplicates,
    on_bad_rows: reading.BadRows = reading.DEFAULT.on_bad_rows,
    min_user_ratings: reading.MinUser = reading.DEFAULT.min_user_ratings,
    min_item_ratings: reading.MinItem = reading.DEFAULT.min_item_ratings,
    implicit: reading.Implicit = reading.DEFAULT.implicit,
    offline: reading.Offline = False,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Train an embedding-dot-bias model with weight decay, and save it as a run.

    \b
    Examples:
      embedcli train                          MovieLens 100K, a few seconds
      embedcli train --split u1 --members 1   one member, on an official fold
      embedcli train --split none --seed 1    on all ratings, with other seeds
      embedcli train --data ~/ml-100k.zip     your own copy
      embedcli train ml-1m                    another edition, fetched by its name
      embedcli train ratings.csv              your own ratings, columns found
      embedcli train books.tsv --items titles.csv --duplicates last

    The test rows are for display: nothing is chosen by them. The factors are decayed more than the biases:
    it is the factors that would learn the training ratings by heart.
    """
    config = TrainConfig(
        n_factors=factors,
        n_epochs=epochs,
        learning_rate=lr,
        weight_decay=weight_decay,
        bias_weight_decay=bias_weight_decay,
        batch_size=batch_size,
        n_members=members,
        n_draws=draws,
        n_folds=folds,
        n_negatives=negatives,
        seed=seed,
        y_range=y_range,
        device=device,
    )
    from embedcli.data import splits
    from embedcli.render.runs import summary
    from embedcli.run.files import check_storable
    from embedcli.run.store import check_name, check_writable, save_anywhere

    answer = Answer.to(output, format, quiet)
    notes = answer.notes
    for option, given, kinds in (
        ("--split-seed", split_seed, ("random",)),
        ("--valid-fraction", valid_fraction, splits.WITH_FRACTION),
    ):
        if split not in kinds and given is not None:
            why = f"{option} {given:g} has no meaning with --split {split}"
            raise UsageError(why, f"use --split {' or '.join(kinds)}, or leave it out")
    split_seed = seed if split_seed is None else split_seed
    fraction = splits.TEST_FRACTION if valid_fraction is None else valid_fraction
    splits.check(split, seed=split_seed, test_fraction=fraction)
    if name is not None:
        check_name(name, run_dir)
    check_writable(run_dir)
    how = ReadOptions(
        user_col=user_col,
        item_col=item_col,
        rating_col=rating_col,
        time_col=time_col,
        sep=sep,
        encoding=encoding,
        items=items,
        item_id_col=item_id_col,
        title_col=title_col,
        tag_cols=reading.tags_of(tag_cols),
        duplicates=duplicates,
        on_bad_rows=on_bad_rows,
        min_user_ratings=min_user_ratings,
        min_item_ratings=min_item_ratings,
        implicit=implicit,
    )
    ratings = reading.read(data, copy, how, offline=offline, notes=notes)
    parts = ratings.split(split, seed=split_seed, test_fraction=fraction)

    check_storable(ratings.users, ratings.items)

    from embedcli.training.fit import fit, stored_bytes

    check_writable(run_dir, stored_bytes(config, parts.train, len(parts.test)))
    run = fit(
        parts,
        config,
        lambda epoch: notes.say(*_epoch_lines(epoch)),
        on_stage=lambda stage, seconds: notes.say(f"{stage} ({seconds:.1f} s)"),
        keep_rows=keep_rows,
    )
    command = shlex.join(["embedcli", *sys.argv[1:]])
    run, path, problem = save_anywhere(run, run_dir, name=name, command=command)
    if problem is None:
        if name not in (None, run.name):
            Notes().say(f"note: another training took the name {name!r}; this run is named {run.name!r}")
        named = run.name if os.environ.get("EMBEDCLI_RUN") else None  # which would otherwise choose the run
        notes.say(f"saved {path}; next: embedcli biases --worst{reopen(named, run_dir)}")
    else:  # said before anything else can fail
        Notes().say(f"error: {problem.message}", f"hint: {problem.hint}")
    answer.show(summary(run, path))
    if problem is not None:
        raise typer.Exit(problem.exit_code)


def _epoch_lines(epoch: Epoch) -> list[str]:
    header = [" epoch   train    test    time"] if epoch.epoch == 1 else []
    test = "-" if epoch.test_rmse is None else f"{epoch.test_rmse:.3f}"
    return [*header, f"{epoch.epoch:6}{epoch.train_rmse:8.3f}{test:>8}{epoch.seconds:6.1f} s"]

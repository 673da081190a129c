"""`embedcli import`: make a run of vectors that any program trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.command import ADVANCED, DATA, command, option
from embedcli.cli.source import complete_data
from embedcli.cli.train import SaveOptions, save
from embedcli.data.read_options import ReadOptions
from embedcli.errors import UsageError


@command("import", short_help="Make a run of vectors that any program trained.")
def import_(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="File of vectors: the format is recognised.")],
    options: ReadOptions,
    saving: SaveOptions,
    answer: Answer,
    *,
    ratings: Annotated[
        str | None,
        option(
            "--ratings TABLE",
            "Ratings that the vectors were trained on: a table or the name of a data set.",
            DATA,
            autocompletion=complete_data,
        ),
    ] = None,
    y_range: Annotated[
        tuple[float, float] | None, option("--y-range LO HI", "Range of the sigmoid of the predictions.", ADVANCED)
    ] = None,
    array: Annotated[
        list[str] | None,
        option("--array ROLE=NAME", "Array of the file that is item_factors, user_factors, item_ids, ...", ADVANCED),
    ] = None,
) -> None:
    """Make a run of vectors that any program trained, to look into them like those of a trained run.

    \b
    Examples:
      embedcli import glove.6B.50d.txt               words
      embedcli import als.npz --ratings ratings.csv  users and items of implicit
      embedcli import model.pth --ratings ml-100k    a state_dict of fastai
      embedcli import vectors.npy --items films.csv  a row per vector, in their order

    Formats: text of GloVe or word2vec, word2vec binary, projector .tsv pairs, .npy, .npz, Parquet, CSV, safetensors,
    state_dict of PyTorch. Nothing in a file is executed: pickles are refused.
    """
    from embedcli.render.runs import details
    from embedcli.run.importers.load import import_run

    saving.check()
    answer.keep(source, options.items, ratings)
    notes = answer.notes
    with notes.fetching() as (on_note, on_progress):
        run = import_run(
            source,
            ratings=ratings,
            arrays=_given(array or []),
            y_range=y_range,
            options=options,
            on_note=on_note,
            on_progress=on_progress,
        )
    run, path, exit_code = save(run, saving, notes)
    answer.show(details(run, path))
    raise typer.Exit(exit_code)


def _given(pairs: list[str]) -> dict[str, str]:
    """Return the array of each role; UsageError unless each is ROLE=NAME."""
    roles = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        if not equals or not name:
            raise UsageError(
                f"--array {pair!r} is not ROLE=NAME", "give one such as --array item_factors=i_weight.weight"
            )
        roles[role] = name
    return roles

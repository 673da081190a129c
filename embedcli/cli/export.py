"""`embedcli export`: a run's embeddings in a format of another program."""

from pathlib import Path
from typing import Annotated

import typer

from embedcli.analysis.choices import ExportFormat
from embedcli.cli.command import OUTPUT, command, option
from embedcli.cli.notes import Notes
from embedcli.cli.options import RUN_HELP, AlignTo, Quiet, RunDir, Table, complete_run, table_named
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR


@command(short_help="Write the embeddings for another program.")
def export(
    *,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete_run)] = None,
    to: Annotated[ExportFormat | None, option("--to", "Format (default: by the ending of -o).")] = None,
    users: Annotated[bool, option("--users", "Vectors of the users instead of the items.")] = False,
    table: Table = None,
    align_to: AlignTo = None,
    run_dir: RunDir = DEFAULT_DIR,
    output: Annotated[Path, option("-o --output PATH", "Output file; projector and safetensors: a folder.", OUTPUT)],
    quiet: Quiet = False,
) -> None:
    """Write the embeddings with their ids for TensorBoard, embedding-atlas, NumPy, gensim or the Hugging Face hub.

    \b
    Examples:
      embedcli export --to projector -o projector  vectors.tsv and metadata.tsv for TensorBoard
      embedcli export -o films.parquet             vectors, coordinates and neighbours
      embedcli export ml-100k -o ml-100k.npz       all arrays of items and users, with ids
      embedcli export -o films.csv                 one row per film
      embedcli export -o users.txt --users         word2vec text, of the users
      embedcli export -o new.csv --align-to old    in the coordinates of the run old
      embedcli export --to safetensors -o hub      with a model card, for the Hugging Face hub

    npz and safetensors hold every member. The others hold one vector per item: the members side by side.
    """
    from embedcli.analysis.export import WHOLE, export_run, format_of
    from embedcli.run.align import about_agreement, aligned
    from embedcli.run.shelf import open_run

    table, to = table_named(table, users), format_of(output, to)
    if table == "users" and to in WHOLE:
        raise UsageError(f"{to} holds the items and the users", "leave out --users, or choose another format with --to")
    found, notes = open_run(run, run_dir), Notes(quiet)
    if align_to is not None:
        other = open_run(align_to, run_dir).table()
        found = aligned(found.table(), other)
        notes.say(about_agreement(found, other))
    exported = export_run(found.table(table), output, to=to)
    notes.say(*exported.notes, f"wrote {exported.output}: {exported.content}")

"""Options that several commands share, declared once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import plain


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a run."""
    from embedcli.run.shelf import entries

    names = [entry.name for entry in entries(ctx.params.get("run_dir") or DEFAULT_DIR)]
    return [name for name in names if name.startswith(incomplete)]


def complete_title(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the title of an item of the run."""
    import csv

    from embedcli.errors import EmbedcliError
    from embedcli.run.shelf import path_of

    try:
        folder = path_of(ctx.params.get("run"), ctx.params.get("run_dir") or DEFAULT_DIR)
        with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
            titles = [row["title"] for row in csv.DictReader(file)]
    except (EmbedcliError, OSError, KeyError, csv.Error):
        return []
    wanted = incomplete.casefold()
    return [title for title in titles if title.casefold().startswith(wanted) and title == plain(title)]


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="A run's name or path (default: EMBEDCLI_RUN, else the newest run).",
        autocompletion=complete_run,
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="A run's name or path (default: EMBEDCLI_RUN, else the newest run).",
        autocompletion=complete_run,
    ),
]
RunDir = Annotated[Path, typer.Option("--run-dir", metavar="DIR", help="The folder that holds the runs.")]
TableOption = Annotated[
    str | None,
    typer.Option("--table", metavar="TABLE", help="Another embedding table of the run: users, or a column's name."),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Format of the answer (default: by the ending of -o, else a table).")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write to a file; its ending is the format: .csv, .json ..."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no notes on stderr.")]
FewestRatings = Annotated[
    int | None, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")
]
TopItems = Annotated[
    int | None,
    typer.Option("--top-items", metavar="N", help="Only the N most rated (default: 1000, without --min-ratings)."),
]
MinRatings = Annotated[int, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")]


def reopen(run: str | None, run_dir: Path) -> str:
    """Return the options, with a blank before each, with which another command opens the same run."""
    named = "" if run is None else f" --run {shlex.quote(run)}"
    return named + ("" if run_dir == DEFAULT_DIR else f" --run-dir {shlex.quote(str(run_dir))}")

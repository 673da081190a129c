"""Options that several commands share, declared once."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.analysis.choices import Angle
from embedcli.cli.command import DATA, OUTPUT, option
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import plain

if TYPE_CHECKING:
    from embedcli.run.record import Run


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a run."""
    from embedcli.run.shelf import entries

    runs = entries(ctx.params.get("run_dir") or DEFAULT_DIR)
    return [run.name for run in runs if run.name.startswith(incomplete)]


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


RUN_HELP = "Name or path of a run (default: EMBEDCLI_RUN, else the newest run)."
RunDir = Annotated[Path, option("--run-dir DIR", "Folder of the runs.", DATA)]
Quiet = Annotated[bool, option("-q --quiet", "No progress, no notes on stderr.", OUTPUT)]
MinRatings = Annotated[int, option("--min-ratings N", "Only items with at least N ratings.")]
FewestRatings = Annotated[int | None, option("--min-ratings N", "Only items with at least N ratings.")]
Dark = Annotated[bool, option("--dark", "Draw a picture for dark paper.", OUTPUT)]
Size = Annotated[str | None, option("--size WxH", "Size of a picture in inches, such as 8x6.", OUTPUT)]
Dpi = Annotated[int | None, option("--dpi N", "Pixels per inch of a PNG (default: 160).", OUTPUT)]
Table = Annotated[
    str | None, option("--table TABLE", "Another embedding table of the run: users, or the name of a column.", DATA)
]
TopItems = Annotated[
    int | None, option("--top-items N", "Only the N most rated (default: 1000, without --min-ratings).")
]
AlignTo = Annotated[
    str | None,
    option("--align-to RUN", "Give the factors the coordinates of RUN.", OUTPUT, autocompletion=complete_run),
]
NearBy = Annotated[Angle | None, option("--by", "Items are near by this measure (default: preference).")]


@dataclass(frozen=True)
class RunOptions:
    """Which run a command looks into."""

    run: Annotated[str | None, option("--run RUN", RUN_HELP, DATA, autocompletion=complete_run)] = None
    run_dir: RunDir = DEFAULT_DIR

    def open(self) -> Run:
        """Open the run; RunError if there is none, or if it has only embedding tables."""
        from embedcli.run.shelf import open_run

        return open_run(self.run, self.run_dir).table()

    @property
    def again(self) -> str:
        """The options, with a blank before each, with which another command opens the same run."""
        named = "" if self.run is None else f" --run {shlex.quote(self.run)}"
        return named + ("" if self.run_dir == DEFAULT_DIR else f" --run-dir {shlex.quote(str(self.run_dir))}")


@dataclass(frozen=True)
class TableOptions(RunOptions):
    """Which embedding table of which run a command looks into."""

    table: Table = None

    def open(self) -> Run:
        """Open the run, and take the embeddings of the table as its items."""
        from embedcli.run.shelf import open_run

        return open_run(self.run, self.run_dir).table(self.table)

    @property
    def again(self) -> str:
        """The options with which another command opens the same table."""
        return super().again + ("" if self.table is None else f" --table {shlex.quote(self.table)}")


def table_named(table: str | None, users: bool) -> str | None:
    """Return the table that --table or --users asks for; UsageError if they ask for two."""
    if users and table not in (None, "users"):
        raise UsageError(f"--users and --table {table} are two tables", "leave one of them out")
    return "users" if users else table

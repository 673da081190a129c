"""`embedcli similar`: what is near an item."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.analysis.choices import Measure
from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import (
    FormatOption,
    MinRatings,
    Output,
    Quiet,
    RunDir,
    RunOption,
    TableOption,
    complete_title,
)
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    from embedcli.run.record import Run

STDIN = "-"
LONGEST, MOST_TITLES = 100_000, 100_000  # letters of a line, and lines, on standard input


@app.command(short_help="List the nearest items to an item.")
def similar(
    titles: Annotated[
        list[str],
        typer.Argument(
            metavar="TITLE...", help="Titles or ids; - for one a line on stdin.", autocompletion=complete_title
        ),
    ],
    by: Annotated[Measure, typer.Option("--by", help="How nearness is measured.")] = Measure.COSINE,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Neighbours per item.")] = 10,
    min_ratings: MinRatings = 20,
    users: Annotated[bool, typer.Option("--users", help="Users instead of items; ask by their ids.")] = False,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """List the items whose embeddings are nearest, and how many members find the same.

    \b
    Examples:
      embedcli similar "Star Wars (1977)"          its ten nearest films
      embedcli similar "star wars" "fargo" -n 5    of two films, five each
      embedcli similar - < titles.txt --format csv
      embedcli similar 196 --users                 users with the taste of user 196

    A title is found whatever its case, without its year, and with its article first. The cosine is that of the angle
    at the average film: what two films have in common beyond being films.
    """
    from embedcli.analysis.neighbours import similar as analyse
    from embedcli.render.neighbours import view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    if users and table not in (None, "users"):
        raise UsageError(f"--users and --table {table} ask for two tables", "leave one of them out")
    opened = open_run(run, run_dir).table("users" if users else table)
    rows = rows_of(opened, titles)
    found = analyse(opened, rows, by=by, limit=limit, min_ratings=min_ratings)
    answer.show(view(found, opened))


def rows_of(run: Run, titles: list[str]) -> list[int]:
    """Return the rows of the items asked for; `-` stands for the lines of standard input."""
    from embedcli.run.lookup import find

    rows = []
    for title in titles:
        if title != STDIN:
            rows.append(find(run, title))
            continue
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "there is nothing on standard input", "pipe titles into it: embedcli similar - < titles.txt"
            )
        for number, line in enumerate(iter(lambda: sys.stdin.readline(LONGEST + 1), ""), 1):
            if len(line) > LONGEST or number > MOST_TITLES:
                what = f"line {number} is longer than {LONGEST:,} letters"
                what = what if len(line) > LONGEST else f"more than {MOST_TITLES:,} lines"
                raise UsageError(f"standard input: {what}", "give one title a line")
            if line.strip():
                try:
                    rows.append(find(run, line.strip()))
                except UsageError as error:
                    raise UsageError(f"standard input, line {number}: {error.message}", error.hint) from error
    if not rows:
        raise UsageError("there is no title on standard input", "give one title a line")
    return rows

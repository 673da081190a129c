"""`embedcli similar`: the nearest items to an item."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.analysis.choices import Measure
from embedcli.cli.answer import Answer
from embedcli.cli.command import command, option
from embedcli.cli.notes import say_measure
from embedcli.cli.options import MinRatings, TableOptions, complete_title, table_named
from embedcli.errors import UsageError

if TYPE_CHECKING:
    from embedcli.run.lookup import Row
    from embedcli.run.record import Run

STDIN = "-"
LONGEST, MOST_TITLES = 100_000, 100_000  # letters of a line, and lines, on standard input
ONE_A_LINE = "give one title a line"


@command(short_help="List the nearest items to an item.")
def similar(
    options: TableOptions,
    answer: Answer,
    *,
    titles: Annotated[
        list[str],
        typer.Argument(
            metavar="TITLE...",
            help="Titles or ids; - reads them from stdin, one a line.",
            autocompletion=complete_title,
        ),
    ],
    by: Annotated[Measure | None, option("--by", "Measure of similarity (default: preference).")] = None,
    limit: Annotated[int, option("-n --limit N", "Neighbours per item.")] = 10,
    min_ratings: MinRatings = 20,
    users: Annotated[bool, option("--users", "Users instead of items, by their ids.")] = False,
) -> None:
    """List the items with the nearest embeddings, and how many members trained on other ratings find the same.

    \b
    Examples:
      embedcli similar "Star Wars (1977)"          its ten nearest films
      embedcli similar "star wars" "fargo" -n 5    of two films, five each
      embedcli similar - < titles.txt --format csv
      embedcli similar 196 --users                 users with the taste of user 196

    A title is found in any case, without its year, and with its article first. Films are near if users' predicted
    preferences for them correlate: --by preference. The other measures compare the films' embeddings alone.
    """
    from embedcli.analysis.metric import gauge
    from embedcli.analysis.selection import rated
    from embedcli.analysis.similar import similar as analyse
    from embedcli.render.similar import view

    run = replace(options, table=table_named(options.table, users)).open()
    found = analyse(run, rows_of(run, titles), by=by, limit=limit, min_ratings=min_ratings)
    say_measure(answer.notes, by, found.by)
    answer.show(view(found, run, gauge(run, rated(run, min_ratings)) if answer.explain else None))


def rows_of(run: Run, titles: Sequence[str]) -> list[Row]:
    """Return the rows of the items of a command line; `-` stands for the lines of standard input."""
    from embedcli.run.lookup import find

    rows = []
    for title in titles:
        if title != STDIN:
            rows.append(find(run, title))
            continue
        for number, line in _lines_of_stdin():
            try:
                rows.append(find(run, line))
            except UsageError as error:
                raise UsageError(f"standard input, line {number}: {error.message}", error.hint) from error
    if not rows:
        raise UsageError("there is no title on standard input", ONE_A_LINE)
    return rows


def _lines_of_stdin() -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines of standard input that are not blank; UsageError if it is too long."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("there is nothing on standard input", "pipe titles into it: embedcli similar - < titles.txt")
    for number, line in enumerate(iter(lambda: sys.stdin.readline(LONGEST + 1), ""), 1):
        if len(line) > LONGEST:
            raise UsageError(f"standard input: line {number} is longer than {LONGEST:,} letters", ONE_A_LINE)
        if number > MOST_TITLES:
            raise UsageError(f"standard input: more than {MOST_TITLES:,} lines", ONE_A_LINE)
        if line.strip():
            yield number, line.strip()

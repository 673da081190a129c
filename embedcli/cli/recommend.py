"""`embedcli recommend`: items for a user of the run, or for a new one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import FormatOption, MinRatings, Output, Quiet, RunDir, RunOption, complete_title, reopen
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    from embedcli.run.record import Run


@app.command(short_help="Recommend items to a user, or to what you like.")
def recommend(
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="A user of the run.")] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like", metavar="TITLE", help="Something you like (again for more).", autocompletion=complete_title
        ),
    ] = None,
    dislike: Annotated[
        list[str] | None,
        typer.Option("--dislike", metavar="TITLE", help="Something you do not.", autocompletion=complete_title),
    ] = None,
    rate: Annotated[
        list[str] | None, typer.Option("--rate", metavar="TITLE=RATING", help="Something with your rating of it.")
    ] = None,
    include_rated: Annotated[bool, typer.Option("--include-rated", help="Also what was rated already.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items to show.")] = 10,
    min_ratings: MinRatings = 20,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Recommend items to a user of the run, or to a new one made of what you like and dislike.

    \b
    Examples:
      embedcli recommend --user 196
      embedcli recommend --like "Star Wars (1977)" --like fargo --dislike "Home Alone 3"
      embedcli recommend --rate "fargo=4" --rate "titanic=2.5" -n 20

    A new user is folded in without training: the most probable user given these ratings, among users like the run's.
    A like counts as the highest rating of the scale, a dislike as the lowest.
    """
    from embedcli.analysis.recommend import fold_in, of_user
    from embedcli.analysis.recommend import recommend as analyse
    from embedcli.render.recommend import view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    if (user is None) == (not like and not dislike and not rate):
        raise UsageError(
            "recommend to whom: a user of the run, or what you like?", "give --user ID, or --like TITLE and the like"
        )
    opened = open_run(run, run_dir).table()
    if user is not None:
        taste = of_user(opened, user)
    else:
        taste = fold_in(opened, _ratings(opened, like or [], dislike or [], rate or []))
    found = analyse(opened, taste, user=user, limit=limit, min_ratings=min_ratings, include_rated=include_rated)
    answer.show(view(found, opened))
    if user is not None:
        answer.next(
            f"embedcli explain {shlex.quote(user)} {shlex.quote(f'id:{found.items[0].id}')}{reopen(run, run_dir)}"
        )


def _ratings(run: Run, like: list[str], dislike: list[str], rate: list[str]) -> dict[int, float]:
    """Return the ratings (row: value) that options stand for; UsageError where two of them are of one item."""
    from embedcli.run.lookup import find

    low, high = run.data.scale
    given = [(title, high) for title in like] + [(title, low) for title in dislike]
    for pair in rate:
        title, equals, written = pair.rpartition("=")
        try:
            number = float(written)
        except ValueError:
            number = low - 1
        if not equals or not low <= number <= high:
            raise UsageError(
                f"--rate {pair!r} is no title with a rating from {low:g} to {high:g}", f"write --rate 'TITLE={high:g}'"
            )
        given.append((title, number))
    found: dict[int, float] = {}
    for title, value in given:
        row = find(run, title)
        if row in found:
            raise UsageError(f"{run.items.titles[row]!r} is given twice", "give every item once")
        found[row] = float(value)
    return found

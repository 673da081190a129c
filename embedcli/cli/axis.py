"""`embedcli axis`: a direction of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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


@app.command("axis", short_help="Rank items along a direction of your own.")
def own_axis(
    start: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="TITLE", help="Where it begins, again for more.", autocompletion=complete_title),
    ] = None,
    end: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="TITLE", help="Where it leads, again for more.", autocompletion=complete_title),
    ] = None,
    start_tag: Annotated[str | None, typer.Option("--from-tag", metavar="TAG", help="All items with a tag.")] = None,
    end_tag: Annotated[str | None, typer.Option("--to-tag", metavar="TAG", help="All items with a tag.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items per end.")] = 10,
    min_ratings: MinRatings = 20,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Rank items along the direction from some of them to others.

    \b
    Examples:
      embedcli axis --from "Star Wars (1977)" --to "Casablanca (1942)"
      embedcli axis --from alien --from aliens --to "toy story" --to aladdin
      embedcli axis --from-tag Western --to-tag Musical

    Any two items make an axis. Whether it means anything is what the lines below it say: what goes with it beyond
    chance, whether it carries more than one between items drawn at random, and whether other members find it.
    """
    from embedcli.analysis.directions import axis as analyse
    from embedcli.render.axis import view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table(table)
    sides = [_side(opened, titles or [], tag) for titles, tag in ((start, start_tag), (end, end_tag))]
    found = analyse(opened, *sides, limit=limit, min_ratings=min_ratings)
    answer.show(view(found, opened))


def _side(run: Run, titles: list[str], tag: str | None) -> list[int]:
    """Return the rows of one side of an axis; UsageError for a title or a tag that is not there."""
    from embedcli.run.lookup import find

    rows = [find(run, title) for title in titles]
    if tag is None:
        return rows
    tagged = [row for row, tags in enumerate(run.items.tags) if tag.casefold() in (one.casefold() for one in tags)]
    if not tagged:
        there = sorted({one for tags in run.items.tags for one in tags})
        raise UsageError(
            f"no {run.data.noun} has the tag {tag!r}",
            f"the tags are {', '.join(there)[:300]}" if there else "train with --items FILE",
        )
    return [*rows, *(row for row in tagged if run.item_stats.n_ratings[row])]

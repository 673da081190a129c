"""`embedcli clusters`: groups of items, if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.analysis.choices import Grouping
from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import (
    FewestRatings,
    FormatOption,
    Output,
    Quiet,
    RunDir,
    RunOption,
    TableOption,
    TopItems,
)
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    pass


@app.command(short_help="Cut items into groups, and say whether there are any.")
def clusters(
    k: Annotated[int, typer.Option("-k", "--clusters", metavar="K", help="How many groups.")] = 8,
    method: Annotated[Grouping, typer.Option("--method", help="How to find them.")] = Grouping.KMEANS,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items per group.")] = 5,
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Cut items into groups by their embeddings: the tags over-represented in each, and whether it is found again.

    \b
    Examples:
      embedcli clusters
      embedcli clusters -k 5 --method hierarchical
      embedcli clusters --format csv -o groups.csv    every item with its group

    Tastes are mostly a continuum: the last lines say whether these groups are more than pieces of one.
    """
    from embedcli.analysis.clusters import clusters as analyse
    from embedcli.render.clusters import view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table(table)
    found = analyse(opened, k=k, method=method, limit=limit, min_ratings=min_ratings, top_items=top_items)
    answer.show(view(found, opened))

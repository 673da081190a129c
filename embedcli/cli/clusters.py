"""`embedcli clusters`: groups of items, if there are any."""

from typing import Annotated

from embedcli.analysis.choices import Grouping
from embedcli.cli.answer import Answer
from embedcli.cli.command import command, option
from embedcli.cli.notes import say_measure
from embedcli.cli.options import FewestRatings, NearBy, TableOptions, TopItems


@command(short_help="Cut items into groups, and say whether there are any.")
def clusters(
    options: TableOptions,
    answer: Answer,
    *,
    clusters: Annotated[int, option("-k --clusters K", "Number of groups.")] = 8,
    method: Annotated[Grouping, option("--method", "Clustering method.")] = Grouping.KMEANS,
    by: NearBy = None,
    limit: Annotated[int, option("-n --limit N", "Items per group.")] = 5,
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
) -> None:
    """Cut items into groups of near ones: the tags over-represented in each, and its stability.

    \b
    Examples:
      embedcli clusters
      embedcli clusters -k 5 --method hierarchical
      embedcli clusters --format csv -o groups.csv    every item with its group

    Tastes are mostly a continuum: the last line says whether these groups are more than pieces of one.
    """
    from embedcli.analysis.clusters import clusters as analyse
    from embedcli.render.clusters import view

    run = options.open()
    grouping = analyse(
        run, clusters=clusters, method=method, by=by, limit=limit, min_ratings=min_ratings, top_items=top_items
    )
    say_measure(answer.notes, by, grouping.by)
    answer.show(view(grouping, run))

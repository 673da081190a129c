"""`embedcli axis`, `probe`, `clusters` and `compare`: further looks at what a run has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.analysis.choices import Grouping
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
    complete_run,
    complete_title,
)
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    from embedcli.run.record import Run

FewestRatings = Annotated[
    int | None, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")
]
TopItems = Annotated[
    int | None,
    typer.Option("--top-items", metavar="N", help="Only the N most rated (default: 1000, without --min-ratings)."),
]
Titles = Annotated[list[str] | None, typer.Option(metavar="TITLE")]


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
    from embedcli.render.inspections import axis as view
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
    return [*rows, *(row for row in tagged if run.item_seen.n_ratings[row])]


@app.command(short_help="Say what can be read from the embeddings.")
def probe(
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Say which tags and numbers can be read from the embeddings, each against a control with shuffled labels.

    \b
    Examples:
      embedcli probe
      embedcli probe --min-ratings 50 --format csv -o probes.csv

    A linear model predicts each from the embeddings of other items. What it reads no better than shuffled labels is
    not there, or not along a straight line.
    """
    from embedcli.analysis.probe import probe as analyse
    from embedcli.render.inspections import probe as view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table(table)
    answer.show(view(analyse(opened, min_ratings=min_ratings, top_items=top_items), opened))


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
    from embedcli.render.inspections import clusters as view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table(table)
    found = analyse(opened, k=k, method=method, limit=limit, min_ratings=min_ratings, top_items=top_items)
    answer.show(view(found, opened))


@app.command(short_help="Compare runs, such as those of several weight decays.")
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Names or paths, two or more.", autocompletion=complete_run)
    ],
    components: Annotated[int, typer.Option("--components", metavar="K", help="Components to match.")] = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Changes to show.")] = 10,
    min_ratings: MinRatings = 20,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Compare runs: their errors, evidence and rankings; of two also their axes, neighbours and what changed most.

    \b
    Examples:
      embedcli compare ml-100k ml-100k-2           two seeds, or two settings
      embedcli compare decay-0.05 decay-0.5 decay-2    several side by side
      embedcli compare ml-100k ml-latest-small     two data sets that share titles
    """
    from embedcli.analysis import compare as analysis
    from embedcli.render import inspections as render
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = [open_run(name, run_dir).table() for name in runs]
    figures = analysis.side_by_side(opened, min_ratings=min_ratings)
    if len(opened) > 2:
        answer.show(render.side_by_side(figures, opened))
        return
    a, b = opened
    found = analysis.compare(a, b, n_components=components, limit=limit, min_ratings=min_ratings)
    answer.show(render.comparison(found, figures, a, b))

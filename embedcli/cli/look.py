"""`embedcli biases` and `embedcli pca`: what a run has learned."""

from __future__ import annotations

from typing import Annotated

import typer

from embedcli.cli.app import app
from embedcli.cli.notes import Notes
from embedcli.cli.options import FormatOption, MinRatings, Output, Quiet, RunDir, RunOption
from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR


@app.command()
def biases(
    worst: Annotated[bool, typer.Option("--worst", help="Only the lowest biases.")] = False,
    best: Annotated[bool, typer.Option("--best", help="Only the highest biases.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Rows per list.")] = 10,
    min_ratings: MinRatings = 10,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = Format.TABLE,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Rank items by bias: what is thought of them once it is known who rated them.

    \b
    Examples:
      embedcli biases --worst                 the worst films
      embedcli biases --best -n 20            the twenty best
      embedcli biases --min-ratings 100       both ends, of films that many people rated
      embedcli biases --format csv -o b.csv   for a spreadsheet

    A film that only its admirers watched has a high mean and a lower bias. The spread over members shows
    what the seed alone changes; it is not an interval.
    """
    from embedcli.analysis.biases import biases as analyse
    from embedcli.render import write
    from embedcli.render.biases import view
    from embedcli.run.shelf import open_run

    opened = open_run(run, run_dir)
    found = analyse(opened, min_ratings=min_ratings, limit=limit)
    both = worst == best
    write(view(found, opened, worst=worst or both, best=best or both), format, output)
    if format is Format.TABLE:
        Notes(quiet).say("next: embedcli pca --components 3")


@app.command()
def pca(
    components: Annotated[int, typer.Option("--components", metavar="K", help="How many components to show.")] = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items per pole.")] = 5,
    min_ratings: Annotated[
        int | None, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")
    ] = None,
    top_items: Annotated[
        int | None,
        typer.Option(
            "--top-items", metavar="N", help="Only the N most rated (default: 1000, without --min-ratings)."
        ),
    ] = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = Format.TABLE,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Show the axes along which the items' embeddings spread, and what goes with each.

    \b
    Examples:
      embedcli pca --components 3             three axes, five films at each pole
      embedcli pca --components 5 -n 10       more of both
      embedcli pca --min-ratings 50           of all films with at least 50 ratings
      embedcli pca --format json              every effect, in full precision

    The first axis is mostly how good a film is and how old, and genre comes after. The agreement over members
    shows what the seed alone changes; it says nothing of other ratings.
    """
    from embedcli.analysis.components import pca as analyse
    from embedcli.render import write
    from embedcli.render.components import view
    from embedcli.run.shelf import open_run

    opened = open_run(run, run_dir)
    found = analyse(opened, n_components=components, limit=limit, min_ratings=min_ratings, top_items=top_items)
    write(view(found, opened), format, output)

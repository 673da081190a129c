"""`embedcli pca`: the axes items differ along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.analysis.choices import Basis, PartialOut, Rotation
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
from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR


@app.command(short_help="Show the axes items differ along, and their names.")
def pca(
    components: Annotated[int, typer.Option("--components", metavar="K", help="How many components to show.")] = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items per pole.")] = 5,
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
    basis: Annotated[
        Basis, typer.Option("--basis", help="Of the item factors, or of the predicted preferences.")
    ] = Basis.PCA,
    rotate: Annotated[
        Rotation, typer.Option("--rotate", help="Turn the components so that items stand out on few.")
    ] = Rotation.NONE,
    partial_out: Annotated[
        PartialOut, typer.Option("--partial-out", help="Take out first what bias, log n and year explain: quality.")
    ] = PartialOut.NOTHING,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", metavar="FILE", help="Write every item's coordinates to a file too (.csv ...)."),
    ] = None,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Show the axes along which the items' embeddings spread, and what goes with each.

    \b
    Examples:
      embedcli pca --components 3             three axes, five films at each pole
      embedcli pca --components 5 -n 10       more of both
      embedcli pca --min-ratings 50           of films with at least 50 ratings
      embedcli pca --partial-out quality      genre beyond how good, old or known
      embedcli pca --basis preference         axes of the predicted preferences
      embedcli pca --scores films.csv -q      every film's coordinates, in a file
      embedcli pca --table users              of the users' embeddings

    A component is real if it predicts ratings that were left out of the training, and stable if members trained on
    parts of the ratings find it again. Only a component that is both is named, by the genres and numbers that go
    with it more than chance makes any go; the others are shown with what they lack. The first axis is mostly how
    good a film is and how old, and genre comes after.
    """
    from embedcli.analysis.components import pca as analyse
    from embedcli.render import components as render
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    to_scores = None if scores is None else Answer.to(scores, None, quiet, default=Format.CSV)
    opened = open_run(run, run_dir).table(table)
    found = analyse(
        opened,
        n_components=components,
        limit=limit,
        min_ratings=min_ratings,
        top_items=top_items,
        basis=basis,
        rotation=rotate,
        partial_out=partial_out,
    )
    answer.show(render.view(found, opened))
    if to_scores is not None:
        what = f"the coordinates of {len(found.scores):,} {opened.data.noun}s"
        to_scores.show(render.coordinates(found, opened), what=what)

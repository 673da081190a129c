"""`embedcli biases` and `embedcli pca`: what a run has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.analysis.choices import Basis, Beyond, By, Rotation, Sort
from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import FormatOption, MinRatings, Output, Quiet, RunDir, RunOption, TableOption, reopen
from embedcli.errors import UsageError
from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR


@app.command(short_help="Rank items, worst and best, by bias.")
def biases(
    worst: Annotated[bool, typer.Option("--worst", help="Only the lowest biases.")] = False,
    best: Annotated[bool, typer.Option("--best", help="Only the highest biases.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Rows per list.")] = 10,
    min_ratings: MinRatings = 10,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SHARE", help="Share of the draws an interval holds.")
    ] = 0.95,
    sort: Annotated[Sort, typer.Option("--sort", help="What the ranking goes by.")] = Sort.BIAS,
    by: Annotated[By, typer.Option("--by", help="Rank by the trained model, or by the posterior mean.")] = By.TRAINED,
    movers: Annotated[
        bool, typer.Option("--movers", help="Instead: the items whose stars differ most from their damped mean.")
    ] = False,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Rank items by bias: what is thought of them once it is known who rated them.

    \b
    Examples:
      embedcli biases --worst                 the worst films
      embedcli biases --best -n 20            the twenty best
      embedcli biases --min-ratings 100       only films that many people rated
      embedcli biases --sort upper --worst    bad even at the interval's upper end
      embedcli biases --by posterior          by the posterior mean
      embedcli biases --movers                where the model and the mean disagree
      embedcli biases --format csv -o b.csv   for a spreadsheet

    Stars are the mean rating that the trained model predicts if every user rated the film; the bias is what they
    are above or below the average film's. Both change with the weight decay. The evidence beside them comes from a
    posterior, which knows no weight decay: an interval of the stars, marked ! if it does not hold them, an interval
    of the rank, and P, the probability of being among as many films as are shown.

    Weight decay pulls the stars of rarely rated films to the average film, so some of the outermost rows are marked.
    If many films with 100 ratings or more lie outside their interval, the weight decay is too much.

    On made worlds whose truth is known, 95 % intervals hold it in 92 to 95 %. If people choose what to rate by
    taste, beyond what popularity and activity explain, the intervals are too narrow: they then held the truth in
    85 % or less.
    """
    from embedcli.analysis import biases as analysis
    from embedcli.render import biases as render
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    if movers and (worst or best or sort is not Sort.BIAS):
        raise UsageError("--movers has no meaning with --worst, --best or --sort", "leave one of them out")
    opened = open_run(run, run_dir).table()
    found = analysis.biases(opened, min_ratings=min_ratings, limit=limit, interval=interval, sort=sort, by=by)
    both = worst == best
    if movers:
        moved = analysis.movers(opened, min_ratings=min_ratings, limit=limit, by=by)
        answer.show(render.movers(moved, opened, found))
    else:
        answer.show(render.view(found, opened, worst=worst or both, best=best or both))
    answer.next(f"embedcli pca --components 3{reopen(run, run_dir)}")


@app.command(short_help="Show the axes items differ along, and their names.")
def pca(
    components: Annotated[int, typer.Option("--components", metavar="K", help="How many components to show.")] = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Items per pole.")] = 5,
    min_ratings: Annotated[
        int | None, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")
    ] = None,
    top_items: Annotated[
        int | None,
        typer.Option("--top-items", metavar="N", help="Only the N most rated (default: 1000, without --min-ratings)."),
    ] = None,
    basis: Annotated[
        Basis, typer.Option("--basis", help="Of the item factors, or of the predicted preferences.")
    ] = Basis.PCA,
    rotate: Annotated[
        Rotation, typer.Option("--rotate", help="Turn the components so that items stand out on few.")
    ] = Rotation.NONE,
    beyond: Annotated[
        Beyond, typer.Option("--beyond", help="Take out first what bias, log n and year explain: quality.")
    ] = Beyond.NOTHING,
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
      embedcli pca --beyond quality           genre beyond how good, old or known
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
        beyond=beyond,
    )
    answer.show(render.view(found, opened))
    if to_scores is not None:
        what = f"the coordinates of {len(found.scores):,} {opened.data.noun}s"
        to_scores.show(render.coordinates(found, opened), what=what)

"""`embedcli pca`: the components along which items differ."""

from pathlib import Path
from typing import Annotated

from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.cli.answer import PictureAnswer
from embedcli.cli.command import command, option
from embedcli.cli.options import FewestRatings, TableOptions, TopItems


@command(short_help="Show the components along which items differ, with names.")
def pca(
    options: TableOptions,
    answer: PictureAnswer,
    *,
    components: Annotated[int, option("--components K", "Number of components.")] = 3,
    limit: Annotated[int, option("-n --limit N", "Items per pole.")] = 5,
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
    basis: Annotated[Basis, option("--basis", "Item factors, or predicted preferences.")] = Basis.PCA,
    rotate: Annotated[
        Rotation, option("--rotate", "Rotation to simple structure: items near few components.")
    ] = Rotation.NONE,
    partial_out: Annotated[
        PartialOut, option("--partial-out", "Partial out quality: bias, log n and year.")
    ] = PartialOut.NOTHING,
    with_numbers: Annotated[bool, option("--with-numbers", "Tastes for bias, year and log n as for tags.")] = False,
    scores: Annotated[Path | None, option("--scores FILE", "Also write every item's coordinates to a file.")] = None,
) -> None:
    """Show the components along which the items' embeddings spread, and what goes with each.

    \b
    Examples:
      embedcli pca --components 3             three components, five films at each pole
      embedcli pca --components 5 -n 10       more of both
      embedcli pca --min-ratings 50           of films with at least 50 ratings
      embedcli pca --partial-out quality      genre beyond quality, age and popularity
      embedcli pca --basis preference         components of the predicted preferences
      embedcli pca --with-numbers             what tastes go by, year and quality among it
      embedcli pca --scores films.csv -q      every film's coordinates, in a file
      embedcli pca --table users              of the users' embeddings
      embedcli pca -o pca.png                 as a picture (.png, .svg, .pdf)

    A component is real if it predicts held-out ratings. Its agreement with the truth is estimated by members trained on
    disjoint halves of the users. Only a component that is real and agrees well is named, by the genres and numbers that
    go with it beyond chance.
    Below the components stands what people's tastes go by, in the words of your tags.
    """
    from embedcli.analysis import pca as analysis
    from embedcli.render import pca as render

    to_scores = None if scores is None else answer.beside(scores)
    run = options.open()
    found = analysis.pca(
        run,
        components=components,
        limit=limit,
        min_ratings=min_ratings,
        top_items=top_items,
        basis=basis,
        rotate=rotate,
        partial_out=partial_out,
        with_numbers=with_numbers,
    )
    if answer.picture is None:
        answer.show(render.view(found, run))
    else:
        from embedcli.render.pictures.pca import draw

        answer.save(draw(found, run, answer.picture, answer.style))
    if to_scores is not None:
        what = f"the coordinates of {len(found.scores):,} {run.data.noun}s"
        to_scores.show(render.coordinates(found, run), what=what)

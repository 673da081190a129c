"""`embedcli map`: items in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from embedcli.analysis.choices import Method
from embedcli.cli.answer import PageAnswer
from embedcli.cli.command import command, option
from embedcli.cli.notes import say_measure
from embedcli.cli.options import FewestRatings, NearBy, TableOptions, complete_title
from embedcli.errors import UsageError
from embedcli.render.output import Picture

if TYPE_CHECKING:
    from embedcli.analysis.map import Map
    from embedcli.run.record import Run


@command("map", short_help="Draw items on two components, or by their neighbours.")
def draw_map(
    options: TableOptions,
    answer: PageAnswer,
    *,
    components: Annotated[str, option("--components I,J", "Components to the right and upwards.")] = "1,2",
    method: Annotated[
        Method, option("--method", "Two components, or a projection that keeps neighbours.")
    ] = Method.PCA,
    by: NearBy = None,
    color: Annotated[
        str | None, option("--color WHAT", "year, bias, stars, mean, log n, genre, or tags with commas.")
    ] = None,
    highlight: Annotated[
        list[str] | None, option("--highlight TITLE", "Item to mark; repeatable.", autocompletion=complete_title)
    ] = None,
    labels: Annotated[int, option("--labels N", "Highest number of labels.")] = 50,
    top_items: Annotated[
        int | None, option("--top-items N", "Only the N most rated (default: 50; t-SNE and UMAP: 500).")
    ] = None,
    min_ratings: FewestRatings = None,
    coordinates: Annotated[Path | None, option("--coordinates FILE", "Also write the coordinates to a file.")] = None,
    seed: Annotated[int, option("--seed S", "Seed of t-SNE or UMAP.")] = 0,
) -> None:
    """Draw items in two dimensions: in the terminal, or as a picture (-o FILE.png, .svg, .pdf) or page (.html).

    \b
    Examples:
      embedcli map                              the 50 most rated films, as letters
      embedcli map -o map.png                   the same as a labelled picture
      embedcli map -o map.html --top-items 1000 to hover over and search in
      embedcli map --components 2,3 --color genre -o genres.svg
      embedcli map --method tsne --highlight "star wars" -o near.png

    A page needs no network. Labels never overlap; a label without room is left out.
    """
    from embedcli.analysis.map import map_items
    from embedcli.render.map import coordinates as coordinates_view

    to_coordinates = None if coordinates is None else answer.beside(coordinates)
    if labels < 0:
        raise UsageError(f"--labels {labels} is below 0", "give 0 for none, or a number such as 50")
    run = options.open()
    drawn = map_items(
        run,
        method=method,
        by=by,
        components=_pair(components),
        top_items=top_items,
        min_ratings=min_ratings,
        highlight=highlight or (),
        color=[name.strip() for name in color.split(",")] if color else (),
        seed=seed,
    )
    if drawn.axes is None:
        say_measure(answer.notes, by, drawn.by)
    what = f"{len(drawn.places):,} {run.data.noun}s"
    _show(answer, drawn, run, labels, what)
    if to_coordinates is not None:
        to_coordinates.show(coordinates_view(drawn, run), what=f"the coordinates of {what}")


def _show(answer: PageAnswer, drawn: Map, run: Run, labels: int, what: str) -> None:
    """Show a map as text, picture or page."""
    if answer.picture is None:
        from embedcli.render.map import view

        answer.show(view(drawn, run, labels))
    elif answer.picture is Picture.HTML:
        from embedcli.render.pages import map_page

        answer.save(map_page(drawn, run), what=what)
    else:
        from embedcli.render.pictures.map import draw

        picture = draw(drawn, run, answer.picture, labels, answer.style)
        left_out = f", {picture.n_left_out:,} left out for lack of room" if picture.n_left_out else ""
        answer.save(picture.content, what=f"{what}, {picture.n_labels:,} of them labelled{left_out}")


def _pair(components: str) -> tuple[int, int]:
    parts = components.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--components {components!r} are not two components", "give two numbers, such as 1,2")
    return int(parts[0]), int(parts[1])

"""`embedcli map`: items in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.analysis.choices import Method
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
    complete_title,
)
from embedcli.errors import UsageError
from embedcli.render.output import ENDINGS, Format, check_output
from embedcli.run import DEFAULT_DIR

PICTURES = ("png", "svg", "pdf", "html")


@app.command("map", short_help="Draw items on two components, or by their neighbours.")
def draw_map(
    components: Annotated[
        str, typer.Option("--components", metavar="I,J", help="The components to the right and up.")
    ] = "1,2",
    method: Annotated[Method, typer.Option("--method", help="Two components, or a layout by neighbours.")] = Method.PCA,
    color: Annotated[
        str | None,
        typer.Option("--color", metavar="WHAT", help="year, bias, stars, mean, log n, genre, or tags with commas."),
    ] = None,
    highlight: Annotated[
        list[str] | None,
        typer.Option("--highlight", metavar="TITLE", help="Mark an item (again: more).", autocompletion=complete_title),
    ] = None,
    labels: Annotated[int, typer.Option("--labels", metavar="N", help="At most so many labels.")] = 50,
    top_items: Annotated[
        int | None,
        typer.Option("--top-items", metavar="N", help="The N most rated (default: 50; by neighbours 500)."),
    ] = None,
    min_ratings: FewestRatings = None,
    coordinates: Annotated[
        Path | None,
        typer.Option("--coordinates", metavar="FILE", help="Write the coordinates to a file too (.csv ...)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of a layout by neighbours.")] = 0,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Draw items in two dimensions: in the terminal, or as the picture that the ending of -o asks for.

    \b
    Examples:
      embedcli map                              the 50 most rated films, as letters
      embedcli map -o map.png                   the same as a labelled picture
      embedcli map -o map.html --top-items 1000 to hover over and search in
      embedcli map --components 2,3 --color genre -o genres.svg
      embedcli map --method tsne --highlight "star wars" -o near.png

    -o FILE.png, .svg and .pdf are pictures, .html is a page that needs no network; labels never overlap, one that
    finds no room is left out.
    """
    from embedcli.analysis.maps import map_items
    from embedcli.render import maps
    from embedcli.run.shelf import open_run

    kind = _picture(output, format)
    answer = Answer(Format.TABLE, output, quiet=quiet) if kind else Answer.to(output, format, quiet)
    check_output(output)
    to_coordinates = None if coordinates is None else Answer.to(coordinates, None, quiet, default=Format.CSV)
    if labels < 0:
        raise UsageError(f"--labels {labels} is below 0", "give 0 for none, or a number such as 50")
    opened = open_run(run, run_dir).table(table)
    found = map_items(
        opened,
        method=method,
        components=_two(components),
        top_items=top_items,
        min_ratings=min_ratings,
        highlight=highlight or (),
        color=[name.strip() for name in color.split(",")] if color else (),
        seed=seed,
    )
    what = f"{len(found.places):,} {opened.data.noun}s"
    if kind == "html":
        from embedcli.render.pages import map_page

        answer.save(map_page(found, opened).encode(), what=what)
    elif kind:
        from embedcli.render.plots import draw

        picture = draw(found, opened, kind, labels)
        answer.save(picture.content, what=f"{what}, {picture.n_labels} of them labelled")
    else:
        answer.show(maps.view(found, opened, labels))
    if to_coordinates is not None:
        to_coordinates.show(maps.coordinates(found, opened), what=f"the coordinates of {what}")


def _picture(output: Path | None, format: Format | None) -> str:
    """Return which picture a file is to hold, by its ending; nothing for a text. UsageError if --format is another."""
    ending = "" if output is None else output.suffix[1:].lower()
    if ending in PICTURES and format is not None:
        raise UsageError(
            f"{output} ends in .{ending}, and --format asks for {format}", "leave --format out, or change the ending"
        )
    if ending in PICTURES:
        return ending
    if ending and format is None and ending not in ENDINGS:
        raise UsageError(f"{output}: a map has no format .{ending}", f"end it in .{', .'.join((*PICTURES, *ENDINGS))}")
    return ""


def _two(components: str) -> tuple[int, int]:
    parts = components.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--components {components!r} are not two components", "give two numbers, such as 1,2")
    return int(parts[0]), int(parts[1])

"""`embedcli map`: items in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.analysis.choices import Method
from embedcli.cli.app import app
from embedcli.cli.notes import Notes
from embedcli.cli.options import FormatOption, Output, Quiet, RunDir, RunOption, TableOption, complete_title
from embedcli.errors import UsageError
from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR

PICTURES = ("png", "svg", "html")
TEXTS = {"txt": Format.TABLE, **{format.value: format for format in Format if format is not Format.TABLE}}


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
    min_ratings: Annotated[
        int | None, typer.Option("--min-ratings", metavar="N", help="Only items with at least N ratings.")
    ] = None,
    coordinates: Annotated[
        Path | None, typer.Option("--coordinates", metavar="FILE", help="Write the coordinates to a CSV file too.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of a layout by neighbours.")] = 0,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = Format.TABLE,
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

    -o FILE.png and FILE.svg are pictures, FILE.html is a page that needs no network; labels never overlap, one that
    finds no room is left out.
    """
    from embedcli.analysis.maps import map_items
    from embedcli.render import maps, write
    from embedcli.render.output import check_output, write_file
    from embedcli.run.shelf import open_run

    kind = _kind(output, format)
    for file in (output, coordinates):
        check_output(file)
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
        colour=[name.strip() for name in color.split(",")] if color else (),
        seed=seed,
    )
    notes = Notes(quiet)
    if output is not None and kind in ("png", "svg"):
        from embedcli.render.plots import draw

        picture = draw(found, opened, kind, labels)
        write_file(output, picture.content)
        notes.say(f"wrote {output}: {len(found.places):,} {opened.data.noun}s, {picture.n_labels} of them labelled")
    elif output is not None and kind == "html":
        from embedcli.render.pages import map_page

        write_file(output, map_page(found, opened).encode())
        notes.say(f"wrote {output}: {len(found.places):,} {opened.data.noun}s")
    else:
        write(maps.view(found, opened, labels), TEXTS.get(kind, format), output)
    if coordinates is not None:
        write(maps.coordinates(found, opened), Format.CSV, coordinates)
        notes.say(f"wrote the coordinates of {len(found.places):,} {opened.data.noun}s to {coordinates}")


def _kind(output: Path | None, format: Format) -> str:
    """Return what a file is to hold, by its ending; UsageError for an ending that is neither a picture nor a format."""
    if output is None or format is not Format.TABLE or not output.suffix:
        return ""
    kind = output.suffix[1:].lower()
    if kind not in PICTURES and kind not in TEXTS:
        raise UsageError(
            f"{output}: there are no maps of the kind .{kind}", f"end it in .{', .'.join((*PICTURES, *TEXTS))}"
        )
    return kind


def _two(components: str) -> tuple[int, int]:
    parts = components.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--components {components!r} are not two components", "give two numbers, such as 1,2")
    return int(parts[0]), int(parts[1])

"""`embedcli report`: one page to send to a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import MinRatings, Quiet, RunDir, RunOption
from embedcli.render.output import Format
from embedcli.run import DEFAULT_DIR

MOST_DRAWN = 3000  # items on the map: more make a page that is slow to open


@app.command(short_help="Write one page with all of it, to send to a colleague.")
def report(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")] = Path(
        "report.html"
    ),
    components: Annotated[int, typer.Option("--components", metavar="K", help="Axes to show.")] = 3,
    min_ratings: MinRatings = 10,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    quiet: Quiet = False,
) -> None:
    """Write a report: errors, ranking with intervals, axes with their evidence, a map to search in, and the settings.

    \b
    Examples:
      embedcli report                          report.html, of the newest run
      embedcli report -o films.html --run ml-100k

    The page is one file, needs no network, and can be read on a phone.
    """
    from embedcli.analysis.biases import biases
    from embedcli.analysis.components import pca
    from embedcli.analysis.maps import map_items
    from embedcli.errors import RunError, UsageError
    from embedcli.render.output import check_output
    from embedcli.render.pages import report_page
    from embedcli.run.shelf import open_run, path_of

    if output.suffix.lower() not in (".html", ".htm", ""):
        raise UsageError(f"{output}: a report is a page, not {output.suffix}", "end it in .html")
    check_output(output)
    answer = Answer(Format.TABLE, output, quiet=quiet)
    opened = open_run(run, run_dir).table()
    axes = pca(opened, n_components=components)
    try:
        ranking = biases(opened, min_ratings=min_ratings)
    except RunError:  # a run of item factors alone has nothing to rank by, and the page says so
        ranking = None
    found = map_items(opened, top_items=min(len(opened.items), MOST_DRAWN))
    page = report_page(opened, path_of(run, run_dir), ranking, axes, found).encode()
    answer.save(page, what=f"{len(found.places):,} {opened.data.noun}s, {len(page) / 1e6:.1f} MB")

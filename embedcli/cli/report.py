"""`embedcli report`: one page with all results of a run."""

from pathlib import Path
from typing import Annotated

from embedcli.cli.answer import PageAnswer
from embedcli.cli.command import OUTPUT, command, option
from embedcli.cli.options import MinRatings, Quiet, RunOptions

MOST_DRAWN = 3000  # items on the map: more make a page that is slow to open


@command(short_help="Write one page with all results, to send to a colleague.")
def report(
    options: RunOptions,
    *,
    n_components: Annotated[int, option("--components K", "Number of components.")] = 3,
    min_ratings: MinRatings = 10,
    output: Annotated[Path, option("-o --output FILE", "Output file.", OUTPUT)] = Path("report.html"),
    quiet: Quiet = False,
) -> None:
    """Write a report: errors, ranking with intervals, components with their evidence, a map to search in, settings.

    \b
    Examples:
      embedcli report                          report.html, of the newest run
      embedcli report -o films.html --run ml-100k

    The page is one file, needs no network, and can be read on a phone.
    """
    from embedcli.analysis.biases import biases
    from embedcli.analysis.map import map_items
    from embedcli.analysis.pca import pca
    from embedcli.errors import RunError, UsageError
    from embedcli.render.pages import report_page
    from embedcli.run.shelf import path_of

    if output.suffix.lower() not in (".html", ".htm", ""):
        raise UsageError(f"{output}: a report is a page, not {output.suffix}", "end it in .html")
    answer = PageAnswer(None, output, quiet=quiet)
    run = options.open()
    components = pca(run, n_components=n_components)
    try:
        ranking = biases(run, min_ratings=min_ratings)
    except RunError:  # a run of item factors alone has nothing to rank by, and the page says so
        ranking = None
    drawn = map_items(run, top_items=min(len(run.items), MOST_DRAWN))
    page = report_page(run, path_of(options.run, options.run_dir), ranking, components, drawn).encode()
    answer.save(page, what=f"{len(drawn.places):,} {run.data.noun}s, {len(page) / 1e6:.1f} MB")

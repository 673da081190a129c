"""`embedcli report`: one page with all results of a run."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from embedcli.analysis.choices import Section
from embedcli.cli.answer import PageAnswer
from embedcli.cli.command import OUTPUT, command, option
from embedcli.cli.flags import flags
from embedcli.cli.options import NearBy, Quiet, RunOptions

SECTIONS = f"Only these sections, in this order: {', '.join(Section)}."


@command(short_help="Write one page with all results, to send to a colleague.")
def report(
    options: RunOptions,
    *,
    sections: Annotated[str, option("--sections A,B,...", SECTIONS)] = "",
    title: Annotated[str, option("--title TEXT", "Title of the page.")] = "",
    components: Annotated[
        int | None, option("--components K", "Number of components (default: 3, or as many as there are).")
    ] = None,
    min_ratings: Annotated[
        int | None, option("--min-ratings N", "Rank only items with at least N ratings (default: 10).")
    ] = None,
    by: NearBy = None,
    output: Annotated[Path, option("-o --output FILE", "Output file.", OUTPUT)] = Path("report.html"),
    quiet: Quiet = False,
) -> None:
    """Write a report: what the run shows in three sentences, then rankings, axes, tastes, map, groups and errors.

    \b
    Examples:
      embedcli report                          report.html, of the newest run
      embedcli report -o films.html --run ml-100k
      embedcli report --sections ranking,axes --title "Films of 1998"

    The page is one file, needs no network, and can be read on a phone and printed. Each figure has its data as CSV.
    """
    from embedcli.analysis.report import report as analyse
    from embedcli.errors import UsageError
    from embedcli.render.pages import report_page
    from embedcli.run.shelf import path_of

    if output.suffix.lower() not in (".html", ".htm", ""):
        raise UsageError(f"{output}: a report is a page, not {output.suffix}", "end it in .html")
    answer = PageAnswer(None, output, quiet=quiet)
    asked = [name.strip() for name in sections.split(",") if name.strip()]
    run = options.open()
    found = analyse(run, sections=asked, components=components, min_ratings=min_ratings, by=by)
    command_line = shlex.join(["embedcli", *sys.argv[1:]])
    path = path_of(options.run, options.run_dir)
    page = report_page(found, run, path, title=title, command=command_line, in_words=flags).encode()
    answer.save(
        page, what=f"{len(found.sections)} sections, {len(run.items):,} {run.data.noun}s, {len(page) / 1e6:.1f} MB"
    )

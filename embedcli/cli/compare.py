"""`embedcli compare`: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import (
    FormatOption,
    MinRatings,
    Output,
    Quiet,
    RunDir,
    complete_run,
)
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    pass


@app.command(short_help="Compare runs, such as those of several weight decays.")
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Names or paths, two or more.", autocompletion=complete_run)
    ],
    components: Annotated[int, typer.Option("--components", metavar="K", help="Components to match.")] = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="Changes to show.")] = 10,
    min_ratings: MinRatings = 20,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Compare runs: their errors, evidence and rankings; of two also their axes, neighbours and what changed most.

    \b
    Examples:
      embedcli compare ml-100k ml-100k-2           two seeds, or two settings
      embedcli compare decay-0.05 decay-0.5 decay-2    several side by side
      embedcli compare ml-100k ml-latest-small     two data sets that share titles
    """
    from embedcli.analysis import compare as analysis
    from embedcli.render import compare as render
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = [open_run(name, run_dir).table() for name in runs]
    figures = analysis.side_by_side(opened, min_ratings=min_ratings)
    if len(opened) > 2:
        answer.show(render.side_by_side(figures, opened))
        return
    a, b = opened
    found = analysis.compare(a, b, n_components=components, limit=limit, min_ratings=min_ratings)
    answer.show(render.comparison(found, figures, a, b))

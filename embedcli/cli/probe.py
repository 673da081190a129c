"""`embedcli probe`: what can be read from the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    pass


@app.command(short_help="Say what can be read from the embeddings.")
def probe(
    min_ratings: FewestRatings = None,
    top_items: TopItems = None,
    table: TableOption = None,
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Say which tags and numbers can be read from the embeddings, each against a control with shuffled labels.

    \b
    Examples:
      embedcli probe
      embedcli probe --min-ratings 50 --format csv -o probes.csv

    A linear model predicts each from the embeddings of other items. What it reads no better than shuffled labels is
    not there, or not along a straight line.
    """
    from embedcli.analysis.probe import probe as analyse
    from embedcli.render.probe import view
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table(table)
    answer.show(view(analyse(opened, min_ratings=min_ratings, top_items=top_items), opened))

"""`embedcli explain`: why a user is predicted to rate an item so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app
from embedcli.cli.options import FormatOption, Output, Quiet, RunDir, RunOption, complete_title
from embedcli.run import DEFAULT_DIR

if TYPE_CHECKING:
    pass


@app.command(short_help="Say why a user is predicted to rate an item so.")
def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user's id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="A title or id.", autocompletion=complete_title)],
    run: RunOption = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Split a prediction into parts that add up: global, user, item, and the components of the preferences.

    \b
    Examples:
      embedcli explain 196 "Star Wars (1977)"
      embedcli explain 196 fargo --format json
    """
    from embedcli.analysis.explain import explain as analyse
    from embedcli.analysis.recommend import of_user
    from embedcli.render.explain import view
    from embedcli.run.lookup import find
    from embedcli.run.shelf import open_run

    answer = Answer.to(output, format, quiet)
    opened = open_run(run, run_dir).table()
    taste = of_user(opened, user)
    answer.show(view(analyse(opened, taste, user, find(opened, item)), opened))

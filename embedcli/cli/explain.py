"""`embedcli explain`: the parts of a prediction."""

from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.command import command
from embedcli.cli.options import RunOptions, complete_title


@command(short_help="Split a predicted rating into its parts.")
def explain(
    options: RunOptions,
    answer: Answer,
    *,
    user: Annotated[str, typer.Argument(metavar="USER", help="A user's id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="A title or id.", autocompletion=complete_title)],
) -> None:
    """Split a prediction into parts that add up: global, user, item, and the components of the preferences.

    \b
    Examples:
      embedcli explain 196 "Star Wars (1977)"
      embedcli explain 196 fargo --format json
    """
    from embedcli.analysis.explain import explain as analyse
    from embedcli.render.explain import view

    run = options.open()
    answer.show(view(analyse(run, user, item), run))

"""`embedcli evaluate`: ranking metrics and errors by group, of one run or two."""

from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.command import command, option
from embedcli.cli.options import RunDir, complete_run
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR


@command(short_help="Ranking metrics, and errors by group.")
def evaluate(
    answer: Answer,
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN [OTHER]]", help="One run (default: the newest), or two.", autocompletion=complete_run
        ),
    ] = None,
    k: Annotated[int, option("--k K", "Length of the lists.")] = 10,
    run_dir: RunDir = DEFAULT_DIR,
) -> None:
    """Evaluate a run on its test rows: precision, recall, NDCG, coverage, Gini, popularity lift, and RMSE by group.

    \b
    Examples:
      embedcli evaluate                        the newest run
      embedcli evaluate ml-100k --k 20
      embedcli evaluate ml-100k ml-100k-2      two runs, with a paired test of each difference

    Each figure has a 95 % interval by a bootstrap over the users.
    """
    from embedcli.analysis import evaluate as analysis
    from embedcli.render.evaluate import pair_view, view
    from embedcli.run.shelf import open_run

    names: list[str | None] = [*runs] if runs else [None]
    if len(names) > 2:
        raise UsageError(f"{len(names)} runs are given", "give one or two; embedcli compare takes more")
    opened = [open_run(name, run_dir).table() for name in names]
    if len(opened) == 1:
        answer.show(view(analysis.evaluate(opened[0], k=k), opened[0]))
    else:
        answer.show(pair_view(analysis.evaluate_pair(*opened, k=k), opened))

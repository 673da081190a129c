"""`embedcli probe`: what can be read from the embeddings."""

from embedcli.cli.answer import Answer
from embedcli.cli.command import command
from embedcli.cli.options import FewestRatings, TableOptions, TopItems


@command(short_help="Say what can be read from the embeddings.")
def probe(
    options: TableOptions, answer: Answer, *, min_ratings: FewestRatings = None, top_items: TopItems = None
) -> None:
    """Say which tags and numbers can be read from the embeddings, each against controls.

    \b
    Examples:
      embedcli probe
      embedcli probe --min-ratings 50 --format csv -o probes.csv

    A linear model predicts each from the embeddings of other items. If it does so no better than control labels,
    it is not in the embeddings, or not along a straight line.
    """
    from embedcli.analysis.probe import probe as analyse
    from embedcli.render.probe import view

    run = options.open()
    answer.show(view(analyse(run, min_ratings=min_ratings, top_items=top_items), run))

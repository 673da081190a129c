"""`embedcli axis`: a direction of your own."""

from typing import Annotated

from embedcli.cli.answer import Answer
from embedcli.cli.command import command, option
from embedcli.cli.options import MinRatings, TableOptions, complete_title

START = option("--from TITLE", "Title at the start; repeatable.", autocompletion=complete_title)
END = option("--to TITLE", "Title at the end; repeatable.", autocompletion=complete_title)


@command("axis", short_help="Rank items along a direction of your own.")
def own_axis(
    options: TableOptions,
    answer: Answer,
    *,
    from_: Annotated[list[str] | None, START] = None,
    to: Annotated[list[str] | None, END] = None,
    from_tag: Annotated[str | None, option("--from-tag TAG", "All items with a tag, at the start.")] = None,
    to_tag: Annotated[str | None, option("--to-tag TAG", "All items with a tag, at the end.")] = None,
    limit: Annotated[int, option("-n --limit N", "Items per end.")] = 10,
    min_ratings: MinRatings = 20,
) -> None:
    """Rank items along the direction from some of them to others.

    \b
    Examples:
      embedcli axis --from "Star Wars (1977)" --to "Casablanca (1942)"
      embedcli axis --from alien --from aliens --to "toy story" --to aladdin
      embedcli axis --from-tag Western --to-tag Musical

    Any two items make an axis. The lines below the table say whether it has a meaning: what goes with it beyond
    chance, whether it carries more than axes between random items rated as often, and whether other members find it.
    """
    from embedcli.analysis.axis import axis
    from embedcli.render.axis import view

    run = options.open()
    found = axis(run, from_ or (), to or (), from_tag=from_tag, to_tag=to_tag, limit=limit, min_ratings=min_ratings)
    answer.show(view(found, run))

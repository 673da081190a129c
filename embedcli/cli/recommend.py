"""`embedcli recommend`: items for a user of the run, or for a new one."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

from embedcli.analysis.choices import RankBy
from embedcli.cli.answer import Answer
from embedcli.cli.command import command, option
from embedcli.cli.options import MinRatings, RunOptions, complete_title
from embedcli.errors import UsageError

if TYPE_CHECKING:
    from embedcli.run.record import Run

LIKE = option("--like TITLE", "A title you like (repeatable).", autocompletion=complete_title)
DISLIKE = option("--dislike TITLE", "A title you dislike (repeatable).", autocompletion=complete_title)


@command(short_help="Recommend items to a user, or to what you like.")
def recommend(
    options: RunOptions,
    answer: Answer,
    *,
    user: Annotated[str | None, option("--user ID", "A user of the run.")] = None,
    like: Annotated[list[str] | None, LIKE] = None,
    dislike: Annotated[list[str] | None, DISLIKE] = None,
    rate: Annotated[list[str] | None, option("--rate TITLE=RATING", "A title with your rating (repeatable).")] = None,
    by: Annotated[RankBy, option("--by", "Sort by predicted stars, or by gain: what the user's taste adds.")] = (
        RankBy.STARS
    ),
    diverse: Annotated[bool, option("--diverse", "Prefer items that are unlike each other.")] = False,
    include_rated: Annotated[bool, option("--include-rated", "Include items rated already.")] = False,
    limit: Annotated[int, option("-n --limit N", "Number of items.")] = 10,
    min_ratings: MinRatings = 20,
) -> None:
    """Recommend items to a user of the run, or to a new one made of what you like and dislike.

    \b
    Examples:
      embedcli recommend --user 196
      embedcli recommend --like "Star Wars (1977)" --by gain
      embedcli recommend --like fargo --dislike "Home Alone 3" --diverse
      embedcli recommend --rate "fargo=4" --rate "titanic=2.5" -n 20

    The posterior of the run predicts, with an interval for each rating. A new user is folded in without training. A
    like counts as the highest rating of the scale, a dislike as the lowest.
    """
    from embedcli.analysis.recommend import fold_in
    from embedcli.analysis.recommend import recommend as analyse
    from embedcli.render.recommend import view

    tastes = (*(like or ()), *(dislike or ()), *(rate or ()))
    if user is not None and tastes:
        raise UsageError("--user is a user of the run, --like, --dislike and --rate make a new one", "give one of them")
    if user is None and not tastes:
        raise UsageError("nothing is known of the user", "give --user ID, or --like TITLE")
    run = options.open()
    who = user if user is not None else fold_in(run, _ratings(run, like or [], dislike or [], rate or []))
    ranking = analyse(
        run, who, limit=limit, min_ratings=min_ratings, include_rated=include_rated, by=by, diverse=diverse
    )
    answer.show(view(ranking, run))
    if user is not None:
        best = shlex.quote(f"id:{ranking.items[0].id}")
        answer.next(f"embedcli explain {shlex.quote(user)} {best}{options.again}")


def _ratings(run: Run, like: list[str], dislike: list[str], rate: list[str]) -> list[tuple[str, float]]:
    """Return the (title, rating) pairs that the options stand for."""
    run.shape("user_factors")  # which says that there are no users before a rating is found wrong
    low, high = run.data.scale
    ratings = [*((title, high) for title in like), *((title, low) for title in dislike)]
    return ratings + [_rating(pair, low, high) for pair in rate]


def _rating(pair: str, low: float, high: float) -> tuple[str, float]:
    """Split TITLE=RATING; UsageError if the rating is missing or not on the scale."""
    title, equals, written = pair.rpartition("=")
    try:
        value = float(written)
    except ValueError:
        value = low - 1
    if not equals or not low <= value <= high:
        raise UsageError(
            f"--rate {pair!r} is not a title with a rating from {low:g} to {high:g}", f"write --rate 'TITLE={high:g}'"
        )
    return title, value

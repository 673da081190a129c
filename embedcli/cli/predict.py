"""`embedcli predict`: the ratings of pairs of a user and an item, or the best items of every user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedcli.analysis.choices import RankBy
from embedcli.cli.answer import Answer
from embedcli.cli.command import ADVANCED, DATA, command, declare, option
from embedcli.cli.flags import option_of
from embedcli.cli.notes import Notes
from embedcli.cli.options import RunOptions, complete_title
from embedcli.data.read_options import OnBadRows, PairOptions
from embedcli.errors import UsageError

if TYPE_CHECKING:
    from embedcli.data.pairs import Pairs
    from embedcli.run.record import Run

declare(
    PairOptions,
    user_col=Annotated[str | None, option("--user-col COL", "User column: its name or number.", DATA)],
    item_col=Annotated[str | None, option("--item-col COL", "Item column.", DATA)],
    sep=Annotated[str | None, option("--sep SEP", "Column separator.", ADVANCED)],
    encoding=Annotated[str | None, option("--encoding NAME", "Text encoding.", ADVANCED)],
    on_bad_rows=Annotated[OnBadRows, option("--on-bad-rows", "Stop at invalid rows, or skip them.", ADVANCED)],
)


@command(short_help="Predict ratings of pairs, or the best items of every user.")
def predict(
    options: RunOptions,
    reading: PairOptions,
    answer: Answer,
    *,
    pairs: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Table with a user and an item column, or - for stdin.")
    ] = None,
    user: Annotated[str | None, option("--user ID", "One user, with --item.")] = None,
    item: Annotated[str | None, option("--item TITLE", "One item.", autocompletion=complete_title)] = None,
    all_users: Annotated[bool, option("--all-users", "The best items of every user.")] = False,
    limit: Annotated[int | None, option("-n --limit N", "Items per user, with --all-users (default: 10).")] = None,
    by: Annotated[RankBy | None, option("--by", "What the best items have most of (default: stars).")] = None,
    min_ratings: Annotated[
        int | None, option("--min-ratings N", "Best items with at least N ratings (default: 20).")
    ] = None,
) -> None:
    """Predict what users of the run would rate, each with an interval that holds 95 % of such ratings.

    \b
    Examples:
      embedcli predict --user 196 --item "star wars"
      embedcli predict pairs.csv -o predicted.csv       a row for each row of the table
      cut -f 1,2 u1.test | embedcli predict - --format csv
      embedcli predict --all-users -o top.parquet       ten films for every user
      embedcli predict --all-users -n 50 --by gain -o top.csv

    Users are given by id, items by id or title. A user or an item that the run does not know gets an empty prediction.
    """
    from embedcli.analysis.predict import predict as analyse
    from embedcli.analysis.predict import predict_all
    from embedcli.render.predict import notes_on_pairs, notes_on_top, pairs_view, top_view

    of_best: dict[str, Any] = {"limit": limit, "by": by, "min_ratings": min_ratings}
    of_best = {name: value for name, value in of_best.items() if value is not None}  # the library has the defaults
    _check_one_way(pairs, user, item, all_users=all_users)
    answer.keep(pairs)
    if of_best and not all_users:
        raise UsageError(f"{option_of(next(iter(of_best)))} has no meaning without --all-users", "leave it out")
    if reading != PairOptions() and pairs is None:
        raise UsageError("options for a table have no meaning without one", "leave them out, or give a table of pairs")
    run = options.open()
    if all_users:
        best = predict_all(run, **of_best)
        view, notes = top_view(best, run), notes_on_top(best, run)
    else:
        found = analyse(run, _pairs(run, pairs, user, item, reading, answer.notes))
        view, notes = pairs_view(found, run), notes_on_pairs(found, run)
    for line in notes:
        answer.notes.say(f"note: {line}")
    answer.show(view)


def _check_one_way(pairs: str | None, user: str | None, item: str | None, *, all_users: bool) -> None:
    """Raise UsageError unless pairs are given in exactly one of the three ways."""
    ways = sum((pairs is not None, user is not None or item is not None, all_users))
    if ways > 1:
        raise UsageError(
            "a table, --user with --item, and --all-users are three ways to give pairs", "give one of them"
        )
    if not ways:
        raise UsageError("no pair is given", "give a table of pairs, --user ID --item TITLE, or --all-users")
    if (user is None) != (item is None):
        given, missing = ("--user", "--item TITLE") if item is None else ("--item", "--user ID")
        raise UsageError(f"{given} alone is not a pair", f"give {missing} as well, or see embedcli recommend --user ID")


def _pairs(
    run: Run, pairs: str | None, user: str | None, item: str | None, reading: PairOptions, notes: Notes
) -> Pairs:
    """Return the pairs of a table, or the one pair; UsageError for an item that is not in the run."""
    from embedcli.data.pairs import Pairs, read_pairs
    from embedcli.run.lookup import find

    if pairs is not None:
        return read_pairs(pairs, reading, notes.say_of_library)
    assert item is not None
    return Pairs.of([(user, run.items.ids[find(run, item)])])

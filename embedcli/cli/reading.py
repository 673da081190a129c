"""Options of the commands that read ratings, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.notes import Notes
from embedcli.data.read_options import Duplicates, OnBadRows, ReadOptions

if TYPE_CHECKING:
    from embedcli.data.problems import Problems
    from embedcli.data.ratings import Ratings

DEFAULT = ReadOptions()
DEFAULT_DATA = "ml-100k"


def complete_data(incomplete: str) -> list[str]:
    """Complete the name of a data set."""
    from embedcli.data.catalog import CATALOG

    return [name for name in CATALOG if name.startswith(incomplete)]


DataArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="A data set's name, a folder, a zip, a table of ratings, or - for stdin (default: ml-100k).",
        autocompletion=complete_data,
    ),
]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="PATH", help="A local copy of DATA: its folder, zip or table.")
]
UserCol = Annotated[str | None, typer.Option("--user-col", metavar="COL", help="The users: a column's name or number.")]
ItemCol = Annotated[str | None, typer.Option("--item-col", metavar="COL", help="The column of the items.")]
RatingCol = Annotated[str | None, typer.Option("--rating-col", metavar="COL", help="The column of the ratings.")]
TimeCol = Annotated[str | None, typer.Option("--time-col", metavar="COL", help="The column of the times.")]
Sep = Annotated[str | None, typer.Option("--sep", metavar="SEP", help="What stands between the columns.")]
Encoding = Annotated[str | None, typer.Option("--encoding", metavar="NAME", help="How the text is written.")]
ItemsTable = Annotated[
    Path | None, typer.Option("--items", metavar="FILE", help="A second table with the items' titles, tags and years.")
]
ItemIdCol = Annotated[
    str | None, typer.Option("--item-id-col", metavar="COL", help="The column of --items with the ratings' item ids.")
]
TitleCol = Annotated[str | None, typer.Option("--title-col", metavar="COL", help="The column of --items with titles.")]
TagCols = Annotated[
    str | None, typer.Option("--tag-cols", metavar="COL,...", help="The columns of --items with tags, such as genres.")
]
DuplicatesOption = Annotated[
    Duplicates, typer.Option("--duplicates", help="Which rating counts where a user rated an item again.")
]
BadRows = Annotated[
    OnBadRows, typer.Option("--on-bad-rows", help="Stop at rows that cannot be read, or leave them out.")
]
MinUser = Annotated[int, typer.Option("--min-user-ratings", metavar="N", help="Leave out users with fewer ratings.")]
MinItem = Annotated[int, typer.Option("--min-item-ratings", metavar="N", help="Leave out items with fewer ratings.")]
Implicit = Annotated[
    bool, typer.Option("--implicit", help='A row means "did": train on who did what, not on how it was rated.')
]
Offline = Annotated[bool, typer.Option("--offline", help="Never ask the network: take named data from the cache.")]


def read(
    data: str | None,
    copy: str | None,
    options: ReadOptions,
    *,
    offline: bool,
    notes: Notes,
    problems: list[Problems] | None = None,
) -> Ratings:
    """Load the ratings that a command line asks for, and say what they are; `problems` as in `data.loading.load`."""
    from embedcli.data.loading import load

    with notes.fetching() as (on_note, on_progress):
        ratings = load(
            copy or data or DEFAULT_DATA,
            options=options,
            on_note=on_note,
            on_progress=on_progress,
            offline=offline,
            problems=problems,
        )
    about = ratings.data
    users, items = f"{len(ratings.users):,} users", f"{len(ratings.items):,} {about.noun}s"
    what = "rows" if about.implicit else "ratings"
    notes.say(f"{about.title}: {len(ratings):,} {what}, {users}, {items} ({about.source})")
    return ratings


def tags_of(tag_cols: str | None) -> tuple[str, ...]:
    """Return the columns of a list written with commas."""
    return tuple(name.strip() for name in tag_cols.split(",") if name.strip()) if tag_cols else ()

"""Options of the commands that read ratings: where they are, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedcli.cli.command import ADVANCED, DATA, declare
from embedcli.cli.notes import Notes
from embedcli.data.read_options import Duplicates, OnBadRows, ReadOptions

if TYPE_CHECKING:
    from embedcli.data.problems import Problems
    from embedcli.data.ratings import Ratings

DEFAULT_DATA = "ml-100k"


def complete_data(incomplete: str) -> list[str]:
    """Complete the name of a data set."""
    from embedcli.data.catalog import CATALOG

    return [name for name in CATALOG if name.startswith(incomplete)]


@dataclass(frozen=True)
class Source:
    """Where a command reads ratings from."""

    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Name of a data set, a folder, a zip, a table of ratings, or - for stdin (default: ml-100k).",
            autocompletion=complete_data,
        ),
    ] = None
    copy: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH", help="Local copy of DATA: a folder, a zip or a table.", rich_help_panel=DATA
        ),
    ] = None
    offline: Annotated[
        bool, typer.Option("--offline", help="Use the cache, not the network.", rich_help_panel=ADVANCED)
    ] = False

    def read(self, options: ReadOptions, notes: Notes, problems: list[Problems] | None = None) -> Ratings:
        """Load the ratings and say what they are; `problems` as in `data.loading.load`."""
        from embedcli.data.loading import load

        with notes.fetching() as (on_note, on_progress):
            ratings = load(
                self.copy or self.data or DEFAULT_DATA,
                options=options,
                on_note=on_note,
                on_progress=on_progress,
                offline=self.offline,
                problems=problems,
            )
        about = ratings.data
        users, items = f"{len(ratings.users):,} users", f"{len(ratings.items):,} {about.noun}s"
        what = "rows" if about.implicit else "ratings"
        notes.say(f"{about.title}: {len(ratings):,} {what}, {users}, {items} ({about.source})")
        return ratings


def _option(flag: str, metavar: str | None, help: str, panel: str = DATA, **more: Any) -> Any:
    return typer.Option(flag, metavar=metavar, help=help, rich_help_panel=panel, **more)


def _split_at_commas(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names else ()


declare(
    ReadOptions,
    user_col=Annotated[str | None, _option("--user-col", "COL", "User column: its name or number.")],
    item_col=Annotated[str | None, _option("--item-col", "COL", "Item column.")],
    rating_col=Annotated[str | None, _option("--rating-col", "COL", "Rating column.")],
    time_col=Annotated[str | None, _option("--time-col", "COL", "Timestamp column.")],
    items=Annotated[Path | None, _option("--items", "FILE", "Table of the items: titles, tags, years.")],
    duplicates=Annotated[Duplicates, _option("--duplicates", None, "How to resolve duplicate ratings.")],
    min_user_ratings=Annotated[int, _option("--min-user-ratings", "N", "Drop users with fewer ratings.")],
    min_item_ratings=Annotated[int, _option("--min-item-ratings", "N", "Drop items with fewer ratings.")],
    implicit=Annotated[bool, _option("--implicit", None, "Train on who did what; ignore the ratings.")],
    sep=Annotated[str | None, _option("--sep", "SEP", "Column separator.", ADVANCED)],
    encoding=Annotated[str | None, _option("--encoding", "NAME", "Text encoding.", ADVANCED)],
    item_id_col=Annotated[str | None, _option("--item-id-col", "COL", "Id column of --items.", ADVANCED)],
    title_col=Annotated[str | None, _option("--title-col", "COL", "Title column of --items.", ADVANCED)],
    tag_cols=Annotated[
        str | None,
        _option(
            "--tag-cols", "COL,...", "Tag columns of --items, such as genres.", ADVANCED, callback=_split_at_commas
        ),
    ],
    on_bad_rows=Annotated[OnBadRows, _option("--on-bad-rows", None, "Stop at invalid rows, or skip them.", ADVANCED)],
)

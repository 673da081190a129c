"""Options of the commands that read ratings: where they are, and how to read them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedcli.cli.command import ADVANCED, DATA, declare, option
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
    copy: Annotated[str | None, option("--data PATH", "Local copy of DATA: a folder, a zip or a table.", DATA)] = None
    offline: Annotated[bool, option("--offline", "Use the cache, not the network.", ADVANCED)] = False

    @property
    def paths(self) -> tuple[str | None, ...]:
        """What may be files that are read."""
        return self.data, self.copy

    def read(self, options: ReadOptions, notes: Notes, problems: list[Problems] | None = None) -> Ratings:
        """Load the ratings and say what they are; `problems` as in `data.loading.load`."""
        from embedcli.data.loading import load

        began = time.perf_counter()
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
        notes.say(f"{about.title}: {len(ratings):,} {what}, {users}, {items} ({about.source})" + took(began))
        return ratings


def took(began: float) -> str:
    """Return the time since `began`, of `time.perf_counter`, as the end of a line; nothing below a second."""
    seconds = time.perf_counter() - began
    return f" ({seconds:.1f} s)" if seconds >= 1 else ""


def _split_at_commas(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip()) if names else ()


ITEM_OPTIONS: dict[str, Any] = {
    "items": Annotated[Path | None, option("--items FILE", "Table of the items: titles, tags, years.", DATA)],
    "item_id_col": Annotated[str | None, option("--item-id-col COL", "Id column of --items.", ADVANCED)],
    "title_col": Annotated[str | None, option("--title-col COL", "Title column of --items.", ADVANCED)],
    "year_col": Annotated[str | None, option("--year-col COL", "Year column of --items.", ADVANCED)],
    "tag_cols": Annotated[
        str | None,
        option("--tag-cols COL,...", "Tag columns of --items, such as genres.", ADVANCED, callback=_split_at_commas),
    ],
    "encoding": Annotated[str | None, option("--encoding NAME", "Text encoding.", ADVANCED)],
    "on_bad_rows": Annotated[OnBadRows, option("--on-bad-rows", "Stop at invalid rows, or skip them.", ADVANCED)],
}
declare(
    ReadOptions,
    user_col=Annotated[str | None, option("--user-col COL", "User column: its name or number.", DATA)],
    item_col=Annotated[str | None, option("--item-col COL", "Item column.", DATA)],
    rating_col=Annotated[str | None, option("--rating-col COL", "Rating column.", DATA)],
    time_col=Annotated[str | None, option("--time-col COL", "Timestamp column.", DATA)],
    duplicates=Annotated[Duplicates, option("--duplicates", "How to resolve duplicate ratings.", DATA)],
    min_user_ratings=Annotated[int, option("--min-user-ratings N", "Drop users with fewer ratings.", DATA)],
    min_item_ratings=Annotated[int, option("--min-item-ratings N", "Drop items with fewer ratings.", DATA)],
    implicit=Annotated[bool, option("--implicit", "Train on who did what; ignore the ratings.", DATA)],
    table=Annotated[str | None, option("--table NAME", "Table of a SQLite file.", ADVANCED)],
    wide=Annotated[
        str | None,
        option("--wide VALUE", 'Read a matrix with a column per item; VALUE means "not rated".', ADVANCED),
    ],
    sep=Annotated[str | None, option("--sep SEP", "Column separator.", ADVANCED)],
    **ITEM_OPTIONS,
)


@dataclass(frozen=True)
class ItemOptions:
    """A table that describes the items, and which of its columns is what."""

    items: Path | None = None
    item_id_col: str | None = None
    title_col: str | None = None
    year_col: str | None = None
    tag_cols: tuple[str, ...] = ()
    encoding: str | None = None
    on_bad_rows: OnBadRows = OnBadRows.STOP


declare(ItemOptions, **ITEM_OPTIONS)

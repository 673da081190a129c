"""How a table of ratings is to be read. Every default of the reading is declared here, once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Duplicates(StrEnum):
    """What to do where a user has rated an item more than once."""

    ERROR = "error"
    LAST = "last"
    FIRST = "first"
    MEAN = "mean"


class OnBadRows(StrEnum):
    """What to do with a row that cannot be read."""

    STOP = "stop"
    SKIP = "skip"


@dataclass(frozen=True)
class ReadOptions:
    """What is known of a table before it is read; None is found out from the file.

    A column is given by its name, or by its number from 1 on. `items` is a second table, which says of the items
    their titles, tags and years. `min_user_ratings` and `min_item_ratings` leave out users and items with fewer,
    again and again until none is left. `implicit` says that a row means "did", whatever else stands in it.
    """

    user_col: str | None = None
    item_col: str | None = None
    rating_col: str | None = None
    time_col: str | None = None
    sep: str | None = None
    encoding: str | None = None
    items: Path | None = None
    item_id_col: str | None = None
    title_col: str | None = None
    tag_cols: tuple[str, ...] = ()
    duplicates: Duplicates = Duplicates.ERROR
    on_bad_rows: OnBadRows = OnBadRows.STOP
    min_user_ratings: int = 0
    min_item_ratings: int = 0
    implicit: bool = False

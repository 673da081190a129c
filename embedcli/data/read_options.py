"""How to read a table of ratings. Every default of the reading is declared here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from embedcli.errors import UsageError

if TYPE_CHECKING:
    from embedcli.data.problems import Problems

Note = Callable[[str], None]
"""Called with a line for the user."""
Progress = Callable[[str, int, int], None]
"""Called during a download or while a file is read with (its name, bytes so far, bytes in all)."""


class Duplicates(StrEnum):
    """What to do if a user has rated an item more than once."""

    ERROR = "error"
    LAST = "last"
    FIRST = "first"
    MEAN = "mean"


class OnBadRows(StrEnum):
    """What to do with an invalid row."""

    STOP = "stop"
    SKIP = "skip"


@dataclass(frozen=True)
class ReadOptions:
    """What is known about a table before it is read; what is None is detected.

    A column is given by its name, or by its number from 1 on. `items` is a second table, with the titles, tags and
    years of the items. `min_user_ratings` and `min_item_ratings` leave out users and items with fewer ratings, until
    all have enough (k-core). With `implicit` a row means "did", whatever its rating.
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

    def __post_init__(self) -> None:
        for name in ("min_user_ratings", "min_item_ratings"):
            if getattr(self, name) < 0:
                raise UsageError(f"`{name}` {getattr(self, name)} is below 0", "give 0 for all, or a number such as 5")


@dataclass(frozen=True)
class ReadContext:
    """What every reader is given: the options and the listeners.

    If `problems` is a list, the problems of rows are collected there and do not end the reading.
    """

    options: ReadOptions
    on_note: Note
    on_progress: Progress
    problems: list[Problems] | None = None

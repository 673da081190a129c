"""How to read a table of ratings. Every default of the reading is declared here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from embedcli.data.problems import Problems
from embedcli.errors import UsageError

Note = Callable[[str], None]  # called with a line for the user
Progress = Callable[[str, int, int], None]  # called with (name, bytes so far, bytes in all) of what is being read


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

    A column is given by its name, or by its number from 1 on.
    """

    pairs_only: ClassVar[bool] = False  # whether only the user and the item of a row are read
    user_col: str | None = None
    item_col: str | None = None
    rating_col: str | None = None
    time_col: str | None = None
    table: str | None = None  # of a database
    wide: str | None = None  # the table is a matrix, a column per item: the value that means "not rated"
    sep: str | None = None
    encoding: str | None = None
    items: Path | None = None  # a second table, with titles, tags and years of the items
    item_id_col: str | None = None
    title_col: str | None = None
    year_col: str | None = None
    tag_cols: tuple[str, ...] = ()
    duplicates: Duplicates = Duplicates.ERROR
    on_bad_rows: OnBadRows = OnBadRows.STOP
    min_user_ratings: int = 0  # users and items with fewer are left out until all have enough (k-core)
    min_item_ratings: int = 0
    implicit: bool = False  # whether a row means "did", whatever its rating

    def __post_init__(self) -> None:
        for name in ("min_user_ratings", "min_item_ratings"):
            if getattr(self, name) < 0:
                raise UsageError(f"`{name}` {getattr(self, name)} is below 0", "give 0 for all, or a number such as 5")


@dataclass(frozen=True)
class PairOptions(ReadOptions):
    """What is known about a table of pairs of a user and an item; its other columns are ignored."""

    pairs_only = True


@dataclass(frozen=True)
class ReadContext:
    """The options and listeners of every reader."""

    options: ReadOptions
    on_note: Note
    on_progress: Progress
    problems: list[Problems] | None = None  # a list collects the problems of rows, which then do not end the reading

    def problems_of(self, where: str, unit: str = "line") -> Problems:
        """Return the problems of a file, none so far; they are collected from the first on."""
        problems = Problems(where, unit)
        if self.problems is not None:
            self.problems.append(problems)
        return problems

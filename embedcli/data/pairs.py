"""Pairs of a user and an item, such as those whose ratings are to be predicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.frame import read_frame
from embedcli.data.formats.table import check_rows, read_rows
from embedcli.data.ratings import Frame
from embedcli.data.read_options import Note, PairOptions, ReadContext
from embedcli.data.sources import source_of
from embedcli.data.text import id_text
from embedcli.errors import DataError, known_as


@dataclass(frozen=True)
class Pairs:
    """Pairs (n,) as codes: row j is the user `users[user[j]]` and the item `items[item[j]]`, as they are written."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    user: NDArray[np.int32]
    item: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(cls, pairs: Iterable[tuple[object, object]]) -> Pairs:
        """Return pairs of any values by their texts."""
        users, items = dict[str, int](), dict[str, int]()
        codes = [(users.setdefault(id_text(u), len(users)), items.setdefault(id_text(i), len(items))) for u, i in pairs]
        return cls(tuple(users), tuple(items), *np.array(codes, np.int32).reshape(-1, 2).T)

    @classmethod
    def from_frame(cls, frame: Frame) -> Pairs:
        """Return the pairs of a data frame, whose user and item columns are detected by their names."""
        context = ReadContext(PairOptions(), lambda line: None, lambda what, done, total: None)
        with known_as({"user_col": "user", "item_col": "item"}):
            return _pairs(read_frame(frame, context), context)


def read_pairs(
    where: str | Path,
    options: PairOptions = PairOptions(),  # noqa: B008 (it is frozen)
    on_note: Note = lambda line: None,
) -> Pairs:
    """Read pairs from a table, or from standard input for `-`, and note which columns they are.

    A table of ratings works too: other columns are ignored. Raises UsageError for a missing file and for an invalid
    option, DataError for an unreadable table and for a table without a valid row.
    """
    source, context = source_of(where), ReadContext(options, on_note, lambda what, done, total: None)
    rows = read_rows(source, context)
    on_note(f"{source.name}: {rows.schema.description}")
    for note in rows.schema.notes:
        on_note(f"note: {note}")
    return _pairs(rows, context)


def _pairs(rows: Rows, context: ReadContext) -> Pairs:
    """Return the pairs of the rows of a table; DataError if it has none."""
    check_rows(rows, context)
    columns = rows.columns()
    if not len(columns.get("user", ())):
        raise DataError(
            f"{rows.problems.where}: there is no valid row", "give a table with a user and an item in each row"
        )
    return Pairs(tuple(rows.user_ids), tuple(rows.item_ids), columns["user"], columns["item"])

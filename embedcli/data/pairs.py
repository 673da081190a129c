"""Pairs of a user and an item, such as those whose ratings are to be predicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.table import check_rows, read_rows
from embedcli.data.read_options import Note, PairOptions, ReadContext
from embedcli.data.sources import source_of
from embedcli.errors import DataError


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
        codes = [(users.setdefault(str(u), len(users)), items.setdefault(str(i), len(items))) for u, i in pairs]
        return cls(tuple(users), tuple(items), *np.array(codes, np.int32).reshape(-1, 2).T)


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
    check_rows(rows, context)
    columns = rows.columns()
    if not len(columns.get("user", ())):
        raise DataError(f"{source.name}: there is no valid row", "give a table with a user and an item in each row")
    return Pairs(tuple(rows.user_ids), tuple(rows.item_ids), columns["user"], columns["item"])

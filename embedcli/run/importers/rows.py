"""Rows of vectors and the ratings that belong to them: which row is which user or item is never guessed in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.data.read_options import Note
from embedcli.data.text import shorten
from embedcli.run.importers.vectors import refused

PADDING = ("#na#", "[PAD]", "<pad>")  # ids that fastai and RecBole give the row of what is unknown, the first
FEW = 0.5  # share of the ratings, or of the items, below which the ids may be of another data set


@dataclass(frozen=True)
class RowIds:
    """The ids of n rows, where they come from, and whether that was a guess that the ratings have to confirm."""

    ids: tuple[str, ...]
    source: str
    is_guess: bool = False


def ids_by_ratings(
    known: Sequence[str], titles: Sequence[str] | None, n: int, where: str, side: str, *, has_padding: bool
) -> RowIds:
    """Return the ids of n rows without any of their own, from the ids of the ratings.

    They are row numbers if they are numbers from 0 to below n, with a 0. With a first row for unknown ids they are the
    ids, or the titles, of the ratings in their order, as fastai numbers them, if these are n - 1. Raises DataError if
    neither adds up.
    """
    numbers = [int(name) if name.isdecimal() and str(int(name)) == name else -1 for name in known]
    if min(numbers) == 0 and max(numbers) < n:
        return RowIds(tuple(map(str, range(n))), f"the {side}s of the ratings are row numbers", True)
    if has_padding:
        for names, what in ((known, "ids"), (titles or (), "titles")):
            if len(different := set(names)) == n - 1:
                return RowIds((PADDING[0], *_in_order(different)), f"the {side} {what} of the ratings in order", True)
    raise refused(
        where,
        f"nothing says which of the {n:,} {side}s a row is: the ratings have {len(known):,}, such as {known[0]!r}, "
        "which are not row numbers from 0",
        "give the table of the items in the order of their rows with `items`"
        if side == "item"
        else "save the arrays as .npz with user_ids, or put a users.csv with an id per row beside the file",
    )


def _in_order(names: set[str]) -> list[str]:
    """Return names in the order of pandas: numbers by value, else as texts."""
    is_number = all(name.isdecimal() and str(int(name)) == name for name in names)
    return sorted(names, key=int) if is_number else sorted(names)


def described_by(items: Items, rated: Items) -> Items:
    """Return items with the titles, years and tags that the ratings have of them."""
    rows = _rows(items.ids, rated.ids).tolist()
    return replace(
        items,
        titles=tuple(
            rated.titles[row] if row >= 0 and title == name else title
            for row, title, name in zip(rows, items.titles, items.ids, strict=True)
        ),
        years=tuple(
            rated.years[row] if row >= 0 and year is None else year for row, year in zip(rows, items.years, strict=True)
        ),
        tags=tuple(
            rated.tags[row] if row >= 0 and not tags else tags for row, tags in zip(rows, items.tags, strict=True)
        ),
    )


def matched(rated: Ratings, items: Items, users: Users | None, where: str, on_note: Note) -> Ratings:
    """Return the ratings of users and items with vectors; without users the ratings keep theirs.

    Items are found by their ids, or all by their titles. What is left out is noted. Raises DataError if all is.
    """
    item_rows, how = _rows(rated.items.ids, items.ids), ""
    if (item_rows < 0).all() and rated.items.titles != rated.items.ids:
        item_rows, how = _rows(rated.items.titles, items.ids), ", found by title"
    user_rows = np.arange(len(rated.users)) if users is None else _rows(rated.users.ids, users.ids)
    item, user = item_rows[rated.item], user_rows[rated.user]
    kept = (item >= 0) & (user >= 0)
    for side, rows, known, ids in (
        (rated.data.noun, item_rows, rated.items.ids, items.ids),
        ("user", user_rows, rated.users.ids, users.ids if users else ()),
    ):
        if (rows < 0).all():
            raise refused(
                where,
                f"no {side} of the ratings has a vector: their ids are such as {shorten(known[0])!r}, those of the "
                f"vectors such as {shorten(ids[0])!r}",
                "give the ratings that the vectors were trained on, or their ids with `items`",
            )
        if n := int((rows < 0).sum()):
            few = "; the ids may be of another data set" if n > FEW * len(rows) else ""
            on_note(f"{rated.data.source}: {n:,} of {len(rows):,} {side}s have no vector and are left out{few}")
    if not kept.any():
        raise refused(where, "no rating is of a user and an item with vectors", "give the ratings of these vectors")
    if not kept.all():
        on_note(f"{rated.data.source}: kept {kept.sum():,} of {len(kept):,} ratings")
    n_rated = len(np.unique(item[kept]))
    on_note(f"{n_rated:,} of {len(items):,} {rated.data.noun}s with vectors have ratings{how}")
    own = Ratings(
        rated.data,
        rated.users if users is None else users,
        items,
        user.astype(np.int32),
        item.astype(np.int32),
        rated.value,
    )
    return own if kept.all() else own.take(kept)


def _rows(asked: Sequence[str], ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each name among ids, -1 if it is not there."""
    row_of = {name: row for row, name in enumerate(ids)}
    return np.array([row_of.get(name, -1) for name in asked], dtype=np.int64)


def no_ratings(data: DataSet, items: Items, users: Users) -> Ratings:
    """Return no rating of these users and items."""
    none = np.zeros(0, dtype=np.int32)
    return Ratings(data, users, items, none, none, none.astype(np.float32))

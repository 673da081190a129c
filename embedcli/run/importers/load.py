"""A run of anybody's vectors: their file, a table that says what the rows are, and the ratings they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from embedcli.data.formats.item_table import ItemFile, described, items_in_order, items_of
from embedcli.data.loading import load
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.data.read_options import Note, Progress, ReadOptions
from embedcli.data.text import number_of
from embedcli.run.files import ITEM_FIELDS
from embedcli.run.importers.door import Found, read_vectors
from embedcli.run.importers.fit import checked, completed, link_of
from embedcli.run.importers.rows import PADDING, RowIds, described_by, ids_by_ratings, matched, no_ratings
from embedcli.run.importers.vectors import Vectors, checked_ids, plain_items, stats_of
from embedcli.run.predictions import NAMES, Range
from embedcli.run.record import ItemStats, Run, SplitInfo, Training

BESIDE = {"item": "items.csv", "user": "users.csv"}  # tables in the folder of the vectors, as in that of a run


def import_run(
    source: str | Path,
    *,
    items: str | Path | None = None,
    ratings: str | Path | None = None,
    name: str = "",
    arrays: Mapping[str, str] | None = None,
    y_range: Range | None = None,
    options: ReadOptions | None = None,
    on_note: Note | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Make a run of vectors that any program trained; docs/usage.md lists the formats. Nothing in a file is executed.

    `items` is a table with the titles of the items by their ids; if the file has no ids, with a row for each vector.
    `ratings`, a table or the name of a data set, bring the numbers and means of ratings, and the predictions are of
    them. `arrays` says which array of the file has a role if its name does not: {"item_factors": "i_weight.weight"}.
    `y_range` is that of the sigmoid of the predictions.

    Raises UsageError if there is no such file, DataError for a file that is not read, or whose rows have no sure ids.
    """
    options = options or ReadOptions()
    options = options if items is None else replace(options, items=Path(items))
    on_note, on_progress = on_note or (lambda line: None), on_progress or (lambda what, done, total: None)
    path = Path(source)
    found = read_vectors(path, arrays or {})
    vectors = found.vectors
    on_note(f"{path}: {vectors.format}, {_sizes(vectors)}")
    for note in vectors.notes:
        on_note(f"{path}: {note}")
    rated = _rated(ratings, options, on_note, on_progress)
    known, noun, guess = _items(found, rated, options, on_note)
    known, stats = _counted(known, vectors.where)
    vectors = replace(vectors, item_stats=vectors.item_stats or stats)
    users, guess_users = _users(vectors, rated, on_note)
    train, vectors = _ratings(vectors, known, users, rated, noun, path, name, on_note)
    if "user_factors" in vectors.arrays:
        vectors = completed(vectors, on_note)
    link, y_range = link_of(vectors, train, y_range, on_note)
    if set(NAMES) <= set(vectors.arrays):
        train = checked(vectors, train, y_range, on_note, is_guess=guess or guess_users)
    return _run(vectors, train, name or train.data.name, link, y_range)


def _sizes(vectors: Vectors) -> str:
    """Say how many vectors there are."""
    m, n, k = vectors.arrays["item_factors"].shape
    users = f", {vectors.arrays['user_factors'].shape[1]:,} users" if "user_factors" in vectors.arrays else ""
    return f"{n:,} items{users}, {k} factors" + (f", {m} members" if m > 1 else "")


def _rated(ratings: str | Path | None, options: ReadOptions, on_note: Note, on_progress: Progress) -> Ratings | None:
    if ratings is None:
        return None
    rated = load(ratings, options=replace(options, items=None), on_note=on_note, on_progress=on_progress)
    return replace(rated, timestamp=None)


def _items(found: Found, rated: Ratings | None, options: ReadOptions, on_note: Note) -> tuple[Items, str, bool]:
    """Return the items of the rows, the word for one, and whether their ids are a guess."""
    vectors, guess = found.vectors, False
    n, where = vectors.arrays["item_factors"].shape[1], vectors.where
    noun = rated.data.noun if rated else "item"
    padding = PADDING if vectors.has_padding else ()
    table = _beside(vectors, "item") if options.items is None else options.items
    if vectors.items is not None:
        items = vectors.items
    elif found.table is not None:
        items, own = _own_table(found, n, on_note)
        noun = own if noun == "item" else noun
    elif table is not None:
        items, own = items_in_order(table, n, options, on_note, padding=padding)
        checked_ids(items.ids, n, str(table))
        noun, guess = own if noun == "item" else noun, True
    else:
        titles = None if rated is None or rated.items.titles == rated.items.ids else rated.items.titles
        ids = _row_ids(rated.items.ids if rated else None, titles, n, where, "item", vectors, on_note)
        items, guess = plain_items(ids.ids), ids.is_guess
    if rated is not None:
        items = described_by(items, rated.items)
    if options.items is not None and (vectors.items is not None or found.table is not None):
        items, noun = described(items, noun, options, on_note)
    return items, noun, guess


def _own_table(found: Found, n: int, on_note: Note) -> tuple[Items, str]:
    """Return the items that the file itself, or the labels beside it, describes."""
    if isinstance(found.table, ItemFile):
        items, noun = items_of(found.table, n, ReadOptions(), on_note)
    else:
        assert found.table is not None
        items, noun = items_in_order(found.table, n, ReadOptions(), on_note, without=found.without)
    checked_ids(items.ids, n, found.vectors.where)
    return items, noun


def _counted(items: Items, where: str) -> tuple[Items, ItemStats | None]:
    """Return items without the columns of numbers and means of ratings, which embedcli writes, and what these say."""
    columns = {name: values for name, values in items.columns.items() if name not in ITEM_FIELDS}
    counts, means = (
        None if name not in items.columns else [number_of(text or "nan") for text in items.columns[name]]
        for name in ITEM_FIELDS[-2:]
    )
    items = replace(items, columns=columns)
    if counts is None or not all(n is not None and n >= 0 and n.is_integer() for n in counts):
        return items, None
    return items, stats_of(counts, means or [np.nan] * len(counts), "item", where)


def _users(vectors: Vectors, rated: Ratings | None, on_note: Note) -> tuple[Users | None, bool]:
    """Return the users of the rows, None without vectors of users, and whether their ids are a guess."""
    if "user_factors" not in vectors.arrays:
        return None, False
    n, where = vectors.arrays["user_factors"].shape[1], vectors.where
    if vectors.user_ids is not None:
        return Users(vectors.user_ids), False
    table, padding = _beside(vectors, "user"), PADDING if vectors.has_padding else ()
    if table is not None:
        found, _ = items_in_order(table, n, ReadOptions(), on_note, padding=padding)
        return Users(checked_ids(found.ids, n, str(table))), True
    ids = _row_ids(rated.users.ids if rated else None, None, n, where, "user", vectors, on_note)
    return Users(ids.ids), ids.is_guess


def _beside(vectors: Vectors, side: str) -> Path | None:
    """Return the table of ids in the folder of the vectors, if it is there; a link is not followed."""
    path = Path(vectors.where).parent / BESIDE[side]
    return path if path.is_file() and not path.is_symlink() else None


def _row_ids(
    known: tuple[str, ...] | None,
    titles: tuple[str, ...] | None,
    n: int,
    where: str,
    side: str,
    vectors: Vectors,
    on_note: Note,
) -> RowIds:
    """Return ids for rows that have none: by those of the ratings, else the row numbers, and say so."""
    if known is None:
        on_note(f"note: no ids in {where}: the {side}s are called by their row numbers, 0 to {n - 1}")
        first = PADDING[0] if vectors.has_padding else "0"
        return RowIds((first, *map(str, range(1, n))), "row numbers")
    found = ids_by_ratings(known, titles, n, where, side, has_padding=vectors.has_padding)
    on_note(f"note: no ids in {where}: taken that {found.source}")
    return found


def _ratings(
    vectors: Vectors,
    items: Items,
    users: Users | None,
    rated: Ratings | None,
    noun: str,
    path: Path,
    name: str,
    on_note: Note,
) -> tuple[Ratings, Vectors]:
    """Return the ratings of the rows, none if none are given, and the vectors without the row of unknown ids."""
    vectors, items, users = _without_padding(vectors, items, users, on_note)
    stem, sha256 = path.name.partition(".")[0] or "vectors", _sha256(Path(vectors.where))
    own = DataSet(stem, path.name, str(path), sha256, (0.0, 1.0), noun)
    if rated is None:
        return no_ratings(own, items, users or Users(())), vectors
    title = f"{rated.data.title}, vectors of {path.name}"
    train = matched(rated, items, users, str(path), on_note)
    return replace(train, data=replace(rated.data, name=own.name, title=title, noun=noun, n_folds=0)), vectors


def _without_padding(
    vectors: Vectors, items: Items, users: Users | None, on_note: Note
) -> tuple[Vectors, Items, Users | None]:
    """Leave out the first row of users and items if its id says that it stands for what is unknown."""
    arrays = dict(vectors.arrays)
    for side, ids in (("item", items.ids), ("user", users.ids if users else ())):
        if ids and ids[0] in PADDING and vectors.items is None:
            own = [name for name in arrays if name.startswith(side)]
            arrays |= {name: arrays[name][:, 1:] for name in own}
            on_note(f"{vectors.where}: row 0 of the {side}s, {ids[0]!r}, is left out")
            rows = np.arange(1, len(ids))
            items = items.take(rows) if side == "item" else items
            users = users.take(rows) if side == "user" and users else users
    return replace(vectors, arrays=arrays), items, users


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(vectors: Vectors, train: Ratings, name: str, link: str, y_range: Range | None) -> Run:
    """Make the run; numbers of ratings that the file has are kept if there are no ratings."""
    stats = None
    if not len(train) and (vectors.item_stats or vectors.user_stats):
        none = [ItemStats(np.zeros(n, np.int64), np.full(n, np.nan)) for n in (len(train.items), len(train.users))]
        stats = vectors.item_stats or none[0], vectors.user_stats or none[1]
    split = SplitInfo(description=f"imported: {vectors.format}", n_train=len(train))
    return Run.from_arrays(
        vectors.arrays,
        train,
        name=name,
        link=link,
        y_range=y_range,
        training=Training(split=split),
        keep_rows=len(train) > 0,
        stats=stats,
    )

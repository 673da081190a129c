"""Any table of ratings: delimited text, Parquet or JSON lines, from a file, a zip or standard input."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.delimited import read_delimited
from embedcli.data.formats.detect import TableSchema
from embedcli.data.formats.json_rows import read_json
from embedcli.data.formats.parquet import read_parquet
from embedcli.data.formats.sqlite import read_sqlite
from embedcli.data.formats.wide import read_wide
from embedcli.data.formats.words import noun_of
from embedcli.data.problems import KEPT, REPEATED
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.data.read_options import Duplicates, OnBadRows, ReadContext
from embedcli.data.scale import find_scale
from embedcli.data.sources import Source
from embedcli.data.text import shorten, split_tags, title_of, year_of
from embedcli.errors import DataError, UsageError

FEW = 20  # ratings: of fewer, each user may have one by chance
NO_ID = {"nan", "NaN", "NULL", "null", "None", "\\N", "<NA>", "N/A", "NA", "#N/A"}  # often mean a missing id
MONTH = 31 * 86_400  # seconds


def read_table(source: Source, context: ReadContext) -> Ratings:
    """Read a table and note the role of each column; DataError for an invalid row, UsageError for invalid options."""
    rows = read_rows(source, context)
    context.on_note(f"{source.name}: {rows.schema.description}")
    for note in rows.schema.notes:
        context.on_note(f"note: {note}")
    check_rows(rows, context)
    ratings = ratings_of(rows, context, source.stem)
    for note in _oddities(ratings, rows.schema):
        context.on_note(f"note: {note}")
    return resolve_duplicates(ratings, rows, context)


def _oddities(ratings: Ratings, schema: TableSchema) -> Iterator[str]:
    """Yield what is odd about users, items and times, if columns may have been confused."""
    if len(ratings.users) == len(ratings) >= FEW:
        yield f"every user has one rating: if {schema.name('user')} counts the rows, name another with `user_col`"
    elif len(ratings.items) == len(ratings) >= FEW:
        yield f"every item has one rating: if {schema.name('item')} counts the rows, name another with `item_col`"
    for role, ids, rows in (("user", ratings.users.ids, ratings.user), ("item", ratings.items.ids, ratings.item)):
        for code in (code for code, name in enumerate(ids) if name in NO_ID):
            n = int((rows == code).sum())
            yield f"the {role} {ids[code]!r} has {n:,} rows: leave them out if it means that the {role} is missing"
    times = ratings.timestamp
    if times is not None and len(times) >= FEW and 0 <= times.min() < times.max() < MONTH:
        yield (
            f"all times are in January 1970: if {schema.name('time')} is not in seconds since then, name another with "
            "`time_col`"
        )


def read_rows(source: Source, context: ReadContext, schema: TableSchema | None = None) -> Rows:
    """Read all rows of a table, whose schema is detected unless it is given; invalid rows are in its problems."""
    with source.open() as stream:
        readers = {"parquet": read_parquet, "sqlite": read_sqlite, "json": read_json, "text": read_delimited}
        read = read_wide if context.options.wide is not None else readers[stream.format]
        rows = read(stream, context) if schema is None else read_delimited(stream, context, schema)
    rows.convert_times()
    return rows


def check_rows(rows: Rows, context: ReadContext) -> None:
    """Raise the first problem of the rows, or note how many rows are left out; nothing if problems are collected."""
    if context.problems is None and rows.problems:
        if not len(rows) and rows.schema.rating_form == "words":
            raise _words(rows)
        if context.options.on_bad_rows is OnBadRows.STOP:
            raise rows.problems.error()
        context.on_note(rows.problems.summary())


def _words(rows: Rows) -> DataError:
    """Return the error for ratings that are words."""
    problems = rows.problems
    values = ", ".join(repr(shorten(value, 20)) for value in dict.fromkeys(bad.value for bad in problems.listed[:5]))
    return DataError(
        f"{problems.where}, {problems.unit} {problems.listed[0].line:,}: "
        f"the ratings in {rows.schema.name('rating')} are not numbers: {values}",
        "replace them by numbers, name another column with `rating_col`, or train on who did what with `implicit`",
    )


def ratings_of(rows: Rows, context: ReadContext, stem: str = "", scale: tuple[float, float] | None = None) -> Ratings:
    """Return the ratings of all rows, duplicates included; the scale is detected unless it is given."""
    columns = rows.columns()
    if not len(columns.get("user", ())):
        what = f": {rows.problems.summary().partition(': ')[2]}" if rows.problems else ""
        raise DataError(f"{rows.problems.where}: there is no valid row{what}", "give a table with a rating in each row")
    user, item, value = columns["user"], columns["item"], columns.get("value")
    implicit = _is_implicit(rows.schema, value, context, rows.problems.where)
    if value is None or implicit:
        scale, value = (0.0, 1.0), np.ones(len(user), dtype=np.float32)
    elif scale is None:
        low, high, lines = find_scale(value)
        scale = low, high
        for line in lines:
            context.on_note(line)
    noun = noun_of(rows.schema.role_names.get("item", ""))
    data = DataSet(stem, stem, rows.problems.where, rows.sha256, scale, noun, implicit=implicit)
    return Ratings(data, Users(tuple(rows.user_ids)), _items(rows), user, item, value, columns.get("time"))


def _items(rows: Rows) -> Items:
    """Return the items of a table, with what its further columns tell about them."""
    ids, texts = tuple(rows.item_ids), rows.item_texts
    titles, years = ids, tuple[int | None, ...]([None] * len(ids))
    if "title" in texts:
        titles = tuple(title_of(title) or own for title, own in zip(texts["title"], ids, strict=True))
        years = tuple(map(year_of, titles))
    mark = rows.schema.tag_mark
    tags = tuple(split_tags(text, mark) for text in texts["tags"]) if "tags" in texts else ((),) * len(ids)
    return Items(ids, titles, years, tags, id_column=rows.schema.role_names.get("item", ""))


def _is_implicit(schema: TableSchema, value: NDArray[np.float32] | None, context: ReadContext, where: str) -> bool:
    """Tell whether a row means "did" instead of a rating; UsageError if that was not asked for."""
    implicit = context.options.implicit
    if value is None:
        why = f"{where} has no column of ratings"
        if schema.counts:
            why += f": {schema.counts!r} counts how often"
    elif float(value.min()) == float(value.max()):
        why = f"every rating in {where} is {value[0]:g}"
    else:
        if implicit:
            context.on_note(f'`implicit`: the ratings in {schema.name("rating")} are ignored, a row means "did"')
        return implicit
    if not implicit:
        raise UsageError(
            f"{why}; such feedback is implicit",
            "train on who did what with `implicit`, or name the column of ratings with `rating_col`",
        )
    context.on_note(f'{why}: a row means "did"')
    return True


def resolve_duplicates(ratings: Ratings, rows: Rows, context: ReadContext) -> Ratings:
    """Keep one rating of each pair of user and item; DataError, with both lines, if the options do not say which.

    Implicit data keeps one row of each pair: a user who did the same again did it.
    """
    if not _has_duplicates(ratings):
        return ratings
    pair = _pairs(ratings)
    _, first, which, counts = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
    duplicates = context.options.duplicates
    if duplicates is Duplicates.ERROR:
        if not ratings.data.implicit:
            _report_duplicates(ratings, rows, first, which, context)
        duplicates = Duplicates.LAST
    if context.problems is None:
        n = len(pair) - len(first)
        context.on_note(f"{n:,} duplicate ratings: the {duplicates.value} of each pair counts")
    kept = first
    if duplicates is Duplicates.LAST:
        order = np.arange(len(pair)) if ratings.timestamp is None else np.argsort(ratings.timestamp, kind="stable")
        kept = np.empty(len(first), dtype=np.int64)
        kept[which[order]] = order  # the last write stays
    kept = np.sort(kept)
    single = ratings.take(kept)
    if duplicates is not Duplicates.MEAN:
        return single
    means = np.bincount(which, ratings.value) / counts
    return replace(single, value=means[which[kept]].astype(np.float32))


def _pairs(ratings: Ratings) -> NDArray[np.int64]:
    """Return user and item of each row as one number."""
    pair = ratings.user.astype(np.int64)
    pair *= len(ratings.items)
    pair += ratings.item
    return pair


def _has_duplicates(ratings: Ratings) -> bool:
    pair = _pairs(ratings)
    pair.sort()  # in place, far faster than `np.unique`
    return bool((pair[1:] == pair[:-1]).any())


def _report_duplicates(
    ratings: Ratings, rows: Rows, first: NDArray[np.int64], which: NDArray[np.int64], context: ReadContext
) -> None:
    """Add duplicate ratings to the problems if these are collected, else raise the first."""
    users, items, where = ratings.users.ids, ratings.items.ids, rows.problems.where
    repeated = np.setdiff1d(np.arange(len(which)), first)
    pairs = [(row, users[ratings.user[row]], items[ratings.item[row]]) for row in repeated[:KEPT].tolist()]
    if context.problems is not None:
        rows.problems.add(REPEATED, ((rows.line(row), f"{user} {item}") for row, user, item in pairs), len(repeated))
        return
    (row, user, item), n = pairs[0], len(repeated)
    unit, line, earlier = rows.problems.unit, rows.line(row), rows.line(int(first[which[row]]))
    raise DataError(
        f"{where}, {unit} {line:,}: user {shorten(user)!r} has rated {shorten(item)!r} "
        f"before, in {unit} {earlier:,} ({n:,} such row{'s' if n > 1 else ''})",
        "say which counts with `duplicates` last, first or mean",
    )

"""Any table of ratings: text with separated columns, Parquet or JSON lines, from a file, a zip or standard input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data import columns
from embedcli.data.columns import Layout
from embedcli.data.problems import KEPT, REPEATED, Problem, Problems
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.data.read_options import Duplicates, OnBadRows, ReadOptions
from embedcli.data.records import PARQUET, read_json_lines, read_parquet
from embedcli.data.rows import Rows, read_rows
from embedcli.data.scale import find_scale
from embedcli.data.sources import Note, Progress, Source
from embedcli.data.tags import split_tags
from embedcli.data.text import shorten, title_of, year_of
from embedcli.errors import DataError, UsageError


def read(
    source: Source, options: ReadOptions, on_note: Note, on_progress: Progress, problems: list[Problems] | None = None
) -> Ratings:
    """Read a table of ratings, and say on `on_note` what its columns were taken for.

    With `problems` given, what is wrong with rows is collected there, and ends nothing. Raises DataError, with the
    file, the line and the value, for what cannot be read, UsageError for options that do not fit the table.
    """
    found, rows = read_source(source, options, on_note, on_progress, problems)
    return settle(found, rows, options.duplicates, on_note, problems)


def read_source(
    source: Source,
    options: ReadOptions,
    on_note: Note,
    on_progress: Progress,
    problems: list[Problems] | None = None,
    *,
    quiet: bool = False,
) -> tuple[Ratings, Rows]:
    """Read all rows of a table, repeated pairs among them, and return them with the lines they stand in.

    With `quiet`, what the columns were taken for is not said.
    """
    layout, rows = scan(source, options, (lambda line: None) if quiet else on_note, on_progress)
    if problems is not None:
        problems.append(rows.problems)
    elif len(rows.problems):
        if options.on_bad_rows is OnBadRows.STOP:
            raise rows.problems.error()
        on_note(rows.problems.summary())
    return _ratings(source, layout, rows, options, on_note), rows


def scan(source: Source, options: ReadOptions, on_note: Note, on_progress: Progress) -> tuple[Layout, Rows]:
    """Find the layout of a table and read its rows; what is wrong with rows is in their problems."""
    with source.open() as stream:
        head = stream.head
        if not head.strip():
            raise DataError(
                f"{source.name}: the file is empty", "give a table with a user, an item and a rating in each row"
            )
        if head.startswith(PARQUET):
            layout, rows = read_parquet(stream, options, on_progress)
        elif head.lstrip().startswith(b"{"):
            layout, rows = read_json_lines(stream, options, on_progress)
        else:
            encoding = columns.encoding_of(head, options.encoding, source.name, on_note)
            layout = columns.find(columns.first_lines(head, encoding, source.name), options, source.name)
            rows = read_rows(stream, layout, encoding, on_progress)
    if "time" in layout.places:
        rows.settle_times(layout.time_form)
    layout = rows.trusted(layout)
    on_note(f"{source.name}: {layout.described}")
    for note in layout.notes:
        on_note(f"note: {note}")
    return layout, rows


def _ratings(source: Source, layout: Layout, rows: Rows, options: ReadOptions, on_note: Note) -> Ratings:
    """Make ratings of rows."""
    where = source.name
    user_ids, item_ids = tuple(rows.user_ids), tuple(rows.item_ids)
    user, item, value, timestamp = rows.columns()
    if not len(user):
        raise DataError(f"{where}: there is no row that can be read", "embedcli data check FILE lists what is wrong")
    implicit = _is_implicit(layout, value, options, where, on_note)
    if value is None or implicit:
        value = np.ones(len(user), dtype=np.float32)
    scale = (0.0, 1.0)
    if not implicit:
        low, high, lines = find_scale(value)
        scale = low, high
        for line in lines:
            on_note(line)
    return Ratings(
        data=DataSet(
            name=source.stem,
            title=source.stem,
            source=where,
            sha256=rows.sha256,
            scale=scale,
            noun=layout.noun,
            implicit=implicit,
        ),
        users=Users(user_ids),
        items=_items(item_ids, rows.told, layout.header[layout.places["item"]] if layout.header else ""),
        user=user,
        item=item,
        value=value,
        timestamp=timestamp,
    )


def _items(ids: tuple[str, ...], told: Mapping[str, list[str]], id_column: str) -> Items:
    """Make items of their ids and of what further columns of the table tell of them."""
    n = len(ids)
    titles = tuple(
        title_of(title) or identifier for title, identifier in zip(told.get("title", [""] * n), ids, strict=True)
    )
    years = tuple(year_of(title) for title in titles) if "title" in told else (None,) * n
    tags = tuple(map(split_tags, told["tags"])) if "tags" in told else ((),) * n
    return Items(ids, titles, years, tags, id_column=id_column)


def _is_implicit(
    layout: Layout, value: NDArray[np.float32] | None, options: ReadOptions, where: str, on_note: Note
) -> bool:
    """Tell whether rows say "did" rather than how good it was; UsageError where that was not asked for."""
    if value is None:
        why = f"{where} has no column of ratings"
        if layout.counts:
            why += f": `{layout.counts}` counts how often"
    elif float(value.min()) == float(value.max()):
        why = f"every rating in {where} is {value[0]:g}"
    else:
        if options.implicit:
            on_note(f'--implicit: the ratings in {layout.name("rating")} are not looked at, a row means "did"')
        return options.implicit
    if not options.implicit:
        raise UsageError(
            f"{why}; such feedback is implicit",
            "train on who did what with --implicit, or name the column of ratings with --rating-col",
        )
    on_note(f'{why}: a row means "did"')
    return True


def settle(
    ratings: Ratings, rows: Rows, duplicates: Duplicates, on_note: Note, problems: list[Problems] | None = None
) -> Ratings:
    """Settle pairs of user and item that stand more than once; DataError, with both lines, where that is not to be.

    Who did the same again did it: implicit data keeps one row of each pair.
    """
    if ratings.data.implicit and duplicates is Duplicates.ERROR:
        duplicates = Duplicates.LAST
    pair = ratings.user.astype(np.int64) * len(ratings.items) + ratings.item
    ordered = np.sort(pair)
    if not (ordered[1:] == ordered[:-1]).any():
        return ratings
    del ordered
    _, first, which, counts = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
    repeated = np.setdiff1d(np.arange(len(pair)), first)
    n = len(repeated)
    if problems is not None and duplicates is Duplicates.ERROR:
        for at, row in enumerate(repeated[:KEPT], 1):
            named = f"{ratings.users.ids[ratings.user[row]]} {ratings.items.ids[ratings.item[row]]}"
            rows.problems.add(Problem(rows.line(row), REPEATED, named), n - KEPT + 1 if at == KEPT else 1)
        duplicates = Duplicates.LAST
    if duplicates is Duplicates.ERROR:
        again = int(repeated[0])
        before = int(first[which[again]])
        user, item = ratings.users.ids[ratings.user[again]], ratings.items.ids[ratings.item[again]]
        raise DataError(
            f"{rows.where}, {rows.unit} {rows.line(again):,}: user {shorten(user)!r} has rated {shorten(item)!r} "
            f"before, in {rows.unit} {rows.line(before):,} ({n:,} such row{'s' if n > 1 else ''})",
            "say which counts with --duplicates last, first or mean",
        )
    if problems is None:
        on_note(f"{n:,} repeated ratings: the {duplicates.value} of each pair counts")
    kept = first
    if duplicates is Duplicates.LAST:
        order = np.arange(len(pair)) if ratings.timestamp is None else np.argsort(ratings.timestamp, kind="stable")
        kept = np.empty(len(first), dtype=np.int64)
        kept[which[order]] = order  # the last to be written stays
    one = ratings.take(np.sort(kept))
    if duplicates is not Duplicates.MEAN:
        return one
    means = np.bincount(which, ratings.value) / counts
    return replace(one, value=means[which[np.sort(kept)]].astype(np.float32))

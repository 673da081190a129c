"""A second table that says what the items of the ratings are: titles, tags and years."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from embedcli.data import columns
from embedcli.data.problems import Problem
from embedcli.data.ratings import Items, Ratings
from embedcli.data.read_options import ReadOptions
from embedcli.data.records import PARQUET, faults, is_plain, json_object, open_parquet, text_of, texts_of
from embedcli.data.sources import Note, Source, Stream, damaged, source_of
from embedcli.data.tags import split_tags
from embedcli.data.text import title_of, year_of
from embedcli.errors import DataError, UsageError

YEARS = (
    "year yearofpublication originalpublicationyear publicationyear releaseyear releasedate startyear airyear published"
)
MOST = 1 << 29  # bytes of rows that are kept
OVERHEAD = 60  # bytes of a field in memory, besides its letters
BATCH = 10_000  # rows of a Parquet file read at a time
HARDLY = 0.5  # of the items found in the table: fewer, and the wrong column was taken
ROW_NUMBER = re.compile(r"index|level_0|row|rownames|row[ _]?(number|index|id)|unnamed: ?\d+|#")
YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


@dataclass(frozen=True)
class _Table:
    where: str
    names: tuple[str, ...]
    rows: list[list[str]]

    def column(self, at: int) -> list[str]:
        return [row[at] for row in self.rows]


def describe_items(ratings: Ratings, options: ReadOptions, on_note: Note) -> Ratings:
    """Give the items the titles, tags and years of the table `options.items`, and say which columns were taken.

    An item that is not in the table keeps its title. Raises UsageError where the ids hardly match, with
    the column that would, and DataError for a table that cannot be read.
    """
    assert options.items is not None
    table = _read(source_of(options.items), frozenset(ratings.items.ids), on_note)
    id_at = _id_column(table, ratings, options, on_note)
    by_role = _described_by(table, options, id_at)
    rows_of: dict[str, list[int]] = {identifier: [] for identifier in ratings.items.ids}
    for row, identifier in enumerate(table.column(id_at)):
        if identifier in rows_of:
            rows_of[identifier].append(row)
    taken = [f"{role} = {', '.join(f'`{table.names[at]}`' for at in places)}" for role, places in by_role.items()]
    n_found = sum(bool(rows) for rows in rows_of.values())
    on_note(
        f"{table.where}: id = `{table.names[id_at]}`"
        + "".join(f", {words}" for words in taken)
        + f"; it describes {n_found:,} of {len(rows_of):,} {ratings.data.noun}s"
    )
    described = [_describe([table.rows[row] for row in rows], by_role) for rows in rows_of.values()]
    before = ratings.items
    titles = tuple(title or own for (title, _, _), own in zip(described, before.titles, strict=True))
    items = Items(
        ids=before.ids,
        titles=titles,
        years=tuple(year or year_of(title) for (_, year, _), title in zip(described, titles, strict=True)),
        tags=tuple(tags for _, _, tags in described) if "tags" in by_role else before.tags,
    )
    noun = columns.noun_of(table.names[id_at]) if ratings.data.noun == "item" else ratings.data.noun
    return replace(ratings, data=replace(ratings.data, noun=noun), items=items)


def _read(source: Source, wanted: Set[str], on_note: Note) -> _Table:
    """Read the rows of a table of text, Parquet or JSON lines that have one of the ids wanted in any column.

    So a table may be larger than the memory. Raises DataError if it cannot be read.
    """
    with source.open() as stream:
        if not stream.head.strip():
            raise DataError(f"{source.name}: the file is empty", "give a table that says what the items are")
        try:
            if stream.head.startswith(PARQUET):
                names, rows = _parquet(stream)
            elif stream.head.lstrip().startswith(b"{"):
                names, rows = _json_lines(stream)
            else:
                names, rows = _text(stream, on_note)
            kept, size = [next(rows, [])], 0
            for row in rows:
                row = [field.strip() for field in row]
                if not wanted.isdisjoint(row):
                    kept.append(row)
                    size += sum(map(len, row)) + OVERHEAD * len(row)
                    if size > MOST:
                        raise DataError(
                            f"{source.name}: more than {MOST >> 20} MB of rows that describe the items rated",
                            "leave out the columns that are not titles, tags or years",
                        )
        except (csv.Error, ValueError, OSError) as error:  # pyarrow's are of the latter two
            raise DataError(f"{source.name}: cannot be read as a table: {error}", "save it as CSV, in UTF-8") from error
    if not names:
        raise DataError(f"{source.name}: there are no columns of texts or numbers", "give a table with ids and titles")
    # a JSON object may have names that those before it lacked
    return _Table(source.name, tuple(names), [[*row, *[""] * (len(names) - len(row))] for row in kept if row])


def _parquet(stream: Stream) -> tuple[Collection[str], Iterator[list[str]]]:
    import pyarrow as pa

    table = open_parquet(stream.on_disk())
    schema = table.schema_arrow
    odd = faults(table, range(len(schema.names)))
    lists = [at for at in odd if schema.names.count(schema.names[at]) == 1 and _is_list(schema[at].type)]
    names = [name for at, name in enumerate(schema.names) if at not in odd or at in lists]

    def texts(column: Any) -> list[str]:
        return _lists(column) if _is_list(column.type) else texts_of(column)

    def rows() -> Iterator[list[str]]:
        try:
            for batch in table.iter_batches(BATCH, columns=names):
                yield from map(list, zip(*(texts(batch[name]) for name in names), strict=True))
        except (pa.ArrowException, OSError) as error:
            raise damaged(stream.name, error) from error

    return names, rows() if names else iter(())


def _is_list(type: Any) -> bool:
    """Tell whether a type of Arrow is a list of values that can be written as a text each, as tags are."""
    import pyarrow as pa

    return (pa.types.is_list(type) or pa.types.is_large_list(type)) and is_plain(type.value_type)


def _lists(column: Any) -> list[str]:
    """Write the lists of a column as JSON."""
    import pyarrow.compute as pc

    words = iter(texts_of(column.flatten()))
    sizes = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    return [json.dumps(list(islice(words, size)), ensure_ascii=False) for size in sizes]


def _json_lines(stream: Stream) -> tuple[Collection[str], Iterator[list[str]]]:
    places: dict[str, int] = {}

    def rows() -> Iterator[list[str]]:
        for line, raw in enumerate(stream.lines(), 1):
            if not raw.strip():
                continue
            found = json_object(raw)
            if isinstance(found, Problem):
                raise DataError(
                    f"{stream.name}, line {line:,}: cannot be read as a table: {found}", "correct that line"
                )
            for name in found:
                places.setdefault(name, len(places))
            yield [_written(found.get(name)) for name in places]

    return places, rows()  # names grow as the rows are read


def _text(stream: Stream, on_note: Note) -> tuple[Collection[str], Iterator[list[str]]]:
    where = stream.name
    encoding = columns.encoding_of(stream.head, None, where, on_note)
    separator = columns.separator_of(columns.first_lines(stream.head, encoding, where)[:50], where)
    lines = stream.texts(encoding)
    split = csv.reader(lines, delimiter=separator) if len(separator) == 1 else _split(lines, separator)
    filled = (row for row in split if row and row != [""])
    names = [name.strip() for name in next(filled)]

    def rows() -> Iterator[list[str]]:
        for number, row in enumerate(filled, 2):
            if len(row) != len(names):
                raise DataError(
                    f"{where}, row {number:,}: {len(row)} columns where the header has {len(names)}: "
                    f"{separator.join(row)[:60]!r}",
                    "correct that row",
                )
            yield row

    return names, rows()


def _split(lines: Iterator[str], separator: str) -> Iterator[list[str]]:
    return (line.rstrip("\r\n").split(separator) for line in lines)


def _id_column(table: _Table, ratings: Ratings, options: ReadOptions, on_note: Note) -> int:
    """Return the column with the ids that the ratings mean: as given, else by name and by how many it holds."""
    wanted = set(ratings.items.ids)
    share = [len(wanted & set(table.column(at))) / max(len(wanted), 1) for at in range(len(table.names))]
    best = max(range(len(share)), key=lambda at: _fitness(table.names[at], share[at], ratings.items.id_column))
    if options.item_id_col is not None:
        best, found = columns.place(options.item_id_col, table.names, len(table.names), "item-id", table.where), best
        if share[best] < HARDLY and share[found] > share[best]:
            raise UsageError(
                f"`{table.names[best]}` of {table.where} holds only {share[best]:.0%} of the items rated",
                f"`{table.names[found]}` holds {share[found]:.0%}: --item-id-col {shlex.quote(table.names[found])}",
            )
    if share[best] == 0:
        example, there = ratings.items.ids[0], table.rows[0][best] if table.rows else ""
        raise UsageError(
            f"no column of {table.where} holds the items rated, such as {example!r}",
            f"give the table that belongs to the ratings; in this one {table.names[best]!r} is such as {there!r}",
        )
    if share[best] < HARDLY:
        on_note(
            f"note: only {share[best]:.0%} of the items rated are in {table.where}, by its column `{table.names[best]}`"
        )
    return best


def _fitness(name: str, share: float, item_column: str) -> tuple[bool, bool, bool, float]:
    """Rate a column that holds this share of the items rated, by what it is called: the highest has the ids.

    A row number holds the ids of many tables by chance. So a column with at least half of the items goes before all
    others if it is called as in the ratings, then if it is called like ids, then if it is not called like row numbers.
    """
    enough, plain = share >= HARDLY, columns.plain(name)
    is_same = bool(item_column) and (
        name.casefold() == item_column.casefold() or plain == columns.plain(item_column) != ""
    )
    is_row_number = not name.strip() or ROW_NUMBER.fullmatch(name.strip().casefold()) is not None
    is_id = not is_row_number and (plain in columns.WORDS["item"] or plain.endswith("id"))
    return enough and is_same, enough and is_id, enough and not is_row_number, share


def _described_by(table: _Table, options: ReadOptions, id_at: int) -> dict[str, list[int]]:
    """Return which columns tell title, tags and year."""
    names = [columns.plain(name) for name in table.names]

    def known(words: str) -> list[int]:
        return [names.index(word) for word in words.split() if word in names and names.index(word) != id_at]

    def given(name: str, option: str) -> int:
        return columns.place(name, table.names, len(table.names), option, table.where)

    title = [given(options.title_col, "title")] if options.title_col else known(columns.TITLES)[:1]
    tags = [given(name, "tag") for name in options.tag_cols] if options.tag_cols else known(columns.TAGS)[:1]
    return {role: at for role, at in (("title", title), ("tags", tags), ("year", known(YEARS)[:1])) if at}


def _describe(rows: Sequence[Sequence[str]], by_role: dict[str, list[int]]) -> tuple[str, int | None, tuple[str, ...]]:
    """Return (title, year, tags) of an item by its rows of the table: the first title and year, the tags of all."""

    def texts(role: str) -> Iterator[str]:
        return (text for at in by_role.get(role, ()) for text in dict.fromkeys(row[at] for row in rows))

    titles = (title_of(text) for text in texts("title"))
    years = (YEAR.search(text) for text in texts("year"))
    tags = dict.fromkeys(tag for text in texts("tags") for tag in split_tags(text))
    year = next(filter(None, years), None)
    return next(filter(None, titles), ""), int(year.group()) if year else None, tuple(tags)


def _written(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else text_of(value)
    except RecursionError:  # nested too deeply
        return ""

"""A second table, with the titles, tags and years of the items of the ratings."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from embedcli.data.formats.columnar import faults, is_plain, json_rows, open_parquet, text_of, texts_of
from embedcli.data.formats.delimited import text_rows
from embedcli.data.formats.detect import WORDS, column_index_of, normalized, noun_of
from embedcli.data.problems import Problem
from embedcli.data.ratings import Items, Ratings
from embedcli.data.read_options import Note, ReadOptions
from embedcli.data.sources import Source, Stream, damaged, source_of
from embedcli.data.text import split_tags, title_of, year_of
from embedcli.errors import DataError, UsageError

YEARS = """year yearofpublication originalpublicationyear publicationyear releaseyear releasedate startyear airyear
    published"""
MOST = 1 << 29  # bytes of rows that are kept
OVERHEAD = 60  # bytes of a field in memory, besides its characters
BATCH = 10_000  # rows of a Parquet file read at a time
HARDLY = 0.5  # share of the items that are in the table: with fewer, the id column is probably wrong
ROW_NUMBER = re.compile(r"index|level_0|row|rownames|row[ _]?(number|index|id)|unnamed: ?\d+|#")
YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


@dataclass(frozen=True)
class ItemFile:
    """The rows of a table of items that contain an id of the ratings, all of the same length."""

    where: str
    names: tuple[str, ...]
    rows: list[list[str]]

    def column_index(self, name: str, role: str) -> int:
        """Return the index of the column that the option of a role names; UsageError if missing."""
        return column_index_of(name, self.names, len(self.names), role, self.where)


def describe_items(ratings: Ratings, options: ReadOptions, on_note: Note) -> Ratings:
    """Give the items the titles, tags and years of the table `options.items`, and note which columns have them.

    An item that is not in the table keeps its title. Raises UsageError if few ids match, with the column that matches
    better, and DataError for a table that cannot be read.
    """
    assert options.items is not None
    items, data = ratings.items, ratings.data
    table = _read(source_of(options.items), frozenset(items.ids), on_note)
    id_index = _id_column(table, ratings, options, on_note)
    roles = _roles(table, options, id_index)
    rows_of: dict[str, list[list[str]]] = {identifier: [] for identifier in items.ids}
    for row in table.rows:
        if row[id_index] in rows_of:
            rows_of[row[id_index]].append(row)
    columns = {role: ", ".join(repr(table.names[index]) for index in indexes) for role, indexes in roles.items()}
    columns = {"id": repr(table.names[id_index]), **columns}
    n_described = sum(map(bool, rows_of.values()))
    on_note(
        f"{table.where}: {', '.join(f'{role} = {names}' for role, names in columns.items())}; "
        f"it describes {n_described:,} of {len(rows_of):,} {data.noun}s"
    )
    described = [_description(rows, roles) for rows in rows_of.values()]
    titles = tuple(title or own for (title, _, _), own in zip(described, items.titles, strict=True))
    years = tuple(year or year_of(title) for (_, year, _), title in zip(described, titles, strict=True))
    tags = tuple(own for _, _, own in described) if "tags" in roles else items.tags
    noun = noun_of(table.names[id_index]) if data.noun == "item" else data.noun
    return replace(ratings, data=replace(data, noun=noun), items=Items(items.ids, titles, years, tags))


def _read(source: Source, wanted: Set[str], on_note: Note) -> ItemFile:
    """Read the rows that hold an id wanted in any column: the table may exceed the memory. DataError if that fails."""
    kept, size = list[list[str]](), 0
    with source.open() as stream:
        try:
            rows = _rows(stream, on_note)
            names = next(rows)
            for row in rows:
                row = [field.strip() for field in row]
                if not kept or not wanted.isdisjoint(row):  # the first row is an example, if no row is wanted
                    kept.append(row)
                    size += sum(map(len, row)) + OVERHEAD * len(row)
                    if size > MOST:
                        raise DataError(
                            f"{source.name}: more than {MOST >> 20} MB of rows that describe the items rated",
                            "leave out the columns that are not titles, tags or years",
                        )
        except (ValueError, OSError) as error:  # raised by pyarrow
            raise DataError(f"{source.name}: cannot be read as a table: {error}", "save it as CSV, in UTF-8") from error
    if not names:
        raise DataError(f"{source.name}: there are no columns of texts or numbers", "give a table with ids and titles")
    # a JSON object may have names that earlier ones lack
    return ItemFile(source.name, tuple(names), [[*row, *[""] * (len(names) - len(row))] for row in kept])


def _rows(stream: Stream, on_note: Note) -> Iterator[list[str]]:
    """Yield the rows of a table of text, Parquet or JSON lines, the names of its columns first."""
    readers = {"parquet": _parquet_rows, "json": _json_rows}
    return readers[stream.format](stream) if stream.format in readers else text_rows(stream, on_note)


def _parquet_rows(stream: Stream) -> Iterator[list[str]]:
    table = open_parquet(stream.on_disk())
    schema = table.schema_arrow
    faulty = faults(table, range(len(schema.names)))
    names = [
        name
        for index, name in enumerate(schema.names)
        if index not in faulty or (schema.names.count(name) == 1 and _is_list(schema.types[index]))
    ]
    yield names
    try:
        for batch in table.iter_batches(BATCH, columns=names) if names else ():
            columns = (batch[name] for name in names)
            texts = (_list_texts(column) if _is_list(column.type) else texts_of(column) for column in columns)
            yield from map(list, zip(*texts, strict=True))
    except (pa.ArrowException, OSError) as error:
        raise damaged(stream.name, error) from error


def _is_list(type: Any) -> bool:
    """Tell whether an Arrow type is a list of values that can be written as text, such as tags."""
    return (pa.types.is_list(type) or pa.types.is_large_list(type)) and is_plain(type.value_type)


def _list_texts(column: Any) -> list[str]:
    """Write the lists of a column as JSON lists of texts."""
    return [text_of([text_of(value) for value in values or ()]) for values in column.to_pylist()]


def _json_rows(stream: Stream) -> Iterator[list[str]]:
    names, known = list[str](), set[str]()
    yield names  # it grows as the rows are read
    for line, entry in json_rows(stream):
        if isinstance(entry, Problem):
            message = f"{stream.name}, line {line:,}: cannot be read as a table: {entry}"
            raise DataError(message, "correct that line")
        if not known.issuperset(entry):
            names += [name for name in entry if name not in known]
            known.update(entry)
        yield [text_of(entry.get(name)) for name in names]


def _id_column(table: ItemFile, ratings: Ratings, options: ReadOptions, on_note: Note) -> int:
    """Return the index of the column with the item ids of the ratings: as given, else by its name and its ids."""
    names, where, wanted = table.names, table.where, set(ratings.items.ids)
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(names)
    share = [len(wanted.intersection(column)) / max(len(wanted), 1) for column in columns]
    best = max(range(len(share)), key=lambda index: _fitness(names[index], share[index], ratings.items.id_column))
    if options.item_id_col is not None:
        given = table.column_index(options.item_id_col, "item_id")
        if share[given] < HARDLY and share[best] > share[given]:
            raise UsageError(
                f"{names[given]!r} of {where} holds only {share[given]:.0%} of the items rated",
                f"{names[best]!r} holds {share[best]:.0%}: give `item_id_col` {shlex.quote(names[best])}",
            )
        best = given
    if share[best] == 0:
        example, value = ratings.items.ids[0], table.rows[0][best] if table.rows else ""
        raise UsageError(
            f"no column of {where} holds the items rated, such as {example!r}",
            f"give the table that belongs to the ratings; the column {names[best]!r} of this one holds {value!r}",
        )
    if share[best] < HARDLY:
        on_note(f"note: only {share[best]:.0%} of the items rated are in {where}, by its column {names[best]!r}")
    return best


def _fitness(name: str, share: float, item_column: str) -> tuple[bool, bool, bool, float]:
    """Rate a column that holds this share of the items rated, by its name: the highest has the ids.

    Row numbers are also ids of many tables, by chance. So a column with at least half of the items comes before the
    others if it has the name of the ratings' item column, then if its name is that of ids, then if not of row numbers.
    """
    enough, plain = share >= HARDLY, normalized(name)
    is_same = name.casefold() == item_column.casefold() != "" or plain == normalized(item_column) != ""
    is_row_number = not name.strip() or ROW_NUMBER.fullmatch(name.strip().casefold()) is not None
    is_id = not is_row_number and (plain in WORDS["item"] or plain.endswith("id"))
    return enough and is_same, enough and is_id, enough and not is_row_number, share


def _roles(table: ItemFile, options: ReadOptions, id_index: int) -> dict[str, list[int]]:
    """Return the columns of title, tags and year: as given, else by their names."""
    names = [normalized(name) for name in table.names]

    def known(words: Iterable[str]) -> list[int]:
        return [names.index(word) for word in words if word in names and names.index(word) != id_index][:1]

    title = [table.column_index(options.title_col, "title")] if options.title_col else known(WORDS["title"])
    tags = [table.column_index(name, "tag") for name in options.tag_cols] or known(WORDS["tags"])
    roles = {"title": title, "tags": tags, "year": known(YEARS.split())}
    return {role: indexes for role, indexes in roles.items() if indexes}


def _description(rows: Sequence[Sequence[str]], roles: dict[str, list[int]]) -> tuple[str, int | None, tuple[str, ...]]:
    """Return (title, year, tags) of an item from its rows of the table: the first title and year, the tags of all."""

    def texts(role: str) -> Iterator[str]:
        return (text for index in roles.get(role, ()) for text in dict.fromkeys(row[index] for row in rows))

    titles = (title_of(text) for text in texts("title"))
    years = (YEAR.search(text) for text in texts("year"))
    tags = dict.fromkeys(tag for text in texts("tags") for tag in split_tags(text))
    year = next(filter(None, years), None)
    return next(filter(None, titles), ""), int(year.group()) if year else None, tuple(tags)

"""A second table that says what the items of the ratings are: titles, tags and years."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedcli.data import columns
from embedcli.data.ratings import Items, Ratings
from embedcli.data.reading import Reading
from embedcli.data.sources import Note, Source, source_of
from embedcli.data.tags import split_tags
from embedcli.data.text import decode, mended, year_of
from embedcli.errors import DataError, UsageError

YEARS = (
    "year yearofpublication originalpublicationyear publicationyear releaseyear releasedate startyear airyear published"
)
HARDLY = 0.5  # of the items found in the table: fewer, and the wrong column was taken
ROW_NUMBER = re.compile(r"index|level_0|row|rownames|row[ _]?(number|index|id)|unnamed: ?\d+|#")
YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")


@dataclass(frozen=True)
class _Table:
    where: str
    names: tuple[str, ...]
    rows: list[list[str]]

    def column(self, at: int) -> list[str]:
        return [row[at].strip() for row in self.rows]


def describe_items(ratings: Ratings, reading: Reading, on_note: Note) -> Ratings:
    """Give the items the titles, tags and years of the table `reading.items`, and say which columns were taken.

    An item that is not in the table keeps its title. Raises UsageError where the ids hardly match, with
    the column that would, and DataError for a table that cannot be read.
    """
    assert reading.items is not None
    table = _read(source_of(reading.items), on_note)
    id_at = _id_column(table, ratings, reading, on_note)
    by_role = _described_by(table, reading, id_at)
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


def _read(source: Source, on_note: Note) -> _Table:
    """Read a whole table of text, Parquet or JSON lines; DataError where that cannot be done."""
    with source.open() as stream:
        raw = stream.read(-1)
    if not raw.strip():
        raise DataError(f"{source.name}: the file is empty", "give a table that says what the items are")
    try:
        return _parsed(source, raw, on_note)
    except (csv.Error, ValueError) as error:  # pyarrow's are ValueErrors
        raise DataError(f"{source.name}: cannot be read as a table: {error}", "save it as CSV, in UTF-8") from error


def _parsed(source: Source, raw: bytes, on_note: Note) -> _Table:
    if raw.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        found = pq.read_table(io.BytesIO(raw)).to_pylist()
    elif raw.lstrip().startswith(b"{"):
        found = [json.loads(line) for line in raw.decode("utf-8").splitlines() if line.strip()]
    else:
        return _read_text(source.name, raw, on_note)
    names = tuple(dict.fromkeys(name for row in found for name in row))
    return _Table(source.name, names, [[_text(row.get(name)) for name in names] for row in found])


def _read_text(where: str, raw: bytes, on_note: Note) -> _Table:
    encoding = columns.encoding_of(raw, None, where, on_note)
    content = decode(raw, encoding, where).removeprefix("\ufeff")
    lines = io.StringIO(content, newline="")
    separator = columns.separator_of(content.splitlines()[:50], where)
    if len(separator) > 1:
        rows = [line.split(separator) for line in content.splitlines() if line.strip()]
    else:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    names, *rest = rows
    for number, row in enumerate(rest, 2):
        if len(row) != len(names):
            raise DataError(
                f"{where}, row {number:,}: {len(row)} columns where the header has {len(names)}: "
                f"{separator.join(row)[:60]!r}",
                "correct that row",
            )
    return _Table(where, tuple(name.strip() for name in names), rest)


def _id_column(table: _Table, ratings: Ratings, reading: Reading, on_note: Note) -> int:
    """Return the column with the ids that the ratings mean: as given, else by name and by how many it holds."""
    wanted = set(ratings.items.ids)
    share = [len(wanted & set(table.column(at))) / max(len(wanted), 1) for at in range(len(table.names))]
    best = max(range(len(share)), key=lambda at: _fitness(table.names[at], share[at], ratings.items.id_column))
    if reading.item_id_col is not None:
        best, found = columns.place(reading.item_id_col, table.names, len(table.names), "item-id", table.where), best
        if share[best] < HARDLY and share[found] > share[best]:
            raise UsageError(
                f"`{table.names[best]}` of {table.where} holds only {share[best]:.0%} of the items rated",
                f"`{table.names[found]}` holds {share[found]:.0%}: --item-id-col {table.names[found]!r}",
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


def _described_by(table: _Table, reading: Reading, id_at: int) -> dict[str, list[int]]:
    """Return which columns tell title, tags and year."""
    names = [columns.plain(name) for name in table.names]

    def known(words: str) -> list[int]:
        return [names.index(word) for word in words.split() if word in names and names.index(word) != id_at]

    def given(name: str, option: str) -> int:
        return columns.place(name, table.names, len(table.names), option, table.where)

    title = [given(reading.title_col, "title")] if reading.title_col else known(columns.TITLES)[:1]
    tags = [given(name, "tag") for name in reading.tag_cols] if reading.tag_cols else known(columns.TAGS)[:1]
    return {role: at for role, at in (("title", title), ("tags", tags), ("year", known(YEARS)[:1])) if at}


def _describe(rows: Sequence[Sequence[str]], by_role: dict[str, list[int]]) -> tuple[str, int | None, tuple[str, ...]]:
    """Return (title, year, tags) of an item by its rows of the table: the first title and year, the tags of all."""

    def texts(role: str) -> Iterator[str]:
        return (text for at in by_role.get(role, ()) for text in dict.fromkeys(row[at] for row in rows))

    titles = (" ".join(mended(text).split()) for text in texts("title"))
    years = (YEAR.search(text) for text in texts("year"))
    tags = dict.fromkeys(tag for text in texts("tags") for tag in split_tags(text))
    year = next(filter(None, years), None)
    return next(filter(None, titles), ""), int(year.group()) if year else None, tuple(tags)


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)

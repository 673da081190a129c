"""A second table, with the titles, tags and years of the items of the ratings."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from embedcli.data.formats.delimited import HasHeader, text_rows
from embedcli.data.formats.detect import column_index_of
from embedcli.data.formats.forms import time_form
from embedcli.data.formats.json_rows import field_of, flat_names, json_rows
from embedcli.data.formats.movielens_100k import GENRES
from embedcli.data.formats.parquet import column_of, faults, fields_of, is_plain, open_parquet, text_of, texts_of
from embedcli.data.formats.sqlite import item_rows
from embedcli.data.formats.words import WORDS, is_id, is_row_number, normalized, noun_of, rank
from embedcli.data.problems import Problem, Problems
from embedcli.data.ratings import Items, Ratings
from embedcli.data.read_options import Note, OnBadRows, ReadOptions
from embedcli.data.sources import Source, Stream, damaged, source_of
from embedcli.data.text import clean_tag, number_of, shorten, split_tags, title_of, year_of
from embedcli.errors import DataError, UsageError

MOST = 1 << 29  # bytes of rows that are kept
OVERHEAD = 60  # bytes of a field in memory, besides its characters
BATCH = 10_000  # rows of a Parquet file read at a time
HARDLY = 0.5  # share of the items that are in the table: with fewer, the id column is probably wrong
YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True, "": False}
FEWEST_FLAGS = 3  # columns of 0 and 1 that are tags without being named as such
SHOWN = 8  # columns that a message shows
LONGEST_TITLE = 200  # letters on average of a column of titles
U_ITEM = 24  # columns of u.item of MovieLens 100K: five, and one for each of its genres
NONE: Set[str] = frozenset()
SURELY = 2  # known names of columns that make a first row their names
NumberedRows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class ItemFile:
    """The rows of a table of items that contain an id of the ratings, all of the same length."""

    where: str
    names: tuple[str, ...]
    rows: list[list[str]]
    is_guess: bool = False  # whether the names may be the first row instead

    def column_index(self, name: str, role: str) -> int:
        """Return the index of the column that the option of a role names; UsageError if missing."""
        return column_index_of(name, self.names, len(self.names), role, self.where)

    def values(self, index: int) -> list[str]:
        """Return the values of a column that are not empty."""
        return [row[index] for row in self.rows if row[index]]

    @property
    def is_named(self) -> bool:
        """Whether the columns have names, not numbers."""
        return self.names != tuple(str(number) for number in range(1, len(self.names) + 1))

    def named(self, indexes: Iterable[int]) -> str:
        """Name columns for a message."""
        names = [repr(self.names[index]) if self.is_named else f"column {index + 1}" for index in indexes]
        return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


@dataclass
class ItemRoles:
    """Which columns of a table of items have the titles, the tags and the years."""

    title: int | None = None
    year: int | None = None
    tags: list[int] = field(default_factory=list)
    flags: dict[int, str] = field(default_factory=dict)  # columns of 0 and 1: the tag that 1 means
    marks: dict[int, str] = field(default_factory=dict)  # what separates the tags of a column, if it is known

    def columns(self) -> dict[str, list[int]]:
        """Return the columns of each role that is there."""
        title, year = ([] if index is None else [index] for index in (self.title, self.year))
        columns = {"title": title, "tags": [*self.tags, *self.flags], "year": year}
        return {role: indexes for role, indexes in columns.items() if indexes}


def describe_items(ratings: Ratings, options: ReadOptions, on_note: Note) -> Ratings:
    """Give the items of ratings the titles, tags and years of the table `options.items`: see `described`."""
    items, noun = described(ratings.items, ratings.data.noun, options, on_note)
    return replace(ratings, data=replace(ratings.data, noun=noun), items=items)


def described(items: Items, noun: str, options: ReadOptions, on_note: Note) -> tuple[Items, str]:
    """Return items with the titles, tags and years of the table `options.items`, and the word for one of them.

    Which columns have them is noted. An item that is not in the table keeps its title. Raises UsageError if few ids
    match, with the column that matches better, and DataError for a table that cannot be read.
    """
    assert options.items is not None
    aliases = _aliases(items.ids)
    table = _read(source_of(options.items), items.ids + tuple(aliases), options, on_note)
    table = _with_aliases(table, frozenset(items.ids), aliases, on_note)
    id_index = _id_column(table, items, noun, options, on_note)
    notes = list[str]()
    roles = _roles(table, options, id_index, notes)
    rows_of: dict[str, list[list[str]]] = {identifier: [] for identifier in items.ids}
    for row in table.rows:
        if row[id_index] in rows_of:
            rows_of[row[id_index]].append(row)
    columns = {"id": table.named([id_index]), **{role: table.named(own) for role, own in roles.columns().items()}}
    n_described = sum(map(bool, rows_of.values()))
    on_note(
        f"{table.where}: {', '.join(f'{role} = {names}' for role, names in columns.items())}; "
        f"it describes {n_described:,} of {len(rows_of):,} {noun}s"
    )
    for note in notes:
        on_note(f"note: {note}")
    found = [_description(rows, roles) for rows in rows_of.values()]
    titles = tuple(title or own for (title, _, _), own in zip(found, items.titles, strict=True))
    years = tuple(
        year or year_of(title) or own for (_, year, _), title, own in zip(found, titles, items.years, strict=True)
    )
    tags = items.tags
    if "tags" in columns:
        tags = tuple(
            new if rows else own for (_, _, new), own, rows in zip(found, items.tags, rows_of.values(), strict=True)
        )
    noun = noun_of(table.names[id_index]) if noun == "item" else noun
    return replace(items, titles=titles, years=years, tags=tags), noun


def _aliases(ids: Sequence[str]) -> dict[str, str]:
    """Return how another table may write ids that are all integers, or all floats without a fraction, as pandas does.

    101 is 101.0 there, and the other way round.
    """
    if all(map(str.isdecimal, ids)):
        return {f"{own}.0": own for own in ids}
    if all(own.endswith(".0") and own[:-2].isdecimal() for own in ids):
        return {own[:-2]: own for own in ids}
    return {}


def _with_aliases(table: ItemFile, wanted: Set[str], aliases: Mapping[str, str], on_note: Note) -> ItemFile:
    """Return the table with ids as the ratings write them, if a column holds most of them, but only in another way."""
    columns = [frozenset(column) for column in zip(*table.rows, strict=True)]
    most = HARDLY * len(wanted)
    if not aliases or any(len(wanted & column) >= most for column in columns):
        return table
    index = next((index for index, column in enumerate(columns) if len(aliases.keys() & column) >= most), None)
    if index is None:
        return table
    alias, own = next(iter(aliases.items()))
    on_note(f"note: ids of {table.where} such as {alias!r} are taken for {own!r}")
    return replace(
        table, rows=[[*row[:index], aliases.get(row[index], row[index]), *row[index + 1 :]] for row in table.rows]
    )


def items_in_order(
    where: str | Path,
    n: int,
    options: ReadOptions,
    on_note: Note,
    *,
    padding: Sequence[str] = (),
    without: Set[str] = NONE,
) -> tuple[Items, str]:
    """Return the items that the n rows of a table describe, in its order, and the word for one of them.

    The columns `without` are not read. See `items_of`.
    """
    return items_of(_read(source_of(where), None, options, on_note, without), n, options, on_note, padding)


def items_of(
    table: ItemFile, n: int, options: ReadOptions, on_note: Note, padding: Sequence[str] = ()
) -> tuple[Items, str]:
    """Return the items that the n rows of a table describe, in its order, and the word for one of them.

    An item's id is in the column that is given, else in the first that has another text in each row, those named as ids
    before others. `padding` are ids of a first row that the table may leave out. Raises DataError if the table does not
    have n rows, or no such column.
    """
    table = _of_n_rows(table, n, padding)
    columns = [tuple(column) for column in zip(*table.rows, strict=True)]
    id_index, notes = _key_column(table, columns, options), list[str]()
    roles = _roles(table, options, id_index, notes)
    found = [_description([row], roles) for row in table.rows]
    titles = tuple(title or own for (title, _, _), own in zip(found, columns[id_index], strict=True))
    named = {"id": table.named([id_index]), **{role: table.named(own) for role, own in roles.columns().items()}}
    on_note(f"{table.where}: {', '.join(f'{role} = {names}' for role, names in named.items())}, in the vectors' order")
    for note in notes:
        on_note(f"note: {note}")
    taken = {id_index, *chain.from_iterable(roles.columns().values())}
    further = {name: columns[j] for j, name in enumerate(table.names) if table.is_named and name and j not in taken}
    years = tuple(year or year_of(title) for (_, year, _), title in zip(found, titles, strict=True))
    items = Items(columns[id_index], titles, years, tuple(tags for *_, tags in found), further)
    return items, noun_of(table.names[id_index])


def _key_column(table: ItemFile, columns: Sequence[Sequence[str]], options: ReadOptions) -> int:
    """Return the index of the column with another text in each row; DataError if there is none."""
    is_key = [len(set(column)) == len(column) and "" not in column for column in columns]
    if options.item_id_col is not None:
        index = table.column_index(options.item_id_col, "item_id")
    else:
        index = max(
            range(len(columns)),
            key=lambda j: (is_key[j], is_id(table.names[j]), not is_row_number(table.names[j])),
        )
    if not is_key[index]:
        column = columns[index]
        shown = next(text for text in column if not text or column.count(text) > 1)
        raise DataError(
            f"{table.where}: {table.named([index])} holds {shorten(shown)!r} {column.count(shown):,} times",
            "name a column with another id in each row with `item_id_col`",
        )
    return index


def _of_n_rows(table: ItemFile, n: int, padding: Sequence[str]) -> ItemFile:
    """Return a table with n rows; DataError if it has not.

    Names of columns that were guessed may be the first row. The row of the `padding` may be missing.
    """
    rows, first = table.rows, [list(table.names)] if table.is_guess else []
    blank = [[padding[0]] * len(table.names)] if padding else []
    numbers = tuple(str(number) for number in range(1, len(table.names) + 1))
    if len(rows) == n:
        return table
    if first and len(rows) == n - 1 and (not padding or first[0][0] in padding):
        return replace(table, names=numbers, rows=first + rows)
    if blank and len(rows) == n - 1:
        return replace(table, rows=blank + rows)
    if blank and first and len(rows) == n - 2:
        return replace(table, names=numbers, rows=blank + first + rows)
    is_header = len(rows) == n + 1 and len(table.names) == 1  # a projector takes a lone column to have none
    raise DataError(
        f"{table.where}: {len(rows):,} rows for {n:,} vectors",
        "delete its first line if that is a header: labels in one column have none"
        if is_header
        else "give a table with a row for each vector, in their order, or save the ids with the vectors",
    )


def _read(
    source: Source, ids: Sequence[str] | None, options: ReadOptions, on_note: Note, without: Set[str] = NONE
) -> ItemFile:
    """Read the rows that hold an id wanted in any column, or all rows. DataError if that fails.

    The table may exceed the memory. Only columns that are not in `without` are read.
    """
    wanted, kept, size = frozenset(ids or ()), list[list[str]](), 0

    def has_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
        return _is_header(first, rest, wanted)

    with source.open() as stream:
        try:
            is_lone = ids is None and _is_lone(stream)
            rows = _rows(stream, wanted, options, on_note, has_header, without, is_lone=is_lone)
            _, names = next(rows)
            read = [index for index, name in enumerate(names) if not _is_left_out(name, without)] if without else None
            for _, row in rows:
                row = [field.strip() for field in (row if read is None else map(row.__getitem__, read))]
                # the first row is an example, if no row is wanted
                if ids is None or not kept or not wanted.isdisjoint(row):
                    kept.append(row)
                    size += sum(map(len, row)) + OVERHEAD * len(row)
                    if size > MOST:
                        raise DataError(
                            f"{source.name}: more than {MOST >> 20} MB of rows that describe the items",
                            "leave out the columns that are not titles, tags or years",
                        )
        except (ValueError, OSError) as error:  # raised by pyarrow
            raise DataError(f"{source.name}: cannot be read as a table: {error}", "save it as CSV, in UTF-8") from error
        is_guess = stream.format == "text" and _n_known(names) < SURELY
    names = [name for name in names if not _is_left_out(name, without)]
    if not names:
        raise DataError(f"{source.name}: there are no columns of texts or numbers", "give a table with ids and titles")
    # a JSON object may have names that earlier ones lack
    rows_of_all = [[*row, *[""] * (len(names) - len(row))] for row in kept]
    table = ItemFile(source.name, tuple(names), rows_of_all)
    return replace(table, is_guess=is_guess and table.is_named)


def _is_left_out(name: str, without: Set[str]) -> bool:
    """Tell whether a column is one of these, or a part of one."""
    return name in without or name.partition(".")[0] in without


def _is_lone(stream: Stream) -> bool:
    """Tell whether text has a single column: no line has a separator."""
    return stream.format == "text" and not any(mark in stream.head for mark in (b",", b"\t", b";", b"|"))


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], wanted: Set[str]) -> bool:
    """Tell whether the first row of a table of items has the names of its columns."""
    n_known = _n_known(first)
    if n_known >= SURELY or not rest:
        return n_known >= SURELY or wanted.isdisjoint(first)
    if not wanted.isdisjoint(first):
        return False
    columns = [[row[index] for row in rest if len(row) > index] for index in range(len(first))]
    is_number = [all(number_of(value) is not None for value in column if value) and any(column) for column in columns]
    return n_known > 0 or not any(
        number_of(name) is not None and numeric for name, numeric in zip(first, is_number, strict=True)
    )


def _n_known(names: Iterable[str]) -> int:
    """Return how many of these are known names of columns."""
    return sum(is_id(name) or any(rank(name, role) is not None for role in WORDS) for name in names)


def _rows(
    stream: Stream,
    wanted: Set[str],
    options: ReadOptions,
    on_note: Note,
    has_header: HasHeader,
    without: Set[str],
    *,
    is_lone: bool,
) -> NumberedRows:
    """Yield (number, fields) of the rows of a table of any format, the names of its columns first.

    Of Parquet the columns `without` are not read. A table that `is_lone` has a single column.
    """
    if stream.format == "parquet":
        return _parquet_rows(stream, without)
    if stream.format == "json":
        return _json_rows(stream, wanted, options, on_note)
    if stream.format == "sqlite":
        return item_rows(stream, on_note)
    return text_rows(stream, options, on_note, has_header, separator="tab" if is_lone else None)


def _parquet_rows(stream: Stream, without: Set[str]) -> NumberedRows:
    table = open_parquet(stream.on_disk())
    fields = fields_of(table)
    faulty, counts = faults(table, range(len(fields))), Counter(name for name, _ in fields)
    names = [
        name
        for index, (name, type) in enumerate(fields)
        if (index not in faulty or (counts[name] == 1 and _is_list(type))) and not _is_left_out(name, without)
    ]
    yield 0, names
    try:
        for batch in table.iter_batches(BATCH, columns=names) if names else ():
            columns = (column_of(batch, name) for name in names)
            texts = (_list_texts(column) if _is_list(column.type) else texts_of(column) for column in columns)
            yield from enumerate(map(list, zip(*texts, strict=True)), 1)
    except (pa.ArrowException, OSError) as error:
        raise damaged(stream.name, error) from error


def _is_list(type: Any) -> bool:
    """Tell whether an Arrow type is a list of values that can be written as text, such as tags."""
    return (pa.types.is_list(type) or pa.types.is_large_list(type)) and is_plain(type.value_type)


def _list_texts(column: Any) -> list[str]:
    """Write the lists of a column as JSON lists of texts."""
    return [text_of([text_of(value) for value in values or ()]) for values in column.to_pylist()]


def _json_rows(stream: Stream, wanted: Set[str], options: ReadOptions, on_note: Note) -> NumberedRows:
    names, known, problems = list[str](), set[str](), Problems(stream.name)
    yield 0, names  # it grows as the rows are read
    for line, entry in json_rows(stream):
        if isinstance(entry, Problem):
            problems.add(entry.kind, [(line, entry.value)])
            if options.on_bad_rows is OnBadRows.STOP:
                message = f"{stream.name}, line {line:,}: cannot be read as a table: {entry}"
                raise DataError(message, "correct that line, or leave such lines out with `on_bad_rows` skip")
            continue
        if line == 1 and not wanted.isdisjoint(entry):  # one object with an entry per item
            yield from _entries(entry, names)
            return
        own = list(flat_names(entry))
        names += [name for name in own if name not in known]
        known.update(own)
        yield line, [text_of(field_of(entry, name)) for name in names]
    if problems:
        on_note(problems.summary())


def _entries(items: Mapping[str, Any], names: list[str]) -> NumberedRows:
    """Yield the rows of one JSON object of ids, each with a title or an object; add the names of their columns."""
    names.append("id")
    names += dict.fromkeys(name for item in items.values() if isinstance(item, dict) for name in flat_names(item))
    names += ["title"] * (len(names) == 1)
    for number, (own, item) in enumerate(items.items(), 1):
        values = [field_of(item, name) for name in names[1:]] if isinstance(item, dict) else [item]
        yield number, [own, *map(text_of, values)]


def _id_column(table: ItemFile, items: Items, noun: str, options: ReadOptions, on_note: Note) -> int:
    """Return the index of the column with the item ids of the ratings: as given, else by its name and its ids."""
    names, where, wanted = table.names, table.where, set(items.ids)
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(names)
    share = [len(wanted.intersection(column)) / max(len(wanted), 1) for column in columns]
    best = max(range(len(share)), key=lambda index: _fitness(names[index], share[index], items.id_column, noun))
    if options.item_id_col is not None:
        given = table.column_index(options.item_id_col, "item_id")
        if share[given] < HARDLY and share[best] > share[given]:
            raise UsageError(
                f"{names[given]!r} of {where} holds only {share[given]:.0%} of the items rated",
                f"{names[best]!r} holds {share[best]:.0%}: give `item_id_col` {shlex.quote(names[best])}",
            )
        best = given
    if share[best] == 0:
        example, value = items.ids[0], table.rows[0][best] if table.rows else ""
        raise UsageError(
            f"no column of {where} holds the items rated, such as {example!r}",
            f"give the table that belongs to the ratings; the column {names[best]!r} of this one holds {value!r}",
        )
    if share[best] < HARDLY:
        on_note(f"note: only {share[best]:.0%} of the items rated are in {where}, by its column {names[best]!r}")
    return best


def _fitness(name: str, share: float, item_column: str, noun: str) -> tuple[bool, bool, bool, float]:
    """Rate a column that holds this share of the items rated, by its name: the highest has the ids.

    Row numbers are also ids of many tables, by chance. So a column with at least half of the items comes before the
    others if it has the name of the ratings' item column, then if its name is that of ids, then if not of row numbers.
    """
    enough, plain = share >= HARDLY, normalized(name)
    is_same = name.casefold() == item_column.casefold() != "" or plain == normalized(item_column) != ""
    is_same |= not item_column and noun != "item" and noun_of(name) == noun  # a stored run has only the noun
    return enough and is_same, enough and is_id(name), enough and not is_row_number(name), share


def _roles(table: ItemFile, options: ReadOptions, id_index: int, notes: list[str]) -> ItemRoles:
    """Return the columns of title, tags and year: as given, else by their names, else by their values, with notes."""

    def known(role: str) -> list[int]:
        ranks = {index: rank(name, role) for index, name in enumerate(table.names) if index != id_index}
        return [index for _, index in sorted((own, index) for index, own in ranks.items() if own is not None)]

    given = [table.column_index(name, "tag") for name in options.tag_cols]
    year = [table.column_index(options.year_col, "year")] if options.year_col else known("year")
    if not year and not table.is_named:
        year = [index for index in range(len(table.names)) if index != id_index and _has_years(table, index)]
    roles = ItemRoles(year=next(iter(year), None))
    tags = given or [index for index in known("tags")[:1] if index not in year[:1]]
    flags = [index for index in tags or _free(table, id_index, roles) if _has_flags(table, index)]
    names = GENRES if len(table.names) == U_ITEM and not table.is_named else table.names[-len(GENRES) :]
    if len(given) > 1 or not tags:
        is_known = table.is_named or len(table.names) == U_ITEM
        roles.flags = _flags(table, flags, names) if given or (is_known and len(flags) >= FEWEST_FLAGS) else {}
    roles.tags = [index for index in tags if index not in roles.flags]
    roles.marks = {index: " " for index in roles.tags if table.names[index].endswith(":token_seq")}
    if not given and roles.flags:
        notes.append(f"{len(roles.flags):,} columns of 0 and 1 are read as tags: `tag_cols` names others")
    if options.title_col:
        roles.title = table.column_index(options.title_col, "title")
    else:
        roles.title = next(iter(known("title")), None)
        if roles.title is None:
            _find_title(table, id_index, roles, notes)
    if not table.is_named and not roles.tags and not roles.flags:
        lists = [index for index in _free(table, id_index, roles) if any("|" in text for text in table.values(index))]
        roles.tags = lists[:1]
    return roles


def _free(table: ItemFile, id_index: int, roles: ItemRoles) -> list[int]:
    """Return the columns that have no role yet."""
    taken = {id_index, roles.title, roles.year, *roles.tags, *roles.flags}
    return [index for index in range(len(table.names)) if index not in taken]


def _has_flags(table: ItemFile, index: int) -> bool:
    """Tell whether a column holds 0 and 1, or true and false, with at least one 1."""
    values = {value.casefold() for value in table.values(index)}
    return values <= FLAGS.keys() and any(FLAGS[value] for value in values)


def _has_years(table: ItemFile, index: int) -> bool:
    """Tell whether a column holds years and nothing else."""
    values = table.values(index)
    return bool(values) and all(map(YEAR.fullmatch, values))


def _flags(table: ItemFile, indexes: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Return the tag of each column of 0 and 1: its name; the genres of MovieLens if the table is u.item."""
    offset = len(table.names) - len(names)
    known = {index: names[index - offset] if index >= offset else table.names[index] for index in indexes}
    return {index: name for index, name in known.items() if name.strip()}


def _find_title(table: ItemFile, id_index: int, roles: ItemRoles, notes: list[str]) -> None:
    """Take the column of short texts with the most different values for the titles, and note what was taken."""
    texts = [index for index in _free(table, id_index, roles) if _may_be_title(table, index)]
    n_different = {index: len(set(table.values(index))) for index in texts}
    most = max(n_different.values(), default=0)
    best = [index for index in texts if n_different[index] >= 0.9 * most and 2 * most >= len(table.rows)]
    if best:
        roles.title = best[0]
    if table.is_named:
        others = table.named(_free(table, id_index, roles)[:8])
        taken = f"{table.named(best[:1])} is taken" if best else "the items keep their ids"
        named = f"; `title_col` names another, such as {others}" if others else ""
        notes.append(f"no column of {table.where} is named as titles are: {taken}{named}")


def _may_be_title(table: ItemFile, index: int) -> bool:
    """Tell whether a column may hold titles: texts that are not numbers, times, addresses, lists or long."""
    values = table.values(index)[:1_000]
    n_other = sum(number_of(text) is not None or "://" in text or text.startswith(("[", "{")) for text in values)
    is_short = sum(map(len, values)) <= LONGEST_TITLE * len(values)
    return bool(values) and is_short and 2 * n_other < len(values) and time_form(values[:20]) is None


def _description(rows: Sequence[Sequence[str]], roles: ItemRoles) -> tuple[str, int | None, tuple[str, ...]]:
    """Return (title, year, tags) of an item from its rows of the table: the first title and year, the tags of all."""

    def texts(index: int | None) -> Iterable[str]:
        return () if index is None else dict.fromkeys(row[index] for row in rows)

    title = next(filter(None, map(title_of, texts(roles.title))), "")
    year = next(filter(None, map(YEAR.search, texts(roles.year))), None)
    tags = [
        tag for index in roles.tags for text in texts(index) for tag in split_tags(text, roles.marks.get(index, ""))
    ]
    flags = [tag for index, tag in roles.flags.items() if any(FLAGS.get(text.casefold()) for text in texts(index))]
    return (
        title,
        int(year.group()) if year else None,
        tuple(filter(None, dict.fromkeys([*tags, *map(clean_tag, flags)]))),
    )

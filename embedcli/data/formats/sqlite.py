"""SQLite databases: the table of ratings in one, read in place and never written."""

import hashlib
import shlex
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

import pyarrow as pa

from embedcli.data.formats.blocks import Block, Rows
from embedcli.data.formats.detect import TableSchema, detect_schema
from embedcli.data.formats.parquet import parse_batch, text_of
from embedcli.data.formats.parse import parse_texts
from embedcli.data.formats.words import rank
from embedcli.data.read_options import Note, ReadContext
from embedcli.data.sources import Stream, damaged
from embedcli.data.text import shorten
from embedcli.errors import DataError, UsageError

CHUNK = 1 << 17  # rows read at a time
SAMPLE = 200  # rows that the schema is detected from
PATIENCE = 60.0  # seconds without a row
STEPS = 100_000  # of SQLite's machine, after which the time is looked at: about a millisecond
SHOWN = 8  # tables that a message shows


def read_sqlite(stream: Stream, context: ReadContext) -> Rows:
    """Read the table `options.table` of a database, or the only one with a user and an item."""
    with _opened(stream) as database:
        name = _table(database, context, stream.name)
        where = f"{stream.name}, table {name}"
        schema = _schema(database, name, context, where)
        total = database.query(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0]
        sha256 = hashlib.file_digest(stream.on_disk(), "sha256").hexdigest()  # type: ignore[arg-type]
        rows, row = Rows(schema, context.problems_of(where, unit="row"), total, sha256=sha256), 1
        wanted = schema.role_names
        cursor = database.query(f"SELECT {', '.join(map(_quoted, wanted.values()))} FROM {_quoted(name)}")
        while chunk := database.rows(cursor, CHUNK):
            rows.add(_parse(chunk, row, rows))
            row += len(chunk)
            context.on_progress(stream.name, row - 1, total)
    return rows


def item_rows(stream: Stream, on_note: Note) -> Iterator[tuple[int, list[str]]]:
    """Yield (number, fields) of the rows of the only table with titles, the names of its columns first.

    UsageError if there is not exactly one.
    """
    with _opened(stream) as database:
        names = [name for names in _names(database) for name in names]
        columns = {name: _columns(database, name) for name in names}
        titled = [name for name, own in columns.items() if any(rank(column, "title") is not None for column in own)]
        if len(titled) != 1:
            which = f"{len(titled)} tables have titles: {_shown(titled)}" if titled else "no table has titles"
            raise UsageError(f"{stream.name}: {which}", "export the table of the items as CSV, and give that file")
        on_note(f"{stream.name}: the table {titled[0]!r} describes the items")
        yield 0, columns[titled[0]]
        cursor, number = database.query(f"SELECT * FROM {_quoted(titled[0])}"), 0
        while chunk := database.rows(cursor, CHUNK // 16):
            for row in chunk:
                yield (number := number + 1), [text_of(value) for value in row]


class _Database:
    """A connection whose queries are interrupted if they give nothing for PATIENCE seconds: a view may never end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._until = connection, time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > self._until, STEPS)
        connection.text_factory = lambda raw: raw.decode(errors="replace")

    def query(self, sql: str) -> sqlite3.Cursor:
        return self._connection.execute(sql)

    def rows(self, cursor: sqlite3.Cursor, n: int) -> list[tuple[Any, ...]]:
        """Return up to n further rows of a query, for which there is time again."""
        self._until = time.monotonic() + PATIENCE
        return cursor.fetchmany(n)


@contextmanager
def _opened(stream: Stream) -> Iterator[_Database]:
    """Open the database of a file read-only; DataError if it is not a file, is damaged, or does not answer in time."""
    if stream.path is None:
        raise DataError(
            f"{stream.name}: a database is read from a file of its own", "save or decompress it, and give the file"
        )
    try:
        address = f"file:{pathname2url(str(Path(stream.path).absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            yield _Database(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise DataError(
                f"{stream.name}: a view does not end within {PATIENCE:g} seconds",
                "save its rows as a table with CREATE TABLE ... AS SELECT, and name that with `table`",
            ) from error
        raise damaged(stream.name, error) from error


def _names(database: _Database) -> tuple[list[str], list[str]]:
    """Return the names of the tables and of the views."""
    listed = database.query("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    kinds = [(name, kind) for name, kind in listed if not name.startswith("sqlite_")]
    return [name for name, kind in kinds if kind == "table"], [name for name, kind in kinds if kind == "view"]


def _table(database: _Database, context: ReadContext, where: str) -> str:
    """Return the name of the table to read: as given, else the only one that fits best, which is noted.

    A table with ratings comes before others, and any table before the views.
    """
    tables, views = _names(database)
    names, given = tables + views, context.options.table
    if given is not None:
        if given in names:
            return given
        raise UsageError(f"{where} has no table {shorten(given)!r}", f"its tables are: {_shown(names)}")
    fitting = list[str]()
    for kind in (tables, views):
        fit = {name: _fit(database, name, context) for name in kind} if not fitting else {}
        fitting += [name for name, own in fit.items() if own == max(fit.values()) > 0]
    if len(fitting) == 1:
        if len(names) > 1:
            context.on_note(f"{where}: the table {fitting[0]!r} is read (`table` names another)")
        return fitting[0]
    if fitting:
        raise UsageError(
            f"{where}: {len(fitting)} tables may hold the ratings: {_shown(fitting)}",
            f"name one with `table`, such as `table` {shlex.quote(fitting[0])}",
        )
    columns = "; ".join(_about(database, name) for name in names[:SHOWN])
    raise UsageError(
        f"{where}: no table has rows with a known user and item column: {shorten(columns, 300) or 'it has no tables'}",
        "name the table with `table` and its columns with `user_col` and `item_col`",
    )


def _about(database: _Database, name: str) -> str:
    """Name a table with its columns; a view may name a column that is not there any more."""
    try:
        return f"{name} ({', '.join(_columns(database, name))})"
    except sqlite3.Error:
        return name


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" and others" if len(names) > SHOWN else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(database: _Database, table: str) -> list[str]:
    return [column[0] for column in database.query(f"SELECT * FROM {_quoted(table)} LIMIT 0").description]


def _fit(database: _Database, name: str, context: ReadContext) -> int:
    """Return 2 if the user, the item and the rating of a table are known, 1 without a rating, else 0."""
    options = replace(context.options, implicit=True)
    try:
        schema = _schema(database, name, replace(context, options=options), "")
    except (DataError, UsageError, sqlite3.Error):
        return 0
    return 1 + ("rating" in schema.column_index)


def _schema(database: _Database, table: str, context: ReadContext, where: str) -> TableSchema:
    names = _columns(database, table)
    sample = database.query(f"SELECT * FROM {_quoted(table)} LIMIT {SAMPLE}").fetchall()
    if not sample:
        raise DataError(f"{where}: the table has no rows", "name another table with `table`")
    return detect_schema(
        names, len(names), context.options, where, lambda index: [text_of(row[index]) for row in sample]
    )


def _parse(chunk: Sequence[Sequence[Any]], first_row: int, rows: Rows) -> Block:
    """Return rows as a block: as columns, or one by one if a value is missing, invalid or of another type."""
    roles = rows.schema.role_names
    try:
        columns = [pa.array(column) for column in zip(*chunk, strict=True)]
        return parse_batch(pa.record_batch(columns, names=list(roles.values())), first_row, rows)
    except (pa.ArrowException, OverflowError):
        texts = (
            (number, {role: text_of(value) for role, value in zip(roles, row, strict=True)})
            for number, row in enumerate(chunk, first_row)
        )
        return parse_texts(texts, rows.schema, rows.problems)

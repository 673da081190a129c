"""SQLite databases: the table of ratings in one, read in place and never written."""

import hashlib
import sqlite3
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
from embedcli.data.problems import Problems
from embedcli.data.read_options import ReadContext
from embedcli.data.sources import Stream, damaged
from embedcli.data.text import shorten
from embedcli.errors import DataError, UsageError

CHUNK = 1 << 17  # rows read at a time
SAMPLE = 200  # rows that the schema is detected from
SHOWN = 8  # tables that a message shows


def read_sqlite(stream: Stream, context: ReadContext) -> Rows:
    """Read the table `options.table` of a database, or the only one with a user and an item."""
    with _opened(stream) as database:
        name = _table(database, context, stream.name)
        where = f"{stream.name}, table {name}"
        schema = _schema(database, name, context, where)
        total = database.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0]
        sha256 = hashlib.file_digest(stream.on_disk(), "sha256").hexdigest()  # type: ignore[arg-type]
        rows, row = Rows(schema, Problems(where, unit="row"), total, sha256=sha256), 1
        wanted = schema.role_names
        cursor = database.execute(f"SELECT {', '.join(map(_quoted, wanted.values()))} FROM {_quoted(name)}")
        while chunk := cursor.fetchmany(CHUNK):
            rows.add(_parse(chunk, row, rows))
            row += len(chunk)
            context.on_progress(stream.name, row - 1, total)
    return rows


@contextmanager
def _opened(stream: Stream) -> Iterator[sqlite3.Connection]:
    """Open the database of a file read-only; DataError if it is not a file or is damaged."""
    if stream.path is None:
        raise DataError(
            f"{stream.name}: a database is read from a file of its own", "save or decompress it, and give the file"
        )
    try:
        address = f"file:{pathname2url(str(Path(stream.path).absolute()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.text_factory = lambda raw: raw.decode(errors="replace")
            yield database
    except sqlite3.Error as error:
        raise damaged(stream.name, error) from error


def _table(database: sqlite3.Connection, context: ReadContext, where: str) -> str:
    """Return the name of the table to read: as given, else the only one that fits, which is noted."""
    listed = database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    names: list[str] = [name for (name,) in listed if not name.startswith("sqlite_")]
    given = context.options.table
    if given is not None:
        if given in names:
            return given
        raise UsageError(f"{where} has no table {shorten(given)!r}", f"its tables are: {_shown(names)}")
    fitting = [name for name in names if _fits(database, name, context)]
    if len(fitting) == 1:
        if len(names) > 1:
            context.on_note(f"{where}: the table {fitting[0]!r} is read (`table` names another)")
        return fitting[0]
    if fitting:
        raise UsageError(
            f"{where}: {len(fitting)} tables may hold the ratings: {_shown(fitting)}",
            f"name one with `table`, such as `table` {fitting[0]}",
        )
    columns = "; ".join(f"{name} ({', '.join(_columns(database, name))})" for name in names[:SHOWN])
    raise UsageError(
        f"{where}: no table has a known user and item column: {shorten(columns, 300) or 'it has no tables'}",
        "name the table with `table` and its columns with `user_col` and `item_col`",
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" and others" if len(names) > SHOWN else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [column[0] for column in database.execute(f"SELECT * FROM {_quoted(table)} LIMIT 0").description]


def _fits(database: sqlite3.Connection, name: str, context: ReadContext) -> bool:
    """Tell whether the user and the item of a table are known."""
    options = replace(context.options, implicit=True)
    try:
        _schema(database, name, replace(context, options=options), "")
    except (DataError, UsageError, sqlite3.Error):
        return False
    return True


def _schema(database: sqlite3.Connection, table: str, context: ReadContext, where: str) -> TableSchema:
    names = _columns(database, table)
    sample = database.execute(f"SELECT * FROM {_quoted(table)} LIMIT {SAMPLE}").fetchall()
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

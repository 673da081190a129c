"""Parquet files, whose columns have names and types of their own."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from embedcli.data.formats.blocks import Block, Rows
from embedcli.data.formats.detect import ITEM_ROLES, TableSchema, detect_schema
from embedcli.data.formats.parse import checked_block, parse_texts
from embedcli.data.read_options import ReadContext
from embedcli.data.sources import Stream, damaged
from embedcli.data.text import shorten
from embedcli.errors import DataError

BATCH = 1 << 20  # rows of a Parquet file read at a time
SAMPLE = 200  # rows that the schema is detected from
LARGE = 1 << 26  # bytes of a column in one row group of a Parquet file
LARGE_VALUE = 1_000  # bytes, on average, of a value in such a column


def read_parquet(stream: Stream, context: ReadContext) -> Rows:
    """Read a Parquet file; only the columns that are needed."""
    try:
        file = stream.on_disk()
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        with open_parquet(file) as table:
            schema = _parquet_schema(table, context, stream.name)
            problems, row = context.problems_of(stream.name, unit="row"), 1
            rows = Rows(schema, problems, table.metadata.num_rows, sha256=sha256)
            for batch in table.iter_batches(BATCH, columns=list(schema.role_names.values())):
                rows.add(parse_batch(batch, row, rows))
                row += batch.num_rows
                context.on_progress(stream.name, row - 1, table.metadata.num_rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(stream.name, error) from error
    return rows


def _parquet_schema(table: Any, context: ReadContext, where: str) -> TableSchema:
    """Detect the schema of a Parquet file; DataError for a file without rows or a column that cannot be read."""
    names, types = zip(*fields_of(table), strict=True) if table.schema_arrow.names else ((), ())
    if not table.metadata.num_rows:
        raise DataError(f"{where}: the file has no rows", "give a table with at least one row")

    why = faults(table, range(len(names)))

    def values_of(index: int) -> list[str]:
        if index in why:
            return []
        batch = next(table.iter_batches(SAMPLE, columns=[names[index]]))
        return texts_of(column_of(batch, names[index]))

    schema = detect_schema(names, len(names), context.options, where, values_of)
    roles = schema.column_index
    schema = schema.without(role for role in ITEM_ROLES if role in roles and not _is_text(types[roles[role]]))
    for index in schema.column_index.values():
        if index in why:
            raise DataError(
                f"{where}: {why[index]}", "name another column, such as with `user_col`, or correct the file"
            )
    return schema


def fields_of(table: Any) -> list[tuple[str, Any]]:
    """Return (name, type) of each column of a Parquet file; those of a struct are named `outer.inner`, as in JSON.

    A struct whose name has a point or is there twice stays one column, which cannot be read.
    """
    fields, counts = list[tuple[str, Any]](), Counter(table.schema_arrow.names)
    for field in table.schema_arrow:
        is_plain_struct = pa.types.is_struct(field.type) and "." not in field.name and counts[field.name] == 1
        inner = field.type if is_plain_struct else ()
        fields += [(f"{field.name}.{own.name}", own.type) for own in inner] or [(field.name, field.type)]
    return fields


def column_of(batch: Any, name: str) -> Any:
    """Return a column of a batch by its name, perhaps one inside a struct."""
    if name in batch.schema.names:
        return batch[name]
    outer, _, inner = name.partition(".")
    return pc.struct_field(batch[outer], [inner])


def open_parquet(file: IO[bytes]) -> Any:
    """Open a Parquet file; its texts stay words of a dictionary, so that a long text of many rows is kept once."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    words = [field.name for field in table.schema_arrow if _is_text(field.type)]
    return pq.ParquetFile(file, metadata=table.metadata, read_dictionary=words)


def faults(table: Any, indexes: Iterable[int]) -> dict[int, str]:
    """Say which of these columns of a Parquet file cannot be read, and why: a duplicate name, lists, huge values."""
    fields, metadata, why = fields_of(table), table.metadata, dict[int, str]()
    counts = Counter(name for name, _ in fields)
    columns = {metadata.schema.column(index).path: index for index in range(metadata.num_columns)}
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    groups = [group for group in groups if group.total_byte_size > LARGE]
    for index in indexes:
        name, type = fields[index]
        if counts[name] > 1:
            why[index] = f"{counts[name]} columns are called {shorten(name)!r}"
        elif not is_plain(type):
            why[index] = f"the column {shorten(name)!r} holds {shorten(str(type))}, not one value per row"
        elif name in columns:
            chunks = [group.column(columns[name]) for group in groups]
            if any(chunk.total_uncompressed_size > max(LARGE, LARGE_VALUE * chunk.num_values) for chunk in chunks):
                why[index] = f"the values of the column {shorten(name)!r} exceed {LARGE_VALUE:,} bytes on average"
    return why


def parse_batch(batch: Any, first_row: int, rows: Rows) -> Block:
    """Return the rows of a batch: as they are, or parsed one by one if a value is missing or invalid."""
    schema = rows.schema
    columns = {role: column_of(batch, name) for role, name in schema.role_names.items()}
    types = {"rating": pa.float64(), "time": pa.timestamp("s") if schema.time_form == "iso" else pa.float64()}
    block, lines = None, range(first_row, first_row + batch.num_rows)
    with suppress(pa.ArrowException):
        if "time" in columns and schema.time_form == "iso" and not is_time(columns["time"].type):
            raise pa.ArrowInvalid("days are also written as integers")
        if "%" in schema.time_form or schema.rating_form not in ("number", "words", "truth"):
            raise pa.ArrowInvalid("pyarrow does not know this form")
        # numbers beyond 2**53 are rounded, which changes nanoseconds, not seconds
        cast = {role: columns[role].cast(type, safe=False) for role, type in types.items() if role in columns}
        numbers = {role: column.to_numpy(zero_copy_only=False) for role, column in cast.items()}
        coded = {role: _coded(column) for role, column in columns.items() if role not in types}
        block = checked_block(coded, numbers, schema.time_form, lines)
    if block is not None:
        return block
    texts = zip(*map(texts_of, columns.values()), strict=True)
    parsed = ((row, dict(zip(columns, values, strict=True))) for row, values in zip(lines, texts, strict=True))
    return parse_texts(parsed, schema, rows.problems)


def is_time(type: Any) -> bool:
    """Tell whether an Arrow type is a date, with or without a time."""
    return bool(pa.types.is_date(type) or pa.types.is_timestamp(type))


def is_plain(type: Any) -> bool:
    """Tell whether each value of an Arrow type can be written as one text."""
    own = type.value_type if pa.types.is_dictionary(type) else type
    odd = (pa.types.is_nested, pa.types.is_duration, pa.types.is_time, pa.types.is_interval)
    return not any(is_odd(own) for is_odd in odd)


def _is_text(type: Any) -> bool:
    own = type.value_type if pa.types.is_dictionary(type) else type
    return bool(pa.types.is_string(own) or pa.types.is_large_string(own))


def _coded(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Return codes (n,), -1 for missing values, and the words of a column that rows have."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if codes.min(initial=0) < -1 or codes.max(initial=-1) >= len(encoded.dictionary):
        raise pa.ArrowInvalid("a code without a word")
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(encoded.dictionary) + 1)[1:])
    if len(used) == len(encoded.dictionary):
        return codes, texts_of(encoded.dictionary)
    new = np.full(len(encoded.dictionary) + 1, -1, dtype=np.int32)  # the last for missing values
    new[used] = np.arange(len(used))
    return new[codes], texts_of(encoded.dictionary.take(pa.array(used)))


def texts_of(column: Any) -> list[str]:
    """Write the values of a column as text, times in ISO format."""
    if is_time(column.type):
        seconds = column.cast(pa.timestamp("s"), safe=False).to_numpy(zero_copy_only=False).astype("datetime64[s]")
        texts = np.datetime_as_string(seconds, unit="D" if pa.types.is_date(column.type) else "s").tolist()
        return ["" if text == "NaT" else text for text in texts]
    if pa.types.is_dictionary(column.type):
        codes, words = _coded(column)
        return [words[code] if code >= 0 else "" for code in codes.tolist()]
    return [text_of(value) for value in column.to_pylist()]


def text_of(value: Any) -> str:
    """Write a value as text: an integer without its `.0`, a list or an object as JSON, empty if nested too deeply.

    Bytes are text in UTF-8, else hexadecimal digits.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    try:
        if isinstance(value, bytes):
            text = value.decode("utf-8", "replace").strip()
            return text if text.isprintable() and "\ufffd" not in text else value.hex()
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False)
        return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()
    except RecursionError:
        return ""

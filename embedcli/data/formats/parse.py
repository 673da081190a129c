"""Parsing of rows: a block of text, fast if it is valid, else row by row to say what is wrong with which row.

The slow parser defines what is valid; the fast one, by pyarrow, is a shortcut for blocks without anything odd.
"""

import csv
import io
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from embedcli.data.formats.blocks import Block
from embedcli.data.formats.detect import ITEM_ROLES, ROLES, TableSchema
from embedcli.data.formats.forms import rating_of, time_of
from embedcli.data.problems import MOST, Problem, Problems
from embedcli.data.text import is_whole, not_text, shorten
from embedcli.data.times import in_calendar, seconds_of_days
from embedcli.errors import DataError

LARGEST = 1e37  # rating: ten times it, and its distance to any other, are finite in float32
LONGEST_ID = 10_000  # characters
CHUNK = 1 << 22  # bytes that a thread of pyarrow parses at a time
CODED = ("user", "item", *ITEM_ROLES)  # roles whose texts many rows share
NUMERIC = ("rating", "time")
NumberedLines = Iterator[tuple[int, str]]
NumberedRows = Iterator[tuple[int, list[str]]]


def parse_fast(block: bytes, lines: range, schema: TableSchema) -> Block | None:
    """Parse a block by pyarrow, with ids as texts, so that leading zeros survive; None if anything in it is odd."""
    table = _arrow_table(block, schema)
    if table is None or table.num_rows != len(lines) or any(column.null_count for column in table.columns):
        return None
    roles, names = schema.column_index, schema.role_names
    coded = {role: _codes(table[role]) for role in CODED if role in roles}
    if names and all(names[role].strip() in coded[role][1] for role in ("user", "item")):
        return None  # perhaps a header that is repeated
    numbers: dict[str, Any] = {
        role: table[role].to_numpy() for role in NUMERIC if role in roles and not _is_text(role, schema)
    }
    for role in NUMERIC:
        if role in roles and _is_text(role, schema):
            values = _values_of(*_codes(table[role]), role, schema)
            if values is None:
                return None
            numbers[role] = values
    return checked_block(coded, numbers, schema.time_form, lines)


def _is_text(role: str, schema: TableSchema) -> bool:
    """Tell whether pyarrow does not know how the numbers of a role are written: their words are parsed, each once."""
    return schema.rating_form not in ("number", "words", "comma") if role == "rating" else "%" in schema.time_form


def _values_of(codes: NDArray[np.int32], words: list[str], role: str, schema: TableSchema) -> NDArray[Any] | None:
    """Return the ratings or times (n,) of words; None if any is invalid."""
    if role == "rating":
        values: list[Any] = [rating_of(word, schema.rating_form) for word in words]
    else:
        values = [time_of(word, schema.time_form) for word in words]
    if None in values:
        return None
    return np.array(values, dtype=np.float64 if role == "rating" else "datetime64[s]")[codes]


def checked_block(
    coded: Mapping[str, tuple[NDArray[np.int32], list[str]]],
    numbers: Mapping[str, NDArray[Any]],
    form: str,
    lines: range,
) -> Block | None:
    """Return columns of texts, of ratings and of times (n,) as a block; None if any value is missing or invalid."""
    value, time = numbers.get("rating"), numbers.get("time")
    for role in ("user", "item"):
        code, words = coded[role]
        lengths = list(map(len, words))
        if (code < 0).any() or not 0 < min(lengths, default=1) <= max(lengths, default=1) <= LONGEST_ID:
            return None
    if value is not None and not (np.abs(value) <= LARGEST).all():  # NaN is not below
        return None
    if time is not None and form in ("number", "excel"):
        if not (np.abs(time) < 2**63).all():
            return None
        time = time.astype(np.int64) if form == "number" else seconds_of_days(time)
        if time is None:
            return None
    elif time is not None:
        time = time.astype("datetime64[s]").astype(np.int64)
        if not in_calendar(time).all():  # a missing time is not
            return None
    return Block(coded, value, time, lines)


def _arrow_table(block: bytes, schema: TableSchema) -> Any | None:
    """Return the columns that have a role as an Arrow table, named by their role; None for text that is not valid."""
    separator = schema.separator
    if schema.quotes and not _is_plainly_quoted(block, separator.encode()):
        return None
    if len(separator) > 1:
        if b"\x1f" in block:
            return None
        block, separator = block.replace(separator.encode(), b"\x1f"), "\x1f"
    roles = {index: role for role, index in schema.column_index.items()}
    types: dict[str, Any] = {role: pa.dictionary(pa.int32(), pa.string()) for role in roles.values()}
    types |= {"rating": pa.float64(), "time": pa.timestamp("s") if schema.time_form == "iso" else pa.float64()}
    types |= {role: pa.dictionary(pa.int32(), pa.string()) for role in NUMERIC if _is_text(role, schema)}
    names = [roles.get(index, str(index)) for index in range(schema.n_columns)]
    quote = '"' if schema.quotes else False
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(block),
            arrow_csv.ReadOptions(column_names=names, block_size=CHUNK),
            arrow_csv.ParseOptions(delimiter=separator, quote_char=quote, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(roles.values()),
                null_values=[],
                decimal_point="," if schema.rating_form == "comma" else ".",
            ),
        )
    except pa.ArrowInvalid:
        return None


def _is_plainly_quoted(block: bytes, separator: bytes) -> bool:
    """Tell whether each quotation mark opens or closes a field: pyarrow accepts others, the csv module does not."""
    if b'"' not in block:
        return True
    n = block.count(b'"')
    opening = block.count(separator + b'"') + block.count(b'\n"') + block.startswith(b'"')
    closing = block.count(b'"' + separator) + block.count(b'"\n') + block.endswith(b'"')
    return opening == closing == n / 2


def _codes(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Return the codes (n,) and the words of a dictionary column."""
    joined = column.unify_dictionaries().combine_chunks()
    joined = joined.chunk(0) if hasattr(joined, "chunk") and joined.num_chunks == 1 else joined
    return joined.indices.to_numpy(), [word.strip() for word in joined.dictionary.to_pylist()]


def parse_slow(block: bytes, first_line: int, schema: TableSchema, problems: Problems) -> Block:
    """Parse a block row by row; each invalid row becomes a problem."""
    blank, end = schema.separator.encode() + b" \t\r\n", len(block)
    while end and not block[block.rfind(b"\n", 0, end - 1) + 1 : end].strip(blank):
        end = block.rfind(b"\n", 0, end - 1) + 1  # lines at the end without any text are not rows
    block = block[:end].rstrip(b"\n") + b"\n" * (end > 0)
    lines = _lines(block, first_line, problems.where)
    rows = _split_quoted(lines, schema.separator, problems) if schema.quotes else _split(lines, schema.separator)
    return parse_texts((_by_role(line, fields, schema) for line, fields in rows), schema, problems)


def parse_texts(
    rows: Iterable[tuple[int, Mapping[str, str]] | Problem], schema: TableSchema, problems: Problems
) -> Block:
    """Parse rows, each given as its line and the text of each role; each invalid row becomes a problem."""
    words: dict[str, dict[str, int]] = {role: {} for role in CODED if role in schema.column_index}
    codes = {role: array("i") for role in words}
    ratings, times, lines = array("d"), array("q"), array("q")
    for row in rows:
        parsed = row if isinstance(row, Problem) else _parse(*row, schema)
        if isinstance(parsed, Problem):
            problems.add(parsed.kind, [(parsed.line, parsed.value)])
            if len(problems) > max(MOST, problems.n_good + len(lines)):
                raise problems.error()
            continue
        line, texts, rating, time = parsed
        for role, known in words.items():
            codes[role].append(known.setdefault(texts[role], len(known)))
        ratings.append(rating)
        times.append(time)
        lines.append(line)
    return Block(
        coded={role: (np.array(codes[role], dtype=np.int32), list(known)) for role, known in words.items()},
        value=np.array(ratings, dtype=np.float64) if "rating" in schema.column_index else None,
        time=np.array(times, dtype=np.int64) if "time" in schema.column_index else None,
        lines=np.array(lines, dtype=np.int64),
    )


def _lines(block: bytes, first_line: int, where: str) -> NumberedLines:
    """Yield (line, text) of each line of a block; DataError for bytes that are not UTF-8."""
    for line, raw in enumerate(io.BytesIO(block), first_line):
        try:
            yield line, raw.decode()
        except UnicodeDecodeError as error:
            raise not_text(error, "UTF-8", f"{where}, line {line:,}") from error


def _split(lines: NumberedLines, separator: str) -> NumberedRows:
    """Yield (line, fields) of each row; a blank line has no fields."""
    return ((line, text.removesuffix("\n").split(separator) if text.strip() else []) for line, text in lines)


def _split_quoted(lines: NumberedLines, separator: str, problems: Problems) -> NumberedRows:
    """Yield (line, fields) of each row, in which fields may be quoted; a blank line has no fields."""
    begun: list[tuple[int, str]] = []  # the lines of the row that is being read

    def texts() -> Iterator[str]:
        for line in lines:
            begun.append(line)
            yield line[1]

    reader = csv.reader(texts(), delimiter=separator, strict=True, skipinitialspace=separator == ",")
    while True:
        begun.clear()
        try:
            fields = next(reader)
            yield begun[0][0], fields if any(field.strip() for field in fields) or len(fields) > 1 else []
        except StopIteration:
            return
        except csv.Error as error:
            line, text = begun[0][0], begun[0][1].removesuffix("\n")
            if "unexpected end" in str(error):
                raise DataError(
                    f"{problems.where}, line {line:,}: the quotation mark that opens here is not closed: "
                    f"{shorten(text)!r}",
                    "close it, or download or copy the file again",
                ) from error
            problems.add("the row is wrongly quoted", [(line, text)])


def _by_role(line: int, fields: list[str], schema: TableSchema) -> tuple[int, dict[str, str]] | Problem:
    """Return the text of each role in a row; a row with more or fewer columns than the table is a problem."""
    if not fields:
        return Problem(line, "the row is blank", "")
    if schema.header is not None and tuple(field.strip() for field in fields) == schema.header:
        return Problem(line, "the header is repeated", schema.separator.join(fields))
    if len(fields) != schema.n_columns:
        return Problem(line, f"the row does not have {schema.n_columns} columns", schema.separator.join(fields))
    return line, {role: fields[index].strip() for role, index in schema.column_index.items()}


def _parse(
    line: int, texts: Mapping[str, str], schema: TableSchema
) -> tuple[int, Mapping[str, str], float, int] | Problem:
    """Return (line, texts, rating, time) of a row, or its problem."""
    row = {role: text for role, text in texts.items() if role in ROLES}
    for role, text in row.items():
        if not text:
            return Problem(line, f"the {role} is empty", schema.separator.join(row.values()))
        if not is_whole(text):
            return Problem(line, f"the {role} is not valid text", text)
        if len(text) > LONGEST_ID:
            return Problem(line, f"the {role} is longer than {LONGEST_ID:,} characters", text)
    rating = rating_of(texts["rating"], schema.rating_form) if "rating" in texts else 1.0
    if rating is None or not math.isfinite(rating):
        return Problem(line, "the rating is not a number", texts["rating"])
    if abs(rating) > LARGEST:
        return Problem(line, "the rating is out of range", texts["rating"])
    time = time_of(texts["time"], schema.time_form) if "time" in texts else 0
    if time is None:
        return Problem(line, "the time is invalid", texts["time"])
    return line, texts, rating, time

"""JSON objects, one per row: one per line, in an array, or one after another."""

import ast
import codecs
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.delimited import encoding_of
from embedcli.data.formats.detect import ROLES, detect_schema
from embedcli.data.formats.parquet import text_of
from embedcli.data.formats.parse import parse_texts
from embedcli.data.problems import Problem
from embedcli.data.read_options import ReadContext
from embedcli.data.sources import LONGEST_LINE, Stream
from embedcli.data.text import not_text, shorten
from embedcli.errors import DataError

CHUNK = 1 << 17  # rows parsed at a time
SAMPLE = 200  # rows that the schema is detected from
BLOCK = 1 << 22  # bytes of an array read at a time
BETWEEN = re.compile(r"[\s,\[\]\ufeff]*")
INSIDE = re.compile(r'\{\s*"([^"]*)"\s*:\s*([\[{])\s*[{"]')  # an object that begins with a list or an object
ROWS = "give one JSON object per row, one per line or in an array"
NumberedObjects = Iterator[tuple[int, dict[str, Any] | Problem]]


def read_json(stream: Stream, context: ReadContext) -> Rows:
    """Read a file of JSON objects; an object inside another is known by both names, such as `user.id`."""
    encoding = _encoding(stream.head, context.options.encoding)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(stream.head).removeprefix("\ufeff")
    by_line = _has_lines(text)
    head = [row for _, row in islice(_lines(text.splitlines()) if by_line else _first_values(text), SAMPLE)]
    known = [row for row in head if not isinstance(row, Problem)]
    _check_shape(text, head, stream.name)
    names = list(dict.fromkeys(name for row in known for name in flat_names(row)))

    def values_of(index: int) -> list[str]:
        return [text_of(field_of(row, names[index])) for row in known]

    schema = detect_schema(names, len(names), context.options, stream.name, values_of)
    rows, wanted = Rows(schema, context.problems_of(stream.name, unit="line" if by_line else "row")), schema.role_names

    def texts() -> Iterator[tuple[int, dict[str, str]] | Problem]:
        for number, row in json_rows(stream, context.options.encoding):
            if number % 100_000 == 0:
                context.on_progress(stream.name, stream.done, stream.size)
            yield row if isinstance(row, Problem) else _row(number, row, wanted)

    entries = texts()
    for first in entries:
        rows.add(parse_texts(chain([first], islice(entries, CHUNK)), rows.schema, rows.problems))
    rows.sha256 = stream.digest.hexdigest()
    return rows


def _row(number: int, row: Mapping[str, Any], wanted: Mapping[str, str]) -> tuple[int, dict[str, str]] | Problem:
    """Return the text of each role in a row; a list or an object is not an id, a rating or a time."""
    values = {role: field_of(row, name) for role, name in wanted.items()}
    for role, value in values.items():
        if role in ROLES and isinstance(value, list | dict):
            return Problem(
                number, f"the {role} is {'a list' if isinstance(value, list) else 'an object'}", text_of(value)
            )
    return number, {role: text_of(value) for role, value in values.items()}


def flat_names(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of an object, and of objects in it as `outer.inner`."""
    for name, value in row.items():
        inner = unwrapped(value)
        if isinstance(inner, dict):
            yield from (f"{name}.{own}" for own in inner)
        else:
            yield name


def field_of(row: Mapping[str, Any], name: str) -> Any:
    """Return a value by its name, perhaps `outer.inner`; None if it is missing."""
    if name in row:
        return unwrapped(row[name])
    outer, _, inner = name.partition(".")
    value = row.get(outer)
    return unwrapped(value.get(inner)) if isinstance(value, dict) else None


def unwrapped(value: Any) -> Any:
    """Return the value that MongoDB writes as an object of its type, such as {"$oid": "5f"}."""
    while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        value = next(iter(value.values()))
    return value


def json_rows(stream: Stream, given: str | None = None) -> NumberedObjects:
    """Yield (line or row from 1 on, the object or the problem) of each row."""
    encoding = _encoding(stream.head, given)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(stream.head).removeprefix("\ufeff")
    if _has_lines(text):
        yield from _lines(stream.texts(encoding, "surrogateescape" if encoding == "utf-8" else "strict"))
    else:
        yield from _values(stream, encoding)


def _encoding(head: bytes, given: str | None) -> str:
    """Return the encoding of JSON: as given, by its byte-order mark, else UTF-8."""
    is_known = given is not None or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return encoding_of(head, given, "", lambda line: None) if is_known else "utf-8"


def _has_lines(text: str) -> bool:
    """Tell whether the first line that is not blank is a whole object, or the first of a file that is cut there."""
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    return first.startswith("{") and (
        (len(first) > 1 and not isinstance(json_object(1, first), Problem)) or first[1:2] == "'"
    )


def _lines(lines: Any) -> NumberedObjects:
    for line, text in enumerate(lines, 1):
        if text.strip():
            yield line, json_object(line, text)


def json_object(line: int, text: str) -> dict[str, Any] | Problem:
    """Return the object in a line, in JSON or as Python writes it, or the problem if there is none."""
    try:
        value = ast.literal_eval(text.strip()) if text.lstrip().startswith("{'") else json.loads(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    return Problem(line, "the line is not a JSON object", shorten(text.strip()))


def _first_values(text: str) -> NumberedObjects:
    """Yield (row, object) of the first bytes of an array or of objects one after another."""
    at, row = BETWEEN.match(text).end(), 0  # type: ignore[union-attr]
    while at < len(text):
        try:
            value, at = json.JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        row, at = row + 1, BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        yield row, _object(row, value)


def _object(row: int, value: Any) -> dict[str, Any] | Problem:
    return value if isinstance(value, dict) else Problem(row, "the row is not a JSON object", shorten(text_of(value)))


def _values(stream: Stream, encoding: str) -> NumberedObjects:
    """Yield (row, object) of an array or of objects one after another; DataError for text that is not JSON."""
    decoder, scan = codecs.getincrementaldecoder(encoding)(), json.JSONDecoder().raw_decode
    text, at, row, raw = "", 0, 0, b"not at the end"
    is_open = False  # whether an array has begun and not ended
    while True:
        if len(text) - at < LONGEST_LINE and raw:
            raw = stream.read(BLOCK)
            try:
                text, at = text[at:] + decoder.decode(raw, final=not raw), 0
            except UnicodeError as error:
                raise not_text(error, encoding, f"{stream.name}, about row {row + 1:,}") from error
        between = BETWEEN.match(text, at)
        assert between is not None  # it matches nothing, too
        at = between.end()
        is_open = (is_open or "[" in between[0]) and "]" not in between[0]
        if at == len(text):
            if raw:
                continue
            if is_open:
                raise DataError(
                    f"{stream.name}, row {row:,}: the array does not end", "download or copy the file again"
                )
            return
        try:
            value, at = scan(text, at)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{stream.name}, row {row + 1:,}: not valid JSON: {shorten(text[at : at + 100])!r}",
                "download or copy the file again, or correct it",
            ) from error
        row += 1
        yield row, _object(row, value)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _check_shape(text: str, head: list[dict[str, Any] | Problem], where: str) -> None:
    """Raise DataError for JSON that has no object per row."""
    known = [row for row in head if not isinstance(row, Problem)]
    inside = INSIDE.match(text.strip())
    lists = [name for row in known for name, value in row.items() if _is_table(value)]
    if len(known) <= 1 and len(head) <= 1 and (inside is not None or lists):
        name = shorten(lists[0] if lists or inside is None else inside[1])
        if lists or (inside is not None and inside[2] == "[" and not known):
            raise DataError(
                f"{where}: one JSON object with its rows in the list {name!r}", f"save that list alone: {ROWS}"
            )
        if not known or all(isinstance(value, dict) for value in known[0].values()):
            raise DataError(
                f"{where}: one JSON object with an object per column, the first {name!r}, as pandas writes it",
                f'{ROWS}, as `to_json(orient="records")` of pandas does',
            )
    if not known:
        first = head[0] if head else f"the line is not a JSON object: {shorten(text.strip())!r}"
        raise DataError(f"{where}, line 1: {first}", f"{ROWS}, or a CSV file")

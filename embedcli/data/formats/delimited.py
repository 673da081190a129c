"""Delimited text: detection of its encoding, separator and header, and reading in blocks of whole lines."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.detect import TableSchema, detect_schema, is_header, time_form
from embedcli.data.formats.parse import parse_fast, parse_slow
from embedcli.data.problems import Problems
from embedcli.data.read_options import Note, ReadContext, ReadOptions
from embedcli.data.sources import HEAD, LONGEST_LINE, Stream
from embedcli.data.text import not_text, shorten
from embedcli.errors import DataError, UsageError

SEPARATORS = ("\t", "::", ";", "|", ",")
ROWS = "give a table with a header and at least one row"
HEAD_LINES = 200  # lines that the schema is detected from
BLOCK = 1 << 24  # bytes that are parsed at a time


def read_delimited(stream: Stream, context: ReadContext, schema: TableSchema | None = None) -> Rows:
    """Read all rows of delimited text, and detect the schema unless it is given; DataError for invalid text."""
    encoding = encoding_of(stream.head, context.options.encoding, stream.name, context.on_note)
    if schema is None:
        schema = detect_delimited(head_lines(stream.head, encoding, stream.name), context.options, stream.name)
    n_expected = stream.size * stream.head.count(b"\n") // len(stream.head)  # too few if the file is compressed
    rows = Rows(schema, Problems(stream.name), n_expected)
    for block, lines in _blocks(stream, schema, encoding):
        rows.add(parse_fast(block, lines, rows.schema) or parse_slow(block, lines.start, rows.schema, rows.problems))
        context.on_progress(stream.name, stream.done, stream.size)
    rows.sha256 = stream.digest.hexdigest()
    return rows


def detect_delimited(lines: Sequence[str], options: ReadOptions, where: str) -> TableSchema:
    """Detect the schema of a table from its first lines; errors as `detect_schema`, DataError if it has no rows."""
    if not lines:
        raise DataError(f"{where}: the file is empty", ROWS)
    separator = separator_of(lines, where) if options.sep is None else _given_separator(options.sep)
    quotes = len(separator) == 1 and any('"' in line for line in lines)
    first, *rest = list(_split(lines, separator, where, quotes=quotes))
    header = first if is_header(first, rest, options) else None
    if header is not None and not rest:
        raise DataError(f"{where}, line 1: nothing follows the header", ROWS)
    sample = [row for row in (first, *rest) if row is not header and len(row) == len(first)]
    schema = detect_schema(header, len(first), options, where, lambda index: time_form(row[index] for row in sample))
    return replace(schema, separator=separator, quotes=quotes)


def text_rows(stream: Stream, on_note: Note) -> Iterator[list[str]]:
    """Yield the rows of delimited text as lists of fields, the header first; DataError for a row of another length."""
    where = stream.name
    encoding = encoding_of(stream.head, None, where, on_note)
    separator = separator_of(head_lines(stream.head, encoding, where), where)
    rows = _split(stream.texts(encoding), separator, where, quotes=len(separator) == 1)
    filled = (row for row in rows if row and row != [""])
    header = [name.strip() for name in next(filled)]
    yield header
    for number, row in enumerate(filled, 2):
        if len(row) != len(header):
            shown = shorten(separator.join(row))
            message = f"{where}, row {number:,}: {len(row)} columns, the header has {len(header)}: {shown!r}"
            raise DataError(message, "correct that row")
        yield row


def encoding_of(head: bytes, given: str | None, where: str, on_note: Note) -> str:
    """Return the encoding of a file: as given, by its byte-order mark, else UTF-8 if it is valid, else latin-1."""
    if given is not None:
        return _given_encoding(given)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError(
            f"{where}, line {line}: there are NUL bytes: not a text file",
            "give a table as text, or its encoding with `encoding`, such as utf-16-le",
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        on_note(f"{where}: not UTF-8, read as latin-1 (`encoding` gives another encoding)")
        marks = set(head) & set(range(0x80, 0xA0))  # Windows has typographic marks where latin-1 has nothing
        return "cp1252" if marks and not marks & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"
    return "utf-8"


def _given_encoding(name: str) -> str:
    """Return the standard name of an encoding; UsageError if it is unknown, or no encoding of text, such as base64."""
    try:
        codecs.getincrementaldecoder(name)
        if "1,\n".encode(name).decode(name) == "1,\n":
            return codecs.lookup(name).name
        raise LookupError
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"`encoding` {name!r} is unknown", "give utf-8, latin-1, cp1252, utf-16 or the like"
        ) from error


def head_lines(head: bytes, encoding: str, where: str) -> list[str]:
    """Return the first whole lines of a file, from its first bytes."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeError as error:
        raise not_text(error, encoding, where) from error
    lines = io.StringIO(text, newline=None).read().split("\n")
    if len(head) == HEAD:
        lines.pop()
        if not lines:
            raise DataError(
                f"{where}, line 1: the line does not end within {HEAD:,} bytes: {text[:40]!r}",
                "give a file with one row per line, or its encoding with `encoding`",
            )
    return [line for line in lines if line.strip()][:HEAD_LINES]


def separator_of(lines: Sequence[str], where: str) -> str:
    """Return the separator that splits most of the first lines into equally many columns, and into the most."""
    sample = lines[:50] or [""]
    best, most = "", 1
    for separator in SEPARATORS:
        quotes = len(separator) == 1 and '"' in "".join(sample)
        n_columns = [len(row) for row in _split(sample, separator, where, quotes=quotes)]
        if n_columns[0] > most and n_columns.count(n_columns[0]) >= len(n_columns) / 2:
            best, most = separator, n_columns[0]
    if not best:
        raise DataError(
            f"{where}, line 1: not a row of a table: {sample[0][:60]!r}",
            "give a file whose columns are separated by commas, tabs, ; | or ::, or name the separator with `sep`",
        )
    return best


def _given_separator(separator: str) -> str:
    """Return a separator as it was typed; `\\t` and "tab" mean a tab. UsageError if it is invalid."""
    character = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
    if not character or set(character) & set('"\r\n'):
        raise UsageError(f"`sep` {separator!r} is not a valid separator", "give one such as ';', '|', '::' or tab")
    return character


def _split(lines: Iterable[str], separator: str, where: str, *, quotes: bool) -> Iterator[list[str]]:
    """Split lines into fields, which may be quoted if the separator is a single character."""
    if not quotes:
        yield from (line.rstrip("\r\n").split(separator) for line in lines)
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == ",")
    try:
        yield from reader
    except csv.Error as error:  # a field is too long
        raise DataError(
            f"{where}, line {reader.line_num:,}: {error}", "close the quotation mark that opens there"
        ) from error


def _blocks(stream: Stream, schema: TableSchema, encoding: str) -> Iterator[tuple[bytes, range]]:
    """Yield (whole lines in UTF-8 with LF line ends, their numbers), without the header."""
    decoder = codecs.getincrementaldecoder(encoding)()
    is_utf8 = encoding in ("utf-8", "ascii")
    rest, line, raw = b"", 1, b"not at the end"
    while raw:
        raw = stream.read(BLOCK)
        try:
            block = rest + (raw if is_utf8 else decoder.decode(raw, final=not raw).encode())
        except UnicodeError as error:
            raise not_text(error, encoding, f"{stream.name}, about line {line:,}") from error
        if line == 1:
            block = block.removeprefix(codecs.BOM_UTF8)
        whole = block[: _end_of_lines(block, schema.quotes)] if raw else block
        rest = block[len(whole) :]
        if raw:
            _check_ends(whole, rest, len(raw) + LONGEST_LINE, stream.name, line)
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if whole and line == 1 and schema.header is not None:
            line, whole = 2, whole.partition(b"\n")[2]
        n_ends = int(np.count_nonzero(np.frombuffer(whole, np.uint8) == ord("\n")))  # faster than bytes.count
        if whole:
            yield whole, range(line, line + n_ends + (not whole.endswith(b"\n")))
        line += n_ends


def _check_ends(whole: bytes, rest: bytes, limit: int, where: str, line: int) -> None:
    """Raise DataError for a row that does not end, and for blank lines that do not end."""
    if len(rest) > limit:
        n, shown = line + whole.count(b"\n"), rest[:40].decode(errors="replace")
        raise DataError(
            f"{where}, line {n:,}: this row does not end: {shown!r}",
            "close its quotation mark, or give the right `sep` and `encoding`",
        )
    if len(whole) > LONGEST_LINE and whole.isspace():
        raise DataError(f"{where}, line {line:,}: only blank lines from here on", "remove them from the file")


def _end_of_lines(block: bytes, quotes: bool) -> int:
    """Return where the last line of a block ends that is not inside quotation marks."""
    end = block.rfind(b"\n") + 1
    if not end:
        end = block.rfind(b"\r", 0, len(block) - 1) + 1  # the lines of an old Mac
    is_open = quotes and b'"' in block and block.count(b'"', 0, end) % 2
    while end and is_open:  # no line end after the last mark can be outside
        before = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
        is_open ^= block.count(b'"', before, end) % 2
        end = before
    return end

"""Delimited text: detection of its encoding, separator and header, and reading in blocks of whole lines."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from embedcli.data.foreign import check_text
from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.detect import TableSchema, detect_schema, is_header
from embedcli.data.formats.parse import parse_fast, parse_slow
from embedcli.data.formats.words import rank
from embedcli.data.problems import Problems
from embedcli.data.read_options import Note, OnBadRows, ReadContext, ReadOptions
from embedcli.data.sources import HEAD, LONGEST_LINE, Stream
from embedcli.data.text import not_text, number_of, shorten
from embedcli.errors import DataError, UsageError

SEPARATORS = ("\t", "::", "||", ";", "|", ",", "^", "~", "\x01", "\x1f")  # \x01 is that of Hive
BLANKS = " \t"  # stands for runs of blanks and tabs
EXCEL_SEPARATOR = re.compile("sep=(.?)", re.IGNORECASE)
MARKS = re.compile(rb"[\s,;|\"]")  # around words
COMMENT = re.compile(r"[#%](?![,;|\t])|\s*$")
QUOTED_SAMPLE = 1 << 16  # bytes after the first quotation mark
HasHeader = Callable[[list[str], Sequence[Sequence[str]]], bool]
ROWS = "give a table with a header and at least one row"
MOST_TITLES = 10  # lines above the header, such as the name of a report
HEAD_LINES = 200  # lines that the schema is detected from
BLOCK = 1 << 24  # bytes that are parsed at a time


def read_delimited(stream: Stream, context: ReadContext, schema: TableSchema | None = None) -> Rows:
    """Read all rows of delimited text, and detect the schema unless it is given; DataError for invalid text."""
    encoding = encoding_of(stream.head, context.options.encoding, stream.name, context.on_note)
    if schema is None:
        schema = detect_delimited(head_lines(stream.head, encoding, stream.name), context.options, stream.name)
    n_expected = stream.size * stream.head.count(b"\n") // len(stream.head)  # too few if the file is compressed
    rows = Rows(schema, context.problems_of(stream.name), n_expected)
    for block, lines in _blocks(stream, rows, encoding):
        rows.add(parse_fast(block, lines, rows.schema) or parse_slow(block, lines.start, rows.schema, rows.problems))
        context.on_progress(stream.name, stream.done, stream.size)
    rows.sha256 = stream.digest.hexdigest()
    return rows


@dataclass(frozen=True)
class Layout:
    """How text is divided into rows and columns, and its first rows."""

    separator: str
    quotes: bool
    blanks: bool  # whether runs of blanks and tabs separate the columns
    n_before: int  # lines before the first row
    rows: list[list[str]]  # the first may be a header
    notes: tuple[str, ...] = ()

    @property
    def n_columns(self) -> int:
        """The number of columns that most rows have."""
        return _most_common(map(len, self.rows[1:] or self.rows))[0]


def detect_delimited(lines: Sequence[str], options: ReadOptions, where: str) -> TableSchema:
    """Detect the schema of a table from its first lines; errors as `detect_schema`, DataError if it has no rows."""
    layout = layout_of(lines, options.sep, where)
    first, *rest = layout.rows
    names, notes = complete_header(first, rest, layout.n_columns)
    header = names if is_header(names, rest, options) else None
    if header is not None and not rest:
        raise DataError(f"{where}, line 1: nothing follows the header", ROWS)
    if header is None and len(first) > 1:
        notes = []
    n_columns = len(first) if header is None else len(header)
    data = layout.rows if header is None else [row for row in rest if row != first]  # it may be repeated
    sample = [row for row in data if len(row) == n_columns]
    schema = detect_schema(header, n_columns, options, where, lambda index: [row[index] for row in sample])
    return replace(
        schema,
        separator=layout.separator,
        quotes=layout.quotes,
        n_before=layout.n_before,
        blanks=layout.blanks,
        notes=(*layout.notes, *notes, *schema.notes),
    )


def layout_of(lines: Sequence[str], given: str | None, where: str) -> Layout:
    """Detect how text is divided, from its first lines; DataError if it is empty or not a table."""
    n_before = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    if n_before == len(lines):
        raise DataError(f"{where}: the file is empty", ROWS)
    check_text(lines, where)
    separator = None if given is None else _given_separator(given)
    if named := EXCEL_SEPARATOR.fullmatch(lines[n_before].strip('\r\n" ')):
        separator, n_before = separator or named[1] or ",", n_before + 1
    n_comments = next((n for n, line in enumerate(lines[n_before:]) if not COMMENT.match(line)), 0)
    n_comments -= n_comments > 0 and _is_named(lines[n_before + n_comments - 1])
    notes = [f"{n_comments:,} lines of comments are left out"] if n_comments else []
    n_before += n_comments
    if n_titles := _n_titles(lines[n_before:]):
        shown = shorten(lines[n_before].strip(" ,;|\t\r\n"), 30)
        notes.append(f"what is above the header is left out: {shown!r}")
        n_before += n_titles
    filled = [line for line in lines[n_before:] if line.strip()][:HEAD_LINES]
    blanks = False
    if separator is None:
        separator = separator_of(filled, where)
        blanks = separator == BLANKS
    quotes = not blanks and len(separator) == 1 and any('"' in line for line in filled)
    rows = list(_split(filled, separator, where, quotes=quotes, blanks=blanks))
    return Layout("\t" if blanks else separator, quotes, blanks, n_before, rows, tuple(notes))


def _n_titles(lines: Sequence[str]) -> int:
    """Return the number of lines above a table that hold one text each, such as its title, or nothing."""
    mark = "|".join(map(re.escape, SEPARATORS))
    filled = [[text for text in re.split(mark, line) if text.strip()] for line in lines[: 2 * MOST_TITLES]]
    n = next((n for n, fields in enumerate(filled[:MOST_TITLES]) if len(fields) > 1), 0)
    if (
        not n
        or any(line.count('"') % 2 for line in lines[:n])
        or any(number_of(text) is not None for fields in filled[:n] for text in fields)
    ):
        return 0
    return n if all(len(fields) > 1 for fields in filled[n:]) and len(filled) > n + 1 else 0


def _is_named(line: str) -> bool:
    """Tell whether a line of comment holds names of columns."""
    names = re.split(r"[\s,;|]+", line.lstrip("#% ").strip())
    return sum(any(rank(name, role) is not None for role in ("user", "item", "rating", "time")) for name in names) > 1


def complete_header(first: list[str], rest: Sequence[Sequence[str]], n_columns: int) -> tuple[list[str], list[str]]:
    """Return the names of all columns, and notes, if the header has one column less than the rows.

    The rows end with a separator then, or begin with names of rows, as R writes them.
    """
    first = [name.strip() for name in first]
    if first and first[0].startswith(("#", "%")) and len(first[0]) > 1:
        first[0] = first[0].lstrip("#% ")
    wider = [row for row in rest if len(row) == n_columns]
    if len(first) != n_columns - 1 or not wider:
        return first, []
    if not any(row[-1].strip() for row in wider):
        return [*first, ""], ["each row ends with a separator, the header does not"]
    numbers = [row[0].strip() for row in wider]
    if len(wider) < 2 or not any(numbers == [str(begin + row) for row in range(len(wider))] for begin in (0, 1)):
        return first, []
    return ["", *first], ["the first column, which counts the rows and has no name, is not read"]


def text_rows(
    stream: Stream, options: ReadOptions, on_note: Note, has_header: HasHeader, separator: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, fields) of delimited text, the names of its columns first as row 0.

    Columns without a header are called by their numbers. `has_header` tells whether the first row, given with those
    that follow, is one. DataError for a row of another length, unless bad rows are skipped, which is noted.
    """
    where = stream.name
    encoding = encoding_of(stream.head, None if _is_utf8(stream.head) else options.encoding, where, on_note)
    layout = layout_of(head_lines(stream.head, encoding, where), separator, where)
    first, *rest = layout.rows
    names, notes = complete_header(first, rest, layout.n_columns)
    is_named = has_header(names, rest)
    for note in (*layout.notes, *(notes if is_named else ())):
        on_note(f"note: {note}")
    yield 0, names if is_named else [str(number) for number in range(1, layout.n_columns + 1)]
    rows = split_rows(stream, encoding, layout)
    if is_named:
        next(rows)
    n_columns, problems = len(names) if is_named else layout.n_columns, Problems(where, unit="row")
    for number, row in enumerate(rows, 1 + is_named):
        if not row or row == [""]:
            continue
        if len(row) != n_columns:
            shown, kind = layout.separator.join(row), f"{len(row)} columns, the table has {n_columns}"
            problems.add(kind, [(number, shown)])
            if options.on_bad_rows is OnBadRows.STOP:
                raise DataError(
                    f"{where}, row {number:,}: {kind}: {shorten(shown)!r}",
                    "correct that row, or leave such rows out with `on_bad_rows` skip",
                )
            continue
        yield number, row
    if problems:
        on_note(problems.summary())


def split_rows(stream: Stream, encoding: str, layout: Layout) -> Iterator[list[str]]:
    """Yield the fields of each row of a file; quotation marks also quote if they come late, except after tabs."""
    texts = islice(stream.texts(encoding), layout.n_before, None)
    quotes = layout.quotes or (len(layout.separator) == 1 and layout.separator != "\t")
    return _split(texts, layout.separator, stream.name, quotes=quotes, blanks=layout.blanks)


def encoding_of(head: bytes, given: str | None, where: str, on_note: Note) -> str:
    """Return the encoding of a file: as given, by its byte-order mark, else UTF-8 if it is valid, else latin-1."""
    if given is not None:
        return _given_encoding(given)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError(
            f"{where}, line {line}: there are NUL bytes: not a text file",
            "give a table as text, or its encoding with `encoding`, such as utf-16-le",
        )
    if _is_utf8(head):
        return "utf-8"
    marks = set(head) & set(range(0x80, 0xA0))  # Windows has typographic marks where latin-1 has nothing
    encoding = "cp1252" if marks and not marks & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"
    at = next(re.finditer(rb"[\x80-\xff]", head)).start()
    word = MARKS.split(head[max(at - 15, 0) : at])[-1] + MARKS.split(head[at : at + 15])[0]
    shown = repr(word.decode(encoding))
    on_note(f"{where}: not UTF-8, read as {encoding}: is {shown} right? (`encoding` gives another, such as gb18030)")
    return encoding


def _is_utf8(head: bytes) -> bool:
    """Tell whether the first bytes of a file are text in UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


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
    if len(head) >= HEAD:
        lines.pop()
        if not lines:
            raise DataError(
                f"{where}, line 1: the line does not end within {len(head):,} bytes: {text[:40]!r}",
                "give a file with one row per line, or its encoding with `encoding`",
            )
    return lines


def separator_of(lines: Sequence[str], where: str) -> str:
    """Return the separator that splits most of the first lines into equally many columns, and into the most.

    BLANKS means runs of blanks and tabs. The first line may have one column less, as a header may.
    """
    sample = lines[:50] or [""]
    best, most = "", 1
    for separator in SEPARATORS:
        if separator in best and all(line.count(separator) == 2 * line.count(best) for line in sample):
            continue  # "|" in "||"
        quotes = len(separator) == 1 and '"' in "".join(sample)
        n_columns = [len(row) for row in _split(sample, separator, where, quotes=quotes)]
        n, n_rows = _most_common(n_columns)
        is_less = len(n_columns) > 2 and n_columns[0] == n - 1 and n_rows == len(n_columns) - 1
        if n > most and n_rows >= len(n_columns) / 2 and (n_columns[0] == n or is_less):
            best, most = separator, n
    return _blanks(sample, best, most) or best or _no_separator(sample, where)


def _blanks(sample: Sequence[str], best: str, most: int) -> str:
    """Return the separator if blanks divide the lines better than what was found; empty if not."""
    if best not in ("", "\t") or (best and '"' in "".join(sample)):
        return ""
    quotes = '"' in "".join(sample)
    rows = [*_split(sample, " ", "", quotes=quotes, blanks=not quotes)]
    n, n_rows = _most_common(map(len, rows[1:] or rows))
    if n <= most or n < 2 or n_rows < len(rows[1:] or rows) or len(rows[0]) not in (n, n - 1):
        return ""
    is_number = [[number_of(field) is not None for field in row] for row in rows[1:] or rows]
    # words without numbers are prose; and a name of two words is one column if tabs separate the others
    return (" " if quotes else BLANKS) if all(map(all if best else any, is_number)) else ""


def _no_separator(sample: Sequence[str], where: str) -> str:
    raise DataError(
        f"{where}, line 1: not a row of a table: {sample[0][:60]!r}",
        "give a file whose columns are separated by commas, tabs, blanks, ; | or ::, or name the separator with `sep`",
    )


def _most_common(counts: Iterable[int]) -> tuple[int, int]:
    """Return the number that is there most often, the first if several are, and how often."""
    return Counter(counts).most_common(1)[0]


def _given_separator(separator: str) -> str:
    """Return a separator as it was typed; `\\t` and "tab" mean a tab. UsageError if it is invalid."""
    character = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
    if not character or set(character) & set('"\r\n'):
        raise UsageError(f"`sep` {separator!r} is not a valid separator", "give one such as ';', '|', '::' or tab")
    return character


def _split(
    lines: Iterable[str], separator: str, where: str, *, quotes: bool, blanks: bool = False
) -> Iterator[list[str]]:
    """Split lines into fields, which may be quoted if the separator is a single character."""
    if blanks:
        yield from (re.split(r"[ \t]+", line.strip(" \t\r\n")) for line in lines)
        return
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


def _blocks(stream: Stream, rows: Rows, encoding: str) -> Iterator[tuple[bytes, range]]:
    """Yield (whole lines in UTF-8 with LF line ends, their numbers), without the header.

    Quotation marks that come first in a later block are found out here.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    is_utf8 = encoding in ("utf-8", "ascii")
    rest, line, raw = b"", 1, b"not at the end"
    n_skipped = rows.schema.n_before + (rows.schema.header is not None)
    while raw:
        raw = stream.read(BLOCK)
        try:
            block = rest + (raw if is_utf8 else decoder.decode(raw, final=not raw).encode())
        except UnicodeError as error:
            raise not_text(error, encoding, f"{stream.name}, about line {line:,}") from error
        if line == 1:
            block = block.removeprefix(codecs.BOM_UTF8)
        if not rows.schema.quotes and b'"' in block and _is_quoted(block, rows.schema):
            rows.schema = replace(rows.schema, quotes=True)
        whole = block[: _end_of_lines(block, rows.schema.quotes)] if raw else block
        rest = block[len(whole) :]
        if raw:
            _check_ends(whole, rest, len(raw) + LONGEST_LINE, stream.name, line)
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        while n_skipped and whole:
            n_skipped, line, whole = n_skipped - 1, line + 1, whole.partition(b"\n")[2]
        if rows.schema.blanks:
            whole = _tabbed(whole)
        n_ends = int(np.count_nonzero(np.frombuffer(whole, np.uint8) == ord("\n")))  # faster than bytes.count
        if whole:
            yield whole, range(line, line + n_ends + (not whole.endswith(b"\n")))
        line += n_ends


def _is_quoted(block: bytes, schema: TableSchema) -> bool:
    """Tell whether quotation marks quote fields: no fewer rows have all columns if they do."""
    if schema.blanks or len(schema.separator) != 1:
        return False
    begin = block.rfind(b"\n", 0, block.index(b'"')) + 1
    lines = block[begin : begin + QUOTED_SAMPLE].decode(errors="replace").splitlines(keepends=True)
    if not any(line.startswith('"') or f'{schema.separator}"' in line for line in lines):
        return False
    n_plain = sum(line.count(schema.separator) + 1 != schema.n_columns for line in lines)
    reader, n_quoted = csv.reader(lines, delimiter=schema.separator, strict=True), 0
    while reader.line_num < len(lines):
        try:
            n_quoted += len(next(reader)) != schema.n_columns
        except csv.Error as error:
            n_quoted += "unexpected end" not in str(error)
        except StopIteration:
            break
    return n_quoted <= n_plain


def _tabbed(block: bytes) -> bytes:
    """Return lines with one tab for each run of blanks and tabs, and none at their ends."""
    block = block.replace(b" ", b"\t")
    if b"\t\t" in block:
        block = re.sub(rb"\t+", b"\t", block)
    return block.replace(b"\n\t", b"\n").replace(b"\t\n", b"\n").removeprefix(b"\t").removesuffix(b"\t")


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

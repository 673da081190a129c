"""Reading delimited text so that every complaint names the file and the line, and writing it."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from embedcli.errors import DataError


def rows(text: str, *, separator: str, n_fields: int, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) for each line; DataError for an empty file or a wrong number of fields."""
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{where}: the file is empty", "download or copy the data set again")
    for number, line in enumerate(lines, 1):
        fields = line.removesuffix("\r").split(separator)
        if len(fields) != n_fields:
            cut_short = number == len(lines) and len(fields) < n_fields
            raise DataError(
                f"{where}, line {number}: {len(fields)} columns where {n_fields} are expected: {shorten(line)!r}",
                "the file seems cut short: download or copy it again"
                if cut_short
                else f"the columns of this file are separated by {NAMES.get(separator, repr(separator))}",
            )
        yield number, fields


def number(text: str, what: str, where: str, line: int, kind: Callable[[str], float] = int) -> float:
    """Parse a number that 64 bits can hold; DataError with file and line where it is none."""
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if abs(value) < 2**63:
        return value
    fault = "out of range"
    if value != value:  # NaN; math.isnan cannot take every int
        fault = "not a whole number" if kind is int else "not a number"
    raise DataError(f"{where}, line {line}: {what} {shorten(text)!r} is {fault}", CORRECT_IT)


def code(codes: Mapping[str, int], identifier: str, what: str, table: str, where: str, line: int) -> int:
    """Return the row number of an id; DataError with file and line where the table does not have it."""
    found = codes.get(identifier)
    if found is None:
        raise DataError(
            f"{where}, line {line}: {what} {shorten(identifier)!r} is not in {table}",
            f"the two files do not belong together, or {table} is cut short: download or copy them again",
        )
    return found


def index(ids: list[str], what: str, where: str, *, first_line: int = 1) -> dict[str, int]:
    """Give each id of a table its row number; DataError where one stands twice."""
    codes: dict[str, int] = {}
    for row, identifier in enumerate(ids):
        if codes.setdefault(identifier, row) != row:
            raise DataError(
                f"{where}, line {row + first_line}: {what} {shorten(identifier)!r} stands twice, "
                f"first in line {codes[identifier] + first_line}",
                CORRECT_IT,
            )
    return codes


def decode(raw: bytes, encoding: str, where: str) -> str:
    """Decode bytes; DataError with the line where that cannot be done."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: this is not {encoding} text", CORRECT_IT) from error


def not_text(error: UnicodeError, encoding: str, where: str) -> DataError:
    """Say that bytes are not text in an encoding."""
    shown = str(error)
    if isinstance(error, UnicodeDecodeError):
        shown = f"{error.object[error.start : error.end][:20]!r} is no text in {encoding}"
    return DataError(f"{where}: {shorten(shown, 120)}", "say how the file is written with --encoding, such as latin-1")


def title_of(text: str) -> str:
    """Return a title in one line that can be saved."""
    return " ".join(mended(text).split())


def year_of(title: str) -> int | None:
    """Return the last year in parentheses in a title, or None."""
    found = re.findall(r"\((\d{4})\)", title)
    return int(found[-1]) if found else None


def is_whole(text: str) -> bool:
    """Tell whether text can be written as UTF-8: it has no half of a pair of surrogates, as JSON's "\\ud800" is."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def mended(text: str) -> str:
    """Return text with each half of a pair of surrogates as U+FFFD; two halves that fit become their letter."""
    return text if is_whole(text) else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def shorten(text: str, limit: int = 60) -> str:
    """Keep a quoted piece of a file short enough for a message."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def separated(rows: Iterable[Iterable[Any]], separator: str = ",") -> str:
    """Write rows as CSV with lines that end in LF; a field with any line end inside is quoted."""
    lines: list[str] = []
    # the csv module quotes only the letters of its own line end: have it think of CR LF
    csv.writer(_Lines(lines), delimiter=separator, lineterminator="\r\n").writerows(rows)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines)


class _Lines:
    """A file to the csv module, which writes one row at a time."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


NAMES = {"\t": "tabs", "|": "'|'"}
CORRECT_IT = "correct that line, or download or copy the data set again"

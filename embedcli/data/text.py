"""Text of data sets: decode it, split it into rows and tags, write it. Every error names the file and the line."""

import ast
import csv
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from embedcli.errors import DataError

MOST_LETTERS = 100_000  # of a text that is stored with a run: the csv module reads fields of up to 131,072
LONGEST_LIST = 100_000  # characters of a field of tags that is parsed as a list
NO_TAG = ("", "(no genres listed)", "nan", "none", "null", "n/a", "unknown")
GET_AGAIN = "download or copy the data set again"
CORRECT_IT = f"correct that line, or {GET_AGAIN}"


def rows(
    raw: bytes, encoding: str, where: str, *, separator: str, n_columns: int, header: Sequence[str], key: str | None
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) of each row of a table whose columns are known, without its header.

    Fields may be quoted if the separator is a comma. Raises DataError, with the line, for bytes that are not text, for
    a table without rows, for a header that does not begin with `header`, for a row without `n_columns` (if that is 0:
    as many as the header), and for a duplicate id in the first column if that is called `key`.
    """
    try:
        lines = raw.decode(encoding).removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{where}, line {line}: not {encoding} text", CORRECT_IT) from error
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) <= bool(header):
        raise DataError(f"{where}: {'nothing follows the header' if lines else 'the file is empty'}", GET_AGAIN)
    quoted = csv.reader(f"{line}\n" for line in lines)
    split = quoted if separator == "," else (line.removesuffix("\r").split(separator) for line in lines)
    line, line_of = 1, dict[str, int]()
    try:
        for fields in split:
            if line == 1 and header:
                if fields[: len(header)] != list(header):
                    named = f"{shorten(separator.join(fields))!r} instead of {separator.join(header)!r}"
                    raise DataError(f"{where}, line 1: the header is {named}", GET_AGAIN)
                n_columns = n_columns or len(fields)
            elif len(fields) != n_columns:
                raise DataError(
                    f"{where}, line {line}: {len(fields)} columns instead of {n_columns}: "
                    f"{shorten(separator.join(fields))!r}",
                    f"{CORRECT_IT}; the column separator of this file is {separator!r}",
                )
            elif key and (first := line_of.setdefault(fields[0], line)) != line:
                duplicate = f"duplicate {key} {shorten(fields[0])!r}, first in line {first}"
                raise DataError(f"{where}, line {line}: {duplicate}", CORRECT_IT)
            else:
                yield line, fields
            line = quoted.line_num + 1 if separator == "," else line + 1
    except csv.Error as error:  # a field is too long
        raise DataError(f"{where}, line {line}: {error}", CORRECT_IT) from error


def not_text(error: UnicodeError, encoding: str, where: str) -> DataError:
    """Return the error for bytes that are not text in an encoding."""
    shown = str(error)
    if isinstance(error, UnicodeDecodeError):
        shown = f"{error.object[error.start : error.end][:20]!r} is not text in {encoding}"
    return DataError(
        f"{where}: {shorten(shown, 120)}", "give the encoding of the file with `encoding`, such as latin-1"
    )


def title_of(text: str) -> str:
    """Return a title on one line, in text that can be saved."""
    return " ".join(mended(text).split())


def year_of(title: str) -> int | None:
    """Return the last year in parentheses in a title, or None."""
    years = re.findall(r"\((\d{4})\)", title)
    return int(years[-1]) if years else None


def number_of(text: str) -> float | None:
    """Return the number that a text is, perhaps NaN; None if it is not a number."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def split_tags(text: str, mark: str = "") -> tuple[str, ...]:
    """Split a field of tags: `A|B`, `A; B`, `A, B`, or a JSON or Python list, also of objects with a name.

    `mark` is the separator if it is known. Empty tags and duplicates are dropped, and no tag contains "|".
    """
    text = text.strip()
    parts = _listed(text) if text.startswith("[") and len(text) <= LONGEST_LIST else None
    if parts is None:
        text = text.strip("[]")
        parts = text.split(mark or next((mark for mark in ("|", ";", ",") if mark in text), "|"))
    return tuple(tag for tag in dict.fromkeys(map(clean_tag, parts)) if tag)


def clean_tag(text: str) -> str:
    """Return a tag as it can be stored; it is empty if it means "no tag"."""
    tag = " ".join(mended(text).replace("|", "/").split()).strip("'\" ")
    return "" if tag.casefold() in NO_TAG else tag


def _listed(text: str) -> list[str] | None:
    """Return the texts of a JSON or Python list; None if the text is not a list."""
    for parse in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():  # Python warns about odd escapes in what it parses
                warnings.simplefilter("ignore")
                value = parse(text)
            if isinstance(value, list):
                parts = [own for part in value for own in (part if isinstance(part, list) else [part])]
                return [str(part.get("name", "") if isinstance(part, dict) else part) for part in parts]
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def is_whole(text: str) -> bool:
    """Tell whether text can be written as UTF-8: it has no half of a surrogate pair, such as JSON's "\\ud800"."""
    return re.search("[\ud800-\udfff]", text) is None


def mended(text: str) -> str:
    """Return text with each half of a surrogate pair as U+FFFD; two halves that fit become their letter."""
    return text if is_whole(text) else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def shorten(text: str, limit: int = 60) -> str:
    """Cut a quoted piece of a file to a length for a message."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def separated(rows: Iterable[Iterable[Any]], separator: str = ",") -> str:
    """Write rows as CSV with LF line ends; a field that contains any line end is quoted."""
    lines = _Lines()
    # the csv module quotes only the characters of its own line end, so its line end is CR LF
    csv.writer(lines, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines)


class _Lines(list[str]):
    """Lines, with the write method that the csv module needs."""

    write = list.append

"""Parsing a block of rows: fast where all is well, exactly where something is wrong with a row.

pyarrow parses a block in one go, its ids as words of a dictionary, so that leading zeros survive and many rows need few
look-ups. A block in which anything is odd is read again by the csv module, row by row and with line numbers: that
slow lane is the truth, the fast one only its shortcut.
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.columns import ROLES, TOLD, Layout
from embedcli.data.problems import MOST, Problem, Problems
from embedcli.data.text import is_whole, not_text, shorten
from embedcli.data.times import EARLIEST, EPOCH, LATEST, in_calendar
from embedcli.errors import DataError

LARGEST = 1e37  # rating: ten times it, and its distance to any other, are finite in float32
LONGEST_ID = 10_000  # letters
CODED = ("user", "item", *TOLD)  # roles whose texts many rows share


@dataclass(frozen=True)
class Told:
    """What a column tells of the items, in a text each: that of the first row; `n_other` rows have another one."""

    texts: list[str]
    n_other: int


@dataclass(frozen=True)
class Part:
    """Rows as they were parsed: ids still as words, times in the unit of their column.

    `told` holds what further columns tell of the items, by role. `lines` says where each row stands.
    """

    user: NDArray[Any]  # (n,) codes into user_ids
    item: NDArray[Any]
    user_ids: list[str]
    item_ids: list[str]
    value: NDArray[np.float64] | None
    time: NDArray[np.int64] | None
    lines: NDArray[np.int64] | range
    told: Mapping[str, Told] = field(default_factory=dict)


def fast(block: bytes, first_line: int, layout: Layout) -> Part | None:
    """Parse a block by pyarrow; None where anything in it is odd."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    separator = layout.separator
    if layout.quotes and not _is_plainly_quoted(block, separator.encode()):
        return None
    if len(separator) > 1:
        if b"\x1f" in block:
            return None
        block, separator = block.replace(separator.encode(), b"\x1f"), "\x1f"
    names = {role: f"f{place}" for role, place in layout.places.items()}
    types: dict[str, Any] = {names[role]: pa.dictionary(pa.int32(), pa.string()) for role in names if role in CODED}
    if "rating" in names:
        types[names["rating"]] = pa.float64()
    if "time" in names:
        types[names["time"]] = pa.float64() if layout.time_form == "number" else pa.timestamp("s")
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(block),
            arrow_csv.ReadOptions(column_names=[f"f{place}" for place in range(layout.n_columns)], block_size=1 << 23),
            arrow_csv.ParseOptions(
                delimiter=separator, quote_char='"' if layout.quotes else False, ignore_empty_lines=False
            ),
            arrow_csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    n_lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if table.num_rows != n_lines or any(column.null_count for column in table.columns):
        return None
    coded = {role: _codes(table[names[role]]) for role in names if role in CODED}
    (user, user_ids), (item, item_ids) = coded["user"], coded["item"]
    if not are_ids(user_ids) or not are_ids(item_ids):
        return None
    value = table[names["rating"]].to_numpy() if "rating" in names else None
    time = table[names["time"]] if "time" in names else None
    seconds = None if time is None else _seconds(time, layout)
    if (value is not None and not are_ratings(value)) or (time is not None and seconds is None):
        return None
    told = {role: told_of(item, len(item_ids), *coded[role]) for role in TOLD if role in coded}
    return Part(user, item, user_ids, item_ids, value, seconds, range(first_line, first_line + n_lines), told)


def are_ids(words: list[str]) -> bool:
    """Tell whether no word is empty or too long to be an id."""
    return min(map(len, words), default=1) > 0 and max(map(len, words), default=1) <= LONGEST_ID


def are_ratings(value: NDArray[np.float64]) -> bool:
    """Tell whether all numbers (n,) can be ratings in float32."""
    return bool((np.abs(value) <= LARGEST).all())  # NaN is not


def told_of(item: NDArray[np.int32], n_items: int, code: NDArray[np.int32], words: list[str]) -> Told:
    """Return what a column of words, with their codes (n,), tells of the items of the rows, coded in `item` (n,)."""
    first = np.full(n_items, -1, dtype=np.int32)
    first[item[::-1]] = code[::-1]  # the last to be written stays: that of the first row
    return Told([words[at] if at >= 0 else "" for at in first], int((first[item] != code).sum()))


def _is_plainly_quoted(block: bytes, separator: bytes) -> bool:
    """Tell whether every quotation mark opens or closes a field: pyarrow takes others that the csv module refuses."""
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


def _seconds(column: Any, layout: Layout) -> NDArray[np.int64] | None:
    """Return times (n,), numbers in the unit of their column, others in seconds; None where one is out of range."""
    if layout.time_form == "iso":
        seconds = column.to_numpy().astype("datetime64[s]").astype(np.int64)
        return seconds if in_calendar(seconds).all() else None
    numbers = column.to_numpy()
    return numbers.astype(np.int64) if np.isfinite(numbers).all() and np.abs(numbers).max(initial=0) < 2**63 else None


def slow(block: bytes, first_line: int, layout: Layout, problems: Problems) -> Part:
    """Parse a block row by row; each row that cannot be read becomes a problem."""
    block = block.rstrip(b"\n") + b"\n"  # blank lines at the end are not rows
    fields = _fields(block, first_line, layout, problems)
    rows = ((line, _by_role(row, layout)) for line, row in fields)
    return part_of(rows, layout, problems)


def part_of(rows: Iterable[tuple[int, Mapping[str, str] | Problem]], layout: Layout, problems: Problems) -> Part:
    """Parse rows, each with its line and the texts of its roles; what cannot be parsed becomes a problem."""
    user_ids: dict[str, int] = {}
    item_ids: dict[str, int] = {}
    told: dict[str, Told] = {role: Told([], 0) for role in TOLD if role in layout.places}
    users, items, ratings, times, lines = array("i"), array("i"), array("d"), array("q"), array("q")
    for line, texts in rows:
        row = texts if isinstance(texts, Problem) else _parse(texts, layout)
        if isinstance(row, Problem):
            problems.add(replace(row, line=line))
            if len(problems) > max(MOST, problems.n_good + len(lines)):
                raise problems.error()
            continue
        user, item, rating, time = row
        is_new = item not in item_ids
        code = item_ids.setdefault(item, len(item_ids))
        users.append(user_ids.setdefault(user, len(user_ids)))
        items.append(code)
        ratings.append(rating)
        times.append(time)
        lines.append(line)
        for role, before in told.items():
            assert not isinstance(texts, Problem)
            if is_new:
                before.texts.append(texts[role])
            elif before.texts[code] != texts[role]:
                told[role] = replace(before, n_other=before.n_other + 1)
    return Part(
        user=np.array(users, dtype=np.int32),
        item=np.array(items, dtype=np.int32),
        user_ids=list(user_ids),
        item_ids=list(item_ids),
        value=np.array(ratings, dtype=np.float64) if "rating" in layout.places else None,
        time=np.array(times, dtype=np.int64) if "time" in layout.places else None,
        lines=np.array(lines, dtype=np.int64),
        told=told,
    )


def _fields(block: bytes, first_line: int, layout: Layout, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of each row; a blank line has no fields."""
    row: list[str] = []  # the lines of the row that is being read

    def lines() -> Iterator[str]:
        for line, raw in enumerate(io.BytesIO(block), first_line):
            try:
                row.append(raw.decode())
            except UnicodeDecodeError as error:
                raise not_text(error, "UTF-8", f"{problems.where}, line {line:,}") from error
            yield row[-1]

    if not layout.quotes:
        for line, content in enumerate(lines(), first_line):
            row.clear()
            yield line, content.removesuffix("\n").split(layout.separator) if content.strip() else []
        return
    reader = csv.reader(lines(), delimiter=layout.separator, strict=True)
    line = first_line
    while True:
        row.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            begun = row[0].removesuffix("\n")
            if "unexpected end" in str(error):
                raise DataError(
                    f"{problems.where}, line {line:,}: the quotation mark that is opened here is not closed: "
                    f"{shorten(begun)!r}",
                    "close it, or download or copy the file again",
                ) from error
            problems.add(Problem(line, "the row is wrongly quoted", begun))
            fields = None
        if fields is not None:
            yield line, fields if any(field.strip() for field in fields) or len(fields) > 1 else []
        line = first_line + reader.line_num


def _by_role(fields: list[str], layout: Layout) -> dict[str, str] | Problem:
    """Return the text of each role in a row; a row with more or fewer columns than the table is a problem."""
    if not fields:
        return Problem(0, "the row is blank", "")
    if len(fields) != layout.n_columns:
        return Problem(0, f"the row does not have {layout.n_columns} columns", layout.separator.join(fields))
    return {role: fields[place].strip() for role, place in layout.places.items()}


def _parse(texts: Mapping[str, str], layout: Layout) -> tuple[str, str, float, int] | Problem:
    """Return (user, item, rating, time) of a row, or what is wrong with it."""
    row = {role: text for role, text in texts.items() if role in ROLES}
    for role, text in row.items():
        if not text:
            return Problem(0, f"the {role} is empty", layout.separator.join(row.values()))
        if not is_whole(text):
            return Problem(0, f"the {role} is not valid text", text)
        if len(text) > LONGEST_ID:
            return Problem(0, f"the {role} is longer than {LONGEST_ID:,} letters", text)
    rating, time = 1.0, 0
    if "rating" in texts:
        rating = _number(texts["rating"])
        if not math.isfinite(rating):
            return Problem(0, "the rating is not a number", texts["rating"])
        if abs(rating) > LARGEST:
            return Problem(0, "the rating is out of range", texts["rating"])
    if "time" in texts:
        seconds = _time(texts["time"], layout.time_form)
        if seconds is None:
            return Problem(0, "the time cannot be read", texts["time"])
        time = seconds
    return texts["user"], texts["item"], rating, time


def _number(text: str) -> float:
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _time(text: str, form: str) -> int | None:
    if form == "number":
        number = _number(text)
        return int(number) if abs(number) < 2**63 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(seconds=1)
    return seconds if EARLIEST <= seconds <= LATEST else None  # near the ends an offset leads out of the calendar

"""Reading the rows of a table: blocks of whole lines in, codes out."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.columns import TOLD, Layout
from embedcli.data.lanes import Part, fast, slow
from embedcli.data.problems import KEPT, Problem, Problems
from embedcli.data.sources import LONGEST_LINE, Progress, Stream
from embedcli.data.text import not_text
from embedcli.data.times import in_calendar, unit_of
from embedcli.errors import DataError

BLOCK = 1 << 26  # bytes that are parsed at a time
MOST_REPEATS = 1_000  # rows per pair of a user and an item, of more than MANY rows
MANY = 1_000_000
MOST_OTHER = 0.1  # of the rows of items met before: with more other texts, a column does not tell of the items


@dataclass
class Rows:
    """The rows of a table: ids as int32 codes in the order of their first appearance.

    value (n,) float32, or None without a column of ratings; timestamp (n,) in seconds since 1970 or None.
    `told` holds what further columns tell of the items, by role: a text for each item, in the order of the codes.
    """

    where: str
    problems: Problems
    unit: str = "line"
    user_ids: dict[str, int] = field(default_factory=dict)
    item_ids: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    sha256: str = ""
    _parts: list[tuple[Any, ...]] = field(default_factory=list)
    _lines: list[NDArray[np.int64] | range] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(part[0]) for part in self._parts)

    def add(self, part: Part) -> None:
        """Append parsed rows, their words turned into codes."""
        user, item = (
            np.array([codes.setdefault(word, len(codes)) for word in words], dtype=np.int32)[own]
            if len(own)
            else np.zeros(0, np.int32)
            for codes, words, own in (
                (self.user_ids, part.user_ids, part.user),
                (self.item_ids, part.item_ids, part.item),
            )
        )
        for role, column in part.told.items():
            texts, n_other, n_again = (
                self.told.setdefault(role, []),
                column.n_other,
                len(part.item) - len(part.item_ids),
            )
            for word, text in zip(part.item_ids, column.texts, strict=True):
                if (code := self.item_ids[word]) == len(texts):
                    texts.append(text)
                    continue
                n_again += 1
                n_other += bool(texts[code]) and text != texts[code]
                texts[code] = texts[code] or text
            if n_other > MOST_OTHER * n_again:
                del self.told[role]
        self.problems.n_good += len(part.user)
        n_pairs = len(self.user_ids) * len(self.item_ids)
        if self.problems.n_good > max(MANY, MOST_REPEATS * n_pairs):
            raise DataError(
                f"{self.where}: {self.problems.n_good:,} rows so far for only {n_pairs:,} pairs of user and item",
                "check what repeats them, and leave repeated rows out",
            )
        value = None if part.value is None else part.value.astype(np.float32)
        self._parts.append((user, item, value, part.time))
        self._lines.append(part.lines)

    def trusted(self, layout: Layout) -> Layout:
        """Return the layout without the columns that have shown not to tell of the items."""
        return layout.without(set(TOLD) - set(self.told))

    def columns(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32] | None, Any]:
        """Return user, item, value and timestamp (n,); the parts are given up, to save memory."""
        parts, self._parts = self._parts, []
        columns: list[Any] = [[part[at] for part in parts] for at in range(4)]
        del parts
        joined = []
        for at in range(4):
            there = columns[at]
            joined.append(None if not there or there[0] is None else np.concatenate(there))
            columns[at] = None
        user, item, value, timestamp = joined
        empty = np.zeros(0, np.int32)
        return (empty if user is None else user), (empty if item is None else item), value, timestamp

    def settle_times(self, form: str) -> None:
        """Turn numbers into seconds, in the unit of the whole column; a row out of the years 1 to 9999 is a problem.

        The ids of such a row stay in the tables of ids.
        """
        unit = unit_of([part[3] for part in self._parts]) if form == "number" else 1
        for at, (user, item, value, time) in enumerate(self._parts):
            seconds = time if unit == 1 else time // unit
            good = in_calendar(seconds)
            if not good.all():
                lines = np.asarray(self._lines[at])
                n_more = max(int((~good).sum()) - KEPT, 0)
                for line, number in zip(lines[~good][:KEPT].tolist(), time[~good][:KEPT].tolist(), strict=True):
                    self.problems.add(Problem(line, "the time is not in the years 1 to 9999", str(number)), 1 + n_more)
                    n_more = 0
                self._lines[at] = lines[good]
                user, item, value, seconds = (
                    None if own is None else own[good] for own in (user, item, value, seconds)
                )
            self._parts[at] = user, item, value, seconds
        self.problems.listed.sort(key=lambda problem: problem.line)

    def line(self, row: int) -> int:
        """Return the line in which a row stands."""
        for lines in self._lines:
            if row < len(lines):
                return int(lines[row])
            row -= len(lines)
        raise IndexError(row)


def read_rows(stream: Stream, layout: Layout, encoding: str, on_progress: Progress) -> Rows:
    """Read all rows of a table; what cannot be read is in the problems of the answer.

    Raises DataError where the bytes cannot be read or are no text of this encoding, or a quotation mark stays open.
    """
    rows = Rows(stream.name, Problems(stream.name))
    digest = hashlib.sha256()
    for block, first_line in _blocks(stream, layout, encoding, digest.update):
        rows.add(fast(block, first_line, layout) or slow(block, first_line, layout, rows.problems))
        layout = rows.trusted(layout)
        on_progress(stream.name, stream.done, stream.size)
    rows.sha256 = digest.hexdigest()
    return rows


def _blocks(
    stream: Stream, layout: Layout, encoding: str, on_bytes: Callable[[bytes], None]
) -> Iterator[tuple[bytes, int]]:
    """Yield (whole lines in UTF-8 that end in LF, the number of the first of them), without the header."""
    decode = codecs.getincrementaldecoder(encoding)()
    utf8 = codecs.lookup(encoding).name in ("utf-8", "ascii")
    rest, line, skips_header = b"", 1, layout.header is not None
    while True:
        raw = stream.read(BLOCK)
        on_bytes(raw)
        block = rest + (raw if utf8 else _utf8(decode, raw, encoding, f"{stream.name}, about line {line:,}"))
        if line == 1:
            block = block.removeprefix(codecs.BOM_UTF8)
        whole = block if not raw else block[: _end_of_lines(block, layout)]
        rest = block[len(whole) :]
        if raw and len(rest) > len(raw) + LONGEST_LINE:
            shown, at = rest[:40].decode(errors="replace"), line + whole.count(b"\n")
            raise DataError(
                f"{stream.name}, line {at:,}: this row does not end: {shown!r}",
                "close its quotation mark, or give the right --sep and --encoding",
            )
        if raw and len(whole) > LONGEST_LINE and whole.isspace():
            raise DataError(f"{stream.name}, line {line:,}: nothing but blank lines from here on", "cut them off")
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        n_lines = whole.count(b"\n") + (not whole.endswith(b"\n") if whole else 0)
        if skips_header and whole:
            whole = whole.partition(b"\n")[2]
            line, n_lines, skips_header = line + 1, n_lines - 1, False
        if whole:
            yield whole, line
        line += n_lines
        if not raw:
            return


def _utf8(decoder: codecs.IncrementalDecoder, raw: bytes, encoding: str, where: str) -> bytes:
    try:
        return decoder.decode(raw, final=not raw).encode()
    except UnicodeError as error:
        raise not_text(error, encoding, where) from error


def _end_of_lines(block: bytes, layout: Layout) -> int:
    """Return where the last line of a block ends that is not inside quotation marks."""
    end = block.rfind(b"\n") + 1
    if not end:
        end = block.rfind(b"\r", 0, len(block) - 1) + 1  # the lines of an old Mac
    if layout.quotes:
        is_open = block.count(b'"', 0, end) % 2
        while end and is_open:  # no line end after the last mark can be outside
            before = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
            is_open ^= block.count(b'"', before, end) % 2
            end = before
    return end

"""All rows of a table, put together from parsed blocks: ids as codes, and the line of each row."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.detect import ITEM_ROLES, TableSchema
from embedcli.data.problems import Problems
from embedcli.data.times import in_calendar, unit_of
from embedcli.errors import DataError

MOST_REPEATS = 1_000  # rows per pair of a user and an item, of more than MANY rows
MANY = 1_000_000
KINDS = {"user": np.int32, "item": np.int32, "value": np.float32, "time": np.int64}
MOST_OTHER = 0.1  # of the rows of items met before: with more other texts, a column does not describe the items


@dataclass(frozen=True)
class Block:
    """Parsed rows, as parallel arrays (n,); None for a column that is missing."""

    # by role (the users, the items, texts that describe items): codes, -1 for a missing text, and their words
    coded: Mapping[str, tuple[NDArray[np.int32], list[str]]]
    value: NDArray[np.float64] | None
    time: NDArray[np.int64] | None  # in the unit of its column
    lines: NDArray[np.int64] | range


@dataclass
class Rows:
    """The rows of a table; ids are int32 codes in the order of their first appearance."""

    schema: TableSchema  # a column that turns out not to describe the items is removed from it
    problems: Problems
    n_expected: int = 0  # rows that memory is reserved for at once; 0 if unknown
    # an id that is new gets the next code
    user_ids: dict[str, int] = field(default_factory=lambda: defaultdict(count().__next__))
    item_ids: dict[str, int] = field(default_factory=lambda: defaultdict(count().__next__))
    item_texts: dict[str, list[str]] = field(default_factory=dict)  # by role: a text for each item code
    sha256: str = ""
    _columns: dict[str, NDArray[Any]] = field(default_factory=dict)  # with room for further rows at their ends
    _lines: list[NDArray[np.int64] | range] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    def add(self, block: Block) -> None:
        """Append the rows of a block; DataError if the same few pairs are repeated without an end."""
        columns = {
            "user": _recoded(self.user_ids, *block.coded["user"]),
            "item": _recoded(self.item_ids, *block.coded["item"]),
            "value": block.value,
            "time": block.time,
        }
        for role in set(block.coded) & set(ITEM_ROLES):
            self._add_texts(role, block)
        self.problems.n_good += len(block.lines)
        n_pairs = len(self.user_ids) * len(self.item_ids)
        if self.problems.n_good > max(MANY, MOST_REPEATS * n_pairs):
            raise DataError(
                f"{self.problems.where}: {self.problems.n_good:,} rows so far for {n_pairs:,} pairs of user and item",
                "check what repeats them, and leave repeated rows out",
            )
        for name, column in columns.items():
            if column is not None:
                self._append(name, column)
        self._lines.append(block.lines)

    def _append(self, name: str, further: NDArray[Any]) -> None:
        """Append the rows of a block to a column, which is doubled if it is full."""
        column, n, end = self._columns.get(name), len(self), len(self) + len(further)
        if column is None or len(column) < end:
            wider = np.empty(max(end, 2 * n, self.n_expected), dtype=KINDS[name])
            if column is not None:
                wider[:n] = column[:n]
            column = self._columns[name] = wider
        column[n:end] = further

    def _add_texts(self, role: str, block: Block) -> None:
        """Keep the first text of each item; a column with many other texts does not describe the items."""
        (item, ids), (code, words) = block.coded["item"], block.coded[role]
        first = np.full(len(ids), -1, dtype=np.int32)
        first[item[::-1]] = code[::-1]  # the last write stays: the code of the first row
        n_again, n_other = len(item) - len(ids), int((first[item] != code).sum())
        texts = self.item_texts.setdefault(role, [])
        for identifier, index in zip(ids, first.tolist(), strict=True):
            text, row = words[index] if index >= 0 else "", self.item_ids[identifier]
            if row == len(texts):
                texts.append(text)
                continue
            n_again += 1
            n_other += bool(texts[row]) and text != texts[row]
            texts[row] = texts[row] or text
        if n_other > MOST_OTHER * n_again:
            del self.item_texts[role]
            self.schema = self.schema.without([role])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns (n,) user, item, value and time, those there are."""
        return {name: column[: len(self)] for name, column in self._columns.items()}

    def convert_times(self) -> None:
        """Convert times to seconds, in the unit of the whole column; times outside of the calendar are problems."""
        time = self.columns().get("time")
        if time is None:
            return
        unit = unit_of(time) if self.schema.time_form == "number" else 1
        seconds = self._columns["time"] = time if unit == 1 else time // unit
        self._leave_out(~in_calendar(seconds), "the time is not in the years 1 to 9999", time)

    def check_scale(self, low: float, high: float) -> None:
        """Leave out ratings outside of a known scale; they are problems."""
        if (value := self.columns().get("value")) is not None:
            is_outside = (value < low) | (value > high)
            self._leave_out(is_outside, f"the rating is outside the scale {low:g} to {high:g}", value)

    def _leave_out(self, is_bad: NDArray[np.bool_], kind: str, values: NDArray[Any]) -> None:
        """Leave out rows; each is a problem with its value. Their ids stay in the tables of ids."""
        if not is_bad.any():
            return
        lines, columns = np.concatenate(self._lines), self.columns()
        shown = (str(value).removesuffix(".0") for value in values[is_bad].tolist())
        self.problems.add(kind, zip(lines[is_bad].tolist(), shown, strict=True), int(is_bad.sum()))
        self.problems.listed.sort(key=lambda problem: problem.line)
        self._lines = [lines[~is_bad]]
        self._columns = {name: column[~is_bad] for name, column in columns.items()}

    def line(self, row: int) -> int:
        """Return the line of a row."""
        for lines in self._lines:
            if row < len(lines):
                return int(lines[row])
            row -= len(lines)
        raise IndexError(row)


def _recoded(codes: dict[str, int], own: NDArray[np.int32], words: list[str]) -> NDArray[np.int32]:
    """Return codes into the words of a block as codes of the table, to which new words are added."""
    return np.fromiter(map(codes.__getitem__, words), dtype=np.int32, count=len(words))[own]

"""Bars beside the rows of a table, which only a terminal shows: of counts, and of intervals on a scale of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embedcli.analysis.record import Column, Row

BLOCK, SLIVER = "\u2588", "\u258f"
LINE, RIGHT_HALF, LEFT_HALF, DOT = "\u2500", "\u2576", "\u2574", "\u25cf"


@dataclass(frozen=True)
class Bars:
    """A column of bars beside the column with the key `after`.

    `header` and `draw` are given the width, `least` to `most` letters. Bars stand only in a terminal that is at least
    `terminal` columns wide; if that is 0, also where no terminal sets the width.
    """

    after: str
    header: Callable[[int], str]
    draw: Callable[[Row, int], str]
    least: int
    most: int
    terminal: int = 0

    def width(self, room: int, terminal: int | None) -> int:
        """Return how wide the bars are with some room in a terminal, None if there is no terminal; 0 for no bars."""
        if room < self.least or (self.terminal and (terminal is None or terminal < self.terminal)):
            return 0
        return min(room, self.most)


def counts(key: str, rows: Sequence[Row]) -> Bars:
    """Return bars of the counts under a key, the longest as wide as the column."""
    largest = max(row[key] for row in rows) or 1

    def draw(row: Row, width: int) -> str:
        return BLOCK * round(width * row[key] / largest) or (SLIVER if row[key] else "")

    return Bars(key, lambda width: "", draw, least=8, most=40)


def intervals(column: Column, rows: Sequence[Row]) -> Bars | None:
    """Return bars of the intervals of a column with its dots, on a scale from the lowest to the highest of all rows.

    None for fewer than two rows, and for values that are all the same.
    """
    keys = column.key, column.end_key, column.dot_key
    known = [row for row in rows if all(row[key] is not None for key in keys)]
    values = [row[key] for row in known for key in keys]
    low, high = (math.floor(10 * min(values)) / 10, math.ceil(10 * max(values)) / 10) if len(known) > 1 else (0, 0)
    if low == high:
        return None

    def header(width: int) -> str:
        return f"{column.write(low)}{column.write(high):>{width - len(column.write(low))}}"

    def draw(row: Row, width: int) -> str:
        if any(row[key] is None for key in keys):
            return ""
        lower, upper, dot = ((row[key] - low) / (high - low) * (width - 1) for key in keys)
        return _drawn(lower, upper, round(dot))

    return Bars(column.key, header, draw, least=10, most=32, terminal=100)


def _drawn(lower: float, upper: float, dot: int) -> str:
    """Draw an interval, in letters, to half a letter, and a dot on one of them."""
    first, last = round(2 * lower), round(2 * upper)  # an even number is the left half of a letter
    letters = [" "] * (1 + max(last // 2, dot))
    letters[first // 2 : last // 2 + 1] = [LINE] * (last // 2 + 1 - first // 2)
    if first % 2:
        letters[first // 2] = RIGHT_HALF
    if not last % 2 and last > first:
        letters[last // 2] = LEFT_HALF
    letters[dot] = DOT
    return "".join(letters)

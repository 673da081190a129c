"""Rows with a dot and an interval each, on one scale: drawn as SVG in the page, without a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_TICKS = 4
STEPS = (1.0, 2.0, 5.0, 10.0)  # times a power of ten: the distances of ticks


@dataclass(frozen=True)
class Scale:
    """A scale from its first tick to its last."""

    ticks: tuple[float, ...]
    digits: int  # decimals of a tick

    @classmethod
    def over(cls, values: Iterable[float | None]) -> Scale:
        """Return the scale that holds all these values, with round ticks."""
        known = [value for value in values if value is not None and np.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        width = high - low or abs(high) or 1.0
        power = 10.0 ** np.floor(np.log10(width / FEWEST_TICKS))
        step = max(step * power for step in STEPS if step * power <= width / (FEWEST_TICKS - 1) * 1.0001)
        first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
        ticks = tuple(float(tick * step) for tick in np.arange(first, max(last, first + 1) + 1))
        return cls(ticks, max(0, -int(np.floor(np.log10(step) + 1e-9))))

    def at(self, value: float) -> str:
        """Return where a value stands, as a percentage of the width."""
        return f"{100 * (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0]):.2f}%"

    @property
    def labels(self) -> Sequence[tuple[str, str]]:
        """The place and the label of each tick."""
        return [(self.at(tick), f"{tick:.{self.digits}f}".replace("-", "\u2212")) for tick in self.ticks]


@dataclass(frozen=True)
class Bar:
    """A dot on a scale with its interval, and a short line to compare it to; a place that is None is not drawn."""

    dot: str
    low: str | None = None
    high: str | None = None
    tick: str | None = None
    is_outside: bool = False

    @classmethod
    def on(
        cls,
        scale: Scale,
        value: float,
        low: float | None = None,
        high: float | None = None,
        tick: float | None = None,
        *,
        is_outside: bool = False,
    ) -> Bar:
        """Place a value on a scale, with its interval and what it is compared to."""
        low_at, high_at, tick_at = (None if place is None else scale.at(place) for place in (low, high, tick))
        return cls(scale.at(value), low_at, high_at, tick_at, is_outside)


@dataclass(frozen=True)
class BarRow:
    """A row of a figure: its label with a note below it, its bar, its figures, a verdict with its reason, and cells.

    `tone` is a class of the style sheet: good, caution or none.
    """

    label: str
    note: str
    bar: Bar
    figure: str
    figure_note: str = ""
    verdict: str = ""
    tone: str = ""
    reason: str = ""
    rank: str = ""
    cells: Sequence[str] = ()


@dataclass(frozen=True)
class Bars:
    """A figure of rows on one scale, with what its axis shows, and a note above the rows.

    `heads` are those of the cells of a row, on a phone their first words; `line` stands through all rows, where a value
    is that all compare to.
    """

    heading: str
    scale: Scale
    axis: str
    rows: Sequence[BarRow]
    note: str = ""
    heads: Sequence[str] = ()
    line: str | None = None
    is_control: bool = False  # whether the bars are what the dots are compared to

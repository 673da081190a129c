"""What the records of all analyses share: each declares its fields once, and how they are shown.

As in `stars: Annotated[float, decimal("{value}", "mean prediction")]`: tables, Markdown and the legend of `--explain`
take header, format and legend from here, and fill in the braces. Other fields are in CSV, JSON and Parquet only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints, overload

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Row = Mapping[str, Any]

TOGETHER = 1 << 12  # rows of `Columns` that are made at once
PYTHON_ONLY = "python only"  # annotation of a field that no file format holds, such as a large array


class Tone(StrEnum):
    """What a verdict means for a reader, who sees it as a color beside the words: in a terminal, and on a page."""

    GOOD = "good"  # real and stable
    CAUTION = "caution"  # claims too much, or is not stable
    NONE = "none"  # no evidence


@dataclass(frozen=True)
class Verdict:
    """What the evidence says, in words that stand without their color; `evidence` are the figures behind it."""

    tone: Tone
    words: str
    evidence: str = ""

    def __str__(self) -> str:
        return f"{self.words}: {self.evidence}" if self.evidence else self.words


class Record:
    """The answer of an analysis: a frozen dataclass that also knows its rows, the entries of its `row_fields`."""

    row_fields: ClassVar[tuple[str, ...]]

    def rows(self) -> Sequence[Row]:
        """Return flat rows with stable keys, as CSV and Parquet hold them; of several fields, `list` says which."""
        rows = [(name, vars(row)) for name in self.row_fields for row in getattr(self, name)]
        return [{"list": name, **row} if len(self.row_fields) > 1 else row for name, row in rows]

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a table of pandas."""
        import pandas as pd

        rows = self.rows()
        return pd.DataFrame(rows.arrays if isinstance(rows, Columns) else rows)


class Columns(Sequence[Row]):
    """The rows of a long table, kept as arrays (n,) by name: a row is made when it is asked for, NaN becomes None."""

    def __init__(self, **arrays: NDArray[Any]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Columns: ...
    def __getitem__(self, index: int | slice) -> Row | Columns:
        if isinstance(index, slice):
            return Columns(**{name: array[index] for name, array in self.arrays.items()})
        at = range(len(self))[index]
        return next(iter(self[at : at + 1]))

    def __iter__(self) -> Iterator[Row]:
        for begin in range(0, len(self), TOGETHER):
            lists = [_listed(array[begin : begin + TOGETHER]) for array in self.arrays.values()]
            yield from (dict(zip(self.arrays, values, strict=True)) for values in zip(*lists, strict=True))


def _listed(array: NDArray[Any]) -> list[Any]:
    values: list[Any] = array.tolist()
    return [None if value != value else value for value in values] if array.dtype.kind == "f" else values


def nested(value: Any) -> Any:
    """Return a record as JSON holds it: dataclasses as dictionaries, enums as their values."""
    if is_dataclass(value) and not isinstance(value, type):
        marked = _annotations(type(value), str)
        return {spec.name: nested(getattr(value, spec.name)) for spec in fields(value) if spec.name not in marked}
    if isinstance(value, tuple | list):
        return [nested(entry) for entry in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


@dataclass(frozen=True)
class Column:
    """A column of a table: the key of its values in a row, its header, how a value is written, and what it means.

    Numbers are right-aligned and never broken. Text is left-aligned and wraps, unless it is a name that people type.
    Long titles of items are shortened in a terminal.
    `end_key` names the field with the upper end of an interval whose lower end is `key`; `sign` is what marks a row.
    `dot_key` names the field with the value that the interval is about, a dot where the interval is drawn. `tone`
    returns that of the cell of a row that holds a verdict, else None. A narrow terminal has no room for all numbers
    and names: it shows those that are first, or `is_kept`, or have a tone.
    """

    key: str
    header: str
    write: Callable[[Any], str] = str
    legend: str = ""
    is_number: bool = True
    is_name: bool = False
    is_title: bool = False
    end_key: str = ""
    dot_key: str = ""
    sign: str = ""
    is_kept: bool = False
    tone: Callable[[Row], Tone | None] | None = None

    def cell(self, row: Mapping[str, Any]) -> str:
        """Write the value of a row; a missing value is an empty cell."""
        if row[self.key] is None:
            return ""
        lower = self.write(row[self.key])
        return f"{lower}..{self.write(row[self.end_key])}" if self.end_key else lower


def column(header: str, legend: str = "", write: Callable[[Any], str] = str, **style: Any) -> Column:
    """Declare how a field of a dataclass is shown; `style` are further fields of `Column`."""
    return Column("", header, write, legend, **style)


def text(header: str, legend: str = "") -> Column:
    """Declare a field of text, which wraps if the terminal is narrow."""
    return column(header, legend, is_number=False)


def titles(header: str) -> Column:
    """Declare a field of titles of items, which wrap if the terminal is narrow, shortened if they are long."""
    return column(header, is_number=False, is_title=True)


def name(header: str, legend: str = "") -> Column:
    """Declare a field of names, which people type: they are never broken."""
    return column(header, legend, is_number=False, is_name=True)


def whole(header: str, legend: str = "", *, end: str = "") -> Column:
    """Declare a field of whole numbers; with `end`, an interval up to that field."""
    return column(header, legend, "{:,}".format, end_key=end)


def decimal(
    header: str, legend: str = "", digits: int = 2, *, sign: bool = False, end: str = "", dot: str = "", **style: Any
) -> Column:
    """Declare a field of numbers with `digits` decimals; with `end`, an interval up to that field, around `dot`."""
    return column(header, legend, f"{{:{'+' if sign else ''}.{digits}f}}".format, end_key=end, dot_key=dot, **style)


def share(header: str, legend: str = "", digits: int = 0) -> Column:
    """Declare a field of shares, written as percentages."""
    return column(header, legend, lambda value: f"{100 * value:.{digits}f} %")


def mark(sign: str, legend: str, **style: Any) -> Column:
    """Declare a field that is true or false: a sign under an empty header if it is true."""
    return column("", legend, lambda value: sign if value else "", is_number=False, sign=sign, **style)


def p_value(header: str, legend: str = "") -> Column:
    """Declare a field of p or q values, written as .012 or <.001."""
    return column(header, legend, written_p)


def written_p(p: float) -> str:
    """Write a p or q value to three digits."""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def columns_of(record: type, **words: Any) -> list[Column]:
    """Return the columns that the fields of a record declare, the braces in their texts filled with `words`."""
    return [
        replace(column, key=key, header=column.header.format_map(words), legend=column.legend.format_map(words))
        for key, column in _annotations(record, Column).items()
    ]


def _annotations(record: type, kind: type) -> dict[str, Any]:
    """Return the annotations of one kind, by the field that they are of."""
    hints = get_type_hints(record, include_extras=True)
    return {
        key: extra
        for key, hint in hints.items()
        for extra in getattr(hint, "__metadata__", ())
        if isinstance(extra, kind)
    }

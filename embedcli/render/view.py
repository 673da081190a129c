"""What is shown, in every format: `View`, made of blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table: the key of its values in a row, its header, and how a value is written.

    Numbers stand to the right and are never broken; text stands to the left and wraps where room is scarce,
    unless it is a name that is typed as it stands.
    """

    key: str
    header: str
    write: Callable[[Any], str] = str
    is_number: bool = True
    is_name: bool = False


@dataclass(frozen=True)
class Block:
    """A heading, (label, text) lines, and a table; any of the three may be empty."""

    heading: str = ""
    lines: Sequence[tuple[str, str]] = ()
    columns: Sequence[Column] = ()
    rows: Sequence[Row] = ()


@dataclass(frozen=True)
class View:
    """An answer of the program.

    `title`, `blocks` and `captions` are what people read; `records` are the same as flat rows with stable
    keys, `body` as nested data, both in full precision; `meta` says what it is about.
    """

    title: str
    blocks: Sequence[Block]
    records: Sequence[Row]
    body: Mapping[str, Any]
    captions: Sequence[str] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


def text(key: str, header: str) -> Column:
    """Return a column of text."""
    return Column(key, header, lambda value: "" if value is None else str(value), is_number=False)


def name(key: str, header: str) -> Column:
    """Return a column of names, which are typed as they stand and never broken."""
    return Column(key, header, is_number=False, is_name=True)


def whole(key: str, header: str) -> Column:
    """Return a column of whole numbers."""
    return Column(key, header, lambda value: "" if value is None else f"{value:,}")


def decimal(key: str, header: str, digits: int = 2, *, sign: bool = False) -> Column:
    """Return a column of numbers with so many digits after the point; None is left empty."""
    spec = f"{'+' if sign else ''}.{digits}f"
    return Column(key, header, lambda value: "" if value is None else format(value, spec))


def percent(share: float) -> str:
    """Write a share as a percentage, as short as it goes."""
    return f"{100 * share:g} %"

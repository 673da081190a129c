"""What is shown, in every format: `View`, made of blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from embedcli.analysis.record import Column, Columns, Record, Row, Verdict, columns_of, nested
from embedcli.render.bars import Bars, intervals

if TYPE_CHECKING:  # for it imports numpy, and every command imports this file
    from embedcli.run.record import Run


UNLIMITED = 10_000  # columns: wide enough that nothing is wrapped where no terminal sets the width


class Titled(str):
    """Words with titles of items in them; `write` writes them with each title as a function of its own returns it."""

    write: Callable[[Callable[[str], str]], str]

    @classmethod
    def of(cls, write: Callable[[Callable[[str], str]], str]) -> Titled:
        """Return the words with whole titles, which a terminal may shorten."""
        words = cls(write(str))
        words.write = write
        return words


@dataclass(frozen=True)
class Block:
    """A heading with the verdict on what is below it, (label, text) lines, and a table; any of them may be missing.

    `drawing` returns the lines of a drawing for a width; `bars` those beside the rows, which only a terminal shows.
    """

    heading: str = ""
    lines: Sequence[tuple[str, str | Verdict]] = ()
    columns: Sequence[Column] = ()
    rows: Sequence[Row] = ()
    verdict: Verdict | None = None
    drawing: Callable[[int], Sequence[str]] | None = None
    bars: Callable[[Sequence[Row]], Bars | None] | None = None


@dataclass(frozen=True)
class View:
    """An answer of the program.

    `title`, `blocks`, and one line, the verdict on all and the `caption`, are what people read; `explanation` is what
    `--explain` adds to the legends of the columns. `records` are the same as flat rows with stable keys, `body` as
    nested data, both in full precision; `meta` says what it is about.
    """

    title: str
    blocks: Sequence[Block]
    records: Sequence[Row]
    body: Mapping[str, Any]
    caption: str = ""
    explanation: Sequence[str] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None

    @property
    def legend(self) -> dict[str, str]:
        """The meaning of each column, by its header."""
        legend: dict[str, str] = {}
        for block in self.blocks:
            headers = {column.key: column.header for column in block.columns}
            for column in block.columns:
                if column.legend:
                    dot = headers.get(column.dot_key) if column.dot_key else None
                    drawn = f"; in a wide terminal a line, with a dot at the {dot}" if dot else ""
                    legend[column.header or column.sign] = column.legend + drawn
        return legend


def view_of(
    record: Record,
    run: Run,
    title: str,
    blocks: Sequence[Block],
    caption: str = "",
    explanation: Sequence[str] = (),
    verdict: Verdict | None = None,
) -> View:
    """Return the view of an analysis: its flat rows and its nested body are those of the record."""
    return View(title, blocks, record.rows(), nested(record), caption, explanation, run.meta, verdict)


def table(rows: Sequence[Any], record: type, heading: str = "", without: Sequence[str] = (), **words: Any) -> Block:
    """Return the table of rows of one record type, by the columns that its fields declare.

    A column without a value in any of the rows is left out (if there are rows), and so are the keys in `without`;
    `words` fill the braces of headers and legends.
    """
    shown = rows if isinstance(rows, Columns) else [vars(row) for row in rows]
    columns = [
        column
        for column in columns_of(record, **words)
        if column.key not in without
        and (not shown or any(row[column.key] is not None for row in shown))
        and (not column.sign or any(row[column.key] for row in shown))
    ]
    dotted = next((column for column in columns if column.dot_key), None)
    return Block(
        heading,
        columns=without_id(columns, shown),
        rows=shown,
        bars=None if dotted is None else partial(intervals, dotted),
    )


def without_id(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Return the columns without the ids, if every id is the title."""
    has_ids = not rows or any(row.get("id") != row.get("title") for row in rows)
    return [column for column in columns if column.key != "id" or has_ids]


def percent(share: float) -> str:
    """Write a share as a percentage, as short as it goes."""
    return f"{100 * share:g} %"

"""Writing a view: as a table for people, or as Markdown, CSV, TSV, JSON or NDJSON."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedcli.errors import UsageError
from embedcli.render.view import Block, View

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 20  # columns that COLUMNS can ask for
UNLIMITED = 10_000  # columns: wide enough that nothing is wrapped where no terminal sets the width


class Format(StrEnum):
    """The formats of every answer."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"


def write(view: View, format: Format = Format.TABLE, output: Path | None = None) -> None:
    """Write a view to stdout, or to a file, which is replaced as a whole or not at all.

    Raises UsageError where the file cannot be written.
    """
    if output is not None:
        write_file(output, render(view, format, _console(io.StringIO(), UNLIMITED)).encode("utf-8", "surrogateescape"))
    elif format is Format.TABLE:
        sys.stdout.write(render(view, format, _console(sys.stdout, _width())))
    else:
        sys.stdout.write(render(view, format))


def check_output(output: Path | None) -> None:
    """Raise UsageError where an answer could not be written, before any time is spent on finding it."""
    if output is None:
        return
    try:
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if output.is_file() or not output.exists():  # what else there is, such as a pipe, is not replaced
            with tempfile.TemporaryFile(dir=output.absolute().parent):
                pass
    except OSError as error:
        raise _unwritable(output, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}", "give another file with -o")


def _width() -> int:
    """Return the width of stdout: as COLUMNS says, else the terminal's, else whatever the table needs."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) >= NARROWEST:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return UNLIMITED


def render(view: View, format: Format, console: Console | None = None) -> str:
    """Return a view as text; only the table format needs a console, for its width and its colours."""
    match format:
        case Format.TABLE:
            assert console is not None
            return _table(view, console)
        case Format.MD:
            return _markdown(view)
        case Format.CSV:
            return _separated(view, ",")
        case Format.TSV:
            return _separated(view, "\t")
        case Format.JSON:
            return _json({"meta": view.meta, **view.body}, indent=2)
        case Format.NDJSON:
            return "".join(_json(record) for record in view.records)


def _console(file: Any, width: int | None) -> Console:
    from rich.console import Console

    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)


def _table(view: View, console: Console) -> str:
    with console.capture() as capture:
        console.print(_plain(view.title), style="bold", soft_wrap=False)
        for block in view.blocks:
            if not (block.heading or block.lines or block.rows):
                continue
            console.print()
            _print_block(block, console)
        if view.captions:
            console.print()
        for caption in view.captions:
            console.print(_plain(caption), style="dim")
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _plain(text: str) -> str:
    """Return text without what a terminal would obey or break a line at: blanks for blanks, a mark for the rest."""
    unsafe = {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")}
    return text.translate({ord(letter): " " if letter.isspace() else "\ufffd" for letter in unsafe})


def _print_block(block: Block, console: Console) -> None:
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    if block.heading:
        console.print(_plain(block.heading), style="bold")
    if block.lines:
        lines = Table.grid(padding=(0, 1, 0, 0))
        lines.add_column(no_wrap=True)
        lines.add_column(overflow="fold")
        for label, words in block.lines:
            lines.add_row(Text(_plain(label)), Text(_plain(words)))
        console.print(lines)
    if not block.rows:
        return
    has_header = any(column.header for column in block.columns)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=has_header)
    for column in block.columns:
        table.add_column(
            Text(column.header),
            justify="right" if column.is_number else "left",
            no_wrap=column.is_number or column.is_name,
            overflow="fold",
        )
    for row in block.rows:
        table.add_row(*(Text(_plain(column.write(row[column.key]))) for column in block.columns))
    usual, with_room = console.width, console.options.update(max_width=UNLIMITED)
    if Measurement.get(console, with_room, table).maximum > usual:
        table.padding = (0, 1, 0, 0)
    console.width = max(usual, Measurement.get(console, with_room, table).minimum)  # rather than cut numbers
    console.print(table)
    console.width = usual


def _markdown(view: View) -> str:
    parts = [f"## {_escape(view.title)}"]
    for block in view.blocks:
        if block.heading:
            parts.append(f"### {_escape(block.heading)}")
        parts += [
            f"**{_escape(label.strip())}** {_escape(words)}" if label else _escape(words)
            for label, words in block.lines
        ]
        if block.rows:
            lines = [_markdown_row([column.header for column in block.columns])]
            lines.append(_markdown_row(["---:" if column.is_number else "---" for column in block.columns]))
            lines += [_markdown_row([column.write(row[column.key]) for column in block.columns]) for row in block.rows]
            parts.append("\n".join(lines))
    parts += [_escape(caption) for caption in view.captions]
    return "\n\n".join(parts) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(cell: str) -> str:
    return "".join("\\" + letter if letter in "|\\`*_<[]#" else letter for letter in _plain(cell))


def _separated(view: View, separator: str) -> str:
    from embedcli.data.text import separated  # its package is heavy

    columns = [column.key for block in view.blocks for column in block.columns]
    keys = list(view.records[0] if view.records else dict.fromkeys(columns))
    return separated([keys, *([record[key] for key in keys] for record in view.records)], separator)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; UsageError where it cannot be written."""
    try:
        if path.exists() and not path.is_file():  # a pipe or /dev/null is written to, never replaced
            path.write_bytes(content)
            return
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as scratch:
            whole = Path(scratch) / path.name
            with whole.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            whole.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error

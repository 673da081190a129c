"""Writing a view: as a table for people, or as Markdown, CSV, TSV, JSON, NDJSON or Parquet."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedcli.analysis.record import Columns, Verdict
from embedcli.errors import UsageError
from embedcli.progress import end
from embedcli.render.view import UNLIMITED, View
from embedcli.scratch import write_whole
from embedcli.terminal import drawable, plain, plain_lines

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 20  # columns that COLUMNS can ask for


class Format(StrEnum):
    """The formats of every answer."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"
    PARQUET = "parquet"


class Picture(StrEnum):
    """The formats of what is drawn."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"
    HTML = "html"


ENDINGS = {"txt": Format.TABLE, **{format.value: format for format in Format if format is not Format.TABLE}}
DRAWN = {kind.value: kind for kind in (Picture.PNG, Picture.SVG, Picture.PDF)}
PICTURES: Mapping[str, Format | Picture] = {**DRAWN, **ENDINGS}
PAGES: Mapping[str, Format | Picture] = {**DRAWN, "html": Picture.HTML, "htm": Picture.HTML, **ENDINGS}


def format_of(
    format: Format | None, output: Path | None, endings: Mapping[str, Format | Picture] = ENDINGS
) -> Format | Picture:
    """Return the format of an answer: the one asked for, else the one of the file's ending, else a table.

    Raises UsageError if they disagree, or if the ending says nothing and no format is asked for.
    """
    ending = "" if output is None else output.suffix[1:].lower()
    by_ending = endings.get(ending)
    if format not in (None, PAGES.get(ending, format)):  # also if this answer is never a page
        raise UsageError(
            f"{output} ends in .{ending}, and {format} is asked for", "leave out the format, or change the ending"
        )
    if ending and by_ending is None and format is None:
        raise UsageError(
            f"{output}: this answer has no format .{ending}",
            f"end it in .{', .'.join(endings)}, or say what to write with --format",
        )
    return format or by_ending or Format.TABLE


def write(view: View, format: Format = Format.TABLE, output: Path | None = None, *, explain: bool = False) -> None:
    """Write a view to stdout, or to a file, which is replaced as a whole or not at all.

    Raises UsageError if that is not possible.
    """
    if output is not None:
        content = render(view, format, _console(io.StringIO(), UNLIMITED), explain=explain)
        write_file(output, content)
        return
    if format is Format.PARQUET and sys.stdout.isatty():
        raise UsageError("--format parquet is not for a terminal", "write it to a file: -o FILE.parquet")
    console = _console(sys.stdout, _width()) if format is Format.TABLE else None
    content = render(view, format, console, explain=explain)
    end()
    if isinstance(content, bytes):
        sys.stdout.buffer.write(content)
    else:
        is_plain = format is Format.TABLE or not sys.stdout.isatty()  # a table is, and may be colored
        sys.stdout.write(drawable(content if is_plain else plain_lines(content), sys.stdout.encoding or "utf-8"))


def check_output(output: Path | None) -> None:
    """Raise UsageError if an answer could not be written, before any time is spent on finding it."""
    if output is None:
        if sys.stdout is None:
            raise UsageError("stdout is closed", "write the answer to a file: -o FILE")
        return
    try:
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if output.is_file() or not output.exists():  # what else there is, such as a pipe, is not replaced
            with tempfile.TemporaryFile(dir=Path(os.path.realpath(output)).parent):
                pass
    except OSError as error:
        raise _unwritable(output, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    folder = Path(os.path.realpath(path)).parent
    where = f" in {folder}" if path.is_file() and not os.access(folder, os.W_OK) else ""
    return UsageError(f"{path} cannot be written: {error.strerror}{where}", "give another file with -o")


def _width() -> int:
    """Return the width of stdout: as COLUMNS says, else the terminal's, else whatever the table needs."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) >= NARROWEST:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return UNLIMITED


def render(view: View, format: Format, console: Console | None = None, *, explain: bool = False) -> str | bytes:
    """Return a view as text, or Parquet as bytes; only the table format needs a console, for its width and color.

    With `explain`, a table and Markdown end with the legend of their columns.
    """
    match format:
        case Format.TABLE:
            from embedcli.render.tables import text_table  # rich is slow to import

            assert console is not None
            return text_table(view, console, explain=explain)
        case Format.MD:
            return _markdown(view, explain)
        case Format.CSV | Format.TSV:
            return _separated(view, "," if format is Format.CSV else "\t")
        case Format.JSON:
            return _json({"meta": view.meta, **view.body}, indent=2)
        case Format.NDJSON:
            return "".join(_json(record) for record in view.records)
        case Format.PARQUET:
            return _parquet(view)


def _console(file: Any, width: int | None) -> Console:
    from rich.console import Console

    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)


def _markdown(view: View, explain: bool) -> str:
    parts = [f"## {_escape(view.title)}"]
    for block in view.blocks:
        if block.heading:
            parts.append(f"### {_escape(_joined(block.heading, block.verdict))}")
        parts += [
            f"**{_escape(label.strip())}** {_escape(_joined(words))}" if label else _escape(_joined(words))
            for label, words in block.lines
        ]
        if block.drawing is not None:
            parts.append("\n".join(("```", *block.drawing(UNLIMITED), "```")))
        if block.rows:
            header = [column.header for column in block.columns]
            ruler = ["---:" if column.is_number else "---" for column in block.columns]
            cells = [[column.cell(row) for column in block.columns] for row in block.rows]
            parts.append("\n".join("| " + " | ".join(map(_escape, row)) + " |" for row in (header, ruler, *cells)))
    parts += [_escape(_joined(view.verdict, view.caption))] if view.verdict or view.caption else []
    if explain:
        parts.append("\n".join(f"- **{_escape(header)}** {_escape(legend)}" for header, legend in view.legend.items()))
        parts += [_escape(sentence) for sentence in view.explanation]
    return "\n\n".join(parts) + "\n"


def _joined(*parts: str | Verdict | None) -> str:
    """Return parts of a line as plain text, without those that are missing."""
    return " | ".join(str(part) for part in parts if part)


def _escape(cell: str) -> str:
    return "".join("\\" + letter if letter in "|\\`*_<[]#" else letter for letter in plain(cell))


def _keys(view: View) -> list[str]:
    """Return the names of the columns of a view's records."""
    columns = [column.key for block in view.blocks for column in block.columns]
    return list(view.records[0] if view.records else dict.fromkeys(columns))


def _separated(view: View, separator: str) -> str:
    from embedcli.data.text import separated  # its package is heavy

    keys = _keys(view)
    return separated([keys, *([record[key] for key in keys] for record in view.records)], separator)


def _parquet(view: View) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def column(key: str) -> Any:
        if isinstance(view.records, Columns):
            return pa.array(view.records.arrays[key], from_pandas=True)
        return _parquet_column([record[key] for record in view.records])

    table = pa.table({key: column(key) for key in _keys(view)})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _parquet_column(values: list[Any]) -> list[Any]:
    """Return values of one type: whole numbers become floats beside floats, what else is mixed becomes text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or kinds <= {bool}:
        return [float(value) if float in kinds and value is not None else value for value in values]
    return [None if value is None else str(value).encode("utf-8", "replace").decode() for value in values]


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=list) + "\n"


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; UsageError if that fails."""
    try:
        write_whole(path, content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise _unwritable(path, error) from error

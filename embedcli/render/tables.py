"""A view as people read it in a terminal: laid out to its width, its verdicts in the colors of their tones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, zip_longest
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from embedcli.analysis.record import Column, Row, Tone, Verdict
from embedcli.render.bars import Bars
from embedcli.render.view import UNLIMITED, Block, Titled, View
from embedcli.terminal import plain

MOST_WRAPPED = 10_000  # rows of a table that is laid out to the width
ELLIPSIS = "\u2026"
LONGEST_TITLE = 0.75  # widths of the terminal
NARROW, LONG_WORD = 14, 24  # letters that a column of text keeps, and those of a word that it keeps whole
COMFORTABLE = 20  # letters of a bar: for as many the columns move together
# colors of the terminal's own palette; bold yellow is bright yellow in many terminals, invisible on white
STYLES = {
    Tone.GOOD: "not bold not dim green",
    Tone.CAUTION: "not bold not dim yellow",
    Tone.NONE: "not bold dim",
}
Words = TypeVar("Words", str, Verdict, str | Verdict)


def text_table(view: View, console: Console, *, explain: bool) -> str:
    """Return a view as text of the width and in the colors of a console; with `explain`, with its legend.

    Text wraps between words and numbers are whole; columns that there is no room for are named at the end.
    """
    left_out: list[str] = []
    with console.capture() as capture:
        console.print(_text(_shortened(view.title, console), "bold"))
        for block in view.blocks:
            if block.heading or block.drawing or block.lines or block.rows:
                console.print()
                left_out += _print_block(block, console)
        no_room = f"no room for: {', '.join(dict.fromkeys(left_out))}" if left_out else ""
        hint = "" if explain else "columns: --explain" if view.legend else "more: --explain" if view.explanation else ""
        if parts := [part for part in (view.verdict, _shortened(view.caption, console), no_room, hint) if part]:
            console.print()
            console.print(_joined(parts, "dim"))
        if explain and view.legend:
            console.print()
            _print_block(Block("How to read this", lines=list(view.legend.items())), console)
        for sentence in view.explanation if explain else ():
            console.print("", _text(sentence), sep="\n")
    return "".join(line.rstrip() + "\n" for line in capture.get().rstrip().splitlines())


def _text(words: str | Verdict, style: str = "") -> Text:
    """Return words in a style; the words of a verdict in the color of its tone."""
    if isinstance(words, str):
        return Text(plain(words), style)
    evidence = str(words).removeprefix(words.words)
    return Text.assemble((plain(words.words), STYLES[words.tone]), (plain(evidence), style))


def _shortened(words: Words, console: Console) -> Words:
    """Return words with the long titles in them shortened, if there is a terminal."""
    if isinstance(words, Titled) and console.width < UNLIMITED:
        return words.write(partial(_short, console=console))  # type: ignore[return-value]
    return words


def _short(title: str, console: Console) -> str:
    """Return a title of at most LONGEST_TITLE of the width of a console, cut between words if it can be."""
    title, most = plain(title), int(LONGEST_TITLE * console.width)
    if cell_len(title) <= most:
        return title
    short = set_cell_size(title, most - 1).rstrip()
    words = short.rpartition(" ")[0]
    return (words if 2 * cell_len(words) > most else short) + ELLIPSIS


def _joined(parts: Sequence[str | Verdict], style: str) -> Text:
    return Text(" | ", style).join(_text(part, style) for part in parts)


def _print_block(block: Block, console: Console) -> list[str]:
    """Print a block; return the headers of the columns that there is no room for."""
    if block.heading:
        heading = _shortened(block.heading, console)
        console.print(_joined([part for part in (heading, block.verdict) if part], "bold"))
    if block.drawing is not None:
        console.out("\n".join(block.drawing(console.width)), highlight=False)
    if block.lines:
        lines = [{"label": label, "words": _shortened(words, console)} for label, words in block.lines]
        columns = Column("label", "", is_number=False, is_name=True), Column("words", "", is_number=False)
        _print_rows(Block(columns=columns, rows=lines), console, gap=1)
    return _print_rows(block, console) if block.rows else []


def _print_rows(block: Block, console: Console, gap: int = 2) -> list[str]:
    """Print the rows of a block below their headers; return the headers that there is no room for."""
    is_long = len(block.rows) > MOST_WRAPPED  # to wrap more rows takes seconds
    bars = None if is_long or block.bars is None else block.bars(block.rows)
    parts = [_Part.of(column, block.rows, console) for column in block.columns]
    gap, width_of_bars, left_out = _fit(parts, UNLIMITED if is_long else console.width, gap, bars)
    if bars is not None and width_of_bars:
        at = 1 + [column.key for column in block.columns].index(bars.after)
        parts.insert(at, _Part.of_bars(bars, block, width_of_bars))
    first = 0 if any(part.cells[0] for part in parts) else 1
    lines = (line for index in range(first, len(block.rows) + 1) for line in _lines(parts, index, gap, console))
    for is_plain, together in groupby(lines, lambda line: isinstance(line, str)):  # rich takes long for each line
        if is_plain:
            console.out("\n".join(map(str, together)), highlight=False)
        else:
            console.print(*together, sep="\n", soft_wrap=True, markup=False, highlight=False)
    return left_out


@dataclass
class _Part:
    """A column of a table: its cells, the header first, and how many letters wide it is.

    `least` are the widths that it can be made, one after another, if there is no room.
    """

    cells: list[str | Text]
    width: int
    least: Sequence[int]
    is_number: bool = False
    is_spare: bool = False  # what a narrow table can do without

    @classmethod
    def of(cls, column: Column, rows: Sequence[Row], console: Console) -> _Part:
        """Return a column with room for everything. Numbers and names stay whole, and so do the words of a text."""
        header = Text(plain(column.header), "bold") if column.header else ""
        cells = [header, *(_cell(column, row, console) for row in rows)]
        width = max(map(_width, cells))
        is_text = not (column.is_number or column.is_name)
        if is_text:
            words = min(_longest_word(cells), LONG_WORD)
            least = [min(width, max(words, NARROW)), words, min(words, NARROW // 2)]
        else:
            least = [max(_longest_word(cells[:1]), *map(_width, cells[1:])) if column.is_number else width]
        is_kept = is_text or column.is_kept or column.tone is not None
        return cls(cells, width, least, column.is_number, column.key == "id" or not is_kept)

    @classmethod
    def of_bars(cls, bars: Bars, block: Block, width: int) -> _Part:
        """Return the column of bars, in the tones of the column that they stand beside."""
        of = next(column for column in block.columns if column.key == bars.after)
        cells = [Text(bars.draw(row, width), _style(of, row)) for row in block.rows]
        return cls([Text(bars.header(width), "bold"), *cells], width, [width])

    def lines(self, index: int, console: Console) -> list[str | Text]:
        """Return the lines of a cell, each as wide as the column."""
        cell = self.cells[index]
        room = self.width - _width(cell)
        if room >= 0:
            return [self._padded(cell, room)]
        wrapped = (Text(cell) if isinstance(cell, str) else cell).wrap(console, self.width, overflow="fold")
        for line in wrapped:
            line.rstrip()
        return [self._padded(line, self.width - line.cell_len) for line in wrapped]

    def _padded(self, line: str | Text, room: int) -> str | Text:
        space = " " * room
        if isinstance(line, str):
            return space + line if self.is_number else line + space
        return Text.assemble(space, line) if self.is_number else Text.assemble(line, space)


def _cell(column: Column, row: Row, console: Console) -> str | Text:
    """Return the cell of a row as text, in the color of its tone if it has one; an id is whole: people type it."""
    if isinstance(row[column.key], Verdict):
        return _text(row[column.key])
    cell, style = column.cell(row), _style(column, row)
    is_short = column.is_title and console.width < UNLIMITED and cell != row.get("id")
    cell = _short(cell, console) if is_short else plain(cell)
    return Text(cell, style) if cell and style else cell


def _style(column: Column, row: Row) -> str:
    tone = column.tone and column.tone(row)
    return STYLES[tone] if tone else ""


def _width(cell: str | Text) -> int:
    return cell_len(cell) if isinstance(cell, str) else cell.cell_len


def _longest_word(cells: Sequence[str | Text]) -> int:
    return max((cell_len(word) for cell in cells for word in str(cell).split()), default=0)


def _fit(parts: list[_Part], width: int, gap: int, bars: Bars | None) -> tuple[int, int, list[str]]:
    """Make columns as narrow as a table of a width needs, and leave out the last ones that it can do without.

    Returns (the gap between the columns, the width of the bars or 0, the headers of what is left out).
    """
    rooms = {between: width - sum(part.width for part in parts) - between * (len(parts) - 1) for between in (gap, 1)}
    for between, room in rooms.items():
        width_of_bars = bars.width(room - between, None if width == UNLIMITED else width) if bars else 0
        if width_of_bars >= COMFORTABLE or (width_of_bars and between == 1):
            return between, width_of_bars, []
    for between, room in rooms.items():
        if room >= 0:
            return between, 0, []
    left_out: list[str] = []
    while sum(part.least[0] + 1 for part in parts) - 1 > width:
        spare = [part for part in parts[1:] if part.is_spare]
        if not spare:
            break
        parts.remove(spare[-1])
        left_out.insert(0, str(spare[-1].cells[0]))
    _share(parts, width - len(parts) + 1)
    return 1, 0, left_out


def _share(parts: Sequence[_Part], width: int) -> None:
    """Make columns narrower, the widest first, until all fit, or until all are as narrow as can be."""
    for part in parts:
        part.width = min(part.width, part.least[0]) if part.is_number else part.width
    for level in range(3):
        while sum(part.width for part in parts) > width:
            wide = [part for part in parts if part.width > part.least[min(level, len(part.least) - 1)]]
            if not wide:
                break
            max(wide, key=lambda part: part.width).width -= 1


def _lines(parts: Sequence[_Part], index: int, gap: int, console: Console) -> Iterator[str | Text]:
    """Yield the lines of a row, the headers if the index is 0."""
    space, step = " " * gap, 1 if index else -1  # headers stand on their rows
    for pieces in [*zip_longest(*(part.lines(index, console)[::step] for part in parts))][::step]:
        line = [" " * part.width if piece is None else piece for part, piece in zip(parts, pieces, strict=True)]
        if any(isinstance(piece, Text) for piece in line):
            yield Text(space).join(Text(piece) if isinstance(piece, str) else piece for piece in line)
        else:
            yield space.join(map(str, line))

"""What all pictures share: style, size, fonts, heading and caption, and how they are saved.

SVG holds text as outlines, with its words in comments: labels are placed by the widths of this font, which another
computer may not have. Title and description of the file are text, for screen readers. PDF embeds the font as text.
"""

from __future__ import annotations

import html
import io
import logging
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.record import Tone
from embedcli.data.catalog import CATALOG
from embedcli.render.colors import Palette
from embedcli.render.pictures import Style
from embedcli.render.view import View
from embedcli.run.record import Run

Floats = NDArray[np.float64]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADING, TEXT, SMALL, LABEL = 13.0, 9.0, 8.0, 7.5  # points
MARGIN = 9.0  # points around a picture
LEADING = 1.35  # height of a line of text, in heights of its letters
SIGN = 38.0  # points that the sign of an entry of a legend takes
WIDE = 0.54  # mean width of a letter, in heights
JOINERS = "\u200c\u200d"
MISSING = "\u25a1"  # for a letter that no font has
OWN = "DejaVu Sans"  # it comes with matplotlib
# fonts that may be there, for letters that it lacks
FALLBACKS = (
    *("Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR"),
    *("Hiragino Sans", "Hiragino Sans GB", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS"),
    *("Yu Gothic", "MS Gothic", "Microsoft YaHei", "Malgun Gothic", "Leelawadee UI", "Nirmala UI", "Segoe UI"),
    *("IPAGothic", "TakaoPGothic", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Unifont"),
    *("Noto Sans Thai", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Symbols2"),
    *("Noto Emoji", "Segoe UI Symbol", "Segoe UI Emoji"),
)
STYLE: dict[str, Any] = {
    "svg.hashsalt": "embedcli",  # the same picture makes the same file
    "font.size": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.usetex": False,
    "text.parse_math": False,  # a `$` in a title is a dollar
}


@dataclass
class Sheet:
    """A figure of matplotlib while it is drawn; `letters` are the codes of those that its fonts have."""

    figure: Figure
    canvas: Any
    palette: Palette
    letters: Set[int]
    title: str = ""
    caption: str = ""

    def written(self, text: str) -> str:
        """Return a text as the fonts can draw it: without line breaks and control characters, with marks for gaps."""
        return "".join(char if char.isalnum() and char.isascii() else self._letter(char) for char in text)

    def fitted(self, text: str, size: float, room: float) -> str:
        """Return a text as it is drawn, cut if it is wider than `room` in points."""
        text = self.written(text)
        while len(text) > 1 and (width := self.width(text, size)) > room:
            text = cut(text, min(int(len(text) * room / width), len(text) - 1))
        return text

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""
        from matplotlib.font_manager import FontProperties

        renderer, font = self.canvas.get_renderer(), FontProperties(size=size)
        return float(renderer.get_text_width_height_descent(text, font, ismath=False)[0] * 72 / self.figure.dpi)

    def tone(self, tone: Tone) -> str:
        """Return the color of a verdict."""
        return {Tone.GOOD: self.palette.good, Tone.CAUTION: self.palette.caution}.get(tone, self.palette.dim)

    def size(self, text: str, most: float, room: float) -> float:
        """Return the size of letters at which a text is no wider than `room` in points."""
        return most * min(1.0, room / max(self.width(text, most), 1.0))

    def lines(self, text: str, size: float, room: float, most: int = 9) -> list[str]:
        """Break a text into lines of at most `room` in points; a text of more than `most` lines is cut."""
        text = text.replace(" %", "\u00a0%")  # no line begins with it
        return textwrap.wrap(text, max(int(room / (WIDE * size)), 20), max_lines=most, placeholder=" \u2026")

    def head(self, title: str, below: str, caption: str, panels: Sequence[Axes] = ()) -> None:
        """Write title, a line below it, the legend of these panels and the caption; the rest is for the layout."""
        self.title, self.caption = title, caption
        width, height = 72 * self.figure.get_size_inches()
        room = width - 2 * MARGIN
        heads = [(self.lines(self.written(title), HEADING, room, 2), HEADING, "bold", self.palette.ink)]
        heads += [(self.lines(self.written(below), TEXT, room, 2), TEXT, "normal", self.palette.dim)]
        top = height - MARGIN
        for lines, size, weight, color in heads:
            self._write(lines, top, size, fontweight=weight, color=color, va="top")
            top -= LEADING * size * len(lines)
        if panels:
            n_rows = self._legend(panels, top - MARGIN / 2, room)
            top -= MARGIN / 2 + LEADING * TEXT * n_rows
        lines = self.lines(self.written(caption), SMALL, room)
        self._caption = self._write(lines, MARGIN, SMALL, color=self.palette.dim, va="bottom")
        bottom = MARGIN + LEADING * SMALL * len(lines) + MARGIN
        inner = (MARGIN / width, bottom / height, 1 - 2 * MARGIN / width, max(top - MARGIN / 2 - bottom, 1) / height)
        self.figure.set_layout_engine("constrained", rect=inner)

    def say(self, caption: str) -> None:
        """Replace the caption by one that is no longer."""
        self.caption = caption
        room = 72 * self.figure.get_figwidth() - 2 * MARGIN
        self._caption.set_text("\n".join(self.lines(self.written(caption), SMALL, room)))

    def settle(self) -> None:
        """Lay out what is drawn so far; what is drawn later moves nothing."""
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def content(self, kind: str) -> bytes:
        """Return the picture as "png", "svg" or "pdf"."""
        file, title, caption = io.BytesIO(), self.written(self.title), self.written(self.caption)
        if kind == "png":  # `savefig` would draw twice; level 3: half the time of the default, 1 % more bytes
            metadata = {"Software": "embedcli", "Title": title, "Description": caption}
            self.canvas.print_png(file, metadata=metadata, pil_kwargs={"compress_level": 3})
        elif kind == "svg":
            self.figure.savefig(file, format="svg", metadata={"Date": None, "Title": title})
            described = f"</title>\n <desc>{html.escape(caption, quote=False)}</desc>"
            return file.getvalue().replace(b"</title>", described.encode(), 1).replace(b"<svg ", b'<svg role="img" ', 1)
        else:
            about: dict[str, Any] = {"Creator": "embedcli", "CreationDate": None, "Title": title, "Subject": caption}
            self.figure.savefig(file, format="pdf", metadata=about)
        return file.getvalue()

    def _legend(self, panels: Sequence[Axes], y: float, room: float) -> int:
        """Name what is drawn, once for all panels, in as many rows as it takes; return their number."""
        named = [panel.get_legend_handles_labels() for panel in panels]
        entries = {name: handle for handles, names in named for handle, name in zip(handles, names, strict=True)}
        widest = max(self.width(name, TEXT) for name in entries) + SIGN
        n_columns = len(entries)
        if sum(self.width(name, TEXT) + SIGN for name in entries) > room:
            n_columns = max(1, min(n_columns - 1, int(room / widest)))
        width, height = 72 * self.figure.get_size_inches()
        style: dict[str, Any] = {"frameon": False, "fontsize": TEXT, "ncols": n_columns, "labelspacing": 0.35}
        style |= {"borderpad": 0, "borderaxespad": 0, "columnspacing": 1.5, "handletextpad": 0.5}
        style |= {"loc": "upper left", "bbox_to_anchor": (MARGIN / width, y / height)}
        self.figure.legend(list(entries.values()), list(entries), **style).set_in_layout(False)
        return -(-len(entries) // n_columns)

    def _write(self, lines: list[str], y: float, size: float, **style: Any) -> Any:
        width, height = 72 * self.figure.get_size_inches()
        place = MARGIN / width, y / height
        text = self.figure.text(*place, "\n".join(lines), fontsize=size, linespacing=LEADING / 1.17, **style)
        text.set_in_layout(False)
        return text

    def _letter(self, char: str) -> str:
        category = unicodedata.category(char)
        if char.isspace():
            return " "
        if category in ("Cc", "Cs", "Co", "Cn"):
            return "\ufffd"
        if category == "Cf" and char not in JOINERS:  # such as one that turns the direction
            return ""
        if ord(char) in self.letters:
            return char
        return "" if category in ("Cf", "Mn", "Me") else MISSING  # these only say how to draw others


@contextmanager
def sheet(style: Style, usual: tuple[float, float], *runs: Run) -> Iterator[Sheet]:
    """Give a sheet to draw runs on, of the usual size in inches unless the style has another; matplotlib says nothing.

    UsageError if it had too many pixels.
    """
    size = style.checked(usual)
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # the first picture builds a list of the fonts, and it would say so
    try:
        from matplotlib import rc_context, rcParamsDefault
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # the defaults first: a matplotlibrc in the working folder is for other pictures; a backend would import pyplot
        defaults: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"}
        families, letters = _fonts(runs)
        # as they are, but other fonts may be OpenType, which matplotlib embeds as outlines only
        own = {"font.family": families, "pdf.fonttype": 42 if families == [OWN] else 3, **_colors(style.palette)}
        with rc_context(defaults | STYLE | own), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "constrained_layout not applied")  # a small sheet
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # bold fonts may have fewer letters
            figure = Figure(size, style.dpi)
            yield Sheet(figure, FigureCanvasAgg(figure), style.palette, letters)
    finally:
        logger.setLevel(before)


def about(run: Run) -> str:
    """Say what was trained, and where the data come from."""
    split = run.training.split.description
    model = f"{run.n_members} members" if run.n_members > 1 else "one member"
    return f"Model: {model}" + (f", split {split}" if split else "") + f". Data: {data_of(run)}."


def data_of(run: Run) -> str:
    """Name the data of a run, and who published them if that is known."""
    entry = next((entry for entry in CATALOG.values() if entry.title == run.data.title), None)
    return run.data.title if entry is None else f"{run.data.title} ({entry.publisher})"


def capital(words: str) -> str:
    """Return words with a capital at their start."""
    return words[:1].upper() + words[1:]


def sentences(parts: Sequence[str]) -> str:
    """Return parts of a caption, the empty ones left out, as sentences."""
    return " ".join(f"{capital(part).removesuffix('.')}." for part in parts if part)


def said(view: View) -> list[str]:
    """Return what stands below a table: the verdict on all, and the parts of the caption."""
    return [*([str(view.verdict)] if view.verdict else []), *view.caption.split(" | ")]


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` letters, cut between words if it can be."""
    short = textwrap.shorten(text, most, placeholder="\u2026")
    return short if len(short) > most / 2 or len(text) <= most else text[: most - 1] + "\u2026"


def _colors(palette: Palette) -> dict[str, str]:
    """Return the colors of everything that matplotlib draws of its own."""
    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), palette.paper)
    ink = dict.fromkeys(("text.color", "axes.titlecolor"), palette.ink)
    dim = dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), palette.dim)
    return paper | ink | dim | {"grid.color": palette.line}


def _fonts(runs: Sequence[Run]) -> tuple[list[str], set[int]]:
    """Return the families of fonts that titles, tags and names of runs need, and the codes of their letters."""
    from matplotlib.font_manager import fontManager, get_font

    texts = [text for run in runs for text in (*run.items.titles, *chain(*run.items.tags), run.name, run.data.title)]
    wanted = {ord(char) for char in set().union(*texts) if not char.isspace() and char.isprintable()}
    files = {font.name: font.fname for font in fontManager.ttflist if (font.style, font.weight) == ("normal", 400)}
    families, letters = [OWN], set(get_font(files[OWN]).get_charmap())
    for family in FALLBACKS:
        if wanted <= letters:
            break
        more = set(get_font(files[family]).get_charmap()) if family in files else set()
        if wanted & more - letters:
            families.append(family)
            letters |= more
    return families, letters

"""How a command gives its answer: in which format, where to, and what it says of that on stderr."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from embedcli.cli.command import OUTPUT, option
from embedcli.cli.notes import Notes
from embedcli.cli.options import Dark, Dpi, Quiet, Size
from embedcli.errors import UsageError
from embedcli.render.output import ENDINGS, PAGES, PICTURES, Format, Picture, check_output, format_of, write, write_file
from embedcli.render.pictures import DPI, LEAST, LEAST_DPI, MOST, MOST_DPI, Style

if TYPE_CHECKING:
    from embedcli.render.view import View


@dataclass(frozen=True)
class Answer:
    """What the options for the output ask for; UsageError, before any time is spent, if they do not fit together."""

    endings: ClassVar[Mapping[str, Format | Picture]] = ENDINGS
    format: Annotated[
        Format | None, option("--format", "Output format (default: by the ending of -o, else a table).", OUTPUT)
    ] = None
    output: Annotated[
        Path | None,
        option("-o --output FILE", "Output file, such as out.csv or out.json.", OUTPUT),
    ] = None
    json: Annotated[bool, option("--json", "The same as --format json.", OUTPUT)] = False
    explain: Annotated[bool, option("--explain", "Explain the columns and how to read them.", OUTPUT)] = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        _ = self.chosen
        check_output(self.output)

    @property
    def chosen(self) -> Format | Picture:
        """The format of the answer."""
        return format_of(self.asked, self.output, endings=self.endings)

    @property
    def picture(self) -> Picture | None:
        """The kind of picture or page; None if the answer is text."""
        return None if isinstance(self.chosen, Format) else self.chosen

    @property
    def asked(self) -> Format | None:
        """The format that is asked for, whatever the file ends in."""
        if self.json and self.format not in (None, Format.JSON):
            raise UsageError(f"--json and --format {self.format} are two formats", "leave one of them out")
        return Format.JSON if self.json else self.format

    @property
    def notes(self) -> Notes:
        """What is said on stderr."""
        return Notes(self.quiet)

    def keep(self, *inputs: str | Path | None) -> None:
        """Raise UsageError if the output file is one of the files that the command reads."""
        paths = [Path(path) for path in (self.output, *inputs) if path is not None and Path(path).exists()]
        if self.output in paths and any(path.samefile(self.output) for path in paths[1:]):
            raise UsageError(f"{self.output} is read: the answer would replace it", "give another file with -o")

    def beside(self, path: Path) -> Answer:
        """Return the answer that a further file gets, CSV unless its ending says otherwise."""
        return Answer(None if path.suffix else Format.CSV, path, quiet=self.quiet)

    def show(self, view: View, *, what: str = "") -> None:
        """Write a view to stdout or the file, and say so if it is a file; `what` says what is in it."""
        assert isinstance(self.chosen, Format)
        write(view, self.chosen, self.output, explain=self.explain)
        if self.explain and self.chosen not in (Format.TABLE, Format.MD):
            self.notes.say(*(f"{header}: {legend}" for header, legend in view.legend.items()), *view.explanation)
        self._wrote(what)

    def save(self, content: str | bytes, *, what: str = "") -> None:
        """Write a picture or a page to the file, and say so."""
        assert self.output is not None
        write_file(self.output, content)
        self._wrote(what)

    def next(self, command: str) -> None:
        """Say what to type next, to a person who reads the answer."""
        if self.chosen is Format.TABLE and self.output is None:
            self.notes.say(f"next: {command}")

    def _wrote(self, what: str) -> None:
        if self.output is not None:
            self.notes.say(f"wrote {self.output}" + (f": {what}" if what else ""))


@dataclass(frozen=True)
class PictureAnswer(Answer):
    """The answer of a command that draws: the ending of the file may ask for a picture, too."""

    endings = PICTURES
    output: Annotated[
        Path | None, option("-o --output FILE", "Output file, such as out.png, .svg, .pdf, .csv or .json.", OUTPUT)
    ] = None
    dark: Dark = False
    size: Size = None
    dpi: Dpi = None

    def __post_init__(self) -> None:
        ending = "" if self.output is None else self.output.suffix[1:].lower()
        if ending in PAGES and ending not in {**self.endings, **ENDINGS} and self.asked is None:
            raise UsageError(
                f"{self.output}: this answer is not a page",
                "embedcli report writes a page of all results, embedcli map one to search in; "
                f"or end it in .{', .'.join(self.endings)}",
            )
        super().__post_init__()
        _ = self.style

    @property
    def style(self) -> Style:
        """How to draw; UsageError if what is asked for has no meaning for this answer, or is out of range."""
        asked = [f"--{name}" for name in ("dark", "size", "dpi") if getattr(self, name) not in (False, None)]
        if asked and self.picture in (None, Picture.HTML):
            what = "a page, which follows the browser" if self.picture else "an answer that is not a picture"
            hint = f"leave {'it' if len(asked) == 1 else 'them'} out, or write a picture: -o FILE.png"
            raise UsageError(f"{' and '.join(asked)}: not for {what}", hint)
        if self.dpi is not None and self.picture is not Picture.PNG:
            raise UsageError(f"--dpi: a .{self.picture} has no pixels", "leave it out, or end the file in .png")
        size = None if self.size is None else size_of(self.size)
        style = Style(self.dark, size, DPI if self.dpi is None else self.dpi)
        if not LEAST_DPI <= style.dpi <= MOST_DPI:
            raise UsageError(f"--dpi {style.dpi} is not from {LEAST_DPI} to {MOST_DPI}", f"leave it out for {DPI}")
        if size is not None:
            style.checked(size)
        return style


@dataclass(frozen=True)
class PageAnswer(PictureAnswer):
    """The answer of a command that also writes pages."""

    endings = PAGES
    output: Annotated[
        Path | None,
        option("-o --output FILE", "Output file, such as out.png, .svg, .pdf, .html, .csv or .json.", OUTPUT),
    ] = None


def size_of(text: str) -> tuple[float, float]:
    """Return the (width, height) of a size in inches, such as 8x6; UsageError if it is not one."""
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", text.replace(" ", "").lower())
    size = None if parts is None else (float(parts[1]), float(parts[2]))
    if size is None or not all(least <= side <= MOST for side, least in zip(size, LEAST, strict=True)):
        least = "x".join(f"{side:g}" for side in LEAST)
        raise UsageError(
            f"--size {text!r} is not a size from {least} to {MOST:g}x{MOST:g} inches",
            "give width and height, such as 8x6",
        )
    return size

"""How a command gives its answer: in which format, where to, and what it says of that on stderr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from embedcli.cli.command import OUTPUT, option
from embedcli.cli.notes import Notes
from embedcli.cli.options import Quiet
from embedcli.errors import UsageError
from embedcli.render.output import ENDINGS, PICTURES, Format, Picture, check_output, format_of, write, write_file

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
    explain: Annotated[bool, option("--explain", "Explain the columns and how to read them.", OUTPUT)] = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        _ = self.chosen
        check_output(self.output)

    @property
    def chosen(self) -> Format | Picture:
        """The format of the answer."""
        return format_of(self.format, self.output, endings=self.endings)

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
    """The answer of a command that draws: the ending of the file may ask for a picture or a page, too."""

    endings = PICTURES

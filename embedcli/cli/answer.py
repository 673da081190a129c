"""How a command gives its answer: in which format, where to, and what it says of that on stderr."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedcli.cli.notes import Notes
from embedcli.render.output import Format, check_output, format_of, write, write_file

if TYPE_CHECKING:
    from embedcli.render.view import View


@dataclass(frozen=True)
class Answer:
    """What the options --format, -o and -q ask for."""

    format: Format
    output: Path | None
    notes: Notes

    @classmethod
    def to(cls, output: Path | None, format: Format | None, quiet: bool, *, default: Format = Format.TABLE) -> Answer:
        """Check the options, before any time is spent on the answer; UsageError if they do not fit one another."""
        chosen = format_of(format, output, default)
        check_output(output)
        return cls(chosen, output, Notes(quiet))

    @property
    def is_read(self) -> bool:
        """Whether the answer is a table on stdout, for a person."""
        return self.format is Format.TABLE and self.output is None

    def show(self, view: View, *, what: str = "") -> None:
        """Write a view where it is asked for, and say so if that is a file; `what` says what is in it."""
        write(view, self.format, self.output)
        self._wrote(what)

    def save(self, content: bytes, *, what: str = "") -> None:
        """Write a picture or a page to the file that is asked for, and say so."""
        assert self.output is not None
        write_file(self.output, content)
        self._wrote(what)

    def next(self, command: str) -> None:
        """Say what to type next, to a person who reads the answer."""
        if self.is_read:
            self.notes.say(f"next: {command}")

    def _wrote(self, what: str) -> None:
        if self.output is not None:
            self.notes.say(f"wrote {self.output}" + (f": {what}" if what else ""))

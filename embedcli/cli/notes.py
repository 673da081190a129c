"""What is said on stderr while a command works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedcli.cli.flags import flags
from embedcli.cli.live import above, write
from embedcli.progress import stage
from embedcli.terminal import plain

if TYPE_CHECKING:
    from embedcli.analysis.choices import Measure
    from embedcli.data.read_options import Note, Progress


@dataclass(frozen=True)
class Notes:
    """Lines for the user on stderr, or none of them with --quiet."""

    quiet: bool = False

    def say(self, *lines: str) -> None:
        """Print lines, whatever is in them; if stderr is closed, full or gone, the work goes on without it."""
        if not self.quiet:
            with above():
                write("".join(f"{plain(line)}\n" for line in lines))

    def say_of_library(self, *lines: str) -> None:
        """Print lines of the library, with the options of the command line for its parameters."""
        self.say(*map(flags, lines))

    @contextmanager
    def fetching(self) -> Iterator[tuple[Note, Progress]]:
        """Give what reading reports to: lines for the user, and how far it is."""
        with stage("reading") as reading:

            def on_progress(what: str, done: int, total: int) -> None:
                name = what.replace("\\", "/").split("/")[-1]
                reading.become(f"reading {name}" if name.isascii() and name.isprintable() else "reading ratings")
                reading.move(done, total if done else 0)  # 0 of a source that tells nothing until it is done

            yield self.say_of_library, on_progress


def say_measure(notes: Notes, asked: str | None, by: Measure) -> None:
    """Say that the neighbours of a run without user factors are not identified, unless the measure was asked for."""
    from embedcli.render.similar import UNIDENTIFIED

    if asked is None and by is by.COSINE:
        notes.say(f"note: the run has no user factors, and {UNIDENTIFIED}")

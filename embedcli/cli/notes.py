"""What is said on stderr while a command works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedcli.cli.flags import flags
from embedcli.terminal import plain

if TYPE_CHECKING:
    from rich.progress import TaskID

    from embedcli.analysis.choices import Measure
    from embedcli.data.read_options import Note, Progress


@dataclass(frozen=True)
class Notes:
    """Lines for the user on stderr, or none of them with --quiet."""

    quiet: bool = False

    def say(self, *lines: str) -> None:
        """Print lines, whatever is in them; if stderr is closed, full or gone, the work goes on without it."""
        if self.quiet or not lines or sys.stderr is None:  # print(file=None) would print to stdout
            return
        try:
            print(*map(plain, lines), sep="\n", file=sys.stderr, flush=True)
        except OSError:
            with suppress(OSError):
                sys.stderr.close()  # what could not be written must not be tried again when Python exits
            sys.stderr = None

    def say_of_library(self, *lines: str) -> None:
        """Print lines of the library, with the options of the command line for its parameters."""
        self.say(*map(flags, lines))

    @contextmanager
    def fetching(self) -> Iterator[tuple[Note, Progress]]:
        """Give what a download reports to: lines, and a bar where stderr is a terminal."""
        if self.quiet or sys.stderr is None or not sys.stderr.isatty():
            yield self.say_of_library, lambda what, done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        bars = Bars(*columns, console=Console(stderr=True), transient=True)
        tasks: dict[str, TaskID] = {}

        def on_progress(what: str, done: int, total: int) -> None:
            bars.start()
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None)
            # a source that tells nothing until it is done shows a moving bar
            bars.update(tasks[what], completed=done, total=total if done else None)

        def on_note(line: str) -> None:
            bars.stop()
            tasks.clear()
            self.say_of_library(line)

        try:
            yield on_note, on_progress
        finally:
            bars.stop()


def say_measure(notes: Notes, asked: str | None, by: Measure) -> None:
    """Say that the neighbours of a run without user factors are not identified, unless the measure was asked for."""
    from embedcli.render.similar import UNIDENTIFIED

    if asked is None and by is by.COSINE:
        notes.say(f"note: the run has no user factors, and {UNIDENTIFIED}")

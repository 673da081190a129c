"""The live line: on a terminal, the stage that is being worked on, the share that is done, and the time left.

One line at the end of stderr, drawn by a thread and taken away before anything else is written. It needs neither
colors, nor escape codes, nor a hidden cursor, so whatever ends the program leaves the terminal in order. rich.progress
does: it hides the cursor, and loading it takes longer than one hundredth of a training on MovieLens 100K.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from embedcli import progress
from embedcli.terminal import drawable

EVERY = 0.25  # seconds
PATIENCE = 0.5  # seconds that the work goes on before it is shown
SURE, SURE_SHARE, LONG = 1.0, 0.05, 20.0  # seconds and share of a stage from which on its time left is told, or seconds
LONGEST_BAR, SHORTEST_BAR = 30, 6  # columns
LEFT, TOLD = "0:00 left", "100%, 0:00 left"  # what room is kept for
FULL, EMPTY = "\u2588", "\u00b7"
KEYS = 2  # columns of the ^C that a terminal shows
_lock = threading.RLock()  # whoever writes to stderr has it
_n_drawn = 0  # columns


@contextmanager
def live(*, quiet: bool = False) -> Iterator[None]:
    """Show the stages of the work while a command runs, if stderr is a terminal."""
    if quiet or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    is_over = threading.Event()

    def show() -> None:
        while not is_over.wait(EVERY):
            with _lock:
                if not is_over.is_set():
                    draw()

    def end() -> None:
        with _lock:
            is_over.set()
            hide()

    with progress.shown(end):
        threading.Thread(target=show, daemon=True).start()
        yield


@contextmanager
def above() -> Iterator[None]:
    """Let other lines be written to stderr, above the live line."""
    with _lock:
        hide()
        yield


def draw() -> None:
    """Draw the stages that are open."""
    global _n_drawn
    stages = progress.stages()
    if stages and monotonic() - stages[0].began >= PATIENCE and _is_ours():
        text = line(stages, _columns() - 1 - KEYS)
        write("\r" + text.ljust(_n_drawn))
        _n_drawn = max(len(text), _n_drawn)


def hide() -> None:
    """Take the live line away."""
    global _n_drawn
    with _lock:
        if _n_drawn:
            write("\r" + " " * (_n_drawn + KEYS) + "\r")
            _n_drawn = 0


def write(text: str) -> None:
    """Write to stderr; if it is closed, full or gone, the work goes on without it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        with suppress(OSError):
            sys.stderr.close()  # what could not be written must not be tried again when Python exits
        sys.stderr = None


def line(stages: list[progress.Stage], columns: int) -> str:
    """Return the live line: name, bar, share done and time left of the innermost stage, and time left of all."""
    name = stages[-1].name
    first = next(j for j, stage in enumerate(stages) if stage.name == name)  # several may make up one
    share, left = _told(stages, first)
    room, whole = columns - len(name) - len(TOLD) - 4, ""
    outer = next((j for j in range(first) if stages[j].total), None)
    if outer is not None and room - len(of_all := f"; {stages[outer].name} {LEFT}") >= SHORTEST_BAR:
        room, whole = room - len(of_all), f"; {stages[outer].name} {_told(stages, outer)[1] or '...'}"
    bar = ""
    if share is not None and room >= SHORTEST_BAR:
        n = min(room, LONGEST_BAR)
        bar = FULL * int(share * n) + EMPTY * (n - int(share * n)) + "  "
    told = ", ".join(filter(None, ("" if share is None else f"{share:.0%}", left))) + whole
    text = f"{name[: max(columns - len(told) - 2, 0)]}  {bar}{told}"
    return drawable(text, getattr(sys.stderr, "encoding", None) or "ascii")[: max(columns, 0)]


def _told(stages: list[progress.Stage], number: int) -> tuple[float | None, str]:
    """Return the share of a stage that is done, and the time left, or how long it takes already."""
    own, *within = stages[number:]
    share, seconds = own.share(*within), monotonic() - own.began
    if share is None:
        return None, _clock(seconds)
    is_sure = (seconds >= SURE and share >= SURE_SHARE) or (seconds >= LONG and share > 0)
    return share, f"{_clock(seconds * (1 - share) / share)} left" if is_sure else ""


def _clock(seconds: float) -> str:
    """Write seconds as 0:07, or from an hour on as 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, of_hour = divmod(minutes, 60)
    return f"{hours}:{of_hour:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _columns() -> int:
    """Return the width of the terminal that stderr is."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def _is_ours() -> bool:
    """Tell whether this program has the terminal; in the background it would write into what the user types."""
    try:
        return sys.stderr is not None and (
            not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
        )
    except (OSError, ValueError):
        return True

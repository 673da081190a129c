"""How far the work is: what takes time opens a stage here, and the command line shows it on a terminal.

    with stage("posterior draws", n_sweeps):
        for _ in range(n_sweeps):
            ...
            step()

A stage has parts if it tells how much of its total the stages within it are, by their names. From Python nothing is
shown, and a stage costs microseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

_stages: list[Stage] = []  # that are open, the innermost last
_lock = threading.Lock()
_on_end: list[Callable[[], None]] = []


class Stage:
    """A part of the work: its name, its total, and how much of it is done."""

    def __init__(
        self, name: str, total: float, count: Callable[[], float] | None, parts: Mapping[str, float] | None
    ) -> None:
        self.parts = parts or {}
        self.name, self.total, self.began = name, total or sum(self.parts.values()), monotonic()
        self._done, self._count = 0.0, count

    def share(self, *within: Stage) -> float | None:
        """Return the share that is done, given the open stages within this one; None if it is not known."""
        if not self.total:
            return None
        done = self._done + (self._count() if self._count else 0)
        if within:
            done += self.parts.get(within[0].name, 0) * (within[0].share(*within[1:]) or 0)
        return min(done / self.total, 1.0)

    def add(self, n: float) -> None:
        """Say that n more of the total are done, from any thread."""
        with _lock:
            self._done += n

    def become(self, name: str) -> None:
        """Go on under another name, as a stage that begins now; nothing if it has that name."""
        if name != self.name:
            self.name, self.began = name, monotonic()

    def move(self, done: float, total: float) -> None:
        """Say how much is done, of a total that is 0 if it is not known."""
        self._done, self.total = done, total


@contextmanager
def stage(
    name: str,
    total: float = 0,
    *,
    count: Callable[[], float] | None = None,
    parts: Mapping[str, float] | None = None,
) -> Iterator[Stage]:
    """Open a stage with a total, 0 if it is not known, by default the sum of its parts.

    `count` returns, at any time and in any thread, what is done besides the steps.
    """
    own, around = Stage(name, total, count, parts), _stages[-1] if _stages else None
    _stages.append(own)
    try:
        yield own
    finally:
        _stages.remove(own)
        if around is not None:
            around.add(around.parts.get(own.name, 0))


def step(n: float = 1) -> None:
    """Say that n more of the total of the innermost stage are done, if a stage is open."""
    if _stages:
        _stages[-1].add(n)


def stages() -> list[Stage]:
    """Return the stages that are open, the innermost last."""
    return [*_stages]


def share() -> float:
    """Return the share of the outermost stage that is done, 0 if it is not known."""
    open_now = stages()
    return (open_now[0].share(*open_now[1:]) or 0.0) if open_now else 0.0


@contextmanager
def shown(end: Callable[[], None]) -> Iterator[None]:
    """Let somebody show the stages on a terminal, until `end` is called."""
    _on_end.append(end)
    try:
        yield
    finally:
        _on_end.remove(end)
        end()


def end() -> None:
    """Show no more stages: something else is written to the terminal, such as the answer, or a question."""
    for call in _on_end:
        call()

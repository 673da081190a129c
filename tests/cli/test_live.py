"""The live line on a terminal: what is seen while a command works, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")  # not on Windows
fcntl, termios, struct = (pytest.importorskip(name) for name in ("fcntl", "termios", "struct"))

WORK = """
import time
from embedcli.cli import app, command, notes
from embedcli.progress import stage, step
from embedcli.terminal import print_out
from pathlib import Path

@command.command(short_help="Work.")
def work(*, quiet: bool = False) -> None:
    with stage("whole", parts={"posterior draws": 2}), stage("posterior draws", 4):
        step()
        notes.Notes(quiet).say("first line")
        while not Path("go").exists():
            time.sleep(0.02)
        notes.Notes(quiet).say("second line")
        print_out("answer")
        time.sleep(0.6)
    Path("done").touch()

app()
"""
Start = Callable[..., "Terminal"]


class Terminal:
    """A program in a pseudo-terminal of some columns."""

    def __init__(self, *args: str, columns: int = 80, before: str = "pass", **env: str) -> None:
        self.shown, (self.own, theirs) = "", pty.openpty()
        fcntl.ioctl(self.own, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        begin = "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        begin += "signal.signal(signal.SIGINT, signal.SIG_DFL); "  # a job in the background has it ignored
        command = f"{begin}{before}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        self.program = subprocess.Popen(
            [sys.executable, "-c", command, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm"} | env,
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        """Read until a text is shown."""
        while text not in self.shown:
            self.shown += os.read(self.own, 4096).decode()

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self.own, keys.encode())

    def close(self) -> None:
        """Close the terminal, if it is open."""
        if self.own >= 0:
            os.close(self.own)
        self.own = -1

    def end(self) -> int:
        """Read until the program ends, and return its exit code."""
        with suppress(OSError):  # EIO: nobody has the terminal any more
            while part := os.read(self.own, 4096):
                self.shown += part.decode()
        return self.program.wait()

    @property
    def screen(self) -> list[str]:
        """The lines that are seen; DESIGN allows the live line nothing but carriage returns."""
        assert "\x1b" not in self.shown
        lines = [""]
        for piece in self.shown.replace("\r\n", "\n").split("\n"):
            for part in piece.split("\r"):
                lines[-1] = part + lines[-1][len(part) :]
            lines.append("")
        return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs in terminals; they are killed at the end."""
    terminals: list[Terminal] = []
    Path("work.py").write_text(WORK)

    def begin(*args: str, **options: str) -> Terminal:
        terminals.append(Terminal(*(args or ("work.py", "work")), **options))  # type: ignore[arg-type]
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.program.kill()
        terminal.program.wait()
        terminal.close()


def test_lines_and_answer_stand_above_nothing(start: Start) -> None:
    """The stage is shown while it goes on; lines stand above it, and the answer and the end leave nothing of it."""
    terminal = start()
    terminal.until("25%")
    assert terminal.screen[:1] == ["first line"]
    assert terminal.screen[-1].startswith("posterior draws  ███")
    Path("go").touch()
    assert terminal.end() == 0
    assert terminal.screen == ["first line", "second line", "answer"]
    assert Path("done").exists()


@pytest.mark.parametrize("keys", ["\x03", "SIGTERM"])
def test_an_end_leaves_the_terminal_clean(start: Start, keys: str) -> None:
    """Ctrl-C leaves one error and its hint, no part of the line; a kill leaves the cursor visible and no traceback."""
    terminal = start()
    terminal.until("25%")
    if keys == "SIGTERM":
        terminal.program.terminate()
        assert terminal.end() == -signal.SIGTERM
        assert len(terminal.screen) == 2
        return
    terminal.type(keys)
    assert terminal.end() == 130
    first, error, hint = terminal.screen
    assert (first, error) == ("first line", "error: interrupted")
    assert hint.startswith("hint: no file is left half-written")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_ends_the_program_or_is_gone(start: Start, ignored: bool) -> None:
    """A closed terminal ends the program at once; one that ignores that goes on to its end without a terminal."""
    nohup = "signal.signal(signal.SIGHUP, signal.SIG_IGN); os.dup2(os.open('out', os.O_CREAT | os.O_WRONLY), 1)"
    terminal = start(before=nohup if ignored else "pass")
    terminal.until("25%")
    terminal.close()
    Path("go").touch()
    assert terminal.program.wait(60) == (0 if ignored else -signal.SIGHUP)
    assert Path("done").exists() is ignored
    assert not ignored or Path("out").read_text() == "answer\n"


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (("work.py", "work", "--quiet"), {}),
        (("work.py", "work"), {"TERM": "dumb"}),
        (("-c", f"import os; os.tcgetpgrp = lambda terminal: 1\n{WORK}", "work"), {}),
    ],
)
def test_no_line_if_it_is_not_wanted(start: Start, args: tuple[str, ...], env: dict[str, str]) -> None:
    """--quiet, a terminal that can do nothing, and a program in the background, where somebody types, get no line."""
    terminal = start(*args, **env)
    Path("go").touch()
    assert terminal.end() == 0
    assert "posterior" not in terminal.shown
    assert terminal.screen[-1] == "answer"


def test_no_line_in_a_pipe() -> None:
    """A pipe gets the lines alone."""
    Path("work.py").write_text(WORK)
    Path("go").touch()
    result = subprocess.run([sys.executable, "work.py", "work"], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("answer\n", "first line\nsecond line\n")


def test_a_training_leaves_its_lines(start: Start, made_files: Path) -> None:
    """The table of epochs and the lines of stages of a training stay whole, and nothing else stays."""
    terminal = start(
        "-m",
        "embedcli",
        "train",
        str(made_files),
        *["--engine", "torch", "--members", "1", "--epochs", "3", "--folds", "0", "--draws", "0", "-o", "out.json"],
    )
    assert terminal.end() == 0
    shown = "\n".join(terminal.screen)
    assert "left" not in shown
    words = [line.split()[0] for line in terminal.screen if line.strip()]
    assert words[words.index("epoch") :][:4] == ["epoch", "1", "2", "3"]

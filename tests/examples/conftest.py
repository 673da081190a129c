"""What the tests of the examples share: scripts that import each other, and no network."""

from __future__ import annotations

import runpy
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def help_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Return a function that runs a script as a program with --help, and returns what it shows."""

    def shown(name: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        assert left.value.code == 0
        return capsys.readouterr().out

    return shown


@pytest.fixture(scope="module", autouse=True)
def _examples_without_network() -> Iterator[None]:
    """Let scripts be imported as they import each other, and fail where one opens a connection."""

    def refuse(*args: object, **options: object) -> NoReturn:
        raise AssertionError("an example uses the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield

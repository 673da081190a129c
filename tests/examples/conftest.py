"""What the tests of the examples share: scripts that import each other, and no network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


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

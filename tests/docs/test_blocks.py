"""The blocks of the documentation run, and what they show is what their commands print."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pages
import pytest
from conftest import Invoke
from pages import NAMES, Session

import embedcli as library


@dataclass(frozen=True)
class Reading:
    """What came of reading all pages: what each command printed, and where."""

    printed: dict[Session, str]
    folder: Path


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """Run every console block on a planted world that goes by the name of MovieLens 100K."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch, pages.settings():
        pages.have_planted_world(folder.parent, patch)
        yield Reading(dict(pages.played(pages.invoke_here(), folder)), folder)


@pytest.fixture(scope="module")
def real_reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """Run every console block on MovieLens 100K; skip, with the reason, where it cannot be had by its name."""
    folder = tmp_path_factory.mktemp("real")
    with pages.settings():
        try:
            library.load_ratings("ml-100k")
        except library.EmbedcliError as error:
            pytest.skip(f"the pages show MovieLens 100K, which cannot be had here: {error}")
        return Reading(dict(pages.played(pages.invoke_here(), folder)), folder)


def test_every_console_block_runs(reading: Reading) -> None:
    """Every command of the pages runs, in the order in which a reader types them."""
    assert len(reading.printed) >= 20


@pytest.mark.real_data
@pytest.mark.parametrize("page", [name for name in NAMES if any(session.shown for session in pages.sessions(name))])
def test_blocks_show_what_is_printed(real_reading: Reading, page: str) -> None:
    """What a page shows is what its commands print, but for figures that differ between machines."""
    for session, printed in real_reading.printed.items():
        if session.page == page and session.shown.strip():
            texts = (re.sub(r"[\d.]+", "0", text).split() for text in (session.shown, printed))
            ratio = difflib.SequenceMatcher(None, *texts, autojunk=False).ratio()
            assert ratio > 0.85, f"{session.command}\n{printed}\nrun: python tests/pages.py"


@pytest.mark.parametrize("page", [name for name in NAMES if pages.PYTHON.search(pages.read(name))])
def test_python_blocks_run(reading: Reading, page: str) -> None:
    """The Python blocks of a page run, one after another, in the folder that the README leaves."""
    tree = ast.parse(pages.code(page), str(pages.PAGES[page]))
    with chdir(reading.folder):
        exec(compile(tree, str(pages.PAGES[page]), "exec"), {})


def test_what_the_pages_show_is_written_again(embedcli: Invoke) -> None:
    """A page is written with what its commands print now; a command whose output is not shown stays without."""
    answers = dict.fromkeys(pages.sessions("usage"), "new\n")
    text = pages.written("usage", answers)
    assert text.count("\nnew\n") == sum(bool(session.shown.strip()) for session in answers)
    assert pages.BLOCK.sub("", text) == pages.BLOCK.sub("", pages.read("usage"))
    with pytest.raises(AssertionError, match="there is no run"):
        pages.printed("embedcli biases --run no-such", embedcli)

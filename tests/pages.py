"""The pages of the documentation: their blocks, run as a reader runs them, and written again with what is printed.

    python tests/pages.py

runs the console blocks of all pages on MovieLens 100K and puts what they print into the pages. A command whose output
is not shown stays without; a block marked `console slow` is run here, and not by the tests.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from conftest import Invoke
from planted import make_world, write_movielens
from typer.testing import CliRunner

from embedcli.data import catalog
from embedcli.data.fetch import sha256_of

ROOT = Path(__file__).parents[1]
NAMES = ("README", "usage", "methods", "run-format", "architecture", "python-api", "scale", "CONTRIBUTING")
PAGES = {name: ROOT / f"{name}.md" if name == "README" else ROOT / "docs" / f"{name}.md" for name in NAMES}
SETTINGS = {"COLUMNS": "100", "NO_COLOR": "1"}  # what the pages show is printed with these
BLOCK = re.compile(r"^```console( slow)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ASKED = {49: "Star Wars (1977)", 69: "Casablanca (1942)", 79: "Titanic (1997)", 99: "Fargo (1996)"}  # by the pages
KEPT = ("runs/ml-100k", "ratings.csv", "books.csv", "vectors.npz")  # what every page but README starts with


@dataclass(frozen=True)
class Session:
    """A command of a page, and what the page shows it to print; empty if nothing is shown."""

    page: str
    number: int  # of the command on its page
    command: str
    shown: str
    is_slow: bool


def read(page: str) -> str:
    """Return the text of a page."""
    return PAGES[page].read_text(encoding="utf-8")


def sessions(page: str) -> list[Session]:
    """Return the commands of the console blocks of a page, in their order."""
    found: list[Session] = []
    for slow, block in BLOCK.findall(read(page)):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append(Session(page, len(found), command, shown, bool(slow)))
    return found


def code(page: str) -> str:
    """Return the Python blocks of a page, one after another, each on the line where it stands."""
    text, lines = read(page), [""] * (read(page).count("\n") + 1)
    for match in PYTHON.finditer(text):
        first = text[: match.start(1)].count("\n")
        block = match[1].split("\n")
        lines[first : first + len(block)] = block
    return "\n".join(lines)


def printed(command: str, invoke: Invoke) -> str:
    """Run a command of a page in this process and return what a terminal shows of it.

    `| head -n N` behind a command cuts what is printed. AssertionError if the command fails.
    """
    words = shlex.split(command, comments=True)
    n_lines = int(words[-1]) if "|" in words else None
    if "|" in words:
        words, cut = words[: words.index("|")], words[words.index("|") + 1 :]
        assert cut[:2] == ["head", "-n"], command
    assert words[0] == "embedcli", command
    with mock.patch("sys.argv", words):  # a run keeps the command that it was made by
        result = invoke(*words[1:])
    assert result.exit_code == 0 or words[1:3] == ["data", "check"], (command, result.output)
    said, answer = result.stderr.splitlines(), result.stdout.splitlines()
    last = [line for line in said if line.startswith("next: ")]  # which a terminal shows below the answer
    lines = [*(line for line in said if line not in last), *answer, *last]
    return "".join(line.rstrip() + "\n" for line in lines[:n_lines])


def played(invoke: Invoke, folder: Path, *, slow: bool = False) -> Iterator[tuple[Session, str]]:
    """Run the console blocks of all pages in a folder, README first, and yield what each command prints.

    Every page but README starts with the run that README's first command trains, and a small data set of one's own.
    """
    write_own_data(folder)
    for page in NAMES:
        with chdir(folder):
            for session in sessions(page):
                if slow or not session.is_slow:
                    yield session, printed(session.command, invoke)
        kept = {folder / name for name in KEPT}
        for path in (*folder.iterdir(), *(folder / "runs").iterdir()):
            if path not in kept and path != folder / "runs":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_own_data(folder: Path, n_users: int = 60, n_items: int = 40) -> None:
    """Write ratings.csv, books.csv and vectors.npz, the reader's own data of the pages."""
    ratings = make_world().ratings
    kept = (ratings.user < n_users) & (ratings.item < n_items)
    columns = (ratings.user[kept], ratings.item[kept], ratings.value[kept])
    rows = [f"u{user},{item:04},{value:g}" for user, item, value in zip(*columns, strict=True)]
    (folder / "ratings.csv").write_text("\n".join(["user_id,book_id,rating", *rows, ""]), encoding="utf-8")
    genres = ("Crime", "Poetry")
    books = [f"{item:04},Book {item},{1950 + item},{genres[item % 2]}" for item in range(n_items)]
    (folder / "books.csv").write_text("\n".join(["book_id,title,year,genres", *books, ""]), encoding="utf-8")
    vectors = np.random.default_rng(0).normal(size=(n_items, 8)).astype(np.float32)
    np.savez(folder / "vectors.npz", vectors=vectors, ids=[f"{item:04}" for item in range(n_items)])


def have_planted_world(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have the name ml-100k mean a planted world, with the titles that the pages ask for, in a cache of its own."""
    ratings = make_world().ratings
    titles = tuple(ASKED.get(row, title) for row, title in enumerate(ratings.items.titles))
    files = write_movielens(folder / "made", replace(ratings, items=replace(ratings.items, titles=titles)))
    archive = folder / "cache" / "ml-100k.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for path in files.iterdir():
            file.write(path, f"ml-100k/{path.name}")
    source = replace(catalog.ML_100K.sources[0], file=archive.name, sha256=sha256_of(archive))
    patch.setitem(catalog.CATALOG, "ml-100k", replace(catalog.ML_100K, sources=(source,)))
    patch.setenv("EMBEDCLI_DATA", str(archive.parent))


@contextmanager
def settings() -> Iterator[None]:
    """Have the environment that the pages are written in."""
    with mock.patch.dict(os.environ, SETTINGS):
        for name in ("EMBEDCLI_RUN", "FORCE_COLOR"):
            os.environ.pop(name, None)
        yield


def invoke_here() -> Invoke:
    """Return a function that runs a command line in this process."""
    from embedcli.cli import app

    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words))


def written(page: str, answers: dict[Session, str]) -> str:
    """Return the text of a page with what its commands print now, where the page shows anything."""
    waiting = iter(sessions(page))

    def block(match: re.Match[str]) -> str:
        lines = ""
        for _ in re.findall(r"^\$ ", match[2], re.MULTILINE):
            session = next(waiting)
            lines += f"$ {session.command}\n"
            if session.shown.strip():
                lines += answers[session].strip("\n") + "\n" * (2 if session.shown.endswith("\n\n") else 1)
        return f"```console{match[1] or ''}\n{lines}```"

    return BLOCK.sub(block, read(page))


def main() -> None:
    """Write all pages again."""
    with settings(), tempfile.TemporaryDirectory() as folder:
        answers = dict(played(invoke_here(), Path(folder), slow=True))
        for page in NAMES:
            text = written(page, answers)
            if text != read(page):
                PAGES[page].write_text(text, encoding="utf-8")
                print(f"wrote {PAGES[page].relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()

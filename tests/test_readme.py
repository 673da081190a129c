"""The README tells the truth: its commands run, and what it shows is what they print."""

from __future__ import annotations

import difflib
import re
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Invoke

from embedcli.cli import app
from embedcli.data import catalog
from embedcli.data.fetch import sha256_of
from embedcli.data.ratings import Ratings

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


def sessions() -> list[tuple[str, str]]:
    """Return (command, what the README shows it to print) of the console blocks, in their order."""
    parts = [part for block in BLOCKS for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


@pytest.fixture
def made_catalog(made_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the name ml-100k mean the planted world, in the cache already."""
    cache = tmp_path / "cache"
    cache.mkdir()
    archive = cache / "made.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in made_files.iterdir():
            file.write(path, f"ml-100k/{path.name}")
    source = replace(catalog.ML_100K.sources[0], file=archive.name, sha256=sha256_of(archive))
    monkeypatch.setitem(catalog.CATALOG, "ml-100k", replace(catalog.ML_100K, sources=(source,)))


def run_sessions(embedcli: Invoke) -> list[tuple[str, str, str]]:
    """Run the README's console blocks one after another -> (command, shown, printed)."""
    found = []
    for command, shown in sessions():
        program, *arguments = shlex.split(command, comments=True)
        assert program == "embedcli"
        result = embedcli(*arguments)
        assert result.exit_code == 0, (command, result.stderr)
        found.append((command, shown, result.output))
    return found


@pytest.mark.usefixtures("made_catalog")
def test_every_console_block_runs(embedcli: Invoke) -> None:
    """Every command of the README runs, in the order they stand in, from an empty folder."""
    assert len(run_sessions(embedcli)) >= 5


@pytest.mark.real_data
def test_blocks_show_what_is_printed(
    embedcli: Invoke, movielens: Ratings, made_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the README shows is what its commands print, but for figures that differ between machines."""
    monkeypatch.setattr("embedcli.data.loading.load", lambda *_, **__: movielens)
    for command, shown, printed in run_sessions(embedcli):
        if not shown.strip():
            continue
        kept = [
            [re.sub(r"[\d.]+", "0", line).split() for line in text.splitlines() if line] for text in (shown, printed)
        ]
        words = [[word for line in text for word in line] for text in kept]
        assert difflib.SequenceMatcher(None, *words, autojunk=False).ratio() > 0.85, (command, printed)


def commands() -> list[str]:
    """Return every command there is, as it is typed."""
    names = [f"embedcli {command.name or command.callback.__name__}" for command in app.registered_commands]  # type: ignore[union-attr]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names += [f"embedcli {group.name} {command.name}" for command in group.typer_instance.registered_commands]
    return names


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    """Every command stands in the README."""
    assert command in README


@pytest.mark.parametrize("command", commands())
def test_help_begins_with_examples_that_are_right(command: str, embedcli: Invoke) -> None:
    """Every command's help shows examples, and every option in them is one it has."""
    shown = embedcli(*command.split()[1:], "--help").stdout
    examples, _, options = shown.partition("Options:")
    assert "Examples:" in examples
    for line in examples.splitlines():
        if line.strip().startswith(command):
            for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line):
                assert option in options, (line, option)

"""Titles that are too long for a line, such as those of a shop, in every table that has titles."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice

import pytest
from conftest import Invoke
from rich.cells import cell_len

from embedcli.run.record import Run
from embedcli.run.store import save

ELLIPSIS = "\u2026"
KINDS = (
    "Stainless steel bottle with straw, one litre, ",
    "\u8d85\u957f\u7684\u4e2d\u6587\u6807\u9898",  # Chinese: letters of two columns, no blanks
    "\U0001f3ac\U0001f37f film ",
    "\u0641\u064a\u0644\u0645 \u0637\u0648\u064a\u0644 ",  # Arabic: from right to left
    "WithoutAnyBlank",
    "$x^2_i \\frac{a}{b} $ & % # {} [bold] ",
)
COMMANDS = {
    "biases": ("biases", "-n", "3"),
    "movers": ("biases", "--movers", "-n", "3"),
    "pca": ("pca", "--components", "2", "-n", "3"),
    "similar": ("similar", "id:1", "-n", "3"),
    "map": ("map",),
    "recommend": ("recommend", "--user", "1", "-n", "3"),
    "liked": ("recommend", "--like", "id:1", "-n", "3"),
    "predict": ("predict", "--user", "1", "--item", "id:2"),
    "explain": ("explain", "1", "id:2"),
    "axis": ("axis", "--from", "id:1", "--to", "id:2", "-n", "3"),
    "clusters": ("clusters", "--clusters", "2"),
}


def long_title(number: int, kind: str) -> str:
    """Return a title of 200 letters."""
    return f"{number} {kind * 200}"[:200].rstrip()


@pytest.fixture
def shop(trained: Run) -> list[str]:
    """Save a run whose titles all have 200 letters; return the titles."""
    titles = [long_title(number, kind) for number, kind in enumerate(islice(cycle(KINDS), len(trained.items)))]
    save(replace(trained, items=replace(trained.items, titles=tuple(titles))))
    return titles


@pytest.mark.parametrize("command", COMMANDS)
def test_long_titles(command: str, shop: list[str], embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows long titles shortened, and no line is wider than it; a pipe, CSV and JSON have them whole."""
    ids = [] if command == "explain" else ["--format", "csv"]
    for options in ([], ids, ["--format", "json"]):
        result = embedcli(*COMMANDS[command], *options)
        assert result.exit_code == 0, result.stderr
        whole = result.stdout.replace("\\\\", "\\").replace('""', '"')
        assert any(title in whole for title in shop), options
        assert ELLIPSIS not in whole
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        result = embedcli(*COMMANDS[command])
        assert result.exit_code == 0, result.stderr
        assert ELLIPSIS in result.stdout
        assert max(map(cell_len, result.stdout.splitlines())) <= width
        assert not any(title in " ".join(result.stdout.split()) for title in shop)


def test_a_long_id_is_whole(trained: Run, embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item without a title is shown by its id, however long: people type it."""
    ids = tuple(f"{number}-{'0123456789abcdef ' * 5}the-end" for number in range(len(trained.items)))
    save(replace(trained, items=replace(trained.items, ids=ids, titles=ids)))
    monkeypatch.setenv("COLUMNS", "80")
    result = embedcli("biases", "-n", "3")
    assert result.stdout.count("the-end") == 6
    assert ELLIPSIS not in result.stdout

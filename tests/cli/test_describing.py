"""Titles for a trained run, a table in a database, and the problems of a file without a valid row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke

from embedcli.data.formats import parse
from embedcli.errors import RunError
from embedcli.run import store
from embedcli.run.record import Run
from embedcli.run.store import load, problems


def items_of(run: Run) -> Path:
    """Write a table that describes the items of a run but the first, and return its path."""
    rows = [f"{identifier},Title of {identifier},{1950 + index},a|b" for index, identifier in enumerate(run.items.ids)]
    path = Path("described.csv")
    path.write_text("id,called,when,words\n" + "\n".join(rows[1:]) + "\n", encoding="utf-8")
    return path


def test_titles_for_a_run(embedcli: Invoke, saved: Run) -> None:
    """Titles, years and tags reach the items that a table describes; the others, and all numbers, stay as they are."""
    before = load(Path("runs") / saved.name)
    arrays = {name: before.arrays[name] for name in before.arrays}
    options = ("--items", items_of(saved), "--title-col", "called", "--year-col", "when", "--tag-cols", "words")
    result = embedcli("runs", "describe", saved.name, *options)
    assert result.exit_code == 0, result.stderr
    assert "title = 'called', tags = 'words', year = 'when'" in result.stderr
    assert f"runs/{saved.name}" in result.stdout
    after = load(Path("runs") / saved.name)
    assert problems(Path("runs") / saved.name) == {}
    assert [path.name for path in Path("runs").iterdir()] == [saved.name]
    assert after.items.ids == before.items.ids
    assert after.items.titles[1:] == tuple(f"Title of {own}" for own in before.items.ids[1:])
    assert (after.items.years[1], after.items.tags[1]) == (1951, ("a", "b"))
    assert (after.items.titles[0], after.items.tags[0]) == (before.items.titles[0], before.items.tags[0])
    assert (after.created, after.command) == (before.created, before.command)
    for name, array in arrays.items():
        np.testing.assert_array_equal(after.arrays[name], array)


def test_describing_needs_a_table(embedcli: Invoke, saved: Run) -> None:
    """Without a table the error says how to give one."""
    result = embedcli("runs", "describe", saved.name)
    assert result.exit_code == 2
    assert "give one with --items" in result.stderr


def test_a_run_that_cannot_be_replaced(saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a run cannot be replaced, it stays as it was."""
    folder = Path("runs") / saved.name
    rename, target = Path.rename, folder.absolute()

    def refuse(path: Path, to: Path) -> Path:
        if to == target and path.name.startswith(".unfinished-"):
            raise OSError(28, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        store.rewrite(load(folder), folder)
    assert problems(folder) == {}
    assert [path.name for path in Path("runs").iterdir()] == [saved.name]


def test_a_table_of_a_database(embedcli: Invoke) -> None:
    """`--table` names the table of a SQLite file."""
    with closing(sqlite3.connect("shop.db")) as file:
        for name in ("ratings", "old"):
            file.execute(f"CREATE TABLE {name} (user, item, rating)")
            file.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", [(1, 2, 3), (1, 3, 4), (2, 2, 5)])
        file.commit()
    result = embedcli("data", "describe", "shop.db")
    assert result.exit_code == 2
    assert "name one with --table, such as --table old" in result.stderr
    result = embedcli("data", "describe", "shop.db", "--table", "ratings")
    assert result.exit_code == 0, result.stderr
    assert "shop | 3 ratings" in result.stdout


def test_all_rows_are_bad(embedcli: Invoke) -> None:
    """`data check` lists the lines also if every row is bad; other commands say the first with what is wrong."""
    Path("bad.csv").write_text("user,item,rating\n1,2,good\n1,3,bad\n", encoding="utf-8")
    result = embedcli("data", "check", "bad.csv")
    assert result.exit_code == 1
    assert "bad.csv: 2 problems, 0 ratings can be read" in result.stdout
    assert "3  the rating is not a number  bad" in result.stdout
    assert "note: bad.csv: there is no valid row" in result.stderr
    result = embedcli("data", "describe", "bad.csv")
    assert result.exit_code == 1
    assert "error: bad.csv: there is no valid row: 2 rows left out: 2 x the rating is not a number" in result.stderr


def test_too_many_bad_rows(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the reading ends for too many bad rows, `data check` lists the first all the same, and says that it ended."""
    monkeypatch.setattr(parse, "MOST", 3)
    Path("bad.csv").write_text("user,item,rating\n1,1,5\n" + "1,2,x\n" * 9, encoding="utf-8")
    result = embedcli("data", "check", "bad.csv")
    assert result.exit_code == 1
    assert "3  the rating is not a number  x" in result.stdout
    assert "note: bad.csv, line 3: the rating is not a number: 'x' (and 3 more such rows)" in result.stderr


def test_items_in_another_encoding(embedcli: Invoke, saved: Run) -> None:
    """The encoding of a table of items can be given where a run is described."""
    rows = [f"{identifier},名{index}" for index, identifier in enumerate(saved.items.ids)]
    Path("items.csv").write_bytes("\n".join(["item,title", *rows]).encode("shift_jis"))
    result = embedcli("runs", "describe", saved.name, "--items", "items.csv", "--encoding", "shift_jis")
    assert result.exit_code == 0, result.stderr
    assert load(Path("runs") / saved.name).items.titles[1] == "名1"

"""Titles for a trained run, a table in a database, and the problems of a file without a valid row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Invoke

from embedcli import scratch
from embedcli.data.formats import parse
from embedcli.data.ratings import DataSet
from embedcli.errors import RunError
from embedcli.run import files, store
from embedcli.run.record import EmbeddingTable, Run
from embedcli.run.store import load, problems, save
from embedcli.scratch import sync_folder, write_synced


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


def test_what_a_description_replaces(embedcli: Invoke, saved: Run) -> None:
    """A note says which titles are lost, and that tastes are those of the training; a second time nothing is lost."""
    options = ("--items", items_of(saved), "--title-col", "called", "--tag-cols", "words")
    result = embedcli("runs", "describe", saved.name, *options)
    assert (
        f"119 of 120 films had other titles, such as {saved.items.titles[1]!r}, which is now 'Title of 2'"
        in result.stderr
    )
    assert "note: tastes for tags are still those of the training" in result.stderr
    assert "had other titles" not in embedcli("runs", "describe", saved.name, *options).stderr
    result = embedcli("similar", "Title of 2", "-n", "2")
    assert "nearest to Title of 2 " in result.stdout
    assert embedcli("report", "-o", "report.html").exit_code == 0
    assert "Title of 2" in Path("report.html").read_text(encoding="utf-8")


def test_a_run_without_items(embedcli: Invoke) -> None:
    """A run of embedding tables has no items that a table could describe: one error says so."""
    data = DataSet("people", "People", "made", "", (0, 1), "person")
    labels = {"color": EmbeddingTable.of(("red", "green"), np.array([3, 4]), np.array([0.5, 0.2]))}
    save(Run.from_tables({"color": np.ones((2, 2, 4))}, labels, data, name="people"), Path("runs"))
    Path("items.csv").write_text("id,title\n1,One\n", encoding="utf-8")
    result = embedcli("runs", "describe", "people", "--items", "items.csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: run 'people' has no items, only tables" in result.stderr


class Killed(BaseException):
    """What ends a process: nothing of the program sees it."""


def titled(run: Run, title: str = "New") -> Run:
    """Return a run whose items all have the same title."""
    return replace(run, items=replace(run.items, titles=(title,) * len(run.items)))


def fail_at(step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise an error at this call of the disk: of those that write, sync, and rename."""
    calls = 0

    def counted(usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step:
                raise error
            return usual(*args)

        return call

    monkeypatch.setattr(files, "write_synced", counted(write_synced))
    monkeypatch.setattr(files, "sync_folder", counted(sync_folder))
    monkeypatch.setattr(Path, "replace", counted(Path.replace))


N_STEPS = 9  # three files, each written, renamed, and its folder synced


@pytest.mark.parametrize("step", range(1, N_STEPS + 2))
def test_a_run_survives_a_kill(step: int, saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process is killed, the run can be read, whole, with the old titles or the new ones."""
    folder = Path("runs") / saved.name
    with monkeypatch.context() as patched:
        fail_at(step, Killed(), patched)
        patched.setattr(scratch.shutil, "rmtree", lambda *args, **kwargs: None)  # a killed process cleans up nothing
        with pytest.raises(Killed) if step <= N_STEPS else nullcontext():
            store.describe(folder, titled)
    assert problems(folder) == {}
    assert load(folder).items.titles in (saved.items.titles, ("New",) * len(saved.items))
    assert [path.name for path in Path("runs").iterdir()] == [saved.name]
    store.describe(folder, partial(titled, title="Newer"))
    assert problems(folder) == {}
    assert set(load(folder).items.titles) == {"Newer"}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert "replaced_files" not in (folder / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", range(1, N_STEPS + 1))
def test_a_run_survives_a_full_disk(step: int, saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full or the folder is read-only, one error says so, and the run can be read."""
    folder = Path("runs") / saved.name
    with monkeypatch.context() as patched:
        fail_at(step, OSError(28, "No space left on device"), patched)
        with pytest.raises(RunError, match="cannot be written: No space left on device"):
            store.describe(folder, titled)
    assert problems(folder) == {}
    assert (load(folder).items.titles == saved.items.titles) == (step <= 6)  # then items.csv is replaced
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_only_the_items_are_written(saved: Run) -> None:
    """The large files of a run are not written again: a program that has it open goes on reading them."""
    folder = Path("runs") / saved.name
    opened, before = load(folder), {path.name: path.stat().st_ino for path in folder.iterdir()}
    store.describe(folder, titled)
    changed = {path.name for path in folder.iterdir() if path.stat().st_ino != before[path.name]}
    assert changed == {"run.json", "items.csv"}
    assert opened.rows is not None
    assert saved.rows is not None
    np.testing.assert_array_equal(opened.rows.value, saved.rows.value)
    np.testing.assert_array_equal(opened.array("item_factors"), saved.array("item_factors"))


def test_a_run_that_is_read_while_it_changes(saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has read the old run.json, and then meets the new items.csv, reads both again."""
    folder, usual = Path("runs") / saved.name, files.read_labels

    def read_late(*args: Any) -> Any:
        monkeypatch.setattr(files, "read_labels", usual)
        store.describe(folder, titled)
        return usual(*args)

    monkeypatch.setattr(files, "read_labels", read_late)
    assert set(load(folder).items.titles) == {"New"}
    verify = files.verify

    def verify_late(*args: Any) -> None:
        monkeypatch.setattr(files, "verify", verify)
        store.describe(folder, partial(titled, title="Newer"))
        verify(*args)

    monkeypatch.setattr(files, "verify", verify_late)
    assert problems(folder) == {}


def test_two_that_describe_at_once(saved: Run) -> None:
    """The second of two processes that describe a run ends in an error: it would undo what the first one writes."""
    folder = Path("runs") / saved.name

    def change(run: Run) -> Run:
        with pytest.raises(RunError, match="another process is changing"):
            store.describe(folder, partial(titled, title="Other"))
        return titled(run)

    store.describe(folder, change)
    assert set(load(folder).items.titles) == {"New"}


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

"""Runs on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import World
from safetensors.numpy import save_file

from embedcli.errors import RunError, UsageError
from embedcli.run import store
from embedcli.run.record import Run
from embedcli.run.store import ArrayFile, load, save


def test_run_comes_back(saved: Run) -> None:
    """A run that is loaded is the run that was saved: arrays, tables, figures, rows."""
    found = load(Path("runs") / saved.name)
    assert set(found.arrays) == set(saved.arrays)
    for name in saved.arrays:
        np.testing.assert_array_equal(found.array(name), saved.array(name))
    assert (found.items, found.users, found.data) == (saved.items, saved.users, saved.data)
    np.testing.assert_array_equal(found.item_seen.n_ratings, saved.item_seen.n_ratings)
    np.testing.assert_array_equal(found.user_seen.mean_rating, saved.user_seen.mean_rating)
    assert list(found.training.scores) == list(saved.training.scores)
    assert found.rows is not None
    assert saved.rows is not None
    np.testing.assert_array_equal(found.rows.value, saved.rows.value)
    assert (found.created, found.command, found.y_range) == (saved.created, "embedcli train", (0.0, 5.5))


def test_files_say_what_the_design_says(saved: Run) -> None:
    """A run is run.json, items.csv, users.csv, model.safetensors and rows.safetensors, and nothing else."""
    folder = Path("runs") / saved.name
    assert sorted(path.name for path in folder.iterdir()) == [
        "items.csv",
        "model.safetensors",
        "rows.safetensors",
        "run.json",
        "users.csv",
    ]
    assert (folder / "items.csv").read_text().splitlines()[0] == "id,title,year,tags,n_ratings,mean_rating"
    assert json.loads((folder / "run.json").read_text())["schema_version"] == 1
    assert (folder / "rows.safetensors").stat().st_size < 9.1 * len(saved.rows.value) + 500  # type: ignore[union-attr]
    assert (folder / "items.csv").read_text().splitlines()[-1].endswith(",0,")  # no ratings, no mean


def test_older_runs_are_never_overwritten(trained: Run) -> None:
    """A second run of the same data set takes the next name."""
    assert [save(trained).name for _ in range(3)] == ["made", "made-2", "made-3"]


def test_name_that_is_taken_is_refused(trained: Run) -> None:
    """A name that was asked for and is taken is an error, not a number at its end."""
    save(trained, name="mine")
    with pytest.raises(UsageError, match="there is a run named 'mine'"):
        save(trained, name="mine")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "-x", "a b"])
def test_names_that_are_no_folders(trained: Run, name: str) -> None:
    """A name that would leave the folder of the runs, hide in it, or read as an option is refused."""
    with pytest.raises(UsageError, match="is no name for a run"):
        save(trained, name=name)


def test_interrupted_save_leaves_nothing(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops a save half-way, no part of a run is left, hidden or not."""

    def stop(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_sync", stop)
    with pytest.raises(KeyboardInterrupt):
        save(trained)
    assert list(Path("runs").iterdir()) == []


def test_rows_can_be_left_out(trained: Run) -> None:
    """A run without its training rows is a run all the same."""
    saved = save(replace(trained, rows=None))
    assert load(Path("runs") / saved.name).rows is None


def test_rows_are_read_only_when_asked_for(saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a run checks what its training rows are called and how long they are, and reads none of them."""
    read: list[str] = []
    usual = ArrayFile.__getitem__
    monkeypatch.setattr(ArrayFile, "__getitem__", lambda file, name: (read.append(name), usual(file, name))[1])
    found = load(Path("runs") / saved.name)
    assert (found.rows is not None, read) == (True, [])
    np.testing.assert_array_equal(found.rows.user, saved.rows.user)  # type: ignore[union-attr]
    assert read == ["user"]


@pytest.mark.parametrize("rows", [{}, {"user": np.zeros(3, np.int32)}, {"user": np.zeros(3), "item": np.zeros(2)}])
def test_damaged_rows_are_blamed_by_name(saved: Run, rows: dict[str, NDArray[np.float64]]) -> None:
    """A rows.safetensors without parallel columns is refused by its own name."""
    save_file(rows, Path("runs") / saved.name / "rows.safetensors")
    with pytest.raises(RunError, match=r"rows\.safetensors is damaged"):
        load(Path("runs") / saved.name)


def test_odd_letters_survive(trained: Run) -> None:
    """Whatever letters are in a title, a saved run gives them back."""
    titles = ("a\rb", "a\nb", "a\r\nb\r", 'a"b,c', "a\x1b[31mb", "a\x85b\u2028c\x0b", *trained.items.titles[6:])
    saved = save(replace(trained, items=replace(trained.items, titles=titles)))
    assert load(Path("runs") / saved.name).items.titles == titles


def test_ratings_of_many_values_keep_them(trained: Run) -> None:
    """Ratings with more than 256 different values come back as they were."""
    assert trained.rows is not None
    value = np.linspace(0, 1, len(trained.rows.value), dtype=np.float32)
    saved = save(replace(trained, rows=replace(trained.rows, value=value)))
    found = load(Path("runs") / saved.name)
    assert found.rows is not None
    np.testing.assert_array_equal(found.rows.value, value)


def test_foreign_model_needs_only_item_factors(world: World) -> None:
    """A run can be made of item factors alone; what needs another array says which is missing."""
    factors = np.zeros((1, len(world.ratings.items), 2), np.float32)
    run = Run.from_arrays({"item_factors": factors}, world.ratings, name="foreign", link="identity")
    assert run.n_members == 1
    with pytest.raises(RunError, match="run 'foreign' holds no item_bias"):
        run.array("item_bias")


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((1, 3, 2)), {}, r"item_factors has the shape \(1, 3, 2\) where \(1, 120, 2\)"),
        (np.full((1, 120, 2), np.nan), {}, "item_factors holds a number that is not finite"),
        (np.zeros((1, 120, 2)), {"link": "bogus"}, "the link 'bogus' is unknown"),
        (np.zeros((1, 120, 2)), {"link": "sigmoid"}, "the link 'sigmoid' is unknown, or has no y_range"),
    ],
)
def test_foreign_models_are_checked(world: World, array: np.ndarray, options: dict[str, str], message: str) -> None:
    """What does not fit the items, is not finite, or has no known link is refused at the door, by name."""
    with pytest.raises(RunError, match=message):
        Run.from_arrays({"item_factors": array}, world.ratings, name="foreign", **{"link": "identity"} | options)


def test_other_arrays_are_kept(world: World, trained: Run) -> None:
    """Arrays beyond those of the model come through the door as they are, in float32."""
    extra = np.arange(120.0).reshape(1, 120)
    run = Run.from_arrays({**trained.arrays, "extra": extra}, world.ratings, y_range=(0, 5.5))
    assert run.array("extra").dtype == np.float32
    np.testing.assert_array_equal(run.array("item_stars"), trained.array("item_stars"))

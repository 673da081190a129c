"""Runs on disk."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from planted import World
from safetensors.numpy import load as load_bytes
from safetensors.numpy import load_file, save_file
from safetensors.numpy import save as library_bytes

from embedcli.errors import DataError, RunError, UsageError
from embedcli.run import files, store
from embedcli.run.files import ArrayFile, check_storable, safetensors, seal, write
from embedcli.run.record import Run
from embedcli.run.store import check_writable, load, problems, save, save_anywhere


def test_run_comes_back(saved: Run) -> None:
    """A run that is loaded is the run that was saved: arrays, tables, figures, rows."""
    found = load(Path("runs") / saved.name)
    assert set(found.arrays) == set(saved.arrays)
    for name in saved.arrays:
        np.testing.assert_array_equal(found.array(name), saved.array(name))
    assert (found.items, found.users, found.data) == (saved.items, saved.users, saved.data)
    np.testing.assert_array_equal(found.item_stats.n_ratings, saved.item_stats.n_ratings)
    np.testing.assert_array_equal(found.user_stats.mean_rating, saved.user_stats.mean_rating)
    assert list(found.training.scores) == list(saved.training.scores)
    assert found.rows is not None
    assert saved.rows is not None
    np.testing.assert_array_equal(found.rows.value, saved.rows.value)
    assert found.heldout is not None
    assert saved.heldout is not None
    for name in ("user", "item", "value", "predictions"):
        np.testing.assert_array_equal(getattr(found.heldout, name), getattr(saved.heldout, name))
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
    assert json.loads((folder / "run.json").read_text())["schema_version"] == 2
    assert saved.rows is not None
    assert saved.heldout is not None
    n_bytes = 9.1 * len(saved.rows.value) + (9.1 + 4 * 4) * len(saved.heldout.value)  # three members, the posterior
    assert (folder / "rows.safetensors").stat().st_size < n_bytes + 900
    assert (folder / "items.csv").read_text().splitlines()[-1].endswith(",0,")  # no ratings, no mean


def test_arrays_are_written_as_the_library_writes_them() -> None:
    """The parts of a safetensors file are the bytes of the library, of empty and of strided arrays too."""
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {
        "b": rng.normal(size=(3, 4, 5)).astype(np.float32).transpose(0, 2, 1),
        "table.é": rng.normal(size=(1, 7)).astype(np.float32)[:, ::2],
        "a": np.zeros((2, 0), np.float32),
        "user": np.arange(5, dtype=np.int32),
        "code": np.arange(3, dtype=np.uint8),
    }
    written = b"".join(safetensors(arrays))
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    assert written == library_bytes(whole)
    described = {"ids": '["é", "2"]'}
    assert b"".join(safetensors(arrays, described)) == library_bytes(whole, metadata=described)
    for name, array in load_bytes(written).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_saving_copies_no_array(trained: Run, tmp_path: Path) -> None:
    """A run is written array by array: that takes far less memory than a second copy of its arrays."""
    large = np.zeros((1, len(trained.items), 100_000), np.float32)
    run = replace(trained, arrays={**trained.arrays, "table.large": large})
    tracemalloc.start()
    write(run, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < large.nbytes / 10


@pytest.mark.parametrize("n_levels", [3, 256, 257])
def test_ratings_are_codes_of_at_most_256_levels(
    n_levels: int, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 256 different ratings are written as codes, more as they are; both come back, in blocks of any size."""
    monkeypatch.setattr(files, "BLOCK", 7)
    assert trained.rows is not None
    value = (np.arange(len(trained.rows.value)) % n_levels / 3).astype(np.float64)
    run = replace(trained, rows=replace(trained.rows, value=value), heldout=None)
    write(run, tmp_path)
    assert load_file(tmp_path / "rows.safetensors")["value"].dtype == (np.uint8 if n_levels <= 256 else np.float32)
    found = load(tmp_path).rows
    assert found is not None
    np.testing.assert_array_equal(found.value, value.astype(np.float32))


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
    with pytest.raises(UsageError, match="is not a valid name for a run"):
        save(trained, name=name)


def test_interrupted_save_leaves_nothing(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops a save half-way, no part of a run is left, hidden or not."""

    def stop(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "sync_folder", stop)
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


def reseal(folder: Path, **changes: Any) -> None:
    """Write a run.json that agrees with the files of a run as they are now, whatever they hold."""
    path = folder / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    about["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in about["files"]}
    about |= changes
    path.write_text(json.dumps(about | {"sha256": seal(about)}), encoding="utf-8")


@pytest.mark.parametrize("rows", [{}, {"user": np.zeros(3, np.int32)}, {"user": np.zeros(3), "item": np.zeros(2)}])
def test_damaged_rows_are_blamed_by_name(saved: Run, rows: dict[str, NDArray[np.float64]]) -> None:
    """A rows.safetensors without parallel columns is refused by its own name."""
    save_file(rows, Path("runs") / saved.name / "rows.safetensors")
    reseal(Path("runs") / saved.name)
    with pytest.raises(
        RunError, match=r"rows\.safetensors is damaged: user, item, value are not columns of one length"
    ):
        load(Path("runs") / saved.name)


FILES = ("items.csv", "users.csv", "model.safetensors", "rows.safetensors", "run.json")


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_is_noticed(saved: Run, file: str) -> None:
    """A single bit that flips in any file of a run is an error that names the file, when the file is opened."""
    path = Path("runs") / saved.name / file
    content = path.read_bytes()
    assert problems(path.parent) == {}
    for at in np.linspace(0, len(content) - 1, 6).astype(int):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(RunError, match=re.escape(file)):
            found = load(path.parent)
            assert file == "rows.safetensors"  # all others are refused at once
            assert found.rows is not None
            _ = found.rows.item
        assert list(problems(path.parent)) == [file]


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_noticed(saved: Run, file: str) -> None:
    """A file that is gone, or that is no file, is said to be missing."""
    path = Path("runs") / saved.name / file
    path.unlink()
    for _ in range(2):
        with pytest.raises(RunError, match=rf"{re.escape(file)} is missing"):
            load(path.parent)
        path.mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        (
            "model",
            lambda a: a | {"item_bias": np.full_like(a["item_bias"], np.nan)},
            "item_bias holds a number that is",
        ),
        ("model", lambda a: a | {"item_bias": a["item_bias"].astype(np.float64)}, "item_bias is not of 32-bit"),
        ("model", lambda a: a | {"trained_stars": a["trained_stars"][:, :9]}, "trained_stars has the shape"),
        ("rows", lambda a: a | {"user": a["user"] + 10**6}, "user holds an invalid user"),
        ("rows", lambda a: a | {"item": a["item"] - 200}, "item holds an invalid item"),
        ("rows", lambda a: a | {"value": a["value"] + 250}, "value holds an invalid value"),
        ("rows", lambda a: a | {"item": a["item"].astype(np.int64)}, "item holds an invalid item"),
        (
            "rows",
            lambda a: a | {"levels": a["levels"] * np.float32(np.inf)},
            "levels holds a number that is not finite",
        ),
        ("rows", lambda a: a | {"test_predictions": a["test_predictions"][0]}, "are not columns of one length"),
    ],
)
def test_values_are_checked_when_they_are_read(
    saved: Run, file: str, change: Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]], complaint: str
) -> None:
    """Also of a run whose sums agree, arrays must have the type, the shape and the range that they claim."""
    path = Path("runs") / saved.name / f"{file}.safetensors"
    arrays = change(load_file(path))
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    reseal(path.parent)
    with pytest.raises(RunError, match=complaint):
        found = load(path.parent)
        for name in found.arrays:
            found.array(name)
        assert found.rows is not None
        _ = [getattr(found.rows, name) for name in ("user", "item", "value")]
    assert len(problems(path.parent)) == 1


@pytest.mark.parametrize("file", ["items.csv", "users.csv"])
@pytest.mark.parametrize(
    "change", [lambda lines: [], lambda lines: [*lines[:-1], "1,2"], lambda lines: [*lines, "1\n"]]
)
def test_tables_are_checked_when_they_are_read(saved: Run, file: str, change: Callable[[list[str]], list[str]]) -> None:
    """Also of a run whose sums agree, a table must have a header, and each row as many columns."""
    path = Path("runs") / saved.name / file
    path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    reseal(path.parent)
    with pytest.raises(RunError, match=rf"{re.escape(file)} is damaged: cut short or not the table it was"):
        load(path.parent)


def test_a_run_of_an_older_embedcli_is_refused(saved: Run) -> None:
    """A run of schema 1 ends in one error, which says to train again."""
    reseal(Path("runs") / saved.name, schema_version=1)
    with pytest.raises(RunError, match="has schema version 1, of an older embedcli") as caught:
        load(Path("runs") / saved.name)
    assert "train again" in caught.value.hint


def test_rows_held_out_are_kept_with_the_rows_alone(trained: Run, world: World) -> None:
    """The test rows, each member's prediction and the posterior's are those of the split and of the scores."""
    test = world.ratings.split("random", seed=0).test
    assert trained.heldout is not None
    np.testing.assert_array_equal(trained.heldout.value, test.value)
    assert trained.heldout.predictions.shape == (3, len(test))
    assert trained.heldout.posterior is not None
    for predictions, score in zip(
        (trained.heldout.predictions.mean(0), trained.heldout.posterior), trained.training.scores[-2:], strict=True
    ):
        assert np.sqrt(np.mean((np.clip(predictions, 1, 5) - test.value) ** 2)) == pytest.approx(score.rmse, abs=1e-5)


def test_training_that_cannot_be_stored_is_stored_elsewhere(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a run cannot be written where it should be, it is written in another place, and the error says where."""
    monkeypatch.setattr(store.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    monkeypatch.setattr(store.Path, "cwd", lambda: tmp_path / "gone")
    monkeypatch.setattr(store.Path, "home", lambda: tmp_path / "gone")
    (tmp_path / "temporary").mkdir()
    (tmp_path / "file").touch()
    run, path, problem = save_anywhere(trained, tmp_path / "file" / "runs", name="mine")
    assert problem is not None
    assert str(path) in problem.hint
    assert path.parent.parent == tmp_path / "temporary"
    np.testing.assert_array_equal(load(path).array("item_bias"), run.array("item_bias"))


def test_a_name_taken_meanwhile_gets_a_number(trained: Run, tmp_path: Path) -> None:
    """Of trainings that ask for one name at once, the first to finish has it and the others get a number."""
    paths = [save_anywhere(trained, tmp_path, name="mine")[1] for _ in range(3)]
    assert [path.name for path in paths] == ["mine", "mine-2", "mine-3"]
    assert all(problems(path) == {} for path in paths)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 300, "x" * 100),
        ("é" * 300, "é" * 50),
        ("../../etc", "etc"),
        ("my ratings (1)", "my-ratings-1"),
        ("\x1b[2Ja\u202eb", "2Ja-b"),
        ("\ud800", "ratings"),
        ("...", "ratings"),
    ],
)
def test_names_of_files_become_names_of_runs(trained: Run, name: str, expected: str) -> None:
    """The name of a data set becomes one that a folder can have, whatever file it came from."""
    assert save(replace(trained, data=replace(trained.data, name=name))).name == expected


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
TAGS = st.lists(TEXTS.map(lambda text: text.replace("|", "")).filter(bool), max_size=3).map(tuple)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_written_can_be_read(trained: Run, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever letters are in ids, titles, tags and columns, a run that was saved is read back as it was."""
    n = len(trained.items)
    some = {field: data.draw(st.lists(kind, min_size=3, max_size=3)) for field, kind in (("t", TEXTS), ("g", TAGS))}
    ids = data.draw(st.lists(TEXTS, min_size=3, max_size=3, unique=True))
    years = data.draw(st.lists(st.none() | st.integers(1, 9999), min_size=3, max_size=3))
    items = replace(
        trained.items,
        ids=(*ids, *trained.items.ids[3:]),
        titles=(*some["t"], *trained.items.titles[3:]),
        tags=(*some["g"], *trained.items.tags[3:]),
        years=(*years, *trained.items.years[3:]),
        columns={"a column": (*some["t"], *[""] * (n - 3))},
    )
    users = replace(trained.users, ids=(*ids, *trained.users.ids[3:]))
    saved = save(replace(trained, items=items, users=users, rows=None, heldout=None), tmp_path / "runs")
    found = load(tmp_path / "runs" / saved.name)
    assert (found.items, found.users) == (items, users)
    shutil.rmtree(tmp_path / "runs")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"titles": "\ud83d"}, "title .* holds half of a UTF-16 surrogate pair"),
        ({"ids": "x" * 100_001}, "item id 'xxx.* has 100,001 letters"),
        ({"tags": ("a|b",)}, r"tag 'a\|b' holds the separator"),
        ({"tags": ("",)}, "tag '' is empty"),
    ],
)
def test_what_could_not_be_read_is_not_written(trained: Run, change: dict[str, Any], complaint: str) -> None:
    """An id, title or tag that could not be read back is refused by its value, before anything is written."""
    ((field, value),) = change.items()
    items = replace(trained.items, **{field: (value, *getattr(trained.items, field)[1:])})
    with pytest.raises(DataError, match=complaint):
        check_storable(trained.users, items)
    with pytest.raises(DataError, match=complaint):
        save(replace(trained, items=items))
    assert not Path("runs").exists()


def test_long_ids_are_read_again(trained: Run) -> None:
    """An id of 100,000 letters, the most that a data set may have, comes back."""
    items = replace(trained.items, ids=("x" * 100_000, *trained.items.ids[1:]))
    saved = save(replace(trained, items=items))
    assert load(Path("runs") / saved.name).items.ids[0] == items.ids[0]


def test_a_full_disk_is_noticed_before_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run that does not fit on the disk is refused, with both sizes."""
    check_writable(tmp_path / "runs", 10)
    with pytest.raises(RunError, match=r"it takes about 1,000,000,001.0 MB"):
        check_writable(tmp_path / "runs", 10**15)


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
    np.testing.assert_allclose(run.array("trained_stars"), trained.array("trained_stars"), atol=1e-5)


@pytest.fixture(scope="module")
def stored(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a saved run, whose files every example of a test puts back."""
    folder = tmp_path_factory.mktemp("stored")
    return folder / save(trained, folder).name


@settings(max_examples=150)
@given(st.data())
def test_any_damage_is_an_error(stored: Path, data: st.DataObject) -> None:
    """Whatever bytes of a file of a run are replaced, cut off or added, reading it ends in a RunError."""
    path = stored / data.draw(st.sampled_from(FILES))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    other = data.draw(st.binary(max_size=40))
    end = data.draw(st.sampled_from([at, min(len(content), at + len(other)), len(content)]))
    changed = content[:at] + other + content[end:]
    is_same = changed == content or changed.split() == content.split()  # blanks between the values of run.json
    path.write_bytes(changed)
    try:
        found = problems(stored)
        assert is_same or list(found) == [path.name]
        if path.name != "rows.safetensors" and not is_same:
            with pytest.raises(RunError):
                load(stored)
    finally:
        path.write_bytes(content)

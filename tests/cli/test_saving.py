"""A finished training is not lost: what would keep it from being saved is found before, or it is saved elsewhere."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import Invoke

from embedcli.errors import RunError
from embedcli.run import store
from embedcli.run.align import coordinates
from embedcli.run.record import Run
from embedcli.run.shelf import open_run
from embedcli.run.store import load, problems, save_anywhere
from embedcli.training import fit as fit_module

SMALL = ("--epochs", "1", "--members", "1", "--factors", "2", "--folds", "0", "--draws", "0")
ROWS = [(f"u{user}", f"i{item}", 1 + (user * item) % 5) for user in range(12) for item in range(8)]


def csv_of(rows: list[tuple[str, str, int]]) -> str:
    """Return rows as a table with a header."""
    return "user,item,rating\n" + "".join(f"{user},{item},{rating}\n" for user, item, rating in rows)


def zipped() -> Path:
    """Return a zip whose only member has a name of 300 letters."""
    with zipfile.ZipFile("long.zip", "w") as file:
        file.writestr("n" * 300 + ".csv", csv_of(ROWS))
    return Path("long.zip")


def odd_name() -> Path:
    """Return a table whose file name is no UTF-8."""
    path = Path(os.fsdecode(b"odd\xff name.csv"))
    path.write_text(csv_of(ROWS), encoding="utf-8")
    return path


def emoji_tags() -> Path:
    """Return a table of JSON lines whose items have a tag that JSON writes as a pair of surrogates."""
    path = Path("emoji.jsonl")
    lines = [json.dumps({"user": user, "item": f"{item}\U0001f3ac", "rating": rating}) for user, item, rating in ROWS]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("made", [zipped, odd_name, emoji_tags])
def test_trained_is_saved_and_read(embedcli: Invoke, made: Callable[[], Path]) -> None:
    """Whatever the file is called and the ids are like, what was trained on it can be saved and read again."""
    result = embedcli("train", made(), *SMALL)
    assert result.exit_code == 0, result.stderr
    (folder,) = Path("runs").iterdir()
    assert problems(folder) == {}
    assert len(load(folder).items) in (8, 9)


def test_long_id_is_found_before_training(embedcli: Invoke) -> None:
    """An id of 140,000 letters, more than a table of a run is read with, is a bad row: it ends nothing later."""
    Path("long.csv").write_text(csv_of([*ROWS, ("u1", "x" * 140_000, 3)]), encoding="utf-8")
    result = embedcli("train", "long.csv", *SMALL)
    assert (result.exit_code, "epoch" in result.stderr) == (1, False)
    assert "line 98: the item is longer than 10,000 characters" in result.stderr
    assert embedcli("train", "long.csv", "--on-bad-rows", "skip", *SMALL).exit_code == 0
    assert problems(Path("runs/long")) == {}


def test_emoji_in_a_tag_list_survives(embedcli: Invoke) -> None:
    """A tag with an emoji in a JSON list of --items, written as a pair of surrogates, is saved and read as it is."""
    Path("ratings.csv").write_text(csv_of(ROWS), encoding="utf-8")
    items = [{"item": f"i{item}", "title": f"T{item}", "genres": ["\U0001f3ac film"]} for item in range(8)]
    Path("items.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    result = embedcli("train", "ratings.csv", "--items", "items.jsonl", *SMALL)
    assert result.exit_code == 0, result.stderr
    assert load(Path("runs/ratings")).items.tags[0] == ("\U0001f3ac film",)


def test_full_disk_is_noticed_before_training(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk has no room for the run, no epoch is trained."""
    Path("ratings.csv").write_text(csv_of(ROWS), encoding="utf-8")
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    result = embedcli("train", "ratings.csv", *SMALL)
    assert (result.exit_code, "epoch" in result.stderr) == (1, False)
    assert "no run can be saved in runs: it takes about" in result.stderr


def test_a_folder_that_goes_away_loses_nothing(
    embedcli: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the folder of the runs cannot be written after the training, the run is elsewhere, and stderr says where."""
    Path("ratings.csv").write_text(csv_of(ROWS), encoding="utf-8")
    usual = fit_module.learn

    def learn(*args: object) -> object:
        learned = usual(*args)  # type: ignore[arg-type]
        Path("kept").touch()  # a file where the folder of the runs should be
        return learned

    monkeypatch.setattr(fit_module, "learn", learn)
    result = embedcli("train", "ratings.csv", "--run-dir", "kept", "--name", "mine", *SMALL)
    assert result.exit_code == 1
    assert "user + item bias" in result.stdout
    assert "error: the run cannot be saved in kept" in result.stderr
    assert result.stderr.index("error:") < result.stderr.index("hint:")
    path = Path(result.stderr.split("open it with --run ")[1].strip())
    assert embedcli("biases", "--run", path, "--min-ratings", "1").exit_code == 0
    assert path.parent.parent == tmp_path


def test_a_current_folder_that_goes_away_loses_nothing(
    trained: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the current folder is gone after the training, the run is saved in the home folder."""

    def gone() -> Path:
        raise FileNotFoundError

    (tmp_path / "home").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(store.Path, "cwd", gone)
    monkeypatch.setattr(store.Path, "home", lambda: tmp_path / "home")
    _, path, problem = save_anywhere(trained, tmp_path / "file" / "runs")
    assert problem is not None
    assert path.parent.parent == tmp_path / "home"


def test_where_a_run_is_said_before_it_is_shown(
    embedcli: Invoke, trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the run is elsewhere and the answer cannot be shown either, stderr still says where the run is."""
    Path("ratings.csv").write_text(csv_of(ROWS), encoding="utf-8")
    elsewhere = RunError("the run cannot be saved in runs: gone", "it is saved elsewhere: open it with --run there")
    monkeypatch.setattr(store, "save_anywhere", lambda *_, **__: (trained, Path("there"), elsewhere))

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embedcli.cli.answer.write", full)
    result = embedcli("train", "ratings.csv", *SMALL)
    assert result.exit_code == 1
    assert "open it with --run there" in result.stderr


def test_align_to(embedcli: Invoke, made_files: Path) -> None:
    """A run trained with --align-to has the coordinates of the other run; one that does not fit fails at once."""
    options = ("--data", str(made_files), "--members", "1", "--folds", "0", "--draws", "0", "--factors", "3")
    for name, seed, more in (("one", 0, ()), ("two", 1, ("--align-to", "one"))):
        result = embedcli("train", *options, "--seed", seed, "--name", name, *more)
        assert result.exit_code == 0, result.stderr
    assert "aligned to one" in result.stdout
    assert "aligned to one: the first 3 coordinates agree by |r| 0." in result.stderr
    one, two = (open_run(name) for name in ("one", "two"))
    assert two.training.aligned_to == "one"
    assert np.corrcoef(coordinates(one)[:, 0], two.array("item_factors")[0, :, 0])[0, 1] > 0.9
    result = embedcli("train", *options, "--factors", "4", "--align-to", "one")
    assert (result.exit_code, "has 3 factors, not 4" in result.stderr) == (2, True)
    result = embedcli("train", *options, "--align-to", "none")
    assert (result.exit_code, "there is no run 'none'" in result.stderr) == (2, True)

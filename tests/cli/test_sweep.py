"""`embedcli sweep`, and `train --split cv5`: several trainings, one table."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke

from embedcli.run.shelf import entries

SMALL = ("--epochs", "1", "--members", "1", "--folds", "0", "--draws", "0", "-q")


@pytest.fixture
def data(made_files: Path) -> str:
    """Return where the planted world lies."""
    return str(made_files)


def names() -> set[str]:
    """Return the names of the runs."""
    return {entry.name for entry in entries(Path("runs"))}


def test_every_combination_is_a_run(embedcli: Invoke, data: str) -> None:
    """Each combination of values is a run, the rows stand by validation RMSE, and the best is the first of them."""
    values = ("--weight-decay", "0.1,1", "--factors", "2,3")
    result = embedcli("sweep", data, *values, *SMALL, "--jobs", "1", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert names() == {f"sweep-factors-{k}-weight-decay-{w}" for k in (2, 3) for w in ("0.1", "1")}
    rmse = [trial["validation_rmse"] for trial in found["trials"]]
    assert rmse == sorted(rmse)
    assert found["best"] == found["trials"][0]["name"]
    assert found["trials"][1]["worse"] == pytest.approx(rmse[1] - rmse[0])
    assert found["most_interpretable"] is None  # no component was tested


def test_the_same_command_goes_on(embedcli: Invoke, data: str) -> None:
    """Settings that are trained already are not trained again, and this is said."""
    embedcli("sweep", data, "--weight-decay", "0.1", "--factors", "2", *SMALL)
    arguments = [*SMALL[:-1], "--factors", "2", "--jobs", "1"]
    result = embedcli("sweep", data, "--weight-decay", "0.1,1", *arguments)
    assert "note: 1 of 2 are trained already: sweep" in result.stderr
    assert names() == {"sweep", "sweep-weight-decay-1"}


def test_a_damaged_trial_can_be_removed(embedcli: Invoke, data: str) -> None:
    """A run of a sweep that is damaged is an error whose hint lets the same command go on."""
    arguments = ("sweep", data, "--weight-decay", "0.1,1", *SMALL, "--jobs", "1")
    embedcli(*arguments)
    Path("runs/sweep-weight-decay-0.1/model.safetensors").write_bytes(b"")
    result = embedcli(*arguments)
    assert "hint: remove it, and it is trained again: embedcli runs rm sweep-weight-decay-0.1" in result.stderr
    embedcli("runs", "rm", "sweep-weight-decay-0.1", "--yes")
    assert embedcli(*arguments).exit_code == 0


def test_seeds_are_judged_on_the_same_rows(embedcli: Invoke, data: str) -> None:
    """A sweep of several seeds goes on from a sweep of one, whatever the order: the validation rows are the same."""
    arguments = (*SMALL, "--factors", "2", "--split", "none", "--jobs", "1")
    embedcli("sweep", data, "--seed", "1", *arguments)
    result = embedcli("sweep", data, "--seed", "2,1", *arguments)
    assert result.exit_code == 0, result.stderr
    assert names() == {"sweep", "sweep-seed-2"}


@pytest.mark.parametrize(("n_users", "n_items", "exit_code"), [(5, 1, 2), (40, 1, 0), (1, 40, 0)])
def test_sweeps_of_small_tables(embedcli: Invoke, tmp_path: Path, n_users: int, n_items: int, exit_code: int) -> None:
    """One item or one user are enough for a table; too few ratings are an error before anything is trained."""
    rows = [f"{u},{i},{(u + i) % 5 + 1}" for u in range(n_users) for i in range(n_items)]
    (tmp_path / "tiny.csv").write_text("\n".join(["user,item,rating", *rows]))
    result = embedcli("sweep", str(tmp_path / "tiny.csv"), "--split", "none", "--weight-decay", "0.1,1", *SMALL)
    assert result.exit_code == exit_code, result.stderr
    if exit_code:
        assert result.stderr.startswith("error: 5 training ratings are too few")
        assert not names()


def test_a_sweep_is_drawn(embedcli: Invoke, data: str) -> None:
    """The ending of the file asks for a picture."""
    result = embedcli("sweep", data, "--weight-decay", "0.1,1", "--factors", "2", *SMALL, "--jobs", "1", "-o", "a.svg")
    assert result.exit_code == 0, result.stderr
    assert "weight decay 0.1" in Path("a.svg").read_text(encoding="utf-8")


def test_settings_from_a_file_and_a_run(embedcli: Invoke, data: str) -> None:
    """A file may list the values of a setting, and the settings of a run are those that are not swept."""
    lines = ["weight-decay = [0.1, 1]", "factors = 2", "epochs = 1", "members = 1", "folds = 0", "draws = 0"]
    Path("sweep.toml").write_text("\n".join(lines))
    embedcli("sweep", data, "--config", "sweep.toml", "--jobs", "1", "-q")
    assert names() == {"sweep-weight-decay-0.1", "sweep-weight-decay-1"}
    like = ("--like", "sweep-weight-decay-0.1", "--weight-decay", "0.1,2", "--jobs", "1")
    result = embedcli("sweep", data, *like)
    assert "note: 1 of 2 are trained already: sweep-weight-decay-0.1" in result.stderr


def test_not_under_torchrun(embedcli: Invoke, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a sweep nor a cross-validation begins in the processes of torchrun: it has its own."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for arguments in (("sweep", data, "--weight-decay", "0.1,1"), ("train", data, "--split", "cv3")):
        result = embedcli(*arguments, *SMALL)
        assert result.exit_code == 2
        assert "error: several trainings cannot share the 2 processes of torchrun" in result.stderr
    assert not names()


@pytest.mark.skipif(os.name == "nt", reason="groups of processes are those of POSIX")
@pytest.mark.parametrize("how", ["Ctrl-C", "killed", "terminal closed"])
def test_a_sweep_that_is_ended(data: str, tmp_path: Path, how: str) -> None:
    """After Ctrl-C, SIGKILL and SIGHUP no process is left, what was saved stays, and Ctrl-C says so in two lines."""
    arguments = ("sweep", data, "--epochs", "1,1000000", "--factors", "2", *SMALL[2:-1], "--jobs", "2")
    ended = subprocess.Popen(
        [sys.executable, "-m", "embedcli", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert ended.stderr is not None
    assert any("1 of 2: validation RMSE" in line for line in ended.stderr)
    if how == "killed":
        ended.kill()
    else:
        os.killpg(ended.pid, signal.SIGINT if how == "Ctrl-C" else signal.SIGHUP)
    _, said = ended.communicate(timeout=60)
    assert ended.returncode == {"Ctrl-C": 130, "killed": -signal.SIGKILL, "terminal closed": -signal.SIGHUP}[how]
    if how == "Ctrl-C":
        hint = "hint: 1 of 2 trainings are saved: the same command goes on"
        assert said.splitlines() == ["error: interrupted", hint]
    assert {entry.name for entry in entries(tmp_path / "runs")} == {"sweep-epochs-1"}
    for _ in range(200):
        try:
            os.killpg(ended.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("processes are left")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--weight-decay", "0.1,x"), "--weight-decay 0.1,x is not a list of numbers"),
        (("--factors", "2.5"), "--factors 2.5 is not a list of whole numbers"),
        (("--factors", "0,2"), "--factors 0 is below 1"),
        (("--jobs", "0"), "--jobs 0 is not from 1"),
        (("--trials", "3", "--factors", "2"), "--trials has nothing to choose"),
        (("--split", "cv5"), "--split cv5 is several splits"),
        (("--implicit", "--seed", "1,2"), "with several --seed of implicit data each setting would be judged on"),
        (("--seed", ",".join(map(str, range(1001)))), "the values make more than 1,000 settings"),
    ],
)
def test_invalid_sweeps(embedcli: Invoke, data: str, arguments: tuple[str, ...], problem: str) -> None:
    """What is wrong is said before anything is trained."""
    result = embedcli("sweep", data, *arguments, *SMALL)
    assert result.exit_code == 2
    assert f"error: {problem}" in result.stderr
    assert not names()


def test_optuna_chooses(embedcli: Invoke, data: str) -> None:
    """Optuna chooses settings between the lowest and the highest value; the same command gives the same ones."""
    pytest.importorskip("optuna")
    arguments = ("sweep", data, "--weight-decay", "0.1,1", "--factors", "2", *SMALL, "--jobs", "1", "--trials", "3")
    first = embedcli(*arguments, "--json")
    assert first.exit_code == 0, first.stderr
    trials = json.loads(first.stdout)["trials"]
    assert len(trials) == 3
    decays = [entry.about["training"]["config"]["weight_decay"] for entry in entries(Path("runs"))]
    assert all(0.1 <= decay <= 1 for decay in decays)
    again = embedcli(*arguments, "--json")
    assert json.loads(again.stdout)["trials"] == trials


def test_cross_validation(embedcli: Invoke, data: str) -> None:
    """The folds have disjoint test rows that are all ratings; mean and spread are those over the folds."""
    result = embedcli("train", data, "--split", "cv3", "--factors", "2", *SMALL, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    rmse = [float(row["rmse"]) for row in rows[:3]]
    mean, spread = (float(row["rmse"]) for row in rows[3:])
    assert (mean, spread) == (pytest.approx(np.mean(rmse)), pytest.approx(np.std(rmse, ddof=1)))
    assert {name.rpartition("-cv3-")[2] for name in names()} == {"1", "2", "3"}


def test_align_to_with_folds(embedcli: Invoke, data: str, saved: object) -> None:
    """The folds of a cross-validation cannot be aligned."""
    result = embedcli("train", data, "--split", "cv3", "--align-to", "made", *SMALL)
    assert result.exit_code == 2
    assert "error: --align-to has no meaning with --split cv3" in result.stderr

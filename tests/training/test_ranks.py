"""Several processes under PyTorch's launcher: the bytes of one process, and one error if a process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World, write_movielens
from typer.testing import CliRunner

from embedcli import load_ratings
from embedcli.cli import app
from embedcli.errors import DataError
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays
from embedcli.training.checkpoint import Checkpoint
from embedcli.training.fit import fit
from embedcli.training.learn import joined, train_folds
from embedcli.training.plan import in_order, plan
from embedcli.training.ranks import Job, Team
from embedcli.training.state import Work

LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
SMALL = ["--members", "3", "--factors", "4", "--epochs", "2", "--folds", "3", "--draws", "100", "--name", "small"]
LONG = TrainConfig(n_members=3, n_factors=4, n_epochs=6, n_folds=0, n_draws=0)
SCRIPT = f"""
import os, signal, sys, time
from pathlib import Path
import embedcli, embedcli.cli
from embedcli.__main__ import main
from embedcli import load_ratings
from embedcli.cli import app
from embedcli.errors import DataError
from embedcli.run.config import TrainConfig
from embedcli.training.checkpoint import Checkpoint
from embedcli.training.ranks import team

def doubled(training, parts):
    for part in parts:
        yield [os.environ["RANK"], training + 2 * part]

def failing(training):
    raise DataError("a value", "a hint")
    yield

def number(training):
    yield os.getpid()

def jobs():
    team().share(100)
    first, second = team().spread([[0, 2], [1]], doubled, [1, 2, 3])
    print(team().size, list(second), list(first))
    try:
        team().start(1, failing).value()
    except DataError as error:
        print(error.message, error.hint, flush=True)
    return team().start(1, number).value()

def killed(pid):
    def on_epoch(epoch):
        if epoch.epoch == 4:
            os.kill(pid, signal.SIGKILL)
            time.sleep(60)
            print("never printed")

    split = embedcli.load_ratings("world").split("random", seed=0, keep_times=False)
    embedcli.fit(split, {LONG!r}, on_epoch, checkpoint=Checkpoint(Path("two"), every=0, cost=0))

def program():
    pid = jobs()
    dismiss, team().dismiss = team().dismiss, lambda: None
    try:
        app(["train", "world", "--run-dir", "two", *{SMALL!r}])
    except SystemExit as error:
        print("exit", error.code, flush=True)
    team().dismiss = dismiss
    killed(pid)

app, embedcli.cli.app = embedcli.cli.app, program
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_two_processes(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run on their rank; files are those of one process; a kill ends all with one error, and one can go on."""
    write_movielens(tmp_path / "world", world.ratings)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    two = subprocess.run([*LAUNCHER, sys.executable, "script.py"], capture_output=True, text=True, timeout=300)
    assert two.returncode == 1
    jobs, (*shown, ended) = two.stdout.splitlines()[:2], two.stdout.splitlines()[2:]
    assert jobs == ["2 [['1', 104]] [['0', 102], ['0', 106]]", "a value a hint"]
    assert ended == "exit 0"
    assert two.stderr.count("error: ") == 1
    assert "error: rank 1 of 2 ended before the training was done\nhint: " in two.stderr
    assert two.stderr.count("saved two/small") == 1

    one = CliRunner().invoke(app, ["train", "world", "--run-dir", "one", *SMALL])
    assert one.stdout.split() == " ".join(shown).split()
    for name in ("model.safetensors", "rows.safetensors", "items.csv", "users.csv"):
        assert (tmp_path / "two" / "small" / name).read_bytes() == (tmp_path / "one" / "small" / name).read_bytes()

    split, said = load_ratings("world").split("random", seed=0, keep_times=False), list[str]()
    resumed = fit(
        split, LONG, on_stage=lambda line, _: said.append(line), checkpoint=Checkpoint(Path("two"), resume=True)
    )
    assert "members after epoch 3" in said[0]
    for name, array in fit(split, LONG).arrays.items():
        assert resumed.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 8, 40])
def test_every_part_has_one_rank(n_ranks: int) -> None:
    """Each member, cut, fold and kind of tastes is on one rank, and no rank has two members more than another."""
    shared = plan(TrainConfig(n_members=5, n_folds=7), n_ranks, 4, 40, 3)
    for shares, n in ((shared.members, 5), (shared.halves, 4), (shared.folds, 7), (shared.tastes, 3)):
        assert sorted(number for own in shares for number in own) == list(range(n))
        assert len(shares) == n_ranks
    sizes = [len(own) for own in shared.members]
    assert max(sizes) - min(sizes) <= 1
    assert {shared.posterior, shared.flips} <= set(range(n_ranks))
    assert plan(replace(TrainConfig(), n_draws=0), n_ranks, 0, 0, 0).posterior == 0


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_shares_of_folds_are_those_of_all(world: World, engine: str) -> None:
    """Fold members are the same, whichever folds a rank trains together: byte for byte by the compiled engine."""
    config = TrainConfig(n_factors=4, n_epochs=1, n_folds=4, engine=engine, y_range=(0, 5.5))
    fold = np.random.default_rng(0).integers(0, 4, len(world.ratings), dtype=np.uint8)
    work, shares = Work(world.ratings.split("none"), config, fold, Checkpoint()), [[1, 3], [0], [2]]

    def trained(own: list[int]) -> Arrays:
        generators = np.random.default_rng(1).spawn(4)
        (arrays,) = train_folds(work, [(number, generators[number]) for number in own])
        return arrays

    whole, parts = trained([0, 1, 2, 3]), joined(shares, [trained(own) for own in shares])
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, atol=1e-5)  # torch adds up in an order of its own
        assert engine == "torch" or parts[name].tobytes() == array.tobytes()


def test_parts_are_joined_in_their_order() -> None:
    """What ranks made for numbers that are not neighbours is joined in the order of the numbers."""
    shares = [[1, 3], [], [0, 2]]
    assert in_order(shares, ["bd", "ac"]) == ["a", "b", "c", "d"]
    whole = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(joined(shares, [{"x": whole[[1, 3]]}, {"x": whole[[0, 2]]}])["x"], whole)


def test_a_rank_alone_does_its_job_when_it_is_asked() -> None:
    """Alone, a job runs in this process when its values are asked for, and raises its own error."""
    team = Team()
    done: list[str] = []

    def work(training: str, number: int) -> Iterator[int]:
        done.append(training)
        if not number:
            raise DataError("a value", "a hint")
        yield number

    team.share("rows")
    job, other = team.start(0, work, 3), team.start(0, work, 0)
    assert done == []
    assert job.value() == 3
    with pytest.raises(DataError):
        other.value()
    assert done == ["rows", "rows"]


def test_a_job_done_ahead_is_done_once() -> None:
    """What a job done ahead yields and raises comes when its values are asked for; one that is begun goes on."""
    done: list[str] = []

    def work() -> Iterator[int]:
        done.append("begun")
        yield 3
        raise DataError("a value", "a hint")

    ahead, begun = Job(work), Job(work)
    ahead.do()
    assert done == ["begun"]
    values = iter(ahead)
    assert next(values) == 3
    with pytest.raises(DataError):
        next(values)
    assert next(iter(begun)) == 3
    begun.do()
    assert done == ["begun", "begun"]

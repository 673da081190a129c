"""What the tests share: a planted world, its files, a run trained on it, and the real data where it can be had."""

from __future__ import annotations

import os
import sys

sys.dont_write_bytecode = False  # else pytest, and every program that a test starts, compiles all sources again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # the tests run side by side: more threads would wait for one another

import fcntl
import gc
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from planted import World, make_world, write_movielens
from typer.testing import CliRunner, Result

from embedcli.data import loading
from embedcli.data.ratings import Ratings
from embedcli.errors import EmbedcliError
from embedcli.run.record import Run
from embedcli.run.store import save

Invoke = Callable[..., Result]
SHARED = "EMBEDCLI_TEST_SHARED"
settings.register_profile("suite", derandomize=True, deadline=None)  # the same examples, also on a busy machine
settings.load_profile("suite")


def made_once(name: str, make: Callable[[], Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run that the first process to ask for it makes: the workers of pytest-xdist train it once together.

    SHARED is the folder of mutations/mutate.py, whose processes share runs that their mutations do not change.
    """
    folder = Path(os.environ[SHARED]) if SHARED in os.environ else tmp_path_factory.getbasetemp().parent
    if SHARED not in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    file = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_bytes(pickle.dumps(make()))
        run: Run = pickle.loads(file.read_bytes())
    return run


def pytest_collection_finish() -> None:
    """Take what the tests import out of every later garbage collection: it stays until the end."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test work in a folder of its own, with a cache of its own, whatever the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMBEDCLI_DATA", str(tmp_path / "cache"))
    for name in ("EMBEDCLI_RUN", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def world() -> World:
    """Return a planted world; its arrays cannot be written to."""
    return make_world()


@pytest.fixture(scope="session")
def made_files(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the planted world in the format of MovieLens 100K; tests copy it to break it."""
    return write_movielens(tmp_path_factory.mktemp("made") / "made", world.ratings)


@pytest.fixture(scope="session")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of three members trained on the planted world, not saved."""

    def train() -> Run:
        from embedcli.run.config import TrainConfig
        from embedcli.training.fit import fit

        return fit(world.ratings.split("random", seed=0), TrainConfig(n_members=3, n_factors=8))

    return made_once("trained", train, tmp_path_factory)


@pytest.fixture(scope="session")
def tagged(trained: Run) -> Run:
    """Return the trained run with genres: nine films have Adventure, the most rated, and eleven Romance, the least.

    Star Wars has both, and three more; which of them is the rarest depends on the films that one looks at.
    """
    counts = {"Adventure": 9, "Drama": 38, "Comedy": 24, "Action": 18, "Thriller": 13, "Children's": 6, "Romance": 11}
    star_wars = trained.items.titles.index("Star Wars (1977)")
    rows = [int(row) for row in np.argsort(-trained.item_stats.n_ratings, kind="stable") if row != star_wars]
    tags = dict(zip(rows, ((tag,) for tag, n in counts.items() for _ in range(n)), strict=True))
    tags[rows[-1]] = ("Romance", "War")
    tags[star_wars] = ("Action", "Adventure", "Romance", "Sci-Fi", "War")
    return replace(trained, items=replace(trained.items, tags=tuple(tags[row] for row in range(len(tags)))))


@pytest.fixture
def saved(trained: Run, tmp_path: Path) -> Run:
    """Return the trained run, saved as the only one under runs/ of the test's folder."""
    return save(trained, tmp_path / "runs", command="embedcli train")


@pytest.fixture
def embedcli() -> Invoke:
    """Return a function that runs a command line in this process."""
    from embedcli.cli import app

    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="session")
def movielens() -> Iterator[Ratings]:
    """Return MovieLens 100K; skip, with the reason, where it cannot be had.

    EMBEDCLI_TEST_ML100K names a folder or zip of the original files; otherwise the user's cache or a download.
    """
    try:
        yield loading.load(os.environ.get("EMBEDCLI_TEST_ML100K", "ml-100k"))
    except EmbedcliError as error:
        pytest.skip(f"MovieLens 100K cannot be had: {error}")

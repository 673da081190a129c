"""The first scripts of the lesson run, without a network, and what they print is so."""

from __future__ import annotations

import importlib
import runpy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import embedcli
from embedcli.data.ratings import Ratings

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ("gradient_descent_by_hand", "optimisers_from_scratch", "backprop_from_scratch")
Load = Callable[[str], ModuleType]


@pytest.fixture
def load() -> Load:
    """Return a function that imports an example by its name, as one example imports another."""
    return importlib.import_module


@pytest.mark.parametrize("name", [*SCRIPTS, "made_data"])
def test_runs_as_a_script(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every script runs from any folder, prints, leaves nothing behind and says at its top how it is run."""
    monkeypatch.setattr("sys.argv", [f"{name}.py", "--small"])
    module = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 5
    assert f"python examples/{name}.py" in module["__doc__"]
    assert not list(Path.cwd().iterdir())


def test_gradient_descent_by_hand(load: Load) -> None:
    """The first row's loss, its derivatives in three ways and the first step are the lesson's."""
    figures = load("gradient_descent_by_hand").main(small=True)
    assert figures["loss"] == (1849,)
    assert figures["finite differences"] == pytest.approx((-1202.04, -85.99), abs=1e-6)
    assert figures["by hand"] == (-1204, -86)
    assert figures["autograd"] == figures["by hand"]
    assert figures["first step"] == pytest.approx((1.1204, 1.0086), abs=1e-12)


def test_gradient_descent_finds_the_line(load: Load) -> None:
    """SGD on single rows ends near the line that the data lie on."""
    assert load("gradient_descent_by_hand").main()["fitted"] == pytest.approx((2, 30), abs=0.5)


def test_optimisers_equal_torch(load: Load) -> None:
    """Each optimiser stays within 1e-6 of torch.optim over a hundred steps."""
    lesson = load("optimisers_from_scratch")
    assert set(lesson.OPTIMISERS) == {"SGD", "Momentum", "RMSprop", "Adam"}
    assert all(lesson.difference(name) < 1e-6 for name in lesson.OPTIMISERS)


def test_optimisers_race(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Every optimiser beats the mean rating on ratings left out, and each has its curve in the picture."""
    lesson = load("optimisers_from_scratch")
    errors = lesson.main(small=True)["rmse"]
    test = load("made_data").make().split("random", seed=0).test
    assert max(errors.values()) < test.value.std()
    rows = [line.partition("|")[2] for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert {mark for row in rows for mark in row} >= set("SRA")


@pytest.mark.real_data
def test_optimisers_race_on_movielens(load: Load, movielens: Ratings) -> None:
    """On MovieLens 100K SGD is still waiting at what biases alone reach when Adam is past it, as the script says."""
    lesson, split = load("optimisers_from_scratch"), movielens.split("random", seed=0)
    plain, adam = (lesson.race(name, split, 3) for name in ("SGD", "Adam"))
    assert plain[3] < adam[3] - 0.02
    assert adam[-1] < plain[-1] - 0.01


def test_backprop_equals_finite_differences_and_torch(load: Load) -> None:
    """The gradients by hand are those of finite differences and of autograd, and training by them works."""
    figures = load("backprop_from_scratch").main(small=True)
    assert figures["finite differences"] < 1e-7
    assert figures["torch"] < 1e-12
    assert figures["loss after"] < figures["loss before"] / 50


def test_backprop_check_sees_a_mistake(load: Load) -> None:
    """A gradient that forgets the ReLU is told from the right one by finite differences."""
    lesson = load("backprop_from_scratch")
    x = np.linspace(-2, 2, 50)[:, None]
    w = lesson.start(np.random.default_rng(1))
    made = lesson.forward(w, x)
    wrong = lesson.backward(w, made | {"z": np.ones_like(made["z"])}, x**2)
    assert lesson.furthest(wrong, lesson.by_finite_differences(w, x, x**2)) > 0.01


def test_made_ratings(load: Load) -> None:
    """The made ratings are those of MovieLens in kind: 1 to 5 stars, no pair twice, and the same every time."""
    made_data = load("made_data")
    made, again = made_data.make(), made_data.make()
    assert np.unique(made.value).tolist() == [1, 2, 3, 4, 5]
    assert len(np.unique(made.user * len(made.items) + made.item)) == len(made) == made_data.N_RATINGS
    assert made.data.sha256 == again.data.sha256


def test_made_truth_comes_back(load: Load) -> None:
    """The planted tastes are the components that embedcli finds real: two pairs of genres, and the films' age."""
    config = embedcli.TrainConfig(n_factors=30, n_members=2, n_folds=3, n_draws=0)
    run = embedcli.fit(load("made_data").make().split("random", seed=0), config)
    found = embedcli.pca(run, components=3).components
    assert all(component.real for component in found)
    strongest = [max(component.effects, key=lambda effect: abs(effect.effect)) for component in found]
    assert strongest[0].name in ("Action", "Romance")
    assert strongest[1].name in ("Drama", "Comedy")
    assert strongest[2].name == "year"
    assert all(abs(effect.effect) > 0.8 for effect in strongest)


def test_data_at_hand_is_taken(load: Load, made_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--data names a folder to read; without it and without a cache a script says that the ratings are made."""
    made_data = load("made_data")
    assert len(made_data.ratings(str(made_files))) == 8_000
    capsys.readouterr()
    assert len(made_data.ratings()) == made_data.N_RATINGS
    assert "MovieLens 100K is not in the cache" in capsys.readouterr().out

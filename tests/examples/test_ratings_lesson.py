"""The lesson on ratings: the model from scratch, and transfer to new users; none of them uses the network."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embedcli.data.ratings import Ratings

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Session:
    """The names that dot_product_from_scratch leaves, what it printed, and the folder of its picture."""

    names: dict[str, Any]
    printed: str
    folder: Path


def run(folder: Path, *options: str) -> Session:
    """Run dot_product_from_scratch as a program in a folder."""
    script = EXAMPLES / "dot_product_from_scratch.py"
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setattr(sys, "argv", [str(script), *options])
        patch.chdir(folder)
        names = runpy.run_path(str(script), run_name="__main__")
    torch.set_num_threads(threads)
    return Session(names, printed.getvalue(), folder)


@pytest.fixture(scope="module")
def session(_examples_without_network: None, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Run the script with few steps."""
    return run(tmp_path_factory.mktemp("session"), "--small")


def test_models_are_what_their_text_says(session: Session) -> None:
    """A prediction is a dot product, squeezed between 0 and 5.5, with biases: worked out in numpy."""
    model = session.names["models"]["+ decay 0.1"]
    users, films, user_bias, film_bias = (weights.detach().numpy() for weights in model.parameters())
    user, film = np.array([0, 3, 7]), np.array([5, 5, 1])
    logit = (users[user] * films[film]).sum(1) + user_bias[user, 0] + film_bias[film, 0]
    with torch.no_grad():
        predicted = model(torch.tensor(user), torch.tensor(film)).numpy()
        plain = session.names["DotProduct"].forward(model, torch.tensor(user), torch.tensor(film)).numpy()
    np.testing.assert_allclose(predicted, 5.5 / (1 + np.exp(-logit)), rtol=1e-5)
    np.testing.assert_allclose(plain, (users[user] * films[film]).sum(1), rtol=1e-5)


def test_every_model_has_its_row(session: Session) -> None:
    """The table has a row for each step of the lesson, and says what it trains by."""
    rows = ["dot product", "+ range 0 to 5.5", "+ biases", "+ decay 0.01", "+ decay 0.1", "decay 0.5, batches x 8"]
    assert list(session.names["errors"]) == [*rows, "neural net, decay 0.01"]
    assert "def fit_one_cycle(" in session.printed
    assert "learning rate   loss" in session.printed
    assert "taken: 0.0075" in session.printed
    assert "9,900 weights. There are 27,000 training ratings." in session.printed  # 900 rows of 11 numbers


def test_session_has_the_names_of_the_notebook(session: Session) -> None:
    """The biases are the model's, lowest first; fac0 to fac2 are the principal components, as numpy finds them."""
    names = session.names
    biases = [row[0] for row in names["movie_ratings"]]
    assert biases == sorted(names["movie_bias"])
    centred = names["movie_w"].numpy()
    assert np.abs(centred.mean(0)).max() < 1e-6
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1][:3]
    for fac, variance in zip((names["fac0"], names["fac1"], names["fac2"]), variances, strict=True):
        assert float(fac.square().sum()) == pytest.approx(variance, rel=1e-3)


def test_session_leaves_a_picture_and_the_evidence(session: Session) -> None:
    """The plot of fac0 and fac2 is drawn, and embedcli's verdicts follow."""
    assert (session.folder / "lesson.png").read_bytes().startswith(b"\x89PNG")
    assert "with 95 % intervals" in session.printed
    assert len(session.names["components"]) == 3


@pytest.mark.real_data
def test_table_of_movielens(movielens: Ratings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On MovieLens 100K the table is the lesson's: decay 0.1 is best, range and biases alone learn by heart."""
    monkeypatch.setattr(import_module("made_data"), "ratings", lambda data, small: movielens)
    errors = run(tmp_path).names["errors"]
    lesson = {
        "dot product": (0.867, 0.908),
        "+ range 0 to 5.5": (0.560, 0.932),
        "+ biases": (0.502, 0.943),
        "+ decay 0.01": (0.519, 0.927),
        "+ decay 0.1": (0.692, 0.887),
        "decay 0.5, batches x 8": (0.756, 0.887),
        "neural net, decay 0.01": (0.862, 0.907),
    }
    for name, expected in lesson.items():
        assert errors[name] == pytest.approx(expected, abs=0.025), name
    assert min(errors, key=lambda name: errors[name][1]) in ("+ decay 0.1", "decay 0.5, batches x 8")


def test_new_users_are_apart(_examples_without_network: None) -> None:
    """Old and new ratings share no user, a new user gives ten, and no rating is lost or twice."""
    films = import_module("made_data").make()
    task = import_module("transfer_learning").leave_out(films)
    assert len(task.old) + len(task.new) + len(task.test) == len(films)
    assert not {*task.old.users.ids} & {*task.new.users.ids}
    assert set(np.bincount(task.new.user)) == {10}
    known = {(films.users.ids[u], i): v for u, i, v in zip(films.user, films.item, films.value, strict=True)}
    for part in (task.old, task.new, task.test):
        for u, i, v in zip(part.user[:99], part.item[:99], part.value[:99], strict=True):
            assert known.pop((part.users.ids[u], i)) == v


def test_frozen_films_stay(_examples_without_network: None) -> None:
    """A frozen table keeps its bits, and of two rates the larger moves its weights further."""
    script = import_module("transfer_learning")
    task = script.leave_out(import_module("made_data").make())
    net = script.Net(len(task.new.users), len(task.new.items), 5)
    start = {name: weights.detach().clone() for name, weights in net.named_parameters()}
    net.films.requires_grad_(False)
    script.fit(net, task.new, [(net.users.parameters(), 1e-2)], 1)
    assert torch.equal(net.films.weight, start["films.weight"])
    assert not torch.equal(net.users.weight, start["users.weight"])
    net.films.requires_grad_(True)
    before = net.users.weight.detach().clone()
    script.fit(net, task.new, [(net.films.parameters(), 1e-4), (net.users.parameters(), 1e-2)], 1)
    moved = (net.films.weight.detach() - start["films.weight"]).abs().max()
    assert 0 < moved < (net.users.weight.detach() - before).abs().max() / 10


@pytest.mark.real_data
def test_transfer_on_movielens(movielens: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """On MovieLens 100K freezing is far better than starting anew, and unfreezing does not help."""
    script = import_module("transfer_learning")
    monkeypatch.setattr(script, "ratings", lambda data, small: movielens)
    task = script.leave_out(movielens)
    assert (len(task.new.users), len(task.test)) == (143, 14_297)
    found = script.main()
    assert found["from scratch"] == pytest.approx(1.2085, abs=0.02)
    assert found["films frozen"] == pytest.approx(0.9958, abs=0.015)
    assert found["embedcli --init-from --freeze items"] < found["films frozen"]
    assert min(error for name, error in found.items() if "unfrozen" in name) > found["films frozen"] - 0.005


@pytest.mark.parametrize("name", ["dot_product_from_scratch", "transfer_learning"])
def test_help_is_the_lesson(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --help a script shows its docstring; wrong data are one error line and exit code 2."""
    script = EXAMPLES / f"{name}.py"
    for option, code in (("--help", 0), ("--data=nowhere", 2)):
        monkeypatch.setattr(sys, "argv", [script.name, option])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(script), run_name="__main__")
        assert left.value.code == code
    shown = capsys.readouterr()
    assert f"python examples/{name}.py" in shown.out
    assert [line.split(":")[0] for line in shown.err.splitlines()] == ["error", "hint"]

"""The scripts on the spreadsheet's line, back propagation and weight decay, and how every script starts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planted import World

import embedcli
from embedcli.data.ratings import Ratings

EXAMPLES = Path(__file__).parents[2] / "examples"
LESSONS = ("gradient_descent_by_hand", "optimisers_from_scratch", "backprop_from_scratch", "weight_decay")


@pytest.fixture(scope="module")
def decays(_examples_without_network: None) -> tuple[list[Any], list[Any]]:
    """Return the rows of both tables of weight_decay, in the first those of the recipe with fewer steps."""
    found: tuple[list[Any], list[Any]] = import_module("weight_decay").main(small=True)
    return found


@pytest.mark.parametrize("name", [*LESSONS, "lesson_training", "made_data"])
def test_help_of_a_script_is_its_lesson(name: str, help_of: Callable[[str], str]) -> None:
    """Run as a program with --help, a script shows its docstring, and leaves nothing behind."""
    shown = help_of(name)
    assert f"python examples/{name}.py" in shown
    assert ("--data" in shown) == (name not in ("gradient_descent_by_hand", "backprop_from_scratch"))
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_opens_as_a_notebook_and_ends_with_questions(name: str) -> None:
    """A lesson is in cells, and its last one has something to try and three questions."""
    cells = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").split("# %%")
    assert cells[0] == ""
    assert cells[1].startswith(' [markdown]\n"""')
    to_try, questions = cells[-1].split("# ## Questions")
    assert "# ## Try this" in to_try
    assert [line[2] for line in questions.splitlines() if line[2:3].isdigit()] == ["1", "2", "3"]


def start(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, object]:
    """Start a script that reads a file of its --data, and return what its main is given."""
    given: dict[str, object] = {}

    def main(**typed: object) -> None:
        given.update(typed)
        if "data" in typed:
            import_module("made_data").file_in(str(typed["data"]), "one.csv", "one.csv.gz").read_bytes()

    monkeypatch.setattr(sys, "argv", ["script.py", *words])
    import_module("made_data").run_script(main, "A lesson.", data="a folder with one.csv", run_dir="where to save")
    return given


def test_a_script_is_given_what_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was typed comes by name, what was not is left to the defaults of the script, also in a notebook."""
    (tmp_path / "one.csv.gz").touch()
    words = "--data", str(tmp_path), "--run-dir", "there", "--small"
    assert start(monkeypatch, *words) == {"data": str(tmp_path), "run_dir": "there", "small": True}
    assert start(monkeypatch) == {}
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert start(monkeypatch, "-f", "kernel.json") == {}


def test_wrong_data_is_one_error_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without the file, and a file that is not readable, end in an error, a hint and exit code 2."""
    (tmp_path / "not a folder").touch()
    for wrong in ("nowhere", "not a folder"):
        with pytest.raises(SystemExit) as left:
            start(monkeypatch, "--data", str(tmp_path / wrong))
        assert left.value.code == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error == f"error: there is no one.csv or one.csv.gz in {str(tmp_path / wrong)!r}"
        assert hint == "hint: give --data the folder that has it"


def test_wrong_data_of_the_system_is_one_error_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the system refuses to read is named, with what to give; a mistake of the script itself stays a traceback."""
    script = import_module("made_data")
    monkeypatch.setattr(sys, "argv", ["script.py", "--data", "gone"])
    with pytest.raises(SystemExit) as left:
        script.run_script(lambda data: Path(data).read_bytes(), "A lesson.", data="a file")
    assert left.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: gone: No such file or directory",
        "hint: give --data a file",
    ]
    monkeypatch.setattr(sys, "argv", ["script.py"])
    with pytest.raises(FileNotFoundError):
        script.run_script(lambda: Path("gone").read_bytes(), "A lesson.", data="a file")


@pytest.mark.parametrize("name", ["made_data", "optimisers_from_scratch", "weight_decay"])
def test_wrong_ratings_are_one_error_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script on ratings says in one line that --data is wrong, and never downloads a data set."""
    script = import_module(name)
    for wrong, said in (("nowhere", "there is no data set at 'nowhere'"), ("ml-1m", "is not in the cache")):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--data", wrong, "--small"])
        with pytest.raises(SystemExit) as left:
            import_module("made_data").run_script(script.main, script.__doc__, data="ratings")
        assert left.value.code == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith("error: ")
        assert said in error
        assert hint.startswith("hint: ")


def test_every_number_of_the_first_row(capsys: pytest.CaptureFixture[str]) -> None:
    """The first row's losses, its derivatives in three ways and the first step are the lesson's."""
    script = import_module("gradient_descent_by_hand")
    raised = [script.loss(1 + a, 1 + b, 14, 58) for a, b in ((0, 0), (0, 0.01), (0.01, 0), (0.01, 0.01))]
    assert raised == pytest.approx([1849, 1848.1401, 1836.9796, 1836.1225], abs=1e-9)
    found = script.first_row()
    assert found["finite differences"] == pytest.approx((-1202.04, -85.99), abs=1e-6)
    assert found["by hand"] == found["autograd"] == (-1204, -86)
    assert found["first step"] == pytest.approx((1.1204, 1.0086), abs=1e-12)
    printed = capsys.readouterr().out
    numbers = ("1,849.0000", "1,848.1401", "1,836.9796", "1,836.1225", "-1,202.04", "-85.99", "-1,204", "-86")
    assert all(number in printed for number in (*numbers, "1.1204", "1.0086"))


def test_every_row_of_the_spreadsheet_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The 29 rows are the spreadsheet's, each is printed with its derivatives, and the epoch ends where they lead."""
    script = import_module("gradient_descent_by_hand")
    assert len(script.ROWS) == 29
    assert script.ROWS[0] == (14, 58)
    assert script.ROWS[-1] == (8, 46)
    assert sum(x for x, _ in script.ROWS) == 1220
    a, b = script.first_epoch()
    lines = capsys.readouterr().out.splitlines()[3:-1]
    assert [float(line.split()[0]) for line in lines] == [x for x, _ in script.ROWS]
    assert lines[-1].split()[-2:] == [f"{a:.4f}", f"{b:.4f}"]
    line = np.array([1.0, 1.0])
    for x, y in script.ROWS:
        line -= 1e-4 * 2 * (line @ [x, 1] - y) * np.array([x, 1])
    assert (a, b) == pytest.approx(tuple(line), abs=1e-12)


def test_gradient_descent_finds_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """SGD on single rows ends near the line that the data lie on."""
    assert import_module("gradient_descent_by_hand").fit(3000) == pytest.approx((2, 30), abs=0.1)
    assert "0.002183" in capsys.readouterr().out


def test_optimisers_equal_torch() -> None:
    """Each optimiser stays within 1e-6 of torch.optim over a hundred steps."""
    script = import_module("optimisers_from_scratch")
    assert set(script.OPTIMISERS) == {"SGD", "Momentum", "RMSprop", "Adam"}
    assert all(script.difference(name) < 1e-6 for name in script.OPTIMISERS)


def test_epochs_to_the_line() -> None:
    """Each optimiser needs as many epochs as the lesson says, and momentum at five times the rate diverges."""
    assert import_module("optimisers_from_scratch").race_on_the_line() == {
        "SGD 0.0001": 2614,
        "momentum, average 0.0001": 2908,
        "momentum, average 0.0005": None,
        "momentum, sum 1e-05": 2908,
        "momentum, sum 0.0001": None,
        "RMSprop (0.9, 0.1) 0.02": 106,
        "Adam 0.1": 58,
    }


def test_the_sum_is_ten_times_the_average() -> None:
    """For any gradients the running sum is ten times the running average."""
    script, of_sum, of_average = import_module("optimisers_from_scratch"), {}, {}
    for g in np.random.default_rng(0).normal(size=20).tolist():
        assert script.momentum(g, of_sum) == pytest.approx(10 * script.average(g, of_average), rel=1e-12)


def test_the_race_ends_alike_on_made_ratings(capsys: pytest.CaptureFixture[str]) -> None:
    """On made ratings, as on MovieLens, SGD waits while Adam moves on, and Adam ends ahead; both curves are drawn."""
    script, split = import_module("optimisers_from_scratch"), import_module("made_data").make().split("random", seed=0)
    plain, adam = (script.race(name, split, 7) for name in ("SGD", "Adam"))
    assert plain[3] < adam[3] - 0.02
    assert adam[-1] < plain[-1] - 0.01
    script.draw({"SGD": plain, "Adam": adam})
    rows = [line.partition("|")[2] for line in capsys.readouterr().out.splitlines()]
    assert {mark for row in rows for mark in row} >= set("SA")


@pytest.mark.real_data
def test_optimisers_race_on_movielens(movielens: Ratings) -> None:
    """On MovieLens 100K SGD is still waiting at what biases alone reach when Adam is past it, as the script says."""
    script, split = import_module("optimisers_from_scratch"), movielens.split("random", seed=0)
    plain, adam = (script.race(name, split, 3) for name in ("SGD", "Adam"))
    assert plain[3] < adam[3] - 0.02
    assert adam[-1] < plain[-1] - 0.01


def test_backprop_equals_finite_differences_and_torch() -> None:
    """The gradients by hand are those of finite differences and of autograd, and training by them works."""
    figures = import_module("backprop_from_scratch").check()
    assert figures["finite differences"] < 1e-7
    assert figures["torch"] < 1e-12
    assert figures["loss after"] < figures["loss before"] / 50


def test_backprop_check_sees_a_mistake() -> None:
    """A gradient that forgets the ReLU is told from the right one by finite differences."""
    script = import_module("backprop_from_scratch")
    w = script.start(np.random.default_rng(1))
    made = script.forward(w, script.X)
    wrong = script.backward(w, made | {"z": np.ones_like(made["z"])}, script.X**2)
    assert script.furthest(wrong, script.by_finite_differences(w, script.X, script.X**2)) > 0.01


def test_a_wider_net_comes_nearer_to_a_curve() -> None:
    """Without ReLU the best is a straight line, whose loss is known; one kink helps, and twenty help far more."""
    losses = import_module("backprop_from_scratch").by_width((1, 20), 500)
    assert losses["x^2"][0] == pytest.approx(np.var(np.linspace(-2, 2, 100) ** 2), rel=1e-9)
    assert [round(losses[name][0], 3) for name in ("x^2", "sin 3x")] == [1.480, 0.434]
    for straight, narrow, wide in losses.values():
        assert wide < narrow / 4 < straight / 4


def test_weights_shrink_and_training_error_grows_with_decay(decays: tuple[list[Any], list[Any]]) -> None:
    """More decay means smaller weights and a larger training error; 20 forbids weights far beyond 1 / 20."""
    none, few, some, much = decays[0]
    assert none.factors > few.factors > some.factors > much.factors
    assert none.training < few.training < some.training < much.training
    assert much.largest < 2 / 20
    assert much.test > 1.126  # the spread of the ratings


def test_some_decay_is_better_than_none(decays: tuple[list[Any], list[Any]]) -> None:
    """Decay lowers the test error, and without it more factors overfit more."""
    none, _, some, _ = decays[0]
    assert some.test < none.test - 0.005
    (few, _), (many, many_decayed) = decays[1]
    assert many.training < few.training
    assert many.test - many.training > few.test - few.training
    assert many_decayed == some  # the same training again: same seed, same numbers


def test_the_sum_of_learning_rates_is_that_of_the_cycle(decays: tuple[list[Any], list[Any]]) -> None:
    """The closed form is the sum of the rates that PyTorch's one cycle sets, and the lesson's sum is 17.8."""
    training, script = import_module("lesson_training"), import_module("weight_decay")
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    cycle, total = training.one_cycle(optimiser, 0.005, 400), 0.0
    for _ in range(400):
        total += optimiser.param_groups[0]["lr"]
        optimiser.step()
        cycle.step()
    assert training.sum_of_rates(0.005, 400) == pytest.approx(total, rel=0.01)
    sums = [training.sum_of_rates(rate, training.n_steps(90_000, size)) for size, rate in (script.LESSON, script.FAST)]
    assert [round(total, 1) for total in sums] == [17.8, 4.4]
    assert decays[0][0].rates == training.sum_of_rates(0.01, training.n_steps(27_000, 512))


@pytest.mark.real_data
@pytest.mark.parametrize(("decay", "errors"), [(0.01, (0.519, 0.927)), (0.1, (0.692, 0.887))])
def test_the_lessons_decays_on_movielens(movielens: Ratings, decay: float, errors: tuple[float, float]) -> None:
    """On MovieLens 100K 0.1 is right and 0.01 is too little, with the errors that the lesson states."""
    script = import_module("weight_decay")
    row = script.outcome(movielens.split("random", seed=0), script.LESSON, decay)
    assert (row.training, row.test) == pytest.approx(errors, abs=0.01)  # another start, another order


def test_decays_of_two_rules_are_made_equally_strong(made_files: Path) -> None:
    """The decay found for embedcli leaves preferences of the size that the lesson's AdamW leaves."""
    [(lesson, default, equal)] = import_module("lesson_training").main(str(made_files), small=True)
    assert lesson.decay == 0.1
    assert equal.preference_sd == pytest.approx(lesson.preference_sd, rel=0.02)
    assert (equal.decay < default.decay) == (equal.preference_sd > default.preference_sd)
    assert equal.test == pytest.approx(lesson.test, abs=0.05)


def test_a_run_of_the_lessons_training_is_looked_into(world: World) -> None:
    """The analyses work on a run of the lesson's training, and find the planted axis and the worst film."""
    run = import_module("lesson_training").train(world.ratings, 0.1, n_factors=8)
    scores = embedcli.pca(run, components=1).scores
    assert abs(np.corrcoef(scores[:-1, 0], world.axis[:-1])[0, 1]) > 0.9
    assert embedcli.biases(run).worst[0].id == str(np.argmin(world.quality[:-1]) + 1)


def test_made_ratings() -> None:
    """The made ratings are those of MovieLens in kind: 1 to 5 stars, no pair twice, and the same every time."""
    script = import_module("made_data")
    made, again = script.make(), script.make()
    assert np.unique(made.value).tolist() == [1, 2, 3, 4, 5]
    assert len(np.unique(made.user * len(made.items) + made.item)) == len(made) == script.N_RATINGS
    assert made.data.sha256 == again.data.sha256


def test_made_truth_comes_back() -> None:
    """The planted tastes are the components that embedcli finds real: two pairs of genres, and the films' age."""
    config = embedcli.TrainConfig(n_factors=30, n_members=2, n_folds=3, n_draws=0)
    run = embedcli.fit(import_module("made_data").make().split("random", seed=0), config)
    found = embedcli.pca(run, components=3).components
    assert all(component.real for component in found)
    strongest = [max(component.effects, key=lambda effect: abs(effect.effect)) for component in found]
    assert all(abs(effect.effect) > 0.75 for effect in strongest)
    pairs = [("Action", "Romance"), ("Comedy", "Drama"), ("year",)]
    assert sorted(next(pair for pair in pairs if effect.name in pair) for effect in strongest) == pairs


def test_data_at_hand_is_taken(made_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--data names a folder to read; without it and without a cache a script says that the ratings are made."""
    script = import_module("made_data")
    assert len(script.ratings(str(made_files))) == 8_000
    capsys.readouterr()
    assert len(script.ratings()) == script.N_RATINGS
    assert "MovieLens 100K is not in the cache" in capsys.readouterr().out


def test_readme_names_every_script() -> None:
    """Every script beside the README is in it, and every link leads somewhere."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"[{path.name}]({path.name})" in text for path in EXAMPLES.glob("*.py"))
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert links
    assert all((EXAMPLES / link).exists() for link in links)

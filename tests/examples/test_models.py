"""The examples on models: weight decay, and the lesson's session; none of them uses the network."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import World
from scipy.stats import spearmanr

import embedcli

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ("lesson_training", "weight_decay", "collaborative_filtering_lesson")


@pytest.fixture(scope="module")
def decays(_examples_without_network: None) -> tuple[list[Any], float]:
    """Return the rows of weight_decay for three of its decays, and the test error of the one chosen.

    A sixth of the steps at four times the learning rate take a sixth of the time.
    """
    script, training = import_module("weight_decay"), import_module("lesson_training")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "BATCH_SIZE", 6 * training.BATCH_SIZE)
        patch.setattr(training, "LEARNING_RATE", 4 * training.LEARNING_RATE)
        patch.setattr(script, "DECAYS", (0.0, 0.1, 20.0))
        found: tuple[list[Any], float] = script.main(small=True)
    return found


@dataclass(frozen=True)
class Session:
    """What the lesson's session learned, what it printed, and where it left its picture."""

    learned: Any
    printed: str
    folder: Path


@pytest.fixture(scope="module")
def session(_examples_without_network: None, made_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Hold the lesson's session on the planted world."""
    folder = tmp_path_factory.mktemp("session")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        learned = import_module("collaborative_filtering_lesson").main(str(made_files), small=True)
    return Session(learned, printed.getvalue(), folder)


def test_weights_shrink_and_training_error_grows_with_decay(decays: tuple[list[Any], float]) -> None:
    """More decay means smaller factors, smaller biases, a larger training error and a smaller gap to validation."""
    rows = decays[0]
    assert [row.decay for row in rows] == [0, 0.1, 20]
    for less, more in pairwise(rows):
        assert more.factors < less.factors
        assert more.biases < less.biases
        assert more.training > less.training
        assert more.validation - more.training < less.validation - less.training


def test_too_much_decay_drives_the_weights_to_zero(decays: tuple[list[Any], float]) -> None:
    """At decay 20 no weight is far beyond 1/20, the error is above the spread of ratings, and one axis is left."""
    rows = decays[0]
    assert rows[-1].largest < 2 / 20
    assert rows[-1].validation > 1.2
    assert rows[-1].truth[1] < 0.4 < rows[1].truth[1]


def test_some_decay_is_better_than_none(decays: tuple[list[Any], float]) -> None:
    """The lowest validation error is at a small decay, and the test error of that decay is near it."""
    rows, test = decays
    best = min(rows, key=lambda row: row.validation)
    assert best.decay == 0.1
    assert abs(test - best.validation) < 0.05


def test_decays_of_two_rules_are_made_equally_strong(made_files: Path) -> None:
    """The decay found for embedcli leaves preferences of the size that the lesson's AdamW leaves."""
    [(lesson, default, equal)] = import_module("lesson_training").main(str(made_files), small=True)
    assert lesson.decay == 0.1
    assert equal.preference_sd == pytest.approx(lesson.preference_sd, rel=0.02)
    assert (equal.decay < default.decay) == (equal.preference_sd > default.preference_sd)
    assert equal.test == pytest.approx(lesson.test, abs=0.05)


def test_the_model_of_a_half_does_not_learn_from_the_other(world: World) -> None:
    """A model that leaves out all users keeps the factors it began with, beside one that learns."""
    run = import_module("lesson_training").train(world.ratings, 0.0, n_factors=8, n_epochs=1, n_halves=1)
    assert run.array("half_item_factors").std() == pytest.approx(0.01, rel=0.1)
    assert run.array("item_factors")[:, :-1].std() > 0.03


def test_a_run_of_the_lessons_training_is_looked_into(world: World) -> None:
    """The analyses work on a run of the lesson's training, and find the planted axis, also in halves of the users."""
    run = import_module("lesson_training").train(world.ratings, 0.1, n_factors=8, n_halves=2)
    found = embedcli.pca(run, components=1)
    assert (found.components[0].truth_phi or 0) > 0.9
    assert abs(np.corrcoef(found.scores[:-1, 0], world.axis[:-1])[0, 1]) > 0.9
    assert embedcli.biases(run).worst[0].id == str(np.argmin(world.quality[:-1]) + 1)


def test_lesson_finds_the_truth_of_a_planted_world(world: World, session: Session) -> None:
    """The films that are worst and best by a clear margin lead the lists; stars order films better than means do."""
    order = [str(j + 1) for j in np.argsort(world.quality)]
    learned = session.learned
    assert [row.id for row in learned.biases.worst[:3]] == order[:3]  # then come ten films of nearly one quality
    assert {row.id for row in learned.biases.best[:2]} == set(order[-2:])
    seen = learned.run.item_stats
    rated = seen.n_ratings > 0
    stars = learned.run.array("item_stars").mean(0)
    by_stars, by_mean = (spearmanr(x[rated], world.quality[rated]).statistic for x in (stars, seen.mean_rating))
    assert by_stars > max(by_mean, 0.98)


def test_lesson_finds_and_names_the_planted_axis(session: Session) -> None:
    """The first component is the planted axis, named by its genres; no other has a genre in its name."""
    first, *others = session.learned.components.components
    assert {first.positive_name[0], first.negative_name[0]} == {"Action", "Romance"}
    for component in others:
        assert not {"Action", "Romance"} & {*component.positive_name, *component.negative_name}


def test_lesson_tells_what_it_learned(session: Session) -> None:
    """The session prints the rankings and the verdicts on the components, and leaves a picture."""
    assert "Best, by bias:\n  +1." in session.printed
    assert "real and true" in session.printed
    assert "lesson.png: the 50 most rated films" in session.printed
    assert (session.folder / "lesson.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_of_a_script_is_its_lesson(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as a program with --help, a script shows its docstring."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert left.value.code == 0
    assert f"python examples/{name}.py" in capsys.readouterr().out


def test_readme_names_every_script() -> None:
    """Every script beside the README is in it, and every link leads somewhere."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"[{path.name}]({path.name})" in text for path in EXAMPLES.glob("*.py"))
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert links
    assert all((EXAMPLES / link).exists() for link in links)

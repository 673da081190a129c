"""The lesson's session, and the README of the examples; nothing uses the network."""

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
from planted import World
from scipy.stats import spearmanr

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ("collaborative_filtering_lesson",)


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

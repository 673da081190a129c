"""The first scripts of the lesson run, without a network, and what they print is so."""

from __future__ import annotations

import importlib
import runpy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ("embedding_is_one_hot",)
Load = Callable[[str], ModuleType]


@pytest.fixture
def load() -> Load:
    """Return a function that imports an example by its name, as one example imports another."""
    return importlib.import_module


@pytest.mark.parametrize("name", SCRIPTS)
def test_runs_as_a_script(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every script runs from any folder, prints, leaves nothing behind and says at its top how it is run."""
    monkeypatch.setattr("sys.argv", [f"{name}.py", "--small"])
    module = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 5
    assert f"python examples/{name}.py" in module["__doc__"]
    assert not list(Path.cwd().iterdir())


def test_embedding_is_one_hot(load: Load) -> None:
    """A look-up is the one-hot product, forwards and backwards, at less time and memory; a bias is one more column."""
    figures = load("embedding_is_one_hot").main(small=True)
    assert all(figures[name] < 1e-6 for name in ("rows", "gradients", "bias"))
    assert figures["time ratio"] > 1
    assert figures["memory ratio"] == 200  # 400 films of 4 bytes, against one code of 8

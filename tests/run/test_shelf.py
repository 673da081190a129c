"""Which run a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedcli.errors import RunError, UsageError
from embedcli.run.record import Run
from embedcli.run.shelf import entries, open_run, path_of
from embedcli.run.store import save


def test_newest_run_is_the_default(trained: Run) -> None:
    """Without a name, a command means the run that was saved last, whatever its name."""
    save(trained, name="zebra")
    save(trained, name="aardvark")
    assert open_run().name == "aardvark"
    assert [entry.name for entry in entries()] == ["aardvark", "zebra"]


def test_run_by_name_path_and_environment(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is found by its name, by its path, and by EMBEDCLI_RUN; --run comes first."""
    save(trained, name="one")
    save(trained, tmp_path / "elsewhere", name="two")
    assert path_of("one") == Path("runs/one")
    assert path_of("elsewhere/two") == Path("elsewhere/two")
    monkeypatch.setenv("EMBEDCLI_RUN", "elsewhere/two")
    assert open_run().name == "two"
    assert open_run("one").name == "one"


def test_unknown_run_lists_those_there_are(trained: Run) -> None:
    """An unknown name is answered with the names that would have worked."""
    save(trained, name="one")
    with pytest.raises(UsageError, match="there is no run 'two'") as caught:
        path_of("two")
    assert "one" in caught.value.hint


def test_no_run_at_all() -> None:
    """Where nothing was trained yet, the hint says how."""
    with pytest.raises(RunError) as caught:
        open_run()
    assert "embedcli train" in caught.value.hint


def test_damaged_newest_run_is_not_passed_over(trained: Run) -> None:
    """A damaged run is listed and, when it is the newest, complained of: an older one is never taken silently."""
    save(trained, name="old")
    damaged = save(trained, name="new")
    (Path("runs") / damaged.name / "run.json").write_text("{")
    assert entries()[0].about == {}
    with pytest.raises(RunError, match="damaged or cut short"):
        open_run()

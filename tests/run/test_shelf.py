"""Which run a command means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import World

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


@pytest.mark.parametrize(
    "about",
    [
        *("[]", "3", "null", '"text"', "{}", "[" * 100_000, "1" * 5000),
        '{"created": 5}',
        '{"created": "2026-01-01", "data": {"title": 1}, "training": {}}',
        '{"created": "2026-01-01", "data": [], "training": []}',
        *(
            '{"created": "2026-01-01", "data": {"title": "x"}, "training": %s}' % training  # noqa: UP031
            for training in (
                "[]",
                '{"config": 1, "split": {}, "scores": []}',
                '{"config": {}, "split": [], "scores": []}',
                '{"config": {}, "split": {}, "scores": [{}]}',
                '{"config": {}, "split": {}, "scores": [7]}',
                '{"config": {}, "split": {}, "scores": [{"rmse": NaN}]}',
                '{"config": {"n_members": "five"}, "split": {}, "scores": []}',
                '{"config": {"n_factors": [1]}, "split": {}, "scores": []}',
                '{"config": {}, "split": {"description": {}}, "scores": []}',
            )
        ),
        '{"created": "yesterday", "data": {"title": "x"}, "training": {"config": {}, "split": {}, "scores": []}}',
    ],
)
def test_run_json_of_any_shape_is_damaged(trained: Run, about: str) -> None:
    """Whatever a run.json holds instead of what a run says of itself, the run is listed, as damaged."""
    save(trained, name="whole")
    damaged = save(trained, name="odd")
    (Path("runs") / damaged.name / "run.json").write_text(about)
    found = entries()
    assert sorted(entry.name for entry in found) == ["odd", "whole"]
    assert [bool(entry.about) for entry in sorted(found, key=lambda entry: entry.name)] == [False, True]


def test_endless_run_json_is_damaged(trained: Run) -> None:
    """A run.json larger than any is not read whole: the run is listed as damaged, and refused."""
    path = Path("runs") / save(trained).name / "run.json"
    with path.open("r+b") as file:
        file.truncate(10**12)
    assert entries()[0].about == {}
    with pytest.raises(RunError, match="it has more than 16,777,216 bytes"):
        open_run()


def test_run_made_from_python_is_not_damaged(world: World) -> None:
    """A run that says nothing of its training is listed as what it is."""
    factors = np.zeros((1, len(world.ratings.items), 2), np.float32)
    save(Run.from_arrays({"item_factors": factors}, world.ratings, y_range=(0, 5.5)))
    assert entries()[0].about["data"]["title"] == "Made ratings"


def test_damaged_newest_run_is_not_passed_over(trained: Run) -> None:
    """A damaged run is listed and, when it is the newest, complained of: an older one is never taken silently."""
    save(trained, name="old")
    damaged = save(trained, name="new")
    (Path("runs") / damaged.name / "run.json").write_text("{")
    assert entries()[0].about == {}
    with pytest.raises(RunError, match="is damaged: cut short"):
        open_run()

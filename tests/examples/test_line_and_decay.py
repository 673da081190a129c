"""The scripts on the spreadsheet's line, back propagation and weight decay, and how every script starts."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest


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

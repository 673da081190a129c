"""`runs rm` and `runs rename`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from conftest import Invoke

from embedcli.run import store
from embedcli.run.record import Run
from embedcli.run.store import load, problems, save


class Terminal(io.StringIO):
    """A terminal on which something is typed."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def names() -> list[str]:
    """Return what is under runs/, hidden or not."""
    return sorted(path.name for path in Path("runs").iterdir())


@pytest.fixture
def three(trained: Run) -> None:
    """Save three runs."""
    for name in ("a", "b", "c"):
        save(trained, name=name)


@pytest.mark.usefixtures("three")
def test_runs_are_removed(embedcli: Invoke) -> None:
    """Runs are removed by name or path, each once; nothing hidden is left."""
    result = embedcli("runs", "rm", "a", "runs/b", "a", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "removed runs/a\nremoved runs/b\n"
    assert names() == ["c"]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("answer", ["y\n", "yes\n", "n\n", "\n", ""])
def test_removing_is_asked(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """On a terminal the answer decides; no answer is a no, with exit code 1."""
    stdin, stderr = Terminal(answer), Terminal()
    monkeypatch.setattr("embedcli.cli.runs.sys", type("", (), {"stdin": stdin, "stderr": stderr}))
    result = embedcli("runs", "rm", "a", "b")
    assert stderr.getvalue() == "Remove runs/a, runs/b for good? [y/N] "
    assert (result.exit_code, names()) == ((0, ["c"]) if "y" in answer else (1, ["a", "b", "c"]))


@pytest.mark.usefixtures("three")
def test_removing_needs_a_yes(embedcli: Invoke) -> None:
    """Without a terminal nothing is removed unless --yes is given."""
    result = embedcli("runs", "rm", "a")
    assert (result.exit_code, names()) == (2, ["a", "b", "c"])
    assert result.stderr.endswith("hint: say so: embedcli runs rm --yes runs/a\n")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("which", ["", ".", "nope", "notarun", "part", "foreign", "deep", ".hidden", "runs"])
def test_only_runs_are_removed(embedcli: Invoke, trained: Run, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """What is not a run, or holds anything else, stays, and so does every run that is named beside it."""
    monkeypatch.setenv("EMBEDCLI_RUN", "b")  # an empty name does not mean it
    for name in ("foreign", "deep"):
        save(trained, name=name)
    Path("runs/foreign/notes.txt").touch()
    Path("runs/deep/items.csv").unlink()
    Path("runs/deep/items.csv").mkdir()
    for name, file in (("notarun", "run.json"), ("part", "model.safetensors")):
        Path("runs", name).mkdir()
        Path("runs", name, file).touch()
    Path("runs/a").rename("runs/.hidden")
    before = names()
    result = embedcli("runs", "rm", "c", which, "--yes")
    assert result.exit_code in (1, 2)
    assert result.stderr.startswith("error: ")
    assert names() == before
    if not which:
        assert "error: there is no run '' in runs\n" in result.stderr
    if which == "foreign":
        assert "error: runs/foreign holds what is not part of a run: 'notes.txt'\n" in result.stderr


@pytest.mark.usefixtures("three")
def test_damaged_runs_are_removed(embedcli: Invoke) -> None:
    """A run that cannot be read can be removed."""
    Path("runs/a/run.json").write_text("{")
    Path("runs/a/model.safetensors").unlink()
    assert embedcli("runs", "rm", "a", "--yes").exit_code == 0
    assert names() == ["b", "c"]


@pytest.mark.usefixtures("three")
def test_of_a_link_only_the_link_is_removed(embedcli: Invoke) -> None:
    """A link to a run, or a file of a run that is a link, is removed; what it leads to stays."""
    Path("runs/a").rename("elsewhere")
    Path("runs/link").symlink_to(Path("elsewhere").absolute())
    Path("runs/b/model.safetensors").rename("model")
    Path("runs/b/model.safetensors").symlink_to(Path("model").absolute())
    result = embedcli("runs", "rm", "link", "b", "--yes")
    assert f"removed the link runs/link; {Path('elsewhere').absolute()} stays\n" in result.stderr
    assert names() == ["c"]
    assert (problems(Path("elsewhere")), Path("model").is_file()) == ({}, True)


@pytest.mark.usefixtures("three")
def test_a_removal_that_fails_changes_nothing(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the folder cannot be moved away, the run is whole, and one error says why."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store.Path, "rename", refuse)
    for line in ("rm a --yes", "rename a d"):
        result = embedcli("runs", *line.split())
        assert (result.exit_code, names(), problems(Path("runs/a"))) == (1, ["a", "b", "c"], {})
        assert result.stderr.startswith("error: runs/a could not be re")


@pytest.mark.usefixtures("three")
def test_runs_are_renamed(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has its new name in its folder; a variable that means the old one is spoken of."""
    monkeypatch.setenv("EMBEDCLI_RUN", "a")
    result = embedcli("runs", "rename", "a", "new")
    assert result.stderr == "renamed runs/a to runs/new\nnote: EMBEDCLI_RUN still says 'a': set it to new\n"
    assert (load(Path("runs/new")).name, names()) == ("new", ["b", "c", "new"])
    assert "EMBEDCLI_RUN still says" not in embedcli("runs", "rm", "b", "--yes").stderr


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a b", "there is a run named 'b' in runs already"),
        ("a a", "there is a run named 'a' in runs already"),
        ("a dangling", "there is a run named 'dangling' in runs already"),
        ("a ../b", "'../b' is not a valid name for a run"),
        ("a .b", "'.b' is not a valid name for a run"),
        ("nope d", "there is no run 'nope' in runs"),
        ("notarun d", "runs/notarun is not a run"),
    ],
)
def test_names_that_a_run_cannot_get(embedcli: Invoke, line: str, complaint: str) -> None:
    """A name that is taken or invalid is refused, and so is what is not a run."""
    Path("runs/notarun").mkdir()
    Path("runs/dangling").symlink_to("nowhere")
    before = names()
    result = embedcli("runs", "rename", *line.split())
    assert result.exit_code in (1, 2)
    assert result.stderr.startswith(f"error: {complaint}")
    assert names() == before

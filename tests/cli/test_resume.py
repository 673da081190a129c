"""`train --resume` and `train --init-from`."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from conftest import Invoke

from embedcli.training.checkpoint import Checkpoint

ARGS = ["--members", "2", "--factors", "4", "--epochs", "2", "--folds", "0", "--draws", "0", "--engine", "torch"]


@pytest.fixture
def interrupted(embedcli: Invoke, made_files: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Interrupt a training after its first epoch, and return what it says."""
    with monkeypatch.context() as patch:
        keep = Checkpoint.keep

        def keep_and_die(self: Checkpoint, *args: object) -> None:
            keep(self, *args)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        patch.setattr(Checkpoint, "is_due", True)
        patch.setattr(Checkpoint, "keep", keep_and_die)
        result = embedcli("train", made_files, *ARGS, "--seed", 3)
    assert result.exit_code == 130
    return result.stderr


def hashes(name: str) -> list[str]:
    """Return the sha256 of the files of a run but run.json, which has times."""
    paths = sorted(path for path in Path("runs", name).iterdir() if path.name != "run.json")
    return [sha256(path.read_bytes()).hexdigest() for path in paths]


def test_resume_takes_all_options_from_the_training(embedcli: Invoke, made_files: Path, interrupted: str) -> None:
    """An interrupted training says how to go on; `--resume` alone finishes it: the same files, the same command."""
    assert "hint: embedcli train --resume goes on" in interrupted
    result = embedcli("train", "--resume")
    assert "members after epoch 1" in result.stderr
    (first,) = [path.name for path in Path("runs").iterdir()]
    embedcli("train", made_files, *ARGS, "--seed", 3, "--name", "whole")
    assert hashes(first) == hashes("whole")
    assert json.loads(Path("runs", first, "run.json").read_text())["command"].endswith("--seed 3")


def test_resume_with_options_takes_that_training(embedcli: Invoke, made_files: Path, interrupted: str) -> None:
    """With the options of a training, `--resume` finishes that one; with other options there is nothing to resume."""
    result = embedcli("train", made_files, *ARGS, "--seed", 4, "--resume")
    assert "there is no unfinished training with these ratings and settings in runs" in result.stderr
    assert "--init-from RUN" in result.stderr
    assert embedcli("train", made_files, *ARGS, "--seed", 3, "--resume").exit_code == 0
    assert "there is no unfinished training in runs" in embedcli("train", "--resume").stderr


def test_more_epochs_are_a_new_cycle(embedcli: Invoke, made_files: Path) -> None:
    """`--init-from` starts a run from another one, and says that this is a new cycle; `--freeze` needs it."""
    embedcli("train", made_files, *ARGS, "--name", "old")
    result = embedcli("train", made_files, *ARGS, "--init-from", "old", "--freeze", "items", "--name", "new")
    assert "which stay as they are; then a new cycle of the learning rate" in result.stderr
    training = json.loads(Path("runs", "new", "run.json").read_text())["training"]
    assert (training["init_from"], training["freeze"]) == ("old", "items")
    result = embedcli("train", "missing.csv", "--freeze", "items")  # said before any rating is read
    assert (result.exit_code, "give it with --init-from" in result.stderr) == (2, True)


def test_resume_under_another_name(embedcli: Invoke, made_files: Path, interrupted: str) -> None:
    """`--resume --name` finishes the newest training as well, and saves it under that name."""
    assert embedcli("train", "--resume", "--name", "finished").exit_code == 0
    assert [path.name for path in Path("runs").iterdir()] == ["finished"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--split cv2 --init-from old", "--init-from has no meaning with --split cv2, which trains 2 runs"),
        ("--split cv2 --resume", "--resume has no meaning with --split cv2, which trains 2 runs"),
        ("--split cv2 --lr-find", "--lr-find has no meaning with --split cv2, which trains 2 runs"),
        ("--lr-find --init-from old --freeze items", "--init-from has no meaning with --lr-find"),
        ("--lr-find --seed 1 --resume", "--resume has no meaning with --lr-find"),
    ],
)
def test_options_that_do_not_go_together(embedcli: Invoke, made_files: Path, command: str, message: str) -> None:
    """An option that another one has no use for is an error, never left out in silence."""
    if "old" in command:
        embedcli("train", made_files, *ARGS, "--name", "old")
    result = embedcli("train", made_files, *command.split())
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr

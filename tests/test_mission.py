"""What embedcli is for works as a new user types it: the three commands, their own table, and what they get wrong."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pages
import pytest
from conftest import Invoke

MISSION = [  # on a data set by its name, one after another, from an empty folder
    ("embedcli train", r"members averaged +\d\.\d+", r"saved runs/ml-100k; next: embedcli biases --worst"),
    ("embedcli biases --worst", r"Worst films by bias", r"\n +1 .*\n(.*\n)* *10 "),
    ("embedcli pca --components 3", r"\n1  \d+\.\d % \| real and stable\n  evidence t \d+", r"\n3  \d"),
]
TYPED = [  # on a table of one's own: the command, its exit code, and what must be seen
    ("embedcli", 0, "Commands:\n  train "),
    ("embedcli --version", 0, r"^embedcli \d+\.\d+"),
    ("embedcli help", 2, "No such command 'help'.*\nhint: embedcli --help"),
    ("embedcli bias", 2, "Did you mean 'biases'"),
    ("embedcli biases --wrost", 2, "--worst"),
    ("embedcli biases worst", 2, "worst.*\nhint: embedcli biases --help"),
    ("embedcli train nosuch.csv", 2, "'nosuch.csv'\nhint: give a file"),
    ("embedcli train ratings.csv --weight_decay 1", 2, "--weight-decay"),
    ("embedcli train ratings.csv --epochs 0", 2, "--epochs 0 is below 1\nhint: give 1 or more"),
    ("embedcli train ratings.csv --lr fast", 2, "'fast' is not a valid "),
    ("embedcli data describe ratings.csv", 0, r"users +60\n"),
    ("embedcli data check broken.csv", 1, r" 3 +the rating is not a number +three\n"),
    ("embedcli train broken.csv", 1, "error: broken.csv, line 3: .*'three'\nhint: "),
    ("embedcli biases", 0, r"Best books\n(.*\n)*\nWorst books\n"),
    ("embedcli biases --run nope", 2, "no run 'nope'.*\nhint: .*ratings"),
    ("embedcli biases -o worst.xlsx", 2, r"no format \.xlsx\nhint: .*\.csv"),
    ("embedcli pca --components 99", 2, "--components 99 .*\nhint: give --components 3"),
    ("embedcli similar 'BOOK 7' -n 2", 0, r"nearest to Book 7 \("),
    ("embedcli similar id:0007 -n 2", 0, r"nearest to Book 7 \("),
    ("embedcli similar 'bok 7'", 2, "no book 'bok 7'\nhint: did you mean 'Book 7'"),
    ("embedcli similar", 2, "TITLE"),
    ("embedcli map", 0, "Book 19"),
    ("embedcli recommend --like 'book 3' -n 2", 0, r"For a new user(.*\n)*.*Book \d+"),
    ("embedcli recommend", 2, "hint: give --user ID, or --like TITLE"),
    ("embedcli explain u1 'book 3'", 0, r"Why \d\.\d+ for Book 3 by user u1(.*\n)*sum "),
    ("embedcli explain 1 'book 3'", 2, "no user '1'\nhint: .*u\\d+"),
    ("embedcli compare ratings", 2, "two runs or more"),
    ("embedcli evaluate ratings", 0, r"precision@10 +0\.\d+(.*\n)*.*RMSE"),
    ("embedcli evaluate ratings ratings ratings", 2, "3 runs are given\nhint: give one or two"),
    ("embedcli evaluate --k 0", 2, "--k 0 is below 1"),
    ("embedcli runs list", 0, r"\nratings +ratings "),
]
WRITTEN = {  # by the ending of -o: what a file begins with
    "biases --worst -o worst.csv": b"list,rank,title,",
    "biases --worst -o worst.json": b"{",
    "pca -o axes.parquet": b"PAR1",
    "map -o map.png": b"\x89PNG",
    "map -o map.html": b"<!doctype html>",
    "report -o books.html": b"<!doctype html>",
}
FEWER = ("--members", "2", "--folds", "2", "--draws", "100", "--epochs", "3")  # enough for what is typed here
PROGRAM = f"{shlex.quote(sys.executable)} -m embedcli"
PIPES = [  # as a shell runs them, in processes of their own
    ("embedcli biases --format csv | head -n 1", r"^list,rank,title,[\w,]+\n$"),
    ("cat ratings.csv | embedcli data describe - -q", r"users +60\n"),
    ("printf 'book 3\\nbook 4\\n' | embedcli similar - -n 1 --format csv -q | wc -l", "^ *3\n"),
    ("embedcli biases --worst -n 1 --format json 2>/dev/null", r"^\{\n(.*\n)*\}\n$"),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a table of ratings, a broken one, and a run trained on the first as a new user does."""
    folder = tmp_path_factory.mktemp("library")
    pages.write_own_data(folder)
    (folder / "broken.csv").write_text("user,book,rating\n1,2,3\n1,3,three\n2,3,5\n", encoding="utf-8")
    with chdir(folder), pages.settings():
        result = pages.invoke_here()("train", "ratings.csv", "--items", "books.csv", *FEWER)
        assert result.exit_code == 0, result.output
        assert "saved runs/ratings" in result.stderr
        yield folder


def test_three_commands(embedcli: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's three commands train, rank and name axes, one after another, from an empty folder."""
    pages.have_planted_world(tmp_path, monkeypatch)
    for typed, *seen in MISSION:
        result = embedcli(*typed.split()[1:])
        assert result.exit_code == 0, result.output
        for pattern in seen:
            assert re.search(pattern, result.output), (typed, result.output)


def test_before_any_training(embedcli: Invoke) -> None:
    """Whoever looks before training is told what to type first."""
    result = embedcli("biases")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "hint: train one first: embedcli train")


@pytest.mark.parametrize(("typed", "code", "seen"), TYPED, ids=[typed for typed, _, _ in TYPED])
def test_what_a_new_user_types(typed: str, code: int, seen: str, library: Path, embedcli: Invoke) -> None:
    """A line ends with its exit code and says what is needed next; an error is never a traceback."""
    with chdir(library):
        result = embedcli(*shlex.split(typed)[1:])
    assert result.exit_code == code, result.output
    assert re.search(seen, result.output, re.MULTILINE), result.output
    assert "Traceback" not in result.output
    assert code != 2 or re.match("error: .*\nhint: ", result.stderr), result.output


@pytest.mark.parametrize("typed", WRITTEN)
def test_files_are_what_their_ending_says(typed: str, library: Path, embedcli: Invoke) -> None:
    """`-o FILE` writes the format of the ending, and says that it did."""
    with chdir(library):
        result = embedcli(*typed.split())
        file = Path(typed.split()[-1])
        assert result.exit_code == 0, result.output
        assert f"wrote {file}" in result.stderr
        assert file.read_bytes().startswith(WRITTEN[typed])
        if file.suffix == ".json":
            assert len(json.loads(file.read_text())["worst"]) == 10


@pytest.mark.parametrize(("typed", "seen"), PIPES, ids=[typed for typed, _ in PIPES])
def test_pipes(typed: str, seen: str, library: Path) -> None:
    """In a pipe stdout is the answer alone, and a reader that stops early is no error."""
    line = typed.replace("embedcli", PROGRAM, 1)
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=library, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert re.search(seen, done.stdout), done.stdout


def test_help_of_every_command(embedcli: Invoke) -> None:
    """`--help` of the program and of every command and group ends well and shows examples."""
    from embedcli.cli import COMMANDS

    for name in ("", *COMMANDS):
        result = embedcli(*name.rstrip("_").split(), "--help")
        assert (result.exit_code, "Examples:" in result.stdout) == (0, True), name

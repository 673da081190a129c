"""Bad input: one `error:` line, one `hint:` line, exit code 1 or 2, no traceback, and nothing half-written."""

from __future__ import annotations

import errno
import hashlib
import importlib
import io
import json
import os
import pickle
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.response import addinfourl

import numpy as np
import pytest
from conftest import Invoke
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import World, write_movielens

from embedcli.data import loading
from embedcli.data.catalog import CATALOG, CatalogEntry, Download, Wheel
from embedcli.errors import DataError
from embedcli.run.files import seal
from embedcli.run.record import Run

Fails = Callable[..., str]
TINY = ("--members", "1", "--factors", "2", "--epochs", "1")


@pytest.fixture
def fails(embedcli: Invoke, tmp_path: Path) -> Fails:
    """Return a function that runs a command line that must fail as it should, and returns its complaint."""

    def run(*args: object, code: int = 1) -> str:
        before = files(tmp_path)
        result = embedcli(*args)
        *progress, error, hint = result.stderr.splitlines()
        assert error.startswith("error: "), result.stderr
        assert hint.startswith("hint: "), result.stderr
        assert not [line for line in progress if line.startswith(("error:", "hint:"))]
        assert "Traceback" not in result.stderr
        assert "should not have happened" not in error
        assert (result.exit_code, result.stdout) == (code, "")
        assert files(tmp_path) == before
        return f"{error}\n{hint}"

    return run


@pytest.fixture
def folder(made_files: Path, tmp_path: Path) -> Path:
    """Return a copy of the made files that a test may break."""
    return shutil.copytree(made_files, tmp_path / "made")


def files(root: Path) -> list[Path]:
    """List all files under a folder, and whatever is hidden there."""
    return sorted(path for path in root.rglob("*") if path.is_file() or path.name.startswith("."))


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a number of bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # it would be cut, and break later processes
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# The command line itself


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--bogus", "No such option: --bogus"),
        ("bogus", "No such command 'bogus'"),
        ("runs bogus", "No such command 'bogus'"),
        ("train --bogus", "No such option: --bogus"),
        ("train --factor 3", "No such option: --factor"),
        ("train ml-100k extra", "(extra)"),
        ("train --factors", "'--factors' requires an argument"),
        ("train --factors x", "'x' is not a valid int"),
        ("train --lr fast", "'fast' is not a valid "),
        ("train --y-range 1", "'--y-range' requires 2 arguments"),
        ("biases --format xls", "'xls' is not one of 'table', 'json'"),
        ("train --factors 0", "--factors 0 is below 1"),
        ("train --epochs 0", "--epochs 0 is below 1"),
        ("train --members 0", "--members 0 is below 1"),
        ("train --batch-size 0", "--batch-size 0 is below 1"),
        ("train --seed -1", "--seed -1 is below 0"),
        ("train --min-user-ratings -3", "--min-user-ratings -3 is below 0"),
        ("train --weight-decay -0.1", "--weight-decay -0.1 is "),
        ("train --weight-decay nan", "--weight-decay nan is"),
        ("train --weight-decay 1000", "--weight-decay 1000 times --lr 0.01 is not below 1"),
        ("train --bias-weight-decay -1", "--bias-weight-decay -1 is "),
        ("train --lr 0", "--lr 0 is not "),
        ("train --lr nan", "--lr nan is not "),
        ("train --y-range 5 0", "--y-range 5 0 is empty"),
        ("train --name ../up", "'../up' is not a valid name for a run"),
        ("train --name .hidden", "'.hidden' is not a valid name for a run"),
        ("train --data nowhere --split thirds", "unknown split 'thirds'"),
        ("train --data nowhere --split-seed -1", "--split-seed -1 is below 0"),
        ("train --data nowhere --test-fraction 0", "--test-fraction 0 is not between 0 and 1"),
        ("train --data nowhere --test-fraction 1.5", "--test-fraction 1.5 is not between 0 and 1"),
        ("train --data nowhere --test-fraction nan", "--test-fraction nan is not between 0 and 1"),
        ("train --split none --test-fraction 0.1", "--test-fraction 0.1 has no meaning with --split none"),
        ("train --split u1 --split-seed 0", "--split-seed 0 has no meaning with --split u1"),
        ("train --folds 1", "--folds 1 are too few"),
        ("train --draws 1", "--draws 1 are too few"),
        ("train --data nowhere", "there is no data set at 'nowhere'"),
        ("data fetch nothing", "there is no data set named 'nothing'"),
        ("data path nothing", "there is no data set named 'nothing'"),
    ],
)
def test_wrong_usage(fails: Fails, line: str, complaint: str) -> None:
    """What cannot be meant is answered with the option and the value, and exit code 2."""
    assert complaint in fails(*line.split(), code=2)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("train --factors", "embedcli train --help"),
        ("--debug runs list --format", "embedcli runs list --help"),
        ("--bogus", "embedcli --help"),
        ("train --debug", "put it first: embedcli --debug ..."),
    ],
)
def test_hint_of_wrong_usage(fails: Fails, line: str, hint: str) -> None:
    """The hint is the help of the very command that was typed, or where --debug belongs."""
    assert fails(*line.split(), code=2).endswith(f"hint: {hint}")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--split u1", "this data set has no official fold 'u1'"),
        ("--test-fraction 1e-9", "--test-fraction 1e-09 does not split 8,000 ratings in two"),
        ("--y-range 2 4", "--y-range 2 4 leaves out ratings, which go from 1 to 5"),
        ("--device abacus", "--device 'abacus' cannot be used"),
    ],
)
def test_options_that_do_not_fit_the_data(fails: Fails, made_files: Path, options: str, complaint: str) -> None:
    """What does not go with the ratings is answered before anything is trained."""
    assert complaint in fails("train", "--data", made_files, *TINY, *options.split(), code=2)


def test_loss_that_is_no_number(fails: Fails, made_files: Path) -> None:
    """A training that diverges stops with the epoch and the learning rate, and saves nothing."""
    options = ("--lr", "1e30", "--weight-decay", "0", "--bias-weight-decay", "0", *TINY)
    said = fails("train", "--data", made_files, *options)
    assert "a weight is no longer finite in epoch 1, at learning rate" in said
    assert "give a lower --lr than 1e+30" in said


# Getting the data


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes | Exception], None]:
    """Return a function that sets what the server of ml-100k answers; the environment has no pip."""

    def answer(content: bytes | Exception) -> None:
        def opened(self: object, request: urllib.request.Request, *, timeout: float) -> addinfourl:
            if isinstance(content, Exception):
                raise content
            reply = addinfourl(io.BytesIO(content), Message(), request.full_url, 200)
            reply.length = len(content)  # type: ignore[attr-defined]
            return reply

        monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)

    sources = (
        Download("ml-100k.zip", "https://example.org/ml-100k.zip", 1000, hashlib.sha256(bytes(1000)).hexdigest()),
        Wheel("made-1.0.whl", "made==1.0", 1000, "0" * 64),
    )
    monkeypatch.setitem(CATALOG, "ml-100k", CatalogEntry("ml-100k", "MovieLens 100K", "", sources))
    monkeypatch.setattr(importlib.import_module("importlib.util"), "find_spec", lambda name: None)
    return answer


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable")), "Network is unreachable"),
        (bytes(999), "ml-100k.zip was cut short, 999 of 1,000 bytes came"),
        (bytes(1001), "ml-100k.zip is larger than the 1,000 bytes expected"),
        (b"!" * 1000, "ml-100k.zip has the wrong sha256"),
    ],
)
@pytest.mark.parametrize("command", ["train", "data fetch"])
def test_data_that_cannot_be_had(
    fails: Fails,
    catalog: Callable[[bytes | Exception], None],
    command: str,
    answer: bytes | Exception,
    complaint: str,
) -> None:
    """Without a cache and a source that serves, every source's answer is told, and what else can be done."""
    catalog(answer)
    said = fails(*command.split())
    assert complaint in said
    assert "pip is not in this environment" in said
    assert "embedcli train ml-100k.zip" in said


def test_data_not_in_the_cache(fails: Fails) -> None:
    """`data path` fetches nothing, and says what would."""
    assert "embedcli data fetch ml-100k" in fails("data", "path")


def test_zip_that_is_none(fails: Fails, made_files: Path, tmp_path: Path) -> None:
    """A file that is no zip, and a zip that was cut short, are named."""
    path = tmp_path / "made.zip"
    path.write_bytes(b"<html>not today</html>")
    assert "made.zip: not a readable zip" in fails("train", "--data", path)
    with zipfile.ZipFile(path, "w") as archive:
        for file in made_files.iterdir():
            archive.write(file, file.name)
    path.write_bytes(path.read_bytes()[:-100])
    assert "made.zip: not a readable zip" in fails("train", "--data", path)


# Files of ratings and films


@pytest.mark.parametrize(
    ("file", "number", "line", "complaint"),
    [
        ("u.data", 7, "1\t2\t3", "the row does not have 4 columns: '1\\t2\\t3'"),
        ("u.data", 7, "1\t2\t3\t880000000\t1", "the row does not have 4 columns"),
        ("u.data", 8000, "1\t2", "the row does not have 4 columns"),
        ("u.data", 7, "1::2::3::880000000", "the row does not have 4 columns"),
        ("u.data", 7, "1\t2\tgood\t880000000", "the rating is not a number: 'good'"),
        ("u.data", 7, "1\t2\t3\tnow", "the time is invalid: 'now'"),
        ("u.data", 7, "1\t2\t3\t99999999999999999999", "the time is invalid: '99999999999999999999'"),
        ("u.data", 7, "1\t2\t0\t880000000", "the rating is outside the scale 1 to 5: '0'"),
        ("u.data", 7, "1\t2\t5.5\t880000000", "the rating is outside the scale 1 to 5: '5.5'"),
        ("u.data", 7, "1\t999\t3\t880000000", "item id '999' is not in u.item"),
        ("u.data", 7, "999\t2\t3\t880000000", "user id '999' is not in u.user"),
        ("u.item", 120, "120|Half a film", "2 columns instead of 24"),
    ],
)
def test_damaged_line(fails: Fails, folder: Path, file: str, number: int, line: str, complaint: str) -> None:
    """A line that cannot be read is answered with its file, its number and what is wrong with which value."""
    path = folder / file
    lines = path.read_text(encoding="latin-1").split("\n")
    lines[number - 1] = line
    path.write_text("\n".join(lines), encoding="latin-1", newline="")
    assert fails("train", "--data", folder).startswith(f"error: {path}, line {number:,}: {complaint}")


@pytest.mark.parametrize("file", ["u.data", "u.item", "u.user"])
def test_empty_file(fails: Fails, folder: Path, file: str) -> None:
    """A file without a line is said to be empty."""
    (folder / file).write_bytes(b"")
    assert fails("train", "--data", folder).startswith(f"error: {folder / file}: the file is empty")


@pytest.mark.parametrize("file", ["u.data", "u.item"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_file_cut_short(fails: Fails, folder: Path, file: str, share: float) -> None:
    """A file that was cut anywhere is refused, and the hint is to get it again."""
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(len(content) * share)])
    assert "download or copy" in fails("train", "--data", folder)


def test_films_that_are_missing(fails: Fails, folder: Path) -> None:
    """A u.item cut at the end of a line is noticed by the ratings of the films it lost."""
    lines = (folder / "u.item").read_bytes().splitlines(keepends=True)
    (folder / "u.item").write_bytes(b"".join(lines[:60]))
    said = fails("train", "--data", folder)
    assert "u.data, line " in said
    assert "is not in u.item" in said
    assert "u.item is cut short" in said


@pytest.fixture(scope="module")
def small(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a folder with forty ratings, and their lines."""
    folder = write_movielens(tmp_path_factory.mktemp("small"), world.ratings.take(np.arange(40)))
    return folder, (folder / "u.data").read_text(encoding="ascii").splitlines()


@settings(max_examples=60)
@given(
    number=st.integers(1, 40),
    column=st.integers(0, 3),
    field=st.one_of(
        st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12),
        st.sampled_from(["", "0", "-1", "nan", "1e400", "4.5", "007", "9" * 19, "9" * 5000, "5\t5", "\r", " 3 "]),
        st.integers().map(str),
        st.floats().map(str),
    ),
)
def test_one_damaged_field(small: tuple[Path, list[str]], number: int, column: int, field: str) -> None:
    """Whatever stands in one field of u.data, it is read as a rating on the scale, or its line is named."""
    folder, lines = small
    fields = lines[number - 1].split("\t")
    fields[column] = field
    damaged = [*lines[: number - 1], "\t".join(fields), *lines[number:]]
    (folder / "u.data").write_text("\n".join(damaged), encoding="utf-8", newline="")
    try:
        ratings = loading.load(folder)
    except DataError as error:
        assert error.message.startswith(f"{folder / 'u.data'}, line {number}: ")
        assert error.message.isprintable()
        assert len(error.message) < len(str(folder)) + 200
    else:
        assert len(ratings) == 40
        assert 1 <= ratings.value[number - 1] <= 5
        assert ratings.item.max() < 120


# Saving a run


def stand_in_for_fit(monkeypatch: pytest.MonkeyPatch, outcome: Run | BaseException) -> None:
    """Have `train` get this run at once instead of training, or this exception."""

    def fit(*args: object, **options: object) -> Run:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(importlib.import_module("embedcli.training.fit"), "fit", fit)


@pytest.mark.parametrize("n_bytes", [1_000, 10_000])
def test_disk_full(fails: Fails, made_files: Path, trained: Run, monkeypatch: pytest.MonkeyPatch, n_bytes: int) -> None:
    """A run that the disk has no room for leaves nothing, not even a hidden folder."""
    stand_in_for_fit(monkeypatch, trained)
    with small_disk(n_bytes):
        said = fails("train", "--data", made_files)
    assert "the run cannot be saved in runs: File too large" in said
    assert "--run-dir" in said


def test_answer_on_a_full_disk(fails: Fails, saved: Run) -> None:
    """An answer that the disk has no room for leaves no file, and an older answer as it was."""
    Path("answer").write_text("older")
    with small_disk(100):
        assert "answer cannot be written: File too large" in fails("biases", "-o", "answer", code=2)
    assert Path("answer").read_text() == "older"


@pytest.mark.parametrize("output", ["runs", "nowhere/answer", "runs/made/run.json/answer"])
def test_answer_that_cannot_be_written(fails: Fails, saved: Run, output: str) -> None:
    """An -o that is a folder, in no folder, or under a file, is named and leaves nothing."""
    assert f"{output} cannot be written: " in fails("biases", "-o", output, code=2)


def test_answer_into_a_pipe(embedcli: Invoke, saved: Run) -> None:
    """An -o that is a pipe or a device is written to, not replaced by a file."""
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert embedcli("biases", "-o", "pipe").exit_code == 0
    assert os.read(reader, 1 << 16).decode() == embedcli("biases").stdout
    os.close(reader)


@pytest.mark.parametrize("output", ["runs", "nowhere/answer"])
def test_answer_of_a_training_that_cannot_be_written(fails: Fails, saved: Run, folder: Path, output: str) -> None:
    """An -o that cannot be written is noticed before the training."""
    assert f"{output} cannot be written: " in fails("train", "--data", folder, "-o", output, code=2)


def test_read_only_output_folder(fails: Fails, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An -o in a folder that cannot be written is noticed before the training."""

    def refuse(*, dir: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    said = fails("train", "--data", folder, "-o", "answer", code=2)
    assert "answer cannot be written: Read-only file system" in said


@pytest.mark.parametrize("below", ["", "runs"])
def test_run_folder_that_cannot_be(fails: Fails, folder: Path, below: str) -> None:
    """A run folder that cannot be made is noticed before the training."""
    run_dir = folder / "u.data" / below
    said = fails("train", "--data", folder, "--run-dir", run_dir)
    assert f"no run can be saved in {run_dir}: Not a directory" in said


def test_read_only_run_folder(fails: Fails, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder that cannot be written is noticed before the training."""

    def refuse(*, dir: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    said = fails("train", "--data", folder)
    assert "no run can be saved in runs: Read-only file system" in said
    assert "--run-dir" in said


def test_name_that_is_taken(fails: Fails, saved: Run, folder: Path) -> None:
    """A run is never overwritten."""
    assert "there is a run named 'made' in runs already" in fails("train", "--data", folder, "--name", "made", code=2)


@pytest.mark.parametrize("when", ["training", "saving"])
def test_ctrl_c(fails: Fails, made_files: Path, trained: Run, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Ctrl-C ends a training with exit code 130, nothing of the run stays, and no more than that is said."""
    stand_in_for_fit(monkeypatch, KeyboardInterrupt() if when == "training" else trained)

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    said = fails("train", "--data", made_files, code=130)
    assert said == "error: interrupted\nhint: no file is left half-written; the same command starts again"


# Opening a run


@pytest.mark.parametrize("command", ["biases", "pca", "runs show"])
def test_no_run_at_all(fails: Fails, command: str) -> None:
    """Without any run, the hint is to train one."""
    assert fails(*command.split()) == "error: there is no run in runs yet\nhint: train one first: embedcli train"


@pytest.mark.parametrize("command", ["biases --run", "pca --run", "runs show", "runs path"])
def test_unknown_run(fails: Fails, saved: Run, command: str) -> None:
    """An unknown run is named, and the hint lists those there are."""
    said = fails(*command.split(), "nope", code=2)
    assert said == "error: there is no run 'nope' in runs\nhint: the runs are: made"


def test_unknown_run_in_the_environment(fails: Fails, saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """EMBEDCLI_RUN is held to the same."""
    monkeypatch.setenv("EMBEDCLI_RUN", "nope")
    assert "there is no run 'nope' in runs, which EMBEDCLI_RUN asks for" in fails("biases", code=2)
    assert "EMBEDCLI_RUN" not in fails("biases", "--run", "no", code=2)


@pytest.mark.parametrize("file", ["run.json", "items.csv", "users.csv", "model.safetensors"])
def test_run_with_a_missing_file(fails: Fails, saved: Run, file: str) -> None:
    """A run that lost a file says which."""
    (Path("runs/made") / file).unlink()
    assert f"runs/made/{file} is missing" in fails("biases", "--run", "made")


@pytest.mark.parametrize("file", ["run.json", "items.csv", "users.csv", "model.safetensors", "rows.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_run_with_a_file_cut_short(fails: Fails, saved: Run, file: str, share: float) -> None:
    """A run of which a file was cut short says which, and is not shown as if it were whole."""
    path = Path("runs/made") / file
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    said = fails("biases", "--run", "made")
    assert file in said
    assert "embedcli train" in said


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema_version": 99}, "run.json has schema version 99, this embedcli reads 2"),
        ({"schema_version": 1}, "run.json has schema version 1, of an older embedcli; this one reads 2"),
        ({"schema_version": None}, "run.json is damaged: it has no schema_version"),
        ({"schema_version": True}, "run.json is damaged: it has no schema_version"),
        ({"y_range": [0, 6]}, "run.json is damaged: it was changed after the training"),
        ({"data": None}, "run.json is damaged: it was changed after the training"),
    ],
)
def test_run_that_says_something_else(fails: Fails, saved: Run, change: dict[str, Any], complaint: str) -> None:
    """A run.json of a newer or older embedcli, or one that was changed, is refused by name."""
    path = Path("runs/made/run.json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    assert complaint in fails("biases")


@pytest.mark.parametrize("change", [{"data": None}, {"training": {}}, {"y_range": [0]}, {"files": []}, {"files": {}}])
def test_run_that_was_written_by_another_hand(fails: Fails, saved: Run, change: dict[str, Any]) -> None:
    """A run.json that lacks a part is refused by name, also if its own sha256 is right."""
    path = Path("runs/made/run.json")
    about = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(about | {"sha256": seal(about)}), encoding="utf-8")
    assert "run.json is damaged: not what a run says of itself" in fails("biases")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("pca --components 0", "--components 0 is not from 1 to 8"),
        ("pca --components -1", "--components -1 is not from 1 to 8"),
        ("pca --components 9", "--components 9 is not from 1 to 8: the run has 8 factors"),
        ("pca --top-items 0", "--top-items 0 is below 1"),
        ("pca --top-items 1", "1 item"),
        ("pca --min-ratings 100000", "0 items are too few"),
        ("biases --min-ratings 100000", "--min-ratings 100000 leaves no film"),
        ("biases -n 0", "-n 0 is below 1"),
        ("pca -n 0", "-n 0 is below 1"),
    ],
)
def test_options_that_do_not_fit_the_run(fails: Fails, saved: Run, line: str, complaint: str) -> None:
    """What a run has too little for is answered with the value and the limit."""
    assert complaint in fails(*line.split(), code=2)


# A program of its own: signals and streams


def program(*args: object) -> list[str]:
    """Return the command line that runs embedcli in a process of its own."""
    return [sys.executable, "-m", "embedcli", *map(str, args)]


UNTRAINED = """
import pickle, sys, types
stand_in = types.ModuleType("embedcli.training.fit")
def fit(split, config, on_epoch, *, on_stage, **options):
    run = pickle.load(open("run.pickle", "rb"))
    for epoch in run.training.epochs:
        on_epoch(epoch)
    on_stage("stars", 1.0)
    return run
stand_in.fit = fit
sys.modules["embedcli.training.fit"] = stand_in
from embedcli.__main__ import main
main()
"""


def training(trained: Run, made_files: Path) -> list[str]:
    """Return the command line of a training whose run is there at once: torch takes seconds to import."""
    Path("run.pickle").write_bytes(pickle.dumps(trained))
    return [sys.executable, "-c", UNTRAINED, "train", "--data", str(made_files)]


def test_ctrl_c_in_a_terminal(made_files: Path, tmp_path: Path) -> None:
    """SIGINT in the middle of a training ends it with exit code 130, two lines, and nothing under runs/."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
    training = subprocess.Popen(
        program("train", "--data", made_files, *TINY[:-1], "1000000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, usual)
    try:
        assert training.stderr is not None
        assert any(line.split()[0] == "1" for line in training.stderr)  # the first epoch is done
        training.send_signal(signal.SIGINT)
        stdout, stderr = training.communicate(timeout=30)
    finally:
        training.kill()
        training.wait()
    assert (training.returncode, stdout) == (130, "")
    assert [line for line in stderr.splitlines() if not line[:1].isspace()] == [
        "error: interrupted",
        "hint: no file is left half-written; the same command starts again",
    ]
    assert files(tmp_path) == []


def test_closed_pipe(saved: Run) -> None:
    """A reader that goes away, as in `embedcli biases | head -1`, ends a command silently."""
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(program("biases"), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("stderr", ["closed pipe", "closed", "full"])
def test_stderr_never_decides(trained: Run, made_files: Path, stderr: str) -> None:
    """A training whose stderr is a closed pipe, closed or full is saved and answers all the same."""
    line = shlex.join(training(trained, made_files))
    if stderr == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run(shlex.split(line), stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
        os.close(writer)
    else:
        where = "2>&-" if stderr == "closed" else "2>/dev/full"
        result = subprocess.run(["sh", "-c", f"{line} {where}"], stdout=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 0
    assert "global mean" in result.stdout
    assert "saved" not in result.stdout
    assert Path("runs/made/run.json").exists()


def test_saved_is_said_before_the_answer(trained: Run, made_files: Path) -> None:
    """A reader of stdout that goes away does not hide that the run was saved."""
    reader, writer = os.pipe()
    os.close(reader)
    line = training(trained, made_files)
    result = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert result.returncode == 0
    assert result.stderr.splitlines()[-1] == "saved runs/made; next: embedcli biases --worst"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("line", ["biases", "--version"])
def test_stdout_that_is_full(saved: Run, line: str) -> None:
    """An answer that cannot be written to stdout is a failure, told once."""
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(program(line), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: stdout: No space left on device\nhint: ")
    assert result.stderr.count("\n") == 2

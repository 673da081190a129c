"""`train --config` and `train --like`: options that are not typed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Invoke
from typer.main import get_command

from embedcli.cli import app
from embedcli.cli.settings import keys_of
from embedcli.data.ratings import Split
from embedcli.data.splits import description, fraction_in
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run, Training
from embedcli.run.store import save
from embedcli.training import fit as fit_module

ROWS = [f"u{user},i{item},{1 + user * item % 5}" for user in range(12) for item in range(8)]


@dataclass(frozen=True)
class Trained:
    """What a training was asked for."""

    split: Split
    config: TrainConfig
    keep_rows: bool


@pytest.fixture
def trainings(trained: Run, monkeypatch: pytest.MonkeyPatch) -> list[Trained]:
    """Return the trainings so far; none takes any time, and each gives the same run."""
    asked: list[Trained] = []

    def fit(split: Split, config: TrainConfig, *_: Any, keep_rows: bool, **__: Any) -> Run:
        asked.append(Trained(split, config, keep_rows))
        return replace(trained, data=split.train.data)

    monkeypatch.setattr(fit_module, "fit", fit)
    Path("ratings.csv").write_text("\n".join(["user,item,rating", *ROWS]) + "\n", encoding="utf-8")
    return asked


@pytest.fixture
def train(embedcli: Invoke, trainings: list[Trained]) -> Callable[..., Trained]:
    """Return a function that runs `train`, and returns what was asked for."""

    def run(*args: object) -> Trained:
        result = embedcli("train", *args)
        assert result.exit_code == 0, result.stderr
        return trainings[-1]

    return run


def write(text: str, path: str = "run.toml") -> str:
    """Write a file of options, and return its path."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_options(train: Callable[..., Trained]) -> None:
    """Keys are options with - or _, in tables or not; each is as if it were typed, and what is typed wins."""
    path = write(
        'data = "ratings.csv"\nfactors = 8\n[model]\nweight_decay = 1\ny-range = [0, 6]\nmembers = 3\n'
        "[evidence]\ntest-fraction = 0.25\nkeep-rows = false\ntimestamps = false\nuser-col = 1\n"
    )
    asked = train("--config", path, "--members", "2")
    assert asked.config == TrainConfig(n_factors=8, weight_decay=1, y_range=(0.0, 6.0), n_members=2)
    assert asked.split.description == "random 75/25 seed 0"
    assert asked.split.train.data.reading == {"user_col": "1"}
    assert not asked.keep_rows


def test_what_a_file_gives_is_said(embedcli: Invoke, trainings: list[Trained]) -> None:
    """Stderr lists what comes from the file, and what of it is overridden; with -q, typed or not, nothing."""
    path = write('data = "ratings.csv"\nfactors = 8\nmembers = 3\n')
    said = embedcli("train", "--config", path, "--members", "2").stderr
    assert "run.toml: ratings.csv --factors 8 (overridden: --members 3)\n" in said
    assert embedcli("train", "--config", path, "-q").stderr == ""
    assert embedcli("train", "--config", write('data = "ratings.csv"\nquiet = true')).stderr == ""


def test_paths_are_relative_to_the_file(train: Callable[..., Trained]) -> None:
    """A path in a file is relative to the folder of the file; the argument that is typed wins over `data`."""
    path = write('data = "ratings.csv"\nrun-dir = "runs"\nname = "one"\n', "there/run.toml")
    Path("ratings.csv").rename("there/ratings.csv")
    assert len(train("--config", path).split.train) == 86
    assert Path("there/runs/one").is_dir()
    Path("few.csv").write_text("\n".join(["user,item,rating", *ROWS[:40]]) + "\n", encoding="utf-8")
    assert len(train("few.csv", "--config", path, "--name", "two").split.train) == 36
    assert len(train("--data", "few.csv", "--config", path, "--name", "three").split.train) == 36


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mebmers = 3", "unknown key mebmers = 3\nhint: did you mean members?"),
        ("learning_rate = 1", "unknown key learning_rate = 1\nhint: did you mean lr?"),
        ("valid-fraction = 0.1", "unknown key valid-fraction = 0.1\nhint: did you mean test-fraction?"),
        ("config = 'x'", 'unknown key config = "x"\nhint: the keys are'),
        ("[a.b]\nfactors = 3", "unknown key b = { a table }\nhint: "),
        ("factors = 3\n[a]\nfactors = 4", "factors = 4 is given twice\nhint: leave one factors out"),
        ("members = '5'", 'members = "5" is not a whole number\nhint: write members = 5'),
        ("members = true", "members = true is not a whole number"),
        ("members = 5.0", "members = 5.0 is not a whole number"),
        ("seed = 2024-01-01", "seed = 2024-01-01 is not a whole number"),
        ("lr = 'fast'", 'lr = "fast" is not a number'),
        ("timestamps = 1", "timestamps = 1 is not true or false\nhint: write timestamps = true"),
        (
            "duplicates = 'lst'",
            'duplicates = "lst" is not one of error, last, first, mean\nhint: write duplicates = "last"',
        ),
        ("y-range = [1]", "y-range = [1] is not a pair of numbers"),
        ("y-range = [true, 2]", "y-range = [true, 2] is not a pair of numbers"),
        ("wide = 0.5", 'wide = 0.5 is not text\nhint: write wide = "0.5"'),
        (r"name = 'a\u0000'".replace("'", '"'), r'name = "a\u0000" is not text'),
        ("factors", "not TOML: Expected '='"),
        ("seed = " + "9" * 5000, "not TOML: Exceeds the limit"),
        ("a = " + "[" * 10_000, "not TOML: "),
        ("#" * 70_000, "larger than 65,536 bytes, not a file of options"),
    ],
)
def test_a_file_that_is_wrong(embedcli: Invoke, text: str, complaint: str) -> None:
    """A wrong key, type or value ends in one error with file, key and value, and a hint with what is meant."""
    result = embedcli("train", "--config", write(text))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 2)
    assert f"error: run.toml: {complaint}" in result.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("batch-size = 0", "--batch-size 0 is below 1 (batch-size = 0 in run.toml)"),
        ("lr = nan", "--lr nan is not above 0 (lr = nan in run.toml)"),
        ("split = 'thirds'", "unknown split 'thirds' (split = \"thirds\" in run.toml)"),
        ("name = '../up'", "'../up' is not a valid name for a run (name = \"../up\" in run.toml)"),
        ("data = 'no.csv'", "there is no data set at 'no.csv' (data = \"no.csv\" in run.toml)"),
        (
            "output = 'no/x.csv'",
            'no/x.csv cannot be written: No such file or directory (output = "no/x.csv" in run.toml)',
        ),
        ("like = 'nope'", "there is no run 'nope' in runs (like = \"nope\" in run.toml)"),
    ],
)
def test_a_value_that_is_wrong(embedcli: Invoke, text: str, complaint: str) -> None:
    """An error about an option that was not typed says in which file it is."""
    result = embedcli("train", "--config", write(text))
    assert result.exit_code == 2
    assert f"error: {complaint}\nhint: " in result.stderr
    assert (
        "run.toml" not in embedcli("train", "--config", write("name = 'fine'"), "--lr", "0").stderr.split("error:")[1]
    )


def test_files_that_are_not_toml(embedcli: Invoke) -> None:
    """A missing file, a folder and another encoding are errors; a byte order mark and an empty file are none."""
    for path, what in (("nowhere.toml", "No such file or directory"), (".", "Is a directory")):
        assert embedcli("train", "--config", path).stderr.startswith(f"error: {path}: {what}\n")
    Path("latin.toml").write_bytes('name = "Misérables"'.encode("latin-1"))
    assert embedcli("train", "--config", "latin.toml").stderr.startswith("error: latin.toml: not text in UTF-8\n")
    Path("bom.toml").write_text("factors = 0", encoding="utf-8-sig")
    assert "--factors 0 is below 1 (factors = 0 in bom.toml)" in embedcli("train", "--config", "bom.toml").stderr
    assert "--lr 0 is not" in embedcli("train", "--config", write(""), "--lr", "0").stderr


def test_every_option_may_be_in_a_file() -> None:
    """The keys are all options of train but --config and --help."""
    command = get_command(app).commands["train"]  # type: ignore[attr-defined]
    flags = {flag for option in command.params for flag in option.opts if flag.startswith("--")}
    assert {f"--{key}" for key in keys_of(inspect.signature(command.callback).parameters)} == flags - {"--config"}


def test_a_run_gives_its_settings(train: Callable[..., Trained], trained: Run) -> None:
    """--like takes training, split and reading of a run; the file wins over it, and what is typed over both."""
    config = TrainConfig(n_members=3, n_factors=8, seed=4, y_range=(0.5, 5.25), engine="compiled")
    split = replace(trained.training.split, seed=6, description=description("random", seed=6, test_fraction=0.25))
    data = replace(trained.data, reading={"duplicates": "last", "min_item_ratings": 2, "tag_cols": ["a", "b"]})
    save(replace(trained, data=data, training=replace(trained.training, config=config, split=split)), name="old")
    asked = train("ratings.csv", "--like", "old")
    assert asked.config == replace(config, engine="auto")
    assert asked.split.description == "random 75/25 seed 6"
    assert asked.split.train.data.reading == data.reading | {"tag_cols": ("a", "b")}
    asked = train("ratings.csv", "--like", "old", "--config", write("members = 2\nseed = 5"), "--seed", "7")
    assert asked.config == replace(config, engine="auto", n_members=2, seed=7)
    assert asked.split.description == "random 75/25 seed 6"
    assert train("ratings.csv", "--like", "old", "--split", "none").split.kind == "none"
    assert train("--config", write('data = "ratings.csv"\nlike = "old"')).config.n_factors == 8


def test_a_run_does_not_give_what_follows_from_the_ratings(train: Callable[..., Trained], trained: Run) -> None:
    """The range of the predictions is not that of the run if it follows from its scale."""
    config = TrainConfig(y_range=(0.0, 5.5))
    run = replace(trained, training=replace(trained.training, config=config))
    save(run, name="usual")
    save(replace(run, rows=None, heldout=None), name="bare")
    asked = train("ratings.csv", "--like", "usual")
    assert (asked.config.y_range, asked.keep_rows) == (None, True)
    asked = train("ratings.csv", "--like", "bare")
    assert (asked.config.y_range, asked.keep_rows) == ((0.0, 5.5), False)


def test_runs_without_settings(embedcli: Invoke, trained: Run, trainings: list[Trained]) -> None:
    """A run that was not trained here is refused; one of a file that is not named needs the ratings."""
    save(replace(trained, training=Training()), name="foreign")
    result = embedcli("train", "ratings.csv", "--like", "foreign")
    assert (result.exit_code, trainings) == (1, [])
    assert result.stderr.startswith("error: run 'foreign' has no settings of a training: it was not trained by")
    save(trained, name="mine")
    result = embedcli("train", "--like", "mine")
    assert result.exit_code == 2
    assert "hint: give them: embedcli train made --like mine\n" in result.stderr
    about = json.loads(Path("runs/mine/run.json").read_text(encoding="utf-8")) | {"schema_version": 1}
    Path("runs/mine/run.json").write_text(json.dumps(about), encoding="utf-8")
    assert "of an older embedcli" in embedcli("train", "ratings.csv", "--like", "mine").stderr


@pytest.mark.parametrize("kind", ["random", "time"])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.333])
def test_descriptions_state_the_fraction(kind: str, fraction: float) -> None:
    """The share of the test rows can be read from the description of a split; other splits have none."""
    assert fraction_in(description(kind, seed=10, test_fraction=fraction)) == pytest.approx(fraction)
    for other in ("none", "u1", "leave-last"):
        assert fraction_in(description(other, seed=0, test_fraction=0.1)) is None

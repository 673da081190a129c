"""The commands, as they are typed."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Invoke
from misspecified import EMPTY, misspecified_world
from planted import World

from embedcli.analysis.choices import Section
from embedcli.cli import answer
from embedcli.data.formats import movielens_100k
from embedcli.render import output
from embedcli.render.output import Format
from embedcli.render.view import View
from embedcli.run.files import ArrayFile
from embedcli.run.record import Run
from embedcli.run.store import load, save

TRAIN = ("train", "--epochs", "1", "--members", "2", "--factors", "4", "--folds", "0", "--draws", "0")
LOOKS = [
    *[("biases",), ("biases", "--worst"), ("pca",), ("pca", "--table", "users"), ("runs", "list"), ("runs", "show")],
    *[
        ("similar", "Made Film 8"),
        ("similar", "id:9", "made film 10", "--by", "dot", "-n", "3"),
        ("similar", "7", "--users"),
    ],
    *[("recommend", "--user", "12"), ("recommend", "--like", "made film 8", "--rate", "made film 9=2")],
    *[
        ("explain", "12", "Made Film 8"),
        ("axis", "--from", "id:9", "--to", "id:10"),
        ("probe",),
        ("clusters", "-k", "3"),
    ],
    *[("axis", "--from-tag", "action", "--to-tag", "Romance"), ("compare", "made", "made")],
    *[("map",), ("map", "--method", "tsne", "--highlight", "Made Film 8", "--labels", "3")],
]


def few_ratings(path: str) -> str:
    """Write a table of few ratings, nine of an item at most, and return its path."""
    rows = [f"u{user},i{item},{1 + user * item % 5},{user}" for user in range(9) for item in range(user % 3, 30, 2)]
    Path(path).write_text("\n".join(["user,item,rating,timestamp", *rows]) + "\n", encoding="utf-8")
    return path


def test_what_comes_next_works(embedcli: Invoke) -> None:
    """Where no item has the ratings that `biases` asks for, the next command says how many are enough."""
    result = embedcli("train", few_ratings("few.csv"), "--members", "1")
    assert result.exit_code == 0, result.stderr
    following = result.stderr.splitlines()[-1].rpartition("next: embedcli ")[2]
    assert "--min-ratings" in following
    assert embedcli(*following.split()).exit_code == 0


def test_hints_without_a_posterior(embedcli: Invoke) -> None:
    """Timestamps need a posterior and times, a diverse list a posterior: each hint is what to do; members predict."""
    path = few_ratings("few.csv")
    without = embedcli("train", path, "--timestamps", "--draws", "0")
    assert without.stderr.splitlines()[-1] == "hint: leave out one of them"
    assert "--draws 0 leaves it out" in without.stderr
    assert embedcli("train", path, "--implicit", "--timestamps").stderr.endswith("none\nhint: leave it out\n")
    assert embedcli("train", path, "--implicit", "--members", "1").exit_code == 0
    diverse = embedcli("recommend", "--user", "u1", "--diverse", "--min-ratings", "1")
    assert diverse.stderr.splitlines() == [
        "error: --diverse needs a posterior, and implicit data has none",
        "hint: leave it out",
    ]
    predicted = embedcli("predict", "--user", "u1", "--item", "i1")
    assert predicted.stderr == "note: the run has no posterior: its members predict, without intervals\n"


def test_train_saves_a_run(embedcli: Invoke, made_files: Path) -> None:
    """`train` prints its figures on stdout, progress on stderr, and leaves a run that says how it was made."""
    result = embedcli(*TRAIN, "--data", made_files, "--seed", "3", "--split-seed", "5")
    assert result.exit_code == 0, result.stderr
    assert "members averaged" in result.stdout
    assert "8,000 ratings, 200 users, 120 films" in result.stderr
    assert "saved runs/made; next: embedcli biases --worst" in result.stderr
    run = load(Path("runs/made"))
    assert run.training.config.seed == 3
    assert run.training.split.description == "random 90/10 seed 5"


def test_train_on_a_table(embedcli: Invoke, world: World) -> None:
    """`train FILE` reads a table with titles from another, says what it took for what, and leaves a run to look at."""
    ratings = world.ratings
    rows = zip(ratings.user, ratings.item, ratings.value, strict=True)
    lines = [f"{user};{item:04};{2 * value:g}" for user, item, value in rows]
    Path("mine.csv").write_text("\n".join(["reader;isbn;score", *lines, "1;0001;"]), encoding="utf-8")
    titles = [f"{j:04},Book {j},{'|'.join(tags)}" for j, tags in enumerate(ratings.items.tags)]
    Path("books.csv").write_text("\n".join(["isbn,title,genres", *titles]), encoding="utf-8")
    columns = ("--user-col", "reader", "--items", "books.csv")
    stopped = embedcli(*TRAIN, "mine.csv", *columns)
    assert stopped.exit_code == 1
    assert "mine.csv, line 8,002: the rating is empty: '1;0001;'" in stopped.stderr
    assert not Path("runs").exists()
    result = embedcli(*TRAIN, "mine.csv", *columns, "--on-bad-rows", "skip")
    assert result.exit_code == 0, result.stderr
    for said in (
        "user = 'reader', item = 'isbn'",
        "1 row left out",
        "from 2 to 10 in steps of 2",
        "119 books (mine.csv)",
    ):
        assert said in result.stderr
    assert "Book 8" in embedcli("similar", "id:0008", "--min-ratings", "0").stdout
    assert "books with at least 0 ratings" in embedcli("similar", "0008", "--min-ratings", "0").stdout


def test_stages_are_told(embedcli: Invoke, made_files: Path) -> None:
    """What comes after the epochs is told on stderr, with the seconds it took."""
    result = embedcli(*TRAIN, "--data", made_files, "--folds", "2", "--draws", "100")
    assert re.search(r"^components tested by 2 members that left out a fold each \(\d+\.\d s\)$", result.stderr, re.M)
    assert re.search(r"^posterior: 100 draws of the stars, and predictions \(\d+\.\d s\)$", result.stderr, re.M)


@pytest.mark.parametrize("variable", [None, "another"])
@pytest.mark.parametrize("run_dir", ["runs", "my runs"])
def test_next_command_opens_this_run(
    embedcli: Invoke,
    made_files: Path,
    trained: Run,
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    run_dir: str,
) -> None:
    """The command that `train` says comes next is about the run just saved, wherever it is, whatever EMBEDCLI_RUN."""
    monkeypatch.setattr("embedcli.training.fit.fit", lambda *args, **options: trained)
    save(trained, Path(run_dir), name="another")
    if variable:
        monkeypatch.setenv("EMBEDCLI_RUN", variable)
    result = embedcli("train", "--data", made_files, "--run-dir", run_dir)
    saved, _, command = result.stderr.splitlines()[-1].partition("; next: ")
    assert saved == f"saved {run_dir}/made"
    found = embedcli(*shlex.split(command)[1:], "--format", "json")
    assert json.loads(found.stdout)["meta"]["run"] == "made"


def test_split_seed_is_the_seed_unless_given(embedcli: Invoke, made_files: Path) -> None:
    """--split-seed defaults to --seed."""
    embedcli(*TRAIN, "--data", made_files, "--seed", "3")
    assert load(Path("runs/made")).training.split.seed == 3


@pytest.mark.parametrize("split", ["none", "u1", "u5", "random"])
def test_every_split_trains(
    embedcli: Invoke, made_files: Path, world: World, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    """Each split of the genuine ratings can be trained on; `none` has no test error and says so."""
    sha256 = hashlib.sha256((made_files / "u.data").read_bytes()).hexdigest()
    monkeypatch.setattr(movielens_100k, "U_DATA_SHA256", sha256)
    result = embedcli(*TRAIN, "--data", made_files, "--split", split, "--format", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    n_test = {"none": 0, "random": 800}.get(split, 1600)
    assert (found["split"]["n_train"], found["split"]["n_test"]) == (len(world.ratings) - n_test, n_test)
    assert bool(found["scores"]) == (split != "none")


def test_options_reach_the_run(embedcli: Invoke, made_files: Path) -> None:
    """What is given on the command line is what the run records."""
    options = ["--lr", "0.02", "--weight-decay", "0.3", "--bias-weight-decay", "0.1", "--batch-size", "64"]
    options += ["--y-range", "0.5", "5.25", "--device", "cpu", "--name", "mine", "--no-keep-rows", "--quiet"]
    options += ["--negatives", "2"]
    result = embedcli(*TRAIN, "--data", made_files, *options, "--run-dir", "elsewhere")
    assert (result.exit_code, result.stderr) == (0, "")
    run = load(Path("elsewhere/mine"))
    assert run.rows is None
    config = run.training.settings
    assert config.pop("y_range") == (0.5, 5.25)
    assert config == {
        "n_factors": 4,
        "n_epochs": 1,
        "learning_rate": 0.02,
        "weight_decay": 0.3,
        "n_negatives": 2,
        "timestamps": False,
        "bias_weight_decay": 0.1,
        "batch_size": 64,
        "n_members": 2,
        "seed": 0,
        "n_draws": 0,
        "n_folds": 0,
        "device": "cpu",
        "engine": "torch",
    }


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_every_look(
    embedcli: Invoke, trained: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, arrays_read: set[str]
) -> None:
    """Each command that shows a run answers in each format, and the same to a file as to stdout.

    With -q it says nothing on stderr; if a folder holds several runs, the first line of its table says which run it
    is of, and its weight decay; and only `compare` reads the ratings held out of the training.
    """
    save(trained, name="another")
    monkeypatch.setenv("EMBEDCLI_RUN", "made")
    views: list[View] = []
    usual = output.write
    monkeypatch.setattr(answer, "write", lambda view, *where, **how: (views.append(view), usual(view, *where, **how)))
    result = embedcli(*command, "-o", "answer.json", "-q")
    assert (result.exit_code, result.stderr, result.stdout) == (0, "", "")
    (view,) = views  # the analysis is made once, and its answer written in every format
    shown = {}
    for format in Format:
        output.write(view, format, Path("answer"))
        if format is not Format.PARQUET:
            with contextlib.redirect_stdout(io.StringIO()) as stdout:
                output.write(view, format)
            shown[format] = stdout.getvalue()
            assert Path("answer").read_text(encoding="utf-8") == shown[format]
    assert shown[Format.JSON] == Path("answer.json").read_text(encoding="utf-8")
    assert "meta" in json.loads(shown[Format.JSON])
    for format, separator in ((Format.CSV, ","), (Format.TSV, "\t")):
        rows = list(csv.DictReader(io.StringIO(shown[format]), delimiter=separator))
        assert len(rows) == len(shown[Format.NDJSON].splitlines()) == len(view.records)
    assert pq.read_table("answer").num_rows == len(view.records)
    if command[0] not in ("runs", "compare"):
        assert "run made, weight decay 0.4" in shown[Format.TABLE].splitlines()[0]
    assert ("test_predictions" in arrays_read) == (command[0] == "compare")
    assert command[0] == "compare" or not [name for name in arrays_read if name.startswith("test_")]


@pytest.mark.usefixtures("saved")
def test_json_is_a_format(embedcli: Invoke) -> None:
    """--json is --format json, with or without a file; a file of another ending, or another format, is an error."""
    usual = embedcli("biases", "--format", "json").stdout
    assert embedcli("biases", "--json").stdout == embedcli("biases", "--json", "--format", "json").stdout == usual
    embedcli("biases", "--json", "-o", "b.json")
    assert Path("b.json").read_text(encoding="utf-8") == usual
    for wrong in (("--format", "csv"), ("-o", "b.csv"), ("-o", "b.png"), ("-o", "b.html")):
        assert embedcli("biases", "--json", *wrong).exit_code == 2


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("options", "lists"),
    [
        (("--worst",), ["worst"]),
        (("--best",), ["best"]),
        ((), ["best", "worst"]),
        (("--worst", "--best"), ["best", "worst"]),
    ],
)
def test_ends_of_the_ranking(embedcli: Invoke, options: tuple[str, ...], lists: list[str]) -> None:
    """--worst shows the lowest, --best the highest, both or neither show both."""
    found = json.loads(embedcli("biases", *options, "-n", "3", "--format", "json").stdout)
    assert [name for name in ("best", "worst") if found[name]] == lists
    assert all(len(found[name]) == 3 for name in lists)
    assert found["meta"] == {
        "run": "made",
        "data_set": "Made ratings",
        "seed": 0,
        "weight_decay": 0.4,
        "split": "random 90/10 seed 0",
        "n_members": 3,
        "version": found["meta"]["version"],
    }


@pytest.mark.usefixtures("saved")
def test_agreement_with_the_truth_is_shown(embedcli: Invoke) -> None:
    """A component shows its agreement with the truth, the JSON also its error; no table shows seeds or sign flips."""
    shown, whole = embedcli("pca", "--explain").stdout, json.loads(embedcli("pca", "--format", "json").stdout)
    assert "seed" not in shown
    assert "flips" not in shown
    assert "agreement with the truth about 0.9" in shown
    assert "Agreement with the truth estimates" in " ".join(shown.split())
    assert whole["components"][0]["truth_phi"] > 0.9
    assert 0 < whole["components"][0]["truth_phi_error"] < 0.1
    assert whole["n_sign_flips"] >= 1


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("biases", "--interval", "0.9"), "90 %"),
        (("biases", "--sort", "probability"), "films by probability"),
        (("biases", "--movers"), "Better than their mean says"),
        (("pca", "--basis", "preference"), "axes of 3 members' predicted preferences"),
        (("pca", "--rotate", "varimax"), "embeddings, varimax"),
        (("pca", "--partial-out", "quality"), "embeddings, quality partialled out"),
    ],
)
def test_options_of_the_looks(embedcli: Invoke, command: tuple[str, ...], shown: str) -> None:
    """Each option of the analyses shows in the answer."""
    assert shown in embedcli(*command).stdout


@pytest.mark.usefixtures("saved")
def test_movers_go_alone(embedcli: Invoke) -> None:
    """--movers with options that it would ignore is refused."""
    result = embedcli("biases", "--movers", "--worst")
    assert (result.exit_code, result.stderr.startswith("error: --movers has no meaning with")) == (2, True)


def test_answers_name_their_run(embedcli: Invoke, trained: Run) -> None:
    """If a folder holds several runs, and only then, the first line of an answer says which run it is of."""
    save(trained, name="one")
    assert "run one" not in embedcli("biases").stdout
    save(trained, name="two")
    assert "run one, weight decay 0.4" in embedcli("biases", "--run", "one").stdout.splitlines()[0]


@pytest.fixture
def arrays_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the arrays that have been read from files of runs, so far."""
    read: set[str] = set()
    usual = ArrayFile.__getitem__
    monkeypatch.setattr(ArrayFile, "__getitem__", lambda file, name: (read.add(name), usual(file, name))[1])
    return read


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("command", ["report --sections SECTIONS", "map -o map.svg", "map -o map.html"])
def test_pictures_do_not_read_the_test_rows(embedcli: Invoke, command: str, arrays_read: set[str]) -> None:
    """No picture or page reads the ratings held out of the training, or what was predicted for them.

    But for one section of the report, the errors: it displays them by group, and nothing is chosen by it.
    """
    command = command.replace("SECTIONS", ",".join(set(Section) - {Section.ERRORS}))
    assert embedcli(*command.split()).exit_code == 0
    assert "item_factors" in arrays_read
    assert not [name for name in arrays_read if name.startswith("test_")]


def test_runs_check_finds_damage(embedcli: Invoke, trained: Run) -> None:
    """`runs check` reads runs whole: exit code 0 if all are as they were written, 1 and the file if one is not."""
    for name in ("bad", "good"):
        save(trained, name=name)
    assert "2 runs checked, none damaged" in embedcli("runs", "check").stdout
    rows = Path("runs/bad/rows.safetensors")
    content = bytearray(rows.read_bytes())
    content[-1] ^= 1
    rows.write_bytes(content)
    result = embedcli("runs", "check", "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [(one["run"], one["file"]) for one in found["problems"]] == [("bad", "rows.safetensors")]
    assert embedcli("runs", "check", "good").exit_code == 0


@pytest.mark.usefixtures("saved")
def test_scores_hold_every_film(embedcli: Invoke, world: World) -> None:
    """--scores writes a row per film, rated or not, with a coordinate per component."""
    assert embedcli("pca", "--components", "2", "--scores", "scores.csv").exit_code == 0
    rows = list(csv.DictReader(io.StringIO(Path("scores.csv").read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == list(world.ratings.items.ids)
    assert {"component_1", "component_2"} <= set(rows[0])


def test_columns_set_the_width(embedcli: Invoke, saved: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS is respected; without it, piped output is as wide as it needs to be."""
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, embedcli("biases", "--best").stdout.splitlines())) <= 70
    for unset in ("", "0", "19", "wide", None):
        if unset is None:
            monkeypatch.delenv("COLUMNS")
        else:
            monkeypatch.setenv("COLUMNS", unset)
        assert max(map(len, embedcli("biases", "--best").stdout.splitlines())) > 70


def test_run_paths(embedcli: Invoke, saved: Run) -> None:
    """`runs path` prints the directory, which `--run` takes too."""
    path = embedcli("runs", "path").stdout.strip()
    assert path == f"runs/{saved.name}"
    assert embedcli("biases", "--run", path, "--run-dir", "nowhere").exit_code == 0


def test_damaged_run_is_listed(embedcli: Invoke, saved: Run) -> None:
    """A damaged run stands in the list, and the others are listed all the same."""
    Path("runs/broken").mkdir()
    Path("runs/broken/run.json").write_text("{")
    shown = embedcli("runs", "list").stdout
    assert "damaged: run.json cannot be read" in shown
    assert saved.name in shown


def test_no_runs_yet(embedcli: Invoke) -> None:
    """An empty shelf is no error, and says what to type."""
    result = embedcli("runs", "list")
    assert result.exit_code == 0
    assert "embedcli train" in result.stdout


@pytest.mark.parametrize(
    "line", ["", "train", "runs", "runs list", "runs show", "runs path", "data", "data list", "data fetch", "data path"]
)
def test_help_fits(embedcli: Invoke, line: str) -> None:
    """The help of a command begins with examples, fits in 80 columns, and doubles no bracket."""
    shown = embedcli(*line.split(), "--help").stdout
    assert "  Examples:\n" in shown
    assert "[[" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("group", [(), ("runs",), ("data",)])
def test_group_alone_shows_its_help(embedcli: Invoke, group: tuple[str, ...]) -> None:
    """A group without a command shows what there is."""
    result = embedcli(*group)
    assert result.exit_code == 0
    assert result.stdout == embedcli(*group, "-h").stdout


def test_names_of_the_package() -> None:
    """Every public name is listed and can be had, and no other."""
    import embedcli as package

    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_titles_are_printed_as_they_are(saved: Run) -> None:
    """Brackets in a title are no markup, and letters that the encoding of a pipe lacks are not altered."""
    line = [sys.executable, "-m", "embedcli", "biases", "--best", "-n", "200", "--min-ratings", "0"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(line, stdout=subprocess.PIPE, env=env, check=True).stdout.decode("utf-8")
    assert "[Bracketed] / almost (1990)" in shown
    assert "Á köldum klaka (Cold Fever) (1994)" in shown


def test_version(embedcli: Invoke) -> None:
    """--version prints the version of the package."""
    import embedcli as package

    assert embedcli("--version").stdout == f"embedcli {package.__version__}\n"


def test_completion_of_runs(saved: Run) -> None:
    """The names of runs are completed."""
    from types import SimpleNamespace

    from embedcli.cli.options import complete_run

    context = SimpleNamespace(params={})
    assert complete_run(context, saved.name[:2]) == [saved.name]  # type: ignore[arg-type]
    assert complete_run(context, "zzz") == []  # type: ignore[arg-type]


def test_a_drift_is_seen_without_timestamps_in_the_model(embedcli: Invoke) -> None:
    """The times of the ratings are kept for the test of the components, also if the model takes none of them."""
    ratings = misspecified_world(0, replace(EMPTY, size=(400, 300, 20_000), drift_items=0.5)).ratings
    assert ratings.timestamp is not None
    columns = (ratings.user.tolist(), ratings.item.tolist(), ratings.value.tolist(), ratings.timestamp.tolist())
    rows = (",".join(map(str, row)) for row in zip(*columns, strict=True))
    Path("drift.csv").write_text("\n".join(["user,item,rating,timestamp", *rows]) + "\n")
    trained = embedcli("train", "drift.csv", "--members", "1", "--draws", "0")
    assert trained.exit_code == 0, trained.stderr
    shown = embedcli("pca", "--components", "1")
    assert "goes with time: a drift, not a taste\n  evidence t " in shown.stdout
    assert "| not a taste: 1 shown" in shown.stdout

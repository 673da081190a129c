"""The commands that look around: what they answer, draw and refuse."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Invoke
from typer.testing import CliRunner

from embedcli.cli import app
from embedcli.run.record import Run
from embedcli.run.store import save

pytestmark = pytest.mark.usefixtures("saved")


@pytest.mark.parametrize(
    ("line", "complaint", "hint"),
    [
        ("similar Nonsense", "has no film 'Nonsense'", "embedcli biases"),
        ("similar made", "has no film 'made'", "did you mean 'Made Film"),
        ("similar 8 --min-ratings 9999", "--min-ratings 9999 leaves no film", "give --min-ratings"),
        ("similar 8 --users --table items", "are two tables", "leave one"),
        ("similar 8 --table genres", "has no embedding table 'genres'", "items, users"),
        ("similar 8 -n 0", "-n 0 is below 1", "such as -n 10"),
        ("recommend", "nothing is known of the user", "--user ID"),
        ("recommend --user 1 --like 8", "--user is a user of the run", "give one of them"),
        ("recommend --user nobody", "has no user 'nobody'", "the ids are such as 1, 2"),
        ("recommend --rate 8=9", "'8=9' is not a title with a rating from 1 to 5", "TITLE=5"),
        ("recommend --rate 8", "'8' is not a title with a rating", "TITLE=5"),
        ("recommend --like 8 --dislike 8", "is given twice", "once"),
        ("explain nobody 8", "has no user 'nobody'", "the ids"),
        ("explain 1 Nonsense", "has no film 'Nonsense'", "embedcli biases"),
        ("axis", "the axis has no --from", "--from TITLE"),
        ("axis --from 8", "the axis has no --to", "--to TITLE"),
        ("axis --from 8 --to 8", "is on both sides", "one side"),
        ("axis --from-tag Western --to 8", "no film has the tag 'Western'", "the tags are Action, Romance"),
        ("probe --min-ratings 90", "too few to probe", "--min-ratings"),
        ("clusters -k 1", "-k 1 is not from 2", "another -k"),
        ("clusters -n 0", "-n 0 is below 1", "-n 10"),
        ("compare made nothing", "there is no run 'nothing'", "the runs are: made"),
        ("compare made made --min-ratings 500", "have 0 films with 500 ratings in common", "--min-ratings"),
        ("map --components 1", "'1' are not two components", "1,2"),
        ("map --components 1,1", "1,1 are not two components", "1,2"),
        (
            "map --components 1,99",
            "--components 1,99: the run has 8 factors",
            "give two numbers from 1 to 8, such as 1,2",
        ),
        ("map --color nonsense", "'nonsense' is neither a number nor a tag", "Action, Romance"),
        ("map --highlight nonsense", "has no film 'nonsense'", "biases"),
        ("map --labels -1", "--labels -1 is below 0", "such as 50"),
        ("map -o map.jpg", "this answer has no format .jpg", ".png, .svg, .pdf, .html"),
        ("map -o nowhere/map.png", "cannot be written", "-o"),
        ("map --top-items 2", "too few for a", "--top-items"),
        ("report -o nowhere/report.html", "cannot be written", "-o"),
        ("report --components 0", "--components 0 is not from 1", "--components"),
        ("report --min-ratings 5000", "--min-ratings 5000 leaves no film", "--min-ratings"),
        ("report --sections map,nonsense", "--sections 'nonsense' is unknown", "ranking, axes, tastes, map"),
        ("report -o report.json", "a report is a page, not .json", "end it in .html"),
    ],
)
def test_bad_input_is_answered(embedcli: Invoke, line: str, complaint: str, hint: str) -> None:
    """What cannot be is one error with the value and one hint with what to type; nothing is printed or written."""
    before = sorted(Path().rglob("*"))
    result = embedcli(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    error, suggestion = result.stderr.splitlines()
    assert complaint in error
    assert hint in suggestion
    assert sorted(Path().rglob("*")) == before


def test_titles_from_standard_input() -> None:
    """`-` takes one title a line; a line that is no title is named before anything is answered."""
    runner = CliRunner()
    shown = runner.invoke(app, ["similar", "-", "-n", "2", "--format", "csv"], input="Made Film 8\n\nid:10\n")
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    assert [row["of_id"] for row in rows] == ["9", "9", "10", "10"]
    wrong = runner.invoke(app, ["similar", "-"], input="Made Film 8\nnonsense\n")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "standard input, line 2: run 'made' has no film 'nonsense'" in wrong.stderr


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_map_is_a_picture(embedcli: Invoke, kind: str) -> None:
    """-o FILE.png and FILE.svg are pictures, the same bytes each time; the coordinates go to a file of their own."""
    for _ in range(2):
        result = embedcli("map", "-o", f"map.{kind}", "--labels", "5", "--coordinates", "places.csv")
        assert result.exit_code == 0, result.stderr
        Path(f"map.{kind}").rename(f"{_}.{kind}")
    first, second = (Path(f"{_}.{kind}").read_bytes() for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    assert len(Path("places.csv").read_text(encoding="utf-8").splitlines()) == 51
    assert "50 films" in result.stderr


def test_the_ending_chooses_the_format(embedcli: Invoke) -> None:
    """A map to FILE.json or FILE.csv is that, and so are its coordinates; --format may not say otherwise."""
    assert embedcli("map", "-o", "map.json", "--coordinates", "places.tsv").exit_code == 0
    assert len(json.loads(Path("map.json").read_text(encoding="utf-8"))["places"]) == 50
    assert Path("places.tsv").read_text(encoding="utf-8").startswith("title\tx\ty")
    wrong = embedcli("map", "-o", "map.png", "--format", "csv")
    assert (wrong.exit_code, "map.png ends in .png, and csv is asked for" in wrong.stderr) == (2, True)
    assert not Path("map.png").exists()


@pytest.mark.parametrize(
    "command", ["similar 8", "recommend --user 1", "explain 1 8", "axis --from 8 --to 9", "probe", "clusters", "map"]
)
def test_tables_fit_80_columns(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """At 80 columns no line is longer."""
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, embedcli(*command.split()).stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", ["similar 8", "map", "probe", "clusters", "report"])
def test_a_run_of_factors_alone(embedcli: Invoke, trained: Run, command: str) -> None:
    """What needs item factors only works on a run that has nothing else, and what needs more says what is missing."""
    bare = replace(trained, arrays={"item_factors": trained.array("item_factors")[:1]}, rows=None)
    bare = replace(bare, training=replace(bare.training, evidence=None, posterior=None))
    save(bare, Path("runs"), name="bare")
    assert embedcli(*command.split(), "--run", "bare").exit_code == 0
    for other in ("recommend --user 1", "explain 1 8"):
        result = embedcli(*other.split(), "--run", "bare")
        assert result.exit_code == 1
        assert "holds no user_factors" in result.stderr


def test_titles_complete_in_the_shell(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell is told the titles that begin as what was typed."""
    monkeypatch.setenv("_EMBEDCLI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "embedcli similar Twice")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "Twice, The (1997)" in embedcli().stdout


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("x" * 200_000, "standard input: line 1 is longer than 100,000 letters"),
        ("\n" * 100_002, "standard input: more than 100,000 lines"),
        ("", "there is no title on standard input"),
    ],
)
def test_titles_on_stdin_are_bounded(given: str, complaint: str) -> None:
    """A line without end, and lines without end, on standard input end in one error."""
    result = CliRunner().invoke(app, ["similar", "-"], input=given)
    assert (result.exit_code, complaint in result.stderr) == (2, True)


@pytest.mark.usefixtures("saved")
def test_closed_stdin_is_said() -> None:
    """If standard input is closed, `similar -` says so."""
    command = f"{sys.executable} -m embedcli similar - <&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: there is nothing on standard input")

"""`embedcli predict`, as it is typed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Invoke
from typer.testing import CliRunner

from embedcli.cli import app
from embedcli.run.record import Run
from embedcli.run.store import save

PAIRS = "user,item\n3,50\nnobody,50\n3,star wars\n3,nothing\n"


@pytest.mark.usefixtures("saved")
def test_a_table_in_every_format(embedcli: Invoke) -> None:
    """Each format has a row for each pair, in its order; what has no prediction is said once, on stderr."""
    Path("pairs.csv").write_text(PAIRS, encoding="utf-8")
    result = embedcli("predict", "pairs.csv", "--format", "csv")
    assert result.exit_code == 0
    assert result.stderr == (
        "pairs.csv: user = 'user', item = 'item'\n"
        "note: 2 of 4 pairs have no prediction: the run does not know 1 user and 1 film\n"
    )
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["prediction"] != "" for row in rows] == [True, False, True, False]
    for name in ("found.json", "found.ndjson", "found.parquet", "found.md", "found.txt", "found.tsv"):
        assert embedcli("predict", "pairs.csv", "-q", "-o", name).exit_code == 0
    of_json = json.loads(Path("found.json").read_text(encoding="utf-8"))["predictions"]
    of_lines = [json.loads(line) for line in Path("found.ndjson").read_text(encoding="utf-8").splitlines()]
    assert of_json == of_lines == pq.read_table("found.parquet").to_pylist()
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in of_json] == rows


@pytest.mark.usefixtures("saved")
def test_pairs_from_a_pipe_and_one_pair(embedcli: Invoke) -> None:
    """A table on standard input, without a header, gives what the single pair gives."""
    piped = CliRunner().invoke(app, ["predict", "-", "--format", "csv"], input="3\t50\n")
    single = embedcli("predict", "--user", "3", "--item", "star wars", "--format", "csv")
    assert piped.exit_code == single.exit_code == 0
    assert piped.stdout == single.stdout
    assert single.stderr == ""


@pytest.mark.usefixtures("saved")
def test_the_best_of_every_user(embedcli: Invoke) -> None:
    """`--all-users` has N rows for each user, and the same ones in CSV and Parquet."""
    for name in ("top.csv", "top.parquet"):
        result = embedcli("predict", "--all-users", "-n", "3", "--by", "gain", "-o", name)
        assert (result.exit_code, result.stderr) == (0, f"wrote {name}\n")
    rows = list(csv.DictReader(io.StringIO(Path("top.csv").read_text(encoding="utf-8"))))
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 200
    assert [{key: str(value) for key, value in row.items()} for row in pq.read_table("top.parquet").to_pylist()] == rows


@pytest.mark.usefixtures("saved")
def test_the_columns_are_explained(embedcli: Invoke) -> None:
    """`--explain` prints what the columns mean."""
    for question in (("--user", "3", "--item", "50"), ("--all-users", "-n", "1")):
        assert "interval that holds 95 % of such ratings" in embedcli("predict", *question, "--explain").stdout


def test_a_run_without_ratings(embedcli: Invoke, trained: Run) -> None:
    """Without ratings in the run a note says what is missing, and the table has no column of intervals."""
    save(replace(trained, rows=None, heldout=None), Path("runs"), command="embedcli train")
    for question, more in (
        (("--user", "3", "--item", "50"), ""),
        (("--all-users", "-n", "3"), "; rated films may be in the lists"),
    ):
        result = embedcli("predict", *question)
        assert result.exit_code == 0
        assert result.stderr == (
            f"note: the run kept no ratings, so there are no intervals and no corrections by neighbours{more}\n"
        )
        assert "95 %" not in result.stdout


def test_recommend_and_explain_say_that_intervals_are_missing(embedcli: Invoke, trained: Run) -> None:
    """Without ratings in the run, a known user has no intervals, and both commands say so and why."""
    save(replace(trained, rows=None, heldout=None), Path("runs"), command="embedcli train")
    why = "the run kept no ratings: no intervals, and films that the user rated may be in the list"
    assert why in embedcli("recommend", "--user", "3").stdout
    assert "no interval: the run kept no ratings" in embedcli("explain", "3", "50").stdout


@pytest.mark.usefixtures("saved")
def test_what_is_read_is_not_replaced(embedcli: Invoke) -> None:
    """An answer that would replace the table it comes from is refused, also through a link; the table stays."""
    Path("pairs.csv").write_text(PAIRS, encoding="utf-8")
    Path("link.csv").symlink_to("pairs.csv")
    for command in ("predict pairs.csv", "data check pairs.csv", "data describe pairs.csv", "train pairs.csv"):
        for output in ("pairs.csv", "link.csv"):
            result = embedcli(*command.split(), "-o", output)
            assert (result.exit_code, result.stderr.splitlines()) == (
                2,
                [f"error: {output} is read: the answer would replace it", "hint: give another file with -o"],
            )
    assert Path("pairs.csv").read_text(encoding="utf-8") == PAIRS


@pytest.mark.usefixtures("saved")
def test_predictions_are_not_rounded(embedcli: Invoke) -> None:
    """JSON has the predictions in full precision."""
    found = json.loads(embedcli("predict", "--user", "3", "--item", "50", "--format", "json").stdout)["predictions"][0]
    assert round(found["prediction"], 6) != found["prediction"]
    assert round(found["lower"], 6) != found["lower"]


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("line", "code", "complaint", "hint"),
    [
        ("predict", 2, "no pair is given", "--all-users"),
        ("predict pairs.csv --all-users", 2, "three ways", "one of them"),
        ("predict pairs.csv --user 3", 2, "three ways", "one of them"),
        ("predict --user 3", 2, "--user alone is not a pair", "--item TITLE"),
        ("predict --item 50", 2, "--item alone is not a pair", "--user ID"),
        ("predict pairs.csv -n 3", 2, "-n has no meaning without --all-users", "leave it out"),
        ("predict pairs.csv --min-ratings 3", 2, "--min-ratings has no meaning", "leave it out"),
        ("predict --all-users --user-col 3", 2, "options for a table have no meaning", "leave them out"),
        ("predict --all-users --on-bad-rows skip", 2, "options for a table have no meaning", "leave them out"),
        ("predict --all-users -n 0", 2, "-n 0 is below 1", "-n 10"),
        ("predict --user 3 --item 'made film'", 2, "has no film 'made film'", "did you mean"),
        ("predict --user nobody --item 50", 2, "has no user 'nobody'", "such as 1, 2"),
        ("predict pairs.csv", 1, "pairs.csv, line 3: the item is empty", "--on-bad-rows skip"),
        ("predict none.csv", 2, "there is no file 'none.csv'", "check the path"),
    ],
)
def test_refusals(embedcli: Invoke, line: str, code: int, complaint: str, hint: str) -> None:
    """What cannot be answered ends in one error and one hint with what to type."""
    Path("pairs.csv").write_text("user,item\n3,50\n3,\n", encoding="utf-8")
    words = [word.strip("'") for word in line.replace("'made film'", "'made_film'").split()]
    result = embedcli(*(word.replace("_", " ") for word in words))
    error, help = result.stderr.splitlines()[-2:]
    assert (result.exit_code, error[:7], help[:6]) == (code, "error: ", "hint: ")
    assert complaint in error
    assert hint in help

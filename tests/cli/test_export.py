"""`embedcli export`, as it is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Invoke

from embedcli.run.record import Run
from embedcli.run.store import save


@pytest.mark.usefixtures("saved")
def test_a_run_is_exported(embedcli: Invoke, saved: Run) -> None:
    """The notes come first, then what was written; stdout stays empty, and with --quiet stderr does."""
    done = embedcli("export", saved.name, "-o", "out.parquet")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "wrote out.parquet: 120 films, 24 numbers each"
    assert pq.read_table("out.parquet").num_rows == 120
    done = embedcli("export", "--to", "projector", "-o", "out", "-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    done = embedcli("export", "-o", "out.npz")
    assert done.stderr == "wrote out.npz: 120 films and 200 users, 3 members x 8 factors\n"


@pytest.mark.usefixtures("saved")
def test_users_of_a_run(embedcli: Invoke, saved: Run) -> None:
    """--users exports users by their ids, in formats with one vector each; the other formats hold them anyway."""
    assert embedcli("export", "-o", "users.txt", "--users").stderr.endswith(
        "wrote users.txt: 200 users, 24 numbers each\n"
    )
    ids = [line.split(" ")[0] for line in Path("users.txt").read_text().splitlines()[1:]]
    assert tuple(ids) == saved.users.ids
    refused = embedcli("export", "-o", "users.npz", "--users")
    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (2, "error: npz holds the items and the users")
    both = embedcli("export", "-o", "users.csv", "--users", "--table", "items")
    assert "are two tables" in both.stderr


def test_implicit_and_bare_runs(embedcli: Invoke, trained: Run) -> None:
    """Every format is written for implicit data, and for a run of vectors alone; of several runs it is named."""
    implicit = replace(
        trained, data=replace(trained.data, implicit=True), training=replace(trained.training, scores=())
    )
    bare = replace(trained, arrays={"item_factors": trained.array("item_factors")[:1]}, rows=None, heldout=None)
    for run, name in ((implicit, "implicit"), (bare, "bare")):
        save(run, Path("runs"), name=name)
        for format in ("projector", "parquet", "npz", "word2vec", "safetensors", "csv"):
            done = embedcli("export", name, "--to", format, "-o", f"{name}-{format}")
            assert done.exit_code == 0, done.stderr
            is_named = f"wrote {name}-{format}: run {name}: " in done.stderr
            assert is_named == (name == "bare")  # the second


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("line", "complaint", "hint"),
    [
        ("export", "Missing option '-o' / '--output'", "embedcli export --help"),
        ("export -o x", "it has no ending", "say which with --to"),
        ("export -o x.csv --to npz", "--to asks for npz", "leave --to out"),
        ("export nothing -o x.csv", "there is no run 'nothing'", "the runs are: made"),
        ("export -o x.safetensors", "is a folder with", "--to safetensors --output x"),
    ],
)
def test_refusals(embedcli: Invoke, line: str, complaint: str, hint: str) -> None:
    """What cannot be exported is one error with a hint, in the words of the command line."""
    done = embedcli(*line.split())
    assert done.exit_code == 2
    error, hint_line = done.stderr.splitlines()
    assert complaint in error
    assert hint in hint_line

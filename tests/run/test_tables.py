"""Runs of named embedding tables, and the users of a run seen as items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke

from embedcli.analysis.biases import biases
from embedcli.analysis.choices import Basis
from embedcli.analysis.pca import pca
from embedcli.data.ratings import DataSet
from embedcli.errors import RunError, UsageError
from embedcli.run.record import EmbeddingTable, Run
from embedcli.run.store import load, save

DATA = DataSet("people", "People", "made", "", (0, 1), "person", target="income")


@pytest.fixture
def run() -> Run:
    """Return a run of two tables: countries on a line, cut in three dimensions, and colors."""
    rng = np.random.default_rng(0)
    line = np.linspace(-1, 1, 12)
    countries = np.outer(line, [2.0, 1.0, -1.0]) + rng.normal(0, 0.01, (2, 12, 3))
    labels = tuple(f"Country, {j}" for j in range(12))
    tables = {
        "native-country": EmbeddingTable.of(labels, np.arange(12) + 5, line / 2 + 0.5),
        "color": EmbeddingTable.of(("red", "green"), np.array([3, 4]), np.array([0.5, np.nan])),
    }
    factors = {"native-country": countries, "color": rng.normal(size=(2, 2, 4))}
    return Run.from_tables(factors, tables, DATA, name="people")


def test_a_run_of_tables_is_saved_and_read(run: Run, tmp_path: Path) -> None:
    """Labels, counts, means and embeddings of every table come back from the disk."""
    again = load(tmp_path / save(run, tmp_path).name)
    assert list(again.tables) == ["native-country", "color"]
    for name, table in run.tables.items():
        assert again.tables[name].labels == table.labels
        np.testing.assert_array_equal(again.tables[name].stats.n_ratings, table.stats.n_ratings)
        np.testing.assert_array_equal(again.tables[name].stats.mean_rating, table.stats.mean_rating)
        np.testing.assert_array_equal(again.array(f"table.{name}"), run.array(f"table.{name}"))


def test_the_analysis_works_on_a_table(run: Run) -> None:
    """The first component of a table whose labels lie on a line is that line, the + pole that of the higher mean."""
    found = pca(run.table("native-country"), components=1)
    assert found.components[0].share > 0.99
    assert found.components[0].positive[0].title == "Country, 11"
    assert [effect.name for effect in found.components[0].effects] == []  # twelve labels are too few to test


@pytest.mark.parametrize(("name", "complaint"), [(None, "has no items, only tables"), ("colors", "'colors'")])
def test_an_unknown_table(run: Run, name: str | None, complaint: str) -> None:
    """A table that is not there is answered with those that are."""
    with pytest.raises(UsageError, match=complaint) as error:
        run.table(name)
    assert error.value.hint == "choose one with `table`: native-country, color"


def test_factors_that_do_not_fit(run: Run) -> None:
    """A table with more labels than embeddings is refused."""
    with pytest.raises(RunError, match=r"table.color has the shape \(2, 3, 4\)"):
        Run.from_tables({"color": np.zeros((2, 3, 4))}, {"color": run.tables["color"]}, DATA)
    with pytest.raises(RunError, match="there is no array table"):
        Run.from_tables({}, run.tables, DATA)


def test_users_are_the_same_model_from_the_other_side(trained: Run) -> None:
    """ItemStats from the users, the predictions are the same, and so are the shares of the preference axes."""
    users = trained.table("users")
    assert users.items.ids == trained.users.ids
    np.testing.assert_array_equal(users.array("item_factors"), trained.array("user_factors"))
    assert biases(users).best[0].n_ratings >= 10
    shares = [
        [component.share for component in pca(run, basis=Basis.PREFERENCE).components] for run in (trained, users)
    ]
    np.testing.assert_allclose(*shares)
    np.testing.assert_array_equal(users.table("items").array("item_factors"), users.array("item_factors"))


def test_what_users_are_becomes_their_tags(trained: Run) -> None:
    """A column with few values that are words is a tag of the users; one of numbers, or of many values, is none."""
    tags = trained.table("users").items.tags
    assert all(len(of_user) <= len(trained.users.columns) for of_user in tags)
    kinds = {tag.split()[0] for of_user in tags for tag in of_user}
    assert "gender" in kinds
    assert "age" not in kinds


def test_pca_of_a_table(run: Run, embedcli: Invoke) -> None:
    """`embedcli pca --table` shows a table; without it, and in `biases`, a run of tables says what to type."""
    save(run, Path("runs"))
    shown = embedcli("pca", "--table", "native-country", "--components", "1")
    assert shown.exit_code == 0
    assert "all 12 native-country values" in shown.stdout
    for command in ("pca", "biases"):
        result = embedcli(command)
        assert result.exit_code == 2
        assert "native-country, color" in result.stderr
    assert embedcli("runs", "show").exit_code == 0
    assert embedcli("runs", "list").exit_code == 0

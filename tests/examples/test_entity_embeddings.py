"""The example on words in a table: a planted map is found, other models gain, its run is one of embedcli's."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke
from scipy.spatial import procrustes
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

import embedcli
from embedcli.run.record import Run
from embedcli.run.store import save

ADULT = (
    "39, State-gov, 77516, Bachelors, 13, Divorced, Adm-clerical, Unmarried, White, Male, 2174, 0, 40, Cuba, <=50K",
    "50, ?, 83311, HS-grad, 9, Married-civ-spouse, Sales, Husband, Black, Male, 0, 0, 13, United-States, >50K",
    "20, Private, 1, 11th, 7, Divorced, Sales, Unmarried, White, Female, 0, 100, 60, United-States, >50K",
)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Run]:
    """Return the accuracies and the run that the script comes to on the made census, with two nets and few trees.

    Nothing is claimed of forests and boosting, which take half the time of the script.
    """
    script = import_module("entity_embeddings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "N_NETS", 2)
        patch.setattr(script, "HistGradientBoostingClassifier", partial(HistGradientBoostingClassifier, max_iter=2))
        patch.setattr(script, "RandomForestClassifier", lambda n, **options: RandomForestClassifier(n // 20, **options))
        found: tuple[dict[str, float], Run] = script.main(run_dir=tmp_path_factory.mktemp("runs"))
    return found


def test_a_net_with_embeddings_finds_what_depends_on_a_map(learned: tuple[dict[str, float], Run]) -> None:
    """The net is far above logistic regression, and its embeddings help nearest neighbours more than bare codes."""
    shares = learned[0]
    assert shares["neural net"] > 0.8 > 0.6 > shares["logistic regression, one-hot"]
    assert shares["nearest neighbours, embeddings"] > shares["nearest neighbours, codes"] + 0.005


def test_the_map_is_found_again(learned: tuple[dict[str, float], Run]) -> None:
    """The first two components of the countries are the map, but for its turn and size."""
    places = import_module("census").make()[1]
    found = embedcli.pca(learned[1].table("country"), components=3)
    order = np.argsort([int(title.split()[1]) for title in learned[1].tables["country"].labels.titles])
    assert procrustes(places, found.scores[order, :2])[2] < 0.1  # the share of the map that is not found
    assert sum(component.share for component in found.components[:2]) > 0.9


def test_embedcli_takes_the_table_apart(learned: tuple[dict[str, float], Run], embedcli: Invoke) -> None:
    """`embedcli pca --table` works on the run of the script."""
    save(learned[1], Path("runs"))
    shown = embedcli("pca", "--table", "country", "--components", "2")
    assert shown.exit_code == 0
    assert "all 24 country values" in shown.stdout


def test_adult_is_read(tmp_path: Path) -> None:
    """The people of both files come out as they stand, a missing word as a word, the comment and the dots dropped."""
    (tmp_path / "adult.data").write_text("\n".join(ADULT) + "\n\n", encoding="ascii")
    (tmp_path / "adult.test").write_text(f"|1x3 Cross validator\n{ADULT[1]}.\n\n", encoding="ascii")
    table = import_module("census").read(tmp_path)
    assert (table.n_train, table.target.tolist()) == (3, [0, 1, 1, 1])
    assert table.levels["workclass"] == ("?", "Private", "State-gov")
    assert table.codes[:, 0].tolist() == [2, 0, 1, 0]
    np.testing.assert_array_equal(table.numbers[1], table.numbers[3])
    np.testing.assert_allclose(table.numbers[:3].mean(0), 0, atol=1e-6)

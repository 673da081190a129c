"""Nearest items, against brute force and a planted truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

from embedcli.analysis import similar as module
from embedcli.analysis.choices import Measure
from embedcli.analysis.similar import nearest, similar
from embedcli.errors import UsageError
from embedcli.run.record import Run


@pytest.mark.parametrize("by", Measure)
def test_neighbours_are_those_of_brute_force(trained: Run, by: Measure) -> None:
    """The nearest are those of scikit-learn's similarities averaged over the members, the item itself left out."""
    measures = {
        Measure.COSINE: cosine_similarity,
        Measure.DOT: lambda a, b: a @ b.T,
        Measure.EUCLIDEAN: lambda a, b: -euclidean_distances(a, b),
    }
    passing = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    near = [
        measures[by](member[7:8].astype(float), member[passing].astype(float))[0]
        for member in trained.array("item_factors")
    ]
    expected = np.mean(near, axis=0)
    order = [row for row in passing[np.argsort(-expected, kind="stable")] if row != 7][:5]
    found = similar(trained, [7], by=by, limit=5).asked[0].neighbours
    assert [row.id for row in found] == [trained.items.ids[row] for row in order]
    best = expected[list(passing).index(order[0])]
    assert found[0].similarity == pytest.approx(abs(best) if by is Measure.EUCLIDEAN else best, rel=1e-5)


def test_neighbours_share_the_planted_taste(trained: Run) -> None:
    """The nearest of an Action film are Action films, and members trained on other ratings find most of them again."""
    for row in (8, 20, 31):
        found = similar(trained, [row], limit=10).asked[0].neighbours
        tags = [trained.items.tags[trained.items.ids.index(one.id)] for one in found]
        assert tags.count(trained.items.tags[row]) >= 9
        assert np.mean([one.folds for one in found if one.folds is not None]) > 0.3


def test_co_raters_are_counted(trained: Run) -> None:
    """The users who rated both items are those of the training rows; without rows nothing is said."""
    assert trained.rows is not None
    found = similar(trained, [5], limit=3).asked[0].neighbours[0]
    other = trained.items.ids.index(found.id)
    raters = [set(trained.rows.user[trained.rows.item == row].tolist()) for row in (5, other)]
    assert found.co_raters == len(raters[0] & raters[1])
    assert similar(replace(trained, rows=None), [5]).asked[0].neighbours[0].co_raters is None


def test_an_item_with_few_ratings_can_be_asked_for(trained: Run) -> None:
    """An item that does not pass the filter has neighbours, but is nobody's; one member says nothing of seeds."""
    last = int(np.argmin(np.where(trained.item_stats.n_ratings > 0, trained.item_stats.n_ratings, 1000)))
    one = replace(trained, arrays={"item_factors": trained.array("item_factors")[:1]})
    found = similar(one, [last], min_ratings=50)
    assert 0 < found.asked[0].n_ratings < 50
    assert found.asked[0].neighbours[0].seeds is None
    assert found.asked[0].neighbours[0].folds is None
    with pytest.raises(UsageError, match="`limit` 0 is below 1"):
        similar(trained, [0], limit=0)


def test_neighbours_of_all_items_are_the_same_in_pieces(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbours of all items are those of each, also where they are looked for a few items at a time."""
    rows = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    found = nearest(trained.array("item_factors"), rows)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_array_equal(found, nearest(trained.array("item_factors"), rows))
    alone = similar(trained, [int(rows[3])]).asked[0].neighbours
    assert [trained.items.ids[rows[at]] for at in found[3]] == [row.id for row in alone]


def test_folds_are_a_share_of_members(trained: Run) -> None:
    """`folds` is the share of the fold members that have the neighbour among as many nearest, by brute force."""
    passing = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    others = passing[passing != 7]
    nearest_of = []
    for member in trained.array("fold_item_factors"):
        cosines = cosine_similarity(member[7:8].astype(float), member[others].astype(float))[0]
        nearest_of.append({trained.items.ids[row] for row in others[np.argsort(-cosines, kind="stable")][:5]})
    for row in similar(trained, [7], limit=5).asked[0].neighbours:
        assert row.folds == pytest.approx(np.mean([row.id in ids for ids in nearest_of]))


def test_items_by_title_id_or_row(trained: Run) -> None:
    """An item is given by its title in any spelling, by its id or by its row; an unknown row is refused."""
    by_row = similar(trained, [49])
    assert similar(trained, ["star wars"]) == similar(trained, ["id:50"]) == by_row
    assert by_row.to_frame()["of_id"].tolist() == ["50"] * 10
    for row in (-1, 120):
        with pytest.raises(UsageError, match=f"row {row} is not from 0 to 119"):
            similar(trained, [row])


def test_neighbours_of_some_items_are_those_of_all(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest of chosen items are their rows of the table of all; in float32 they are nearly always the same."""
    factors, rows = trained.array("item_factors"), np.flatnonzero(trained.item_stats.n_ratings >= 20)
    found = nearest(factors, rows)
    np.testing.assert_array_equal(nearest(factors, rows, np.array([3, 0])), found[[3, 0]])
    monkeypatch.setattr(module, "MOST_EXACT", 1)
    assert (nearest(factors, rows) == found).mean() > 0.99

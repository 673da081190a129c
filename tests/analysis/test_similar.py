"""Nearest items, against brute force and a planted truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

from embedcli.analysis import metric as module
from embedcli.analysis.choices import Measure
from embedcli.analysis.metric import member_vectors, nearest
from embedcli.analysis.similar import similar
from embedcli.errors import RunError, UsageError
from embedcli.run.lookup import Row, find
from embedcli.run.record import Run


@pytest.mark.parametrize("by", [Measure.COSINE, Measure.DOT, Measure.EUCLIDEAN])
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
    found = similar(trained, [Row(7)], by=by, limit=5).asked[0].neighbours
    assert [row.id for row in found] == [trained.items.ids[row] for row in order]
    best = expected[list(passing).index(order[0])]
    assert found[0].similarity == pytest.approx(abs(best) if by is Measure.EUCLIDEAN else best, rel=1e-5)


def test_preferences_are_correlated_over_the_users(trained: Run) -> None:
    """By default the nearest are those whose predicted preferences correlate most over the users with ratings."""
    passing = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    users = trained.array("user_factors")[:, trained.user_stats.n_ratings > 0].astype(float)
    members = zip(users, trained.array("item_factors").astype(float), strict=True)
    expected = np.mean([np.corrcoef((user @ item[[7, *passing]].T).T)[0, 1:] for user, item in members], axis=0)
    order = [row for row in passing[np.argsort(-expected, kind="stable")] if row != 7][:5]
    found = similar(trained, [Row(7)], limit=5)
    assert found.by is Measure.PREFERENCE
    assert [row.id for row in found.asked[0].neighbours] == [trained.items.ids[row] for row in order]
    best = expected[list(passing).index(order[0])]
    assert found.asked[0].neighbours[0].similarity == pytest.approx(best, abs=1e-5)


def test_another_form_of_the_same_model_has_the_same_neighbours(trained: Run) -> None:
    """If factors are multiplied so that no prediction changes, the neighbours stay, members' and folds' alike."""
    rng = np.random.default_rng(0)
    names = "item_factors", "user_factors", "fold_item_factors", "fold_user_covariance"
    items, users, fold_items, fold_users = (trained.array(name).astype(float) for name in names)
    k = items.shape[2]
    maps, fold_maps = ([np.diag(np.geomspace(0.2, 5, k)) @ np.linalg.qr(rng.normal(size=(k, k)))[0] for _ in own]
                       for own in (items, fold_items))  # fmt: skip
    back, fold_back = (np.linalg.inv(own) for own in (maps, fold_maps))
    changed = {
        "item_factors": items @ maps,
        "user_factors": users @ back.transpose(0, 2, 1),
        "fold_item_factors": fold_items @ fold_maps,
        "fold_user_covariance": fold_back @ fold_users @ fold_back.transpose(0, 2, 1),
    }
    np.testing.assert_allclose(
        users @ items.transpose(0, 2, 1),
        changed["user_factors"] @ changed["item_factors"].transpose(0, 2, 1),
        atol=1e-9,
    )
    other = replace(
        trained, arrays={**trained.arrays, **{name: array.astype(np.float32) for name, array in changed.items()}}
    )
    for row in (3, 7, 20):
        (first,), (second,) = (similar(run, [Row(row)]).asked for run in (trained, other))
        assert [one.id for one in first.neighbours] == [one.id for one in second.neighbours]
        assert [one.folds for one in first.neighbours] == [one.folds for one in second.neighbours]
        by_cosine = [similar(run, [Row(row)], by=Measure.COSINE).asked[0] for run in (trained, other)]
        assert [one.id for one in by_cosine[0].neighbours] != [one.id for one in by_cosine[1].neighbours]


def test_users_without_a_taste_in_some_direction_have_a_metric(trained: Run) -> None:
    """If the users do not differ along a factor, it counts for nothing, as if the factor were left out."""
    users, items = trained.array("user_factors").copy(), trained.array("item_factors")
    users[:, :, 0] = 1
    flat = replace(trained, arrays={**trained.arrays, "user_factors": users})
    less = replace(trained, arrays={"item_factors": items[:, :, 1:], "user_factors": users[:, :, 1:]})
    found, expected = (similar(run, [7]).asked[0].neighbours for run in (flat, less))
    assert [(row.id, round(row.similarity, 5)) for row in found] == [
        (row.id, round(row.similarity, 5)) for row in expected
    ]


def test_without_user_factors_the_cosine_is_the_default(trained: Run) -> None:
    """A run of item factors alone is asked by the cosine; preferences need the users' factors."""
    bare = replace(trained, arrays={"item_factors": trained.array("item_factors")})
    assert similar(bare, [Row(7)]).by is Measure.COSINE
    with pytest.raises(RunError, match="user_factors"):
        similar(bare, [Row(7)], by=Measure.PREFERENCE)


def test_neighbours_share_the_planted_taste(trained: Run) -> None:
    """The nearest of an Action film are Action films, and members trained on other ratings find most of them again."""
    for row in (8, 20, 31):
        found = similar(trained, [Row(row)], limit=10).asked[0].neighbours
        tags = [trained.items.tags[trained.items.ids.index(one.id)] for one in found]
        assert tags.count(trained.items.tags[row]) >= 9
        assert np.mean([one.folds for one in found if one.folds is not None]) > 0.3


def test_co_raters_are_counted(trained: Run) -> None:
    """The users who rated both items are those of the training rows; without rows nothing is said."""
    assert trained.rows is not None
    found = similar(trained, [Row(5)], limit=3).asked[0].neighbours[0]
    other = trained.items.ids.index(found.id)
    raters = [set(trained.rows.user[trained.rows.item == row].tolist()) for row in (5, other)]
    assert found.co_raters == len(raters[0] & raters[1])
    assert similar(replace(trained, rows=None), [5]).asked[0].neighbours[0].co_raters is None


def test_an_item_with_few_ratings_can_be_asked_for(trained: Run) -> None:
    """An item that does not pass the filter has neighbours, but is nobody's; one member says nothing of seeds."""
    last = int(np.argmin(np.where(trained.item_stats.n_ratings > 0, trained.item_stats.n_ratings, 1000)))
    one = replace(trained, arrays={"item_factors": trained.array("item_factors")[:1]})
    found = similar(one, [Row(last)], min_ratings=50)
    assert 0 < found.asked[0].n_ratings < 50
    assert found.asked[0].neighbours[0].seeds is None
    assert found.asked[0].neighbours[0].folds is None
    with pytest.raises(UsageError, match="`limit` 0 is below 1"):
        similar(trained, [Row(0)], limit=0)


def test_neighbours_of_all_items_are_the_same_in_pieces(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbours of all items are those of each, also where they are looked for a few items at a time."""
    rows = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    found = nearest(member_vectors(trained, Measure.COSINE), rows)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_array_equal(found, nearest(member_vectors(trained, Measure.COSINE), rows))
    alone = similar(trained, [Row(rows[3])], by=Measure.COSINE).asked[0].neighbours
    assert [trained.items.ids[rows[at]] for at in found[3]] == [row.id for row in alone]


def test_folds_are_a_share_of_members(trained: Run) -> None:
    """`folds` is the share of the fold members that have the neighbour among as many nearest, by brute force."""
    passing = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    others = passing[passing != 7]
    nearest_of = []
    for member in trained.array("fold_item_factors"):
        cosines = cosine_similarity(member[7:8].astype(float), member[others].astype(float))[0]
        nearest_of.append({trained.items.ids[row] for row in others[np.argsort(-cosines, kind="stable")][:5]})
    for row in similar(trained, [Row(7)], limit=5, by=Measure.COSINE).asked[0].neighbours:
        assert row.folds == pytest.approx(np.mean([row.id in ids for ids in nearest_of]))


def test_items_by_title_id_or_row(trained: Run) -> None:
    """An item is given by its title in any spelling, its id, also a number, or its Row; an unknown Row is refused."""
    by_row = similar(trained, [Row(49)])
    assert all(
        similar(trained, of) == by_row for of in (50, [np.int64(50)], np.array([50.0]), find(trained, "star wars"))
    )
    assert similar(trained, ["star wars"]) == similar(trained, ["id:50"]) == by_row
    assert by_row.to_frame()["of_id"].tolist() == ["50"] * 10
    for row in (-1, 120):
        with pytest.raises(UsageError, match=f"row {row} is not from 0 to 119"):
            similar(trained, [Row(row)])


def test_neighbours_of_some_items_are_those_of_all(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest of chosen items are their rows of the table of all; in float32 they are nearly always the same."""
    factors, rows = member_vectors(trained, Measure.COSINE), np.flatnonzero(trained.item_stats.n_ratings >= 20)
    found = nearest(factors, rows)
    np.testing.assert_array_equal(nearest(factors, rows, np.array([3, 0])), found[[3, 0]])
    monkeypatch.setattr(module, "MOST_EXACT", 1)
    assert (nearest(factors, rows) == found).mean() > 0.99

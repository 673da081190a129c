"""Predictions of pairs, and the best items of every user."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from embedcli.analysis import posterior
from embedcli.analysis.choices import RankBy
from embedcli.analysis.posterior import Prediction, Predictor
from embedcli.analysis.predict import predict, predict_all
from embedcli.analysis.recommend import recommend
from embedcli.analysis.record import Columns, nested
from embedcli.errors import DataError, RunError, UsageError
from embedcli.evidence import neighbours
from embedcli.run.record import Run


@pytest.fixture(scope="module", params=[False, True], ids=["states alone", "with neighbours"])
def either(request: pytest.FixtureRequest, trained: Run) -> Run:
    """Return the trained run whose neighbours' residuals do not count, or do."""
    info = trained.training.posterior
    assert info is not None
    info = replace(info, neighbours_used=request.param, neighbour_weight=0.5)
    return replace(trained, training=replace(trained.training, posterior=info))


def one_by_one(run: Run, user: int) -> Prediction:
    """Return what `Predictor` says of all items for one user."""
    assert run.rows is not None
    own = run.rows.user == user
    predictor = Predictor(run)
    known = predictor.known(user, run.rows.item[own].astype(np.int64))
    return predictor.predict(known, np.arange(len(run.items)))


def column(rows: Columns, name: str) -> np.ndarray:
    """Return a column of a table."""
    return rows.arrays[name]


def test_pairs_are_predicted_as_one_by_one(either: Run) -> None:
    """Predictions and ends of pairs, in any order and some twice, are those of each user alone."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, [[200], [120]], (2, 500))
    ids = either.users.ids, either.items.ids
    pairs = [(ids[0][u], ids[1][i]) for u, i in zip(user.tolist(), item.tolist(), strict=True)]
    found = predict(either, pairs + pairs[:9])
    assert [(row["user"], row["id"]) for row in found.predictions] == pairs + pairs[:9]
    alone = {u: one_by_one(either, u) for u in set(user.tolist())}
    for name, field in (("prediction", "expected"), ("lower", "lower"), ("upper", "upper")):
        expected = [getattr(alone[u], field)[i] for u, i in zip(user, item, strict=True)]
        np.testing.assert_allclose(column(found.predictions, name)[:500], expected, atol=1e-5)
    assert found.predictions[3]["n_ratings"] == either.item_stats.n_ratings[item[3]]
    assert found.predictions[-1] == found.predictions[8]


@pytest.mark.parametrize("by", RankBy)
def test_the_best_are_those_of_brute_force(either: Run, by: RankBy) -> None:
    """For each user the N best are what sorting all predictions gives, without what the user rated and rare items."""
    assert either.rows is not None
    found = predict_all(either, limit=4, by=by.value, min_ratings=30)
    stars, n = either.array("item_stars").mean(0, dtype=np.float64), either.item_stats.n_ratings
    rows = iter(found.predictions)
    for user in range(len(either.users)):
        uncut = one_by_one(either, user).uncut
        free = np.setdiff1d(np.flatnonzero(n >= 30), either.rows.item[either.rows.user == user])
        value = uncut - stars if by is RankBy.GAIN else uncut
        for rank, best in enumerate(np.sort(value[free])[::-1][:4], 1):
            row = next(rows)
            item = either.items.ids.index(row["id"])
            assert (row["user"], row["rank"], item in free) == (either.users.ids[user], rank, True)
            assert value[item] == pytest.approx(best, abs=1e-5)
            assert row["prediction"] == pytest.approx(np.clip(uncut[item], 1, 5), abs=1e-5)
            assert row["gain"] == pytest.approx(row["prediction"] - stars[item], abs=2e-6)
            assert row["lower"] <= row["prediction"] <= row["upper"]
    assert next(rows, None) is None
    assert (found.n_users, found.n_items) == (200, int((n >= 30).sum()))


def test_the_best_are_what_is_recommended(either: Run) -> None:
    """A user's list is that of `recommend`."""
    rows = list(predict_all(either, limit=10, by="gain").predictions)[120:130]
    items = recommend(either, "13", limit=10, by=RankBy.GAIN).items
    assert [(row["user"], row["id"]) for row in rows] == [("13", item.id) for item in items]
    for name in ("prediction", "lower", "upper", "gain"):
        assert [row[name] for row in rows] == pytest.approx([getattr(item, name) for item in items], abs=1e-5)


def test_blocks_and_threads_do_not_matter(either: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All figures are the same to the last bit in blocks of a few users, on one core or three."""
    pairs = [(user, item) for user in either.users.ids[:9] for item in either.items.ids]
    once = [predict_all(either, by="gain").predictions, predict(either, pairs).predictions]
    monkeypatch.setattr(posterior, "TOGETHER", 7 * len(either.items))
    monkeypatch.setattr("embedcli.analysis.predict.TOGETHER", 11)
    monkeypatch.setattr(neighbours, "TOGETHER", 13)
    monkeypatch.setattr(neighbours, "n_cores", lambda: 3)
    again = [predict_all(either, by="gain").predictions, predict(either, pairs).predictions]
    for one, other in zip(once, again, strict=True):
        for name in one.arrays:
            np.testing.assert_array_equal(column(one, name), column(other, name))


def test_a_table_is_of_pairs(trained: Run) -> None:
    """The product of matrices gives what the states predict for each pair."""
    states, users = Predictor(trained).states, np.array([3, 77, 0])
    user, item = np.repeat(users, 120).astype(np.int32), np.tile(np.arange(120, dtype=np.int32), 3)
    np.testing.assert_allclose(states.table(users).ravel(), states.predict(user, item), atol=1e-5)


def test_no_more_than_a_block_is_in_memory(either: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No table of predictions has more users than a block, and every user is in one block."""
    monkeypatch.setattr(posterior, "TOGETHER", 7 * len(either.items))
    monkeypatch.setattr(neighbours, "TOGETHER", 7)
    blocks = [users for users, table, added in Predictor(either).tables(np.arange(200)) if table.shape == added.shape]
    assert max(map(len, blocks)) == 7
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(200))


def test_unknown_users_and_items_stay_empty(trained: Run) -> None:
    """A pair with an unknown user or item has no prediction, is counted, and changes no other; titles do as well."""
    pairs = [("nobody", "50"), ("3", "star wars"), ("3", "no such film"), ("nobody", "nothing"), (3, 50)]
    found = predict(trained, pairs)
    rows = list(found.predictions)
    assert [row["prediction"] is None for row in rows] == [True, False, True, True, False]
    assert all((row["prediction"] is None) == (row["lower"] is None) == (row["upper"] is None) for row in rows)
    assert rows[1] == rows[4]
    assert (rows[1]["id"], rows[1]["title"]) == ("50", "Star Wars (1977)")
    assert (rows[2]["id"], rows[2]["title"], rows[2]["n_ratings"]) == ("no such film", "", 0)
    assert (found.n_unknown, found.n_unknown_users, found.n_unknown_items) == (3, 1, 2)
    assert json.loads(json.dumps(nested(found), default=list))["predictions"][1]["prediction"] > 1


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        ([], "no pair is given"),
        ([("nobody", "50")], "(?m)has no user 'nobody'$"),
        ([("3", "nothing"), ("nobody", "50")], "has no film 'nothing', and none of the other 1 pairs is known"),
    ],
)
def test_pairs_that_are_all_unknown_are_an_error(trained: Run, pairs: list[tuple[str, str]], complaint: str) -> None:
    """If no pair is known, the first unknown text is named, with ids that there are."""
    with pytest.raises(UsageError, match=complaint) as raised:
        predict(trained, pairs)
    assert not pairs or ", 2, 3" in str(raised.value.hint)


def test_users_who_have_rated_nearly_all(trained: Run) -> None:
    """A list is as long as there are items left for the user: of the most rated, some users have rated all."""
    assert trained.rows is not None
    n = trained.item_stats.n_ratings
    most = np.flatnonzero(n == n.max())
    found = predict_all(trained, limit=10**6, min_ratings=int(n.max()))
    rated = trained.rows.user[np.isin(trained.rows.item, most)]
    n_left = len(most) - np.bincount(rated, minlength=len(trained.users))
    assert n_left.min() == 0
    expected = np.repeat(np.array(trained.users.ids, object), n_left)
    np.testing.assert_array_equal(column(found.predictions, "user"), expected)


def test_a_run_without_ratings_has_no_intervals(trained: Run) -> None:
    """Without ratings there are predictions of the states alone, no intervals, and rated items stay in the lists."""
    run = replace(trained, rows=None)
    found, best = predict(run, [("3", "50")]), predict_all(run, limit=3)
    expected = Predictor(run).states.predict(np.array([2], np.int32), np.array([49], np.int32))
    assert found.predictions[0]["prediction"] == pytest.approx(float(np.clip(expected[0], 1, 5)), abs=1e-5)
    for record in (found, best):
        assert not record.has_intervals
        assert np.isnan(column(record.predictions, "lower")).all()
    assert len(best.predictions) == 600


def test_a_run_without_a_posterior_is_refused(trained: Run) -> None:
    """Predictions need the states of a posterior."""
    run = replace(trained, training=replace(trained.training, posterior=None))
    for call in (lambda: predict(run, [("3", "50")]), lambda: predict_all(run)):
        with pytest.raises(RunError, match="no posterior that predicts"):
            call()


def test_what_can_be_asked_of_the_best(trained: Run) -> None:
    """An unknown order, no items per user, and too many ratings are refused."""
    with pytest.raises(UsageError, match="`by` 'fame'"):
        predict_all(trained, by="fame")
    with pytest.raises(UsageError, match="`limit` 0 is below 1"):
        predict_all(trained, limit=0)
    with pytest.raises(UsageError, match="`min_ratings` 999 leaves no film"):
        predict_all(trained, min_ratings=999)


def test_columns_are_rows() -> None:
    """A table kept as columns is a sequence of rows, from either end and in slices, with NaN as None."""
    rows = Columns(name=np.array(["a", "b", "c"], object), value=np.array([1.5, np.nan, 2.5]), n=np.arange(3))
    expected = [
        {"name": "a", "value": 1.5, "n": 0},
        {"name": "b", "value": None, "n": 1},
        {"name": "c", "value": 2.5, "n": 2},
    ]
    assert list(rows) == expected == [rows[j] for j in range(3)]
    assert (rows[-1], list(rows[1:]), len(rows)) == (expected[2], expected[1:], 3)
    with pytest.raises(IndexError):
        rows[3]


def test_predictions_are_a_frame(trained: Run) -> None:
    """`to_frame` has the columns as they are."""
    frame = predict(trained, [("3", "50"), ("nobody", "50")]).to_frame()
    assert frame.columns.tolist() == ["user", "id", "title", "prediction", "lower", "upper", "n_ratings"]
    assert frame["prediction"].isna().tolist() == [False, True]


def test_pairs_of_a_frame(trained: Run) -> None:
    """The pairs of a data frame, with ids as numbers, are predicted in its order; a frame without users is an error."""
    frame = pd.DataFrame({"item_id": [50.0, 9.0, None], "user_id": [3, 12, 3]})
    asked = predict(trained, [(3, 50), (np.int64(12), 9.0)]).predictions
    assert list(predict(trained, frame[:2]).predictions) == list(asked)
    with pytest.raises(DataError, match="data frame, row 2: the item is empty"):
        predict(trained, frame)
    with pytest.raises(DataError, match="no column has a known name of the user") as caught:
        predict(trained, frame[["item_id"]])
    assert "_col" not in caught.value.hint

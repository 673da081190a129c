"""Recommendations, users folded in, and explanations that add up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from planted import World
from scipy.optimize import minimize

from embedcli.analysis.explain import explain
from embedcli.analysis.recommend import UserVector, fold_in, logits, of_user, predictions, recommend
from embedcli.analysis.record import nested
from embedcli.analysis.similar import similar
from embedcli.errors import RunError, UsageError
from embedcli.run.record import Run


def test_explanations_add_up(trained: Run) -> None:
    """The parts add up to the mean logit to 1e-4, and the rating is that of the training rows, or none."""
    for user, row in (("1", 0), ("57", 33), ("200", 119)):
        found = explain(trained, user, row)
        assert sum(part.logit for part in found.parts) == pytest.approx(found.logit, abs=1e-9)
        arrays = {name: trained.array(name).astype(np.float64) for name in trained.arrays}
        at = trained.users.ids.index(user)
        expected = np.mean(
            arrays["global_bias"]
            + arrays["user_bias"][:, at]
            + arrays["item_bias"][:, row]
            + (arrays["user_factors"][:, at] * arrays["item_factors"][:, row]).sum(1)
        )
        assert found.logit == pytest.approx(expected, abs=1e-4)
        assert trained.rows is not None
        given = trained.rows.value[(trained.rows.user == at) & (trained.rows.item == row)]
        assert found.rating == (float(given[0]) if len(given) else None)
        assert found.prediction == pytest.approx(predictions(trained, of_user(trained, user))[:, row].mean())


def test_the_planted_taste_is_the_first_component(trained: Run) -> None:
    """Between two films at the two poles, the first component makes most of the difference that taste makes."""
    parts = [{part.part: part.logit for part in explain(trained, "3", row).parts} for row in (8, 9)]
    first = abs(parts[0]["component 1"] - parts[1]["component 1"])
    rest = abs(parts[0]["other components"] - parts[1]["other components"])
    assert first > 3 * rest


def test_fold_in_is_the_most_probable_user(trained: Run) -> None:
    """The Gauss-Newton steps end at the minimum of squared error and prior that a general optimiser finds."""
    ratings = {3: 5.0, 10: 1.0, 21: 4.0, 40: 2.0}
    taste = fold_in(trained, ratings)
    rows, values = np.array(list(ratings)), np.array(list(ratings.values()))
    users, items, user_bias, item_bias, level = (
        trained.array(name)[0].astype(np.float64)
        for name in ("user_factors", "item_factors", "user_bias", "item_bias", "global_bias")
    )
    known = np.column_stack([user_bias, users])
    precision = np.linalg.inv(np.cov(known, rowvar=False) + 1e-6 * np.eye(known.shape[1]))
    assert trained.training.posterior is not None
    noise = trained.training.posterior.noise
    assert trained.y_range is not None
    low, high = trained.y_range

    def loss(theta: np.ndarray) -> float:
        logit = level + item_bias[rows] + theta[0] + items[rows] @ theta[1:]
        error = values - low - (high - low) / (1 + np.exp(-logit))
        apart = theta - known.mean(0)
        return float((error**2).sum() / noise**2 + apart @ precision @ apart)

    found = np.r_[taste.bias[0], taste.factors[0]]
    assert loss(found) == pytest.approx(minimize(loss, known.mean(0), tol=1e-10).fun, rel=1e-4)


def test_likes_say_what_one_likes(trained: Run, world: World) -> None:
    """Who likes three Action films is given Action films, and who dislikes them Romance; what was rated is left out."""
    action = [row for row in range(10, 60) if world.axis[row] > 0][:6]
    for value, sign in ((5.0, 1.0), (1.0, -1.0)):
        found = recommend(trained, fold_in(trained, dict.fromkeys(action, value)), limit=10)
        shares = [world.axis[trained.items.ids.index(row.id)] for row in found.items]
        expected = np.mean([world.axis[row] for row in np.argsort(-world.quality)[:10]])
        assert sign * (np.mean(shares) - expected) >= 0
        assert not {row.id for row in found.items} & {trained.items.ids[row] for row in action}
        assert found.n_left_out == 6
    gap = [
        logits(trained, fold_in(trained, dict.fromkeys(action, value))).mean(0) @ world.axis[: len(trained.items)]
        for value in (5.0, 1.0)
    ]
    assert gap[0] > gap[1]


def test_a_user_of_the_run(trained: Run) -> None:
    """A user's recommendations are the highest predictions among films not rated; with include_rated, among all."""
    taste = of_user(trained, "12")
    every = predictions(trained, taste).mean(0)
    found = recommend(trained, "12", limit=5, min_ratings=0)
    rated = np.flatnonzero(trained.item_stats.n_ratings)  # one film has no rating: nothing is known of it
    free = np.setdiff1d(rated, taste.rows)
    assert [row.id for row in found.items] == [trained.items.ids[row] for row in free[np.argsort(-every[free])][:5]]
    both = recommend(trained, "12", limit=1, min_ratings=0, include_rated=True)
    assert both.items[0].prediction == pytest.approx(every[rated].max())


def test_gain_is_what_taste_adds(trained: Run) -> None:
    """The gain is the prediction above the user's mean less the same of the average user; it is 0 on average."""
    found = recommend(trained, "12", limit=200, min_ratings=0)
    assert len(found.items) == found.n_items
    assert np.mean([row.gain for row in found.items]) == pytest.approx(0, abs=1e-9)
    stars = trained.array("trained_stars").mean(0, dtype=np.float64)
    of_all = {row.id: stars[trained.items.ids.index(row.id)] for row in found.items}
    middle = np.mean([row.prediction for row in found.items]) - np.mean(list(of_all.values()))
    row = found.items[3]
    assert row.gain == pytest.approx(row.prediction - of_all[row.id] - middle)
    assert row.rank_of_all == 1 + sum(value > of_all[row.id] for value in of_all.values())
    average = UserVector(
        *(trained.array(f"user_{name}").mean(1).astype(np.float64) for name in ("factors", "bias")),
        np.zeros(0, np.int64),
        np.zeros(0),
    )
    assert max(abs(row.gain) for row in recommend(trained, average, min_ratings=0).items) < 0.1


def test_items_without_ratings_say_nothing(trained: Run) -> None:
    """A film without training ratings is not liked, recommended or called near anything, and an explanation says so."""
    assert trained.item_stats.n_ratings[119] == 0
    for refused in (lambda: fold_in(trained, {119: 5.0, 3: 4.0}), lambda: similar(trained, [3, 119])):
        with pytest.raises(UsageError, match="has no training rating"):
            refused()
    near = similar(trained, [3], limit=200, min_ratings=0).asked[0].neighbours
    assert "120" not in {row.id for row in near}
    assert "120" not in {row.id for row in recommend(trained, "12", limit=200, min_ratings=0).items}
    assert [explain(trained, "12", row).is_unrated for row in (3, 119)] == [False, True]


def test_user_without_ratings_is_told(trained: Run) -> None:
    """The list of a user without training ratings says that it is the average user's."""
    seen = replace(trained.user_stats, n_ratings=np.where(np.arange(len(trained.users)) == 11, 0, 5))
    run = replace(trained, user_stats=seen)
    assert [recommend(run, user).is_unrated for user in ("12", "13")] == [True, False]


def test_recommendations_are_json(trained: Run) -> None:
    """A record of recommendations is JSON, for a user of the run and for a new one."""
    for user in ("12", fold_in(trained, {"star wars": 5.0})):
        assert json.loads(json.dumps(nested(recommend(trained, user))))["items"][0]["rank"] == 1


def test_what_cannot_be_recommended(trained: Run) -> None:
    """An unknown user, no ratings, a run without users or rows, and nothing left are answered."""
    with pytest.raises(UsageError, match="has no user '999'"):
        of_user(trained, "999")
    with pytest.raises(UsageError, match="nothing is known of the user"):
        fold_in(trained, {})
    with pytest.raises(RunError, match="user_factors"):
        fold_in(replace(trained, arrays={"item_factors": trained.array("item_factors")}), {1: 5.0})
    assert not len(of_user(replace(trained, rows=None), "1").rows)
    with pytest.raises(UsageError, match="has rated all"):
        recommend(trained, fold_in(trained, dict.fromkeys(np.flatnonzero(trained.item_stats.n_ratings).tolist(), 3.0)))


def test_items_of_a_new_user_by_title(trained: Run) -> None:
    """Ratings are given by title as well as by row; an item that is given twice is refused, also under two names."""
    by_row, by_title = (fold_in(trained, {item: 5.0}) for item in (49, "star wars"))
    np.testing.assert_array_equal(by_row.factors, by_title.factors)
    assert explain(trained, "3", "star wars") == explain(trained, "3", 49)
    for twice in ({49: 5.0, "star wars": 4.0}, [("star wars", 5.0), ("star wars", 1.0)]):
        with pytest.raises(UsageError, match="'Star Wars \\(1977\\)' is given twice"):
            fold_in(trained, twice)

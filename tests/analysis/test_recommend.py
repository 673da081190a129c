"""Recommendations, users folded in, and explanations that add up."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from planted import World
from scipy.optimize import minimize

from embedcli.analysis.choices import RankBy
from embedcli.analysis.explain import explain
from embedcli.analysis.posterior import Predictor
from embedcli.analysis.recommend import (
    diverse_order,
    fold_in,
    logits,
    nearest,
    of_user,
    posterior_user,
    predictions,
    recommend,
)
from embedcli.analysis.record import nested
from embedcli.analysis.similar import similar
from embedcli.errors import RunError, UsageError
from embedcli.run.lookup import Row
from embedcli.run.record import Run


def test_explanations_add_up(trained: Run) -> None:
    """The parts add up to the mean logit to 1e-4, and the rating is that of the training rows, or none."""
    for user, row in (("1", 0), ("57", 33), ("200", 119)):
        found = explain(trained, user, Row(row))
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
    parts = [{part.part: part.logit for part in explain(trained, "3", Row(row)).parts} for row in (8, 9)]
    first = abs(parts[0]["component 1"] - parts[1]["component 1"])
    rest = abs(parts[0]["other components"] - parts[1]["other components"])
    assert first > 3 * rest


def test_fold_in_is_the_most_probable_user(trained: Run) -> None:
    """The Gauss-Newton steps end at the minimum of squared error and prior that a general optimiser finds."""
    ratings = {Row(3): 5.0, Row(10): 1.0, Row(21): 4.0, Row(40): 2.0}
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
    action = [Row(row) for row in range(10, 60) if world.axis[row] > 0][:6]
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


def without_posterior(run: Run) -> Run:
    """Return a run with its trained members alone."""
    return replace(run, arrays={name: run.arrays[name] for name in run.arrays if not name.startswith("state_")})


def test_a_user_of_the_run(trained: Run) -> None:
    """A user's recommendations are the highest predictions among films not rated; with include_rated, among all.

    The predictions are the posterior's, or if a run has none, the mean over its members.
    """
    taste, members = of_user(trained, "12"), without_posterior(trained)
    predictor = Predictor(trained)
    rated = np.flatnonzero(trained.item_stats.n_ratings)  # one film has no rating: nothing is known of it
    of_posterior = predictor.predict(posterior_user(predictor, taste), np.arange(len(trained.items)))
    for run, every in ((trained, of_posterior.uncut), (members, predictions(trained, taste).mean(0))):
        found = recommend(run, "12", limit=5, min_ratings=0)
        free = np.setdiff1d(rated, taste.rows)
        assert [row.id for row in found.items] == [run.items.ids[row] for row in free[np.argsort(-every[free])][:5]]
        both = recommend(run, "12", limit=1, min_ratings=0, include_rated=True)
        assert both.items[0].prediction == pytest.approx(np.clip(every[rated].max(), 1, 5))
        assert (found.by_posterior, found.items[0].lower is None) == (
            (True, False) if run is trained else (False, True)
        )


def test_predictions_are_those_of_the_states(trained: Run) -> None:
    """A prediction is middle + mean over states of bias + bias + product, + the weight x the neighbours' residuals."""
    predictor, at = Predictor(trained), trained.users.ids.index("12")
    predictor.weight = 0.5  # this world has no use for it
    rows, states = trained.rows, predictor.states
    assert rows is not None
    table = np.full((len(trained.users), len(trained.items)), np.nan)
    table[rows.user, rows.item] = rows.value
    expected = states.middle + np.mean(
        [u[:, :1] + v[:, 0] + u[:, 1:] @ v[:, 1:].T for u, v in zip(states.users, states.items, strict=True)], axis=0
    )
    rest = np.nan_to_num(table - expected)
    is_rated = np.isfinite(table).astype(float)
    shared = rest @ rest[at] / ((is_rated @ is_rated[at] + 200) * (rest[is_rated > 0] ** 2).mean())
    shared[at] = 0
    own = of_user(trained, "12")
    found = predictor.predict(predictor.known(at, own.rows), np.arange(len(trained.items)))
    np.testing.assert_allclose(found.uncut, expected[at] + 0.5 * shared @ rest, atol=1e-3)


def test_new_user_is_the_posterior_mean(trained: Run) -> None:
    """In each state the mean and the spread of a new user are those of a regression with a normal prior."""
    states = Predictor(trained).states
    rows, values = np.array([3, 10, 21]), np.array([5.0, 1.0, 4.0])
    for is_all in (False, True):
        found = states.fold_in(rows, values, is_all=is_all)
        seen = np.r_[states.directions[rows].sum(0) / np.sqrt(3), 1, np.log(4)]
        for j in (0, len(states.items) - 1):
            x = np.column_stack([np.ones(3), states.items[j, rows, 1:]])
            rest = values - states.middle - states.items[j, rows, 0]
            mean, precision = states.usual_mean[j], states.usual_precision[j]
            if is_all:
                mean, precision = seen @ states.weights[j], states.precision[j]
            exact = precision + x.T @ x / states.usual_noise**2
            expected = np.linalg.solve(exact, x.T @ rest / states.usual_noise**2 + precision @ mean)
            np.testing.assert_allclose(found.mean[j], expected, atol=1e-3)
            assert found.covariance is not None
            np.testing.assert_allclose(found.covariance[j], np.linalg.inv(exact), rtol=1e-3, atol=1e-5)


def test_users_of_the_run_are_the_new_users_they_would_be(trained: Run) -> None:
    """Folded in with all of the ratings, a user is predicted nearly as the one of the run."""
    predictor, every, taste = Predictor(trained), np.arange(len(trained.items)), of_user(trained, "12")
    users = predictor.known(trained.users.ids.index("12"), taste.rows), predictor.fold_in(taste.rows, taste.values)
    known, new = (predictor.predict(user, every) for user in users)
    assert np.abs(known.uncut - new.uncut).mean() < 0.15
    assert np.corrcoef(known.uncut, new.uncut)[0, 1] > 0.97


def test_intervals_need_the_ratings(trained: Run) -> None:
    """Of a run without rows the states still predict, without interval and without neighbours."""
    found = recommend(replace(trained, rows=None), "12", limit=3)
    assert found.by_posterior
    assert [row.lower for row in found.items] == [None] * 3


def test_gain_goes_by_what_taste_adds(trained: Run) -> None:
    """By gain, films are sorted by the prediction above the mean of the posterior's draws of their stars."""
    found = recommend(trained, "12", limit=200, min_ratings=0, by=RankBy.GAIN)
    stars = trained.array("item_stars").mean(0, dtype=np.float64)
    gains = [row.prediction - stars[trained.items.ids.index(row.id)] for row in found.items]
    assert [row.gain for row in found.items] == pytest.approx(gains, abs=1e-6)
    within = [gain for gain, row in zip(gains, found.items, strict=True) if 1 < row.prediction < 5]
    assert within == sorted(within, reverse=True)


def test_diverse_lists_cost_stars(trained: Run) -> None:
    """Of items that appeal to the same users the best stands for all; the list says how many stars that costs."""
    tastes = np.array([[[1, 0], [1, 0], [0.8, 0.6], [0, 1], [-1, 0]]], np.float32)
    value = np.array([1.0, 0.9, 0.8, 0.3, -1.0])
    np.testing.assert_array_equal(diverse_order(value, tastes, 3), [0, 3, 2])
    assert nearest(tastes[:, [0, 3, 2]]) == pytest.approx((0.8 + 0.6 + 0.8) / 3)
    plain, diverse = (recommend(trained, "12", limit=8, min_ratings=0, diverse=diverse) for diverse in (False, True))
    assert (plain.diversity, diverse.items[0]) == (None, plain.items[0])
    price = diverse.diversity
    assert price is not None
    for found, mean in ((diverse, price.mean), (plain, price.mean_of_best)):
        assert np.mean([row.prediction for row in found.items]) == pytest.approx(mean)
    with pytest.raises(RunError, match="no posterior that predicts"):
        recommend(without_posterior(trained), "12", diverse=True)


def test_items_without_ratings_say_nothing(trained: Run) -> None:
    """A film without training ratings is not liked, recommended or called near anything, and an explanation says so."""
    assert trained.item_stats.n_ratings[119] == 0
    for refused in (lambda: fold_in(trained, {120: 5.0, 4: 4.0}), lambda: similar(trained, [4, 120])):
        with pytest.raises(UsageError, match="has no training rating"):
            refused()
    near = similar(trained, [Row(3)], limit=200, min_ratings=0).asked[0].neighbours
    assert "120" not in {row.id for row in near}
    assert "120" not in {row.id for row in recommend(trained, "12", limit=200, min_ratings=0).items}
    assert [explain(trained, "12", Row(row)).is_unrated for row in (3, 119)] == [False, True]


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
        recommend(trained, fold_in(trained, dict.fromkeys(map(Row, np.flatnonzero(trained.item_stats.n_ratings)), 3.0)))


def test_items_of_a_new_user_by_title(trained: Run) -> None:
    """Ratings are given by title as well as by id; an item that is given twice is refused, also under two names."""
    by_id, by_title = (fold_in(trained, {item: 5.0}) for item in (50, "star wars"))
    np.testing.assert_array_equal(by_id.factors, by_title.factors)
    assert explain(trained, "3", "star wars") == explain(trained, "3", 50)
    for twice in ({50: 5.0, "star wars": 4.0}, [("star wars", 5.0), ("star wars", 1.0)]):
        with pytest.raises(UsageError, match="'Star Wars \\(1977\\)' is given twice"):
            fold_in(trained, twice)

"""What components go with that is not a taste."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from misspecified import EMPTY, PLAIN, Knobs, misspecified_world

from embedcli.data.ratings import Ratings
from embedcli.evidence import confounds, observations
from embedcli.evidence.confounds import (
    CAUSES,
    UserFacts,
    copied_accounts,
    explained,
    fitted,
    goes_with,
    powers,
    use_of_scale,
)
from embedcli.evidence.observations import Observations, bias_model
from embedcli.run.config import TrainConfig
from embedcli.run.record import Evidence
from embedcli.training.evaluation import observed
from embedcli.training.fit import fit

SIZE = (400, 300, 20_000)
TIME, SCALE, COPIES = CAUSES


def evidence_of(ratings: Ratings) -> Evidence:
    """Return the evidence of a run on all ratings."""
    evidence = fit(ratings.split("none"), TrainConfig(n_members=1, n_draws=0)).training.evidence
    assert evidence is not None
    return evidence


@pytest.mark.parametrize(
    ("knobs", "cause"),
    [
        (replace(EMPTY, drift_items=0.5), TIME),
        (replace(EMPTY, stretch=0.6), SCALE),
        (replace(EMPTY, duplicates=0.1, copies=5), COPIES),
    ],
)
def test_components_of_empty_worlds_are_no_tastes(knobs: Knobs, cause: str) -> None:
    """Without tastes, what predicts goes with the drift, the use of the scale or the duplicates, and is not real."""
    evidence = evidence_of(misspecified_world(0, replace(knobs, size=SIZE)).ratings)
    for tests in (evidence.tests, evidence.pca_tests):
        predicting = [test for test in tests if test.t > 9]  # near 6 another BLAS decides
        assert predicting
        assert {test.goes_with for test in predicting} == {cause}
        assert not any(test.real for test in predicting)


def test_tastes_beside_a_cause_stay_tastes() -> None:
    """In a world with three tastes, drift and duplicates, the tastes are real, and the drift is none."""
    knobs = replace(PLAIN, size=(500, 400, 40_000), drift_items=0.7, duplicates=0.05)
    evidence = evidence_of(misspecified_world(1, knobs).ratings)
    for tests in (evidence.tests, evidence.pca_tests):
        assert [test.goes_with for test in tests[:4]].count(TIME) == 1
        assert [test.goes_with for test in tests[:4]].count(None) == 3
        assert sum(test.real for test in tests[:4]) == 3


def test_without_times_no_component_is_a_drift() -> None:
    """A drift is seen only if the ratings have times that differ."""
    world = misspecified_world(0, replace(EMPTY, size=SIZE, drift_items=0.5))
    rows = observed(world.ratings)
    assert UserFacts.of(rows, None).time is None
    assert UserFacts.of(rows, np.full(len(rows.value), 7)).time is None
    assert evidence_of(replace(world.ratings, timestamp=None)).tests[0].real


def test_time_is_the_users_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a user is the mean time of the ratings, in blocks of rows as in one."""
    monkeypatch.setattr(observations, "BLOCK", 1000)
    world = misspecified_world(0, replace(EMPTY, size=SIZE))
    rows, seconds = observed(world.ratings), world.ratings.timestamp
    assert seconds is not None
    time = UserFacts.of(rows, seconds).time
    assert time is not None
    for user in (0, 17, 399):
        own = seconds[rows.user == user]
        assert time[user] == pytest.approx(own.mean() - seconds[0])


def facts_of(rows: Observations, **given: Any) -> tuple[UserFacts, Any]:
    """Return facts of users, as given, and the model with biases alone."""
    biases = bias_model(rows, 3.0, 6)
    usual = {"time": None, "is_copy": np.zeros(rows.n_users, bool), "share_of_copies": 0.0, "scale": None} | given
    facts = UserFacts(**usual)
    return (facts.seen(rows, biases, np.ones(len(rows.value), bool)) if facts.scale is None else facts), biases


def test_explained_is_residual_times_contribution() -> None:
    """By brute force over the rows: of a component, of its fit on time, on use of the scale, and of copies."""
    rng = np.random.default_rng(0)
    rows = observed(misspecified_world(0, replace(PLAIN, size=(80, 60, 2_000))).ratings)
    is_copy, time = rng.random(80) < 0.3, rng.normal(size=80)
    facts, biases = facts_of(rows, is_copy=is_copy, time=time, scale=rng.normal(size=(80, 3)))
    x, y, unseen = rng.normal(size=(80, 2)), rng.normal(size=(60, 2)), rows.take(np.arange(500))
    n, n_items = biases.n_by_user, biases.n_by_item
    whole = x - np.average(x, axis=0, weights=n)
    assert facts.scale is not None
    parts = [
        (whole, y),
        (fitted(whole, powers(time), n.astype(float)), y),
        (
            fitted(whole, facts.scale, n.astype(float)),
            fitted(y, np.c_[biases.item_bias, biases.item_bias**2], n_items.astype(float)),
        ),
        (whole * is_copy[:, None], y),
    ]
    expected = np.zeros((4, 2))
    for user, item, residual in zip(unseen.user, unseen.item, biases.residuals(unseen), strict=True):
        expected += [residual * u[user] * v[item] for u, v in parts]
    np.testing.assert_allclose(explained(x, y, unseen, biases, facts), expected, rtol=1e-9)


def test_fit_is_weighted_least_squares() -> None:
    """The fit is that of least squares with weights, without the constant."""
    rng = np.random.default_rng(0)
    x, facts, weight = rng.normal(size=(50, 2)), rng.normal(size=(50, 3)), rng.random(50)
    design = np.c_[np.ones(50), facts]
    slopes = np.linalg.solve(design.T * weight @ design, design.T * weight @ x)
    expected = design @ slopes
    expected -= np.average(expected, axis=0, weights=weight)
    np.testing.assert_allclose(fitted(x, facts, weight), expected)


@pytest.mark.parametrize(
    ("sums", "share_of_copies", "expected"),
    [
        ((10, 6.1, 0, 0), 0.0, TIME),
        ((10, 5.9, 0, 0), 0.0, None),
        ((10, 0, 6.1, 0), 0.0, SCALE),
        ((10, 0, 0, 6.1), 0.0, COPIES),
        ((10, 0, 0, 6.1), 0.2, None),  # (.61 - .2) / .8 is above their share
        ((10, 0, 0, 7.0), 0.2, COPIES),
        ((10, 3.5, 3.0, 0), 0.0, TIME),  # together they have most of it
        ((10, 5.0, -5.0, 0), 0.0, None),
        ((10, -5.0, 7.0, 0), 0.0, SCALE),
        ((-1, 1.0, 1.0, 1.0), 0.0, None),
        ((0, 0, 0, 0), 0.0, None),
    ],
)
def test_goes_with_what_has_most(sums: tuple[float, ...], share_of_copies: float, expected: str | None) -> None:
    """A component goes with the largest cause if the causes have at least .6 of what it explains together."""
    assert goes_with(np.array(sums, dtype=float)[:, None], share_of_copies) == [expected]


def test_use_of_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread and slope are those of a user's own ratings; of few ratings they are those of all users."""
    monkeypatch.setattr(confounds, "STEADY", 1e-9)
    monkeypatch.setattr(observations, "BLOCK", 1000)
    rows = observed(misspecified_world(0, replace(PLAIN, size=SIZE, stretch=0.5)).ratings)
    seen = np.random.default_rng(0).random(len(rows.value)) < 0.8
    biases = bias_model(rows, 3.0, 6, seen=seen)
    found, often = use_of_scale(rows, biases, seen), np.flatnonzero(biases.n_by_user > 50)[:10]
    for user in often:
        own = rows.take(seen & (rows.user == user))
        quality = biases.item_bias[own.item]
        assert found[user, 0] == biases.user_bias[user]
        assert found[user, 1] == pytest.approx(own.value.std(), rel=1e-4)
        assert found[user, 2] == pytest.approx(np.polyfit(quality, own.value, 1)[0], rel=1e-3)
    monkeypatch.setattr(confounds, "STEADY", 1e9)
    assert np.ptp(use_of_scale(rows, biases, seen)[:, 1:], axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_the_spread_of_equal_ratings_is_a_number() -> None:
    """Users whose ratings are all equal have no spread: rounding does not make its square negative."""
    codes, stars = np.arange(3, dtype=np.int32), np.linspace(1, 1.1, 3, dtype=np.float32)
    rows = Observations(np.repeat(codes, 3), np.tile(codes, 3), np.repeat(stars, 3), 3, 3)
    spread = use_of_scale(rows, bias_model(rows, 3.0, 6), np.ones(9, dtype=bool))[:, 1]
    assert spread == pytest.approx(np.zeros(3), abs=1e-6)


def test_copies_are_found_and_no_others() -> None:
    """Copies of 120 ratings, nine in ten equal, are found on every scale; people of one taste are not."""
    for seed in range(2):
        for scale, middle in (((1.0, 5.0, 1.0), 3.55), ((1.0, 5.0, 1.0), 4.6), ((0.5, 5.0, 0.5), 3.55)):
            world = misspecified_world(seed, replace(PLAIN, scale=scale, middle=middle, duplicates=0.1))
            found, rows = copied_accounts(observed(world.ratings)), observed(world.ratings)
            is_copy = world.copied >= 0
            is_copy[world.copied[is_copy]] = True
            assert not (found & ~is_copy).any()
            often = np.bincount(rows.user, minlength=800) >= 120
            assert (found & is_copy)[often].sum() >= 0.85 * is_copy[often].sum()


def test_users_who_rate_everything_alike_are_no_copies() -> None:
    """Accounts that give every item, or nearly every one, the same rating are equal by chance."""
    rng = np.random.default_rng(0)
    value = np.where(rng.random((30, 100)) < 0.03, 4, 5)
    user, item = (codes.ravel().astype(np.int32) for codes in np.indices(value.shape))
    rows = Observations(user, item, value.ravel().astype("f4"), 30, 100)
    assert not copied_accounts(rows).any()
    agreed = np.tile(np.where(np.arange(100) < 50, 1, 5), (30, 1))  # all agree: nothing to tell copies by
    assert not copied_accounts(replace(rows, value=agreed.ravel().astype("f4"))).any()
    mixed = rng.integers(1, 6, (30, 100))
    mixed[:2] = 5  # two who like everything
    assert not copied_accounts(replace(rows, value=mixed.ravel().astype("f4"))).any()


def test_of_many_ratings_the_rarest_items_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer products allowed copies are still found by rare items; with none there are none, and no error."""
    world = misspecified_world(0, replace(PLAIN, duplicates=0.1))
    rows = observed(world.ratings)
    every = copied_accounts(rows)
    monkeypatch.setattr(confounds, "MOST_PRODUCTS", 1e6)
    some = copied_accounts(rows)
    assert 10 < some.sum() < every.sum()
    monkeypatch.setattr(confounds, "MOST_PRODUCTS", 0)
    assert not copied_accounts(rows).any()

"""The tests of components."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from planted import World

from embedcli.evidence import components as components_module
from embedcli.evidence import observations as observations_module
from embedcli.evidence.components import (
    Factors,
    component_evidence,
    counterparts,
    largest_of_flips,
    n_above_flips,
    regress,
    sign_flips,
)
from embedcli.evidence.observations import BiasModel, Observations, bias_model
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.training.evaluation import observed
from embedcli.training.fit import fit


def test_planted_factor_is_found(trained: Run) -> None:
    """In a world with one factor the first component is real, in either basis, and the sign flips see it alone.

    The second carries what the cut into five stars makes of quality times taste: ten times weaker, but no noise.
    """
    evidence = trained.training.evidence
    assert evidence is not None
    for tests in (evidence.tests, evidence.pca_tests):
        assert tests[0].real
        assert tests[0].t > 10 * tests[1].t
        assert [test.real for test in tests[2:]] == [False] * 6
        assert 0.7 < tests[0].slope < 1.4  # it predicts what it claims
    assert evidence.n_sign_flips == 1


def test_too_few_ratings_are_not_tested(world: World) -> None:
    """Of a few hundred ratings no component is tested, and none is called real."""
    ratings = world.ratings.take(np.arange(400))
    run = fit(ratings.split("none"), TrainConfig(n_members=1, n_factors=4, n_draws=0))
    assert run.training.evidence is None
    assert "half_axes" not in run.arrays


def test_regression_is_the_textbook_one() -> None:
    """T and slope are those of ordinary least squares."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    y = x @ [1.0, 0.0, -2.0] + rng.normal(size=500)
    t, slope = regress(x, y)
    expected, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    error = np.sqrt(residual[0] / 497 * np.diag(np.linalg.inv(x.T @ x)))
    np.testing.assert_allclose(slope, expected)
    np.testing.assert_allclose(t, expected / error)


def test_bias_model_leaves_no_bias(world: World) -> None:
    """After the bias model the residuals of a user or an item with many ratings average to about nothing."""
    ratings = world.ratings
    residual = bias_model(observed(ratings), 3.0, 6).residuals(observed(ratings))
    by_item = np.bincount(ratings.item, residual) / np.bincount(ratings.item)
    assert np.abs(by_item).max() < 0.15


@pytest.mark.parametrize("seed", [0, 1])
def test_flips_see_nothing_in_noise(world: World, seed: int) -> None:
    """Where the ratings are shuffled among the pairs, sign flips see no component."""
    rng = np.random.default_rng(seed)
    shuffled = observed(replace(world.ratings, value=rng.permutation(world.ratings.value)))
    assert sign_flips(shuffled, rng) == 0


def test_ratings_that_are_all_equal(world: World) -> None:
    """Where every rating is the same, nothing is real, and nothing breaks."""
    flat = replace(world.ratings, value=np.full_like(world.ratings.value, 3))
    evidence = fit(flat.split("none"), TrainConfig(n_members=1, n_factors=4, n_draws=100)).training.evidence
    assert evidence is not None
    assert (evidence.n_real, evidence.n_sign_flips) == (0, 0)


@pytest.mark.parametrize(("times", "expected"), [(1.01, 0), (1.05, 1)])
def test_singular_values_need_a_margin_over_the_flips(times: float, expected: int) -> None:
    """A value up to 1.02 times the largest of the flips does not count, one above does.

    A block of ones (10, 10) has the value 10, and with random signs about 6. Beside it stands an entry of 10 / times,
    which is its own singular value whatever its sign: the largest of all flips.
    """
    matrix = np.zeros((12, 12))
    matrix[:10, :10], matrix[10, 10], matrix[11, 11] = 1.0, 10 / times, 0.1
    assert n_above_flips(sp.csr_array(matrix), 2, np.random.default_rng(0)) == expected


def test_bias_model_of_some_rows_does_not_know_the_others(world: World) -> None:
    """Two sweeps over the rows seen, from the biases of all rows, leave the residuals of a model fitted to them alone.

    The biases of all rows know the rows left out: with these the residuals are 2 % smaller.
    """
    rows = observed(world.ratings)
    seen = np.random.default_rng(0).random(len(rows.value)) < 0.8
    whole, unseen = bias_model(rows, 3.0, 6), rows.take(~seen)
    alone = bias_model(rows.take(seen), 3.0, 30)
    found = bias_model(rows, 3.0, 2, seen=seen, start=whole)
    assert found.n_by_item.tolist() == alone.n_by_item.tolist()
    residual = alone.residuals(unseen)
    knows, does_not = (model.residuals(unseen) @ residual / (residual @ residual) for model in (whole, found))
    assert knows < 0.985
    assert does_not == pytest.approx(1, abs=1e-3)
    assert np.abs(found.residuals(unseen) - residual).max() < 0.01


def test_bias_model_does_not_depend_on_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and three give the same bytes, and blocks of rows the model of all rows at once."""
    rows = observed(world.ratings)
    in_one = bias_model(rows, 3.0, 6)
    monkeypatch.setattr(observations_module, "BLOCK", 1000)
    models = []
    for n_threads in (1, 3):
        monkeypatch.setattr(observations_module, "n_cores", lambda n=n_threads: n)
        models.append(bias_model(rows, 3.0, 6))
    assert models[0].item_bias.tobytes() == models[1].item_bias.tobytes()
    np.testing.assert_allclose(models[0].item_bias, in_one.item_bias, atol=1e-9)


def test_flips_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flip has a generator of its own: its singular value is the same on one thread and on three."""
    matrix = sp.csr_array(np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32))
    thresholds = []
    for n_threads in (1, 3):
        monkeypatch.setattr(components_module, "n_cores", lambda n=n_threads: n)
        thresholds.append(largest_of_flips(matrix, np.ones(20, np.float32), np.random.default_rng(0)))
    assert thresholds[0] == thresholds[1]


def test_of_many_rows_some_are_tested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more rows than are tested, t is that of a sample of this size, and the slope is about the same."""
    rows, rng = observed(world.ratings), np.random.default_rng(0)
    fold = rng.integers(0, 2, len(rows.value), dtype=np.uint8)
    taste = bias_model(rows, 3.0, 6).residuals(rows) * world.axis[rows.item]
    users = np.bincount(rows.user, taste, rows.n_users) / np.bincount(rows.user, minlength=rows.n_users)
    sides = (np.stack([side[:, None]] * 2).astype(np.float32) for side in (users, world.axis))
    factors = Factors(*sides)
    every = component_evidence(rows, factors, fold, factors, 1.0, np.random.default_rng(0))
    monkeypatch.setattr(components_module, "MOST_TESTED", len(rows.value) // 4)
    some = component_evidence(rows, factors, fold, factors, 1.0, np.random.default_rng(0))
    assert some.preference[0][0] == pytest.approx(every.preference[0][0] / 2, rel=0.1)
    assert some.preference[1][0] == pytest.approx(every.preference[1][0], rel=0.1)


def test_fold_members_are_judged_on_rows_they_have_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Factors that predict the rows of their own fold have t and slope of the regression.

    Two fold members have factors of their own: the taste of half the users. The contributions of both explain their
    held-out residuals.
    """
    rng = np.random.default_rng(0)
    user, item = (codes.ravel().astype(np.int32) for codes in np.indices((60, 40)))
    fold, users, items = (np.arange(2400) % 2).astype(np.uint8), rng.normal(size=(60, 1)), rng.normal(size=(2, 40, 1))
    items -= items.mean(1, keepdims=True)
    value = 3 + (users - users.mean())[user, 0] * items[fold, item, 0] + 0.3 * rng.normal(size=2400)
    observations = Observations(user, item, value.astype(np.float32), 60, 40)
    sides = Factors(np.stack([users, users]).astype(np.float32), items.astype(np.float32))
    seen_by: list[int] = []

    def spied(rows: Observations, damping: float, sweeps: int, **given: Any) -> BiasModel:
        if "seen" in given:
            assert len(set(fold[given["seen"]])) == 1
            seen_by.append(int(fold[~given["seen"]][0]))
        return bias_model(rows, damping, sweeps, **given)

    monkeypatch.setattr(components_module, "bias_model", spied)
    found = component_evidence(observations, sides, fold, sides, 1.0, rng)
    assert sorted(seen_by) == [0, 1]  # the bias model of a fold sees the rows outside it
    for t, slope in (found.preference, found.pca):
        assert t[0] > 50
        assert slope[0] == pytest.approx(1, abs=0.1)
    swapped = component_evidence(observations, sides, 1 - fold, sides, 1.0, rng)
    assert swapped.preference[0][0] < 10


def test_axes_of_the_folds_are_matched_to_the_run_before_they_are_pooled() -> None:
    """Of two tastes, the run's first is tested as the first, also if a fold member has them in the other order.

    The second fold member has the weaker taste too strong, so that by their ranks its axes are swapped, and the first
    rank of the two members has the one taste in a fold and the other in the next. Its claim is three times too large
    in that fold, which shows in the slope of the second component alone.
    """
    rng = np.random.default_rng(0)
    user, item = (codes.ravel().astype(np.int32) for codes in np.indices((80, 60)))
    fold = (np.arange(4800) % 2).astype(np.uint8)
    users, items = (np.linalg.qr(rng.normal(size=(n, 2)) - 0)[0] * np.sqrt(n) for n in (80, 60))
    users, items = users - users.mean(0), items - items.mean(0)
    strength = np.array([1.0, 0.6])
    value = 3 + ((users * strength) @ items.T)[user, item] + 0.3 * rng.normal(size=4800)
    rows = Observations(user, item, value.astype(np.float32), 80, 60)

    def factors(*strengths: list[float]) -> Factors:
        of_users = np.stack([users * of_member for of_member in strengths])
        return Factors(of_users.astype(np.float32), np.stack([items] * len(strengths)).astype(np.float32))

    found = component_evidence(rows, factors([1.0, 0.6]), fold, factors([1.0, 0.6], [1.0, 1.8]), 1.0, rng)
    t, slope = found.preference
    assert slope[0] == pytest.approx(1, abs=0.05)
    assert slope[1] < 0.5
    assert t[0] > t[1] > 50


def test_axes_of_noise_are_not_chosen_by_what_the_run_knows_of_held_out_rows() -> None:
    """An axis takes a counterpart that is the same; others keep their rank, however like the run's they are.

    A run has seen the held-out rows, so that of many axes of noise the most like its own would fit their noise.
    """
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(50, 6)))[0]
    own = np.column_stack([axes[:, 3], 0.7 * axes[:, 5] + 0.71 * rng.normal(size=50) / np.sqrt(50), axes[:, 0]])
    assert abs(own[:, 1] @ axes[:, 5]) / np.linalg.norm(own[:, 1]) > 0.6
    assert counterparts(own, axes).tolist() == [3, 1, 0]

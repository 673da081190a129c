"""The normal equations of all rows at once, against loops over the rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from planted import World

from embedcli.data.ratings import Ratings
from embedcli.evidence import gram as gram_module
from embedcli.evidence.gram import backward, cholesky, forward, products, sides, solve_side, sums, totals
from embedcli.training.evaluation import observed


@pytest.fixture(scope="module")
def few(world: World) -> Ratings:
    """Return 900 ratings, among them rows without any."""
    return world.ratings.take(np.arange(900))


def test_substitutions_are_a_linear_solve() -> None:
    """Every row's solution is numpy's, and L'^-1 of unit noise has the inverse of the gram as covariance."""
    rng = np.random.default_rng(0)
    square = rng.normal(size=(5, 4, 4))
    gram = square @ square.transpose(0, 2, 1) + np.eye(4)  # (n, d, d)
    linear = rng.normal(size=(4, 5))
    root = cholesky(gram.transpose(1, 2, 0).copy())
    found = backward(root, forward(root, linear))
    np.testing.assert_allclose(found.T, np.linalg.solve(gram, linear.T[..., None])[..., 0], rtol=1e-9)
    turned = np.stack([backward(root, np.eye(4)[:, [j] * 5]) for j in range(4)])
    covariance = np.einsum("jan,jbn->nab", turned, turned)  # sum over unit noises of L'^-1 e e' L^-1
    np.testing.assert_allclose(covariance, np.linalg.inv(gram), rtol=1e-8)


def test_sums_are_those_over_a_rows_ratings(few: Ratings) -> None:
    """Gram and linear parts are what a loop over each user's ratings adds up."""
    value = few.value - np.float32(3)
    by_user, _ = sides(observed(few), value)
    other = np.random.default_rng(0).normal(size=(3, len(few.items)))
    gram, linear, squares = sums(by_user.blocks[0], *products(other))
    for user in (0, 7, 150):
        rated = few.user == user
        x = np.vstack([np.ones(rated.sum()), other[1:, few.item[rated]]])
        np.testing.assert_allclose(np.tril(gram[:, :, user]), np.tril(x @ x.T), atol=1e-4)
        rest = value[rated] - other[0, few.item[rated]]
        np.testing.assert_allclose(linear[:, user], x @ rest, atol=1e-4)
        assert squares[user] == pytest.approx((rest**2).sum() - (value[rated] ** 2).sum(), abs=1e-3)


def test_side_is_solved_as_row_by_row(few: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode, error and variance of a direction are those of each item's weighted ratings alone, in tiles.

    Tiles of 32 items and 64 users end within the 120 items and 200 users. Items without ratings have the prior.
    """
    monkeypatch.setattr(gram_module, "ROWS", 32)
    monkeypatch.setattr(gram_module, "COLUMNS", 64)
    rng, value = np.random.default_rng(0), few.value - np.float32(3)
    _, by_item = sides(observed(few), value)
    other, prior_mean = rng.normal(size=(3, len(few.users))), rng.normal(size=(3, len(few.items)))
    precision, direction = np.diag([2.0, 3.0, 4.0]) + 0.5, rng.normal(size=3)
    tau, weight, none = rng.gamma(3, size=len(few.items)), rng.gamma(3, size=len(few.users)), np.zeros_like(prior_mean)
    prior = precision, prior_mean
    with ThreadPoolExecutor(2) as pool:
        found = solve_side(by_item, other, prior, none, pool, tau=tau, weight=weight, direction=direction)
    assert found.variance is not None
    for item in range(len(few.items)):
        rated = few.item == item
        x = np.vstack([np.ones(rated.sum()), other[1:, few.user[rated]]])
        rest = value[rated] - other[0, few.user[rated]]
        by_rating = weight[few.user[rated]]
        covariance = np.linalg.inv(tau[item] * by_rating * x @ x.T + precision)
        theta = covariance @ (tau[item] * by_rating * x @ rest + precision @ prior_mean[:, item])
        np.testing.assert_allclose(found.theta[:, item], theta, atol=1e-4)
        np.testing.assert_allclose(found.mean[:, item], theta, atol=1e-4)
        assert found.variance[item] == pytest.approx(direction @ covariance @ direction, rel=1e-4)
        squares = (by_rating * ((rest - theta @ x) ** 2 - value[rated] ** 2)).sum()
        assert found.error[item] == pytest.approx(squares, rel=1e-3, abs=1e-3)


def test_sums_of_the_sides_do_not_depend_on_threads(few: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and three give the same bytes."""
    monkeypatch.setattr(gram_module, "ROWS", 16)
    by_user, _ = sides(observed(few), few.value)
    rng = np.random.default_rng(0)
    other, noise = rng.normal(size=(3, len(few.items))), rng.normal(size=(3, len(few.users)))
    prior = np.eye(3), np.zeros((3, 1))
    found = []
    for n_threads in (1, 3):
        with ThreadPoolExecutor(n_threads) as pool:
            found.append((solve_side(by_user, other, prior, noise, pool), totals(by_user, other.T, pool)))
    (one, totals_of_one), (three, totals_of_three) = found
    assert one.theta.tobytes() == three.theta.tobytes()
    assert one.error.tobytes() == three.error.tobytes()
    assert totals_of_one.tobytes() == totals_of_three.tobytes()


def test_draws_have_the_rows_covariance(few: Ratings) -> None:
    """Over many draws the spread of a direction is the variance that is stated, around the stated mean."""
    _, by_item = sides(observed(few), few.value - np.float32(3))
    rng = np.random.default_rng(0)
    other, prior, direction = rng.normal(size=(2, len(few.users))), (np.eye(2), np.zeros((2, 1))), np.array([1.0, 0.7])
    noise = rng.normal(size=(400, 2, len(few.items)))
    with ThreadPoolExecutor(1) as pool:
        drawn = [solve_side(by_item, other, prior, own, pool, direction=direction) for own in noise]
    along = np.array([direction @ solved.theta for solved in drawn])
    assert drawn[0].variance is not None
    assert (along.var(0) / drawn[0].variance).mean() == pytest.approx(1, abs=0.03)
    assert np.abs((along.mean(0) - direction @ drawn[0].mean) / along.std(0)).max() < 0.25


def test_values_can_be_replaced(few: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides given other values are those made of these values."""
    monkeypatch.setattr(gram_module, "ROWS", 32)
    monkeypatch.setattr(gram_module, "COLUMNS", 64)
    changed, made = sides(observed(few), few.value, may_change=True), sides(observed(few), few.value[::-1].copy())
    for one, other in zip(changed, made, strict=True):
        one.set_values(few.value[::-1].copy())
        for own, tiles in zip(one.blocks, other.blocks, strict=True):
            for tile, wanted in zip(own, tiles, strict=True):
                assert (tile != wanted).nnz == 0

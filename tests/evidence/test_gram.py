"""The normal equations of all rows at once, against loops over the rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from planted import World

from embedcli.data.ratings import Ratings
from embedcli.evidence import gram as gram_module
from embedcli.evidence.gram import backward, cholesky, forward, products, sides, solve_side, sums
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
    gram, linear = sums(by_user.blocks[0], *products(other))
    for user in (0, 7, 150):
        rated = few.user == user
        x = np.vstack([np.ones(rated.sum()), other[1:, few.item[rated]]])
        np.testing.assert_allclose(np.tril(gram[:, :, user]), np.tril(x @ x.T), atol=1e-4)
        np.testing.assert_allclose(linear[:, user], x @ (value[rated] - other[0, few.item[rated]]), atol=1e-4)


def test_side_is_solved_as_row_by_row(few: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode, error, and mean and variance of a direction are those of each item's ratings alone, in tiles.

    Tiles of 32 items and 64 users end within the 120 items and 200 users. Items without ratings have the prior.
    """
    monkeypatch.setattr(gram_module, "ROWS", 32)
    monkeypatch.setattr(gram_module, "COLUMNS", 64)
    rng, value = np.random.default_rng(0), few.value - np.float32(3)
    _, by_item = sides(observed(few), value)
    other, prior_mean = rng.normal(size=(3, len(few.users))), rng.normal(size=(3, len(few.items)))
    precision, direction, tau = np.diag([2.0, 3.0, 4.0]) + 0.5, rng.normal(size=3), 1.5
    with ThreadPoolExecutor(2) as pool:
        found = solve_side(by_item, other, tau, (precision, prior_mean), np.zeros_like(prior_mean), direction, pool)
    error = 0.0
    for item in range(len(few.items)):
        rated = few.item == item
        x = np.vstack([np.ones(rated.sum()), other[1:, few.user[rated]]])
        rest = value[rated] - other[0, few.user[rated]]
        covariance = np.linalg.inv(tau * x @ x.T + precision)
        theta = covariance @ (tau * x @ rest + precision @ prior_mean[:, item])
        np.testing.assert_allclose(found.theta[:, item], theta, atol=1e-4)
        assert found.mean[item] == pytest.approx(direction @ theta, abs=1e-4)
        assert found.variance[item] == pytest.approx(direction @ covariance @ direction, rel=1e-4)
        error += ((rest - theta @ x) ** 2).sum() - (rest**2).sum()
    assert found.error == pytest.approx(error, rel=1e-4)


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
            found.append(solve_side(by_user, other, 1.0, prior, noise, np.ones(3), pool))
    assert found[0].theta.tobytes() == found[1].theta.tobytes()
    assert found[0].error == found[1].error

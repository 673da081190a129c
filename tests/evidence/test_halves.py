"""Agreement of components with the truth, by members on disjoint halves of the users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World
from worlds import UNCLIPPED, make_world

import embedcli
from embedcli.evidence.halves import half_components, truth_agreement
from embedcli.run.config import TrainConfig
from embedcli.training import learn as learn_module
from embedcli.training.fit import fit

N_ITEMS = 4000


def halves_of(truth: np.ndarray, noise: float, n_splits: int, shrunk: np.ndarray | float = 1.0) -> list[np.ndarray]:
    """Draw what the halves of each split have of a truth (n,), with independent noise, the sign at random."""
    rng = np.random.default_rng(1)
    return [
        rng.choice([-1.0, 1.0]) * (shrunk * truth + noise * rng.normal(size=len(truth)))[:, None]
        for _ in range(2 * n_splits)
    ]


def test_estimate_is_the_correlation_with_the_truth() -> None:
    """Of a truth with noise of its own in either half, the mean of both halves has the estimated correlation with it.

    The noise of the two splits is independent here, so the splits hardly differ, and the error is the least one.
    """
    rng = np.random.default_rng(0)
    truth, n_ratings = rng.normal(size=N_ITEMS), np.full(N_ITEMS, 50)
    halves = halves_of(truth, 0.7, 2)
    whole = truth + 0.7 / np.sqrt(2) * rng.normal(size=N_ITEMS)
    [(phi, error)] = truth_agreement(whole[:, None], halves, n_ratings)
    assert phi == pytest.approx(np.corrcoef(whole, truth)[0, 1], abs=0.01)
    assert error == pytest.approx(0.05, abs=0.005)
    assert truth_agreement(whole[:, None], halves[:2], n_ratings)[0][1] is None
    assert truth_agreement(whole[:, None], [], n_ratings) == [(None, None)]


def test_estimate_knows_that_rarely_rated_items_are_shrunk() -> None:
    """Halves that agree wholly are not the truth where both shrink the coordinates of rarely rated items."""
    rng = np.random.default_rng(0)
    truth, n_ratings = rng.normal(size=N_ITEMS), np.exp(rng.normal(3, 1.5, size=N_ITEMS)).astype(np.int64)
    whole, half = (n / (n + 20) * truth for n in (n_ratings, n_ratings / 2))
    [(phi, _)] = truth_agreement(whole[:, None], halves_of(half, 0.0, 2), n_ratings)
    expected = np.corrcoef(whole, truth)[0, 1]
    assert expected < 0.9
    assert phi == pytest.approx(expected, abs=0.02)


def test_halves_that_share_nothing_do_not_agree() -> None:
    """Noise that is not the same in both halves has an estimate near 0, however the components are matched."""
    rng = np.random.default_rng(0)
    halves = [rng.normal(size=(N_ITEMS, 12)) for _ in range(8)]
    for phi, _ in truth_agreement(rng.normal(size=(N_ITEMS, 3)), halves, np.full(N_ITEMS, 50)):
        assert phi is not None
        assert phi < 0.25


def test_components_of_a_half_have_the_planted_axis(world: World) -> None:
    """Of factors along a planted axis and a weaker one, the first component is the planted one, in either basis."""
    rng = np.random.default_rng(0)
    users = rng.normal(size=(200, 2)).astype(np.float32)
    items = np.column_stack([world.axis, 0.3 * rng.normal(size=120)]).astype(np.float32)
    counts = (np.bincount(codes, minlength=n) for codes, n in ((world.ratings.user, 200), (world.ratings.item, 120)))
    for found in half_components(users, items, *counts):
        assert found.shape == (120, 2)
        assert abs(np.corrcoef(found[:-1, 0], world.axis[:-1])[0, 1]) > 0.99


def test_a_half_member_learns_from_its_own_users_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two members of a split see disjoint halves of the users, and every rating is seen by one of them."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def spied(users: np.ndarray, items: np.ndarray, n_by_user: np.ndarray, n_by_item: np.ndarray) -> object:
        seen.append((n_by_user, np.linalg.norm(users, axis=1) > 0.2))
        assert n_by_user.sum() == n_by_item.sum()
        return half_components(users, items, n_by_user, n_by_item)

    monkeypatch.setattr(learn_module, "half_components", spied)
    run = fit(world.ratings.split("none"), TrainConfig(n_members=1, n_factors=8, n_folds=2, n_draws=0))
    assert run.shape("half_item_factors") == run.shape("half_axes") == (8, 120, 8)
    for (n, moved), (of_other, _) in zip(seen[::2], seen[1::2], strict=True):
        assert ((n > 0) ^ (of_other > 0)).all()
        assert np.array_equal(n + of_other, run.user_stats.n_ratings)
        assert moved[n > 0].mean() > 0.8 > 0.05 > moved[n == 0].mean()


def test_no_halves_without_folds(world: World) -> None:
    """Where components are not tested, no half members are trained."""
    run = fit(world.ratings.split("none"), TrainConfig(n_members=1, n_factors=4, n_folds=0, n_draws=0))
    assert not [name for name in run.arrays if name.startswith("half")]


@pytest.mark.parametrize(("strength", "seed"), [(4.0, 0), (10.0, 1), (24.0, 2)])
def test_estimate_is_near_the_truth_of_a_planted_world(strength: float, seed: int) -> None:
    """In worlds of one factor, weak to strong, the estimate is within .1 of phi with the planted axis.

    Over many worlds: `python examples/benchmarks/trust.py stability`.
    """
    planted = make_world(seed, n_factors=1, recipe=replace(UNCLIPPED, strength=strength))
    run = fit(planted.ratings.split("none"), TrainConfig(n_draws=0, n_members=2, seed=seed))
    found = embedcli.pca(run, components=1)
    phi = abs(np.corrcoef(found.scores[found.item_rows, 0], planted.axes[found.item_rows, 0])[0, 1])
    assert found.components[0].truth_phi == pytest.approx(phi, abs=0.1)

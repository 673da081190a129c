"""The planted worlds are what they say: every figure that is measured on them hangs on it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from worlds import GENRE, MOVIELENS, SIZES, UNCLIPPED, World, make_world

TINY = (30, 12, 150)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """Return twenty small worlds."""
    return [make_world(seed, n_factors=seed % 6) for seed in range(20)]


def test_quality_goes_with_popularity(worlds: list[World]) -> None:
    """Quality is correlated .5 with log popularity, and with the number of ratings nearly as much."""
    planted = [np.corrcoef(world.quality, world.popularity)[0, 1] for world in worlds]
    assert np.mean(planted) == pytest.approx(0.5, abs=0.03)
    counts = [np.log1p(np.bincount(world.ratings.item, minlength=300)) for world in worlds]
    seen = [np.corrcoef(world.quality, count)[0, 1] for world, count in zip(worlds, counts, strict=True)]
    assert 0.4 < np.mean(seen) < 0.55
    assert 1.3 < np.mean([count.std() for count in counts]) < 1.9  # MovieLens 100K: 1.63


def test_planted_variances_are_exact(worlds: list[World]) -> None:
    """What is left of the felt stars without user and item means has the planted axes and variances, and no other."""
    for world in worlds:
        taste = world.felt - world.felt.mean(0) - world.felt.mean(1, keepdims=True) + world.felt.mean()
        n_factors = len(world.variance)
        _, s, axes = np.linalg.svd(taste, full_matrices=False)
        assert s[:n_factors] ** 2 / taste.size == pytest.approx(world.variance)
        assert s[n_factors:] == pytest.approx(np.zeros(len(s) - n_factors), abs=1e-9)
        assert np.abs((axes[:n_factors] * world.axes.T).sum(1)) == pytest.approx(np.ones(n_factors))


def test_planted_variances_are_as_far_apart_as_asked(worlds: list[World]) -> None:
    """The least is 8 sigma^2 sqrt(U I) / N, and each 1.15 to 1.3 times the next."""
    for world in (world for world in worlds if len(world.variance)):
        assert world.variance[-1] == pytest.approx(8 * (0.9**2 + 1 / 12) * np.sqrt(500 * 300) / 20_000)
        steps = world.variance[:-1] / world.variance[1:]
        assert ((steps >= 1.15) & (steps <= 1.3)).all()


def test_true_stars_are_the_mean_expected_rating() -> None:
    """By brute force: the mean over all users of the sum over the stars of star times chance."""
    world = make_world(3, TINY, 2)
    for item in range(12):
        expected = []
        for user in range(30):
            above = [1.0, *(norm.sf(cut, world.felt[user, item], MOVIELENS.noise) for cut in (1.5, 2.5, 3.5, 4.5)), 0]
            expected.append(sum(star * (above[star - 1] - above[star]) for star in range(1, 6)))
        assert world.stars[item] == pytest.approx(np.mean(expected), abs=1e-12)


def test_ratings_are_the_felt_stars_with_noise_cut_and_rounded(worlds: list[World]) -> None:
    """Whole stars from 1 to 5, each pair once, and off what was felt by the noise, where nothing is cut."""
    assert {star for world in worlds for star in np.unique(world.ratings.value)} == {1, 2, 3, 4, 5}
    for world in worlds:
        ratings = world.ratings
        assert len(ratings) == len(set(zip(ratings.user.tolist(), ratings.item.tolist(), strict=True))) == 20_000
        off = ratings.value - world.felt[ratings.user, ratings.item]
        inner = np.abs(world.felt[ratings.user, ratings.item] - 3) < 0.3
        assert off[inner].std() == pytest.approx(np.sqrt(world.noise_variance), rel=0.05)
    assert 0.15 < np.mean([(world.ratings.value == 5).mean() for world in worlds]) < 0.35


def test_unclipped_worlds_are_rarely_cut() -> None:
    """Of the ratings drawn for counting components, hardly one would have been above 5 or below 1."""
    world = make_world(0, SIZES["small"], 5, UNCLIPPED)
    assert np.isin(world.ratings.value, (1, 5)).mean() < 0.1
    felt = world.felt[world.ratings.user, world.ratings.item]
    assert ((felt < 0.5) | (felt > 5.5)).mean() < 0.01


def test_who_rates_what_depends_on_taste_only_where_asked() -> None:
    """Users rate what they like better than others do with `by_taste`, and without it they do not."""

    def liking(by_taste: float) -> float:
        world = make_world(5, by_taste=by_taste)
        taste = world.felt - world.felt.mean(0) - world.felt.mean(1, keepdims=True) + world.felt.mean()
        return float(taste[world.ratings.user, world.ratings.item].mean())

    assert abs(liking(0)) < 0.03
    assert liking(0.5) > 0.1


@pytest.mark.parametrize("weight", [0.2, 0.5])
def test_the_first_axis_lies_along_its_genre(weight: float) -> None:
    """The genre explains the share asked for of the axis's variance, and stands at its + end."""
    found = []
    for seed in range(20):
        world = make_world(seed, genre_weight=weight)
        carried = np.array([GENRE in tags for tags in world.ratings.items.tags])
        assert 0.05 < carried.mean() < 0.5
        found.append(np.corrcoef(carried, world.axes[:, 0])[0, 1])
    assert np.mean(found) == pytest.approx(np.sqrt(weight), abs=0.03)


def test_same_seed_same_world() -> None:
    """The same seed draws the same world, another one another."""
    first, second, other = (make_world(seed, TINY, 2, genre_weight=0.5) for seed in (1, 1, 2))
    assert (first.stars == second.stars).all()
    assert (first.ratings.value == second.ratings.value).all()
    assert (first.ratings.user == second.ratings.user).all()
    assert first.ratings.items == second.ratings.items
    assert (first.stars != other.stars).any()

"""The posterior, against independent oracles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from planted import World
from scipy.stats import wishart as scipy_wishart
from worlds import UNCLIPPED, make_world
from worlds import World as WorldOfStars

from embedcli.data.ratings import Ratings
from embedcli.evidence.chain import Chain, Prior, wishart
from embedcli.evidence.features import Known, features_of, orthogonal, who_rated_what
from embedcli.evidence.gram import Side, sides
from embedcli.evidence.posterior import predict_pairs, sample
from embedcli.evidence.states import interval
from embedcli.training.evaluation import observed


@pytest.fixture(scope="module")
def few(world: World) -> Ratings:
    """Return 900 ratings, among them rows without any."""
    return world.ratings.take(np.arange(900))


def test_wishart_has_its_mean() -> None:
    """The mean of many draws is degrees x scatter^-1, as of scipy's Wishart distribution."""
    scatter = np.array([[2.0, 0.5], [0.5, 1.0]])
    rng = np.random.default_rng(0)
    mean = np.mean([wishart(12, scatter, rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, scipy_wishart(12, np.linalg.inv(scatter)).mean(), rtol=0.05)


def test_weights_follow_what_is_drawn() -> None:
    """With many rows the drawn weights are those of a regression of the rows, the precision that of its residuals."""
    rng = np.random.default_rng(0)
    table = np.column_stack([np.ones(5000), rng.normal(size=5000)])
    is_rated = np.arange(5000) < 4900
    table = (table @ orthogonal(table, is_rated)).astype(np.float32)
    expected = table @ [[1.0, 0.2], [0.5, -0.3]]
    theta = (expected + rng.normal(size=(5000, 2)) @ np.diag([0.2, 0.5])).T
    theta[:, 4900:] = 100  # rows without ratings say nothing
    side = Side([], is_rated.astype(np.int64), 1)
    prior = Prior([table], side, 2)
    for _ in range(3):
        prior.draw(theta, rng)
    np.testing.assert_allclose(np.linalg.inv(prior.precision), np.diag([0.04, 0.25]), atol=0.02)
    np.testing.assert_allclose(prior.mean.T, expected, atol=0.15)


def test_directions_give_the_features(few: Ratings) -> None:
    """Features of who rated what are the sums of directions over a user's items, / sqrt n, with orthogonal columns.

    They span the leading singular vectors that numpy finds. Columns that are not orthogonal would drive the chain away.
    """
    both = sides(observed(few), few.value)
    with ThreadPoolExecutor(1) as pool:
        bags = who_rated_what(*both, 10, np.random.default_rng(0), pool)
    dense = np.zeros((len(few.users), len(few.items)))
    dense[few.user, few.item] = 1
    dense /= np.sqrt(np.maximum(dense.sum(1, keepdims=True), 1))
    np.testing.assert_allclose(bags.table, dense @ bags.directions, atol=1e-5)
    gram = bags.table.T @ bags.table
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-4 * gram.max()
    leading = np.linalg.svd(dense)[1][:10]
    assert np.sort(np.sqrt(np.diag(gram)))[::-1] == pytest.approx(leading, rel=0.05)


def test_stars_come_back(world: World) -> None:
    """The draws' mean follows the true quality, and items with fewer ratings have wider intervals."""
    drawn = sample(observed(world.ratings), world.ratings.data.scale, 100, np.random.default_rng(0))
    n = np.bincount(world.ratings.item, minlength=len(world.ratings.items))
    assert np.corrcoef(drawn.item_stars.mean(0)[n > 0], world.quality[n > 0])[0, 1] > 0.97
    spread = drawn.item_stars.std(0)
    assert spread[n == 0].min() > 2 * spread[n > 0].max()
    assert drawn.item_stars.min() >= 1
    assert drawn.item_stars.max() <= 5


def test_same_generator_same_draws(few: Ratings) -> None:
    """Draws depend on the ratings and the generator alone."""
    first, second = (sample(observed(few), few.data.scale, 5, np.random.default_rng(3)).item_stars for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("times", [16.0, 0.25])
def test_unit_of_the_ratings_does_not_matter(few: Ratings, times: float) -> None:
    """Ratings in another unit give the same draws in that unit: the priors are relative to the scale.

    The units are powers of two: any other rounds otherwise, and a chain that differs in one bit is soon another chain.
    """
    low, high = few.data.scale
    data = replace(few.data, scale=(times * low, times * high))
    scaled = replace(few, data=data, value=(few.value * times).astype(np.float32))
    one, other = (
        sample(observed(ratings), ratings.data.scale, 20, np.random.default_rng(0)) for ratings in (few, scaled)
    )
    np.testing.assert_allclose(other.item_stars, times * one.item_stars, rtol=1e-3)
    assert other.states.usual_noise == pytest.approx(times * one.states.usual_noise, rel=1e-3)
    rows = few.user[:50], few.item[:50]
    np.testing.assert_allclose(other.states.predict(*rows), times * one.states.predict(*rows), rtol=1e-3)


@pytest.fixture(scope="module")
def noisy() -> WorldOfStars:
    """Return a world whose ratings are rarely cut, with a noise of .53 stars."""
    return make_world(1, (300, 150, 9_000), 2, UNCLIPPED)


def test_noise_comes_back(noisy: WorldOfStars) -> None:
    """The noise is the standard deviation of a rating around what its user feels: .53, of which rounding is a part."""
    states = sample(observed(noisy.ratings), noisy.ratings.data.scale, 100, np.random.default_rng(0)).states
    assert states.usual_noise == pytest.approx(np.sqrt(noisy.noise_variance), rel=0.05)


def test_noisy_users_are_told_from_exact_ones(noisy: WorldOfStars) -> None:
    """Half of the users get noise of a star more: the chain finds who."""
    ratings = noisy.ratings
    is_noisy = ratings.user % 2 == 1
    more = np.random.default_rng(0).normal(size=len(ratings)).astype(np.float32)
    low, high = ratings.data.scale
    value = np.clip(ratings.value + is_noisy * more, low - 3, high + 3)
    noise = sample(replace(observed(ratings), value=value), (low, high), 100, np.random.default_rng(0)).states.noise
    assert noise[1::2].mean() > 1.6 * noise[::2].mean()


def test_draws_begin_where_the_chain_has_settled(noisy: WorldOfStars) -> None:
    """The stars of the first sweeps are those of the last: what comes before the chain has settled is thrown away."""
    drawn = sample(observed(noisy.ratings), noisy.ratings.data.scale, 100, np.random.default_rng(0))
    early, late = drawn.sweeps_stars[:10].mean(0), drawn.sweeps_stars[-50:].mean(0)
    assert np.abs(early - late).mean() < 0.5 * drawn.item_stars.std(0).mean()
    assert drawn.n_effective > 50


def test_unknown_items_are_expected_to_be_worse(noisy: WorldOfStars) -> None:
    """An item without ratings is expected below the average: what is popular is better in this world."""
    few = noisy.ratings.take(np.arange(1_200))
    n = np.bincount(few.item, minlength=len(few.items))
    stars = sample(observed(few), few.data.scale, 60, np.random.default_rng(0)).item_stars.mean(0)
    assert (n == 0).sum() >= 10
    assert stars[n == 0].mean() < stars[n > 0].mean() - 0.05


def test_intervals_cover_as_often_as_they_say() -> None:
    """Over small worlds 80 % intervals hold the true stars in 70 to 90 % and 95 % intervals in 88 to 100 %."""
    held = {0.8: [], 0.95: []}
    for seed in range(3):
        world = make_world(100 + seed, (200, 120, 4_000), 2)
        draws = sample(observed(world.ratings), world.ratings.data.scale, 100, np.random.default_rng(seed)).item_stars
        for share, found in held.items():
            lower, upper = np.quantile(draws, ((1 - share) / 2, (1 + share) / 2), axis=0)
            found.append(((lower <= world.stars) & (world.stars <= upper)).mean())
    assert 0.7 < np.mean(held[0.8]) < 0.9
    assert np.mean(held[0.95]) > 0.88


def test_intervals_of_new_ratings_cover() -> None:
    """95 % intervals hold 92 to 98 % of ratings that the chain did not see, for each user from what the user rated."""
    world = make_world(3, (300, 150, 9_000), 2)
    split = world.ratings.split("random", seed=0)
    train, test = split.train, split.test
    states = sample(observed(train), (1.0, 5.0), 100, np.random.default_rng(0)).states
    centre = predict_pairs(states, 0.0, observed(train), test.user, test.item)
    spread = np.empty(len(test))
    for user in np.unique(test.user):
        spread[test.user == user] = states.user(user, train.item[train.user == user]).spread(
            test.item[test.user == user]
        )
    lower, upper = interval(centre, spread, (1.0, 5.0))
    assert 0.92 < ((lower <= test.value) & (test.value <= upper)).mean() < 0.98


def test_a_long_chain_stays_where_it_is() -> None:
    """After a thousand sweeps with features of all kinds the noise, the users and the items are as large as before.

    Features with columns that are not orthogonal drive the chain to infinity within tens of sweeps.
    """
    ratings = observed(make_world(1, (40, 30, 400), 1, UNCLIPPED).ratings)
    centred = replace(ratings, value=ratings.value - ratings.value.mean())
    tags = np.random.default_rng(0).random((30, 5)) < 0.4  # they overlap
    both, rng = sides(centred, centred.value), np.random.default_rng(0)
    with ThreadPoolExecutor(1) as pool:
        features = features_of(both, Known(items=tags.astype(np.float32)), 100, rng, pool)
        chain = Chain(centred, both, (features.users, features.items), rng)
        chain.settle(5, pool)
        sweeps = [chain.sweep(pool) for _ in range(1000)]
    for part in (slice(100, 300), slice(-200, None)):
        of_part = sweeps[part]
        assert np.mean([sweep.noise for sweep in of_part]) == pytest.approx(0.5, abs=0.1)
        assert max(np.abs(sweep.stars_mean).max() for sweep in of_part) < 2
        assert max(np.abs(theta).max() for sweep in of_part for theta in (sweep.items, sweep.user_mean)) < 20


def test_neighbours_count_only_where_they_share_something() -> None:
    """The neighbours' weight is 0 in a world of factors alone, and above if each pair of users shares a private taste.

    A hundred private tastes are too many for the factors.
    """
    ratings = observed(make_world(0, (200, 150, 15_000), 2, UNCLIPPED).ratings)
    private = np.random.default_rng(0).normal(size=(100, 150)).astype(np.float32)
    shared = replace(ratings, value=ratings.value + private[ratings.user // 2, ratings.item])
    alone, together = (sample(of_one, (1.0, 5.0), 10, np.random.default_rng(0)).weight for of_one in (ratings, shared))
    assert alone is not None
    assert together is not None
    assert alone.used == 0
    assert together.used > 4 * together.error

"""Simulation-based calibration of the sampler (Talts et al. 2018), on tiny worlds drawn from its own priors.

If the sampler is right, the rank of the truth among the draws is uniform, for every quantity. That holds given the
data, so it also holds over the worlds whose data is of the usual size: the priors' tails are heavy.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare

from embedcli.evidence import chain
from embedcli.evidence.bases import Floats, Table
from embedcli.evidence.chain import Chain, wishart
from embedcli.evidence.features import Features, Known, features_of
from embedcli.evidence.gram import sides
from embedcli.evidence.observations import Observations

N_USERS, N_ITEMS, N_FACTORS = 12, 8, 1
N_WORLDS, N_DRAWS, N_BINS = 40, 11, 4


class World(NamedTuple):
    """Ratings with the features of who rated what, true stars (I,) and the true usual noise."""

    observations: Observations
    features: Features
    stars: Floats
    noise: float


def stars_of(users: Floats, items: Floats) -> Floats:
    """Return the mean prediction of each item over users, (I,)."""
    return items[0] + users[0].mean() + users[1:].mean(1) @ items[1:]


def draw_theta(tables: list[Table], n: int, rng: np.random.Generator) -> Floats:
    """Draw coordinates (d, n) from the prior of a side, given the tables of its features."""
    d = 1 + N_FACTORS

    def covariance_root(scatter: float) -> Floats:
        return np.linalg.inv(np.linalg.cholesky(wishart(d, scatter * np.eye(d), rng)))

    theta = (rng.normal(size=(n, d)) @ covariance_root(chain.PRIOR_SCATTER)).T
    for table in tables:
        theta += (table @ rng.normal(size=(table.shape[1], d)) @ covariance_root(chain.GROUP_SCATTER)).T
    return theta


def draw_world(rng: np.random.Generator) -> World:
    """Draw ratings, true stars (I,) and true noise from the priors of the sampler; the last items have more ratings."""
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS)) < np.linspace(0.3, 1, N_ITEMS))
    pairs = Observations(
        user.astype(np.int32), item.astype(np.int32), np.zeros(len(user), np.float32), N_USERS, N_ITEMS
    )
    with ThreadPoolExecutor(1) as pool:
        features = features_of(sides(pairs, pairs.value), Known(), 3, rng, pool)
    users, items = draw_theta(features.users, N_USERS, rng), draw_theta(features.items, N_ITEMS, rng)
    shape, usual = rng.exponential(1 / chain.SHAPE_RATE), 1 / rng.exponential()
    tau = rng.gamma(shape / 2, 2 * usual / shape, size=N_USERS)
    expected = users[0, user] + items[0, item] + (users[1:, user] * items[1:, item]).sum(0)
    value = (expected + tau[user] ** -0.5 * rng.normal(size=len(user))).astype(np.float32)
    is_rated = np.bincount(user, minlength=N_USERS) > 0
    return World(replace(pairs, value=value), features, stars_of(users[:, is_rated], items), usual**-0.5)


def usual_world(rng: np.random.Generator) -> World:
    """Draw worlds until the ratings of one have a usual spread and mean."""
    while True:
        with np.errstate(all="ignore"):  # the tails of the priors are heavy
            world = draw_world(rng)
            if 0.5 < world.observations.value.std() < 1.5 and abs(world.observations.value.mean()) < 1:
                return world


@pytest.fixture(scope="module")
def ranks() -> NDArray[np.int64]:
    """Return the ranks of the truth among the draws: the stars of every item, then the noise, (worlds, I + 1)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "SHAPE_RATE", 0.1)  # users differ as on MovieLens; else their noise would move slowly
        return ranks_of_worlds()


def ranks_of_worlds() -> NDArray[np.int64]:
    """Return what `ranks` does."""
    rows = []
    for seed in range(N_WORLDS):
        rng = np.random.default_rng([1, seed])
        observations, features, stars, noise = usual_world(rng)
        both = sides(observations, observations.value)
        tables = features.users, features.items
        own = Chain(observations, both, tables, rng, n_factors=N_FACTORS)
        with ThreadPoolExecutor(1) as pool:
            own.settle(3, pool)
            sweeps = [own.sweep(pool) for _ in range(50 + 4 * N_DRAWS)][50::4]  # less alike than all
        draws = [[*(s.stars_mean + s.stars_sd * rng.normal(size=N_ITEMS)), s.noise] for s in sweeps]
        rows.append((np.array(draws) < [*stars, noise]).sum(0))
    return np.array(rows)


@pytest.mark.parametrize("quantity", [0, N_ITEMS - 1, N_ITEMS], ids=["rarest item", "most rated item", "noise"])
def test_ranks_of_the_truth_are_uniform(ranks: NDArray[np.int64], quantity: int) -> None:
    """The truth is as often in each quarter of the draws as in the others, for stars and for noise."""
    assert chisquare(np.bincount(ranks[:, quantity] * N_BINS // (N_DRAWS + 1), minlength=N_BINS)).pvalue > 0.005


def test_truth_is_seldom_outside_all_draws(ranks: NDArray[np.int64]) -> None:
    """The true stars lie below or above all draws about as often as chance has it, 2 of 12."""
    outside = (ranks[:, :N_ITEMS] == 0) | (ranks[:, :N_ITEMS] == N_DRAWS)
    assert outside.mean() < 0.25

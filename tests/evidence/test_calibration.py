"""Simulation-based calibration of the sampler (Talts et al. 2018), on tiny worlds drawn from its own priors.

If the sampler is right, the rank of the truth among the draws is uniform, for every quantity. That holds given the
data, so it also holds over the worlds whose data is of the usual size: the priors' tails are heavy.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare

from embedcli.evidence import posterior
from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import Observations
from embedcli.evidence.posterior import chain, sides, wishart

N_USERS, N_ITEMS, N_FACTORS = 12, 8, 1
N_WORLDS, N_DRAWS, N_BINS = 40, 11, 4


def stars_of(users: Floats, items: Floats) -> Floats:
    """Return the mean prediction of each item over all users, (I,)."""
    return items[0] + users[0].mean() + users[1:].mean(1) @ items[1:]


def draw_world(rng: np.random.Generator) -> tuple[Observations, Floats, float]:
    """Draw ratings, true stars (I,) and true noise from the priors of the sampler; the last items have more ratings."""
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS)) < np.linspace(0.3, 1, N_ITEMS))
    log_n = np.log1p(np.bincount(item, minlength=N_ITEMS))
    popularity = np.column_stack([np.ones(N_ITEMS), (log_n - log_n.mean()) / log_n.std()])
    d = 1 + N_FACTORS
    user_root, item_root = (
        np.linalg.inv(np.linalg.cholesky(wishart(d, posterior.PRIOR_SCATTER * np.eye(d), rng))) for _ in range(2)
    )
    users = user_root.T @ rng.normal(size=(d, N_USERS))
    mean = popularity @ rng.normal(size=(2, d)) @ item_root / np.sqrt(posterior.PRIOR_MEAN_PRECISION)
    items = mean.T + item_root.T @ rng.normal(size=(d, N_ITEMS))
    noise = rng.gamma(1) ** -0.5
    expected = users[0, user] + items[0, item] + (users[1:, user] * items[1:, item]).sum(0)
    value = (expected + noise * rng.normal(size=len(user))).astype(np.float32)
    observations = Observations(user.astype(np.int32), item.astype(np.int32), value, N_USERS, N_ITEMS)
    return observations, stars_of(users, items), noise


def usual_world(rng: np.random.Generator) -> tuple[Observations, Floats, float]:
    """Draw worlds until the ratings of one have a usual spread and mean."""
    while True:
        observations, stars, noise = draw_world(rng)
        if 0.5 < observations.value.std() < 1.5 and abs(observations.value.mean()) < 1:
            return observations, stars, noise


@pytest.fixture(scope="module")
def ranks() -> NDArray[np.int64]:
    """Return the ranks of the truth among the draws: the stars of every item, then the noise, (worlds, I + 1)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posterior, "PRIOR_MEAN_PRECISION", 1.0)  # else hardly a world is usual
        rows = []
        for seed in range(N_WORLDS):
            rng = np.random.default_rng(seed)
            observations, stars, noise = usual_world(rng)
            both = sides(observations, observations.value)
            with ThreadPoolExecutor(1) as pool:
                states = list(chain(*both, 20, 2 * N_DRAWS, rng, pool, n_factors=N_FACTORS))[::2]  # less alike
            draws = np.array(
                [[*(state.stars_mean + state.stars_sd * rng.normal(size=N_ITEMS)), state.noise] for state in states]
            )
            rows.append((draws < [*stars, noise]).sum(0))
    return np.array(rows)


@pytest.mark.parametrize("quantity", [0, N_ITEMS - 1, N_ITEMS], ids=["rarest item", "most rated item", "noise"])
def test_ranks_of_the_truth_are_uniform(ranks: NDArray[np.int64], quantity: int) -> None:
    """The truth is as often in each quarter of the draws as in the others, for stars and for noise."""
    assert chisquare(np.bincount(ranks[:, quantity] * N_BINS // (N_DRAWS + 1), minlength=N_BINS)).pvalue > 0.005


def test_truth_is_seldom_outside_all_draws(ranks: NDArray[np.int64]) -> None:
    """The true stars lie below or above all draws about as often as chance has it, 2 of 12."""
    outside = (ranks[:, :N_ITEMS] == 0) | (ranks[:, :N_ITEMS] == N_DRAWS)
    assert outside.mean() < 0.25

"""Draws from the posterior of a factor model, by Gibbs sampling.

Bayesian matrix factorisation (Salakhutdinov and Mnih 2008) with biases inside the factors. A popular item is
expected to be a better one:

    r_ui ~ N(middle + b_u + c_i + p_u . q_i, 1 / tau)
    (b_u, p_u) ~ N(0, L_user^-1)        (c_i, q_i) ~ N(B' z_i, L_item^-1),   z_i = (1, standardised log(n_i + 1))

B and both L have matrix-normal-Wishart priors, tau a gamma prior: weight decay is a Gaussian prior, and here its
strength is drawn too. Chosen by the coverage of its intervals on simulated data: examples/benchmarks/trust.py.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats
from embedcli.evidence.cores import n_cores
from embedcli.evidence.gram import Side, sides, solve_side
from embedcli.evidence.observations import Observations

N_FACTORS = 8
RIDGE_SWEEPS = 3  # to start near the mode rather than at noise; at the mode the factors are too large
BURN_IN, N_STATES = 20, 20  # sweeps; already 10 states cover as 300 do: examples/benchmarks/trust.py
MANY, BURN_IN_OF_MANY, STATES_OF_MANY = 1_000_000, 5, 10  # ratings from which on fewer sweeps suffice
START_SD = 0.1
BIAS_VARIANCE, FACTOR_VARIANCE = 0.2, 0.1  # of the ridge start, in squared stars
STARS = 4.0  # span of the scale that the priors are for
PRIOR_SCATTER = 0.1  # of the Wishart priors: as much as one row of this squared length per coordinate
PRIOR_MEAN_PRECISION = 0.01  # of B, in units of one row


@dataclass(frozen=True)
class Posterior:
    """Joint draws, in stars."""

    item_stars: NDArray[np.float32]  # (D, I) the mean rating if every user rated the item
    noise: Floats  # (S,) standard deviation of a rating around its expectation, of each state of the chain


def sample(observations: Observations, scale: tuple[float, float], n_draws: int, rng: np.random.Generator) -> Posterior:
    """Draw from the posterior given these ratings on a scale (lowest, highest).

    Stars are the linear prediction averaged over all users and cut to the scale once: the ratings have been cut
    already, so cutting each user's prediction again would draw them to the middle. Given the users of a state of the
    chain, the stars of the items are normal and independent, so a few states of the chain give all draws.
    """
    low, high = scale
    middle = float(observations.value.mean(dtype=np.float64))
    unit = (high - low) / STARS or 1.0  # the priors are in steps of a scale from 1 to 5
    both = sides(observations, (observations.value - np.float32(middle)) / np.float32(unit))
    has_many = len(observations.value) >= MANY
    burn_in, n_states = (BURN_IN_OF_MANY, STATES_OF_MANY) if has_many else (BURN_IN, N_STATES)
    n_states = min(n_states, n_draws)
    stars, noise = np.empty((n_draws, observations.n_items), np.float32), np.empty(n_states)
    with ThreadPoolExecutor(n_cores()) as pool:
        for j, state in enumerate(chain(*both, burn_in, n_states, rng, pool)):
            draws = stars[j * n_draws // n_states : (j + 1) * n_draws // n_states]
            rng.standard_normal(out=draws, dtype=np.float32)
            draws *= (unit * state.stars_sd).astype(np.float32)
            draws += (middle + unit * state.stars_mean).astype(np.float32)
            noise[j] = unit * state.noise
    return Posterior(np.clip(stars, low, high, out=stars), noise)


class State(NamedTuple):
    """A state of the chain: users (1 + k, U) and items (1 + k, I), the bias in row 0, and the noise of a rating.

    `stars_mean` and `stars_sd` (I,) are the mean and standard deviation of the items' stars, given the users, the noise
    and the priors of the state.
    """

    users: Floats
    items: Floats
    noise: float
    stars_mean: Floats
    stars_sd: Floats


def chain(
    by_user: Side,
    by_item: Side,
    burn_in: int,
    n_states: int,
    rng: np.random.Generator,
    pool: Executor,
    *,
    n_factors: int = N_FACTORS,
) -> Iterator[State]:
    """Yield successive states, after sweeps near the mode and a burn-in that are thrown away."""
    n_users, n_items, n = len(by_user.count), len(by_item.count), by_user.count.sum()
    squares = sum(float((tile.data.astype(np.float64) ** 2).sum()) for tiles in by_user.blocks for tile in tiles)
    log_n = np.log1p(by_item.count)
    of_items = np.column_stack([np.ones(n_items), (log_n - log_n.mean()) / max(log_n.std(), 1e-9)])
    of_users = np.zeros((n_users, 0))
    users, items = np.zeros((1 + n_factors, n_users)), np.zeros((1 + n_factors, n_items))
    items[1:] = START_SD * rng.normal(size=(n_factors, n_items))
    ridge = np.diag(1 / np.r_[BIAS_VARIANCE, np.full(n_factors, FACTOR_VARIANCE)])
    user_prior = item_prior = ridge, np.zeros((1 + n_factors, 1))
    tau = 1.0

    def prior(side: Side, theta: Floats, of_rows: Floats) -> tuple[Floats, Floats]:
        rated = side.count > 0  # rows without ratings would only make the chain slower
        precision, weights = draw_prior(theta[:, rated], of_rows[rated], rng)
        return precision, (of_rows @ weights).T

    for sweep in range(-RIDGE_SWEEPS - burn_in, n_states):
        drawing = sweep >= -burn_in
        if drawing:
            user_prior, item_prior = prior(by_user, users, of_users), prior(by_item, items, of_items)
        noise = drawing * rng.normal(size=users.shape)
        users = solve_side(by_user, items, tau, user_prior, noise, np.zeros(1 + n_factors), pool).theta
        noise, to_stars = drawing * rng.normal(size=items.shape), np.r_[1.0, users[1:].mean(1)]
        items, error, mean, variance = solve_side(by_item, users, tau, item_prior, noise, to_stars, pool)
        if sweep >= 0:
            yield State(users, items, tau**-0.5, users[0].mean() + mean, np.sqrt(variance))
        error += squares - 2 * users[0] @ by_user.total + by_user.count @ users[0] ** 2
        shape = n / 2 + 1
        tau = (rng.gamma(shape) if drawing else shape) / (error / 2 + 1)


def draw_prior(theta: Floats, of_rows: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw (precision (d, d), B (m, d)) given theta (d, n), whose mean is of_rows (n, m) @ B; m may be 0."""
    d, n = theta.shape
    inner = of_rows.T @ of_rows + PRIOR_MEAN_PRECISION * np.eye(of_rows.shape[1])
    best = np.linalg.solve(inner, of_rows.T @ theta.T)  # (m, d)
    precision = wishart(d + n, theta @ theta.T - best.T @ inner @ best + PRIOR_SCATTER * np.eye(d), rng)
    spread = np.linalg.solve(np.linalg.cholesky(inner).T, rng.normal(size=best.shape))  # rows' covariance inner^-1
    return precision, best + spread @ np.linalg.inv(np.linalg.cholesky(precision))  # columns' covariance precision^-1


def wishart(degrees: int, scatter: Floats, rng: np.random.Generator) -> Floats:
    """Draw a precision matrix from Wishart(degrees, scatter^-1), by Bartlett's decomposition."""
    d = len(scatter)
    lower = np.tril(rng.normal(size=(d, d)), -1)
    np.fill_diagonal(lower, np.sqrt(rng.chisquare(degrees - np.arange(d))))
    root = np.linalg.solve(np.linalg.cholesky(scatter).T, lower)
    return root @ root.T

"""Draws from the posterior of a factor model, by Gibbs sampling.

Bayesian matrix factorisation (Salakhutdinov and Mnih 2008) with biases inside the factors. A popular item is
expected to be a better one:

    r_ui ~ N(middle + b_u + c_i + p_u . q_i, 1 / tau)
    (b_u, p_u) ~ N(0, L_user^-1)        (c_i, q_i) ~ N(B' z_i, L_item^-1),   z_i = (1, standardised log(n_i + 1))

B and both L have matrix-normal-Wishart priors, tau a gamma prior: weight decay is a Gaussian prior, and here its
strength is drawn too. Chosen by the coverage of its intervals on simulated data: examples/benchmarks/trust.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import Observations

N_FACTORS = 8
RIDGE_SWEEPS = 5  # to start near the mode rather than at noise
BURN_IN = 40
START_SD = 0.1
BIAS_VARIANCE, FACTOR_VARIANCE = 0.2, 0.1  # of the ridge start, in squared stars
STARS = 4.0  # span of the scale that the priors are for
PRIOR_SCATTER = 0.1  # of the Wishart priors: as much as one row of this squared length per coordinate
PRIOR_MEAN_PRECISION = 0.01  # of B, in units of one row


@dataclass(frozen=True)
class Posterior:
    """Joint draws, in stars."""

    item_stars: NDArray[np.float32]  # (D, I) the mean rating if every user rated the item
    noise: Floats  # (D,) standard deviation of a rating around its expectation


def sample(observations: Observations, scale: tuple[float, float], n_draws: int, rng: np.random.Generator) -> Posterior:
    """Draw from the posterior given these ratings on a scale (lowest, highest).

    Stars are the linear prediction averaged over all users and cut to the scale once: the ratings have been cut
    already, so cutting each user's prediction again would draw them to the middle.
    """
    low, high = scale
    middle = float(observations.value.mean(dtype=np.float64))
    unit = (high - low) / STARS or 1.0  # the priors are in steps of a scale from 1 to 5
    by_user, by_item = sides(observations, (observations.value.astype(np.float64) - middle) / unit)
    stars, noise = [], []
    for users, items, sd in chain(by_user, by_item, n_draws, rng):
        factors = items.copy()
        factors[0] = 1.0
        stars.append(middle + unit * (items[0] + users.mean(1) @ factors))
        noise.append(unit * sd)
    return Posterior(np.clip(stars, low, high).astype(np.float32), np.array(noise))


@dataclass(frozen=True)
class Side:
    """Ratings seen from the users or from the items, as sparse matrices (n_rows, n_others) and sums by row."""

    seen: sp.csr_array  # ones
    rated: sp.csr_array  # ratings less their mean
    count: NDArray[Any]  # (n_rows,)
    total: NDArray[Any]  # (n_rows,)


def sides(observations: Observations, value: Floats) -> tuple[Side, Side]:
    """Return the two sides of ratings with these centred values (n,): by user, by item."""

    def side(rows: NDArray[np.int32], columns: NDArray[np.int32], shape: tuple[int, int]) -> Side:
        seen = sp.csr_array((np.ones(len(value), np.float32), (rows, columns)), shape=shape)
        rated = sp.csr_array((value.astype(np.float32), (rows, columns)), shape=shape)
        return Side(seen, rated, np.bincount(rows, minlength=shape[0]), np.bincount(rows, value, shape[0]))

    user, item, shape = observations.user, observations.item, (observations.n_users, observations.n_items)
    return side(user, item, shape), side(item, user, shape[::-1])


def chain(
    by_user: Side, by_item: Side, n_draws: int, rng: np.random.Generator, *, n_factors: int = N_FACTORS
) -> Iterator[tuple[Floats, Floats, float]]:
    """Yield successive states: users (1 + k, U), items (1 + k, I), row 0 the bias; the noise of a rating."""
    n_users, n_items, n = len(by_user.count), len(by_item.count), by_user.count.sum()
    squares = float((by_user.rated.data.astype(np.float64) ** 2).sum())
    log_n = np.log1p(by_item.count)
    of_items = np.column_stack([np.ones(n_items), (log_n - log_n.mean()) / max(log_n.std(), 1e-9)])
    of_users = np.zeros((n_users, 0))
    users, items = np.zeros((1 + n_factors, n_users)), np.zeros((1 + n_factors, n_items))
    items[1:] = START_SD * rng.normal(size=(n_factors, n_items))
    ridge = np.diag(1 / np.r_[BIAS_VARIANCE, np.full(n_factors, FACTOR_VARIANCE)])
    user_prior = item_prior = ridge, np.zeros((1 + n_factors, 1))
    tau = 1.0
    for sweep in range(-RIDGE_SWEEPS - BURN_IN, n_draws):
        drawing = sweep >= -BURN_IN
        if drawing:
            user_prior, item_prior = draw_prior(users, of_users, rng), draw_prior(items, of_items, rng)
        users, _ = sweep_side(by_user, items, tau, *user_prior, drawing * rng.normal(size=users.shape))
        items, error = sweep_side(by_item, users, tau, *item_prior, drawing * rng.normal(size=items.shape))
        error += squares - 2 * users[0] @ by_user.total + by_user.count @ users[0] ** 2
        shape = n / 2 + 1
        tau = (rng.gamma(shape) if drawing else shape) / (error / 2 + 1)
        if sweep >= 0:
            yield users, items, tau**-0.5


def sweep_side(
    side: Side, other: Floats, tau: float, precision: Floats, mean: Floats, noise: Floats
) -> tuple[Floats, float]:
    """Return one side's coordinates (d, n) given the other's, and the squared error they leave.

    The error is without the part that does not depend on them, the sum of (r - the other's bias)^2. With
    `noise` standard normal they are a draw, with 0 the mode.
    """
    gram, linear = sums(side, other)
    theta = solve(tau * gram + precision[:, :, None], tau * linear + precision @ mean, noise)
    quadratic = sum(
        float((2 * theta[j:] * gram[j:, j] * theta[j]).sum() - (gram[j, j] * theta[j] ** 2).sum())
        for j in range(len(theta))
    )
    return theta, quadratic - 2 * float((theta * linear).sum())


def sums(side: Side, other: Floats) -> tuple[Floats, Floats]:
    """Return, per row, the sums of x x' (d, d, n; lower triangle) and of (r - bias) x (d, n) over its ratings.

    x = (1, factors) of the other side, other (d, n_others) with the bias in row 0.
    """
    d = len(other)
    x = other.copy()
    x[0] = 1.0
    columns, rows = np.triu_indices(d)
    products = np.concatenate([x[rows] * x[columns], other[0] * x])  # (d (d + 1) / 2 + d, n_others)
    flat = (side.seen @ products.T.astype(np.float32, order="C")).T
    gram = np.zeros((d, d, flat.shape[1]))
    gram[rows, columns] = flat[:-d]
    return gram, (side.rated @ x.T.astype(np.float32, order="C")).T - flat[-d:]


def solve(gram: Floats, linear: Floats, noise: Floats) -> Floats:
    """Return gram^-1 linear + L'^-1 noise, where gram = L L', for all rows at once; gram is overwritten.

    gram (d, d, n; lower triangle), linear and noise (d, n) -> (d, n).
    """
    d, x = len(gram), linear.copy()
    for j in range(d):
        gram[j:, j] /= np.sqrt(gram[j, j])
        for m in range(j + 1, d):
            gram[m:, m] -= gram[m:, j] * gram[m, j]
        x[j] /= gram[j, j]
        x[j + 1 :] -= gram[j + 1 :, j] * x[j]
    x += noise
    for j in reversed(range(d)):
        x[j] = (x[j] - (gram[j + 1 :, j] * x[j + 1 :]).sum(0)) / gram[j, j]
    return x


def draw_prior(theta: Floats, of_rows: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw (precision (d, d), mean (d, n)) given theta (d, n), the mean linear in of_rows (n, m); m may be 0."""
    d, n = theta.shape
    m = of_rows.shape[1]
    inner = of_rows.T @ of_rows + PRIOR_MEAN_PRECISION * np.eye(m)
    best = np.linalg.solve(inner, of_rows.T @ theta.T)  # (m, d)
    precision = wishart(d + n, theta @ theta.T - best.T @ inner @ best + PRIOR_SCATTER * np.eye(d), rng)
    if not m:
        return precision, np.zeros((d, 1))
    spread = np.linalg.solve(np.linalg.cholesky(inner).T, rng.normal(size=(m, d)))  # rows' covariance inner^-1
    spread = spread @ np.linalg.inv(np.linalg.cholesky(precision))  # columns' covariance precision^-1
    return precision, (of_rows @ (best + spread)).T


def wishart(degrees: int, scatter: Floats, rng: np.random.Generator) -> Floats:
    """Draw a precision matrix from Wishart(degrees, scatter^-1), by Bartlett's decomposition."""
    d = len(scatter)
    lower = np.tril(rng.normal(size=(d, d)), -1)
    np.fill_diagonal(lower, np.sqrt(rng.chisquare(degrees - np.arange(d))))
    root = np.linalg.solve(np.linalg.cholesky(scatter).T, lower)
    return root @ root.T

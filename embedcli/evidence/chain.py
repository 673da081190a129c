"""A Markov chain over factor models, by Gibbs sampling.

    r_ui = middle + b_u + c_i + p_u . q_i [+ effects of the time] + e,   e ~ N(0, 1 / tau_u)
    theta_u = (b_u, p_u) ~ N(sum over groups g of C_g' f_gu, L_user^-1),  theta_i = (c_i, q_i) likewise
    rows of C_g ~ N(0, P_g^-1);  P_g, L ~ Wishart;  tau_u ~ Gamma(a / 2, a / (2 tau))

Bayesian matrix factorisation (Salakhutdinov and Mnih 2008) with side information in the means (Simm et al. 2017) and a
noise of each user's own. f_g are groups of features of a row: who rated what, how many, tags and columns.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Table
from embedcli.evidence.gram import Side, solve_side
from embedcli.evidence.levels import Levels
from embedcli.evidence.observations import Observations
from embedcli.evidence.states import predict
from embedcli.progress import step

N_FACTORS = 7
START_SD = 0.1
BIAS_VARIANCE, FACTOR_VARIANCE = 0.2, 0.1  # of the ridge start, in squared stars
PRIOR_SCATTER = 0.1  # of the Wishart prior of L: as much as one row of this squared length per coordinate
GROUP_SCATTER, GROUP_PRECISION = 0.01, 100.0  # the same of P_g, and P_g at the start
START_SHAPE, SHAPE_RATE = 10.0, 0.01  # a at the start, and the rate of its exponential prior
LEAST_VARIANCE = 1e-3  # of a rating, in squared stars: of ratings that follow a rule the sums would lose their digits
PROPOSALS, PROPOSAL_SD = 2, 0.2  # of log a in each sweep


class Group:
    """Features of the rows of a side, their weights (m, d), and the `mean` of theta (d, n) that they make."""

    def __init__(self, table: Table, is_rated: NDArray[np.bool_], d: int) -> None:
        """Take a table (n, m) whose columns are orthogonal over the rated rows."""
        self.table, self.of_rated = table, np.ascontiguousarray(table[is_rated].T)
        self.squares = (self.of_rated.astype(np.float64) ** 2).sum(1)[:, None]
        self.weights, self.mean = np.zeros((table.shape[1], d)), np.zeros((d, len(table)))
        self.precision = GROUP_PRECISION * np.eye(d)

    def draw(self, rest: Floats, precision: Floats, rng: np.random.Generator) -> None:
        """Draw the weights and their precision, given theta less the other groups' means (d, n_rated).

        A row of the weights has precision w L + P, w the square of its column. In coordinates in which both L and P are
        diagonal, every single weight is drawn on its own.
        """
        root = np.linalg.cholesky(precision)
        inverse = np.linalg.inv(root)
        own, axes = np.linalg.eigh(inverse @ self.precision @ inverse.T)
        turn = root @ axes  # precision = turn turn', self.precision = turn diag(own) turn'
        exact = self.squares + own
        centre = (self.of_rated @ rest.T.astype(np.float32)).astype(np.float64) @ turn / exact
        drawn = centre + rng.normal(size=centre.shape) / np.sqrt(exact)
        self.weights = drawn @ np.linalg.inv(turn)
        self.mean = (self.table @ self.weights.astype(np.float32)).T.astype(np.float64)
        scatter = self.weights.T @ self.weights + GROUP_SCATTER * np.eye(len(precision))
        self.precision = wishart(len(precision) + len(self.weights), scatter, rng)


class Prior:
    """The normal prior of the coordinates theta (d, n) of one side: precision (d, d), and groups that give the mean."""

    def __init__(self, tables: Sequence[Table], side: Side, d: int) -> None:
        self.is_rated = side.count > 0  # the others would only make the chain slower
        self.groups = [Group(table, self.is_rated, d) for table in tables]
        self.precision = np.diag(1 / np.r_[BIAS_VARIANCE, np.full(d - 1, FACTOR_VARIANCE)])
        self.mean = np.zeros((d, len(side.count)))

    def draw(self, theta: Floats, rng: np.random.Generator) -> None:
        """Draw weights of the groups, then the precision, given theta."""
        rated, mean = self.is_rated, self.mean
        for group in self.groups:
            mean = mean - group.mean
            group.draw((theta - mean)[:, rated], self.precision, rng)
            mean = mean + group.mean
        self.mean = mean
        rest = (theta - mean)[:, rated]
        scatter = rest @ rest.T + PRIOR_SCATTER * np.eye(len(rest))
        self.precision = wishart(len(rest) + rest.shape[1], scatter, rng)

    def usual(self) -> tuple[Floats, Floats]:
        """Return the mean (d,) and the covariance (d, d) of a row whose features are not known."""
        mean = self.mean[:, self.is_rated]
        spread = np.cov(mean, bias=True) if mean.shape[1] else np.zeros_like(self.precision)
        return mean.mean(1), np.linalg.inv(self.precision) + spread


class Noise:
    """The precision of a user's ratings, tau_u ~ Gamma(a / 2, a / (2 tau)): `of_user` (U,), `usual` tau, `shape` a."""

    def __init__(self, n_users: int) -> None:
        self.of_user, self.usual, self.shape = np.ones(n_users), 1.0, START_SHAPE

    def draw(self, error: Floats, count: NDArray[np.int64], rng: np.random.Generator) -> None:
        """Draw all three given the squared error (U,) of `count` ratings of each user."""
        a = self.shape
        rated = count > 0
        rate = (a / self.usual + np.maximum(error, LEAST_VARIANCE * count)) / 2
        self.of_user = np.where(rated, rng.gamma((a + count) / 2) / rate, self.usual)
        tau = self.of_user[rated]
        self.usual = (a * tau.sum() / 2 + 1) / rng.gamma(a * len(tau) / 2 + 1)
        total = float(np.log(tau).sum() - tau.sum() / self.usual)

        def log_density(a: float) -> float:
            each = a / 2 * math.log(a / (2 * self.usual)) - math.lgamma(a / 2)
            return len(tau) * each + a / 2 * total - a * SHAPE_RATE

        for _ in range(PROPOSALS):
            other = a * math.exp(PROPOSAL_SD * rng.normal())
            if math.log(rng.random()) < log_density(other) - log_density(a) + math.log(other / a):
                a = other
        self.shape = a


class Sweep(NamedTuple):
    """What one sweep has drawn.

    Given `items` (d, I), the users' prior and noise, the users are normal with the mean `user_mean` (d, U). Given the
    users drawn from that, the items' stars are normal with `stars_mean` and `stars_sd` (I,), less the middle.
    """

    items: Floats
    user_mean: Floats
    user_precision: Floats
    user_weights: list[Floats]
    usual_user: tuple[Floats, Floats]  # mean (d,) and covariance (d, d) of a user of whom no feature is known
    user_noise: Floats  # (U,) standard deviation of a rating
    noise: float  # the usual one
    stars_mean: Floats
    stars_sd: Floats


class Chain:
    """The state of a chain; each sweep moves it on."""

    def __init__(
        self,
        ratings: Observations,
        both: tuple[Side, Side],
        tables: tuple[Sequence[Table], Sequence[Table]],
        rng: np.random.Generator,
        *,
        levels: Levels | None = None,
        n_factors: int = N_FACTORS,
        start: "Chain | None" = None,
    ) -> None:
        """Start at the state of another chain of the same users and items, or near nothing.

        `ratings` have the values less the middle, `both` are their sides, `tables` the features of users and of items.
        """
        self.ratings, self.levels, self.rng = ratings, levels, rng
        self.by_user, self.by_item = both
        d = 1 + n_factors
        self.user_prior, self.item_prior = (Prior(own, side, d) for own, side in zip(tables, both, strict=True))
        if start is None:
            self.users, self.items = np.zeros((d, ratings.n_users)), np.zeros((d, ratings.n_items))
            self.items[1:] = START_SD * rng.normal(size=self.items[1:].shape)
            self.noise = Noise(ratings.n_users)
        else:
            self.users, self.items, self.noise = start.users, start.items, start.noise
            self.user_prior.precision = start.user_prior.precision
            self.item_prior.precision = start.item_prior.precision
        self.squares = squares_of(ratings.value, ratings)

    def settle(self, n_sweeps: int, pool: Executor) -> None:
        """Go near the mode by ridge regressions: a start at noise would take far longer to leave."""
        for _ in range(n_sweeps):
            self._solve(pool, drawing=False)

    def sweep(self, pool: Executor) -> Sweep:
        """Draw everything once, each given all the rest."""
        self.user_prior.draw(self.users, self.rng)
        self.item_prior.draw(self.items, self.rng)
        swept = self._solve(pool, drawing=True)
        if self.levels is not None:
            self._draw_levels(self.levels)
        return swept

    def _solve(self, pool: Executor, *, drawing: bool) -> Sweep:
        """Draw the users, their noise and the items, or move them to their modes."""
        given, user_noise = self.items, self.noise.of_user**-0.5
        prior, noise = self.user_prior, self._normal(self.users, drawing)
        users = solve_side(self.by_user, given, (prior.precision, prior.mean), noise, pool, tau=self.noise.of_user)
        self.users = users.theta
        if drawing:
            self.noise.draw(self.squares + users.error, self.by_user.count, self.rng)
        mean = self.users[:, prior.is_rated].mean(1)
        to_stars, noise = np.r_[1.0, mean[1:]], self._normal(self.items, drawing)
        of_items, weight = (self.item_prior.precision, self.item_prior.mean), self.noise.of_user
        items = solve_side(self.by_item, self.users, of_items, noise, pool, weight=weight, direction=to_stars)
        self.items = items.theta
        assert items.variance is not None
        step()
        return Sweep(
            items=given,
            user_mean=users.mean,
            user_precision=prior.precision,
            user_weights=[group.weights for group in prior.groups],
            usual_user=prior.usual(),
            user_noise=user_noise,
            noise=self.noise.usual**-0.5,
            stars_mean=mean[0] + to_stars @ items.mean,
            stars_sd=np.sqrt(items.variance),
        )

    def _draw_levels(self, levels: Levels) -> None:
        """Draw the effects of the time, and take them out of the ratings that users and items see."""
        ratings, (users, items) = self.ratings, (rows_of(side) for side in (self.users, self.items))
        rest = ratings.value - predict(users, items, ratings.user, ratings.item)
        levels.draw(rest.astype(np.float64), self.noise.of_user[ratings.user], self.rng)
        value = ratings.value - levels.effect
        self.squares = squares_of(value, ratings)
        for side in (self.by_user, self.by_item):
            side.set_values(value)

    def _normal(self, like: Floats, drawing: bool) -> Floats:
        return self.rng.standard_normal(like.shape) if drawing else np.zeros_like(like)


def squares_of(value: Table, ratings: Observations) -> Floats:
    """Return the sum of the squared values (n,) of each user's ratings, (U,)."""
    return np.asarray(np.bincount(ratings.user, value.astype(np.float64) ** 2, ratings.n_users), np.float64)


def rows_of(theta: Floats) -> Table:
    """Return coordinates (d, n) as rows (n, d)."""
    return theta.T.astype(np.float32, order="C")


def wishart(degrees: int, scatter: Floats, rng: np.random.Generator) -> Floats:
    """Draw a precision matrix from Wishart(degrees, scatter^-1), by Bartlett's decomposition."""
    d = len(scatter)
    lower = np.tril(rng.normal(size=(d, d)), -1)
    np.fill_diagonal(lower, np.sqrt(rng.chisquare(degrees - np.arange(d))))
    root = np.linalg.solve(np.linalg.cholesky(scatter).T, lower)
    return root @ root.T

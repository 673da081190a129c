"""Some states of a chain, enough to predict ratings and to fold in new users."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows, Table

ARRAYS = ("items", "users", "directions", "weights", "precision", "usual_mean", "usual_precision", "noise")
TOGETHER = 1 << 16  # pairs of a user and an item that are predicted at once
TINY = 1e-9
QUANTILE = 1.959964  # of the normal distribution: 95 % of it are within so many standard deviations


@dataclass(frozen=True)
class States:
    """S states of a chain, in stars: biases and factors side by side, d = 1 + k.

    `items` (S, I, d); `users` (S, U, d) are the means of the users given the items of their state. A user who rated n
    items has the prior mean (sum of their `directions` (I, r), / sqrt n; 1; log (n + 1)) @ `weights` (S, r + 2, d) and
    the precision `precision` (S, d, d); one of whom only some ratings are known has `usual_mean` (S, d) and
    `usual_precision` (S, d, d). A rating has the standard deviation `noise` (U,) around its expectation,
    that of a new user `usual_noise`. All predictions begin at `middle`.
    """

    items: Table
    users: Table
    directions: Table
    weights: Table
    precision: Table
    usual_mean: Table
    usual_precision: Table
    noise: Table
    usual_noise: float
    middle: float

    def predict(self, user: NDArray[np.int32], item: NDArray[np.int32]) -> Table:
        """Return the mean over the states of the expected ratings of pairs (n,), not cut to the scale."""
        total = np.full(len(user), self.middle * len(self.items), np.float32)
        for users, items in zip(self.users, self.items, strict=True):
            total += predict(users, items, user, item)
        mean: Table = total / np.float32(len(self.items))
        return mean

    def table(self, users: Rows) -> Table:
        """Return what `predict` gives for these users (n,) and all items, (n, I), by one product of matrices."""
        rows = self.users[:, users]
        factors = rows[..., 1:].transpose(1, 0, 2).reshape(len(users), -1)
        found: Table = factors @ self._stacked
        found += rows[..., 0].mean(0)[:, None]
        found += self.items[..., 0].mean(0) + np.float32(self.middle)
        return found

    @cached_property
    def _stacked(self) -> Table:
        """The factors of the items in all states, one below the other, over the number of states: (S k, I)."""
        factors = self.items[..., 1:].transpose(0, 2, 1)
        return factors.reshape(-1, self.items.shape[1]) / np.float32(len(self.items))

    def user(self, row: int, rated: Rows | None) -> "UserStates":
        """Return a user of the training; without the items that the user rated, their covariance is not known."""
        noise = float(self.noise[row])
        covariance = None if rated is None else self._covariance(self.precision, rated, noise)
        return UserStates(self, self.users[:, row].astype(np.float64), covariance, noise)

    def stars_of_users(
        self, user: NDArray[np.integer], item: NDArray[np.integer], is_rated: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return the mean rating of each user over the items that are rated: in each state a normal (mean, sd), (S, U).

        `user` and `item` (n,) are the pairs of the training, which the spread of a user given the items comes from.
        """
        from scipy.sparse import csr_array

        n_states, n_users, d = self.users.shape
        pairs = csr_array((np.ones(len(user), np.float32), (user, item)), shape=(n_users, self.items.shape[1]))
        means, sds = np.empty((n_states, n_users)), np.empty((n_states, n_users))
        for s, x in enumerate(self._design(slice(None))):
            squares = (x[:, :, None] * x[:, None]).reshape(len(x), -1).astype(np.float32)
            precision = self.precision[s] + (pairs @ squares).reshape(-1, d, d) / self.noise[:, None, None] ** 2
            mean_item = x[is_rated].mean(0)
            means[s] = self.middle + self.items[s, is_rated, 0].mean(dtype=np.float64) + self.users[s] @ mean_item
            spread = np.linalg.solve(precision, np.broadcast_to(mean_item[:, None], (n_users, d, 1)))[..., 0]
            sds[s] = np.sqrt(spread @ mean_item)
        return means, sds

    def fold_in(self, rated: Rows, values: Floats, *, is_all: bool) -> "UserStates":
        """Return a new user with ratings (n,) of these items: in each state exactly normal, given the state's items.

        `is_all` says that the user rated nothing else, as users of the training: then which items these are counts too.
        """
        n, noise = len(rated), self.usual_noise
        mean, precision = self.usual_mean.astype(np.float64), self.usual_precision
        if is_all:
            seen = self.directions[rated].sum(0, dtype=np.float64) / np.sqrt(max(n, 1))
            mean, precision = np.r_[seen, 1.0, np.log1p(n)] @ self.weights.astype(np.float64), self.precision
        covariance = self._covariance(precision, rated, noise)
        rest = values - self.middle - self.items[:, rated, 0]  # (S, n)
        pull = np.einsum("snd,sn->sd", self._design(rated), rest) / noise**2 + np.einsum("sde,se->sd", precision, mean)
        return UserStates(self, np.einsum("sde,se->sd", covariance, pull), covariance, noise)

    def tastes(self, rows: Rows) -> Table:
        """Return unit vectors (S, n, k) of items: the product of two is how their appeal to the users correlates.

        Biases are left out: it is the correlation of what the users' tastes add.
        """
        factors = self.users[..., 1:].astype(np.float64)
        factors -= factors.mean(1, keepdims=True)
        root = np.linalg.cholesky(factors.transpose(0, 2, 1) @ factors + TINY * np.eye(factors.shape[-1]))
        turned = self.items[:, rows, 1:] @ root
        turned /= np.linalg.norm(turned, axis=-1, keepdims=True) + TINY
        return turned.astype(np.float32)

    def _design(self, rows: Rows | slice) -> Floats:
        """Return x = (1, factors) of items, (S, n, d)."""
        x: Floats = self.items[:, rows].astype(np.float64)
        x[..., 0] = 1.0
        return x

    def _covariance(self, prior: Table, rated: Rows, noise: float) -> Floats:
        """Return the covariance (S, d, d) of a user in each state, given the prior's precision (S, d, d)."""
        x = self._design(rated)
        return np.asarray(np.linalg.inv(prior + x.transpose(0, 2, 1) @ x / noise**2), np.float64)


@dataclass(frozen=True)
class UserStates:
    """A user in each state: normal with a mean (S, d) and a covariance (S, d, d), None if it is not known."""

    states: States
    mean: Floats
    covariance: Floats | None
    noise: float

    def predict(self, rows: Rows | slice = slice(None)) -> Floats:
        """Return the expected ratings of some items, or of all, (n,), not cut to the scale."""
        expected: Floats = self._by_state(rows).mean(0)
        return expected

    def spread(self, rows: Rows | slice = slice(None)) -> Floats | None:
        """Return the standard deviation of a rating of each item around its prediction (n,), or None."""
        if self.covariance is None:
            return None
        x = self.states._design(rows)
        of_user = ((x @ self.covariance) * x).sum(-1).mean(0)
        variance: Floats = of_user + self._by_state(rows).var(0) + self.noise**2
        return np.sqrt(variance)

    def _by_state(self, rows: Rows | slice) -> Floats:
        """Return the expected ratings in each state, (S, n)."""
        items = self.states.items[:, rows].astype(np.float64)
        products = (items[..., 1:] @ self.mean[:, 1:, None])[..., 0]
        total: Floats = self.states.middle + items[..., 0] + self.mean[:, :1] + products
        return total


def draw_stars(means: Floats, sds: Floats, n_draws: int, rng: np.random.Generator) -> Table:
    """Draw stars (D, I) from the normal distributions of T sweeps, given by means and sds (T, I)."""
    n_sweeps, n_items = means.shape
    stars = rng.standard_normal((n_draws, n_items), dtype=np.float32)
    for j in range(n_sweeps):
        draws = stars[j * n_draws // n_sweeps : (j + 1) * n_draws // n_sweeps]
        draws *= sds[j].astype(np.float32)
        draws += means[j].astype(np.float32)
    return stars


def interval(centre: Any, spread: Any, scale: tuple[float, float]) -> tuple[Any, Any]:
    """Return the ends between which 95 % of the ratings around a prediction are expected, cut to the scale."""
    half = QUANTILE * spread
    return np.clip(centre - half, *scale), np.clip(centre + half, *scale)


def predict(users: Table, items: Table, user: NDArray[np.int32], item: NDArray[np.int32]) -> Table:
    """Return bias + bias + product of factors of pairs (n,), given rows (U, d) and (I, d) with the bias first."""
    found = np.empty(len(user), np.float32)
    for first in range(0, len(user), TOGETHER):
        here = slice(first, first + TOGETHER)
        u, i = users.take(user[here], 0), items.take(item[here], 0)
        found[here] = np.einsum("nk,nk->n", u[:, 1:], i[:, 1:]) + u[:, 0] + i[:, 0]
    return found

"""Components that predict and are no tastes: drift in time, the use of the scale, duplicate accounts.

Each makes a component that predicts ratings which the model has not seen, so that test alone counts it. Here a part of
the component that goes with such a cause is held against the same unseen ratings as the component: of a drift, only
the part that goes with time predicts, of a taste only the rest. Noise in the coordinates of the users predicts
nothing, so it does not change these shares, as it does change the correlation of the coordinates with a cause.
The constants were chosen on the worlds of tests/misspecified.py; examples/benchmarks/trust.py measures them on others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.observations import BiasModel, Observations
from embedcli.evidence.verdicts import CAUSES

LEAST_SHARE = 0.6  # of what a component explains of unseen ratings: with more, it goes with a cause
DEGREE = 3  # of the polynomial in the rank of a user's mean time
STEADY = 20.0  # ratings that a user's use of the scale starts from, at that of all users
MOST_PRODUCTS = 3e7  # of two ratings of an item, to compare accounts
FEWEST_EQUAL, LEAST_EQUAL, LEAST_Z = 8, 0.5, 7.0  # equal ratings of copies: number, share of the smaller account, z
TINY = 1e-9


@dataclass(frozen=True)
class UserFacts:
    """What users are apart from their tastes: the mean time (U,) of their ratings, or None, and who has a copy (U,).

    `scale` (U, 3) is their use of the scale in the ratings that a member has seen.
    """

    time: Floats | None
    is_copy: NDArray[np.bool_]
    share_of_copies: float  # of the ratings
    scale: Floats | None = None

    @classmethod
    def of(cls, observations: Observations, seconds: NDArray[np.int64] | None) -> UserFacts:
        """Take the facts from ratings, and from their times (n,)."""
        n_by_user, time = observations.counts()[0], None
        if seconds is not None and seconds.min() < seconds.max():
            total = np.zeros(observations.n_users)
            for rows in observations.blocks():
                total += np.bincount(observations.user[rows], seconds[rows] - float(seconds[0]), len(total))
            time = total / np.maximum(n_by_user, 1)
        is_copy = copied_accounts(observations)
        return cls(time, is_copy, float(n_by_user[is_copy].sum() / n_by_user.sum()))

    def take(self, users: Rows) -> UserFacts:
        """Return the facts of some users."""
        return replace(self, time=None if self.time is None else self.time[users], is_copy=self.is_copy[users])

    def seen(self, observations: Observations, biases: BiasModel, seen: NDArray[np.bool_]) -> UserFacts:
        """Return the facts with the use of the scale in the ratings `seen` (n,), which `biases` are of."""
        return replace(self, scale=use_of_scale(observations, biases, seen))


def explained(users: Floats, items: Floats, unseen: Observations, biases: BiasModel, facts: UserFacts) -> Floats:
    """Return what components explain of unseen ratings, and what of it goes with each of CAUSES, (4, K).

    users (U, K) and items (I, K) are the coordinates of a member that has not seen these ratings; `biases` and the use
    of the scale in `facts` have not either. Each number is the sum over the unseen ratings of residual x contribution,
    of the component or of a part.
    """
    assert facts.scale is not None
    n_by_user, n_by_item = biases.n_by_user.astype(np.float64), biases.n_by_item.astype(np.float64)
    whole, quality = users - n_by_user @ users / n_by_user.sum(), biases.item_bias[:, None]
    parts = [
        (whole, items),
        (np.zeros_like(whole) if facts.time is None else fitted(whole, powers(facts.time), n_by_user), items),
        # a user who stretches the scale moves an item by its quality, so only that part of the items' axis counts
        (fitted(whole, facts.scale, n_by_user), fitted(items, np.hstack([quality, quality**2]), n_by_item)),
        (whole * facts.is_copy[:, None], items),
    ]
    residuals = biases.residuals(unseen)[:, None]
    return np.array([(residuals * u[unseen.user] * v[unseen.item]).sum(0) for u, v in parts])


def goes_with(sums: Floats, share_of_copies: float) -> list[str | None]:
    """Say what each component goes with, None for a taste, given the sums of `explained` (4, K) over all folds.

    Of duplicate accounts only what is above their share of the ratings counts, for they have tastes too. If the causes
    have most of a component together, it goes with the one that has most.
    """
    shares = np.divide(sums[1:], sums[0], out=np.zeros_like(sums[1:]), where=sums[0] > 0)
    shares[2] = (shares[2] - share_of_copies) / (1 - share_of_copies + TINY)
    shares = shares.clip(0, 1)
    return [CAUSES[of.argmax()] if of.sum() >= LEAST_SHARE else None for of in shares.T]


def use_of_scale(observations: Observations, biases: BiasModel, seen: NDArray[np.bool_]) -> Floats:
    """Return how users use the scale (U, 3): their bias, the spread of their ratings, and its slope on quality.

    It is that of the ratings `seen` (n,), which `biases` are of; the quality of an item is its bias. Spread and slope
    start from those of all users, as if from STEADY ratings.
    """
    sums = np.zeros((5, observations.n_users))
    for rows in observations.blocks():
        block = observations.take(rows).take(seen[rows])
        quality = biases.item_bias[block.item]
        value = block.value - biases.mean - biases.user_bias[block.user]
        for total, of_rows in zip(sums, (value, quality, value**2, value * quality, quality**2), strict=True):
            total += np.bincount(block.user, of_rows, len(total))
    value, quality, *squares = sums
    n, means = np.maximum(biases.n_by_user, 1), (value**2, value * quality, quality**2)
    moments = [of_user - mean / n for of_user, mean in zip(squares, means, strict=True)]
    variance, covariance, of_quality = ((m + STEADY * m.sum() / n.sum()) / (n + STEADY) for m in moments)
    return np.column_stack([biases.user_bias, np.sqrt(variance.clip(0)), covariance / (of_quality + TINY)])


def copied_accounts(observations: Observations) -> NDArray[np.bool_]:
    """Return which users (U,) belong to a pair of accounts with far more equal ratings than chance.

    At least half of the ratings of the smaller account are equal, and more than chance by LEAST_Z standard deviations.
    By chance two ratings of an item are equal as often as the stars of both users, or of the items they share, have it;
    the larger counts. The items with the fewest ratings, which tell most, are compared while MOST_PRODUCTS allows it.
    """
    n_by_item = observations.counts()[1].astype(np.float64)
    order = np.argsort(n_by_item, kind="stable")
    is_compared = np.zeros(len(n_by_item), dtype=bool)
    is_compared[order[np.cumsum(n_by_item[order] ** 2) <= MOST_PRODUCTS]] = True
    rows = observations.take(is_compared[observations.item])
    levels, level = np.unique(rows.value, return_inverse=True)
    by_user, by_item = (
        sp.csr_array((np.ones(len(level), np.float32), (codes, level)), shape=(n, len(levels)))
        for codes, n in ((rows.user, rows.n_users), (rows.item, rows.n_items))
    )
    n_rated = by_user.sum(1)
    a, b, n_equal = close_pairs(rows, level, len(levels), n_rated)
    rated = sp.csr_array((np.ones(len(level), np.float32), (rows.user, rows.item)), shape=(rows.n_users, rows.n_items))
    both = rated[a] * rated[b]
    n_both = both.sum(1)
    of_users = (by_user[a] * by_user[b]).sum(1) / (n_rated[a] * n_rated[b])
    of_items = both @ ((by_item**2).sum(1) / np.maximum(by_item.sum(1), 1) ** 2) / n_both
    chance = np.maximum(of_users, of_items)
    is_pair = n_equal - n_both * chance >= LEAST_Z * np.sqrt(n_both * chance * (1 - chance) + TINY)
    is_copy = np.zeros(rows.n_users, dtype=bool)
    is_copy[np.r_[a[is_pair], b[is_pair]]] = True
    return is_copy


def close_pairs(
    rows: Observations, level: NDArray[np.int64], n_levels: int, n_rated: Floats
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Return pairs of users, and how many ratings of theirs are equal, if it is at least half of the smaller account.

    `level` (n,) is the rating as a code, n_rated (U,) the number of ratings of each user.
    """
    shape = rows.n_users, rows.n_items * n_levels
    columns = rows.item.astype(np.int64) * n_levels + level
    starred = sp.csr_array((np.ones(len(level), np.float32), (rows.user, columns)), shape=shape)
    equal = sp.triu(starred @ starred.T, 1).tocoo()
    a, b = equal.coords
    is_close = equal.data >= np.maximum(FEWEST_EQUAL, LEAST_EQUAL * np.minimum(n_rated[a], n_rated[b]))
    return a[is_close], b[is_close], equal.data[is_close].astype(np.float64)


def fitted(columns: Floats, facts: Floats, weight: Floats) -> Floats:
    """Return the least-squares fit of columns (n, K) on facts (n, f) and a constant, weighted (n,), less its mean."""
    share = weight / weight.sum()
    centred = facts - share @ facts
    root = np.sqrt(share)[:, None]
    slopes = np.linalg.lstsq(root * centred, root * (columns - share @ columns), rcond=TINY)[0]
    return np.asarray(centred @ slopes, dtype=np.float64)


def powers(time: Floats) -> Floats:
    """Return the powers (U, DEGREE) of the ranks of times, from -1 to 1, so that no time is far from the others."""
    rank = np.searchsorted(np.sort(time), time) / max(len(time) - 1, 1)
    return np.asarray((2 * rank - 1)[:, None] ** np.arange(1, DEGREE + 1))

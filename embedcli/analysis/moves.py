"""Which items moved from one run to another by more than chance: what people with other tastes think of them changed.

An item's place is its coordinates on the axes of the predicted preferences, in stars: the distance of two places is
the root mean square, over the users, of the difference of what their tastes add to the ratings. The places of the
second run are rotated onto those of the first by the items in common (orthogonal Procrustes, weighted by the numbers
of ratings), so a change that all items share does not count.

Chance is what the ratings of other people make: each run has members trained on disjoint halves of its users. The
squared distance of the halves has twice the variance of n / 2 ratings, which is about c n / (n + d)^2, as of a mean
that d ratings pull to 0. The part of the seeds in it is divided by the number of members, which the run averages. The
tail is that of a chi-squared number that varies as the squared distances of the halves do. If the usual item moves by
more than chance, chance is taken as so much larger: unusual items are called moved, never all.
Measured on planted worlds: examples/benchmarks/drift.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows, coordinates, preference_axes
from embedcli.evidence.halves import HALF_SHRUNK, N_KEPT
from embedcli.evidence.statistics import false_discovery_rates, upper_tail
from embedcli.run.align import rotation
from embedcli.run.record import Run

FALSE_DISCOVERIES = 0.05  # of the items that are called moved
NEEDED = ("user_factors", "item_factors", "half_axes")


@dataclass(frozen=True)
class Moves:
    """How far items moved between two runs, (n,) each, in stars.

    `chance` is the root mean square distance of an item with as many ratings if nothing but the ratings and seeds
    differs, `p` the probability of a distance as large, `q` the same adjusted for all items by Benjamini and Hochberg
    1995. `excess` is how many times the usual item's variance is above that of the halves; 1 if it is not.
    """

    distance: Floats
    chance: Floats
    p: Floats
    q: Floats
    excess: float

    @property
    def moved(self) -> Rows:
        """The positions of the items that moved by more than chance, the surest first."""
        order = np.lexsort((-self.distance / self.chance, self.p))
        return order[self.q[order] <= FALSE_DISCOVERIES]


class _Places(NamedTuple):
    """The places of items (n, K), their variance by chance (n,), what is left of them (n,), and how chance varies."""

    places: Floats
    variance: Floats
    left: Floats  # n / (n + d): the share of the truth
    ratios: Floats  # (S, n) of the squared distances of half members to what is expected of them

    def scaled(self, scale: Floats) -> "_Places":
        """Return the places multiplied by a factor each (n,)."""
        return self._replace(places=scale[:, None] * self.places, variance=scale**2 * self.variance)


def moves(a: Run, b: Run, rows_a: Rows, rows_b: Rows) -> Moves | None:
    """Measure how far items moved from run a to run b, whose rows are given; None if a run lacks half members.

    Each item's places count as if both had been pulled to 0 alike, by the fewer ratings.
    """
    if any(run.data.implicit or not set(NEEDED) <= run.arrays.keys() for run in (a, b)):
        return None
    n_a, n_b = a.item_stats.n_ratings[rows_a], b.item_stats.n_ratings[rows_b]
    weight = 1 / (1 / n_a + 1 / n_b)
    first, second = _places(a, rows_a, weight), _places(b, rows_b, weight)
    second = second._replace(places=second.places @ rotation(second.places, first.places, weight))
    more = np.maximum(first.left, second.left)
    first, second = first.scaled(second.left / more), second.scaled(first.left / more)
    squares, expected = ((second.places - first.places) ** 2).sum(1), first.variance + second.variance
    ratio, by_chance = squares / expected, np.concatenate([first.ratios, second.ratios])
    freedom = 2 * by_chance.mean() ** 2 / by_chance.var()  # of the chi-squared number that varies as much
    excess = max(1.0, float(np.median(ratio / (1 - 2 / (9 * freedom)) ** 3)))
    # the cube root of a chi-squared number over its mean is nearly normal (Wilson and Hilferty 1931)
    p = upper_tail((np.cbrt(ratio / excess) - 1 + 2 / (9 * freedom)) / np.sqrt(2 / (9 * freedom)))
    return Moves(np.sqrt(squares), np.sqrt(excess * expected), p, false_discovery_rates(p), excess)


def _places(run: Run, rows: Rows, weight: Floats) -> _Places:
    """Return the places of items of a run, and what chance makes of them."""
    n, n_members, size = run.item_stats.n_ratings[rows].astype(np.float64), run.n_members, _stars_per_logit(run)
    total = run.item_stats.n_ratings.sum()
    whole, *members = (size / np.sqrt(total) * _centred(x, weight) for x in _of_members(run, rows))
    halves = [size / np.sqrt(total / 2) * _centred(x[rows], weight) for x in run.array("half_axes")]
    members, halves = ([x @ rotation(x, whole, weight) for x in xs] for xs in (members, halves))
    squares = np.array([((x - y) ** 2).sum(1) for x, y in zip(halves[::2], halves[1::2], strict=True)])  # (S, n)
    at_half, variance, pulled = _fitted(n / 2, squares.mean(0) / 2, n)
    if n_members > 1:
        by_seed, _, _ = _fitted(n, np.var(members, axis=0, ddof=1).sum(1), n)
        variance = np.maximum(variance - by_seed, 0) + by_seed / n_members
    return _Places(whole, variance, n / (n + pulled), squares / (2 * at_half))


def _of_members(run: Run, rows: Rows) -> Iterator[Floats]:
    """Yield the coordinates of items on the preferences of all members together, then of each."""
    users, items = run.array("user_factors"), run.array("item_factors")
    counts = run.user_stats.n_ratings, run.item_stats.n_ratings
    for members in (slice(None), *(slice(m, m + 1) for m in range(len(items)))):
        _, s, axes = preference_axes(users[members], items[members], *counts, N_KEPT)
        yield coordinates(items[members], rows, axes) * s[: axes[1].shape[1]]


def _fitted(n: Floats, variance: Floats, wanted: Floats) -> tuple[Floats, Floats, float]:
    """Fit c n / (n + d)^2 to variances (n,) by n ratings; return it for these n, for the numbers wanted (n,), and d.

    By the likelihood of an exponential distribution, so that each counts by its ratio to the fit.
    """
    found = []
    for d in HALF_SHRUNK:
        by_n = n / (n + d) ** 2
        c = (variance / by_n).mean()
        found.append((np.log(c * by_n).sum(), c, d))
    _, c, d = min(found)
    return c * n / (n + d) ** 2, c * wanted / (wanted + d) ** 2, float(d)


def _stars_per_logit(run: Run) -> float:
    """Return the slope of the link at the mean rating."""
    if run.sigmoid_range is None:
        return 1.0
    low, high = run.sigmoid_range
    rated = run.item_stats.n_ratings > 0
    mean = np.average(run.item_stats.mean_rating[rated], weights=run.item_stats.n_ratings[rated])
    return float((mean - low) * (high - mean) / (high - low))


def _centred(places: NDArray[np.floating], weight: Floats) -> Floats:
    """Return places (n, K) less their weighted mean, with N_KEPT columns; those beyond K are 0."""
    centred = np.zeros((len(places), N_KEPT))
    centred[:, : places.shape[1]] = places - weight @ places / weight.sum()
    return centred

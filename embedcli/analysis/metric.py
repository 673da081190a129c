"""Item vectors whose angles say how near two items are: in the metric of the users, or those of the factors alone.

A linear map of the item factors, and its inverse of the user factors, leaves every prediction as it is, but changes the
angles between item factors (Steck, Ekanadham and Kallus 2024). With C the covariance of the user factors over the
users, q' C r is the covariance of the preferences for q and r, which no such map changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import DTypeLike, NDArray

from embedcli.analysis.choices import Measure, chosen
from embedcli.evidence.bases import Floats, Rows
from embedcli.run.canonical import user_covariance
from embedcli.run.record import Run

MOST_NEAREST = 10  # neighbours of each of many items
CHUNK = 1 << 24  # cosines in memory at once
MOST_EXACT = 2000  # items whose cosines are in float64; with more, float32 tells the nearest as well
CONDITION = 10.0  # of the maps that show how much of the cosine is arbitrary
MOST_SAMPLED = 200  # items whose neighbours show that


@dataclass(frozen=True)
class ItemVectors:
    """The item factors (I, k) of one member; with a root (k, k) of the covariance of its users, in their metric."""

    factors: NDArray[np.floating]
    root: Floats | None = None

    @classmethod
    def in_metric(cls, factors: NDArray[np.floating], user_covariance: NDArray[np.floating]) -> ItemVectors:
        """Return vectors whose dot products are covariances of preferences, also if the covariance lacks full rank."""
        values, vectors = np.linalg.eigh(user_covariance.astype(np.float64))
        return cls(factors, vectors * np.sqrt(values.clip(0)))

    def of(self, rows: Sequence[int] | Rows) -> Floats:
        """Return the vectors (n, k) of some items."""
        own: Floats = self.factors[np.asarray(rows)].astype(np.float64)
        return own if self.root is None else own @ self.root


def measure_of(run: Run, by: str | None, choices: type[StrEnum] = Measure) -> Measure:
    """Return the measure asked for, one of the `choices`; by default preferences, if the run has user factors."""
    if by is None:
        return Measure.PREFERENCE if "user_factors" in run.arrays else Measure.COSINE
    return Measure(chosen(choices, by, "by"))


def member_vectors(run: Run, by: Measure) -> list[ItemVectors]:
    """Return the item vectors of each member; RunError if preferences are asked for and there are no user factors."""
    factors = run.array("item_factors")
    if by is not Measure.PREFERENCE:
        return [ItemVectors(own) for own in factors]
    covariances = user_covariance(run.array("user_factors"), run.user_stats.is_rated)
    return [ItemVectors.in_metric(*own) for own in zip(factors, covariances, strict=True)]


def fold_vectors(run: Run, by: Measure) -> list[ItemVectors]:
    """Return the item vectors of each member that left out a fold of the ratings; none if the run lacks the arrays."""
    folds = run.arrays.get("fold_item_factors", ())
    if by is not Measure.PREFERENCE:
        return [ItemVectors(own) for own in folds]
    covariances = run.arrays.get("fold_user_covariance", ())
    return [ItemVectors.in_metric(*own) for own in zip(folds, covariances, strict=False)]


def unit_vectors(members: Sequence[ItemVectors], rows: Rows, dtype: DTypeLike = np.float64) -> Floats:
    """Return vectors (n, M k) of length 1 whose dot products are the mean cosines of the items over the members."""
    return units((own.of(rows) for own in members), dtype)


def units(vectors: Iterable[Floats], dtype: DTypeLike = np.float64) -> Floats:
    """Return the vectors (n, k) of each member side by side, at the same length, (n, M k) of length 1."""
    parts = [(own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)).astype(dtype) for own in vectors]
    together: Floats = np.concatenate(parts, axis=1)
    together /= np.sqrt(len(parts))
    return together


def nearest(members: Sequence[ItemVectors], rows: Rows, of: Rows | None = None) -> Rows:
    """Return each item's nearest others among these rows by the mean cosine of the members, (n, MOST_NEAREST).

    They are positions in `rows`, the nearest first. `of` are the positions of the items whose nearest are wanted, all
    of them if it is not given.
    """
    n, k = len(rows), min(MOST_NEAREST, len(rows) - 1)
    flat = unit_vectors(members, rows, np.float64 if n <= MOST_EXACT else np.float32)
    of = np.arange(n) if of is None else of
    neighbours = np.empty((len(of), k), dtype=np.int64)
    n_together = max(1, CHUNK // n)
    for begin in range(0, len(of), n_together):
        chunk = of[begin : begin + n_together]
        farness = flat[chunk] @ flat.T
        np.negative(farness, out=farness)
        farness[np.arange(len(chunk)), chunk] = np.inf
        unordered = np.argpartition(farness, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(farness, unordered, 1), axis=1, kind="stable")
        neighbours[begin : begin + n_together] = np.take_along_axis(unordered, order, 1)
    return neighbours


def in_common(a: Rows, b: Rows) -> float:
    """Return the mean share of the neighbours (n, k) of some items that two ways to find them have in common."""
    return float(np.mean([len(np.intersect1d(x, y, assume_unique=True)) / len(x) for x, y in zip(a, b, strict=True)]))


def sampled(n: int, most: int) -> Rows:
    """Return n positions, or `most` of them spread evenly."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


@dataclass(frozen=True)
class Gauge:
    """What of an item's nearest by the cosine of the factors is left of them if no prediction changes.

    `kept` is the mean share left by maps that are random but for their condition number, CONDITION, one for each
    member; `shared` the share that are also among the nearest by preference, which all stay. Over `n_items`.
    """

    kept: float
    shared: float
    n_nearest: int
    n_items: int


def gauge(run: Run, rows: Rows) -> Gauge | None:
    """Measure how much of the nearest among these rows, by the cosine of the factors, is an arbitrary choice.

    None if the run has no user factors, or fewer than two rows are given.
    """
    if "user_factors" not in run.arrays or len(rows) < 2:
        return None
    rng, raw = np.random.default_rng(0), member_vectors(run, Measure.COSINE)
    other = [replace(own, factors=own.factors @ random_map(rng, own.factors.shape[1])) for own in raw]
    of = sampled(len(rows), MOST_SAMPLED)
    before, after, preferred = (
        nearest(members, rows, of) for members in (raw, other, member_vectors(run, Measure.PREFERENCE))
    )
    return Gauge(in_common(before, after), in_common(before, preferred), before.shape[1], len(of))


def random_map(rng: np.random.Generator, k: int, condition: float = CONDITION) -> Floats:
    """Return a matrix (k, k) in random directions, with singular values from 1 to the condition number."""
    left, right = (np.linalg.qr(rng.normal(size=(k, k)))[0] for _ in range(2))
    scaled: Floats = left * np.geomspace(1, condition, k) @ right
    return scaled

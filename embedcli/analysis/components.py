"""Finding components, for a run and for the members that its components are compared with."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import Basis, Rotation
from embedcli.errors import UsageError
from embedcli.evidence.bases import (
    Axes,
    Floats,
    Rows,
    coordinates,
    most_rated,
    preference_axes,
    principal_axes,
    side_by_side,
    unit,
    weighted_axes,
)
from embedcli.evidence.statistics import best_assignment
from embedcli.run.record import ComponentTest, Run

SAME = 0.85  # least |Tucker's phi| of a component and the tested one whose test it takes; Lorenzo-Seva, ten Berge 2006
VARIMAX_ROUNDS = 100
SMALLEST_VARIANCE = 1e-12  # of all components together, in squared logits: less is rounding


@dataclass(frozen=True)
class ComponentFinder:
    """One way to find components, for the run and for the members that its components are compared with."""

    run: Run
    rows: Rows
    n_components: int
    basis: Basis
    rotation: Rotation

    def of_run(self) -> tuple[Floats, Floats]:
        """Return coordinates (I, K) of all items on the components, the largest first, and their shares (K,)."""
        axes, variances = self._axes()
        if axes[1].shape[1] < self.n_components:
            raise UsageError(
                f"`components` {self.n_components} is more than the {axes[1].shape[1]} of this basis",
                f"give `components` {axes[1].shape[1]} or fewer",
            )
        if not variances.sum() > SMALLEST_VARIANCE:
            raise UsageError(
                "these components do not vary, so there is nothing to analyse",
                "train on more users and items, or with a lower `weight_decay`",
            )
        shares = variances[: self.n_components] / variances.sum()
        every = np.arange(len(self.run.items))
        found = coordinates(self._item_factors, every, (axes[0], axes[1][:, : self.n_components]))
        rotated = self._rotated(found, found[self.rows])
        if self.rotation is Rotation.NONE:
            return rotated, shares
        spread = rotated[self.rows].var(0)
        order = np.argsort(-spread, kind="stable")
        return rotated[:, order], shares.sum() * spread[order] / spread.sum()

    def leading(self, n: int) -> Floats:
        """Return coordinates (n_rows, K) on the largest components of the PCA, at most n."""
        (centre, axes), _ = self._pca
        return coordinates(self._item_factors, self.rows, (centre, axes[:, :n]))

    def of_halves(self) -> list[Floats]:
        """Return the components (n, K') of each half member, the two halves of a split next to each other.

        A run without half members has none. The two members of a split take their axes from different halves of the
        items. If both took all items, two nearly equal tastes would be turned into each other in both members alike.
        """
        is_pca, rng = self.basis is Basis.PCA, np.random.default_rng(0)
        halves = self.run.arrays.get("half_item_factors" if is_pca else "half_axes", ())
        weight = np.ones(len(self.rows)) if is_pca else self.run.item_stats.n_ratings[self.rows]
        found = []
        for number, half in enumerate(halves):
            if number % 2 == 0:
                side = rng.permutation(len(self.rows)) % 2
            coordinates_of_half = half[self.rows].astype(np.float64)
            turned = coordinates_of_half @ weighted_axes(coordinates_of_half, weight * (side == number % 2))
            found.append(self._rotated(turned, turned))
        return found

    def tests(self, shown: Floats) -> list[ComponentTest | None]:
        """Return the test of each component shown (n, K): that of its match among the tested components of the run.

        The tested ones have the same basis, over the most rated items. A component without a match (|phi| below
        SAME) and a rotated component were not tested.
        """
        evidence = self.run.training.evidence
        if evidence is None or self.rotation is not Rotation.NONE:
            return [None] * self.n_components
        if self.basis is Basis.PREFERENCE:
            return [*evidence.tests, *[None] * self.n_components][: self.n_components]
        tests = evidence.pca_tests
        tested = most_rated(self.run.item_stats.n_ratings)
        is_same = np.array_equal(tested, self.rows)  # as by default
        (centre, axes), _ = self._pca if is_same else _principal(self._item_factors, tested)
        matches, phi = match(shown, coordinates(self._item_factors, self.rows, (centre, axes[:, : len(tests)])))
        return [tests[j] if agreed >= SAME else None for j, agreed in zip(matches, phi, strict=True)]

    @cached_property
    def _item_factors(self) -> NDArray[np.float32]:
        """The item factors (M, I, k), read once."""
        return self.run.array("item_factors")

    @cached_property
    def _pca(self) -> tuple[Axes, Floats]:
        """The axes of the PCA of all members together, and their variances."""
        return _principal(self._item_factors, self.rows)

    def _axes(self) -> tuple[Axes, Floats]:
        """Return the components of all members together, and their variances (R,).

        In the preference basis a coordinate is what the component adds to the logit of a user one standard deviation
        out on it.
        """
        if self.basis is Basis.PCA:
            return self._pca
        _, s, (centre, axes) = preferences(self.run, self._item_factors.shape[2], self._item_factors)
        return (centre, axes * s[: axes.shape[1]] / np.sqrt(self.run.user_stats.weights.sum())), s**2

    def _rotated(self, found: Floats, over: Floats) -> Floats:
        """Return coordinates (I, R) as they are, or the first `n_components` rotated, as is best for others (n, R)."""
        if self.rotation is Rotation.NONE:
            return found
        return found[:, : self.n_components] @ varimax(over[:, : self.n_components])


def preferences(run: Run, n_components: int, item_factors: NDArray[np.float32]) -> tuple[Axes, Floats, Axes]:
    """Return the preference basis of a run with item factors (M, I, k), as `preference_axes` does."""
    counts = run.user_stats.weights, run.item_stats.weights
    return preference_axes(run.array("user_factors"), item_factors, *counts, n_components)


def varimax(scores: Floats) -> Floats:
    """Return the rotation (K, K) of scores (n, K) that maximises the variance of their squares (Kaiser 1958)."""
    scores = scores - scores.mean(0)
    rotation, reached = np.eye(scores.shape[1]), 0.0
    for _ in range(VARIMAX_ROUNDS):
        rotated = scores @ rotation
        left, s, right = np.linalg.svd(scores.T @ (rotated**3 - rotated * (rotated**2).mean(0)))
        rotation = left @ right
        if s.sum() <= reached * (1 + 1e-8):
            break
        reached = s.sum()
    return rotation


def _principal(factors: NDArray[np.floating], rows: Rows) -> tuple[Axes, Floats]:
    """Return the axes of the PCA over some rows of factors (M, I, k), and the variances (K,) along them."""
    combined = side_by_side(factors[:, rows])
    centre = combined.mean(0)
    if not combined.var(0).sum() > SMALLEST_VARIANCE:
        return (centre, np.eye(len(centre))), np.zeros(len(centre))
    axes, variances = principal_axes(combined - centre)
    return (centre, axes / np.sqrt(len(factors))), variances


def match(shown: Floats, others: Floats) -> tuple[Rows, Floats]:
    """Match components (n, K) with others (n, K') -> (indices (K,) of the matches, |Tucker's phi| (K,)).

    The Hungarian assignment makes the sum of |phi| largest. If there are fewer others, phi is 0 for some components.
    """
    phi = np.abs(unit(shown - shown.mean(0)).T @ unit(others - others.mean(0)))  # (K, K')
    if len(phi) <= phi.shape[1]:
        matched, theirs = np.arange(len(phi)), best_assignment(phi)
    else:
        matched, theirs = best_assignment(phi.T), np.arange(phi.shape[1])
    indices, agreed = np.zeros(len(phi), dtype=np.int64), np.zeros(len(phi))
    indices[matched], agreed[matched] = theirs, phi[matched, theirs]
    return indices, agreed


def two_digits(phi: float) -> str:
    """Round a share down to two digits, so that it never reads as if it reached a threshold that it does not."""
    return f"{math.floor(100 * phi + 1e-6) / 100:.2f}"

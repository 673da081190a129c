"""Finding axes: in one basis or another, for a run and for the members its axes are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from embedcli.analysis.choices import Basis, Rotation
from embedcli.errors import UsageError
from embedcli.evidence.bases import most_rated, preference_basis, principal_axes, side_by_side
from embedcli.run.record import ComponentTest, Run

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

STABLE, SHAKY = 0.95, 0.85  # least |Tucker's phi|; Lorenzo-Seva and ten Berge 2006
VARIMAX_ROUNDS = 100
SMALLEST_VARIANCE = 1e-12  # of all components together, in squared logits: less is rounding


@dataclass(frozen=True)
class ComponentFinder:
    """One way to find components, for the run itself and for the members its components are held against."""

    run: Run
    rows: Rows
    n_components: int
    basis: Basis
    rotation: Rotation

    def of_run(self) -> tuple[Floats, Floats]:
        """Return coordinates (I, K) of all items on the components, the largest first, and their shares (K,)."""
        if self.basis is Basis.PCA:
            coordinates, variances = _pca(self.run.array("item_factors"), self.rows)
        else:
            coordinates, variances = self._preference(slice(None))
        if coordinates.shape[1] < self.n_components:
            raise UsageError(
                f"--components {self.n_components} are more than the {coordinates.shape[1]} of this basis",
                f"give --components {coordinates.shape[1]} or fewer",
            )
        if not variances.sum() > SMALLEST_VARIANCE:
            raise UsageError(
                "these components do not vary: there is nothing to take apart",
                "train on more users and items, or with a lower --weight-decay",
            )
        shares = variances[: self.n_components] / variances.sum()
        coordinates = coordinates[:, : self.n_components]
        if self.rotation is Rotation.NONE:
            return coordinates, shares
        turned = self._turn(coordinates)
        spread = turned[self.rows].var(0)
        order = np.argsort(-spread, kind="stable")
        return turned[:, order], shares.sum() * spread[order] / spread.sum()

    def of_members(self) -> list[Floats]:
        """Return the components (n, K') of each member alone, or nothing for a single member."""
        n_members = self.run.n_members
        if n_members < 2:
            return []
        if self.basis is Basis.PCA:
            return self._each([_pca(member[None], self.rows)[0] for member in self.run.array("item_factors")])
        return self._each([self._preference(slice(m, m + 1))[0] for m in range(n_members)])

    def of_folds(self) -> list[Floats]:
        """Return the components (n, K') of each member that left out a fold, or nothing where there is none."""
        name = "fold_item_factors" if self.basis is Basis.PCA else "fold_axes"
        if name not in self.run.arrays:
            return []
        arrays = self.run.array(name)
        if self.basis is Basis.PCA:
            return self._each([_pca(member[None], self.rows)[0] for member in arrays])
        return self._each(list(arrays.astype(np.float64)))

    def tests(self, shown: Floats) -> list[ComponentTest | None]:
        """Return the run's test of each component shown (n, K): that of its counterpart among the tested ones.

        Those are of the same basis, over the most rated items. A component without a counterpart (|phi| below
        SHAKY), and one that was rotated, has not been tested.
        """
        evidence = self.run.training.evidence
        if evidence is None or self.rotation is not Rotation.NONE:
            return [None] * self.n_components
        if self.basis is Basis.PREFERENCE:
            return [*evidence.tests, *[None] * self.n_components][: self.n_components]
        tests = evidence.pca_tests
        tested = _pca(self.run.array("item_factors"), most_rated(self.run.item_stats.n_ratings))[0]
        counterpart, phi = match(shown, tested[self.rows, : len(tests)])
        return [tests[j] if agreed >= SHAKY else None for j, agreed in zip(counterpart, phi, strict=True)]

    def _preference(self, members: slice) -> tuple[Floats, Floats]:
        """Return coordinates (I, R) and variances (R,) in the preference basis of some members, averaged.

        A coordinate is what the component adds to the logit of a user one standard deviation out on it.
        """
        users, items = (self.run.array(name)[members] for name in ("user_factors", "item_factors"))
        n_users, n_items = self.run.user_stats.n_ratings, self.run.item_stats.n_ratings
        rank = users.shape[2]
        _, s, v = preference_basis(side_by_side(users) / len(users), side_by_side(items), n_users, n_items, rank)
        return v * s[: v.shape[1]] / np.sqrt(n_users.sum()), s**2

    def _each(self, found: list[Floats]) -> list[Floats]:
        kept = [coordinates[:, : self.n_components] if self._turns else coordinates for coordinates in found]
        return [(self._turn(coordinates) if self._turns else coordinates)[self.rows] for coordinates in kept]

    @property
    def _turns(self) -> bool:
        return self.rotation is Rotation.VARIMAX

    def _turn(self, coordinates: Floats) -> Floats:
        return coordinates @ varimax(coordinates[self.rows])


def varimax(scores: Floats) -> Floats:
    """Return the rotation (K, K) of scores (n, K) that makes the variance of their squares largest (Kaiser 1958)."""
    scores = scores - scores.mean(0)
    rotation, reached = np.eye(scores.shape[1]), 0.0
    for _ in range(VARIMAX_ROUNDS):
        turned = scores @ rotation
        left, s, right = np.linalg.svd(scores.T @ (turned**3 - turned * (turned**2).mean(0)))
        rotation = left @ right
        if s.sum() <= reached * (1 + 1e-8):
            break
        reached = s.sum()
    return rotation


def _pca(factors: NDArray[np.float32], rows: Rows) -> tuple[Floats, Floats]:
    """Return coordinates (I, K) and variances (K,) of the PCA over some rows of factors (M, I, k)."""
    centred = factors.astype(np.float64)
    centred -= centred[:, rows].mean(1, keepdims=True)
    every = side_by_side(centred)
    if not every[rows].var(0).sum() > SMALLEST_VARIANCE:
        return every, np.zeros(every.shape[1])
    axes, variances = principal_axes(every[rows])
    return every @ axes / np.sqrt(len(factors)), variances


def agreement(shown: Floats, others: list[Floats]) -> list[float | None]:
    """Return, per component of shown (n, K), the mean |Tucker's phi| with its match in each of the others."""
    if not others:
        return [None] * shown.shape[1]
    found = np.mean([match(shown, other)[1] for other in others], axis=0)
    most = min(other.shape[1] for other in others)  # of the rest there is nothing to match
    return [float(phi) if j < most else None for j, phi in enumerate(found)]


def match(shown: Floats, others: Floats) -> tuple[Rows, Floats]:
    """Match components so that the sum of |Tucker's phi| is largest (Hungarian assignment) -> (which, |phi|)."""
    phi = np.abs(_unit(shown).T @ _unit(others))  # (K, K')
    mine, theirs = linear_sum_assignment(-phi)
    found, agreed = np.zeros(len(phi), dtype=np.int64), np.zeros(len(phi))
    found[mine], agreed[mine] = theirs, phi[mine, theirs]  # with fewer others, some stay without a match: 0
    return found, agreed


def _unit(columns: Floats) -> Floats:
    centred = columns - columns.mean(0)
    length = np.linalg.norm(centred, axis=0)
    unit: Floats = centred / np.where(length > 0, length, 1)
    return unit

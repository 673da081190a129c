"""The axes along which the item embeddings spread: which are real, how stable, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import skew
from sklearn.decomposition import PCA

from embedcli.analysis.choices import Basis, Beyond, Rotation
from embedcli.analysis.effects import Candidates, Effect, beyond_quality, names, test
from embedcli.errors import UsageError
from embedcli.run.preference import TOP_ITEMS, most_rated, preference_basis, side_by_side
from embedcli.run.record import ComponentTest, Evidence, Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

CLEAR_SIGN = 0.1  # |correlation with the mean rating| from which it decides which pole is +
STABLE, SHAKY = 0.95, 0.85  # least |Tucker's phi|; Lorenzo-Seva and ten Berge 2006
VARIMAX_ROUNDS = 100


@dataclass(frozen=True)
class PoleItem:
    """An item near a pole; `score` is its coordinate on the component."""

    title: str
    score: float
    n_ratings: int
    mean_rating: float | None
    year: int | None
    id: str


@dataclass(frozen=True)
class Component:
    """One axis of the items.

    `share` is its share of the variance of the basis. `test` says whether it predicts ratings the training has not
    seen, None where that was not tested. `stability` is the mean |Tucker's phi| with its match in members that left
    out a fold of the ratings each, `agreement` the same in members that differ by seed only, which is no evidence of
    its own: noise in shared ratings is shared. Only a component that is real and stable is named; `unnamed` says
    what another one lacks.
    """

    component: int
    share: float
    test: ComponentTest | None
    stability: float | None
    agreement: float | None
    unnamed: str | None
    positive_name: tuple[str, ...]
    negative_name: tuple[str, ...]
    effects: tuple[Effect, ...]
    positive: tuple[PoleItem, ...]
    negative: tuple[PoleItem, ...]

    @property
    def stability_word(self) -> str:
        """Say in a word how stable the component is."""
        if self.stability is None:
            return "not tested"
        return "stable" if self.stability >= STABLE else "shaky" if self.stability >= SHAKY else "unstable"


@dataclass(frozen=True)
class Components:
    """Axes found over `n_items` items, and every item's coordinates on them.

    `evidence` is the run's on all tested components, None where there is none.
    """

    components: tuple[Component, ...]
    basis: Basis
    rotation: Rotation
    beyond: Beyond
    n_items: int
    n_members: int
    items: str  # which items, in words
    evidence: Evidence | None
    scores: Floats  # (I, K) coordinates of all items of the run
    rows: Rows  # (n_items,) the row numbers of the items looked at

    @property
    def tested(self) -> Sequence[ComponentTest]:
        """The tests of all components of this basis, also of those that are not shown."""
        if self.evidence is None:
            return ()
        return self.evidence.pca_tests if self.basis is Basis.PCA else self.evidence.tests

    def to_frame(self) -> pd.DataFrame:
        """Return the items at the poles as one table, a row per component, pole and item."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"component": c.component, "share": c.share, "pole": sign, **vars(item)}
                for c in self.components
                for sign, pole in (("+", c.positive), ("-", c.negative))
                for item in pole
            ]
        )


def pca(
    run: Run,
    *,
    n_components: int = 3,
    limit: int = 5,
    min_ratings: int | None = None,
    top_items: int | None = None,
    basis: Basis = Basis.PCA,
    rotation: Rotation = Rotation.NONE,
    beyond: Beyond = Beyond.NOTHING,
) -> Components:
    """Find the axes along which the items spread most, with the evidence for each, and what goes with it.

    `Basis.PCA` is scikit-learn's PCA of the item factors, each member centred, all members side by side
    (n_items, M k): with one member the lesson's method (Howard and Gugger 2020, chapter 8), with several a
    consensus that no rotation of a member's factors can change. `Basis.PREFERENCE` are the axes of the predicted
    preferences themselves. The + pole of a component is that of the higher mean rating, or where that hardly
    differs, of the longer tail. `Rotation.VARIMAX` turns the components so that each item stands out on few of them
    (Kaiser 1958); `Beyond.QUALITY` takes out what bias, log n and year explain, and tests the tags on the rest.

    The items are those with at least `min_ratings` ratings, of these the `top_items` most rated; by default
    the 1,000 most rated. `limit` items are returned per pole.

    Raises UsageError where the components or items asked for are not there, RunError where the run lacks arrays.
    """
    n_factors = run.array("item_factors").shape[2]
    rows, described = select(run, min_ratings, top_items)
    check(n_components, limit, n_factors, len(rows))
    finder = _Finder(run, rows, n_components, basis, rotation)
    coordinates, shares = finder.of_run()
    coordinates *= [_sign(score, run.item_seen.mean_rating[rows]) for score in coordinates[rows].T]
    shown = coordinates[rows]
    candidates = Candidates.of(run, rows)
    if beyond is Beyond.QUALITY:
        shown = beyond_quality(candidates, shown)
    effects = test(candidates, shown)
    stability = _agreement(coordinates[rows], finder.of_folds())
    agreement = _agreement(coordinates[rows], finder.of_members())
    tests = finder.tests(coordinates[rows])
    found = []
    for j in range(n_components):
        lacking = _lacking(tests[j], stability[j])
        told = tuple(effect for effect in effects[j] if beyond is Beyond.NOTHING or effect.kind == "tag")
        order = np.argsort(shown[:, j], kind="stable")
        lowest, highest = (
            tuple(_pole_item(run, int(rows[at]), float(shown[at, j])) for at in end[:limit])
            for end in (order, order[::-1])
        )
        found.append(
            Component(
                component=j + 1,
                share=float(shares[j]),
                test=tests[j],
                stability=stability[j],
                agreement=agreement[j],
                unnamed=lacking,
                positive_name=() if lacking else names(told)[0],
                negative_name=() if lacking else names(told)[1],
                effects=told,
                positive=highest,
                negative=lowest,
            )
        )
    return Components(
        components=tuple(found),
        basis=basis,
        rotation=rotation,
        beyond=beyond,
        n_items=len(rows),
        n_members=run.n_members,
        items=described,
        evidence=run.training.evidence,
        scores=coordinates,
        rows=rows,
    )


def select(run: Run, min_ratings: int | None, top_items: int | None) -> tuple[Rows, str]:
    """Return (the row numbers of the items to look at, the most rated first; which they are, in words)."""
    if top_items is not None and top_items < 1:
        raise UsageError(f"--top-items {top_items} is below 1", "give a number of items, such as 1000")
    if min_ratings is not None and min_ratings < 0:
        raise UsageError(f"--min-ratings {min_ratings} is below 0", "give 0 for all, or a number such as 10")
    n, noun = run.item_seen.n_ratings, f"{run.data.noun}s"
    enough = most_rated(n, len(n), 1 if min_ratings is None else min_ratings)
    order = enough[: top_items or TOP_ITEMS] if min_ratings is None or top_items is not None else enough
    if min_ratings is None or len(order) < len(enough):
        return order, f"the {len(order):,} most rated {noun}"
    return order, f"{len(order):,} {noun} with at least {min_ratings} ratings"


def check(n_components: int, limit: int, n_factors: int, n_items: int) -> None:
    """Raise UsageError where so many components, or items per pole, cannot be shown."""
    most = min(n_factors, n_items - 1)
    if most < 1:
        raise UsageError(f"{n_items} items are too few for a component", "lower --min-ratings or raise --top-items")
    if not 1 <= n_components <= most:
        why = f"the run has {n_factors} factors" if n_factors == most else f"only {n_items} items are looked at"
        raise UsageError(
            f"--components {n_components} is not from 1 to {most}: {why}", f"give --components {min(3, most)}"
        )
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of items per pole, such as -n 5")


@dataclass(frozen=True)
class _Finder:
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
        name = "resampled_item_factors" if self.basis is Basis.PCA else "resampled_axes"
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
        tested = _pca(self.run.array("item_factors"), most_rated(self.run.item_seen.n_ratings))[0]
        match, phi = _match(shown, tested[self.rows, : len(tests)])
        return [tests[j] if agreed >= SHAKY else None for j, agreed in zip(match, phi, strict=True)]

    def _preference(self, members: slice) -> tuple[Floats, Floats]:
        """Return coordinates (I, R) and variances (R,) in the preference basis of some members, averaged.

        A coordinate is what the component adds to the logit of a user one standard deviation out on it.
        """
        users, items = (self.run.array(name)[members] for name in ("user_factors", "item_factors"))
        n_users, n_items = self.run.user_seen.n_ratings, self.run.item_seen.n_ratings
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
    """Return coordinates (I, K) and variances (K,) of scikit-learn's PCA over some rows of factors (M, I, k)."""
    centred = factors.astype(np.float64)
    centred -= centred[:, rows].mean(1, keepdims=True)
    every = side_by_side(centred)
    fitted = PCA(svd_solver="full").fit(every[rows])
    return fitted.transform(every) / np.sqrt(len(factors)), fitted.explained_variance_


def _agreement(shown: Floats, others: list[Floats]) -> list[float | None]:
    """Return, per component of shown (n, K), the mean |Tucker's phi| with its match in each of the others."""
    if not others:
        return [None] * shown.shape[1]
    return [float(phi) for phi in np.mean([_match(shown, other)[1] for other in others], axis=0)]


def _match(shown: Floats, others: Floats) -> tuple[Rows, Floats]:
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


def _lacking(test: ComponentTest | None, stability: float | None) -> str | None:
    """Say why a component is not named; None if it is real and stable."""
    if test is None:
        return "it was not tested on ratings left out"
    if not test.real:
        return f"it does not predict ratings left out (t {test.t:.1f}, slope {test.slope:.2f})"
    if stability is None:
        return "its stability was not tested"
    if stability < STABLE:
        word = "shaky" if stability >= SHAKY else "unstable"
        return f"it is {word} over members trained on parts of the ratings (phi {stability:.2f})"
    return None


def _sign(scores: Floats, mean_rating: Floats) -> float:
    rated = np.isfinite(mean_rating)
    varies = rated.sum() > 1 and np.ptp(scores[rated]) > 0 and np.ptp(mean_rating[rated]) > 0
    r = np.corrcoef(scores[rated], mean_rating[rated])[0, 1] if varies else 0.0
    return -1.0 if (r if abs(r) >= CLEAR_SIGN else skew(scores)) < 0 else 1.0


def _pole_item(run: Run, row: int, score: float) -> PoleItem:
    n, mean = int(run.item_seen.n_ratings[row]), float(run.item_seen.mean_rating[row])
    return PoleItem(run.items.titles[row], score, n, mean if n else None, run.items.years[row], run.items.ids[row])

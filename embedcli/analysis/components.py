"""The axes along which the item embeddings spread: which are real, how stable, and what goes with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import skew

from embedcli.analysis.axes import SHAKY, STABLE, ComponentFinder, Floats, Rows, agreement
from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.analysis.effects import Candidates, Effect, beyond_quality, names, test
from embedcli.analysis.selection import check_limit, most_rated_first
from embedcli.errors import UsageError
from embedcli.run.record import ComponentTest, Evidence, Run

if TYPE_CHECKING:
    import pandas as pd

CLEAR_SIGN = 0.1  # |correlation with the mean rating| from which it decides which pole is +


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
        return _word(self.stability)


@dataclass(frozen=True)
class Components:
    """Axes found over `n_items` items, and every item's coordinates on them.

    `evidence` is the run's on all tested components, None where there is none.
    """

    components: tuple[Component, ...]
    basis: Basis
    rotation: Rotation
    partial_out: PartialOut
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
    partial_out: PartialOut = PartialOut.NOTHING,
) -> Components:
    """Find the axes along which the items spread most, with the evidence for each, and what goes with it.

    `Basis.PCA` is scikit-learn's PCA of the item factors, each member centred, all members side by side
    (n_items, M k): with one member the lesson's method (Howard and Gugger 2020, chapter 8), with several a
    consensus that no rotation of a member's factors can change. `Basis.PREFERENCE` are the axes of the predicted
    preferences themselves. The + pole of a component is that of the higher mean rating, or where that hardly
    differs, of the longer tail. `Rotation.VARIMAX` turns the components so that each item stands out on few of them
    (Kaiser 1958); `PartialOut.QUALITY` takes out what bias, log n and year explain: shares, stability, poles and tags
    are then those of the rest, the test on ratings left out and `scores` those of the whole component.

    The items are those with at least `min_ratings` ratings, of these the `top_items` most rated; by default
    the 1,000 most rated. `limit` items are returned per pole.

    Raises UsageError where the components or items asked for are not there, RunError where the run lacks arrays.
    """
    n_factors = run.shape("item_factors")[2]
    rows, described = most_rated_first(run, min_ratings, top_items)
    check(n_components, limit, n_factors, len(rows))
    finder = ComponentFinder(run, rows, n_components, basis, rotation)
    coordinates, shares = finder.of_run()
    coordinates *= [_sign(score, run.item_stats.mean_rating[rows]) for score in coordinates[rows].T]
    shown, folds, members = coordinates[rows], finder.of_folds(), finder.of_members()
    candidates = Candidates.of(run, rows)
    if partial_out is PartialOut.QUALITY:
        left, *others = (beyond_quality(candidates, scores) for scores in (shown, *folds, *members))
        shares = shares * left.var(0) / shown.var(0)
        shown, folds, members = left, others[: len(folds)], others[len(folds) :]
    effects = test(candidates, shown)
    stability, agreed = agreement(shown, folds), agreement(shown, members)
    tests = finder.tests(coordinates[rows])
    found = []
    for j in range(n_components):
        lacking = _lacking(tests[j], stability[j])
        told = tuple(effect for effect in effects[j] if partial_out is PartialOut.NOTHING or effect.kind == "tag")
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
                agreement=agreed[j],
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
        partial_out=partial_out,
        n_items=len(rows),
        n_members=run.n_members,
        items=described,
        evidence=run.training.evidence,
        scores=coordinates,
        rows=rows,
    )


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
    check_limit(limit, "items per pole")


def _lacking(test: ComponentTest | None, stability: float | None) -> str | None:
    """Say why a component is not named; None if it is real and stable."""
    if test is None:
        return "it was not tested on held-out ratings"
    if not test.real:
        verdict = "it predicts held-out ratings, but claims too much" if test.predicts else "it does not predict"
        return f"{verdict} (t {test.t:.1f}, slope {test.slope:.2f})"
    if stability is None:
        return "its stability was not tested"
    if stability < STABLE:
        return f"it is {_word(stability)} over members trained on parts of the ratings (phi {two_digits(stability)})"
    return None


def _word(stability: float) -> str:
    return "stable" if stability >= STABLE else "shaky" if stability >= SHAKY else "unstable"


def two_digits(phi: float) -> str:
    """Write a share cut to two digits, so that what is below a threshold never reads as if it reached it."""
    return f"{math.floor(100 * phi + 1e-6) / 100:.2f}"


def _sign(scores: Floats, mean_rating: Floats) -> float:
    rated = np.isfinite(mean_rating)
    varies = rated.sum() > 1 and np.ptp(scores[rated]) > 0 and np.ptp(mean_rating[rated]) > 0
    r = np.corrcoef(scores[rated], mean_rating[rated])[0, 1] if varies else 0.0
    return -1.0 if (r if abs(r) >= CLEAR_SIGN else skew(scores)) < 0 else 1.0


def _pole_item(run: Run, row: int, score: float) -> PoleItem:
    n, mean = int(run.item_stats.n_ratings[row]), run.item_stats.mean_of(row)
    return PoleItem(run.items.titles[row], score, n, mean, run.items.years[row], run.items.ids[row])

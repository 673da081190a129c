"""The components along which the item embeddings spread: which are real, how stable, and what goes with them."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from embedcli.analysis.choices import Basis, PartialOut, Rotation, chosen
from embedcli.analysis.components import STABLE, ComponentFinder, agreement, stability_word, two_digits
from embedcli.analysis.effects import THRESHOLD, Candidates, Effect, effects_of, names, without_quality
from embedcli.analysis.record import PYTHON_ONLY, Record
from embedcli.analysis.selection import check_limit, item_records, most_rated_first, pearson
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.run.record import ComponentTest, Evidence, Run

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
    """One component of the items, named if it is real and stable; `unnamed` says why another one is not.

    `share` is its share of the variance of the basis. `verdict` to `real` are those of its test on held-out ratings,
    None if it was not tested. `stability` is the mean |Tucker's phi| with its match in members that left out a fold
    of the ratings each. `agreement` is that of members that differ by seed only: no evidence, for they share noise.
    """

    component: int
    share: float
    verdict: str | None
    t: float | None
    slope: float | None
    predicts: bool | None
    real: bool | None
    goes_with: str | None
    stability: float | None
    stability_word: str
    agreement: float | None
    unnamed: str | None
    positive_name: tuple[str, ...]
    negative_name: tuple[str, ...]
    effects: tuple[Effect, ...]
    positive: tuple[PoleItem, ...]
    negative: tuple[PoleItem, ...]

    @property
    def poles(self) -> str | None:
        """The names of both poles; None for a component without a name."""
        names = (", ".join(pole) for pole in (self.positive_name, self.negative_name))
        return " | ".join(names) if self.unnamed is None else None


@dataclass(frozen=True)
class Components(Record):
    """Components found over `n_items` items, and the coordinates of all items on them.

    `n_real` of the `n_tested` components of this basis are real, whether they are shown or not; `n_sign_flips` is the
    number by a second method. All three are None if the run has no evidence.
    """

    basis: Basis
    rotation: Rotation
    partial_out: PartialOut
    n_items: int
    n_members: int
    items: str  # which items, in words
    effect_threshold: float
    n_tested: int | None
    n_real: int | None
    n_sign_flips: int | None
    components: tuple[Component, ...]
    evidence: Annotated[Evidence | None, PYTHON_ONLY]
    scores: Annotated[Floats, PYTHON_ONLY]  # (I, K) coordinates of all items of the run
    item_rows: Annotated[Rows, PYTHON_ONLY]  # (n_items,) row numbers of the items that were analysed

    def rows(self) -> list[dict[str, Any]]:
        """Return the items at the poles as one table, a row per component, pole and item."""
        shared = ("component", "share", "real", "t", "slope", "stability", "agreement")
        return [
            {
                **{name: getattr(component, name) for name in shared},
                "pole": sign,
                "name": ", ".join(name),
                "rank": rank,
                **vars(pole_item),
            }
            for component in self.components
            for sign, name, pole in (
                ("+", component.positive_name, component.positive),
                ("-", component.negative_name, component.negative),
            )
            for rank, pole_item in enumerate(pole, 1)
        ]


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
    """Find the components along which the items spread most, with the evidence for each, and what goes with it.

    The items are those with at least `min_ratings` ratings, of these the `top_items` most rated; by default the 1,000
    most rated. `limit` items are returned per pole; the + pole is that with the higher mean rating, or if that hardly
    differs, the longer tail. `PartialOut.QUALITY` changes shares, stability, poles and tags, not the test and `scores`.

    Raises UsageError if the run has fewer components or items, RunError if it lacks arrays.
    """
    basis, rotation = chosen(Basis, basis, "basis"), chosen(Rotation, rotation, "rotation")
    partial_out = chosen(PartialOut, partial_out, "partial_out")
    rows, described = most_rated_first(run, min_ratings, top_items)
    _check(n_components, limit, run.shape("item_factors")[2], len(rows))
    finder = ComponentFinder(run, rows, n_components, basis, rotation)
    coordinates, shares = finder.of_run()
    coordinates *= [_sign(scores, run.item_stats.mean_rating[rows]) for scores in coordinates[rows].T]
    evidence = run.training.evidence
    tests = None if evidence is None else evidence.pca_tests if basis is Basis.PCA else evidence.tests
    return Components(
        basis=basis,
        rotation=rotation,
        partial_out=partial_out,
        n_items=len(rows),
        n_members=run.n_members,
        items=described,
        effect_threshold=THRESHOLD,
        n_tested=None if tests is None else len(tests),
        n_real=None if tests is None else sum(test.real for test in tests),
        n_sign_flips=None if evidence is None else evidence.n_sign_flips,
        components=_components(finder, coordinates[rows], shares, partial_out, limit),
        evidence=evidence,
        scores=coordinates,
        item_rows=rows,
    )


def _check(n_components: int, limit: int, n_factors: int, n_items: int) -> None:
    """Raise UsageError if there are fewer components, or if `limit` is below 1."""
    most = min(n_factors, n_items - 1)
    if most < 1:
        raise UsageError(f"{n_items} items are too few for a component", "lower `min_ratings` or raise `top_items`")
    if not 1 <= n_components <= most:
        why = f"the run has {n_factors} factors" if n_factors == most else f"only {n_items} items pass the filter"
        raise UsageError(
            f"`n_components` {n_components} is not from 1 to {most}: {why}", f"give `n_components` {min(3, most)}"
        )
    check_limit(limit, "items per pole")


def _components(
    finder: ComponentFinder, scores: Floats, shares: Floats, partial_out: PartialOut, limit: int
) -> tuple[Component, ...]:
    """Return the components with coordinates `scores` (n, K), each with its evidence, effects, name and poles."""
    tests, folds, members = finder.tests(scores), finder.of_folds(), finder.of_members()
    candidates = Candidates.of(finder.run, finder.rows)
    if partial_out is PartialOut.QUALITY:
        left = without_quality(candidates, scores)
        shares = shares * left.var(0) / scores.var(0)
        scores = left
        folds, members = ([without_quality(candidates, other) for other in others] for others in (folds, members))
    figures = (tests, shares.tolist(), agreement(scores, folds), agreement(scores, members))
    by_component = zip(scores.T, effects_of(candidates, scores), *figures, strict=True)
    components = []
    for j, (own_scores, effects, test, share, stability, agreed) in enumerate(by_component, 1):
        shown = {"component": j, "share": share, "stability": stability, "agreement": agreed}
        if partial_out is PartialOut.QUALITY:
            effects = tuple(effect for effect in effects if effect.kind == "tag")
        components.append(_component(finder, own_scores, effects, test, limit, shown))
    return tuple(components)


def _component(
    finder: ComponentFinder,
    scores: Floats,
    effects: tuple[Effect, ...],
    test: ComponentTest | None,
    limit: int,
    figures: dict[str, Any],
) -> Component:
    """Return one component, with its name if it is real and stable; `figures` are further fields."""
    unnamed = _why_unnamed(test, figures["stability"])
    positive_name, negative_name = ((), ()) if unnamed else names(effects)
    order = np.argsort(scores, kind="stable")
    figures |= dict.fromkeys(("t", "slope", "predicts", "real", "goes_with")) if test is None else vars(test)
    return Component(
        **figures,
        verdict=None if test is None else test.verdict,
        stability_word=stability_word(figures["stability"]),
        unnamed=unnamed,
        positive_name=positive_name,
        negative_name=negative_name,
        effects=effects,
        positive=_pole(finder, scores, order[::-1][:limit]),
        negative=_pole(finder, scores, order[:limit]),
    )


def _pole(finder: ComponentFinder, scores: Floats, indices: Rows) -> tuple[PoleItem, ...]:
    run, rows = finder.run, finder.rows[indices]
    return item_records(run, PoleItem, rows, score=scores[indices], year=[run.items.years[row] for row in rows])


def _why_unnamed(test: ComponentTest | None, stability: float | None) -> str | None:
    """Say why a component is not named; None if it is real and stable."""
    if test is None:
        return "it was not tested on held-out ratings"
    if test.goes_with is not None:
        return f"it {test.verdict} (t {test.t:.1f}, slope {test.slope:.2f})"
    if not test.real:
        verdict = "it predicts held-out ratings, but claims too much" if test.predicts else "it does not predict"
        return f"{verdict} (t {test.t:.1f}, slope {test.slope:.2f})"
    if stability is None:
        return "its stability was not tested"
    if stability < STABLE:
        phi = f"phi {two_digits(stability)}"
        return f"it is {stability_word(stability)} over members trained on parts of the ratings ({phi})"
    return None


def _sign(scores: Floats, mean_rating: Floats) -> float:
    """Return 1 or -1: times the scores (n,), the pole of the better rated items is +."""
    rated = np.isfinite(mean_rating)
    r = pearson(scores[rated], mean_rating[rated]) or 0.0
    return -1.0 if (r if abs(r) >= CLEAR_SIGN else ((scores - scores.mean()) ** 3).mean()) < 0 else 1.0

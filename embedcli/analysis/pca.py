"""The components along which the item embeddings spread: which are real and true, and what goes with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from embedcli.analysis.choices import Basis, PartialOut, Rotation, chosen
from embedcli.analysis.components import ComponentFinder, two_digits
from embedcli.analysis.effects import MIXED, THRESHOLD, Candidates, Effect, effects_of, names, without_quality
from embedcli.analysis.poles import PoleItem, poles, sign
from embedcli.analysis.record import PYTHON_ONLY, Record, Row, Tone, Verdict
from embedcli.analysis.selection import check_limit, most_rated_first
from embedcli.analysis.tastes import TagTastes, TasteCard, tastes
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.halves import truth_agreement
from embedcli.run.record import ComponentTest, Evidence, Run

LEAST_TRUTH_PHI = 0.88  # of a component that is named: the true one is then .85 or more in 9 of 10 planted worlds
OF_TASTES = ("p", "z", "halves", "r")  # figures of an axis of tastes that a component has not
N_LEADING = 20  # components that an axis of tastes is expressed by
EXAMPLES = 3  # items of a pole that Python shows


@dataclass(frozen=True)
class Component:
    """One component of the items, named if it is real and agrees with the truth; `unnamed` says why it is not.

    `share` is its share of the variance of the basis. `verdict` to `real` are those of its test on held-out ratings,
    None if it was not tested. `truth_phi` estimates its |Tucker's phi| with the truth, with a standard error of
    `truth_phi_error`, from members on disjoint halves of the users; both are None without such members.
    """

    component: int
    share: float
    verdict: str | None
    t: float | None
    slope: float | None
    predicts: bool | None
    real: bool | None
    goes_with: str | None
    truth_phi: float | None
    truth_phi_error: float | None
    unnamed: str | None
    positive_name: tuple[str, ...]
    negative_name: tuple[str, ...]
    effects: tuple[Effect, ...]
    positive: tuple[PoleItem, ...]
    negative: tuple[PoleItem, ...]

    @property
    def judged(self) -> Verdict:
        """What the evidence says of the component."""
        if self.verdict is None:
            return Verdict(Tone.NONE, "not tested")
        evidence = f"t {self.t:.1f}, slope {self.slope:.2f}"
        if self.truth_phi is not None:
            evidence += f", agreement with the truth about {two_digits(self.truth_phi)}"
        if not self.real:
            return Verdict(Tone.CAUTION if self.predicts else Tone.NONE, self.verdict, evidence)
        if self.truth_phi is None:
            return Verdict(Tone.CAUTION, "real, stability not known", evidence)
        if self.truth_phi < LEAST_TRUTH_PHI:
            return Verdict(Tone.CAUTION, "real, but not stable", f"{evidence}, below {LEAST_TRUTH_PHI:g}")
        return Verdict(Tone.GOOD, "real and stable", evidence)

    @property
    def has_name(self) -> bool:
        """Whether one of the poles has a name: one that is real and stable may have none, if nothing goes with it."""
        return self.unnamed is None and not self.positive_name == self.negative_name == (MIXED,)

    @property
    def poles(self) -> str | None:
        """The names of both poles; None for a component without a name."""
        names = (", ".join(pole) for pole in (self.positive_name, self.negative_name))
        return " | ".join(names) if self.has_name else None


@dataclass(frozen=True)
class Components(Record):
    """Components found over `n_items` items, and the coordinates of all items on them.

    `n_real` of the `n_tested` components of this basis are real, whether they are shown or not; `n_sign_flips` is the
    number by a second method. All three are None if the run has no evidence. `tastes` is None if it has no tags.
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
    tastes: TagTastes | None
    evidence: Annotated[Evidence | None, PYTHON_ONLY]
    scores: Annotated[Floats, PYTHON_ONLY]  # (I, K) coordinates of all items of the run
    item_rows: Annotated[Rows, PYTHON_ONLY]  # (n_items,) row numbers of the items that were analysed

    def _findings(self) -> Iterator[tuple[str, str]]:
        components: list[Component | TasteCard] = list(self.components)
        tastes: list[Component | TasteCard] = list(self.tastes.cards if self.tastes else ())
        for kind, axes in (("component", components), ("taste", tastes)):
            for number, axis in enumerate(axes, 1):
                yield f"{kind} {number}, {100 * axis.share:.1f} %", str(axis.judged)
                for mark, named, items in (
                    ("+", axis.positive_name, axis.positive),
                    ("-", axis.negative_name, axis.negative),
                ):
                    yield f"  {mark} {', '.join(named)}".rstrip(), "; ".join(item.title for item in items[:EXAMPLES])

    def _first(self, rows: Sequence[Row]) -> list[Row]:
        return []  # the findings say more

    def rows(self) -> list[dict[str, Any]]:
        """Return the items at the poles as one table, a row per component (or axis of tastes), pole and item."""
        shared = ("component", "taste", "share", "real", "t", "slope", "truth_phi", "truth_phi_error", *OF_TASTES)
        axes: list[Component | TasteCard] = [*self.components, *(self.tastes.cards if self.tastes else ())]
        rows = []
        for axis in axes:
            of_axis = {name: getattr(axis, name, None) for name in shared}
            for pole, name, items in (
                ("+", axis.positive_name, axis.positive),
                ("-", axis.negative_name, axis.negative),
            ):
                of_pole = {**of_axis, "pole": pole, "name": ", ".join(name)}
                rows += [{**of_pole, "rank": rank, **vars(pole_item)} for rank, pole_item in enumerate(items, 1)]
        return rows


def pca(
    run: Run,
    *,
    components: int = 3,
    limit: int = 5,
    min_ratings: int | None = None,
    top_items: int | None = None,
    basis: str = Basis.PCA.value,
    rotate: str = Rotation.NONE.value,
    partial_out: str = PartialOut.NOTHING.value,
    with_numbers: bool = False,
) -> Components:
    """Find the components along which the items spread most, with the evidence for each, and what goes with it.

    The items are those with at least `min_ratings` ratings, of these the `top_items` most rated; by default the 1,000
    most rated. `limit` items are returned per pole; the + pole is that with the higher mean rating, or if that hardly
    differs, the longer tail. The axes of tastes were found at training; `with_numbers` takes those with year, bias and
    log n as further words. `PartialOut.QUALITY` changes shares, agreement with the truth, poles and tags, not the test
    and `scores`.

    Raises UsageError if the run has fewer components or items, RunError if it lacks arrays.
    """
    basis, rotation = chosen(Basis, basis, "basis"), chosen(Rotation, rotate, "rotate")
    partial_out = chosen(PartialOut, partial_out, "partial_out")
    rows, described = most_rated_first(run, min_ratings, top_items)
    _check(components, limit, run.shape("item_factors")[2], len(rows))
    finder = ComponentFinder(run, rows, components, basis, rotation)
    coordinates, shares = finder.of_run()
    coordinates *= [sign(scores, run.item_stats.mean_rating[rows]) for scores in coordinates[rows].T]
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
        tastes=tastes(run, rows, finder.leading(N_LEADING), with_numbers=with_numbers, limit=limit),
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
            f"`components` {n_components} is not from 1 to {most}: {why}", f"give `components` {min(3, most)}"
        )
    check_limit(limit, "items per pole")


def _components(
    finder: ComponentFinder, scores: Floats, shares: Floats, partial_out: PartialOut, limit: int
) -> tuple[Component, ...]:
    """Return the components with coordinates `scores` (n, K), each with its evidence, effects, name and poles."""
    tests, halves = finder.tests(scores), finder.of_halves()
    candidates = Candidates.of(finder.run, finder.rows)
    if partial_out is PartialOut.QUALITY:
        left = without_quality(candidates, scores)
        shares = shares * left.var(0) / scores.var(0)
        scores, halves = left, [without_quality(candidates, half) for half in halves]
    agreed = truth_agreement(scores, halves, finder.run.item_stats.n_ratings[finder.rows])
    by_component = zip(scores.T, effects_of(candidates, scores), tests, shares.tolist(), agreed, strict=True)
    components = []
    for j, (own_scores, effects, test, share, (phi, error)) in enumerate(by_component, 1):
        shown = {"component": j, "share": share, "truth_phi": phi, "truth_phi_error": error}
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
    """Return one component, with its name if it is real and agrees with the truth; `figures` are further fields."""
    unnamed = _why_unnamed(test, figures["truth_phi"], finder.run.data.rows_noun)
    positive_name, negative_name = ((), ()) if unnamed else names(effects)
    positive, negative = poles(finder.run, finder.rows, scores, limit)
    figures |= dict.fromkeys(("t", "slope", "predicts", "real", "goes_with")) if test is None else vars(test)
    return Component(
        **figures,
        verdict=None if test is None else test.verdict,
        unnamed=unnamed,
        positive_name=positive_name,
        negative_name=negative_name,
        effects=effects,
        positive=positive,
        negative=negative,
    )


def _why_unnamed(test: ComponentTest | None, truth_phi: float | None, rows_noun: str) -> str | None:
    """Say why a component is not named; None if it is real and agrees with the truth."""
    if test is None:
        return f"it was not tested on held-out {rows_noun}"
    if test.goes_with is not None:
        return f"it {test.verdict} (t {test.t:.1f}, slope {test.slope:.2f})"
    if not test.real:
        return f"it {test.verdict} (t {test.t:.1f}, slope {test.slope:.2f})"
    if truth_phi is None:
        return "its agreement with the truth was not estimated"
    if truth_phi < LEAST_TRUTH_PHI:
        return f"its agreement with the truth is about {two_digits(truth_phi)}, below {LEAST_TRUTH_PHI:g}"
    return None

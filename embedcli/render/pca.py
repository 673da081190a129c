"""How components are shown: a card for each."""

from itertools import zip_longest

from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.analysis.components import SHAKY, STABLE, two_digits
from embedcli.analysis.effects import FEWEST_TAGGED, THRESHOLD, Effect
from embedcli.analysis.pca import Component, Components
from embedcli.analysis.record import Column, written_p
from embedcli.analysis.selection import item
from embedcli.render.view import Block, View, view_of
from embedcli.run.record import Run

SHOWN = 3  # effects of each kind on a card


def view(components: Components, run: Run) -> View:
    """Show every component with its evidence, its names or why it has none, and the items at its poles."""
    noun = run.data.noun
    return view_of(
        components,
        run,
        " | ".join([_headline(components), run.headline, components.items]),
        [_card(component, noun) for component in components.components],
        _caption(components),
        _explanation(components, noun),
    )


def coordinates(components: Components, run: Run) -> View:
    """Show every item's coordinates on the components, as a table of numbers."""
    keys = [f"component_{component.component}" for component in components.components]
    rows = [
        {
            **item(run, row),
            "year": run.items.years[row],
            "tags": "|".join(run.items.tags[row]),
            **dict(zip(keys, scores, strict=True)),
        }
        for row, scores in enumerate(components.scores.tolist())
    ]
    columns = [Column("id", "id", is_number=False), Column("title", run.data.noun, is_number=False)]
    columns.append(Column("n_ratings", "n", "{:,}".format))
    columns += [Column(key, key.removeprefix("component_"), "{:+.3f}".format) for key in keys]
    block = Block(columns=columns, rows=rows)
    return View(f"coordinates | {run.headline}", [block], records=rows, body={"items": rows}, meta=run.meta)


def _headline(components: Components) -> str:
    members = f"{components.n_members} members' " if components.n_members > 1 else ""
    of = f"PCA of {members}embeddings"
    if components.basis is Basis.PREFERENCE:
        of = f"axes of {members}predicted preferences"
    of += ", varimax" if components.rotation is Rotation.VARIMAX else ""
    return of + (", quality partialled out" if components.partial_out is PartialOut.QUALITY else "")


def _card(component: Component, noun: str) -> Block:
    lines = [("  unnamed", component.unnamed or "")]
    if component.unnamed is None:
        lines = [("  +", ", ".join(component.positive_name)), ("  -", ", ".join(component.negative_name))]
    for kind in ("number", "tag"):
        if effects := [written_effect(effect) for effect in component.effects if effect.kind == kind]:
            lines.append((f"  {kind}s", "  ".join(effects[:SHOWN])))
    rows = [
        {"": " ", "+": positive and positive.title, "-": negative and negative.title}
        for positive, negative in zip_longest(component.positive, component.negative)
    ]
    columns = [
        Column("", " ", is_number=False),
        Column("+", f"+ {noun}s", legend=f"{noun}s with the highest coordinates", is_number=False),
        Column("-", f"- {noun}s", legend=f"{noun}s with the lowest coordinates", is_number=False),
    ]
    return Block(_heading(component), lines, columns, rows)


def _heading(component: Component) -> str:
    """Write a component's share and verdicts in a line."""
    parts = [f"{component.component}  {100 * component.share:.1f} %"]
    if component.verdict is not None:
        parts.append(f"{component.verdict}: t {component.t:.1f}, slope {component.slope:.2f}")
    if component.stability is not None:
        parts.append(f"{component.stability_word} {two_digits(component.stability)}")
    return " | ".join(parts)


def written_effect(effect: Effect) -> str:
    """Write an effect with its size and its q."""
    return f"{effect.name} {effect.effect:+.2f} ({written_p(effect.q)})"


def _caption(components: Components) -> str:
    """Say in one line how many components are real."""
    shown = components.components
    if components.n_tested is None:
        return "real: not tested, because the run has no evidence on its components"
    n_real = components.n_real
    of_all = f"at least {n_real}" if n_real == components.n_tested else str(n_real)
    untested = sum(component.real is None for component in shown)
    return (
        f"real: {sum(bool(component.real) for component in shown)} of {len(shown)} shown, "
        f"{of_all} of {components.n_tested} tested" + (f" | not tested: {untested} shown" if untested else "")
    )


def _explanation(components: Components, noun: str) -> list[str]:
    """Say what real, stable and named mean."""
    tests, evidence = [], components.evidence
    if evidence is not None:
        tests = [
            f"A component is real if it predicts held-out ratings with t > {evidence.least_t:g} and slope > "
            f"{evidence.least_slope:g} (1 = calibrated). The tests are of the largest components over the most rated "
            f"{noun}s.",
            f"A component is stable if it is found again by members that left out one of {evidence.n_folds} folds of "
            f"the ratings, with a mean |Tucker's phi| of at least {STABLE:g} (shaky: {SHAKY:g}).",
        ]
    return [
        "The percentage is the share of the variance.",
        *tests,
        "Numbers are shown with Spearman's correlation, tags with the rank-biserial correlation; q is in parentheses. "
        "A tag's q is that of what it says beyond bias, log n and year; a number's is over all "
        f"{noun}s, whatever else goes with it.",
        f"A pole is named by correlations of {THRESHOLD:g} or more with q < .05 that are above the 99th percentile of "
        f"tags (of at least {FEWEST_TAGGED} {noun}s) permuted among {noun}s alike in bias, log n and year, or of "
        "permuted numbers. Only a component that is real and stable is named.",
    ]

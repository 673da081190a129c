"""How components are shown: a card for each."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from embedcli.analysis.axes import SHAKY, STABLE
from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.analysis.components import Component, Components, two_digits
from embedcli.analysis.effects import FEWEST_TAGGED, THRESHOLD, Effect
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Evidence, Run

SHOWN = 3  # effects of each kind on a card


def view(found: Components, run: Run) -> View:
    """Show every component with its evidence, its names or why it has none, and the items at its poles."""
    return View(
        title=" | ".join([_headline(found), run.headline, found.items]),
        blocks=[_card(component, run.data.noun) for component in found.components],
        captions=captions(found, run.data.noun),
        records=[record for component in found.components for record in _records(component)],
        body={
            "basis": found.basis.value,
            "rotation": found.rotation.value,
            "partial_out": found.partial_out.value,
            "n_items": found.n_items,
            "items": found.items,
            "effect_threshold": THRESHOLD,
            "n_tested": None if found.evidence is None else len(found.tested),
            "n_real": None if found.evidence is None else sum(test.real for test in found.tested),
            "n_sign_flips": None if found.evidence is None else found.evidence.n_sign_flips,
            "components": [_body(component) for component in found.components],
        },
        meta=run.meta,
    )


def coordinates(found: Components, run: Run) -> View:
    """Show every item's coordinates on the components, as a table of numbers."""
    keys = [f"component_{component.component}" for component in found.components]
    seen = run.item_stats
    rows = [
        {
            "id": run.items.ids[j],
            "title": run.items.titles[j],
            "year": run.items.years[j],
            "tags": "|".join(run.items.tags[j]),
            "n_ratings": int(seen.n_ratings[j]),
            "mean_rating": seen.mean_of(j),
            **dict(zip(keys, scores.tolist(), strict=True)),
        }
        for j, scores in enumerate(found.scores)
    ]
    columns = [text("id", "id"), text("title", run.data.noun), whole("n_ratings", "n")]
    columns += [decimal(key, key.removeprefix("component_"), 3, sign=True) for key in keys]
    block = Block(columns=columns, rows=rows)
    return View(f"coordinates | {run.headline}", [block], records=rows, body={"items": rows}, meta=run.meta)


def _headline(found: Components) -> str:
    members = f"{found.n_members} members' " if found.n_members > 1 else ""
    what = f"PCA of {members}embeddings" if found.basis is Basis.PCA else f"axes of {members}predicted preferences"
    what += ", varimax" if found.rotation is Rotation.VARIMAX else ""
    return what + (", beyond quality" if found.partial_out is PartialOut.QUALITY else "")


def _card(component: Component, noun: str) -> Block:
    lines = [
        ("  +", ", ".join(component.positive_name)),
        ("  -", ", ".join(component.negative_name)),
    ]
    if component.unnamed is not None:
        lines = [("  unnamed", component.unnamed)]
    for kind in ("number", "tag"):
        effects = [effect for effect in component.effects if effect.kind == kind][:SHOWN]
        if effects:
            lines.append((f"  {kind}s", "  ".join(written_effect(effect) for effect in effects)))
    pairs = zip_longest(component.positive, component.negative)
    rows = [
        {"": " ", "+": positive and positive.title, "-": negative and negative.title} for positive, negative in pairs
    ]
    columns = (text("", " "), text("+", f"+ {noun}s"), text("-", f"- {noun}s"))
    return Block(heading=heading(component), lines=lines, columns=columns, rows=rows)


def heading(component: Component) -> str:
    """Write a component's share and verdicts in a line."""
    parts = [f"{component.component}  {100 * component.share:.1f} %"]
    if component.test is not None:
        parts.append(f"{component.test.verdict}: t {component.test.t:.1f}, slope {component.test.slope:.2f}")
    if component.stability is not None:
        parts.append(f"{component.stability_word} {two_digits(component.stability)}")
    if component.agreement is not None:
        parts.append(f"seeds {two_digits(component.agreement)}")
    return " | ".join(parts)


def written_effect(effect: Effect) -> str:
    """Write an effect with its size and its q."""
    q = "<.001" if effect.q < 0.001 else f"{effect.q:.3f}".removeprefix("0")
    return f"{effect.name} {effect.effect:+.2f} ({q})"


def captions(found: Components, noun: str) -> list[str]:
    """Say what real, stable and named mean."""
    captions = []
    if found.evidence is not None:
        captions.append(_verdict(found, found.evidence, noun))
        captions.append(
            f"stable: mean |Tucker's phi| of at least {STABLE:g} (shaky: {SHAKY:g}) with the component in members that "
            f"left out one of {found.evidence.n_folds} folds of the ratings; seeds: in members that differ by seed "
            "only, which is no evidence."
        )
    elif found.n_members > 1:
        captions.append("seeds: mean |Tucker's phi| in members that differ by seed only, which is no evidence.")
    captions.append(
        f"numbers: Spearman, tags: rank-biserial correlation, with q. A pole is named by those of {THRESHOLD:g} or "
        f"more, q < .05, above the 95th percentile of permuted tags (of at least {FEWEST_TAGGED} {noun}s)."
    )
    return captions


def _verdict(found: Components, evidence: Evidence, noun: str) -> str:
    shown = [component.test for component in found.components if component.test is not None]
    n_real, n_tested = sum(test.real for test in found.tested), len(found.tested)
    of_all = f"at least {n_real}" if n_real == n_tested else str(n_real)
    verdict = (
        f"real: {sum(test.real for test in shown)} of the {len(found.components)} shown, {of_all} of the {n_tested} "
        f"largest over the most rated {noun}s: they predict held-out ratings with t > {evidence.least_t:g} and slope > "
        f"{evidence.least_slope:g} (1 = calibrated)."
    )
    if len(shown) < len(found.components):
        verdict += f" {len(found.components) - len(shown)} of those shown were not tested."
    if evidence.n_sign_flips != n_real:
        verdict += f" The second opinion, sign flips, sees {evidence.n_sign_flips}."
    return verdict


def _body(component: Component) -> dict[str, Any]:
    body = dict(vars(component))
    test = body.pop("test")
    body |= {"real": None, "t": None, "slope": None} if test is None else vars(test)
    for key in ("effects", "positive", "negative"):
        body[key] = [vars(entry) for entry in body[key]]
    return body | {"stability_word": component.stability_word}


def _records(component: Component) -> list[dict[str, Any]]:
    test = component.test
    poles = (("+", component.positive_name, component.positive), ("-", component.negative_name, component.negative))
    return [
        {
            "component": component.component,
            "share": component.share,
            "real": test and test.real,
            "t": test and test.t,
            "slope": test and test.slope,
            "stability": component.stability,
            "agreement": component.agreement,
            "pole": sign,
            "name": ", ".join(name),
            "rank": rank,
            **vars(item),
        }
        for sign, name, items in poles
        for rank, item in enumerate(items, 1)
    ]

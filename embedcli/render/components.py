"""How components are shown: a card for each."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from embedcli.analysis.components import Component, Components
from embedcli.analysis.effects import FEWEST_TAGGED, THRESHOLD, Effect
from embedcli.render.view import Block, View, text
from embedcli.run.record import Run

SHOWN = 4  # effects of each kind on a card


def view(found: Components, run: Run) -> View:
    """Show every component with its share, its names, the effects behind them, and the items at its poles."""
    members = f"{found.n_members} members' item factors" if found.n_members > 1 else "the item factors"
    bodies = [_body(component) for component in found.components]
    return View(
        title=f"PCA of {members} | {run.data.title} | {found.items}",
        blocks=[_card(component, run.data.noun) for component in found.components],
        captions=_captions(found, run.data.noun),
        records=[record for component in found.components for record in _records(component)],
        body={
            "basis": "pca",
            "n_items": found.n_items,
            "items": found.items,
            "effect_threshold": THRESHOLD,
            "components": bodies,
        },
        meta=run.meta,
    )


def _card(component: Component, noun: str) -> Block:
    agreed = "" if component.agreement is None else f", agreement over members {component.agreement:.2f}"
    heading = f"{component.component}  {100 * component.share:.1f} % of the variance{agreed}"
    lines = [
        ("  +", ", ".join(component.positive_name)),
        ("  -", ", ".join(component.negative_name)),
        *((f"  {kind}s", _effects(component.effects, kind)) for kind in ("number", "tag")),
    ]
    pairs = zip_longest(component.positive, component.negative)
    rows = [
        {"": " ", "+": positive and positive.title, "-": negative and negative.title}
        for positive, negative in pairs
    ]
    columns = (text("", " "), text("+", f"+ {noun}s"), text("-", f"- {noun}s"))
    return Block(heading=heading, lines=lines, columns=columns, rows=rows)


def _effects(effects: tuple[Effect, ...], kind: str) -> str:
    strongest = [effect for effect in effects if effect.kind == kind][:SHOWN]
    return "  ".join(f"{effect.name} {effect.effect:+.2f}" for effect in strongest) or "none could be tested"


def _captions(found: Components, noun: str) -> list[str]:
    captions = [
        f"numbers: Spearman; tags: rank-biserial correlation; a pole is named by those of {THRESHOLD} or more "
        f"(tags of at least {FEWEST_TAGGED} {noun}s), else it is mixed."
    ]
    if found.n_members > 1:
        captions.append(
            "agreement: mean |Tucker's phi| with each member's own PCA; the members differ by seed only, so it "
            "says nothing of other ratings."
        )
    return captions


def _body(component: Component) -> dict[str, Any]:
    body = dict(vars(component))
    for key in ("effects", "positive", "negative"):
        body[key] = [vars(entry) for entry in body[key]]
    return body


def _records(component: Component) -> list[dict[str, Any]]:
    poles = (
        ("+", component.positive_name, component.positive),
        ("-", component.negative_name, component.negative),
    )
    return [
        {
            "component": component.component,
            "share": component.share,
            "agreement": component.agreement,
            "pole": sign,
            "name": ", ".join(name),
            "rank": rank,
            **vars(item),
        }
        for sign, name, items in poles
        for rank, item in enumerate(items, 1)
    ]

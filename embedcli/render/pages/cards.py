"""Cards of a report: what an axis, a taste or a group is, in words, and folded below them, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from embedcli.analysis.components import two_digits
from embedcli.analysis.effects import MIXED, THRESHOLD, Effect
from embedcli.analysis.pca import LEAST_TRUTH_PHI, Component, Components
from embedcli.analysis.poles import PoleItem
from embedcli.analysis.record import Column, Verdict, column, decimal, p_value, text, whole, written_p
from embedcli.analysis.tastes import TagTastes, TasteCard
from embedcli.render.view import Block, table

if TYPE_CHECKING:  # its package is slow to import
    from embedcli.analysis.clusters import Cluster, Clusters

LEFT, RIGHT, BOTH = "\u2190", "\u2192", "\u2194"
MOST_CHIPS = 4  # tags on a card, and numbers
MOST_IN_TABLE = 8  # of the tags and numbers that go with an axis


@dataclass(frozen=True)
class Card:
    """A card: a heading in words under a label, with the verdict; a sentence; columns of titles; tags; the evidence.

    Titles and tags are folded under `folded`, if that is given.
    """

    label: str
    heading: str
    verdict: Verdict | None
    columns: Sequence[tuple[str, Sequence[str]]]
    sentence: str = ""
    tags: Sequence[str] = ()
    tags_label: str = ""
    evidence: Sequence[tuple[str, str]] = ()
    table: Block | None = None
    folded: str = ""


class EffectColumns:
    """How the fields of an `Effect` are shown."""

    name: Annotated[str, text("tag or number")]
    effect: Annotated[float, decimal("correlation", sign=True)]
    q: Annotated[float, p_value("q")]
    passed: Annotated[bool, column("names a pole", "", lambda value: "yes" if value else "no", is_number=False)]
    n: Annotated[int, whole("{noun}s")]


class WordColumns:
    """How the fields of a `TasteWord` are shown."""

    name: Annotated[str, text("tag or number")]
    loading: Annotated[float, decimal("correlation", sign=True)]
    is_kept: Annotated[bool, column("halves agree", "", lambda value: "yes" if value else "no", is_number=False)]


def of_components(components: Components, noun: str) -> list[Card]:
    """Return a card for each component."""
    return [_component(axis, components, noun) for axis in components.components]


def of_tastes(tastes: TagTastes, noun: str) -> list[Card]:
    """Return a card for each axis of tastes that holds."""
    return [_taste(card, tastes) for card in tastes.cards if card.unnamed is None]


def without_card(tastes: TagTastes) -> list[str]:
    """Say in a line for each axis of tastes that does not hold why it does not."""
    lines = []
    for card in tastes.cards:
        if card.unnamed is not None:
            why = card.unnamed
            if card.p > tastes.least_p:
                trials = f"shuffled tags give an axis as strong in {100 * card.p:.0f} % of trials"
                why = f"{trials}; at most {100 * tastes.least_p:.0f} % are allowed"
            lines.append(f"Taste {card.taste} does not hold: {why}.")
    return lines


def of_groups(grouping: Clusters, noun: str) -> list[Card]:
    """Return a card for each group."""
    return [_group(group, grouping, noun) for group in grouping.clusters]


def pieces(grouping: Clusters, noun: str) -> Block:
    """Return a table of the groups, of which each is a piece of a continuum."""
    rows = [
        {
            "group": group.cluster,
            "n": group.n,
            "tags": ", ".join(tag.tag for tag in group.tags),
            "titles": "; ".join(group.most_rated),
        }
        for group in grouping.clusters
    ]
    columns = [
        Column("group", "piece"),
        Column("n", f"{noun}s", "{:,}".format),
        Column("tags", "tags more often than by chance", is_number=False),
        Column("titles", "most rated", is_number=False),
    ]
    return Block(columns=columns, rows=rows)


def about_components(noun: str) -> list[str]:
    """Say how to read the cards of components."""
    return [
        "The percentage is the share of the variance of the embeddings that lies along the component.",
        "Held-out ratings: models that go without a part of the ratings predict that part. A large t says that the "
        "component helps to predict, the slope how much of its claim holds (1: all).",
        "Halves of the users: models of different users are compared. 1 means that both find the same component.",
        f"The correlation is that of a tag or a number of the {noun}s with their place on the component, from -1 to 1; "
        "q is its p value, corrected for the number of tests. A tag or a number names an end if its correlation is "
        f"{THRESHOLD:g} or more, q is below .05, and shuffled tags hardly ever reach as much.",
    ]


def about_tastes(noun: str) -> list[str]:
    """Say how to read the cards of tastes."""
    return [
        "The percentage is the share of the variance of held-out ratings, beyond the biases, that the axis explains. A "
        "large t says that it helps to predict them, the slope how much of its claim holds (1: all).",
        f"Permuted tags: the axes are searched again with the tags shuffled among {noun}s that are alike in bias, "
        "number of ratings and year. Such axes are chance.",
        f"The correlation is that of a tag with the axis. The {noun}s at an end are there by their tags and by their "
        "embeddings, and have a tag of its name.",
    ]


def between(negative: Sequence[str], positive: Sequence[str]) -> str:
    """Name an axis by its low and its high pole."""
    low, high = ("no one kind" if tuple(name) == (MIXED,) else ", ".join(name) for name in (negative, positive))
    return f"{low[0].upper()}{low[1:]} {BOTH} {high}"


def _component(axis: Component, components: Components, noun: str) -> Card:
    shown = [effect for kind in ("tag", "number") for effect in _passed(axis.effects, kind)[:MOST_CHIPS]]
    return Card(
        label=f"Component {axis.component}, {100 * axis.share:.0f} % of the spread of the embeddings",
        heading=between(axis.negative_name, axis.positive_name) if axis.has_name else "No name that holds",
        verdict=replace(axis.judged, evidence=""),
        columns=_poles(axis),
        sentence="" if axis.has_name else _why_unnamed(axis),
        tags=[_chip(effect) for effect in shown],
        tags_label="Goes with it beyond chance (correlation)",
        evidence=_of_component(axis, components),
        table=table(axis.effects[:MOST_IN_TABLE], EffectColumns, noun=noun),
        folded="" if axis.has_name else "What stands at its ends",
    )


def _passed(effects: Sequence[Effect], kind: str) -> list[Effect]:
    return [effect for effect in effects if effect.kind == kind and effect.passed]


def _poles(axis: Component | TasteCard) -> list[tuple[str, list[str]]]:
    """Return the low and the high pole: its name, if it has one, and its items."""
    ends: tuple[tuple[str, Sequence[str], str, Sequence[PoleItem]], ...] = (
        (LEFT, axis.negative_name, "low end", axis.negative),
        (RIGHT, axis.positive_name, "high end", axis.positive),
    )
    return [
        (f"{arrow} {end if not name or tuple(name) == (MIXED,) else ', '.join(name)}", [item.title for item in items])
        for arrow, name, end, items in ends
    ]


def _why_unnamed(axis: Component) -> str:
    """Say why a component has no name, and what to make of it."""
    if axis.unnamed is None:
        return "It is real and stable, but no tag and no number goes with either end: look at what stands there."
    if axis.verdict is None:
        return "It was not tested on held-out ratings: it may be chance."
    if axis.goes_with is not None:
        return f"It predicts held-out ratings, but it goes with {axis.goes_with}: it is not about taste."
    if axis.real and axis.truth_phi is None:
        return "It predicts held-out ratings. Whether other users would show the same was not estimated."
    if axis.real:
        return (
            "It predicts held-out ratings, so it is not chance. But trained on other users, the component points "
            "elsewhere. Read no meaning into it."
        )
    if axis.predicts:
        return "Held-out ratings confirm only a part of what it claims. Read no meaning into it."
    return "Held-out ratings do not confirm it: it may be chance."


def _chip(effect: Effect) -> str:
    """Write an effect with the end of the axis that it goes with: a tag by its sign, a number as its upper end does."""
    is_right = effect.kind == "number" or effect.effect > 0
    return f"{RIGHT if is_right else LEFT} {effect.word(is_right)} {abs(effect.effect):.2f}"


def named(name: str) -> str:
    """Return the name of a tag or a number as a reader knows it."""
    return {"log n": "number of ratings (log)", "bias": "how well liked (bias)"}.get(name, name)


def _of_component(axis: Component, components: Components) -> list[tuple[str, str]]:
    """Return what the verdict on a component rests on."""
    tested = components.evidence
    lines = [("Size", f"{100 * axis.share:.1f} % of the variance of the embeddings, over {components.items}.")]
    if axis.t is not None and axis.slope is not None and tested is not None:
        lines.append(("Held-out ratings", _regression(axis.t, axis.slope, tested.least_t, tested.least_slope)))
    if axis.truth_phi is not None:
        error = "" if axis.truth_phi_error is None else f" (standard error {axis.truth_phi_error:.2f})"
        lines.append(
            (
                "Halves of the users",
                f"Agreement with the taste behind it about {two_digits(axis.truth_phi)}{error}, estimated by models of "
                f"different users. A name needs {LEAST_TRUTH_PHI:g}.",
            )
        )
    return lines


def _regression(t: float, slope: float, least_t: float, least_slope: float) -> str:
    return (
        f"t {t:.1f} (above {least_t:g}: it predicts) and slope {slope:.2f} (1: all that it claims holds; below "
        f"{least_slope:g}: it claims too much)."
    )


def _taste(card: TasteCard, tastes: TagTastes) -> Card:
    """Return the card of an axis of tastes that holds."""
    sentence = ""
    if card.may_be_scale:
        sentence = "It may be users who stretch the scale, and users who do not: no ratings tell the two apart."
    evidence = [
        ("Held-out ratings", _regression(card.t, card.slope, tastes.least_t, tastes.least_slope)),
        (
            "Permuted tags",
            f"{card.z:.1f} standard deviations stronger than axes of permuted tags, p {written_p(card.p)} (a name "
            f"needs {tastes.least_p:g} or less).",
        ),
        (
            "Halves of the users",
            f"Their axes correlate by {card.halves:.2f}. Only words that they agree on are its name.",
        ),
        ("Embeddings", f"Correlation with their largest components {card.r:.2f}."),
    ]
    return Card(
        label=f"Taste {card.taste}, {100 * card.share:.1f} % of what biases leave of held-out ratings",
        heading=between(card.negative_name, card.positive_name),
        verdict=replace(card.judged, evidence=""),
        columns=_poles(card),
        sentence=sentence,
        evidence=evidence,
        table=table(sorted(card.words, key=lambda word: -abs(word.loading)), WordColumns),
    )


def _group(group: Cluster, grouping: Clusters, noun: str) -> Card:
    tags = [f"{tag.tag} \u00d7 {tag.lift:.1f}" for tag in group.tags]
    evidence = [("Silhouette", f"{group.silhouette:.2f} (1: far from all others, 0: in between).")]
    if group.stability is not None:
        models = f"{grouping.n_folds} models that left out a fold of the ratings"
        evidence.append(("Found again", f"{100 * group.stability:.0f} % of it, in {models}."))
    return Card(
        label=f"Group {group.cluster}, {group.n:,} {noun}s",
        heading=", ".join(tag.tag for tag in group.tags) or "No tag more often than by chance",
        verdict=group.judged(has_groups=grouping.has_groups),
        columns=[("Most rated", group.most_rated), ("Most central", group.central)],
        tags=tags,
        tags_label="Times as often as by chance",
        evidence=evidence,
    )

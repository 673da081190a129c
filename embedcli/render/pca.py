"""How components are shown: a card for each."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.analysis.effects import THRESHOLD, Effect
from embedcli.analysis.pca import LEAST_TRUTH_PHI, N_LEADING, Component, Components
from embedcli.analysis.poles import PoleItem
from embedcli.analysis.record import Column, written_p
from embedcli.analysis.selection import item
from embedcli.analysis.tastes import TagTastes, TasteCard
from embedcli.data.features import FEWEST_TAGGED
from embedcli.render.view import Block, Titled, View, view_of, without_id
from embedcli.run.record import Run

SHOWN = 3  # effects of each kind on a card


def view(components: Components, run: Run) -> View:
    """Show every component with its evidence, its names or why it has none, and the items at its poles."""
    noun = run.data.noun
    return view_of(
        components,
        run,
        " | ".join([_headline(components), run.headline, components.items]),
        [*(_card(component, noun) for component in components.components), *_tastes(components.tastes, run)],
        _caption(components),
        [*_explanation(components, noun), *_about_tastes(components.tastes, noun)],
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
    columns = [Column("id", "id", is_number=False), Column("title", run.data.noun, is_number=False, is_title=True)]
    columns.append(Column("n_ratings", "n", "{:,}".format))
    columns += [Column(key, key.removeprefix("component_"), "{:+.3f}".format) for key in keys]
    block = Block(columns=without_id(columns, rows), rows=rows)
    return View(f"coordinates | {run.headline}", [block], records=rows, body={"items": rows}, meta=run.meta)


def _headline(components: Components) -> str:
    members = f"{components.n_members} members' " if components.n_members > 1 else ""
    of = f"PCA of {members}embeddings"
    if components.basis is Basis.PREFERENCE:
        of = f"axes of {members}predicted preferences"
    of += ", varimax" if components.rotation is Rotation.VARIMAX else ""
    return of + (", quality partialled out" if components.partial_out is PartialOut.QUALITY else "")


def _card(component: Component, noun: str) -> Block:
    verdict = component.judged
    lines = [("  evidence", verdict.evidence)] if verdict.evidence else []
    if component.has_name:
        lines += [("  +", ", ".join(component.positive_name)), ("  -", ", ".join(component.negative_name))]
    elif component.unnamed is None:
        lines.append(("  unnamed", "no tag and no number goes with either pole"))
    for kind in ("number", "tag"):
        if effects := [written_effect(effect) for effect in component.effects if effect.kind == kind]:
            lines.append((f"  {kind}s", "  ".join(effects[:SHOWN])))
    rows = [
        {"": " ", "+": positive and positive.title, "-": negative and negative.title}
        for positive, negative in zip_longest(component.positive, component.negative)
    ]
    columns = [
        Column("", " ", is_number=False),
        Column("+", f"+ {noun}s", legend=f"{noun}s with the highest coordinates", is_number=False, is_title=True),
        Column("-", f"- {noun}s", legend=f"{noun}s with the lowest coordinates", is_number=False, is_title=True),
    ]
    heading = f"{component.component}  {100 * component.share:.1f} %{'' if component.has_name else ' unnamed'}"
    return Block(heading, lines, columns, rows, replace(verdict, evidence=""))


def _tastes(tastes: TagTastes | None, run: Run) -> list[Block]:
    """Return a headline and a card for each axis of tastes that holds; of the first that does not, only why."""
    of_users = run.data.noun == "user"
    heading = f"What {'appeal goes' if of_users else 'tastes go'} by, in the words of the {run.data.noun}s' "
    if tastes is None:
        is_tested = bool(run.training.tastes)  # with numbers there are always words
        why = f"not tested: no tag that {FEWEST_TAGGED} {run.data.noun}s have and {FEWEST_TAGGED} lack"
        return [Block(heading + ("columns" if of_users else "tags"), [("  tastes", why)])] if is_tested else []
    heading += "columns" if of_users else "tags and numbers" if tastes.with_numbers else "tags"
    cards = [_taste(card) for card in tastes.cards]
    return [Block(f"{heading} | {_explained(tastes)}"), *cards]


def _explained(tastes: TagTastes) -> str:
    """Say how many axes of tastes hold, and how much they explain."""
    if not tastes.n_named:
        return f"none holds, of {tastes.n_words} words"
    explained = f"{tastes.n_named} named: {100 * tastes.share:.1f} % of the variance beyond the biases"
    if tastes.embedding_share is not None:
        explained += f", the embeddings {100 * tastes.embedding_share:.1f} %"
    return explained


def _pole(name: Sequence[str], items: Sequence[PoleItem]) -> str:
    return Titled.of(lambda of: f"{', '.join(name)}: {'; '.join(of(item.title) for item in items)}")


def _taste(card: TasteCard) -> Block:
    """Return the card of an axis of tastes: its evidence, and for either pole its name and its items."""
    verdict = replace(card.judged, evidence="")
    if card.unnamed is not None:
        return Block(lines=[(f"  taste {card.taste}", replace(verdict, words=f"unnamed: {verdict.words}"))])
    lines = [("  evidence", card.judged.evidence)]
    lines += [
        (f"  {sign}", _pole(name, pole))
        for sign, name, pole in (
            ("+", card.positive_name, card.positive),
            ("-", card.negative_name, card.negative),
        )
    ]
    if card.may_be_scale:
        lines.append(("  or", "users who stretch the scale, and users who do not: no ratings tell the two apart"))
    return Block(f"taste {card.taste}  {100 * card.share:.1f} %", lines, verdict=verdict)


def _about_tastes(tastes: TagTastes | None, noun: str) -> list[str]:
    """Say what an axis of tastes is, and what its figures mean."""
    if tastes is None:
        return []
    is_of_users = noun == "user"
    what = "what users think of the tags" if not is_of_users else "how an item appeals to the users with a tag"
    judges = "items" if is_of_users else "users"
    alike = f", among {noun}s alike in bias, number of ratings{'' if is_of_users else ' and year'}"
    placed = f"The {noun}s are placed by their tags and by these components."
    if is_of_users:
        placed = "Beside a pole stand the items that appeal most to the users there."
    left_out = f" Left out: {tastes.n_left_out} that too few {noun}s have or lack." if tastes.n_left_out else ""
    return [
        f"An axis of tastes is {what}, beyond the biases. It has a name if it predicts held-out ratings "
        f"(t > {tastes.least_t:g}, slope > {tastes.least_slope:g}), if it is stronger than axes of permuted tags "
        f"(p at most {tastes.least_p:g}, up to {tastes.n_permuted} permutations"
        f"{'' if tastes.with_numbers else alike}), and if halves of the {judges} agree on a word. Its words have a "
        f"correlation of at least {tastes.least_loading:g} with it.{left_out}",
        f"The percentage is the share of the variance of held-out residuals, z the distance to permuted tags in their "
        f"standard deviations, halves the correlation of the axes of two halves of the {judges}, R the correlation "
        f"with the {N_LEADING} largest components. {placed}",
    ]


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
    n_other = sum(component.goes_with is not None for component in shown)
    untested = sum(component.real is None for component in shown)
    return (
        f"real: {sum(bool(component.real) for component in shown)} of {len(shown)} shown, "
        f"{of_all} of {components.n_tested} tested"
        + (f" | not a taste: {n_other} shown" if n_other else "")
        + (f" | not tested: {untested} shown" if untested else "")
    )


def _explanation(components: Components, noun: str) -> list[str]:
    """Say what real, agreement with the truth and named mean."""
    tests, evidence = [], components.evidence
    if evidence is not None:
        tests = [
            f"A component is real if it predicts held-out ratings with t > {evidence.least_t:g} and slope > "
            f"{evidence.least_slope:g} (1 = calibrated). The tests are of the largest components over the most rated "
            f"{noun}s.",
            "A component is not a taste if most of what it explains of held-out ratings goes with the mean time of "
            "the users' ratings, with their use of the scale (mean, spread, and slope on the items' bias), or with "
            "pairs of accounts that have far more equal ratings than chance. Liking the well-liked more than others do "
            "looks the same as stretching the scale.",
            "Agreement with the truth estimates the |Tucker's phi| of a component and the taste behind it, by members "
            "trained on disjoint halves of the users; its standard error is in the JSON. Two tastes that are nearly "
            "equally strong may be turned into each other in all halves: then it is too high.",
        ]
    return [
        "The percentage is the share of the variance.",
        *tests,
        "Numbers are shown with Spearman's correlation, tags with the rank-biserial correlation; q is in parentheses. "
        "A tag's q is that of what it says beyond bias, log n and year; a number's is over all "
        f"{noun}s, whatever else goes with it.",
        f"A pole is named by correlations of {THRESHOLD:g} or more with q < .05 that are above the 99th percentile of "
        f"tags (of at least {FEWEST_TAGGED} {noun}s) permuted among {noun}s alike in bias, log n and year, or of "
        "permuted numbers. Only a component that is real and agrees with the truth by "
        f"{LEAST_TRUTH_PHI:g} or more is named.",
    ]

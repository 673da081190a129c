"""How an axis of your own is shown."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from embedcli.analysis.axis import INTERVAL, Axis, AxisItem
from embedcli.analysis.components import two_digits
from embedcli.analysis.record import nested
from embedcli.analysis.selection import passing
from embedcli.render.pca import written_effect
from embedcli.render.view import Block, Titled, View, percent, table, view_of
from embedcli.run.record import Run

MOST_EFFECTS = 6


def view(axis: Axis, run: Run) -> View:
    """Show the items at both ends of an axis, and how far it can be trusted."""
    noun = run.data.noun
    words = {"noun": noun, "interval": percent(INTERVAL)}
    items = f"{run.headline} | {passing(run, axis.n_items, axis.min_ratings)}"
    start, end = (partial(_joined, titles) for titles in (axis.start, axis.end))
    without = ("mean_rating",) if run.data.implicit else ()
    shown = view_of(
        axis,
        run,
        Titled.of(lambda of: f"From {start(of)} to {end(of)} | {items}"),
        [
            table(axis.first, AxisItem, Titled.of(lambda of: f"from {start(of)}"), without, **words),
            table(axis.last, AxisItem, Titled.of(lambda of: f"to {end(of)}"), without, **words),
            Block(lines=_evidence(axis, noun)),
        ],
        explanation=_explanation(axis, noun),
        verdict=axis.judged,
    )
    return replace(shown, body={"from": list(axis.start), "to": list(axis.end), **nested(axis)})


def _joined(titles: Sequence[str], of: Callable[[str], str]) -> str:
    return " + ".join(map(of, titles))


def _evidence(axis: Axis, noun: str) -> list[tuple[str, str]]:
    passed = [effect for effect in axis.effects if effect.passed][:MOST_EFFECTS]
    goes_with = "  ".join(f"{written_effect(effect)} {'to' if effect.effect > 0 else 'from'}" for effect in passed)
    lines = [("goes with", goes_with or "no tag and no number beyond chance")]
    if axis.stability is not None:
        lines.append(("stable", f"r {two_digits(axis.stability)} with the places by members that left out a fold"))
    return lines


def _explanation(axis: Axis, noun: str) -> list[str]:
    members = f"{axis.n_folds} members that left out a fold" if axis.n_folds else f"{axis.n_members} members"
    return [
        f"Any two {noun}s make an axis. It has a meaning if tags or numbers go with it beyond chance, if its share of "
        f"the variance is above that of axes between random {noun}s rated as often, and if other members find the same "
        "places.",
        f"An interval comes from resamples of the titles, by one of the {members} each. It does not cover the choice "
        "of the titles.",
        "Numbers are shown with Spearman's correlation, tags with the rank-biserial correlation, and the end that they "
        "go with; q is in parentheses. A tag counts if it says something beyond bias, log n and year.",
    ]

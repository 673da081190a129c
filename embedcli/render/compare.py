"""How runs are shown side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from embedcli.analysis.compare import Comparison, SideBySide
from embedcli.analysis.components import two_digits
from embedcli.analysis.pca import Component
from embedcli.analysis.record import Column
from embedcli.render.view import Block, View, decimal, name, text, whole
from embedcli.run.record import Run

CLEARLY = 1.2  # times what seeds make, from which a change is more than that


def side_by_side(found: SideBySide, runs: Sequence[Run]) -> View:
    """Show the figures of several runs, each held against the first."""
    return View(
        title=_names(runs),
        blocks=_figures_blocks(found),
        captions=_about_figures(found),
        records=[asdict(one) for one in found.runs],
        body=_side_by_side_body(found),
        meta={"runs": [run.meta for run in runs]},
    )


def comparison(found: Comparison, figures: SideBySide, a: Run, b: Run) -> View:
    """Show the figures of two runs, what they have in common, and what changed most."""
    noun = a.data.noun
    low, high = found.correlation_interval
    within = "" if found.within is None else f", {found.within:.2f} between the halves of {found.a}'s members"
    facts = [
        (
            f"{noun}s",
            f"{found.n_common:,} in common by {found.matched_by}, {found.n_compared:,} of them with at least "
            f"{found.min_ratings} ratings in both",
        ),
        ("ranking", f"rank correlation of the stars {found.correlation:.3f} (95 % {low:.3f} to {high:.3f})"),
        ("change", _about_change(found)),
        ("neighbours", f"{found.overlap:.2f} of the ten nearest in common ({found.chance:.2f} by chance{within})"),
    ]
    changes = [vars(change) for change in found.changes]
    pairs = [{"a": _component(pair.a), "b": _component(pair.b), "phi": two_digits(pair.phi)} for pair in found.pairs]
    headers = ("a", found.a), ("b", found.b)
    has_noise, has_z = found.seed_noise is not None, bool(changes) and changes[0]["z"] is not None
    of_changes = [
        "stars: mean prediction of the trained model over all users; phi: Tucker's, of matched components.",
        *(["seeds: standard deviation of the change that seeds alone make."] if has_noise and changes else []),
        *(["z: the change over the standard deviation of both runs' draws."] if has_z else []),
    ]
    return View(
        title=_names((a, b)),
        blocks=[
            *_figures_blocks(figures),
            Block(lines=facts),
            Block("Components", columns=[*(text(*h) for h in headers), Column("phi", "phi")], rows=pairs),
            Block(
                "What changed most" if changes else "",
                columns=[
                    whole("rank", "#"),
                    text("title", noun),
                    decimal("stars_a", found.a),
                    decimal("stars_b", found.b),
                    decimal("difference", "change", sign=True),
                    *([decimal("seed_noise", "seeds")] if has_noise else []),
                    *([decimal("z", "z", 1, sign=True)] if has_z else []),
                    whole("n_a", "n"),
                    whole("n_b", "n"),
                    text("id", "id"),
                ],
                rows=changes,
            ),
        ],
        captions=[*_about_figures(figures), *of_changes],
        records=changes,
        body={
            **_side_by_side_body(figures),
            "a": found.a,
            "b": found.b,
            "matched_by": found.matched_by,
            "n_common": found.n_common,
            "n_compared": found.n_compared,
            "saw_same_ratings": found.saw_same_ratings,
            "correlation": found.correlation,
            "correlation_interval": list(found.correlation_interval),
            "change": found.change,
            "seed_noise": found.seed_noise,
            "overlap": found.overlap,
            "chance": found.chance,
            "within": found.within,
            "components": [{"a": pair.a.component, "b": pair.b.component, "phi": pair.phi} for pair in found.pairs],
            "changes": changes,
        },
        meta={"runs": [a.meta, b.meta]},
    )


def _names(runs: Sequence[Run]) -> str:
    titles = dict.fromkeys(run.data.title for run in runs)
    return f"{', '.join(run.name for run in runs)} | {' and '.join(titles)}"


def _about_change(found: Comparison) -> str:
    """Say how much the stars changed, and how much of it seeds alone make."""
    if found.change is None:
        return "the ratings have different scales: stars are not compared"
    if found.is_same:
        return "nothing changed: both runs have the same stars"
    said = f"{found.change:.3f} stars (root mean square)"
    if found.seed_noise is None:
        return f"{said}; how much of it seeds make is not known: a run has one member"
    more = "more than that" if found.change > CLEARLY * found.seed_noise else "no more than that"
    other = "" if found.saw_same_ratings else ", and the training ratings are others"
    return f"{said}; seeds alone make {found.seed_noise:.3f}: it is {more}{other}"


def _figures_blocks(found: SideBySide) -> list[Block]:
    """Return the figures of the runs as a table, what is known of the changes of the RMSE, and the settings."""
    columns = [
        name("name", "run"),
        decimal("weight_decay", "decay"),
        decimal("rmse", "RMSE", 3),
        text("real", "real"),
        decimal("slope", "slope"),
        text("stable", "stable"),
        text("outside", "outside"),
        decimal("correlation", "rank r", 3),
    ]
    rows = [
        {
            **vars(one),
            "real": None if one.n_real is None else _real(one.n_real, one.n_tested),
            "stable": None if one.stability is None else two_digits(one.stability),
            "outside": None if one.outside is None else f"{100 * one.outside:.1f} %",
        }
        for one in found.runs
    ]
    changes = [
        (one.name, f"{one.rmse_change:+.3f} (95 % {low:+.3f} to {high:+.3f}): {one.rmse_verdict}")
        for one in found.runs
        if one.rmse_change is not None and one.rmse_change_interval is not None
        for low, high in [one.rmse_change_interval]
    ]
    heading = f"Change of the test RMSE from {found.runs[0].name}" if changes else ""
    return [Block(columns=columns, rows=rows), Block(heading, lines=changes), _settings_block(found)]


def _settings_block(found: SideBySide) -> Block:
    settings = [
        {"setting": key, **{str(at): _or_nothing(value) for at, value in enumerate(values)}}
        for key, values in found.settings.items()
    ]
    columns = [text("setting", ""), *(text(str(at), one.name) for at, one in enumerate(found.runs))]
    return Block("Settings that differ" if settings else "", columns=columns, rows=settings)


def _real(n_real: int, n_tested: int) -> str:
    return f"at least {n_real}" if n_real == n_tested else f"{n_real} of {n_tested}"


def _about_figures(found: SideBySide) -> list[str]:
    rmse = "RMSE: members averaged, over the test rows; the interval of a change is over test users and seeds."
    if not found.have_same_test:
        rmse = "RMSE: members averaged, over each run's own test rows: not all are the same, so compare with care."
    return [
        rmse,
        f"real, slope, stable: components, held-out slope and stability of the first; outside: items whose stars lie "
        f"outside their interval; rank r: of the stars with the first run's, items with {found.min_ratings} ratings.",
    ]


def _side_by_side_body(found: SideBySide) -> dict[str, Any]:
    return {
        "runs": [asdict(one) for one in found.runs],
        "settings": {key: list(values) for key, values in found.settings.items()},
        "have_same_test": found.have_same_test,
        "min_ratings": found.min_ratings,
    }


def _component(component: Component) -> str:
    if component.unnamed is not None:
        return f"{component.component} (unnamed, {component.stability_word})"
    return f"{component.component} {', '.join(component.positive_name)} | {', '.join(component.negative_name)}"


def _or_nothing(value: Any) -> str:
    return "" if value is None else str(value)

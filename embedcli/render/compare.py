"""How runs are shown side by side."""

from collections.abc import Sequence
from dataclasses import replace

from embedcli.analysis.compare import Change, Comparison, Move, Pair, RunFigures, SideBySide
from embedcli.analysis.record import Column, Verdict, nested
from embedcli.render.view import Block, View, table
from embedcli.run.record import Run


def view(figures: SideBySide, runs: Sequence[Run]) -> View:
    """Show the figures of several runs; of two also what they have in common, and what changed most."""
    noun = runs[0].data.noun
    runs_table = table(figures.runs, RunFigures, min_ratings=figures.min_ratings)
    blocks = [runs_table, _rmse_changes(figures), _settings(figures)]
    if isinstance(figures, Comparison):
        words = {"noun": noun, "a": figures.a, "b": figures.b}
        blocks += [
            Block(lines=_facts(figures, noun)),
            table(figures.components, Pair, "Components", **words),
            table(figures.changes, Change, "What changed most" if figures.changes else "", **words),
            table(figures.moved, Move, "What moved by more than chance" if figures.moved else "", **words),
        ]
    titles = dict.fromkeys(run.data.title for run in runs)
    caption = "all runs have the same test rows"
    if not figures.have_same_test:
        caption = "not all test rows are the same: compare the RMSE with care"
    return View(
        title=f"{', '.join(run.name for run in runs)} | {' and '.join(titles)}",
        blocks=blocks,
        records=figures.rows(),
        body=nested(figures),
        caption=caption,
        explanation=[
            "The interval of a change of the RMSE is over test users and seeds.",
            'If all tested components are real, there may be more: "at least".',
        ],
        meta={"runs": [run.meta for run in runs]},
    )


def _rmse_changes(figures: SideBySide) -> Block:
    lines = [(run.name, run.judged) for run in figures.runs if run.judged]
    return Block(f"Change of the test RMSE from {figures.runs[0].name}" if lines else "", lines)


def _settings(figures: SideBySide) -> Block:
    headers = {"setting": "", **{str(j): run.name for j, run in enumerate(figures.runs)}}
    columns = [Column(key, header, is_number=False) for key, header in headers.items()]
    rows = [dict(zip(headers, (name, *values), strict=True)) for name, values in figures.settings.items()]
    return Block("Settings that differ" if rows else "", columns=columns, rows=rows)


def _facts(comparison: Comparison, noun: str) -> list[tuple[str, str | Verdict]]:
    """Say what two runs have in common."""
    low, high = comparison.correlation_interval
    compared = f"{comparison.n_compared:,} of them with at least {comparison.min_ratings} ratings in both"
    chance = f"{comparison.chance:.2f} by chance"
    nearest = f"{comparison.overlap:.2f} of the ten nearest by {comparison.by.value}"
    is_sample = comparison.n_sampled < comparison.n_compared
    sampled = f", over a sample of {comparison.n_sampled:,} {noun}s" if is_sample else ""
    if comparison.within is not None:
        chance += f", {comparison.within:.2f} between the halves of {comparison.a}'s members"
    facts: list[tuple[str, str | Verdict]] = [
        (f"{noun}s", f"{comparison.n_common:,} in common by {comparison.matched_by}, {compared}"),
        ("ranking", f"rank correlation of the stars {comparison.correlation:.3f} (95 % {low:.3f} to {high:.3f})"),
        ("change", about_change(comparison)),
        ("neighbours", f"{nearest} in common{sampled} ({chance})"),
    ]
    if comparison.n_moved is not None:
        of_all = f"{comparison.n_moved:,} of {comparison.n_compared:,} {noun}s"
        falsely = f"{100 * comparison.false_discoveries:.0f} % false discoveries"
        facts.append(("moved", f"{of_all} among the tastes, by more than other ratings and seeds make ({falsely})"))
    return facts


def about_change(comparison: Comparison) -> str | Verdict:
    """Say how much the stars changed, and how much of it is due to seeds."""
    if comparison.change is None:
        return "the ratings have different scales: stars are not compared"
    if comparison.is_same:
        return "nothing changed: both runs have the same stars"
    verdict = comparison.judged
    if verdict is None:
        size = f"{comparison.change:.3f} stars (root mean square)"
        return f"{size}; how much of it is due to seeds is not known: a run has one member"
    other = "" if comparison.saw_same_ratings else "; the training ratings differ"
    return replace(verdict, evidence=verdict.evidence + other)

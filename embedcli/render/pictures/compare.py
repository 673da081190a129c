"""Runs side by side as a picture: their errors, and of two runs the items whose stars changed most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.compare import Change, Comparison, RunFigures, SideBySide
from embedcli.errors import UsageError
from embedcli.render import compare as tables
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import TEXT, Sheet, data_of, said, sentences, sheet
from embedcli.render.pictures.rows import AROUND, PANEL, panels, row_axes, size_for
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXIS = 0.35  # inches: the numbers below a panel
DOT = 34.0  # square points


def draw(figures: SideBySide, runs: Sequence[Run], kind: str, style: Style | None = None) -> bytes:
    """Draw the errors of several runs, and of two what changed most, as "png", "svg" or "pdf".

    UsageError if there is neither.
    """
    style = style or Style()
    errors = figures.runs if all(run.rmse is not None for run in figures.runs) else ()
    changes = figures.changes if isinstance(figures, Comparison) else ()
    counts = [len(rows) for rows in (errors, changes) if rows]
    if not counts:
        raise UsageError("there is nothing to draw: these runs have no errors", "leave -o out, for a table")
    around, view = AROUND + (PANEL + AXIS) * len(counts), tables.view(figures, runs)
    with sheet(style, size_for(style, sum(counts), len(counts), PANEL + AXIS), *runs) as page:
        found = panels(page, counts, sharex=False)
        if errors:
            _errors(page, found[0], errors)
            row_axes(page, found[0], [run.name for run in errors], sum(counts), around)
        if changes:
            _changes(page, found[-1], changes, figures)
            row_axes(page, found[-1], [change.title for change in changes], sum(counts), around)
        heading, _, below = view.title.rpartition(" | ")
        page.head(f"Runs {heading}", below, _caption(figures, runs, said(view) if errors else []), found)
        return page.content(kind)


def _errors(page: Sheet, axes: Axes, runs: Sequence[RunFigures]) -> None:
    """Draw the errors of runs, each with the interval of its change from the first run."""
    palette, y = page.palette, np.arange(len(runs))
    rmse = np.array([run.rmse for run in runs], dtype=np.float64)
    axes.axvline(
        rmse[0], color=palette.dim, lw=1, ls=(0, (4, 3)), zorder=0.9, label=page.written(f"RMSE of {runs[0].name}")
    )
    label = f"95 % interval of the change from {runs[0].name}"
    for row, run in enumerate(runs):
        if run.rmse_change_interval is not None and run.rmse_change is not None:
            low, high = (rmse[row] - run.rmse_change + end for end in run.rmse_change_interval)
            axes.hlines(row, low, high, color=palette.rest, lw=2.5, label=page.written(label), zorder=1)
            if run.judged is not None:
                style: dict[str, Any] = {"color": page.tone(run.judged.tone), "fontsize": TEXT, "va": "center"}
                axes.annotate(f"  {run.judged.words}", (high, row), **style)
    dots: dict[str, Any] = {"edgecolors": palette.paper, "lw": 0.6, "zorder": 2}
    axes.scatter(rmse, y, s=DOT, c=palette.plain, label="RMSE", **dots)
    axes.set_title("RMSE, the lower the better", loc="left", fontsize=TEXT + 1, fontweight="bold")


def _changes(page: Sheet, axes: Axes, changes: Sequence[Change], figures: SideBySide) -> None:
    """Draw the way from the stars of one run to those of the other."""
    palette, y = page.palette, np.arange(len(changes))
    before, after = np.array([(change.stars_a, change.stars_b) for change in changes]).T
    first, second = (page.written(run.name) for run in figures.runs)
    axes.hlines(y, before, after, color=palette.rest, lw=1.5, zorder=1)
    axes.scatter(
        before, y, s=DOT, c=palette.paper, edgecolors=palette.rest, lw=1.5, label=f"stars by {first}", zorder=2
    )
    axes.scatter(after, y, s=DOT, c=palette.plain, marker="D", label=f"stars by {second}", zorder=3)
    axes.set_xlabel("Stars, mean over all users")
    axes.set_title("What changed most", loc="left", fontsize=TEXT + 1, fontweight="bold")


def _caption(figures: SideBySide, runs: Sequence[Run], words: list[str]) -> str:
    """Say which rows the errors are of, how much of the change is due to seeds, and where the data come from."""
    if isinstance(figures, Comparison):
        words.append(f"change of stars: {tables.about_change(figures)}")
    splits = {run.name: run.training.split.description for run in runs if run.training.split.description}
    if len(set(splits.values())) == 1:
        splits = {"all runs": next(iter(splits.values()))}
    words += [f"split of {name}: {split}" for name, split in splits.items()]
    data = dict.fromkeys(data_of(run) for run in runs)
    return f"{sentences(words)} Data: {' and '.join(data)}."

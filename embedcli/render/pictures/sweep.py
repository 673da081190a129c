"""The trials of a sweep as a picture: their errors, and what is to be seen in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.sweep import Sweep, TrialFigures
from embedcli.render import sweep as tables
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import TEXT, Sheet, data_of, said, sentences, sheet
from embedcli.render.pictures.rows import AROUND, PANEL, panels, row_axes, size_for
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXIS = 0.35  # inches: the numbers below a panel
DOT = 34.0  # square points


def draw(found: Sweep, runs: Sequence[Run], kind: str, style: Style | None = None) -> bytes:
    """Draw the errors of the settings, and the evidence for their first component, as "png", "svg" or "pdf"."""
    style, trials = style or Style(), found.trials
    counts = [len(trials)] * (2 if any(trial.slope is not None for trial in trials) else 1)
    around, view = AROUND + (PANEL + AXIS) * len(counts), tables.view(found, runs)
    with sheet(style, size_for(style, sum(counts), len(counts), PANEL + AXIS), *runs) as page:
        shown = panels(page, counts, sharex=False)
        _errors(page, shown[0], found)
        if len(counts) > 1:
            _evidence(page, shown[1], trials)
        labels = [f"{trial.setting or trial.name}" + (f"  ({trial.mark})" if trial.mark else "") for trial in trials]
        for axes in shown:
            row_axes(page, axes, labels, sum(counts), around)
        heading, _, below = view.title.partition(" | ")
        words = [*said(view), "validation rows are a tenth of the training rows", "nothing is chosen by the test rows"]
        page.head(heading, below, f"{sentences(words)} Data: {data_of(runs[0])}.", shown)
        return page.content(kind)


def _errors(page: Sheet, axes: Axes, found: Sweep) -> None:
    """Draw the validation RMSE with its standard error, and the test RMSE of members and posterior."""
    palette, y = page.palette, np.arange(len(found.trials))
    dots: dict[str, Any] = {"edgecolors": palette.paper, "lw": 0.6, "zorder": 2}
    rmse, error = np.array([(trial.validation_rmse, trial.worse_error or 0.0) for trial in found.trials]).T
    axes.axvline(rmse[0], color=palette.dim, lw=1, ls=(0, (4, 3)), zorder=0.9, label="best by validation")
    axes.hlines(y, rmse - error, rmse + error, color=palette.rest, lw=2.5, zorder=1)
    label = "validation, one standard error of the difference to each side"
    axes.scatter(rmse, y, s=DOT, c=palette.plain, label=label, **dots)
    shown = [("rmse", "D", "test, members"), ("posterior_rmse", "s", "test, posterior")]
    for key, marker, label in shown[: 1 if tables.common_posterior(found) else 2]:
        values = [(getattr(trial, key), row) for row, trial in enumerate(found.trials)]
        known = np.array([pair for pair in values if pair[0] is not None], dtype=np.float64).reshape(-1, 2)
        if len(known):
            style: dict[str, Any] = {"c": palette.paper, "edgecolors": palette.dim, "lw": 1.2, "zorder": 2}
            axes.scatter(known[:, 0], known[:, 1], s=DOT * 0.7, marker=marker, label=label, **style)
    axes.set_title("RMSE, the lower the better", loc="left", fontsize=TEXT + 1, fontweight="bold")


def _evidence(page: Sheet, axes: Axes, trials: Sequence[TrialFigures]) -> None:
    """Draw the held-out slope and the agreement with the truth of the first component."""
    palette = page.palette
    axes.axvline(1.0, color=palette.dim, lw=1, ls=(0, (1, 2)), zorder=0.9, label="calibrated")
    for key, marker, color, label in (
        ("slope", "^", palette.caution, "held-out slope"),
        ("truth_phi", "o", palette.good, "agreement with the truth"),
    ):
        values = [(getattr(trial, key), row) for row, trial in enumerate(trials)]
        known = np.array([pair for pair in values if pair[0] is not None], dtype=np.float64).reshape(-1, 2)
        if len(known):
            axes.scatter(known[:, 0], known[:, 1], s=DOT, marker=marker, c=color, label=label, zorder=2)
    right = max([1.0, *(value for trial in trials for value in (trial.slope, trial.truth_phi) if value is not None)])
    for row, trial in enumerate(trials):
        if trial.real is not None:
            text = f"  {trial.real} real" + ("" if trial.n_named is None else f", {trial.n_named} named")
            axes.annotate(text, (right, row), fontsize=TEXT, va="center", color=palette.dim)
    axes.set_xlim(right=right + 0.4 * (right - axes.get_xlim()[0]))  # room for the words
    axes.set_title("Component 1", loc="left", fontsize=TEXT + 1, fontweight="bold")

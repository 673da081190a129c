"""Rankings by bias as pictures: intervals, and the stars within them or outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.biases import Biases, ItemBias, Mover, Movers
from embedcli.analysis.choices import By
from embedcli.render import biases as tables
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import TEXT, Sheet, about, said, sentences, sheet
from embedcli.render.pictures.rows import AROUND, PANEL, panels, row_axes, size_for
from embedcli.render.view import View, capital, percent
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOT = 34.0  # square points


def draw(ranking: Biases, run: Run, ends: Sequence[str], kind: str, style: Style | None = None) -> bytes:
    """Draw one end of a ranking, or both, as "png", "svg" or "pdf"; `ends` are "best" and "worst"."""
    lists: list[Sequence[ItemBias]] = [getattr(ranking, end) for end in ends]
    view = tables.view(ranking, run, ends)
    value = run.data.value_noun if lists[0][0].stars is not None else "bias in logits"
    bars = [f"bars: {percent(ranking.interval)} intervals from {ranking.n_draws} draws of the posterior"]
    words = [*(bars if ranking.n_draws else []), *said(view)]

    def panel(page: Sheet, axes: Axes, rows: Sequence[ItemBias]) -> None:
        _intervals(page, axes, rows, ranking)

    return _rows(run, view, lists, panel, words, f"{value}, mean over all {run.other}s", kind, style or Style())


def draw_movers(ranking: Movers, run: Run, kind: str, style: Style | None = None) -> bytes:
    """Draw the items whose stars differ most from their damped mean, as "png", "svg" or "pdf"."""
    view = tables.movers(ranking, run)
    words = ["damped mean: the mean of the ratings, pulled to the mean of all by five ratings more"]
    return _rows(run, view, [ranking.up, ranking.down], _moves, words, run.data.value_noun, kind, style or Style())


def _rows(
    run: Run, view: View, lists: Sequence[Sequence[Any]], panel: Any, words: list[str], x: str, kind: str, style: Style
) -> bytes:
    """Draw lists of rows, one below another; `panel` draws one."""
    n_rows = sum(map(len, lists))
    with sheet(style, size_for(style, n_rows, len(lists)), run) as page:
        below = panels(page, [len(rows) for rows in lists], sharex=True)
        for axes, rows, block in zip(below, lists, view.blocks, strict=True):
            panel(page, axes, rows)
            row_axes(page, axes, [row.title for row in rows], n_rows, AROUND + PANEL * len(lists))
            axes.set_title(page.written(block.heading), loc="left", fontsize=TEXT + 1, fontweight="bold")
        below[-1].set_xlabel(page.written(capital(x)))
        title, _, rest = view.title.partition(" | ")
        page.head(title, rest, f"{sentences(words)} {about(run)}", below)
        return page.content(kind)


def _intervals(page: Sheet, axes: Axes, rows: Sequence[ItemBias], ranking: Biases) -> None:
    """Draw intervals as bars, and on them what the trained model says; what lies outside has a shape of its own."""
    y, values = np.arange(len(rows)), np.array([row.bias if row.stars is None else row.stars for row in rows])
    if ranking.n_draws:
        low, high = np.array([(row.lower, row.upper) for row in rows], dtype=np.float64).T
        label = f"{percent(ranking.interval)} interval"
        axes.hlines(y, low, high, color=page.palette.rest, lw=2.5, label=label, zorder=1)
    if rows[0].stars is not None:
        average = rows[0].stars - rows[0].bias
        axes.axvline(average, color=page.palette.dim, lw=1, ls=(0, (4, 3)), zorder=0.9, label="the average")
    source = "posterior mean" if ranking.by is By.POSTERIOR else "trained model"
    outside = np.array([bool(row.is_outside) for row in rows])
    dots: dict[str, Any] = {"edgecolors": page.palette.paper, "lw": 0.6, "zorder": 2}
    axes.scatter(values[~outside], y[~outside], s=DOT, c=page.palette.plain, label=source, **dots)
    if outside.any():
        label = f"{source}, outside the interval"
        axes.scatter(values[outside], y[outside], s=DOT * 1.2, c=page.palette.marked, marker="D", label=label, **dots)


def _moves(page: Sheet, axes: Axes, rows: Sequence[Mover]) -> None:
    """Draw the way from each damped mean to the stars."""
    y = np.arange(len(rows))
    means, stars = np.array([(row.damped_mean, row.stars) for row in rows]).reshape(-1, 2).T
    axes.hlines(y, means, stars, color=page.palette.rest, lw=1.5, zorder=1)
    hollow: dict[str, Any] = {"facecolors": page.palette.paper, "edgecolors": page.palette.rest, "lw": 1.5, "zorder": 2}
    axes.scatter(means, y, s=DOT, label="damped mean", **hollow)
    axes.scatter(stars, y, s=DOT, c=page.palette.plain, label="stars by the model", zorder=3)

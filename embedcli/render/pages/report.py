"""The report of a run as one page."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.map import Map
from embedcli.analysis.pca import Components
from embedcli.render import biases as render_biases
from embedcli.render import pca as render_pca
from embedcli.render.pages.page import page
from embedcli.render.runs import facts, summary
from embedcli.render.view import Block, View
from embedcli.run.record import Run

BLUE = "#0072B2"


def report_page(run: Run, path: Path, ranking: Biases | None, components: Components, drawn: Map) -> str:
    """Return the report of a run: its errors, ranking, components, map and settings."""
    report: dict[str, Any] = {
        "errors": summary(run, path),
        "curve": _curve(run),
        "ranking": View("", [], [], {}, caption="this run has no biases to rank by"),
        "ends": [],
        "components": render_pca.view(components, run),
        "facts": facts(run, path),
    }
    if ranking is not None:
        view = render_biases.view(ranking, run, ("best", "worst"))
        ends = zip(("best", "worst"), view.blocks, strict=True)
        report |= {"ranking": view, "ends": [_end(run, ranking, *end) for end in ends]}
    return page(drawn, run, title=f"{run.data.title}: what the model has learned", report=report)


def _curve(run: Run) -> dict[str, Any] | None:
    """Return the plot of the errors by epoch."""
    epochs = run.training.epochs
    if len(epochs) < 2:
        return None
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": [epoch.epoch for epoch in epochs],
            "y": [round(getattr(epoch, key), 4) for epoch in epochs],
        }
        for name, key in (("training ratings", "train_rmse"), ("test ratings", "test_rmse"))
        if getattr(epochs[0], key) is not None
    ]
    layout = {
        "height": 260,
        "margin": {"l": 56, "r": 8, "t": 8, "b": 40},
        "xaxis": {"title": {"text": "epoch"}, "dtick": 1},
        "yaxis": {"title": {"text": "RMSE"}},
        "legend": {"orientation": "h", "y": 1.15},
    }
    return {"traces": traces, "layout": layout}


def _end(run: Run, ranking: Biases, end: str, table: Block) -> dict[str, Any]:
    """Return one end of the ranking: its table, and its plot with intervals."""
    rows: Sequence[ItemBias] = getattr(ranking, end)
    names, has_stars = _names(rows), rows[0].stars is not None
    layout = {
        "height": 90 + 26 * len(rows),
        "margin": {"l": 8, "r": 12, "t": 8, "b": 40},
        "xaxis": {"title": {"text": _as_text(run.data.value_noun if has_stars else "bias, in logits")}},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "showlegend": False,
    }
    values = [round(row.bias if row.stars is None else row.stars, 3) for row in rows]
    traces: list[dict[str, Any]] = [{"x": values, "y": names, "marker": {"size": 8, "color": BLUE}}]
    if ranking.n_draws:  # bars of their own: the trained stars may be outside
        lower, upper = np.array([(row.lower, row.upper) for row in rows], dtype=np.float64).T
        middle, half = ([round(x, 3) for x in xs.tolist()] for xs in ((lower + upper) / 2, (upper - lower) / 2))
        bars = {"array": half, "thickness": 1.5, "width": 0, "color": BLUE}
        invisible = {"size": 0.1, "opacity": 0}
        traces.insert(0, {"x": middle, "y": names, "hoverinfo": "skip", "error_x": bars, "marker": invisible})
    plot = {"traces": [{"type": "scatter", "mode": "markers", **trace} for trace in traces], "layout": layout}
    return {"id": end, "table": table, "heading": table.heading, "plot": plot}


def _names(rows: Sequence[ItemBias]) -> list[str]:
    """Return the names of rows in a plot: short titles, with the rank if an earlier row has the same."""
    short = [_short(row.title) for row in rows]
    return [
        _as_text(f"{name} ({row.rank})" if name in short[:index] else name)
        for index, (row, name) in enumerate(zip(rows, short, strict=True))
    ]


def _as_text(words: str) -> str:
    """Return words as plotly shows them as they are: it reads a few tags in texts."""
    return html.escape(words, quote=False)


def _short(title: str) -> str:
    return title if len(title) <= 32 else title[:29] + "..."

"""Pages for a browser: an interactive map, and the report; each is one file that needs no network."""

import base64
import hashlib
import html
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.map import Map, neighbours_of, tag_groups
from embedcli.analysis.pca import Components
from embedcli.errors import RunError
from embedcli.render import biases as render_biases
from embedcli.render import pca as render_pca
from embedcli.render.map import TAG_RULE, axis_titles, caption, explanation
from embedcli.render.map import title as map_title
from embedcli.render.runs import facts, summary
from embedcli.render.view import Block, View
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"
BLUE = "#0072B2"


def map_page(drawn: Map, run: Run) -> str:
    """Return a page with an interactive map; titles in it are never read as HTML."""
    return _page(drawn, run, title=map_title(drawn, run), report=None)


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
    return _page(drawn, run, title=f"{run.data.title}: what the model has learned", report=report)


def _page(drawn: Map, run: Run, *, title: str, report: Mapping[str, Any] | None) -> str:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    scripts = {"plotly": _plotly(), "script": (TEMPLATES / "map.js").read_text(encoding="utf-8")}
    about = [f"{len(run.items):,} {run.data.noun}s, {len(run.users):,} users", f"run {run.name}"]
    about += [run.training.split.description, f"{run.n_members} members", f"embedcli {run.meta['version']}"]
    return environment.get_template("page.html.j2").render(
        policy=_policy(*scripts.values()),
        title=title,
        subtitle=" | ".join(filter(None, about)),
        meta=run.meta,
        noun=run.data.noun,
        report=report,
        caption=caption(drawn),
        explanation=explanation(drawn),
        data=_map_data(drawn, run),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **scripts,
    )


def _plotly() -> str:
    """Return plotly.js from its package, without the import of the package, which is slow."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RunError("plotly, which draws the pages, is not installed", "pip install plotly")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """Return a Content-Security-Policy that runs only these scripts, and forbids every request."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in digests),
        "style-src": "'unsafe-inline'",  # plotly writes styles
        "img-src": "data: blob:",  # the icon, and the map on its way to a PNG
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _map_data(drawn: Map, run: Run) -> dict[str, Any]:
    """Return the items of a map with their neighbours, as the page's script takes them."""
    color = drawn.color if drawn.color is not None and drawn.color.tags else tag_groups(run, drawn.item_rows)
    items = [
        {
            "title": point.title,
            "tags": list(point.tags),
            "group": None if group is None else color.tags.index(group),
            "x": round(point.x, 4),
            "y": round(point.y, 4),
            "n": point.n_ratings,
            "mean": _rounded(point.mean_rating),
            "stars": _rounded(point.stars),
            "low": _rounded(point.lower, 2),
            "high": _rounded(point.upper, 2),
            "year": point.year,
            "near": neighbours,
        }
        for point, group, neighbours in zip(drawn.places, color.groups, neighbours_of(run, drawn), strict=True)
    ]
    numbers = {"stars": run.data.value_noun, "mean": "mean rating", "year": "year", "n": "number of ratings"}
    return {
        "items": items,
        "tags": color.tags,
        "rule": TAG_RULE,
        "numbers": {key: name for key, name in numbers.items() if any(item[key] is not None for item in items)},
        "value": run.data.value_noun,
        "axes": axis_titles(drawn),
        "short": [f"component {axis.component}" for axis in drawn.axes or ()] or ["", ""],
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


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

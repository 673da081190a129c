"""Pages for a browser: an interactive map, and the report; each is one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.biases import MARK, Biases, ItemBias
from embedcli.analysis.components import Component, Components
from embedcli.analysis.decay import judge_decay
from embedcli.analysis.maps import Map, tag_groups
from embedcli.analysis.neighbours import nearest
from embedcli.errors import RunError
from embedcli.render.biases import explanation as about_biases
from embedcli.render.components import captions as about_components
from embedcli.render.components import heading, written_effect
from embedcli.render.maps import TAG_RULE, axis_titles
from embedcli.render.maps import captions as about_map
from embedcli.render.maps import title as map_title
from embedcli.render.runs import decay, facts, protocol
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"
LEAST_RATINGS = 10  # of an item with neighbours
EFFECTS = 3


def map_page(found: Map, run: Run) -> str:
    """Return a page with an interactive map; the titles in it cannot be taken for HTML."""
    return _page(found, run, title=map_title(found, run), report=None)


def report_page(run: Run, path: Path, biases: Biases | None, components: Components, found: Map) -> str:
    """Return the report of a run: its errors, ranking, axes, map and settings."""
    report = {
        "scores": _scores(run),
        "figures": [name for name, _ in _figures(run)],
        "protocol": [
            *(protocol(run) or ["trained on all ratings; none is left to test on."]),
            *decay(judge_decay(run), run.data.noun),
        ],
        "curve": _curve(run),
        "ends": [_end(run, biases, end) for end in ("best", "worst")] if biases else [],
        "about_ends": about_biases(biases, run) if biases else ["this run has no biases to rank by."],
        "cards": [_card(component) for component in components.components],
        "about_cards": about_components(components, run.data.noun),
        "facts": list(facts(run, path).items()),
    }
    return _page(found, run, title=f"{run.data.title}: what the model has learned", report=report)


def _page(found: Map, run: Run, *, title: str, report: Mapping[str, Any] | None) -> str:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    data = run.data
    about = (run.training.split.description, f"{run.n_members} members", f"embedcli {run.meta['version']}")
    subtitle = " | ".join(
        [f"{len(run.items):,} {data.noun}s, {len(run.users):,} users", f"run {run.name}", *filter(None, about)]
    )
    scripts = {"plotly": _plotly(), "script": (TEMPLATES / "map.js").read_text(encoding="utf-8")}
    return environment.get_template("page.html.j2").render(
        policy=_policy(*scripts.values()),
        title=title,
        subtitle=subtitle,
        meta=run.meta,
        noun=data.noun,
        report=report,
        captions=about_map(found, run),
        data=_map_data(found, run),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **scripts,
    )


def _plotly() -> str:
    """Return plotly.js, from the package whose import would take longer than the whole page."""
    spec = importlib.util.find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise RunError("plotly is not installed, which draws the pages", "pip install plotly")
    return (Path(next(iter(folders))) / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """Return a Content-Security-Policy that runs these scripts alone, and forbids every request."""
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


def _map_data(found: Map, run: Run) -> dict[str, Any]:
    """Return the items of a map with their neighbours, as the page's script takes them."""
    row_of = {identifier: row for row, identifier in enumerate(run.items.ids)}
    rows = np.array([row_of[place.id] for place in found.places], dtype=np.int64)
    near, bounds = _near(run, rows), _bounds(run, rows)
    color = found.color if found.color is not None and found.color.tags else tag_groups(run, rows)
    right, up = axis_titles(found)
    items = [
        {
            "title": place.title,
            "tags": list(place.tags),
            "group": None if group is None else color.tags.index(group),
            "x": round(place.x, 4),
            "y": round(place.y, 4),
            "n": place.n_ratings,
            "mean": _rounded(place.mean_rating),
            "stars": _rounded(place.stars),
            "low": None if bounds is None else round(float(bounds[0, at]), 2),
            "high": None if bounds is None else round(float(bounds[1, at]), 2),
            "year": place.year,
            "near": near[at],
        }
        for at, (place, group) in enumerate(zip(found.places, color.groups, strict=True))
    ]
    numbers = {"stars": run.data.value_noun, "mean": "mean rating", "year": "year", "n": "number of ratings"}
    known = {key: name for key, name in numbers.items() if any(item[key] is not None for item in items)}
    short = ["", ""] if found.axes is None else [f"component {axis.component}" for axis in found.axes]
    return {
        "items": items,
        "tags": color.tags,
        "rule": TAG_RULE,
        "numbers": known,
        "value": run.data.value_noun,
        "axes": [right, up],
        "short": short,
    }


def _near(run: Run, rows: NDArray[np.int64]) -> list[list[int]]:
    """Return the places of each item's nearest among those with enough ratings; none for an item with too few."""
    enough = np.flatnonzero(run.item_stats.n_ratings[rows] >= LEAST_RATINGS)
    near: list[list[int]] = [[] for _ in rows]
    if len(enough) < 2:
        return near
    found = nearest(run.array("item_factors"), rows[enough])
    for at, others in zip(enough, found, strict=True):
        near[at] = [int(enough[other]) for other in others]
    return near


def _bounds(run: Run, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    if not run.n_draws:
        return None
    found: NDArray[np.float64] = np.quantile(run.array("item_stars")[:, rows], (0.025, 0.975), axis=0)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _figures(run: Run) -> list[tuple[str, str]]:
    of_all = [("RMSE", "rmse"), ("MAE", "mae")]
    return [("AUC", "auc"), *of_all] if run.data.implicit else of_all


def _scores(run: Run) -> list[list[str]]:
    return [
        [
            score.model,
            *("" if getattr(score, key) is None else f"{getattr(score, key):.3f}" for _, key in _figures(run)),
        ]
        for score in run.training.scores
    ]


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


def _end(run: Run, found: Biases, end: str) -> dict[str, Any]:
    """Return one end of the ranking: drawn with its intervals, and as a table; plotly reads a few tags in texts."""
    rows: tuple[ItemBias, ...] = getattr(found, end)
    value = [row.bias if row.stars is None else row.stars for row in rows]
    value_noun = run.data.value_noun if rows[0].stars is not None else "bias, in logits"
    names = [
        html.escape(_short(row.title) + f" ({at})" * (_short(row.title) in seen), quote=False)
        for at, row, seen in _so_far(rows)
    ]
    stars: dict[str, Any] = {"x": [round(x, 3) for x in value], "y": names, "marker": {"size": 8, "color": "#0072B2"}}
    traces = [stars]
    if found.n_draws:  # a bar of its own: the trained stars may lie outside
        bounds = [(row.lower or 0.0, row.upper or 0.0) for row in rows]
        bar = {"array": [round((high - low) / 2, 3) for low, high in bounds], "thickness": 1.5, "width": 0}
        middle = {"x": [round((low + high) / 2, 3) for low, high in bounds], "y": names, "hoverinfo": "skip"}
        traces.insert(0, {**middle, "error_x": {**bar, "color": "#0072B2"}, "marker": {"size": 0.1, "opacity": 0}})
    layout = {
        "height": 90 + 26 * len(rows),
        "margin": {"l": 8, "r": 12, "t": 8, "b": 40},
        "xaxis": {"title": {"text": html.escape(value_noun, quote=False)}},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "showlegend": False,
    }
    header = [
        "",
        run.data.noun,
        run.data.value_noun,
        *(["95 %", f"P({'top' if end == 'best' else 'bottom'} {len(rows)})"] if found.n_draws else []),
        "n",
        "mean",
    ]
    table = [
        [
            str(row.rank),
            row.title,
            "" if row.stars is None else f"{row.stars:.2f}",
            *([f"{row.lower:.1f} to {row.upper:.1f}{mark}", f"{row.probability:.2f}"] if found.n_draws else []),
            f"{row.n_ratings:,}",
            "" if row.mean_rating is None else f"{row.mean_rating:.2f}",
        ]
        for row in rows
        for mark in [f" {MARK}" if row.is_outside else ""]
    ]
    return {
        "id": end,
        "heading": f"{end.capitalize()} {run.data.noun}s",
        "plot": {"traces": [{"type": "scatter", "mode": "markers", **trace} for trace in traces], "layout": layout},
        "header": header,
        "rows": table,
    }


def _so_far(rows: Sequence[ItemBias]) -> list[tuple[int, ItemBias, set[str]]]:
    """Return (rank, row, the short titles before it): two rows of one title are two rows of the plot."""
    return [(row.rank, row, {_short(other.title) for other in rows[:at]}) for at, row in enumerate(rows)]


def _short(title: str) -> str:
    return title if len(title) <= 32 else title[:29] + "..."


def _card(component: Component) -> dict[str, Any]:
    """Return what a card says of a component."""
    lines = [f"unnamed: {component.unnamed}"]
    if component.unnamed is None:
        lines = [f"+ {', '.join(component.positive_name)}", f"\u2212 {', '.join(component.negative_name)}"]
    told = [
        effect for kind in ("number", "tag") for effect in [e for e in component.effects if e.kind == kind][:EFFECTS]
    ]
    if told:
        lines.append("goes with " + "; ".join(map(written_effect, told)))
    poles = (("+", component.positive), ("\u2212", component.negative))
    return {
        "heading": heading(component).replace("  ", ": ", 1),
        "lines": lines,
        "poles": [{"sign": sign, "titles": [item.title for item in items]} for sign, items in poles],
    }

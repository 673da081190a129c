"""The page with an interactive map, and what the map's script draws."""

from typing import Any

from embedcli.analysis.map import Map, neighbours_of, tag_groups
from embedcli.render.map import TAG_RULE, axis_titles
from embedcli.run.record import Run


def map_data(drawn: Map, run: Run) -> dict[str, Any]:
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

"""The interactive map of a page, and the page that has it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from embedcli.analysis.map import LEAST_RATINGS, Map, neighbours_of, tag_groups
from embedcli.analysis.pca import Components, pca
from embedcli.errors import UsageError
from embedcli.render.colors import DARK, LIGHT
from embedcli.render.map import axis_titles, caption, explanation, title
from embedcli.render.pages.page import document, map_scripts
from embedcli.run.record import Run

if TYPE_CHECKING:  # its package is slow to import
    from embedcli.analysis.clusters import Clusters

N_COMPONENTS = 3  # whose scores can be a color; more if the map is drawn on later ones
MOST_TAGS = 60  # tags that can be chosen alone, the commonest

Found = TypeVar("Found")


def map_page(drawn: Map, run: Run) -> str:
    """Return a page with an interactive map; titles in it are never read as HTML."""
    from embedcli.analysis.clusters import clusters

    n_components = max(N_COMPONENTS, *(axis.component for axis in drawn.axes or ()), 1)
    components = _unless_too_few(lambda: pca(run, components=n_components, limit=1, min_ratings=drawn.min_ratings))
    context = map_context(drawn, run, components, _unless_too_few(lambda: clusters(run, by=drawn.by)))
    return document(
        "page.html.j2", run, title=title(drawn, run), scripts=map_scripts(), styles=("map.css",), map=context
    )


def map_context(drawn: Map, run: Run, components: Components | None, groups: Clusters | None) -> dict[str, Any]:
    """Return what the macro `map` of a template shows: texts, choices of color, and the data of its script.

    `components` and `groups` can be a color; None if they cannot.
    """
    items = _items(drawn, run)
    data: dict[str, Any] = {
        "noun": run.data.noun,
        "value": run.data.value_noun,
        "title": title(drawn, run),
        "caption": caption(drawn),
        "items": items,
        "marked": [index for index, point in enumerate(drawn.places) if point.highlighted],
        "axes": axis_titles(drawn),
        "short": [f"component {axis.component}" for axis in drawn.axes or ()] or ["", ""],
        "colors": _colors(drawn, run, items, components, groups),
        "near": _neighbours(drawn, run),
        "palettes": {"light": asdict(LIGHT), "dark": asdict(DARK)},
    }
    about, n_listed = f"{caption(drawn)}.", len(data["near"]["of"])
    if run.item_stats.is_known:
        about += " Larger dots have more ratings."
    if n_listed < len(drawn.places):
        about += f" Neighbours are listed for the {n_listed:,} most rated {run.data.noun}s."
    return {"data": data, "caption": about, "explanation": explanation(drawn, run.data.noun)}


def _items(drawn: Map, run: Run) -> dict[str, Any]:
    """Return the columns of the points, the most rated first; a column without a known value is left out."""
    tags = list(dict.fromkeys(tag for point in drawn.places for tag in point.tags))
    at = {tag: index for index, tag in enumerate(tags)}
    columns: dict[str, list[Any]] = {
        "title": [point.title for point in drawn.places],
        "id": [point.id for point in drawn.places],
        "x": [round(point.x, 4) for point in drawn.places],
        "y": [round(point.y, 4) for point in drawn.places],
        "n": [point.n_ratings for point in drawn.places],
        "mean": _rounded((point.mean_rating for point in drawn.places), 2),
        "stars": _rounded((point.stars for point in drawn.places), 2),
        "low": _rounded((point.lower for point in drawn.places), 2),
        "high": _rounded((point.upper for point in drawn.places), 2),
        "bias": _rounded((point.bias for point in drawn.places), 3),
        "year": [point.year for point in drawn.places],
        "tags": [[at[tag] for tag in point.tags] for point in drawn.places],
    }
    if columns["id"] == columns["title"]:
        del columns["id"]
    known = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    return known | {"tag_names": tags}


def _colors(
    drawn: Map, run: Run, items: Mapping[str, Any], components: Components | None, groups: Clusters | None
) -> dict[str, Any]:
    """Return the choices of color: tags, one tag, numbers, components and clusters, and which of them is at first."""
    of_tags = drawn.color if drawn.color is not None and drawn.color.tags else tag_groups(run, drawn.item_rows)
    counts = [0] * len(items["tag_names"])
    for own in items["tags"]:
        for tag in set(own):
            counts[tag] += 1
    numbers = {
        "stars": run.data.value_noun,
        "bias": "bias",
        "mean": "mean rating",
        "n": "number of ratings",
        "year": "year",
    }
    asked = drawn.color.name if drawn.color is not None and drawn.color.is_number else "tags"
    return {
        "first": {"log n": "n"}.get(asked, asked) if of_tags.tags or asked != "tags" else "",
        "tags": {
            "names": of_tags.tags,
            "rule": f"a {run.data.noun} with several of these tags has the color of the rarest",
            "of": _indices(of_tags.tags, of_tags.groups),
        },
        "tag": sorted(range(len(counts)), key=lambda tag: (-counts[tag], items["tag_names"][tag]))[:MOST_TAGS],
        "numbers": {name: words for name, words in numbers.items() if name in items},
        "components": _scores(drawn, components),
        "clusters": _clusters(drawn, groups),
    }


def _scores(drawn: Map, components: Components | None) -> list[dict[str, Any]]:
    """Return the name and the scores of each component."""
    if components is None:
        return []
    return [
        {
            "name": f"component {axis.component}" + (f": {axis.poles}" if axis.poles else ""),
            "of": _rounded(components.scores[drawn.item_rows, index].tolist(), 2),
        }
        for index, axis in enumerate(components.components)
    ]


def _clusters(drawn: Map, groups: Clusters | None) -> dict[str, Any] | None:
    """Return the group of each point, and the tags of each group."""
    if groups is None:
        return None
    numbers = {item.id: item.cluster for item in groups.grouped}
    names = [
        f"{cluster.cluster}: {', '.join(tag.tag for tag in cluster.tags[:3]) or 'no tag more than by chance'}"
        for cluster in groups.clusters
    ]
    verdict = "there are groups" if groups.has_groups else "a continuum, cut in pieces"
    rule = f"{groups.method.value.replace('kmeans', 'k-means')} of {groups.items}; silhouette {groups.silhouette:.3f}"
    return {
        "names": names,
        "rule": f"{rule}, {groups.control:.3f} for clouds without groups: {verdict}",
        "of": [None if (number := numbers.get(point.id)) is None else number - 1 for point in drawn.places],
    }


def _unless_too_few(find: Callable[[], Found]) -> Found | None:
    """Return what is found; None if the run has too few items for it."""
    try:
        return find()
    except UsageError:
        return None


def _neighbours(drawn: Map, run: Run) -> dict[str, Any]:
    """Return the nearest of each point that has any, with their evidence."""
    indices, nearest = neighbours_of(run, drawn)
    if nearest is None:
        return {"least": LEAST_RATINGS, "of": [], "near": []}
    return {
        "least": LEAST_RATINGS if run.item_stats.is_known else 0,
        "by": nearest.by.value,
        "n_folds": nearest.n_folds,
        "of": indices.tolist(),
        "near": indices[nearest.positions].tolist(),
        "folds": None if nearest.folds is None else nearest.folds.tolist(),
        "both": None if nearest.co_raters is None else nearest.co_raters.tolist(),
    }


def _indices(names: Sequence[str], values: Iterable[str | None]) -> list[int | None]:
    at = {name: index for index, name in enumerate(names)}
    return [None if value is None else at[value] for value in values]


def _rounded(values: Iterable[float | None], digits: int) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]

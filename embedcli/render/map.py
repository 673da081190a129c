"""Maps of items: in the terminal as letters, and what every drawing says about its axes and its fidelity."""

import string
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from embedcli.analysis.choices import Method
from embedcli.analysis.map import Map, MapPoint
from embedcli.analysis.pca import Component
from embedcli.analysis.record import Column
from embedcli.render.similar import about_measure
from embedcli.render.view import Block, View, table, view_of
from embedcli.run.record import Run

WIDTH, HEIGHT = 76, 26  # letters of the terminal's map, at most
LETTERS = string.ascii_uppercase + string.ascii_lowercase
DOT = "\u00b7"  # a point without a letter
TAG_RULE = "several tags: the rarest"  # which color an item has: `tag_groups`
NAMES = {Method.PCA: "components", Method.TSNE: "t-SNE", Method.UMAP: "UMAP"}


def view(drawn: Map, run: Run, n_labels: int) -> View:
    """Show a map as letters, and what each stands for."""
    letters = dict(zip(labelled(drawn, n_labels), LETTERS, strict=False))  # by index of the point
    points = table([drawn.places[index] for index in letters], MapPoint, noun=run.data.noun)
    rows = [{"letter": letter, **row} for letter, row in zip(letters.values(), points.rows, strict=True)]
    n_dots = len(drawn.places) - len(letters)
    dots = f" | {DOT}: {n_dots:,} more {run.data.noun}s" if n_dots else ""
    return view_of(
        drawn,
        run,
        title(drawn, run),
        [
            Block(drawing=partial(_grid, drawn, letters)),
            Block(lines=list(zip(("right", "up"), axis_titles(drawn), strict=True)) if drawn.axes else ()),
            replace(points, columns=[Column("letter", "", is_number=False), *points.columns], rows=rows),
        ],
        caption(drawn) + dots,
        explanation(drawn, run.data.noun),
    )


def coordinates(drawn: Map, run: Run) -> View:
    """Show the points as a table of numbers."""
    rows = drawn.rows()
    block = table(drawn.places, MapPoint, noun=run.data.noun)
    return View("coordinates", [block], records=rows, body={"places": rows}, meta=run.meta)


def labelled(drawn: Map, n_labels: int) -> list[int]:
    """Return the indices of the points to label: the highlighted first, then the most rated."""
    return sorted(range(len(drawn.places)), key=lambda index: not drawn.places[index].highlighted)[:n_labels]


def title(drawn: Map, run: Run) -> str:
    """Say what is drawn."""
    method = NAMES[drawn.method]
    if drawn.axes is not None:
        method = f"components {drawn.axes[0].component} and {drawn.axes[1].component}"
    return f"Map by {method} | {run.headline} | {drawn.items}"


def axis_titles(drawn: Map) -> tuple[str, str]:
    """Name both axes, with their share and evidence; empty for a projection whose axes have no meaning."""
    if drawn.axes is None:
        return "", ""
    return _axis_title(drawn.axes[0]), _axis_title(drawn.axes[1])


def caption(drawn: Map) -> str:
    """Say in one line how far a map can be trusted."""
    fidelity = drawn.fidelity
    of_axes = f"seed {drawn.seed}, axes without meaning"
    if drawn.share is not None:
        of_axes = f"both axes: {100 * drawn.share:.0f} % of the variance"
    kept = f"neighbours by {drawn.by.value} kept"
    return f"{of_axes} | {kept}: {100 * fidelity.recall:.0f} % (chance {100 * fidelity.chance:.0f} %)"


def explanation(drawn: Map, noun: str) -> list[str]:
    """Say what the figures of a map mean."""
    fidelity = drawn.fidelity
    meaning = "Only neighbours have a meaning here; axes, distances and cluster sizes have none."
    if drawn.axes is not None:
        meaning = f"The components were found over {drawn.axes_over}; embedcli pca shows their evidence."
    return [
        f"Of the {fidelity.n_neighbours} nearest of each {noun}, {100 * fidelity.recall:.0f} % are among its "
        f"nearest on the map (by chance {100 * fidelity.chance:.0f} %). The trustworthiness is "
        f"{fidelity.trustworthiness:.2f} (1 = best, .5 = chance).",
        about_measure(drawn.by, noun),
        meaning,
    ]


def _axis_title(axis: Component) -> str:
    share = f"{100 * axis.share:.1f} %"
    if not axis.has_name:
        return f"component {axis.component} (unnamed), {share}"
    minus, plus = ", ".join(axis.negative_name[:3]), ", ".join(axis.positive_name[:3])
    return f"\u2190 {minus} | component {axis.component}, {share} | {plus} \u2192"


def _grid(drawn: Map, letters: Mapping[int, str], room: int) -> list[str]:
    """Return the lines of the terminal's map: a letter for the points that have one, dots for the others."""
    width = min(WIDTH, room)
    height = HEIGHT * width // WIDTH
    x, y = np.array([(point.x, point.y) for point in drawn.places]).T
    columns = np.round((x - x.min()) / (np.ptp(x) or 1) * (width - 1)).astype(int)
    lines = np.round((y.max() - y) / (np.ptp(y) or 1) * (height - 1)).astype(int)
    grid = np.full((height, width), " ")
    grid[lines, columns] = DOT
    for index in sorted(letters, reverse=True):  # of two items with one cell the first is shown
        grid[lines[index], columns[index]] = letters[index]
    return ["".join(line).rstrip() for line in grid]

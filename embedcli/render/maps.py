"""Maps of items: in the terminal as letters, and what every drawing says of its axes and its fidelity."""

from __future__ import annotations

import string

import numpy as np

from embedcli.analysis.choices import Method
from embedcli.analysis.components import Component, two_digits
from embedcli.analysis.maps import Map
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run

WIDTH, HEIGHT = 76, 26  # letters of the terminal's map
LETTERS = string.ascii_uppercase + string.ascii_lowercase
TAG_RULE = "several tags: the rarest"  # which color an item has: `tag_groups`
NAMES = {Method.PCA: "components", Method.TSNE: "t-SNE", Method.UMAP: "UMAP"}


def view(found: Map, run: Run, n_labels: int) -> View:
    """Show a map as letters, and what each stands for."""
    marks = [place for place in found.places if place.highlighted]
    lettered = [*marks, *(place for place in found.places if not place.highlighted)][: min(n_labels, len(LETTERS))]
    letters = {id(place): letter for place, letter in zip(lettered, LETTERS, strict=False)}
    grid = _grid(found, letters)
    rows = [
        {"letter": letters.get(id(place), ""), **vars(place), "tags": "|".join(place.tags)} for place in found.places
    ]
    right, up = axis_titles(found)
    columns = [
        text("letter", ""),
        text("title", run.data.noun),
        decimal("x", "x", sign=True),
        decimal("y", "y", sign=True),
        whole("n_ratings", "n"),
        text("id", "id"),
    ]
    return View(
        title=title(found, run),
        blocks=[
            Block(lines=[("", line) for line in grid]),
            Block(lines=[("right", right), ("up", up)] if found.axes is not None else ()),
            Block(columns=columns, rows=[row for row in rows if row["letter"]]),
        ],
        captions=[*captions(found, run), *_unlettered(len(rows), len(lettered), run.data.noun)],
        records=[{key: value for key, value in row.items() if key != "letter"} for row in rows],
        body={
            "method": found.method.value,
            "seed": found.seed,
            "items": found.items,
            "axes": None if found.axes is None else [_axis(axis) for axis in found.axes],
            "share": found.share,
            "fidelity": vars(found.fidelity),
            "places": [{**vars(place), "tags": list(place.tags)} for place in found.places],
        },
        meta=run.meta,
    )


def coordinates(found: Map, run: Run) -> View:
    """Show the places as a table of numbers."""
    rows = [{**vars(place), "tags": "|".join(place.tags)} for place in found.places]
    columns = [text("id", "id"), text("title", run.data.noun), decimal("x", "x", 3), decimal("y", "y", 3)]
    return View("coordinates", [Block(columns=columns, rows=rows)], records=rows, body={"places": rows}, meta=run.meta)


def title(found: Map, run: Run) -> str:
    """Say what is drawn."""
    what = NAMES[found.method]
    if found.axes is not None:
        what = f"components {found.axes[0].component} and {found.axes[1].component}"
    return f"Map by {what} | {run.headline} | {found.items}"


def axis_titles(found: Map) -> tuple[str, str]:
    """Name both axes, with their share and what is known of them; nothing for a layout whose axes mean nothing."""
    if found.axes is None:
        return "", ""
    right, up = (_axis_title(axis) for axis in found.axes)
    return right, up


def captions(found: Map, run: Run) -> list[str]:
    """Say how far a map can be trusted."""
    fidelity = found.fidelity
    said = []
    if found.share is not None:
        said.append(f"both axes carry {100 * found.share:.0f} % of the variance of the embeddings.")
    else:
        said.append(
            f"seed {found.seed}; the axes, distances and sizes of clusters mean nothing, only who is beside whom."
        )
    said.append(
        f"of an item's {fidelity.n_neighbours} nearest by its embedding {100 * fidelity.recall:.0f} % are among its "
        f"nearest here ({100 * fidelity.chance:.0f} % by chance); trustworthiness {fidelity.trustworthiness:.2f} "
        "(1 is best)."
    )
    return said


def _axis_title(axis: Component) -> str:
    share = f"{100 * axis.share:.1f} %"
    if axis.unnamed is not None:
        stable = "" if axis.stability is None else f" {two_digits(axis.stability)}"
        return f"component {axis.component} (unnamed: {axis.stability_word}{stable}), {share}"
    minus, plus = ", ".join(axis.negative_name[:3]), ", ".join(axis.positive_name[:3])
    return f"\u2190 {minus} | component {axis.component}, {share} | {plus} \u2192"


def _axis(axis: Component) -> dict[str, object]:
    return {
        "component": axis.component,
        "share": axis.share,
        "stability": axis.stability,
        "positive_name": list(axis.positive_name),
        "negative_name": list(axis.negative_name),
        "unnamed": axis.unnamed,
    }


def _grid(found: Map, letters: dict[int, str]) -> list[str]:
    """Return the lines of the terminal's map: a letter for the places that have one, dots for the others."""
    x, y = (np.array([getattr(place, axis) for place in found.places]) for axis in ("x", "y"))
    columns = np.round((x - x.min()) / (np.ptp(x) or 1) * (WIDTH - 1)).astype(int)
    lines = np.round((y.max() - y) / (np.ptp(y) or 1) * (HEIGHT - 1)).astype(int)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for place, line, column in reversed(list(zip(found.places, lines, columns, strict=True))):
        letter = letters.get(id(place), "\u00b7")
        if letter != "\u00b7" or grid[line][column] == " ":
            grid[line][column] = letter
    return ["".join(line).rstrip() or " " for line in grid]


def _unlettered(n: int, n_lettered: int, noun: str) -> list[str]:
    return [f"\u00b7: {n - n_lettered:,} more {noun}s (--labels, --coordinates FILE)."] if n > n_lettered else []

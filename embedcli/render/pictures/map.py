"""Maps as pictures: PNG, SVG and PDF, by matplotlib."""

from __future__ import annotations

import io
import textwrap
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.map import Color, Map, MapPoint
from embedcli.render.colors import LIGHT, SHAPES
from embedcli.render.map import TAG_RULE, axis_titles, caption, labelled, title
from embedcli.render.pictures.figure import DPI, METADATA, SIZE, STYLE, drawable
from embedcli.render.pictures.labels import Floats, spot
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINT = DPI / 72  # pixels
GAP = 3.0  # points between a dot and its label
CENTRED: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "annotation_clip": False}


@dataclass(frozen=True)
class Picture:
    """A drawn map, and the number of its labels."""

    content: bytes
    n_labels: int


def draw(drawn: Map, run: Run, kind: str, n_labels: int) -> Picture:
    """Draw a map as "png", "svg" or "pdf", with as many labels as fit without overlap, at most n_labels.

    The labels are placed at the resolution of a PNG; offsets in points also hold in SVG and PDF, at 72 dots per inch.
    """
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # the defaults first: a matplotlibrc in the working folder is for other pictures; a backend would import pyplot
    defaults: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"}
    with rc_context(defaults | STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # drawn as a box
        figure = Figure(SIZE, DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        sizes = _sizes(drawn)
        _scatter(figure, axes, drawn, sizes)
        _frame(axes, drawn)
        axes.set_title(drawable(title(drawn, run)), loc="left", fontweight="bold")
        figure.supxlabel("\n".join(textwrap.wrap(drawable(caption(drawn)), 150)), fontsize=8, color=LIGHT.dim)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the frame stays as it is while labels are placed
        written = _label(axes, canvas, drawn, sizes, n_labels)
        file = io.BytesIO()
        if kind == "png":  # `savefig` would draw twice
            # level 3: half the time of the default, 1 % more bytes
            canvas.print_png(file, metadata=METADATA[kind], pil_kwargs={"compress_level": 3})  # type: ignore[no-untyped-call]
        else:
            figure.savefig(file, format=kind, metadata=METADATA[kind])
    return Picture(file.getvalue(), written)


def _frame(axes: Axes, drawn: Map) -> None:
    """Draw the axes with their names, or none if they have no meaning."""
    axes.margins(0.06)
    if drawn.axes is None:
        axes.set_axis_off()
        return
    right, up = axis_titles(drawn)
    axes.set(xlabel=drawable(right), ylabel=drawable(up))
    axes.axhline(0, color=LIGHT.line, lw=0.8, zorder=0)
    axes.axvline(0, color=LIGHT.line, lw=0.8, zorder=0)


def _sizes(drawn: Map) -> Floats:
    """Return the area of each dot in square points: it grows with the number of ratings."""
    n = np.array([point.n_ratings for point in drawn.places], dtype=np.float64)
    least, most = (6.0, 36.0) if len(n) > 200 else (18.0, 108.0)
    sizes: Floats = least + (most - least) * n / max(n.max(), 1.0)
    return sizes


def _scatter(figure: Figure, axes: Axes, drawn: Map, sizes: Floats) -> None:
    """Draw the dots in the requested color, with its legend."""
    x, y = np.array([(point.x, point.y) for point in drawn.places]).T
    marked = np.array([point.highlighted for point in drawn.places])
    if drawn.color is None:
        axes.scatter(x, y, s=sizes, c=LIGHT.plain, alpha=0.7, lw=0)
    elif drawn.color.is_number:
        values = np.array(drawn.color.values, dtype=np.float64)  # None becomes NaN
        unknown = np.isnan(values)
        axes.scatter(x[unknown], y[unknown], s=sizes[unknown], c=LIGHT.rest, lw=0)
        dots = axes.scatter(x, y, s=sizes, c=values, cmap="viridis", alpha=0.85, lw=0)
        figure.colorbar(dots, ax=axes, label=drawable(drawn.color.name), shrink=0.6, aspect=30)
    else:
        _scatter_groups(axes, drawn.color, x, y, sizes)
        figure.legend(loc="outside right upper", frameon=False, markerscale=1, title=TAG_RULE, alignment="left")
    if marked.any():
        axes.scatter(x[marked], y[marked], s=sizes[marked] + 60, facecolors="none", edgecolors=LIGHT.marked, lw=1.5)


def _scatter_groups(axes: Axes, color: Color, x: Floats, y: Floats, sizes: Floats) -> None:
    """Draw the dots of each tag in its color and shape."""
    groups = np.array([group or "" for group in color.groups])
    rest = groups == ""
    axes.scatter(x[rest], y[rest], s=sizes[rest], c=LIGHT.rest, lw=0, label="none of these" if rest.any() else None)
    for tag, paint, shape in zip(color.tags, LIGHT.groups, SHAPES, strict=False):
        own = groups == tag
        style: dict[str, Any] = {"c": paint, "marker": shape, "label": drawable(tag)}
        axes.scatter(x[own], y[own], s=sizes[own], alpha=0.85, lw=0, **style)


def _label(axes: Axes, canvas: Any, drawn: Map, sizes: Floats, n_labels: int) -> int:
    """Write titles beside their dots, the highlighted and the most rated first; return the number of labels.

    Each label takes the first of eight positions around its dot, near or further off, where its box overlaps no other
    label, no labelled dot and no edge. Without such a position it is left out.
    """
    renderer, frame = canvas.get_renderer(), axes.get_window_extent()
    centres = axes.transData.transform([(point.x, point.y) for point in drawn.places])  # in pixels
    radius = np.sqrt(sizes / np.pi) * POINT
    order = labelled(drawn, n_labels)
    dots = np.column_stack([centres - radius[:, None], centres + radius[:, None]])[order]
    taken = np.empty((0, 4))
    for index in order:
        point = drawn.places[index]
        color = LIGHT.marked if point.highlighted else LIGHT.ink
        label = axes.annotate(_short(point), (point.x, point.y), (0, 0), color=color, fontsize=7.5, **CENTRED)
        box = label.get_window_extent(renderer)
        place = spot(centres[index], radius[index], GAP * POINT, box.width, box.height, np.vstack([taken, dots]), frame)
        if place is None:
            label.remove()
            continue
        label.set_position(tuple((place[0] - centres[index]) / POINT))
        taken = np.vstack([taken, place[1]])
    return len(taken)


def _short(point: MapPoint) -> str:
    """Return a title short enough for a label."""
    return textwrap.shorten(drawable(point.title), 34, placeholder="...")

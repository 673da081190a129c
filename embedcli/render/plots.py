"""Maps as pictures: PNG, SVG and PDF, by matplotlib."""

from __future__ import annotations

import io
import textwrap
import unicodedata
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.map import Color, Map, MapPoint
from embedcli.render.map import TAG_RULE, axis_titles, caption, labelled, title
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

SIZE, DPI = (12.0, 9.0), 160  # inches, dots per inch of a PNG
POINT = DPI / 72  # pixels
# Okabe and Ito (2008): told apart by the color-blind too; each with a shape of its own
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
SHAPES = ("o", "s", "^", "D", "v", "P", "X")
PLAIN, FAINT, MARKED = "#4C78A8", "#BBBBBB", "#C00000"
GAP = 3.0  # points between a dot and its label
METADATA = {
    "png": {"Software": "embedcli"},
    "svg": {"Date": None},  # the same map makes the same file
    "pdf": {"Creator": "embedcli", "CreationDate": None},
}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "embedcli",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.usetex": False,
    "text.parse_math": False,  # a `$` in a title is a dollar
}
CENTRED: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "annotation_clip": False}
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


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
        axes.set_title(_drawable(title(drawn, run)), loc="left", fontweight="bold")
        figure.supxlabel("\n".join(textwrap.wrap(_drawable(caption(drawn)), 150)), fontsize=8, color="#555555")
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
    axes.set(xlabel=_drawable(right), ylabel=_drawable(up))
    axes.axhline(0, color="#DDDDDD", lw=0.8, zorder=0)
    axes.axvline(0, color="#DDDDDD", lw=0.8, zorder=0)


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
        axes.scatter(x, y, s=sizes, c=PLAIN, alpha=0.7, lw=0)
    elif drawn.color.is_number:
        values = np.array(drawn.color.values, dtype=np.float64)  # None becomes NaN
        unknown = np.isnan(values)
        axes.scatter(x[unknown], y[unknown], s=sizes[unknown], c=FAINT, lw=0)
        dots = axes.scatter(x, y, s=sizes, c=values, cmap="viridis", alpha=0.85, lw=0)
        figure.colorbar(dots, ax=axes, label=_drawable(drawn.color.name), shrink=0.6, aspect=30)
    else:
        _scatter_groups(axes, drawn.color, x, y, sizes)
        figure.legend(loc="outside right upper", frameon=False, markerscale=1, title=TAG_RULE, alignment="left")
    if marked.any():
        axes.scatter(x[marked], y[marked], s=sizes[marked] + 60, facecolors="none", edgecolors=MARKED, lw=1.5)


def _scatter_groups(axes: Axes, color: Color, x: Floats, y: Floats, sizes: Floats) -> None:
    """Draw the dots of each tag in its color and shape."""
    groups = np.array([group or "" for group in color.groups])
    rest = groups == ""
    axes.scatter(x[rest], y[rest], s=sizes[rest], c=FAINT, lw=0, label="none of these" if rest.any() else None)
    for tag, paint, shape in zip(color.tags, COLORS, SHAPES, strict=False):
        own = groups == tag
        style: dict[str, Any] = {"c": paint, "marker": shape, "label": _drawable(tag)}
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
        color = MARKED if point.highlighted else "#222222"
        label = axes.annotate(_short(point), (point.x, point.y), (0, 0), color=color, fontsize=7.5, **CENTRED)
        box = label.get_window_extent(renderer)
        spot = _spot(centres[index], radius[index], box.width, box.height, np.vstack([taken, dots]), frame)
        if spot is None:
            label.remove()
            continue
        label.set_position(tuple((spot[0] - centres[index]) / POINT))
        taken = np.vstack([taken, spot[1]])
    return len(taken)


def _spot(
    centre: Floats, radius: float, width: float, height: float, taken: Floats, frame: Any
) -> tuple[Floats, Floats] | None:
    """Return (middle, box) of the first free position for a label around a dot; None if there is none.

    A box is (x0, y0, x1, y1); `taken` (n, 4) are the boxes that it must not overlap.
    """
    gap, half = GAP * POINT, np.array([width / 2 + 1, height / 2 + 1])
    for further in (0.0, 1.2 * height, 2.6 * height):
        for right, up in STEPS:
            middle = centre + np.array([right, up]) * (radius + gap + further + np.array([width, height]) / 2)
            if right and up:  # at a corner the label may be nearer
                middle[0] = centre[0] + right * (0.5 * radius + gap + width / 2)
            box = np.concatenate([middle - half, middle + half])
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            overlaps = ((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(axis=1)
            if inside and not overlaps.any():
                return middle, box
    return None


def _short(point: MapPoint) -> str:
    """Return a title short enough for a label."""
    return textwrap.shorten(_drawable(point.title), 34, placeholder="...")


def _drawable(text: str) -> str:
    """Return text that is valid in XML: blanks for white space, a mark for other control characters."""
    marks = {char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\ufffe\uffff"}
    return text.translate({ord(char): " " if char.isspace() else "\ufffd" for char in marks})

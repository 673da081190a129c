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

from embedcli.analysis.maps import Map, Place
from embedcli.render.maps import TAG_RULE, axis_titles, captions, title
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

SIZE, DPI = (12.0, 9.0), 160  # inches, dots per inch of a PNG
POINT = DPI / 72  # pixels
# Okabe and Ito (2008): told apart by the color-blind too; each with a shape of its own
GROUPS = (
    *(("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("#D55E00", "P")),
    ("#000000", "X"),
)
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
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


@dataclass(frozen=True)
class Picture:
    """A drawn map, and how many of its places are labelled."""

    content: bytes
    n_labels: int


def draw(found: Map, run: Run, kind: str, n_labels: int) -> Picture:
    """Draw a map as "png", "svg" or "pdf", with as many labels as fit without overlap, at most n_labels.

    The labels are placed at the resolution of a PNG; offsets in points hold in SVG and PDF too, at 72 dots per inch.
    """
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # the defaults first: a matplotlibrc in the working folder says how other people's pictures look
    with rc_context({**rcParamsDefault, **STYLE}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # drawn as a box
        figure = Figure(SIZE, DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        sizes = _sizes(found)
        _scatter(figure, axes, found, sizes)
        axes.margins(0.06)
        right, up = axis_titles(found)
        axes.set_xlabel(_drawable(right))
        axes.set_ylabel(_drawable(up))
        if found.axes is None:
            axes.set_axis_off()
        else:
            axes.axhline(0, color="#DDDDDD", lw=0.8, zorder=0)
            axes.axvline(0, color="#DDDDDD", lw=0.8, zorder=0)
        axes.set_title(_drawable(title(found, run)), loc="left", fontweight="bold")
        caption = _drawable(" ".join(captions(found, run)))
        figure.supxlabel("\n".join(textwrap.wrap(caption, 150)), fontsize=8, color="#555555")
        canvas.draw()  # type: ignore[no-untyped-call]
        figure.set_layout_engine("none")  # the frame stays as it is when labels find their places
        labelled = _label(axes, canvas, found, sizes, n_labels)
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=METADATA[kind])
    return Picture(file.getvalue(), labelled)


def _sizes(found: Map) -> Floats:
    """Return the area of each dot in square points: it grows with the number of ratings."""
    n = np.array([place.n_ratings for place in found.places], dtype=np.float64)
    many = len(found.places) > 200
    sizes: Floats = (6.0 if many else 18.0) + (30.0 if many else 90.0) * n / max(n.max(), 1.0)
    return sizes


def _scatter(figure: Figure, axes: Axes, found: Map, sizes: Floats) -> None:
    """Draw the dots in the color that is asked for, with its legend."""
    x, y = (np.array([getattr(place, side) for place in found.places]) for side in ("x", "y"))
    marked = np.array([place.highlighted for place in found.places])
    if found.color is None:
        axes.scatter(x, y, s=sizes, c=PLAIN, alpha=0.7, lw=0)
    elif found.color.is_number:
        values = np.array([np.nan if value is None else value for value in found.color.values])
        axes.scatter(x[np.isnan(values)], y[np.isnan(values)], s=sizes[np.isnan(values)], c=FAINT, lw=0)
        drawn = axes.scatter(x, y, s=sizes, c=values, cmap="viridis", alpha=0.85, lw=0)
        figure.colorbar(drawn, ax=axes, label=_drawable(found.color.name), shrink=0.6, aspect=30)
    else:
        groups = np.array([group or "" for group in found.color.groups])
        rest = groups == ""
        axes.scatter(x[rest], y[rest], s=sizes[rest], c=FAINT, lw=0, label="none of these" if rest.any() else None)
        for name, (color, shape) in zip(found.color.tags, GROUPS, strict=False):
            here, label = groups == name, _drawable(name)
            axes.scatter(x[here], y[here], s=sizes[here], c=color, marker=shape, alpha=0.85, lw=0, label=label)
        figure.legend(loc="outside right upper", frameon=False, markerscale=1, title=TAG_RULE, alignment="left")
    if marked.any():
        axes.scatter(x[marked], y[marked], s=sizes[marked] + 60, facecolors="none", edgecolors=MARKED, lw=1.5)


def _label(axes: Axes, canvas: Any, found: Map, sizes: Floats, n_labels: int) -> int:
    """Write titles beside their dots, highlighted ones and the most rated first; what would overlap is left out.

    Each label takes the first of eight places around its dot, near or further off, at which its box meets no other
    label, no labelled dot and no edge. Returns how many were written.
    """
    renderer, frame = canvas.get_renderer(), axes.get_window_extent()
    points = axes.transData.transform([(place.x, place.y) for place in found.places])  # in pixels
    radius = np.sqrt(sizes / np.pi) * POINT
    order = sorted(range(len(found.places)), key=lambda at: (not found.places[at].highlighted, at))[:n_labels]
    taken = np.empty((0, 4))
    dots = np.array([[*(points[at] - radius[at]), *(points[at] + radius[at])] for at in order]).reshape(-1, 4)
    written = 0
    for at in order:
        place = found.places[at]
        label = axes.annotate(
            _short(place),
            (place.x, place.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=7.5,
            ha="center",
            va="center",
            color=MARKED if place.highlighted else "#222222",
            annotation_clip=False,
        )
        box = label.get_window_extent(renderer)
        spot = _spot(points[at], radius[at], box.width, box.height, taken, dots, frame)
        if spot is None:
            label.remove()
            continue
        label.set_position(tuple((spot[0] - points[at]) / POINT))
        taken = np.vstack([taken, spot[1]])
        written += 1
    return written


def _spot(
    point: Floats, radius: float, width: float, height: float, taken: Floats, dots: Floats, frame: Any
) -> tuple[Floats, Floats] | None:
    """Return (middle, box) of the first free place for a label around a dot; None where there is none."""
    gap = GAP * POINT
    for further in (0.0, 1.2 * height, 2.6 * height):
        for right, up in STEPS:
            middle = point + np.array(
                [right * (radius + gap + further + width / 2), up * (radius + gap + further + height / 2)]
            )
            if right and up:  # beside a corner, the label may come nearer
                middle[0] = point[0] + right * (0.5 * radius + gap + width / 2)
            half = np.array([width / 2 + 1, height / 2 + 1])
            box = np.concatenate([middle - half, middle + half])
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not _meets(box, taken) and not _meets(box, dots):
                return middle, box
    return None


def _meets(box: Floats, others: Floats) -> bool:
    """Tell whether a box (x0, y0, x1, y1) overlaps any of others (n, 4)."""
    return bool(
        ((box[0] < others[:, 2]) & (box[2] > others[:, 0]) & (box[1] < others[:, 3]) & (box[3] > others[:, 1])).any()
    )


def _short(place: Place) -> str:
    """Return a title short enough for a label."""
    return textwrap.shorten(_drawable(place.title), 34, placeholder="...")


def _drawable(text: str) -> str:
    """Return text that XML can hold: blanks for white space, a mark for control characters and the like."""
    marks = {char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\ufffe\uffff"}
    return text.translate({ord(char): " " if char.isspace() else "\ufffd" for char in marks})

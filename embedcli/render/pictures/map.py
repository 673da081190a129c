"""Maps as pictures."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.map import Color, Map
from embedcli.render.colors import SHAPES
from embedcli.render.map import TAG_RULE, axis_titles, labelled, title
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import LABEL, TEXT, Sheet, about, cut, sentences, sheet
from embedcli.render.pictures.labels import Crowd, Floats, Placed, place
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 12.0, 9.0  # inches
GAP, PAD, LEADING = 3.0, (1.5, 0.3), 1.1  # points beside a dot, and around a label; between its lines
ONE_LINE, WRAPPED, CUT = 48, 18, 34  # letters: at most in one line, at least to be wrapped, of a title that is cut
MOST_LINES, LONGEST = 3, 40  # lines of a label, letters in each
SHARES = 0.7, 0.5  # of the width and height of a picture: the longest name of an axis
RING = 60.0  # square points by which the ring around a highlighted dot is larger
SHAPED = 1.25  # how much larger the shapes are than a disc of the same size


@dataclass(frozen=True)
class MapPicture:
    """A drawn map, the number of its labels, and the number of those that had no room."""

    content: bytes
    n_labels: int
    n_left_out: int


def draw(drawn: Map, run: Run, kind: str, n_labels: int, style: Style | None = None) -> MapPicture:
    """Draw a map as "png", "svg" or "pdf", with as many labels as there is room for, at most n_labels.

    The labels are placed at the resolution of a PNG; offsets in points also hold in SVG and PDF, at 72 dots per inch.
    """
    with sheet(style or Style(), SIZE, run) as page:
        axes, order = page.figure.add_subplot(), labelled(drawn, n_labels)
        sizes = _sizes(drawn) * min(1.0, np.sqrt(np.prod(page.figure.get_size_inches()) / np.prod(SIZE)))
        _scatter(page, axes, drawn, sizes)
        _frame(page, axes, drawn)
        heading, _, below = title(drawn, run).partition(" | ")
        page.head(heading, below, caption(drawn, run, len(order)))
        page.settle()  # the frame stays as it is while labels are placed
        n_left_out = len(order) - _label(page, axes, drawn, sizes, order)
        page.say(caption(drawn, run, n_left_out))
        return MapPicture(page.content(kind), len(order) - n_left_out, n_left_out)


def caption(drawn: Map, run: Run, n_left_out: int) -> str:
    """Say what a map shows, by which rule, how far to trust it, and what is left out."""
    noun, fidelity = run.data.noun, drawn.fidelity
    if drawn.share is None:
        seen = f"{drawn.items} (seed {drawn.seed}): only neighbours have a meaning, axes and distances have none"
    else:
        seen = f"{drawn.items} on components found over {drawn.axes_over}: {100 * drawn.share:.0f} % of the variance"
    parts = [
        seen,
        f"of a {noun}'s {fidelity.n_neighbours} nearest by {drawn.by.value}, {100 * fidelity.recall:.0f} % are among "
        f"its nearest here ({100 * fidelity.chance:.0f} % by chance)",
        "larger dots have more ratings",
        _color_rule(drawn.color, noun),
        f"{n_left_out:,} {'titles are' if n_left_out > 1 else 'title is'} left out for lack of room"
        if n_left_out
        else "",
    ]
    return f"{sentences(parts)} {about(run)}"


def _color_rule(color: Color | None, noun: str) -> str:
    """Say what the colors mean."""
    if color is None:
        return ""
    if color.is_number:
        return f"colors show {color.name}" + ("" if None not in color.values else "; gray: not known")
    return f"colors and shapes show tags; a {noun} with several of them has the color of the rarest"


def _left_out(n: int) -> str:
    return f"{n:,} {'titles are' if n > 1 else 'title is'} left out for lack of room" if n else ""


def _frame(page: Sheet, axes: Axes, drawn: Map) -> None:
    """Draw the axes with their names, or none if they have no meaning."""
    axes.margins(0.06)
    if drawn.axes is None:
        axes.set_axis_off()
        return
    right, up = map(page.written, axis_titles(drawn))
    width, height = 72 * page.figure.get_size_inches() * SHARES
    axes.set_xlabel("\n".join(page.lines(right, TEXT, width)))
    axes.set_ylabel("\n".join(page.lines(up, TEXT, height)))
    axes.axhline(0, color=page.palette.line, lw=0.8, zorder=0)
    axes.axvline(0, color=page.palette.line, lw=0.8, zorder=0)


def _sizes(drawn: Map) -> Floats:
    """Return the size of each dot in square points: it grows with the number of ratings."""
    n = np.array([point.n_ratings for point in drawn.places], dtype=np.float64)
    least, most = (6.0, 36.0) if len(n) > 200 else (18.0, 108.0)
    sizes: Floats = least + (most - least) * n / max(n.max(), 1.0)
    return sizes


def _scatter(page: Sheet, axes: Axes, drawn: Map, sizes: Floats) -> None:
    """Draw the dots in the requested color, with its legend."""
    x, y = np.array([(point.x, point.y) for point in drawn.places]).T
    marked, palette = np.array([point.highlighted for point in drawn.places]), page.palette
    dots: dict[str, Any] = {"edgecolors": palette.paper, "lw": 0.5}
    if drawn.color is None:
        axes.scatter(x, y, s=sizes, c=palette.plain, **dots)
    elif drawn.color.is_number:
        from matplotlib.colors import LinearSegmentedColormap

        values = np.array(drawn.color.values, dtype=np.float64)  # None becomes NaN
        unknown, colors = np.isnan(values), LinearSegmentedColormap.from_list("numbers", palette.numbers)
        axes.scatter(x[unknown], y[unknown], s=sizes[unknown], c=palette.rest, **dots)
        shown = axes.scatter(x, y, s=sizes, c=values, cmap=colors, **dots)
        bar = page.figure.colorbar(shown, ax=axes, label=page.written(drawn.color.name), shrink=0.6, aspect=30)
        bar.outline.set_visible(False)
    else:
        _scatter_groups(page, axes, drawn.color, x, y, sizes, dots)
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
        axes.legend(frameon=False, markerscale=1, title=TAG_RULE, alignment="left", **beside)
    if marked.any():
        axes.scatter(x[marked], y[marked], s=sizes[marked] + RING, c="none", edgecolors=palette.marked, lw=1.5)


def _scatter_groups(page: Sheet, axes: Axes, color: Color, x: Floats, y: Floats, sizes: Floats, dots: Any) -> None:
    """Draw the dots of each tag in its color and shape."""
    groups = np.array([group or "" for group in color.groups])
    rest = groups == ""
    label = "none of these" if rest.any() else None
    axes.scatter(x[rest], y[rest], s=sizes[rest], c=page.palette.rest, label=label, **dots)
    for tag, paint, shape in zip(color.tags, page.palette.groups, SHAPES, strict=False):
        own = groups == tag
        axes.scatter(x[own], y[own], s=sizes[own], c=paint, marker=shape, label=page.written(tag), **dots)


def _label(page: Sheet, axes: Axes, drawn: Map, sizes: Floats, order: list[int]) -> int:
    """Write titles beside their dots, or joined to them by lines; return the number of labels."""
    from matplotlib.collections import LineCollection

    scale = page.figure.dpi / 72  # pixels in a point
    centres = axes.transData.transform([(point.x, point.y) for point in drawn.places]) / scale
    marked = np.array([point.highlighted for point in drawn.places])
    radii = np.sqrt(sizes + RING * marked) / 2 * (1 if drawn.color is None or drawn.color.is_number else SHAPED)
    frame = np.array(axes.get_window_extent().extents) / scale
    words = {index: _wordings(page.written(drawn.places[index].title)) for index in order}
    offered = [np.array([(*_size(page, axes, text), cost) for text, cost in words[index]]) for index in order]
    placed = place(Crowd(centres, radii, frame, GAP, LABEL * 1.3), order, offered)
    for label in placed:
        color = page.palette.marked if marked[label.dot] else page.palette.ink
        _write(axes, words[label.dot][label.wording][0], label, centres[label.dot], drawn, color)
    lines = np.array([label.line for label in placed if label.line is not None]).reshape(-1, 2)
    if len(lines):
        ends = axes.transData.inverted().transform(lines * scale).reshape(-1, 2, 2)
        style: dict[str, Any] = {"colors": page.palette.dim, "lw": 0.6, "zorder": 0.9}
        axes.add_collection(LineCollection(list(ends), **style), autolim=False)
    return len(placed)


def _write(axes: Axes, words: str, label: Placed, centre: Floats, drawn: Map, color: str) -> None:
    """Write a label, as an offset in points from its dot: it holds whatever the resolution."""
    point, shift = drawn.places[label.dot], np.array(label.middle) - centre
    side = "center" if abs(shift[0]) < 1 else "left" if shift[0] > 0 else "right"
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "annotation_clip": False}
    axes.annotate(
        words,
        (point.x, point.y),
        tuple(shift),
        color=color,
        fontsize=LABEL,
        multialignment=side,
        linespacing=LEADING,
        **style,
    )


def _size(page: Sheet, axes: Axes, words: str) -> tuple[float, float]:
    """Return the width and height of a label in points."""
    text = axes.text(0, 0, words, fontsize=LABEL, linespacing=LEADING)
    box = text.get_window_extent(page.canvas.get_renderer())
    text.remove()
    return tuple(np.array([box.width, box.height]) * 72 / page.figure.dpi + 2 * np.array(PAD))


def _wordings(title: str) -> list[tuple[str, float]]:
    """Return a title in one line, in several, and cut if it is long, with the costs: whole before cut."""
    wordings = [(title, 0.0)] if len(title) <= ONE_LINE else []
    if len(title) >= WRAPPED:
        n_lines = min(max(2, -(-len(title) // LONGEST)), MOST_LINES)
        width = min(len(title) // n_lines + 4, LONGEST)
        lines = textwrap.wrap(title, width, max_lines=MOST_LINES, placeholder="\u2026")
        wordings.append(("\n".join(lines), 1.0))
    if len(title) > CUT:
        wordings.append((cut(title, CUT), 50.0))
    return wordings or [(title, 0.0)]

"""Components and axes of tastes as pictures: the items at both poles along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from embedcli.analysis.choices import PartialOut
from embedcli.analysis.pca import Components
from embedcli.analysis.poles import PoleItem
from embedcli.analysis.record import Verdict
from embedcli.analysis.tastes import TasteCard
from embedcli.render import pca as tables
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import (
    LEADING,
    MARGIN,
    TEXT,
    Floats,
    Sheet,
    about,
    said,
    sentences,
    sheet,
)
from embedcli.render.pictures.rows import AROUND, size_for
from embedcli.render.view import capital
from embedcli.run.record import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ONE_COLUMN, WIDTH, NARROWEST = 3, 8.0, 5.5  # panels in one column; its width in inches, and the least of two
PANEL = 0.85  # inches: heading and verdict of an axis
TITLES = 0.4  # share of a column's width that the titles of a pole may take
BOLD = 1.15  # how much wider bold letters are
DOT = 34.0  # square points


@dataclass(frozen=True)
class Panel:
    """An axis: its heading and verdict, the names and items of its poles, and the coordinates of all items."""

    heading: str
    verdict: Verdict
    minus: str
    plus: str
    negative: Sequence[PoleItem]
    positive: Sequence[PoleItem]
    scores: Floats  # (n,), empty if they are not known

    @property
    def n_rows(self) -> int:
        """Number of rows: the names of the poles, their items, and all items if they are known."""
        return 1 + bool(len(self.scores)) + max(len(self.negative), len(self.positive))


def draw(components: Components, run: Run, kind: str, style: Style | None = None) -> bytes:
    """Draw the components, and the axes of tastes that hold, as "png", "svg" or "pdf": a panel for each."""
    style = style or Style()
    columns = _columns(components, style)
    n_columns = len(columns)
    lines = [max(panel.n_rows for panel in of_line if panel) for of_line in zip_longest(*columns)]
    usual = n_columns * WIDTH, size_for(style, sum(lines), len(lines), PANEL)[1]
    with sheet(style, usual, run) as page:
        row = (page.figure.get_figheight() - AROUND - PANEL * len(lines)) / sum(lines)  # inches
        width = 72 * page.figure.get_figwidth() / n_columns
        heights = [n_rows * row + PANEL for n_rows in lines]
        grid = page.figure.subplots(len(lines), n_columns, squeeze=False, height_ratios=heights)
        for axes in grid.flat:
            axes.set_axis_off()
        for of_column, column in zip(grid.T, columns, strict=False):
            for axes, panel in zip(of_column, column, strict=False):
                axes.set_title("\n\n", fontsize=TEXT + 2)  # room for `_head`
                _poles(page, axes, panel, min(TEXT, 0.75 * 72 * row), TITLES * width)
        heading, _, below = tables.view(components, run).title.partition(" | ")
        page.head(heading, below, _caption(components, run))
        page.settle()
        for of_column, column in zip(grid.T, columns, strict=False):
            left = min(axes.get_tightbbox(page.canvas.get_renderer()).x0 for axes in of_column[: len(column)])
            for axes, panel in zip(of_column, column, strict=False):
                _head(page, axes, panel, left / page.figure.dpi * 72, width)
        return page.content(kind)


def _columns(components: Components, style: Style) -> list[list[Panel]]:
    """Return the panels, in two columns if they are many and the picture is wide enough."""
    shown = [_of_component(components, number) for number in range(len(components.components))]
    tastes = components.tastes.cards if components.tastes else ()
    shown += [_of_taste(card) for card in tastes if card.unnamed is None]
    is_narrow = style.size is not None and style.size[0] < 2 * NARROWEST
    if is_narrow or len(shown) <= ONE_COLUMN:
        return [shown]
    half = (len(shown) + 1) // 2
    return [shown[:half], shown[half:]]


def _of_component(components: Components, number: int) -> Panel:
    component = components.components[number]
    same = components.partial_out is PartialOut.NOTHING  # else the coordinates are not those of the poles
    return Panel(
        f"Component {component.component}: {100 * component.share:.1f} % of the variance",
        component.judged,
        ", ".join(component.negative_name) if component.has_name else "minus pole",
        ", ".join(component.positive_name) if component.has_name else "plus pole",
        component.negative,
        component.positive,
        components.scores[components.item_rows, number] if same else np.zeros(0),
    )


def _of_taste(card: TasteCard) -> Panel:
    heading = f"Taste {card.taste}: {100 * card.share:.1f} % of the variance beyond the biases"
    minus, plus = (", ".join(name) for name in (card.negative_name, card.positive_name))
    return Panel(heading, card.judged, minus, plus, card.negative, card.positive, np.zeros(0))


def _caption(components: Components, run: Run) -> str:
    """Say what is shown, what is real, and of which model and data."""
    noun, n = run.data.noun, len(components.components[0].positive)
    words = [
        f"the {n} {noun}s at either end of each axis, beside it their titles",
        "vertical lines: 0",
        f"ticks: all {components.n_items:,} {noun}s" if components.partial_out is PartialOut.NOTHING else "",
        *said(tables.view(components, run)),
    ]
    return f"{sentences(words)} {about(run)}"


def _poles(page: Sheet, axes: Axes, panel: Panel, size: float, room: float) -> None:
    """Draw the items at the poles, the first of each in the first row, with their titles on the side of the pole."""
    palette, last = page.palette, panel.n_rows - 1
    scores = [item.score for item in chain(panel.negative, panel.positive)]
    low, high = min([*scores, *panel.scores]), max([*scores, *panel.scores])
    low, high = low - 0.03 * (high - low), high + 0.03 * (high - low)
    axes.set_axis_on()
    axes.set(xlim=(low, high), ylim=(last + 0.5, -0.5), xticks=[])
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    for side, items, edge, name in (
        (axes, panel.negative, low, f"\u2190 {panel.minus}"),
        (right, panel.positive, high, f"{panel.plus} \u2192"),
    ):
        rows = np.arange(1, len(items) + 1)
        values = np.array([item.score for item in items])
        axes.hlines(rows, np.minimum(values, edge), np.maximum(values, edge), color=palette.line, lw=1, zorder=1)
        axes.scatter(values, rows, s=DOT, c=palette.plain, edgecolors=palette.paper, lw=0.6, zorder=2)
        titles = [page.fitted(item.title, size, room) for item in items]
        side.set_yticks([0, *rows], [page.fitted(name, size * BOLD, room), *titles])
        side.tick_params("y", length=0, labelsize=size, labelcolor=palette.ink)
        side.get_yticklabels()[0].set_fontweight("bold")
        side.spines[:].set_visible(False)
    if low < 0 < high:
        axes.axvline(0, color=palette.line, lw=1, zorder=0)
    if len(panel.scores):
        axes.plot(panel.scores, np.full(len(panel.scores), last), "|", color=palette.rest, ms=5, mew=0.4)


def _head(page: Sheet, axes: Axes, panel: Panel, left: float, room: float) -> None:
    """Write heading and verdict of an axis above it, from `left` on, as wide as there is room, in points."""
    width, height = page.figure.get_size_inches() * 72
    top = axes.get_window_extent().y1 / page.figure.dpi * 72 + 2
    for words, most, weight, color, up in (
        (panel.heading, TEXT + 2, "bold", page.palette.ink, LEADING * TEXT),
        (capital(str(panel.verdict)), TEXT, "normal", page.tone(panel.verdict.tone), 0),
    ):
        words = page.written(words)
        size = page.size(words, most, (room - 2 * MARGIN) / (BOLD if weight == "bold" else 1))
        style: dict[str, Any] = {"fontsize": size, "fontweight": weight, "color": color, "va": "bottom"}
        page.figure.text(left / width, (top + up) / height, words, **style)

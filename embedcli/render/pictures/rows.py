"""Pictures of rows: a title on the left, and its figures along an axis, in one or more panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embedcli.errors import UsageError
from embedcli.render.pictures import MOST, Style
from embedcli.render.pictures.figure import TEXT, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW, AROUND, PANEL = 10.0, 0.25, 1.9, 0.5  # inches: of a picture, a row, title and caption, a panel's heading
LEAST_ROW = 0.09  # inches: letters of 5 points
TITLES = 0.45  # share of the width that titles may take


def size_for(style: Style, n_rows: int, n_panels: int, panel: float = PANEL) -> tuple[float, float]:
    """Return the usual size in inches of so many rows; UsageError if they do not fit into the size asked for."""
    around = AROUND + panel * n_panels
    usual = WIDTH, around + ROW * n_rows
    if style.size is not None and style.size[1] < around + LEAST_ROW * n_rows:
        raise UsageError(
            f"{n_rows} rows do not fit into {style.size[1]:g} inches",
            "give fewer rows" + (f", or `size` {style.size[0]:g}x{usual[1]:.0f}" if usual[1] <= MOST else ""),
        )
    return usual


def row_axes(page: Sheet, axes: Axes, titles: Sequence[str], n_rows: int, around: float) -> None:
    """Write titles beside the rows of a panel, the first on top; the letters fit the height of a row.

    `n_rows` is the number of rows of all panels, `around` what is not rows, in inches.
    """
    height = (page.figure.get_figheight() - around) * 72 / max(n_rows, 1)  # of a row
    size, room = min(TEXT, 0.75 * height), TITLES * 72 * page.figure.get_figwidth()
    axes.set_yticks(range(len(titles)), [page.fitted(title, size, room) for title in titles])
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.tick_params("y", length=0, labelsize=size, labelcolor=page.palette.ink)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", lw=0.6)
    axes.set_axisbelow(True)


def panels(page: Sheet, counts: Sequence[int], *, sharex: bool) -> list[Axes]:
    """Return a panel for each number of rows, one below another, each as high as its rows ask for."""
    found = page.figure.subplots(
        len(counts), 1, squeeze=False, sharex=sharex, height_ratios=[max(count, 1) + PANEL / ROW for count in counts]
    )
    return list(found[:, 0])

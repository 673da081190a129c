"""The learning-rate finder as a picture: loss against learning rate."""

from __future__ import annotations

from embedcli.analysis.lr_find import LearningRates
from embedcli.render.lr_find import between, heading
from embedcli.render.pictures import Style
from embedcli.render.pictures.figure import sheet
from embedcli.render.view import capital

USUAL = 8.0, 5.0  # inches
ROOM = 1.6  # of the axis, in units of the range of the smoothed loss up to its lowest: what follows is cut


def draw(found: LearningRates, title: str, kind: str, style: Style | None = None) -> bytes:
    """Draw the loss at each rate as "png", "svg" or "pdf"."""
    rates, losses, smoothed = zip(*((one.learning_rate, one.loss, one.smoothed) for one in found.tried), strict=True)
    with sheet(style or Style(), USUAL) as page:
        axes, palette = page.figure.add_subplot(), page.palette
        axes.axvspan(found.low, found.high, color=palette.rest, alpha=0.2, lw=0, label="rule of thumb")
        axes.axvline(found.suggested, color=palette.dim, lw=1, ls=(0, (4, 3)), label=f"try {found.suggested:.2g}")
        axes.scatter(rates, losses, s=6, c=palette.rest, label="loss of a batch before its step")
        axes.plot(rates, smoothed, color=palette.plain, lw=2, label="smoothed")
        lowest = min(smoothed)
        top = lowest + ROOM * max(smoothed[0] - lowest, 0.1 * lowest)
        axes.set_ylim(lowest - 0.5 * (top - lowest), top)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("Learning rate")
        axes.set_ylabel("Mean squared error")
        first, _, rest = heading(found, title).partition(" | ")
        page.head(first, rest, f"{capital(between(found))}.", [axes])
        return page.content(kind)

"""How the learning-rate finder is shown."""

from collections.abc import Sequence

from embedcli.analysis.lr_find import LearningRates, TriedRate
from embedcli.analysis.record import nested
from embedcli.render.view import View, table

SHOWN = 20  # rows of the table; files have all
EXPLANATION = (
    "One member is trained for one epoch while the learning rate rises from step to step (Smith 2017).",
    "The rate of the one-cycle schedule is its peak. Rule of thumb: between a tenth of the rate at which the smoothed "
    "loss is lowest, and that rate. Weight decay and schedule change what is best: compare on held-out training rows. "
    "For implicit data the rule suggests too low a rate.",
)


def view(found: LearningRates, title: str) -> View:
    """Show some of the rates that were tried, and which to use."""
    shown: Sequence[TriedRate] = found.tried[:: -(-len(found.tried) // SHOWN)]
    return View(
        heading(found, title),
        [table(shown, TriedRate)],
        found.rows(),
        nested(found),
        between(found),
        EXPLANATION,
    )


def heading(found: LearningRates, title: str) -> str:
    """Return the heading of the table and the picture."""
    return f"Learning-rate finder: try --lr {found.suggested:.2g} | {title} | {len(found.tried)} steps of one member"


def between(found: LearningRates) -> str:
    """Say where the suggested rate lies."""
    return (
        f"smoothed loss lowest at {found.high:.2g}; rule of thumb: a peak rate from a tenth of that, {found.low:.2g}, "
        f"to {found.high:.2g}, such as {found.suggested:.2g}"
    )

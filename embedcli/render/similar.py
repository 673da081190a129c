"""How nearest items are shown."""

from typing import Any

from embedcli.analysis.choices import Measure
from embedcli.analysis.metric import CONDITION, Gauge
from embedcli.analysis.selection import passing
from embedcli.analysis.similar import Neighbour, Neighbourhood, Neighbours
from embedcli.render.view import Titled, View, table, view_of
from embedcli.run.record import Run

UNIDENTIFIED = (
    "the cosine of the embeddings is not identified: other embeddings with the same predictions have other neighbours"
)


def view(neighbours: Neighbours, run: Run, gauge: Gauge | None = None) -> View:
    """Show a table of neighbours for each item; `gauge` is what `--explain` says of the cosine."""
    noun, by = run.data.noun, neighbours.by
    words: dict[str, Any] = {"noun": noun, "measure": "distance" if by is Measure.EUCLIDEAN else by.value}
    words |= {"meaning": meaning(by, noun), "n_folds": neighbours.n_folds, "limit": neighbours.limit}
    items = passing(run, neighbours.n_items, neighbours.min_ratings)
    return view_of(
        neighbours,
        run,
        f"Neighbours by {by.value} | {run.headline} | {items}",
        [table(center.neighbours, Neighbour, _heading(center), **words) for center in neighbours.asked],
        _caption(neighbours, noun),
        _explanation(neighbours, run, gauge),
    )


def meaning(by: Measure, noun: str) -> str:
    """Say what two items are near by."""
    if by is Measure.PREFERENCE:
        return f"correlation over all users of the preferences predicted for both {noun}s, biases aside"
    return f"{'distance' if by is Measure.EUCLIDEAN else by.value} of the embeddings alone"


def about_measure(by: Measure, noun: str) -> str:
    """Say in a sentence what neighbours are by, and whether the predictions alone tell them."""
    identified = "" if by is Measure.PREFERENCE else f"; {UNIDENTIFIED}"
    return f"Nearest are the {noun}s with the highest {meaning(by, noun)}{identified}."


def _explanation(neighbours: Neighbours, run: Run, gauge: Gauge | None) -> list[str]:
    """Say what agreement of the folds means, by trust.py neighbours in examples/benchmarks, and how much is gauge."""
    noun, lines = run.data.noun, []
    if neighbours.n_folds and neighbours.by is Measure.PREFERENCE:
        lines.append(
            f"In worlds whose truth is known, nine in ten of the ten nearest {noun}s that all folds find are in the "
            "nearest tenth in truth, and four in ten are one of the nearest five; of those that less than half of the "
            "folds find, five in ten and one in ten."
        )
    if gauge is not None:
        lines.append(
            "A linear map of the embeddings, with its inverse for the users, leaves every prediction and the nearest "
            f"by preference as they are. Of the {gauge.n_nearest} nearest of each {noun} by cosine it leaves "
            f"{100 * gauge.kept:.0f} % (random maps, condition number {CONDITION:g}, {gauge.n_items:,} {noun}s); "
            f"{100 * gauge.shared:.0f} % are also nearest by preference."
        )
    elif neighbours.by is Measure.COSINE:
        lines.append(f"{UNIDENTIFIED[0].upper()}{UNIDENTIFIED[1:]}.")
    if run.rows is None:
        lines.append(f"The run kept no ratings: how many users rated both {noun}s is unknown.")
    return lines


def _heading(center: Neighbourhood) -> str:
    return Titled.of(lambda of: f"nearest to {of(center.title)} (n {center.n_ratings:,}, id {center.id})")


def _caption(neighbours: Neighbours, noun: str) -> str:
    """Say how many of the neighbours members trained on other ratings find, too."""
    shares = [row.folds for center in neighbours.asked for row in center.neighbours if row.folds is not None]
    if not shares:
        return f"no folds: there are no fold members to compare these {noun}s with"
    again = f"{sum(share >= 0.5 for share in shares)} of {len(shares)} {noun}s"
    return f"{again} are among the nearest in at least half of the {neighbours.n_folds} folds"

"""Two runs side by side: do they rank alike, see the same axes and the same neighbours, and where do they differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from embedcli.analysis.axes import match
from embedcli.analysis.components import Component, pca
from embedcli.analysis.neighbours import MOST_NEAREST, nearest
from embedcli.errors import UsageError
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

BOOTSTRAPS = 200
FEWEST = 20  # items in common


@dataclass(frozen=True)
class Pair:
    """A component of the first run and its match in the second, by the largest |Tucker's phi| over common items."""

    a: Component
    b: Component
    phi: float


@dataclass(frozen=True)
class Change:
    """An item whose stars differ; `z` is the difference over the standard deviation of both runs' draws, if any."""

    rank: int
    title: str
    stars_a: float
    stars_b: float
    difference: float
    z: float | None
    n_a: int
    n_b: int
    id: str


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common over the items that both have, and enough ratings in both.

    `correlation` is Spearman's of the stars, with a 95 % interval by resampling the items; `overlap` the mean share of
    an item's ten nearest in common, `chance` that of random neighbours, and `within` the same between two members (or
    fold members) of one run: more than that two runs cannot have in common.
    """

    a: str
    b: str
    matched_by: str
    n_common: int
    n_compared: int
    settings: Mapping[str, tuple[Any, Any]]
    errors: Mapping[str, tuple[float | None, float | None]]
    comparable: bool
    correlation: float
    correlation_interval: tuple[float, float]
    pairs: tuple[Pair, ...]
    overlap: float
    chance: float
    within: float | None
    changes: tuple[Change, ...]
    min_ratings: int

    def to_frame(self) -> pd.DataFrame:
        """Return what changed most as a table."""
        import pandas as pd

        return pd.DataFrame([vars(change) for change in self.changes])


def compare(a: Run, b: Run, *, n_components: int = 3, limit: int = 10, min_ratings: int = 20) -> Comparison:
    """Compare two runs, of the same data set or of ones that share titles.

    Items are matched by id where the ratings are the same, else by title, its case, punctuation and year's place
    aside; a title that stands twice is left out.

    Raises UsageError where too few items are common, RunError where a run has no stars.
    """
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of items to show, such as -n 10")
    rows_a, rows_b, how = _common(a, b)
    n_common = len(rows_a)
    enough = (a.item_seen.n_ratings[rows_a] >= min_ratings) & (b.item_seen.n_ratings[rows_b] >= min_ratings)
    rows_a, rows_b = rows_a[enough], rows_b[enough]
    if len(rows_a) < FEWEST:
        raise UsageError(
            f"runs {a.name!r} and {b.name!r} have {len(rows_a)} {a.data.noun}s with {min_ratings} ratings in common",
            "lower --min-ratings, or compare runs of data that share titles",
        )
    draws_a, draws_b = a.array("item_stars")[:, rows_a], b.array("item_stars")[:, rows_b]
    stars_a, stars_b = (draws.mean(0, dtype=np.float64) for draws in (draws_a, draws_b))
    near_a, near_b = nearest(a.array("item_factors"), rows_a), nearest(b.array("item_factors"), rows_b)
    return Comparison(
        a=a.name,
        b=b.name,
        matched_by=how,
        n_common=n_common,
        n_compared=len(rows_a),
        settings=_settings(a, b),
        errors=_errors(a, b),
        comparable=a.data.sha256 == b.data.sha256
        and a.training.split.get("description") == b.training.split.get("description"),
        correlation=float(spearmanr(stars_a, stars_b).statistic),
        correlation_interval=_interval(stars_a, stars_b),
        pairs=_pairs(a, b, rows_a, rows_b, n_components),
        overlap=_overlap(near_a, near_b),
        chance=min(MOST_NEAREST, len(rows_a) - 1) / (len(rows_a) - 1),
        within=_within(a, rows_a),
        changes=_changes(a, b, rows_a, rows_b, limit),
        min_ratings=min_ratings,
    )


def _common(a: Run, b: Run) -> tuple[Rows, Rows, str]:
    """Return the rows of the items that both runs have, and how they were matched."""
    how = "id" if a.data.sha256 and a.data.sha256 == b.data.sha256 else "title"
    places = []
    for run in (a, b):
        keys = run.items.ids if how == "id" else tuple(map(_plain, run.items.titles))
        counts = Counter(keys)
        places.append({key: row for row, key in enumerate(keys) if counts[key] == 1})
    shared = [key for key in places[0] if key in places[1]]
    rows_a, rows_b = (np.array([rows[key] for key in shared], dtype=np.int64) for rows in places)
    return rows_a, rows_b, how


def _plain(title: str) -> str:
    return re.sub(r"\W+", " ", title.casefold()).strip()


def _settings(a: Run, b: Run) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which the runs differ."""
    one, other = (
        {"data set": run.data.title, "split": run.training.split.get("description"), **run.training.config}
        for run in (a, b)
    )
    every = dict.fromkeys([*one, *other])
    return {key: (one.get(key), other.get(key)) for key in every if one.get(key) != other.get(key)}


def _errors(a: Run, b: Run) -> dict[str, tuple[float | None, float | None]]:
    scores = [{score.model: score.rmse for score in run.training.scores} for run in (a, b)]
    return {model: (scores[0].get(model), scores[1].get(model)) for model in dict.fromkeys([*scores[0], *scores[1]])}


def _interval(a: Floats, b: Floats) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(BOOTSTRAPS):
        rows = rng.integers(0, len(a), len(a))
        found.append(float(spearmanr(a[rows], b[rows]).statistic))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def _pairs(a: Run, b: Run, rows_a: Rows, rows_b: Rows, n_components: int) -> tuple[Pair, ...]:
    """Match the components of both runs over the common items."""
    found = []
    for run in (a, b):
        most = min(run.shape("item_factors")[2], 2 * n_components)
        found.append(pca(run, n_components=most, limit=1))
    which, phi = match(found[0].scores[rows_a][:, :n_components], found[1].scores[rows_b])
    return tuple(
        Pair(found[0].components[at], found[1].components[int(other)], float(agreed))
        for at, (other, agreed) in enumerate(zip(which, phi, strict=True))
    )


def _overlap(a: Rows, b: Rows) -> float:
    return float(np.mean([len(np.intersect1d(x, y, assume_unique=True)) / len(x) for x, y in zip(a, b, strict=True)]))


def _within(run: Run, rows: Rows) -> float | None:
    """Return the overlap between the halves of one run's members, each of several; None for fewer than four."""
    factors = run.array("item_factors")
    half = len(factors) // 2
    if half < 1:
        return None
    return _overlap(nearest(factors[:half], rows), nearest(factors[half : 2 * half], rows))


def _changes(a: Run, b: Run, rows_a: Rows, rows_b: Rows, limit: int) -> tuple[Change, ...]:
    draws_a, draws_b = a.array("item_stars")[:, rows_a], b.array("item_stars")[:, rows_b]
    stars_a, stars_b = (draws.mean(0, dtype=np.float64) for draws in (draws_a, draws_b))
    difference = stars_b - stars_a
    z = None
    if a.n_draws and b.n_draws:
        z = difference / np.sqrt(draws_a.var(0, dtype=np.float64) + draws_b.var(0, dtype=np.float64))
    order = np.argsort(-np.abs(difference if z is None else z), kind="stable")[:limit]
    return tuple(
        Change(
            rank=rank,
            title=a.items.titles[rows_a[j]],
            stars_a=float(stars_a[j]),
            stars_b=float(stars_b[j]),
            difference=float(difference[j]),
            z=None if z is None else float(z[j]),
            n_a=int(a.item_seen.n_ratings[rows_a[j]]),
            n_b=int(b.item_seen.n_ratings[rows_b[j]]),
            id=a.items.ids[rows_a[j]],
        )
        for rank, j in enumerate(order, 1)
    )

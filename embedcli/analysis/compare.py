"""Runs side by side: do they predict and rank alike, see the same axes and neighbours, and where do they differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from embedcli.analysis.axes import match
from embedcli.analysis.components import Component, pca
from embedcli.analysis.decay import agreement
from embedcli.analysis.neighbours import MOST_NEAREST, nearest
from embedcli.analysis.selection import check_limit
from embedcli.errors import UsageError
from embedcli.evidence.scores import rmse
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

BOOTSTRAPS, BOOTSTRAPS_OF_USERS = 200, 2000
MOST_BLOCKS = 1000  # of users that a bootstrap draws
FEWEST = 20  # items in common
SAME = 1e-6  # stars: a smaller difference is rounding


@dataclass(frozen=True)
class Pair:
    """A component of the first run and its match in the second, by the largest |Tucker's phi| over common items."""

    a: Component
    b: Component
    phi: float


@dataclass(frozen=True)
class Change:
    """An item whose trained stars differ.

    `seed_noise` is the standard deviation of the difference that seeds alone make, from the spread over the members;
    None if a run has a single one. `z` is the difference over the standard deviation of both runs' draws; None
    without draws, and for runs of one data set: they share most ratings, so that the draws do not differ independently.
    """

    rank: int
    title: str
    stars_a: float
    stars_b: float
    difference: float
    seed_noise: float | None
    z: float | None
    n_a: int
    n_b: int
    id: str


@dataclass(frozen=True)
class RunFigures:
    """What one of several runs comes to, beside the first.

    `rmse` is of the members averaged over the test rows. `rmse_change` is what it is above the first run's, with its
    95 % interval by a paired bootstrap over the test users; None for the first, and for runs with other test rows.
    `n_real` of `n_tested` components are real, `slope` is the held-out slope of the first and `stability` its own;
    `outside` the share of items whose trained stars lie outside their interval; `correlation` Spearman's between the
    trained stars of this run and of the first, over `n_compared` items.
    """

    name: str
    weight_decay: float | None
    rmse: float | None
    rmse_change: float | None
    rmse_change_interval: tuple[float, float] | None
    n_real: int | None
    n_tested: int
    slope: float | None
    stability: float | None
    outside: float | None
    correlation: float
    n_compared: int

    @property
    def rmse_verdict(self) -> str:
        """Say in words whether the RMSE differs from the first run's; nothing if that is not known."""
        if self.rmse_change_interval is None:
            return ""
        low, high = self.rmse_change_interval
        if low <= 0 <= high:
            return "no more than chance"
        return "better" if high < 0 else "worse"


@dataclass(frozen=True)
class SideBySide:
    """Several runs, each held against the first; `settings` are those in which they differ, a value for each run."""

    runs: tuple[RunFigures, ...]
    settings: Mapping[str, tuple[Any, ...]]
    have_same_test: bool
    min_ratings: int

    def to_frame(self) -> pd.DataFrame:
        """Return the figures as a table, a row for each run."""
        import pandas as pd

        return pd.DataFrame([vars(run) for run in self.runs])


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common over the items that both have, and enough ratings in both.

    `correlation` is Spearman's of the trained stars, with a 95 % interval by resampling the items; `change` the root
    mean square of their differences, and `seed_noise` what seeds alone make of it (None if a run has one member).
    Stars on different scales are not subtracted: `change` is then None, and `changes` empty.
    `overlap` is the mean share of an item's ten nearest in common, `chance` that of random neighbours, and `within`
    the same between two halves of one run's members: more than that two runs cannot have in common.
    """

    a: str
    b: str
    matched_by: str
    n_common: int
    n_compared: int
    saw_same_ratings: bool
    correlation: float
    correlation_interval: tuple[float, float]
    change: float | None
    seed_noise: float | None
    pairs: tuple[Pair, ...]
    overlap: float
    chance: float
    within: float | None
    changes: tuple[Change, ...]
    min_ratings: int

    @property
    def is_same(self) -> bool:
        """Whether no item's stars differ."""
        return self.change is not None and self.change <= SAME

    def to_frame(self) -> pd.DataFrame:
        """Return what changed most as a table."""
        import pandas as pd

        return pd.DataFrame([vars(change) for change in self.changes])


def side_by_side(runs: Sequence[Run], *, min_ratings: int = 20) -> SideBySide:
    """Put the figures of several runs side by side, each held against the first.

    Raises UsageError for fewer than two runs, and if one has too few items in common with the first.
    """
    if len(runs) < 2:
        raise UsageError("a comparison takes two runs or more", "give another run: embedcli runs list")
    return SideBySide(
        runs=tuple(_figures(runs[0], run, min_ratings) for run in runs),
        settings=_settings(runs),
        have_same_test=all(_have_same_test(runs[0], run) for run in runs),
        min_ratings=min_ratings,
    )


def compare(a: Run, b: Run, *, n_components: int = 3, limit: int = 10, min_ratings: int = 20) -> Comparison:
    """Compare two runs, of the same data set or of ones that share titles.

    Items are matched by id if the ratings are the same, else by title, its case, punctuation and year's place
    aside; a title that occurs twice is left out.

    Raises UsageError if too few items are common, RunError if a run has no trained stars.
    """
    check_limit(limit, "items")
    rows_a, rows_b, how, n_common = _matched(a, b, min_ratings)
    stars_a, stars_b = (_stars(run, rows) for run, rows in ((a, rows_a), (b, rows_b)))
    near_a, near_b = nearest(a.array("item_factors"), rows_a), nearest(b.array("item_factors"), rows_b)
    have_same_scale = (a.data.scale, a.data.implicit) == (b.data.scale, b.data.implicit)
    noise = _seed_noise(a, b, rows_a, rows_b) if have_same_scale else None
    return Comparison(
        a=a.name,
        b=b.name,
        matched_by=how,
        n_common=n_common,
        n_compared=len(rows_a),
        saw_same_ratings=_saw_same_ratings(a, b),
        correlation=_spearman(stars_a, stars_b),
        correlation_interval=_interval(stars_a, stars_b),
        change=_root_mean_square(stars_b - stars_a) if have_same_scale else None,
        seed_noise=None if noise is None else _root_mean_square(noise),
        pairs=_pairs(a, b, rows_a, rows_b, n_components),
        overlap=_overlap(near_a, near_b),
        chance=min(MOST_NEAREST, len(rows_a) - 1) / (len(rows_a) - 1),
        within=_within(a, rows_a),
        changes=_changes(a, b, rows_a, rows_b, noise, limit) if have_same_scale else (),
        min_ratings=min_ratings,
    )


def _figures(first: Run, run: Run, min_ratings: int) -> RunFigures:
    rows_first, rows, _, _ = _matched(first, run, min_ratings)
    evidence, agreed = run.training.evidence, agreement(run)
    change = None if run is first or not _have_same_test(first, run) else rmse_change(first, run)
    scores = run.training.scores
    return RunFigures(
        name=run.name,
        weight_decay=run.training.weight_decay,
        rmse=scores[-1].rmse if scores else None,
        rmse_change=None if change is None else change[0],
        rmse_change_interval=None if change is None else change[1],
        n_real=None if evidence is None else sum(test.real for test in evidence.pca_tests),
        n_tested=0 if evidence is None else len(evidence.pca_tests),
        slope=None if evidence is None else evidence.heldout_slope,
        stability=pca(run, n_components=1, limit=1).components[0].stability,
        outside=None if agreed is None else agreed.outside,
        correlation=_spearman(_stars(first, rows_first), _stars(run, rows)),
        n_compared=len(rows),
    )


def rmse_change(a: Run, b: Run) -> tuple[float, tuple[float, float]]:
    """Return how far the test RMSE of b lies above that of a, and its 95 % interval.

    Its variance is that of a paired bootstrap over the test users (Efron and Tibshirani 1993), drawn with all their
    test rows, for both runs the same ones, plus what seeds make of it, by a jackknife over the members of each run.
    Both must hold the same test rows.
    """
    assert a.heldout is not None
    assert b.heldout is not None
    if np.array_equal(a.heldout.predictions, b.heldout.predictions):
        return 0.0, (0.0, 0.0)
    _, user = np.unique(a.heldout.user, return_inverse=True)
    rng = np.random.default_rng(0)
    block = rng.permutation(int(user.max()) + 1)[user] % MOST_BLOCKS  # of very many users, some are drawn together
    n = np.bincount(block)
    weights = rng.multinomial(len(n), np.full(len(n), 1 / len(n)), size=BOOTSTRAPS_OF_USERS)
    weights = np.vstack([np.ones_like(n), weights[weights @ n > 0]]).astype(np.float64)  # the first is no draw
    errors, variance = [], 0.0
    for run, rows in ((a, a.heldout), (b, b.heldout)):
        value, every = rows.value.astype(np.float64), rows.predictions.astype(np.float64)
        total, n_members = every.sum(0), len(every)
        averaged = np.clip(total / n_members, *run.data.scale)
        errors.append(np.sqrt(weights @ np.bincount(block, (averaged - value) ** 2) / (weights @ n)))
        if n_members > 1:
            without = (np.clip((total - own) / (n_members - 1), *run.data.scale) for own in every)
            variance += float((n_members - 1) * np.var([rmse(averaged, value) for averaged in without]))
    change, *drawn = errors[1] - errors[0]
    half = 1.96 * float(np.sqrt(np.var(drawn) + variance))
    return float(change), (float(change) - half, float(change) + half)


def _have_same_test(a: Run, b: Run) -> bool:
    """Tell whether both runs hold the same test rows, with what they predict for them."""
    if a.heldout is None or b.heldout is None or (a.users.ids, a.items.ids) != (b.users.ids, b.items.ids):
        return False
    pairs = ((getattr(a.heldout, name), getattr(b.heldout, name)) for name in ("user", "item", "value"))
    return all(np.array_equal(one, other) for one, other in pairs)


def _saw_same_ratings(a: Run, b: Run) -> bool:
    """Tell whether both runs were trained on the same ratings, as far as the runs can tell."""
    if not a.data.sha256 or a.data.sha256 != b.data.sha256:
        return False
    return all(getattr(a.training.split, key) == getattr(b.training.split, key) for key in ("description", "n_train"))


def _matched(a: Run, b: Run, min_ratings: int) -> tuple[Rows, Rows, str, int]:
    """Return the rows of the items with enough ratings in both runs, how they were matched, and how many both have."""
    rows_a, rows_b, how = _common(a, b)
    n_common = len(rows_a)
    enough = (a.item_stats.n_ratings[rows_a] >= min_ratings) & (b.item_stats.n_ratings[rows_b] >= min_ratings)
    rows_a, rows_b = rows_a[enough], rows_b[enough]
    if len(rows_a) < FEWEST:
        raise UsageError(
            f"runs {a.name!r} and {b.name!r} have {len(rows_a)} {a.data.noun}s with {min_ratings} ratings in common",
            "lower --min-ratings, or compare runs of data that share titles",
        )
    return rows_a, rows_b, how, n_common


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


def _settings(runs: Sequence[Run]) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which the runs differ."""
    found = [
        {"data set": run.data.title, "split": run.training.split.description or None, **run.training.settings}
        for run in runs
    ]
    every = dict.fromkeys(key for one in found for key in one)
    values = {key: tuple(one.get(key) for one in found) for key in every}
    return {key: said for key, said in values.items() if any(value != said[0] for value in said)}


def _stars(run: Run, rows: Rows) -> Floats:
    stars: Floats = run.array("trained_stars").mean(0, dtype=np.float64)[rows]
    return stars


def _seed_noise(a: Run, b: Run, rows_a: Rows, rows_b: Rows) -> Floats | None:
    """Return the standard deviation of the difference of each item's stars that seeds alone make."""
    if min(a.n_members, b.n_members) < 2:
        return None
    variances = (
        run.array("trained_stars")[:, rows].var(0, ddof=1, dtype=np.float64) / run.n_members
        for run, rows in ((a, rows_a), (b, rows_b))
    )
    return np.asarray(np.sqrt(sum(variances)), dtype=np.float64)


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _spearman(a: Floats, b: Floats) -> float:
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _interval(a: Floats, b: Floats) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(BOOTSTRAPS):
        rows = rng.integers(0, len(a), len(a))
        found.append(_spearman(a[rows], b[rows]))
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


def _changes(a: Run, b: Run, rows_a: Rows, rows_b: Rows, noise: Floats | None, limit: int) -> tuple[Change, ...]:
    """Return the items that changed most: by z for draws from two data sets, else by the difference."""
    stars_a, stars_b = _stars(a, rows_a), _stars(b, rows_b)
    difference = stars_b - stars_a
    if not np.abs(difference).max() > SAME:
        return ()
    z = None
    if a.n_draws and b.n_draws and a.data.sha256 != b.data.sha256:
        variances = (
            run.array("item_stars")[:, rows].var(0, dtype=np.float64) for run, rows in ((a, rows_a), (b, rows_b))
        )
        z = difference / np.sqrt(sum(variances))
    order = np.argsort(-np.abs(difference if z is None else z), kind="stable")[:limit]
    return tuple(
        Change(
            rank=rank,
            title=a.items.titles[rows_a[j]],
            stars_a=float(stars_a[j]),
            stars_b=float(stars_b[j]),
            difference=float(difference[j]),
            seed_noise=None if noise is None else float(noise[j]),
            z=None if z is None else float(z[j]),
            n_a=int(a.item_stats.n_ratings[rows_a[j]]),
            n_b=int(b.item_stats.n_ratings[rows_b[j]]),
            id=a.items.ids[rows_a[j]],
        )
        for rank, j in enumerate(order, 1)
    )

"""Runs side by side: whether they predict and rank alike and have the same components, and where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.accuracy import have_same_test
from embedcli.analysis.choices import Measure
from embedcli.analysis.components import match, two_digits
from embedcli.analysis.decay import agreement
from embedcli.analysis.metric import MOST_NEAREST, ItemVectors, in_common, measure_of, member_vectors, nearest, sampled
from embedcli.analysis.moves import FALSE_DISCOVERIES, Moves, moves
from embedcli.analysis.pca import Component, pca
from embedcli.analysis.record import Record, Tone, Verdict, column, decimal, name, p_value, share, text, titles, whole
from embedcli.analysis.selection import check_limit
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.scores import bootstrap_of_users, drawn_rmse, rmse
from embedcli.evidence.statistics import spearman
from embedcli.run.align import FEWEST_COMMON, items_in_common
from embedcli.run.record import Run

BOOTSTRAPS = 200
MOST_RESAMPLED = 10_000  # items of a bootstrap
MOST_SAMPLED = 2000  # items whose nearest are compared
SAME = 1e-6  # stars: a smaller difference is rounding
CLEARLY = 1.2  # times the change by seeds, from which a change is more than that


@dataclass(frozen=True)
class RunFigures:
    """The figures of a run; `rmse_change`, from the first run, is None for that one and for other test rows."""

    name: Annotated[str, name("run")]
    weight_decay: Annotated[float | None, decimal("decay", "weight decay")]
    rmse: Annotated[float | None, decimal("RMSE", "of the members averaged, over the test rows", 3)]
    rmse_change: float | None
    rmse_change_interval: tuple[float, float] | None
    real: Annotated[str | None, text("real", "number of components that predict held-out ratings")]
    n_real: int | None
    n_tested: int
    slope: Annotated[float | None, decimal("slope", "held-out slope of component 1 (1 = calibrated)")]
    truth_phi: Annotated[float | None, column("truth", "component 1's estimated agreement with the truth", two_digits)]
    outside: Annotated[float | None, share("outside", "share of items whose stars lie outside their interval", 1)]
    correlation: Annotated[
        float,
        decimal("rank r", "rank correlation with the first run's stars, items with {min_ratings} ratings or more", 3),
    ]
    n_compared: int

    @property
    def judged(self) -> Verdict | None:
        """Whether the RMSE differs from the first run's; None if that is not known."""
        if self.rmse_change is None or self.rmse_change_interval is None:
            return None
        low, high = self.rmse_change_interval
        figures = f"{self.rmse_change:+.3f}, 95 % {low:+.3f} to {high:+.3f}"
        if low <= 0 <= high:
            return Verdict(Tone.NONE, "no more than chance", figures)
        return Verdict(Tone.GOOD, "better", figures) if high < 0 else Verdict(Tone.CAUTION, "worse", figures)


@dataclass(frozen=True)
class SideBySide(Record):
    """Several runs, each compared to the first; `settings` are those that differ, with a value for each run."""

    row_fields = ("runs",)
    runs: tuple[RunFigures, ...]
    settings: Mapping[str, tuple[Any, ...]]
    have_same_test: bool
    min_ratings: int


@dataclass(frozen=True)
class Pair:
    """A component of the first run and its match in the second, by the largest |Tucker's phi| over common items."""

    a: int
    b: int
    name_a: Annotated[str, text("{a}")]
    name_b: Annotated[str, text("{b}")]
    phi: Annotated[float, column("phi", "Tucker's phi of the matched components", two_digits)]


@dataclass(frozen=True)
class Change:
    """An item whose trained stars differ.

    `seed_noise` is None if a run has one member. `z` is None without draws, and for runs of one data set: they share
    most ratings, so their draws are not independent.
    """

    rank: Annotated[int, whole("#", "rank in this list")]
    title: Annotated[str, titles("{noun}")]
    stars_a: Annotated[float, decimal("{a}", "mean prediction of the run {a} over all users")]
    stars_b: Annotated[float, decimal("{b}", "mean prediction of the run {b} over all users")]
    difference: Annotated[float, decimal("change", "difference of the two", sign=True)]
    seed_noise: Annotated[
        float | None, decimal("seeds", "standard deviation of the change if the runs differed by seeds only")
    ]
    z: Annotated[float | None, decimal("z", "change over the standard deviation of both runs' draws", 1, sign=True)]
    n_a: Annotated[int, whole("n", "numbers of training ratings, in each run")]
    n_b: Annotated[int, whole("n", "numbers of training ratings, in each run")]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Move:
    """An item whose place among the tastes changed by more than chance; see `analysis.moves` for the figures."""

    rank: Annotated[int, whole("#", "rank in this list, the surest first")]
    title: Annotated[str, titles("{noun}")]
    distance: Annotated[
        float, decimal("moved", "change of what tastes add to its ratings, in stars: root mean square over the users")
    ]
    chance: Annotated[float, decimal("chance", "the same by other ratings and seeds alone")]
    q: Annotated[float, p_value("q", "false discovery rate if items down to this one are called moved")]
    n_a: Annotated[int, whole("n", "numbers of training ratings, in each run")]
    n_b: Annotated[int, whole("n", "numbers of training ratings, in each run")]
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Comparison(SideBySide):
    """The figures of two runs, and what they have in common over the items with enough ratings in both.

    `correlation` is Spearman's of the trained stars, with a 95 % interval by resampling the items; `change` the root
    mean square of their differences, and `seed_noise` what seeds alone make of it (None if a run has one member).
    Stars on different scales are not subtracted: `change` is then None, and `changes` empty. `overlap` is the mean
    share of an item's ten nearest in common, over `n_sampled` of the items, `chance` that of random neighbours, and
    `within` the same between two halves of one run's members: an upper limit for two runs. The nearest are those by
    preference, or by cosine if a run has no user factors.
    `n_moved` is the number of items that moved by more than chance, of which a share of `false_discoveries` is expected
    to be false, and `moved` the surest of them. It is None for runs that saw the same ratings, and if it is not known.
    """

    row_fields = ("changes",)
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
    components: tuple[Pair, ...]
    by: Measure
    overlap: float
    chance: float
    n_sampled: int
    within: float | None
    changes: tuple[Change, ...]
    n_moved: int | None = None
    false_discoveries: float = FALSE_DISCOVERIES
    moved: tuple[Move, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether no item's stars differ."""
        return self.change is not None and self.change <= SAME

    @property
    def judged(self) -> Verdict | None:
        """Whether the stars differ by more than seeds make; None if that is not known."""
        if self.change is None or self.seed_noise is None or self.is_same:
            return None
        figures = f"{self.change:.3f} stars (root mean square), by seeds alone {self.seed_noise:.3f}"
        if self.change > CLEARLY * self.seed_noise:
            return Verdict(Tone.GOOD, "more than seeds make", figures)
        return Verdict(Tone.NONE, "no more than seeds make", figures)


@dataclass(frozen=True)
class _Common:
    """The items that two runs have in common, by their rows (n,); `n_all` also counts those with few ratings."""

    runs: tuple[Run, Run]
    rows: tuple[Rows, Rows]
    matched_by: str
    n_all: int

    def arrays(self, name: str) -> list[NDArray[np.float32]]:
        """Return an array of either run, with the common items alone (M, n, ...)."""
        return [run.array(name)[:, rows] for run, rows in zip(self.runs, self.rows, strict=True)]

    def stars(self) -> list[Floats]:
        """Return the stars (n,) by either run."""
        return [by_member.mean(0, dtype=np.float64) for by_member in self.arrays("trained_stars")]


def side_by_side(runs: Sequence[Run], *, min_ratings: int = 20) -> SideBySide:
    """Put the figures of several runs side by side, each compared to the first.

    Raises UsageError for fewer than two runs, and if one has too few items in common with the first.
    """
    if len(runs) < 2:
        raise UsageError("a comparison takes two runs or more", "give another run: embedcli runs list")
    return _side_by_side([_common(runs[0], run, min_ratings) for run in runs], min_ratings)


def _side_by_side(commons: Sequence[_Common], min_ratings: int) -> SideBySide:
    """Put the figures of runs side by side, given what each has in common with the first."""
    runs = [common.runs[1] for common in commons]
    return SideBySide(
        runs=tuple(map(_figures, commons)),
        settings=differing_settings(runs),
        have_same_test=all(have_same_test(runs[0], run) for run in runs),
        min_ratings=min_ratings,
    )


def compare(a: Run, b: Run, *, components: int = 3, limit: int = 10, min_ratings: int = 20) -> Comparison:
    """Compare two runs, of the same data set or of ones that share titles.

    Items are matched by id if the ratings are the same, else by title without regard to case and punctuation; a title
    that occurs twice is left out.

    Raises UsageError if too few items are common, RunError if a run has no trained stars.
    """
    check_limit(limit, "items")
    itself, common = (_common(a, run, min_ratings) for run in (a, b))
    stars, half = common.stars(), a.n_members // 2
    have_users = all(measure_of(run, None) is Measure.PREFERENCE for run in (a, b))
    by = Measure.PREFERENCE if have_users else Measure.COSINE
    of_a, of_b = (member_vectors(run, by) for run in (a, b))
    rows_a, rows_b = common.rows
    have_same_scale = (a.data.scale, a.data.implicit) == (b.data.scale, b.data.implicit)
    noise = _seed_noise(common) if have_same_scale else None
    n, same_ratings = len(stars[0]), _saw_same_ratings(a, b)
    found = moves(a, b, *common.rows) if have_same_scale and not same_ratings else None
    return Comparison(
        **vars(_side_by_side((itself, common), min_ratings)),
        a=a.name,
        b=b.name,
        matched_by=common.matched_by,
        n_common=common.n_all,
        n_compared=n,
        saw_same_ratings=same_ratings,
        correlation=spearman(*stars),
        correlation_interval=_interval(*stars),
        change=rmse(*stars) if have_same_scale else None,
        seed_noise=None if noise is None else float(np.sqrt(np.mean(noise**2))),
        components=_pairs(common, components),
        by=by,
        overlap=_overlap((of_a, rows_a), (of_b, rows_b)),
        chance=min(MOST_NEAREST, n - 1) / (n - 1),
        n_sampled=min(n, MOST_SAMPLED),
        within=_overlap((of_a[:half], rows_a), (of_a[half : 2 * half], rows_a)) if half else None,
        changes=_changes(common, noise, limit) if have_same_scale else (),
        n_moved=None if found is None else len(found.moved),
        moved=() if found is None else _moved(common, found, limit),
    )


def _figures(common: _Common) -> RunFigures:
    """Return the figures of a run, compared to the first."""
    first, run = common.runs
    score = run.training.model_score
    change = None if run is first or not have_same_test(first, run) else rmse_change(first, run)
    return RunFigures(
        name=run.name,
        weight_decay=run.training.weight_decay,
        rmse=score.rmse if score else None,
        rmse_change=change and change[0],
        rmse_change_interval=change and change[1],
        correlation=spearman(*common.stars()),
        n_compared=len(common.rows[0]),
        **evidence_figures(run, pca(run, components=1, limit=1).components[0]),
    )


def evidence_figures(run: Run, first: Component | None) -> dict[str, Any]:
    """Return what the evidence of a run, and of its first component if it has one, says, as fields of RunFigures."""
    evidence, agreed = run.training.evidence, agreement(run)
    tests = () if evidence is None else evidence.pca_tests
    n_tested, n_real = len(tests), sum(test.real for test in tests)
    return {
        "real": None if evidence is None else f"{n_real} of {n_tested}" if n_real < n_tested else f"at least {n_real}",
        "n_real": None if evidence is None else n_real,
        "n_tested": n_tested,
        "slope": None if evidence is None else evidence.heldout_slope,
        "truth_phi": first.truth_phi if first else None,
        "outside": None if agreed is None else agreed.outside,
    }


def rmse_change(a: Run, b: Run) -> tuple[float, tuple[float, float]]:
    """Return how far the test RMSE of b lies above that of a, and its 95 % interval.

    Its variance is that of a paired bootstrap over the test users (Efron and Tibshirani 1993), drawn with all their
    test rows, for both runs the same ones, plus that of the seeds, by a jackknife over the members of each run.
    Both must hold the same test rows.
    """
    assert a.heldout is not None
    assert b.heldout is not None
    if np.array_equal(a.heldout.predictions, b.heldout.predictions):
        return 0.0, (0.0, 0.0)
    block, weights = bootstrap_of_users(a.heldout.user)
    errors, variance = [], 0.0
    for rows, scale in ((a.heldout, a.data.scale), (b.heldout, b.data.scale)):
        value, members = rows.value.astype(np.float64), rows.predictions.astype(np.float64)
        total, n_members = members.sum(0), len(members)
        averaged = np.clip(total / n_members, *scale)
        errors.append(drawn_rmse((averaged - value) ** 2, block, weights))
        if n_members > 1:
            without = (np.clip((total - member) / (n_members - 1), *scale) for member in members)
            variance += float((n_members - 1) * np.var([rmse(predicted, value) for predicted in without]))
    change, *drawn = errors[1] - errors[0]
    half = 1.96 * float(np.sqrt(np.var(drawn) + variance))
    return float(change), (float(change) - half, float(change) + half)


def _saw_same_ratings(a: Run, b: Run) -> bool:
    """Tell whether both runs were trained on the same ratings, as far as the runs can tell."""
    if not a.data.sha256 or a.data.sha256 != b.data.sha256:
        return False
    return all(getattr(a.training.split, key) == getattr(b.training.split, key) for key in ("description", "n_train"))


def _common(a: Run, b: Run, min_ratings: int) -> _Common:
    """Match the items of two runs, and keep those with enough ratings in both; UsageError if they are too few.

    RunError if a run has no trained stars to compare.
    """
    for run in (a, b):
        run.shape("trained_stars")
    rows_a, rows_b, matched_by = items_in_common(a, b)
    enough = a.item_stats.has_at_least(min_ratings)[rows_a] & b.item_stats.has_at_least(min_ratings)[rows_b]
    if enough.sum() < FEWEST_COMMON:
        raise UsageError(
            f"runs {a.name!r} and {b.name!r} have {enough.sum()} {a.data.noun}s with {min_ratings} ratings in common",
            "lower `min_ratings`, or compare runs of data that share titles",
        )
    return _Common((a, b), (rows_a[enough], rows_b[enough]), matched_by, len(rows_a))


def differing_settings(runs: Sequence[Run]) -> dict[str, tuple[Any, ...]]:
    """Return the settings in which the runs differ."""
    settings = [
        {"data set": run.data.title, "split": run.training.split.description or None, **run.training.settings}
        for run in runs
    ]
    names = dict.fromkeys(name for of_run in settings for name in of_run)
    values = {name: tuple(of_run.get(name) for of_run in settings) for name in names}
    return {name: by_run for name, by_run in values.items() if any(value != by_run[0] for value in by_run)}


def _seed_noise(common: _Common) -> Floats | None:
    """Return the standard deviation of the difference of each item's stars that seeds alone make."""
    arrays = common.arrays("trained_stars")
    if min(map(len, arrays)) < 2:
        return None
    variances = (by_member.var(0, ddof=1, dtype=np.float64) / len(by_member) for by_member in arrays)
    return np.asarray(np.sqrt(sum(variances)), dtype=np.float64)


def _interval(a: Floats, b: Floats) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's correlation by resampling the items.

    Of more than MOST_RESAMPLED items that many are drawn at a time, and the interval is as much narrower.
    """
    rng, n = np.random.default_rng(0), min(len(a), MOST_RESAMPLED)
    draws = (rng.integers(0, len(a), n) for _ in range(BOOTSTRAPS))
    bounds = np.quantile([spearman(a[rows], b[rows]) for rows in draws], (0.025, 0.975))
    middle = spearman(a, b)
    low, high = middle + (bounds - middle) * np.sqrt(n / len(a))
    return float(low), float(high)


def _pairs(common: _Common, n_components: int) -> tuple[Pair, ...]:
    """Match the components of both runs over the common items."""
    a, b = (pca(run, components=min(run.shape("item_factors")[2], 2 * n_components), limit=1) for run in common.runs)
    matches, phi = match(a.scores[common.rows[0]][:, :n_components], b.scores[common.rows[1]])
    pairs = ((a.components[j], b.components[int(other)]) for j, other in enumerate(matches))
    return tuple(
        Pair(own.component, other.component, _name(own), _name(other), float(agreed))
        for (own, other), agreed in zip(pairs, phi, strict=True)
    )


def _name(component: Component) -> str:
    return f"{component.component} {component.poles or '(unnamed)'}"


def _overlap(*models: tuple[Sequence[ItemVectors], Rows]) -> float:
    """Return the mean share of the nearest items in common, of two models with their rows (n,) of the items.

    Of more than MOST_SAMPLED items, that many are compared, spread evenly over all.
    """
    of = sampled(len(models[0][1]), MOST_SAMPLED)
    return in_common(*(nearest(members, rows, of) for members, rows in models))


def _changes(common: _Common, noise: Floats | None, limit: int) -> tuple[Change, ...]:
    """Return the items that changed most: by z for draws from two data sets, else by the difference."""
    (a, b), (stars_a, stars_b) = common.runs, common.stars()
    difference = stars_b - stars_a
    if not np.abs(difference).max() > SAME:
        return ()
    z = None
    if a.n_draws and b.n_draws and a.data.sha256 != b.data.sha256:
        z = difference / np.sqrt(sum(draws.var(0, dtype=np.float64) for draws in common.arrays("item_stars")))
    order = np.argsort(-np.abs(difference if z is None else z), kind="stable")[:limit]
    return tuple(
        Change(
            rank=rank,
            title=a.items.titles[row_a],
            stars_a=float(stars_a[j]),
            stars_b=float(stars_b[j]),
            difference=float(difference[j]),
            seed_noise=None if noise is None else float(noise[j]),
            z=None if z is None else float(z[j]),
            n_a=int(a.item_stats.n_ratings[row_a]),
            n_b=int(b.item_stats.n_ratings[row_b]),
            id=a.items.ids[row_a],
        )
        for rank, (j, row_a, row_b) in enumerate(zip(order, *(rows[order] for rows in common.rows), strict=True), 1)
    )


def _moved(common: _Common, found: Moves, limit: int) -> tuple[Move, ...]:
    """Return the items that moved by more than chance, the surest first."""
    (a, b), at = common.runs, found.moved[:limit]
    rows = zip(at, *(rows[at] for rows in common.rows), strict=True)
    return tuple(
        Move(
            rank=rank,
            title=a.items.titles[row_a],
            distance=float(found.distance[j]),
            chance=float(found.chance[j]),
            q=float(found.q[j]),
            n_a=int(a.item_stats.n_ratings[row_a]),
            n_b=int(b.item_stats.n_ratings[row_b]),
            id=a.items.ids[row_a],
        )
        for rank, (j, row_a, row_b) in enumerate(rows, 1)
    )

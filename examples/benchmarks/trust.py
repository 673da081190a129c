"""Measure on worlds with a known truth whether embedcli's evidence is right: the figures of docs/methods.md.

    OMP_NUM_THREADS=1 python examples/benchmarks/trust.py [WHAT|all] [--worlds N]

WHAT is stars, ratings, chain, components, names, stability, neighbours or misspecified. The worlds are those of
tests/worlds.py, 40 for each figure unless --worlds says otherwise. Each figure has its own, from the seeds FIRST,
FIRST + 1, ..., the next from FIRST + 1,000 and so on; FIRST is 500,000, and no constant of embedcli was chosen on seeds
from there on. `all` takes two and a half hours on one core, most of it for `misspecified`.

Stars: 95 % and 80 % intervals against the true stars, all items counted; the error of their means against that of the
damped mean, (sum + 5 x global mean) / (n + 5); whether P(bottom 10) happens as often as it says. A tenth of the ratings
is held out: how often the prediction intervals hold them, and their RMSE less that of the posterior without who rated
what, of which these worlds have none. The same intervals if users choose by taste. Ratings: the prediction intervals on
the test rows of MovieLens 100K. Chain: on its training rows, the effective sample size and the split R-hat of four
chains (Gelman et al. 2013, chapter 11), of the stars' draws and of their means in each sweep.
Components: how often the number of real ones is the planted one. Names:
how often the component that matches an axis along a genre is named after it, by the tests alone and where it is real
and agrees with the truth, as `pca` wants it; how often the tests name one after any genre when the items' genres were
shuffled. Stability: how far the printed agreement of real components with the truth is from their phi with the planted
axes, in bins of .05, and how often one that `pca` would name has a phi of .85; in worlds of 1 to 5 factors, 3 to 24
times as strong as noise. The same for the phi with the principal axes of the tastes that were planted, weighted as the
ratings are: planted axes that are nearly equally strong are turned into each other by who rates what.
Neighbours: how many of the ten nearest items of `similar` are in the true nearest tenth, and among the true five.
Misspecified: the worlds of tests/misspecified.py, which break one assumption each: intervals of the stars; how many
components are real, how many of them are no combination of the planted tastes, how many of those that are get the label
of something else, and how many of the rest; how strongly users choose by taste, as planted in log-odds a star.

Prints a line for each figure: what is measured, what is asked of it, the figure, and over how many worlds and items
(or axes).
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli.analysis.choices import Basis
from embedcli.analysis.effects import Candidates, effects_of, names
from embedcli.analysis.pca import LEAST_TRUTH_PHI
from embedcli.analysis.posterior import Predictor
from embedcli.data.features import item_features, user_features
from embedcli.data.ratings import Ratings
from embedcli.evidence import posterior
from embedcli.evidence.bases import Floats, Table, unit, weighted_axes
from embedcli.evidence.features import Known
from embedcli.evidence.posterior import Posterior, predict_pairs, sample
from embedcli.evidence.states import draw_stars, interval
from embedcli.run.lookup import Row
from embedcli.training.evaluation import observed

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import misspecified as broken  # type: ignore[import-not-found]
from worlds import (  # type: ignore[import-not-found]
    GENRE,
    MOVIELENS,
    ROUNDING_VARIANCE,
    SIZES,
    UNCLIPPED,
    Recipe,
    World,
    expected_stars,
    make_world,
)

FIRST = 500_000
APART = 1_000  # the first seeds of two figures
BOTTOM = 10
BINS = 0, 0.05, 0.2, 0.4, 0.6, 0.8, 1
MOST_FACTORS = 5
SMALLER = {"250 x 150, 5,000 ratings": ((250, 150, 5_000), 8.0), "300 x 200, 5,000, weaker": ((300, 200, 5_000), 3.0)}
BY_TASTE = {0.5: 0.88, 1.0: 0.82}  # log-odds per star, and what is asked of 95 % intervals
SPLITS = ("random", 0), ("random", 1), ("random", 2), *((f"u{fold}", 0) for fold in range(1, 6))
N_CHAINS, TOO_FAR = 4, 1.05  # R-hat above which chains are too far apart
NAMED = ("small", 8.0, 0.5), ("small", 24.0, 0.5), ("middle", 8.0, 0.5), ("small", 8.0, 0.2)  # strength, genre's part
SHUFFLES = 10
NEAR = ("small", 8.0), ("middle", 8.0), ("middle", 24.0)  # strength
FEWEST, BEST = 20, 5  # ratings of an item that has neighbours; the true nearest that are few
N_JUDGED, MOSTLY = 8, 0.5  # components of a misspecified world; share of one that the planted tastes explain
LABELLED = "no tastes, drift of items", "no tastes, use of the scale", "no tastes, duplicates"
AGREEMENT = tuple(itertools.product((UNCLIPPED, MOVIELENS), ("small", "middle")))
STRENGTHS = np.log(3), np.log(24)  # times noise, uniform in the logarithm
BIN, FEWEST_IN_BIN, ENOUGH = 0.05, 10, 0.85

Measured = dict[str, NDArray[Any]]  # arrays over the items or over the held-out ratings of one or of many worlds


@dataclass(frozen=True)
class Figure:
    """One line of the table; `least` and `most` are asked of the value, or nothing where both are infinite."""

    what: str
    value: float
    n_worlds: int
    n: int
    least: float = -math.inf
    most: float = math.inf

    def __str__(self) -> str:
        ends = self.least > -math.inf, self.most < math.inf
        asked = {
            (True, True): f"{self.least:.2f} to {self.most:.2f}",
            (True, False): f"at least {self.least:.2f}",
            (False, True): f"at most {self.most:g}",
            (False, False): "",
        }[ends]
        verdict = "" if self.least <= self.value <= self.most else "  FAILS"
        return f"{self.what:76}{asked:>15}{self.value:9.4f}{self.n_worlds:7,}{self.n:9,}{verdict}"


def stars(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield the figures of intervals, point estimates and P(bottom 10), by size and pooled, and by taste."""
    starts = itertools.count(first, APART)
    every = []
    for size in SIZES:
        worlds = [
            measure_stars(make_world(seed, SIZES[size], seed % 6), seed) for seed in seeds(next(starts), n_worlds)
        ]
        every += worlds
        yield from star_figures(size, worlds)
        yield from calibration(size, worlds, asked=False)
    yield from star_figures("all sizes", every)
    yield from calibration("all sizes", every, asked=True)
    for by_taste, least in BY_TASTE.items():
        worlds = [
            measure_stars(make_world(seed, n_factors=seed % 6, by_taste=by_taste), seed)
            for seed in seeds(next(starts), n_worlds)
        ]
        yield from star_figures(f"small, by taste {by_taste:g}", worlds, least)


def measure_stars(world: World, seed: int) -> Measured:
    """Return what the draws say of every item of a world, and the predictions of ratings held out, and what is so."""
    split, truth = world.ratings.split("random", seed=seed), world.stars
    train, test = split.train, split.test
    drawn = drawn_from(train, [seed, 1])
    with without_features():
        plain = drawn_from(train, [seed, 1])
    draws = drawn.item_stars
    n = np.bincount(train.item, minlength=len(truth))
    damped = (np.bincount(train.item, train.value, len(truth)) + 5 * train.value.mean()) / (n + 5)

    def inside(level: float) -> NDArray[np.bool_]:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return np.asarray((low <= truth) & (truth <= high))

    predicted = predict(drawn, train, test)
    low, high = interval(predicted, spread(drawn, train, test), train.data.scale)
    return {
        "n": n,
        "in 95": inside(0.95),
        "in 80": inside(0.8),
        "user in 95": user_intervals_hold(world, train, drawn),
        "error": (draws.mean(0) - truth) ** 2,
        "damped error": (damped - truth) ** 2,
        "printed": (ranks(draws) < BOTTOM).mean(0),
        "in bottom": ranks(truth) < BOTTOM,
        "rating in 95": (low <= test.value) & (test.value <= high),
        "rating error": squared_error(predicted, test),
        "plain error": squared_error(predict(plain, train, test), test),
    }


def user_intervals_hold(world: World, train: Ratings, drawn: Posterior) -> NDArray[np.bool_]:
    """Return whether the 95 % interval of each user's mean rating over the rated items contains the truth, (U,)."""
    is_rated = np.bincount(train.item, minlength=len(train.items)) > 0
    normals = drawn.states.stars_of_users(train.user, train.item, is_rated)
    draws = draw_stars(*normals, len(drawn.item_stars), np.random.default_rng(0)).clip(*train.data.scale)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    truth = expected_stars(world.felt, np.sqrt(world.noise_variance - ROUNDING_VARIANCE))[:, is_rated].mean(1)
    return np.asarray((low <= truth) & (truth <= high))


def drawn_from(train: Ratings, seed: Sequence[int], known: Known = posterior.NOTHING) -> Posterior:
    """Draw from the posterior of some ratings."""
    n_draws = embedcli.TrainConfig().n_draws
    return sample(observed(train), train.data.scale, n_draws, np.random.default_rng(seed), known)


@contextmanager
def without_features() -> Iterator[None]:
    """Leave out who rated what, while this is open."""
    usual = posterior.USUAL
    posterior.SCHEDULES = (*posterior.SCHEDULES[:-1], (0, usual._replace(rank=0)))
    yield
    posterior.SCHEDULES = (*posterior.SCHEDULES[:-1], (0, usual))


def predict(drawn: Posterior, train: Ratings, test: Ratings) -> Table:
    """Predict held-out ratings (n,), with the neighbours' residuals if they are used."""
    weight = drawn.weight.used if drawn.weight else 0.0
    return predict_pairs(drawn.states, weight, observed(train), test.user, test.item)


def spread(drawn: Posterior, train: Ratings, test: Ratings) -> Floats:
    """Return the standard deviation of held-out ratings around their predictions (n,)."""
    found = np.empty(len(test))
    for user in np.unique(test.user):
        rows = test.user == user
        of_rows = drawn.states.user(user, train.item[train.user == user]).spread(test.item[rows])
        assert of_rows is not None
        found[rows] = of_rows
    return found


def squared_error(predicted: Table, test: Ratings) -> Floats:
    """Return the squared errors (n,) of predictions, cut to the scale."""
    error: Floats = (predicted.clip(*test.data.scale) - test.value.astype(np.float64)) ** 2
    return error


def star_figures(where: str, worlds: Sequence[Measured], least: float | None = None) -> Iterator[Figure]:
    """Yield coverage and error over the items of some worlds; only coverage of at least `least` is asked if given."""
    items = pooled(worlds)
    n = items["n"]
    few, rated, unrated = (n >= 5) & (n <= 20), n >= 1, n == 0

    def figure(what: str, value: float, n_items: int, *ends: float) -> Figure:
        return Figure(f"{where}: {what}", value, len(worlds), n_items, *(ends if least is None else ()))

    inside = items["in 95"]
    covered = figure("95 % intervals cover", inside.mean(), len(n), 0.93, 0.96)
    yield covered if least is None else replace(covered, least=least)
    yield figure("the same, items with 5 to 20 ratings", inside[few].mean(), few.sum(), 0.91)
    yield figure("the same, items without ratings", inside[unrated].mean(), unrated.sum())
    users = items["user in 95"]
    yield figure("95 % intervals of users cover", users.mean(), len(users), 0.92, 0.97)
    yield figure("80 % intervals cover", items["in 80"].mean(), len(n), 0.76, 0.84)
    relative = items["error"][rated].mean() / items["damped error"][rated].mean()
    yield figure("squared error / the damped mean's", relative, rated.sum(), -math.inf, 0.8)
    new = items["rating in 95"]
    yield figure("95 % intervals of new ratings cover", new.mean(), len(new), 0.93, 0.96)
    own, plain = (np.sqrt(items[name].mean()) for name in ("rating error", "plain error"))
    yield figure("RMSE on new ratings less that without who rated what", own - plain, len(new), -math.inf, 0.001)


def calibration(where: str, worlds: Sequence[Measured], *, asked: bool) -> Iterator[Figure]:
    """Yield, by bins of the printed P(bottom 10), how many items are there."""
    items = pooled(worlds)
    bins = np.digitize(items["printed"], BINS[1:-1])
    for j, (low, high) in enumerate(itertools.pairwise(BINS)):
        here = bins == j
        if not here.any():
            continue
        printed = items["printed"][here].mean()
        what = f"{where}: in the bottom 10, printed {low:g} to {high:g}, {printed:.2f}"
        ends = (printed - 0.1, printed + 0.1) if asked else ()
        yield Figure(what, items["in bottom"][here].mean(), len(worlds), here.sum(), *ends)


def ratings(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how often the prediction intervals hold the test rows of MovieLens 100K."""
    data, covered, n_rows = embedcli.load_ratings("ml-100k"), [], 0
    for kind, seed in SPLITS:
        split = data.split(kind, seed=seed)
        run = embedcli.fit(split, embedcli.TrainConfig(n_members=1, n_folds=0, seed=first))
        predictor, inside = Predictor(run), []
        for user in np.unique(split.test.user):
            train, test = (rows.take(rows.user == user) for rows in (split.train, split.test))
            known = predictor.known(user, train.item.astype(np.int64))
            found = predictor.predict(known, test.item.astype(np.int64))
            assert found.lower is not None
            assert found.upper is not None
            inside.append((found.lower <= test.value) & (test.value <= found.upper))
        covered.append(np.concatenate(inside).mean())
        n_rows += len(split.test)
        yield Figure(f"MovieLens 100K, {kind} {seed}: intervals of test rows cover", covered[-1], 1, len(split.test))
    yield Figure("MovieLens 100K, all splits: the same", float(np.mean(covered)), len(SPLITS), n_rows, 0.93, 0.96)


def chain(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield effective sample size and split R-hat of the stars, over chains on MovieLens 100K."""
    train = embedcli.load_ratings("ml-100k").split("random", seed=0).train
    known = Known(user_features(train.users), item_features(train.items))
    chains = [drawn_from(train, [first, j], known) for j in range(N_CHAINS)]
    rated = np.bincount(train.item, minlength=len(train.items)) > 0
    draws, sweeps = (
        np.array([getattr(drawn, name)[:, rated].astype(float) for drawn in chains])
        for name in ("item_stars", "sweeps_stars")
    )

    def figure(what: str, value: float) -> Figure:
        return Figure(f"stars, MovieLens 100K: {what}", value, N_CHAINS, int(rated.sum()))

    n_draws, stated = draws.shape[1], float(np.mean([drawn.n_effective for drawn in chains]))
    error = draws.mean(1).var(0, ddof=1) / draws.var(1).mean(0)  # of a chain's mean, as a share of the variance
    yield figure(f"effective draws of {n_draws} in a chain, as stated", stated)
    yield figure("the same, by the variance between the chains", float(1 / error.mean()))
    for what, values in ((f"the {n_draws} draws", draws), (f"the means in {sweeps.shape[1]} sweeps", sweeps)):
        far = split_r_hat(values)
        yield figure(f"split R-hat of {what}, median", float(np.median(far)))
        yield figure(f"split R-hat of {what}, share of items above {TOO_FAR:g}", float((far > TOO_FAR).mean()))


def split_r_hat(values: Floats) -> Floats:
    """Return the split R-hat (I,) of draws (C, n, I) of C chains: 1 if their halves do not differ."""
    n = values.shape[1] // 2
    halves = np.concatenate([values[:, :n], values[:, -n:]])
    within, between = halves.var(1, ddof=1).mean(0), halves.mean(1).var(0, ddof=1)
    r_hat: Floats = np.sqrt((n - 1) / n + between / within)
    return r_hat


def components(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how often the number of real components is the planted one, and how often sign flips agree."""
    starts = itertools.count(first, APART)
    every_planted, every_empty = [], []
    for size, shape in SIZES.items():
        planted = [count(seed, shape, 1 + seed % MOST_FACTORS) for seed in seeds(next(starts), n_worlds)]
        yield from count_figures(f"{size}: 1 to {MOST_FACTORS} factors", planted)
        empty = [count(seed, shape, 0) for seed in seeds(next(starts), n_worlds)]
        yield from count_figures(f"{size}: no factors", empty)
        every_planted += planted
        every_empty += empty
    yield from count_figures(f"all sizes: 1 to {MOST_FACTORS} factors", every_planted)
    yield from count_figures("all sizes: no factors", every_empty)
    for where, (shape, strength) in SMALLER.items():
        counts = [count(seed, shape, 1 + seed % MOST_FACTORS, strength) for seed in seeds(next(starts), n_worlds)]
        yield over_worlds(f"{where}: never more real than planted", [c.real <= c.planted for c in counts], 1)
        yield from count_figures(where, counts, asked=False)


@dataclass(frozen=True)
class Count:
    """How many components a world has, how many of them the test finds, and how many sign flips find."""

    planted: int
    real: int
    flips: int


def count(seed: int, size: tuple[int, int, int], planted: int, strength: float = UNCLIPPED.strength) -> Count:
    """Train on a world with so many factors, and count."""
    world = make_world(seed, size, planted, replace(UNCLIPPED, strength=strength))
    config = embedcli.TrainConfig(n_draws=0, n_members=1, seed=seed)
    evidence = embedcli.fit(world.ratings.split("none"), config).training.evidence
    assert evidence is not None
    return Count(planted, evidence.n_real, evidence.n_sign_flips)


def count_figures(where: str, counts: Sequence[Count], *, asked: bool = True) -> Iterator[Figure]:
    """Yield how often the count is right, by the test on ratings left out and by sign flips."""
    right = [c.real == c.planted for c in counts]
    yield over_worlds(f"{where}, exactly so many real", right, 0.9 if asked else -math.inf)
    yield over_worlds(f"{where}, by sign flips", [c.flips == c.planted for c in counts])


def over_worlds(what: str, of: Sequence[bool], least: float = -math.inf) -> Figure:
    """Return the share of worlds of which something is true."""
    return Figure(what, float(np.mean(of)), len(of), len(of), least)


def named(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how often an axis along a genre is named after it, and how often one is named after a shuffled genre."""
    starts = itertools.count(first, APART)
    for size, strength, weight in NAMED:
        worlds = [measure_names(seed, SIZES[size], strength, weight) for seed in seeds(next(starts), n_worlds)]
        what = f"{size}, strength {strength:g}, genre behind {weight:.0%} of an axis"
        yield over_worlds(f"{what}: the tests name it", [world.passed for world in worlds], 0.95)
        yield over_worlds(f"{what}: real and true", [world.true for world in worlds])
        true = [world.carried for world in worlds if world.true]
        if true:
            yield over_worlds("    those that are carry the name", true, 0.95)
        yield over_worlds("    an axis of tastes carries the name", [world.tasted for world in worlds], 0.8)
        axes = [axis for world in worlds for axis in world.shuffled]
        yield Figure("    genres shuffled: axes named after one", float(np.mean(axes)), n_worlds, len(axes), most=0.05)


@dataclass(frozen=True)
class Named:
    """Of the component that matches the axis along a genre: the tests' word, whether pca names it at all, and so.

    `tasted` says whether an axis of tastes has the name. Of all components, `shuffled` says whether the tests name them
    after a genre once the genres are shuffled.
    """

    passed: bool
    true: bool
    carried: bool
    tasted: bool
    shuffled: list[bool]


def measure_names(seed: int, size: tuple[int, int, int], strength: float, weight: float) -> Named:
    """Train on a world with an axis along a genre, and name the components; again with the items' genres shuffled."""
    n_factors = 1 + seed % MOST_FACTORS
    world = make_world(seed, size, n_factors, replace(UNCLIPPED, strength=strength), genre_weight=weight)
    config = embedcli.TrainConfig(n_draws=0, n_members=1, seed=seed)
    run = embedcli.fit(world.ratings.split("none"), config)
    found = embedcli.pca(run, components=n_factors)
    scores, candidates = found.scores[found.item_rows], Candidates.of(run, found.item_rows)
    along = int(np.argmax(np.abs(np.corrcoef(world.axes[found.item_rows, 0], scores.T)[0, 1:])))
    assert found.tastes is not None
    component = found.components[along]
    rng = np.random.default_rng([seed, 2])
    shuffled = []
    for shuffle in range(SHUFFLES):
        others = replace(candidates, tags=candidates.tags[rng.permutation(len(scores))])
        effects = effects_of(others, scores, seed=shuffle)
        shuffled += [any(effect.passed for effect in axis if effect.kind == "tag") for axis in effects]
    return Named(
        passed=any(GENRE in pole for pole in names(component.effects)),
        true=component.unnamed is None,
        carried=GENRE in component.positive_name + component.negative_name,
        tasted=any(GENRE in card.positive_name + card.negative_name for card in found.tastes.cards),
        shuffled=shuffled,
    )


def stability(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how near the estimated agreement with the truth is, in bins of the estimate, and what a name means."""
    starts = itertools.count(first, APART)
    every = []
    for (recipe, size), basis in itertools.product(AGREEMENT, Basis):
        worlds = [measure_agreement(seed, SIZES[size], recipe, basis) for seed in seeds(next(starts), n_worlds)]
        what = f"{size}, {'unclipped' if recipe is UNCLIPPED else 'MovieLens'}, {basis}"
        yield from agreement_figures(what, worlds, asked=False)
        every += worlds
    yield from agreement_figures("all", every, asked=True)
    items = pooled(every)
    for low in np.arange(0.4, 1, BIN):
        inside = (items["estimate"] >= low) & (items["estimate"] < low + BIN)
        if inside.sum() >= FEWEST_IN_BIN:
            error = (items["estimate"] - items["phi"])[inside].mean()
            yield Figure(
                f"all: estimate {low:.2f} to {low + BIN:.2f}, less phi", error, len(every), inside.sum(), -0.04, 0.04
            )


def measure_agreement(seed: int, size: tuple[int, int, int], recipe: Recipe, basis: Basis) -> Measured:
    """Return estimate, error and phi of the real components of a world, and whether `pca` would name them."""
    n_factors, strength = 1 + seed % MOST_FACTORS, float(np.exp(np.random.default_rng([seed, 3]).uniform(*STRENGTHS)))
    world = make_world(seed, size, n_factors, replace(recipe, strength=strength))
    run = embedcli.fit(world.ratings.split("none"), embedcli.TrainConfig(n_draws=0, seed=seed))
    found = embedcli.pca(run, components=n_factors + 1, basis=basis)
    real = [bool(component.real) for component in found.components]
    scores = found.scores[found.item_rows][:, real]
    estimates, errors = (
        np.array([getattr(component, name) for component in found.components], dtype=float)[real]
        for name in ("truth_phi", "truth_phi_error")
    )
    return {
        "estimate": estimates,
        "error": errors,
        "phi": largest_phi(scores, world.axes[found.item_rows]),
        "phi of tastes": largest_phi(scores, principal_tastes(world)[found.item_rows]),
    }


def principal_tastes(world: World) -> Floats:
    """Return the principal axes (I, F) of the planted tastes, with each item weighted by its ratings."""
    scaled = world.axes * np.sqrt(world.variance)
    tastes: Floats = scaled @ weighted_axes(scaled, np.bincount(world.ratings.item, minlength=len(scaled)))
    return tastes


def largest_phi(scores: Floats, axes: Floats) -> Floats:
    """Return the largest |Tucker's phi| of each column of scores (n, K) with an axis (n, F)."""
    phi: Floats = np.abs(unit(scores - scores.mean(0)).T @ unit(axes - axes.mean(0))).max(1)
    return phi


def agreement_figures(where: str, worlds: Sequence[Measured], *, asked: bool) -> Iterator[Figure]:
    """Yield the mean error of the estimates, how often their errors hold it, and what components with a name are."""
    items = pooled(worlds)
    gap, named = items["estimate"] - items["phi"], items["estimate"] >= LEAST_TRUTH_PHI

    def figure(what: str, values: NDArray[Any], *ends: float) -> Figure:
        return Figure(f"{where}: {what}", float(values.mean()), len(worlds), len(values), *(ends if asked else ()))

    yield figure("estimate of phi with the planted axis, less it", gap, -0.04, 0.04)
    yield figure("the same, less phi with the tastes' principal axis", items["estimate"] - items["phi of tastes"])
    yield figure("estimate within 2 standard errors", np.abs(gap) < 2 * items["error"], 0.9)
    if named.any():
        yield figure(f"phi of {ENOUGH:g} or more, of those with a name", items["phi"][named] >= ENOUGH, 0.9)
    true = items["phi"] >= ENOUGH
    if true.any():
        yield figure(f"with a name, of those with a phi of {ENOUGH:g} or more", named[true])


def misspecified(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield, by kind of misspecified world, coverage, real components, labels and choice by taste."""
    starts = itertools.count(first, APART)
    for kind, knobs in broken.KINDS.items():
        worlds = [measure_misspecified(knobs, seed) for seed in seeds(next(starts), n_worlds)]
        yield from misspecified_figures(kind, knobs, worlds)


def measure_misspecified(knobs: Any, seed: int) -> Measured:
    """Train on a misspecified world; return what the run says of its items, components and users."""
    world = broken.misspecified_world(seed, knobs)
    run = embedcli.fit(world.ratings.split("none"), embedcli.TrainConfig(n_members=1, seed=seed))
    low, high = np.quantile(run.array("item_stars"), [0.025, 0.975], axis=0)
    found = embedcli.pca(run, components=N_JUDGED, basis=Basis.PREFERENCE)
    predicting = [j for j, component in enumerate(found.components) if component.predicts]
    posterior_info = run.training.posterior
    assert posterior_info is not None
    return {
        "in 95": (low <= world.stars) & (world.stars <= high),
        "real": np.array([bool(found.components[j].real) for j in predicting]),
        "labelled": np.array([found.components[j].goes_with is not None for j in predicting]),
        "is taste": explained_share(found.scores, world.axes, run.item_stats.n_ratings)[predicting] > MOSTLY,
        "by taste": np.array([posterior_info.by_taste or 0.0]),
    }


def explained_share(scores: Floats, axes: Floats, weight: NDArray[np.int64]) -> Floats:
    """Return the share of the variance of scores (I, K) that axes (I, F) explain, with weights (I,)."""
    root = np.sqrt(weight)[:, None]
    x, y = (root * (side - np.average(side, axis=0, weights=weight)) for side in (axes, scores))
    rest = y - x @ np.linalg.lstsq(x, y)[0] if x.shape[1] else y
    share: Floats = 1 - (rest**2).sum(0) / (y**2).sum(0)
    return share


def misspecified_figures(kind: str, knobs: Any, worlds: Sequence[Measured]) -> Iterator[Figure]:
    """Yield the figures of one kind of world."""
    every, n_worlds = pooled(worlds), len(worlds)
    real, labelled, is_taste = (every[name].astype(bool) for name in ("real", "labelled", "is taste"))
    inside = every["in 95"]
    yield Figure(f"{kind}: 95 % intervals cover", inside.mean(), n_worlds, len(inside))
    planted = f"of {len(knobs.factors)} planted tastes" if knobs.factors else "without tastes"
    yield Figure(f"    real components, {planted}", real.sum() / n_worlds, n_worlds, len(real))
    yield Figure("    real, and mostly none of the tastes", (real & ~is_taste).sum() / n_worlds, n_worlds, len(real))
    if is_taste.any():
        share = labelled[is_taste].mean()
        yield Figure("    tastes labelled as something else", share, n_worlds, int(is_taste.sum()), most=0.05)
    if not is_taste.all():
        least = 0.9 if kind in LABELLED else -math.inf
        share = labelled[~is_taste].mean()
        yield Figure("    others that predict, labelled", share, n_worlds, int((~is_taste).sum()), least)
    by_taste = every["by taste"]
    yield Figure(f"    choice by taste, planted {knobs.by_taste:g}", by_taste.mean(), n_worlds, n_worlds)


def neighbours(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how near the neighbours that `similar` lists are in truth, by the share of folds that find them."""
    starts = itertools.count(first, APART)
    for size, strength in NEAR:
        worlds = [measure_neighbours(seed, SIZES[size], strength) for seed in seeds(next(starts), n_worlds)]
        every = pooled(worlds)
        groups = {"all": every["folds"] >= 0, "all folds": every["folds"] == 1, "less than half": every["folds"] < 0.5}
        for group, own in groups.items():
            for nearest in ("tenth", "five"):
                what = f"{size}, strength {strength:g}, found by {group}: in the true nearest {nearest}"
                value = float(every[nearest][own].mean()) if own.any() else math.nan
                yield Figure(what, value, n_worlds, int(own.sum()))


def measure_neighbours(seed: int, size: tuple[int, int, int], strength: float) -> Measured:
    """Train on a world, and rank the neighbours found among the true ones, by the planted preferences."""
    world = make_world(seed, size, 2 + seed % 4, replace(MOVIELENS, strength=strength))
    run = embedcli.fit(world.ratings.split("none"), embedcli.TrainConfig(n_draws=0, seed=seed))
    rows = np.flatnonzero(run.item_stats.n_ratings >= FEWEST)
    position = {run.items.ids[row]: j for j, row in enumerate(rows)}
    true = world.axes[rows] * np.sqrt(world.variance)
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    places, folds = [], []
    for j, center in enumerate(embedcli.similar(run, map(Row, rows), min_ratings=FEWEST).asked):
        nearness = true @ true[j]
        nearness[j] = -np.inf
        places += [(nearness > nearness[position[neighbour.id]]).sum() for neighbour in center.neighbours]
        folds += [neighbour.folds for neighbour in center.neighbours]
    rank = np.array(places)
    return {"folds": np.array(folds), "tenth": rank < (len(rows) - 1) / 10, "five": rank < BEST}


def seeds(start: int, n_worlds: int) -> range:
    """Return the seeds of a figure's worlds."""
    return range(start, start + n_worlds)


def ranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the ranks, from 0 for the lowest, along the last axis."""
    return np.argsort(np.argsort(values, axis=-1, kind="stable"), axis=-1, kind="stable")


def pooled(worlds: Sequence[Measured]) -> Measured:
    """Lay the items of all worlds end to end."""
    return {key: np.concatenate([world[key] for world in worlds]) for key in worlds[0]}


MEASURED = {
    "stars": stars,
    "ratings": ratings,
    "chain": chain,
    "components": components,
    "names": named,
    "stability": stability,
    "neighbours": neighbours,
    "misspecified": misspecified,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=[*MEASURED, "all"], default="all")
    parser.add_argument("--worlds", type=int, default=40, help="per figure and size; 40")
    parser.add_argument("--first", type=int, default=FIRST, help=f"seed of the first world; {FIRST}")
    given = parser.parse_args()
    print(f"{'':76}{'asked':>15}{'found':>9}{'worlds':>7}{'items':>9}")
    for position, (name, measure) in enumerate(MEASURED.items()):
        if given.what in (name, "all"):
            for figure in measure(given.first + 20 * APART * position, given.worlds):
                print(figure, flush=True)


if __name__ == "__main__":
    main()

"""Misspecified worlds: ratings with a known truth that break what the models assume, one knob for each assumption.

It is a second generator beside tests/worlds.py, with its own code and its own random streams, so that no figure hangs
on the habits of one. A user feels, in stars of a scale from 1 to 5,

    felt_ui = middle + generosity_u + stretch_u (quality_i + sum over f of s_f p_uf q_if)
    value = nearest level of the scale (felt_ui + drift_i t + drift_u t + drift of preferences + noise_u)

t is the time of a rating, from -1 to 1; a user rates around a time of their own. p and q have columns of mean 0 and
variance 1, so that s_f is the standard deviation of what a factor adds, in stars. Each part is drawn from a stream of
its own: a knob that is turned changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from embedcli.data.ratings import DataSet, Items, Ratings, Users

Matrix = NDArray[np.float64]
Streams = dict[str, np.random.Generator]

PARTS = ("items", "users", "pairs", "times", "noise", "tags", "copies", "columns")  # a stream each; add at the end
MARK = 15_000_000  # keeps the streams apart from those of other generators with the same seeds
LIFE = 0.1  # standard deviation of the times of a user's ratings, of a history from -1 to 1
FIRST_SECOND, SECONDS = 1_000_000_000, 3 * 365 * 86_400  # of the history
TAG_SHARES = 0.06, 0.3  # of the items that carry a tag
CHANGED = 0.1  # share of the ratings of a copied account that are given anew
GROUP_WIDTH = {"items": 0.25, "users": 0.25}  # spread within a cluster, where that of the centres is 1


@dataclass(frozen=True)
class Knobs:
    """What a world is made of; the defaults are a world without a fault.

    `size` is users, items and ratings; `factors` the standard deviation of each, in stars. `scale` is the lowest
    and the highest rating and the step. `stretch` is the standard deviation of the log of the users' stretch,
    `unsteady` that of their noise. `drift_items`, `drift_users` and `drift_preferences` are in stars for half of the
    history. `by_taste` are log-odds of rating an item per star of taste. `taste_for_quality` and `taste_in_time` are
    the correlations of the first item axis with quality, and of the first user factor with the users' time: true tastes
    that look like a use of the scale and like a drift. `correlated` is the variance that all item
    axes share; `item_groups` and `user_groups` are numbers of clusters, 0 for none. `duplicates` is the share of
    accounts that copy others, `copies` of each.

    The first tags follow an item axis each, with `tag_align` standard deviations of the axis to one of chance. Of the
    others, every second follows quality by `tag_q`, the rest popularity by `tag_pop`. The users' columns "club" and
    "age" follow the first two user factors by `column_align`; "shade" follows nothing.
    """

    size: tuple[int, int, int] = (800, 800, 50_000)
    factors: tuple[float, ...] = (0.45, 0.35, 0.25)
    middle: float = 3.55
    quality: float = 0.45
    generosity: float = 0.42
    noise: float = 0.85
    scale: tuple[float, float, float] = (1.0, 5.0, 1.0)
    popularity_sd: float = 1.3
    activity_sd: float = 1.0
    quality_popularity: float = 0.5
    stretch: float = 0.0
    unsteady: float = 0.0
    drift_items: float = 0.0
    drift_users: float = 0.0
    drift_preferences: float = 0.0
    by_taste: float = 0.0
    taste_for_quality: float = 0.0
    taste_in_time: float = 0.0
    correlated: float = 0.0
    item_groups: int = 0
    user_groups: int = 0
    duplicates: float = 0.0
    copies: int = 1
    n_tags: int = 12
    tag_align: float = 1.5
    tag_q: float = 0.0
    tag_pop: float = 0.0
    column_align: float = 0.0


PLAIN = Knobs()
EMPTY = Knobs(factors=())
KINDS: dict[str, Knobs] = {
    "plain": PLAIN,
    "drift of items": replace(PLAIN, drift_items=0.5),
    "drift of users": replace(PLAIN, drift_users=0.5),
    "drift of preferences": replace(PLAIN, drift_preferences=0.5),
    "use of the scale": replace(PLAIN, stretch=0.5),
    "unsteady users": replace(PLAIN, unsteady=0.4),
    "60 % fives": replace(PLAIN, middle=4.6),
    "0 and 1": replace(PLAIN, scale=(0.0, 1.0, 1.0)),
    "half stars": replace(PLAIN, scale=(0.5, 5.0, 0.5)),
    "12 factors": replace(PLAIN, factors=(0.45, 0.42, 0.39, 0.36, 0.33, 0.3, 0.27, 0.25, 0.22, 0.2, 0.17, 0.15)),
    "unequal factors": replace(PLAIN, factors=(0.7, 0.4, 0.25, 0.15)),
    "correlated tastes": replace(PLAIN, correlated=0.5),
    "clustered tastes": replace(PLAIN, item_groups=5, user_groups=4),
    "by taste, .5": replace(PLAIN, by_taste=0.5),
    "by taste, 1": replace(PLAIN, by_taste=1.0),
    "a taste for quality, r .6": replace(PLAIN, taste_for_quality=0.6),
    "a taste in time, r .6": replace(PLAIN, taste_in_time=0.6),
    "duplicates": replace(PLAIN, duplicates=0.1),
    "no tastes, drift of items": replace(EMPTY, drift_items=0.5),
    "no tastes, use of the scale": replace(EMPTY, stretch=0.5),
    "no tastes, duplicates": replace(EMPTY, duplicates=0.1),
    "no tastes": EMPTY,
}


@dataclass(frozen=True)
class World:
    """Ratings and the truth they were drawn from.

    `stars` (I,) is the mean over all accounts of an item's expected rating, each at the account's own time, in units
    of the scale. `axes` (I, F) and `tastes` (U, F) are the factors; `tags` (I, T) says who carries which;
    `copied` (U,) is the account that an account copies, -1 for none; `born` (U,) the account's time.
    """

    ratings: Ratings
    knobs: Knobs
    stars: Matrix
    quality: Matrix  # (I,) in stars
    popularity: Matrix  # (I,) log, standard normal
    stretch: Matrix  # (U,)
    axes: Matrix
    tastes: Matrix
    tags: NDArray[np.bool_]
    copied: NDArray[np.int64]
    born: Matrix


def misspecified_world(seed: int, knobs: Knobs = PLAIN) -> World:
    """Draw a world; the same seed and knobs draw the same."""
    streams = streams_of(seed)
    n_users, n_items, _ = knobs.size
    popularity, quality, axes = draw_items(knobs, streams["items"])
    tastes, generosity, stretch, noise, activity = draw_users(knobs, streams["users"])
    born = streams["times"].uniform(-1, 1, n_users)
    if knobs.factors:
        axes[:, 0] = mixed(axes[:, 0], quality, knobs.taste_for_quality)
        tastes[:, 0] = mixed(tastes[:, 0], born, knobs.taste_in_time)
    taste = (tastes * np.array(knobs.factors)) @ axes.T
    felt = knobs.middle + generosity[:, None] + stretch[:, None] * (knobs.quality * quality + taste)
    odds = activity[:, None] + knobs.popularity_sd * popularity + knobs.by_taste * taste
    user, item = draw_pairs(odds, knobs.size[2], streams["pairs"])
    time = (born[user] + LIFE * streams["times"].normal(size=len(user))).clip(-1, 1)
    drift_item, drift_user, changed = draw_drifts(knobs, streams["times"])
    at_first = tastes[:, 0] if knobs.factors else np.zeros(n_users)
    moved = (drift_item[item] + drift_user[user] + changed[item] * at_first[user]) * time
    value = to_scale(felt[user, item] + moved + noise[user] * streams["noise"].normal(size=len(user)), knobs)
    copied = np.full(n_users, -1)
    drifted = felt + (drift_item + drift_user[:, None] + changed * at_first[:, None]) * born[:, None]
    rows = user, item, value, time
    if knobs.duplicates:
        copied, rows = with_copies(rows, drifted, noise, knobs, streams["copies"])
        original = np.where(copied < 0, np.arange(n_users), copied)
        drifted, noise, tastes, stretch, born = (x[original] for x in (drifted, noise, tastes, stretch, born))
    tags = draw_tags(knobs, quality, popularity, axes, streams["tags"])
    columns = draw_columns(knobs, tastes, streams["columns"])
    years = 1995 + np.rint(8 * streams["tags"].normal(size=n_items)).astype(int)
    return World(
        ratings=as_ratings(rows, knobs, tags, years, columns),
        knobs=knobs,
        stars=expected_value(drifted, noise, knobs).mean(0),
        quality=knobs.quality * quality,
        popularity=popularity,
        stretch=stretch,
        axes=axes,
        tastes=tastes,
        tags=tags,
        copied=copied,
        born=born,
    )


def streams_of(seed: int) -> Streams:
    """Return the random streams of a seed, one for each part of a world."""
    seeds = np.random.SeedSequence([MARK, seed]).spawn(len(PARTS))
    return dict(zip(PARTS, map(np.random.default_rng, seeds), strict=True))


def standardised(columns: Matrix) -> Matrix:
    """Return columns with mean 0 and variance 1."""
    scaled: Matrix = (columns - columns.mean(0)) / columns.std(0)
    return scaled


def mixed(column: Matrix, other: Matrix, r: float) -> Matrix:
    """Return a column (n,) with mean 0 and variance 1 whose correlation with another is about r."""
    return standardised(np.sqrt(1 - r**2) * column + r * standardised(other)) if r else column


def clustered(n: int, n_columns: int, n_groups: int, width: float, rng: np.random.Generator) -> Matrix:
    """Return standard normal rows (n, F), or rows around one of several centres each."""
    if not n_groups:
        return rng.normal(size=(n, n_columns))
    centres = rng.normal(size=(n_groups, n_columns))
    return np.asarray(centres[rng.integers(0, n_groups, n)] + width * rng.normal(size=(n, n_columns)))


def draw_items(knobs: Knobs, rng: np.random.Generator) -> tuple[Matrix, Matrix, Matrix]:
    """Draw the items' log popularity (I,), quality (I,), both standardised, and positions on the factors (I, F)."""
    n_items, n_factors, r = knobs.size[1], len(knobs.factors), knobs.quality_popularity
    popularity, own = standardised(rng.normal(size=(n_items, 2))).T
    quality = standardised(r * popularity + np.sqrt(1 - r**2) * own)
    axes = clustered(n_items, n_factors, knobs.item_groups, GROUP_WIDTH["items"], rng)
    shared = rng.normal(size=(n_items, 1))
    axes = np.sqrt(1 - knobs.correlated) * axes + np.sqrt(knobs.correlated) * shared
    return popularity, quality, standardised(axes) if n_factors else axes


def draw_users(knobs: Knobs, rng: np.random.Generator) -> tuple[Matrix, Matrix, Matrix, Matrix, Matrix]:
    """Draw the users' tastes (U, F), then generosity, stretch, noise and log activity (U,) each."""
    n_users, n_factors = knobs.size[0], len(knobs.factors)
    generosity, log_stretch, log_noise, activity = standardised(rng.normal(size=(n_users, 4))).T
    tastes = clustered(n_users, n_factors, knobs.user_groups, GROUP_WIDTH["users"], rng)
    return (
        standardised(tastes) if n_factors else tastes,
        knobs.generosity * generosity,
        np.exp(knobs.stretch * log_stretch),
        knobs.noise * np.exp(knobs.unsteady * log_noise),
        knobs.activity_sd * activity,
    )


def draw_pairs(odds: Matrix, n: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw who rates what: n pairs without replacement, by their log-odds (U, I), in any order."""
    keys = odds - np.log(rng.exponential(size=odds.shape))  # the n largest are such a draw
    cells = rng.permutation(np.argpartition(keys.ravel(), -n)[-n:])
    return cells // odds.shape[1], cells % odds.shape[1]


def draw_drifts(knobs: Knobs, rng: np.random.Generator) -> tuple[Matrix, Matrix, Matrix]:
    """Draw what the stars of items (I,), of users (U,) and of items for the first taste (I,) change by in time."""
    n_users, n_items, _ = knobs.size
    item, user, taste = (rng.normal(size=n) for n in (n_items, n_users, n_items))
    return knobs.drift_items * item, knobs.drift_users * user, knobs.drift_preferences * taste


def levels_of(knobs: Knobs) -> tuple[Matrix, Matrix]:
    """Return the levels of the scale, and the cuts between them in stars from 1 to 5."""
    low, high, step = knobs.scale
    levels = np.arange(low, high + step / 2, step)
    return levels, 1 + 4 * ((levels[:-1] + levels[1:]) / 2 - low) / (high - low)


def to_scale(stars: Matrix, knobs: Knobs) -> Matrix:
    """Return the level of the scale that is nearest to stars from 1 to 5."""
    levels, cuts = levels_of(knobs)
    return np.asarray(levels[np.searchsorted(cuts, stars)])


def expected_value(felt: Matrix, noise: Matrix, knobs: Knobs) -> Matrix:
    """Return the expected rating (U, I) of what is felt, with the noise (U,): exact."""
    levels, cuts = levels_of(knobs)
    value: Matrix = levels[0] + np.diff(levels)[0] * sum(ndtr((felt - cut) / noise[:, None]) for cut in cuts)
    return value


Rows = tuple[NDArray[Any], NDArray[Any], Matrix, Matrix]  # users, items, ratings, times


def with_copies(
    rows: Rows, felt: Matrix, noise: Matrix, knobs: Knobs, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Rows]:
    """Replace the last accounts by copies of the first: the same items, nine in ten ratings the same.

    Return which account each copies (U,), and all rows.
    """
    n_users, (user, item, value, time) = knobs.size[0], rows
    n_copied = round(knobs.duplicates * n_users / knobs.copies)
    copied = np.full(n_users, -1)
    copied[n_users - n_copied * knobs.copies :] = np.tile(np.arange(n_copied), knobs.copies)
    kept = copied[user] < 0
    parts = [tuple(column[kept] for column in (user, item, value, time))]
    for copy in np.flatnonzero(copied >= 0):
        here = np.flatnonzero(user == copied[copy])
        anew = to_scale(felt[copied[copy], item[here]] + noise[copied[copy]] * rng.normal(size=len(here)), knobs)
        changed = np.where(rng.random(len(here)) < CHANGED, anew, value[here])
        parts.append((np.full(len(here), copy), item[here], changed, time[here]))
    user, item, value, time = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = rng.permutation(len(user))
    return copied, (user[order], item[order], value[order], time[order])


def draw_tags(
    knobs: Knobs, quality: Matrix, popularity: Matrix, axes: Matrix, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw who carries which tag (I, T), each of 6 to 30 % of the items; the first follow an axis each."""
    n_items, n_factors = axes.shape
    tags = np.zeros((n_items, knobs.n_tags), dtype=np.bool_)
    for j in range(knobs.n_tags):
        n, liking = round(rng.uniform(*TAG_SHARES) * n_items), rng.normal(size=n_items)
        if j < n_factors:
            liking += knobs.tag_align * axes[:, j]
        else:
            liking += knobs.tag_q * quality if j % 2 else knobs.tag_pop * popularity
        tags[np.argsort(-liking)[:n], j] = True
    return tags


def draw_columns(knobs: Knobs, tastes: Matrix, rng: np.random.Generator) -> dict[str, tuple[str, ...]]:
    """Draw the users' columns: a club and an age that follow the first two factors, and a shade that follows none."""
    n_users, n_factors = tastes.shape
    scores = rng.normal(size=(n_users, 3))
    for j in range(min(2, n_factors)):
        scores[:, j] += knobs.column_align * tastes[:, j]
    club, age, shade = standardised(scores).T
    return {
        "club": tuple("abc"[k] for k in np.searchsorted([-0.4, 0.6], club)),
        "age": tuple(str(years) for years in (40 + np.rint(12 * age)).astype(int).clip(10, 90)),
        "shade": tuple("xyz"[k] for k in np.searchsorted([-0.5, 0.5], shade)),
    }


def as_ratings(
    rows: Rows, knobs: Knobs, tags: NDArray[np.bool_], years: NDArray[np.int_], columns: dict[str, tuple[str, ...]]
) -> Ratings:
    """Return the rows as ratings of numbered films, with timestamps in seconds."""
    (n_users, n_items, _), (user, item, value, time) = knobs.size, rows
    numbers = tuple(str(j + 1) for j in range(max(n_users, n_items)))
    return Ratings(
        data=DataSet("misspecified", "Misspecified ratings", "made", "0" * 64, knobs.scale[:2], "film"),
        users=Users(numbers[:n_users], columns),
        items=Items(
            numbers[:n_items],
            tuple(f"Film {number}" for number in numbers[:n_items]),
            tuple(years.tolist()),
            tuple(tuple(f"tag {t:02}" for t in np.flatnonzero(row)) for row in tags),
        ),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        value=value.astype(np.float32),
        timestamp=FIRST_SECOND + np.rint((time + 1) / 2 * SECONDS).astype(np.int64),
    )

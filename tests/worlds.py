"""Planted worlds: ratings of which the truth is known exactly, to measure what the analyses claim.

A user feels, in stars,

    felt_ui = middle + generosity_u + quality_i + sum over f of s_f p_uf q_if

and rates cut(round(felt + noise)), 1 to 5. The factors p and q have centred, orthonormal columns, so that the
variance of a factor's contribution over all pairs of users and items is exactly the planted one. The smallest is
`strength` x noise variance x sqrt(U I) / N, so many times what noise alone gives a singular value of N ratings;
each is 1.15 to 1.3 times the next. Who rates what depends on the activity of the user and the popularity of the
item, which is correlated .5 with its quality; both are skewed as in MovieLens 100K. Only with `by_taste` users
prefer to rate what they like: a world outside the assumptions of every model that takes the ratings as they come.

The measurements are in examples/benchmarks/trust.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from embedcli.data.ratings import DataSet, Items, Ratings, Users

Matrix = NDArray[np.float64]
Size = tuple[int, int, int]  # users, items, ratings

SIZES: dict[str, Size] = {
    "small": (500, 300, 20_000),
    "middle": (1_000, 500, 50_000),
    "large": (2_000, 1_000, 150_000),
}
CUTS = (1.5, 2.5, 3.5, 4.5)  # between the stars
ROUNDING_VARIANCE = 1 / 12  # what rounding to whole stars adds to the noise
ACTIVITY_SD, POPULARITY_SD = 0.88, 1.6  # of the logarithms; those of MovieLens 100K's counts are .88 and 1.63
QUALITY_POPULARITY = 0.5  # correlation of quality with log popularity
STEPS = 1.15, 1.3  # a planted variance over the next smaller
N_GENRES = 18
GENRE = "genre 00"  # the one that an axis is planted along
GENRE_SHARES = 0.4, 0.03  # of the items that carry a genre, the commonest and the rarest
PLANTED_GENRE_SHARES = 0.4, 0.1  # the same of GENRE


@dataclass(frozen=True)
class Recipe:
    """Scale of a world, in stars: `noise` of a rating, spread of the items' `quality` and the users' `generosity`."""

    middle: float = 3.5
    noise: float = 0.9
    quality: float = 0.55
    generosity: float = 0.42
    strength: float = 8.0


MOVIELENS = Recipe()  # the noise and the spread of MovieLens 100K: a fifth to a third of the ratings are 5 stars
UNCLIPPED = Recipe(middle=3.0, noise=0.45, quality=0.3, generosity=0.25)  # ratings are rarely cut at 1 or 5


@dataclass(frozen=True)
class World:
    """Ratings and the truth they were drawn from.

    `stars` is the mean over all users of an item's expected rating. Where an axis was
    planted along a genre it is the first, and the genre is GENRE, at the + end.
    """

    ratings: Ratings
    stars: Matrix  # (I,)
    felt: Matrix  # (U, I) stars before noise, rounding and cutting
    popularity: Matrix  # (I,) log, standard normal
    quality: Matrix  # (I,)
    axes: Matrix  # (I, F) positions on the planted factors, orthonormal columns
    variance: Matrix  # (F,) planted variances, the largest first
    noise_variance: float


def make_world(
    seed: int,
    size: Size = SIZES["small"],
    n_factors: int = 3,
    recipe: Recipe = MOVIELENS,
    *,
    genre_weight: float | None = None,
    by_taste: float = 0.0,
) -> World:
    """Draw a world; the same seed draws the same.

    With a `genre_weight` the items have 18 genres that overlap by chance, of 40 to 3 % of the items, and the first,
    of 40 to 10 %, explains that share of the variance of the first factor's item axis. Pairs are drawn without
    replacement with odds activity x popularity; `by_taste` adds that many log-odds per star of the user's own liking.
    """
    rng = np.random.default_rng(seed)
    n_users, n_items, n_ratings = size
    popularity = rng.normal(size=n_items)
    quality = QUALITY_POPULARITY * popularity + np.sqrt(1 - QUALITY_POPULARITY**2) * rng.normal(size=n_items)
    quality = recipe.quality * (quality - quality.mean()) / quality.std()
    generosity = recipe.generosity * rng.normal(size=n_users)
    raw = rng.normal(size=(n_items, n_factors))
    genres = np.zeros((n_items, 0), dtype=np.bool_)
    if genre_weight is not None:
        genres = draw_genres(n_items, rng)
        first = genres[:, 0] - genres[:, 0].mean()
        raw[:, 0] = np.sqrt(genre_weight) * first / first.std() + np.sqrt(1 - genre_weight) * raw[:, 0]
    axes, tastes = orthonormal(raw), orthonormal(rng.normal(size=(n_users, n_factors)))
    noise_variance = recipe.noise**2 + ROUNDING_VARIANCE
    least = recipe.strength * noise_variance * np.sqrt(n_users * n_items) / n_ratings
    variance = planted_variances(n_factors, least, rng)
    liking = (tastes * np.sqrt(variance * n_users * n_items)) @ axes.T + generosity[:, None]
    felt = recipe.middle + quality + liking
    odds = ACTIVITY_SD * rng.normal(size=n_users)[:, None] + POPULARITY_SD * popularity + by_taste * liking
    ratings = rate(odds, felt, recipe.noise, n_ratings, genres, rng)
    stars = expected_stars(felt, recipe.noise).mean(0)
    return World(ratings, stars, felt, popularity, quality, axes, variance, noise_variance)


def rate(
    odds: Matrix, felt: Matrix, noise: float, n_ratings: int, genres: NDArray[np.bool_], rng: np.random.Generator
) -> Ratings:
    """Draw n pairs of user and item without replacement by their odds (U, I), and rate them as they are felt (U, I)."""
    # the largest of odds + Gumbel noise are a draw without replacement
    pairs = np.argpartition(-(odds + rng.gumbel(size=odds.shape)).ravel(), n_ratings)[:n_ratings]
    user, item = np.divmod(rng.permutation(pairs), odds.shape[1])
    value = np.clip(np.rint(felt[user, item] + noise * rng.normal(size=n_ratings)), 1, 5)
    return as_ratings(user, item, value, len(odds), genres)


@dataclass(frozen=True)
class Periods:
    """Ratings of the same items in two periods, and how far each item moved in between, in stars (I,); most are 0.

    The distance is the standard deviation, over the users, of the change of what their tastes add to the ratings.
    """

    first: Ratings
    second: Ratings
    distance: Matrix


def make_periods(
    seed: int, size: Size = SIZES["small"], *, share: float = 0.1, same_users: bool = False, n_factors: int = 3
) -> Periods:
    """Draw a world in two periods between which a share of the items moves; the same seed draws the same.

    An item that moves takes a new position on every factor, as if it were drawn anew. The other items stay where they
    are; quality stays for all. Who rates what is drawn again, with another popularity (correlated .8), by other people
    unless they are the `same_users`.
    """
    rng, recipe = np.random.default_rng(seed), MOVIELENS
    n_users, n_items, n_ratings = size
    popularity, quality = rng.normal(size=(2, n_items))
    quality = QUALITY_POPULARITY * popularity + np.sqrt(1 - QUALITY_POPULARITY**2) * quality
    least = recipe.strength * (recipe.noise**2 + ROUNDING_VARIANCE) * np.sqrt(n_users * n_items) / n_ratings
    sizes = np.sqrt(planted_variances(n_factors, least, rng))
    axes, others = (orthonormal(rng.normal(size=(n_items, n_factors))) for _ in range(2))
    is_moved = rng.permutation(n_items) < share * n_items
    periods = []
    for period in range(2):
        if not (period and same_users):
            tastes = orthonormal(rng.normal(size=(n_users, n_factors))) * sizes * np.sqrt(n_users * n_items)
            generosity, activity = recipe.generosity * rng.normal(size=n_users), rng.normal(size=n_users)
        at = np.where(is_moved[:, None], others, axes) if period else axes
        felt = recipe.middle + recipe.quality * quality + tastes @ at.T + generosity[:, None]
        odds = ACTIVITY_SD * activity[:, None] + POPULARITY_SD * popularity
        periods.append(rate(odds, felt, recipe.noise, n_ratings, np.zeros((n_items, 0), np.bool_), rng))
        popularity = 0.8 * popularity + 0.6 * rng.normal(size=n_items)
    distance = np.linalg.norm((others - axes) * sizes, axis=1) * np.sqrt(n_items)
    return Periods(periods[0], periods[1], np.where(is_moved, distance, 0))


def draw_genres(n_items: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw who carries which genre (I, G), each with a share of its own, the first the one to plant."""
    low, high = np.log(PLANTED_GENRE_SHARES[::-1])
    shares = np.r_[np.exp(rng.uniform(low, high)), rng.permutation(np.geomspace(*GENRE_SHARES, N_GENRES - 1))]
    carried: NDArray[np.bool_] = rng.random((n_items, N_GENRES)) < shares
    return carried


def orthonormal(raw: Matrix) -> Matrix:
    """Return centred, orthonormal columns; the first keeps its direction."""
    if not raw.shape[1]:
        return raw
    q, r = np.linalg.qr(raw - raw.mean(0))
    return np.asarray(q * np.sign(np.diag(r)), dtype=np.float64)


def planted_variances(n_factors: int, least: float, rng: np.random.Generator) -> Matrix:
    """Return the variances of the factors, the largest first and the last `least`."""
    steps = rng.uniform(*STEPS, size=max(n_factors - 1, 0))
    return np.asarray(least * np.cumprod(np.r_[1.0, steps])[::-1][:n_factors], dtype=np.float64)


def expected_stars(felt: Matrix, noise: float) -> Matrix:
    """Return E[cut(round(felt + noise))], exactly: 1 + the sum over the cuts of the chance to be above."""
    stars: Matrix = 1 + sum(ndtr((felt - cut) / noise) for cut in CUTS)
    return stars


def as_ratings(
    user: NDArray[Any], item: NDArray[Any], value: NDArray[Any], n_users: int, genres: NDArray[np.bool_]
) -> Ratings:
    """Return ratings by numbered users of numbered films that carry the genres (I, G)."""
    n_items = len(genres)
    numbers = tuple(str(j + 1) for j in range(max(n_users, n_items)))
    titles = tuple(f"Film {number}" for number in numbers[:n_items])
    tags = tuple(tuple(f"genre {g:02}" for g in np.flatnonzero(row)) for row in genres)
    return Ratings(
        data=DataSet("planted", "Planted ratings", "planted", "0" * 64, (1.0, 5.0), "film"),
        users=Users(numbers[:n_users]),
        items=Items(numbers[:n_items], titles, (None,) * n_items, tags),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        value=value.astype(np.float32),
    )

"""Figures of a data set: its size, density, ratings and times, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import DataSet, Ratings
from embedcli.data.times import moment

MOST_LEVELS = 21  # different ratings that are counted one by one; more are counted in bins
QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}


@dataclass(frozen=True)
class Bar:
    """The number of ratings from `low` to `high`; both are the same if the ratings have steps."""

    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Description:
    """A data set in figures."""

    data: DataSet
    n_users: int
    n_items: int
    n_ratings: int
    density: float  # share of all pairs of user and item that is rated
    mean: float
    histogram: tuple[Bar, ...]
    per_user: Mapping[str, float]  # quantiles of the numbers of ratings
    per_item: Mapping[str, float]
    items_by_n: tuple[Bar, ...]
    users_by_n: tuple[Bar, ...]
    first: datetime | None  # in UTC; None if unknown
    last: datetime | None
    n_bad_rows: int
    n_repeated: int  # duplicate pairs of user and item
    n_items_unrated: int
    n_items_untitled: int
    n_items_untagged: int
    n_tags: int


def describe_ratings(ratings: Ratings, *, n_bad_rows: int = 0, n_repeated: int = 0) -> Description:
    """Return the figures of ratings."""
    of_user = np.bincount(ratings.user, minlength=len(ratings.users))
    of_item = np.bincount(ratings.item, minlength=len(ratings.items))
    items, times = ratings.items, ratings.timestamp
    cells = max(len(ratings.users) * len(ratings.items), 1)
    return Description(
        data=ratings.data,
        n_users=len(ratings.users),
        n_items=len(items),
        n_ratings=len(ratings),
        density=len(ratings) / cells,
        mean=float(ratings.value.mean(dtype=np.float64)),
        histogram=_histogram(ratings.value),
        per_user=_quantiles(of_user),
        per_item=_quantiles(of_item),
        users_by_n=_by_size(of_user),
        items_by_n=_by_size(of_item),
        first=None if times is None else moment(times.min()),
        last=None if times is None else moment(times.max()),
        n_bad_rows=n_bad_rows,
        n_repeated=n_repeated,
        n_items_unrated=int((of_item == 0).sum()),
        n_items_untitled=sum(title == identifier for title, identifier in zip(items.titles, items.ids, strict=True)),
        n_items_untagged=sum(not tags for tags in items.tags),
        n_tags=len(frozenset().union(*items.tags)),
    )


def _histogram(value: NDArray[np.float32]) -> tuple[Bar, ...]:
    levels, counts = np.unique(value, return_counts=True)
    low = high = levels
    if len(levels) > MOST_LEVELS:
        counts, edges = np.histogram(value, MOST_LEVELS - 1)
        low, high = edges[:-1], edges[1:]
    return tuple(map(Bar, low.tolist(), high.tolist(), counts.tolist()))


def _by_size(counts: NDArray[np.int64]) -> tuple[Bar, ...]:
    """Count users or items by their numbers of ratings: 0, 1, 2 to 4, 5 to 9, 10 to 19, 20 to 49 and so on."""
    most = counts.max(initial=0)
    edges = [0, *(step * 10**power for power in range(12) for step in (1, 2, 5))]
    edges = edges[: next(index for index, edge in enumerate(edges) if edge > most) + 1]
    n, _ = np.histogram(counts, edges)
    bars = [Bar(low, high - 1, int(k)) for low, high, k in zip(edges[:-1], edges[1:], n, strict=True)]
    return tuple(dropwhile(lambda bar: not bar.n, bars))


def _quantiles(counts: NDArray[np.int64]) -> dict[str, float]:
    return {name: float(np.quantile(counts, share)) for name, share in QUANTILES.items()}

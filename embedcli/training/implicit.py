"""Implicit feedback: a row says that a user took an item, and what was not taken is sampled.

The positives get the value 1, and for each of them items that its user has not taken, drawn uniformly, get 0: the
model then says how likely an item is to be the one taken among so many drawn (He and others 2017, NCF; negative
sampling as in Mikolov and others 2013).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.errors import DataError

ROUNDS = 20  # of drawing again what its user has taken after all; who has taken nearly everything gets fewer
PROTOCOL = (
    "on the test rows, as 1, and for each an item its user has not taken, as 0: AUC is the chance that of such two the "
    "one taken is predicted higher; RMSE and MAE are those of the predicted chance"
)


def with_negatives(positives: Ratings, taken: NDArray[np.int64], n_negatives: int, rng: np.random.Generator) -> Ratings:
    """Return positives with value 1, and n_negatives sampled rows with value 0 for each.

    `taken` are the sorted pairs (user x number of items + item) that are not to be sampled: `pairs` of all data.
    """
    n_items = len(positives.items)
    user = np.repeat(positives.user, n_negatives)
    item = rng.integers(0, n_items, len(user), dtype=np.int32)
    wrong = np.arange(len(user))
    for _ in range(ROUNDS):
        pair = user[wrong].astype(np.int64) * n_items + item[wrong]
        found = np.searchsorted(taken, pair)
        wrong = wrong[taken[np.minimum(found, len(taken) - 1)] == pair]
        if not len(wrong):
            break
        item[wrong] = rng.integers(0, n_items, len(wrong), dtype=np.int32)
    kept = np.ones(len(user), dtype=bool)
    kept[wrong] = False
    value = np.r_[np.ones(len(positives), np.float32), np.zeros(int(kept.sum()), np.float32)]
    return replace(
        positives,
        user=np.concatenate([positives.user, user[kept]]),
        item=np.concatenate([positives.item, item[kept]]),
        value=value,
        timestamp=None,
    )


def check_sampled(positives: Ratings, with_sampled: Ratings, taken: NDArray[np.int64]) -> None:
    """Raise DataError if no row was sampled: trained on rows taken alone, a model says that all is taken."""
    if len(with_sampled) > len(positives):
        return
    n_users, n_items = len(np.unique(taken // len(positives.items))), len(positives.items)
    share = "every" if len(np.unique(taken)) == n_users * n_items else "nearly every"
    raise DataError(
        f"every user has {share} item: there is nothing to sample as not taken",
        "give a table with items that some users left out, or one with ratings and without --implicit",
    )


def pairs(*parts: Ratings) -> NDArray[np.int64]:
    """Return the sorted pairs of user and item, as one number each, of all rows."""
    return np.sort(np.concatenate([part.user.astype(np.int64) * len(part.items) + part.item for part in parts]))

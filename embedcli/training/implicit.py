"""Implicit feedback: a row says that a user took an item, and negatives are sampled.

The positives get the value 1. For each of them, items that its user has not taken are drawn uniformly and get 0. The
model then predicts the chance that an item is the taken one among those drawn (He and others 2017, NCF; negative
sampling as in Mikolov and others 2013).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split
from embedcli.errors import DataError

ROUNDS = 20  # of drawing again the negatives that their user has taken; a user of nearly all items gets fewer
PROTOCOL = (
    "AUC, RMSE and MAE over the test rows (1) and a sampled negative for each (0), an item its user has not taken. "
    "AUC is the probability that the item taken is predicted higher; RMSE and MAE are of the predicted probability"
)


def sampled(split: Split, n_negatives: int, rng: np.random.Generator) -> Split:
    """Return implicit data with sampled rows of value 0: n_negatives for each training row, one for each test row.

    Raises DataError if nothing can be sampled.
    """
    taken, n_items = pairs(split.train, split.test), len(split.train.items)
    train = with_negatives(split.train, taken, n_negatives, rng)
    if len(train) == len(split.train):  # a model of positives alone predicts that everything is taken
        share = "every" if len(np.unique(taken)) == len(np.unique(taken // n_items)) * n_items else "nearly every"
        raise DataError(
            f"every user has {share} item: there is nothing to sample as not taken",
            "give a table with items that some users left out, or one with ratings and without `implicit`",
        )
    return replace(split, train=train, test=with_negatives(split.test, taken, 1, rng))


def with_negatives(positives: Ratings, taken: NDArray[np.int64], n_negatives: int, rng: np.random.Generator) -> Ratings:
    """Return positives with value 1, and n_negatives sampled rows with value 0 for each.

    `taken` are the sorted pairs (user x number of items + item) that must not be sampled: `pairs` of all data.
    """
    n_items = len(positives.items)
    user = np.repeat(positives.user, n_negatives)
    item = rng.integers(0, n_items, len(user), dtype=np.int32)
    wrong = np.arange(len(user))
    for _ in range(ROUNDS):
        pair = user[wrong].astype(np.int64) * n_items + item[wrong]
        nearest = np.minimum(np.searchsorted(taken, pair), len(taken) - 1)
        wrong = wrong[taken[nearest] == pair]
        if not len(wrong):
            break
        item[wrong] = rng.integers(0, n_items, len(wrong), dtype=np.int32)
    user = np.concatenate([positives.user, np.delete(user, wrong)])
    item = np.concatenate([positives.item, np.delete(item, wrong)])
    value = (np.arange(len(user)) < len(positives)).astype(np.float32)
    return replace(positives, user=user, item=item, value=value, timestamp=None)


def pairs(*parts: Ratings) -> NDArray[np.int64]:
    """Return the sorted pairs of user and item, as one number each, of all rows."""
    return np.sort(np.concatenate([part.user.astype(np.int64) * len(part.items) + part.item for part in parts]))

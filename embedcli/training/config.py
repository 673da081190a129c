"""The settings of a training that depend on its ratings: filled in, and checked before the training begins."""

import os
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.data.scale import y_range_for
from embedcli.errors import UsageError
from embedcli.evidence.chain import N_FACTORS
from embedcli.evidence.components import N_TESTED
from embedcli.evidence.posterior import USUAL
from embedcli.run.config import TrainConfig

COPIES = 2  # of the weights in memory: those trained, and their start or their canonical form
BYTES_OF_RATING = 60  # in memory: as read, as training rows, ordered by user, and in the evidence
MOST_FOLDS, FEWEST_IN_FOLD = 10, 100  # folds that any data may be cut in; rows of each, with more folds
NO_MORE_FOLDS = 255  # they are kept in a byte


def resolve(config: TrainConfig, train: Ratings) -> TrainConfig:
    """Fill in the settings that depend on the training rows, and check them; raises UsageError."""
    low, high = train.data.scale
    implicit, y_range = train.data.implicit, config.y_range
    if implicit and y_range not in (None, (0.0, 1.0)):
        raise UsageError("`y_range` has no meaning for implicit data: a chance is from 0 to 1", "leave it out")
    if y_range is not None and not (y_range[0] <= low and high <= y_range[1]):
        raise UsageError(
            f"`y_range` {y_range[0]:g} {y_range[1]:g} leaves out ratings, which go from {low:g} to {high:g}",
            f"give at least `y_range` {low:g} {high:g}",
        )
    if config.timestamps and train.timestamp is None:
        raise UsageError("these ratings have no times for `timestamps`", "name the column with `time_col`")
    if config.timestamps and implicit:
        raise UsageError("`timestamps` is for the posterior, and implicit data has none", "leave it out")
    if config.timestamps and not config.n_draws:
        raise UsageError("`timestamps` is for the posterior, and `n_draws` 0 leaves it out", "leave out one of them")
    most_folds = min(max(MOST_FOLDS, len(train) // FEWEST_IN_FOLD), NO_MORE_FOLDS)
    if config.n_folds > most_folds:
        raise UsageError(
            f"`n_folds` {config.n_folds} are too many for {len(train):,} training rows",
            f"give `n_folds` {most_folds} or fewer",
        )
    check_memory(config, train)
    return replace(
        config,
        y_range=y_range or y_range_for(train.data, train.value),
        n_draws=0 if implicit else config.n_draws,
    )


def share_of_mean(train: Ratings, y_range: tuple[float, float]) -> float:
    """Return the share of the range below the mean rating: where an untrained model predicts."""
    low, high = y_range
    return (float(train.value.mean(dtype=np.float64)) - low) / (high - low)


def shares(values: NDArray[np.float32], y_range: tuple[float, float]) -> NDArray[np.float32]:
    """Return ratings (n,) as shares of the range: the units that the engines train in."""
    low, high = y_range
    share: NDArray[np.float32] = ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)
    return share


def check_memory(config: TrainConfig, train: Ratings) -> None:
    """Raise UsageError for a model that does not fit into the memory of this machine, if that is known."""
    if not hasattr(os, "sysconf"):
        return
    n_weights = (config.n_members + config.n_folds) * (len(train.users) + len(train.items)) * (config.n_factors + 2)
    needed = 4 * COPIES * n_weights + BYTES_OF_RATING * len(train)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise UsageError(
            f"`n_members` {config.n_members} times `n_factors` {config.n_factors} need {needed / 2**30:,.0f} GB "
            f"of memory, this machine has {memory / 2**30:,.0f}",
            "give fewer of either",
        )


def stored_bytes(config: TrainConfig, train: Ratings, n_test: int) -> int:
    """Return about how many bytes a run takes on the disk."""
    n_users, n_items = len(train.users), len(train.items)
    n_weights = config.n_members * (n_users + n_items) * (config.n_factors + 1)
    n_evidence = n_items * (config.n_draws + config.n_folds * (config.n_factors + N_TESTED) + config.n_members)
    if config.n_draws:
        n_evidence += (USUAL.kept // USUAL.every * (1 + N_FACTORS) + 1) * (n_users + n_items) + USUAL.rank * n_items
    tags = (tag for tags in train.items.tags for tag in tags)
    texts = (*train.users.ids, *train.items.ids, *train.items.titles, *tags)
    n_text = sum(len(text.encode(errors="replace")) for text in texts) + 60 * (n_users + n_items)
    return 4 * (n_weights + n_evidence) + n_text + 9 * len(train) + (13 + 4 * config.n_members) * n_test

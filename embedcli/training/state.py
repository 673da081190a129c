"""What a training carries: random streams, the state of an engine besides the weights, and the fold members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays


@dataclass
class TrainingState:
    """What a training carries from step to step; engines change it in place.

    `generators` (M) order the rows of each member. `moments` (2, ...) are, for each parameter of the model, the running
    means of its gradient and of the gradient's square. `rows` (M, n) are the training rows that each member sees, None
    for all. `step` and `epoch` count those that are finished.
    """

    generators: list[np.random.Generator]
    moments: Mapping[str, NDArray[np.float32]]
    rows: NDArray[np.int64] | None = None
    step: int = 0
    epoch: int = 0

    def n_rows(self, n: int) -> int:
        """Return how many of n training rows each member sees."""
        return n if self.rows is None else self.rows.shape[1]

    def draw_order(self, n: int) -> NDArray[np.int64]:
        """Draw the order in which each member sees its rows, of n training rows, in the next epoch -> (M, n rows)."""
        own = [np.arange(n)] * len(self.generators) if self.rows is None else list(self.rows)
        return np.stack([rng.permutation(rows) for rng, rows in zip(self.generators, own, strict=True)])


class Streams(NamedTuple):
    """The random streams of a training: one for each member and each further purpose, none shared by two seeds."""

    members: list[np.random.Generator]
    sample: np.random.Generator
    folds: np.random.Generator
    posterior: np.random.Generator
    negatives: np.random.Generator

    @classmethod
    def of(cls, config: TrainConfig) -> Streams:
        """Return the streams of a seed."""
        seeds = np.random.SeedSequence(config.seed).spawn(config.n_members + 4)
        *members, sample, folds, posterior, negatives = map(np.random.default_rng, seeds)
        return cls(members, sample, folds, posterior, negatives)


@dataclass(frozen=True)
class FoldMembers:
    """Arrays of members trained without a fold of the rows each; `fold` (n,) is the fold of each training row."""

    fold: NDArray[np.int64]
    arrays: Arrays  # (F, ...)
    seconds: float

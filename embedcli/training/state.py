"""What a training carries: its rows, random streams, the state of an engine besides the weights, the fold members."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Split
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays
from embedcli.training.checkpoint import Checkpoint


class Work(NamedTuple):
    """What all jobs of a training share: its rows, its settings, and the fold (n,) of each training row, if any.

    The checkpoint is that of this process.
    """

    split: Split
    config: TrainConfig
    fold: NDArray[np.uint8] | None
    checkpoint: Checkpoint

    @property
    def engine(self) -> ModuleType:
        """The module of the engine."""
        return import_module(f"embedcli.training.engines.{self.config.engine}")


FEWEST_TESTED = 500  # training rows: with fewer, no component can be told from noise


@dataclass
class TrainingState:
    """What a training carries from epoch to epoch; engines change it in place.

    `generators` (M) order the rows of each member. `moment` (M (U + I),) is the running mean of the squared gradient of
    each row of the model. `fold` (n,) is the fold of each training row if member m does not see the rows of fold m,
    None if each member sees all. `epoch` counts those that are finished. `frozen` (I,) are items that stay as they are.
    `passed` (M,) counts the rows that each member has passed since this state was made, for whoever looks on.
    """

    generators: list[np.random.Generator]
    moment: NDArray[np.float32]
    fold: NDArray[np.uint8] | None = None
    epoch: int = 0
    frozen: NDArray[np.bool_] | None = None
    passed: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.passed = np.zeros(len(self.generators), dtype=np.int64)

    def is_seen(self, member: int, n: int) -> NDArray[np.bool_]:
        """Return whether a member sees each of n training rows."""
        return np.ones(n, dtype=bool) if self.fold is None else self.fold != member

    def n_rows(self, n: int) -> int:
        """Return how many of n training rows each member sees at least."""
        if self.fold is None:
            return n
        return n - int(np.bincount(self.fold, minlength=len(self.generators)).max())


class Streams(NamedTuple):
    """The random streams of a training: one for each member and each further purpose, none shared by two seeds."""

    members: list[np.random.Generator]
    sample: np.random.Generator
    folds: np.random.Generator
    posterior: np.random.Generator
    negatives: np.random.Generator
    halves: np.random.Generator
    tastes: np.random.Generator

    @classmethod
    def of(cls, config: TrainConfig) -> Streams:
        """Return the streams of a seed."""
        seeds = np.random.SeedSequence(config.seed).spawn(config.n_members + 6)
        *members, sample, folds, posterior, negatives, halves, tastes = map(np.random.default_rng, seeds)
        return cls(members, sample, folds, posterior, negatives, halves, tastes)


@dataclass(frozen=True)
class FoldMembers:
    """Arrays of members trained without a fold of the rows each; `fold` (n,) is the fold of each training row."""

    fold: NDArray[np.uint8]
    arrays: Arrays  # (F, ...)
    seconds: float


def fold_of(split: Split, config: TrainConfig, rng: np.random.Generator) -> NDArray[np.uint8] | None:
    """Cut the training rows in folds at random: the fold (n,) of each, or None if components are not tested."""
    n = len(split.train)
    return rng.integers(0, config.n_folds, n, dtype=np.uint8) if config.n_folds and n >= FEWEST_TESTED else None

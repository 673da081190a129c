"""Stages that may fail without losing the training."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from embedcli.errors import EmbedcliError
from embedcli.run.config import TrainConfig

# the stages of a training as a terminal shows them while they go on
TRAINING = "training"
MEMBERS, HALVES, FOLDS = "members", "halves of the users", "folds"
TESTS, TASTES, DRAWS = "testing components", "testing tastes", "posterior draws"
FINISHING, SHARED = "predicting test rows", "posterior and tastes"
OnStage = Callable[[str, float | None], None]  # a line, and the seconds if it is a stage that took some


@contextmanager
def stage(name: str, on_stage: OnStage, *, seconds_before: float = 0.0, is_last: bool = True) -> Iterator[None]:
    """Tell `on_stage` that a stage is done, and its seconds; if it fails, why: the training itself is not lost.

    A stage may have several parts. Only its last part tells that it is done, with the `seconds_before` it.
    """
    began = time.perf_counter() - seconds_before
    try:
        yield
    except (EmbedcliError, ArithmeticError, MemoryError, RuntimeError, np.linalg.LinAlgError) as error:
        name, is_last = f"left out, {name}: it failed: {str(error) or type(error).__name__}", True
    if is_last:
        on_stage(name, time.perf_counter() - began)


def testing(config: TrainConfig) -> str:
    """Name the stage of fold members and component tests."""
    return f"components tested by {config.n_folds} members that left out a fold each"

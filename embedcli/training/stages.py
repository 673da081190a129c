"""The surroundings of a training: one thread, and stages after it that may fail without losing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from embedcli.errors import EmbedcliError

OnStage = Callable[[str, float], None]


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch and BLAS work on one thread: a step is too small to share, and the result is the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


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

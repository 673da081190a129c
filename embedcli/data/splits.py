"""Which rows of a data set are left out for the test."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from embedcli.errors import UsageError

FRACTION_HINT = "give a fraction above 0 and below 1, such as 0.1, or --split none to train on all"
FRACTION = 0.1  # of the ratings, left out by a random split unless another is given


def check(kind: str, *, seed: int, fraction: float) -> None:
    """Raise UsageError for a split that no ratings can be cut by, before any are read."""
    if kind not in ("random", "none") and re.fullmatch(r"u[1-9]", kind) is None:
        raise UsageError(f"unknown split {kind!r}", "use random, none, or an official fold: u1, u2, u3, u4, u5")
    if kind == "random" and seed < 0:
        raise UsageError(f"--split-seed {seed} is below 0", "give 0 or more")
    if kind == "random" and not 0 < fraction < 1:
        raise UsageError(f"--valid-fraction {fraction:g} is not between 0 and 1", FRACTION_HINT)


def test_rows(kind: str, n: int, *, n_folds: int, seed: int, fraction: float) -> NDArray[np.int64]:
    """Return the positions of the test rows among n rows; `Ratings.split` says what the kinds are."""
    check(kind, seed=seed, fraction=fraction)
    if kind == "none":
        return np.empty(0, dtype=np.int64)
    if kind == "random":
        n_test = round(n * fraction)
        if not 0 < n_test < n:
            raise UsageError(f"--valid-fraction {fraction:g} does not cut {n:,} ratings in two parts", FRACTION_HINT)
        return np.random.default_rng(seed).permutation(n)[:n_test]
    fold = int(kind[1])
    if fold > n_folds:
        raise UsageError(
            f"this data set has no official fold {kind!r}" if not n_folds else f"there is no fold {kind!r}",
            f"use --split u1..u{n_folds}" if n_folds else "use --split random",
        )
    first, last = (n * k // n_folds for k in (fold - 1, fold))
    return np.arange(first, last)


def describe(kind: str, *, seed: int, fraction: float) -> str:
    """Name a split the way every figure measured on it must."""
    if kind == "none":
        return "trained on all ratings, no test"
    if kind == "random":
        train, test = f"{100 * (1 - fraction):g}", f"{100 * fraction:g}"
        return f"random {train}/{test} seed {seed}"
    return f"official fold {kind}"

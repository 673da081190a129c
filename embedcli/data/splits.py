"""Which rows of a data set are left out for the test, and what the others may know of them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from embedcli.data.times import moment
from embedcli.errors import UsageError

FRACTION_HINT = "give a fraction above 0 and below 1, such as 0.1, or --split none to train on all"
WITH_FRACTION = ("random", "time")
IN_TIME = ("leave-last", "time")


def check(kind: str, *, seed: int, fraction: float) -> None:
    """Raise UsageError for a split that no ratings can be cut by, before any are read."""
    if kind not in ("random", "none", *IN_TIME) and re.fullmatch(r"u[1-9]", kind) is None:
        raise UsageError(
            f"unknown split {kind!r}", "use random, leave-last, time, none, or an official fold: u1, u2, u3, u4, u5"
        )
    if kind == "random" and seed < 0:
        raise UsageError(f"--split-seed {seed} is below 0", "give 0 or more")
    if kind in WITH_FRACTION and not 0 < fraction < 1:
        raise UsageError(f"--test-fraction {fraction:g} is not between 0 and 1", FRACTION_HINT)


def test_rows(
    kind: str,
    user: NDArray[np.int32],
    timestamp: NDArray[np.int64] | None,
    *,
    n_folds: int,
    seed: int,
    fraction: float,
) -> NDArray[np.int64]:
    """Return the positions of the test rows among rows (n,); `Ratings.split` says what the kinds are."""
    check(kind, seed=seed, fraction=fraction)
    n = len(user)
    if kind == "none":
        return np.empty(0, dtype=np.int64)
    if kind in IN_TIME:
        if timestamp is None:
            raise UsageError(
                f"--split {kind} needs the times of the ratings, which this data set does not have",
                "name their column with --time-col, or use --split random",
            )
        return _last_of_each(user, timestamp) if kind == "leave-last" else _latest(timestamp, fraction)
    if kind == "random":
        n_test = round(n * fraction)
        if not 0 < n_test < n:
            raise UsageError(f"--test-fraction {fraction:g} does not cut {n:,} ratings in two parts", FRACTION_HINT)
        return np.random.default_rng(seed).permutation(n)[:n_test]
    fold = int(kind[1])
    if fold > n_folds:
        raise UsageError(
            f"this data set has no official fold {kind!r}" if not n_folds else f"there is no fold {kind!r}",
            f"use --split u1..u{n_folds}" if n_folds else "use --split random",
        )
    first, last = (n * k // n_folds for k in (fold - 1, fold))
    return np.arange(first, last)


def _last_of_each(user: NDArray[np.int32], timestamp: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each user's last row, of rows at one moment the one that stands last; who has one row keeps it."""
    in_time = np.argsort(timestamp, kind="stable")
    last = np.full(int(user.max(initial=-1)) + 1, -1)
    last[user[in_time]] = in_time  # the last to be written stays
    several = np.bincount(user) > 1
    return np.sort(last[several])


def _latest(timestamp: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """Return the latest rows; the whole moment of the cut is left out, so that nothing of it is trained on."""
    n = len(timestamp)
    at = n - max(1, round(n * fraction))
    found = np.flatnonzero(timestamp >= np.partition(timestamp, at)[at])
    if len(found) == n:
        raise UsageError("--split time cannot cut these ratings: they are all of one moment", "use --split random")
    return found


def describe(kind: str, *, seed: int, fraction: float) -> str:
    """Name a split the way every figure measured on it must."""
    if kind == "none":
        return "trained on all ratings, no test"
    train, test = f"{100 * (1 - fraction):g}", f"{100 * fraction:g}"
    if kind == "random":
        return f"random {train}/{test} seed {seed}"
    if kind == "time":
        return f"in time {train}/{test}"
    return "last rating of each user" if kind == "leave-last" else f"official fold {kind}"


def leakage(kind: str, train: NDArray[np.int64] | None, test: NDArray[np.int64] | None) -> str:
    """Say what the training rows know of the test's future, given the times of both; nothing for other splits."""
    if kind not in IN_TIME or train is None or test is None or not len(test):
        return ""
    if kind == "time":
        first = moment(test.min()).date()
        return f"no training rating is as late as the first of the test, of {first}"
    later = float((train > np.median(test)).mean())
    return (
        f"each test rating is its user's last, but {later:.0%} of the training ratings, of other users, are later than "
        "half of the test: what became popular afterwards is known"
    )

"""Splits of ratings in training and test rows, and the leakage of splits in time."""

import re

import numpy as np
from numpy.typing import NDArray

from embedcli.data.times import moment
from embedcli.errors import UsageError

FRACTION_HINT = "give a fraction above 0 and below 1, such as 0.1, or `split` none to train on all"
TEST_FRACTION = 0.1  # of the ratings, unless another is given
WITH_FRACTION = ("random", "time")
IN_TIME = ("leave-last", "time")
OFFICIAL = "official"  # all official folds
MOST_FOLDS = 20  # of a cross-validation


def check(kind: str, *, seed: int, test_fraction: float) -> None:
    """Raise UsageError for a split that is invalid for any ratings, before they are read."""
    is_fold = re.fullmatch(r"u[1-9]", kind) is not None or kind == OFFICIAL or _cut(kind) is not None
    if kind not in ("random", "none", *IN_TIME) and not is_fold:
        raise UsageError(
            f"unknown split {kind!r}",
            "use random, leave-last, time, none, an official fold: u1, u2, u3, u4, u5, or all of them: official, "
            f"or a cross-validation: cv5, with 2 to {MOST_FOLDS} folds",
        )
    if is_drawn(kind) and seed < 0:
        raise UsageError(f"`seed` {seed} is below 0", "give 0 or more")
    if kind in WITH_FRACTION and not 0 < test_fraction < 1:
        raise UsageError(f"`test_fraction` {test_fraction:g} is not between 0 and 1", FRACTION_HINT)


def heldout_rows(
    kind: str,
    user: NDArray[np.int32],
    timestamp: NDArray[np.int64] | None,
    *,
    n_folds: int,
    seed: int,
    test_fraction: float,
) -> NDArray[np.int64]:
    """Return the positions of the test rows among rows (n,); `Ratings.split` says what the kinds are."""
    check(kind, seed=seed, test_fraction=test_fraction)
    n = len(user)
    if kind == "none":
        return np.empty(0, dtype=np.int64)
    if kind in IN_TIME:
        if timestamp is None:
            raise UsageError(
                f"`split` {kind} needs the times of the ratings, which this data set does not have",
                "name their column with `time_col`, or use `split` random",
            )
        return _last_of_each(user, timestamp) if kind == "leave-last" else _latest(timestamp, test_fraction)
    if kind == "random":
        n_test = round(n * test_fraction)
        if not 0 < n_test < n:
            raise UsageError(
                f"`test_fraction` {test_fraction:g} does not split {n:,} ratings in two parts",
                "give 0.5 or the like, or `split` none to train on all",
            )
        return np.random.default_rng(seed).permutation(n)[:n_test].copy()  # a view would keep all n
    if folds := folds_of(kind, n_folds):
        raise UsageError(f"`split` {kind} is {len(folds)} splits", f"use one of them, such as `split` {folds[0]}")
    if cut := _cut(kind):
        fold, n_cut = cut
        if n < n_cut:
            raise UsageError(f"`split` {kind} does not split {n:,} ratings", "give more ratings")
        first, last = (n * k // n_cut for k in (fold - 1, fold))
        return np.random.default_rng(seed).permutation(n)[first:last].copy()
    return _fold_rows(n, kind, n_folds)


def folds_of(kind: str, n_official: int) -> tuple[str, ...]:
    """Return the splits of a cross-validation, whose test rows are disjoint; none if the kind is one split.

    `cv5` is `cv5/1` to `cv5/5`, five parts of a permutation of the rows; `official` all official folds.
    """
    if kind == OFFICIAL:
        if not n_official:
            raise UsageError("this data set has no official folds", "use `split` cv5")
        return tuple(f"u{fold}" for fold in range(1, n_official + 1))
    cut = _cut(kind)
    return tuple(f"{kind}/{fold}" for fold in range(1, cut[1] + 1)) if cut and not cut[0] else ()


def is_drawn(kind: str) -> bool:
    """Whether a split depends on a seed."""
    return kind == "random" or _cut(kind) is not None


def _cut(kind: str) -> tuple[int, int] | None:
    """Return the fold, 0 for all, and the number of folds of a cross-validation; None for another split."""
    parts = re.fullmatch(r"cv(\d{1,3})(?:/(\d{1,3}))?", kind)
    if parts is None:
        return None
    n_cut, fold = int(parts[1]), int(parts[2] or 0)
    is_valid = 2 <= n_cut <= MOST_FOLDS and (fold <= n_cut if parts[2] is None else 1 <= fold <= n_cut)
    return (fold, n_cut) if is_valid else None


def _fold_rows(n: int, kind: str, n_folds: int) -> NDArray[np.int64]:
    """Return the rows of an official fold, which are consecutive."""
    fold = int(kind[1])
    if fold > n_folds:
        raise UsageError(
            f"this data set has no official fold {kind!r}" if not n_folds else f"there is no fold {kind!r}",
            f"use `split` u1..u{n_folds}" if n_folds else "use `split` random",
        )
    first, last = (n * k // n_folds for k in (fold - 1, fold))
    return np.arange(first, last)


def _last_of_each(user: NDArray[np.int32], timestamp: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the last row of each user with several (ties: the last in the file)."""
    in_time = np.argsort(timestamp, kind="stable")
    last = np.full(int(user.max(initial=-1)) + 1, -1)
    last[user[in_time]] = in_time  # the last write stays
    several = np.bincount(user) > 1
    return np.sort(last[several])


def _latest(timestamp: NDArray[np.int64], test_fraction: float) -> NDArray[np.int64]:
    """Return the latest rows, with all rows of the earliest time among them, so that none of these is trained on."""
    n = len(timestamp)
    first = n - max(1, round(n * test_fraction))
    latest = np.flatnonzero(timestamp >= np.partition(timestamp, first)[first])
    if len(latest) == n:
        raise UsageError("`split` time cannot split these ratings: they all have the same time", "use `split` random")
    return latest


def description(kind: str, *, seed: int, test_fraction: float) -> str:
    """Name a split, as it stands beside every figure measured on it."""
    if kind == "none":
        return "trained on all ratings, no test"
    train, test = f"{100 * (1 - test_fraction):g}", f"{100 * test_fraction:g}"
    if kind == "random":
        return f"random {train}/{test} seed {seed}"
    if kind == "time":
        return f"in time {train}/{test}"
    if cut := _cut(kind):
        return f"fold {cut[0]} of {cut[1]} seed {seed}"
    return "last rating of each user" if kind == "leave-last" else f"official fold {kind}"


def fraction_in(description: str) -> float | None:
    """Return the share of test rows that a description of a split states; None if it states none."""
    shares = re.search(r" [\d.]+/([\d.]+)", description)
    return None if shares is None else float(shares[1]) / 100


def leakage(kind: str, timestamp: NDArray[np.int64] | None, is_train: NDArray[np.bool_]) -> str:
    """Say what the training knows about the time of the test, given all times (n,); empty for other splits."""
    if kind not in IN_TIME or timestamp is None or is_train.all():
        return ""
    train, test = timestamp[is_train], timestamp[~is_train]
    if kind == "time":
        first = moment(test.min()).date()
        return f"no training rating is as late as the first of the test, of {first}"
    later = float((train > np.median(test)).mean())
    return (
        f"each test rating is its user's last, but {later:.0%} of the training ratings, of other users, are later than "
        "half of the test: what became popular afterwards is known"
    )

"""How far predictions are from the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.statistics import average_ranks, normal_of_t, students_t, upper_tail

BOOTSTRAPS = 2000
MOST_BLOCKS = 1000  # of users that a bootstrap draws
ROUNDING = 1e-12  # standard error of a figure that does not vary
FLAT = 1e-6  # root that is none, compared to the figure's
Floats = NDArray[np.float64]


def rmse(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Return the root mean squared error of predictions (n,)."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def auc(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[Any]:
    """Return the chance that a row with truth 1 is predicted higher than one with truth 0, ties counting half.

    Mann and Whitney's U over the number of pairs, for each column of (n,) or (n, T); NaN if either kind is missing.
    """
    n_positive = truth.sum(0)
    n_pairs = n_positive * (len(truth) - n_positive)
    larger = (average_ranks(predicted) * truth).sum(0) - n_positive * (n_positive + 1) / 2
    share: NDArray[Any] = np.divide(larger, n_pairs, out=np.full(np.shape(n_pairs), np.nan), where=n_pairs > 0)
    return share


def drawn_rmse(
    squared_errors: NDArray[np.floating], block: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the RMSE of test rows (n,), then that of each draw of `bootstrap_of_users`."""
    found: NDArray[np.float64] = np.sqrt(weights @ np.bincount(block, squared_errors) / (weights @ np.bincount(block)))
    return found


def rmse_by_user(squares: NDArray[np.floating], n_rows: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
    """Return the RMSE of rows, and what each user moves it by, given sums of squared errors and numbers of rows (V,).

    `error_over_users` of that is the standard error of the RMSE, and of the difference of two models' moves that of
    their difference: the linearised error of a ratio (Cochran 1977, 6.4), for users are drawn with all their rows.
    """
    n, total = n_rows.sum(dtype=np.float64), squares.sum(dtype=np.float64)
    root = float(np.sqrt(total / n))
    moves = (squares - total / n * n_rows) / (2 * n * root) if root else np.zeros(len(squares))
    return root, np.asarray(moves, np.float64)


def error_over_users(moves: NDArray[np.float64]) -> float:
    """Return the standard error of a figure that each user moves by so much (V,)."""
    return float(np.sqrt(len(moves) / max(len(moves) - 1, 1)) * np.linalg.norm(moves))


def bootstrap_of_users(user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the block of users that each test row (n,) is drawn with, and how often the draws have each block.

    Of more than MOST_BLOCKS users, some are drawn together. The first row of the weights is no draw: all ones.
    """
    _, codes = np.unique(user, return_inverse=True)
    rng = np.random.default_rng(0)
    block = rng.permutation(int(codes.max()) + 1)[codes] % MOST_BLOCKS
    n = np.bincount(block)
    weights = rng.multinomial(len(n), np.full(len(n), 1 / len(n)), size=BOOTSTRAPS)
    return block, np.vstack([np.ones_like(n), weights[weights @ n > 0]]).astype(np.float64)


@dataclass(frozen=True)
class Resampled:
    """A figure of users and its draws by a bootstrap over them, (1 + D,), with its 95 % interval.

    The interval has None for both ends if the users do not differ, as one alone: the draws then say nothing.
    """

    draws: Floats
    interval: tuple[float | None, float | None]

    @property
    def value(self) -> float:
        """The figure itself."""
        return float(self.draws[0])

    def through(self, function: Callable[[Any], Any]) -> "Resampled":
        """Return an ascending function of the figure."""
        low, high = (None if end is None else float(function(end)) for end in self.interval)
        return Resampled(function(self.draws), (low, high))


def resampled_root(top: Floats, bottom: Floats, weights: Floats) -> Resampled:
    """Return the square root of a ratio of sums over blocks of users (B,), with its studentised interval.

    Each draw is taken in units of its own standard error (Efron and Tibshirani 1993, chapter 12), on the scale of the
    square root, which is that of an RMSE, and on which few hits are less skewed. The error of a draw counts as at least
    a third of the figure's: few users can be almost equal in a draw by chance. NaN is a draw without a denominator.
    """
    if not bottom.any():
        return Resampled(np.full(len(weights), np.nan), (None, None))
    ratio = top.sum() / bottom.sum()
    off = top - ratio * bottom
    total, n, *squares = (weights @ np.stack([off, bottom, off * off, off * bottom, bottom * bottom], axis=1)).T
    shift = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    variance = squares[0] - 2 * shift * squares[1] + shift**2 * squares[2]  # of off - shift x bottom, summed
    roots = np.sqrt(np.maximum(ratio + shift, 0))
    is_above = roots > FLAT * roots[0]
    errors = np.zeros(len(n))
    errors[is_above] = np.sqrt(np.maximum(variance[is_above], 0)) / n[is_above] / (2 * roots[is_above])
    if errors[0] <= ROUNDING:
        return Resampled(roots, (None, None))
    away = ((roots - roots[0]) / np.maximum(errors, errors[0] / 3))[np.isfinite(roots)]
    low, high = roots[0] - errors[0] * np.quantile(away, (0.975, 0.025))
    return Resampled(roots, (max(0.0, float(low)), float(high)))


def jackknifed(figure: float, without: Floats, weights: Floats) -> Resampled:
    """Return a share whose draws are linear in the jackknife's changes: those `without` each block of users (B,).

    For figures of different items: draws of users never have an item that no user has, so the draws of such a figure
    itself vary too little. The jackknife's variance is not too small on average (Efron and Stein 1981).
    """
    n, changes = len(without), without.mean() - without
    draws = figure + (n - 1) / n * ((weights - 1) @ changes)
    half = students_t(1.96, n - 1) * float(np.sqrt((n - 1) / n * (changes @ changes))) if n > 1 else 0.0
    return Resampled(draws, (max(0.0, figure - half), min(1.0, figure + half)) if half > ROUNDING else (None, None))


def change_of(a: Resampled, b: Resampled, n_users: int) -> tuple[tuple[float | None, float | None], float | None]:
    """Return the 95 % interval of the second figure less the first, and its p-value, given the same draws for both.

    The standard deviation of the change's draws gives both, by Student's t; None if the users do not differ.
    """
    change = b.draws - a.draws
    drawn, n = change[1:][np.isfinite(change[1:])], min(n_users, MOST_BLOCKS)
    sd = float(drawn.std()) * np.sqrt(n / (n - 1)) if n > 1 and len(drawn) else 0.0
    if sd <= ROUNDING:
        return ((0.0, 0.0), 1.0) if abs(change[0]) <= ROUNDING else ((None, None), None)
    half = students_t(1.96, n - 1) * sd
    p = float(2 * upper_tail(normal_of_t(np.abs(change[0]) / sd, n - 1)))
    return (float(change[0] - half), float(change[0] + half)), p

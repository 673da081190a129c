"""How far predictions are from the truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.statistics import average_ranks

BOOTSTRAPS = 2000
MOST_BLOCKS = 1000  # of users that a bootstrap draws


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


def interval_of(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a figure (1 + D,), which stands before its draws by a bootstrap; NaN is no draw.

    The quantiles of the draws are shifted by their bias: draws of users reach fewer different items than all do.
    """
    figure, drawn = draws[0], draws[1:][np.isfinite(draws[1:])]
    if not len(drawn):
        return np.nan, np.nan
    low, high = np.quantile(drawn, (0.025, 0.975)) + figure - drawn.mean()
    return float(low), float(high)

"""How far predictions are from the truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.statistics import average_ranks


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

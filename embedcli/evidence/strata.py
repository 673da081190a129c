"""Strata of items that are alike in some numbers, and what permutations within strata do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.statistics import average_ranks

BINS = 3
FEWEST = 10  # items of a stratum, on average: a group of fewer than BINS x FEWEST is not divided again


@dataclass(frozen=True)
class Strata:
    """The stratum of each of n items, 0 to `n_strata` - 1."""

    code: Rows  # (n,)

    @classmethod
    def of(cls, numbers: Floats) -> Strata:
        """Divide items by their numbers (n, m), one after another: each group into BINS of equal size, by rank.

        The bins are those within the group, so that strata have about the same size. A number that is unknown (NaN)
        counts as the median of the group, and equal numbers stay together.
        """
        code = np.zeros(len(numbers), dtype=np.int64)
        for column in numbers.T:
            for stratum in range(int(code.max(initial=0)) + 1):
                rows = np.flatnonzero(code == stratum)
                if len(rows) >= BINS * FEWEST:
                    code[rows] = code.max() + 1 + _bins(column[rows])
            code = np.unique(code, return_inverse=True)[1]
        return cls(code)

    @property
    def n_strata(self) -> int:
        """The number of strata."""
        return int(self.code.max(initial=-1)) + 1

    def centred(self, values: Floats) -> Floats:
        """Return values (n, K) less the mean of their stratum."""
        means: Floats = self._sums(values) / self.sizes[:, None]
        return values - means[self.code]

    @property
    def sizes(self) -> Floats:
        """The number of items of each stratum, (n_strata,)."""
        return np.bincount(self.code, minlength=self.n_strata).astype(np.float64)

    def variances(self, values: Floats) -> Floats:
        """Return the variances (n_strata, K) of values (n, K) within each stratum; 0 in a stratum of one item."""
        squares: Floats = self._sums(self.centred(values) ** 2)
        return squares / np.maximum(self.sizes - 1, 1)[:, None]

    def deviations(self, weights: Floats, values: Floats) -> Floats:
        """Return the exact standard deviations (J, K) of w'v over all permutations within the strata.

        weights (n, J), values (n, K), of which one side is permuted.
        """
        squares = self._sums(self.centred(weights) ** 2)
        deviations: Floats = np.sqrt(squares.T @ self.variances(values))
        return deviations

    def orders(self, n: int, rng: np.random.Generator) -> Rows:
        """Return n random permutations (n, n_items) of the items within their strata."""
        drawn = np.empty((n, len(self.code)), dtype=np.int64)
        for stratum in range(self.n_strata):
            rows = np.flatnonzero(self.code == stratum)
            drawn[:, rows] = rng.permuted(np.tile(rows, (n, 1)), axis=1)
        return drawn

    def _sums(self, values: Floats) -> Floats:
        """Return the sums (n_strata, K) of values (n, K)."""
        columns = [np.bincount(self.code, column, self.n_strata) for column in values.T]
        return np.stack(columns, axis=1) if columns else np.zeros((self.n_strata, 0))


def _bins(values: Floats) -> Rows:
    """Return the bin (n,) of each value by rank, 0 to BINS - 1."""
    known = np.isfinite(values)
    filled = np.where(known, values, np.median(values[known]) if known.any() else 0.0)
    bins: Rows = ((average_ranks(filled) - 0.5) * BINS / len(values)).astype(np.int64)
    return bins

"""Ranks and p-values, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linear_sum_assignment

from embedcli.evidence.statistics import average_ranks, best_assignment, false_discovery_rates, spearman, upper_tail


def test_ranks_are_scipys() -> None:
    """Ranks are scipy's rankdata, with ties, of vectors and of columns."""
    values = np.random.default_rng(0).integers(0, 10, (50, 3)).astype(np.float64)
    np.testing.assert_array_equal(average_ranks(values), stats.rankdata(values, axis=0))
    np.testing.assert_array_equal(average_ranks(values[:, 0]), stats.rankdata(values[:, 0]))
    assert average_ranks(values[:, :0]).shape == (50, 0)


def test_rank_correlation_is_scipys() -> None:
    """The rank correlation is scipy's spearmanr, and 0 of a constant."""
    a, b = np.random.default_rng(0).integers(0, 10, (2, 50)).astype(np.float64)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert spearman(a, np.ones(50)) == 0


def test_tail_is_scipys() -> None:
    """The upper tail is that of the normal distribution, also far out."""
    z = np.array([[-3.0, 0.0], [2.0, 12.0]])
    np.testing.assert_allclose(upper_tail(z), stats.norm.sf(z), rtol=1e-12)
    assert upper_tail(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("shape", [(20,), (20, 3), (0,), (0, 2)])
def test_false_discovery_rates_are_scipys(shape: tuple[int, ...]) -> None:
    """Adjusted p-values are scipy's by Benjamini and Hochberg."""
    p = np.random.default_rng(0).random(shape) ** 3
    expected = stats.false_discovery_control(p, axis=0) if len(p) else p
    np.testing.assert_allclose(false_discovery_rates(p), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_assignment_is_scipys(seed: int) -> None:
    """The sum of the assigned gains is the largest, as scipy finds it, also with ties and more columns than rows."""
    rng = np.random.default_rng(seed)
    for n_rows in range(1, 9):
        gains = rng.integers(0, 5, (n_rows, n_rows + int(rng.integers(0, 4)))) * rng.choice([1.0, 0.1])
        found = best_assignment(gains)
        assert len(set(found.tolist())) == n_rows
        assert gains[np.arange(n_rows), found].sum() == pytest.approx(gains[linear_sum_assignment(-gains)].sum())

"""Figures of users, resampled: their draws, intervals and differences, against closed forms and peers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from embedcli.evidence.scores import bootstrap_of_users, change_of, jackknifed, resampled_root
from embedcli.evidence.statistics import normal_of_t, students_t, upper_tail

Floats = np.ndarray


def drawn(n: int) -> tuple[Floats, Floats]:
    """Return the block of each of n users, and the weights of the draws."""
    return bootstrap_of_users(np.arange(n, dtype=np.int32))


def test_root_is_that_of_the_weighted_sums() -> None:
    """Each draw is the root of its own sums' ratio, and one without the denominator is NaN."""
    rng = np.random.default_rng(0)
    top, bottom = rng.gamma(1, 1, 12), rng.integers(1, 5, 12).astype(float)
    bottom[3:], top[3:] = 0, 0
    weights = drawn(12)[1]
    found = resampled_root(top, bottom, weights).draws
    has_any = weights @ bottom > 0
    assert 0 < (~has_any).sum() < len(weights)
    assert np.isnan(found[~has_any]).all()
    assert found[has_any] == pytest.approx(np.sqrt((weights @ top)[has_any] / (weights @ bottom)[has_any]))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_interval_of_many_users_is_that_of_the_normal_distribution(scale: float) -> None:
    """With 1,000 users of values without skew the interval is that of the delta method, at any scale."""
    top, weights = scale * (2 + np.random.default_rng(0).uniform(-1, 1, 1000)), drawn(1000)[1]
    found, bottom = resampled_root(top, np.ones(1000), weights), np.ones(1000)
    assert found.value == pytest.approx(np.sqrt(top.mean()))
    half = 1.96 * top.std() / np.sqrt(1000) / (2 * found.value)
    assert found.interval == pytest.approx((found.value - half, found.value + half), abs=0.1 * half)
    doubled = resampled_root(2 * top, 2 * bottom, weights)  # users with twice the rows each
    assert doubled.interval == pytest.approx(found.interval)


def test_interval_covers_with_skew_and_few_users() -> None:
    """It holds the truth for 30 users with many rows off little and few much, where quantiles of draws do not."""
    rng, weights = np.random.default_rng(3), drawn(30)[1][:400]
    covers = []
    for _ in range(300):
        top, bottom = rng.gamma(0.5, 2, 30), np.ones(30)
        found = resampled_root(top, bottom, weights)
        low, high = found.interval
        assert low is not None and high is not None
        plain = np.quantile(found.draws[1:], (0.025, 0.975))
        covers.append((low <= 1 <= high, plain[0] <= 1 <= plain[1]))
    studentised, plain = np.mean(covers, axis=0)
    assert studentised > 0.92
    assert plain < 0.9


@pytest.mark.parametrize("top", [[0.3], [0.1] * 50, [0.0] * 50, [1.0] * 50])
def test_no_interval_without_differences_between_users(top: list[float]) -> None:
    """One user, users with the same value, and users without a hit have no interval."""
    found = resampled_root(np.array(top), np.ones(len(top)), drawn(len(top))[1])
    assert found.value == pytest.approx(np.sqrt(top[0]))
    assert found.interval == (None, None)
    assert found.through(np.square).interval == (None, None)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    """Draws and interval of a mean have its standard error; without differences there is no interval."""
    x, weights = np.random.default_rng(0).gamma(1, 0.1, 40), drawn(40)[1]
    found = jackknifed(float(x.mean()), (x.sum() - x[drawn(40)[0].argsort()]) / 39, weights)
    error = x.std(ddof=1) / np.sqrt(40)
    assert found.draws[0] == x.mean()
    assert found.draws[1:].std() == pytest.approx(error * np.sqrt(39 / 40), rel=0.05)
    half = stats.t.ppf(0.975, 39) * error
    assert found.interval == pytest.approx((x.mean() - half, x.mean() + half), rel=1e-3)
    assert jackknifed(0.01, (x.sum() - x) / 39, weights).interval[0] == 0.0
    assert jackknifed(0.99, (x.sum() - x) / 39, weights).interval[1] == 1.0
    assert jackknifed(0.5, np.full(40, 0.5), weights).interval == (None, None)
    assert jackknifed(0.5, np.array([np.nan]), np.ones((3, 1))).interval == (None, None)


def test_change_is_a_paired_t_test() -> None:
    """Interval and p of the difference of two means are those of scipy's paired t-test, for ten users and for many."""
    rng = np.random.default_rng(1)
    for n in (10, 300):
        a, noise = rng.uniform(1, 2, n), rng.normal(0, 1, n)
        b = a + 0.1 * ((noise - noise.mean()) / noise.std(ddof=1) + 2.5 / np.sqrt(n))  # t is 2.5
        block, weights = drawn(n)
        one, other = (resampled_root(x[block.argsort()], np.ones(n), weights).through(np.square) for x in (a, b))
        expected = stats.ttest_rel(b, a)
        (low, high), p = change_of(one, other, n)
        assert p == pytest.approx(expected.pvalue, rel=0.25)
        assert (low, high) == pytest.approx(expected.confidence_interval(), abs=0.05 * (high - low))  # type: ignore[operator]


def test_change_without_differences_between_users() -> None:
    """A figure and itself do not differ; a change that is the same for all users has no p."""
    x, weights = np.arange(1.0, 31), drawn(30)[1]
    one, other = (resampled_root(values, np.ones(30), weights).through(np.square) for values in (x, x + 1))
    assert change_of(one, one, 30) == ((0.0, 0.0), 1.0)
    assert change_of(one, other, 30) == ((None, None), None)


@pytest.mark.parametrize("n_free", [2, 5, 20, 1000])
def test_students_t_by_wallace(n_free: int) -> None:
    """The approximations are those of scipy's distribution: the quantile to 5 %, p to a tenth of itself."""
    assert students_t(1.96, n_free) == pytest.approx(stats.t.ppf(0.975, n_free), rel=0.05)
    t = np.array([0.5, 1.0, 2.0, 3.0])
    assert upper_tail(normal_of_t(t, n_free)) == pytest.approx(stats.t.sf(t, n_free), rel=0.1)
    assert normal_of_t(np.array(students_t(1.96, n_free)), n_free) == pytest.approx(1.96)

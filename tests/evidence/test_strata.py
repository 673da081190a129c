"""Strata of items, and permutations within them."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.evidence.strata import FEWEST, Strata


def test_strata_hold_items_that_are_alike() -> None:
    """Three numbers make 27 strata of about equal size; each of the first number's thirds holds nine of them."""
    numbers = np.random.default_rng(0).normal(size=(540, 3))
    strata = Strata.of(numbers)
    assert strata.n_strata == 27
    assert strata.sizes.min() >= 18
    third = (np.argsort(np.argsort(numbers[:, 0])) * 3) // 540
    assert [len(set(strata.code[third == j].tolist())) for j in range(3)] == [9, 9, 9]


def test_small_groups_are_not_divided() -> None:
    """Too few items make fewer strata, a constant or unknown number none, and no number a single one."""
    rng = np.random.default_rng(0)
    assert Strata.of(rng.normal(size=(3 * FEWEST - 1, 3))).n_strata == 1
    assert Strata.of(rng.normal(size=(100, 3))).n_strata == 9
    assert Strata.of(np.column_stack([np.ones(100), np.full(100, np.nan)])).n_strata == 1
    assert Strata.of(np.zeros((5, 0))).n_strata == 1
    assert Strata.of(np.zeros((0, 3))).n_strata == 0


def test_unknown_counts_as_the_median_and_ties_stay_together() -> None:
    """An unknown number is in the middle bin; equal numbers are in one stratum."""
    values = np.r_[np.arange(99.0), np.nan]
    code = Strata.of(values[:, None]).code
    assert code[-1] == code[49] != code[0]
    tied = np.repeat([1.0, 2.0], 50)[:, None]
    assert [len(set(Strata.of(tied).code[own].tolist())) for own in (slice(50), slice(50, None))] == [1, 1]


def test_moments_are_those_of_permutations() -> None:
    """Orders stay within strata, and the deviation of w'v over them is the exact one."""
    rng = np.random.default_rng(1)
    strata = Strata(np.repeat(np.arange(4), [2, 10, 20, 1]))
    weights, values = rng.normal(size=(33, 2)), rng.normal(size=(33, 3))
    orders = strata.orders(20_000, rng)
    assert (strata.code[orders] == strata.code).all()
    assert (np.sort(orders, axis=1) == np.arange(33)).all()
    sums = np.einsum("bnk,nj->bjk", values[orders], weights)
    assert sums.std(0) == pytest.approx(strata.deviations(weights, values), rel=0.02)
    centred = strata.centred(weights)
    assert (weights - centred).T @ values == pytest.approx(sums.mean(0), abs=0.1)

"""Finding components, and matching those of one model with those of another."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.analysis.components import match


def test_components_are_matched_whatever_their_order_and_sign() -> None:
    """Each component finds its counterpart among others in another order, turned round or shifted, with its |phi|."""
    rng = np.random.default_rng(0)
    shown = np.linalg.qr(rng.normal(size=(50, 4)))[0]
    shown -= shown.mean(0)
    order = [2, 0, 3, 1]
    others = shown[:, order] * [-1.0, 3.0, 1.0, -0.5] + [0.0, 5.0, 0.0, -2.0]
    indices, phi = match(shown, others)
    assert [order[index] for index in indices] == [0, 1, 2, 3]
    assert phi == pytest.approx(np.ones(4))


def test_matches_make_the_sum_largest() -> None:
    """A component leaves its nearest counterpart to another one that has no other; the rest has no match."""
    first, second, third = np.linalg.qr(np.random.default_rng(1).normal(size=(60, 3)))[0].T
    first, second, third = (axis - axis.mean() for axis in (first, second, third))
    indices, phi = match(np.column_stack([first + 0.9 * second, first, third]), np.column_stack([first, second]))
    assert indices.tolist() == [1, 0, 0]
    assert phi[2] == 0
    assert phi[1] > 0.9 > phi[0] > 0.5

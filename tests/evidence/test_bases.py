"""The bases of the embeddings, against independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from embedcli.evidence import bases
from embedcli.evidence.bases import coordinates, preference_basis, principal_axes, side_by_side


@pytest.mark.parametrize("shape", [(40, 6), (6, 40), (30, 1)])
def test_principal_axes_are_scikit_learns(shape: tuple[int, int]) -> None:
    """Axes, their signs, variances and coordinates are those of scikit-learn's PCA."""
    x = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1]) + 5
    fitted = PCA(svd_solver="full").fit(x)
    axes, variances = principal_axes(x)
    k = min(shape[0] - 1, shape[1])  # the last axis of few centred rows is arbitrary
    np.testing.assert_allclose(axes[:, :k], fitted.components_[:k].T, atol=1e-9)
    np.testing.assert_allclose(variances[:k], fitted.explained_variance_[:k])
    np.testing.assert_allclose((x - x.mean(0)) @ axes[:, :k], fitted.transform(x)[:, :k], atol=1e-9)


def test_preference_basis_is_the_decomposition_of_the_preferences() -> None:
    """With equal weights u s v' is the singular value decomposition of the double-centred product."""
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    u, s, v = preference_basis(users, items, np.ones(30, np.int64), np.ones(20, np.int64), 2)
    preference = (users - users.mean(0)) @ (items - items.mean(0)).T
    np.testing.assert_allclose(s, np.linalg.svd(preference, compute_uv=False)[:3])
    np.testing.assert_allclose(u.T @ preference @ v, np.diag(s[:2]), atol=1e-9)


def test_preference_basis_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With rows in several blocks the basis is the same up to signs, also of factors without full rank."""
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=(300, 5)), rng.normal(size=(200, 5))
    items[:, 4] = items[:, 3]
    weights = rng.integers(1, 9, 300), rng.integers(0, 9, 200)
    expected = preference_basis(users, items, *weights, 3)
    monkeypatch.setattr(bases, "TOGETHER", 64)
    for found, one in zip(preference_basis(users, items, *weights, 3), expected, strict=True):
        np.testing.assert_allclose(np.abs(found), np.abs(one), atol=1e-7)


def test_coordinates_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coordinates of chosen rows are the products with the axes, whatever the size of a block."""
    factors, rows = np.random.default_rng(0).normal(size=(2, 50, 3)).astype(np.float32), np.arange(49, 0, -2)
    centre, axes = np.ones(6), np.random.default_rng(1).normal(size=(6, 2))
    monkeypatch.setattr(bases, "TOGETHER", 7)
    np.testing.assert_allclose(
        coordinates(factors, rows, (centre, axes)), (side_by_side(factors)[rows] - 1) @ axes, rtol=1e-12
    )


def test_members_stand_side_by_side() -> None:
    """The factors of the second member follow those of the first, item by item."""
    factors = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    assert side_by_side(factors).tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]

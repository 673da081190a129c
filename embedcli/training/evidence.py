"""Which components of a model are real, and how stable: members trained on parts of the ratings tell.

A component is real if it predicts ratings that the training has not seen. The training rows are cut in folds; a
member trained without each gives its components (in the preference basis, the largest first), and the left-out
residuals of a model with biases only are regressed on the contributions of all components together. Sign flips of
the residuals (Hong, Sheng and Dobriban 2020) are the second opinion: stricter, and weaker where ratings are few.

The constants were confirmed on fresh worlds with a known truth: examples/benchmarks/trust.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from embedcli.data.ratings import Ratings
from embedcli.run.canonical import Arrays
from embedcli.run.preference import most_rated, preference_basis, weighted_centred
from embedcli.run.record import ComponentTest, Evidence
from embedcli.training.evaluation import bias_model, counts

Matrix = NDArray[np.float64]

N_TESTED = 8  # components
LEAST_T, LEAST_SLOPE = 3.0, 0.5
DAMPING, SWEEPS = 3.0, 6  # of the model with biases alone, whose residuals are explained
FLIPS, MARGIN, OFFSET = 40, 1.02, 20


def gather(
    train: Ratings,
    n_folds: int,
    fit_members: Callable[[list[NDArray[np.int64]]], Arrays],
    stars_per_logit: float,
    rng: np.random.Generator,
) -> tuple[Evidence, Arrays]:
    """Test the components of a model on ratings it has not seen.

    `fit_members` trains a member on each of the given sets of rows and returns their arrays (F, ...);
    `stars_per_logit` says what a unit of logit is worth in stars at the mean rating.
    Returns the evidence, and for the stability of any component the members' `fold_item_factors` (F, I, k)
    and `fold_axes` (F, I, K).
    """
    fold = rng.permutation(len(train)) % n_folds
    arrays = fit_members([np.flatnonzero(fold != f) for f in range(n_folds)])
    by_preference, by_pca, residuals, axes = [], [], [], []
    for f in range(n_folds):
        seen, unseen = train.take(fold != f), train.take(fold == f)
        users, items = (arrays[name][f].astype(np.float64) for name in ("user_factors", "item_factors"))
        u, s, v = preference_basis(users, items, *counts(seen), N_TESTED)
        by_preference.append(u[unseen.user] * s[: u.shape[1]] * v[unseen.item] * stars_per_logit)
        directions = pca_directions(items, counts(train)[1])
        x, y = (weighted_centred(side, n) @ directions for side, n in zip((users, items), counts(seen), strict=True))
        by_pca.append(x[unseen.user] * y[unseen.item] * stars_per_logit)
        middle, user_bias, item_bias = bias_model(seen, DAMPING, SWEEPS)
        residuals.append(unseen.value - middle - user_bias[unseen.user] - item_bias[unseen.item])
        axes.append(v)
    unseen_residuals = np.concatenate(residuals)
    tests, pca_tests = (judge(np.concatenate(x), unseen_residuals) for x in (by_preference, by_pca))
    evidence = Evidence(tests, pca_tests, sign_flips(train, rng), n_folds, LEAST_T, LEAST_SLOPE)
    kept = {
        "fold_item_factors": arrays["item_factors"],
        "fold_axes": np.array(axes, dtype=np.float32),
    }
    return evidence, kept


def pca_directions(items: Matrix, n_ratings: NDArray[np.int64]) -> Matrix:
    """Return the directions (k, K) of the PCA of item factors (I, k) over the most rated items, as `pca` takes them."""
    rows = most_rated(n_ratings)
    _, _, directions = np.linalg.svd(items[rows] - items[rows].mean(0), full_matrices=False)
    return directions[:N_TESTED].T


def judge(contributions: Matrix, residuals: Matrix) -> list[ComponentTest]:
    """Test each component by the regression of residuals (n,) on all contributions (n, K) together."""
    return [
        ComponentTest(float(t), float(slope), bool(t > LEAST_T), bool(t > LEAST_T and slope > LEAST_SLOPE))
        for t, slope in zip(*regress(contributions, residuals), strict=True)
    ]


def regress(x: Matrix, y: Matrix) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (t (K,), slope (K,)) of the least-squares regression of y (n,) on the columns of x (n, K) together."""
    gram = x.T @ x + 1e-12 * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, x.T @ y)
    variance = float(((y - x @ slope) ** 2).sum()) / max(len(y) - x.shape[1], 1)
    error = np.sqrt(variance * np.diag(np.linalg.inv(gram)))
    return np.divide(slope, error, out=np.zeros_like(slope), where=error > 0), slope


def sign_flips(ratings: Ratings, rng: np.random.Generator) -> int:
    """Return how many singular values of the residuals are above those of residuals with random signs.

    Of the residuals of the bias model weighted by 1 / sqrt((n_u + 20)(n_i + 20)); above 1.02 times the largest of
    40 flips (signflip parallel analysis).
    """
    middle, user_bias, item_bias = bias_model(ratings, DAMPING, SWEEPS)
    n_users, n_items = counts(ratings)
    residual = ratings.value - middle - user_bias[ratings.user] - item_bias[ratings.item]
    weighted = residual / np.sqrt((n_users[ratings.user] + OFFSET) * (n_items[ratings.item] + OFFSET))
    shape = len(n_users), len(n_items)
    k = min(N_TESTED + 2, min(shape) - 1)
    if k < 1 or not weighted.any():
        return 0
    matrix = sp.csr_array((weighted, (ratings.user, ratings.item)), shape=shape)
    start = rng.normal(size=min(shape))
    found = svds(matrix, k, v0=start, return_singular_vectors=False)
    data, largest = matrix.data.copy(), 0.0
    for _ in range(FLIPS):
        matrix.data = data * rng.choice((-1.0, 1.0), len(data))
        largest = max(largest, float(svds(matrix, 1, v0=start, tol=1e-3, return_singular_vectors=False)[0]))
    return int((found > MARGIN * largest).sum())

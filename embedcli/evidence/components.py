"""Which components of a model are real: members trained on parts of the ratings predict the rest.

The held-out residuals of a model with biases alone are regressed on what all components of the fold members together
contribute to the predictions, in the preference basis and of the PCA. Sign flips of the residuals (Hong, Sheng and
Dobriban 2020) are the second opinion: stricter, and weaker if ratings are few. The constants were confirmed on fresh
worlds with a known truth: examples/benchmarks/trust.py.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from embedcli.evidence.bases import Floats, most_rated, preference_basis, principal_axes, weighted_centred
from embedcli.evidence.observations import Observations, bias_model

N_TESTED = 8  # components
LEAST_T, LEAST_SLOPE = 3.0, 0.5
DAMPING, SWEEPS = 3.0, 6  # of the model with biases alone, whose residuals are explained
FLIPS, MARGIN, OFFSET = 40, 1.02, 20


@dataclass(frozen=True)
class ComponentEvidence:
    """What the held-out rows say of the components, the largest first.

    `preference` and `pca` hold t (K,) and slope (K,) of the components in either basis. `n_sign_flips` is the number
    of components by sign flips, `fold_axes` (F, I, K) the preference axes of each fold member.
    """

    preference: tuple[Floats, Floats]
    pca: tuple[Floats, Floats]
    n_sign_flips: int
    fold_axes: NDArray[np.float32]


def component_evidence(
    observations: Observations,
    fold: NDArray[np.int64],
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
    stars_per_logit: float,
    rng: np.random.Generator,
) -> ComponentEvidence:
    """Test the components of a model on ratings it has not seen.

    `fold` (n,) is the fold of each row; user_factors (F, U, k) and item_factors (F, I, k) are those of the members
    trained without a fold each. `stars_per_logit` is the slope of the link at the mean rating.
    """
    by_preference, by_pca, residuals, axes = [], [], [], []
    n_items = observations.counts[1]
    for f, factors in enumerate(zip(user_factors, item_factors, strict=True)):
        seen, unseen = observations.take(fold != f), observations.take(fold == f)
        users, items = (side.astype(np.float64) for side in factors)
        u, s, v = preference_basis(users, items, *seen.counts, N_TESTED)
        by_preference.append(u[unseen.user] * s[: u.shape[1]] * v[unseen.item] * stars_per_logit)
        directions = principal_axes(items[most_rated(n_items)])[0][:, :N_TESTED]  # over the items that `pca` takes
        x, y = (weighted_centred(side, n) @ directions for side, n in zip((users, items), seen.counts, strict=True))
        by_pca.append(x[unseen.user] * y[unseen.item] * stars_per_logit)
        residuals.append(bias_model(seen, DAMPING, SWEEPS).residuals(unseen))
        axes.append(v)
    every_residual = np.concatenate(residuals)
    return ComponentEvidence(
        preference=regress(np.concatenate(by_preference), every_residual),
        pca=regress(np.concatenate(by_pca), every_residual),
        n_sign_flips=sign_flips(observations, rng),
        fold_axes=np.array(axes, dtype=np.float32),
    )


def regress(x: Floats, y: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (t (K,), slope (K,)) of the least-squares regression of y (n,) on the columns of x (n, K) together."""
    gram = x.T @ x + 1e-12 * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, x.T @ y)
    variance = float(((y - x @ slope) ** 2).sum()) / max(len(y) - x.shape[1], 1)
    error = np.sqrt(variance * np.diag(np.linalg.inv(gram)))
    return np.divide(slope, error, out=np.zeros_like(slope), where=error > 0), slope


def sign_flips(observations: Observations, rng: np.random.Generator) -> int:
    """Return how many singular values of the residuals are above those of residuals with random signs.

    The residuals are those of the bias model, weighted by 1 / sqrt((n_u + 20)(n_i + 20)). The threshold is 1.02 times
    the largest value of 40 flips (signflip parallel analysis).
    """
    n_users, n_items = observations.counts
    weight = (n_users[observations.user] + OFFSET) * (n_items[observations.item] + OFFSET)
    weighted = bias_model(observations, DAMPING, SWEEPS).residuals(observations) / np.sqrt(weight)
    shape = len(n_users), len(n_items)
    k = min(N_TESTED + 2, min(shape) - 1)
    if k < 1 or not weighted.any():
        return 0
    return n_above_flips(sp.csr_array((weighted, (observations.user, observations.item)), shape=shape), k, rng)


def n_above_flips(matrix: sp.csr_array, k: int, rng: np.random.Generator) -> int:
    """Return how many of the k largest singular values of a matrix are above MARGIN times the largest of the flips."""
    start = rng.normal(size=min(matrix.shape))
    singular_values = svds(matrix, k, v0=start, return_singular_vectors=False)
    data, largest = matrix.data.copy(), 0.0
    for _ in range(FLIPS):
        matrix.data = data * rng.choice((-1.0, 1.0), len(data))
        largest = max(largest, float(svds(matrix, 1, v0=start, tol=1e-3, return_singular_vectors=False)[0]))
    return int((singular_values > MARGIN * largest).sum())

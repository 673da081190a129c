"""Which components of a model are real: members trained on parts of the ratings predict the rest.

The held-out residuals of a model with biases alone are regressed on what all components of the fold members together
contribute to the predictions, in the preference basis and of the PCA. Sign flips of the residuals (Hong, Sheng and
Dobriban 2020) are the second opinion: stricter, and weaker if ratings are few. The constants were confirmed on fresh
worlds with a known truth: examples/benchmarks/trust.py.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, svds

from embedcli.evidence.bases import Floats, most_rated, preference_basis, principal_axes, weighted_centred
from embedcli.evidence.confounds import UserFacts, explained, goes_with
from embedcli.evidence.cores import n_cores
from embedcli.evidence.observations import BiasModel, Observations, bias_model

N_TESTED = 8  # components
LEAST_T, LEAST_SLOPE = 3.0, 0.5
DAMPING, SWEEPS = 3.0, 6  # of the model with biases alone, whose residuals are explained
FOLD_SWEEPS = 2  # from the biases of all rows
MOST_TESTED = 1_000_000  # held-out rows
FLIPS, FEW_FLIPS, MANY = 40, 5, 1_000_000  # the few if there are many ratings
MARGIN, OFFSET, TOLERANCE = 1.02, 20, 0.01


@dataclass(frozen=True)
class ComponentEvidence:
    """What the held-out rows say of the components, the largest first.

    `preference` and `pca` hold t (K,) and slope (K,) of the components in either basis. `n_sign_flips` is the number
    of components by sign flips, `fold_axes` (F, I, K) the preference axes of each fold member. `goes_with` says of the
    components of both bases what they go with that is not a taste, None for nothing.
    """

    preference: tuple[Floats, Floats]
    pca: tuple[Floats, Floats]
    n_sign_flips: int
    fold_axes: NDArray[np.float32]
    goes_with: tuple[list[str | None], list[str | None]]


def component_evidence(
    observations: Observations,
    fold: NDArray[np.uint8],
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
    stars_per_logit: float,
    rng: np.random.Generator,
    seconds: NDArray[np.int64] | None = None,
) -> ComponentEvidence:
    """Test the components of a model on ratings it has not seen.

    `fold` (n,) is the fold of each row; user_factors (F, U, k) and item_factors (F, I, k) are those of the members
    trained without a fold each. `stars_per_logit` is the slope of the link at the mean rating. If there are more
    than a million rows, a random million is tested. `seconds` (n,) are the times of the rows, if known.
    """
    biases, facts = bias_model(observations, DAMPING, SWEEPS), UserFacts.of(observations, seconds)
    n, top = len(observations.value), most_rated(biases.n_by_item)  # the items that `pca` takes
    tested = slice(None) if n <= MOST_TESTED else np.sort(rng.choice(n, MOST_TESTED, replace=False, shuffle=False))
    rows, fold_of_rows = observations.take(tested), fold[tested]

    def of_fold(f: int) -> FoldEvidence:
        unseen = rows.take(fold_of_rows == f)
        of_seen = bias_model(observations, DAMPING, FOLD_SWEEPS, seen=fold != f, start=biases)
        counts = of_seen.n_by_user, of_seen.n_by_item
        users, items = (side[f].astype(np.float64) for side in (user_factors, item_factors))
        u, s, v = preference_basis(users, items, *counts, N_TESTED)
        directions = principal_axes(items[top])[0][:, :N_TESTED]
        x, y = (weighted_centred(side, n) @ directions for side, n in zip((users, items), counts, strict=True))
        causes = partial(explained, unseen=unseen, biases=of_seen, facts=facts.seen(observations, of_seen, fold != f))
        return FoldEvidence(
            preference=u[unseen.user] * s[: u.shape[1]] * v[unseen.item] * stars_per_logit,
            pca=x[unseen.user] * y[unseen.item] * stars_per_logit,
            residuals=of_seen.residuals(unseen),
            axes=v.astype(np.float32),
            causes=(causes(u * s[: u.shape[1]], v), causes(x, y)),
        )

    with ThreadPoolExecutor(n_cores()) as pool:
        by_preference, by_pca, residuals, axes, causes = zip(*pool.map(of_fold, range(len(user_factors))), strict=True)
    every_residual = np.concatenate(residuals)
    of_preference, of_pca = (
        goes_with(np.sum(sums, axis=0), facts.share_of_copies) for sums in zip(*causes, strict=True)
    )
    return ComponentEvidence(
        preference=regress(np.concatenate(by_preference), every_residual),
        pca=regress(np.concatenate(by_pca), every_residual),
        n_sign_flips=sign_flips(observations, biases, rng),
        fold_axes=np.array(axes),
        goes_with=(of_preference, of_pca),
    )


class FoldEvidence(NamedTuple):
    """What the components of a fold member contribute to rows of its fold (m, K), their residuals (m,), the axes.

    `causes` are the sums of `explained` (4, K) in both bases.
    """

    preference: Floats
    pca: Floats
    residuals: Floats
    axes: NDArray[np.float32]
    causes: tuple[Floats, Floats]


def regress(x: Floats, y: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (t (K,), slope (K,)) of the least-squares regression of y (n,) on the columns of x (n, K) together."""
    gram = x.T @ x + 1e-12 * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, x.T @ y)
    variance = float(((y - x @ slope) ** 2).sum()) / max(len(y) - x.shape[1], 1)
    error = np.sqrt(variance * np.diag(np.linalg.inv(gram)))
    return np.divide(slope, error, out=np.zeros_like(slope), where=error > 0), slope


def sign_flips(observations: Observations, biases: BiasModel, rng: np.random.Generator) -> int:
    """Return how many singular values of the residuals are above those of residuals with random signs.

    The residuals are those of the bias model, weighted by 1 / sqrt((n_u + 20)(n_i + 20)). The threshold is 1.02 times
    the largest value of 40 flips (signflip parallel analysis), or of 5 from a million ratings on.
    """
    shape = observations.n_users, observations.n_items
    k = min(N_TESTED + 2, min(shape) - 1)
    user_weight, item_weight = (1 / np.sqrt(n + OFFSET) for n in (biases.n_by_user, biases.n_by_item))
    weighted = np.empty(len(observations.value), np.float32)
    for rows in observations.blocks():
        block = observations.take(rows)
        weighted[rows] = biases.residuals(block) * user_weight[block.user] * item_weight[block.item]
    if k < 1 or not weighted.any():
        return 0
    return n_above_flips(sp.csr_array((weighted, (observations.user, observations.item)), shape=shape), k, rng)


def n_above_flips(matrix: sp.csr_array, k: int, rng: np.random.Generator) -> int:
    """Return how many of the k largest singular values of a matrix are above MARGIN times the largest of the flips."""
    start = rng.normal(size=min(matrix.shape)).astype(matrix.dtype)
    found = singular_values(matrix, k, start)
    return int((found > MARGIN * largest_of_flips(matrix, start, rng)).sum())


def largest_of_flips(matrix: sp.csr_array, start: NDArray[Any], rng: np.random.Generator) -> float:
    """Return the largest singular value of a matrix with random signs, the largest of 40 draws or of 5.

    Five are enough for many ratings: the standard deviation of the draws over their mean is .014 at 90,000 ratings
    (MovieLens 100K), .003 at 1 million and .001 at 5 million, where MARGIN is .02.
    """

    def flipped(rng: np.random.Generator) -> float:
        signs = rng.integers(0, 2, len(matrix.data), dtype=np.bool_)
        data = np.where(signs, matrix.data, -matrix.data)
        same_cells = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        return float(singular_values(same_cells, 1, start)[0])

    n_flips = FLIPS if matrix.nnz < MANY else FEW_FLIPS
    with ThreadPoolExecutor(n_cores()) as pool:
        return max(pool.map(flipped, rng.spawn(n_flips)))


def singular_values(matrix: sp.csr_array, k: int, start: NDArray[Any]) -> NDArray[Any]:
    """Return the k largest singular values to four digits; `svds` alone would copy the matrix for its transpose."""
    a, b = matrix.dot, matrix.T.dot
    products = LinearOperator(matrix.shape, matvec=a, rmatvec=b, matmat=a, rmatmat=b, dtype=matrix.dtype)
    return np.asarray(svds(products, k, v0=start, tol=TOLERANCE, return_singular_vectors=False))

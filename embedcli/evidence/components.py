"""Which components of a model are real: members trained on parts of the ratings predict the rest.

The held-out residuals of a model with biases alone are regressed on what all components of the fold members together
contribute to the predictions, in the preference basis and of the PCA. The axes of a fold member are put in the order
of the run's axes that they are most like, so that component j of the tests is the run's. Sign flips of the residuals
(Hong, Sheng and Dobriban 2020) are the second opinion: stricter, and weaker if ratings are few. The constants were
confirmed on fresh worlds with a known truth: examples/benchmarks/trust.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, svds

from embedcli.evidence.bases import (
    Floats,
    Rows,
    coordinates,
    most_rated,
    preference_axes,
    preference_basis,
    principal_axes,
    side_by_side,
    unit,
    weighted_centred,
)
from embedcli.evidence.confounds import UserFacts, explained, goes_with
from embedcli.evidence.cores import n_cores
from embedcli.evidence.observations import BiasModel, Observations, bias_model
from embedcli.evidence.statistics import best_assignment
from embedcli.progress import step

N_TESTED = 8  # components
SAME = 0.75  # least |cosine| of one axis in a run and in a fold member: in empty worlds hardly any axes reach it
N_MATCHED = 16  # axes of a fold member, among which those of the run are looked for
DAMPING, SWEEPS = 3.0, 6  # of the model with biases alone, whose residuals are explained
FOLD_SWEEPS = 2  # from the biases of all rows
MOST_TESTED = 1_000_000  # held-out rows
FLIPS, FEW_FLIPS, MANY = 40, 5, 1_000_000  # the few if there are many ratings
MARGIN, OFFSET, TOLERANCE = 1.02, 20, 0.01
STEPS_OF_FOLD = 10  # as long as so many flips


@dataclass(frozen=True)
class ComponentEvidence:
    """What the held-out rows say of the components, the largest first.

    `preference` and `pca` hold t (K,) and slope (K,) of the components in either basis. `explained` is the share of
    the variance of the residuals that the preference components explain together. `goes_with` says of the components
    of both bases what they go with that is not a taste, None for nothing.
    """

    preference: tuple[Floats, Floats]
    pca: tuple[Floats, Floats]
    explained: float
    goes_with: tuple[list[str | None], list[str | None]]


class Factors(NamedTuple):
    """The factors of members: of users (M, U, k) and of items (M, I, k)."""

    users: NDArray[np.float32]
    items: NDArray[np.float32]


def component_evidence(
    observations: Observations,
    members: Factors,
    fold: NDArray[np.uint8],
    fold_members: Factors,
    stars_per_logit: float,
    rng: np.random.Generator,
    seconds: NDArray[np.int64] | None = None,
) -> ComponentEvidence:
    """Test the components of the members of a run on ratings that members without a fold each have not seen.

    `fold` (n,) is the fold of each row. `stars_per_logit` is the slope of the link at the mean rating. If there are
    more than a million rows, a random million is tested. `seconds` (n,) are the times of the rows, if known.
    """
    biases, facts = bias_model(observations, DAMPING, SWEEPS), UserFacts.of(observations, seconds)
    n, own = len(observations.value), RunAxes.of(members, biases)
    tested = slice(None) if n <= MOST_TESTED else np.sort(rng.choice(n, MOST_TESTED, replace=False, shuffle=False))
    rows, fold_of_rows = observations.take(tested), fold[tested]

    def of_fold(f: int) -> FoldEvidence:
        unseen = rows.take(fold_of_rows == f)
        of_seen = bias_model(observations, DAMPING, FOLD_SWEEPS, seen=fold != f, start=biases)
        counts = of_seen.n_by_user, of_seen.n_by_item
        users, items = (side[f].astype(np.float64) for side in fold_members)
        u, s, v = preference_basis(users, items, *counts, N_MATCHED)
        matched = counterparts(own.preference, np.sqrt(biases.n_by_item)[:, None] * v)
        directions = principal_axes(items[own.top])[0][:, :N_MATCHED]
        centred = items[own.top] - items[own.top].mean(0)
        directions = directions[:, counterparts(own.pca, centred @ directions)]
        x, y = (weighted_centred(side, n) @ directions for side, n in zip((users, items), counts, strict=True))
        step(STEPS_OF_FOLD)
        causes = partial(explained, unseen=unseen, biases=of_seen, facts=facts.seen(observations, of_seen, fold != f))
        return FoldEvidence(
            preference=(u * s[: u.shape[1]])[:, matched][unseen.user] * v[:, matched][unseen.item] * stars_per_logit,
            pca=x[unseen.user] * y[unseen.item] * stars_per_logit,
            residuals=of_seen.residuals(unseen),
            causes=(causes((u * s[: u.shape[1]])[:, matched], v[:, matched]), causes(x, y)),
        )

    with ThreadPoolExecutor(n_cores()) as pool:
        of_folds = list(pool.map(of_fold, range(len(fold_members.items))))
    by_preference, by_pca, residuals, causes = zip(*of_folds, strict=True)
    contributions, every_residual = np.concatenate(by_preference), np.concatenate(residuals)
    of_preference, of_pca = (
        goes_with(np.sum(sums, axis=0), facts.share_of_copies) for sums in zip(*causes, strict=True)
    )
    return ComponentEvidence(
        preference=regress(contributions, every_residual),
        pca=regress(np.concatenate(by_pca), every_residual),
        explained=explained_share(contributions, every_residual),
        goes_with=(of_preference, of_pca),
    )


class RunAxes(NamedTuple):
    """The items on the axes of a run's members together, to match those of a fold member with.

    `preference` (I, K) is weighted by the root of the numbers of ratings; `pca` (n, K) is over the items `top` (n,).
    """

    preference: Floats
    pca: Floats
    top: Rows

    @classmethod
    def of(cls, members: Factors, biases: BiasModel) -> RunAxes:
        """Find the axes, no more than a fold member has."""
        counts, k = (biases.n_by_user, biases.n_by_item), min(N_TESTED, members.items.shape[2])
        top = most_rated(biases.n_by_item)  # the items that `pca` takes
        _, _, axes = preference_axes(*members, *counts, k)
        preference = coordinates(members.items, np.arange(members.items.shape[1]), axes)
        together = side_by_side(members.items[:, top])
        together -= together.mean(0)
        return cls(np.sqrt(biases.n_by_item)[:, None] * preference, together @ principal_axes(together)[0][:, :k], top)


def counterparts(own: Floats, theirs: Floats) -> Rows:
    """Return which of the axes (n, K') is that of a run (n, K), for each: the sum of |cosine| is largest.

    Only a |cosine| of at least SAME counts, and the rest take the axes that are left by rank. A run knows the held-out
    rows: the axes that are most like its noise would fit the noise of these rows.
    """
    cosine = np.abs(unit(own).T @ unit(theirs))
    gains = np.where(cosine >= SAME, cosine, 0)
    chosen = best_assignment(gains)
    is_same = gains[np.arange(len(gains)), chosen] > 0
    chosen[~is_same] = np.setdiff1d(np.arange(gains.shape[1]), chosen[is_same])[: (~is_same).sum()]
    return chosen


class FoldEvidence(NamedTuple):
    """What the components of a fold member contribute to rows of its fold (m, K), and their residuals (m,).

    `causes` are the sums of `explained` (4, K) in both bases.
    """

    preference: Floats
    pca: Floats
    residuals: Floats
    causes: tuple[Floats, Floats]


def regress(x: Floats, y: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (t (K,), slope (K,)) of the least-squares regression of y (n,) on the columns of x (n, K) together."""
    gram = x.T @ x + 1e-12 * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, x.T @ y)
    variance = float(((y - x @ slope) ** 2).sum()) / max(len(y) - x.shape[1], 1)
    error = np.sqrt(variance * np.diag(np.linalg.inv(gram)))
    return np.divide(slope, error, out=np.zeros_like(slope), where=error > 0), slope


def explained_share(x: Floats, y: Floats) -> float:
    """Return the share of the sum of squares of y (n,) that the columns of x (n, K) explain together."""
    return 1 - float(((y - x @ regress(x, y)[1]) ** 2).sum() / max(float(y @ y), 1e-12))


def sign_flips(observations: Observations, rng: np.random.Generator) -> int:
    """Return how many singular values of the residuals are above those of residuals with random signs.

    The residuals are those of the bias model, weighted by 1 / sqrt((n_u + 20)(n_i + 20)). The threshold is 1.02 times
    the largest value of 40 flips (signflip parallel analysis), or of 5 from a million ratings on.
    """
    shape, biases = (observations.n_users, observations.n_items), bias_model(observations, DAMPING, SWEEPS)
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
        found = float(singular_values(same_cells, 1, start)[0])
        step()
        return found

    with ThreadPoolExecutor(n_cores()) as pool:
        return max(pool.map(flipped, rng.spawn(n_flips(matrix.nnz))))


def n_flips(n_ratings: int) -> int:
    """Return how many times the signs of so many residuals are drawn."""
    return FLIPS if n_ratings < MANY else FEW_FLIPS


def n_tests(n_folds: int, n_ratings: int) -> int:
    """Return the number of steps of `component_evidence`."""
    return STEPS_OF_FOLD * n_folds + n_flips(n_ratings)


def singular_values(matrix: sp.csr_array, k: int, start: NDArray[Any]) -> NDArray[Any]:
    """Return the k largest singular values to four digits; `svds` alone would copy the matrix for its transpose."""
    a, b = matrix.dot, matrix.T.dot
    products = LinearOperator(matrix.shape, matvec=a, rmatvec=b, matmat=a, rmatmat=b, dtype=matrix.dtype)
    return np.asarray(svds(products, k, v0=start, tol=TOLERANCE, return_singular_vectors=False))

"""Projecting items into two dimensions by their neighbours, and measuring how well a map preserves neighbours."""

from dataclasses import dataclass

import numpy as np

from embedcli.analysis.choices import Method
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, turning_axes
from embedcli.progress import stage

LEAST_ITEMS = 5  # of a map: fewer have hardly any neighbours
NEIGHBOURS = 10  # per item
MOST_SAMPLED = 1000  # items whose neighbours are compared, spread evenly over all
TOGETHER = 250  # items whose distances to all others are in memory at once
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Fidelity:
    """How well a map preserves the neighbours of the items on it.

    `recall` is the mean share of an item's `n_neighbours` nearest that are among its nearest on the map; `chance` is
    that of random positions. `trustworthiness` is 1 if no item is near another one on the map that it is far from by
    the unit vectors (Venna and Kaski 2001), .5 by chance.
    """

    recall: float
    chance: float
    trustworthiness: float
    n_neighbours: int


def project(vectors: Floats, method: Method, seed: int) -> Floats:
    """Project unit vectors (n, R) into two dimensions -> (n, 2); the same seed gives the same.

    By scikit-learn's t-SNE, started from the principal components, or by UMAP, whose package umap-learn is optional.
    """
    vectors = vectors @ turning_axes(vectors)[0]  # so that no map is mirrored if they are
    if method is Method.TSNE:
        from sklearn.manifold import TSNE

        perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
        projection = TSNE(init="pca", learning_rate="auto", perplexity=perplexity, random_state=seed)
    else:
        try:
            from umap import UMAP
        except ImportError:
            raise UsageError("`method` umap needs UMAP, which is not installed", "pip install umap-learn") from None
        projection = UMAP(n_neighbors=min(15, len(vectors) - 1), metric="cosine", random_state=seed, n_jobs=1)
    with stage(f"{method} of {len(vectors):,} items"):
        xy: Floats = np.asarray(projection.fit_transform(vectors), dtype=np.float64)
    return xy


def fidelity(vectors: Floats, xy: Floats, n_neighbours: int = NEIGHBOURS) -> Fidelity:
    """Measure how well positions (n, 2) preserve the neighbours by the unit vectors (n, R) of the same items.

    Of more than MOST_SAMPLED items, the neighbours of that many are compared. Memory is n x TOGETHER.
    """
    n = len(vectors)
    k = max(1, min(n_neighbours, (n - 1) // 2 - (n % 2 == 0)))  # trustworthiness needs fewer than half
    sampled = np.unique(np.linspace(0, n - 1, min(n, MOST_SAMPLED)).astype(np.int64))
    n_kept = excess = 0.0
    for block in np.array_split(sampled, -(-len(sampled) // TOGETHER)):
        on_map, true = _squared_distances(xy, block), _squared_distances(vectors, block)
        nearest = np.argpartition(on_map, k, axis=1)[:, : k + 1]  # itself too, whose rank is 0
        ranks = _ranks(true, nearest)
        ranks = ranks[ranks > 0]  # (n of the block * k,), 1 for the nearest
        n_kept += float((ranks <= k).sum())
        excess += float(np.maximum(ranks - k, 0).sum())
    worst = len(sampled) * k * (2 * n - 3 * k - 1) / 2
    return Fidelity(n_kept / (len(sampled) * k), k / (n - 1), 1 - excess / worst, k)


def _squared_distances(points: Floats, block: Rows) -> Floats:
    """Return the squared distances of each of a block to all points (n, R): (n of the block, n), -inf to itself."""
    squares = (points**2).sum(1)
    distances: Floats = squares[block][:, None] + squares - 2 * points[block] @ points.T
    distances[np.arange(len(block)), block] = -np.inf
    return distances


def _ranks(distances: Floats, columns: Rows) -> Rows:
    """Return the ranks, from 0, of some columns (b, k) by the distances (b, n); of equal ones the first is nearer."""
    ranks = np.empty_like(columns)
    every = np.arange(distances.shape[1])
    for place, column in enumerate(columns.T):
        own = np.take_along_axis(distances, column[:, None], 1)
        is_nearer = (distances < own) | ((distances == own) & (every < column[:, None]))
        ranks[:, place] = is_nearer.sum(1)
    return ranks

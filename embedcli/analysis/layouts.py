"""Laying items out in two dimensions by their neighbours, and measuring what a layout keeps of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import Method
from embedcli.errors import UsageError
from embedcli.evidence.bases import side_by_side

Floats = NDArray[np.float64]

LEAST_ITEMS = 5  # fewer have no neighbourhoods to speak of
NEIGHBOURS = 10  # looked at per item
MOST_ASKED = 1000  # items whose neighbourhoods are looked at, spread evenly over all
TOGETHER = 250  # items whose distances to all others are held in memory at once
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Fidelity:
    """What a layout keeps of the neighbourhoods among the items on it.

    `recall` is the share of an item's `n_neighbours` nearest by the angle between embeddings that are among its
    nearest on the map, on average, and `chance` what any layout would reach by chance. `trustworthiness` is 1 where
    no item stands beside another on the map that it is far from in truth (Venna and Kaski 2001), .5 by chance.
    """

    recall: float
    chance: float
    trustworthiness: float
    n_neighbours: int


def unit_vectors(factors: NDArray[np.float32], rows: NDArray[np.int64]) -> Floats:
    """Return the embeddings (n, M k) of some items at length 1: each member's factors centred, side by side."""
    chosen = factors[:, rows].astype(np.float64)
    every = side_by_side(chosen - chosen.mean(1, keepdims=True))
    length = np.linalg.norm(every, axis=1, keepdims=True)
    unit: Floats = every / np.where(length > 0, length, 1)
    return unit


def layout(near: Floats, method: Method, seed: int) -> Floats:
    """Lay items out in two dimensions by their unit vectors (n, R) -> (n, 2); the same seed gives the same.

    scikit-learn's t-SNE, begun from the principal components, or UMAP, whose package umap-learn is optional.
    """
    if method is Method.TSNE:
        from sklearn.manifold import TSNE

        perplexity = min(PERPLEXITY, (len(near) - 1) / 3)
        found = TSNE(init="pca", learning_rate="auto", perplexity=perplexity, random_state=seed).fit_transform(near)
    else:
        try:
            from umap import UMAP
        except ImportError:
            raise UsageError("--method umap needs UMAP, which is not installed", "pip install umap-learn") from None
        n_neighbours = min(15, len(near) - 1)
        found = UMAP(n_neighbors=n_neighbours, metric="cosine", random_state=seed, n_jobs=1).fit_transform(near)
    xy: Floats = np.asarray(found, dtype=np.float64)
    return xy


def fidelity(near: Floats, xy: Floats, n_neighbours: int = NEIGHBOURS) -> Fidelity:
    """Measure what a layout (n, 2) keeps of the neighbourhoods by the unit vectors (n, R) of the same items.

    Of more than MOST_ASKED items, the neighbourhoods of so many are looked at, among all. Memory is n x TOGETHER.
    """
    n = len(near)
    k = max(1, min(n_neighbours, (n - 1) // 2 - (n % 2 == 0)))  # trustworthiness asks for fewer than half
    asked = np.unique(np.linspace(0, n - 1, min(n, MOST_ASKED)).astype(np.int64))
    kept = far = 0.0
    for here in np.array_split(asked, -(-len(asked) // TOGETHER)):
        true_rank = _ranks(_apart(near, here), here)
        drawn = np.argsort(_ranks(_apart(xy, here), here), axis=1)[:, 1 : k + 1]
        ranks = np.take_along_axis(true_rank, drawn, 1)  # (n_here, k), 1 for the nearest
        kept += float((ranks <= k).sum())
        far += float(np.maximum(ranks - k, 0).sum())
    worst = len(asked) * k * (2 * n - 3 * k - 1) / 2
    return Fidelity(kept / (len(asked) * k), k / (n - 1), 1 - far / worst, k)


def _apart(points: Floats, here: NDArray[np.int64]) -> Floats:
    """Return squared distances (n_here, n)."""
    squares = (points**2).sum(1)
    found: Floats = squares[here][:, None] + squares - 2 * points[here] @ points.T
    return found


def _ranks(apart: Floats, here: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank every item by its distance from those here (n_here, n): 0 is the item itself, 1 the nearest other."""
    apart[np.arange(len(here)), here] = -np.inf
    ranks = np.empty(apart.shape, dtype=np.int64)
    np.put_along_axis(ranks, np.argsort(apart, axis=1, kind="stable"), np.arange(apart.shape[1])[None], 1)
    return ranks

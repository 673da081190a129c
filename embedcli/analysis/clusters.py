"""Groups of items, what is over-represented in each, and whether they are groups at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from embedcli.analysis.choices import Grouping
from embedcli.analysis.effects import Candidates, false_discovery
from embedcli.analysis.selection import check_limit, most_rated_first
from embedcli.errors import UsageError
from embedcli.evidence.bases import principal_axes, side_by_side
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_AXES = 20  # principal ones of all members' embeddings, that distances are taken in
LEVEL = 0.05
FEWEST = 5  # items of a cluster with a tag: fewer are not named
CONTROLS = 5  # clouds without groups that the silhouette is held against


@dataclass(frozen=True)
class Tagged:
    """A tag with `n` items in a cluster, `lift` times as many as by chance; q by Benjamini and Hochberg."""

    tag: str
    n: int
    lift: float
    q: float


@dataclass(frozen=True)
class Cluster:
    """A group of items: the most rated of those nearest to its middle, and the tags over-represented in it.

    `stability` is the mean Jaccard overlap with its best match in members that left out a fold of the ratings each.
    """

    cluster: int
    n: int
    silhouette: float
    stability: float | None
    tags: tuple[Tagged, ...]
    central: tuple[str, ...]
    most_rated: tuple[str, ...]


@dataclass(frozen=True)
class Clusters:
    """Groups, the largest first, and the group of every item looked at.

    `silhouette` is the mean over the items (Rousseeuw 1987), `control` the highest that clouds without groups but with
    the same covariance reach: below it there are no groups, only a continuum cut in pieces. `stability` is the mean
    adjusted Rand index with members that left out a fold.
    """

    clusters: tuple[Cluster, ...]
    method: Grouping
    silhouette: float
    control: float
    stability: float | None
    n_items: int
    items: str
    n_folds: int
    rows: Rows
    labels: NDArray[np.int64]

    def to_frame(self) -> pd.DataFrame:
        """Return the clusters as a table."""
        import pandas as pd

        return pd.DataFrame([vars(cluster) for cluster in self.clusters])


def clusters(
    run: Run,
    *,
    k: int = 8,
    method: Grouping = Grouping.KMEANS,
    limit: int = 5,
    min_ratings: int | None = None,
    top_items: int | None = None,
    seed: int = 0,
) -> Clusters:
    """Cut the items into k groups by k-means or Ward's hierarchical clustering (scikit-learn).

    Distances are those in the largest principal axes of all members' embeddings side by side; the items are
    those that `pca` takes. Raises UsageError where there are too few items for so many groups.
    """
    rows, described = most_rated_first(run, min_ratings, top_items)
    if not 2 <= k <= len(rows) // 2:
        raise UsageError(
            f"-k {k} is not from 2 to {len(rows) // 2}, half of the {len(rows)} {run.data.noun}s", "give another -k"
        )
    check_limit(limit, "items per cluster")
    x = _scores(side_by_side(run.array("item_factors"))[rows])
    labels = _by_size(_group(x, k, method, seed))
    folds = [] if "fold_item_factors" not in run.arrays else list(run.array("fold_item_factors"))
    others = [_group(_scores(fold[rows].astype(np.float64)), k, method, seed) for fold in folds]
    rng = np.random.default_rng(seed)
    return Clusters(
        clusters=_described(run, rows, x, labels, others, limit),
        method=method,
        silhouette=float(silhouette_score(x, labels)),
        control=max(_control(x, k, method, seed, rng) for _ in range(CONTROLS)),
        stability=float(np.mean([adjusted_rand_score(labels, other) for other in others])) if others else None,
        n_items=len(rows),
        items=described,
        n_folds=len(others),
        rows=rows,
        labels=labels,
    )


def _scores(factors: Floats) -> Floats:
    """Return factors (n, R) on their largest principal axes."""
    scores: Floats = (factors - factors.mean(0)) @ principal_axes(factors)[0][:, :MOST_AXES]
    return scores


def _group(x: Floats, k: int, method: Grouping, seed: int) -> NDArray[np.int64]:
    if method is Grouping.KMEANS:
        return KMeans(k, n_init=4, random_state=seed).fit_predict(x).astype(np.int64)  # type: ignore[no-any-return]
    return AgglomerativeClustering(k).fit_predict(x).astype(np.int64)  # type: ignore[no-any-return]


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the groups new numbers from 0 on, the largest first."""
    order = np.argsort(-np.bincount(labels), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place[labels]


def _control(x: Floats, k: int, method: Grouping, seed: int, rng: np.random.Generator) -> float:
    """Return the silhouette of groups in a normal cloud with the covariance of x (whose columns are uncorrelated)."""
    cloud = rng.normal(size=x.shape) * x.std(0)
    return float(silhouette_score(cloud, _group(cloud, k, method, seed)))


def _described(
    run: Run, rows: Rows, x: Floats, labels: NDArray[np.int64], others: list[NDArray[np.int64]], limit: int
) -> tuple[Cluster, ...]:
    from sklearn.metrics import silhouette_samples

    apart, tags = silhouette_samples(x, labels), _tags(Candidates.of(run, rows), labels)
    found = []
    for cluster in range(labels.max() + 1):
        here = np.flatnonzero(labels == cluster)
        middle = x[here].mean(0)
        nearest = here[np.argsort(((x[here] - middle) ** 2).sum(1), kind="stable")]
        found.append(
            Cluster(
                cluster=cluster + 1,
                n=len(here),
                silhouette=float(apart[here].mean()),
                stability=float(np.mean([_overlap(labels == cluster, other) for other in others])) if others else None,
                tags=tags[cluster],
                central=tuple(run.items.titles[rows[at]] for at in nearest[:limit]),
                most_rated=tuple(run.items.titles[rows[at]] for at in here[:limit]),  # rows are the most rated first
            )
        )
    return tuple(found)


def _overlap(cluster: NDArray[np.bool_], other: NDArray[np.int64]) -> float:
    """Return the largest Jaccard overlap of a group with one of another grouping."""
    return max(
        float((cluster & (other == label)).sum() / (cluster | (other == label)).sum()) for label in np.unique(other)
    )


def _tags(candidates: Candidates, labels: NDArray[np.int64]) -> list[tuple[Tagged, ...]]:
    """Return, per group, the tags that more of its items carry than chance explains (hypergeometric test)."""
    n, carriers = len(labels), candidates.tags.sum(0)
    k = int(labels.max()) + 1
    here = np.array([candidates.tags[labels == cluster].sum(0) for cluster in range(k)])  # (k, n_tags)
    sizes = np.bincount(labels, minlength=k)[:, None]
    if not len(candidates.tag_names):
        return [()] * k
    p = hypergeom.sf(here - 1, n, carriers[None], sizes)
    q = false_discovery(p.reshape(-1, 1)).reshape(p.shape)
    lift = here / (sizes * carriers / n)
    return [
        tuple(
            sorted(
                (
                    Tagged(name, int(here[c, j]), float(lift[c, j]), float(q[c, j]))
                    for j, name in enumerate(candidates.tag_names)
                    if q[c, j] < LEVEL and here[c, j] >= FEWEST
                ),
                key=lambda tagged: -tagged.lift,
            )
        )
        for c in range(k)
    ]

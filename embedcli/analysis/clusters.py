"""Groups of items, what is over-represented in each, and whether they are groups at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from sklearn.metrics.cluster import contingency_matrix

from embedcli.analysis.choices import Angle, Grouping, Measure, chosen
from embedcli.analysis.effects import Candidates
from embedcli.analysis.metric import fold_vectors, measure_of, member_vectors, unit_vectors, units
from embedcli.analysis.record import PYTHON_ONLY, Record, Tone, Verdict
from embedcli.analysis.selection import check_limit, most_rated_first
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, turning_axes, weighted_axes
from embedcli.evidence.statistics import false_discovery_rates
from embedcli.progress import stage, step
from embedcli.run.record import Run

MOST_AXES = 20  # principal ones of all members' unit vectors, in which distances are measured
MOST_ITEMS = 5000  # a silhouette takes the distances of all pairs
LEVEL = 0.05
FEWEST = 5  # items of a cluster with a tag: fewer are not named
N_CONTROLS = 5  # clouds without groups that the silhouette is compared to
STABLE, DISSOLVED = 0.75, 0.5  # mean Jaccard overlap of a stable group, and of one that is not found again; Hennig 2007


@dataclass(frozen=True)
class Tagged:
    """A tag with `n` items in a cluster, `lift` times as many as by chance; q by Benjamini and Hochberg."""

    tag: str
    n: int
    lift: float
    q: float


@dataclass(frozen=True)
class Cluster:
    """A group of items, with the tags over-represented in it, its most central items and its most rated ones.

    `stability` is the mean Jaccard overlap with its best match in members that left out a fold of the ratings each.
    """

    cluster: int
    n: int
    silhouette: float
    stability: float | None
    tags: tuple[Tagged, ...]
    central: tuple[str, ...]
    most_rated: tuple[str, ...]

    def judged(self, *, has_groups: bool) -> Verdict | None:
        """Say whether other members find the group again, given whether there are groups at all; None if unknown."""
        if self.stability is None:
            return None
        found = f"found again {100 * self.stability:.0f} %"
        if self.stability < DISSOLVED:
            return Verdict(Tone.NONE, "not stable", found)
        if self.stability < STABLE:
            return Verdict(Tone.CAUTION, "hardly stable", found)
        return Verdict(Tone.GOOD, "stable", found) if has_groups else Verdict(Tone.CAUTION, "stable, no group", found)


@dataclass(frozen=True)
class GroupedItem:
    """An item with the number of its group."""

    cluster: int
    id: str
    title: str


@dataclass(frozen=True)
class Clusters(Record):
    """Groups, the largest first, and the group of each of the `n_items` items, the most rated first.

    `silhouette` is the mean over the items (Rousseeuw 1987), `control` the highest of clouds without groups but with
    the same mean and covariance. `stability` is the mean adjusted Rand index with members that left out a fold.
    """

    row_fields = ("grouped",)
    clusters: tuple[Cluster, ...]
    method: Grouping
    by: Measure
    silhouette: float
    control: float
    stability: float | None
    n_items: int
    items: str  # which items, in words
    n_folds: int
    grouped: Annotated[tuple[GroupedItem, ...], PYTHON_ONLY]

    @property
    def has_groups(self) -> bool:
        """Whether there are groups; without them the items are a continuum that is cut in pieces."""
        return self.silhouette > self.control

    @property
    def judged(self) -> Verdict:
        """What the evidence says of all groups together."""
        figures = f"silhouette {self.silhouette:.3f}, {self.control:.3f} for clouds without groups"
        if self.has_groups:
            return Verdict(Tone.GOOD, "there are groups", figures)
        return Verdict(Tone.CAUTION, "a continuum, cut in pieces", figures)


def clusters(
    run: Run,
    *,
    clusters: int = 8,
    method: str = Grouping.KMEANS.value,
    by: str | None = None,
    limit: int = 5,
    min_ratings: int | None = None,
    top_items: int | None = None,
    seed: int = 0,
) -> Clusters:
    """Cut the items into groups by k-means or Ward's hierarchical clustering (scikit-learn).

    Two items are near if the angle between their vectors is small, by the same measure as in `similar`. The unit
    vectors of all members are projected on their largest principal axes, and distances are measured there. The items
    are chosen as in `pca`, at most the MOST_ITEMS most rated.

    Raises UsageError if there are too few items for this number of groups, RunError if the run has no user factors to
    correlate preferences.
    """
    method, measure = chosen(Grouping, method, "method"), measure_of(run, by, Angle)
    rows, described = most_rated_first(run, min_ratings, top_items, MOST_ITEMS)
    if not 2 <= clusters <= len(rows) // 2:
        raise UsageError(
            f"`clusters` {clusters} is not from 2 to {len(rows) // 2}, half of the {len(rows)} {run.data.noun}s",
            "give another `clusters`",
        )
    check_limit(limit, "items per cluster")
    group = partial(_group, n_clusters=clusters, method=method, seed=seed)
    vectors = [own.of(rows) for own in member_vectors(run, measure)]
    x, of_folds = _scores(units(vectors)), fold_vectors(run, measure)
    with stage("grouping", 1 + len(of_folds) + N_CONTROLS):
        labels = group(x)
        folds = [group(_scores(unit_vectors([fold], rows))) for fold in of_folds]
        control = _control(vectors, group, seed)
    labels = np.argsort(-np.bincount(labels), kind="stable").argsort()[labels]  # new numbers, the largest group first
    return Clusters(
        clusters=_described(run, rows, x, labels, folds, limit),
        method=method,
        by=measure,
        silhouette=float(silhouette_score(x, labels)),
        control=control,
        stability=float(np.mean([adjusted_rand_score(labels, fold) for fold in folds])) if folds else None,
        n_items=len(rows),
        items=described,
        n_folds=len(folds),
        grouped=tuple(
            GroupedItem(label, run.items.ids[row], run.items.titles[row])
            for row, label in zip(rows, (labels + 1).tolist(), strict=True)
        ),
    )


def _scores(x: Floats) -> Floats:
    """Return unit vectors (n, R) on their largest principal axes."""
    scores: Floats = (x - x.mean(0)) @ weighted_axes(x, np.ones(len(x)))[:, :MOST_AXES]
    return scores


def _group(x: Floats, n_clusters: int, method: Grouping, seed: int) -> Rows:
    is_kmeans = method is Grouping.KMEANS
    model = KMeans(n_clusters, n_init=4, random_state=seed) if is_kmeans else AgglomerativeClustering(n_clusters)
    labels: Rows = model.fit_predict(x).astype(np.int64)
    step()
    return labels


def _control(vectors: Sequence[Floats], group: Callable[[Floats], Rows], seed: int) -> float:
    """Return the highest silhouette of groups in normal clouds with the mean and covariance of the members' vectors.

    A cloud is drawn first. Then its vectors are set to length 1, as the vectors (n, k) of each member are.
    """
    rng, side_by_side = np.random.default_rng(seed), np.hstack(vectors)
    axes, variances = turning_axes(side_by_side)
    root = np.sqrt(variances)[:, None] * axes.T
    silhouettes = []
    for _ in range(N_CONTROLS):
        cloud = side_by_side.mean(0) + rng.normal(size=(len(side_by_side), len(root))) @ root
        scores = _scores(units(np.split(cloud, len(vectors), axis=1)))
        silhouettes.append(float(silhouette_score(scores, group(scores))))
    return max(silhouettes)


def _described(run: Run, rows: Rows, x: Floats, labels: Rows, folds: list[Rows], limit: int) -> tuple[Cluster, ...]:
    """Describe each group of the items x (n, R); `folds` are the groups in members that left out a fold."""
    silhouettes, tags = silhouette_samples(x, labels), _tags(Candidates.of(run, rows), labels)
    overlaps = np.array([_best_overlaps(labels, fold) for fold in folds])  # (F, k)
    described, n_rated = [], limit if run.item_stats.is_known else 0
    for label in range(labels.max() + 1):
        group = np.flatnonzero(labels == label)
        distances = ((x[group] - x[group].mean(0)) ** 2).sum(1)
        central, most_rated = group[np.argsort(distances, kind="stable")], group  # rows are the most rated first
        described.append(
            Cluster(
                cluster=label + 1,
                n=len(group),
                silhouette=float(silhouettes[group].mean()),
                stability=float(overlaps[:, label].mean()) if folds else None,
                tags=tags[label],
                central=tuple(run.items.titles[rows[j]] for j in central[:limit]),
                most_rated=tuple(run.items.titles[rows[j]] for j in most_rated[:n_rated]),
            )
        )
    return tuple(described)


def _best_overlaps(labels: Rows, others: Rows) -> Floats:
    """Return the largest Jaccard overlap of each group with a group of other labels."""
    both = contingency_matrix(labels, others)
    overlaps: Floats = (both / (both.sum(1, keepdims=True) + both.sum(0) - both)).max(1)
    return overlaps


def _tags(candidates: Candidates, labels: Rows) -> list[tuple[Tagged, ...]]:
    """Return, per group, the tags that more of its items carry than chance explains (hypergeometric test)."""
    sizes = np.bincount(labels)[:, None]
    if not len(candidates.tag_names):
        return [()] * len(sizes)
    n, n_tagged = len(labels), candidates.tags.sum(0)
    counts = np.array([candidates.tags[labels == label].sum(0) for label in range(len(sizes))])  # (k, n_tags)
    from scipy.stats import hypergeom

    p = hypergeom.sf(counts - 1, n, n_tagged[None], sizes)
    q = false_discovery_rates(p.ravel()).reshape(p.shape)
    lift = counts / (sizes * n_tagged / n)
    groups: list[list[Tagged]] = [[] for _ in sizes]
    for group, j in np.argwhere((q < LEVEL) & (counts >= FEWEST)):
        figures = (values[group, j].item() for values in (counts, lift, q))
        groups[group].append(Tagged(candidates.tag_names[j], *figures))
    return [tuple(sorted(tags, key=lambda tagged: -tagged.lift)) for tags in groups]

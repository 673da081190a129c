"""How groups are shown."""

from collections.abc import Sequence

from embedcli.analysis.clusters import DISSOLVED, STABLE, Cluster, Clusters
from embedcli.analysis.record import Verdict
from embedcli.render.similar import about_measure
from embedcli.render.view import Block, Titled, View, view_of
from embedcli.run.record import Run


def view(grouping: Clusters, run: Run) -> View:
    """Show every group: its size, what is over-represented, and items."""
    noun, by = run.data.noun, f"{grouping.by.value} ({grouping.method.value})"
    explanation = [
        about_measure(grouping.by, noun),
        "The silhouette compares the distances within groups to those between them. Groups are real only if it is "
        "higher than for groups of normal clouds with the same mean and covariance.",
        f"A tag is x times as frequent in the group as by chance (number of {noun}s), with q < .05 by a hypergeometric "
        "test and Benjamini-Hochberg.",
    ]
    if grouping.stability is not None:
        explanation.append(
            f"Found again is the mean overlap (Jaccard) with the nearest group in {grouping.n_folds} members, each "
            f"trained without a fold of the ratings. The adjusted Rand index of all groups is {grouping.stability:.2f} "
            f"(1 the same, 0 chance). A group is stable from {100 * STABLE:.0f} %, and not stable below "
            f"{100 * DISSOLVED:.0f} % (Hennig 2007)."
        )
    return view_of(
        grouping,
        run,
        f"{len(grouping.clusters)} groups by {by} | {run.headline} | {grouping.items}",
        [_block(cluster, noun, cluster.judged(has_groups=grouping.has_groups)) for cluster in grouping.clusters],
        explanation=explanation,
        verdict=grouping.judged,
    )


def _block(cluster: Cluster, noun: str, verdict: Verdict | None) -> Block:
    heading = f"{cluster.cluster}  {cluster.n:,} {noun}s | silhouette {cluster.silhouette:.2f}"
    tags = "  ".join(f"{tag.tag} x{tag.lift:.1f} ({tag.n})" for tag in cluster.tags) or "none more than by chance"
    lines = [("tags", tags), ("most rated", _listed(cluster.most_rated)), ("central", _listed(cluster.central))]
    return Block(heading, [(f"  {label}", words) for label, words in lines if words], verdict=verdict)


def _listed(titles: Sequence[str]) -> str:
    return Titled.of(lambda of: "; ".join(map(of, titles)))

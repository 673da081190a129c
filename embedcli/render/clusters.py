"""How groups are shown."""

from __future__ import annotations

from dataclasses import asdict

from embedcli.analysis.clusters import Clusters
from embedcli.render.view import Block, View
from embedcli.run.record import Run


def view(found: Clusters, run: Run) -> View:
    """Show every group: its size, what is over-represented, and items."""
    noun = run.data.noun
    blocks = []
    for one in found.clusters:
        heading = f"{one.cluster}  {one.n:,} {noun}s | silhouette {one.silhouette:.2f}"
        if one.stability is not None:
            heading += f" | found again {100 * one.stability:.0f} %"
        tags = "  ".join(f"{tag.tag} x{tag.lift:.1f} ({tag.n})" for tag in one.tags) or "none more than by chance"
        lines = [("  tags", tags), ("  most rated", "; ".join(one.most_rated)), ("  central", "; ".join(one.central))]
        blocks.append(Block(heading=heading, lines=lines))
    verdict = (
        "more than clouds without groups reach: there are groups"
        if found.silhouette > found.control
        else "no more than clouds without groups reach: a continuum, cut in pieces"
    )
    captions = [
        f"silhouette {found.silhouette:.3f} in all, {found.control:.3f} for clouds of the same covariance: {verdict}."
    ]
    if found.stability is not None:
        captions.append(
            f"found again: mean overlap (Jaccard) with the nearest group in {found.n_folds} members that left out a "
            f"fold; all groups together: adjusted Rand index {found.stability:.2f} (1 the same, 0 chance)."
        )
    captions.append(f"tags: x times as many as by chance (number of {noun}s), hypergeometric test, q < .05.")
    names = run.items
    return View(
        title=f"{len(found.clusters)} groups by {found.method.value} | {run.headline} | {found.items}",
        blocks=blocks,
        captions=captions,
        records=[
            {"cluster": int(label) + 1, "id": names.ids[row], "title": names.titles[row]}
            for row, label in zip(found.rows, found.labels, strict=True)
        ],
        body={
            "method": found.method.value,
            "silhouette": found.silhouette,
            "control": found.control,
            "stability": found.stability,
            "n_items": found.n_items,
            "clusters": [asdict(one) for one in found.clusters],
        },
        meta=run.meta,
    )

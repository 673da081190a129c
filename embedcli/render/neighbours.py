"""How nearest items are shown."""

from __future__ import annotations

from embedcli.analysis.choices import Measure
from embedcli.analysis.neighbours import Neighbours
from embedcli.analysis.record import Column
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run


def view(found: Neighbours, run: Run) -> View:
    """Show a table of neighbours for each item asked for."""
    noun = run.data.noun
    columns = [
        whole("rank", "#"),
        text("title", noun),
        decimal("similarity", "distance" if found.by is Measure.EUCLIDEAN else found.by.value),
        *([_share("folds", "folds")] if found.n_folds else []),
        *([_share("seeds", "seeds")] if found.n_members > 1 else []),
        *([whole("co_raters", "both")] if found.has_rows else []),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]
    blocks = [
        Block(
            heading=f"nearest to {one.title} (n {one.n_ratings:,}, id {one.id})",
            columns=columns,
            rows=[vars(row) for row in one.neighbours],
        )
        for one in found.asked
    ]
    passing = f"{found.n_items:,} {noun}s with at least {found.min_ratings} ratings"
    return View(
        title=f"Neighbours by {found.by.value} | {run.headline} | {passing}",
        blocks=blocks,
        captions=_captions(found, noun),
        records=[{"of": one.title, "of_id": one.id, **vars(row)} for one in found.asked for row in one.neighbours],
        body={
            "by": found.by.value,
            "limit": found.limit,
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "asked": [{**vars(one), "neighbours": [vars(row) for row in one.neighbours]} for one in found.asked],
        },
        meta=run.meta,
    )


def _share(key: str, header: str) -> Column:
    return Column(key, header, lambda value: "" if value is None else f"{100 * value:.0f} %")


def _captions(found: Neighbours, noun: str) -> list[str]:
    captions = [f"{found.by.value} of the {noun}s' embeddings, the mean over the members; biases are left out."]
    among = f"that have the {noun} among their own {found.limit} nearest"
    if found.n_folds:
        captions.append(f"folds: of {found.n_folds} members that left out a fold of the ratings each, those {among}.")
    if found.n_members > 1:
        captions.append(f"seeds: of {found.n_members} members that differ by seed only, the same: no evidence alone.")
    both = "users who rated both" if found.has_rows else "who rated both is not known, the run kept no rows"
    captions.append(f"both: {both}; n, mean: training ratings." if found.has_rows else f"{both}; n: training ratings.")
    return captions

"""How recommendations are shown."""

from __future__ import annotations

from embedcli.analysis.recommend import Recommendations
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run

SHOWN = 5  # ratings of a profile that are written out


def view(found: Recommendations, run: Run) -> View:
    """Show the items recommended, and what they were recommended by."""
    noun, rows = run.data.noun, [vars(row) for row in found.items]
    who = f"user {found.user}" if found.user is not None else "a new user"
    columns = [
        whole("rank", "#"),
        text("title", noun),
        decimal("prediction", run.data.value_noun),
        *([decimal("spread", "spread")] if found.n_members > 1 else []),
        decimal("gain", "gain", sign=True),
        whole("rank_of_all", "for all"),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]
    passing = f"{found.n_items:,} {noun}s with at least {found.min_ratings} ratings"
    return View(
        title=f"For {who} | {run.headline} | {passing}",
        blocks=[Block(columns=columns, rows=rows)],
        captions=_captions(found, run),
        records=rows,
        body={
            "user": found.user,
            "profile": dict(found.profile),
            "min_ratings": found.min_ratings,
            "n_items": found.n_items,
            "n_left_out": found.n_left_out,
            "items": rows,
        },
        meta=run.meta,
    )


def _captions(found: Recommendations, run: Run) -> list[str]:
    noun = run.data.noun
    value = run.data.value_noun
    captions = [
        f"{value}: predicted, the mean over the members; gain: {value} above the user's mean, less the same for the "
        "average user; for all: rank in the average user's list."
    ]
    if found.is_unrated:
        captions.append(f"user {found.user} has no training rating: this is the average user's list.")
    if found.n_members > 1:
        captions.append("spread: standard deviation over members that differ by seed only; not an interval.")
    if found.user is None:
        given = "; ".join(f"{title} {value:g}" for title, value in list(found.profile.items())[:SHOWN])
        more = "" if len(found.profile) <= SHOWN else f" and {len(found.profile) - SHOWN} more"
        captions.append(f"the user was made of {given}{more}, by the run's model and without training again.")
    if not found.knows_rated:
        captions.append(
            f"what the user has rated is not known, the run kept no rows: rated {noun}s may be among these."
        )
    elif found.n_left_out:
        rated = (
            f"1 {noun} rated already is" if found.n_left_out == 1 else f"{found.n_left_out:,} {noun}s rated already are"
        )
        captions.append(f"{rated} left out (--include-rated).")
    return captions

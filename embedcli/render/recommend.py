"""How recommendations and explanations are shown."""

from __future__ import annotations

from embedcli.analysis.explain import Explanation
from embedcli.analysis.recommend import Recommendations
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run

PARTS = (text("part", "part"), decimal("logit", "logit", 3, sign=True), text("name", "goes with"))
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
        text("because", "near to"),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]
    passing = f"{found.n_items:,} {noun}s with at least {found.min_ratings} ratings"
    return View(
        title=f"For {who} | {run.data.title} | {passing}",
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
    captions = [
        f"{run.data.value_noun}: predicted, the mean over the members; near to: the nearest {noun} the user likes."
    ]
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
        captions.append(f"{found.n_left_out:,} {noun}s rated already are left out (--include-rated).")
    return captions


def explanation(found: Explanation, run: Run) -> View:
    """Show the parts of a prediction, and what they add up to."""
    rows = [vars(part) for part in found.parts]
    shown = [*rows, {"part": "sum", "logit": found.logit, "name": None}]
    value = run.data.value_noun
    if found.rating is not None:
        given = f"the user gave it {found.rating:g}, in the training ratings"
    else:
        given = "not among the training ratings" if found.knows_rating else "not known, the run kept no rows"
    lines = [
        ("predicted", f"{found.prediction:.2f} {value}, the mean over the members"),
        ("sum", f"{found.of_mean_logit:.2f} {value}, of the mean logit {found.logit:+.3f}"),
        ("rated", given),
    ]
    return View(
        title=f"Why {found.prediction:.2f} for {found.title} by user {found.user} | {run.data.title}",
        blocks=[
            Block(columns=PARTS, rows=shown),
            Block(lines=lines),
        ],
        captions=[
            "logit: what each part adds to the mean logit over the members; components of the predicted preferences, "
            "the largest first, named where they are real and stable."
        ],
        records=rows,
        body={
            **{key: value for key, value in vars(found).items() if key != "parts"},
            "parts": rows,
        },
        meta=run.meta,
    )

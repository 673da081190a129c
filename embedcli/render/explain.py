"""How an explanation is shown: parts that add up."""

from __future__ import annotations

from embedcli.analysis.explain import Explanation
from embedcli.render.view import Block, View, decimal, text
from embedcli.run.record import Run

PARTS = (text("part", "part"), decimal("logit", "logit", 3, sign=True), text("name", "goes with"))


def view(found: Explanation, run: Run) -> View:
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
    if found.is_unrated:
        noun = run.data.noun
        unknown = f"{found.title} has no training rating: what the {noun} and the components add says nothing"
        lines.append(("note", unknown))
    return View(
        title=f"Why {found.prediction:.2f} for {found.title} by user {found.user} | {run.headline}",
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

"""How what can be read from the embeddings is shown."""

from __future__ import annotations

from embedcli.analysis.probe import Probes
from embedcli.analysis.record import Column
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run


def view(found: Probes, run: Run) -> View:
    """Show what can be read from the embeddings, each beside its control."""
    rows = [vars(row) for row in found.probed]
    shown = [
        {
            **row,
            "verdict": "yes" if row["readable"] else "no",
            "p": "<.001" if row["q"] < 0.001 else f"{row['q']:.3f}".removeprefix("0"),
            "carried": f"{row['component']} ({row['by_component']:+.2f})",
        }
        for row in rows
    ]
    blocks = [
        Block(
            heading=heading,
            columns=[
                text("name", kind),
                whole("n", "n"),
                decimal("score", score),
                decimal("control", "control"),
                decimal("control_high", "95 %"),
                Column("p", "q"),
                Column("verdict", "readable"),
                Column("carried", "component (r)"),
            ],
            rows=[row for row in shown if row["kind"] == kind],
        )
        for kind, heading, score in (("tag", "Tags", "AUC"), ("number", "Numbers", "R2"))
    ]
    return View(
        title=f"What the embeddings tell | {run.headline} | {found.items}",
        blocks=[block for block in blocks if block.rows],
        captions=[
            f"a linear probe on {found.n_directions} directions of {found.n_members} members' embeddings, on "
            f"{run.data.noun}s it has not seen (five folds); control: the same with shuffled labels, mean and 95 % of "
            "them; readable: above it with q < .05; component: the one that carries most of it alone.",
            "that log n can be read may be how the model was made, too: weight decay draws what is rated little to 0.",
        ],
        records=rows,
        body={"n_items": found.n_items, "items": found.items, "n_directions": found.n_directions, "probed": rows},
        meta=run.meta,
    )

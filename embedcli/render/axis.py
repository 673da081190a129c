"""How an axis of your own is shown."""

from __future__ import annotations

from embedcli.analysis.components import two_digits
from embedcli.analysis.directions import Axis
from embedcli.analysis.effects import Effect
from embedcli.analysis.record import Column
from embedcli.render.components import written_effect
from embedcli.render.view import Block, View, decimal, text, whole
from embedcli.run.record import Run

MOST = 6  # effects that are written out


def view(found: Axis, run: Run) -> View:
    """Show the items at both ends of an axis, and how far it can be trusted."""
    noun = run.data.noun
    columns = [
        whole("rank", "#"),
        text("title", noun),
        decimal("place", "place"),
        *([Column("interval", "95 %")] if found.first[0].lower is not None else []),
        whole("n_ratings", "n"),
        *([] if run.data.implicit else [decimal("mean_rating", "mean")]),
        text("id", "id"),
    ]
    ends = {"from": found.first, "to": found.last}
    names = {"from": " + ".join(found.start), "to": " + ".join(found.end)}
    blocks = [
        Block(
            heading=f"{end} {names[end]}",
            columns=columns,
            rows=[
                {**vars(row), "interval": None if row.lower is None else f"{row.lower:.2f}..{row.upper:.2f}"}
                for row in rows
            ],
        )
        for end, rows in ends.items()
    ]
    return View(
        title=f"From {names['from']} to {names['to']} | {run.headline} | {found.n_items:,} {noun}s with at least "
        f"{found.min_ratings} ratings",
        blocks=[*blocks, Block(lines=_axis_lines(found))],
        captions=[
            "place: 0 at the mean of the one side's embeddings, 1 at the other's; 95 %: with the titles of each side "
            "drawn again where there are several, and by one member at a time; n, mean: training ratings."
        ],
        records=[{"end": end, **vars(row)} for end, rows in ends.items() for row in rows],
        body={
            "from": list(found.start),
            "to": list(found.end),
            "share": found.share,
            "chance": found.chance,
            "stability": found.stability,
            "n_items": found.n_items,
            "min_ratings": found.min_ratings,
            "effects": [vars(effect) for effect in found.effects],
            "first": [vars(row) for row in found.first],
            "last": [vars(row) for row in found.last],
        },
        meta=run.meta,
    )


def _axis_lines(found: Axis) -> list[tuple[str, str]]:
    passed = [effect for effect in found.effects if effect.passed][:MOST]
    more = found.share > found.chance
    lines = [
        ("goes with", "  ".join(map(_towards, passed)) if passed else "no tag and no number beyond chance"),
        (
            "variance",
            f"{100 * found.share:.1f} % of the embeddings'; axes between as many random items reach "
            f"{100 * found.chance:.1f} % at the 95th percentile: {'more' if more else 'not more'} than chance",
        ),
    ]
    if found.stability is not None:
        lines.append(("stable", f"r {two_digits(found.stability)} with the places by members that left out a fold"))
    return lines


def _towards(effect: Effect) -> str:
    return f"{written_effect(effect)} {'to' if effect.effect > 0 else 'from'}"

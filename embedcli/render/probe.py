"""How what can be read from the embeddings is shown."""

from embedcli.analysis.probe import N_FOLDS, Probed, Probes
from embedcli.render.view import Block, View, table, view_of
from embedcli.run.record import Run


def view(probes: Probes, run: Run) -> View:
    """Show what can be read from the embeddings, each beside its control."""
    noun = run.data.noun
    families = (("tag", "Tags", "AUC"), ("number", "Numbers", "R2"))
    tables = [
        table([row for row in probes.probed if row.kind == kind], Probed, heading, kind=kind, score=score, noun=noun)
        for kind, heading, score in families
    ]
    not_judged = " and ".join(row.name for row in probes.probed if row.readable is None)
    if not_judged:
        tables.append(Block(lines=[("not judged", f"{not_judged}: training writes them into any embeddings")]))
    n_readable = sum(bool(row.readable) for row in probes.probed)
    n_tested = sum(row.readable is not None for row in probes.probed)
    return view_of(
        probes,
        run,
        f"What the embeddings tell | {run.headline} | {probes.items}",
        [block for block in tables if block.rows or block.lines],
        f"{n_readable} of {n_tested} can be read beyond what bias, log n and year tell (q < .05)",
        [
            f"Each is predicted by ridge regression from {probes.n_directions} principal axes of the embeddings of "
            f"{probes.n_members} members, cross-validated in {N_FOLDS} folds of the {noun}s.",
            "Control labels depend on bias, log n and year as the real ones do (for one of these, on the others), and "
            "on nothing else: what goes with a tag only through these is not read.",
            "Bias and mean rating are read from the embeddings of worlds where nobody has a taste as well (R2 .5).",
        ],
    )

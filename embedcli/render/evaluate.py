"""How the evaluation of a run, and of two, is shown."""

from collections.abc import Sequence
from typing import TypeVar

from embedcli.analysis.accuracy import FEWEST_ROWS, FEWEST_USERS
from embedcli.analysis.evaluate import RMSE, Difference, Evaluation, Figure, PairedEvaluation, Protocol
from embedcli.analysis.record import nested
from embedcli.render.view import Block, View, table, view_of
from embedcli.run.record import Run

OF_GROUPS = ("by", "group", "n_rows", "n_users")
Row = TypeVar("Row", Figure, Difference)
LISTS = "Lists of the best"
ERRORS = "Error of the predictions, by users and items"


def view(found: Evaluation, run: Run) -> View:
    """Show the protocol, the figures of the lists, and the errors by group."""
    lists, errors = _split(found.figures)
    words = {"simplest": f"lists of the most rated {run.data.noun}s", "meaning": "the figure, explained below"}
    of_lists = table(lists, Figure, LISTS, without=OF_GROUPS, value="value", baseline="most rated", **words)
    words = {"simplest": "user and item biases alone", "meaning": "root mean squared error"}
    of_errors = table(errors, Figure, ERRORS, without=("metric",), value=RMSE, baseline="biases", **words)
    return view_of(
        found,
        run,
        f"Evaluation | {run.headline} | {run.training.split.description}",
        [Block(lines=_protocol(found.protocol, run, found.ranked_by)), *_shown(of_lists, of_errors)],
        "95 %: by bootstrap over the users",
        _explanation(run),
    )


def pair_view(found: PairedEvaluation, runs: Sequence[Run]) -> View:
    """Show the figures of two runs side by side, each with its change and a paired test."""
    lists, errors = _split(found.figures)
    words = {"a": found.a, "b": found.b}
    of_lists = table(lists, Difference, LISTS, without=OF_GROUPS, meaning="the figure", **words)
    of_errors = table(errors, Difference, ERRORS, without=("metric",), meaning="RMSE", **words)
    first = runs[0]
    return View(
        title=f"{found.a}, {found.b} | {first.data.title} | {first.training.split.description}",
        blocks=[Block(lines=_protocol(found.protocol, first, None)), *_shown(of_lists, of_errors)],
        records=found.rows(),
        body=nested(found),
        caption="change, 95 % and p: paired bootstrap over the users",
        explanation=[
            *_explanation(first),
            "p is of each row by itself: of twenty rows without a difference, one has p below .05 on average. "
            "It is over users: other seeds change the figures, too.",
        ],
        meta={"runs": [run.meta for run in runs]},
    )


def _split(figures: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the figures of the lists, and the errors."""
    return [row for row in figures if row.metric != RMSE], [row for row in figures if row.metric == RMSE]


def _shown(*tables: Block) -> list[Block]:
    return [block for block in tables if block.rows]


def _protocol(protocol: Protocol, run: Run, ranked_by: str | None) -> list[tuple[str, str]]:
    """Say how the lists are made, and what they are held against."""
    noun, n = f"{run.data.noun}s", protocol.n_users
    by = "" if ranked_by is None else f", by the {ranked_by}"
    sample = f" (drawn from {protocol.n_with_relevant:,})" if n < protocol.n_with_relevant else ""
    relevant = f"test rows of {protocol.threshold:g} or more"
    if run.data.implicit:
        relevant = f"test {noun} that the user took"
    return [
        ("lists", f"the best {protocol.k} {noun} for each of {n:,} users{sample} with relevant {noun}{by}"),
        ("candidates", f"{protocol.n_candidates:,} {noun} with training ratings, except what the user rated"),
        ("relevant", f"{relevant}: {protocol.n_relevant:,}"),
    ]


def _explanation(run: Run) -> list[str]:
    """Say what the metrics mean, and what they do not."""
    noun = run.data.noun
    return [
        f"precision: share of a list that is relevant. recall: share of the user's relevant test {noun}s that the "
        "list has. NDCG: hits at higher ranks count more, 1 if the relevant ones come first. All three are means.",
        f"coverage: share of the candidates in at least one list. Gini: 0 if all {noun}s are recommended equally "
        f"often, near 1 if few are. popularity lift: mean number of ratings of the {noun}s in the lists, compared with "
        f"the {noun}s that the users rated in training: 0 if equal, 1 if twice as many.",
        f"A {noun} without a test rating by the user counts as not relevant, even if the user would like it: "
        "the figures compare models, and are too low as estimates.",
        f"Errors: a group has at least {FEWEST_ROWS} test rows of {FEWEST_USERS} users. Numbers of ratings are of "
        "training rows.",
    ]

"""What analyses take from Python: choices by their names, one item or several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from embedcli.analysis.biases import biases, movers
from embedcli.analysis.clusters import clusters
from embedcli.analysis.map import map_items
from embedcli.analysis.pca import pca
from embedcli.analysis.recommend import fold_in, recommend
from embedcli.analysis.similar import similar
from embedcli.errors import UsageError
from embedcli.run.lookup import Row
from embedcli.run.record import Run


def test_a_choice_is_given_by_its_name(trained: Run) -> None:
    """A choice as plain text is the choice itself: Euclidean neighbours have distances, which are positive."""
    distances = [row.similarity for row in similar(trained, Row(7), by="euclidean").asked[0].neighbours]  # type: ignore[arg-type]
    assert distances == sorted(distances)
    assert biases(trained, by="posterior", sort="stars").by.value == "posterior"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: similar(run, [Row(7)], by="foo"),  # type: ignore[arg-type]
        lambda run: biases(run, by="foo"),  # type: ignore[arg-type]
        lambda run: biases(run, sort="foo"),  # type: ignore[arg-type]
        lambda run: movers(run, by="foo"),  # type: ignore[arg-type]
        lambda run: pca(run, basis="foo"),  # type: ignore[arg-type]
        lambda run: pca(run, rotate="foo"),  # type: ignore[arg-type]
        lambda run: pca(run, partial_out="foo"),  # type: ignore[arg-type]
        lambda run: clusters(run, method="foo"),  # type: ignore[arg-type]
        lambda run: map_items(run, method="foo"),  # type: ignore[arg-type]
    ],
)
def test_an_unknown_choice_is_refused(trained: Run, ask: Callable[[Run], Any]) -> None:
    """A choice that does not exist is an error that lists those that do."""
    with pytest.raises(UsageError, match=r"`[a-z_]+` 'foo' is unknown"):
        ask(trained)


def test_one_item_is_a_list_of_one(trained: Run) -> None:
    """A title or a row number alone is the same as a list with it."""
    title = trained.items.titles[7]
    assert similar(trained, title) == similar(trained, [Row(7)]) == similar(trained, 8)
    assert map_items(trained, highlight=title).places == map_items(trained, highlight=[Row(7)]).places


def test_ids_of_users_are_text(trained: Run) -> None:
    """A user's id given as a number is that id."""
    assert recommend(trained, 12) == recommend(trained, "12")  # type: ignore[arg-type]


@pytest.mark.parametrize("rating", [9.0, float("nan"), -1.0])
def test_a_rating_off_the_scale_is_refused(trained: Run, rating: float) -> None:
    """Nobody is folded in by a rating that the data cannot have."""
    with pytest.raises(UsageError, match="is not on the scale"):
        fold_in(trained, {8: rating})

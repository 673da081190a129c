"""Axes of one's own, on a planted world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted import World

from embedcli.analysis.directions import axis
from embedcli.errors import UsageError
from embedcli.run.record import Run


def test_an_axis_between_the_planted_poles(trained: Run, world: World) -> None:
    """From Action to Romance every film stands on its side; the axis goes with the tags and is stable."""
    sides = [[row for row in range(7, 110) if world.axis[row] == sign][:8] for sign in (1, -1)]
    found = axis(trained, *sides, limit=30)
    ends = [{world.axis[trained.items.ids.index(one.id)] for one in end} for end in (found.first, found.last)]
    assert ends == [{1.0}, {-1.0}]
    assert {effect.name for effect in found.effects if effect.passed} >= {"Action", "Romance"}
    assert found.stability is not None
    assert found.stability > 0.9
    assert found.share > 0.7  # there is one factor
    assert all(one.lower is not None and one.upper is not None and one.lower < one.upper for one in found.first)


def test_places_on_an_axis(trained: Run) -> None:
    """The item at one end stands at 0, that at the other at 1; without folds the members make the intervals."""
    alone = replace(trained, arrays={"item_factors": trained.array("item_factors")})
    found = axis(alone, [8], [9], limit=200, min_ratings=0)
    places = {one.id: one.place for one in found.first}
    assert places["9"] == pytest.approx(0, abs=1e-9)
    assert places["10"] == pytest.approx(1)
    assert found.stability is None
    assert len(found.first) == len(trained.items) - 1  # one has no rating, and no place


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        ([], [1], "has no from"),
        ([1], [], "has no to"),
        ([1, 2], [2], "stands on both sides"),
        ([1], [119], "has no training rating"),
    ],
)
def test_axes_that_cannot_be(trained: Run, start: list[int], end: list[int], complaint: str) -> None:
    """An empty side, and an item on both, are refused."""
    with pytest.raises(UsageError, match=complaint):
        axis(trained, start, end)

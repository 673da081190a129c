"""Your own axis, on a planted world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.analysis import axis as module
from embedcli.analysis.axis import axis, tagged
from embedcli.errors import UsageError
from embedcli.run.lookup import Row
from embedcli.run.record import Run


def test_an_axis_between_the_planted_poles(trained: Run, world: World) -> None:
    """From Action to Romance every film is on its side; the axis goes with the tags and is stable."""
    sides = [[Row(row) for row in range(7, 110) if world.axis[row] == sign][:8] for sign in (1, -1)]
    found = axis(trained, *sides, limit=30)
    ends = [{world.axis[trained.items.ids.index(item.id)] for item in end} for end in (found.first, found.last)]
    assert ends == [{1.0}, {-1.0}]
    assert {effect.name for effect in found.effects if effect.passed} >= {"Action", "Romance"}
    assert found.stability is not None
    assert found.stability > 0.9
    assert found.share > 0.7  # there is one factor
    assert all(item.lower is not None and item.upper is not None and item.lower < item.upper for item in found.first)


def test_places_on_an_axis(trained: Run) -> None:
    """The item at one end is at 0, that at the other at 1; without folds the members make the intervals."""
    alone = replace(trained, arrays={"item_factors": trained.array("item_factors")})
    found = axis(alone, 9, [10], limit=200, min_ratings=0)
    places = {item.id: item.place for item in found.first}
    assert places["9"] == pytest.approx(0, abs=1e-9)
    assert places["10"] == pytest.approx(1)
    assert found.stability is None
    assert len(found.first) == len(trained.items) - 1  # one has no rating, and no place


def test_sides_can_be_titles_ids_and_rows(trained: Run) -> None:
    """A side takes titles, ids and row numbers alike; the record keeps the titles, and the table says which end."""
    title = trained.items.titles[8]
    assert axis(trained, [title, "id:12"], [Row(9)]) == axis(trained, [9, 12], ["id:10"])
    found = axis(trained, [title], [10], limit=2)
    assert found.start == (title,)
    assert found.to_frame()["end"].tolist() == ["from", "from", "to", "to"]


def test_tagged_items_are_the_rated_ones(trained: Run) -> None:
    """A tag stands for all rated items that have it, in any case; an unknown one lists the tags."""
    rows = tagged(trained, "ACTION")
    assert rows == [row for row, tags in enumerate(trained.items.tags) if "Action" in tags and row != 119]
    with pytest.raises(UsageError, match="no film has the tag 'Western'") as caught:
        tagged(trained, "Western")
    assert caught.value.hint == "the tags are Action, Romance, unknown"


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        ([], [1], "has no `from_`"),
        ([1], [], "has no `to`"),
        ([1, 2], [2], "is on both sides"),
        ([1], [120], "has no training rating"),
    ],
)
def test_invalid_sides(trained: Run, start: list[int], end: list[int], complaint: str) -> None:
    """An empty side, an item on both, and one without ratings are refused."""
    with pytest.raises(UsageError, match=complaint):
        axis(trained, start, end)


def test_intervals_between_large_sides(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of a large side is drawn from its normal distribution: intervals are about as wide as by resampling."""
    sides = [list(map(Row, rows)) for rows in (range(40), range(40, 80))]
    resampled = axis(trained, *sides)
    monkeypatch.setattr(module, "MOST_RESAMPLED", 10)
    drawn = axis(trained, *sides)
    widths = [np.mean([row.upper - row.lower for row in (*found.first, *found.last)]) for found in (resampled, drawn)]
    assert widths[1] == pytest.approx(widths[0], rel=0.2)
    assert [row.place for row in drawn.first] == [row.place for row in resampled.first]


def test_controls_are_rated_as_often(trained: Run) -> None:
    """A random item stands in for each title: no item twice, each of the titles' own groups by numbers of ratings."""
    by_rating = np.argsort(trained.item_stats.n_ratings, kind="stable")[1:]  # one item has no ratings
    rank = {row: j // module.ALIKE for j, row in enumerate(by_rating.tolist())}
    rows = [*by_rating[-3:].tolist(), *by_rating[:60].tolist()]
    drawn = list(module._rated_as_often(trained, rows, np.random.default_rng(0)))
    assert len(drawn) == module.CONTROLS
    assert all(len(set(own)) == len(rows) for own in drawn)
    assert all([rank[row] for row in own] == [rank[row] for row in rows] for own in drawn)
    assert len({own[0] for own in drawn}) > module.ALIKE / 3


def test_popular_pairs_mean_no_more_than_chance(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If often rated items spread along one direction, 5 % of random pairs of them carry more than chance, not most."""
    monkeypatch.setattr(module, "ALIKE", 12)
    rng, by_rating = np.random.default_rng(0), np.argsort(trained.item_stats.n_ratings, kind="stable")[1:]
    popular = by_rating[-(len(by_rating) % 12 or 12) :]  # the last group
    factors = rng.normal(size=(1, len(trained.items), 3)).astype(np.float32)
    factors[:, popular, 0] *= 5
    bare = replace(trained, arrays={"item_factors": factors})
    pairs = [rng.choice(popular, 2, replace=False).tolist() for _ in range(60)]
    found = [axis(bare, [Row(a)], [Row(b)], limit=1) for a, b in pairs]
    assert np.mean([own.share > own.chance for own in found]) <= 0.12

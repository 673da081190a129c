"""The ranking by bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.analysis.biases import biases
from embedcli.errors import RunError, UsageError
from embedcli.run.record import Run


def test_worst_are_the_worst_of_the_world(world: World, trained: Run) -> None:
    """Of the ten films with the lowest bias, at least seven are among the ten of the lowest true quality."""
    true_worst = {world.ratings.items.ids[j] for j in np.argsort(world.quality[:-1])[:10]}
    assert len(true_worst & {row.id for row in biases(trained).worst}) >= 7


def test_rows_are_sorted_from_the_end_inwards(trained: Run) -> None:
    """The worst list starts with the lowest bias, the best with the highest, and all rows pass the filter."""
    found = biases(trained, min_ratings=20, limit=15)
    assert [row.bias for row in found.worst] == sorted(row.bias for row in found.worst)
    assert [row.bias for row in found.best] == sorted((row.bias for row in found.best), reverse=True)
    assert min(row.n_ratings for row in (*found.worst, *found.best)) >= 20
    assert [row.rank for row in found.best] == list(range(1, 16))


def test_figures_of_a_row(trained: Run) -> None:
    """Bias and stars are means over the members, the spread is their standard deviation with n - 1."""
    row = biases(trained).best[0]
    j = trained.items.ids.index(row.id)
    by_member = trained.array("item_bias")[:, j]
    assert row.bias == pytest.approx(by_member.mean(), abs=1e-6)
    assert row.spread == pytest.approx(by_member.std(ddof=1), abs=1e-6)
    assert row.stars == pytest.approx(trained.array("item_stars")[:, j].mean(), abs=1e-6)
    assert (row.n_ratings, row.title) == (trained.item_seen.n_ratings[j], trained.items.titles[j])


def test_item_without_ratings_has_no_mean(trained: Run) -> None:
    """With --min-ratings 0 an item that nobody rated is ranked too, with an empty mean."""
    found = biases(trained, min_ratings=0, limit=200)
    unrated = [row for row in found.worst if row.n_ratings == 0]
    assert [row.mean_rating for row in unrated] == [None]
    assert found.n_items == len(trained.items)


def test_single_member_has_no_spread(trained: Run) -> None:
    """The spread of one member is unknown, not zero."""
    one = replace(trained, arrays={name: array[:1] for name, array in trained.arrays.items()})
    assert {row.spread for row in biases(one).worst} == {None}


def test_correlations(trained: Run) -> None:
    """The correlations are Pearson's, over the items with enough ratings."""
    found = biases(trained, min_ratings=10)
    passing = trained.item_seen.n_ratings >= 10
    bias = trained.array("item_bias").mean(0)[passing]
    n, mean = trained.item_seen.n_ratings[passing], trained.item_seen.mean_rating[passing]
    assert found.correlation_mean == pytest.approx(np.corrcoef(bias, mean)[0, 1], abs=1e-5)
    assert found.correlation_log_n == pytest.approx(np.corrcoef(bias, np.log(n))[0, 1], abs=1e-5)


def test_frame_holds_both_ends(trained: Run) -> None:
    """The table for notebooks has a row per item and end, with the figures of the record."""
    found = biases(trained, limit=3)
    frame = found.to_frame()
    assert list(frame["list"]) == ["worst"] * 3 + ["best"] * 3
    assert list(frame["bias"]) == [row.bias for row in (*found.worst, *found.best)]


def test_what_cannot_be_shown(trained: Run) -> None:
    """A filter that nothing passes, a list of no rows, and a run without biases are refused."""
    with pytest.raises(UsageError, match="--min-ratings 1000 leaves no film: the most rated has"):
        biases(trained, min_ratings=1000)
    with pytest.raises(UsageError, match="--min-ratings -1 is below 0"):
        biases(trained, min_ratings=-1)
    with pytest.raises(UsageError, match="-n 0 is below 1"):
        biases(trained, limit=0)
    with pytest.raises(RunError, match="holds no item_bias"):
        biases(replace(trained, arrays={"item_factors": trained.array("item_factors")}))

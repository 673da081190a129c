"""The ranking by bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.analysis.biases import biases, movers
from embedcli.analysis.choices import Sort
from embedcli.errors import RunError, UsageError
from embedcli.run.record import Run, Training


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


@pytest.fixture
def drawn(trained: Run) -> Run:
    """Return a run whose draws are known: item j has stars 1 + j / 40 -/+ 0.1 in the two halves of 200 draws."""
    stars = 1 + np.arange(len(trained.items)) / 40 + np.repeat([[-0.1], [0.1]], 100, axis=0)
    return replace(trained, arrays={**trained.arrays, "item_stars": stars.astype(np.float32)})


def test_figures_of_a_row_are_of_the_draws(drawn: Run) -> None:
    """Stars are the mean of the draws, the bias what they are above the average item, the interval its quantiles."""
    row = biases(drawn, interval=0.8).best[0]
    assert (row.id, row.stars) == ("119", pytest.approx(1 + 118 / 40, abs=1e-5))  # the last item has no rating
    assert row.bias == pytest.approx(59 / 40, abs=1e-5)  # the average of the rated items is item 60
    assert (row.lower, row.upper) == (pytest.approx(row.stars - 0.1), pytest.approx(row.stars + 0.1))
    assert (row.rank_lower, row.rank_upper, row.probability, row.spread) == (1, 1, 1.0, None)


def test_ranks_and_probabilities_are_joint(drawn: Run) -> None:
    """A rank counts the items further out in the same draw; P is the share of draws among as many as are shown."""
    stars = drawn.array("item_stars").copy()
    stars[:50, 0] = 9.0  # in a quarter of the draws the lowest is the highest
    found = biases(replace(drawn, arrays={**drawn.arrays, "item_stars": stars}), limit=3, sort=Sort.LOWER)
    by_id = {row.id: row for row in found.worst}
    assert by_id["2"].probability == 1.0
    assert (by_id["2"].rank_lower, by_id["2"].rank_upper) == (1, 2)
    assert by_id["1"].probability == 0.75
    assert (by_id["1"].rank_lower, by_id["1"].rank_upper) == (1, found.n_items)


@pytest.mark.parametrize("sort", Sort)
def test_sorting(trained: Run, sort: Sort) -> None:
    """Each list goes from its end inwards by what was asked for; by probability, the surest places come first."""
    found = biases(trained, sort=sort, limit=20)
    worst, best = ([getattr(row, sort.value) for row in rows] for rows in (found.worst, found.best))
    assert best == sorted(best, reverse=True)
    assert worst == sorted(worst, reverse=sort is Sort.PROBABILITY)


def test_trained_members_have_biases_of_their_own(trained: Run) -> None:
    """`trained` ranks by the members' mean bias in logits, with their spread (n - 1), and no intervals."""
    row = biases(trained, trained=True).best[0]
    by_member = trained.array("item_bias")[:, trained.items.ids.index(row.id)]
    assert row.bias == pytest.approx(by_member.mean(), abs=1e-6)
    assert row.spread == pytest.approx(by_member.std(ddof=1), abs=1e-6)
    assert (row.lower, row.probability) == (None, None)
    by_stars = [row.stars for row in biases(trained, trained=True, sort=Sort.STARS).best]
    assert by_stars == sorted(by_stars, reverse=True)
    with pytest.raises(UsageError, match="the trained members have no intervals to sort by lower"):
        biases(trained, trained=True, sort=Sort.LOWER)


def test_without_draws_the_members_speak(trained: Run) -> None:
    """A run without draws is ranked by its members, whose stars it then holds."""
    bare = replace(trained, training=Training())
    assert biases(bare) == biases(trained, trained=True)
    assert biases(bare).n_draws == 0
    without = {name: trained.array(name) for name in ("item_factors", "item_bias")}
    with pytest.raises(UsageError, match="holds no stars to sort by"):
        biases(replace(bare, arrays=without), sort=Sort.STARS)


def test_movers_differ_from_their_damped_mean(drawn: Run) -> None:
    """A mover's damped mean is (sum + 5 x global mean) / (n + 5), and the lists hold the largest differences."""
    found = movers(drawn, limit=5)
    n, mean = drawn.item_seen.n_ratings, np.nan_to_num(drawn.item_seen.mean_rating)
    damped = (n * mean + 5 * (n @ mean) / n.sum()) / (n + 5)
    difference = (drawn.array("item_stars").mean(0) - damped)[n >= 10]
    assert [row.difference for row in found.up] == pytest.approx(sorted(difference)[::-1][:5], abs=1e-5)
    assert [row.difference for row in found.down] == pytest.approx(sorted(difference)[:5], abs=1e-5)


def test_item_without_ratings_has_no_mean(trained: Run) -> None:
    """With --min-ratings 0 an item that nobody rated is ranked too, with an empty mean."""
    found = biases(trained, min_ratings=0, limit=200)
    unrated = [row for row in found.worst if row.n_ratings == 0]
    assert [row.mean_rating for row in unrated] == [None]
    assert found.n_items == len(trained.items)


def test_single_member_has_no_spread(trained: Run) -> None:
    """The spread of one member is unknown, not zero."""
    one = replace(trained, arrays={name: array[:1] for name, array in trained.arrays.items()})
    assert {row.spread for row in biases(one, trained=True).worst} == {None}


def test_correlations(trained: Run) -> None:
    """The correlations are Pearson's, over the items with enough ratings."""
    found = biases(trained, min_ratings=10)
    passing = trained.item_seen.n_ratings >= 10
    bias = trained.array("item_stars").mean(0)[passing]
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
    with pytest.raises(UsageError, match=r"--interval 0\.9999 is more than 300 draws can tell"):
        biases(trained, interval=0.9999)
    with pytest.raises(UsageError, match="--interval 1 is not between 0 and 1"):
        biases(trained, interval=1.0)
    with pytest.raises(UsageError, match="-n 0 is below 1"):
        biases(trained, limit=0)
    with pytest.raises(RunError, match="holds no item_bias"):
        bare = {"item_factors": trained.array("item_factors")}
        biases(replace(trained, arrays=bare, training=Training()))

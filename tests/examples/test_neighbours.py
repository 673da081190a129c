"""The benchmark of neighbours: what a regauging leaves, and what it changes, on a small run."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

import embedcli
from embedcli.analysis.choices import Angle, Measure
from embedcli.analysis.clusters import clusters
from embedcli.analysis.compare import compare
from embedcli.analysis.map import map_items
from embedcli.analysis.metric import gauge
from embedcli.run.lookup import Row
from embedcli.run.record import Run


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """Return the script."""
    return import_module("benchmarks.neighbours")


@pytest.fixture(scope="module")
def other(benchmark: ModuleType, trained: Run) -> Run:
    """Return a run with the same predictions and other factors."""
    changed: Run = benchmark.regauged(trained, 1)
    assert benchmark.change_of_predictions(trained, changed) < 1e-5
    return changed


def test_all_neighbours_stay_if_no_prediction_changes(benchmark: ModuleType, trained: Run, other: Run) -> None:
    """All of the nearest of all items stay by preference, in members and folds; by cosine many do not."""
    assert benchmark.kept(trained, other, Measure.PREFERENCE) > 0.998
    assert benchmark.kept(trained, other, Measure.COSINE) < 0.9
    rows = np.flatnonzero(trained.item_stats.n_ratings >= 20)
    again = [benchmark.found_again(run, rows, Measure.PREFERENCE) for run in (trained, other)]
    assert 0.2 < again[0] == again[1] < 1


def test_groups_and_maps_stay_if_no_prediction_changes(trained: Run, other: Run) -> None:
    """Groups with their evidence, and what a map keeps of the neighbours, are the same; by cosine they are not."""
    groups, by_cosine = ([clusters(run, by=by) for run in (trained, other)] for by in Angle)
    assert groups[0].grouped == groups[1].grouped
    for name in ("silhouette", "control", "stability"):
        assert getattr(groups[0], name) == pytest.approx(getattr(groups[1], name), abs=1e-5)
    assert by_cosine[0].grouped != by_cosine[1].grouped
    places = (map_items(run, method="tsne", top_items=60).places for run in (trained, other))
    first, second = (np.array([(place.x, place.y) for place in own]) for own in places)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9  # neither mirrored nor turned


def test_a_comparison_sees_the_same_model(trained: Run, other: Run) -> None:
    """Two forms of one model have all neighbours in common."""
    found = compare(trained, other)
    assert found.by is Measure.PREFERENCE
    assert found.overlap > 0.998


def test_gauge_says_how_much_of_the_cosine_is_arbitrary(benchmark: ModuleType, trained: Run, other: Run) -> None:
    """Between maps of the same kind, as much of the nearest by cosine is kept as the explanation says."""
    rows = np.flatnonzero(trained.item_stats.n_ratings > 0)
    found = gauge(trained, rows)
    assert found is not None
    assert found.kept == pytest.approx(benchmark.kept(trained, other, Measure.COSINE), abs=0.1)
    assert 0 < found.shared < 1
    assert gauge(Run.table(trained), rows[:1]) is None


def test_true_neighbours_are_found_by_preference(benchmark: ModuleType) -> None:
    """In a world with a known truth, more of the nearest by preference are truly near than of those by cosine."""
    (ten, tenth), (ten_by_cosine, tenth_by_cosine) = benchmark.of_world(540_000, "small", 24.0)
    assert 0.3 < ten_by_cosine <= ten
    assert 0.5 < tenth_by_cosine <= tenth


def test_users_have_neighbours_that_no_regauging_changes(benchmark: ModuleType, trained: Run, other: Run) -> None:
    """The table of users is measured by the items, so that its neighbours stay, too."""
    users = [run.table("users") for run in (trained, other)]
    assert benchmark.kept(*users, Measure.PREFERENCE) > 0.998
    assert embedcli.similar(users[0], Row(0)).by is Measure.PREFERENCE

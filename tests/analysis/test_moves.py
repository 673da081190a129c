"""Which items moved between two runs, on small planted worlds in two periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import Periods, make_periods

from embedcli.analysis.compare import compare
from embedcli.analysis.moves import FALSE_DISCOVERIES, moves
from embedcli.render.compare import view
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.training.fit import fit

SEED = 8
SIZE = 700, 200, 30_000  # users, items, ratings


def both(world: Periods) -> tuple[Run, Run]:
    """Train on both periods, with different seeds; their data have different checksums, as two files would."""
    runs = []
    for period, ratings in enumerate((world.first, world.second)):
        ratings = replace(ratings, data=replace(ratings.data, sha256=str(period) * 64))
        run = fit(ratings.split("none"), TrainConfig(seed=period, n_members=2, n_factors=12, n_draws=0))
        runs.append(replace(run, name=f"period-{period + 1}"))
    return runs[0], runs[1]


@pytest.fixture(scope="module")
def world() -> Periods:
    """Return a world in which a tenth of the films moves."""
    return make_periods(SEED, SIZE)


@pytest.fixture(scope="module")
def runs(world: Periods) -> tuple[Run, Run]:
    """Return the runs of both periods of that world."""
    return both(world)


def test_what_moved_is_found(world: Periods, runs: tuple[Run, Run]) -> None:
    """Nine in ten films with 60 ratings that moved by .7 stars are found, with at most 5 % false alarms."""
    n = np.minimum(*(run.item_stats.n_ratings for run in runs))
    rows = np.flatnonzero(n >= 20)
    found = moves(*runs, rows, rows)
    assert found is not None
    called, distance = rows[found.moved], world.distance
    assert (distance[called] == 0).sum() <= FALSE_DISCOVERIES * len(called)
    clear = np.flatnonzero((distance > 0.7) & (n >= 60))
    assert len(clear) >= 5
    assert np.isin(clear, called).mean() >= 0.9
    assert (np.diff(found.p[found.moved]) >= 0).all()
    stayed = found.distance[distance[rows] == 0] / found.chance[distance[rows] == 0]
    assert found.excess == 1
    assert 0.7 < np.sqrt((stayed**2).mean()) < 1.1


def test_nothing_moved() -> None:
    """If only ratings, users and seeds differ, no film is called moved."""
    found = compare(*both(make_periods(SEED, SIZE, share=0.0)))
    assert (found.n_moved, found.moved, found.false_discoveries) == (0, (), 0.05)


def test_what_moved_is_told(runs: tuple[Run, Run]) -> None:
    """A comparison lists the films that moved, the surest first; not for the same ratings, and not without halves."""
    found = compare(*runs, limit=2)
    assert found.n_moved is not None
    assert found.n_moved > 2
    assert [move.rank for move in found.moved] == [1, 2]
    assert all(move.distance > move.chance and move.q <= 0.05 for move in found.moved)
    text = str(view(found, runs))
    assert "What moved by more than chance" in text
    same = replace(runs[1], data=runs[0].data)
    assert compare(runs[0], same).n_moved is None
    without = {name: array for name, array in runs[1].arrays.items() if name != "half_axes"}
    assert compare(runs[0], replace(runs[1], arrays=without)).n_moved is None


def test_a_change_that_all_share_does_not_count(runs: tuple[Run, Run]) -> None:
    """Factors in other coordinates, and on a scale in other units, give the same places."""
    rows = np.flatnonzero(np.minimum(*(run.item_stats.n_ratings for run in runs)) >= 20)
    first, second = runs
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0] * 1.7
    arrays = dict(second.arrays)
    arrays["item_factors"] = (arrays["item_factors"] @ turn).astype(np.float32)
    arrays["user_factors"] = (arrays["user_factors"] @ np.linalg.inv(turn).T).astype(np.float32)
    one, other = (moves(first, run, rows, rows) for run in (second, replace(second, arrays=arrays)))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other.distance, one.distance, rtol=1e-4)

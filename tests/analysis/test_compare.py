"""Runs side by side, on a planted world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.analysis import compare as module
from embedcli.analysis.compare import compare, rmse_change, side_by_side
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.training.fit import fit


@pytest.fixture(scope="module")
def other(world: World) -> Run:
    """Return a run of the planted world with other seeds and settings."""
    return fit(world.ratings.split("random", seed=0), TrainConfig(n_members=2, n_factors=6, seed=9))


def test_two_runs_of_one_data_set(trained: Run, other: Run) -> None:
    """Two seeds rank alike, see the same first axis, and what changed most has no z: both saw the same ratings."""
    found = compare(trained, other)
    assert found.matched_by == "id"
    assert found.n_common == len(trained.items)
    assert found.saw_same_ratings
    assert found.correlation > 0.99
    assert found.correlation_interval[0] <= found.correlation <= found.correlation_interval[1]
    assert found.components[0].phi > 0.98
    assert found.overlap > 3 * found.chance
    assert found.changes
    assert all(change.z is None for change in found.changes)
    sizes = [abs(change.difference) for change in found.changes]
    assert sizes == sorted(sizes, reverse=True)


def test_seeds_alone_make_the_noise(world: World) -> None:
    """Of two runs that differ by seed alone, the stars change by what the spread over their members predicts."""
    split = world.ratings.split("random", seed=0)
    config = TrainConfig(n_members=6, n_factors=8, n_folds=0, n_draws=0, n_epochs=3)
    a, b, c = (fit(split, replace(config, **change)) for change in ({}, {"seed": 5}, {"weight_decay": 8.0}))
    seeds, decays = compare(a, b), compare(a, c)
    assert seeds.seed_noise is not None
    assert decays.seed_noise is not None
    assert 0.6 < seeds.change / seeds.seed_noise < 1.5
    assert decays.change > 2 * decays.seed_noise
    same, figures = side_by_side([a, b]).runs[1], side_by_side([a, c]).runs[1]
    assert same.judged is not None and same.judged.words == "no more than chance"
    assert figures.rmse_change_interval is not None
    assert figures.rmse_change_interval[0] < figures.rmse_change < figures.rmse_change_interval[1]  # type: ignore[operator]


def test_rmse_change_is_paired(trained: Run) -> None:
    """A model that is worse by a constant on every row is surely worse, by the exact difference of the RMSE."""
    assert trained.heldout is not None
    value = trained.heldout.value
    exact, off = (
        replace(trained, heldout=replace(trained.heldout, predictions=np.clip(value + error, 1, 5)[None]))
        for error in (np.float32(0), np.where(value > 3, -0.5, 0.5).astype(np.float32))
    )
    change, (low, high) = rmse_change(exact, off)
    assert change == pytest.approx(0.5, abs=1e-6)
    assert low == pytest.approx(high, abs=1e-6)
    assert rmse_change(off, off) == (0.0, (0.0, 0.0))
    assert rmse_change(trained, trained) == (0.0, (0.0, 0.0))
    assert str(side_by_side([exact, off]).runs[1].judged).startswith("worse: +")


def test_rmse_change_draws_the_same_users_for_both_runs(trained: Run) -> None:
    """If errors differ much between users and hardly between the runs, a small change is sure."""
    assert trained.heldout is not None
    value = np.full_like(trained.heldout.value, 3.0)
    error = ((trained.heldout.user % 5) / 4).astype(np.float32)
    a, b = (
        replace(trained, heldout=replace(trained.heldout, value=value, predictions=(value + times * error)[None]))
        for times in (1.0, 1.02)
    )
    change, (low, high) = rmse_change(a, b)
    assert 0 < low < change < high < 2 * change


def test_rmse_change_knows_the_seeds(trained: Run) -> None:
    """Of members that are off by a constant each, the error of the change is that of the mean of their constants."""
    assert trained.heldout is not None
    value = np.full_like(trained.heldout.value, 2.0)
    off = np.array([[0.1, 0.2, 0.6], [0.3, 0.5, 0.4]], dtype=np.float32)
    a, b = (
        replace(trained, heldout=replace(trained.heldout, value=value, predictions=value + constants[:, None]))
        for constants in off
    )
    change, (low, high) = rmse_change(a, b)
    assert change == pytest.approx(0.1, abs=1e-6)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt((off.var(1, ddof=1) / 3).sum()), rel=1e-4)


def test_several_runs_side_by_side(trained: Run, other: Run) -> None:
    """Each run is held against the first: settings that differ, RMSE, evidence and ranks."""
    bare = replace(trained, name="bare", heldout=None)
    found = side_by_side([trained, other, bare])
    assert set(found.settings) == {"n_members", "n_factors", "seed"}
    assert found.settings["seed"] == (0, 9, 0)
    first, second, third = found.runs
    assert (first.correlation, first.rmse_change) == (pytest.approx(1), None)
    assert second.correlation > 0.99
    assert other.training.model_score is not None
    assert second.rmse == other.training.model_score.rmse
    assert second.rmse_change is not None
    assert second.rmse_change == pytest.approx(second.rmse - first.rmse, abs=1e-6)  # type: ignore[operator]
    assert (third.rmse_change, third.judged, found.have_same_test) == (None, None, False)
    with pytest.raises(UsageError, match="takes two runs"):
        side_by_side([trained])


def test_a_run_and_itself(trained: Run) -> None:
    """A run has everything in common with itself, and nothing is listed as changed."""
    found = compare(trained, trained)
    assert (found.correlation, found.overlap) == (pytest.approx(1), 1.0)
    assert [pair.phi for pair in found.components] == pytest.approx([1, 1, 1])
    assert (found.change, found.changes, found.is_same) == (0.0, (), True)


def test_runs_that_share_titles(trained: Run, other: Run) -> None:
    """Other data is matched by title, its case and marks aside; a title that stands twice is left out."""
    n = len(other.items)
    names = tuple(f"x{j}" for j in range(n))
    renamed = replace(
        other,
        data=replace(other.data, sha256="1" * 64),
        items=replace(other.items, ids=names, titles=tuple(map(str.upper, other.items.titles))),
    )
    found = compare(trained, renamed)
    assert found.matched_by == "title"
    assert found.n_common == n - 2
    assert not found.saw_same_ratings
    assert all(change.z is not None for change in found.changes)
    strangers = replace(renamed, items=replace(renamed.items, titles=tuple(f"no {j}" for j in range(n))))
    with pytest.raises(UsageError, match="have 0 films with 20 ratings in common"):
        compare(trained, strangers)


def test_runs_on_different_scales(trained: Run) -> None:
    """Stars of runs with different scales are not subtracted; ranks, components and neighbours are compared."""
    scaled = replace(trained, data=replace(trained.data, scale=(20.0, 100.0)))
    found = compare(trained, scaled)
    assert (found.change, found.seed_noise, found.changes, found.is_same) == (None, None, (), False)
    assert found.correlation == pytest.approx(1)


def test_large_runs_are_compared_by_samples(trained: Run, other: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many items some are sampled: overlap and interval are near those of all, and the number is told."""
    every = compare(trained, other)
    monkeypatch.setattr(module, "MOST_SAMPLED", 60)
    monkeypatch.setattr(module, "MOST_RESAMPLED", 60)
    sampled = compare(trained, other)
    assert (every.n_sampled, sampled.n_sampled) == (every.n_compared, 60)
    assert sampled.overlap == pytest.approx(every.overlap, abs=0.1)
    widths = [high - low for low, high in (every.correlation_interval, sampled.correlation_interval)]
    assert widths[1] == pytest.approx(widths[0], rel=0.4)

"""The errors of the test rows, over all and by group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedcli.analysis import accuracy as module
from embedcli.analysis.accuracy import ITEMS, TAGS, USERS, accuracy
from embedcli.errors import RunError, UsageError
from embedcli.run.record import HeldOutRows, Run


def test_all_rows_have_the_error_that_the_training_measured(trained: Run) -> None:
    """Over all test rows, model and biases alone have the RMSE in the run's scores, with the posterior and without."""
    scores = {score.model: score.rmse for score in trained.training.scores}
    found = accuracy(trained)
    assert (found.model, found.overall.n_rows) == ("posterior", trained.training.split.n_test)
    assert found.overall.rmse == pytest.approx(scores["posterior"], abs=1e-6)
    assert found.overall.baseline == pytest.approx(scores["user + item bias"], abs=1e-6)
    assert trained.heldout is not None
    without = accuracy(replace(trained, heldout=replace(trained.heldout, posterior=None)))
    assert without.model == "members averaged"
    assert without.overall.rmse == pytest.approx(scores["members averaged"], abs=1e-6)


def test_groups_have_their_own_rows(trained: Run) -> None:
    """A group by numbers of ratings, or by a tag, has the rows that say so, and their RMSE."""
    rows, found = trained.heldout, accuracy(trained)
    assert rows is not None
    assert rows.posterior is not None
    squared = (np.clip(rows.posterior, *trained.data.scale).astype(np.float64) - rows.value) ** 2
    for kind, n in (
        (USERS, trained.user_stats.n_ratings[rows.user]),
        (ITEMS, trained.item_stats.n_ratings[rows.item]),
    ):
        assert found.of(kind)
        for group in found.of(kind):
            assert group.n_from is not None
            own = (n >= group.n_from) & (n <= (group.n_to or np.inf))
            assert (group.n_rows, group.n_users) == (own.sum(), len(np.unique(rows.user[own])))
            assert group.rmse == pytest.approx(np.sqrt(squared[own].mean()))
    for group in found.of(TAGS):
        own = np.array([group.tag in trained.items.tags[item] for item in rows.item.tolist()])
        assert (group.n_rows, group.rmse) == (own.sum(), pytest.approx(np.sqrt(squared[own].mean())))
    assert {group.tag for group in found.of(TAGS)} == {"Action", "Romance"}


@pytest.mark.parametrize("fewest", [1, 100, 300, 10_000])
def test_small_groups_are_joined(trained: Run, monkeypatch: pytest.MonkeyPatch, fewest: int) -> None:
    """Groups by numbers of ratings have FEWEST_ROWS rows or more and lose none, unless all rows are too few."""
    monkeypatch.setattr(module, "FEWEST_ROWS", fewest)
    found = accuracy(trained)
    n_rows = found.overall.n_rows
    for kind in (USERS, ITEMS):
        groups = found.of(kind)
        assert all(group.n_rows >= fewest for group in groups)
        assert sum(group.n_rows for group in groups) == (n_rows if n_rows >= fewest else 0)
        assert [group.n_from for group in groups[1:]] == [(group.n_to or 0) + 1 for group in groups[:-1]]
    assert all(group.n_rows >= fewest for group in found.of(TAGS))


def test_share_of_near_predictions(trained: Run) -> None:
    """On a scale of stars a prediction is near within one star; on a long one within a tenth of it."""
    rows, found = trained.heldout, accuracy(trained)
    assert rows is not None
    assert rows.posterior is not None
    off = np.abs(np.clip(rows.posterior, *trained.data.scale).astype(np.float64) - rows.value)
    assert (found.near, found.share_near) == (1, pytest.approx((off <= 1).mean()))
    assert 0 < found.share_near < 1
    assert accuracy(replace(trained, data=replace(trained.data, scale=(0.0, 100.0)))).near == 10


def test_interval_is_that_of_the_users(trained: Run) -> None:
    """The interval is as wide as the differences between users make it, by the delta method."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(200), rng.integers(1, 40, 200)).astype(np.int32)
    error = rng.normal(0, rng.gamma(2, 0.4, 200)[user])  # some users are far harder to predict than others
    value = np.full(len(user), 3.0, np.float32)
    rows = HeldOutRows(user, np.zeros_like(user), value, (value + error)[None].astype(np.float32), None)
    overall = accuracy(replace(trained, heldout=rows, data=replace(trained.data, scale=(-9.0, 9.0)))).overall
    squared, n = np.bincount(user, error**2), np.bincount(user)
    mean = squared.sum() / n.sum()
    se = np.sqrt(((squared - mean * n) ** 2).sum()) / n.sum() / (2 * np.sqrt(mean))
    assert overall.rmse == pytest.approx(np.sqrt(mean), rel=1e-5)
    assert overall.upper - overall.lower == pytest.approx(2 * 1.96 * se, rel=0.1)
    assert overall.lower < overall.rmse < overall.upper


def test_what_has_no_errors(trained: Run) -> None:
    """Without test rows, and with implicit data, there is an error; without training rows no error of biases."""
    with pytest.raises(RunError, match="kept no test rows"):
        accuracy(replace(trained, heldout=None))
    with pytest.raises(UsageError, match="implicit"):
        accuracy(replace(trained, data=replace(trained.data, implicit=True)))
    assert {group.baseline for group in accuracy(replace(trained, rows=None)).groups} == {None}

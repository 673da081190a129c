"""The parts of a run."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.run import record
from embedcli.run.files import decoded
from embedcli.run.record import ComponentTest, ItemStats, PosteriorInfo


def test_means_are_over_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the blocks, the mean rating of a row is over all its ratings, and NaN if it has none."""
    monkeypatch.setattr(record, "BLOCK", 7)
    rng = np.random.default_rng(0)
    codes, values = rng.integers(0, 5, 100).astype(np.int32), rng.normal(size=100).astype(np.float32)
    stats = ItemStats.of(codes, values, 6)
    assert stats.n_ratings.tolist() == np.bincount(codes, minlength=6).tolist()
    expected = [float(values[codes == code].mean(dtype=np.float64)) for code in range(5)]
    np.testing.assert_allclose(stats.mean_rating, [*expected, np.nan], rtol=1e-12)


def test_runs_from_before_a_field_can_be_read() -> None:
    """A test of a component without `goes_with` and a posterior without `by_taste` have none."""
    old = {"t": 9.0, "slope": 0.9, "predicts": True, "real": True}
    assert decoded(ComponentTest, old) == ComponentTest(9.0, 0.9, True, True, None)
    assert decoded(PosteriorInfo, {"n_draws": 300, "noise": 0.9}).by_taste is None

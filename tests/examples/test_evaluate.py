"""The benchmark of `embedcli evaluate`: intervals over users cover, and paired tests keep their level."""

from __future__ import annotations

from importlib import import_module

import pytest

from embedcli.evidence import scores


def test_intervals_cover_and_tests_keep_their_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 95 % intervals over samples of users most hold the mean, and few runs that are equally good differ."""
    monkeypatch.setattr(scores, "BOOTSTRAPS", 150)
    benchmark = import_module("benchmarks.evaluate")
    found = benchmark.covered(100, 50, k=10)
    assert set(found) == {*(f"{name}@10" for name in ("precision", "recall", "NDCG", "coverage", "Gini")), "RMSE",
                          "popularity lift@10"}  # fmt: skip
    # .95 and .05, with three standard errors (.03) of 50 samples
    assert all(share >= 0.85 and false <= 0.17 for share, false in found.values()), found
    assert sum(share for share, _ in found.values()) / len(found) < 0.995

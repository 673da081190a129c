"""The benchmark of `embedcli evaluate`: intervals over users cover, and paired tests keep their level."""

from __future__ import annotations

from importlib import import_module

import pytest

from embedcli.evidence import scores


def test_intervals_cover_and_tests_keep_their_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 95 % intervals over samples of users most hold the mean, and few runs that are equally good differ."""
    monkeypatch.setattr(scores, "BOOTSTRAPS", 150)
    benchmark = import_module("benchmarks.evaluate")
    found = benchmark.covered(100, 50, k=3)
    assert set(found) == {*(f"{name}@3" for name in ("precision", "recall", "NDCG", "coverage", "Gini")), "RMSE",
                          "popularity lift@3"}  # fmt: skip
    assert all(share >= 0.82 and false <= 0.18 for share, false in found.values()), found
    assert sum(share for share, _ in found.values()) / len(found) < 0.995

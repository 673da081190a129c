"""Assessing a training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.evidence.components import ComponentEvidence
from embedcli.run.config import TrainConfig
from embedcli.training import assess as assess_module
from embedcli.training.assess import evidence_of
from embedcli.training.state import FoldMembers


def test_real_is_what_predicts_and_holds_its_claim(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component with t above 3 predicts; it is real if its slope is above .5 as well and it is a taste.

    One that does not predict goes with nothing.
    """
    figures = np.array([9.0, 9.0, 2.0, 9.0]), np.array([0.9, 0.4, 0.9, 0.9])  # t, slope
    causes = [None, None, "time: a drift", "time: a drift"]
    judged = ComponentEvidence(figures, figures, 0.1, (causes, causes))
    monkeypatch.setattr(assess_module, "component_evidence", lambda *_: judged)
    factors = dict.fromkeys(("user_factors", "item_factors"), np.zeros((2, 3, 3), np.float32))
    folds = FoldMembers(np.zeros(len(world.ratings), np.int64), factors, 0.0)
    evidence = evidence_of(world.ratings, factors, folds, TrainConfig(y_range=(0, 5.5)), np.random.default_rng(0), 1)
    for tests in (evidence.tests, evidence.pca_tests):
        assert [(test.predicts, test.real) for test in tests] == [
            *((True, True), (True, False), (False, False), (True, False))
        ]
        assert [test.goes_with for test in tests] == [None, None, None, "time: a drift"]
        assert tests[3].verdict == "goes with time: a drift, not a taste"
    implicit = replace(world.ratings, data=replace(world.ratings.data, implicit=True))
    evidence = evidence_of(implicit, factors, folds, TrainConfig(y_range=(0, 1.1)), np.random.default_rng(0), 1)
    assert [test.real for test in evidence.tests] == [True, False, False, True]

"""What can be read from the embeddings, on a planted world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from embedcli.analysis import probe as probing
from embedcli.analysis.probe import probe
from embedcli.evidence.scores import auc
from embedcli.run.record import Run


def test_the_planted_tag_can_be_read(trained: Run) -> None:
    """The planted genres are read nearly without error, along the first component; the control is at chance."""
    found = {row.name: row for row in probe(trained).probed}
    for name in ("Action", "Romance"):
        assert found[name].readable
        assert found[name].score > 0.95
        assert found[name].control == pytest.approx(0.5, abs=0.08)
        assert found[name].component == 1
    assert not found["year"].readable  # the years were drawn at random
    assert found["bias"].kind == "number"


def test_random_tags_cannot_be_read(trained: Run) -> None:
    """Of tags drawn at random hardly any is called readable: 10 % at the most of a hundred."""
    rng = np.random.default_rng(0)
    tags = tuple(tuple(f"tag {t}" for t in range(100) if rng.random() < 0.4) for _ in trained.items.ids)
    found = probe(replace(trained, items=replace(trained.items, tags=tags)))
    assert sum(row.readable for row in found.probed if row.kind == "tag") <= 10


def test_tags_that_follow_a_bias_cannot_be_read(trained: Run) -> None:
    """Of tags that go with the bias only, which the embeddings tell, at most 10 % of a hundred are called readable."""
    rng = np.random.default_rng(1)
    bias = trained.array("item_bias").mean(0)
    drive = 2 * (bias - bias.mean()) / bias.std()
    tags = tuple(tuple(f"tag {t}" for t in range(100) if rng.normal() < own) for own in drive)
    # an embedding that holds the bias, as that of a larger run does
    factors = np.concatenate([trained.array("item_factors"), np.tile(bias[:, None], (trained.n_members, 1, 1))], axis=2)
    run = replace(trained, items=replace(trained.items, tags=tags), arrays={**trained.arrays, "item_factors": factors})
    found = [row for row in probe(run).probed if row.kind == "tag"]
    assert np.mean([row.score for row in found]) > 0.7
    assert np.mean([bool(row.readable) for row in found]) <= 0.1


def test_what_training_writes_is_not_judged(trained: Run) -> None:
    """Bias and mean rating are predicted, but neither readable nor not; the others are either."""
    found = {row.name: row for row in probe(trained).probed}
    assert {name for name, row in found.items() if row.readable is None} == {"bias", "mean rating"}
    assert {name for name, row in found.items() if row.q is None} == {"bias", "mean rating"}


def test_figures_of_a_probe_are_scikit_learns() -> None:
    """AUC and R2 are those of scikit-learn, and so are ridge predictions on a line."""
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 2, (60, 1)).astype(float), rng.normal(size=(60, 1))
    assert auc(predicted, truth)[0] == pytest.approx(roc_auc_score(truth[:, 0], predicted[:, 0]))
    y = rng.normal(size=(60, 1))
    assert probing._r2(predicted, y)[0] == pytest.approx(r2_score(y, predicted))


def test_q_is_within_a_family(trained: Run) -> None:
    """The q of one number alone is its p; of two, the larger is the larger p and the smaller at most twice its own."""
    rows = [probing.Probed("a", "number", 0.5, 0.0, 0.1, p, False, 1, 0.0, 9) for p in (0.01, 0.04)]
    assert [row.q for row in probing._judged(rows[:1])] == pytest.approx([0.01])
    assert [row.q for row in probing._judged(rows)] == pytest.approx([0.02, 0.04])
    low = replace(rows[0], score=0.05)  # below the 95th percentile of shuffled labels
    assert [row.readable for row in probing._judged([*rows, low])] == [True, True, False]
    worse = replace(rows[0], score=-0.01, control_high=-0.1)  # no better than the mean
    assert not probing._judged([worse])[0].readable
    assert probing._judged([]) == []

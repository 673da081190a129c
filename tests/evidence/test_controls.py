"""Control labels that depend on confounders only."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.evidence.controls import control_numbers, control_tags, without


def test_control_tags_follow_the_confounders_as_the_tag_does() -> None:
    """In each tenth of a confounder as many items carry a control as the tag; beyond it, they are unrelated."""
    rng = np.random.default_rng(0)
    confounders = rng.normal(size=(2000, 2))
    confounders[rng.random(2000) < 0.1, 1] = np.nan
    beyond = rng.normal(size=2000)
    tag = ((confounders[:, 0] + beyond + 0.5 * rng.normal(size=2000)) > 1).astype(float)
    drawn = control_tags(tag, confounders, 200, rng)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    tenth = np.argsort(np.argsort(confounders[:, 0])) // 200
    shares = [[values[..., tenth == j].mean() for j in range(10)] for values in (tag, drawn)]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.06)
    assert np.corrcoef(tag, beyond)[0, 1] > 0.4
    assert abs(np.corrcoef(drawn.mean(0), beyond)[0, 1]) < 0.08


def test_a_tag_that_the_confounders_tell_is_drawn_again() -> None:
    """If a number tells exactly who carries a tag, the controls are nearly the tag, and finite."""
    number = np.arange(100.0)[:, None]
    tag = (number[:, 0] >= 60).astype(float)
    drawn = control_tags(tag, number, 50, np.random.default_rng(0))
    assert (drawn == tag).mean() > 0.9


def test_control_numbers_keep_what_the_confounders_explain() -> None:
    """A control number is explained as the number is, with the same residuals in another order."""
    rng = np.random.default_rng(1)
    confounder = rng.normal(size=(500, 1))
    number = confounder[:, 0] + rng.normal(size=500)
    drawn = control_numbers(number, confounder, 100, rng)
    explained = number - without(confounder, number[:, None])[:, 0]
    np.testing.assert_allclose(np.sort(drawn[0] - explained), np.sort(number - explained))
    found = np.mean([np.corrcoef(own, confounder[:, 0])[0, 1] for own in drawn])
    assert found == pytest.approx(np.corrcoef(number, confounder[:, 0])[0, 1], abs=0.05)
    assert control_numbers(number, np.zeros((500, 0)), 1, rng).mean() == pytest.approx(number.mean())

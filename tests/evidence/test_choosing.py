"""How strongly users choose by taste what to rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from misspecified import EMPTY, PLAIN, Knobs, misspecified_world
from worlds import make_world

from embedcli.data.ratings import Ratings
from embedcli.evidence import choosing as module
from embedcli.evidence.choosing import Choosing, choosing, is_rated, slope_without_constant
from embedcli.evidence.posterior import sample
from embedcli.training.evaluation import observed


def found_in(ratings: Ratings) -> Choosing:
    """Return the estimate from the posterior of some ratings."""
    low, high = ratings.data.scale
    states = sample(observed(ratings), (low, high), 100, np.random.default_rng(0)).states
    found = choosing(states, observed(ratings), (high - low) / 4, np.random.default_rng(1))
    assert found is not None
    return found


@pytest.mark.parametrize("by_taste", [0.0, 1.0])
@pytest.mark.parametrize("knobs", [PLAIN, replace(PLAIN, factors=(0.3, 0.2)), replace(PLAIN, scale=(0.0, 100.0, 25.0))])
def test_planted_choice_is_found(knobs: Knobs, by_taste: float) -> None:
    """The planted choice is found within a fifth, on any scale, and none where there is none."""
    found = found_in(misspecified_world(3, replace(knobs, size=(500, 400, 25_000), by_taste=by_taste)).ratings)
    assert found.by_taste == pytest.approx(by_taste, rel=0.2, abs=0.06)
    assert 0.005 < found.error < 0.06


def test_planted_choice_is_found_in_the_other_worlds() -> None:
    """The worlds of the first generator, another code with other streams, give the same."""
    for by_taste in (0.0, 0.5):
        found = found_in(make_world(4, n_factors=2, by_taste=by_taste).ratings)
        assert found.by_taste == pytest.approx(by_taste, rel=0.25, abs=0.06)


def test_without_tastes_the_error_is_large() -> None:
    """Without tastes to choose by, what is found is not clearly above 0."""
    found = found_in(misspecified_world(1, replace(EMPTY, size=(500, 400, 25_000))).ratings)
    assert abs(found.by_taste) < 0.2
    assert found.error > 0.04


def test_too_few_tetrads_and_no_tastes_give_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users who rated everything leave nothing to exchange, and without any taste there is nothing to estimate."""
    ratings = misspecified_world(1, replace(PLAIN, size=(60, 50, 1_500))).ratings
    states = sample(observed(ratings), (1.0, 5.0), 20, np.random.default_rng(0)).states
    assert choosing(states, observed(ratings), 1.0, np.random.default_rng(0)) is not None
    flat = replace(states, items=np.zeros_like(states.items))
    assert choosing(flat, observed(ratings), 1.0, np.random.default_rng(0)) is None
    monkeypatch.setattr(module, "is_rated", lambda ratings, user, item: np.arange(len(user)) >= 90)
    assert choosing(states, observed(ratings), 1.0, np.random.default_rng(0)) is None


def test_the_error_is_that_of_the_ratings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more tetrads of the same ratings the error stays, and per two units the choice is twice as strong."""
    ratings = observed(misspecified_world(2, replace(PLAIN, size=(300, 200, 9_000), by_taste=1.0)).ratings)
    states = sample(ratings, (1.0, 5.0), 20, np.random.default_rng(0)).states
    once, per_two = (choosing(states, ratings, unit, np.random.default_rng(1)) for unit in (1.0, 2.0))
    monkeypatch.setattr(module, "N_TETRADS", 3 * module.N_TETRADS)
    more = choosing(states, ratings, 1.0, np.random.default_rng(1))
    assert once is not None
    assert per_two is not None
    assert more is not None
    assert per_two.by_taste == pytest.approx(2 * once.by_taste)
    assert more.by_taste == pytest.approx(once.by_taste, abs=2 * once.error)
    assert more.error == pytest.approx(once.error, rel=0.03)


def test_rated_pairs_are_known() -> None:
    """A pair is rated if it is among the ratings, whatever their order."""
    ratings = observed(misspecified_world(1, replace(PLAIN, size=(30, 20, 200))).ratings)
    user, item = (codes.ravel().astype(np.int32) for codes in np.indices((30, 20)))
    pairs = set(zip(ratings.user.tolist(), ratings.item.tolist(), strict=True))
    assert is_rated(ratings, user, item).tolist() == [
        pair in pairs for pair in zip(user.tolist(), item.tolist(), strict=True)
    ]


def test_slope_is_that_of_the_logistic_regression() -> None:
    """Signs drawn with log-odds 0.7 x give 0.7, with an error of 1 / sqrt(information); of x = 0 there is no slope."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=50_000)
    x = np.where(rng.random(50_000) < 1 / (1 + np.exp(-0.7 * x)), x, -x)
    found = slope_without_constant(x)
    assert found is not None
    assert found[0] == pytest.approx(0.7, abs=3 / np.sqrt(found[1]))
    assert slope_without_constant(np.zeros(10)) is None
    separated = slope_without_constant(np.ones(10))  # always so: no finite estimate
    assert separated is None or separated[0] <= module.LARGEST

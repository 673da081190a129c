"""Effects of the time of a rating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import UNCLIPPED, make_world

from embedcli.evidence.levels import STRETCHES, Level, Levels
from embedcli.evidence.posterior import Moments, predict_pairs, sample
from embedcli.training.evaluation import observed

USER = np.array([0, 0, 0, 1, 1], np.int32)
SECONDS = np.array([1000, 1000, 1001, 1000, 90_000], np.int64)


def test_groups_are_of_one_user_and_one_stretch() -> None:
    """Ratings of one user in one second are a group; those of another user or another second are not."""
    second, ten_minutes, day = (Level(USER, SECONDS, stretch) for stretch in STRETCHES)
    np.testing.assert_array_equal(second.groups, [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(ten_minutes.groups, [0, 0, 0, 1, 2])
    np.testing.assert_array_equal(day.groups, [0, 0, 0, 1, 2])


def test_other_ratings_find_their_group() -> None:
    """A rating to predict belongs to the group of its user and time, or to none, also outside all times seen."""
    level = Level(USER, SECONDS, 1)
    user = np.array([0, 1, 1, 0, 0, 2], np.int32)
    seconds = np.array([1001, 90_000, 1001, 999, 90_001, 1000])
    np.testing.assert_array_equal(level.places(user, seconds), [1, 3, -1, -1, -1, -1])
    level.effects = np.array([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(level.at(level.places(user, seconds)), [0.2, 0.4, 0, 0, 0, 0])


def test_effects_follow_what_is_drawn() -> None:
    """Effects of days that were planted come back, and the other levels stay near none."""
    rng = np.random.default_rng(0)
    user, day = rng.integers(0, 50, 20_000), rng.integers(0, 20, 20_000)
    seconds = day * STRETCHES[2] + rng.integers(0, STRETCHES[2], 20_000)
    planted = 0.5 * rng.normal(size=(50, 20))
    rest = planted[user, day] + 0.5 * rng.normal(size=20_000)
    levels = Levels(user.astype(np.int32), seconds)
    for _ in range(20):
        levels.draw(rest, np.full(20_000, 4.0), rng)
    assert np.corrcoef(levels.effect, planted[user, day])[0, 1] > 0.85
    assert levels.levels[2].precision == pytest.approx(4, rel=0.3)
    assert min(level.precision for level in levels.levels[:2]) > 20


def test_ratings_of_a_day_tell_of_each_other() -> None:
    """Where users have moods of a day, the time of a rating helps to predict it; the stars stay those without moods."""
    world = make_world(3, (150, 80, 5_000), 1, UNCLIPPED)
    rng = np.random.default_rng(0)
    day = rng.integers(0, 8, len(world.ratings))
    mood = 0.7 * rng.normal(size=(150, 8))[world.ratings.user, day]
    ratings = replace(world.ratings, value=(world.ratings.value + mood).astype(np.float32), timestamp=day * 86_400)
    split = ratings.split("random", seed=0)
    train, test = split.train, split.test
    assert train.timestamp is not None
    assert test.timestamp is not None
    moments = Moments(train.timestamp, test.user, test.timestamp)
    drawn = sample(observed(train), (-1.0, 7.0), 100, np.random.default_rng(0), moments=moments)
    effects = drawn.time_effects
    assert effects is not None
    assert effects.has_same_second.mean() > 0.9
    without = predict_pairs(drawn.states, 0.0, observed(train), test.user, test.item)
    error = [np.sqrt(np.mean((predicted - test.value) ** 2)) for predicted in (without, without + effects.of_asked)]
    assert error[1] < 0.8 * error[0]
    assert drawn.states.usual_noise == pytest.approx(np.sqrt(world.noise_variance + 0.7**2), rel=0.1)
    n = np.bincount(train.item, minlength=80)
    stars = drawn.item_stars.mean(0)
    assert np.corrcoef(stars[n > 20], (3 + world.quality)[n > 20])[0, 1] > 0.9

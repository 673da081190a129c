"""Each knob of the misspecified worlds does what it says, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from misspecified import (
    EMPTY,
    FIRST_SECOND,
    KINDS,
    LIFE,
    PLAIN,
    SECONDS,
    Knobs,
    World,
    expected_value,
    misspecified_world,
    to_scale,
)

SIZE = (300, 200, 9_000)


def world_of(seed: int = 1, knobs: Knobs = PLAIN, **changed: Any) -> World:
    """Return a small world with some knobs turned."""
    return misspecified_world(seed, replace(knobs, size=SIZE, **changed))


@pytest.fixture(scope="module")
def plain() -> World:
    """Return a small world without a fault."""
    return world_of()


def times(world: World) -> Any:
    """Return the times of the ratings from -1 to 1."""
    assert world.ratings.timestamp is not None
    return 2 * (world.ratings.timestamp - FIRST_SECOND) / SECONDS - 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_valid_ratings(kind: str) -> None:
    """Ratings are on the scale, each pair once; the same seed draws the same, another one another."""
    world, again, other = (misspecified_world(seed, replace(KINDS[kind], size=SIZE)) for seed in (1, 1, 2))
    ratings, (low, high, step) = world.ratings, world.knobs.scale
    assert set(np.unique(ratings.value)) <= set(np.arange(low, high + step, step))
    assert len(set(zip(ratings.user.tolist(), ratings.item.tolist(), strict=True))) == len(ratings)
    assert (ratings.value == again.ratings.value).all()
    assert ratings.users == again.ratings.users
    assert ratings.items == again.ratings.items
    assert (world.stars == again.stars).all()
    assert (world.stars != other.stars).any()
    assert ((world.stars > low) & (world.stars < high)).all()


@pytest.mark.parametrize("scale", [(1.0, 5.0, 1.0), (0.0, 1.0, 1.0), (0.5, 5.0, 0.5)])
def test_true_stars_are_the_mean_expected_rating(scale: tuple[float, float, float]) -> None:
    """By brute force: the mean of many draws of a rating; and the ratings of a world without a choice of items."""
    knobs = replace(PLAIN, size=SIZE, scale=scale, popularity_sd=0.0, activity_sd=0.0)
    felt, noise = np.array([[1.2, 3.4], [4.7, 5.5]]), np.array([0.5, 1.0])
    draws = felt + noise[:, None] * np.random.default_rng(0).normal(size=(40_000, 2, 2))
    assert expected_value(felt, noise, knobs) == pytest.approx(to_scale(draws, knobs).mean(0), abs=0.02)
    ratings, stars = (world := misspecified_world(0, knobs)).ratings, world.stars
    n = np.bincount(ratings.item, minlength=SIZE[1])
    off = np.bincount(ratings.item, ratings.value - stars[ratings.item]) / np.sqrt(n)
    assert off.std() == pytest.approx((ratings.value - stars[ratings.item]).std(), rel=0.15)  # noise and no more


def test_a_knob_leaves_the_other_streams(plain: World) -> None:
    """With tags that follow popularity, or users who stretch the scale, items, pairs and times are the same."""
    for other in (world_of(tag_pop=2), world_of(stretch=0.5)):
        assert (other.axes == plain.axes).all()
        assert (other.ratings.item == plain.ratings.item).all()
        assert (times(other) == times(plain)).all()


def test_users_stretch_the_scale() -> None:
    """In a world without tastes, users who stretch the scale spread their ratings with the items' quality more."""
    world = world_of(knobs=EMPTY, stretch=0.5, popularity_sd=0.1, activity_sd=0.1)
    slopes = []
    for user in range(SIZE[0]):
        rows = world.ratings.user == user
        slopes.append(np.polyfit(world.quality[world.ratings.item[rows]], world.ratings.value[rows], 1)[0])
    assert np.corrcoef(slopes, world.stretch)[0, 1] > 0.5
    assert (world_of().stretch == 1).all()


def test_items_drift_in_time() -> None:
    """With a drift of items, their residuals go with time in directions of their own; without it they do not."""

    def slope_sd(drift_items: float) -> float:
        world = world_of(knobs=EMPTY, drift_items=drift_items, generosity=0.0)
        t, rest = times(world), world.ratings.value - world.stars[world.ratings.item]
        often = np.flatnonzero(np.bincount(world.ratings.item, minlength=SIZE[1]) >= 60)
        rows = [world.ratings.item == item for item in often]
        return float(np.std([np.polyfit(t[here], rest[here], 1)[0] for here in rows]))

    assert slope_sd(0.5) > 2 * slope_sd(0)


def test_users_rate_around_a_time_of_their_own(plain: World) -> None:
    """The times of a user's ratings spread by LIFE around the user's own, which spread over the whole history."""
    own = times(plain) - plain.born[plain.ratings.user]
    assert own.std() == pytest.approx(LIFE, rel=0.1)
    assert plain.born.std() == pytest.approx(1 / np.sqrt(3), rel=0.1)


def test_preferences_and_users_drift() -> None:
    """A drift of users spreads their ratings; a drift of preferences needs a taste, and moves items by it and time."""
    ratings = world_of(drift_preferences=0.5).ratings
    assert (ratings.value != world_of().ratings.value).mean() > 0.05
    assert (world_of(knobs=EMPTY, drift_preferences=0.5).ratings.value == world_of(knobs=EMPTY).ratings.value).all()
    assert (world_of(drift_users=0.5).ratings.value != world_of().ratings.value).mean() > 0.05


def test_users_choose_by_taste_only_if_asked(plain: World) -> None:
    """Rated pairs are liked better than others if users choose by taste."""

    def liking(world: World) -> float:
        taste = (world.tastes * world.knobs.factors) @ world.axes.T
        return float(taste[world.ratings.user, world.ratings.item].mean())

    assert abs(liking(plain)) < 0.03
    assert liking(world_of(by_taste=1.0)) > 0.1


def test_tastes_go_with_quality_and_time_only_if_asked(plain: World) -> None:
    """The first axis correlates with quality, and the first user factor with the users' time, as asked."""
    world = world_of(taste_for_quality=0.6, taste_in_time=0.6)
    for of, expected in ((plain, 0.0), (world, 0.6)):
        assert np.corrcoef(of.axes[:, 0], of.quality)[0, 1] == pytest.approx(expected, abs=0.15)
        assert np.corrcoef(of.tastes[:, 0], of.born)[0, 1] == pytest.approx(expected, abs=0.15)
    assert world.tastes.std(0) == pytest.approx(np.ones(3))


def test_copies_share_nine_ratings_in_ten() -> None:
    """A copied account has the items of the other, at the same times, and nine in ten or more equal ratings."""
    world = world_of(duplicates=0.2, copies=2)
    copies = np.flatnonzero(world.copied >= 0)
    assert len(copies) == 60
    assert (np.bincount(world.copied[copies]) == 2).all()
    rated = np.full(SIZE[:2], np.nan)
    rated[world.ratings.user, world.ratings.item] = world.ratings.value
    a, b = rated[copies], rated[world.copied[copies]]
    assert (np.isnan(a) == np.isnan(b)).all()
    assert 0.88 < (a == b)[~np.isnan(a)].mean() < 0.97
    assert (world.tastes[copies] == world.tastes[world.copied[copies]]).all()


def test_tags_follow_what_is_asked() -> None:
    """The first tags follow an axis each; the others quality, popularity, or nothing."""
    world = world_of(tag_q=1.5, tag_pop=1.5)
    for t, carried in enumerate(world.tags.T):
        target = world.axes[:, t] if t < 3 else world.quality if t % 2 else world.popularity
        assert np.corrcoef(carried, target)[0, 1] > 0.3
    world = world_of(tag_align=0)
    others = np.c_[world.axes, world.quality, world.popularity]
    r = [np.corrcoef(carried, other)[0, 1] for carried in world.tags.T for other in others.T]
    assert np.mean(np.abs(r)) < 0.1
    assert world.ratings.items.tags[0] == tuple(f"tag {t:02}" for t in np.flatnonzero(world.tags[0]))


def test_users_columns_follow_tastes_only_if_asked() -> None:
    """The club and the age go with the first two tastes if asked, the shade never."""

    def goes_with(align: float) -> list[float]:
        world = world_of(column_align=align)
        columns = world.ratings.users.columns
        codes = {
            name: [float("abcxyz".find(v)) if v.isalpha() else float(v) for v in columns[name]] for name in columns
        }
        return [abs(np.corrcoef(codes[name], world.tastes[:, min(j, 1)])[0, 1]) for j, name in enumerate(codes)]

    assert min(goes_with(2.0)[:2]) > 0.6
    assert max(goes_with(0.0)) < 0.2
    assert goes_with(2.0)[2] < 0.2


def test_axes_share_and_cluster_as_asked() -> None:
    """Correlated axes correlate by what they share; clustered tastes are nearer to a centre than to the mean."""
    axes = np.concatenate([world_of(seed, correlated=0.5).axes for seed in range(5)])
    r = np.corrcoef(axes.T)[np.triu_indices(3, 1)]
    assert r.mean() == pytest.approx(0.5, abs=0.1)

    def nearest_fifth(tastes: Any) -> float:
        distance = ((tastes[:, None] - tastes[None]) ** 2).sum(2)
        return float(np.quantile(distance, 0.2) / np.median(distance))

    assert nearest_fifth(world_of(user_groups=4).tastes) < 0.15 < nearest_fifth(world_of().tastes)


def test_ceilings_and_scales() -> None:
    """Three fifths of the ratings are fives, all are 0 or 1, or half stars, in the kinds that say so."""
    assert (misspecified_world(0, KINDS["60 % fives"]).ratings.value == 5).mean() == pytest.approx(0.6, abs=0.04)
    assert set(np.unique(world_of(scale=(0.0, 1.0, 1.0)).ratings.value)) == {0, 1}
    assert 0.5 in np.unique(world_of(scale=(0.5, 5.0, 0.5)).ratings.value)

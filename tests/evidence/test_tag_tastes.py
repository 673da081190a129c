"""Axes of tastes for tags: the fit, and the three tests that an axis has to pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedcli.evidence import tag_tastes as module
from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import Observations
from embedcli.evidence.tag_tastes import (
    PERMUTATIONS,
    Sums,
    compact,
    described,
    fit,
    partial_out,
    tag_tastes,
    whitening,
)

N_USERS, N_ITEMS, N_TAGS = 250, 150, 6


def rated(rng: np.random.Generator, tags: Floats, strengths: tuple[float, ...]) -> Observations:
    """Return ratings by users who like or dislike the first tags by so many stars."""
    odds = rng.gumbel(size=(N_USERS, N_ITEMS)) + rng.normal(size=N_ITEMS)
    user, item = np.divmod(np.argsort(-odds.ravel())[:9_000], N_ITEMS)
    tastes = rng.normal(size=(N_USERS, len(strengths))) * np.array(strengths)
    centred = tags[:, : len(strengths)] - tags[:, : len(strengths)].mean(0)
    value = 3 + (tastes @ centred.T)[user, item] + rng.normal(size=len(user))
    return Observations(user.astype(np.int32), item.astype(np.int32), value.astype(np.float32), N_USERS, N_ITEMS)


def drawn_tags(rng: np.random.Generator) -> Floats:
    """Return tags of 30 % of the items each."""
    return (rng.random((N_ITEMS, N_TAGS)) < 0.3).astype(np.float64)


def folds(rows: Observations, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the fold of each rating, one of three."""
    return rng.integers(0, 3, len(rows.value), dtype=np.uint8)


def found(seed: int, strengths: tuple[float, ...], *, shuffled: bool = False, **options: Any) -> module.TagTastes:
    """Return the axes of a world with such tastes; `shuffled`, the tags were exchanged among the items."""
    rng = np.random.default_rng(seed)
    tags = drawn_tags(rng)
    rows = rated(rng, tags, strengths)
    tags = rng.permutation(tags) if shuffled else tags
    axes = tag_tastes(rows, tags, rng.normal(size=(N_ITEMS, 1)), folds(rows, rng), rng, **options)
    assert axes is not None
    return axes


def test_planted_tastes_are_found() -> None:
    """Tastes for two tags make two axes along these tags, which pass every test; a third is not above chance."""
    axes = found(0, (1.2, 0.8))
    assert [int(np.abs(loadings).argmax()) for loadings in axes.loadings[:2]] == [0, 1]
    assert np.abs(axes.loadings[:2]).max(1).min() > 0.9
    assert (axes.p[:2] == 1 / (1 + PERMUTATIONS)).all()
    assert axes.p[2] > 0.02
    assert (axes.held_out.t[:2] > 10).all()
    assert ((axes.held_out.slope[:2] > 0.8) & (axes.held_out.slope[:2] < 1.25)).all()
    assert axes.halves[:2].min() > 0.9
    assert axes.is_kept[0, 0]
    assert axes.is_kept[1, 1]
    assert axes.held_out.share[0] > axes.held_out.share[1] > 0.02


def test_words_that_halves_do_not_share_are_not_kept() -> None:
    """Of an axis that is noise the halves agree on few signs, and on few of its strong words."""
    kept = [found(seed, ()) for seed in range(8)]
    assert np.mean([axes.is_kept[0].mean() for axes in kept]) < 0.5


def test_users_are_placed_by_their_tastes() -> None:
    """A user's coordinate on an axis goes with what the user adds to the ratings of items at its + end."""
    rng = np.random.default_rng(1)
    tags = drawn_tags(rng)
    rows = rated(rng, tags, (1.2,))
    axes = tag_tastes(rows, tags, np.zeros((N_ITEMS, 0)), folds(rows, rng), rng)
    assert axes is not None
    carried = tags[rows.item, 0] > 0
    liked = [
        rows.value[(rows.user == u) & carried].mean() - rows.value[(rows.user == u) & ~carried].mean()
        for u in range(N_USERS)
    ]
    places = axes.users[:, 0] * np.sign(axes.loadings[0, 0])
    assert np.corrcoef(liked, places)[0, 1] > 0.9


def test_held_out_ratings_are_not_seen() -> None:
    """In worlds without tastes an axis predicts held-out ratings no better than chance: t is about standard normal."""
    t = [found(seed, ()).held_out.t[0] for seed in range(10)]
    assert np.mean(t) < 1.5
    assert np.max(t) < 4


def test_p_is_calibrated() -> None:
    """With tags exchanged among the items, however strong the tastes, p is below .1 about once in ten times."""
    p = [found(seed, (1.0, 0.7), shuffled=True).p[0] for seed in range(100, 130)]
    assert 0 <= sum(value <= 0.1 for value in p) <= 8
    assert np.mean(p) > 0.3


def test_tags_that_say_quality_name_nothing() -> None:
    """A tag that the numbers say already leaves nothing to have a taste for; with the numbers it is a word."""
    rng = np.random.default_rng(2)
    numbers = rng.permutation(np.arange(N_ITEMS) % 5.0)[:, None]
    rows = rated(rng, numbers, (0.5,))
    tags = (numbers > 3).astype(np.float64)
    ranks_say_all = np.column_stack([numbers, tags])
    assert tag_tastes(rows, tags, ranks_say_all, folds(rows, rng), rng) is None
    axes = tag_tastes(rows, tags, numbers, folds(rows, rng), rng, with_numbers=True)
    assert axes is not None
    assert axes.loadings.shape[1] == 1 + 1 + 2  # the tag, the number, bias, log n
    assert np.abs(axes.loadings[0]).argmax() == 1
    assert axes.p[0] <= 0.02


def test_fit_finds_the_covariance() -> None:
    """EM returns the covariance that the tastes were drawn with, the noise, and each user's posterior mean."""
    rng = np.random.default_rng(3)
    covariance = np.array([[1.0, 0.5], [0.5, 0.6]])
    n_users, n = 2_000, 30
    tastes = rng.multivariate_normal(np.zeros(2), covariance, n_users)
    items = rng.normal(size=(n_users, n, 2))
    residuals = (items @ tastes[:, :, None])[:, :, 0] + 1.5 * rng.normal(size=(n_users, n))
    sums = Sums(
        items.transpose(0, 2, 1) @ items,
        (items.transpose(0, 2, 1) @ residuals[:, :, None])[:, :, 0],
        float((residuals**2).sum()),
        residuals.size,
    )
    estimate = fit(sums, 100)
    np.testing.assert_allclose(estimate.covariance, covariance, atol=0.08)
    assert estimate.noise == pytest.approx(2.25, rel=0.03)
    mean = np.linalg.solve(
        np.linalg.inv(estimate.covariance) + sums.gram[7] / estimate.noise, sums.linear[7] / estimate.noise
    )
    np.testing.assert_allclose(estimate.means[7], mean, atol=1e-3)


def test_profiles_are_orthogonal_to_the_numbers_and_white() -> None:
    """Over the ratings, what is left of the tags has no correlation with the numbers, and its axes none together."""
    rng = np.random.default_rng(4)
    numbers, tags, n = rng.normal(size=(N_ITEMS, 2)), drawn_tags(rng), rng.integers(1, 90, N_ITEMS)
    known = described(tags, numbers, n, with_numbers=False)
    left = partial_out(known, known.tags)
    profiles = left @ whitening(left, n.sum()) / known.root
    np.testing.assert_allclose(profiles.T @ (n[:, None] * profiles) / n.sum(), np.eye(N_TAGS), atol=1e-9)
    ranks = np.argsort(np.argsort(numbers, axis=0), axis=0)
    assert (
        np.abs(n @ (profiles[:, :, None] * np.column_stack([ranks, ranks**2])[:, None]).reshape(N_ITEMS, -1)).max()
        < 1e-6
    )


def test_collinear_tags_do_not_count_twice() -> None:
    """A tag and its contrary are one direction, and a tag twice is the tag."""
    rng = np.random.default_rng(5)
    tags, n = drawn_tags(rng)[:, :2], np.full(N_ITEMS, 9)
    known = described(np.column_stack([tags, 1 - tags, tags]), np.zeros((N_ITEMS, 0)), n, with_numbers=False)
    assert whitening(partial_out(known, known.tags), n.sum()).shape == (6, 2)


def test_a_sample_takes_whole_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many ratings those of some users are taken, all of each, numbered anew; items without any are left out."""
    rng = np.random.default_rng(6)
    rows = rated(rng, drawn_tags(rng), (1.0,))
    monkeypatch.setattr(module, "MOST_RATINGS", 2_000)
    sample, users, items = compact(rows, rng)
    assert 1_500 < len(sample.value) <= 2_000
    np.testing.assert_array_equal(sample.counts()[0], rows.counts()[0][users])
    kept = np.isin(rows.user, users)
    np.testing.assert_array_equal(items[sample.item], rows.item[kept])
    monkeypatch.setattr(module, "MOST_USERS", 7)
    assert compact(rows, rng)[0].n_users == 7


def test_unrated_items_and_missing_tags() -> None:
    """Items without ratings are at 0 on every axis; without tags, or with tags that do not vary, there is no axis."""
    rng = np.random.default_rng(7)
    tags = drawn_tags(rng)
    rows = rated(rng, tags, (1.0,))
    seen = rows.take(rows.item > 3)
    axes = tag_tastes(seen, tags, np.zeros((N_ITEMS, 0)), folds(seen, rng), rng)
    assert axes is not None
    assert not axes.scores[:, :4].any()
    assert axes.scores[0, 4:].any()
    for nothing in (np.zeros((N_ITEMS, 0)), np.ones((N_ITEMS, 2))):
        assert tag_tastes(rows, nothing, np.zeros((N_ITEMS, 0)), folds(rows, rng), rng) is None

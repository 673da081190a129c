"""Components, their names and their agreement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, ortho_group, spearmanr

from embedcli.analysis.components import pca
from embedcli.errors import UsageError
from embedcli.run.record import Run


def test_planted_axis_is_the_first_and_has_its_names(trained: Run) -> None:
    """The factor the world was made with is the first component, named by the genres at its ends."""
    first = pca(trained, n_components=1).components[0]
    assert {first.positive_name[0], first.negative_name[0]} == {"Action", "Romance"}
    assert {effect.name: round(abs(effect.effect), 2) for effect in first.effects}["Action"] > 0.95
    assert first.agreement is not None
    assert first.agreement > 0.99


def test_components_are_those_of_an_svd(trained: Run) -> None:
    """Shares and coordinates are those of numpy's SVD of the members' centred factors side by side."""
    found = pca(trained, n_components=4, top_items=50)
    factors = trained.array("item_factors")[:, found.rows].astype(np.float64)
    factors -= factors.mean(1, keepdims=True)
    u, s, _ = np.linalg.svd(np.concatenate(list(factors), 1), full_matrices=False)
    shares = [component.share for component in found.components]
    np.testing.assert_allclose(shares, (s**2 / (s**2).sum())[:4], rtol=1e-6)
    np.testing.assert_allclose(np.abs(found.scores), np.abs((u * s)[:, :4]) / np.sqrt(len(factors)), atol=1e-9)


def test_rotating_a_member_changes_nothing(trained: Run) -> None:
    """Members are known up to a rotation each; the components do not depend on it, and agree wholly with it."""
    factors = trained.array("item_factors")[0]
    turns = [ortho_group.rvs(factors.shape[1], random_state=seed) for seed in range(3)]
    turned = np.stack([factors @ turn for turn in turns]).astype(np.float32)
    same = pca(replace(trained, arrays={"item_factors": turned}))
    one = pca(replace(trained, arrays={"item_factors": factors[None]}))
    np.testing.assert_allclose(same.scores, one.scores, atol=1e-5)
    assert [component.agreement for component in same.components] == pytest.approx([1, 1, 1], abs=1e-5)


def test_plus_pole_is_better_rated(trained: Run) -> None:
    """The coordinates of a component do not correlate negatively with the mean rating, unless hardly at all."""
    found = pca(trained, n_components=5)
    means = trained.item_seen.mean_rating[found.rows]
    for scores in found.scores.T:
        assert np.corrcoef(scores, means)[0, 1] > -0.1


def test_poles_are_the_ends(trained: Run) -> None:
    """The items at the poles have the highest and the lowest coordinates, outermost first."""
    component = pca(trained, limit=4).components[1]
    scores = np.sort(pca(trained).scores[:, 1])
    assert [item.score for item in component.positive] == pytest.approx(list(scores[::-1][:4]))
    assert [item.score for item in component.negative] == pytest.approx(list(scores[:4]))


def test_effects_are_the_textbook_ones(trained: Run) -> None:
    """A tag's effect is the rank-biserial correlation of Mann and Whitney's U, a number's is Spearman's."""
    found = pca(trained, n_components=2)
    rows, scores = found.rows, found.scores[:, 1]
    effects = {effect.name: effect.effect for effect in found.components[1].effects}
    tagged = np.array(["Action" in trained.items.tags[j] for j in rows])
    u = mannwhitneyu(scores[tagged], scores[~tagged]).statistic
    assert effects["Action"] == pytest.approx(2 * u / (tagged.sum() * (~tagged).sum()) - 1)
    mean = trained.item_seen.mean_rating[rows]
    assert effects["mean rating"] == pytest.approx(spearmanr(scores, mean).statistic)


@pytest.mark.parametrize(
    ("options", "n", "words"),
    [
        ({}, 119, "the 119 most rated films"),
        ({"top_items": 30}, 30, "the 30 most rated films"),
        ({"min_ratings": 10}, 119, "119 films with at least 10 ratings"),
        ({"min_ratings": 0}, 120, "120 films with at least 0 ratings"),
        ({"min_ratings": 10, "top_items": 7}, 7, "7 films with at least 10 ratings"),
    ],
)
def test_items_looked_at(trained: Run, options: dict[str, int], n: int, words: str) -> None:
    """The filter takes the most rated items, those with enough ratings, or both, and says so."""
    found = pca(trained, n_components=2, **options)
    assert (found.n_items, found.items) == (n, words)


def test_single_member_has_no_agreement(trained: Run) -> None:
    """With one member there is nothing to agree."""
    one = replace(trained, arrays={"item_factors": trained.array("item_factors")[:1]})
    assert {component.agreement for component in pca(one).components} == {None}


def test_frame_has_a_row_per_item_at_a_pole(trained: Run) -> None:
    """The table for notebooks has a row per component, pole and item."""
    frame = pca(trained, n_components=2, limit=3).to_frame()
    assert len(frame) == 2 * 2 * 3
    assert set(frame["pole"]) == {"+", "-"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "--components 0 is not from 1 to 8: the run has 8 factors"),
        ({"n_components": 9}, "--components 9 is not from 1 to 8"),
        ({"n_components": 3, "top_items": 3}, "from 1 to 2: only 3 items"),
        ({"top_items": 0}, "--top-items 0 is below 1"),
        ({"min_ratings": 5000}, "0 items are too few"),
        ({"min_ratings": -1}, "--min-ratings -1 is below 0"),
        ({"limit": 0}, "-n 0 is below 1"),
    ],
)
def test_what_cannot_be_shown(trained: Run, options: dict[str, int], message: str) -> None:
    """Components and items that are not there are refused, with the range there is."""
    with pytest.raises(UsageError, match=message):
        pca(trained, **options)

"""Components, their names and their evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, ortho_group, spearmanr

from embedcli.analysis import pca as analysis
from embedcli.analysis.choices import Basis, PartialOut, Rotation
from embedcli.analysis.components import ComponentFinder, match, varimax
from embedcli.analysis.pca import pca
from embedcli.errors import UsageError
from embedcli.run.record import ComponentTest, Evidence, Run, Training


def test_planted_axis_is_the_first_and_has_its_names(trained: Run) -> None:
    """The factor the world was made with is the first component, named by the genres at its ends."""
    first = pca(trained, components=1).components[0]
    assert {first.positive_name[0], first.negative_name[0]} == {"Action", "Romance"}
    assert {effect.name: round(abs(effect.effect), 2) for effect in first.effects}["Action"] > 0.95
    assert first.truth_phi is not None
    assert first.truth_phi > 0.95


def test_components_are_those_of_an_svd(trained: Run) -> None:
    """Shares and coordinates are those of numpy's SVD of the members' centred factors side by side."""
    found = pca(trained, components=4, top_items=50)
    factors = trained.array("item_factors")[:, found.item_rows].astype(np.float64)
    factors -= factors.mean(1, keepdims=True)
    u, s, _ = np.linalg.svd(np.concatenate(list(factors), 1), full_matrices=False)
    shares = [component.share for component in found.components]
    np.testing.assert_allclose(shares, (s**2 / (s**2).sum())[:4], rtol=1e-6)
    np.testing.assert_allclose(
        np.abs(found.scores[found.item_rows]), np.abs((u * s)[:, :4]) / np.sqrt(len(factors)), atol=1e-9
    )


def test_rotating_a_member_changes_nothing(trained: Run) -> None:
    """Members are known up to a rotation each, and the components do not depend on it."""
    factors = trained.array("item_factors")[0]
    turns = [ortho_group.rvs(factors.shape[1], random_state=seed) for seed in range(3)]
    turned = np.stack([factors @ turn for turn in turns]).astype(np.float32)
    bare = replace(trained, training=Training())
    same = pca(replace(bare, arrays={"item_factors": turned}))
    one = pca(replace(bare, arrays={"item_factors": factors[None]}))
    np.testing.assert_allclose(same.scores, one.scores, atol=1e-5)


def test_plus_pole_is_better_rated(trained: Run) -> None:
    """The coordinates of a component do not correlate negatively with the mean rating, unless hardly at all."""
    found = pca(trained, components=5)
    means = trained.item_stats.mean_rating[found.item_rows]
    for scores in found.scores[found.item_rows].T:
        assert np.corrcoef(scores, means)[0, 1] > -0.1


def test_a_title_stands_once_at_a_pole(trained: Run) -> None:
    """Of two items with one title, the outer one is shown, and the next title takes the place of the other."""
    first, second, third = pca(trained, components=1, limit=3).components[0].positive
    titles = [first.title if own == second.title else own for own in trained.items.titles]
    doubled = replace(trained, items=replace(trained.items, titles=tuple(titles)))
    pole = pca(doubled, components=1, limit=2).components[0].positive
    assert [item.id for item in pole] == [first.id, third.id]


def test_poles_are_the_ends(trained: Run) -> None:
    """The items at the poles have the highest and the lowest coordinates, outermost first."""
    component = pca(trained, limit=4).components[1]
    everything = pca(trained)
    scores = np.sort(everything.scores[everything.item_rows, 1])
    assert [item.score for item in component.positive] == pytest.approx(list(scores[::-1][:4]))
    assert [item.score for item in component.negative] == pytest.approx(list(scores[:4]))


def test_effects_are_the_textbook_ones(trained: Run) -> None:
    """A tag's effect is the rank-biserial correlation of Mann and Whitney's U, a number's is Spearman's."""
    found = pca(trained, components=2)
    rows, scores = found.item_rows, found.scores[found.item_rows, 1]
    effects = {effect.name: effect.effect for effect in found.components[1].effects}
    tagged = np.array(["Action" in trained.items.tags[j] for j in rows])
    u = mannwhitneyu(scores[tagged], scores[~tagged]).statistic
    assert effects["Action"] == pytest.approx(2 * u / (tagged.sum() * (~tagged).sum()) - 1)
    mean = trained.item_stats.mean_rating[rows]
    assert effects["mean rating"] == pytest.approx(spearmanr(scores, mean).statistic)


@pytest.mark.parametrize(
    ("options", "n", "words"),
    [
        ({}, 119, "the 119 most rated films"),
        ({"top_items": 30}, 30, "the 30 most rated films"),
        ({"min_ratings": 10}, 119, "119 films with at least 10 ratings"),
        ({"min_ratings": 0}, 120, "120 films with at least 0 ratings"),
        ({"min_ratings": 10, "top_items": 7}, 7, "the 7 most rated films"),
    ],
)
def test_items_looked_at(trained: Run, options: dict[str, int], n: int, words: str) -> None:
    """The filter takes the most rated items, those with enough ratings, or both, and says so."""
    found = pca(trained, components=2, **options)
    assert (found.n_items, found.items) == (n, words)


def test_frame_has_a_row_per_item_at_a_pole(trained: Run) -> None:
    """The table for notebooks has a row per component (or axis of tastes), pole and item."""
    frame = pca(trained, components=2, limit=3).to_frame()
    assert (frame["component"].notna().sum(), frame["taste"].notna().sum() % 6) == (2 * 2 * 3, 0)
    assert set(frame["pole"]) == {"+", "-"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": 0}, "`components` 0 is not from 1 to 8: the run has 8 factors"),
        ({"components": 9}, "`components` 9 is not from 1 to 8"),
        ({"components": 3, "top_items": 3}, "from 1 to 2: only 3 items pass"),
        ({"top_items": 0}, "`top_items` 0 is below 1"),
        ({"min_ratings": 5000}, "0 items are too few"),
        ({"min_ratings": -1}, "`min_ratings` -1 is below 0"),
        ({"limit": 0}, "`limit` 0 is below 1"),
    ],
)
def test_what_cannot_be_shown(trained: Run, options: dict[str, int], message: str) -> None:
    """Components and items that are not there are refused, with the range there is."""
    with pytest.raises(UsageError, match=message):
        pca(trained, **options)


@pytest.mark.parametrize("basis", Basis)
def test_planted_axis_is_real_and_noise_is_not(trained: Run, basis: Basis) -> None:
    """In either basis the planted factor predicts ratings left out and is the truth; noise does not and has no name."""
    first, _, third = pca(trained, components=3, basis=basis).components
    assert (first.real, first.unnamed) == (True, None)
    assert (first.truth_phi or 0) > 0.95
    assert third.positive_name == third.negative_name == ()
    assert "it does not predict" in str(third.unnamed)


@pytest.mark.parametrize("basis", Basis)
def test_component_that_halves_do_not_find_is_not_named(trained: Run, basis: Basis) -> None:
    """A component that members on halves of the users do not find has no name, whatever its test."""
    rng = np.random.default_rng(0)
    noise = {name: rng.normal(size=trained.array(name).shape) for name in ("half_item_factors", "half_axes")}
    arrays = {**trained.arrays, **{name: array.astype(np.float32) for name, array in noise.items()}}
    first = pca(replace(trained, arrays=arrays), basis=basis).components[0]
    assert first.real
    assert first.truth_phi is not None
    assert first.truth_phi < 0.5
    assert "its agreement with the truth is about" in str(first.unnamed)
    assert first.positive_name == first.negative_name == ()


def test_tags_that_are_unrelated_to_an_axis_do_not_name_it(trained: Run) -> None:
    """Shuffled tags name no axis, nor beside many tags that do go with it, which make a small q of a large p."""
    n_named = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        planted = [[f"{tag} {copy}" for copy in range(30)] for (tag,) in trained.items.tags]
        shuffled = [[f"shuffled {j}" for j in np.flatnonzero(rng.random(30) < 0.4)] for _ in planted]
        tags = tuple((*own, *others) for own, others in zip(planted, shuffled, strict=True))
        first = pca(replace(trained, items=replace(trained.items, tags=tags)), components=1).components[0]
        names = first.positive_name + first.negative_name
        assert {"Action 0", "Romance 29"} <= set(names)
        n_named += any(name.startswith("shuffled") for name in names)
    assert n_named <= 1


def test_untested_component_is_not_named(trained: Run) -> None:
    """Where nothing was tested, effects are shown and nothing is named."""
    first = pca(replace(trained, training=Training())).components[0]
    assert first.effects
    assert first.unnamed == "it was not tested on held-out ratings"


def test_pca_of_other_items_keeps_its_test(trained: Run) -> None:
    """A component over fewer items takes the test of its counterpart over the most rated ones."""
    tests = [ComponentTest(float(j), 1.0, True, True) for j in range(8)]
    evidence = Evidence((), tests, 1, 5, 3.0, 0.5)
    run = replace(trained, training=replace(trained.training, evidence=evidence))
    first = pca(run, components=1, top_items=60).components[0]
    assert (first.t, first.slope, first.predicts, first.real) == (0.0, 1.0, True, True)


def test_preference_basis_is_the_svd_of_the_predictions(trained: Run) -> None:
    """Its axes and shares are those of the weighted, centred matrix of all predicted preferences."""
    found = pca(trained, components=3, basis=Basis.PREFERENCE)
    users, items = (trained.array(name).astype(np.float64) for name in ("user_factors", "item_factors"))
    logits = np.mean([p @ q.T for p, q in zip(users, items, strict=True)], axis=0)  # (U, I)
    n_users, n_items = trained.user_stats.n_ratings, trained.item_stats.n_ratings
    logits = logits - (n_users @ logits / n_users.sum())
    logits = logits - (logits @ n_items / n_items.sum())[:, None]
    _, s, right = np.linalg.svd(np.sqrt(n_users)[:, None] * logits * np.sqrt(n_items), full_matrices=False)
    shares = [component.share for component in found.components]
    np.testing.assert_allclose(shares, (s**2 / (s**2).sum())[:3], rtol=1e-6)
    rated = n_items > 0
    expected = (right[:3] * s[:3, None])[:, rated] / np.sqrt(n_items[rated]) / np.sqrt(n_users.sum())
    np.testing.assert_allclose(np.abs(found.scores[rated].T), np.abs(expected), atol=1e-6)


def test_varimax_finds_simple_structure() -> None:
    """Turned scores of items that stand on one axis each are turned back, up to order and sign."""
    simple = np.kron(np.eye(3), np.linspace(1, 3, 20)[:, None]) * np.tile([[1], [-1]], (30, 1))
    turn = ortho_group.rvs(3, random_state=0)
    rotation = varimax(simple @ turn)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.sort(np.abs(turn @ rotation)), np.sort(np.eye(3)), atol=1e-4)


def test_rotated_components_share_what_the_components_did(trained: Run) -> None:
    """A rotation moves variance between components and makes none; rotated ones have no test of their own."""
    plain, turned = (pca(trained, rotate=rotation) for rotation in Rotation)
    total = [sum(component.share for component in found.components) for found in (plain, turned)]
    assert total[0] == pytest.approx(total[1])
    assert {component.real for component in turned.components} == {None}


def test_beyond_quality_only_tags_speak(trained: Run) -> None:
    """PartialOut quality the coordinates shown do not correlate with the mean rating, and no number is an effect."""
    found = pca(trained, partial_out=PartialOut.QUALITY, components=1, limit=119).components[0]
    assert {effect.kind for effect in found.effects} == {"tag"}
    mean, score = zip(*((item.mean_rating, item.score) for item in found.positive), strict=True)
    assert abs(np.corrcoef(mean, score)[0, 1]) < 0.1


def test_beyond_quality_has_a_share_and_an_agreement_of_its_own(trained: Run) -> None:
    """What is left of a component is smaller, and is held against what is left of it in the halves."""
    whole, left = (pca(trained, partial_out=partial_out, components=3) for partial_out in PartialOut)
    for before, after in zip(whole.components, left.components, strict=True):
        assert after.share < before.share
        assert after.truth_phi != before.truth_phi
    np.testing.assert_array_equal(whole.scores, left.scores)


def test_components_that_do_not_vary_are_refused(trained: Run) -> None:
    """Factors that are all the same have no components."""
    flat = {name: np.zeros_like(array) for name, array in trained.arrays.items()}
    with pytest.raises(UsageError, match="these components do not vary"):
        pca(replace(trained, arrays=flat))


@pytest.mark.parametrize("basis", Basis)
def test_the_halves_take_their_axes_from_disjoint_items(trained: Run, basis: Basis) -> None:
    """Two tastes of one strength are turned into each other by the items there: halves that are equal do not agree.

    Over all items their axes are the same whatever the items; over disjoint items they are not.
    """
    tastes = np.random.default_rng(0).normal(size=(len(trained.items), 2)).astype(np.float32)
    halves = {name: np.stack([tastes] * 8) for name in ("half_item_factors", "half_axes")}
    run = replace(trained, arrays={**trained.arrays, **halves})
    rows = np.flatnonzero(trained.item_stats.n_ratings > 0)
    first, second, *_ = ComponentFinder(run, rows, 2, basis, Rotation.NONE).of_halves()
    assert np.linalg.norm(first) == pytest.approx(np.linalg.norm(second), rel=1e-6)
    assert match(first, second)[1].min() < 0.99


def test_without_half_members_there_is_no_agreement(trained: Run) -> None:
    """A run without half members has no estimate of its agreement with the truth: no figure, not zero."""
    arrays = {name: array for name, array in trained.arrays.items() if not name.startswith("half")}
    first = pca(replace(trained, arrays=arrays)).components[0]
    assert (first.truth_phi, first.truth_phi_error) == (None, None)
    assert first.unnamed == "its agreement with the truth was not estimated"


@pytest.mark.parametrize(
    ("test", "truth_phi", "said"),
    [
        (ComponentTest(9.0, 0.8, True, True), 0.88, None),
        (ComponentTest(9.0, 0.8, True, True), 0.879, "its agreement with the truth is about 0.87, below 0.88"),
        (
            ComponentTest(72.7, 0.47, True, False),
            0.96,
            "it predicts, but claims about twice what holds (t 72.7, slope 0.47)",
        ),
        (ComponentTest(9.0, 0.31, True, False), 0.96, "it predicts, but claims about 3 times what holds"),
        (
            ComponentTest(58.5, 0.9, True, False, "time: a drift"),
            0.96,
            "it goes with time: a drift, not a taste (t 58.5, slope 0.90)",
        ),
        (ComponentTest(1.2, 0.9, False, False), 0.96, "it does not predict (t 1.2"),
        (None, 0.96, "it was not tested"),
        (ComponentTest(9.0, 0.8, True, True), None, "its agreement with the truth was not estimated"),
    ],
)
def test_only_what_is_real_and_true_is_named(
    test: ComponentTest | None, truth_phi: float | None, said: str | None
) -> None:
    """A component lacks what it lacks: at t 72.7 it predicts, whatever it claims; below phi .88 it is not named."""
    found = analysis._why_unnamed(test, truth_phi, "ratings")
    assert found is None if said is None else str(found).startswith(said)


def test_component_without_a_counterpart_was_not_tested(trained: Run) -> None:
    """A component that none of the tested ones resembles has no test: it does not borrow its neighbour's."""
    rows = np.flatnonzero(trained.item_stats.n_ratings > 0)
    finder = ComponentFinder(trained, rows, 2, Basis.PCA, Rotation.NONE)
    noise = np.random.default_rng(0).normal(size=(len(rows), 2))
    assert finder.tests(noise) == [None, None]
    assert finder.tests(finder.of_run()[0][rows])[0] is not None

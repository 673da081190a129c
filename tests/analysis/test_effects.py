"""Effects of tags and numbers, the gate they must pass, and the names they give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, mannwhitneyu, norm, spearmanr

from embedcli.analysis import effects
from embedcli.analysis.effects import Candidates, Effect, names, without_quality
from embedcli.evidence.controls import without
from embedcli.evidence.strata import Strata
from embedcli.run.record import Run

N = 400
SHARES = (0.4, 0.3, 0.2, 0.1, 0.08, 0.06, 0.03, 0.001)  # of the items, by tag; the last is carried by too few


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    """Return items whose tags overlap, with numbers that are partly not known; nothing here can be written to."""
    rng = np.random.default_rng(1)
    lean = rng.normal(size=(N, 2)) @ rng.normal(size=(2, len(SHARES))) + rng.normal(size=(N, len(SHARES)))
    tags = lean > [np.quantile(column, 1 - share) for column, share in zip(lean.T, SHARES, strict=True)]
    bias = rng.normal(size=N)
    numbers = np.column_stack(
        [
            np.where(np.arange(N) % 10 == 3, np.nan, rng.integers(1930, 1999, N)),
            np.log(rng.integers(1, 500, N)),
            bias + rng.normal(0, 0.3, N),
            bias,
        ]
    )
    tags.setflags(write=False)
    numbers.setflags(write=False)
    tag_names = tuple(f"tag {j}" for j in range(len(SHARES)))
    return Candidates(tag_names, tags, ("year", "log n", "mean rating", "bias"), numbers)


@pytest.fixture(scope="module")
def scores(candidates: Candidates) -> NDArray[np.float64]:
    """Return three axes: one of noise, one along a tag and a number, one with many ties."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(N, 3))
    along = candidates.tags[:, 3] + candidates.numbers[:, 3] + noise[:, 1]
    axes = np.column_stack([noise[:, 0], along, np.round(noise[:, 2] + candidates.tags[:, 0])])
    axes.setflags(write=False)
    return axes


def test_tag_effect_is_the_rank_biserial_correlation(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """A tag's effect is that of Mann and Whitney's U, ties and all, over all items."""
    for axis, found in zip(scores.T, effects.effects_of(candidates, scores), strict=True):
        ours = {effect.name: effect for effect in found if effect.kind == "tag"}
        assert set(ours) == set(candidates.tag_names[:6])  # the last two are carried by 12 and by 0 items
        for name in ours:
            tagged = candidates.tags[:, candidates.tag_names.index(name)]
            u = mannwhitneyu(axis[tagged], axis[~tagged])
            assert ours[name].effect == pytest.approx(2 * u.statistic / (tagged.sum() * (~tagged).sum()) - 1)
            assert ours[name].n == tagged.sum()


def test_q_of_a_tag_without_numbers_is_mann_and_whitneys(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """If no number is known there is one stratum, and q is that of Mann and Whitney's U, Benjamini and Hochberg's."""
    alone = replace(candidates, number_names=(), numbers=np.zeros((N, 0)))
    for axis, found in zip(scores.T, effects.effects_of(alone, scores), strict=True):
        tagged = [candidates.tags[:, candidates.tag_names.index(effect.name)] for effect in found]
        tests = [
            mannwhitneyu(axis[own], axis[~own], method="asymptotic", use_continuity=False).pvalue for own in tagged
        ]
        assert [effect.q for effect in found] == pytest.approx(false_discovery_control(tests))


def test_z_of_a_tag_is_centred_within_strata(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """Z is the effect less its mean, in standard deviations, over permutations of the tags within their strata."""
    rng = np.random.default_rng(3)
    confounders, tags = candidates.confounders, candidates.tags[:, :6]
    _, z, _ = effects._test_tags(tags, scores, confounders, rng)
    strata = Strata.of(confounders)
    beyond = without(confounders, effects._centred_ranks(scores))
    permuted = []
    for _ in range(1500):
        order = np.arange(N)
        for stratum in range(strata.n_strata):
            own = np.flatnonzero(strata.code == stratum)
            order[own] = rng.permutation(own)
        permuted.append([beyond[tag[order]].mean(0) - beyond[~tag[order]].mean(0) for tag in tags.T])
    actual = np.array([beyond[tag].mean(0) - beyond[~tag].mean(0) for tag in tags.T])
    by_permutation = (actual - np.mean(permuted, axis=0)) / np.std(permuted, axis=0)
    np.testing.assert_allclose(z, by_permutation, rtol=0.07, atol=0.08)


def test_number_effect_is_spearmans(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """A number's effect is Spearman's correlation over the items of which it is known; its q is from there."""
    for axis, found in zip(scores.T, effects.effects_of(candidates, scores), strict=True):
        ours = {effect.name: effect for effect in found if effect.kind == "number"}
        assert set(ours) == set(candidates.number_names)
        p = []
        for name, effect in ours.items():
            values = candidates.numbers[:, candidates.number_names.index(name)]
            known = np.isfinite(values)
            r = spearmanr(values[known], axis[known]).statistic
            assert effect.effect == pytest.approx(r)
            assert effect.n == known.sum() == (360 if name == "year" else 400)
            p.append(2 * norm.sf(abs(r) * np.sqrt(known.sum() - 1)))
        assert [effect.q for effect in ours.values()] == pytest.approx(false_discovery_control(p))


def test_p_values_do_not_flatter() -> None:
    """Where the exact p-value is small, ours is above it: the normal distribution has the longer tail."""
    axis = np.arange(60.0)[:, None]
    for shift in range(4, 14, 2):
        tagged = np.isin(np.arange(60), np.arange(20) * 2 + shift)
        one = Candidates(("tag",), tagged[:, None], (), np.zeros((60, 0)))
        (found,) = effects.effects_of(one, axis)[0]
        exact = mannwhitneyu(axis[tagged, 0], axis[~tagged, 0], method="exact").pvalue
        assert found.q > exact * (1 if exact < 0.01 else 0.95)


@pytest.mark.parametrize("n_items", [120, N])
def test_gates_are_what_chance_rarely_reaches(candidates: Candidates, n_items: int) -> None:
    """The largest |z| of tags, or of numbers, whose rows are permuted is above its gate in one case of a hundred."""
    rng = np.random.default_rng(3)
    tags, numbers = candidates.tags[:n_items, :5], candidates.numbers[:n_items]
    strata, score = Strata.of(candidates.confounders[:n_items]), rng.normal(size=(n_items, 1))
    *_, gate = effects._test_tags(tags, score, candidates.confounders[:n_items], rng)
    *_, number_gate = effects._test_numbers(numbers, score, rng)
    weights, beyond = (
        effects._tag_weights(tags),
        without(candidates.confounders[:n_items], effects._centred_ranks(score)),
    )
    orders = strata.orders(5000, rng)
    z = beyond[orders, 0] @ strata.centred(weights) / strata.deviations(weights, beyond)[:, 0]
    _, number_z, _ = effects._test_numbers(numbers, rng.normal(size=(n_items, 2000)), rng)
    assert np.mean(np.abs(z).max(1) > gate) == pytest.approx(0.01, abs=0.006)
    assert np.mean(np.abs(number_z).max(0) > number_gate) == pytest.approx(0.01, abs=0.007)


def test_shuffled_tags_name_nothing(candidates: Candidates) -> None:
    """If the rows of tags are shuffled, at most 2 % of axes get the name of a tag, whatever their numbers say."""
    rng = np.random.default_rng(4)
    strong = candidates.numbers[:, [3]] + rng.normal(0, 0.3, (N, 500))
    shuffled = replace(candidates, tags=candidates.tags[rng.permutation(N)])
    found = effects.effects_of(shuffled, strong)
    named = [any(effect.passed for effect in axis if effect.kind == "tag") for axis in found]
    assert np.mean(named) <= 0.02
    assert all(names(axis)[0][0] in ("well liked", "high mean rating") for axis in found)


@pytest.mark.parametrize("number", ["bias", "log n", "year"])
def test_tags_that_follow_a_number_name_nothing(candidates: Candidates, number: str) -> None:
    """Tags that go with an axis only through bias, log n or the year name at most 5 % of axes."""
    rng = np.random.default_rng(6)
    values = candidates.numbers[:, candidates.number_names.index(number)]
    drive = np.nan_to_num((values - np.nanmean(values)) / np.nanstd(values))
    named, large = [], []
    for _ in range(100):
        axis = drive[:, None] + rng.normal(0, 0.5, (N, 1))
        tags = drive[:, None] + rng.normal(0, 1, (N, 6)) > 0.7
        found = effects.effects_of(replace(candidates, tags=tags, tag_names=tuple("abcdef")), axis)[0]
        named.append(any(effect.passed for effect in found if effect.kind == "tag"))
        large.append(all(effect.effect > effects.THRESHOLD for effect in found if effect.kind == "tag"))
    assert np.mean(named) <= 0.05
    assert np.mean(large) > 0.9  # the effects are there


def test_a_tag_against_its_numbers_names_nothing(candidates: Candidates) -> None:
    """A tag whose items are high for their bias, but low for that of others like them, names neither pole."""
    rng = np.random.default_rng(7)
    bias = candidates.numbers[:, 3]
    tag = bias + rng.normal(0, 0.6, N) > 0.5
    axis = bias - 0.5 * tag + rng.normal(0, 0.2, N)
    one = replace(candidates, tags=tag[:, None], tag_names=("tag",))
    found = next(effect for effect in effects.effects_of(one, axis[:, None])[0] if effect.kind == "tag")
    assert found.effect > effects.THRESHOLD
    assert found.q < 1e-6
    assert not found.passed


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_axis_along_a_tag_carries_its_name(candidates: Candidates, share: float) -> None:
    """A tag behind a tenth or more of an axis's variance names its pole in at least 95 % of cases, and first."""
    rng = np.random.default_rng(5)
    tag = candidates.tags[:, 1] / candidates.tags[:, 1].std()
    axes = np.sqrt(share) * tag[:, None] + np.sqrt(1 - share) * rng.normal(size=(N, 200))
    found = effects.effects_of(candidates, axes)
    assert np.mean(["tag 1" in names(axis)[0] for axis in found]) >= 0.95
    assert np.mean([names(axis)[0][0] == "tag 1" for axis in found]) >= 0.95


def test_what_passes_is_large_and_sure(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """What passes is above the threshold with a small q; a tag and a number behind an axis pass, and nothing else."""
    for effect in sum(effects.effects_of(candidates, scores, seed=6), ()):
        assert not effect.passed or (abs(effect.effect) >= effects.THRESHOLD and effect.q < effects.LEVEL)
    along = {effect.name for effect in effects.effects_of(candidates, scores)[1] if effect.passed}
    assert along == {"tag 3", "bias", "mean rating"}


def test_same_seed_same_answer(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """A test can be repeated to the last digit, and an axis is judged alike alone and among others."""
    together = effects.effects_of(candidates, scores)
    assert together == effects.effects_of(candidates, scores)
    for axis, found in zip(scores.T, together, strict=True):
        (alone,) = effects.effects_of(candidates, axis[:, None])
        assert [(e.name, e.passed) for e in alone] == [(e.name, e.passed) for e in found]
        assert [e.q for e in alone] == pytest.approx([e.q for e in found])


def test_strongest_come_first(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """Tags and numbers stand in one list, by the size of their effects."""
    for axis in effects.effects_of(candidates, scores):
        sizes = [abs(effect.effect) for effect in axis]
        assert sizes == sorted(sizes, reverse=True)
        assert {effect.kind for effect in axis} == {"tag", "number"}


def test_constant_scores_go_with_nothing(candidates: Candidates) -> None:
    """An axis on which all items stand at one place has effects of 0, and no name."""
    (found,) = effects.effects_of(candidates, np.ones((N, 1)))
    assert {(effect.effect, effect.q) for effect in found} == {(0.0, 1.0)}
    assert names(found) == (("mixed",), ("mixed",))


def test_few_items_are_not_tested(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """Of items too few there are no effects, and without tags and numbers there is nothing to test."""
    few = replace(candidates, tags=candidates.tags[:15], numbers=candidates.numbers[:15])
    assert effects.effects_of(few, scores[:15]) == ((), (), ())
    bare = Candidates((), np.zeros((N, 0), dtype=bool), (), np.zeros((N, 0)))
    assert effects.effects_of(bare, scores) == ((), (), ())
    assert without_quality(bare, scores) == pytest.approx(scores - scores.mean(0))


def test_names_come_from_what_passed_only() -> None:
    """A number names both poles, a tag the one where it stands, the strongest first; what failed names nothing."""
    found = (
        Effect("Drama", "tag", 0.5, 30, 0.001, True),
        Effect("War", "tag", -0.4, 20, 0.2, False),
        Effect("Action", "tag", -0.3, 90, 0.001, True),
        Effect("year", "number", -0.6, 100, 0.001, True),
    )
    assert names(found) == (("older", "Drama"), ("newer", "Action"))
    assert names(found[:2]) == (("Drama",), ("mixed",))
    assert names(found[1:2]) == (("mixed",), ("mixed",))
    assert names(()) == (("mixed",), ("mixed",))


@pytest.mark.parametrize(
    ("bias", "mean", "name"),
    [
        (0.7, 0.6, (("well liked",), ("little liked",))),
        (-0.6, -0.7, (("low mean rating",), ("high mean rating",))),
    ],
)
def test_quality_is_named_once(bias: float, mean: float, name: tuple[tuple[str, ...], ...]) -> None:
    """Bias and mean rating say the same: only the stronger of the two gives a name."""
    found = Effect("bias", "number", bias, 100, 0.001, True), Effect("mean rating", "number", mean, 100, 0.001, True)
    assert names(found) == name


def test_beyond_is_uncorrelated_with_what_was_taken_out(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """What is left beyond quality has no linear relation to bias, log n, year or whether the year is known."""
    left = without_quality(candidates, scores)
    year, log_n, _, bias = candidates.numbers.T
    known = np.isfinite(year)
    for taken in (np.where(known, year, np.nanmean(year)), log_n, bias, known):
        np.testing.assert_allclose(np.corrcoef(taken, left.T)[0, 1:], 0, atol=1e-9)
    assert {effect.name for effect in effects.effects_of(candidates, left)[1] if effect.passed} == {"tag 3"}


def test_beyond_falls_back_on_the_mean_rating(candidates: Candidates, scores: NDArray[np.float64]) -> None:
    """Without biases the mean rating is taken out instead, and with them it is not."""
    mean = candidates.numbers[:, 2]
    without = replace(candidates, number_names=candidates.number_names[:3], numbers=candidates.numbers[:, :3])
    assert np.corrcoef(mean, without_quality(without, scores).T)[0, 1:] == pytest.approx(np.zeros(3), abs=1e-9)
    assert abs(np.corrcoef(mean, without_quality(candidates, scores)[:, 0])[0, 1]) > 1e-6


def test_candidates_are_those_of_the_rows(trained: Run) -> None:
    """Tags and numbers are looked up by row; of an item without ratings only its year is known."""
    rows = np.array([7, 3, 119, 0])
    found = Candidates.of(trained, rows)
    assert found.tag_names == ("Action", "Romance", "unknown")
    assert found.tags.tolist() == [[name in trained.items.tags[row] for name in found.tag_names] for row in rows]
    year, log_n, mean, bias = found.numbers.T
    assert found.number_names == ("year", "log n", "mean rating", "bias")
    assert np.isnan(year).tolist() == [False, True, False, False]  # row 3 is "unknown"
    assert year[0] == trained.items.years[7]
    assert np.exp(log_n[[0, 1, 3]]) == pytest.approx(trained.item_stats.n_ratings[rows[[0, 1, 3]]])
    assert mean[0] == trained.item_stats.mean_rating[7]
    assert bias[0] == pytest.approx(np.mean([float(member[7]) for member in trained.array("item_bias")]))
    assert np.isnan([log_n[2], mean[2], bias[2]]).all()


def test_columns_of_the_item_table_are_candidates(trained: Run) -> None:
    """A column of numbers is a number, one of few words makes tags, one of ids is neither."""
    n = len(trained.items)
    columns = {
        "price": tuple("" if j == 3 else f"{j % 9}.5" for j in range(n)),
        "studio": tuple(f"S{j % 3}" if j % 4 else "" for j in range(n)),
        "key": tuple(map(str, range(n))),
        "year": tuple(str(j % 9) for j in range(n)),
    }
    found = Candidates.of(replace(trained, items=replace(trained.items, columns=columns)), np.array([4, 3, 5]))
    assert found.number_names == ("year", "log n", "mean rating", "bias", "price")
    assert found.numbers[[0, 2], 4].tolist() == [4.5, 5.5]
    assert np.isnan(found.numbers[1, 4])
    assert found.numbers[0, 0] == trained.items.years[4]  # the year of the film, not the column
    assert set(found.tag_names) >= {"studio S0", "studio S2"}
    assert found.tags[:, found.tag_names.index("studio S0")].tolist() == [False, True, False]


def test_bias_is_left_out_where_the_run_has_none(trained: Run) -> None:
    """A run of factors only is tested against year, log n and mean rating."""
    bare = replace(trained, arrays={"item_factors": trained.array("item_factors")})
    assert Candidates.of(bare, np.arange(5)).number_names == ("year", "log n", "mean rating")


def test_gates_of_many_tags_are_those_of_few() -> None:
    """With more tags than items the gate is that of the same tags once each: copies of tags change nothing."""
    rng = np.random.default_rng(8)
    tags, score, none = rng.random((150, 100)) < 0.3, rng.normal(size=(150, 1)), np.zeros((150, 0))
    *_, few = effects._test_tags(tags, score, none, np.random.default_rng(0))
    *_, many = effects._test_tags(np.hstack([tags, tags]), score, none, np.random.default_rng(0))
    assert many == pytest.approx(few, rel=0.05)

"""The ranking by bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import World

from embedcli.analysis import biases as module
from embedcli.analysis import decay
from embedcli.analysis.biases import Choice, biases, choice_by_taste, movers
from embedcli.analysis.choices import By, Sort
from embedcli.analysis.decay import agreement, judge_decay, taste_strength
from embedcli.analysis.posterior import Predictor
from embedcli.errors import RunError, UsageError
from embedcli.render import biases as rendered
from embedcli.run.config import TrainConfig
from embedcli.run.record import ComponentTest, Evidence, PosteriorInfo, Run, Training
from embedcli.training.fit import fit


def test_worst_are_the_worst_of_the_world(world: World, trained: Run) -> None:
    """Of the ten films with the lowest bias, at least seven are among the ten of the lowest true quality."""
    true_worst = {world.ratings.items.ids[j] for j in np.argsort(world.quality[:-1])[:10]}
    assert len(true_worst & {row.id for row in biases(trained).worst}) >= 7


def test_rows_are_sorted_from_the_end_inwards(trained: Run) -> None:
    """The worst list starts with the lowest bias, the best with the highest, and all rows pass the filter."""
    found = biases(trained, min_ratings=20, limit=15)
    assert [row.bias for row in found.worst] == sorted(row.bias for row in found.worst)
    assert [row.bias for row in found.best] == sorted((row.bias for row in found.best), reverse=True)
    assert min(row.n_ratings for row in (*found.worst, *found.best)) >= 20
    assert [row.rank for row in found.best] == list(range(1, 16))


@pytest.fixture
def drawn(trained: Run) -> Run:
    """Return a run whose stars are known.

    Item j has stars 1 + j / 40 -/+ 0.1 in the two halves of 200 draws; by the three members it has 4 - j / 40 and
    that -/+ 0.2: the trained model sees everything the other way round.
    """
    line = np.arange(len(trained.items)) / 40
    draws = 1 + line + np.repeat([[-0.1], [0.1]], 100, axis=0)
    members = 4 - line + np.array([[-0.2], [0.0], [0.2]])
    arrays = {"item_stars": draws.astype(np.float32), "trained_stars": members.astype(np.float32)}
    return replace(trained, arrays={**trained.arrays, **arrays})


def test_posterior_figures_are_of_the_draws(drawn: Run) -> None:
    """By the posterior, stars are the mean of the draws and the bias what they are above the average item."""
    row = biases(drawn, interval=0.8, by=By.POSTERIOR).best[0]
    assert (row.id, row.stars) == ("119", pytest.approx(1 + 118 / 40, abs=1e-5))  # the last item has no rating
    assert row.bias == pytest.approx(59 / 40, abs=1e-5)  # the average of the rated items is item 60
    assert (row.lower, row.upper) == (pytest.approx(row.stars - 0.1), pytest.approx(row.stars + 0.1))
    assert (row.rank_lower, row.rank_upper, row.probability) == (1, 1, 1.0)
    assert (row.spread, row.is_outside) == (None, None)


def test_ranking_is_the_trained_models(drawn: Run) -> None:
    """By default the stars are the members' mean and rank the list; the draws beside them are evidence."""
    row = biases(drawn, interval=0.8).best[0]
    assert (row.id, row.stars) == ("1", pytest.approx(4.0, abs=1e-5))
    assert row.bias == pytest.approx(59 / 40, abs=1e-5)
    assert row.spread == pytest.approx(0.2, abs=1e-5)  # n - 1 in the denominator
    assert (row.lower, row.upper) == (pytest.approx(0.9), pytest.approx(1.1))
    assert (row.is_outside, row.rank_lower, row.probability) == (True, 119, 0.0)


def test_the_weight_decay_changes_the_ranking(world: World) -> None:
    """Two trainings that differ in their weight decay alone have other stars, of one posterior."""
    split = world.ratings.split("random", seed=0)
    weak, strong = (
        fit(split, TrainConfig(n_members=2, n_factors=8, n_folds=0, n_draws=100, weight_decay=decay, n_epochs=3))
        for decay in (0.05, 3.0)
    )
    np.testing.assert_array_equal(weak.array("item_stars"), strong.array("item_stars"))
    by_run = [[row.stars for row in biases(run).worst] for run in (weak, strong)]
    assert by_run[0] != pytest.approx(by_run[1], abs=0.01)
    posterior = [[row.stars for row in biases(run, by=By.POSTERIOR).worst] for run in (weak, strong)]
    assert posterior[0] == posterior[1]


def test_agreement_counts_what_lies_outside(drawn: Run) -> None:
    """The share outside is that of items whose trained stars miss the interval; the pull their mean distance by n."""
    found = agreement(drawn)
    assert found is not None
    n = drawn.item_stats.n_ratings
    line = np.arange(len(n)) / 40
    outside = np.abs((4 - line) - (1 + line)) > 0.1
    assert found.outside == pytest.approx(outside[n >= 10].mean())
    for pull in found.pulls:
        here = (n >= pull.n_from) & (n < (pull.n_to or np.inf))
        assert (pull.n_items, pull.stars) == (here.sum(), pytest.approx((3 - 2 * line)[here].mean(), abs=1e-5))
    assert [pull.n_from for pull in found.pulls] == sorted(pull.n_from for pull in found.pulls)
    assert agreement(replace(drawn, arrays={"item_stars": drawn.array("item_stars")})) is None


@pytest.mark.parametrize(
    ("slope", "strength", "verdict", "suggested"),
    [
        (0.5, 0.9, "too little", 0.8),
        (0.8, 0.9, "about right", None),
        (1.0, 0.5, "too much", 0.2),
        (1.3, None, "too much", 0.2),
        (0.5, 0.5, "unclear", None),
    ],
)
def test_verdict_on_the_decay(
    trained: Run, slope: float, strength: float | None, verdict: str, suggested: float | None
) -> None:
    """Too little decay shows in the held-out slope, too much in tastes that are weaker than the posterior's."""
    tests = [ComponentTest(40.0, slope, True, True)]
    training = replace(trained.training, evidence=Evidence(tests, tests, 1, 5, 3.0, 0.5))
    now = taste_strength(trained)
    assert now is not None
    arrays = {**trained.arrays, "user_factors": trained.array("user_factors") * np.float32((strength or 1) / now)}
    if strength is None:
        del arrays["state_items"]
    found = judge_decay(replace(trained, arrays=arrays, training=training))
    assert found is not None
    assert found.strength == (None if strength is None else pytest.approx(strength))
    assert (found.verdict, found.suggested) == (verdict, suggested)


def test_strength_is_the_spread_of_the_preferences(trained: Run) -> None:
    """It is the standard deviation of p.q, in stars, over all pairs weighted by their numbers of ratings.

    Trained and posterior preferences are less their weighted means over users and over items.
    """
    weights = trained.user_stats.n_ratings, trained.item_stats.n_ratings

    def spread(users: NDArray[np.float32], items: NDArray[np.float32]) -> float:
        table = np.einsum("muk,mik->ui", users.astype(float), items.astype(float)) / len(users)
        table -= np.average(table, axis=0, weights=weights[0])
        table -= np.average(table, axis=1, weights=weights[1])[:, None]
        return float(np.sqrt(np.average(table**2, weights=np.outer(*weights))))

    posterior, (low, high) = trained.training.posterior, trained.y_range or (0, 1)
    assert posterior is not None
    share = (posterior.middle - low) / (high - low)
    by_hand = spread(trained.array("user_factors"), trained.array("item_factors")) * (high - low) * share * (1 - share)
    states = (trained.array(f"state_{name}")[..., 1:] for name in ("users", "items"))
    assert taste_strength(trained) == pytest.approx(by_hand / spread(*states), rel=1e-4)


def test_ranks_and_probabilities_are_joint(drawn: Run) -> None:
    """A rank counts the items further out in the same draw; P is the share of draws among as many as are shown."""
    stars = drawn.array("item_stars").copy()
    stars[:50, 0] = 9.0  # in a quarter of the draws the lowest is the highest
    found = biases(
        replace(drawn, arrays={**drawn.arrays, "item_stars": stars}), limit=3, sort=Sort.LOWER, by=By.POSTERIOR
    )
    by_id = {row.id: row for row in found.worst}
    assert by_id["2"].probability == 1.0
    assert (by_id["2"].rank_lower, by_id["2"].rank_upper) == (1, 2)
    assert by_id["3"].probability == 1.0  # third in most draws, the last place that is shown
    assert by_id["1"].probability == 0.75
    assert (by_id["1"].rank_lower, by_id["1"].rank_upper) == (1, found.n_items)


@pytest.mark.parametrize("sort", Sort)
def test_sorting(trained: Run, sort: Sort) -> None:
    """Each list goes from its end inwards by what was asked for; by probability, the surest places come first."""
    found = biases(trained, sort=sort, limit=20)
    worst, best = ([getattr(row, sort.value) for row in rows] for rows in (found.worst, found.best))
    assert best == sorted(best, reverse=True)
    assert worst == sorted(worst, reverse=sort is Sort.PROBABILITY)


def test_without_draws_the_members_speak(trained: Run) -> None:
    """A run without draws is ranked by the same stars, with the spread over its members and no interval."""
    arrays = {name: trained.array(name) for name in trained.arrays if name != "item_stars"}
    bare = replace(trained, training=Training(), arrays=arrays)
    found, usual = biases(bare), biases(trained)
    assert [row.stars for row in found.best] == [row.stars for row in usual.best]
    row = found.best[0]
    assert (row.lower, row.probability, row.is_outside, found.n_draws, found.agreement) == (None, None, None, 0, None)
    for options in ({"sort": Sort.LOWER}, {"sort": Sort.PROBABILITY}, {"by": By.POSTERIOR}):
        with pytest.raises(UsageError, match="has no draws from a posterior"):
            biases(bare, **options)


def test_without_users_the_bias_is_in_logits(trained: Run) -> None:
    """A run of item factors and biases alone has no stars: it is ranked by the members' mean bias."""
    arrays = {name: trained.array(name) for name in ("item_factors", "item_bias")}
    bare = replace(trained, training=Training(), arrays=arrays)
    row = biases(bare).best[0]
    by_member = trained.array("item_bias")[:, trained.items.ids.index(row.id)]
    assert row.bias == pytest.approx(by_member.mean(), abs=1e-6)
    assert row.spread == pytest.approx(by_member.std(ddof=1), abs=1e-6)
    with pytest.raises(UsageError, match="has no stars to sort by"):
        biases(bare, sort=Sort.STARS)


def test_movers_differ_from_their_damped_mean(drawn: Run) -> None:
    """A mover's damped mean is (sum + 5 x global mean) / (n + 5), and the lists hold the largest differences."""
    found = movers(drawn, limit=5)
    n, mean = drawn.item_stats.n_ratings, np.nan_to_num(drawn.item_stats.mean_rating)
    damped = (n * mean + 5 * (n @ mean) / n.sum()) / (n + 5)
    difference = (drawn.array("trained_stars").mean(0) - damped)[n >= 10]
    assert [row.difference for row in found.up] == pytest.approx(sorted(difference)[::-1][:5], abs=1e-5)
    assert [row.difference for row in found.down] == pytest.approx(sorted(difference)[:5], abs=1e-5)


def test_item_without_ratings_has_no_mean(trained: Run) -> None:
    """With --min-ratings 0 an item that nobody rated is ranked too, with an empty mean."""
    found = biases(trained, min_ratings=0, limit=200)
    unrated = [row for row in found.worst if row.n_ratings == 0]
    assert [row.mean_rating for row in unrated] == [None]
    assert found.n_items == len(trained.items)


def test_single_member_has_no_spread(trained: Run) -> None:
    """The spread of one member is unknown, not zero."""
    one = replace(trained, arrays={name: array[:1] for name, array in trained.arrays.items() if name != "item_stars"})
    assert {row.spread for row in biases(one).worst} == {None}


def test_correlations(trained: Run) -> None:
    """The correlations are Pearson's, over the items with enough ratings."""
    found = biases(trained, min_ratings=10)
    passing = trained.item_stats.n_ratings >= 10
    bias = trained.array("trained_stars").mean(0)[passing]
    n, mean = trained.item_stats.n_ratings[passing], trained.item_stats.mean_rating[passing]
    assert found.correlation_mean == pytest.approx(np.corrcoef(bias, mean)[0, 1], abs=1e-5)
    assert found.correlation_log_n == pytest.approx(np.corrcoef(bias, np.log(n))[0, 1], abs=1e-5)


def test_frame_holds_both_ends(trained: Run) -> None:
    """The table for notebooks has a row per item and end, with the figures of the record."""
    found = biases(trained, limit=3)
    frame = found.to_frame()
    assert list(frame["list"]) == ["best"] * 3 + ["worst"] * 3
    assert list(frame["bias"]) == [row.bias for row in (*found.best, *found.worst)]


def test_what_cannot_be_shown(trained: Run) -> None:
    """A filter that nothing passes, a list of no rows, and a run without biases are refused."""
    with pytest.raises(UsageError, match="`min_ratings` 1000 leaves no film: the most rated has"):
        biases(trained, min_ratings=1000)
    with pytest.raises(UsageError, match="`min_ratings` -1 is below 0"):
        biases(trained, min_ratings=-1)
    with pytest.raises(UsageError, match=r"`interval` 0\.9999 needs more than 300 draws"):
        biases(trained, interval=0.9999)
    with pytest.raises(UsageError, match="`interval` 1 is not between 0 and 1"):
        biases(trained, interval=1.0)
    with pytest.raises(UsageError, match="`limit` 0 is below 1"):
        biases(trained, limit=0)
    with pytest.raises(RunError, match="holds no item_bias"):
        bare = {"item_factors": trained.array("item_factors")}
        biases(replace(trained, arrays=bare, training=Training()))


def test_intervals_leave_out_as_much_at_either_end(drawn: Run) -> None:
    """Of draws spread evenly from 2 to 3, the middle 95 % lie from 2.025 to 2.975, and a rank has both its ends."""
    even = np.linspace(2, 3, 1001)[:, None] + 0 * drawn.array("item_stars")[:1]
    run = replace(drawn, arrays={**drawn.arrays, "item_stars": even.astype(np.float32)})
    row = biases(run).worst[0]
    assert (row.lower, row.upper) == (pytest.approx(2.025, abs=1e-3), pytest.approx(2.975, abs=1e-3))
    shuffled = np.random.default_rng(0).permuted(even, axis=0).astype(np.float32)  # every rank is as likely
    row = biases(replace(run, arrays={**run.arrays, "item_stars": shuffled})).worst[0]
    n = biases(run).n_items
    assert row.rank_lower == pytest.approx(0.025 * n, abs=0.012 * n)
    assert row.rank_upper == pytest.approx(0.975 * n, abs=0.012 * n)


@pytest.mark.parametrize("best", [True, False])
def test_ranks_of_a_few_are_those_of_all(best: bool) -> None:
    """Ranks, and how often an item is among the outermost, are those of sorting all draws, ties by position."""
    draws = np.random.default_rng(0).integers(0, 6, (30, 40)).astype(np.float32)
    ranks = draws.argsort(1, kind="stable").argsort(1).T + 1
    np.testing.assert_array_equal(module._ranks(draws, np.array([39, 5, 17])), ranks[[39, 5, 17]])
    outermost = 41 - ranks if best else ranks
    for limit in (1, 7, 60):
        np.testing.assert_array_equal(module._times_among(draws, limit, best=best), (outermost <= limit).sum(1))


def test_intervals_are_found_some_items_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The intervals of the stars are numpy's quantiles, whatever the number of items at a time."""
    draws = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
    monkeypatch.setattr(decay, "TOGETHER", 7)
    expected = np.quantile(draws, (0.05, 0.95), axis=0)
    np.testing.assert_allclose(decay.stars_interval(draws, 0.9), expected, rtol=1e-12)


def test_choice_by_taste_is_that_of_the_training(trained: Run) -> None:
    """The record says how many times as likely one rates what one likes, and the coverage measured for that."""
    assert trained.training.posterior is not None
    assert biases(trained).choice == choice_by_taste(trained) is not None

    def found(by_taste: float | None, error: float = 0.01) -> Choice | None:
        posterior = PosteriorInfo(300, 1.0, by_taste=by_taste, by_taste_error=error)
        return choice_by_taste(replace(trained, training=Training(posterior=posterior)))

    assert found(None) is None
    assert choice_by_taste(replace(trained, training=Training())) is None
    middle = found(0.75)
    assert middle is not None
    assert (middle.times, middle.unit, middle.coverage) == (pytest.approx(2.117), 1.0, pytest.approx(0.865))
    for by_taste, error, expected in (
        (-0.3, 0.01, (False, False, False)),
        (0.08, 0.01, (False, False, False)),
        (0.3, 0.01, (True, False, False)),
        (0.6, 0.4, (False, False, False)),
        (0.6, 0.01, (True, True, False)),
        (1.5, 0.01, (True, True, True)),
    ):
        choice = found(by_taste, error)
        assert choice is not None
        assert (choice.is_clear, choice.is_strong, choice.is_beyond) == expected


def test_choice_by_taste_is_said_as_strong_as_it_is() -> None:
    """A strong choice is in the caption; a weak one in the explanation, which says it if there is none."""
    none, weak, strong, beyond = (
        Choice(np.exp(g), 1.0, g, 0.01, c) for g, c in ((0, 0.93), (0.3, 0.912), (0.8, 0.858), (2, 0.83))
    )
    assert [bool(rendered.warning(choice)) for choice in (None, none, weak, strong)] == [False, False, False, True]
    assert rendered.warning(strong) == " | 95 % means about 86 % here"
    assert rendered.warning(beyond) == " | 95 % means at most 83 % here"
    assert "no sign" in rendered.about_choice(none, "film", "stars")
    assert "likes a film 1 star more than others do is about 1.3 times" in rendered.about_choice(weak, "film", "stars")
    assert "in 83 to 90 %" in rendered.about_choice(None, "film", "stars")
    assert "likes a joke 5 stars more" in rendered.about_choice(replace(strong, unit=5.0), "joke", "stars")


@pytest.fixture
def users(trained: Run) -> Run:
    """Return the trained run seen from its users."""
    return trained.table("users")


def test_intervals_of_users_are_those_of_their_states(trained: Run) -> None:
    """In each state a user's stars are normal: those of a user's mean and covariance, at the average rated item."""
    assert trained.rows is not None
    states, is_rated = Predictor(trained).states, trained.item_stats.n_ratings > 0
    means, sds = states.stars_of_users(trained.rows.user, trained.rows.item, is_rated)
    for row in (0, 7, 199):
        user = states.user(row, trained.rows.item[trained.rows.user == row].astype(np.int64))
        items = states.items[:, is_rated].astype(np.float64)
        x = np.concatenate([np.ones((len(items), 1)), items[..., 1:].mean(1)], axis=1)
        expected = states.middle + items[..., 0].mean(1) + np.einsum("sd,sd->s", x, user.mean)
        assert np.allclose(means[:, row], expected, atol=1e-4)
        assert user.covariance is not None
        assert np.allclose(sds[:, row], np.sqrt(np.einsum("sd,sde,se->s", x, user.covariance, x)), rtol=1e-3)


def test_users_have_evidence(users: Run) -> None:
    """Users are ranked with intervals, the same each time; a run without training rows or posterior has none."""
    found = biases(users, limit=200, min_ratings=0)
    assert (found.n_draws, found.best) == (300, biases(users, limit=200, min_ratings=0).best)
    assert all(row.lower < row.upper and row.rank_lower <= row.rank_upper for row in found.best)  # type: ignore[operator]
    of = users.turned
    assert of is not None
    own, choice = choice_by_taste(of), found.choice
    assert own is not None
    assert choice is not None
    assert (choice.times, choice.coverage) == (own.times, pytest.approx(own.coverage, abs=0.04))
    assert found.agreement is not None
    assert found.agreement.outside < 0.3
    assert biases(users, by=By.POSTERIOR).best[0].stars != biases(users).best[0].stars
    posterior = replace(of, training=replace(of.training, posterior=None))
    for bare in (replace(of, rows=None), posterior):
        assert biases(bare.table("users")).n_draws == 0
    assert (
        "no intervals" in rendered.view(biases(posterior.table("users")), posterior.table("users"), ("best",)).caption
    )


def test_users_are_neither_good_nor_bad(users: Run) -> None:
    """The words of a ranking of users are those of users, and their stars are over all films."""
    view = rendered.view(biases(users), users, ("best", "worst"))
    assert view.title.startswith("Most generous and harshest users by bias")
    assert [block.heading for block in view.blocks] == ["Most generous users", "Harshest users"]
    assert view.legend["stars"] == "mean prediction of the trained model over all films"
    assert view.legend["bias"] == "stars above the average user"
    assert not [line for line in view.explanation if "likes a user" in line or "rarely rated user" in line]
    assert "intervals of users" in view.explanation[0]
    moved = rendered.movers(movers(users), users)
    assert [block.heading.split()[0] for block in moved.blocks] == ["More", "Harsher"]
    assert moved.legend["stars"] == "mean rating if the user rated every film, from the trained model"
    implicit = replace(users, data=replace(users.data, implicit=True))
    assert rendered.view(biases(implicit), implicit, ("worst",)).title.startswith("Lowest users by bias")
    assert "says little about how much the user takes" in " ".join(rendered.explanation(biases(implicit), implicit))

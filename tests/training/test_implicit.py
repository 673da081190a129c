"""Implicit feedback: what was not taken is sampled, and tastes come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import Invoke
from planted import World
from sklearn.metrics import roc_auc_score

from embedcli.analysis.biases import biases, movers
from embedcli.analysis.pca import pca
from embedcli.data.ratings import Ratings
from embedcli.errors import DataError, UsageError
from embedcli.evidence.scores import auc
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.run.store import save
from embedcli.training.fit import fit
from embedcli.training.implicit import pairs, with_negatives


@pytest.fixture(scope="module")
def liked(world: World) -> Ratings:
    """Return who liked what in the planted world: its rows of four and five stars."""
    data = replace(world.ratings.data, implicit=True, scale=(0.0, 1.0))
    rows = world.ratings.take(world.ratings.value >= 4)
    return replace(rows, data=data, value=np.ones(len(rows), np.float32))


@pytest.fixture(scope="module")
def run(liked: Ratings) -> Run:
    """Return a run of three members trained on who liked what."""
    return fit(liked.split("random", seed=0), TrainConfig(n_members=3, n_factors=8))


def test_negatives_were_not_taken(liked: Ratings) -> None:
    """As many rows of value 0 as asked for come to each that is there, and none is of a pair that was taken."""
    taken = pairs(liked)
    sampled = with_negatives(liked, taken, 3, np.random.default_rng(0))
    assert sampled.value.tolist() == [1.0] * len(liked) + [0.0] * 3 * len(liked)
    assert not np.isin(pairs(sampled.take(sampled.value == 0)), taken).any()
    assert np.array_equal(np.bincount(sampled.user), 4 * np.bincount(liked.user))


def test_who_has_taken_everything_gets_no_negatives(liked: Ratings) -> None:
    """Where a user has taken every item, nothing is sampled for it, and the sampling ends."""
    n = len(liked.items)
    greedy = replace(
        liked,
        user=np.zeros(n, np.int32),
        item=np.arange(n, dtype=np.int32),
        value=np.ones(n, np.float32),
        timestamp=None,
    )
    assert len(with_negatives(greedy, pairs(greedy), 2, np.random.default_rng(0))) == n


def everything_taken(liked: Ratings, n_users: int = 30, n_items: int = 12) -> Ratings:
    """Return data in which every user has every item."""
    user, item = (codes.ravel().astype(np.int32) for codes in np.indices((n_users, n_items)))
    users, items = liked.users.take(np.arange(n_users)), liked.items.take(np.arange(n_items))
    value = np.ones(len(user), np.float32)
    return replace(liked, users=users, items=items, user=user, item=item, value=value, timestamp=None)


def test_nothing_to_sample(liked: Ratings) -> None:
    """Where every user has taken every item, that is said before an epoch is trained."""
    epochs: list[object] = []
    for kind in ("random", "none"):
        with pytest.raises(DataError, match="every user has every item: there is nothing to sample as not taken"):
            fit(everything_taken(liked).split(kind), TrainConfig(n_members=1), epochs.append)
    assert epochs == []


def test_nothing_to_sample_for_the_test(liked: Ratings) -> None:
    """A test of users who have taken everything has no AUC, and its other figures; all of it can be saved and shown."""
    full = everything_taken(liked)
    kept = (full.user != 0) | (full.item < 6)  # one user has left items out
    split = full.take(kept).split("none")
    test = full.user == 1
    run = fit(
        replace(split, train=full.take(kept & ~test), test=full.take(test)), TrainConfig(n_members=2, n_factors=2)
    )
    scores = {score.model: score for score in run.training.scores}
    assert {score.auc for score in scores.values()} == {None}
    assert 0 < scores["one member"].rmse < 1


def test_auc_is_scikit_learns() -> None:
    """The AUC is that of scikit-learn, ties included."""
    rng = np.random.default_rng(0)
    predictions, truth = rng.integers(0, 9, 200) / 9, rng.integers(0, 2, 200).astype(float)
    assert auc(predictions, truth) == pytest.approx(roc_auc_score(truth, predictions))
    assert np.isnan(auc(predictions, np.ones(200)))


def test_the_model_beats_popularity(run: Run) -> None:
    """The chance that a liked item is told from one that is not is above that by the biases alone."""
    by_model = {score.model: score.auc for score in run.training.scores}
    baseline, found = by_model["user + item bias"], by_model["members averaged"]
    assert baseline is not None
    assert found is not None
    assert found > baseline + 0.03
    assert by_model["global mean"] == 0.5


def test_biases_and_components_work(run: Run, liked: Ratings) -> None:
    """A bias goes with how often the item was taken, and the first component with the planted taste."""
    assert np.array_equal(run.item_stats.n_ratings, np.bincount(liked.split("random").train.item, minlength=120))
    found = biases(run)
    assert found.n_draws == 0
    assert found.correlation_log_n is not None
    assert found.correlation_log_n > 0.9
    assert found.best[0].mean_rating is None
    effects = {
        effect.name: effect.effect for effect in pca(run, components=1, basis="preference").components[0].effects
    }
    assert min(abs(effects["Action"]), abs(effects["Romance"])) > 0.9 > abs(effects["log n"]) + 0.3
    assert effects["Action"] * effects["Romance"] < 0
    with pytest.raises(UsageError, match="implicit"):
        movers(run)


def test_a_range_has_no_meaning(liked: Ratings) -> None:
    """A chance is from 0 to 1: another range is refused."""
    with pytest.raises(UsageError, match="`y_range` has no meaning for implicit data"):
        fit(liked.split("random"), TrainConfig(y_range=(0, 5.5)))


def test_views_of_implicit_data(run: Run, embedcli: Invoke) -> None:
    """The tables speak of chance, not of stars, have no column of means, and every format can be written."""
    save(run)
    shown = embedcli("biases").stdout
    assert "chance" in shown
    assert "stars" not in shown
    assert "mean" not in shown.splitlines()[3]
    assert "AUC" in embedcli("runs", "show").stdout
    for command in ("biases", "pca"):
        for format in ("json", "ndjson", "csv"):
            assert embedcli(command, "--format", format).exit_code == 0

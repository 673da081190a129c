"""Starting from an older run."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from planted import World

from embedcli.data.ratings import Ratings, Split
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.record import Run
from embedcli.training.config import resolve
from embedcli.training.engines import compiled, torch
from embedcli.training.fit import fit
from embedcli.training.learn import start
from embedcli.training.older import Older
from embedcli.training.state import Streams

CONFIG = TrainConfig(n_factors=4, n_epochs=2, n_members=2, n_folds=0, n_draws=0)


@pytest.fixture(scope="module")
def old(world: World) -> Run:
    """Return a run on the ratings of all users but the last tenth."""
    return fit(first_users(world.ratings), CONFIG, split="none")


def first_users(ratings: Ratings) -> Ratings:
    """Return the ratings of the first nine tenths of the users."""
    return ratings.take(np.flatnonzero(ratings.user < len(ratings.users) * 9 // 10))


def whole(world: World) -> Split:
    """Return all ratings as training rows."""
    return world.ratings.split("none")


def test_known_rows_start_from_the_run(world: World, old: Run) -> None:
    """Before the first step the model predicts as the run does, for users and items that it knows."""
    split = whole(world)
    config = resolve(CONFIG, split.train)
    older = Older.of(old, split, config)
    model, _ = start(split.train, config, Streams.of(config).members, older=older)
    fresh, _ = start(split.train, config, Streams.of(config).members)
    known = older.users >= 0
    assert known.mean() == pytest.approx(0.9, abs=0.01)
    arrays, of_run = model.arrays(), old.arrays

    def logits(of: dict[str, np.ndarray], users: np.ndarray) -> np.ndarray:
        parts = of["user_bias"][:, users, None], of["item_bias"][:, None], of["global_bias"][:, None, None]
        return sum(parts) + np.einsum("muk,mik->mui", of["user_factors"][:, users], of["item_factors"])

    ours = logits(arrays, np.flatnonzero(known))[:, :, older.items >= 0]
    theirs = logits({name: of_run[name] for name in arrays}, older.users[known])[:, :, older.items[older.items >= 0]]
    assert np.abs(ours - theirs).max() < 1e-4
    assert np.array_equal(arrays["user_factors"][:, ~known], fresh.arrays()["user_factors"][:, ~known])


@pytest.mark.parametrize("engine", [torch, compiled])
def test_frozen_items_stay(world: World, old: Run, engine: ModuleType) -> None:
    """With frozen items, no item of the older run changes by a bit, and all users do."""
    split = whole(world)
    config = resolve(CONFIG, split.train)
    older = Older.of(old, split, config, "items")
    model, state = start(split.train, config, Streams.of(config).members, older=older)
    state.frozen = older.frozen
    before = {name: array.copy() for name, array in model.arrays().items()}
    for _ in engine.learn(model, split.train, config, state):
        pass
    after, known = model.arrays(), older.items >= 0
    for name in ("item_factors", "item_bias"):
        assert np.array_equal(after[name][:, known], before[name][:, known])
    rated = np.unique(split.train.user)
    assert (after["user_factors"] != before["user_factors"]).any(-1)[:, rated].all()


def test_new_users_gain_from_frozen_items(world: World, old: Run) -> None:
    """One epoch with frozen items predicts new users' ratings better than one epoch from scratch."""
    split = world.ratings.split("random", seed=0)
    old = fit(replace(split, train=first_users(split.train)), CONFIG)
    is_new = split.test.user >= len(split.test.users) * 9 // 10
    new = replace(split, test=split.test.take(np.flatnonzero(is_new)))
    once = replace(CONFIG, n_epochs=1)
    frozen, scratch = fit(new, once, init_from=old, freeze="items"), fit(new, once)
    assert (frozen.training.init_from, frozen.training.freeze) == (old.name, "items")
    scores = [run.training.model_score for run in (frozen, scratch)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0].rmse < scores[1].rmse - 0.02


def test_test_rows_that_the_run_saw_are_said(world: World, old: Run) -> None:
    """If test rows are training rows of the older run, that is said with their number; else nothing is."""
    said: list[str] = []
    split = world.ratings.split("random", seed=0)
    fit(split, CONFIG, init_from=old, on_stage=lambda line, seconds: said.append(line))
    n_seen = len(first_users(split.test))
    assert [line for line in said if f"was trained on {n_seen:,} of the {len(split.test):,} test rows" in line]
    assert [line for line in said if "then a new cycle of the learning rate" in line]
    clean = fit(replace(split, train=first_users(split.train)), CONFIG)
    said.clear()
    fit(split, CONFIG, init_from=clean, on_stage=lambda line, seconds: said.append(line))
    assert not [line for line in said if "test rows: their errors" in line]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"n_factors": 5}, "has 4 factors, not 5"), ({"n_members": 3}, "2 members to start from, not 3")],
)
def test_a_run_that_does_not_fit(world: World, old: Run, changes: dict[str, int], message: str) -> None:
    """Other factors, more members and another range are errors; so is `freeze` without a run."""
    with pytest.raises(UsageError, match=message):
        fit(whole(world), replace(CONFIG, **changes), init_from=old)
    with pytest.raises(UsageError, match=r"predicts from 0 to 5\.5, this training from 0 to 7"):
        fit(whole(world), replace(CONFIG, y_range=(0, 7)), init_from=old)
    vectors = Run.from_arrays({"item_factors": old.array("item_factors")}, world.ratings, link="identity")
    with pytest.raises(UsageError, match="another kind of model"):
        fit(whole(world), CONFIG, init_from=vectors)
    with pytest.raises(UsageError, match="without a run to start from"):
        fit(whole(world), CONFIG, freeze="items")


def test_the_key_knows_who_is_who(world: World, old: Run) -> None:
    """The same factors given to other users are another start: a checkpoint of one does not resume the other."""
    older = Older.of(old, whole(world), resolve(CONFIG, world.ratings))
    other = replace(older, users=older.users[::-1].copy())
    assert older.key == Older.of(old, whole(world), resolve(CONFIG, world.ratings)).key
    assert older.key != other.key

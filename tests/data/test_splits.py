"""Which rows are left out for the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import World

from embedcli.data import ratings as ratings_module
from embedcli.data import splits
from embedcli.data.ratings import Split, count_codes
from embedcli.data.splits import heldout_rows
from embedcli.errors import UsageError


def times(split: Split) -> tuple[list[int], list[int]]:
    """Return the timestamps of both parts, which in the planted world are the row numbers but for a constant."""
    assert split.train.timestamp is not None
    assert split.test.timestamp is not None
    return split.train.timestamp.tolist(), split.test.timestamp.tolist()


@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5])
def test_official_folds(world: World, fold: int) -> None:
    """Fold uK leaves out the K-th fifth of the rows, and trains on the others in their order."""
    train, test = times(world.ratings.split(f"u{fold}"))
    rows = world.ratings.timestamp
    assert rows is not None
    first, last = len(rows) // 5 * (fold - 1), len(rows) // 5 * fold
    assert test == rows[first:last].tolist()
    assert train == [*rows[:first], *rows[last:]]


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_random_rows(world: World, seed: int, fraction: float) -> None:
    """A random split leaves out the first part of numpy's permutation of the rows, and no other row."""
    n = len(world.ratings)
    train, test = times(world.ratings.split("random", seed=seed, test_fraction=fraction))
    drawn = np.random.default_rng(seed).permutation(n)[: int(n * fraction)]
    assert world.ratings.timestamp is not None
    assert test == world.ratings.timestamp[drawn].tolist()
    assert sorted(train + test) == world.ratings.timestamp.tolist()
    assert train == sorted(train)


def test_times_can_be_left_out_of_the_parts(world: World) -> None:
    """Without the times a split has the same rows and says the same about its leakage, for less memory."""
    for kind in ("random", "time", "leave-last"):
        split, bare = world.ratings.split(kind), world.ratings.split(kind, keep_times=False)
        assert (bare.train.timestamp, bare.test.timestamp) == (None, None)
        assert bare.leakage == split.leakage
        assert bool(bare.leakage) == (kind != "random")
        for column in ("user", "item", "value"):
            np.testing.assert_array_equal(getattr(bare.train, column), getattr(split.train, column))
            np.testing.assert_array_equal(getattr(bare.test, column), getattr(split.test, column))


def test_leakage_is_the_share_of_later_training_ratings(world: World) -> None:
    """The leakage of a split by the last rating of each user compares the training times with the median test time."""
    split = world.ratings.split("leave-last")
    train, test = times(split)
    assert f"but {np.mean(np.array(train) > np.median(test)):.0%} of the training ratings" in split.leakage


def test_a_split_keeps_no_permutation_of_all_rows(world: World) -> None:
    """The positions of the test rows are an array of their own: a view would hold the memory of all rows."""
    rows = heldout_rows("random", world.ratings.user, None, n_folds=0, seed=0, test_fraction=0.1)
    assert rows.base is None


def test_codes_are_counted_in_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the blocks, codes are counted as `np.bincount` does it, those without any row too."""
    monkeypatch.setattr(ratings_module, "BLOCK", 7)
    user = world.ratings.user
    assert count_codes(user, 1_000).tolist() == np.bincount(user, minlength=1_000).tolist()
    assert count_codes(user[:0], 3).tolist() == [0, 0, 0]


def test_none_trains_on_all(world: World) -> None:
    """Without a split nothing is left out."""
    split = world.ratings.split("none")
    assert (len(split.train), len(split.test), split.seed) == (len(world.ratings), 0, None)


@pytest.mark.parametrize("kind", ["random", "u1", "none"])
def test_every_item_stays_in_the_vocabulary(world: World, kind: str) -> None:
    """Both parts keep all users and all items, also those whose ratings are all in the other part."""
    ratings = world.ratings.take(np.arange(50))
    split = ratings.split(kind)
    for part in (split.train, split.test):
        assert part.items is world.ratings.items
        assert part.users is world.ratings.users
    assert len(set(split.train.item.tolist())) < len(split.train.items)


@pytest.mark.parametrize(
    ("kind", "description"),
    [
        ("random", "random 90/10 seed 3"),
        ("u2", "official fold u2"),
        ("none", "trained on all ratings, no test"),
    ],
)
def test_descriptions(world: World, kind: str, description: str) -> None:
    """A split says what it is in the words of every figure measured on it."""
    assert world.ratings.split(kind, seed=3).description == description


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("thirds", {}, "unknown split 'thirds'"),
        ("u0", {}, "unknown split 'u0'"),
        ("u6", {}, "there is no fold 'u6'"),
        ("random", {"test_fraction": 0.0}, "`test_fraction` 0 is not between 0 and 1"),
        ("random", {"test_fraction": 1.0}, "`test_fraction` 1 is not between 0 and 1"),
        ("random", {"test_fraction": 1e-9}, "`test_fraction` 1e-09 does not split"),
        ("random", {"test_fraction": float("nan")}, "`test_fraction` nan is not between 0 and 1"),
        ("random", {"seed": -1}, "`seed` -1 is below 0"),
    ],
)
def test_splits_that_cannot_be(world: World, kind: str, options: dict[str, float], message: str) -> None:
    """A split that would leave one part empty, or that nobody knows, is refused by its value."""
    with pytest.raises(UsageError) as caught:
        world.ratings.split(kind, **options)  # type: ignore[arg-type]
    assert caught.value.message.startswith(message)


def test_folds_of_other_data() -> None:
    """A data set without official folds says so."""
    with pytest.raises(UsageError, match="this data set has no official fold 'u1'"):
        heldout_rows("u1", np.zeros(100, np.int32), None, n_folds=0, seed=0, test_fraction=0.1)


def test_nothing_to_train_on(world: World) -> None:
    """A fold that takes every row there is leaves nothing to train on, and is refused."""
    one = world.ratings.take(np.arange(1))
    with pytest.raises(UsageError, match="leaves none of the 1 ratings to train on"):
        one.split("u5")


def test_leave_last_is_each_users_last(world: World) -> None:
    """Each user's last rating in time is the test, of ratings at one moment the one that stands last."""
    coarse = replace(world.ratings, timestamp=world.ratings.timestamp // 1000)  # type: ignore[operator]
    split = coarse.split("leave-last")
    assert sorted(split.test.user) == sorted(set(world.ratings.user.tolist()))
    for user in (0, 57, 199):
        rows = np.flatnonzero(coarse.user == user)
        last = max(rows, key=lambda row: (coarse.timestamp[row], row))  # type: ignore[index]
        assert split.test.item[split.test.user == user].tolist() == [coarse.item[last]]
    assert split.description == "last rating of each user"
    assert "of the training ratings, of other users, are later" in split.leakage


def test_who_has_rated_once_is_not_tested(world: World) -> None:
    """A user with a single rating keeps it for the training."""
    third, fourth = (np.flatnonzero(world.ratings.user == user) for user in (3, 4))
    alone = world.ratings.take(np.r_[third[:1], fourth])
    assert set(alone.split("leave-last").test.user) == {4}


def test_time_cuts_at_a_moment(world: World) -> None:
    """The latest ratings are the test, and no training rating is as late as the first of them."""
    coarse = replace(world.ratings, timestamp=world.ratings.timestamp // 300)  # type: ignore[operator]
    split = coarse.split("time", test_fraction=0.2)
    train, test = times(split)
    assert max(train) < min(test)
    assert len(test) == pytest.approx(0.2 * len(coarse), abs=300)
    assert (split.description, split.seed) == ("in time 80/20", None)
    assert "no training rating is as late as the first of the test" in split.leakage


@pytest.mark.parametrize("kind", ["leave-last", "time"])
def test_splits_in_time_need_times(world: World, kind: str) -> None:
    """Without times, and where all are the same, a split in time is refused."""
    with pytest.raises(UsageError, match=f"`split` {kind} needs the times"):
        replace(world.ratings, timestamp=None).split(kind)
    if kind == "time":
        with pytest.raises(UsageError, match="all have the same time"):
            replace(world.ratings, timestamp=np.zeros(len(world.ratings), np.int64)).split(kind)


def test_cold_rows_are_counted(world: World) -> None:
    """Test rows whose user or item has no training row are counted."""
    split = world.ratings.split("random", seed=0)
    without = split.train.take((split.train.user != 5) & (split.train.item != 7))
    cold = replace(split, train=without)
    assert split.n_cold == (0, 0)
    assert cold.n_cold == (int((split.test.user == 5).sum()), int((split.test.item == 7).sum()))


def test_folds_of_a_cross_validation(world: World) -> None:
    """The test rows of the folds are disjoint, all rows together, and depend on the seed."""
    kinds = splits.folds_of("cv5", 0)
    assert kinds == ("cv5/1", "cv5/2", "cv5/3", "cv5/4", "cv5/5")
    user = world.ratings.user

    def rows(kind: str, seed: int = 0) -> np.typing.NDArray[np.int64]:
        return heldout_rows(kind, user, None, n_folds=0, seed=seed, test_fraction=0.1)

    np.testing.assert_array_equal(np.sort(np.concatenate([rows(kind) for kind in kinds])), np.arange(len(user)))
    assert not np.array_equal(rows("cv5/1"), rows("cv5/1", 1))
    with pytest.raises(UsageError, match="cv5 is 5 splits"):
        rows("cv5")
    assert splits.folds_of("official", 3) == ("u1", "u2", "u3")
    with pytest.raises(UsageError, match="no official folds"):
        splits.folds_of("official", 0)


@pytest.mark.parametrize("kind", ["cv1", "cv21", "cv5/0", "cv5/6", "cv"])
def test_invalid_folds(kind: str) -> None:
    """The number of folds and the fold have limits."""
    with pytest.raises(UsageError, match="unknown split"):
        splits.check(kind, seed=0, test_fraction=0.1)

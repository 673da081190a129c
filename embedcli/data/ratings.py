"""What a data set is: who rated what how, and what is known of the users and the items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data import TEST_FRACTION, splits
from embedcli.errors import UsageError

MOST_KINDS = 50  # different values of a column of users that still tell kinds of users apart


@dataclass(frozen=True)
class Items:
    """The items of a data set; row j of every field is item code j.

    `tags` holds one tuple of tags (for films: the genres) per item; `columns` what else the source has.
    Titles are no keys: two items may share one. `id_column` is what the table of ratings calls the column of ids,
    empty where it has no header.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    years: tuple[int | None, ...]
    tags: tuple[tuple[str, ...], ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    id_column: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.integer]) -> Items:
        """Return the items of these rows."""
        return Items(
            tuple(self.ids[row] for row in rows),
            tuple(self.titles[row] for row in rows),
            tuple(self.years[row] for row in rows),
            tuple(self.tags[row] for row in rows),
            _taken(self.columns, rows),
            self.id_column,
        )


@dataclass(frozen=True)
class Users:
    """The users of a data set; row j of every field is user code j."""

    ids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.integer]) -> Users:
        """Return the users of these rows."""
        return Users(tuple(self.ids[row] for row in rows), _taken(self.columns, rows))

    def as_items(self) -> Items:
        """Return the users as rows of a table of items, titled by their ids.

        What they are said to be in words (a column of at most 50 different values that are no numbers, such as an
        occupation) becomes their tags.
        """
        told = {
            key: values
            for key, values in self.columns.items()
            if 1 < len(kinds := set(values)) <= MOST_KINDS and not all(kind.isdecimal() for kind in kinds)
        }
        tags = [
            tuple(f"{key} {value}".replace("|", "/") for key, value in zip(told, row, strict=True) if value)
            for row in zip(*told.values(), strict=True)
        ]
        n = len(self)
        return Items(self.ids, self.ids, (None,) * n, tuple(tags) if told else ((),) * n)


def _taken(columns: Mapping[str, tuple[str, ...]], rows: NDArray[np.integer]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values[row] for row in rows) for name, values in columns.items()}


@dataclass(frozen=True)
class DataSet:
    """What a data set is called, where it came from and how it is rated.

    `sha256` is that of the bytes of the rating rows (for MovieLens 100K: of `u.data`), `scale` the lowest
    and the highest rating, `noun` what one item is called, `n_folds` the number of official folds, `target` what
    one row tells of an item: a rating, where it is not said otherwise. Where the data is `implicit`, a row means
    "did", and every value is 1.
    """

    name: str
    title: str
    source: str
    sha256: str
    scale: tuple[float, float]
    noun: str = "item"
    n_folds: int = 0
    target: str = "rating"
    implicit: bool = False

    @property
    def value_noun(self) -> str:
        """Say in a word what a prediction is: stars, or the chance that an item is taken."""
        return "chance" if self.implicit else "stars"


@dataclass(frozen=True)
class Ratings:
    """Ratings as parallel arrays of length n: row j says that `user[j]` gave `item[j]` the rating `value[j]`.

    `user` and `item` are codes: row numbers of `users` and `items`. Every user and every item of the data set
    stays in those tables, also where no rating of theirs is left.
    """

    data: DataSet
    users: Users
    items: Items
    user: NDArray[np.int32]  # (n,)
    item: NDArray[np.int32]  # (n,)
    value: NDArray[np.float32]  # (n,) in units of the scale
    timestamp: NDArray[np.int64] | None = None  # (n,) seconds since 1970

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: NDArray[Any]) -> Ratings:
        """Return the ratings of these rows (positions or a mask), with all users and items kept."""
        timestamp = None if self.timestamp is None else self.timestamp[rows]
        return replace(self, user=self.user[rows], item=self.item[rows], value=self.value[rows], timestamp=timestamp)

    def k_core(self, min_user_ratings: int, min_item_ratings: int) -> Ratings:
        """Leave out users and items with fewer ratings, again and again until all that stay have enough.

        Raises UsageError where nothing stays.
        """
        kept = np.arange(len(self))
        while True:
            user, item = self.user[kept], self.item[kept]
            enough = np.bincount(user)[user] >= min_user_ratings
            enough &= np.bincount(item)[item] >= min_item_ratings
            if enough.all():
                break
            kept = kept[enough]
            if not len(kept):
                raise UsageError(
                    f"no rating is left with --min-user-ratings {min_user_ratings} and "
                    f"--min-item-ratings {min_item_ratings}",
                    "give lower numbers",
                )
        (users, new_user), (items, new_item) = (np.unique(codes, return_inverse=True) for codes in (user, item))
        return replace(
            self.take(kept),
            users=self.users.take(users) if min_user_ratings else self.users,
            items=self.items.take(items) if min_item_ratings else self.items,
            user=new_user.astype(np.int32) if min_user_ratings else user,
            item=new_item.astype(np.int32) if min_item_ratings else item,
        )

    def split(self, kind: str = "random", *, seed: int = 0, fraction: float = TEST_FRACTION) -> Split:
        """Leave out test rows.

        `kind` is `random` (the first `fraction` of a permutation of the rows drawn from `seed`), an official
        fold (`u1`..`u5`: the K-th fifth of the rows, as GroupLens cut them), `leave-last` (each user's last in
        time), `time` (the latest `fraction` of all), or `none` (train on all).

        Raises UsageError for an unknown kind, a fold or times the data set does not have, and a fraction that
        leaves nothing to train on or nothing to test.
        """
        test = splits.test_rows(
            kind, self.user, self.timestamp, n_folds=self.data.n_folds, seed=seed, fraction=fraction
        )
        train = np.ones(len(self), dtype=bool)
        train[test] = False
        if not train.any():
            raise UsageError(
                f"the split {kind!r} leaves none of the {len(self):,} ratings to train on",
                "give more ratings, or a smaller --test-fraction",
            )
        left, out = self.take(train), self.take(test)
        return Split(
            kind=kind,
            seed=seed if kind == "random" else None,
            description=splits.describe(kind, seed=seed, fraction=fraction),
            train=left,
            test=out,
            leakage=splits.leakage(kind, left.timestamp, out.timestamp),
        )


@dataclass(frozen=True)
class Split:
    """Ratings to train on and ratings left out of the training, which nothing may be chosen by.

    `leakage` says what a split in time lets the training know of the test's future, empty for other splits.
    """

    kind: str
    seed: int | None
    description: str
    train: Ratings
    test: Ratings
    leakage: str = ""

    @property
    def n_cold(self) -> tuple[int, int]:
        """Numbers of test rows whose user, and whose item, has no training row."""
        users, items = (
            np.bincount(codes, minlength=n) > 0
            for codes, n in ((self.train.user, len(self.train.users)), (self.train.item, len(self.train.items)))
        )
        return int((~users[self.test.user]).sum()), int((~items[self.test.item]).sum())

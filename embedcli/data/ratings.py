"""Ratings, with what is known about the users and the items, and their split for a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from embedcli.data import splits
from embedcli.data.read_options import Note, ReadOptions
from embedcli.data.text import MOST_LETTERS, is_whole, number_of, shorten
from embedcli.errors import DataError, UsageError, known_as, renamed
from embedcli.notebook import Card, Shown

BLOCK = 1 << 20  # rows that are counted at a time
MOST_KINDS = 50  # different values of a column of users that still tell kinds of users apart


@runtime_checkable
class Frame(Protocol):
    """A data frame of pandas, polars or another library that hands its columns over as Arrow does."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the columns."""


@dataclass(frozen=True)
class Items(Shown):
    """The items of a data set; row j of every field is item code j."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]  # not keys: two items may share one
    years: tuple[int | None, ...]
    tags: tuple[tuple[str, ...], ...]  # for films: the genres
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the further columns of the source
    id_column: str = field(default="", compare=False)  # name of the item column of the ratings, if it has a header

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.integer]) -> Items:
        """Return the items of these rows."""
        own = {"ids": self.ids, "titles": self.titles, "years": self.years, "tags": self.tags}
        return replace(self, columns=_taken(self.columns, rows), **_taken(own, rows))


@dataclass(frozen=True)
class Users(Shown):
    """The users of a data set; row j of every field is user code j."""

    ids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.integer]) -> Users:
        """Return the users of these rows."""
        return replace(self, columns=_taken(self.columns, rows), **_taken({"ids": self.ids}, rows))

    def as_items(self) -> Items:
        """Return the users as items titled by their ids; columns of at most 50 words, as an occupation, become tags."""
        return Items(self.ids, self.ids, (None,) * len(self), kinds_of(self.columns, len(self)), self.columns)


def kinds_of(columns: Mapping[str, tuple[str, ...]], n: int) -> tuple[tuple[str, ...], ...]:
    """Return the tags of n rows that columns of at most 50 words make, as "gender F"; numbers make none."""
    tags: list[list[str]] = [[] for _ in range(n)]
    for key, values in columns.items():
        kinds = set(values) - {""}
        if 1 < len(kinds) <= MOST_KINDS and any(number_of(kind) is None for kind in kinds):
            for own, value in zip(tags, values, strict=True):
                if value:
                    own.append(f"{key} {value}".replace("|", "/"))
    return tuple(map(tuple, tags))


def _taken(columns: Mapping[str, tuple[Any, ...]], rows: NDArray[np.integer]) -> dict[str, Any]:
    return {name: tuple(values[row] for row in rows) for name, values in columns.items()}


@dataclass(frozen=True)
class DataSet:
    """The name of a data set, its source and its scale."""

    name: str
    title: str
    source: str
    sha256: str  # of the bytes of the rating rows; for MovieLens 100K of u.data
    scale: tuple[float, float]  # the lowest and the highest rating
    noun: str = "item"  # the word for one item
    n_folds: int = 0  # number of official folds
    target: str = "rating"  # the quantity in the rows
    implicit: bool = False  # whether a row means "did"; every value is then 1
    reading: Mapping[str, Any] = field(default_factory=dict)  # the options of the reading that were given, by name

    @property
    def value_noun(self) -> str:
        """Return the word for a prediction: stars, or the chance that an item is taken."""
        return "chance" if self.implicit else "stars"


@dataclass(frozen=True)
class Ratings(Shown):
    """Ratings as parallel arrays of length n: row j says that `user[j]` gave `item[j]` the rating `value[j]`.

    `user` and `item` are codes: row numbers of `users` and `items`. Every user and every item of the data set stays in
    those tables, even if none of their ratings is left.
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

    def _card(self) -> Card:
        about, (low, high) = self.data, self.data.scale
        scale = 'a row means "did"' if about.implicit else f"{low:g} to {high:g}"
        what = "rows" if about.implicit else "ratings"
        size = f"{len(self):,} {what}, {len(self.users):,} users, {len(self.items):,} {about.noun}s"
        times = "no" if self.timestamp is None else "yes"
        return Card(f"Ratings {about.title!r}: {size}", [("scale", scale), ("times", times), ("source", about.source)])

    @classmethod
    def from_frame(
        cls,
        frame: Frame,
        *,
        user: str | int | None = None,
        item: str | int | None = None,
        rating: str | int | None = None,
        time: str | int | None = None,
        title: str | int | None = None,
        duplicates: str = ReadOptions.duplicates.value,
        on_bad_rows: str = ReadOptions.on_bad_rows.value,
        implicit: bool = ReadOptions.implicit,
        min_user_ratings: int = ReadOptions.min_user_ratings,
        min_item_ratings: int = ReadOptions.min_item_ratings,
        on_note: Note | None = None,
    ) -> Ratings:
        """Return the ratings of a data frame of pandas, polars or another library that Arrow knows, a row per rating.

        `user` to `title` name columns; those not given are detected by their names, as in a file, and `on_note` is
        told which. `duplicates` is error, last, first or mean; `on_bad_rows` stop or skip. Users and items with fewer
        than `min_user_ratings` and `min_item_ratings` are left out. `implicit` reads a row as "did", whatever its
        rating. Messages count rows from 0 on, as `iloc` does. The frame stays as it is.

            ratings = Ratings.from_frame(frame, user="user_id", item="movie_id", rating="stars", title="title")

        Raises UsageError for what is not a frame, DataError for a column or row that is missing or invalid.
        """
        from embedcli.data.loading import load_frame  # it imports pyarrow

        columns = {"user_col": user, "item_col": item, "rating_col": rating, "time_col": time, "title_col": title}
        names = {name: name.removesuffix("_col") for name in columns}
        settings: dict[str, Any] = {name: own if own is None else str(own) for name, own in columns.items()}
        settings |= {"duplicates": duplicates, "on_bad_rows": on_bad_rows, "implicit": implicit}
        settings |= {"min_user_ratings": min_user_ratings, "min_item_ratings": min_item_ratings}
        with known_as(names):
            options = ReadOptions(**settings)
            return load_frame(frame, options, lambda line: on_note and on_note(renamed(line, names)))

    def take(self, rows: NDArray[Any]) -> Ratings:
        """Return the ratings of these rows (positions or a mask), with all users and items kept."""
        timestamp = None if self.timestamp is None else self.timestamp[rows]
        return replace(self, user=self.user[rows], item=self.item[rows], value=self.value[rows], timestamp=timestamp)

    def k_core(self, min_user_ratings: int, min_item_ratings: int) -> Ratings:
        """Leave out users and items with fewer ratings until all that remain have enough; UsageError if none do."""
        kept = np.arange(len(self))
        while True:
            user, item = self.user[kept], self.item[kept]
            enough = np.bincount(user)[user] >= min_user_ratings
            enough &= np.bincount(item)[item] >= min_item_ratings
            if enough.all():
                break
            kept = kept[enough]
            if not len(kept):
                limits = f"`min_user_ratings` {min_user_ratings} and `min_item_ratings` {min_item_ratings}"
                raise UsageError(f"no rating is left with {limits}", "give lower numbers")
        (users, new_user), (items, new_item) = (np.unique(codes, return_inverse=True) for codes in (user, item))
        return replace(
            self.take(kept),
            users=self.users.take(users) if min_user_ratings else self.users,
            items=self.items.take(items) if min_item_ratings else self.items,
            user=new_user.astype(np.int32) if min_user_ratings else user,
            item=new_item.astype(np.int32) if min_item_ratings else item,
        )

    def split(
        self,
        kind: str = "random",
        *,
        seed: int = 0,
        test_fraction: float = splits.TEST_FRACTION,
        keep_times: bool = True,
    ) -> Split:
        """Hold out test rows.

        `kind` is `random` (the first `test_fraction` of a permutation of the rows drawn from `seed`), an official fold
        (`u1`..`u5`: the K-th fifth of the rows, as GroupLens split them), a fold of a cross-validation (`cv5/1` is the
        first of five parts of a permutation of the rows drawn from `seed`), `leave-last` (each user's last rating),
        `time` (the latest `test_fraction` of all), or `none` (train on all). `keep_times` False leaves the timestamps
        out of both parts, to save memory. Raises UsageError for an unknown kind, for a fold or times that the data set
        does not have, and for a fraction that leaves no training or no test rows.
        """
        test = splits.heldout_rows(
            kind, self.user, self.timestamp, n_folds=self.data.n_folds, seed=seed, test_fraction=test_fraction
        )
        is_train = np.ones(len(self), dtype=bool)
        is_train[test] = False
        if not is_train.any():
            raise UsageError(
                f"the split {kind!r} leaves none of the {len(self):,} ratings to train on",
                "give more ratings, or a smaller `test_fraction`",
            )
        rows = self if keep_times else replace(self, timestamp=None)
        return Split(
            kind=kind,
            seed=seed if splits.is_drawn(kind) else None,
            description=splits.description(kind, seed=seed, test_fraction=test_fraction),
            train=rows.take(is_train),
            test=rows.take(test),
            leakage=splits.leakage(kind, self.timestamp, is_train),
        )


@dataclass(frozen=True)
class Split(Shown):
    """Training ratings and held-out test ratings; nothing may be chosen by the test."""

    kind: str
    seed: int | None
    description: str
    train: Ratings
    test: Ratings
    leakage: str = ""  # what the training knows about the time of the test, if the split is in time

    def _card(self) -> Card:
        title = f"Split {self.description!r}: {len(self.train):,} training and {len(self.test):,} test ratings"
        return Card(title, [("data", self.train.data.title), *([("leakage", self.leakage)] if self.leakage else [])])

    @property
    def n_cold(self) -> tuple[int, int]:
        """Numbers of test rows whose user has no training row, and whose item has none."""
        train, test = self.train, self.test
        n_user, n_item = count_codes(train.user, len(train.users)), count_codes(train.item, len(train.items))
        return int((n_user[test.user] == 0).sum()), int((n_item[test.item] == 0).sum())


def count_codes(codes: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Return how often each of n codes occurs: as `np.bincount`, which copies all codes as int64."""
    counts = np.zeros(n, dtype=np.int64)
    for begin in range(0, len(codes), BLOCK):
        counts += np.bincount(codes[begin : begin + BLOCK], minlength=n)
    return counts


def check_texts(users: Users, items: Items, where: str = "") -> None:
    """Raise DataError, which begins with `where`, for a text that cannot be stored with a run and read back."""
    texts = {
        "user id": users.ids,
        "item id": items.ids,
        "title": items.titles,
        "tag": tuple({tag for tags in items.tags for tag in tags}),
        "list of tags": tuple(map("|".join, items.tags)),
        "column name": (*items.columns, *users.columns),
    }
    texts |= {f"value of column {name!r}": own for table in (items, users) for name, own in table.columns.items()}
    for what, values in texts.items():
        if what != "tag" and max(map(len, values), default=0) <= MOST_LETTERS and is_whole("".join(values)):
            continue  # far faster than one by one
        for text in values:
            problem = ""
            if len(text) > MOST_LETTERS:
                problem = f"has {len(text):,} letters, more than {MOST_LETTERS:,}"
            elif not is_whole(text):
                problem = "holds half of a UTF-16 surrogate pair"
            elif what == "tag" and (not text or "|" in text):
                problem = "holds the separator '|'" if text else "is empty"
            if problem:
                raise DataError(
                    f"{where}{what} {shorten(text)!r} {problem}, which cannot be saved",
                    "correct it in the data, or name another column, such as with `title_col` or `tag_cols`",
                )

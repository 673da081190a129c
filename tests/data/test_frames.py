"""`Ratings.from_frame`: frames are read by the code that reads files, with the same rules and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import embedcli
from embedcli.data.loading import load
from embedcli.data.ratings import Ratings
from embedcli.errors import EmbedcliError


def films(n: int = 200) -> pd.DataFrame:
    """Return a frame of ratings without duplicates, with times, titles and genres."""
    rng = np.random.default_rng(0)
    cells = rng.choice(40 * 25, n, replace=False)
    return pd.DataFrame(
        {
            "userId": cells // 25,
            "movieId": 100 + cells % 25,
            "rating": rng.integers(1, 6, n).astype(float),
            "timestamp": pd.date_range("2020-01-01", periods=n, freq="h"),
            "title": [f"Film {cell % 25} (1999)" for cell in cells],
            "genres": ["Drama|Crime" if cell % 2 else "Comedy" for cell in cells % 25],
        }
    )


FRAME = films()


def same(a: Ratings, b: Ratings) -> bool:
    """Tell whether two readings have the same users, items, codes, values and times."""
    arrays = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("user", "item", "value", "timestamp"))
    return arrays and a.users == b.users and a.items == b.items and a.data.scale == b.data.scale


def test_a_frame_is_read_as_its_file(tmp_path: Path) -> None:
    """A frame, its CSV and its Parquet file are the same ratings, with the same titles, tags and times."""
    path = tmp_path / "ratings"
    FRAME.to_csv(f"{path}.csv", index=False)
    FRAME.to_parquet(f"{path}.parquet", index=False)
    read = Ratings.from_frame(FRAME)
    assert same(read, load(f"{path}.csv")) and same(read, load(f"{path}.parquet"))
    assert read.items.titles[0].startswith("Film ") and read.items.years[0] == 1999 and read.timestamp is not None
    assert read.data.source.startswith(
        "data frame: user = 'userId', item = 'movieId', rating = 'rating', time = 'timestamp'"
    )


@pytest.mark.parametrize(
    "make",
    {
        "categories": lambda: FRAME.astype({"userId": "category", "movieId": "category", "title": "category"}),
        "whole numbers with gaps": lambda: FRAME.astype({"userId": float, "rating": "Int64"}),
        "texts": lambda: FRAME.astype({"userId": str, "movieId": object, "rating": str}),
        "times with a zone": lambda: FRAME.assign(timestamp=FRAME["timestamp"].dt.tz_localize("UTC")),
        "an index of ids": lambda: FRAME.set_index(["userId", "movieId"]),
        "a slice": lambda: pd.concat([FRAME, FRAME]).iloc[: len(FRAME)],
        "Arrow": lambda: pa.Table.from_pandas(FRAME),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_types_of_a_frame_do_not_matter(make: tuple[str, Any]) -> None:
    """Categories, gaps, texts, zones, an index and Arrow give the same ratings, with the same sha256."""
    read, plain = Ratings.from_frame(make[1]()), Ratings.from_frame(FRAME)
    assert same(read, plain)
    assert read.data.sha256 == plain.data.sha256


def test_a_frame_stays_as_it_is() -> None:
    """Reading changes neither the values nor the columns, the types or the index of a frame."""
    frame = FRAME.set_index("userId")
    before = frame.copy(deep=True)
    Ratings.from_frame(frame, item="movieId")
    pd.testing.assert_frame_equal(frame, before)


def test_columns_are_named_by_the_parameters() -> None:
    """Columns of any names, and numbers for names, are found if they are given; `title` gives titles."""
    odd = FRAME.rename(columns=dict(zip(FRAME.columns, ["a", "b", "c", "d", "e", "f"], strict=True)))
    named = Ratings.from_frame(odd, user="a", item="b", rating="c", time="d", title="e")
    assert named.items.titles == Ratings.from_frame(FRAME).items.titles
    odd.columns = pd.Index(range(6))
    assert Ratings.from_frame(odd, user=0, item=1, rating=2).users == named.users


def with_value(column: str, value: Any) -> pd.DataFrame:
    """Return the frame with another value in row 3 of a column."""
    frame = FRAME.astype({column: object})
    frame.iloc[3, frame.columns.get_loc(column)] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "reading", "message", "hint"),
    [
        (with_value("rating", None), {}, "data frame, row 3: the rating is empty", "`on_bad_rows` skip"),
        (with_value("rating", float("nan")), {}, "data frame, row 3: the rating is empty", "correct it, or leave"),
        (with_value("userId", None), {}, "data frame, row 3: the user is empty", "`on_bad_rows` skip"),
        (with_value("rating", "much"), {}, "data frame, row 3: the rating is not a number: 'much'", "correct it"),
        (pd.concat([FRAME, FRAME[:2]]), {}, "data frame, row 200: user '", "`duplicates` last, first or mean"),
        (FRAME, {"user": "nobody"}, "data frame has no column 'nobody' for `user`", "the columns are: userId, movieId"),
        (FRAME, {"user": "userId", "item": "userId"}, "`user` and `item` name the same column", "name a column"),
        (
            FRAME.rename(columns={"userId": "walker"}),
            {},
            "no column has a known name of the user; the",
            "`user` walker",
        ),
        (
            FRAME.drop(columns="rating"),
            {},
            "data frame has no column of ratings",
            "the column of ratings with `rating`",
        ),
        (FRAME, {"time": "genres"}, "the column 'genres' does not hold times", "leave `time` out"),
        (FRAME.assign(name=range(len(FRAME))), {"title": "name"}, "'name' does not hold one title per item", "`title`"),
        (FRAME.assign(rating=[[1]] * len(FRAME)), {}, "'rating' holds list<", "name another column with `rating`"),
        (pd.concat([FRAME, FRAME["rating"]], axis=1), {}, "2 columns are called 'rating'", "a name of its own"),
        (FRAME[:0], {}, "data frame: it has no rows", "a rating in each row"),
        (FRAME.pivot(index="userId", columns="movieId", values="rating"), {}, "looks like a matrix", "melt"),
        (FRAME["rating"], {}, "not a data frame, but Series", "to_frame()"),
        ([(1, 2, 3.0)], {}, "not a data frame, but list", "pandas.DataFrame"),
        (FRAME, {"duplicates": "newest"}, "`duplicates` 'newest' is unknown", "error, last, first, mean"),
    ],
)
def test_errors_name_the_row_and_the_parameter(frame: Any, reading: dict[str, str], message: str, hint: str) -> None:
    """What is wrong with a frame is said with its row, as `iloc` counts, and the hint names the parameter."""
    with pytest.raises(EmbedcliError) as caught:
        Ratings.from_frame(frame, **reading)  # type: ignore[arg-type]
    assert message in caught.value.message and hint in caught.value.hint
    assert "_col`" not in caught.value.message + caught.value.hint and "line" not in caught.value.message


def test_rules_are_those_of_files() -> None:
    """Duplicates, invalid rows, rare users, booleans and implicit feedback follow the rules of files; notes say so."""
    notes: list[str] = []
    assert len(Ratings.from_frame(pd.concat([FRAME, FRAME[:2]]), duplicates="last", on_note=notes.append)) == 200
    assert any("2 duplicate ratings: the last of each pair counts" in note for note in notes)
    assert len(Ratings.from_frame(with_value("rating", None), on_bad_rows="skip")) == 199
    assert np.bincount(Ratings.from_frame(FRAME, min_user_ratings=5).user).min() >= 5
    assert Ratings.from_frame(FRAME.assign(rating=FRAME["rating"] > 3)).data.scale == (0, 1)
    assert Ratings.from_frame(FRAME.drop(columns="rating"), implicit=True).data.implicit
    one_each = FRAME.assign(userId=range(len(FRAME)))
    Ratings.from_frame(one_each, on_note=notes.append)
    assert "note: every user has one rating: if 'userId' counts the rows, name another with `user`" in notes


def test_reading_options_are_keywords(tmp_path: Path) -> None:
    """`load_ratings` takes the options of the command line by keyword, paths and choices as texts."""
    FRAME.rename(columns={"userId": "reader"}).to_csv(tmp_path / "r.csv", index=False)
    read = embedcli.load_ratings(
        tmp_path / "r.csv", user_col="reader", duplicates="last", items=str(tmp_path / "r.csv")
    )
    assert read.users == Ratings.from_frame(FRAME).users
    with pytest.raises(EmbedcliError, match="`duplicates` 'newest' is unknown"):
        embedcli.load_ratings(tmp_path / "r.csv", duplicates="newest")


def test_titles_in_a_file_of_ratings(tmp_path: Path) -> None:
    """`title_col` names the titles in the ratings themselves, if no second table is given."""
    FRAME.rename(columns={"title": "called"}).to_csv(tmp_path / "r.csv", index=False)
    assert load(tmp_path / "r.csv", title_col="called").items.titles == Ratings.from_frame(FRAME).items.titles

"""MovieLens 100K in its original files: u.data, u.item, u.genre, u.user (README of the data set, GroupLens)."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator

import numpy as np

from embedcli.data import text
from embedcli.data.files import Files
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.data.times import EARLIEST, LATEST
from embedcli.errors import DataError

SCALE = (1.0, 5.0)
MOST = 1 << 25  # bytes of ratings: sixteen times those of MovieLens 100K
U_DATA_SHA256 = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def read(files: Files, source: str) -> Ratings:
    """Read a data set in the format of MovieLens 100K; DataError names the file and the line."""
    items = read_items(files)
    users = read_users(files) if "u.user" in files else None
    ratings = read_ratings(files.read("u.data", MOST), files.where("u.data"), files.label, items, users, source)
    if "u.info" in files:
        check_counts(files, ratings)
    return ratings


def read_ratings(
    raw: bytes,
    where: str,
    label: str,
    items: Items,
    users: Users | None,
    source: str,
    *,
    first_line: int = 1,
    tables: tuple[str, str] = ("u.user", "u.item"),
) -> Ratings:
    """Read lines of user id, item id, rating, timestamp.

    `first_line` is the line of the file at which the bytes begin, `tables` what to call the tables of users
    and items in a message. Without a table of users, the users are those who rated, in the order of their ids.
    """
    content = text.decode(raw, "utf-8", where)

    def lines() -> Iterator[tuple[int, list[str]]]:
        return text.rows(content, separator="\t", n_fields=4, where=where)

    item_codes = text.index(list(items.ids), "item id", "the items")
    if users is None:
        users = Users(tuple(sorted({fields[0] for _, fields in lines()}, key=lambda name: (len(name), name))))
    user_codes = text.index(list(users.ids), "user id", "the users")
    user, item, value, timestamp = array("i"), array("i"), array("f"), array("q")
    low, high = SCALE
    for number, fields in lines():
        line = number + first_line - 1
        user.append(text.code(user_codes, fields[0], "user id", tables[0], where, line))
        item.append(text.code(item_codes, fields[1], "item id", tables[1], where, line))
        rating = text.number(fields[2], "the rating", where, line, float)
        if not low <= rating <= high:
            given = text.shorten(fields[2])
            raise DataError(
                f"{where}, line {line}: the rating {given!r} is outside the scale {low:g} to {high:g}",
                text.CORRECT_IT,
            )
        value.append(rating)
        seconds = int(text.number(fields[3], "the timestamp", where, line))
        if not EARLIEST <= seconds <= LATEST:
            given = text.shorten(fields[3])
            raise DataError(f"{where}, line {line}: the timestamp {given!r} is not in seconds", text.CORRECT_IT)
        timestamp.append(seconds)
    sha256 = hashlib.sha256(raw).hexdigest()
    genuine = sha256 == U_DATA_SHA256
    return Ratings(
        data=DataSet(
            name="ml-100k" if genuine else label,
            title="MovieLens 100K" if genuine else label,
            source=source,
            sha256=sha256,
            scale=SCALE,
            noun="film",
            n_folds=5 if genuine else 0,  # the folds are ranges of the rows of u.data
        ),
        users=users,
        items=items,
        user=np.array(user, dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        value=np.array(value, dtype=np.float32),
        timestamp=np.array(timestamp, dtype=np.int64),
    )


def read_items(files: Files) -> Items:
    """Read u.item: latin-1; id, title, release date, video date, address, and a 0/1 column per genre."""
    genres = read_genres(files)
    where = files.where("u.item")
    ids, titles, years, tags, dates, addresses = [], [], [], [], [], []
    for line, fields in text.rows(
        latin1(files.read("u.item"), where), separator="|", n_fields=5 + len(genres), where=where
    ):
        flags = fields[5:]
        if not set(flags) <= {"0", "1"}:
            wrong = next(flag for flag in flags if flag not in ("0", "1"))
            raise DataError(
                f"{where}, line {line}: the genre column {text.shorten(wrong)!r} is neither 0 nor 1",
                text.CORRECT_IT,
            )
        title = fields[1].strip()
        ids.append(fields[0])
        titles.append(title)
        years.append(text.year_of(title) or text.year_of(f"({fields[2][-4:]})"))
        tags.append(tuple(genre for genre, flag in zip(genres, flags, strict=True) if flag == "1" and genre))
        dates.append(fields[2])
        addresses.append(fields[4])
    text.index(ids, "item id", where)
    columns = {"release_date": tuple(dates), "imdb_url": tuple(addresses)}
    return Items(tuple(ids), tuple(titles), tuple(years), tuple(tags), columns)


def read_genres(files: Files) -> tuple[str, ...]:
    """Read u.genre, or take the nineteen genres of the data set where the file is missing."""
    if "u.genre" not in files:
        return GENRES
    where = files.where("u.genre")
    rows = text.rows(text.decode(files.read("u.genre"), "latin-1", where), separator="|", n_fields=2, where=where)
    return tuple(fields[0].strip() for _, fields in rows)


def read_users(files: Files) -> Users:
    """Read u.user: id, age, gender, occupation, zip code."""
    where = files.where("u.user")
    content = latin1(files.read("u.user"), where)
    lines = [fields for _, fields in text.rows(content, separator="|", n_fields=5, where=where)]
    ids, *columns = zip(*lines, strict=True)
    text.index(list(ids), "user id", where)
    return Users(ids, dict(zip(("age", "gender", "occupation", "zip_code"), columns, strict=True)))


def check_counts(files: Files, ratings: Ratings) -> None:
    """Hold the numbers of u.info against what was read: a file cut at the end of a line shows nowhere else."""
    where = files.where("u.info")
    counts = {"users": len(ratings.users), "items": len(ratings.items), "ratings": len(ratings)}
    content = text.decode(files.read("u.info"), "latin-1", where)
    for line, fields in text.rows(content, separator=" ", n_fields=2, where=where):
        expected = int(text.number(fields[0], "the count", where, line))
        if counts.get(fields[1], expected) != expected:
            raise DataError(
                f"{where}, line {line}: it says {expected:,} {fields[1]}, the files hold {counts[fields[1]]:,}",
                "download or copy the data set again; if you changed it on purpose, delete u.info",
            )


def latin1(raw: bytes, where: str) -> str:
    """Decode latin-1, and say so where the bytes are UTF-8 in truth: every accented title would be garbled."""
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
        line = next(number for number, row in enumerate(raw.split(b"\n"), 1) if not row.isascii())
        raise DataError(
            f"{where}, line {line}: the file is UTF-8 where latin-1 is expected",
            "use the original file, or convert this one: iconv -f UTF-8 -t LATIN1",
        )
    return raw.decode("ascii")

"""MovieLens 100K in its original files: u.data, u.item, u.genre, u.user (README of the data set, GroupLens)."""

from dataclasses import replace

from embedcli.data import text
from embedcli.data.files import Files
from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.detect import TableSchema
from embedcli.data.formats.movielens import join_tables
from embedcli.data.formats.table import check_rows, ratings_of, read_rows
from embedcli.data.ratings import Items, Ratings, Users
from embedcli.data.read_options import ReadContext
from embedcli.errors import DataError

SCALE = (1.0, 5.0)
SCHEMA = TableSchema("\t", 4, {"user": 0, "item": 1, "rating": 2, "time": 3}, quotes=False)
U_DATA_SHA256 = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
GENRES: tuple[str, ...] = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def read(files: Files, source: str, context: ReadContext) -> Ratings:
    """Read a data set in the format of MovieLens 100K; DataError names the file and the line."""
    items = read_items(files)
    users = users_of(files.table("u.user", separator="|", n_columns=5, key="user id")) if "u.user" in files else None
    rows = read_rows(files.source("u.data"), context, SCHEMA)
    ratings = ratings_with(rows, users, items, ("u.user", "u.item"), context)
    if "u.info" in files:
        check_counts(files, ratings, rows)
    return named(ratings, files.label, source)


def ratings_with(
    rows: Rows, users: Users | None, items: Items, tables: tuple[str, str], context: ReadContext
) -> Ratings:
    """Return the ratings of rows on the scale of 1 to 5, joined with the tables of users and items."""
    rows.check_scale(*SCALE)
    check_rows(rows, context)
    return join_tables(ratings_of(rows, context, scale=SCALE), rows, users, items, tables)


def named(ratings: Ratings, label: str, source: str) -> Ratings:
    """Name the data set after the original if it is the original, whose official folds are ranges of the rows."""
    is_genuine = ratings.data.sha256 == U_DATA_SHA256
    name, title, n_folds = ("ml-100k", "MovieLens 100K", 5) if is_genuine else (label, label, 0)
    return replace(ratings, data=replace(ratings.data, name=name, title=title, source=source, n_folds=n_folds))


def read_items(files: Files) -> Items:
    """Read u.item: id, title, release date, video date, address, and a 0/1 column per genre of u.genre."""
    genres = GENRES
    if "u.genre" in files:
        genres = tuple(fields[0].strip() for _, fields in files.table("u.genre", separator="|", n_columns=2))
    rows = files.table("u.item", separator="|", n_columns=5 + len(genres), key="item id")
    for line, fields in rows:
        if (wrong := next((flag for flag in fields[5:] if flag not in ("0", "1")), None)) is not None:
            where = files.where("u.item")
            raise DataError(
                f"{where}, line {line}: the genre column {text.shorten(wrong)!r} is neither 0 nor 1", text.CORRECT_IT
            )
    ids, titles, dates, _, addresses, *flags = zip(*(fields for _, fields in rows), strict=True)
    titles = tuple(map(str.strip, titles))
    years = (text.year_of(title) or text.year_of(f"({date[-4:]})") for title, date in zip(titles, dates, strict=True))
    tags = (
        tuple(genre for genre, flag in zip(genres, own, strict=True) if flag == "1" and genre)
        for own in zip(*flags, strict=True)
    )
    return Items(ids, titles, tuple(years), tuple(tags), {"release_date": dates, "imdb_url": addresses})


def users_of(rows: list[tuple[int, list[str]]]) -> Users:
    """Return the users of a table with id, age, gender, occupation and zip code."""
    ids, *columns = zip(*(fields for _, fields in rows), strict=True)
    return Users(ids, dict(zip(("age", "gender", "occupation", "zip_code"), columns, strict=True)))


def check_counts(files: Files, ratings: Ratings, rows: Rows) -> None:
    """Compare the numbers of u.info with the files: nothing else shows a file that was cut at the end of a line."""
    where, n_ratings = files.where("u.info"), len(ratings) + len(rows.problems)
    counts = {"users": len(ratings.users), "items": len(ratings.items), "ratings": n_ratings}
    for line, (count, what) in files.table("u.info", separator=" ", n_columns=2):
        if not count.isdecimal():
            raise DataError(
                f"{where}, line {line}: the count {text.shorten(count)!r} is not a whole number", text.CORRECT_IT
            )
        if what in counts and counts[what] != int(count):
            raise DataError(
                f"{where}, line {line}: it says {int(count):,} {what}, the files hold {counts[what]:,}",
                "download or copy the data set again; if you changed it on purpose, delete u.info",
            )

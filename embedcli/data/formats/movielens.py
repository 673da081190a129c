"""The later editions of MovieLens: ratings.dat with `::`, or ratings.csv (their READMEs, GroupLens)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data import text
from embedcli.data.catalog import EDITIONS
from embedcli.data.files import Files
from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.table import check_rows, ratings_of, read_rows, resolve_duplicates
from embedcli.data.ratings import Items, Ratings, Users
from embedcli.data.read_options import ReadContext
from embedcli.errors import DataError

AGES = {"1": "under 18", "56": "56 and more"}
AGES |= {"18": "18 to 24", "25": "25 to 34", "35": "35 to 44", "45": "45 to 49", "50": "50 to 55"}
OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)
USER_COLUMNS = ("gender", "age", "occupation", "zip_code")
NO_GENRES = "(no genres listed)"


def read(files: Files, source: str, context: ReadContext) -> Ratings:
    """Read movies, users if there are any, and ratings; DataError names the file and the line."""
    ending = "csv" if "ratings.csv" in files else "dat"
    movies = f"movies.{ending}"
    items = _movies(files, movies) if movies in files else None
    users = _users(files, context) if "users.dat" in files else None
    rows = read_rows(files.source(f"ratings.{ending}"), replace(context, on_note=lambda line: None))
    check_rows(rows, context)
    ratings = join_tables(ratings_of(rows, context), rows, users, items, ("users.dat", movies))
    named = {entry.n_ratings: (entry.name, entry.title) for entry in EDITIONS}
    name, title = named.get(len(ratings), (files.label, files.label))
    ratings = replace(ratings, data=replace(ratings.data, name=name, title=title, source=source))
    return resolve_duplicates(ratings, rows, context)


def join_tables(
    ratings: Ratings, rows: Rows, users: Users | None, items: Items | None, names: tuple[str, str]
) -> Ratings:
    """Replace the users and items of ratings by those of tables, whose files have these names.

    Without a table of users, the users are those who rated, in the order of their ids. Raises DataError, with the
    line, for an id that is not in its table.
    """
    ids = ratings.users.ids
    users = users or Users(tuple(sorted(ids, key=lambda name: (len(name), name))))
    items = items or ratings.items
    return replace(
        ratings,
        data=replace(ratings.data, noun="film"),
        users=users,
        items=items,
        user=_codes_in(users.ids, ratings.user, ids, ("user id", names[0]), rows),
        item=_codes_in(items.ids, ratings.item, ratings.items.ids, ("item id", names[1]), rows),
    )


def _codes_in(
    table: tuple[str, ...], code: NDArray[np.int32], ids: tuple[str, ...], what: tuple[str, str], rows: Rows
) -> NDArray[np.int32]:
    """Return codes into `ids` as codes into a table."""
    known = {identifier: row for row, identifier in enumerate(table)}
    codes = np.array([known.get(identifier, -1) for identifier in ids], dtype=np.int32)[code]
    if (codes < 0).any():
        row, (kind, name) = int(np.argmax(codes < 0)), what
        raise DataError(
            f"{rows.problems.where}, line {rows.line(row):,}: {kind} {text.shorten(ids[code[row]])!r} is not in {name}",
            f"the two files do not belong together, or {name} is cut short: download or copy them again",
        )
    return codes


def _movies(files: Files, name: str) -> Items:
    """Read movies.csv or movies.dat: id, title with its year, genres joined by `|`."""
    if name.endswith("csv"):
        rows = _csv(files, name, ("movieId", "title", "genres"), "movieId")
    else:
        rows = files.table(name, separator="::", n_columns=3, key="movieId")
    ids, titles, genres = zip(*(fields[:3] for _, fields in rows), strict=True)
    titles = tuple(map(str.strip, titles))
    tags = tuple(
        () if own == NO_GENRES else tuple(tag for part in own.split("|") if (tag := part.strip())) for own in genres
    )
    links = {}
    if "links.csv" in files:
        rows = _csv(files, "links.csv", ("movieId", "imdbId", "tmdbId"))
        link_of = {fields[0]: fields[1:3] for _, fields in rows}
        columns = zip(*(link_of.get(film, ("", "")) for film in ids), strict=True)
        links = dict(zip(("imdb_id", "tmdb_id"), columns, strict=True))
    return Items(ids, titles, tuple(map(text.year_of, titles)), tags, links)


def _csv(files: Files, name: str, header: tuple[str, ...], key: str | None = None) -> list[tuple[int, list[str]]]:
    return files.table(name, separator=",", header=header, encoding="utf-8", key=key)


def _users(files: Files, context: ReadContext) -> Users | None:
    """Read users.dat of ml-1m: id, gender, age group, occupation, zip code; groups are written out.

    A table with other columns, such as that of MovieTweetings, is left out with a note.
    """
    first = files.read("users.dat").partition(b"\n")[0]
    if (n_columns := first.count(b"::") + 1) != len(USER_COLUMNS) + 1:
        context.on_note(
            f"note: {files.where('users.dat')} has {n_columns} columns, not the five of MovieLens: it is not read"
        )
        return None
    rows = files.table("users.dat", separator="::", n_columns=5, key="user id")
    ids, gender, age, occupation, zip_code = zip(*(fields for _, fields in rows), strict=True)
    occupations = {str(code): name for code, name in enumerate(OCCUPATIONS)}
    columns = {
        "gender": gender,
        "age": tuple(AGES.get(code, code) for code in age),
        "occupation": tuple(occupations.get(code, code) for code in occupation),
        "zip_code": zip_code,
    }
    return Users(ids, columns)

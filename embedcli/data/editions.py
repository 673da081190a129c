"""The editions of MovieLens after the first: ratings.dat with `::`, or ratings.csv (their READMEs, GroupLens)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data import columns, text
from embedcli.data.files import Files
from embedcli.data.problems import Problems
from embedcli.data.ratings import Items, Ratings, Users
from embedcli.data.read_options import ReadOptions
from embedcli.data.rows import Rows
from embedcli.data.sources import Note, Progress
from embedcli.data.table import read_source, settle
from embedcli.errors import DataError

EDITIONS = {  # by their numbers of ratings
    100_836: ("ml-latest-small", "MovieLens latest small"),
    1_000_209: ("ml-1m", "MovieLens 1M"),
    10_000_054: ("ml-10m", "MovieLens 10M"),
    20_000_263: ("ml-20m", "MovieLens 20M"),
    25_000_095: ("ml-25m", "MovieLens 25M"),
    32_000_204: ("ml-32m", "MovieLens 32M"),
}
AGES = {
    "1": "under 18",
    "18": "18 to 24",
    "25": "25 to 34",
    "35": "35 to 44",
    "45": "45 to 49",
    "50": "50 to 55",
    "56": "56 and more",
}
OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)
NO_GENRES = "(no genres listed)"


def read(
    files: Files,
    source: str,
    options: ReadOptions,
    on_note: Note,
    on_progress: Progress,
    problems: list[Problems] | None = None,
) -> Ratings:
    """Read movies, users where there are any, and ratings; DataError names the file and the line."""
    ending = "csv" if "ratings.csv" in files else "dat"
    items = _movies(files) if f"movies.{ending}" in files else None
    users = _users(files) if "users.dat" in files else None
    name = f"ratings.{ending}"
    ratings, rows = read_source(files.source(name), options, on_note, on_progress, problems, quiet=True)
    items = items or ratings.items
    users = users or Users(tuple(sorted(ratings.users.ids, key=lambda name: (len(name), name))))
    name, title = EDITIONS.get(len(ratings), (files.label, files.label))
    described = replace(
        ratings,
        data=replace(ratings.data, name=name, title=title, source=source, noun="film"),
        users=users,
        items=items,
        user=_recoded(ratings.user, ratings.users.ids, users.ids, "user id", "users.dat", rows),
        item=_recoded(ratings.item, ratings.items.ids, items.ids, "movieId", f"movies.{ending}", rows),
    )
    return settle(described, rows, options.duplicates, on_note, problems)


def _movies(files: Files) -> Items:
    """Read movies.csv or movies.dat: id, title with its year, genres joined by `|`."""
    if "movies.csv" in files:
        rows = _csv(files, "movies.csv", ("movieId", "title", "genres"))
    else:
        rows = (fields for _, fields in _dat(files, "movies.dat", 3))
    ids, titles, genres = zip(*((fields[0], fields[1].strip(), fields[2]) for fields in rows), strict=True)
    text.index(list(ids), "the movieId", files.where("movies.csv" if "movies.csv" in files else "movies.dat"))
    tags = tuple(
        () if named == NO_GENRES else tuple(tag for part in named.split("|") if (tag := part.strip()))
        for named in genres
    )
    further = {}
    if "links.csv" in files:
        known = frozenset(ids)
        table = _csv(files, "links.csv", ("movieId", "imdbId", "tmdbId"))
        links = {fields[0]: fields for fields in table if fields[0] in known}
        further = {
            name: tuple(links[film][at] if film in links else "" for film in ids)
            for at, name in ((1, "imdb_id"), (2, "tmdb_id"))
        }
    return Items(ids, titles, tuple(text.year_of(title) for title in titles), tags, further)


def _users(files: Files) -> Users:
    """Read users.dat of ml-1m: id, gender, age group, occupation, zip code; groups are spelled out."""
    rows = [fields for _, fields in _dat(files, "users.dat", 5)]
    ids, gender, age, occupation, zip_code = zip(*rows, strict=True)
    text.index(list(ids), "the user id", files.where("users.dat"))
    occupations = dict(zip(map(str, range(len(OCCUPATIONS))), OCCUPATIONS, strict=True))
    spelled = tuple(occupations.get(code, code) for code in occupation)
    return Users(
        ids,
        {
            "gender": gender,
            "age": tuple(AGES.get(code, code) for code in age),
            "occupation": spelled,
            "zip_code": zip_code,
        },
    )


def _csv(files: Files, name: str, header: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield the fields of each row of a csv with this header."""
    where = files.where(name)
    content = text.decode(files.read(name), "utf-8", where).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(content, newline=""))
    first: list[str] = []
    line = begin = 1
    try:
        first = next(reader, first)
        if tuple(first[: len(header)]) != header:
            raise DataError(
                f"{where}, line 1: the header is {','.join(first)[:60]!r} where {','.join(header)!r} is expected",
                "download or copy the data set again",
            )
        line = begin = reader.line_num + 1
        for fields in reader:
            if len(fields) != len(first):
                raise DataError(
                    f"{where}, line {line}: {len(fields)} columns where {len(first)} are expected: "
                    f"{text.shorten(','.join(fields))!r}",
                    text.CORRECT_IT,
                )
            yield fields
            line = reader.line_num + 1
    except csv.Error as error:  # a field that is too long
        raise DataError(f"{where}, line {line}: {error}", text.CORRECT_IT) from error
    if line == begin:
        raise DataError(f"{where}, line 1: nothing follows the header", "download or copy the data set again")


def _dat(files: Files, name: str, n_fields: int) -> list[tuple[int, list[str]]]:
    """Return (line, fields) of each row of a file with `::` between the fields; ml-1m is latin-1, ml-10m UTF-8."""
    where, raw = files.where(name), files.read(name)
    content = text.decode(raw, columns.encoding_of(raw, None, where, lambda line: None), where)
    return list(text.rows(content, separator="::", n_fields=n_fields, where=where))


def _recoded(
    code: NDArray[np.int32], ids: tuple[str, ...], table: tuple[str, ...], what: str, name: str, rows: Rows
) -> NDArray[np.int32]:
    """Return codes into `ids` as codes into a table; DataError, with the line, for an id that is not there."""
    there = {identifier: row for row, identifier in enumerate(table)}
    recoded = np.array([there.get(identifier, -1) for identifier in ids], dtype=np.int32)[code]
    if (recoded < 0).any():
        first = int(np.argmax(recoded < 0))
        raise DataError(
            f"{rows.where}, line {rows.line(first):,}: {what} {text.shorten(ids[code[first]])!r} is not in {name}",
            f"the two files do not belong together, or {name} is cut short: download or copy them again",
        )
    return recoded

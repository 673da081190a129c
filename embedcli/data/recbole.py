"""MovieLens 100K as the wheel of RecBole 1.2.1 carries it: atomic files, UTF-8, tab-separated, one header line.

Its rows are those of u.data, byte for byte and in the same order; titles have lost their year to a column of
its own, and item 267, `unknown`, is misspelt.
"""

from __future__ import annotations

from embedcli.data import movielens, text
from embedcli.data.files import Files
from embedcli.data.ratings import Items, Ratings, Users

MISSPELT = "unkonwn"


def read(files: Files, source: str) -> Ratings:
    """Read ml-100k.inter, ml-100k.item and ml-100k.user; DataError names the file and the line."""
    name = "ml-100k.inter"
    _, _, rows = files.read(name).partition(b"\n")
    items, users = read_items(files), read_users(files)
    tables = ("ml-100k.user", "ml-100k.item")
    where = files.where(name)
    return movielens.read_ratings(rows, where, "ml-100k", items, users, source, first_line=2, tables=tables)


def read_items(files: Files) -> Items:
    """Read item id, title, year, and genres separated by blanks."""
    ids, titles, years, tags = [], [], [], []
    for item, title, year, genres in _fields(files, "ml-100k.item", 4):
        titles.append("unknown" if title == MISSPELT else f"{title} ({year})")
        ids.append(item)
        years.append(movielens.year_of(titles[-1]))
        tags.append(tuple(genre for genre in movielens.GENRES if genre in genres.split()))
    return Items(tuple(ids), tuple(titles), tuple(years), tuple(tags))


def read_users(files: Files) -> Users:
    """Read user id, age, gender, occupation and zip code."""
    ids, *columns = zip(*_fields(files, "ml-100k.user", 5), strict=True)
    return Users(ids, dict(zip(("age", "gender", "occupation", "zip_code"), columns, strict=True)))


def _fields(files: Files, name: str, n_fields: int) -> list[list[str]]:
    where = files.where(name)
    content = movielens.decode(files.read(name), "utf-8", where)
    return [fields for _, fields in text.rows(content, separator="\t", n_fields=n_fields, where=where)][1:]

"""MovieLens 100K as the wheel of RecBole 1.2.1 carries it: atomic files, UTF-8, tab-separated, one header line.

Its rows are those of u.data, byte for byte and in the same order; titles have lost their year to a column of
its own, and item 267, `unknown`, is misspelt.
"""

from __future__ import annotations

from embedcli.data import movielens, text
from embedcli.data.files import Files
from embedcli.data.ratings import Items, Ratings, Users
from embedcli.errors import DataError

MISSPELT = "unkonwn"


def read(files: Files, source: str) -> Ratings:
    """Read ml-100k.inter, ml-100k.item and ml-100k.user; DataError names the file and the line."""
    items, users = read_items(files), read_users(files)
    name, tables = "ml-100k.inter", ("ml-100k.user", "ml-100k.item")
    where = files.where(name)
    header, _, rows = files.read(name, movielens.MOST).partition(b"\n")
    check_header(header.decode("latin-1"), where)
    return movielens.read_ratings(rows, where, "ml-100k", items, users, source, first_line=2, tables=tables)


def read_items(files: Files) -> Items:
    """Read item id, title, year, and genres separated by blanks."""
    ids, titles, years, tags = [], [], [], []
    for item, title, year, genres in _fields(files, "ml-100k.item", 4, "item id"):
        titles.append("unknown" if title == MISSPELT else f"{title} ({year})")
        ids.append(item)
        years.append(text.year_of(titles[-1]))
        tags.append(tuple(genre for genre in movielens.GENRES if genre in genres.split()))
    return Items(tuple(ids), tuple(titles), tuple(years), tuple(tags))


def read_users(files: Files) -> Users:
    """Read user id, age, gender, occupation and zip code."""
    ids, *columns = zip(*_fields(files, "ml-100k.user", 5, "user id"), strict=True)
    return Users(ids, dict(zip(("age", "gender", "occupation", "zip_code"), columns, strict=True)))


def check_header(line: str, where: str) -> None:
    """Raise DataError where the first line is not a header: read as one, a row of the data would be lost."""
    if ":token" not in line:
        raise DataError(
            f"{where}, line 1: no header of RecBole's, such as user_id:token: {text.shorten(line)!r}",
            text.CORRECT_IT,
        )


def _fields(files: Files, name: str, n_fields: int, key: str) -> list[list[str]]:
    where = files.where(name)
    content = text.decode(files.read(name), "utf-8", where)
    (_, header), *lines = text.rows(content, separator="\t", n_fields=n_fields, where=where)
    check_header("\t".join(header), where)
    if not lines:
        raise DataError(f"{where}, line 1: nothing follows the header", "download or copy the data set again")
    table = [fields for _, fields in lines]
    text.index([fields[0] for fields in table], key, where, first_line=2)
    return table

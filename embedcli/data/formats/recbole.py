"""MovieLens 100K in the wheel of RecBole 1.2.1: atomic files, UTF-8, tab-separated, one header line.

Its rows are those of u.data, with the same bytes in the same order. Titles have their year in a column of its own, and
item 267, `unknown`, is misspelt.
"""

import hashlib
from dataclasses import replace

from embedcli.data import text
from embedcli.data.files import Files
from embedcli.data.formats import movielens_100k
from embedcli.data.formats.table import read_rows
from embedcli.data.ratings import Items, Ratings
from embedcli.data.read_options import ReadContext
from embedcli.errors import DataError

MISSPELT = "unkonwn"
INTER, ITEM, USER = "ml-100k.inter", "ml-100k.item", "ml-100k.user"
HEADER = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")


def read(files: Files, source: str, context: ReadContext) -> Ratings:
    """Read ml-100k.inter, ml-100k.item and ml-100k.user; DataError names the file and the line."""
    items, users = read_items(files), movielens_100k.users_of(_table(files, USER, ("user_id:token",), 5))
    header, _, content = files.read(INTER).partition(b"\n")
    if b":token" not in header:
        shown = text.shorten(header.decode("latin-1"))
        raise DataError(f"{files.where(INTER)}, line 1: the header is {shown!r}", text.GET_AGAIN)
    rows = read_rows(files.source(INTER), context, replace(movielens_100k.SCHEMA, header=HEADER))
    rows.sha256 = hashlib.sha256(content).hexdigest()
    ratings = movielens_100k.ratings_with(rows, users, items, (USER, ITEM), context)
    return movielens_100k.named(ratings, "ml-100k", source)


def read_items(files: Files) -> Items:
    """Read item id, title, year, and genres separated by blanks."""
    rows = _table(files, ITEM, ("item_id:token",), 4)
    ids, titles, years, genres = zip(*(fields for _, fields in rows), strict=True)
    titles = tuple(
        "unknown" if title == MISSPELT else f"{title} ({year})" for title, year in zip(titles, years, strict=True)
    )
    tags = tuple(tuple(genre for genre in movielens_100k.GENRES if genre in own.split()) for own in genres)
    return Items(ids, titles, tuple(map(text.year_of, titles)), tags)


def _table(files: Files, name: str, header: tuple[str, ...], n_columns: int) -> list[tuple[int, list[str]]]:
    key = header[0].removesuffix(":token").replace("_", " ")
    return files.table(name, separator="\t", n_columns=n_columns, header=header, encoding="utf-8", key=key)

"""Tables that people really have, each made here: what is read of them, and what is said of those that are not."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedcli.data import sources
from embedcli.data.formats import delimited, json_rows, parse, sqlite, wide
from embedcli.data.formats.words import NOUNS, noun_of
from embedcli.data.loading import load
from embedcli.data.problems import Problems
from embedcli.data.ratings import Ratings
from embedcli.data.read_options import OnBadRows, ReadOptions
from embedcli.errors import DataError, EmbedcliError, UsageError

DAY = 86_400
ROWS = [  # user, item, rating, time: each user has 13 or 14 of the 20 items
    (user, 100 + item, 1 + (3 * user + item) % 5, 1_262_304_000 + DAY * (40 * user + item))
    for user in range(1, 13)
    for item in range(20)
    if (user + item) % 3
]
HEADER = ("user", "item", "rating", "time")
TRUTH = {(str(user), str(item)): float(rating) for user, item, rating, _ in ROWS}
TIMES = [time for *_, time in ROWS]


def table(separator: str, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Write rows as delimited text."""
    lines = [header, *rows] if header else rows
    return "".join(separator.join(map(str, row)) + "\n" for row in lines)


def with_times(write: Callable[[datetime], object]) -> list[tuple[object, ...]]:
    """Return the rows with their times written by a function."""
    return [(*row[:3], write(datetime.fromtimestamp(row[3], UTC))) for row in ROWS]


def read(folder: Path, content: str | bytes, name: str = "ratings.csv", **options: Any) -> tuple[Ratings, str]:
    """Read a table; return its ratings and all that is said of it."""
    path, said = folder / name, list[str]()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load(path, options=ReadOptions(**options), on_note=said.append), "\n".join(said)


def refused(folder: Path, content: str | bytes, name: str = "ratings.csv", **options: Any) -> EmbedcliError:
    """Return the error that ends the reading of a table."""
    with pytest.raises(EmbedcliError) as caught:
        read(folder, content, name, **options)
    return caught.value


def content_of(ratings: Ratings) -> dict[tuple[str, str], float]:
    """Return the rating of each pair of user and item."""
    users, items = ratings.users.ids, ratings.items.ids
    pairs = zip(ratings.user.tolist(), ratings.item.tolist(), ratings.value.tolist(), strict=True)
    return {(users[user], items[item]): value for user, item, value in pairs}


TRIPLES = [row[:3] for row in ROWS]
READ: dict[str, tuple[str | bytes, str]] = {  # what is true of the table: its content, and what is said
    "the first of four columns counts the rows": (
        table(",", [(number, *row) for number, row in enumerate(TRIPLES)]),
        "user = column 2, item = column 3, rating = column 4\nnote: column 1 counts the rows",
    ),
    "the first of five columns counts the rows": (
        table(",", [(number, *row) for number, row in enumerate(ROWS, 1)]),
        "time = column 5",
    ),
    "blanks and a tab": ("".join("{} {} {}\t{}\n".format(*row) for row in ROWS), "user = column 1, item = column 2"),
    "blanks": (table(" ", ROWS), "time = column 4"),
    "columns are aligned": (
        "   user  item  rating\n" + "".join("{:7d}{:6d}{:8d}\n".format(*row) for row in TRIPLES),
        "rating = 'rating'",
    ),
    "aligned with row numbers, as pandas prints them": (
        "     user  item  rating\n"
        + "".join("{:<4d}{:5d}{:6d}{:8d}\n".format(number, *row) for number, row in enumerate(TRIPLES)),
        "the first column, which counts the rows",
    ),
    "R's write.table": (
        '"user" "item" "rating"\n'
        + "".join('"{}" "{}" "{}" {}\n'.format(number, *row) for number, row in enumerate(TRIPLES, 1)),
        "the first column, which counts the rows",
    ),
    "comments come first": ("% bip weighted\n# 162 12 20\n" + table(" ", ROWS), "2 lines of comments are left out"),
    "the header is a comment": ("# user,item,rating,time\n" + table(",", ROWS), "user = 'user', item = 'item'"),
    "Excel names the separator": ("sep=;\n" + table(";", TRIPLES, HEADER[:3]), "user = 'user'"),
    "rows end with a separator": (
        "user,item,rating\n" + "".join("{},{},{},\n".format(*row) for row in TRIPLES),
        "each row ends with a separator",
    ),
    "rows end with a tab, and there is no header": ("".join("{}\t{}\t{}\t\n".format(*row) for row in TRIPLES), ""),
    "two bars": (table("||", ROWS), "time = column 4"),
    "a bar, and an empty column": ("".join("{}|{}|{}||{}\n".format(*row) for row in ROWS), "time = column 5"),
    "a caret": (table("^", ROWS, HEADER), "time = 'time'"),
    "Hive's separator": (table("\x01", ROWS), "time = column 4"),
    "the time comes before the rating": (
        table(",", [(user, item, time, rating) for user, item, rating, time in ROWS]),
        "rating = column 4, time = column 3",
    ),
    "names have blanks, capitals and units": (
        table(",", ROWS, (" User ID ", "ITEM_ID", "Rating (1-5)", "Time\u00a0stamp")),
        "rating = 'Rating (1-5)'",
    ),
    "the only further column named as ids": (
        table(",", TRIPLES, ("userId", "pebbleId", "rating")),
        "'pebbleId' is taken for the item",
    ),
    "blanks follow the commas, before quotation marks": (
        "".join('{}, "{}", {}, {}\n'.format(*row) for row in ROWS),
        "time = column 4",
    ),
    "rows without any text come last": (table(",", ROWS, HEADER) + ",,,\n" * 5 + "\n", "time = 'time'"),
    "a report has its title above the header": (
        "Ratings of the club,,,\n,,,\n" + table(",", ROWS, HEADER),
        "note: what is above the header is left out: 'Ratings of the club'",
    ),
    "UTF-32": (table(",", ROWS, HEADER).encode("utf-32"), "time = 'time'"),
    "the separator of units": (table("\x1f", ROWS), "time = column 4"),
    "a sign stands between blanks": ("".join("{} / {} / {}\n".format(*row) for row in TRIPLES), "item = column 3"),
    "the time comes first, as a number": (
        table(",", [(time, user, item, rating) for user, item, rating, time in ROWS]),
        "user = column 2, item = column 3, rating = column 4, time = column 1",
    ),
    "Google's names end in UserId and PlaceId": (
        table(",", TRIPLES, ("gPlusUserId", "gPlusPlaceId", "rating")),
        "user = 'gPlusUserId', item = 'gPlusPlaceId'",
    ),
    "a BOM before JSON lines": (
        "\ufeff" + "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS),
        "time = 'time'",
    ),
    "JSON lines in UTF-16": (
        "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS).encode("utf-16"),
        "time = 'time'",
    ),
    "an array of JSON objects": (json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]), "time = 'time'"),
    "an array of JSON objects on many lines": (
        json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS], indent=2),
        "time = 'time'",
    ),
    "JSON objects on many lines": (
        "\n".join(json.dumps(dict(zip(HEADER, row, strict=True)), indent=2) for row in ROWS),
        "time = 'time'",
    ),
    "dicts as Python writes them": (
        "".join(f"{dict(zip(HEADER, map(str, row), strict=True))}\n" for row in ROWS),
        "time = 'time'",
    ),
    "users and items are objects in JSON": (
        "".join(
            json.dumps({"user": {"id": user, "age": 9}, "item": {"id": item, "x": 1}, "rating": rating}) + "\n"
            for user, item, rating, _ in ROWS
        ),
        "user = 'user.id', item = 'item.id'",
    ),
    "MongoDB writes the types": (
        "".join(
            json.dumps({"user": {"$numberLong": str(user)}, "item": {"$oid": str(item)}, "rating": rating}) + "\n"
            for user, item, rating, _ in ROWS
        ),
        "user = 'user', item = 'item'",
    ),
}


@pytest.mark.parametrize("truth", READ)
def test_tables_that_are_read(truth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rating of the table is read without an option, whatever the size of blocks, and what is odd is said."""
    content, said = READ[truth]
    for block in (1 << 24, 400):
        monkeypatch.setattr(delimited, "BLOCK", block)
        monkeypatch.setattr(json_rows, "BLOCK", block)
        ratings, notes = read(tmp_path, content)
        assert content_of(ratings) == TRUTH
        assert said in notes
        if "time =" in notes:
            assert ratings.timestamp is not None
            assert ratings.timestamp.tolist() == TIMES


def test_first_lines_that_are_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First lines that are longer than the bytes from which columns are detected are read all the same."""
    monkeypatch.setattr(sources, "HEAD", 64)
    monkeypatch.setattr(delimited, "HEAD", 64)
    further = [f"column {number}" for number in range(50)]
    content = table(",", [(*row, *further) for row in TRIPLES], (*HEADER[:3], *further))
    assert content_of(read(tmp_path, content)[0]) == TRUTH


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda time: time.timestamp() / DAY + 25_569, "are read as days since 1900, as Excel writes them"),
        (lambda time: f"{time:%Y%m%d}", ""),
        (lambda time: f"{time:%Y%m%d%H%M}", ""),
        (lambda time: f"{time:%Y%m%d%H%M%S}", ""),
        (lambda time: int(time.timestamp()) * 1_000, ""),
        (lambda time: int(time.timestamp()) * 10**6, ""),
        (lambda time: int(time.timestamp()) * 10**9, ""),
        (lambda time: f"{time:%d.%m.%Y}", ""),
        (lambda time: f"{time:%m/%d/%Y %H:%M}", ""),
        (lambda time: f"{time:%d/%m/%Y}", ""),
        (lambda time: f"{time:%Y/%m/%d %H:%M:%S}", ""),
        (lambda time: f"{time:%b %d, %Y}", ""),
        (lambda time: f"{time:%m %d, %Y}", ""),
        (lambda time: f"{time:%a %b %d %H:%M:%S +0000 %Y}", ""),
        (lambda time: f"{time:%Y-%m-%d %H:%M:%S} UTC", ""),
        (lambda time: f"{time:%a %b %d %H:%M:%S UTC %Y}", ""),
        (lambda time: f"{time:%Y-%m-%dT%H:%M:%S}.000Z", ""),
    ],
)
def test_times(write: Callable[[datetime], object], said: str, tmp_path: Path) -> None:
    """Times are read in the forms of Excel, calendars and clocks, the same row by row and in blocks."""
    rows = with_times(write)
    for further in ([], [(99, 99, "x", rows[0][3])]):  # an invalid row: all are read one by one
        ratings, notes = read(
            tmp_path, table(";", [*rows, *further], HEADER), on_bad_rows=OnBadRows.SKIP, encoding="utf-8"
        )
        assert ratings.timestamp is not None
        assert ratings.timestamp.tolist() == TIMES
        assert said in notes


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["01/02/2010", "03/04/2011"], "the day may be the month, such as '01/02/2010'"),
        (["spring", "autumn"], "neither numbers nor known dates, such as 'spring'"),
    ],
)
def test_times_that_are_not_read(times: list[str], said: str, tmp_path: Path) -> None:
    """Dates whose day may be the month, and words, are left out, and one is shown."""
    rows = [(*row[:3], times[index % 2]) for index, row in enumerate(ROWS)]
    ratings, notes = read(tmp_path, table(",", rows, HEADER))
    assert ratings.timestamp is None
    assert said in notes


def test_counts_are_not_times(tmp_path: Path) -> None:
    """Small numbers in the fourth column without a header are not times, and that is said; as `time` they are noted."""
    rows = [(*row[:3], 3 * row[2]) for row in ROWS]
    ratings, notes = read(tmp_path, table("\t", rows))
    assert ratings.timestamp is None
    assert "not read: column 4 (12, 15); if these are times, name them with `time_col`" in notes
    ratings, notes = read(tmp_path, table("\t", rows, HEADER))
    assert ratings.timestamp is not None
    assert "all times are in January 1970" in notes


def test_users_who_count_the_rows(tmp_path: Path) -> None:
    """A note asks for another column if every user has one rating."""
    rows = [(index, *row[1:3]) for index, row in enumerate(ROWS)]
    assert "every user has one rating: if 'user' counts the rows" in read(tmp_path, table(",", rows, HEADER[:3]))[1]
    assert "one rating" not in read(tmp_path, table(",", TRIPLES, HEADER[:3]))[1]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda rating: f"{rating},0", "numbers with a decimal comma"),
        (lambda rating: f"{rating}/5", 'written as "4/5"'),
        (lambda rating: f"{rating}.0 out of 5 stars", 'written as "4/5"'),
        (lambda rating: "★" * rating, "stars, which are counted"),
        (lambda rating: f"{rating} stars", 'written as "4 stars"'),
        (lambda rating: f"{rating}★", 'written as "4 stars"'),
        (lambda rating: f"{rating} %", 'written as "4 stars"'),
    ],
)
def test_forms_of_ratings(write: Callable[[int], str], said: str, tmp_path: Path) -> None:
    """Decimal commas, "4/5" and stars are read, and that is said; the same row by row and in blocks."""
    rows = [(user, item, write(rating)) for user, item, rating, _ in ROWS]
    for further in ([], [(99, 99, "x")]):
        content = table(";", [*rows, *further], HEADER[:3])
        ratings, notes = read(tmp_path, content, on_bad_rows=OnBadRows.SKIP)
        assert content_of(ratings) == TRUTH
        assert said in notes
    lines = "".join(json.dumps(dict(zip(HEADER, row, strict=False))) + "\n" for row in rows)
    assert content_of(read(tmp_path, lines)[0]) == TRUTH
    pq.write_table(pa.table(dict(zip(HEADER, zip(*rows, strict=True), strict=False))), tmp_path / "forms.parquet")
    assert {key[1]: value for key, value in content_of(load(tmp_path / "forms.parquet")).items()}


def test_ratings_out_of_different_numbers(tmp_path: Path) -> None:
    """Ratings out of 5 and out of 10 are not on one scale: none is read, or that row is bad if it comes late."""
    rows = [(user, item, f"{rating}/{5 + 5 * (item % 2)}") for user, item, rating in TRIPLES]
    assert "the ratings in 'rating' are not numbers: " in refused(tmp_path, table(",", rows, HEADER[:3])).message
    rows = [(user, item, f"{rating}/5") for user, item, rating in TRIPLES * 2]
    content = table(",", [*rows[: len(ROWS)], *[(77, item, "4/5") for item in range(60)], (99, 1, "7/10")], HEADER[:3])
    assert f"line {len(ROWS) + 62}: the rating is not a number: '7/10'" in refused(tmp_path, content).message


def test_true_and_false(tmp_path: Path) -> None:
    """True and false are the ratings 1 and 0."""
    rows = [(user, item, rating > 2) for user, item, rating, _ in ROWS]
    ratings, notes = read(tmp_path, table(",", rows, HEADER[:3]))
    assert content_of(ratings) == {key: float(rating > 2) for key, rating in TRUTH.items()}
    assert "true and false, read as 1 and 0" in notes


def test_ratings_that_are_words(tmp_path: Path) -> None:
    """Words are shown, not read; with `implicit` they are ignored; all their lines are among the problems."""
    content = table(",", [(user, item, "ABCDE"[rating - 1]) for user, item, rating, _ in ROWS], HEADER[:3])
    assert "line 2: the ratings in 'rating' are not numbers: 'D', 'E'" in refused(tmp_path, content).message
    assert len(read(tmp_path, content, implicit=True)[0]) == len(ROWS)
    problems: list[Problems] = []
    with pytest.raises(DataError, match="there is no valid row"):
        load(tmp_path / "ratings.csv", problems=problems)
    assert len(problems[0]) == len(ROWS)


def test_a_bad_first_row(tmp_path: Path) -> None:
    """A first row of numbers with a word for the rating is a bad row, not a header."""
    assert "line 1: the rating is not a number: 'n/a'" in refused(tmp_path, "1,2,n/a\n" + table(",", TRIPLES)).message


def test_a_first_row_of_words(tmp_path: Path) -> None:
    """Without numbers nothing tells a header from data: what was taken is said."""
    content = table(",", [(f"u{user}", f"i{item}") for user, item, *_ in ROWS], ("name", "thing"))
    assert "line 1 ('name', 'thing') is read as data" in read(tmp_path, content, implicit=True)[1]


def test_quotation_marks_that_come_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes are CSV wherever they begin; a mark inside a text is a letter; fields may have line ends."""
    monkeypatch.setattr(delimited, "HEAD_LINES", 20)
    rows = [(user, f"song {item}", rating) for user, item, rating, _ in ROWS]
    content = table(",", rows, HEADER[:3])
    late = '77,"Echo, The",4\n78,"He said ""no""",5\n79,"two\nlines",3\n'
    for block in (1 << 24, 900):
        monkeypatch.setattr(delimited, "BLOCK", block)
        ids = read(tmp_path, content + late)[0].items.ids
        assert ids[20:] == ("Echo, The", 'He said "no"', "two\nlines")
        ids = read(tmp_path, content + '77,7" single,4\n78,"Weird" Al,4\n')[0].items.ids
        assert ids[20:] == ('7" single', '"Weird" Al')


def test_products_of_amazon_come_first(tmp_path: Path) -> None:
    """Amazon's ratings without a header have the product first, which its ids tell."""
    rows = [(f"B00{item:07d}", f"A{user:012d}X", rating) for user, item, rating, _ in ROWS]
    ratings, notes = read(tmp_path, table(",", rows))
    assert (ratings.users.ids[0], ratings.items.ids[0]) == ("A000000000001X", "B000000100")
    assert "the user is column 2" in notes


def test_ids_cut_by_a_spreadsheet(tmp_path: Path) -> None:
    """Ids in scientific notation are noted."""
    rows = [(user, f"9.7{item}E+12", rating) for user, item, rating, _ in ROWS]
    assert "were cut by a spreadsheet" in read(tmp_path, table(",", rows, ("user", "isbn", "rating")))[1]
    rows = [(user, f"{item}.0000e+00", rating) for user, item, rating, _ in ROWS]
    assert "were cut" not in read(tmp_path, table(",", rows, ("user", "isbn", "rating")))[1]


NAMES = [  # a row of names, and which of them are user, item, rating and time
    ("user_id,player_id,rating", "user_id", "player_id", "rating", None),
    ("player,game,score", "player", "game", "score", None),
    ("user,app,stars", "user", "app", "stars", None),
    ("userId,mealId,rating", "userId", "mealId", "rating", None),
    ("user,dish_id,rating", "user", "dish_id", "rating", None),
    (
        "brewery_id,review_time,review_overall,review_profilename,beer_name,beer_beerid",
        *("review_profilename", "beer_beerid", "review_overall", "review_time"),
    ),
    ("product_asin,reviewer_id,overall,unixReviewTime", "reviewer_id", "product_asin", "overall", "unixReviewTime"),
    ("user_id,book_id,is_read,rating,date_added", "user_id", "book_id", "rating", "date_added"),
    ("User-ID,ISBN,Book-Rating", "User-ID", "ISBN", "Book-Rating", None),
    ("visitorid,itemid,timestamp,event,value", "visitorid", "itemid", "value", "timestamp"),
    ("app_id,helpful,date,is_recommended,hours,user_id", "user_id", "app_id", "is_recommended", "date"),
    ("Benutzer;Film;Bewertung;Datum", "Benutzer", "Film", "Bewertung", "Datum"),
    ("Kunden-Nr;Artikel-Nr;Sterne;Zeitstempel", "Kunden-Nr", "Artikel-Nr", "Sterne", "Zeitstempel"),
    ("utilisateur;livre;note;date", "utilisateur", "livre", "note", "date"),
    ("id_usuario;id_película;calificación;fecha", "id_usuario", "id_película", "calificación", "fecha"),
    ("usuário;filme;avaliação;data", "usuário", "filme", "avaliação", "data"),
    ("用户ID,电影ID,评分,时间戳", "用户ID", "电影ID", "评分", "时间戳"),
    ("user,title,rating", "user", "title", "rating", None),
    ("Käufer;Produkt;Note;Datum", "Käufer", "Produkt", "Note", "Datum"),
    ("utente,film,voto,data", "utente", "film", "voto", "data"),
    ("gebruiker,boek_id,beoordeling", "gebruiker", "boek_id", "beoordeling", None),
    ("użytkownik,film,ocena", "użytkownik", "film", "ocena", None),
    ("пользователь,фильм,оценка", "пользователь", "фильм", "оценка", None),
    ("使用者,電影,評分", "使用者", "電影", "評分", None),
    ("ユーザーID,映画ID,評価", "ユーザーID", "映画ID", "評価", None),
    ("사용자,영화,평점", "사용자", "영화", "평점", None),
    ("username,anime_id,my_watched_episodes,my_score", "username", "anime_id", "my_score", None),
    ("taster_name,wine,points", "taster_name", "wine", "points", None),
    ("uid,iid,val", "uid", "iid", "val", None),
]


@pytest.mark.parametrize("names", NAMES, ids=[names[0] for names in NAMES])
def test_names_of_the_field(names: tuple[str, str, str, str, str | None], tmp_path: Path) -> None:
    """The names that people give to the user, the item, the rating and the time are known."""
    separator = ";" if ";" in names[0] else ","
    header, roles = names[0].split(separator), dict(zip(names[1:], range(4), strict=True))
    rows = [[row[roles[name]] if name in roles else 7 for name in header] for row in ROWS]
    ratings, notes = read(tmp_path, table(separator, rows, header))
    assert content_of(ratings) == TRUTH
    wanted = zip(HEADER, names[1:], strict=True)
    assert ", ".join(f"{role} = {name!r}" for role, name in wanted if name is not None) in notes


def test_a_column_that_counts_the_rows_is_not_the_item(tmp_path: Path) -> None:
    """A number of the row is not the item, though its name ends in `id`: the error names other columns."""
    rows = [(number, f"Film {item}", user, rating) for number, (user, item, rating) in enumerate(TRIPLES)]
    error = refused(tmp_path, table(",", rows, ("ID", "Movie_Name_EN", "Username", "Star")))
    assert error.hint == "name the column, such as `item_col` Movie_Name_EN"
    rows = [(user, number, rating) for number, (_, user, _, rating) in enumerate(rows)]
    assert "every item has one rating: if 'item'" in read(tmp_path, table(",", rows, HEADER[:3]))[1]


@pytest.mark.parametrize("noun", NOUNS)
def test_nouns(noun: str) -> None:
    """Each word for a column of items, alone and as an id, gives the noun of its row."""
    for word in NOUNS[noun].split():
        assert noun_of(word) == noun_of(word.upper()) == noun_of(f"{word}_id") == noun


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("Date,Name,Year,Letterboxd URI,Rating", "the export of one person"),
        ("Book Id,Title,My Rating,Exclusive Shelf,ISBN", "the export of one person"),
    ],
)
def test_exports_of_one_person(header: str, complaint: str, tmp_path: Path) -> None:
    """An export of Letterboxd or Goodreads has no user: it says whose it is and what to do."""
    content = header + "\n" + "".join(f"2020-01-{day:02d},T{day},2001,u{day},4\n" for day in range(1, 9))
    error = refused(tmp_path, content)
    assert complaint in error.message
    assert "several people" in error.hint


def test_five_columns_of_steam(tmp_path: Path) -> None:
    """Steam's five columns are known by their third: hours are not ratings, so they are implicit."""
    rows = [(user, f"Game, {item}", "play", 1.5 * rating, 0) for user, item, rating, _ in ROWS]
    content = "".join(f'{user},"{game}",{what},{hours},0\n' for user, game, what, hours, _ in rows)
    assert "with `implicit`" in refused(tmp_path, content).hint
    assert len(read(tmp_path, content, implicit=True)[0]) == len(ROWS)


def test_hours_of_steam_with_a_header(tmp_path: Path) -> None:
    """With a header, too, the hours of Steam are not ratings."""
    rows = [
        (user, item, what, hours)
        for user, item, rating in TRIPLES
        for what, hours in (("purchase", 1.0), ("play", 1.5 * rating))
    ]
    content = table(",", rows, ("user-id", "game-title", "behavior-name", "value"))
    assert "with `implicit`" in refused(tmp_path, content).hint
    ratings, notes = read(tmp_path, content, implicit=True)
    assert len(ratings) == len(ROWS)
    assert "'value' is not read: it holds hours" in notes
    assert "could also be" not in notes


def test_names_that_hints_give(tmp_path: Path) -> None:
    """A hint names neither categories as ratings, nor row numbers or signs as ids, and it names the times."""
    clicks = [(user, item, 4_000 + item % 3, "view", time) for user, item, _, time in ROWS]
    error = refused(tmp_path, table(",", clicks))
    assert error.hint == "name the columns, such as `user_col` 1 `item_col` 2 `time_col` 5"
    news = [(number, f"U{user}", f"N{item}-1 N5-0", "x", "y") for number, (user, item, _) in enumerate(TRIPLES)]
    error = refused(tmp_path, table("\t", news))
    assert error.hint == "name the columns, such as `user_col` 2 `item_col` 3"
    events = "".join(json.dumps({"session": user, "events": [{"aid": 1}, {"aid": 2}]}) + "\n" for user in range(9))
    assert "write each entry of the lists in 'events' as a row" in refused(tmp_path, events).hint


def test_check_ins(tmp_path: Path) -> None:
    """Without a header, neighbouring columns of degrees are coordinates: neither ratings nor places."""
    times = [time.isoformat() for *_, time in with_times(lambda time: time) if isinstance(time, datetime)]
    rows = [
        (user, time, f"{30 + item / 97:.7f}", "-97.7412345", item)
        for (user, item, _), time in zip(TRIPLES, times, strict=True)
    ]
    assert "with `implicit`" in refused(tmp_path, table("\t", rows)).hint
    ratings, notes = read(tmp_path, table("\t", rows), implicit=True)
    assert content_of(ratings).keys() == TRUTH.keys()
    assert ratings.timestamp is not None
    assert "not read, as they look like coordinates: column 3 (" in notes
    error = refused(tmp_path, table("\t", [(row[0], row[4], "kind", "a shop", row[2], row[3], -240) for row in rows]))
    assert error.hint == "name the columns, such as `user_col` 1 `item_col` 2"


def test_titles_that_come_first(tmp_path: Path) -> None:
    """Without a header, texts of several words in the first column may be items, which is said."""
    rows = [(f"Film {item}", user, rating) for user, item, rating in TRIPLES]
    notes = read(tmp_path, table(",", rows))[1]
    assert "the first column holds texts: if they are items, give `user_col` 2 `item_col` 1" in notes
    ratings, notes = read(tmp_path, table(",", rows), user_col="2", item_col="1")
    assert "the first column holds texts" not in notes
    assert ratings.items.ids[0].startswith("Film ")


def test_a_header_that_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header in the middle is a bad row that says what it is, and does not change how the columns are read."""
    content = table(",", ROWS[:70], HEADER) + table(",", ROWS[70:], HEADER)
    pairs = table(",", [row[:2] for row in ROWS[:70]], HEADER[:2]) + table(",", [row[:2] for row in ROWS], HEADER[:2])
    for block in (1 << 24, 400):
        monkeypatch.setattr(delimited, "BLOCK", block)
        assert "line 72: the header is repeated: 'user,item,rating,time'" in refused(tmp_path, content).message
        ratings, _ = read(tmp_path, content, on_bad_rows=OnBadRows.SKIP)
        assert content_of(ratings) == TRUTH
        assert ratings.timestamp is not None
        assert "line 72: the header is repeated: 'user,item'" in refused(tmp_path, pairs, implicit=True).message


def test_ids_that_mean_nothing(tmp_path: Path) -> None:
    """Ids such as NULL, which often mean a missing one, are noted with their number of rows."""
    rows = [("NULL" if user == 3 and item % 2 else user, item, rating) for user, item, rating in TRIPLES]
    notes = read(tmp_path, table(",", rows, HEADER[:3]))[1]
    n = sum(row[0] == "NULL" for row in rows)
    assert f"the user 'NULL' has {n} rows: leave them out if it means that the user is missing" in notes


def test_times_that_are_missing(tmp_path: Path) -> None:
    """If more than a tenth of the first times are missing, times are not read, unless their column was named."""
    rows = [(*row[:3], "" if index % 4 == 0 else row[3]) for index, row in enumerate(ROWS)]
    ratings, notes = read(tmp_path, table(",", rows, HEADER))
    assert content_of(ratings) == TRUTH
    assert ratings.timestamp is None
    assert "the times in 'time' are not read: 25% are missing" in notes
    assert "line 2: the time is empty" in refused(tmp_path, table(",", rows, HEADER), time_col="time").message


def test_the_encoding_that_was_guessed(tmp_path: Path) -> None:
    """Text that is not UTF-8 is read as of Windows or latin-1, with an example; `encoding` holds for items, too."""
    content = table(",", [(user, f"电影{item}", rating) for user, item, rating in TRIPLES], HEADER[:3])
    assert "read as latin-1: is 'µçÓ°100' right? (`encoding` gives another" in read(tmp_path, content.encode("gbk"))[1]
    long = table(",", [(1, 2, 3, "x" * 250_000 + "é"), (1, 3, 4, "y")], (*HEADER[:3], "text"))
    assert "is 'xxxxxxxxxxxxxxxé' right?" in read(tmp_path, long.encode("latin-1"))[1]
    path, rows = tmp_path / "items.csv", [(f"电影{item}", f"片{item}") for item in range(100, 120)]
    for encoding in ("gbk", "utf-8"):
        path.write_bytes(table(",", rows, ("item", "title")).encode(encoding))
        ratings, notes = read(tmp_path, content.encode("gbk"), items=path, encoding="gbk")
        assert ratings.items.titles[0] == f"片{ratings.items.ids[0][2:]}"
        assert "not UTF-8" not in notes


def test_all_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    """The error shows the columns with two values each; its hint names fitting ones, and none that is used."""
    named = [(f"u{user}", f"thing {item}", rating) for user, item, rating, _ in ROWS]
    error = refused(tmp_path, table(",", named, ("alpha", "beta", "gamma")))
    assert "of the user and the item; the columns are alpha (u1, u2), beta (thing 100, thing 101)" in error.message
    assert error.hint == "name the columns, such as `user_col` alpha `item_col` beta"
    error = refused(tmp_path, table(",", named, ("user", "beta", "rating")))
    assert error.hint == "name the column, such as `item_col` beta"
    rows = [(row[0], "x", row[1], row[1], row[2]) for row in TRIPLES]
    error = refused(tmp_path, table(",", rows, ("user", "what", "pebble_id", "stone_id", "rating")))
    assert error.hint == "name the column, such as `item_col` pebble_id"
    rows = [(*row, 1.5, "x") for row in TRIPLES]
    error = refused(tmp_path, table(",", rows))
    assert "5 columns without a header: which are the user, the item and the rating?" in error.message
    assert error.hint == "name the columns, such as `user_col` 1 `item_col` 2 `rating_col` 3"
    means = [(f"tt{item}", 4.5, 17 + item) for item in range(30)]
    assert "may describe its `items`" in refused(tmp_path, table(",", means, ("tconst", "averageRating", "n"))).hint


def tar() -> bytes:
    """Return a tar archive with a table, compressed by gzip."""
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("ratings.csv"))
    return file.getvalue()


def npz() -> bytes:
    """Return a NumPy archive."""
    np.savez(file := io.BytesIO(), a=np.arange(3))
    return file.getvalue()


FOREIGN: dict[str, str | bytes] = {
    "a tar archive": tar(),
    "compressed by bzip2": bz2.compress(b"1,2,3\n"),
    "compressed by xz": lzma.compress(b"1,2,3\n"),
    "a pickle of Python": pickle.dumps({"a": [1, 2]}),
    "a NumPy archive (npz)": npz(),
    "a pointer of Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    "a web page": "\n<!DOCTYPE html>\n<html><head><title>Sign in, please</title></head>\n",
    "an XML or HTML file": "<?xml version='1.0'?>\n<ratings/>\n",
    "an SQL dump": "-- MySQL dump 10.13\n--\nCREATE TABLE `ratings` (a int, b int);\n",
    "an ARFF file": "% of Weka\n@RELATION x\n@ATTRIBUTE user STRING\n@DATA\n1,2,3\n",
    "the Netflix prize": "101:\n1,2,2005-09-06\n2,4,2005-09-06\n102:\n1,3,2005-09-06\n",
    "in the blocks of the Netflix prize": "101:\n1,2005-09-06\n2,2005-09-06\n102:\n1,2005-09-06\n",
    "a table drawn with lines": "+---+---+\n| user | item |\n+---+---+\n| 1 | 2 |\n",
    "a program, or data written as one": "reviews[('1', 'u1')] = {'work': '1', 'stars': 3.5}\n",
    "JSON array of arrays, without names": "[1, 100, 2]\n[1, 101, 3]\n",
    "a Matrix Market file": "%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2 3\n",
    "LibSVM or libFM": "5 1:1 104:1\n3 2:1 105:1\n",
    "blocks of name: value lines": "product/productId: B001\nreview/userId: A1\nreview/score: 5.0\n\n",
    "a JSON array of arrays": "[[1, 2, 3], [1, 3, 4]]",
    "one JSON object with its rows in the list 'ratings'": json.dumps({"n": 1, "ratings": [{"user": 1}]}),
    "one JSON object with an object per column": json.dumps({"user": {"0": 1}, "item": {"0": 2}}),
    "the array does not end": '[{"user": 1, "item": 2, "rating": 3}, ',
    "not valid JSON": '[{"user": 1, "item": 2, "rating": 3}, {"user": ',
}


def test_the_encoding_of_json(tmp_path: Path) -> None:
    """JSON is read in a given encoding, and an unknown one is an error."""
    content = json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS])
    assert content_of(read(tmp_path, content.encode("utf-16-le"), encoding="utf-16-le")[0]) == TRUTH
    with pytest.raises(UsageError, match="`encoding` 'utf-9' is unknown"):
        read(tmp_path, content, encoding="utf-9")


@pytest.mark.parametrize("what", FOREIGN)
def test_formats_that_are_not_read(what: str, tmp_path: Path) -> None:
    """A file of another format is named, with what to do."""
    error = refused(tmp_path, FOREIGN[what])
    assert what in error.message
    assert error.hint


def test_nested_ids(tmp_path: Path) -> None:
    """An object or a list is not an id: in JSON the row is a problem, in Parquet a list is, and what is in it is."""
    rows: list[dict[str, Any]] = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    rows[3]["user"] = {"id": 3}
    content = "".join(json.dumps(row) + "\n" for row in rows)
    assert "line 4: the user is an object" in refused(tmp_path, content).message
    assert len(read(tmp_path, content, on_bad_rows=OnBadRows.SKIP)[0]) == len(ROWS) - 1
    pq.write_table(pa.table({"user": [[1]], "item": [1], "rating": [2]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="the column 'user' holds list"):
        load(tmp_path / "a.parquet")


def test_structs_in_parquet(tmp_path: Path) -> None:
    """The columns of a struct are columns of the table, of ratings as of items; a missing struct is a missing value."""
    rows = [
        {"user": {"id": str(user), "age": 9}, "movie": {"id": item, "title": f"Film {item}"}, "own": {"rating": rating}}
        for user, item, rating in TRIPLES
    ]
    path, said = tmp_path / "nested.parquet", list[str]()
    pq.write_table(pa.Table.from_pylist(rows), path)
    ratings = load(path, on_note=said.append)
    assert content_of(ratings) == TRUTH
    assert ratings.items.titles[0] == f"Film {ratings.items.ids[0]}"
    assert "user = 'user.id', item = 'movie.id', rating = 'own.rating', title = 'movie.title'" in said[0]
    (tmp_path / "flat.csv").write_text(table(",", TRIPLES, ("user", "movie.id", "rating")))
    assert load(tmp_path / "flat.csv", options=ReadOptions(items=path)).items.titles[0].startswith("Film ")
    for names in (("a.user", "item", "rating"), ("user", "user", "rating"), ("user", "user.id", "rating")):
        columns = [pa.array([{"id": 1}]), pa.array([2]), pa.array([3])]
        pq.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "odd.parquet")
        with pytest.raises(DataError):
            load(tmp_path / "odd.parquet")
    pq.write_table(pa.Table.from_pylist([*rows, {"user": None, "movie": {"id": 1}, "own": {"rating": 1}}]), path)
    with pytest.raises(DataError, match=f"row {len(ROWS) + 1}: the user is empty"):
        load(path)


def matrix(missing: str, *, count: bool = False) -> list[list[object]]:
    """Return the truth as a matrix of 12 users and 20 items."""
    rows: list[list[object]] = []
    for user in range(1, 13):
        cells = [TRUTH.get((str(user), str(item)), missing) for item in range(100, 120)]
        rows.append([sum(cell != missing for cell in cells), *cells] if count else [user, *cells])
    return rows


def test_a_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix is named with the option that reads it, and is read with it: users by their column or their row."""
    monkeypatch.setattr(wide, "CELLS", 50)
    names = ["user", *map(str, range(100, 120))]
    for missing, hint in (("", "''"), ("99", "99"), ("-1", "-1")):
        content = table(",", matrix(missing), names)
        error = refused(tmp_path, content)
        assert "it looks like a matrix" in error.message
        assert "the columns are user (1, 2), 100 (" in error.message
        assert f"`wide` {hint}, the value" in error.hint
        assert content_of(read(tmp_path, content, wide=missing)[0]) == TRUTH
        assert content_of(read(tmp_path, content.replace(",99", ",99.0"), wide=missing)[0]) == TRUTH
    content = table("\t", matrix("99", count=True))
    assert "it looks like a matrix" in refused(tmp_path, content).message
    ratings, notes = read(tmp_path, content, wide="99")
    assert "column 1, with values such as '14', counts ratings and is not read" in notes
    assert ratings.users.ids == tuple(map(str, range(1, 13)))
    assert ratings.items.ids == tuple(map(str, range(2, 22)))
    assert content_of(ratings) == {(user, str(int(item) - 98)): value for (user, item), value in TRUTH.items()}
    rows = [[20, *row[1:]] for row in matrix("99")]  # the number of columns
    assert len(read(tmp_path, table(",", rows), wide="99")[0]) == len(ROWS)
    for user in range(1000, 1012), "abcdefghijkl":
        rows = [[own, *row[1:]] for own, row in zip(user, matrix("99"), strict=True)]
        assert read(tmp_path, table(",", rows), wide="99")[0].users.ids == tuple(map(str, user))
    content = table(",", matrix(""), names) + "13" + ",x" * 20 + "\n14,1\n"
    assert "line 14: the rating is not a number: 'x' (and 20 more" in refused(tmp_path, content, wide="").message
    with pytest.raises(UsageError, match="`wide` reads delimited text"):
        read(tmp_path, "[{}]", wide="")


def test_matrices_of_other_shapes(tmp_path: Path) -> None:
    """A matrix is known by few columns with the same few numbers; by its names it may have a row per item."""
    rows = [
        [f"Film {item}", *(TRUTH.get((str(user), str(item)), "") for user in range(1, 6))] for item in range(100, 120)
    ]
    names = [f"Ann {user}" for user in range(1, 6)]
    content = table(",", rows, ["film", *names])
    error = refused(tmp_path, content)
    assert "a matrix with a row per item and a column per user" in error.message
    assert "`wide` ''" in error.hint
    ratings, notes = read(tmp_path, content, wide="")
    assert (ratings.users.ids, ratings.items.ids[0]) == (tuple(names), "Film 100")
    assert ratings.data.noun == "film"
    assert "each row is one 'film', and each other column a user" in notes
    error = refused(tmp_path, table(",", rows, ["", *names]))
    assert "a matrix with a row per user and a column per item" in error.message
    assert read(tmp_path, table(",", rows, ["", *names]), wide="")[0].users.ids[0] == "Film 100"


def test_columns_of_a_matrix_that_are_not_items(tmp_path: Path) -> None:
    """The age of a user is not a rating: values above all ratings of most columns are left out, which is said."""
    rows = [[f"p{row[0]}@x.org", "2020-01-02", 18 + 3 * index, *row[1:]] for index, row in enumerate(matrix(""))]
    ratings, notes = read(tmp_path, table(",", rows, ["E-Mail", "Taken", "Age", *map(str, range(100, 120))]), wide="")
    assert {(user[1:-6], item): value for (user, item), value in content_of(ratings).items()} == TRUTH
    assert "not read, as they are no ratings: Taken, Age" in notes


def test_a_matrix_with_decimal_commas(tmp_path: Path) -> None:
    """Numbers with a decimal comma are not names of items."""
    rows = [[str(cell).replace(".0", ",5") for cell in row] for row in matrix("99")]
    ratings, _ = read(tmp_path, table(";", rows), wide="99")
    assert len(ratings) == len(ROWS)
    assert ratings.data.scale == (1.5, 5.5)


def database(path: Path, **tables: Sequence[str]) -> Path:
    """Write tables with these columns and the truth into a database."""
    with closing(sqlite3.connect(path)) as file:
        for name, columns in tables.items():
            file.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
            marks = ", ".join("?" * len(columns))
            file.executemany(f'INSERT INTO "{name}" VALUES ({marks})', [row[: len(columns)] for row in ROWS])
        file.commit()
    return path


def test_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only table of a SQLite file with a user and an item is read; of several, one is to be named."""
    monkeypatch.setattr(sqlite, "CHUNK", 50)
    said: list[str] = []
    path = database(tmp_path / "shop.db", ratings=HEADER, other=("a", "b"))
    before = path.read_bytes()
    ratings = load(path, on_note=said.append)
    assert content_of(ratings) == TRUTH
    assert ratings.timestamp is not None
    assert ratings.timestamp.tolist() == TIMES
    assert "the table 'ratings' is read" in said[0]
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.db"]
    path = database(tmp_path / "two.db", ratings=HEADER, more=HEADER[:3])
    with pytest.raises(UsageError, match="2 tables may hold the ratings: more, ratings") as caught:
        load(path)
    assert caught.value.hint == "name one with `table`, such as `table` more"
    assert content_of(load(path, options=ReadOptions(table="more"))) == TRUTH
    with pytest.raises(UsageError, match="has no table 'x'"):
        load(path, options=ReadOptions(table="x"))
    with pytest.raises(UsageError, match=r"no table has rows with a known user and item column: odd \(a, b, c\)"):
        load(database(tmp_path / "odd.db", odd=("a", "b", "c")))


def test_tables_before_views_and_ratings_before_pairs(tmp_path: Path) -> None:
    """Of several tables the only one with ratings is read; a view is read if no table fits."""
    path = database(tmp_path / "shop.db", pairs=("user_id", "id"), stars=HEADER[:3])
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE VIEW best AS SELECT * FROM stars WHERE rating > 3")
        file.commit()
    assert content_of(load(path)) == TRUTH
    path = database(tmp_path / "odd.db", odd=("a", "b", "c"))
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE VIEW named AS SELECT a AS user, b AS item, c AS rating FROM odd")
        file.execute("CREATE VIEW broken AS SELECT z FROM odd")
        file.commit()
    assert content_of(load(path)) == TRUTH


def test_a_view_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that gives rows or nothing without an end is given up, and named."""
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    for end, complaint in (("", "does not end"), (" WHERE x < 0", "no table has rows")):
        path = tmp_path / f"{len(end)}.db"
        with closing(sqlite3.connect(path)) as file:
            file.execute(
                "CREATE VIEW ratings AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
                f"SELECT x AS user, x % 7 AS item, x % 5 AS rating FROM c{end}"
            )
            file.commit()
        with pytest.raises(EmbedcliError, match=complaint):
            load(path)
        with pytest.raises(DataError, match="does not end within"):
            load(path, options=ReadOptions(table="ratings"))


def test_a_database_is_not_written(tmp_path: Path) -> None:
    """A database whose last writer was killed is not repaired: its bytes and its journal stay as they are."""
    path = database(tmp_path / "live.db", ratings=HEADER)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA cache_size = 1")
        file.execute("PRAGMA cache_spill = 1")
        file.executemany("INSERT INTO ratings VALUES (?, ?, ?, ?)", ROWS * 200)
        for name in ("live.db", "live.db-journal"):
            (tmp_path / f"copy{name[4:]}").write_bytes((tmp_path / name).read_bytes())
    before = {entry.name: entry.read_bytes() for entry in tmp_path.glob("copy*")}
    assert len(before["copy.db-journal"]) > 512
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "copy.db")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.glob("copy*")} == before


def test_titles_from_a_database(tmp_path: Path) -> None:
    """The only table with titles of a database describes the items; of none or two, neither is chosen."""
    path = database(tmp_path / "shop.db", ratings=HEADER)
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE films (item, title, genres)")
        file.executemany("INSERT INTO films VALUES (?, ?, 'War|Drama')", [(i, f"Film {i}") for i in range(100, 120)])
        file.commit()
        items = load(path, options=ReadOptions(items=path)).items
        assert dict(zip(items.ids, items.titles, strict=True))["103"] == "Film 103"
        assert items.tags[0] == ("War", "Drama")
        file.execute("CREATE TABLE people (id, name)")
        file.commit()
    with pytest.raises(UsageError, match="2 tables have titles: films, people"):
        load(path, options=ReadOptions(items=path))
    with pytest.raises(UsageError, match="no table has titles"):
        load(path, options=ReadOptions(items=database(tmp_path / "bare.db", ratings=HEADER)))


def test_bytes_as_ids(tmp_path: Path) -> None:
    """Ids of bytes are texts if they can be, else hexadecimal digits: in databases and in Parquet."""
    path = database(tmp_path / "bytes.db", ratings=HEADER[:3])
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE ratings SET user = CAST(user AS BLOB)")
        file.execute("INSERT INTO ratings VALUES (x'01ff00', 100, 2)")
        file.commit()
    ratings = load(path)
    assert content_of(ratings) == TRUTH | {("01ff00", "100"): 2.0}
    columns = dict(zip(HEADER, zip(*TRIPLES, strict=True), strict=False))
    columns["user"] = tuple(str(user).encode() for user in columns["user"])
    pq.write_table(pa.table(columns), tmp_path / "bytes.parquet")
    assert content_of(load(tmp_path / "bytes.parquet")) == TRUTH


def test_a_database_with_odd_values(tmp_path: Path) -> None:
    """A missing or invalid value is a problem with its row, and a damaged file is named."""
    path = database(tmp_path / "odd.db", ratings=HEADER[:3])
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO ratings VALUES (1, 999, 'good'), (NULL, 1, 2)")
        file.commit()
    with pytest.raises(DataError, match=f"row {len(ROWS) + 1}: the rating is not a number: 'good' \\(and 1 more"):
        load(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="cannot be read"):
        load(path)


def described(folder: Path, content: str, name: str = "items.csv", **options: Any) -> tuple[Ratings, str]:
    """Read the truth, with a table of its items."""
    (folder / name).write_text(content)
    return read(folder, table(",", TRIPLES, ("user", "movieId", "rating")), items=folder / name, **options)


@pytest.mark.parametrize(
    ("separator", "header"), [("::", ()), ("|", ()), (",", ()), ("\t", ("movieId", "title", "genres"))]
)
def test_item_tables_without_a_header(separator: str, header: Sequence[str], tmp_path: Path) -> None:
    """Without a header the ids, the titles and the tags are known by their values, and no item is lost."""
    rows = [(item, f"Film {item} (19{item % 100:02d})", "Drama|War") for item in range(100, 120)]
    rows = [row if separator != "|" else (*row[:2], "Drama") for row in rows]
    ratings, notes = described(tmp_path, table(separator, rows, header))
    assert "it describes 20 of 20 films" in notes
    assert dict(zip(ratings.items.ids, ratings.items.titles, strict=True))["100"] == "Film 100 (1900)"
    assert ratings.items.tags[0] == (() if separator == "|" else ("Drama", "War"))


def test_an_item_table_of_words_without_a_header(tmp_path: Path) -> None:
    """A first row with an id of the ratings is not a header, whatever its words are like."""
    (tmp_path / "items.csv").write_text(table(",", [(f"i{item}", f"Film {item}") for item in range(100, 120)]))
    content = table(",", [(user, f"i{item}", rating) for user, item, rating in TRIPLES], HEADER[:3])
    ratings, notes = read(tmp_path, content, items=tmp_path / "items.csv")
    assert "it describes 20 of 20 items" in notes
    assert set(ratings.items.titles) == {f"Film {item}" for item in range(100, 120)}


def test_genres_in_columns_of_their_own(tmp_path: Path) -> None:
    """Columns of 0 and 1 are tags by their names, said if they were not asked for; never tags "0" and "1"."""
    rows = [(item, f"Film {item}", item % 2, 1, int(item % 3 == 0)) for item in range(100, 120)]
    content = table(",", rows, ("movieId", "title", "Action", "Comedy", "Drama"))
    ratings, notes = described(tmp_path, content)
    tags = dict(zip(ratings.items.ids, ratings.items.tags, strict=True))
    assert (tags["102"], tags["105"]) == (("Comedy", "Drama"), ("Action", "Comedy", "Drama"))
    assert "3 columns of 0 and 1 are read as tags" in notes
    ratings, notes = described(tmp_path, content, tag_cols=("Action", "Comedy"))
    assert dict(zip(ratings.items.ids, ratings.items.tags, strict=True))["102"] == ("Comedy",)
    assert "are read as tags" not in notes


def test_tags_of_recbole(tmp_path: Path) -> None:
    """A `token_seq` has a tag per word."""
    rows = [(item, f"Film {item}", "Drama War") for item in range(100, 120)]
    content = table("\t", rows, ("item_id:token", "movie_title:token_seq", "class:token_seq"))
    ratings, _ = described(tmp_path, content, "films.item")
    assert ratings.items.tags[0] == ("Drama", "War")
    assert ratings.items.titles[0].startswith("Film ")


def test_titles_that_have_no_name(tmp_path: Path) -> None:
    """If no name says so, the texts with the most different values are the titles, which is noted."""
    rows = [(item, "Drama", f"Film {item}", f"http://x/{item}", 1900 + item % 7) for item in range(100, 120)]
    content = table(",", rows, ("movieId", "kind", "called", "address", "when"))
    ratings, notes = described(tmp_path, content, year_col="when")
    assert dict(zip(ratings.items.ids, ratings.items.titles, strict=True))["103"] == "Film 103"
    assert dict(zip(ratings.items.ids, ratings.items.years, strict=True))["103"] == 1900 + 103 % 7
    assert "is named as titles are: 'called' is taken; `title_col` names another, such as 'kind', 'address'" in notes
    rows = [(item, "Drama") for item in range(100, 120)]
    assert "the items keep their ids" in described(tmp_path, table(",", rows, ("movieId", "kind")))[1]


def test_a_bad_row_of_items(tmp_path: Path) -> None:
    """A row with a column too many stops the reading, or is left out with a note; its item keeps its id."""
    rows = [(item, f"Film {item}") for item in range(100, 120)]
    content = table(";", rows, ("movieId", "title")).replace("Film 108", "Film; 108")
    with pytest.raises(DataError, match="row 10: 3 columns, the table has 2"):
        described(tmp_path, content)
    ratings, notes = described(tmp_path, content, on_bad_rows=OnBadRows.SKIP)
    assert "1 row left out" in notes
    titles = dict(zip(ratings.items.ids, ratings.items.titles, strict=True))
    assert (titles["108"], titles["109"]) == ("108", "Film 109")


def test_users_of_another_kind(tmp_path: Path) -> None:
    """A folder with ratings.dat and movies.dat is read if its users.dat is another table, which is said."""
    (tmp_path / "ratings.dat").write_text(table("::", ROWS))
    (tmp_path / "movies.dat").write_text(table("::", [(item, f"T{item} (1999)", "War") for item in range(100, 120)]))
    (tmp_path / "users.dat").write_text("1::7919\n2::15838\n")
    said: list[str] = []
    assert content_of(load(tmp_path, on_note=said.append)) == TRUTH
    assert "users.dat has 2 columns, not the five of MovieLens: it is not read" in "\n".join(said)


def test_parts_of_spark(tmp_path: Path) -> None:
    """A folder of parts is refused with the name of one."""
    for part in ("part-00000-a.csv", "part-00001-a.csv", "_SUCCESS"):
        (tmp_path / part).write_text("1,2,3\n")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert f"such as {tmp_path / 'part-00000-a.csv'} or all parts joined" in caught.value.hint


def test_counts_with_a_gap(tmp_path: Path) -> None:
    """Counts are counts, also if the highest are far from the others."""
    counts = [*[1] * 30, *[2] * 10, *[3] * 5, 5, 8, 40, 77, 120, 160, 216, 295, 300, 309]
    rows = [(user, item, counts[index % len(counts)]) for index, (user, item, *_) in enumerate(ROWS)]
    assert "the ratings look like counts" in read(tmp_path, table(",", rows, HEADER[:3]))[1]


@pytest.mark.parametrize(("rated", "described_as"), [("{}.0", "{}"), ("{}", "{}.0")])
def test_ids_that_became_floats(rated: str, described_as: str, tmp_path: Path) -> None:
    """An id that pandas wrote as 101.0 in one table is 101 in the other, which is said."""
    rows = [(user, rated.format(item), rating) for user, item, rating in TRIPLES]
    (tmp_path / "items.csv").write_text(
        table(",", [(described_as.format(item), f"Film {item}") for item in range(100, 120)], ("item", "title"))
    )
    ratings, notes = read(tmp_path, table(",", rows, HEADER[:3]), items=tmp_path / "items.csv")
    assert dict(zip(ratings.items.ids, ratings.items.titles, strict=True))[rated.format(101)] == "Film 101"
    assert "are taken for" in notes
    assert "it describes 20 of 20 items" in notes


@pytest.mark.parametrize("entry", ["Film {}", {"title": "Film {}", "genres": ["War"]}])
def test_one_object_of_items(entry: Any, tmp_path: Path) -> None:
    """A JSON object with an entry per id is a table of items."""
    content = json.dumps({str(item): entry for item in range(100, 120)}, indent=1)
    for item in range(100, 120):
        content = content.replace("{}", str(item), 1)
    ratings, notes = described(tmp_path, content, "items.json")
    assert "it describes 20 of 20 films" in notes
    assert dict(zip(ratings.items.ids, ratings.items.titles, strict=True))["103"] == "Film 103"
    assert ratings.items.tags[0] == (() if isinstance(entry, str) else ("War",))


def test_lists_of_lists_are_tags(tmp_path: Path) -> None:
    """Amazon's categories are lists in a list: each name is a tag."""
    rows = [{"movieId": item, "title": f"Film {item}", "categories": [["Toys", "Games"]]} for item in range(100, 120)]
    ratings, _ = described(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "items.json")
    assert ratings.items.tags[0] == ("Toys", "Games")


def test_problems_are_listed_if_the_reading_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many bad rows the reading ends in an error, and the first of them are collected all the same."""
    monkeypatch.setattr(parse, "MOST", 20)
    problems: list[Problems] = []
    (tmp_path / "bad.csv").write_text(table(",", [*ROWS, *[(1, 2, "x", 4)] * 400], HEADER))
    with pytest.raises(DataError, match="the rating is not a number"):
        load(tmp_path / "bad.csv", problems=problems)
    assert problems[0].listed[0].line == len(ROWS) + 2

"""Tables of ratings as people have them: what is found without an option, and what is wrong where."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedcli.data.formats import delimited
from embedcli.data.formats import parquet as parquet_format
from embedcli.data.formats.delimited import detect_delimited
from embedcli.data.formats.detect import TableSchema
from embedcli.data.formats.parse import parse_fast, parse_slow
from embedcli.data.loading import load
from embedcli.data.problems import Problems
from embedcli.data.ratings import Ratings
from embedcli.data.read_options import Duplicates, OnBadRows, ReadOptions
from embedcli.errors import DataError, EmbedcliError, UsageError

PAIRS = [(user, item) for user in ("u1", "007", "u3") for item in ("0042", "x", "y é")]
TRUTH = [(user, item, float(1 + at % 5), 880_000_000 + at) for at, (user, item) in enumerate(PAIRS)]


def written(separator: str, *columns: int, header: str | None = None, quote: str = "") -> str:
    """Write the truth as a table with these of its columns."""
    lines = [] if header is None else [header]
    lines += [
        separator.join(f"{quote}{row[at]:g}{quote}" if at == 2 else f"{quote}{row[at]}{quote}" for at in columns)
        for row in TRUTH
    ]
    return "\n".join(lines) + "\n"


def parquet() -> bytes:
    """Write the truth as Parquet."""
    names, file = ("customer", "sku", "stars", "date"), io.BytesIO()
    columns: list[Any] = [list(column) for column in zip(*TRUTH, strict=True)]
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), file)
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    """Put a table in a zip, beside what a Mac leaves there."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("deep/my ratings.csv", content)
        archive.writestr("__MACOSX/deep/._my ratings.csv", b"\0\1")
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    """Compress by Zstandard."""
    return pa.compress(content, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


COMMA = written(",", 0, 1, 2, 3, header="userId,movieId,rating,timestamp")
ISO = "reviewerID,asin,overall,date\n" + "".join(
    f"{user},{item},{stars:g},{np.datetime64(time, 's')}\n" for user, item, stars, time in TRUTH
)
LINES = "".join(
    json.dumps({"user_id": user, "parent_asin": item, "rating": stars, "text": "a, b", "timestamp": time * 1000}) + "\n"
    for user, item, stars, time in TRUTH
)
AMAZON = "user = 'user_id', item = 'parent_asin', rating = 'rating', time = 'timestamp'"
GOOD: dict[str, tuple[bytes, str, str]] = {  # name: content, what is said of its columns, noun
    "ml.csv": (COMMA.encode(), "user = 'userId', item = 'movieId', rating = 'rating', time = 'timestamp'", "film"),
    "crlf.csv": (COMMA.replace("\n", "\r\n").encode(), "user = 'userId'", "film"),
    "mixed.csv": (COMMA.replace("\n", "\r\n", 4).encode(), "user = 'userId'", "film"),
    "mac.csv": (COMMA.replace("\n", "\r").encode(), "user = 'userId'", "film"),
    "no last line end.csv": (COMMA[:-1].encode(), "user = 'userId'", "film"),
    "blank at the end.csv": ((COMMA + "\n\n").encode(), "user = 'userId'", "film"),
    "bom.csv": (COMMA.encode("utf-8-sig"), "user = 'userId'", "film"),
    "utf16.csv": (COMMA.encode("utf-16"), "user = 'userId'", "film"),
    "latin.csv": (COMMA.encode("latin-1"), "user = 'userId'", "film"),
    "quoted.csv": (
        written(";", 0, 1, 2, header='"User-ID";"ISBN";"Book-Rating"', quote='"').encode("latin-1"),
        "user = 'User-ID', item = 'ISBN', rating = 'Book-Rating'",
        "book",
    ),
    "plain.tsv": (written("\t", 0, 1, 2, 3).encode(), "user = column 1, item = column 2, rating = column 3", "item"),
    "pipes.txt": (
        written("|", 1, 0, 2, header="product|customer|score").encode(),
        "user = 'customer', item = 'product'",
        "product",
    ),
    "ratings.dat": (written("::", 0, 1, 2, 3).encode(), "user = column 1", "item"),
    "recbole.inter": (
        written("\t", 0, 1, 2, 3, header="user_id:token\titem_id:token\trating:float\ttimestamp:float").encode(),
        "user = 'user_id:token', item = 'item_id:token', rating = 'rating:float', time = 'timestamp:float'",
        "item",
    ),
    "goodbooks.csv": (written(",", 0, 1, 2, header="user_id,book_id,rating").encode(), "item = 'book_id'", "book"),
    "iso.csv": (ISO.encode(), "user = 'reviewerID', item = 'asin', rating = 'overall', time = 'date'", "product"),
    "amazon.jsonl": (LINES.encode(), AMAZON, "product"),
    "amazon.jsonl.gz": (gzip.compress(LINES.encode()), AMAZON, "product"),
    "table.parquet": (parquet(), "user = 'customer', item = 'sku', rating = 'stars', time = 'date'", "product"),
    "ml.csv.gz": (gzip.compress(COMMA.encode()), "user = 'userId'", "film"),
    "ml.csv.zst": (zstd(COMMA.encode()), "user = 'userId'", "film"),
    "ml.zip": (zipped(COMMA.encode()), "user = 'userId'", "film"),
    "misnamed.txt": (gzip.compress(COMMA.encode()), "user = 'userId'", "film"),
}


def content_of(ratings: Ratings) -> list[tuple[str, str, float]]:
    """Return (user id, item id, rating) of each row."""
    triples = zip(ratings.user, ratings.item, ratings.value, strict=True)
    return [(ratings.users.ids[user], ratings.items.ids[item], float(value)) for user, item, value in triples]


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_is_read_without_an_option(name: str, tmp_path: Path) -> None:
    """Separator, header, encoding, compression and columns are found and said; every value survives, zeros too."""
    content, said, noun = GOOD[name]
    (tmp_path / name).write_bytes(content)
    notes: list[str] = []
    read = load(tmp_path / name, on_note=notes.append)
    assert content_of(read) == [row[:3] for row in TRUTH]
    assert said in "\n".join(notes)
    assert read.data.noun == noun
    assert read.data.scale == (1, 5)
    if "time" in "".join(notes):
        assert read.timestamp is not None
        assert read.timestamp.tolist() == [row[3] for row in TRUTH]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads a table that is piped in, also a compressed file's content."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(COMMA.encode())))
    assert content_of(load("-")) == [row[:3] for row in TRUTH]


def test_columns_can_be_said(tmp_path: Path) -> None:
    """A column is taken by its name in any case, or by its number, and a separator as it is given."""
    path = tmp_path / "odd.txt"
    path.write_text("who~what~how\n1~2~3\n1~3~4\n")
    reading = ReadOptions(sep="~", user_col="WHO", item_col="2", rating_col="how")
    assert content_of(load(path, options=reading)) == [("1", "2", 3), ("1", "3", 4)]


@pytest.mark.parametrize(
    ("values", "said", "scale"),
    [
        (("1", "2", "5"), "ratings from 1 to 5 in steps of 1", (1, 5)),
        (("0.5", "1", "5"), "ratings from 0.5 to 5 in steps of 0.5", (0.5, 5)),
        (("0", "0", "10"), "ratings from 0 to 10 in steps of 10", (0, 10)),
        (("-9.5", "0.25", "10"), "ratings from -9.5 to 10", (-9.5, 10)),
        ((" 1", "1e1", "+3"), "ratings from 1 to 10 in steps of 2", (1, 10)),
    ],
)
def test_the_scale_is_found(values: tuple[str, ...], said: str, scale: tuple[float, float], tmp_path: Path) -> None:
    """The lowest and the highest rating and the step between are found and said."""
    path = tmp_path / "scale.csv"
    path.write_text("user,item,rating\n" + "".join(f"{at},{at},{value}\n" for at, value in enumerate(values)))
    notes: list[str] = []
    assert load(path, on_note=notes.append).data.scale == scale
    assert any(said in note for note in notes)


HEAD = "user,item,rating,time\n"
BROKEN: dict[str, tuple[bytes | str, str]] = {  # content, what the message must say
    "nothing": ("", "the file is empty"),
    "blanks": ("  \n\n", "the file is empty"),
    "header alone": (HEAD, "line 1: nothing follows the header"),
    "one column": ("user\n1\n2\n", "line 1: not a row of a table: 'user'"),
    "prose": ("It was a dark night\nand then nothing\n", "line 1: not a row of a table"),
    "html": ("<html>\n<body>not found</body>\n</html>\n", "line 1: this is a web page: '<html>'"),
    "no known user": (
        "alpha,beta,rating\n1,2,3\n",
        "csv: no column has a known name of the user and the item; the columns are alpha (1), beta (2), rating (3)",
    ),
    "no known item": (
        "user,beta,rating\n1,2,3\n",
        "no column has a known name of the item; the columns are user (1), beta (2)",
    ),
    "five bare columns": ("1,2,3,4,5\n1,2,3,4,5\n", "broken.csv: 5 columns without a header"),
    "a word for a rating": (HEAD + "1,2,3,4\n1,3,good,4\n", "line 3: the rating is not a number: 'good'"),
    "a decimal comma": ("user;item;rating\n1;2;3,5\n1;3;4.5\n", "line 2: the rating is not a number: '3,5'"),
    "nan": (HEAD + "1,2,nan,4\n", "line 2: the rating is not a number: 'nan'"),
    "infinity": (HEAD + "1,2,3,4\n2,2,inf,4\n", "line 3: the rating is not a number: 'inf'"),
    "underscore": (HEAD + "1,2,1_0,4\n", "line 2: the ratings in 'rating' are not numbers: '1_0'"),
    "no rating": (HEAD + "1,2,3,4\n1,3,,4\n", "line 3: the rating is empty: '1,3,,4'"),
    "no user": (HEAD + ",2,3,4\n", "line 2: the user is empty: ',2,3,4'"),
    "no item": (HEAD + '1,"",3,4\n', "line 2: the item is empty"),
    "no time": (HEAD + "1,2,3,4\n1,3,3,\n", "line 3: the time is empty"),
    "a word for a time": (
        HEAD + "1,2,3,4\n" * 1 + "".join(f"1,{n},3,4\n" for n in range(3, 300)) + "1,300,3,now\n",
        "line 300: the time is invalid: 'now'",
    ),
    "too few columns": (HEAD + "1,2,3,4\n1,3,4\n", "line 3: the row does not have 4 columns: '1,3,4'"),
    "too many columns": (HEAD + "1,2,3,4\n1,3,4,5,6\n", "line 3: the row does not have 4 columns: '1,3,4,5,6'"),
    "cut off": (HEAD + "1,2,3,4\n1,3", "line 3: the row does not have 4 columns: '1,3'"),
    "a blank row": (HEAD + "1,2,3,4\n\n1,3,4,5\n", "line 3: the row is blank"),
    "several": (HEAD + "1,2,x,4\n1,3,y,4\n1,4,z,4\n", "line 2: the ratings in 'rating' are not numbers: 'x', 'y', 'z'"),
    "other separator": (HEAD + "1,2,3,4\n1;3;4;5\n", "line 3: the row does not have 4 columns: '1;3;4;5'"),
    "again": (HEAD + "1,2,3,4\n2,2,3,4\n1,2,5,6\n", "line 4: user '1' has rated '2' before, in line 2 (1 such row)"),
    "again in quotes": (
        'user,item,rating\n1,"a\nb",3\n2,c,4\n1,"a\nb",5\n',
        "line 5: user '1' has rated 'a\\nb' before, in line 2",
    ),
    "an open quote": (
        'user,item,rating\n1,2,3\n1,"3,4\n1,5,5\n',
        "line 3: the quotation mark that opens here is not closed",
    ),
    "a stray quote": ('user,item,rating\n1,"2",3\n1,"3"x,4\n', "line 3: the row is wrongly quoted"),
    "latin-1 later": (
        HEAD.encode() + b"1,2,3,4\n" * 1 + b"".join(b"1,%d,3,4\n" % n for n in range(3, 40_000)) + b"1,\xe9,3,4\n",
        "line 40,000: b'\\xe9' is not text in UTF-8",
    ),
    "NUL": (b"user,item,rating\n1,\0,3\n", "line 2: there are NUL bytes"),
    "pdf": (b"%PDF-1.7\n1 0 obj", "this is a PDF"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "this is an old Excel file"),
    "cut gzip": (gzip.compress(COMMA.encode() * 50)[:60], "cannot be read: Compressed file ended"),
    "cut parquet": (parquet()[:-40], "cannot be read"),
    "json of something": (
        '{"a": 1}\n{"a": 2}\n',
        "no column has a known name of the user and the item; the columns are a (1, 2)",
    ),
    "json cut off": (LINES[:-20], "line 9: the line is not a JSON object"),
    "json without a rating": (
        LINES + '{"user_id": "z", "parent_asin": "z", "timestamp": 1}\n',
        "line 10: the rating is empty: 'z,z,,1'",
    ),
    "json list": ('{"user": 1, "item": 2, "rating": 3}\n[1, 2]\n', "line 2: the line is not a JSON object: '[1, 2]'"),
    "plays": ("user,artist,plays\na,b,17\n", "'plays' counts how often; such feedback is implicit"),
    "who did what": ("user,item\n1,2\n1,3\n", "no column of ratings; such feedback is implicit"),
    "all the same": ("user,item,rating\n1,2,1\n1,3,1\n", "every rating in"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named(name: str, tmp_path: Path) -> None:
    """A broken file is answered with the file, the line and the value, and a hint."""
    content, complaint = BROKEN[name]
    path = tmp_path / "broken.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EmbedcliError) as caught:
        load(path)
    assert "broken.csv" in caught.value.message
    assert complaint in caught.value.message
    assert caught.value.hint


def test_an_excel_file_and_an_unclear_zip(tmp_path: Path) -> None:
    """A zip that is an Office file, or holds several tables, is answered with what to do."""
    for names, complaint in (
        (("[Content_Types].xml", "xl/a.xml"), "Excel or Office file"),
        (("a.csv", "b.csv"), "it is not clear which of its files has the ratings: a.csv, b.csv"),
    ):
        with zipfile.ZipFile(tmp_path / "book.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "1,2,3\n")
        with pytest.raises(DataError, match=r"book\.zip") as caught:
            load(tmp_path / "book.zip")
        assert complaint in caught.value.message


@pytest.mark.parametrize(
    ("reading", "complaint"),
    [
        (ReadOptions(user_col="who"), "has no column 'who' for `user_col`"),
        (ReadOptions(item_col="9"), "has no column '9' for `item_col`"),
        (ReadOptions(encoding="utf-9"), "`encoding` 'utf-9' is unknown"),
        (ReadOptions(encoding="base64"), "`encoding` 'base64' is unknown"),
        (ReadOptions(sep=""), "`sep` '' is not a valid separator"),
        (ReadOptions(sep='"'), "is not a valid separator"),
        (ReadOptions(min_user_ratings=100), "no rating is left"),
    ],
)
def test_options_that_do_not_fit(reading: ReadOptions, complaint: str, tmp_path: Path) -> None:
    """An option that the table has no answer to is named with its value."""
    (tmp_path / "ml.csv").write_text(COMMA)
    with pytest.raises(UsageError, match=complaint):
        load(tmp_path / "ml.csv", options=reading)


def test_skipped_rows_are_counted(tmp_path: Path) -> None:
    """With on_bad_rows=skip the good rows are read, and it is said how many were left out, why and where."""
    path = tmp_path / "dirty.csv"
    path.write_text(HEAD + "1,2,3,4\n1,3,x,4\n\n1,4,,4\n2,2,y,5\n2,5,1,1\n")
    notes: list[str] = []
    read = load(path, options=ReadOptions(on_bad_rows=OnBadRows.SKIP), on_note=notes.append)
    assert content_of(read) == [("1", "2", 3), ("2", "5", 1)]
    assert any(
        note.endswith(
            "4 rows left out: 2 x the rating is not a number (first in line 3: 'x'); 1 x the row is blank "
            "(first in line 4: ''); 1 x the rating is empty (first in line 5: '1,4,,4')"
        )
        for note in notes
    )


def test_every_problem_is_collected(tmp_path: Path) -> None:
    """Asked for the problems, the reading ends at none of them, and repeated pairs are among them."""
    path = tmp_path / "dirty.csv"
    path.write_text(HEAD + "1,2,3,4\n1,3,x,4\n1,2,5,4\n1,2,5\n")
    found: list[Problems] = []
    assert len(load(path, problems=found)) == 1
    assert [(problem.line, problem.value) for problem in found[0].listed] == [(3, "x"), (5, "1,2,5"), (4, "1 2")]


@pytest.mark.parametrize(
    ("duplicates", "timed", "value"),
    [
        (Duplicates.FIRST, False, 1),
        (Duplicates.LAST, False, 4),
        (Duplicates.LAST, True, 3),
        (Duplicates.MEAN, False, 8 / 3),
    ],
)
def test_repeated_pairs(duplicates: Duplicates, timed: bool, value: float, tmp_path: Path) -> None:
    """Of ratings of one pair the first, the last (in time, where there are times) or the mean counts."""
    path = tmp_path / "again.csv"
    rows = ["a,x,1,5", "a,y,5,1", "a,x,3,9", "b,x,2,3", "a,x,4,7"]
    header = "user,item,rating,time\n" if timed else "user,item,rating,left out\n"
    path.write_text(header + "\n".join(rows))
    notes: list[str] = []
    read = load(path, options=ReadOptions(duplicates=duplicates), on_note=notes.append)
    assert {row[:2]: row[2] for row in content_of(read)}["a", "x"] == pytest.approx(value)
    assert len(read) == 3
    assert any(note.startswith("2 duplicate ratings") for note in notes)


def test_frequent_users_and_items(tmp_path: Path) -> None:
    """Users and items with too few ratings go, again and again until all that stay have enough."""
    path = tmp_path / "rare.csv"
    rows = ["a,x", "a,y", "b,x", "b,y", "c,x", "c,z", "d,z"]  # without d, z has one rating; without z, c has one
    path.write_text("user,item,rating\n" + "".join(f"{row},{1 + at % 5}\n" for at, row in enumerate(rows)))
    read = load(path, options=ReadOptions(min_user_ratings=2, min_item_ratings=2))
    assert (read.users.ids, read.items.ids, len(read)) == (("a", "b"), ("x", "y"), 4)


def test_implicit_feedback(tmp_path: Path) -> None:
    """With implicit, a row means "did": every value is 1, counts are not looked at, and a pair counts once."""
    path = tmp_path / "plays.csv"
    path.write_text("user,artist,plays\na,x,17\na,y,3\nb,x,1\na,x,2\n")
    read = load(path, options=ReadOptions(implicit=True))
    assert read.data.implicit
    assert (read.data.noun, read.data.scale, len(read)) == ("artist", (0, 1), 3)
    assert read.value.tolist() == [1, 1, 1]


BOOKS = """id,book_id,title,authors,genres,original_publication_year
1,0042,"The Cat, in Time",A,"['Fantasy', 'Humour']",1984.0
2,x,Dog [REC],B,"Drama|Crime",
3,y é,Bird (1999),C,(no genres listed),
4,unrated,Fish,D,Drama,2001
"""


def test_titles_and_tags_from_a_second_table(tmp_path: Path) -> None:
    """The column that holds the ids that the ratings mean is found, and so are titles, tags and years."""
    (tmp_path / "ratings.csv").write_text(written(",", 0, 1, 2, header="user,item,rating"))
    (tmp_path / "books.csv").write_text(BOOKS)
    notes: list[str] = []
    items = load(
        tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "books.csv"), on_note=notes.append
    ).items
    assert items.titles == ("The Cat, in Time", "Dog [REC]", "Bird (1999)")
    assert items.tags == (("Fantasy", "Humour"), ("Drama", "Crime"), ())
    assert items.years == (1984, None, 1999)
    assert any("id = 'book_id', title = 'title', tags = 'genres'" in note and "3 of 3" in note for note in notes)


INDEXED = [(str(7 * at % 24), f"Title {at}") for at in range(24)]  # the ids in another order than the rows


@pytest.mark.parametrize(
    ("header", "first", "called"),
    [
        ("item_id", "", "Item ID"),  # the same name, and more than one column holds all items
        ("item_id", "Unnamed: 0", "item_id"),
        ("movieId", "index", "isbn"),  # another name, but that of ids
        ("movieId", "#", "number of it"),  # a name that says nothing, beside row numbers
        ("", "rank", "tmdb_id"),  # ratings without a header
    ],
)
@pytest.mark.parametrize("n_described", [24, 13])
def test_row_numbers_are_no_ids(header: str, first: str, called: str, n_described: int, tmp_path: Path) -> None:
    """The column called as in the ratings has the ids, else one called like ids, though row numbers hold more."""
    ratings = "".join(f"u{at % 3},{at},{1 + at % 5}\n" for at in range(24))
    (tmp_path / "ratings.csv").write_text((f"user,{header},rating\n" if header else "") + ratings)
    rows = [f"{at},{own if at < n_described else 'x'},{title}\n" for at, (own, title) in enumerate(INDEXED)]
    (tmp_path / "items.csv").write_text(f"{first},{called},title\n" + "".join(rows))
    notes: list[str] = []
    items = load(
        tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "items.csv"), on_note=notes.append
    ).items
    assert f"id = '{called}'" in notes[-1]
    titles = dict(INDEXED[:n_described])
    assert items.titles == tuple(titles.get(own, own) for own in items.ids)


def test_a_column_of_the_same_name_with_other_ids(tmp_path: Path) -> None:
    """Where the column called as in the ratings holds few of the items, the one that holds them has the ids."""
    (tmp_path / "ratings.csv").write_text(
        "user,book_id,rating\n" + "".join(f"u,{at},{1 + at % 5}\n" for at in range(9))
    )
    rows = [f"{at},{at + 6 if at < 3 else 1000 + at},T{at}\n" for at in range(9)]
    (tmp_path / "books.csv").write_text("id,book_id,title\n" + "".join(rows))
    read = load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "books.csv"))
    assert read.items.titles == tuple(f"T{at}" for at in range(9))


def test_a_column_of_the_same_name_that_is_not_called_like_ids(tmp_path: Path) -> None:
    """The column called as in the ratings goes before others called like ids, whatever its name."""
    rows = "".join(f"u{at % 3},{at},{1 + at % 5}\n" for at in range(24))
    (tmp_path / "ratings.csv").write_text(f"user,Strecke,rating\n{rows}")
    described = "".join(f"{at},{own},{title}\n" for at, (own, title) in enumerate(INDEXED))
    (tmp_path / "items.csv").write_text(f"id,strecke,title\n{described}")
    read = load(
        tmp_path / "ratings.csv",
        options=ReadOptions(item_col="Strecke", items=tmp_path / "items.csv", min_user_ratings=2, min_item_ratings=1),
    )
    assert read.items.titles == tuple(dict(INDEXED)[own] for own in read.items.ids)


def test_several_rows_of_an_item(tmp_path: Path) -> None:
    """A second table with a row for each tag of an item gives its first title and year, and the tags of all rows."""
    (tmp_path / "ratings.csv").write_text("user,movieId,rating\nu,1,3\nu,2,4\nu,3,5\n")
    (tmp_path / "items.csv").write_text(
        "movieId,title,genre,year\n1,,Comedy,\n1,One,Drama|Comedy,1999\n2,Two,War,1950\n1,Uno,Drama,2001\n"
    )
    items = load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "items.csv")).items
    assert items.titles == ("One", "Two", "3")
    assert items.tags == (("Comedy", "Drama"), ("War",), ())
    assert items.years == (1999, 1950, None)


def test_items_of_json_lines_that_are_no_text(tmp_path: Path) -> None:
    """Half of a pair of surrogates in a title or tag becomes U+FFFD, a whole pair its letter: all can be saved."""
    (tmp_path / "ratings.csv").write_text("user,sku,rating\nu,1,3\nu,2,4\n")
    (tmp_path / "items.jsonl").write_text(
        '{"sku": 1, "title": "a\\ud800b", "tags": ["x|y", "\\ud83c\\udf89", "\\udfff"]}\n'
        '{"sku": 2, "title": "\\ud83c\\udf89"}\n'
    )
    items = load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "items.jsonl")).items
    assert items.titles == ("a\ufffdb", "🎉")
    assert items.tags == (("x/y", "🎉", "\ufffd"), ())


@pytest.mark.parametrize("role", ["user", "item"])
def test_an_id_that_is_no_text(role: str, tmp_path: Path) -> None:
    """Half of a pair of surrogates in an id, which no file can hold, is a bad row with its line."""
    rows: list[dict[str, Any]] = [{"user": f"🎉{at}", "item": "é", "rating": 1 + at} for at in range(4)]
    rows[2][role] = "a\ud800"
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=rf"line 3: the {role} is not valid text: 'a\\ud800'"):
        load(tmp_path / "a.jsonl")
    read = load(tmp_path / "a.jsonl", options=ReadOptions(on_bad_rows=OnBadRows.SKIP))
    assert read.users.ids == ("🎉0", "🎉1", "🎉3")


MERGED = [
    {
        "user": f"u{at // 6}",
        "movie": f"m{at % 6}",
        "rating": 1 + at % 5,
        "title": f"Film, The {at % 6} (199{at % 6})" if at % 6 else "",
        "genres": ("Drama|War", "Comedy")[at % 2],
        "summary": f"what u{at // 6} says of it, {at}",
    }
    for at in range(36)
]


def merged(ending: str, **renamed: str) -> bytes:
    """Write ratings merged with what their items are, with columns renamed, in a format."""
    rows = [{renamed.get(name, name): value for name, value in row.items()} for row in MERGED]
    if ending == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file := io.BytesIO())
        return file.getvalue()
    mark, quote = ("::", "") if ending == "dat" else (",", '"')
    lines = [mark.join(rows[0]), *(mark.join(f"{quote}{value}{quote}" for value in row.values()) for row in rows)]
    if ending == "slow.csv":
        lines.append('"u""0","m7","3","Seven","","x"')  # a quotation mark that the fast parser leaves to the slow one
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize("block", [1 << 26, 600])
@pytest.mark.parametrize("ending", ["csv", "slow.csv", "dat", "jsonl", "parquet"])
def test_titles_in_the_table_of_ratings(
    ending: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns of titles and genres beside the item ids, as the lesson merges them, are used, and that is said."""
    monkeypatch.setattr(delimited, "BLOCK", block)
    monkeypatch.setattr(parquet_format, "BATCH", block // 120)
    path, notes = tmp_path / f"merged.{ending}", list[str]()
    path.write_bytes(merged(ending))
    read = load(path, on_note=notes.append)
    assert "item = 'movie', rating = 'rating', title = 'title', tags = 'genres'" in notes[0]
    assert read.items.titles[:6] == ("m0", *(f"Film, The {at} (199{at})" for at in range(1, 6)))
    assert read.items.tags[:6] == (("Drama", "War"), ("Comedy",)) * 3
    assert read.items.years[:6] == (None, 1991, 1992, 1993, 1994, 1995)
    assert [read.items.ids[at] for at in read.item[:36]] == [f"m{at % 6}" for at in range(36)]


@pytest.mark.parametrize("ending", ["csv", "slow.csv", "dat", "jsonl", "parquet"])
def test_the_first_title_counts(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few rows spell the title of an item otherwise, it is that of the first row."""
    monkeypatch.setitem(MERGED[31], "title", "Film, A")
    path = tmp_path / f"merged.{ending}"
    path.write_bytes(merged(ending))
    assert load(path).items.titles[1] == "Film, The 1 (1991)"


@pytest.mark.parametrize("block", [1 << 26, 600])
@pytest.mark.parametrize("ending", ["csv", "slow.csv", "dat", "jsonl", "parquet"])
def test_titles_of_something_else(ending: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A title that differs from row to row of an item, as that of a review does, is not the item's."""
    monkeypatch.setattr(delimited, "BLOCK", block)
    monkeypatch.setattr(parquet_format, "BATCH", block // 120)
    path, notes = tmp_path / f"reviews.{ending}", list[str]()
    path.write_bytes(merged(ending, title="film", summary="title"))
    read = load(path, on_note=notes.append)
    assert "title =" not in notes[0]
    assert "tags = 'genres'" in notes[0]
    assert read.items.titles == read.items.ids


def test_titles_as_items_and_from_a_second_table(tmp_path: Path) -> None:
    """A column of titles can be that of the items; a second table, also the same one again, has the last word."""
    path = tmp_path / "merged.csv"
    path.write_bytes(merged("csv"))
    named = load(path, options=ReadOptions(item_col="genres", duplicates=Duplicates.LAST))
    assert named.items.ids == ("Drama|War", "Comedy")
    assert named.items.tags == ((), ())
    again = load(path, options=ReadOptions(items=path, title_col="summary"))
    assert again.items.titles[1] == "what u0 says of it, 1"
    assert again.items.tags == load(path).items.tags
    (tmp_path / "items.csv").write_text("movie,title\nm0,Zero\n")
    both = load(path, options=ReadOptions(items=tmp_path / "items.csv")).items
    assert both.titles[:2] == ("Zero", "Film, The 1 (1991)")
    assert both.tags == again.items.tags


def test_ids_that_hardly_match(tmp_path: Path) -> None:
    """A given id column that hardly matches is refused with the one that would; a table of other items too."""
    (tmp_path / "ratings.csv").write_text(written(",", 0, 1, 2, header="user,item,rating"))
    (tmp_path / "books.csv").write_text(BOOKS)
    with pytest.raises(UsageError, match=r"'id' of .*books\.csv holds only 0% of the items rated") as caught:
        load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "books.csv", item_id_col="id"))
    assert caught.value.hint == "'book_id' holds 100%: give `item_id_col` book_id"
    (tmp_path / "other.csv").write_text("id,title\n77,Z\n")
    with pytest.raises(UsageError, match=r"no column of .*other\.csv holds the items rated, such as '0042'"):
        load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "other.csv"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"id,title\n1,A,B\n", "row 2: 3 columns, the table has 2: '1,A,B'"),
        (b'{"id": 1}\n{"id": \n', "cannot be read as a table"),
        (b"PAR1 and then nothing", "cannot be read as a table"),
        (b"just words\n", "line 1: not a row of a table"),
        (b"id,title\n1," + b"x" * 200_000 + b"\n", "line 2: field larger than field limit"),
    ],
)
def test_broken_tables_of_items(content: bytes, complaint: str, tmp_path: Path) -> None:
    """A second table that cannot be read is named, with what is wrong."""
    (tmp_path / "ratings.csv").write_text(written(",", 0, 1, 2, header="user,item,rating"))
    (tmp_path / "items.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"items\.csv") as caught:
        load(tmp_path / "ratings.csv", options=ReadOptions(items=tmp_path / "items.csv"))
    assert complaint in caught.value.message


def test_a_tab_can_be_typed(tmp_path: Path) -> None:
    """`\\t` and "tab" as a shell passes them are a tab."""
    (tmp_path / "a.txt").write_text(written("\t", 0, 1, 2))
    for separator in ("\\t", "tab", "\t"):
        assert len(load(tmp_path / "a.txt", options=ReadOptions(sep=separator))) == len(TRUTH)


FIELD = st.one_of(
    st.sampled_from(["1", "007", " 3 ", "4.5", "", "x", "nan", "é", "1e3", "-2", '"q,q"', '"a\nb"', "0"]),
    st.text(alphabet='ab01. ,"\n', max_size=4),
)


@settings(max_examples=150)
@given(st.lists(st.lists(FIELD, min_size=1, max_size=5), min_size=1, max_size=12), st.booleans())
def test_both_parsers_agree(table: list[list[str]], quotes: bool) -> None:
    """If the fast parser reads a block, the slow one reads the same and finds no problem in it."""
    block = "\n".join(",".join(row) for row in table).encode()
    if not block.strip():
        return
    schema = TableSchema(",", 4, {"user": 0, "item": 1, "rating": 2, "time": 3}, quotes=quotes)
    quick = parse_fast(block, range(1, 1 + block.count(b"\n") + (not block.endswith(b"\n"))), schema)
    if quick is None:
        return
    problems = Problems("made")
    exact = parse_slow(block, 1, schema, problems)
    assert not len(problems)
    assert quick.value is not None
    assert exact.value is not None
    for role in ("user", "item"):
        (ours, ids), (theirs, their_ids) = quick.coded[role], exact.coded[role]
        assert [ids[code] for code in ours] == [their_ids[code] for code in theirs]
    np.testing.assert_array_equal(quick.value, exact.value)
    assert list(quick.lines) == list(exact.lines)


def test_blocks_are_cut_between_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the blocks, every row is read once, with its line, also where quotes hold a line end."""
    content = "user,item,rating\n" + "".join(f'u{n},"a\n{n}",{1 + n % 5}\r\n' for n in range(50)) + "last,one,x\n"
    (tmp_path / "long.csv").write_bytes(content.encode())
    for size in (16, 33, 100):
        monkeypatch.setattr(delimited, "BLOCK", size)
        with pytest.raises(DataError, match=r"long\.csv, line 102: the rating is not a number: 'x'\n"):
            load(tmp_path / "long.csv")
        read = load(tmp_path / "long.csv", options=ReadOptions(on_bad_rows=OnBadRows.SKIP))
        assert content_of(read) == [(f"u{n}", f"a\n{n}", 1 + n % 5) for n in range(50)]


def test_a_header_is_told_from_data() -> None:
    """Names in the first line are a header, numbers are data, and words over numbers are a header too."""
    assert detect_delimited(["user,item,rating", "1,2,3"], ReadOptions(), "f").header == ("user", "item", "rating")
    assert detect_delimited(["1,2,3", "4,5,6"], ReadOptions(), "f").header is None
    schema = detect_delimited(
        ["wer,was,wie", "1,2,3"], ReadOptions(user_col="wer", item_col="was", rating_col="wie"), "f"
    )
    assert schema.column_index == {"user": 0, "item": 1, "rating": 2}

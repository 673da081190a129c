"""Files without an end, files made to harm, and damaged files: each ends in one error, in little time and memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedcli import load_ratings
from embedcli.data import loading, sources
from embedcli.data.formats import blocks, delimited
from embedcli.data.ratings import Ratings
from embedcli.data.read_options import Duplicates, OnBadRows, ReadOptions
from embedcli.errors import DataError, EmbedcliError

HEAD = b"user,item,rating\n"
TABLE = HEAD + b"".join(b"u%d,i%d,%d\n" % (at % 7, at % 11, 1 + at % 5) for at in range(77))
MEGABYTE = 1 << 20


def gzipped(head: bytes, part: bytes, megabytes: int) -> bytes:
    """Compress bytes followed by a part again and again, as members of a gzip."""
    member = gzip.compress(part * (MEGABYTE // len(part)), 6)
    return gzip.compress(head) + member * megabytes


def parquet(**columns: Any) -> bytes:
    """Write columns as Parquet."""
    pq.write_table(pa.table(columns), file := io.BytesIO(), compression="zstd")
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    """Put files in a zip, `_` in a name being the dot."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


@contextmanager
def pipe(path: Path, parts: Iterator[bytes] | list[bytes]) -> Iterator[Path]:
    """Make a named pipe into which parts are written for as long as somebody reads."""

    def write() -> None:
        try:
            with path.open("wb") as file:
                for part in parts:
                    file.write(part)
        except BrokenPipeError:
            pass

    os.mkfifo(path)
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    yield path
    writer.join(10)


def refusal(path: Path | str, **reading: Any) -> str:
    """Return the error that loading ends in, and its hint."""
    with pytest.raises(EmbedcliError) as caught:
        load_ratings(path, options=ReadOptions(**reading))
    assert caught.value.hint
    return caught.value.message


ENDLESS: dict[str, tuple[bytes, bytes, str]] = {  # head, part, complaint
    "a line": (HEAD + b"u,i,1\n", b"a" * MEGABYTE, "line 3: this row does not end: 'aaa"),
    "a first line": (b"", b"a" * MEGABYTE, "line 1: the line does not end within 2,097,152 bytes: 'aaa"),
    "a quotation": (HEAD + b'"u","i","1"\n"', b"x\n" * (MEGABYTE // 2), "line 3: this row does not end"),
    "blank lines": (HEAD + b"u,i,1\n", b"\n" * MEGABYTE, "only blank lines from here on"),
    "the same row": (HEAD, b"u,i,1\n" * 100_000, "rows so far for 1 pairs of user and item"),
    "bad rows": (HEAD + b"u,i,1\n" * 300, b"u,i\n" * 100_000, "line 302: the row does not have 3 columns: 'u,i' (and "),
    "a JSON line": (b'{"user":1,"item":2,"rating":3}\n{"a":"', b"a" * MEGABYTE, "line 2: the line does not end within"),
    "the same JSON": (b"", b'{"user":1,"item":2,"rating":3}\n' * 10_000, "rows so far for 1 pairs"),
    "NUL bytes": (HEAD, bytes(MEGABYTE), "line 2: there are NUL bytes"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_pipe_that_does_not_end(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What never ends, of whatever it consists, is refused with its line."""
    monkeypatch.setattr(delimited, "BLOCK", MEGABYTE * 2)
    monkeypatch.setattr(blocks, "MANY", 100_000)
    monkeypatch.setattr("embedcli.data.formats.parse.MOST", 100_000)
    head, part, complaint = ENDLESS[kind]
    with pipe(tmp_path / "endless", iter([head, *repeat(part, 1000)])) as path:
        assert complaint in refusal(path)


def test_a_pipe_that_ends_is_read(tmp_path: Path) -> None:
    """A named pipe is opened once and read to its end, also if its first bytes come slowly and it is compressed."""
    for name, content in (("plain", TABLE), ("gz", gzip.compress(TABLE)), ("zip", zipped(r_csv=TABLE))):
        with pipe(tmp_path / name, [content[:1], content[1:3], content[3:]]) as path:
            assert len(load_ratings(path)) == 77
    with pipe(tmp_path / "pq", [parquet(user=["a", "b"], item=["x", "y"], rating=[1, 2])]) as path:
        assert len(load_ratings(path)) == 2


def test_a_pipe_without_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody writes into is given up after a while; a writer that is slow is waited for."""
    monkeypatch.setattr(sources, "PATIENCE", 0.05)
    os.mkfifo(tmp_path / "nobody")
    assert "nothing has been written into this pipe for 0.05 seconds" in refusal(tmp_path / "nobody")
    os.mkfifo(tmp_path / "slow")
    descriptor = os.open(tmp_path / "slow", os.O_RDWR)
    timer = threading.Timer(0.3, lambda: (os.write(descriptor, TABLE), os.close(descriptor)))
    timer.start()
    assert len(load_ratings(tmp_path / "slow")) == 77
    timer.join()


def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input may be compressed, also as a zip, and Parquet."""
    for content in (gzip.compress(TABLE), pa.compress(TABLE, "zstd", asbytes=True), zipped(r_csv=TABLE)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert len(load_ratings("-")) == 77


def test_devices() -> None:
    """A device is read like a pipe: zeros and noise are not text, and nothing is an empty table."""
    for device, complaint in (("zero", "NUL bytes"), ("urandom", "/dev/urandom"), ("null", "the file is empty")):
        assert complaint in refusal(Path("/dev") / device)


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no line end": (lambda: gzipped(b"", b"a", 300), "line 1: the line does not end"),
    "long ids": (lambda: gzipped(HEAD, b"u" * 9000 + b",i,3\n", 300), "decompresses to more than 100 times its size"),
    "Parquet": (lambda: gzipped(b"PAR1", b"\0", 300), "decompresses to more than 100 times its size"),
    "nested": (lambda: zipped(ratings_csv=zipped(ratings_csv=TABLE)), "compressed twice"),
    "movies": (
        lambda: zipped(ratings_csv=b"userId,movieId,rating,timestamp\n1,1,5,1\n", movies_csv=bytes(20 * MEGABYTE)),
        "movies.csv: larger than 16 MB, too large for this kind of file",
    ),
    "u.data": (lambda: zipped(u_item=bytes(20 * MEGABYTE), u_data=b"1\t1\t1\t1\n"), "u.item: larger than 16 MB"),
    "Parquet values": (
        lambda: parquet(user=["u" * 10_000_000 + str(at) for at in range(8)], item=range(8), rating=range(8)),
        "the values of the column 'user' exceed 1,000 bytes on average",
    ),
    "Parquet rows": (
        lambda: parquet(user=np.ones(1_100_000, "i1"), item=np.ones(1_100_000, "i1"), rating=np.ones(1_100_000, "i1")),
        "rows so far for 1 pairs",
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_grows(kind: str, tmp_path: Path) -> None:
    """What decompresses to far more than tables of its kind do is refused before it fills the memory."""
    content, complaint = BOMBS[kind]
    (tmp_path / "bomb").write_bytes(content())
    assert complaint in refusal(tmp_path / "bomb")


def test_a_zip_with_a_huge_directory(tmp_path: Path) -> None:
    """The directory of a zip is not read if it is larger than any: a sparse file could have one of gigabytes."""
    end, size = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, (3 << 30) - 100, 100, 0), 3 << 30
    with (tmp_path / "sparse.zip").open("wb") as file:
        file.write(b"PK\3\4")
        file.seek(size)
        file.write(end)
    assert "its directory is larger than 16 MB" in refusal(tmp_path / "sparse.zip")


def test_items_larger_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a table of items only the rows of the items rated are kept; too many of them, or an endless line, end it."""
    (tmp_path / "r.csv").write_bytes(TABLE)
    titles = b"item,title\n" + b"".join(b"i%d,Title %d\n" % (at, at) for at in range(100_000))
    (tmp_path / "i.csv.gz").write_bytes(gzip.compress(titles))
    monkeypatch.setattr("embedcli.data.formats.item_table.MOST", 5_000)
    read = load_ratings(tmp_path / "r.csv", options=ReadOptions(items=tmp_path / "i.csv.gz"))
    assert read.items.titles[:2] == ("Title 0", "Title 1")
    with pipe(tmp_path / "same", iter([b"item,title\n", *repeat(b"i1,T\n" * 1000, 1000)])) as path:
        assert "of rows that describe the items" in refusal(tmp_path / "r.csv", items=path)
    with pipe(tmp_path / "line", iter([b"item,title\ni1,", *repeat(b"a" * MEGABYTE, 1000)])) as path:
        assert "line 2: the line does not end within" in refusal(tmp_path / "r.csv", items=path)


def test_an_early_stray_quotation_mark() -> None:
    """Where the rows of a block end is found in one pass, also if a quotation mark opened in its first row."""
    block = b'a,"b",1\nc,d"e,2\n' + b"f,g,3\n" * 2_000_000
    assert delimited._end_of_lines(block, quotes=True) == len(b'a,"b",1\n')


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the memory does not suffice, the error says so."""

    def fail(*args: Any) -> Ratings:
        raise MemoryError

    monkeypatch.setattr(loading, "_read", fail)
    assert "there is not enough memory to read it" in refusal(tmp_path)


def test_ratings_are_finite_in_float32(tmp_path: Path) -> None:
    """A rating too large for float32 is a bad row in every format."""
    (tmp_path / "a.csv").write_bytes(HEAD + b"u,i,1\nu,j,1e308\nu,k,2\n")
    (tmp_path / "a.jsonl").write_text('{"user":"u","item":"i","rating":1}\n{"user":"u","item":"j","rating":1e308}\n')
    (tmp_path / "a.parquet").write_bytes(parquet(user=["u", "u", "v"], item=["i", "j", "k"], rating=[1.0, 1e308, 2.0]))
    for name, at in (("a.csv", "line 3"), ("a.jsonl", "line 2"), ("a.parquet", "row 2")):
        assert f"{at}: the rating is out of range: '1e+308'".replace("+", "" if at == "line 3" else "+") in refusal(
            tmp_path / name
        )
    skipped = load_ratings(tmp_path / "a.csv", options=ReadOptions(on_bad_rows=OnBadRows.SKIP))
    assert skipped.value.tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["undefined", "utf_8\0", "zlib", "\ud800"])
def test_encodings_that_are_not(encoding: str, tmp_path: Path) -> None:
    """An encoding that cannot encode a table is refused by its name."""
    (tmp_path / "a.csv").write_bytes(TABLE)
    assert "`encoding`" in refusal(tmp_path / "a.csv", encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7", "punycode", "idna", "hz", "unicode_escape"])
def test_text_in_another_encoding(encoding: str, tmp_path: Path) -> None:
    """Bytes that are not text in the encoding given are an error, whichever way the codec says so."""
    (tmp_path / "a.csv").write_bytes(TABLE + b"~~,\\x,\\ud800+,1\xff\n")
    assert "a.csv" in refusal(tmp_path / "a.csv", encoding=encoding)


def test_columns_that_are_not_used(tmp_path: Path) -> None:
    """Only the columns of Parquet that are used must hold values: others may hold what Python has no value for."""
    odd = {
        "when": pa.array([2**50, 1], pa.duration("s")),
        "at": pa.array([2**62, 1], pa.timestamp("us")),
        "tags": [["a"], ["b"]],
    }
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet(user=["u", "v"], item=["i", "j"], rating=[1, 2], **odd))
    assert len(load_ratings(path)) == 2
    assert load_ratings(path, options=ReadOptions(items=path)).items.tags == (("a",), ("b",))
    assert "holds list<element: string>, not one value per row" in refusal(path, user_col="tags")
    twice = pa.Table.from_arrays([pa.array(["u"]), pa.array(["v"]), pa.array(["i"])], ["user", "user", "item"])
    pq.write_table(twice, path)
    assert "2 columns are called 'user'" in refusal(path, implicit=True)


def test_dictionaries_with_words_of_no_row(tmp_path: Path) -> None:
    """A word of a dictionary that no row has is not a user."""
    users = pa.DictionaryArray.from_arrays(pa.array([2, 0]), pa.array(["a", "nobody", "c"]))
    (tmp_path / "a.parquet").write_bytes(parquet(user=users, item=["x", "y"], rating=[1, 2]))
    assert load_ratings(tmp_path / "a.parquet").users.ids == ("a", "c")


ODD_LINES = ["{}", "[1]", "3", '{"user":' + "[" * 5000, '{"user":' + "[" * 900 + "]" * 900 + "}", '{"user": 1e400}']


@pytest.mark.parametrize("line", ODD_LINES)
def test_odd_json_lines(line: str, tmp_path: Path) -> None:
    """JSON that is empty, not an object or nested too deeply is refused, as ratings and as items."""
    (tmp_path / "a.jsonl").write_text(line + "\n")
    assert "a.jsonl" in refusal(tmp_path / "a.jsonl")
    (tmp_path / "r.csv").write_bytes(TABLE)
    refusal(tmp_path / "r.csv", items=tmp_path / "a.jsonl")
    (tmp_path / "i.jsonl").write_text('{"item": "i1"}\n{"item": "i2", "title": "T"}\n' + line + "\n")
    try:
        load_ratings(tmp_path / "r.csv", options=ReadOptions(items=tmp_path / "i.jsonl"))
    except DataError as error:
        assert "line 3: cannot be read as a table" in error.message


def test_long_texts(tmp_path: Path) -> None:
    """An id, a title or a list of tags that is too long to be read back from a run is refused."""
    (tmp_path / "id.csv").write_bytes(TABLE + b"u" * 11_000 + b",i,3\n")
    assert "line 79: the user is longer than 10,000 characters" in refusal(tmp_path / "id.csv")
    (tmp_path / "r.csv").write_bytes(TABLE)
    for name, words in (("title", "t" * 110_000), ("tags", "|".join(map(str, range(20_000))))):
        (tmp_path / "i.csv").write_text(f"item,{name}\ni1,{words}\n")
        assert "letters, more than 100,000" in refusal(tmp_path / "r.csv", items=tmp_path / "i.csv")
    (tmp_path / "q.csv").write_bytes(b'user,item,rating\n"' + b"x" * 140_000 + b'",i,3\n')
    assert "line 2: field larger than field limit" in refusal(tmp_path / "q.csv")


@pytest.mark.parametrize(("role", "value"), [("user_col", "9" * 5000), ("time_col", "2")])
def test_columns_by_number(role: str, value: str, tmp_path: Path) -> None:
    """A column by a number that is too large, or that another role needs or is given, is refused."""
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    refusal(tmp_path / "a.csv", implicit=True, **{role: value})
    (tmp_path / "b.csv").write_bytes(TABLE)
    assert "`item_col` and `rating_col` name the same column" in refusal(
        tmp_path / "b.csv", item_col="rating", rating_col="3"
    )


def test_names_in_a_zip_are_those_of_its_directory(tmp_path: Path) -> None:
    """A file is found in a zip whatever slashes and dots its name there has."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in (("ratings.csv", "userId,movieId,rating,timestamp\n1,1,5,1\n1,2,4,1\n"),):
            archive.writestr(f"./set//{name}", content)
    assert len(load_ratings(tmp_path / "a.zip")) == 2


TOKENS = [
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'"',
    b",",
    b"\t",
    b"::",
    b"\n",
    b"\r",
    b"nan",
    b"inf",
    b"1e400",
]
TOKENS += [
    b"1e308",
    b"-1",
    b"9" * 5000,
    b"\xe2\x80\xa8",
    b"\x1c",
    b"{",
    b"}",
    b"[",
    b"null",
    b"{}",
    b"\\ud800",
    b"x" * 300,
]
TOKENS += [
    b"y" * 140_000,
    b"2020-01-01",
    b"9999-12-31T23:59:59",
    b"user",
    b"PAR1",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"[" * 300,
]
JSON = b"".join(
    json.dumps({"user": f"u{at % 5}", "item": f"i{at % 7}", "rating": at % 5}).encode() + b"\n" for at in range(35)
)
ITEMS = b"item,title,genres,year\n" + b"".join(b'i%d,"T, %d","[""War""]",1990\n' % (at, at) for at in range(11))
SEEDS = {
    "a.csv": TABLE,
    "a.tsv": TABLE.replace(b",", b"\t"),
    "a.jsonl": JSON,
    "a.parquet": parquet(user=["u", "v"] * 9, item=[str(at) for at in range(18)], rating=[1, 2, 3] * 6),
    "a.gz": gzip.compress(TABLE),
    "a.zip": zipped(r_csv=TABLE),
    "items.csv": ITEMS,
    "items.parquet": parquet(item=["i1", "i2"], title=["a", "b"], tags=[["x"], None]),
}
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(TOKENS)), min_size=1, max_size=6)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SEEDS)), edits=EDITS, reading=st.sampled_from([OnBadRows.STOP, OnBadRows.SKIP]))
def test_damaged_tables(name: str, edits: list[tuple[float, int, bytes]], reading: OnBadRows, tmp_path: Path) -> None:
    """However a table is damaged, it loads as consistent ratings or ends in an error of embedcli's own."""
    content = SEEDS[name]
    for share, kind, token in edits:
        at = int(share * len(content))
        content = (
            content[:at] + token + content[at:],
            content[:at] + token + content[at + len(token) :],
            content[:at] + content[at + 5 :],
            content[:at],
            content.replace(content[at : at + 1], token, 3),
        )[kind]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "ratings.csv").write_bytes(TABLE)
    items = tmp_path / name if name.startswith("items") else None
    options = ReadOptions(on_bad_rows=reading, duplicates=Duplicates.LAST, items=items)
    try:
        read = load_ratings(tmp_path / ("ratings.csv" if items else name), options=options)
    except EmbedcliError as error:
        assert len(error.message) < 2000
        return
    assert np.isfinite(read.value).all()
    assert len(set(read.users.ids)) == len(read.users.ids) > read.user.max()
    assert len(set(read.items.ids)) == len(read.items.ids) > read.item.max()
    "".join((*read.users.ids, *read.items.ids, *read.items.titles)).encode()

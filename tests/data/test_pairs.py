"""Reading pairs of a user and an item."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedcli.data.pairs import Pairs, read_pairs
from embedcli.data.read_options import OnBadRows, PairOptions
from embedcli.errors import DataError, UsageError

WANTED = [("7", "a"), ("07", "b"), ("7", "a")]


def texts(pairs: Pairs) -> list[tuple[str, str]]:
    """Return pairs by their texts."""
    return [(pairs.users[user], pairs.items[item]) for user, item in zip(pairs.user, pairs.item, strict=True)]


@pytest.mark.parametrize(
    "content",
    [
        "user,item\n7,a\n07,b\n7,a\n",
        "item\trating\tuser\na\t\t7\nb\t?\t07\na\t9e99\t7\n",
        "movieId,userId,timestamp,title\na,7,soon,x\nb,07,,\na,7,later,y\n",
        "7,a\n07,b\n7,a\n",
        "7::a::5::never\n07::b::none::\n7::a::1::9\n",
        "7;a;5;x;y;z\n07;b;;;;\n7;a;1;2;3;4\n",
        '{"user": "7", "item": "a", "rating": []}\n{"user": "07", "item": "b"}\n{"item": "a", "user": 7}\n',
    ],
)
def test_pairs_are_read_whatever_stands_beside_them(content: str) -> None:
    """Users and items are found by name, without a header by position; what else is in a row does not matter."""
    Path("pairs").write_text(content, encoding="utf-8")
    assert texts(read_pairs("pairs")) == WANTED


def test_pairs_of_parquet() -> None:
    """Parquet is read as text is, also integers and a column of ratings that are not numbers."""
    columns = {"rating": ["x", None, "y"], "user": [7, 8, 7], "item": ["a", "b", "a"]}
    pq.write_table(pa.table(columns), "pairs.parquet")
    assert texts(read_pairs("pairs.parquet")) == [("7", "a"), ("8", "b"), ("7", "a")]


def test_pairs_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is standard input, and the two columns that are read are noted."""
    stdin = SimpleNamespace(buffer=io.BytesIO(b"reader,book,rating,title\n7,a,5,A\n"), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stdin)
    said: list[str] = []
    found = read_pairs("-", PairOptions(user_col="reader", item_col="2"), said.append)
    assert (texts(found), said) == ([("7", "a")], ["standard input: user = 'reader', item = 'book'"])


def test_pairs_of_python_values() -> None:
    """Pairs of any values are those of their texts; there may be none."""
    assert texts(Pairs.of([(7, "a"), ("07", "b"), ("7", "a")])) == WANTED
    assert len(Pairs.of([])) == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "the file is empty"),
        ("user,item\n", "nothing follows the header"),
        ("user,song,rating\n", "nothing follows the header"),
        ("user,value\n1,2\n", "no column has a known name of the item"),
        ("user,item\n1,\n", "line 2: the item is empty"),
        ("user,item\n1,2,3\n", "does not have 2 columns"),
        ("alone\n", "not a row of a table"),
        ('user,item\n1,"a\n', "quotation mark"),
        ("user,item\n1,a\0\n", "NUL bytes"),
        ("{}\n", "no columns"),
    ],
)
def test_invalid_pairs_end_in_one_error(content: str, complaint: str) -> None:
    """A table without pairs, without one of the columns or with an invalid row is refused with what is wrong."""
    Path("pairs.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as caught:
        read_pairs("pairs.csv")
    is_empty = complaint in ("the file is empty", "nothing follows the header")
    assert ("at least one row" in caught.value.hint) == is_empty


def test_invalid_rows_can_be_skipped() -> None:
    """Invalid rows are left out if that is asked for, with a note; if none is left, that is an error."""
    Path("pairs.csv").write_text("user,item\n7,\n7,a\n", encoding="utf-8")
    skipping, said = PairOptions(on_bad_rows=OnBadRows.SKIP), list[str]()
    assert texts(read_pairs("pairs.csv", skipping, said.append)) == [("7", "a")]
    assert "1 row left out" in said[-1]
    Path("pairs.csv").write_text("user,item\n7,\n", encoding="utf-8")
    with pytest.raises(DataError, match="there is no valid row"):
        read_pairs("pairs.csv", skipping)


def test_missing_files_and_columns_are_said() -> None:
    """A missing file, a folder and an unknown column are refused."""
    Path("pairs.csv").write_text("user,item\n7,a\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no column 'reader'"):
        read_pairs("pairs.csv", PairOptions(user_col="reader"))
    with pytest.raises(UsageError, match="no file"):
        read_pairs("none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(".")


def test_many_pairs() -> None:
    """A hundred thousand pairs, most of them duplicates, stay in their order."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 90, (2, 100_000)).tolist()
    lines = [json.dumps({"user": u, "item": i}) for u, i in zip(user, item, strict=True)]
    Path("pairs.ndjson").write_text("\n".join(lines), encoding="utf-8")
    found = texts(read_pairs("pairs.ndjson"))
    assert found == [(str(u), str(i)) for u, i in zip(user, item, strict=True)]

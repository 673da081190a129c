"""Reading MovieLens 100K as the wheel of RecBole carries it."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World

from embedcli.data import loading
from embedcli.data.formats import movielens_100k
from embedcli.errors import DataError

INSIDE = "recbole/dataset_example/ml-100k"


@pytest.fixture
def folder(world: World, made_files: Path, tmp_path: Path) -> Path:
    """Return a folder that holds the planted world as RecBole writes MovieLens 100K."""
    items, users = world.ratings.items, world.ratings.users
    films = []
    for identifier, title, tags in zip(items.ids, items.titles, items.tags, strict=True):
        name, _, year = title.removesuffix(")").rpartition(" (")
        films.append((identifier, name, year, " ".join(tags)) if name else (identifier, *["unkonwn"] * 2, tags[0]))
    people = zip(users.ids, *users.columns.values(), strict=True)
    rows = (made_files / "u.data").read_text(encoding="ascii")
    folder = tmp_path / "recbole"
    folder.mkdir()
    for name, header, lines in (
        ("inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float", rows.splitlines()),
        ("item", "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq", films),
        ("user", "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token", people),
    ):
        text = "\n".join([header, *(line if isinstance(line, str) else "\t".join(line) for line in lines)])
        (folder / f"ml-100k.{name}").write_text(text + "\n", encoding="utf-8", newline="")
    return folder


@pytest.fixture
def wheel(folder: Path, tmp_path: Path) -> Path:
    """Return a wheel that carries those files beside others."""
    path = tmp_path / "recbole-1.2.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("recbole/__init__.py", "raise SystemExit('never run')")
        archive.writestr("recbole/dataset_example/other/other.inter", "")
        for file in folder.iterdir():
            archive.write(file, f"{INSIDE}/{file.name}")
    return path


def test_the_same_ratings_as_from_the_original_files(made_files: Path, wheel: Path) -> None:
    """The copy inside the wheel is read as the same ratings, users and items as the original files."""
    copy, original = loading.load(wheel), loading.load(made_files)
    assert copy.users == original.users
    assert replace(copy.items, columns={}) == replace(original.items, columns={})
    assert copy.data.sha256 == original.data.sha256
    for field in ("user", "item", "value", "timestamp"):
        np.testing.assert_array_equal(getattr(copy, field), getattr(original, field), strict=True)


def test_folds_are_the_same_from_both(made_files: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An official fold of the genuine ratings leaves out the same rows, whichever source served."""
    monkeypatch.setattr(movielens_100k, "U_DATA_SHA256", loading.load(made_files).data.sha256)
    copy, original = (loading.load(path).split("u3").test for path in (wheel, made_files))
    np.testing.assert_array_equal(copy.timestamp, original.timestamp)


def test_misspelt_title(folder: Path) -> None:
    """The film that RecBole spells `unkonwn` is `unknown`, of no year, as in the original."""
    assert "unkonwn" in (folder / "ml-100k.item").read_text(encoding="utf-8")
    items = loading.load(folder).items
    assert (items.titles[3], items.years[3], items.tags[3]) == ("unknown", None, ("unknown",))


@pytest.mark.parametrize(
    ("file", "number", "line", "complaint"),
    [
        ("inter", 1, "1\t2\t3\t880000000", "the header is '1"),
        ("inter", 5, "1\t2\t9\t880000000", "the rating is outside the scale 1 to 5: '9'"),
        ("inter", 5, "1\t999\t3\t880000000", "item id '999' is not in ml-100k.item"),
        ("inter", 5, "999\t2\t3\t880000000", "user id '999' is not in ml-100k.user"),
        ("item", 1, "1\tFilm\t1990\tDrama", "the header is '1"),
        ("item", 5, "4\tFilm\t1990", "3 columns instead of 4"),
        ("item", 5, "1\tFilm\t1990\tDrama", "duplicate item id '1', first in line 2"),
        ("user", 5, "1\t20\tM\tother\t00000", "duplicate user id '1', first in line 2"),
    ],
)
def test_complaints_name_file_and_line(folder: Path, file: str, number: int, line: str, complaint: str) -> None:
    """What cannot be read is answered with the file and the line, the header being line 1."""
    path = folder / f"ml-100k.{file}"
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[number - 1] = line
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        loading.load(folder)
    assert caught.value.message.startswith(f"{path}, line {number}: ")
    assert complaint in caught.value.message


@pytest.mark.parametrize("file", ["inter", "item", "user"])
@pytest.mark.parametrize("keep", [0, 1])
def test_empty_files(folder: Path, file: str, keep: int) -> None:
    """A file with nothing in it, or nothing after its header, is refused by name."""
    path = folder / f"ml-100k.{file}"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:keep]), encoding="utf-8")
    with pytest.raises(DataError, match=rf"ml-100k\.{file}.*(empty|nothing follows|no valid row|the header is '')"):
        loading.load(folder)

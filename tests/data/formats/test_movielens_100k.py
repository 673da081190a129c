"""Reading the original files of MovieLens 100K."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from planted import World

from embedcli.data import loading
from embedcli.data.formats import movielens_100k
from embedcli.data.formats.movielens_100k import GENRES
from embedcli.data.problems import Problems
from embedcli.data.ratings import Users
from embedcli.data.read_options import OnBadRows, ReadOptions
from embedcli.data.text import year_of
from embedcli.errors import DataError


@pytest.fixture
def folder(made_files: Path, tmp_path: Path) -> Path:
    """Return a copy of the made files that a test may break."""
    return shutil.copytree(made_files, tmp_path / "made")


def set_line(path: Path, number: int, line: str) -> None:
    """Replace a line of a latin-1 file, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = line.encode("latin-1")
    path.write_bytes(b"\n".join(lines))


def test_everything_that_was_written_is_read(world: World, made_files: Path) -> None:
    """What the files say of ratings, users and items comes back, in the order of the files."""
    read, made = loading.load(made_files), world.ratings
    assert read.users == made.users
    for field in ("ids", "titles", "years", "tags"):
        assert getattr(read.items, field) == getattr(made.items, field), field
    for field in ("user", "item", "value", "timestamp"):
        np.testing.assert_array_equal(getattr(read, field), getattr(made, field), strict=True)


def test_titles_are_latin1(made_files: Path) -> None:
    """A byte of u.item above 127 is a letter of latin-1."""
    assert b"Mis\xe9rables" in (made_files / "u.item").read_bytes()
    assert loading.load(made_files).items.titles[:2] == (
        "Misérables, Les (1995)",
        "Á köldum klaka (Cold Fever) (1994)",
    )


def test_dates_and_addresses_are_kept(made_files: Path) -> None:
    """The other columns of u.item stay with the items."""
    columns = loading.load(made_files).items.columns
    assert columns["release_date"][:4] == ("01-Jan-1995", "01-Jan-1994", "01-Jan-1990", "")
    assert columns["imdb_url"][0] == "http://example.org/1"


def test_made_ratings_do_not_pass_for_the_real_ones(made_files: Path) -> None:
    """A data set is named after its folder, and its sha256 is that of u.data."""
    about = loading.load(made_files).data
    assert (about.name, about.title, about.source) == ("made", "made", str(made_files))
    assert about.n_folds == 0
    assert about.sha256 == hashlib.sha256((made_files / "u.data").read_bytes()).hexdigest()


def test_genuine_ratings_are_known_by_their_bytes(made_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its folder is called, u.data with the sha256 of the original is MovieLens 100K."""
    sha256 = hashlib.sha256((made_files / "u.data").read_bytes()).hexdigest()
    monkeypatch.setattr(movielens_100k, "U_DATA_SHA256", sha256)
    about = loading.load(made_files).data
    assert (about.name, about.title, about.noun, about.n_folds) == ("ml-100k", "MovieLens 100K", "film", 5)


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Casablanca (1942)", 1942),
        ("Land Before Time III, The (1995) (V)", 1995),
        ("1984 (1956) (1984)", 1984),
        ("Class of 1999", None),
        ("unknown", None),
    ],
)
def test_year_of_a_title(title: str, year: int | None) -> None:
    """The year of a film is the last number of four digits that stands in parentheses."""
    assert year_of(title) == year


def test_year_from_the_release_date(folder: Path) -> None:
    """A title without a year takes it from the release date."""
    set_line(folder / "u.item", 1, "1|No Year Here|24-Jan-1997|||" + "|".join("0" * len(GENRES)))
    items = loading.load(folder).items
    assert (items.titles[0], items.years[0], items.tags[0]) == ("No Year Here", 1997, ())


def test_users_without_a_table(folder: Path, world: World) -> None:
    """Without u.user, the users are those who rated, in the order of their numbers."""
    (folder / "u.user").unlink()
    assert loading.load(folder).users.ids == tuple(str(u + 1) for u in np.unique(world.ratings.user))


def test_genres_without_a_table(folder: Path, world: World) -> None:
    """Without u.genre, the columns are the nineteen genres of the data set."""
    (folder / "u.genre").unlink()
    assert loading.load(folder).items.tags == world.ratings.items.tags


def test_a_genre_without_a_name(folder: Path) -> None:
    """A genre that has no name in u.genre is no tag of any film: an empty tag cannot be kept."""
    genres = folder / "u.genre"
    genres.write_text(genres.read_text().replace("Action|", " |"))
    assert all(tag.strip() for tags in loading.load(folder).items.tags for tag in tags)


def test_a_column_of_users_with_the_mark_between_tags() -> None:
    """What a column says of users becomes a tag without "|", which stands between tags where they are kept."""
    users = Users(("1", "2"), {"occupation": ("a|b", "c")})
    assert users.as_items().tags == (("occupation a/b",), ("occupation c",))


def test_line_ends_of_windows(folder: Path, world: World) -> None:
    """Lines may end in CR LF, and blank lines may follow the last."""
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\n")
    read = loading.load(folder)
    assert (len(read), read.users, read.items.tags) == (
        len(world.ratings),
        world.ratings.users,
        world.ratings.items.tags,
    )


@pytest.mark.parametrize(
    ("file", "number", "line", "complaint"),
    [
        ("u.data", 2, "1\t2\tnan\t880000000", "the rating is not a number: 'nan'"),
        ("u.data", 2, "1\t2\tinf\t880000000", "the rating is not a number: 'inf'"),
        ("u.data", 2, "1\t2\t3\tnow", "the time is invalid: 'now'"),
        ("u.data", 2, "1\t2\t3\t" + "9" * 19, "the time is invalid: '9999999999999999999'"),
        ("u.data", 2, "1\t2\t3\t" + "9" * 400, "the time is invalid: '999"),
        ("u.data", 2, "1\t2\t3\t880000000000000", "the time is not in the years 1 to 9999: '880000000000000'"),
        ("u.data", 2, "999\t2\t3\t880000000", "user id '999' is not in u.user"),
        ("u.data", 2, "", "the row is blank: ''"),
        ("u.data", 2, "\xff\t2\t3\t880000000", "user id 'ÿ' is not in u.user"),
        ("u.item", 3, "3|Film (1990)|||" + "|0" * 20, "25 columns instead of 24"),
        ("u.item", 3, "3|Film (1990)|||" + "|2" * 19, "the genre column '2' is neither 0 nor 1"),
        ("u.item", 3, "1|Film (1990)|||" + "|0" * 19, "duplicate item id '1', first in line 1"),
        ("u.user", 3, "1|20|M|other|00000", "duplicate user id '1', first in line 1"),
        ("u.user", 3, "3|20|M|other", "4 columns instead of 5"),
        ("u.genre", 3, "Action", "1 columns instead of 2"),
        ("u.info", 1, "199 users", "it says 199 users, the files hold 200"),
        ("u.info", 2, "119 items", "it says 119 items, the files hold 120"),
        ("u.info", 3, "many ratings", "the count 'many' is not a whole number"),
    ],
)
def test_complaints_name_file_and_line(folder: Path, file: str, number: int, line: str, complaint: str) -> None:
    """What cannot be read is answered with the file, the line, what stands there, and what to do."""
    set_line(folder / file, number, line)
    with pytest.raises(DataError) as caught:
        loading.load(folder)
    assert caught.value.message.startswith(f"{folder / file}, line {number}: ")
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("file", ["u.data", "u.item", "u.user", "u.genre", "u.info"])
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_empty_files(folder: Path, file: str, content: bytes) -> None:
    """A file with nothing in it is said to be empty."""
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match="the file is empty"):
        loading.load(folder)


def test_utf8_titles(folder: Path, world: World) -> None:
    """A u.item that was converted to UTF-8 is read as that, with the same titles: as latin-1, accents were garbled."""
    text = (folder / "u.item").read_bytes().decode("latin-1")
    assert not text.isascii()
    (folder / "u.item").write_bytes(text.encode())
    assert loading.load(folder).items.titles == world.ratings.items.titles


def test_bad_rows_can_be_left_out(folder: Path) -> None:
    """A rating outside the scale of 1 to 5 is a bad row as in any table: left out if asked for, or collected."""
    set_line(folder / "u.data", 2, "1\t2\t5.5\t880000000")
    with pytest.raises(DataError, match=r"u\.data, line 2: the rating is outside the scale 1 to 5: '5\.5'"):
        loading.load(folder)
    assert len(loading.load(folder, options=ReadOptions(on_bad_rows=OnBadRows.SKIP))) == 7_999
    problems: list[Problems] = []
    loading.load(folder, problems=problems)
    assert [(problem.line, problem.value) for problem in problems[0].listed] == [(2, "5.5")]


@pytest.mark.parametrize("cut", [1, -1])
def test_rows_missing_at_the_end(folder: Path, cut: int) -> None:
    """Lines that were lost, or stand twice, are noticed by the counts of u.info."""
    lines = (folder / "u.data").read_bytes().splitlines(keepends=True)
    (folder / "u.data").write_bytes(b"".join(lines[:-1] if cut < 0 else [*lines, lines[0]]))
    held = f"{len(lines) + cut:,}"
    with pytest.raises(DataError, match=rf"u\.info, line 3: it says 8,000 ratings, the files hold {held}"):
        loading.load(folder)


def test_the_folder_of_a_zip_is_found(made_files: Path, tmp_path: Path, world: World) -> None:
    """The zip as it is downloaded, with the folder inside, reads like the folder."""
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        for path in made_files.iterdir():
            archive.write(path, f"deep/made/{path.name}")
    read = loading.load(tmp_path / "made.zip")
    assert (read.data.name, read.users) == ("made", world.ratings.users)
    np.testing.assert_array_equal(read.value, world.ratings.value)

"""The later editions of MovieLens, planted in their formats."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke
from planted import World

from embedcli.data.loading import load
from embedcli.data.ratings import Ratings
from embedcli.data.read_options import Duplicates, ReadOptions
from embedcli.errors import DataError, UsageError


def write_dat(folder: Path, ratings: Ratings) -> Path:
    """Write ratings as ml-1m does: movies.dat, users.dat and ratings.dat, `::` between the fields, latin-1."""
    folder.mkdir()
    items, users = ratings.items, ratings.users
    films = zip(items.ids, items.titles, ("|".join(tags) for tags in items.tags), strict=True)
    people = (f"{user}::{'MF'[at % 2]}::{(1, 18, 56)[at % 3]}::{at % 21}::00000" for at, user in enumerate(users.ids))
    for name, lines in (("movies.dat", ("::".join(film) for film in films)), ("users.dat", people)):
        (folder / name).write_bytes("".join(line + "\n" for line in lines).encode("latin-1"))
    (folder / "ratings.dat").write_text("".join(line + "\n" for line in rows(ratings, "::")))
    return folder


def write_csv(folder: Path, ratings: Ratings) -> Path:
    """Write ratings as ml-latest does: movies.csv, links.csv and ratings.csv, half stars, quoted titles."""
    folder.mkdir()
    items = ratings.items
    films = [
        f'{identifier},"{title}",{"|".join(tags) or "(no genres listed)"}'
        for identifier, title, tags in zip(items.ids, items.titles, items.tags, strict=True)
    ]
    links = [f"{identifier},00{identifier},{identifier}" for identifier in items.ids[:-1]]
    for name, header, lines in (
        ("movies.csv", "movieId,title,genres", films),
        ("links.csv", "movieId,imdbId,tmdbId", links),
        ("ratings.csv", "userId,movieId,rating,timestamp", rows(ratings, ",", 0.5)),
    ):
        (folder / name).write_text("\r\n".join([header, *lines, ""]), encoding="utf-8", newline="")
    return folder


def rows(ratings: Ratings, separator: str, unit: float = 1) -> list[str]:
    """Return the lines of the ratings; `unit` is what one star becomes."""
    assert ratings.timestamp is not None
    columns = zip(ratings.user, ratings.item, ratings.value, ratings.timestamp, strict=True)
    return [
        separator.join((ratings.users.ids[user], ratings.items.ids[item], f"{unit * value:g}", str(time)))
        for user, item, value, time in columns
    ]


def same(read: Ratings, made: Ratings, unit: float = 1) -> None:
    """Hold what was read against what was written."""
    assert read.items.ids == made.items.ids
    assert read.items.titles == made.items.titles
    assert read.items.tags == made.items.tags
    assert read.items.years == made.items.years
    assert sorted(read.users.ids) == sorted(made.users.ids)
    assert [read.users.ids[code] for code in read.user] == [made.users.ids[code] for code in made.user]
    np.testing.assert_array_equal(read.item, made.item)
    np.testing.assert_array_equal(read.value, unit * made.value)
    np.testing.assert_array_equal(read.timestamp, made.timestamp)  # type: ignore[arg-type]
    assert read.data.noun == "film"


def test_dat_files(world: World, tmp_path: Path) -> None:
    """An edition with `::` comes out as it was written, a film without ratings too, and codes spelled out."""
    read = load(write_dat(tmp_path / "my copy", world.ratings))
    same(read, world.ratings)
    assert read.users.ids == world.ratings.users.ids
    assert [read.users.columns[name][1] for name in ("gender", "age", "occupation")] == [
        "F",
        "18 to 24",
        "academic/educator",
    ]
    assert (read.data.name, read.data.title, read.data.scale) == ("my copy", "my copy", (1, 5))


@pytest.mark.parametrize("packed", [False, True])
def test_csv_files(world: World, tmp_path: Path, packed: bool) -> None:
    """An edition in csv comes out as it was written, from a folder or a zip of any name, with half stars and links."""
    folder = write_csv(tmp_path / "whatever", world.ratings)
    if packed:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for path in folder.iterdir():
                archive.write(path, f"deep/ml-x/{path.name}")
    read = load(tmp_path / "a.zip" if packed else folder)
    same(read, world.ratings, 0.5)
    assert read.items.columns["imdb_id"][:2] == ("001", "002")
    assert read.items.columns["tmdb_id"][-1] == ""
    assert read.data.scale == (0.5, 2.5)


def test_ratings_alone_are_a_table(world: World, tmp_path: Path) -> None:
    """A folder with ratings.csv and no films is read as a table."""
    folder = write_csv(tmp_path / "bare", world.ratings)
    (folder / "movies.csv").unlink()
    read = load(folder)
    assert read.items.titles == read.items.ids
    assert len(read) == len(world.ratings)


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("ratings.csv", "1,999,3,4", "line 8,002: item id '999' is not in movies.csv"),
        ("ratings.csv", "1,2,good,4", "line 8,002: the rating is not a number: 'good'"),
        ("ratings.csv", "1,2", "line 8,002: the row does not have 4 columns: '1,2'"),
        ("movies.csv", "7,no genres", "line 122: 2 columns instead of 3: '7,no genres'"),
        ("movies.csv", "7,Again (1999),Drama", "movies.csv, line 122: duplicate movieId '7', first in line 8"),
    ],
)
def test_broken_editions(world: World, tmp_path: Path, file: str, line: str, complaint: str) -> None:
    """What is wrong in a file of an edition is named with its line."""
    folder = write_csv(tmp_path / "broken", world.ratings)
    with (folder / file).open("a", encoding="utf-8", newline="") as content:
        content.write(line + "\n")
    with pytest.raises(DataError) as caught:
        load(folder)
    assert complaint in caught.value.message


def test_genres_with_blanks(world: World, tmp_path: Path) -> None:
    """Blanks around a genre of movies.csv are not part of it, and blanks alone are no genre."""
    folder = write_csv(tmp_path / "blanks", world.ratings)
    with (folder / "movies.csv").open("a", encoding="utf-8", newline="") as content:
        content.write("999,Blank (1999),Drama || War\n")
    assert load(folder).items.tags[-1] == ("Drama", "War")


def test_a_header_that_is_another(world: World, tmp_path: Path) -> None:
    """A movies.csv with another header is refused with what is expected."""
    folder = write_csv(tmp_path / "other", world.ratings)
    (folder / "movies.csv").write_text("id,name\n1,A\n")
    with pytest.raises(
        DataError, match=r"movies\.csv, line 1: the header is 'id,name' instead of 'movieId,title,genres'"
    ):
        load(folder)


def test_repeated_ratings_of_an_edition(world: World, tmp_path: Path) -> None:
    """A pair that stands twice ends the reading, unless it is said which counts; column options are refused."""
    folder = write_dat(tmp_path / "again", world.ratings)
    lines = (folder / "ratings.dat").read_text().splitlines()
    (folder / "ratings.dat").write_text("\n".join([*lines, lines[3]]) + "\n")
    with pytest.raises(DataError, match=r"ratings\.dat, line 8,001: user .* before, in line 4"):
        load(folder)
    assert len(load(folder, options=ReadOptions(duplicates=Duplicates.LAST))) == len(world.ratings)
    with pytest.raises(UsageError, match="`user_col` has no meaning"):
        load(folder, options=ReadOptions(user_col="1"))


def test_describe_and_check(world: World, tmp_path: Path, embedcli: Invoke) -> None:
    """`data describe` counts what there is; `data check` lists what is wrong by line, and exits with 1 for it."""
    folder = write_csv(tmp_path / "made", world.ratings)
    shown = embedcli("data", "describe", folder)
    assert shown.exit_code == 0, shown.stderr
    for fact in ("ratings  8,000", "users    200", "films    120 (1 without a rating)", "0.5 to 2.5, mean"):
        assert fact in shown.stdout
    assert embedcli("data", "check", folder).exit_code == 0
    with (folder / "ratings.csv").open("a", encoding="utf-8") as content:
        content.write("1,2,good,4\n")
    checked = embedcli("data", "check", folder, "--format", "csv")
    assert checked.exit_code == 1
    assert checked.stdout.splitlines()[1].endswith("ratings.csv,8002,the rating is not a number,good")


def test_long_id_is_shortened_in_a_message(world: World, tmp_path: Path) -> None:
    """A user that users.dat does not have is named by line, in a message that can be read whatever the id's length."""
    folder = write_dat(tmp_path / "made", world.ratings)
    with (folder / "ratings.dat").open("a") as content:
        content.write("9" * 5000 + "::1::3::978300760\n")
    with pytest.raises(DataError, match=r"ratings\.dat, line 8,001: user id '999.* is not in users\.dat") as caught:
        load(folder)
    assert len(caught.value.message) < 300

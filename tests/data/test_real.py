"""What is known of MovieLens 100K, whichever source it came from."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from embedcli.data.formats.movielens_100k import GENRES
from embedcli.data.ratings import Ratings

pytestmark = pytest.mark.real_data

# sha256 of u1.test .. u5.test as GroupLens cut them
FOLDS = {
    "u1": "18c6014a4b2c7324f250a63f8904a7b16b2b19f911129e346141507b0cbac950",
    "u2": "4de658d1e04ed9104629509a2e2528fce833ac8e048280183f1df167632038c3",
    "u3": "0f548b51c78327de4c156461d3e430b7e5579fe2b5681586a59416e48fd35f6d",
    "u4": "7c02ad0a1e7ab1083c8b9d4b627203a051dd7b5eab46d99fa44de33470de8db9",
    "u5": "351cc52e0d15b6c721466276fc24671d40936899e3d01fadeaf312915b8c5634",
}


def as_lines(ratings: Ratings) -> bytes:
    """Write ratings the way u.data does, sorted by user and item as the files of the folds are."""
    assert ratings.timestamp is not None
    users, items = (np.array(table.ids, dtype=int) for table in (ratings.users, ratings.items))
    columns = (users[ratings.user], items[ratings.item], ratings.value.astype(int), ratings.timestamp)
    rows = sorted(zip(*(column.tolist() for column in columns), strict=True))
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def test_counts_and_bytes(movielens: Ratings) -> None:
    """There are 100,000 ratings of 1,682 films by 943 users, from the very bytes of the original u.data."""
    assert (len(movielens), len(movielens.items), len(movielens.users)) == (100_000, 1_682, 943)
    assert movielens.data.sha256 == "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
    assert (movielens.data.name, movielens.data.title) == ("ml-100k", "MovieLens 100K")


def test_ratings(movielens: Ratings) -> None:
    """The ratings are whole stars, 3.52986 on average, and every user gave twenty or more."""
    assert np.unique(movielens.value).tolist() == [1, 2, 3, 4, 5]
    assert movielens.value.mean(dtype=float) == pytest.approx(3.52986)
    assert np.bincount(movielens.user).min() == 20


def test_titles_beyond_ascii(movielens: Ratings) -> None:
    """The nine titles with accents come out right."""
    assert {
        int(i): title
        for i, title in zip(movielens.items.ids, movielens.items.titles, strict=True)
        if not title.isascii()
    } == {
        543: "Misérables, Les (1995)",
        1005: "Double vie de Véronique, La (Double Life of Veronique, The) (1991)",
        1104: "C'est arrivé près de chez vous (1992)",
        1233: "Nénette et Boni (1996)",
        1252: "Contempt (Mépris, Le) (1963)",
        1322: "Metisse (Café au Lait) (1993)",
        1366: "JLG/JLG - autoportrait de décembre (1994)",
        1623: "Cérémonie, La (1995)",
        1633: "Á köldum klaka (Cold Fever) (1994)",
    }


def test_titles_are_no_keys(movielens: Ratings) -> None:
    """Eighteen titles stand twice."""
    assert Counter(Counter(movielens.items.titles).values()) == {1: 1_646, 2: 18}


def test_the_film_without_a_name(movielens: Ratings) -> None:
    """Film 267 is `unknown`, without a year, and the only one without; a trailing (V) hides no year."""
    items = movielens.items
    assert (items.ids[266], items.titles[266], items.tags[266]) == ("267", "unknown", ("unknown",))
    assert [row for row, year in enumerate(items.years) if year is None] == [266]
    assert (items.titles[1411], items.years[1411]) == (
        "Land Before Time III: The Time of the Great Giving (1995) (V)",
        1995,
    )


def test_genres_and_people(movielens: Ratings) -> None:
    """Films carry the nineteen genres and users their age, gender, occupation and zip code."""
    genres = Counter(tag for tags in movielens.items.tags for tag in tags)
    assert set(genres) == set(GENRES)
    assert (genres["Drama"], genres["Film-Noir"]) == (725, 24)
    assert [column[0] for column in movielens.users.columns.values()] == ["24", "M", "technician", "85711"]


@pytest.mark.parametrize("fold", FOLDS)
def test_official_folds(movielens: Ratings, fold: str) -> None:
    """The K-th fifth of the rows is the official uK.test, byte for byte once it is sorted as that file is."""
    split = movielens.split(fold)
    assert hashlib.sha256(as_lines(split.test)).hexdigest() == FOLDS[fold]
    assert len(split.train) == 80_000

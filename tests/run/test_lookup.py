"""Finding an item by what people type."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted import titled_run

from embedcli.errors import UsageError
from embedcli.run import lookup
from embedcli.run.lookup import closest, find, find_all
from embedcli.run.record import ItemStats, Run

TITLES = (
    "Godfather, The (1972)",
    "Star Wars (1977)",
    "Empire Strikes Back, The (1980)",
    "Sabrina (1954)",
    "Sabrina (1995)",
    "Chasing Amy (1997)",
    "Chasing Amy (1997)",
    "1900 (1976)",
    "2",
    "[REC] (2007)",
    "Amélie (2001)",
    "Avventura, L' (1960)",
    "?! (1999)",
)


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a run of a few films, with ids from 1 on."""
    return titled_run(TITLES)


@pytest.mark.parametrize(
    ("asked", "row"),
    [
        ("1", 0),
        ("id:9", 8),
        ("title:2", 8),
        ("Star Wars (1977)", 1),
        ("star wars (1977)", 1),
        ("Star Wars", 1),
        ("the godfather", 0),
        ("The Godfather (1972)", 0),
        ("Godfather, The", 0),
        ("empire strikes back, the (1980)", 2),
        ("sabrina (1995)", 4),
        ("1900", 7),
        ("[rec]", 9),
        ("amélie", 10),
        ("amelie", 10),
        ("AMELIE (2001)", 10),
        ("avventura, l'", 11),
        ("id:7", 6),
        ("l'avventura", 11),
        ("L'Avventura (1960)", 11),
        ("?!", 12),
    ],
)
def test_found(run: Run, asked: str, row: int) -> None:
    """An id, an exact title, or the title without case, year or the article's place finds the item."""
    assert find(run, asked) == row


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ("2", "is the id of 'Star Wars (1977)' and the title of the film with the id '9'", "id:2 or title:2"),
        ("Chasing Amy (1997)", "is the title of 2 films", "id:6 is 'Chasing Amy (1997)', id:7"),
        ("Sabrina", "is the title of 2 films", "id:4 is 'Sabrina (1954)', id:5 is 'Sabrina (1995)'"),
        ("Star Wars (1978)", "has no film 'Star Wars (1978)'", "'Star Wars (1977)'"),
        ("empire strikes", "has no film 'empire strikes'", "'Empire Strikes Back, The (1980)'"),
        ("Stra Wars", "has no film", "'Star Wars (1977)'"),
        ("id:Star Wars", "has no film", "'Star Wars (1977)'"),
        ("qqqqq", "has no film 'qqqqq'", "embedcli biases"),
        ("amelie (2002)", "has no film", "'Amélie (2001)'"),
        ("", "has no film ''", "embedcli biases"),
    ],
)
def test_not_found(run: Run, asked: str, message: str, hint: str) -> None:
    """What is not found, or not one thing, is answered with what would have been."""
    with pytest.raises(UsageError) as error:
        find(run, asked)
    assert message in error.value.message
    assert hint in error.value.hint


def test_the_spelling_of_the_most_rated_is_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many titles, only the spelling of the most rated is compared, which takes longest."""
    for most, titles in ((2, ["Star Wars (1977)"]), (1, [])):
        monkeypatch.setattr(lookup, "MOST_COMPARED", most)
        assert closest(run, "Stra Wars") == titles


def test_closest_are_the_most_rated_first(run: Run) -> None:
    """Of the titles that hold the words asked for, the most rated stands first."""
    turned = replace(run, item_stats=ItemStats(run.item_stats.n_ratings[::-1].copy(), run.item_stats.mean_rating))
    assert closest(run, "the") == ["Godfather, The (1972)", "Empire Strikes Back, The (1980)"]
    assert closest(turned, "the") == ["Empire Strikes Back, The (1980)", "Godfather, The (1972)"]


ASKED = (
    *(
        "1",
        "id:9",
        "title:2",
        "Star Wars",
        "the godfather",
        "Godfather, The",
        "sabrina (1995)",
        "1900",
        "[rec]",
        "l'avventura",
    ),
    *("id:7", "sabrina", "chasing amy", "star wars (1980)", "title:1", "id:99", "title:", "", "nonsense", "?!", "!?"),
)


def test_many_are_found_as_one(run: Run) -> None:
    """`find_all` finds what `find` finds, and has -1 for what that refuses."""

    def alone(text: str) -> int:
        try:
            return find(run, text)
        except UsageError:
            return -1

    expected = [alone(text) for text in ASKED]
    assert find_all(run, ASKED) == expected
    assert {-1, 0, 1, 4, 8} <= set(expected)


def test_an_id_comes_before_a_title(run: Run) -> None:
    """In a table a text that is the id of one film and the title of another is the id; `find` asks which is meant."""
    assert find_all(run, ["2", "title:2"]) == [1, 8]
    with pytest.raises(UsageError, match="is the id of"):
        find(run, "2")

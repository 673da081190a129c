"""Axes of tastes in a run: found at training, stored, and seen from the users' side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from planted import World

from embedcli.data.features import FEWEST_TAGGED, described
from embedcli.data.ratings import Items
from embedcli.run.record import Run
from embedcli.training.evaluation import observed
from embedcli.training.tastes import exchanged, tastes_of


def test_the_planted_genres_are_an_axis_of_tastes(trained: Run, world: World) -> None:
    """The factor of the planted world is the first axis of tastes: Action at one end, Romance at the other."""
    items = next(tastes for tastes in trained.training.tastes if tastes.of == "items")
    first = items.axes[0]
    assert {word.name for word in first.words} == {"Action", "Romance"}
    assert all(word.is_kept and abs(word.loading) > 0.9 for word in first.words)
    assert (first.p, first.t > 20, first.halves > 0.95) == (0.01, True, True)
    places = trained.array("tastes_items")[0]
    rated = trained.item_stats.n_ratings > 0
    assert abs(np.corrcoef(places[rated], world.axis[rated])[0, 1]) > 0.9
    assert not places[~rated].any()


def test_numbers_are_words_if_asked(trained: Run) -> None:
    """With numbers, year, bias and log n are further words, and tags of too few items are left out and counted."""
    tastes = {tastes.of: tastes for tastes in trained.training.tastes}
    assert tastes["items_with_numbers"].n_words == tastes["items"].n_words + 3
    assert tastes["items"].n_left_out == 1  # "unknown"


def test_users_see_their_own(trained: Run) -> None:
    """From the users' side the axes are those of the users' columns, with a place for each user."""
    users = trained.table("users")
    (tastes,) = users.training.tastes
    assert tastes.of == "items"
    assert tastes.n_words == next(own.n_words for own in trained.training.tastes if own.of == "users")
    assert users.array("tastes_items").shape == (len(tastes.axes), len(users.items))
    assert users.array("tastes_users_appeal").shape == (len(tastes.axes), len(trained.items))


def test_exchanged_rows_are_the_same_ratings(world: World) -> None:
    """Users and items change places, and the ratings stay."""
    rows = observed(world.ratings)
    other = exchanged(rows)
    assert (other.n_users, other.n_items) == (rows.n_items, rows.n_users)
    np.testing.assert_array_equal(other.user, rows.item)
    np.testing.assert_array_equal(other.value, rows.value)


def test_nothing_known_makes_no_tastes(world: World) -> None:
    """Without tags, years and columns only bias and log n can be words, and the same seed finds the same."""
    items = world.ratings.items
    bare = replace(
        world.ratings,
        items=Items(items.ids, items.titles, (None,) * len(items), ((),) * len(items)),
        users=replace(world.ratings.users, columns={}),
    )
    fold = np.arange(len(bare), dtype=np.uint8) % 3
    (tastes,), arrays = tastes_of(bare, fold, np.random.default_rng(0))
    assert (tastes.of, tastes.n_words, list(arrays)) == ("items_with_numbers", 2, ["tastes_items_with_numbers"])
    again, same = tastes_of(bare, fold, np.random.default_rng(0))
    assert again == [tastes]
    np.testing.assert_array_equal(arrays["tastes_items_with_numbers"], same["tastes_items_with_numbers"])


def test_described_takes_what_enough_items_have() -> None:
    """Tags need enough rated items with and without them; columns of words are tags, numbers stay, ids are left."""
    n = 3 * FEWEST_TAGGED
    ids = tuple(map(str, range(n)))
    tags = tuple(("all", *(("half",) if j % 2 else ()), *(("few",) if j < FEWEST_TAGGED - 1 else ())) for j in range(n))
    columns = {
        "country": tuple("FR" if j % 2 else "DE" for j in range(n)),
        "runtime": tuple("" if j == 3 else str(90 + j % 7) for j in range(n)),
        "imdb": ids,
    }
    found = described(Items(ids, ids, (None,) * n, tags, columns), np.ones(n, dtype=bool))
    assert found.tag_names == ("country DE", "country FR", "half")
    assert found.tags.sum(0).tolist() == [n / 2] * 3
    assert found.number_names == ("runtime",)
    assert np.isnan(found.numbers[3, 0])
    assert found.numbers[4, 0] == 94
    assert found.n_left_out == 2

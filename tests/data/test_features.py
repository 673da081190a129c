"""Tables of what is known of users and items besides their ratings."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.data import features
from embedcli.data.features import item_features, user_features
from embedcli.data.ratings import Items, Users


def items(
    n: int, tags: tuple[tuple[str, ...], ...], years: tuple[int | None, ...], **columns: tuple[str, ...]
) -> Items:
    """Return n items with tags, years and columns."""
    ids = tuple(map(str, range(n)))
    return Items(ids, ids, years, tags, columns)


def test_tags_have_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item's tags have the length 1 together; tags of few items are left out, and so may be all of an item's."""
    monkeypatch.setattr(features, "FEWEST_WITH_TAG", 2)
    table = item_features(items(4, (("a", "b"), ("a",), ("b", "rare"), ("rare2",)), (None,) * 4))
    np.testing.assert_allclose(table, [[0.5**0.5, 0.5**0.5], [1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_rare_years_are_decades(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year with enough items has a column of its own, the others that of their decade, an unknown year none."""
    monkeypatch.setattr(features, "FEWEST_OF_YEAR", 2)
    table = item_features(items(5, ((),) * 5, (1995, 1995, 1991, 1998, None)))
    assert table.shape == (5, 2)
    np.testing.assert_array_equal(
        table @ table.T, [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0] * 5]
    )


def test_columns_of_users() -> None:
    """Words and few numbers count as kinds, many numbers as ten bins of as many users, names and ids not at all."""
    n = 300
    age = tuple("" if j == 7 else str(18 + j % 70) for j in range(n))
    table = user_features(
        Users(
            tuple(map(str, range(n))),
            {
                "sex": ("F", "M") * (n // 2),
                "age": age,
                "zip": tuple(f"V{j % 200}" for j in range(n)),
                "id": tuple(map(str, range(n))),
            },
        )
    )
    assert table.shape == (n, 2 + 10)
    assert table[7].sum() == 1  # the age is not known
    np.testing.assert_array_equal(table.sum(1)[:7], 2)
    assert 20 <= table[:, 2:].sum(0).min() <= table[:, 2:].sum(0).max() <= 40


def test_nothing_known_is_no_column() -> None:
    """Users without columns and items without tags and years have tables without columns."""
    assert user_features(Users(("1", "2"))).shape == (2, 0)
    assert item_features(items(2, ((), ()), (None, None))).shape == (2, 0)

"""What is known of users and items besides their ratings, as tables of numbers: tags, years and columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import MOST_KINDS, Items, Users, kinds_of
from embedcli.data.text import number_of

MOST_TAGS, FEWEST_WITH_TAG = 200, 5  # the most common tags, each of at least 5 items
FEWEST_OF_YEAR = 20  # items, else a year counts as part of its decade
N_BINS = 10  # of numbers, each with as many rows
FEWEST_TAGGED = 20  # rated items with a tag, and without it: fewer tell nothing of it
Table = NDArray[np.float32]


class Described(NamedTuple):
    """What people can say of items: tags (I, G) that enough of them have and lack, numbers (I, P), NaN if unknown."""

    tag_names: tuple[str, ...]
    tags: NDArray[np.bool_]
    number_names: tuple[str, ...]
    numbers: NDArray[np.float64]
    n_left_out: int  # tags of too few or too many items


def described(items: Items, is_rated: NDArray[np.bool_]) -> Described:
    """Return the tags of items, also those of columns of words, and columns of numbers; users come as items, too."""
    every = [set(own) | set(kinds) for own, kinds in zip(items.tags, kinds_of(items.columns, len(items)), strict=True)]
    counts = Counter(tag for own, rated in zip(every, is_rated.tolist(), strict=True) if rated for tag in own)
    most = int(is_rated.sum()) - FEWEST_TAGGED
    names = sorted(tag for tag, n in counts.items() if FEWEST_TAGGED <= n <= most)
    position = {tag: j for j, tag in enumerate(names)}
    tags = np.zeros((len(items), len(names)), dtype=np.bool_)
    for row, own in enumerate(every):
        tags[row, [position[tag] for tag in own if tag in position]] = True
    numbers = {
        name: values
        for name, values in number_columns(items.columns).items()
        if (is_rated & np.isfinite(values)).sum() >= FEWEST_TAGGED and np.ptp(values[is_rated & np.isfinite(values)])
    }
    table = np.column_stack([np.zeros((len(items), 0)), *numbers.values()])
    return Described(tuple(names), tags, tuple(numbers), table, len(counts) - len(names))


def number_columns(columns: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.float64]]:
    """Return the columns of numbers, NaN if one is missing; a column in which most values differ is of ids."""
    found = {}
    for name, column in columns.items():
        kinds = set(column) - {""}
        if 1 < len(kinds) <= len(column) / 2 and not any(number_of(kind) is None for kind in kinds):
            found[name] = np.array([number_of(text) if text else np.nan for text in column], dtype=np.float64)
    return found


def item_features(items: Items) -> Table:
    """Return a table (I, m) of tags, years and further columns; m may be 0.

    The tags of an item have the length 1, whatever their number; the others have a 1 for each value that is known.
    """
    counts = Counter(tag for tags in items.tags for tag in tags)
    common = [tag for tag, n in counts.most_common(MOST_TAGS) if n >= FEWEST_WITH_TAG]
    further = _columns(items.columns.values(), len(items))
    return np.concatenate([_tags(items.tags, common), _one_hot(_years(items.years)), further], 1)


def user_features(users: Users) -> Table:
    """Return a table (U, m) of the columns of the users; m may be 0."""
    return _columns(users.columns.values(), len(users))


def _tags(tags: Sequence[Sequence[str]], common: Sequence[str]) -> Table:
    position = {tag: j for j, tag in enumerate(common)}
    table = np.zeros((len(tags), len(common)), np.float32)
    for row, own in enumerate(tags):
        known = [position[tag] for tag in own if tag in position]
        table[row, known] = max(len(known), 1) ** -0.5
    return table


def _years(years: Sequence[int | None]) -> list[str]:
    """Return each year, or its decade if it has few items, as a label; empty if it is unknown."""
    counts = Counter(years)
    return [
        "" if year is None else str(year) if counts[year] >= FEWEST_OF_YEAR else f"{year // 10 * 10}s" for year in years
    ]


def _columns(columns: Iterable[Sequence[str]], n: int) -> Table:
    """Return the one-hot tables of columns side by side, (n, m); a column of names or of ids has none."""
    tables = [_one_hot(labels) for column in columns if (labels := _labels(column))]
    return np.concatenate([np.zeros((n, 0), np.float32), *tables], 1)


def _labels(column: Sequence[str]) -> Sequence[str]:
    """Return few kinds as they are, numbers as the bins that they fall in, and nothing for another column."""
    kinds = set(column)
    if len(kinds) <= MOST_KINDS:
        return column
    numbers = np.array([number_of(text) for text in column], dtype=np.float64)  # NaN for no number
    is_number = np.isfinite(numbers)
    if len(kinds) > len(column) / 2 or not all(is_number | np.array([not text for text in column])):
        return ()
    edges = np.quantile(numbers[is_number], np.linspace(0, 1, N_BINS + 1)[1:-1])
    return [
        str(np.searchsorted(edges, number)) if known else "" for number, known in zip(numbers, is_number, strict=True)
    ]


def _one_hot(labels: Sequence[str]) -> Table:
    """Return a column for each label but the empty one, (n, m)."""
    kinds = {label: j for j, label in enumerate(sorted(set(labels) - {""}))}
    table = np.zeros((len(labels), len(kinds)), np.float32)
    for row, label in enumerate(labels):
        if label:
            table[row, kinds[label]] = 1
    return table

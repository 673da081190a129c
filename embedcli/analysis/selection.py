"""What the analyses share: which items they look at, how many they return, and how an item is described."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from embedcli.errors import UsageError
from embedcli.evidence.bases import TOP_ITEMS, Floats, Rows, most_rated
from embedcli.run.lookup import Name, Row, find
from embedcli.run.record import Run

Asked = Name | Iterable[Name]  # an item or several, by title, id or Row
RecordOfItem = TypeVar("RecordOfItem")
MOST_UNRATED = 20_000  # items that are analysed by default if nothing tells which are rated most


def check_limit(limit: int, what: str) -> None:
    """Raise UsageError unless `limit` is at least 1; `what` names what is limited."""
    if limit < 1:
        raise UsageError(f"`limit` {limit} is below 1", f"give the number of {what}, such as `limit` 10")


def rated_often(run: Run, min_ratings: int) -> Rows:
    """Return the row numbers of the items with at least `min_ratings` training ratings; UsageError if none has.

    In a run without ratings all items pass.
    """
    check_min_ratings(min_ratings)
    rows = np.flatnonzero(run.item_stats.has_at_least(min_ratings))
    if not len(rows):
        n = run.item_stats.n_ratings
        raise UsageError(
            f"`min_ratings` {min_ratings} leaves no {run.data.noun}: the most rated has {n.max():,}",
            f"give `min_ratings` {n.max()} or less",
        )
    return rows


def rated(run: Run, min_ratings: int) -> Rows:
    """Return what `rated_often` returns, without items that have no training rating if any item has one."""
    rows = rated_often(run, min_ratings)
    return rows[run.item_stats.is_rated[rows]]


def passing(run: Run, n_items: int, min_ratings: int) -> str:
    """Return which items pass that filter, in words."""
    items = f"{n_items:,} {run.data.noun}s"
    return f"{items} with at least {min_ratings} {run.data.rows_noun}" if run.item_stats.is_known else f"all {items}"


def most_rated_first(
    run: Run, min_ratings: int | None, top_items: int | None, most: int | None = None
) -> tuple[Rows, str]:
    """Return (row numbers of the items to analyse, the most rated first; a description of the selection).

    Without `min_ratings` these are the `top_items` most rated, 1,000 by default; never more than `most`. In a run
    without ratings they are the first `top_items`, by default the first MOST_UNRATED.
    """
    if top_items is not None and top_items < 1:
        raise UsageError(f"`top_items` {top_items} is below 1", "give a number of items, such as 1000")
    check_min_ratings(min_ratings or 0)
    n, noun = run.item_stats.n_ratings, f"{run.data.noun}s"
    if not run.item_stats.is_known:
        rows = np.arange(min(len(n), top_items or MOST_UNRATED, most or len(n)))
        return rows, f"all {len(n):,} {noun}" if len(rows) == len(
            n
        ) else f"the first {len(rows):,} of {len(n):,} {noun}"
    enough = most_rated(n, len(n), 1 if min_ratings is None else min_ratings)
    rows = enough[: top_items or TOP_ITEMS] if min_ratings is None or top_items is not None else enough
    if most is not None and len(rows) > most:
        return rows[:most], f"the {most:,} most rated of {len(rows):,} {noun}"
    if min_ratings is None and len(rows) == len(n):
        return rows, f"all {len(rows):,} {noun}"
    if min_ratings is None or len(rows) < len(enough):
        return rows, f"the {len(rows):,} most rated {noun}"
    return rows, f"{len(rows):,} {noun} with at least {min_ratings} {run.data.rows_noun}"


def check_min_ratings(min_ratings: int) -> None:
    """Raise UsageError if `min_ratings` is negative."""
    if min_ratings < 0:
        raise UsageError(f"`min_ratings` {min_ratings} is below 0", "give 0 for all, or a number such as 10")


def row_of(run: Run, item: Name) -> Row:
    """Return the row of an item that is given by its title or id, as `run.lookup.find` takes it, or by its Row.

    Raises UsageError, as `find` does, and for a row that the run does not have.
    """
    if not isinstance(item, Row):
        return find(run, item)
    if not 0 <= item < len(run.items):
        raise UsageError(f"row {item} is not from 0 to {len(run.items) - 1}", f"give the title of a {run.data.noun}")
    return item


def rows_of(run: Run, items: Asked) -> list[Row]:
    """Return the rows of some items as `row_of` does; a single item is a list of one."""
    several = items if isinstance(items, Iterable) and not isinstance(items, str) else [items]
    return [row_of(run, item) for item in several]


def item(run: Run, row: int) -> dict[str, Any]:
    """Return the fields that every record of an item has: title, n_ratings, mean_rating and id."""
    return {
        "title": run.items.titles[row],
        "n_ratings": int(run.item_stats.n_ratings[row]),
        "mean_rating": run.item_stats.mean_of(row),
        "id": run.items.ids[row],
    }


def item_records(
    run: Run, record: Callable[..., RecordOfItem], rows: Rows, **figures: NDArray[Any] | Sequence[Any] | None
) -> tuple[RecordOfItem, ...]:
    """Return a record for each of these rows (n,), with the fields of `item` and its value in each of the figures (n,).

    A figure that is None is unknown for all of them.
    """
    known = {name: [None] * len(rows) if values is None else values for name, values in figures.items()}
    columns = [values.tolist() if isinstance(values, np.ndarray) else values for values in known.values()]
    return tuple(
        record(**item(run, row), **dict(zip(figures, values, strict=True)))
        for row, *values in zip(rows.tolist(), *columns, strict=True)
    )


def mean_over_members(run: Run, name: str) -> Floats:
    """Return the mean of an array of a run over its members, or over its draws; RunError if the run lacks it."""
    mean: Floats = run.array(name).mean(0, dtype=np.float64)
    return mean


def pearson(a: Floats, b: Floats) -> float | None:
    """Return the correlation of a and b (n,), or None if one of them does not vary or a value is missing."""
    varies = len(a) > 1 and np.isfinite(b).all() and np.ptp(a) > 0 and np.ptp(b) > 0
    return float(np.corrcoef(a, b)[0, 1]) if varies else None

"""What a file of vectors is read into, whatever its format, and the checks that all formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Items
from embedcli.data.text import MOST_LETTERS, shorten
from embedcli.errors import DataError
from embedcli.run.predictions import Range
from embedcli.run.record import ItemStats

FREE_GROWTH = 1 << 25  # bytes that a compressed file may decompress to in any case
MOST_GROWTH = 20  # times its size that it may decompress to: numbers hardly shrink
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Part:
    """One named array of a file, which is read when it is needed."""

    shape: tuple[int, ...]
    kind: str  # as the kind of a NumPy data type: f, i, u for numbers, U and S for texts
    read: Callable[[], Any]  # an array, or a list of texts, or a text


@dataclass(frozen=True)
class Vectors:
    """The arrays of a model, by the names of a run, and what its file says of their rows.

    `arrays` have the shapes that a run has: item_factors (M, I, k), user_factors (M, U, k), item_bias (M, I), user_bias
    (M, U), global_bias (M,). What is None is not in the file. `has_padding` says that row 0 may stand for "unknown".
    """

    where: str
    format: str  # what the file was recognised as, in words
    arrays: Mapping[str, NDArray[np.float32]]
    items: Items | None = None
    user_ids: tuple[str, ...] | None = None
    item_stats: ItemStats | None = None
    user_stats: ItemStats | None = None
    link: str | None = None
    y_range: Range | None = None
    has_padding: bool = False
    notes: tuple[str, ...] = field(default=())


def refused(where: str, what: str, hint: str) -> DataError:
    """Return the error for a file that is not what it should be."""
    return DataError(f"{where}: {what}", hint)


def one_line(error: BaseException, limit: int = 120) -> str:
    """Return what an error of a library says, in one line."""
    return shorten(" ".join(str(error).split()), limit)


def check_growth(where: str, n_bytes: int, size: int) -> None:
    """Raise DataError if a file of `size` bytes would take n_bytes in memory, far more than vectors do."""
    if n_bytes > max(FREE_GROWTH, MOST_GROWTH * size):
        raise refused(
            where,
            f"{size:,} bytes that decompress to {n_bytes:,}, more than {MOST_GROWTH} times as many: not vectors",
            "check the file; if it is right, save it without compression",
        )


def as_floats(array: NDArray[Any], name: str, where: str) -> NDArray[np.float32]:
    """Return numbers in float32; DataError for texts, for no number at all, and for a number that is not finite."""
    if array.dtype.kind not in "fiu":
        raise refused(where, f"{name} holds {array.dtype}, not numbers", "save it as float32")
    if not array.size:
        raise refused(where, f"{name} has the shape {array.shape}: it is empty", "save at least one vector")
    with np.errstate(over="ignore"):
        narrow: NDArray[np.float32] = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(narrow)
    if not finite.all():
        row = np.argwhere(~finite)[0].tolist()
        value = array[tuple(row)]
        raise refused(
            where, f"{name}{row} is {value}: not a finite 32-bit number", "leave out what diverged, and save it again"
        )
    return narrow


def checked_ids(ids: Sequence[str], n: int, where: str, what: str = "id") -> tuple[str, ...]:
    """Return the ids of n rows; DataError if they are of another number, or one is empty, not a name or a duplicate."""
    hint = "give each vector an id of its own, and save them again"
    if len(ids) != n:
        raise refused(where, f"{len(ids):,} {what}s for {n:,} vectors", hint)
    row_of: dict[str, int] = {}
    for row, name in enumerate(ids):
        problem = ""
        if not name.strip():
            problem = "is empty"
        elif CONTROLS.search(name):
            problem = "holds a control character"
        elif len(name) > MOST_LETTERS:
            problem = f"has {len(name):,} letters, more than {MOST_LETTERS:,}"
        elif (first := row_of.setdefault(name, row)) != row:
            problem = f"is also that of row {first}"
        if problem:
            raise refused(where, f"the {what} {shorten(name)!r} of row {row} {problem}", hint)
    return tuple(ids)


def texts_of(part: Part, name: str, where: str) -> list[str]:
    """Return ids or titles (n,) that are texts, bytes of UTF-8 or integers, as texts."""
    array = part.read()
    if isinstance(array, list):
        return array
    try:
        if array.dtype.kind == "S":
            return [text.decode() for text in array.tolist()]
    except UnicodeDecodeError as error:
        raise refused(where, f"{name} holds {error.object[:20]!r}, which is not UTF-8", "save it as text") from error
    if array.dtype.kind not in "Uiu" or array.ndim != 1:
        raise refused(
            where, f"{name} is {array.dtype} of shape {array.shape}, not ids (n,)", "save texts or integers, one a row"
        )
    return list(map(str, array.tolist()))


def plain_items(ids: Sequence[str], titles: Sequence[str] | None = None) -> Items:
    """Return items that are known by their ids, and perhaps titles, alone."""
    names, n = tuple(ids), len(ids)
    return Items(names, names if titles is None else tuple(titles), (None,) * n, ((),) * n)


def stats_of(counts: Any, means: Any, side: str, where: str) -> ItemStats:
    """Return numbers and means of ratings (n,); DataError if they are not."""
    try:
        numbers, averages = (np.asarray(values, dtype=np.float64) for values in (counts, means))
    except (TypeError, ValueError):
        numbers = averages = np.full(1, -1.0)
    whole = (numbers >= 0) & (numbers < 1 << 53) & (numbers == np.floor(numbers))
    if numbers.ndim != 1 or numbers.shape != averages.shape or not whole.all() or np.isinf(averages).any():
        what = f"{side}_n_ratings and {side}_mean_rating are not numbers and means of ratings"
        raise refused(where, what, "leave them out, or save one of each for a row")
    return ItemStats(numbers.astype(np.int64), np.where(numbers > 0, averages, np.nan))

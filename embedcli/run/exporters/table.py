"""What the formats with one vector per item are given, and how numbers and names become text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOGETHER = 1 << 13  # rows that are written as text at once
LINE_BREAK = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029\0]")  # what some reader splits lines or columns at


@dataclass(frozen=True)
class Neighbours:
    """The nearest others of some rows (m,): their row numbers and distances (m, k), the nearest first."""

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    distances: NDArray[np.float64]


@dataclass(frozen=True)
class VectorTable:
    """One vector per item, (n, R), and what is known of the items: columns of n values, None for an unknown one.

    The first column is `id`. A column without any known value is left out. `xy` (n, 2) are coordinates for a map.
    """

    noun: str
    vectors: NDArray[np.float32]
    columns: Mapping[str, Sequence[Any]]
    xy: NDArray[np.float64] | None = None
    neighbours: Neighbours | None = None


def number_lines(vectors: NDArray[np.float32], separator: str) -> Iterator[str]:
    """Yield each row of (n, R) as a line of numbers, in the fewest digits that are read back as the same float32."""
    import pyarrow as pa
    import pyarrow.compute as pc

    length = vectors.shape[1]
    for begin in range(0, len(vectors), TOGETHER):
        flat = np.ascontiguousarray(vectors[begin : begin + TOGETHER]).reshape(-1)
        numbers = pa.Array.from_buffers(pa.float32(), len(flat), [None, pa.py_buffer(flat)])  # `pa.array` loads pandas
        texts = pc.cast(numbers, pa.string()).to_pylist()
        yield from (separator.join(texts[row : row + length]) for row in range(0, len(texts), length))


def on_one_line(text: str) -> str:
    """Return text with a blank for each tab, line end and the like."""
    return LINE_BREAK.sub(" ", text)

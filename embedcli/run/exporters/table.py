"""What the formats with one vector per item are given, and how numbers and names become text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLANK = re.compile(r"[\s\0]")  # what some reader splits words at
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


def number_lines(vectors: NDArray[np.float32], separator: str) -> list[str]:
    """Return each row of (n, R) as a line of numbers, in the fewest digits that are read back as the same float32."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n, length = vectors.shape
    numbers, offsets = (  # `pa.array` would import pandas
        pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
        for kind, values in (
            (pa.float32(), np.ascontiguousarray(vectors).reshape(-1)),
            (pa.int32(), np.arange(0, n * length + 1, length, dtype=np.int32)),
        )
    )
    rows = pa.ListArray.from_arrays(offsets, pc.cast(numbers, pa.string()))
    lines: list[str] = pc.binary_join(rows, separator).to_pylist()
    return lines


def on_one_line(text: str) -> str:
    """Return text with a blank for each tab, line end and the like."""
    return LINE_BREAK.sub(" ", text)

"""The pair of files of TensorBoard's embedding projector: numbers between tabs, and the labels of their rows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.item_table import ItemFile
from embedcli.data.sources import Source
from embedcli.data.text import number_of, shorten
from embedcli.run.importers.vectors import Vectors, as_floats, refused

TOGETHER = 4_000_000  # numbers that are parsed at a time
MOST = 1 << 29  # bytes of labels
NAMES = ("vectors", "tensors", "tensor", "embeddings", "embedding")  # in the name of a file, instead of "metadata"
METADATA = "metadata"
HINT = "give numbers between tabs, a row for each vector, and its labels in a metadata.tsv beside the file"


def is_projector(head: bytes) -> bool:
    """Tell whether a file that begins like this has numbers between tabs, and nothing else."""
    line = head.split(b"\n")[0].rstrip(b"\r")
    fields = line.decode(errors="replace").split("\t")
    return len(fields) > 1 and all(number_of(field) is not None for field in fields)


def read_projector(path: Path) -> tuple[Vectors, ItemFile | None]:
    """Read the vectors, and the table of labels beside them if it is there."""
    where = str(path)
    factors = as_floats(_numbers(path), "vectors", where)
    labels = _beside(path)
    table = None if labels is None else _labels(labels)
    return Vectors(where, "vectors of a projector", {"item_factors": factors[None]}), table


def _numbers(path: Path) -> NDArray[np.float32]:
    """Return the numbers of all lines, (n, length)."""
    blocks, numbers, length, where = list[NDArray[np.float32]](), list[str](), 0, str(path)
    with Source(where, path).open() as stream:
        for number, line in enumerate(stream.texts("utf-8"), 1):
            fields = line.rstrip("\r\n").split("\t")
            if fields == [""]:
                continue
            length = length or len(fields)
            if len(fields) != length or any(number_of(field) is None for field in fields):
                raise refused(where, f"line {number:,}: not {length} numbers: {shorten(line.rstrip())!r}", HINT)
            numbers += fields
            if len(numbers) >= TOGETHER:
                blocks.append(np.array(numbers, dtype=np.float32))
                numbers.clear()
    return np.concatenate([*blocks, np.array(numbers, dtype=np.float32)]).reshape(-1, max(length, 1))


def _beside(path: Path) -> Path | None:
    """Return the file of labels that belongs to a file of vectors; a link is not followed."""
    for name in NAMES:
        found = path.with_name(re.sub(rf"\b{name}\b|(?<=_){name}\b", METADATA, path.name))
        if found != path and found.is_file() and not found.is_symlink():
            return found
    return None


def _labels(path: Path) -> ItemFile:
    """Return the labels as a table; with a single column they have no header, and no quotes in any case."""
    rows, size = list[list[str]](), 0
    with Source(str(path), path).open() as stream:
        for number, line in enumerate(stream.texts("utf-8"), 1):
            rows.append([field.strip() for field in line.rstrip("\r\n").split("\t")])
            size += len(line)
            if len(rows[-1]) != len(rows[0]) or size > MOST:
                what = f"{len(rows[-1])} columns, not {len(rows[0])}" if size <= MOST else "more than 512 MB of labels"
                raise refused(str(path), f"line {number:,}: {what}: {shorten(line.rstrip())!r}", HINT)
    if not rows:
        raise refused(str(path), "the file is empty", HINT)
    if len(rows[0]) == 1:
        return ItemFile(str(path), ("1",), rows)
    return ItemFile(str(path), tuple(rows[0]), rows[1:])

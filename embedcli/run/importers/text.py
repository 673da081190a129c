"""Text vectors, as GloVe and word2vec write them: a word and its numbers in each line; word2vec says how many first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.delimited import encoding_of
from embedcli.data.sources import Source
from embedcli.data.text import number_of, shorten
from embedcli.run.exporters.word2vec import ids_of
from embedcli.run.importers.vectors import Vectors, as_floats, checked_ids, plain_items, refused

SAMPLE = 200  # lines that the length of the vectors is found from
TOGETHER = 4_000_000  # numbers that are parsed at a time
FEWEST = 2  # numbers of a vector without a header that says how many there are
HINT = "give a word, or an id, and its numbers in each line, separated by blanks"
RECOUNT = "if it was cut short, download it again; else correct the first line: number of vectors, their length"


def read_text(path: Path) -> Vectors:
    """Read vectors from text, perhaps compressed by gzip; DataError for a line that is not a word and its numbers."""
    with Source(str(path), path).open() as stream:
        encoding = encoding_of(stream.head, None, str(path), lambda line: None)
        lines = (line.rstrip("\r\n \t") for line in stream.texts(encoding))
        first = list(islice(lines, SAMPLE))
        n, length, has_header = _sizes(first, str(path), stream.size)
        ids, vectors = _parsed(chain(first[has_header:], lines), length, str(path), 1 + has_header)
    if n is not None and n != len(ids):
        raise refused(str(path), f"its first line claims {n:,} vectors, it holds {len(ids):,}", RECOUNT)
    factors = as_floats(vectors, "vectors", str(path))
    name = "word2vec text" if has_header else "GloVe text"
    return Vectors(
        str(path), name, {"item_factors": factors[None]}, plain_items(checked_ids(ids_of(ids), len(factors), str(path)))
    )


def _sizes(first: list[str], where: str, size: int) -> tuple[int | None, int, bool]:
    """Return (number of vectors, if it is stated; their length; whether the first line states them)."""
    stated = first[0].split() if first else []
    if len(stated) == 2 and all(number.isdecimal() and len(number) < 16 for number in stated):
        n, length = map(int, stated)
        if not n or not length:
            raise refused(where, f"its first line claims {n} vectors of {length} numbers", HINT)
        if size and 2 * n * length > 100 * size:  # a number and a blank; compressed at best a hundred times
            raise refused(where, f"its first line claims {n:,} vectors of {length:,} numbers in {size:,} bytes", HINT)
        return n, length, True
    counts = Counter(_n_numbers(line) for line in first)
    length = counts.most_common(1)[0][0] if counts else 0
    if length < FEWEST:
        raise refused(where, f"line 1 is not a word and its numbers: {shorten(first[0] if first else '')!r}", HINT)
    return None, length, False


def _n_numbers(line: str) -> int:
    """Return how many numbers a line ends with, after at least one word."""
    fields = line.replace("\t", " ").split(" ")
    return next((n for n, field in enumerate(reversed(fields[1:])) if number_of(field) is None), len(fields) - 1)


def _parsed(lines: Iterator[str], length: int, where: str, begin: int) -> tuple[list[str], NDArray[np.float32]]:
    """Return the words (n,) of lines and their vectors (n, length); `begin` is the number of the first line."""
    ids, blocks, numbers = list[str](), list[NDArray[np.float32]](), list[str]()

    def parse() -> None:
        try:
            blocks.append(np.array(numbers, dtype=np.float32).reshape(-1, length))
        except ValueError:
            n_before = sum(map(len, blocks))
            bad = next(index for index, text in enumerate(numbers) if number_of(text) is None)
            number = begin + n_before + bad // length
            raise refused(where, f"line {number:,}: {shorten(numbers[bad])!r} is not a number", HINT) from None
        numbers.clear()

    for line in lines:
        fields = line.replace("\t", " ").rsplit(" ", length)
        if len(fields) != length + 1:
            if not line:
                continue
            number = begin + len(ids)
            hint = HINT if begin == 1 or ids else RECOUNT  # the first vector does not fit the length stated above it
            raise refused(where, f"line {number:,}: not a word and {length} numbers: {shorten(line)!r}", hint)
        ids.append(fields[0])
        numbers += fields[1:]
        if len(numbers) >= TOGETHER:
            parse()
    parse()
    return ids, np.concatenate(blocks)

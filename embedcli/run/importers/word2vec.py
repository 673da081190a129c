"""The binary format of word2vec: `n length` in a line, then of each word its letters, a blank and its numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO

import numpy as np

from embedcli.data.text import MOST_LETTERS, shorten
from embedcli.run.importers.vectors import Vectors, as_floats, checked_ids, plain_items, refused

FIRST_LINE = re.compile(rb"(\d{1,15}) (\d{1,15})\s*?\n")
NUMBER = np.dtype("<f4")
HINT = "download or copy it again, or save it as text: save_word2vec_format(FILE) of gensim"


def is_binary(head: bytes) -> bool:
    """Tell whether a file that begins like this is word2vec's, and its numbers are not text."""
    first = FIRST_LINE.match(head)
    if first is None:
        return False
    second = head[first.end() :].split(b"\n")[0]
    fields = second.split()
    is_text = len(fields) > 1 and all(re.fullmatch(rb"[-+.\dA-Za-z]+", field) for field in fields[-2:])
    return not is_text


def read_binary(path: Path) -> Vectors:
    """Read the file; DataError if it does not hold as many vectors as its first line says."""
    where, size = str(path), path.stat().st_size
    with path.open("rb") as file:
        first = FIRST_LINE.match(file.readline(64))
        assert first is not None
        n, length = int(first[1]), int(first[2])
        if not n or not length or n * (length * NUMBER.itemsize + 2) > size:  # a letter, a blank, the numbers
            raise refused(where, f"its first line claims {n:,} vectors of {length:,} numbers in {size:,} bytes", HINT)
        vectors = np.empty((n, length), NUMBER)
        ids = [_word(file, row, vectors[row], where) for row in range(n)]
        if rest := file.read(64).strip():
            raise refused(where, f"after its {n:,} vectors come further bytes: {rest[:20]!r}", HINT)
    factors = as_floats(vectors, "vectors", where)
    return Vectors(where, "word2vec binary", {"item_factors": factors[None]}, plain_items(checked_ids(ids, n, where)))


def _word(file: IO[bytes], row: int, vector: np.ndarray[tuple[int], np.dtype[np.float32]], where: str) -> str:
    """Read a word, and its numbers into `vector` (length,)."""
    word = bytearray()
    while (letter := file.read(1)) != b" ":
        if not letter or len(word) > 4 * MOST_LETTERS:
            raise refused(where, f"the word of vector {row:,} does not end: {bytes(word[:20])!r}", HINT)
        word += letter
    numbers = file.read(vector.nbytes)
    if len(numbers) < vector.nbytes:
        raise refused(where, f"it ends within vector {row:,}", HINT)
    vector[:] = np.frombuffer(numbers, NUMBER)
    try:
        return bytes(word).lstrip(b"\n").decode()
    except UnicodeDecodeError as error:
        raise refused(where, f"the word of vector {row:,} is not UTF-8: {shorten(str(bytes(word)))}", HINT) from error

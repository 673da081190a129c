"""The text format of word2vec: `n length`, then a line per item with its id and its numbers."""

import re
from urllib.parse import quote

from embedcli.run.exporters.table import VectorTable, number_lines

UNSAFE = re.compile(r"[\s\0]|%[0-9A-Fa-f]{2}")  # what programs split words at, and what looks like a code for it


def content(table: VectorTable) -> bytes:
    """Return the file. Programs split its lines at blanks: `tokens` has none."""
    n, length = table.vectors.shape
    lines = map(" ".join, zip(tokens(table), number_lines(table.vectors, " "), strict=True))
    return "\n".join([f"{n} {length}", *lines, ""]).encode()


def tokens(table: VectorTable) -> list[str]:
    """Return the ids; if one holds a blank, or what looks encoded, all are percent-encoded (`urllib.parse.unquote`)."""
    ids: list[str] = list(table.columns["id"])
    if not any(map(UNSAFE.search, ids)):
        return ids
    return [re.sub(r"[\s\0%]", lambda letter: quote(letter[0]), name) for name in ids]

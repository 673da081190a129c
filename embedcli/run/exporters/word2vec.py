"""The text format of word2vec: `n length`, then a line per item with its id and its numbers."""

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from embedcli.run.exporters.table import VectorTable, number_lines

UNSAFE = re.compile(r"[\s\0]|%[0-9A-Fa-f]{2}")  # what programs split words at, and what looks like a code for it


def content(table: VectorTable) -> bytes:
    """Return the file. Programs split its lines at blanks: `tokens` has none."""
    n, length = table.vectors.shape
    lines = map(" ".join, zip(tokens(table), number_lines(table.vectors, " "), strict=True))
    return "\n".join([f"{n} {length}", *lines, ""]).encode()


def tokens(table: VectorTable) -> list[str]:
    """Return the ids; if one holds a blank, or what looks encoded, all are percent-encoded: `ids_of` decodes them."""
    return _encoded(table.columns["id"])


def ids_of(tokens: Sequence[str]) -> list[str]:
    """Return the ids that tokens stand for: decoded if `tokens` would encode them so, else as they are."""
    ids = list(map(unquote, tokens))
    return ids if _encoded(ids) == list(tokens) else list(tokens)


def _encoded(ids: Sequence[str]) -> list[str]:
    if not any(map(UNSAFE.search, ids)):
        return list(ids)
    return [re.sub(r"[\s\0%]", lambda letter: quote(letter[0]), name) for name in ids]

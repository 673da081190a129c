"""The text format of word2vec: `n length`, then a line per item with its id and its numbers."""

import re
from urllib.parse import quote

from embedcli.run.exporters.table import BLANK, VectorTable, number_lines


def content(table: VectorTable) -> bytes:
    """Return the file. Programs split its lines at blanks: `tokens` has none."""
    n, length = table.vectors.shape
    lines = map(" ".join, zip(tokens(table), number_lines(table.vectors, " "), strict=True))
    return "\n".join([f"{n} {length}", *lines, ""]).encode()


def tokens(table: VectorTable) -> list[str]:
    """Return the ids; if one holds a blank, all are percent-encoded, and `urllib.parse.unquote` gives them back."""
    ids = list(table.columns["id"])
    if not any(map(BLANK.search, ids)):
        return ids
    return [re.sub(r"[\s\0%]", lambda letter: quote(letter[0]), name) for name in ids]

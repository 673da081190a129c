"""What all pictures share: their style, their formats, and text that a picture can hold."""

from __future__ import annotations

import unicodedata
from typing import Any

SIZE, DPI = (12.0, 9.0), 160  # inches, dots per inch of a PNG
METADATA = {
    "png": {"Software": "embedcli"},
    "svg": {"Date": None},  # the same map makes the same file
    "pdf": {"Creator": "embedcli", "CreationDate": None},
}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "embedcli",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.usetex": False,
    "text.parse_math": False,  # a `$` in a title is a dollar
}


def drawable(text: str) -> str:
    """Return text that is valid in XML: blanks for white space, a mark for other control characters."""
    marks = {char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\ufffe\uffff"}
    return text.translate({ord(char): " " if char.isspace() else "\ufffd" for char in marks})

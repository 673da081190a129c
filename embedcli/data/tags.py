"""Tags of an item, as tables write them in one field."""

from __future__ import annotations

import ast
import json
import warnings

from embedcli.data.text import mended

LONGEST_LIST = 100_000  # characters of a field that is parsed as a list
NO_TAG = ("", "(no genres listed)", "nan", "none", "null", "n/a", "unknown")


def split_tags(text: str) -> tuple[str, ...]:
    """Split a field of tags: `A|B`, `A; B`, `A, B`, or a JSON or Python list, also of objects with a name.

    No tag is empty or contains "|", and there are no duplicates.
    """
    text = text.strip()
    parts = _listed(text) if text.startswith("[") and len(text) <= LONGEST_LIST else None
    if parts is None:
        text = text.strip("[]")
        parts = text.split(next((mark for mark in ("|", ";", ",") if mark in text), "|"))
    return tuple(tag for tag in dict.fromkeys(map(clean_tag, parts)) if tag)


def clean_tag(text: str) -> str:
    """Return a tag as it can be stored; it is empty if it means "no tag"."""
    tag = " ".join(mended(text).replace("|", "/").split()).strip("'\" ")
    return "" if tag.casefold() in NO_TAG else tag


def _listed(text: str) -> list[str] | None:
    """Return the texts of a JSON or Python list; None if the text is not a list."""
    for parse in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():  # Python warns about odd escapes in what it parses
                warnings.simplefilter("ignore")
                value = parse(text)
            if isinstance(value, list):
                return [str(part.get("name", "") if isinstance(part, dict) else part) for part in value]
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None

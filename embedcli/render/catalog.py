"""How the data sets known by name are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from embedcli.analysis.record import name, nested, text
from embedcli.data.catalog import CatalogEntry
from embedcli.render.view import View, table


@dataclass(frozen=True)
class KnownDataSet:
    """A data set known by name; `cached` is the path of its file in the cache."""

    name: Annotated[str, name("name")]
    title: str
    about: Annotated[str, text("content")]
    cached: Annotated[str | None, text("cached")]


def catalog_view(entries: Sequence[tuple[CatalogEntry, Path | None]]) -> View:
    """List (data set, its cached file or None) pairs."""
    rows = [
        KnownDataSet(entry.name, entry.title, entry.summary, None if path is None else str(path))
        for entry, path in entries
    ]
    shown = [replace(row, cached="yes" if row.cached else "no") for row in rows]
    return View("data sets known by name", [table(shown, KnownDataSet)], nested(rows), {"data_sets": nested(rows)})

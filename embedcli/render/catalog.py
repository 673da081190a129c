"""The view of the data set catalog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedcli.data.catalog import CatalogEntry
from embedcli.render.view import Block, View, name, text


def catalog_view(entries: Sequence[tuple[CatalogEntry, Path | None]]) -> View:
    """List (data set, its cached file or None) pairs."""
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "about": entry.summary,
            "cached": None if path is None else str(path),
        }
        for entry, path in entries
    ]
    shown = [{**row, "cached": "yes" if row["cached"] else "no"} for row in rows]
    columns = (name("name", "name"), text("about", "what it is"), text("cached", "cached"))
    return View(
        title="data sets known by name",
        blocks=[Block(columns=columns, rows=shown)],
        records=rows,
        body={"data_sets": rows},
    )

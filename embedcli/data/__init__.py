"""Ratings from files: `load` is the one door."""

from __future__ import annotations

from pathlib import Path

from embedcli.data import movielens, recbole
from embedcli.data.catalogue import CATALOGUE, find
from embedcli.data.fetch import Note, Progress, cache_dir, cached, fetch
from embedcli.data.files import open_files
from embedcli.data.ratings import DataSet, Items, Ratings, Split, Users
from embedcli.errors import DataError

__all__ = [
    "CATALOGUE",
    "DataSet",
    "Items",
    "Ratings",
    "Split",
    "Users",
    "cache_dir",
    "cached",
    "fetch",
    "find",
    "load",
]


def load(
    where: str | Path = "ml-100k",
    *,
    on_note: Note = lambda line: None,
    on_progress: Progress = lambda what, done, total: None,
) -> Ratings:
    """Load a data set: a name of the catalogue, or the path of an extracted folder or a zip.

    A named data set is fetched once, verified, and read from the cache from then on. A folder of that name
    is meant only where it holds the data: a run is called after its data set, too.
    Raises UsageError where there is no such data set, DataError where it cannot be had or read.
    """
    if str(where) in CATALOGUE and not (Path(where) / "u.data").exists():
        path, source = fetch(find(str(where)), on_note=on_note, on_progress=on_progress)
    else:
        path, source = Path(where), str(where)
    files = open_files(path, ("u.data", "ml-100k.inter"))
    if "ml-100k.inter" in files:
        return recbole.read(files, source)
    if "u.data" in files:
        return movielens.read(files, source)
    raise DataError(
        f"{path}: no data set is known by these files: {', '.join(sorted(files.names)[:5]) or 'none at all'}",
        "give a folder or zip in the format of MovieLens 100K: it holds u.data and u.item",
    )

"""The one door to ratings: a data set by its name, an edition of MovieLens, or any table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from embedcli.data import editions, movielens, recbole, table
from embedcli.data.catalogue import CATALOGUE, find
from embedcli.data.fetch import fetch
from embedcli.data.files import open_files
from embedcli.data.itemtable import describe_items
from embedcli.data.problems import Problems
from embedcli.data.ratings import Ratings
from embedcli.data.read_options import ReadOptions
from embedcli.data.sources import STDIN, Note, Progress, is_zip, source_of
from embedcli.data.text import shorten
from embedcli.errors import DataError, UsageError

MOST_LETTERS = 100_000  # of a text
MARKS = ("u.data", "ml-100k.inter", "ratings.csv", "ratings.dat")  # files that a data set is known by


def load(
    where: str | Path = "ml-100k",
    *,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (it is frozen)
    on_note: Note = lambda line: None,
    on_progress: Progress = lambda what, done, total: None,
    offline: bool = False,
    problems: list[Problems] | None = None,
) -> Ratings:
    """Load ratings: a data set of the catalogue by its name, an edition of MovieLens in a folder or zip, or any table.

    A named data set is fetched once, verified, and read from the cache from then on. A folder of that name
    is meant only where it holds the data: a run is called after its data set, too. `-` is standard input.
    With `problems` given, what is wrong with rows of a table is collected there, and ends nothing.
    Raises UsageError where there is no such data set, DataError where it cannot be had or read.
    """
    try:
        path, source = Path(where), str(where)
        if source in CATALOGUE and not (path.is_dir() and open_files(path, MARKS).holds(MARKS)):
            path, source = fetch(find(source), on_note=on_note, on_progress=on_progress, offline=offline)
        ratings = _read(path, source, options, on_note, on_progress, problems)
        if options.implicit and not ratings.data.implicit:
            on_note('--implicit: the ratings are not looked at, a row means "did"')
            data = replace(ratings.data, implicit=True, scale=(0.0, 1.0))
            ratings = replace(ratings, data=data, value=np.ones_like(ratings.value))
        if options.min_user_ratings > 1 or options.min_item_ratings > 1:
            fewer = ratings.k_core(options.min_user_ratings, options.min_item_ratings)
            on_note(f"kept {len(fewer):,} of {len(ratings):,} ratings, by the fewest that users and items must have")
            ratings = fewer
        if options.items is not None:
            ratings = describe_items(ratings, options, on_note)
    except MemoryError as error:
        raise DataError(
            f"{where}: there is not enough memory to read it", "close other programs, or give fewer rows and columns"
        ) from error
    _check_texts(ratings)
    return ratings


def _check_texts(ratings: Ratings) -> None:
    """Raise DataError for a text that is too long to be read back from a run."""
    items, users = ratings.items, ratings.users
    texts = {
        "a user id": users.ids,
        "an item id": items.ids,
        "a title": items.titles,
        "a list of tags": tuple(map("|".join, items.tags)),
        **items.columns,
        **users.columns,
    }
    for what, own in texts.items():
        if len(longest := max(own, key=len, default="")) > MOST_LETTERS:
            raise DataError(
                f"{ratings.data.source}: {what} has {len(longest):,} letters, more than {MOST_LETTERS:,}: "
                f"{shorten(longest)!r}",
                "shorten it, or name another column, as in --title-col or --tag-col",
            )


def _read(
    path: Path,
    source: str,
    options: ReadOptions,
    on_note: Note,
    on_progress: Progress,
    problems: list[Problems] | None,
) -> Ratings:
    """Read what is at a path, by what it is: a table, or the files of a data set."""
    is_table = path.suffix != ".zip" and not is_zip(path) if path.is_file() else not path.is_dir()
    if str(path) == STDIN or (path.exists() and is_table):  # a table in a file, a pipe or a device
        return table.read(source_of(path), options, on_note, on_progress, problems)
    if not path.exists():
        raise UsageError(
            f"there is no data set at {str(path)!r}",
            f"give a file, a folder or a zip, or one of the names: {', '.join(CATALOGUE)}",
        )
    files = open_files(path, MARKS)
    if not files.holds(MARKS):
        if path.is_file():
            return table.read(source_of(path), options, on_note, on_progress, problems)
        raise DataError(
            f"{path}: no data set is known by these files: {', '.join(sorted(files.names)[:5]) or 'none at all'}",
            "give the file of ratings itself, or a folder of MovieLens: it holds u.data, ratings.dat or ratings.csv",
        )
    alone = next((name for name in ("ratings.csv", "ratings.dat") if name in files), None)
    if alone is not None and not files.holds(("movies.csv", "movies.dat")):
        return table.read(files.source(alone), options, on_note, on_progress, problems)
    _check_options(options, source)
    if "ml-100k.inter" in files:
        return recbole.read(files, source)
    if "u.data" in files:
        return movielens.read(files, source)
    return editions.read(files, source, options, on_note, on_progress, problems)


def _check_options(options: ReadOptions, source: str) -> None:
    """Raise UsageError for an option that says how to read a table, where the files say it themselves."""
    for name in ("user_col", "item_col", "rating_col", "time_col", "sep", "encoding"):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} has no meaning for {source}, whose columns are known", f"leave {option} out")

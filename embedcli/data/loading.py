"""The one door to ratings: a data set by its name, an edition of MovieLens, or any table."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from embedcli.data.catalog import CATALOG, find_data_set
from embedcli.data.fetch import fetch
from embedcli.data.files import open_files
from embedcli.data.formats import movielens, movielens_100k, recbole
from embedcli.data.formats.frame import WHERE, read_frame
from embedcli.data.formats.item_table import describe_items
from embedcli.data.formats.table import finished, read_table
from embedcli.data.problems import Problems
from embedcli.data.ratings import Ratings, check_texts
from embedcli.data.read_options import Note, Progress, ReadContext, ReadOptions, ReadSettings
from embedcli.data.sources import STDIN, TABLES, is_zip, source_of
from embedcli.errors import DataError, UsageError
from embedcli.keywords import takes

RATINGS_FILES = ("u.data", "ml-100k.inter", "ratings.csv", "ratings.dat")  # they identify a data set


@takes(ReadOptions)
def load(
    where: str | Path = "ml-100k",
    *,
    options: ReadOptions | None = None,
    on_note: Note | None = None,
    on_progress: Progress | None = None,
    offline: bool = False,
    problems: list[Problems] | None = None,
    **further: Unpack[ReadSettings],
) -> Ratings:
    """Load ratings: a data set of the catalog by its name, an edition of MovieLens in a folder or zip, or any table.

        ratings = embedcli.load_ratings("ml-100k")
        ratings = embedcli.load_ratings("books.tsv", user_col="reader", items="titles.csv", on_note=print)

    A named data set is downloaded once, verified, and then read from the cache. A folder with its name is read only if
    it holds the data, as a run may have that name too. `-` is standard input. The parameters from `user_col` on are
    those of `embedcli train`, and replace those of `options`. `on_note` is called with each guess. If `problems` is a
    list, the problems of rows are collected there and do not end the reading.

    Raises UsageError if the data set does not exist, DataError if it cannot be downloaded or read.
    """
    given: dict[str, Any] = {**further}
    options = replace(options or ReadOptions(), **given)
    on_note, on_progress = on_note or (lambda line: None), on_progress or (lambda what, done, total: None)
    context = ReadContext(options, on_note, on_progress, problems)
    try:
        path, source = Path(where), str(where)
        if source in CATALOG and not (path.is_dir() and open_files(path, RATINGS_FILES).holds(RATINGS_FILES)):
            path, source = fetch(find_data_set(source), on_note=on_note, on_progress=on_progress, offline=offline)
        return _finished(_read(path, source, context), options, on_note)
    except MemoryError as error:
        raise DataError(
            f"{where}: there is not enough memory to read it", "close other programs, or give fewer rows and columns"
        ) from error


def load_frame(frame: Any, options: ReadOptions, on_note: Note) -> Ratings:
    """Load the ratings of a data frame, whose columns have the roles that the options name, or their names tell.

    Raises UsageError for what is not a frame and for invalid options, DataError for a column or row that is invalid.
    """
    context = ReadContext(options, on_note, lambda what, done, total: None)
    rows = read_frame(frame, context)
    ratings = _finished(finished(rows, context, WHERE, "ratings"), options, on_note)
    return replace(ratings, data=replace(ratings.data, source=f"{WHERE}: {rows.schema.description}"))


def _finished(ratings: Ratings, options: ReadOptions, on_note: Note) -> Ratings:
    """Return ratings without rare users and items, their items described, if the options ask for it."""
    if options.min_user_ratings > 1 or options.min_item_ratings > 1:
        n_ratings, ratings = len(ratings), ratings.k_core(options.min_user_ratings, options.min_item_ratings)
        on_note(f"kept {len(ratings):,} of {n_ratings:,} ratings after `min_user_ratings` and `min_item_ratings`")
    if options.items is not None:
        ratings = describe_items(ratings, options, on_note)
    check_texts(ratings.users, ratings.items, f"{ratings.data.source}: ")
    return replace(ratings, data=replace(ratings.data, reading=options.given))


def _example(path: Path, names: Iterable[str]) -> str:
    """Name a table in a folder, to be given by itself; parts of one table, as Spark writes them, are to be joined."""
    tables = sorted(name for name in names if name.lower().endswith(TABLES))
    parts = len(tables) > 1 and all(name.startswith("part-") for name in tables)
    return f", such as {path / tables[0]}" + (" or all parts joined" if parts else "") if tables else ""


def _read(path: Path, source: str, context: ReadContext) -> Ratings:
    """Read a table, or the files of a data set."""
    is_table = path.suffix != ".zip" and not is_zip(path) if path.is_file() else not path.is_dir()
    if str(path) == STDIN or (path.exists() and is_table):  # a table in a file, a pipe or a device
        return read_table(source_of(path), context)
    if not path.exists():
        raise UsageError(
            f"there is no data set at {str(path)!r}",
            f"give a file, a folder or a zip, or one of the names: {', '.join(CATALOG)}",
        )
    files = open_files(path, RATINGS_FILES)
    if not files.holds(RATINGS_FILES):
        if path.is_file():
            return read_table(source_of(path), context)
        raise DataError(
            f"{path}: unrecognised data set with the files {', '.join(sorted(files.names)[:5]) or 'none at all'}",
            f"give the file of ratings itself{_example(path, files.names)}, or a folder of MovieLens: it holds u.data, "
            "ratings.dat or ratings.csv",
        )
    alone = next((name for name in ("ratings.csv", "ratings.dat") if name in files), None)
    if alone is not None and not files.holds(("movies.csv", "movies.dat")):
        return read_table(files.source(alone), context)
    for name in ("user_col", "item_col", "rating_col", "time_col", "sep", "encoding"):
        if getattr(context.options, name) is not None:
            raise UsageError(f"`{name}` has no meaning for {source}, whose columns are known", f"leave `{name}` out")
    read = recbole.read if "ml-100k.inter" in files else movielens_100k.read if "u.data" in files else movielens.read
    return read(files, source, context)

"""`embedcli data`: data sets by name, what is in one, and what is wrong with a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli import reading
from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.notes import Notes
from embedcli.cli.options import FormatOption, Output, Quiet
from embedcli.data.read_options import ReadOptions
from embedcli.errors import DataError
from embedcli.terminal import print_out

if TYPE_CHECKING:
    from embedcli.data.problems import Problems

data_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
DATA_HELP = """List the data sets known by name, fetch one, or print where it is.

\b
Examples:
  embedcli data list           what is known by name
  embedcli data fetch ml-100k  download it once, and verify it
"""
app.add_typer(data_app, name="data", help=DATA_HELP, short_help="List data sets, fetch one, or print where it is.")
DataName = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


@data_app.command("list", short_help="List the data sets known by name.")
def list_data(format: FormatOption = None, output: Output = None, quiet: Quiet = False) -> None:
    """List the data sets that can be asked for by name.

    \b
    Examples:
      embedcli data list
    """
    from embedcli.data.catalog import CATALOG
    from embedcli.data.fetch import cached
    from embedcli.render.catalog import catalog_view

    answer = Answer.to(output, format, quiet)
    answer.show(catalog_view([(entry, cached(entry)) for entry in CATALOG.values()]))


@data_app.command("fetch", short_help="Fetch a data set and verify it.")
def fetch_data(name: DataName = "ml-100k", quiet: Quiet = False) -> None:
    """Fetch a data set into the cache, verify it, and print where it is.

    \b
    Examples:
      embedcli data fetch ml-100k
      EMBEDCLI_DATA=/big/disk embedcli data fetch
    """
    from embedcli.data.catalog import find_data_set
    from embedcli.data.fetch import fetch

    notes = Notes(quiet)
    with notes.fetching() as (on_note, on_progress):
        path, source = fetch(find_data_set(name), on_note=on_note, on_progress=on_progress)
    notes.say(f"{name}: {source}")
    print_out(str(path))


@data_app.command("path")
def print_data_path(name: DataName = "ml-100k") -> None:
    """Print where the cached file of a data set is.

    \b
    Examples:
      embedcli data path ml-100k
    """
    from embedcli.data.catalog import find_data_set
    from embedcli.data.fetch import cache_dir, cached

    path = cached(find_data_set(name))
    if path is None:
        raise DataError(f"{name} is not in the cache, {cache_dir()}", f"fetch it: embedcli data fetch {name}")
    print_out(str(path))


@data_app.command("describe", short_help="Show what is in a data set.")
def describe(
    data: reading.DataArgument = None,
    copy: reading.DataOption = None,
    user_col: reading.UserCol = None,
    item_col: reading.ItemCol = None,
    rating_col: reading.RatingCol = None,
    time_col: reading.TimeCol = None,
    sep: reading.Sep = None,
    encoding: reading.Encoding = None,
    items: reading.ItemsTable = None,
    item_id_col: reading.ItemIdCol = None,
    title_col: reading.TitleCol = None,
    tag_cols: reading.TagCols = None,
    implicit: reading.Implicit = False,
    offline: reading.Offline = False,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Show what is in a data set: how many, how dense, rated how and when, and what is missing.

    \b
    Examples:
      embedcli data describe                        MovieLens 100K
      embedcli data describe ratings.csv            your own table
      embedcli data describe ml-1m --format json    for a script
    """
    from embedcli.data.describe import describe_ratings
    from embedcli.data.problems import REPEATED
    from embedcli.render.description import description_view

    answer = Answer.to(output, format, quiet)
    how = ReadOptions(
        user_col=user_col,
        item_col=item_col,
        rating_col=rating_col,
        time_col=time_col,
        sep=sep,
        encoding=encoding,
        items=items,
        item_id_col=item_id_col,
        title_col=title_col,
        tag_cols=reading.tags_of(tag_cols),
        implicit=implicit,
    )
    found: list[Problems] = []
    ratings = reading.read(data, copy, how, offline=offline, notes=answer.notes, problems=found)
    n_bad = sum(len(file) for file in found)
    n_repeated = sum(file.counts[REPEATED] for file in found)
    answer.show(description_view(describe_ratings(ratings, n_bad_rows=n_bad - n_repeated, n_repeated=n_repeated)))


@data_app.command("check", short_help="List everything that is wrong with a file of ratings.")
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A table of ratings, a folder, a zip, or - for stdin.")],
    user_col: reading.UserCol = None,
    item_col: reading.ItemCol = None,
    rating_col: reading.RatingCol = None,
    time_col: reading.TimeCol = None,
    sep: reading.Sep = None,
    encoding: reading.Encoding = None,
    duplicates: reading.DuplicatesOption = reading.DEFAULT.duplicates,
    implicit: reading.Implicit = False,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """List every problem of a file of ratings with its line; the exit code is 1 where there is any.

    \b
    Examples:
      embedcli data check ratings.csv
      embedcli data check ratings.csv --format csv -o problems.csv
      embedcli data check plays.tsv --duplicates last    where repeated pairs are no problem
    """
    from embedcli.render.description import problems_view

    answer = Answer.to(output, format, quiet)
    how = ReadOptions(
        user_col=user_col,
        item_col=item_col,
        rating_col=rating_col,
        time_col=time_col,
        sep=sep,
        encoding=encoding,
        duplicates=duplicates,
        implicit=implicit,
    )
    found: list[Problems] = []
    ratings = reading.read(file, None, how, offline=True, notes=answer.notes, problems=found)
    answer.show(problems_view(found, ratings.data.source, len(ratings)))
    if any(found):
        raise typer.Exit(1)

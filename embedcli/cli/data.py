"""`embedcli data`: data sets by name, what is in one, and what is wrong with a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.command import command
from embedcli.cli.notes import Notes
from embedcli.cli.options import Quiet
from embedcli.cli.source import Source
from embedcli.data.read_options import ReadOptions
from embedcli.errors import DataError
from embedcli.terminal import print_out

if TYPE_CHECKING:
    from embedcli.data.problems import Problems

data_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
DATA_HELP = """Look into a file of ratings, or list and fetch the data sets known by name.

\b
Examples:
  embedcli data check ratings.csv     the problems of your own file, by line
  embedcli data describe ratings.csv  what is in it
  embedcli data fetch ml-100k         download a known one, and verify it
"""
app.add_typer(
    data_app, name="data", help=DATA_HELP, short_help="Look into a file of ratings; list and fetch known ones."
)
DataName = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


@command("list", group=data_app, short_help="List the data sets known by name.")
def list_data(answer: Answer) -> None:
    """List the data sets known by name.

    \b
    Examples:
      embedcli data list
    """
    from embedcli.data.catalog import CATALOG
    from embedcli.data.fetch import cached
    from embedcli.render.data import catalog_view

    answer.show(catalog_view([(entry, cached(entry)) for entry in CATALOG.values()]))


@command("fetch", group=data_app, short_help="Fetch a data set and verify it.")
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


@command("path", group=data_app, short_help="Print where the cached file of a data set is.")
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


@command("describe", group=data_app, short_help="Show what is in a data set.")
def describe(source: Source, options: ReadOptions, answer: Answer) -> None:
    """Show what is in a data set: its size, density, ratings, timestamps, and what is missing.

    \b
    Examples:
      embedcli data describe                        MovieLens 100K
      embedcli data describe ratings.csv            your own table
      embedcli data describe ml-1m --format json    for a script
    """
    from embedcli.data.describe import describe_ratings
    from embedcli.data.problems import REPEATED
    from embedcli.render.data import description_view

    answer.keep(*source.paths, options.items)
    problems: list[Problems] = []
    ratings = source.read(options, answer.notes, problems)
    n_bad = sum(len(file) for file in problems)
    n_repeated = sum(file.counts[REPEATED] for file in problems)
    answer.show(description_view(describe_ratings(ratings, n_bad_rows=n_bad - n_repeated, n_repeated=n_repeated)))


@command("check", group=data_app, short_help="List all problems of a file of ratings.")
def check(
    options: ReadOptions,
    answer: Answer,
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A table of ratings, a folder, a zip, or - for stdin.")],
) -> None:
    """List each problem of a file of ratings with its line; the exit code is 1 if there is any.

    \b
    Examples:
      embedcli data check ratings.csv
      embedcli data check ratings.csv --format csv -o problems.csv
      embedcli data check plays.tsv --duplicates last    duplicates are no problem
    """
    from embedcli.render.data import problems_view

    answer.keep(file, options.items)
    problems: list[Problems] = []
    try:
        n_ratings = len(Source(file, offline=True).read(options, answer.notes, problems))
    except DataError as error:
        if not any(problems):
            raise
        answer.notes.say_of_library(f"note: {error.message}")  # every row is bad, or the reading ended there
        n_ratings = 0
    answer.show(problems_view(problems, file, n_ratings))
    if any(problems):
        raise typer.Exit(1)

"""`embedcli data describe` and `embedcli data check`: what is in a data set, and what is wrong with a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli import reading
from embedcli.cli.answer import Answer
from embedcli.cli.options import FormatOption, Output, Quiet
from embedcli.cli.shelves import data_app
from embedcli.data.reading import Reading

if TYPE_CHECKING:
    from embedcli.data.problems import Problems


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
    from embedcli.data.describe import describe as count
    from embedcli.data.problems import REPEATED
    from embedcli.render.description import describe as view

    answer = Answer.to(output, format, quiet)
    how = Reading(
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
    answer.show(view(count(ratings, n_bad_rows=n_bad - n_repeated, n_repeated=n_repeated)))


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
    from embedcli.render.description import problems as view

    answer = Answer.to(output, format, quiet)
    how = Reading(
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
    answer.show(view(found, ratings.data.source, len(ratings)))
    if any(found):
        raise typer.Exit(1)

"""`embedcli runs` and `embedcli data`: what is there, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.notes import Notes
from embedcli.cli.options import FormatOption, Output, Quiet, RunArgument, RunDir, complete_run
from embedcli.errors import DataError
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import print_out

runs_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
data_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
RUNS_HELP = """List the trained runs, show or check one, or print where it is.

\b
Examples:
  embedcli runs list          all runs, the newest first
  embedcli runs show ml-100k  how one was trained and what came of it
"""
DATA_HELP = """List the data sets known by name, fetch one, or print where it is.

\b
Examples:
  embedcli data list           what is known by name
  embedcli data fetch ml-100k  download it once, and verify it
"""
app.add_typer(runs_app, name="runs", help=RUNS_HELP, short_help="List the runs, show one, or print where it is.")
app.add_typer(data_app, name="data", help=DATA_HELP, short_help="List data sets, fetch one, or print where it is.")

DataName = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


@runs_app.command("list")
def list_runs(
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """List the runs, the newest first.

    \b
    Examples:
      embedcli runs list
      embedcli runs list --run-dir ~/experiments --format csv
    """
    from embedcli.render.runs import shelf
    from embedcli.run.shelf import entries

    answer = Answer.to(output, format, quiet)
    answer.show(shelf(entries(run_dir), run_dir))


@runs_app.command("show")
def show_run(
    run: RunArgument = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Show how a run was trained and what came of it.

    \b
    Examples:
      embedcli runs show                          the newest run
      embedcli runs show ml-100k-2 --format json  one by name, in full precision
    """
    from embedcli.render.runs import details
    from embedcli.run.shelf import path_of
    from embedcli.run.store import load

    answer = Answer.to(output, format, quiet)
    path = path_of(run, run_dir)
    answer.show(details(load(path), path))


@runs_app.command("check", short_help="Read runs whole, and say what is damaged.")
def check_runs(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run's name or path (default: all).", autocompletion=complete_run),
    ] = None,
    run_dir: RunDir = DEFAULT_DIR,
    format: FormatOption = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Read every file of a run, or of all, and say what is damaged; the exit code is 1 if anything is.

    \b
    Examples:
      embedcli runs check
      embedcli runs check ml-100k --format json
    """
    from embedcli.render.runs import checks
    from embedcli.run.shelf import folders_of_runs, path_of
    from embedcli.run.store import problems

    answer = Answer.to(output, format, quiet)
    folders = sorted(folders_of_runs(run_dir)) if run is None else [path_of(run, run_dir)]
    found = {folder: problems(folder) for folder in folders}
    answer.show(checks(found, run_dir))
    if any(found.values()):
        raise typer.Exit(1)


@runs_app.command("path")
def print_run_path(run: RunArgument = None, run_dir: RunDir = DEFAULT_DIR) -> None:
    """Print the directory of a run.

    \b
    Examples:
      embedcli runs path
      cp -r "$(embedcli runs path ml-100k)" /somewhere/else
    """
    from embedcli.run.shelf import path_of

    print_out(str(path_of(run, run_dir)))


@data_app.command("list", short_help="List the data sets known by name.")
def list_data(format: FormatOption = None, output: Output = None, quiet: Quiet = False) -> None:
    """List the data sets that can be asked for by name.

    \b
    Examples:
      embedcli data list
    """
    from embedcli.data.catalogue import CATALOGUE
    from embedcli.data.fetch import cached
    from embedcli.render.catalogue import view

    answer = Answer.to(output, format, quiet)
    answer.show(view([(entry, cached(entry)) for entry in CATALOGUE.values()]))


@data_app.command("fetch", short_help="Fetch a data set and verify it.")
def fetch_data(name: DataName = "ml-100k", quiet: Quiet = False) -> None:
    """Fetch a data set into the cache, verify it, and print where it is.

    \b
    Examples:
      embedcli data fetch ml-100k
      EMBEDCLI_DATA=/big/disk embedcli data fetch
    """
    from embedcli.data.catalogue import find
    from embedcli.data.fetch import fetch

    notes = Notes(quiet)
    with notes.fetching() as (on_note, on_progress):
        path, source = fetch(find(name), on_note=on_note, on_progress=on_progress)
    notes.say(f"{name}: {source}")
    print_out(str(path))


@data_app.command("path")
def print_data_path(name: DataName = "ml-100k") -> None:
    """Print where the cached file of a data set is.

    \b
    Examples:
      embedcli data path ml-100k
    """
    from embedcli.data.catalogue import find
    from embedcli.data.fetch import cache_dir, cached

    path = cached(find(name))
    if path is None:
        raise DataError(f"{name} is not in the cache, {cache_dir()}", f"fetch it: embedcli data fetch {name}")
    print_out(str(path))

"""`embedcli runs`: which runs there are, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.command import command
from embedcli.cli.options import RUN_HELP, RunDir, complete_run
from embedcli.cli.source import ItemOptions
from embedcli.errors import UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import print_out

if TYPE_CHECKING:
    from embedcli.run.record import Run

runs_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
RUNS_HELP = """List the trained runs; show, describe or check one, or print its folder.

\b
Examples:
  embedcli runs list                              all runs, the newest first
  embedcli runs show ml-100k                      how one was trained, with its results
  embedcli runs describe books --items books.csv  titles for its items
"""
app.add_typer(runs_app, name="runs", help=RUNS_HELP, short_help="List the runs; show, describe or check one.")
RunArgument = Annotated[str | None, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete_run)]


@command("list", group=runs_app, short_help="List the runs, the newest first.")
def list_runs(answer: Answer, *, run_dir: RunDir = DEFAULT_DIR) -> None:
    """List the runs, the newest first.

    \b
    Examples:
      embedcli runs list
      embedcli runs list --run-dir ~/experiments --format csv
    """
    from embedcli.render.runs import shelf
    from embedcli.run.shelf import entries

    answer.show(shelf(entries(run_dir), run_dir))


@command("show", group=runs_app, short_help="Show how a run was trained, with its results.")
def show_run(answer: Answer, *, run: RunArgument = None, run_dir: RunDir = DEFAULT_DIR) -> None:
    """Show how a run was trained, with its results.

    \b
    Examples:
      embedcli runs show                          the newest run
      embedcli runs show ml-100k-2 --format json  one by name, in full precision
    """
    from embedcli.render.runs import details
    from embedcli.run.shelf import path_of
    from embedcli.run.store import load

    path = path_of(run, run_dir)
    answer.show(details(load(path), path))


@command("describe", group=runs_app, short_help="Attach titles, tags and years to a run.")
def describe_run(
    options: ItemOptions, answer: Answer, *, run: RunArgument = None, run_dir: RunDir = DEFAULT_DIR
) -> None:
    """Attach the titles, tags and years of a table to the items of a run; its numbers stay as they are.

    \b
    Examples:
      embedcli runs describe ratings --items movies.csv
      embedcli runs describe --items books.csv --title-col Book-Title
    """
    from embedcli.data.formats.item_table import described
    from embedcli.data.read_options import ReadOptions
    from embedcli.render.runs import details, replaced
    from embedcli.run.shelf import path_of
    from embedcli.run.store import describe

    if options.items is None:
        raise UsageError("no table of items is given", "give one with --items, such as --items movies.csv")
    path = path_of(run, run_dir)
    answer.keep(options.items)
    read = ReadOptions(**vars(options))

    def change(trained: Run) -> Run:
        if not len(trained.items):
            raise UsageError(f"run {trained.name!r} has no items, only tables", "choose another: embedcli runs list")
        items, noun = described(trained.items, trained.data.noun, read, answer.notes.say_of_library)
        changed = replace(trained, items=items, data=replace(trained.data, noun=noun))
        answer.notes.say(*replaced(trained, changed))
        return changed

    trained = describe(path, change)
    answer.notes.say(f"wrote {path / 'items.csv'}")
    answer.show(details(trained, path))


@command("check", group=runs_app, short_help="Read all files of runs, and list what is damaged.")
def check_runs(
    answer: Answer,
    *,
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Name or path of a run (default: all).", autocompletion=complete_run),
    ] = None,
    run_dir: RunDir = DEFAULT_DIR,
) -> None:
    """Read every file of a run, or of all, and list what is damaged; the exit code is 1 if anything is.

    \b
    Examples:
      embedcli runs check
      embedcli runs check ml-100k --format json
    """
    from embedcli.render.runs import checks
    from embedcli.run.shelf import folders_of_runs, path_of
    from embedcli.run.store import problems

    folders = sorted(folders_of_runs(run_dir)) if run is None else [path_of(run, run_dir)]
    by_run = {folder: problems(folder) for folder in folders}
    answer.show(checks(by_run, run_dir))
    if any(by_run.values()):
        raise typer.Exit(1)


@command("path", group=runs_app, short_help="Print the folder of a run.")
def print_run_path(run: RunArgument = None, run_dir: RunDir = DEFAULT_DIR) -> None:
    """Print the folder of a run.

    \b
    Examples:
      embedcli runs path
      cp -r "$(embedcli runs path ml-100k)" /somewhere/else
    """
    from embedcli.run.shelf import path_of

    print_out(str(path_of(run, run_dir)))

"""`embedcli runs`: which runs there are, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.options import FormatOption, Output, Quiet, RunArgument, RunDir, complete_run
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import print_out

runs_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
RUNS_HELP = """List the trained runs, show or check one, or print where it is.

\b
Examples:
  embedcli runs list          all runs, the newest first
  embedcli runs show ml-100k  how one was trained and what came of it
"""
app.add_typer(runs_app, name="runs", help=RUNS_HELP, short_help="List the runs, show one, or print where it is.")


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

"""`embedcli runs`: which runs there are, and where."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embedcli.cli.answer import Answer
from embedcli.cli.app import app, show_help_alone
from embedcli.cli.command import command, option
from embedcli.cli.notes import Notes
from embedcli.cli.options import RUN_HELP, Quiet, RunDir, complete_run
from embedcli.cli.source import ItemOptions
from embedcli.errors import UsageError
from embedcli.progress import end
from embedcli.run import DEFAULT_DIR
from embedcli.terminal import plain, print_out

if TYPE_CHECKING:
    from embedcli.run.record import Run

runs_app = typer.Typer(callback=show_help_alone, invoke_without_command=True)
RUNS_HELP = """List the trained runs; show, describe, check, rename or remove one, or print its folder.

\b
Examples:
  embedcli runs list                              all runs, the newest first
  embedcli runs show ml-100k                      how one was trained
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


@command("rename", group=runs_app, short_help="Give a run another name.")
def rename_run(
    *,
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name or path of a run.", autocompletion=complete_run)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    run_dir: RunDir = DEFAULT_DIR,
    quiet: Quiet = False,
) -> None:
    """Give a run another name, in the same folder. A name that is taken is refused.

    \b
    Examples:
      embedcli runs rename ml-100k-2 decay-2
    """
    from embedcli.run.shelf import named
    from embedcli.run.store import rename

    path, notes = named(old, run_dir), Notes(quiet)
    renamed = rename(path, new)
    notes.say(f"renamed {path} to {renamed}", *_about_variable([path], f"set it to {shlex.quote(new)}"))


@command("rm", group=runs_app, short_help="Remove runs.")
def remove_runs(
    *,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Names or paths of runs.", autocompletion=complete_run)
    ],
    yes: Annotated[bool, option("--yes", "Do not ask.")] = False,
    run_dir: RunDir = DEFAULT_DIR,
    quiet: Quiet = False,
) -> None:
    """Remove runs for good, after a question. Of a link, only the link is removed.

    \b
    Examples:
      embedcli runs rm ml-100k-2
      embedcli runs rm ml-100k-3 ml-100k-4 --yes

    A folder that is not a run, or that holds anything else, is left as it is.
    """
    from embedcli.run.shelf import named
    from embedcli.run.store import check_run, remove

    paths, notes = list(dict.fromkeys(named(name, run_dir) for name in names)), Notes(quiet)
    for path in paths:
        check_run(path)
    if not (yes or _agreed(paths)):
        notes.say("nothing was removed")
        raise typer.Exit(1)
    for path in paths:
        what = f"the link {path}; {path.resolve()} stays" if path.is_symlink() else str(path)
        remove(path)
        notes.say(f"removed {what}")
    notes.say(*_about_variable(paths, "unset it, or set it to another run"))


def _agreed(paths: Sequence[Path]) -> bool:
    """Ask on the terminal whether runs are to be removed; UsageError if there is none to ask on."""
    listed = ", ".join(map(str, paths))
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        names = " ".join(shlex.quote(str(path)) for path in paths)
        raise UsageError(f"no terminal to ask whether to remove {listed}", f"say so: embedcli runs rm --yes {names}")
    end()
    print(f"Remove {plain(listed)} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _about_variable(paths: Sequence[Path], hint: str) -> list[str]:
    """Say so if EMBEDCLI_RUN asks for one of these, which are no longer there."""
    wanted = os.environ.get("EMBEDCLI_RUN", "")
    return (
        [f"note: EMBEDCLI_RUN still says {wanted!r}: {hint}"]
        if wanted in [*map(str, paths), *(path.name for path in paths)]
        else []
    )

"""The program: its commands, and the one place where errors become text and exit codes."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import embedcli
from embedcli.cli.flags import current
from embedcli.cli.notes import Notes
from embedcli.errors import EmbedcliError, Interrupted

HELP = """Train a recommender's embeddings, look inside them, and see which of what you see is real.

\b
Examples:
  embedcli train               train on MovieLens 100K: a few seconds
  embedcli biases --worst      the worst films, allowing for who rated them
  embedcli pca --components 3  the axes along which the films differ
"""
_debug = False


class Program(TyperGroup):
    """The group of all commands: turns whatever goes wrong into an `error:` line and a `hint:` line."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **extra: Any) -> Any:
        """Run a command line and exit with its code: 0 done, 1 failed, 2 usage, 130 interrupted."""
        args = sys.argv[1:] if args is None else args
        try:
            code = super().main(current(args), *others, **{**extra, "standalone_mode": False})
        except EmbedcliError as error:
            code = fail(error.message, error.hint, error.exit_code)
        except TyperException as error:
            message, hint = _explain(error), f"{self._command_in(args)} --help"
            if message.startswith("No such option: --debug"):  # it stands after the command
                hint = "put it first: embedcli --debug ..."
            code = fail(message, hint, error.exit_code)
        except KeyboardInterrupt:
            code = fail("interrupted", "the same command starts again", Interrupted.exit_code)
        except MemoryError:
            code = fail("there is not enough memory for this", "give fewer ratings, members, factors or draws")
        except OSError as error:
            code = fail(*_about_os(error))
        except Exception as error:
            if _debug:
                raise
            message = f"this should not have happened: {type(error).__name__}: {_one_line(str(error))}"
            code = fail(message, "run it again with --debug first, embedcli --debug ..., and report the traceback")
        sys.exit(code if isinstance(code, int) else 0)

    def _command_in(self, args: Sequence[str]) -> str:
        """Return the command that a command line means, without its options: what to ask for help on."""
        command, words = self, ["embedcli"]
        for word in args:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]  # type: ignore[assignment]
                words.append(word)
        return " ".join(words)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a closed pipe ends it silently, Ctrl-C with a word about what is left."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:  # it is None if it was closed
                sys.stdout.flush()
            return result
        except OSError as error:
            # what could not be written must not be tried again when Python exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise typer.Exit(0) from None
            raise
        except KeyboardInterrupt:
            raise Interrupted("interrupted", "no file is left half-written; the same command starts again") from None


def _about_os(error: OSError) -> tuple[str, str]:
    """Return what the system refused, and what to do about it."""
    if error.errno == errno.ENOENT and error.filename is None:
        return "the current folder is gone", "change to one that exists: cd"
    return f"{error.filename or 'stdout'}: {error.strerror or error}", "make room, or check permissions"


def fail(message: str, hint: str, code: int = 1) -> int:
    """Say what is wrong and what to do, also with --quiet; return the exit code."""
    Notes().say_of_library(f"error: {message}", f"hint: {hint}")
    return code


def _explain(error: TyperException) -> str:
    """Say what is wrong with which value; Typer's own words leave the value out."""
    message = _one_line(error.format_message()).replace("Value error, ", "")
    details: list[Any] = getattr(error.__cause__, "errors", list)()
    if details:
        message = message.replace("Input should be a valid", f"{details[0]['input']!r} is not a valid")
    return message.split(", unable to parse")[0]


def _one_line(message: str) -> str:
    return " ".join(message.split()).removesuffix(".")


app = typer.Typer(
    name="embedcli",
    cls=Program,
    help=HELP,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"embedcli {embedcli.__version__}")
        raise typer.Exit


def show_help_alone(ctx: typer.Context) -> None:
    """Print the help where a group is called without a command."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
        raise typer.Exit


@app.callback()
def _program(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    global _debug
    _debug = debug
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a letter shows ? instead
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # as -o does; a path keeps its bytes
    show_help_alone(ctx)

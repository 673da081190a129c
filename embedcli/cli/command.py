"""How a command is declared: its parameters, those it shares with others, and its help.

A parameter of a command may be a dataclass, such as `answer: Answer`. Each of its fields is an option of the command,
and the command gets the finished object. A field's option is its annotation, or for a dataclass of the library, which
knows no command line, the one given to `declare`. Its default is the field's: no default is written twice.
"""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

import typer
from typer.core import TyperArgument, TyperCommand

from embedcli.cli.app import app
from embedcli.cli.live import live
from embedcli.progress import stage

ARGUMENTS, OPTIONS, MODEL, DATA, ADVANCED, OUTPUT = "Arguments", "Options", "Model", "Data", "Advanced", "Output"
PANELS = (ARGUMENTS, OPTIONS, MODEL, DATA, ADVANCED, OUTPUT)  # of the help, in this order
ALL = "--all"  # beside --help: show the panel Advanced, too
_declared: dict[type, dict[str, Any]] = {}


def declare(record: type, **options: Any) -> None:
    """Declare the options of a dataclass of the library: for each field that has one, its annotation."""
    _declared[record] = options


def declared(record: type) -> dict[str, Any]:
    """Return the options that `declare` gave a dataclass."""
    return _declared[record]


def option(usage: str, help: str, panel: str | None = None, **more: Any) -> Any:
    """Declare an option by its usage, as the help shows it: its flags and its metavar, such as "-n --limit N"."""
    words = usage.split()
    flags = [word for word in words if word.startswith("-")]
    metavar = " ".join(words[len(flags) :]) or None
    return typer.Option(*flags, metavar=metavar, help=help, rich_help_panel=panel, **more)


def command(
    name: str | None = None, *, group: typer.Typer = app, short_help: str, cls: type[TyperCommand] | None = None
) -> Callable[[Any], Any]:
    """Add a function to the program as a command, named like the function if no name is given."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        group.command(name, cls=cls or Command, short_help=short_help)(_flattened(function))
        return function

    return register


def _flattened(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function with an option for each field of its parameters that are dataclasses."""
    own = inspect.signature(function, eval_str=True).parameters.values()
    records: dict[str, Any] = {
        parameter.name: parameter.annotation for parameter in own if is_dataclass(parameter.annotation)
    }
    options = {name: _options_of(record) for name, record in records.items()}
    parameters = [parameter for parameter in own if parameter.name not in records]
    parameters += [option for of_record in options.values() for option in of_record]

    @wraps(function)
    def call(**values: Any) -> None:
        for name, record in records.items():
            values[name] = record(**{option.name: values.pop(option.name) for option in options[name]})
        function(**values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _options_of(record: Any) -> list[inspect.Parameter]:
    annotations = _declared.get(record) or get_type_hints(record, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if field.default == () else field.default,  # an empty tuple is no value on the command line
            annotation=annotations[field.name],
        )
        for field in fields(record)
        if field.name in annotations
    ]


class Command(TyperCommand):
    """A command whose help shows its options in panels, those of the `rare` panels only with `--help --all`."""

    rare: tuple[str, ...] = (ADVANCED,)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; `--all` beside `--help` is not an option of the command."""
        if ALL in args and {"-h", "--help"} & set(args):
            ctx.meta[ALL] = True
            args = [arg for arg in args if arg != ALL]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and show on a terminal how far it is."""
        with live(quiet=ctx.params.get("quiet", False)), stage(ctx.command.name):
            return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of each panel."""
        panels: dict[str, list[tuple[str, str]]] = {panel: [] for panel in PANELS}
        for parameter in self.get_params(ctx):
            usual = (
                ARGUMENTS if isinstance(parameter, TyperArgument) else OUTPUT if parameter.name == "help" else OPTIONS
            )
            panel = getattr(parameter, "rich_help_panel", None) or usual
            panels[panel] += filter(None, [parameter.get_help_record(ctx)])
        n_more = 0 if ctx.meta.get(ALL) else sum(len(panels.pop(panel)) for panel in self.rare)
        for panel, entries in panels.items():
            if entries:
                with formatter.section(panel):
                    formatter.write_dl(entries)
        if n_more:
            formatter.write_paragraph()
            formatter.write_text(f"{n_more} more options: {ctx.command_path} --help {ALL}")

"""Options of a command that come from a TOML file (`--config`) or from a run (`--like`).

What is typed wins over the file, the file over the run, and the run over the defaults.
"""

from __future__ import annotations

import difflib
import inspect
import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from typer.models import OptionInfo

from embedcli.cli.command import Command, option
from embedcli.cli.flags import current, flags, option_of
from embedcli.cli.notes import Notes
from embedcli.cli.options import complete_run
from embedcli.errors import EmbedcliError, RunError, UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.run.config import TrainConfig

if TYPE_CHECKING:
    from embedcli.run.record import Run

MOST_BYTES = 1 << 16  # of a file of options: ten times what all of them take
OVERRIDES = {"split": ("split_seed", "test_fraction"), "copy": ("data",)}  # what goes with an option that is given
BESIDE_RESUME = {"resume", "name", "run_dir", "quiet", "format", "output", "json", "explain"}  # no settings
WORDS = "words"  # key in the context: the command line, that of the training that is resumed
SETTINGS = "settings"  # key in the context: for each parameter that is not typed, where it comes from

Parameters = Mapping[str, inspect.Parameter]


@dataclass(frozen=True)
class Elsewhere:
    """Where options come from that are not typed."""

    config_file: Annotated[
        Path | None, option("--config FILE", "TOML file of options; an option typed here wins over it.")
    ] = None
    like: Annotated[
        str | None,
        option(
            "--like RUN", "Take the settings of a run; --config and typed options win.", autocompletion=complete_run
        ),
    ] = None


@dataclass(frozen=True)
class Setting:
    """A value for a parameter of the command, the option as one would type it, and where it comes from in words."""

    value: Any
    typed: str
    where: str

    def is_named(self, words: Sequence[str]) -> bool:
        """Whether a message, split into words, names the option or its value."""
        return not {self.typed.split()[0], str(self.value), repr(self.value)}.isdisjoint(words)


class ConfiguredCommand(Command):
    """A command with the options of `Elsewhere`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; what is not typed is taken from the file, then from the run."""
        if ctx.resilient_parsing or {"-h", "--help"} & set(args):
            return super().parse_args(ctx, args)
        given = self._given(ctx, args)
        if "resume" in given and given.keys() <= BESIDE_RESUME:
            args = [*_unfinished(Path(given.get("run_dir", DEFAULT_DIR))), *args]
            given = self._given(ctx, args)
        ctx.meta[WORDS] = [word for word in args if word != "--resume"]
        settings: dict[str, Setting] = {}
        lines = []
        for source, found in _sources(given, inspect.signature(self.callback).parameters):  # type: ignore[arg-type]
            over = {*given, *(name for option in given for name in OVERRIDES.get(option, ()))}
            lines.append(_said(source, found, over))
            settings |= {name: setting for name, setting in found.items() if name not in over}
            given |= {name: setting.value for name, setting in found.items() if name not in over}
        ctx.default_map = {name: setting.value for name, setting in settings.items()}
        ctx.meta[SETTINGS] = settings
        rest = super().parse_args(ctx, args)
        Notes(ctx.params["quiet"]).say(*lines)
        return rest

    def _given(self, ctx: Any, args: list[str]) -> dict[str, Any]:
        values, _, _ = self.make_parser(ctx).parse_args(list(args))
        return {name: value for name, value in values.items() if value is not None}

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error about an option that was not typed says where it comes from."""
        try:
            return super().invoke(ctx)
        except EmbedcliError as error:
            words = flags(error.message).split()
            places = [setting.where for setting in ctx.meta.get(SETTINGS, {}).values() if setting.is_named(words)]
            error.message += f" ({', '.join(places)})" if places else ""
            raise


def _unfinished(run_dir: Path) -> list[str]:
    """Return the command line of the newest unfinished training; UsageError if there is none."""
    from embedcli.training.checkpoint import nothing_to_resume, unfinished

    if not (found := unfinished(run_dir)):
        raise nothing_to_resume(run_dir)
    _, words = found[0]
    more = f"; {len(found) - 1} more, each resumed by its own command with --resume" if len(found) > 1 else ""
    Notes().say(f"resuming: {shlex.join(['embedcli', 'train', *words])}{more}")
    return words


def _sources(given: Mapping[str, Any], parameters: Parameters) -> Iterator[tuple[str, dict[str, Setting]]]:
    """Yield what is said of the file and its settings, then of the run and its settings; `given` may grow meanwhile."""
    settings: dict[str, Setting] = {}
    if "config_file" in given:
        path = Path(given["config_file"])
        settings = read_config(path, parameters)
        yield str(path), settings
    if "like" in given:
        try:
            run, of_run = settings_like(given["like"], Path(given.get("run_dir", DEFAULT_DIR)), parameters)
        except EmbedcliError as error:
            error.message += (
                f" ({settings['like'].where})" if "like" in settings and settings["like"].value == given["like"] else ""
            )
            raise
        if not {"data", "copy"} & given.keys():
            of_run["data"] = _data_of(run, given["like"], _command(parameters))
        yield f"settings of run {run.name!r}", of_run


def read_config(path: Path, parameters: Parameters) -> dict[str, Setting]:
    """Read a TOML file of options, their names as keys, in tables or not; paths in it are relative to its folder.

    Raises UsageError, with the file, the key and the value, for whatever is not an option or not a value of it.
    """
    keys = keys_of(parameters)
    settings: dict[str, Setting] = {}
    for key, value in _entries(_read_toml(path)):
        name, shown = keys.get(key.replace("_", "-")), _written(value)
        if name is None:
            raise UsageError(f"{path}: unknown key {key} = {shown}", _nearest(key, list(keys)))
        if name in settings:
            raise UsageError(f"{path}: {key} = {shown} is given twice", f"leave one {key} out")
        try:
            converted = _converted(parameters[name], value)
        except _InvalidError as error:
            raise UsageError(
                f"{path}: {key} = {shown} is not {error.wanted}", f"write {key} = {error.example}"
            ) from None
        value = _from_folder(name, converted, path.parent)
        settings[name] = Setting(value, _typed(parameters[name], value), f"{key} = {shown} in {path}")
    return settings


def keys_of(parameters: Parameters) -> dict[str, str]:
    """Return the parameter of each key that a file may have."""
    keys = {flag.removeprefix("--"): name for name in parameters for flag in _flags_of(parameters[name])[:1]}
    del keys["config"]
    return keys | {"data": "data"}  # the argument: what is read, whether it is named or a copy


def settings_like(which: str, run_dir: Path, parameters: Parameters) -> tuple[Run, dict[str, Setting]]:
    """Return a run and the settings that it was trained with, as far as it holds them.

    Raises RunError if it holds none, because it was not trained by embedcli.
    """
    from embedcli.run.files import damaged
    from embedcli.run.shelf import path_of
    from embedcli.run.store import load

    path = path_of(which, run_dir)
    run = load(path)
    if run.training.config is None:
        raise RunError(
            f"run {run.name!r} has no settings of a training: it was not trained by embedcli train",
            "choose another run: embedcli runs list, or write the settings into a file for --config",
        )
    settings = {}
    usual = {own.name: own.default for own in fields(TrainConfig)}  # an option that takes a list has no default
    for name, value in _settings_of(run).items():
        if name not in parameters or value == usual.get(name, parameters[name].default):
            continue
        try:
            converted = _converted(parameters[name], value)
        except _InvalidError as error:
            raise damaged(path / "run.json", f"{name} {value!r} is not {error.wanted}") from None
        typed = _typed(parameters[name], converted)
        settings[name] = Setting(converted, typed, f"{typed} is of run {run.name!r}")
    return run, settings


def _settings_of(run: Run) -> dict[str, Any]:
    """Return the settings of a run by parameter; what follows from the ratings or the machine is left to them."""
    from embedcli.data.scale import y_range_for
    from embedcli.data.splits import fraction_in

    settings, split = {**run.training.settings, **run.data.reading}, run.training.split
    if settings["engine"] == "compiled":
        del settings["engine"]  # it is the usual one where it runs
    if run.data.implicit:
        settings |= {"implicit": True, "y_range": None, "n_draws": None}
    elif run.rows is not None and tuple(settings["y_range"]) == y_range_for(run.data, run.rows.value):
        del settings["y_range"]
    settings |= {"split": split.kind or None, "test_fraction": fraction_in(split.description)}
    settings |= {"split_seed": split.seed, "keep_rows": run.rows is not None}
    return {name: value for name, value in settings.items() if value is not None}


def _command(parameters: Collection[str]) -> str:
    """Return the command that has these parameters, or options."""
    return "embedcli sweep" if "trials" in parameters else "embedcli train"


def _data_of(run: Run, which: str, command: str) -> Setting:
    """Return the data set of a run; UsageError if it is not one that is known by its name."""
    from embedcli.data.catalog import CATALOG

    known = CATALOG.get(run.data.name)
    if known is None or known.title != run.data.title:
        again = f"{command} {shlex.quote(run.data.source)} --like {shlex.quote(which)}"
        raise UsageError(f"run {run.name!r} does not hold where its ratings are", f"give them: {again}")
    return Setting(known.name, known.name, f"the data set of run {run.name!r}")


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    hint = 'write a line for each option, such as factors = 20 or name = "first"'
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UsageError(f"{path}: larger than {MOST_BYTES:,} bytes, not a file of options", hint)
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text in UTF-8", hint) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "give a TOML file with --config") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {' '.join(str(error).split())}", hint) from error


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the (key, value) pairs of a file, and those of its tables, whose names say nothing."""
    for key, value in content.items():
        yield from value.items() if isinstance(value, dict) else ((key, value),)


def _flags_of(parameter: inspect.Parameter) -> tuple[str, ...]:
    """Return the long and short flags of an option, the long ones first; none of an argument."""
    info, *_ = getattr(parameter.annotation, "__metadata__", (None,))  # the context of the command has none
    if not isinstance(info, OptionInfo):
        return ()
    flags = [str(info.default), *(info.param_decls or ())]  # an annotation has its first flag in place of the default
    return tuple(sorted((flag.partition("/")[0] for flag in flags), key=lambda flag: not flag.startswith("--")))


def _nearest(key: str, keys: list[str]) -> str:
    """Say which key may be meant: that of the library's parameter, or one that is spelled nearly so."""
    own = option_of(key.replace("-", "_")).removeprefix("--")
    (renamed,) = current([f"--{key.replace('_', '-')}"])
    near = [name for name in (own, renamed.removeprefix("--")) if name in keys]
    near += difflib.get_close_matches(key.replace("_", "-"), keys, 1)
    keys_are = f"the keys are the options of {_command(keys)} --help --all, without --"
    return f"did you mean {near[0]}? {keys_are}" if near else keys_are


class _InvalidError(Exception):
    """A value that a parameter does not take."""

    def __init__(self, wanted: str, example: str) -> None:
        super().__init__(wanted)
        self.wanted, self.example = wanted, example


def _converted(parameter: inspect.Parameter, value: Any) -> Any:
    """Return a value of TOML or JSON as the command line has it; _InvalidError if it is not of the parameter's type."""
    kind, (info,) = parameter.annotation.__origin__, parameter.annotation.__metadata__
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        kind = get_args(kind)[0]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is bool and not isinstance(value, bool):
        raise _InvalidError("true or false", "true")
    if kind is int and not is_whole:
        raise _InvalidError("a whole number", "5")
    if kind is float and not (is_whole or isinstance(value, float)):
        raise _InvalidError("a number", "0.5")
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple) or [type(end) in (int, float) for end in value] != [True, True]:
            raise _InvalidError("a pair of numbers", "[0, 5.5]")
        return tuple(map(float, value))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, value)
    if kind in (str, Path):
        return _text(value, is_list="," in (info.metavar or ""), is_whole=is_whole and kind is str)
    return value


def _member(kind: type[Enum], value: Any) -> str:
    words = [member.value for member in kind]
    if value not in words:
        nearest = difflib.get_close_matches(str(value), words, 1) or words
        raise _InvalidError(f"one of {', '.join(words)}", _written(nearest[0]))
    return str(value)


def _text(value: Any, *, is_list: bool, is_whole: bool) -> str:
    """Return a text; a list joined by commas, and a number, if the option takes that; and a whole number as text."""
    if is_list and isinstance(value, list | tuple) and all(type(part) in (str, int, float) for part in value):
        value = ",".join(map(str, value))
    value = str(value) if is_whole or (is_list and isinstance(value, float)) else value
    if not isinstance(value, str) or "\0" in value:
        is_number = isinstance(value, int | float)
        raise _InvalidError("text", _written(str(value)) if is_number else '["a", "b"]' if is_list else '"text"')
    return value


def _from_folder(name: str, value: Any, folder: Path) -> Any:
    """Return a path as seen from the folder of the file; the name of a data set or of a run stays."""
    from embedcli.data.catalog import CATALOG

    is_path = name in ("items", "run_dir", "output") or (name == "data" and value not in ("-", *CATALOG))
    if is_path or (name == "like" and Path(value).name != value):
        return str(folder / (Path(value).expanduser() if value.startswith("~/") else value))
    return value


def _said(source: str, settings: Mapping[str, Setting], over: Collection[str]) -> str:
    """Say which options come from one place, and which of them are overridden."""
    used = " ".join(setting.typed for name, setting in settings.items() if name not in over)
    unused = " ".join(setting.typed for name, setting in settings.items() if name in over)
    return f"{source}: {used or 'nothing'}" + (f" (overridden: {unused})" if unused else "")


def _typed(parameter: inspect.Parameter, value: Any) -> str:
    """Write an option, or the argument, as one would type it."""
    flag, *_ = (*_flags_of(parameter), "")
    if isinstance(value, bool):
        return flag if value else flag.replace("--", "--no-", 1) if parameter.default else f"no {flag}"
    values = value if isinstance(value, tuple) else (value,)
    words = [f"{word:g}" if isinstance(word, float) else shlex.quote(str(word)) for word in values]
    return " ".join(filter(None, (flag, *words)))


def _written(value: Any) -> str:
    """Write a value as TOML has it, on one line."""
    from embedcli.data.text import shorten

    if isinstance(value, list):
        return shorten(f"[{', '.join(map(_written, value))}]")
    if isinstance(value, dict):
        return "{ a table }"
    return shorten(json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value))

"""How commands are declared: dataclasses as parameters, panels of the help, names of options."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from embedcli.cli import app
from embedcli.cli.command import command
from embedcli.cli.flags import current, flags
from embedcli.data.read_options import ReadOptions
from embedcli.run.config import TrainConfig

RUNNER = CliRunner()
OPTION = re.compile(r"^ +(?:-\w, )?--[a-z-]+", re.MULTILINE)


@dataclass(frozen=True)
class Size:
    """Two options."""

    width: Annotated[int, typer.Option("--width")] = 3
    height: Annotated[int, typer.Option("--height")] = 4


def test_a_dataclass_is_a_parameter() -> None:
    """Each field of a parameter that is a dataclass is an option with its default; the command gets the object."""
    given: list[tuple[Size, bool]] = []
    group = typer.Typer()

    @command("draw", group=group, short_help="Draw.")
    def draw(size: Size, *, wide: Annotated[bool, typer.Option("--wide")] = False) -> None:
        given.append((size, wide))

    for args in (["--height", "7", "--wide"], []):
        assert RUNNER.invoke(group, args).exit_code == 0
    assert given == [(Size(3, 7), True), (Size(3, 4), False)]


@pytest.mark.parametrize("record", [TrainConfig, ReadOptions])
def test_every_setting_is_an_option_of_train(record: type) -> None:
    """Every field of the library's settings can be given to `train`, and has the library's default there."""
    [callback] = [entry.callback for entry in app.registered_commands if entry.callback.__name__ == "train"]
    parameters = inspect.signature(callback).parameters
    for field in fields(record):
        assert parameters[field.name].default == (None if field.default == () else field.default)


def test_train_shows_at_most_25_options() -> None:
    """The help of train has at most 25 options; with --all it has every one, and says how many more there are."""
    short, long = (RUNNER.invoke(app, ["train", "--help", *more]).stdout for more in ([], ["--all"]))
    assert RUNNER.invoke(app, ["train", "--all", "--help"]).stdout == long
    assert len(OPTION.findall(short)) <= 25
    n_more = int(re.search(r"(\d+) more options: .* --help --all", short)[1])  # type: ignore[index]
    assert len(OPTION.findall(long)) == len(OPTION.findall(short)) + n_more
    assert "--device" in long
    assert "--device" not in short


def test_no_command_shows_more_than_25_options() -> None:
    """The help of every command has at most 25 options, and its last line says how to see the rest, if there is one."""
    groups = [((), typer.main.get_command(app))]
    while groups:
        path, group = groups.pop()
        for name, own in group.commands.items():  # type: ignore[attr-defined]
            if hasattr(own, "commands"):
                groups.append(((*path, name), own))
                continue
            shown = RUNNER.invoke(app, [*path, name, "--help"]).stdout
            hidden = len(OPTION.findall(RUNNER.invoke(app, [*path, name, "--help", "--all"]).stdout))
            hidden -= len(OPTION.findall(shown))
            assert len(OPTION.findall(shown)) <= 25
            assert (f"{hidden} more options: embedcli" in shown.splitlines()[-1]) == (hidden > 0)


def test_parameters_are_named_as_options() -> None:
    """A parameter of the library in backticks is shown as its option; other words in backticks stay."""
    assert flags("`n_members` 0 is below 1") == "--members 0 is below 1"
    assert flags("give `min_ratings` 5; not `two words`") == "give --min-ratings 5; not `two words`"


@pytest.mark.parametrize("value", ["'`sep`'", "'a`sep`'", "'`sep`.csv'", "data/`sep`.csv", "`sep`.csv", '"`sep` x"'])
def test_values_in_backticks_stay(value: str) -> None:
    """A value that a user gave is shown as it is, also if it has backticks."""
    assert flags(f"{value} is unknown") == f"{value} is unknown"


def test_renamed_options_still_work() -> None:
    """The old names of renamed options are accepted, with a blank or an equals sign, up to a bare --."""
    old = ["train", "--valid-fraction=.2", "--beyond", "quality", "--", "--beyond"]
    assert current(old) == ["train", "--test-fraction=.2", "--partial-out", "quality", "--", "--beyond"]

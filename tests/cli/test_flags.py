"""The options of the command line stand for the parameters that messages of the library name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer

import embedcli
from embedcli.cli import app
from embedcli.cli.flags import OPTIONS, RENAMED, flags, option_of

PACKAGE = Path(embedcli.__file__).parent
LIBRARY = sorted(path for path in PACKAGE.rglob("*.py") if "cli" not in path.relative_to(PACKAGE).parts)


def options() -> set[str]:
    """Return every option of every command."""
    commands, found = [typer.main.get_command(app)], set()
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        found |= {option for parameter in command.params for option in parameter.opts}
    return found


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every text in a file of Python but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_parameters_in_messages_have_options() -> None:
    """Each `parameter` in a text of the library becomes an option that some command has."""
    there = options()
    for path in LIBRARY:
        for line, text in texts(path):
            for parameter in re.findall(r"`([a-z][a-z_]*)`", text):
                assert option_of(parameter) in there, f"{path.relative_to(PACKAGE)}, line {line}: `{parameter}`"


def test_every_translation_is_of_an_option() -> None:
    """The options that parameters and renamed options become are options of some command."""
    assert {*OPTIONS.values(), *RENAMED.values()} <= options()


def test_only_parameters_are_translated() -> None:
    """A word in backticks becomes an option; what else stands there, such as a command line, stays."""
    assert flags("`min_ratings` 3, `limit` 0, `embedcli train`") == "--min-ratings 3, -n 0, `embedcli train`"

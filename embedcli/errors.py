"""The errors a user can meet. Every one says what is wrong with which value, and what to type next.

EmbedcliError
 └── UsageError, DataError, RunError, TrainingError, Interrupted
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

Choice = TypeVar("Choice", bound=StrEnum)
# backticks inside a quoted value, a word or a file name are not the library's
PARAMETER = re.compile(r"(?<![\w'\"/])`([a-z][a-z_]*)`(?![\w'\"/]|\.\w)")


class EmbedcliError(Exception):
    """Anything that ends a command with one `error:` line and one `hint:` line."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.add_note(f"hint: {hint}")  # a traceback shows it

    def __reduce__(self) -> tuple[type[EmbedcliError], tuple[str, str]]:
        return type(self), (self.message, self.hint)  # an error of another process arrives as it was


class UsageError(EmbedcliError):
    """An invalid option, argument or value."""

    exit_code = 2


class DataError(EmbedcliError):
    """A data set that is missing, damaged or not what it says it is."""


class RunError(EmbedcliError):
    """A stored run that is missing, damaged, or of a newer version than this program."""


class TrainingError(EmbedcliError):
    """A training that failed."""


class Interrupted(EmbedcliError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def with_names(message: str, name_of: Callable[[str], str]) -> str:
    """Return a message of the library with other names for its `parameters`."""
    return PARAMETER.sub(lambda match: name_of(match[1]), message)


def renamed(message: str, names: Mapping[str, str]) -> str:
    """Return a message with the names that a caller has for `parameters`, by those of the functions that it calls."""
    return with_names(message, lambda own: f"`{names.get(own, own)}`")


@contextmanager
def known_as(names: Mapping[str, str]) -> Iterator[None]:
    """Let the messages of errors name `parameters` as their caller knows them."""
    try:
        yield
    except EmbedcliError as error:
        raise type(error)(renamed(error.message, names), renamed(error.hint, names)) from error.__cause__


def chosen(choices: type[Choice], value: str, parameter: str) -> Choice:
    """Return a choice that is given by its name or as itself; UsageError, with the names, for any other value."""
    try:
        return choices(value)
    except ValueError:
        names = ", ".join(choice.value for choice in choices)
        raise UsageError(f"`{parameter}` {value!r} is unknown", f"give one of {names}") from None

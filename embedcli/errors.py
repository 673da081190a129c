"""The errors a user can meet. Every one says what is wrong with which value, and what to type next.

EmbedcliError
 └── UsageError, DataError, RunError, TrainingError, Interrupted
"""


class EmbedcliError(Exception):
    """Anything that ends a command with one `error:` line and one `hint:` line."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


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

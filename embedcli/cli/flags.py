"""The names that the command line has for the parameters of the library."""

from collections.abc import Sequence

from embedcli.errors import with_names

OPTIONS = {  # parameters of the library whose options have other names
    "arrays": "--array",
    "clusters": "-k",
    "from_": "--from",
    "learning_rate": "--lr",
    "limit": "-n",
}
RENAMED = {"--valid-fraction": "--test-fraction", "--beyond": "--partial-out"}  # accepted until version 0.3


def current(args: Sequence[str]) -> list[str]:
    """Return a command line with the options that were renamed under their current names."""
    end = args.index("--") if "--" in args else len(args)
    parts = [arg.partition("=") for arg in args[:end]]
    return ["".join((RENAMED.get(name, name), *rest)) for name, *rest in parts] + list(args[end:])


def flags(message: str) -> str:
    """Return a message of the library with the options of the command line for its `parameters`."""
    return with_names(message, option_of)


def option_of(parameter: str) -> str:
    """Return the option of the command line for a parameter of the library: --members for `n_members`."""
    return OPTIONS.get(parameter, "--" + parameter.removeprefix("n_").replace("_", "-"))

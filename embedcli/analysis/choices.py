"""What an analysis can be asked for by name. The command line imports this file, so that it imports little."""

from enum import StrEnum
from typing import TypeVar

from embedcli.errors import UsageError

Choice = TypeVar("Choice", bound=StrEnum)


def chosen(choices: type[Choice], value: str, parameter: str) -> Choice:
    """Return a choice that is given by its name or as itself; UsageError, with the names, for any other value."""
    try:
        return choices(value)
    except ValueError:
        names = ", ".join(choice.value for choice in choices)
        raise UsageError(f"`{parameter}` {value!r} is unknown", f"give one of {names}") from None


class Sort(StrEnum):
    """What a ranking goes by."""

    BIAS = "bias"
    STARS = "stars"
    LOWER = "lower"
    UPPER = "upper"
    PROBABILITY = "probability"


class By(StrEnum):
    """Which stars a ranking goes by: the trained members', or the posterior mean."""

    TRAINED = "trained"
    POSTERIOR = "posterior"


class Basis(StrEnum):
    """What components are components of: the item factors, or the predicted preferences."""

    PCA = "pca"
    PREFERENCE = "preference"


class Rotation(StrEnum):
    """How components are turned after they are found."""

    NONE = "none"
    VARIMAX = "varimax"


class Grouping(StrEnum):
    """How items are cut into groups."""

    KMEANS = "kmeans"
    HIERARCHICAL = "hierarchical"


class Measure(StrEnum):
    """How near two items are."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"


class PartialOut(StrEnum):
    """What is partialled out of the components before they are named."""

    NOTHING = "nothing"
    QUALITY = "quality"


class Method(StrEnum):
    """How items are laid out on a map."""

    PCA = "pca"
    TSNE = "tsne"
    UMAP = "umap"

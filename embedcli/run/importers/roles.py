"""Which of the named arrays of a file are the users' and the items' factors and biases, and which are their ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.words import NOUNS
from embedcli.data.text import shorten
from embedcli.errors import DataError
from embedcli.run.importers.vectors import Part, as_floats, refused
from embedcli.run.predictions import NAMES

IDS = "item_ids", "user_ids", "titles"
ROLES = *NAMES, *IDS
USERS = {"user", "users", "u", "uid", "p", "pu", "bu", "customer", "customers", "query"}
ITEMS = {"i", "q", "qi", "bi", "candidate"} | {
    word + end for words in (*NOUNS.values(), *NOUNS) for word in words.split() for end in ("", "s")
}
FACTORS = {"factors", "factor", "weight", "weights", "embedding", "embeddings", "emb", "embs", "embed", "vectors"}
FACTORS |= {"vector", "pu", "qi"}
BIASES = {"bias", "biases", "bu", "bi"}
LEVELS = {"global", "mean", "mu", "offset", "intercept", "level"}
ALONE = {  # arrays whose side is not in their name, by role
    "item_factors": {"factors", "vectors", "embeddings", "embedding", "emb", "vector", "arr_0", "weight", "x", "q"},
    "item_ids": {"ids", "id", "words", "vocab", "tokens", "keys", "labels", "names", "index_to_key", "classes"},
    "global_bias": {"bias", "mu", "global_mean", "mean", "offset", "intercept"},
}
SHOWN = 8  # names in a message


def roles_of(parts: Mapping[str, Part], given: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the array that has each role: as given, else by the names and shapes of all.

    DataError if two may have a role, if none is the items' factors, and for an unknown role or array given.
    """
    for role, name in given.items():
        if role not in ROLES:
            raise refused(where, f"`arrays` {role}={name}: there is no {role!r}", f"give one of {', '.join(ROLES)}")
        if name not in parts:
            raise refused(where, f"there is no array {name!r}", f"it holds {_listed(parts)}")
    for name, part in parts.items():
        if name in ROLES and name not in given.values() and not _fits(name, part):
            raise refused(
                where, f"{_listed({name: part})} is not as {name} should be", "save numbers, and ids as texts"
            )
    found = dict(given)
    candidates: dict[str, list[str]] = {role: [] for role in ROLES}
    for name, part in parts.items():
        if name not in given.values() and (own := _role(name, part)):
            candidates[own].append(name)
    for role, names in candidates.items():
        if role not in found and names:
            found[role] = _only(role, names, where)
    if "item_factors" not in found:
        found |= _alone(parts, found, where)
    return found


def _role(name: str, part: Part) -> str | None:
    """Return the role of an array by its name and shape; None if they do not tell."""
    if name in ROLES:
        return name
    words = _words(name)
    side = "user" if words & USERS else "item" if words & ITEMS else None
    if side is not None and words & {"id", "ids", "classes"}:
        return f"{side}_ids" if _fits("item_ids", part) else None
    if side is not None and words & BIASES and _fits("item_bias", part):
        return f"{side}_bias"
    if side is not None and not words & BIASES and (words & FACTORS or len(words) == 1):
        return f"{side}_factors" if _fits("item_factors", part) else None
    bare = name.removesuffix(".weight").casefold()
    alone = next((role for role, names in ALONE.items() if bare in names and _fits(role, part)), None)
    if alone is None and words & LEVELS and _fits("global_bias", part):
        return "global_bias"
    return alone


def _fits(role: str, part: Part) -> bool:
    """Tell whether an array has the shape and kind of a role."""
    if role in IDS:
        return part.kind in "USiu" and len(part.shape) == 1
    if part.kind not in "fiu":
        return False
    if role == "global_bias":
        return int(np.prod(part.shape)) == 1 or len(part.shape) == 1
    return len(part.shape) in ((2, 3) if role.endswith("factors") else (1, 2, 3))


def _words(name: str) -> set[str]:
    """Return the words of a name such as `user_embedding.weight` or `itemBias`, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return set(re.split(r"[\W_]+", spaced.casefold()))


def _only(role: str, names: Sequence[str], where: str) -> str:
    """Return the one array for a role: the one that is named like it, or the only one; DataError if several may be."""
    if role in names:
        return role
    if len(names) > 1:
        raise refused(
            where,
            f"{' and '.join(map(repr, names[:SHOWN]))} may be the {role}",
            f"say which: `arrays` {role}={names[0]}",
        )
    return names[0]


def _alone(parts: Mapping[str, Part], found: Mapping[str, str], where: str) -> dict[str, str]:
    """Return the only array of vectors that is left as the items' factors; DataError if there is not exactly one."""
    left = [name for name, part in parts.items() if name not in found.values() and _fits("item_factors", part)]
    if len(left) == 1 and "user_factors" not in found:
        return {"item_factors": left[0]}
    why = "there is no array of vectors (n, k)" if not left else "which array holds the items is not known"
    example = left[0] if left else next(iter(parts), "NAME")
    raise refused(
        where,
        f"{why} among {_listed(parts)}",
        f"say which: `arrays` item_factors={shorten(example)}, or user_factors=...",
    )


def _listed(parts: Mapping[str, Part]) -> str:
    kinds = {"O": " of Python objects", "U": " of texts", "S": " of texts"}
    shown = [f"{shorten(name)} {parts[name].shape}{kinds.get(parts[name].kind, '')}" for name in list(parts)[:SHOWN]]
    return (", ".join(shown) or "none") + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")


def members(parts: Mapping[str, Part], roles: Mapping[str, str], where: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of the roles in the shapes of a run, with a leading axis of members.

    DataError if their shapes do not belong together: other numbers of members, factors, users or items.
    """
    arrays = {role: as_floats(parts[name].read(), name, where) for role, name in roles.items() if role in NAMES}
    factors = arrays["item_factors"]
    n_members = len(factors) if factors.ndim == 3 else 1
    shaped = {role: _shaped(role, array, n_members, roles[role], where) for role, array in arrays.items()}
    if len({array.shape[2] for role, array in shaped.items() if role.endswith("factors")}) > 1:
        raise _misfit(shaped, roles, where)
    for side in ("user", "item"):
        if len({array.shape[1] for role, array in shaped.items() if role.startswith(side)}) > 1:
            raise _misfit(shaped, roles, where)
    return shaped


def _shaped(role: str, array: NDArray[np.float32], n_members: int, name: str, where: str) -> NDArray[np.float32]:
    """Return an array (M, n, k), (M, n) or (M,) from one that may lack the axis of members."""
    n_axes = 3 if role.endswith("factors") else 1 if role == "global_bias" else 2
    shape = array.shape
    if role == "global_bias":
        array = np.repeat(array, n_members) if array.size == 1 else array  # one mean of the ratings for all members
        shape = (array.size,)
    elif n_axes == 2 and len(shape) > 1 and shape[-1] == 1:  # biases (n, 1), as an embedding of one factor
        shape = shape[:-1]
    if len(shape) == n_axes - 1:
        shape = (1, *shape)
    if len(shape) != n_axes or shape[0] != n_members:
        of = f"{n_members} member{'s' if n_members > 1 else ''}"
        raise refused(
            where, f"{name} has the shape {array.shape}, which does not fit {of}", "save all members side by side"
        )
    return array.reshape(shape)


def _misfit(arrays: Mapping[str, NDArray[np.float32]], roles: Mapping[str, str], where: str) -> DataError:
    shapes = ", ".join(f"{roles[role]} {array.shape[1:]}" for role, array in arrays.items())
    return refused(
        where, f"these arrays do not belong together: {shapes}", "say which they are: `arrays` item_factors=NAME"
    )

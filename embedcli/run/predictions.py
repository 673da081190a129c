"""The arrays of a model: their names and shapes, and what they predict."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.errors import RunError

Arrays = Mapping[str, NDArray[np.float32]]
Range = tuple[float, float]
Floats = NDArray[np.floating]

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias", "global_bias")
CHUNK = 1 << 12  # predictions at a time: their rows of factors fit into the cache of a core


def sigmoid(logits: Floats) -> NDArray[Any]:
    """Return 1 / (1 + exp(-logits)), the share of the range that a prediction reaches."""
    with np.errstate(over="ignore"):  # the share is then 0
        share: Floats = 1 / (1 + np.exp(-logits))
    return share


def ratings_of(logits: Floats, y_range: Range | None) -> NDArray[Any]:
    """Return the ratings that logits stand for: within `y_range`, or without one (the identity link) themselves."""
    if y_range is None:
        return logits
    low, high = y_range
    return low + (high - low) * sigmoid(logits)


def predict(
    arrays: Arrays, user: NDArray[np.int32], item: NDArray[np.int32], y_range: Range | None
) -> NDArray[np.float32]:
    """Predict the ratings of pairs of user and item (n,) with every member -> (M, n)."""
    *of_rows, level = (arrays[name] for name in NAMES)
    predicted = np.empty((len(level), len(user)), dtype=np.float32)
    order = np.argsort(user, kind="stable")  # the rows of a user follow each other, so its factors are in the cache
    user, item = user[order], item[order]
    for m in range(len(level)):
        # `take` would copy a whole array that is not contiguous, each time
        users, items, user_bias, item_bias = (np.ascontiguousarray(array[m]) for array in of_rows)
        for begin in range(0, len(user), CHUNK):
            here = slice(begin, begin + CHUNK)
            u, i = user[here], item[here]
            logits = np.einsum("nk,nk->n", users.take(u, 0), items.take(i, 0))
            logits = logits + user_bias.take(u) + item_bias.take(i) + level[m]
            predicted[m, order[here]] = ratings_of(logits, y_range)
    return predicted


def mean_prediction(
    arrays: Arrays, user: NDArray[np.int32], item: NDArray[np.int32], y_range: Range | None
) -> NDArray[np.float64]:
    """Predict the ratings of pairs of user and item (n,): the mean over the members."""
    mean: NDArray[np.float64] = predict(arrays, user, item, y_range).mean(0, dtype=np.float64)
    return mean


def table_array(name: str) -> str:
    """Return the name of the array that holds the embeddings of a named table."""
    return f"table.{name}"


APPEAL = "tastes_users_appeal"  # name of the array of what the items' appeal to users goes by
VALIDATION = "validation_errors"  # name of the array of errors that settings are judged by


def tastes_array(of: str) -> str:
    """Return the name of the array of places on the axes of tastes of one kind."""
    return f"tastes_{of}"


def check_shapes(shapes: Mapping[str, Sequence[int]], sizes: Mapping[str, int], where: str) -> None:
    """Check arrays against the numbers of "users", "items" and labels of each table array; RunError if one is wrong."""
    hint = "train again: embedcli train"
    tables = {name: n for name, n in sizes.items() if name not in ("users", "items")}
    if missing := [name for name in tables if name not in shapes]:
        raise RunError(f"{where}: there is no array {missing[0]} for its labels", hint)
    first = "item_factors" if "item_factors" in shapes or not tables else min(tables)
    if len(shapes.get(first, ())) != 3:
        raise RunError(f"{where}: there are no {first} of shape (members, items, factors)", hint)
    n_members, _, k = shapes[first]
    n_users, n_items = sizes["users"], sizes["items"]
    n_states, _, d = shapes["state_items"] if len(shapes.get("state_items", ())) == 3 else (None, None, None)
    expected: dict[str, tuple[int | None, ...]] = {
        "item_factors": (n_members, n_items, k),
        "user_factors": (n_members, n_users, k),
        "item_bias": (n_members, n_items),
        "user_bias": (n_members, n_users),
        "global_bias": (n_members,),
        "trained_stars": (n_members, n_items),
        "item_stars": (None, n_items),
        "fold_item_factors": (None, n_items, k),
        "fold_user_covariance": (None, k, k),
        "half_item_factors": (None, n_items, None),
        "half_axes": (None, n_items, None),
        "state_items": (n_states, n_items, d),
        "state_users": (n_states, n_users, d),
        "state_directions": (n_items, None),
        "state_weights": (n_states, None, d),
        "state_precision": (n_states, d, d),
        "state_usual_mean": (n_states, d),
        "state_usual_precision": (n_states, d, d),
        "state_noise": (n_users,),
        "tastes_items": (None, n_items),
        "tastes_items_with_numbers": (None, n_items),
        "tastes_users": (None, n_users),
        APPEAL: (None, n_items),
        VALIDATION: (2, None),
        **{name: (n_members, n, None) for name, n in tables.items()},
    }
    for name, shape in shapes.items():
        wanted = tuple(n if m is None else m for n, m in zip(shape, expected.get(name, shape), strict=False))
        if tuple(shape) != wanted or len(shape) != len(expected.get(name, shape)):
            raise RunError(f"{where}: {name} has the shape {tuple(shape)} where {expected[name]} is expected", hint)


def checked(
    arrays: Mapping[str, NDArray[np.floating]], sizes: Mapping[str, int], where: str
) -> dict[str, NDArray[np.float32]]:
    """Return the arrays in float32; RunError for a number that is not finite and for a shape that does not fit."""
    narrow = {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
    for name, array in narrow.items():
        if not np.isfinite(array).all():
            raise RunError(f"{where}: {name} holds a number that is not finite", "leave out what diverged")
    check_shapes({name: array.shape for name, array in narrow.items()}, sizes, where)
    return narrow

"""Files of named arrays: what is made of them, once it is known which array is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embedcli.data.ratings import Items
from embedcli.data.text import number_of, shorten
from embedcli.run.importers.roles import members, roles_of
from embedcli.run.importers.vectors import Part, Vectors, checked_ids, refused, stats_of, texts_of
from embedcli.run.predictions import NAMES, Range
from embedcli.run.record import LINKS, ItemStats

FASTAI = {"u_weight", "i_weight"}  # names that fastai's EmbeddingDotBias gives its tables; row 0 is for unknown ids
SETTINGS = {"link", "y_range", "years", "tags"} | {
    f"{side}_{what}" for side in ("item", "user") for what in ("n_ratings", "mean_rating")
}


def vectors_of(
    parts: Mapping[str, Part], given: Mapping[str, str], where: str, format: str, *, is_model: bool = False
) -> Vectors:
    """Return the vectors of a file of named arrays.

    In a model, as a state_dict is one, arrays that are left over compute something: then the product of the factors is
    not its prediction, and only the items' factors are kept, unless the arrays are given.
    """
    tables = {name: part for name, part in parts.items() if name not in SETTINGS}
    roles = roles_of(tables, given, where)
    notes = [f"{role} = {name}" for role, name in roles.items() if role != name]
    left = [name for name, part in tables.items() if name not in roles.values() and part.kind == "f" and part.shape]
    is_dot = not (is_model and not given and any(len(tables[name].shape) > 1 for name in left))
    if not is_dot:
        roles = {role: name for role, name in roles.items() if role in ("item_factors", "item_ids", "titles")}
    arrays = members(tables, roles, where)
    ids = {role: texts_of(tables[name], name, where) for role, name in roles.items() if role not in NAMES}
    n_items, n_users = arrays["item_factors"].shape[1], len(arrays.get("user_factors", [[]])[0])
    items = _items(parts, ids, n_items, where)
    user_ids = checked_ids(ids["user_ids"], n_users, where) if n_users and "user_ids" in ids else None
    said = [f"{', '.join(notes)}"] if notes else []
    if left:
        shown = f"{', '.join(map(shorten, left[:5]))}{' ...' if len(left) > 5 else ''}"
        why = "" if is_dot else ": more than a dot product predicts, so only the items' vectors are taken"
        said.append(f"not read: {shown}{why}")
    link, y_range = _link(parts, where)
    return Vectors(
        where,
        format,
        arrays,
        items,
        user_ids,
        item_stats=_stats(parts, "item", n_items, where) if items else None,
        user_stats=_stats(parts, "user", n_users, where) if user_ids else None,
        link=link,
        y_range=y_range,
        has_padding=is_model and {name.partition(".")[0] for name in roles.values()} >= FASTAI,
        notes=tuple(said),
    )


def _items(parts: Mapping[str, Part], ids: Mapping[str, Sequence[str]], n: int, where: str) -> Items | None:
    """Return the items if their ids are there, with titles, years and tags."""
    if "item_ids" not in ids:
        return None
    names = checked_ids(ids["item_ids"], n, where)
    columns: dict[str, Sequence[str]] = {"titles": ids.get("titles", names)}
    for name in ("years", "tags"):
        columns[name] = texts_of(parts[name], name, where) if name in parts else [""] * n
    for name, texts in columns.items():
        if len(texts) != n:
            raise refused(where, f"{len(texts):,} {name} for {n:,} vectors", "save one for each vector")
    years = tuple(None if number_of(year) is None else int(float(year)) for year in columns["years"])
    return Items(
        names, tuple(columns["titles"]), years, tuple(tuple(filter(None, text.split("|"))) for text in columns["tags"])
    )


def _link(parts: Mapping[str, Part], where: str) -> tuple[str | None, Range | None]:
    """Return how predictions are made of the arrays, if the file says so, as those of embedcli do."""
    link = str(parts["link"].read()) if "link" in parts and not parts["link"].shape else None
    ends: Any = parts["y_range"].read() if "y_range" in parts and parts["y_range"].shape == (2,) else None
    y_range = None if ends is None else (float(ends[0]), float(ends[1]))
    if link is not None and (link not in LINKS or (link == "sigmoid" and y_range is None)):
        raise refused(where, f"the link {shorten(link)!r} is unknown, or has no y_range", "save link and y_range")
    if y_range is not None and not -np.inf < y_range[0] < y_range[1] < np.inf:
        raise refused(where, f"y_range is {y_range[0]:g} to {y_range[1]:g}", "save the lower end first")
    return link, y_range


def _stats(parts: Mapping[str, Part], side: str, n: int, where: str) -> ItemStats | None:
    """Return the numbers and means of ratings that the file has of users or items."""
    mean = f"{side}_mean_rating"
    if f"{side}_n_ratings" not in parts:
        return None
    means = parts[mean].read() if mean in parts else np.full(n, np.nan)
    stats = stats_of(parts[f"{side}_n_ratings"].read(), means, side, where)
    if stats.n_ratings.shape != (n,):
        raise refused(where, f"{side}_n_ratings has the shape {stats.n_ratings.shape}, not ({n},)", "save one a row")
    return stats

"""What people's tastes go by, in the words of what is known of items and users: found and tested at training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.features import described
from embedcli.data.ratings import Items, Ratings
from embedcli.evidence.observations import Observations
from embedcli.evidence.tag_tastes import LEAST_LOADING, PERMUTATIONS, TagTastes, tag_tastes
from embedcli.run.predictions import tastes_array
from embedcli.run.record import TASTES, TasteAxis, Tastes, TasteWord
from embedcli.training.evaluation import observed

FIGURES = ("t", "slope", "share", "p", "z", "halves")
Names = list[tuple[str, str]]  # kind and name of each column


def tastes_of(
    train: Ratings, fold: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[list[Tastes], dict[str, NDArray[np.float32]]]:
    """Find the axes of tastes of each kind -> what a run says of them, and the arrays of the places on them.

    For the users' columns, items have "tastes" for users: what their appeal goes by. `fold` (n,) is the fold of each
    training row.
    """
    found, arrays = [], {}
    of_items, of_users = observed(train), exchanged(observed(train))
    for (of, rows, things), generator in zip(
        (
            ("items", of_items, train.items),
            ("items_with_numbers", of_items, train.items),
            ("users", of_users, train.users.as_items()),
        ),
        rng.spawn(len(TASTES)),
        strict=True,
    ):
        tastes = tastes_for(of, rows, things, fold, generator)
        if tastes is not None:
            found.append(tastes[0])
            arrays[tastes_array(of)] = tastes[1]
    return found, arrays


def exchanged(rows: Observations) -> Observations:
    """Return ratings with users and items exchanged."""
    return Observations(rows.item, rows.user, rows.value, rows.n_items, rows.n_users)


def tastes_for(
    of: str, rows: Observations, things: Items, fold: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Tastes, NDArray[np.float32]] | None:
    """Find the axes of one kind, and the places of items (or users) on them; None if nothing is known of these."""
    known = described(things, rows.counts()[1] > 0)
    words = [("tag", name) for name in known.tag_names] + [("number", name) for name in known.number_names]
    years = np.array([[np.nan if year is None else year] for year in things.years])
    numbers = ["year", "bias", "log n"] if of != "users" else ["bias", "log n"]
    with_numbers = of == "items_with_numbers"
    names = words + [("number", name) for name in numbers if with_numbers]
    columns = np.column_stack([known.tags, known.numbers])
    if not names:
        return None
    axes = tag_tastes(rows, columns, years[:, : len(numbers) - 2], fold, rng, with_numbers=with_numbers)
    if axes is None:
        return None
    return Tastes(of, as_axes(axes, names), len(names), known.n_left_out, PERMUTATIONS), axes.scores


def as_axes(axes: TagTastes, names: Names) -> list[TasteAxis]:
    """Return what a run says of each axis, its words with the strongest first."""
    found = []
    for j, (loadings, is_kept) in enumerate(zip(axes.loadings, axes.is_kept, strict=True)):
        order = np.argsort(-np.abs(loadings), kind="stable")
        words = [
            TasteWord(names[g][1], names[g][0], float(loadings[g]), bool(is_kept[g]))
            for g in order
            if abs(loadings[g]) >= LEAST_LOADING
        ]
        figures: dict[str, Any] = {
            name: float(getattr(axes, name)[j]) for name in ("t", "slope", "share", "p", "z", "halves")
        }
        found.append(TasteAxis(words=words, **figures))
    return found

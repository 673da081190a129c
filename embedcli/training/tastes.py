"""What people's tastes go by, in the words of what is known of items and users: found and tested at training."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli import progress
from embedcli.data.features import described
from embedcli.data.ratings import Items, Ratings
from embedcli.evidence.confounds import UserFacts
from embedcli.evidence.cores import n_cores
from embedcli.evidence.observations import Observations
from embedcli.evidence.tag_tastes import N_STEPS, PERMUTATIONS, TagTastes, tag_tastes
from embedcli.evidence.verdicts import LEAST_LOADING
from embedcli.run.predictions import APPEAL, tastes_array
from embedcli.run.record import TasteAxis, Tastes, TasteWord
from embedcli.training.evaluation import observed
from embedcli.training.stages import TASTES

KINDS = "items", "items_with_numbers", "users"
Found = tuple[Tastes, dict[str, NDArray[np.float32]]] | None  # the axes of one kind, None if nothing is known for them


class Sought(NamedTuple):
    """Axes to find: whose they are, the ratings, the items that have words, the numbers beyond the words.

    `facts` are of the users that have the tastes, if an axis may go with something that is not a taste.
    """

    of: str
    rows: Observations
    things: Items
    numbers: tuple[str, ...]
    facts: UserFacts | None


def tastes_of(
    train: Ratings, fold: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[list[Tastes], dict[str, NDArray[np.float32]]]:
    """Find the axes of tastes of each kind -> what a run says of them, and the arrays of the places on them.

    For the users' columns, items have "tastes" for users: what their appeal goes by. `fold` (n,) is the fold of each
    training row.
    """
    return collected(find_kinds(train, fold, list(zip(KINDS, rng.spawn(len(KINDS)), strict=True))))


def find_kinds(
    train: Ratings, fold: NDArray[np.uint8], kinds: Sequence[tuple[str, np.random.Generator]]
) -> list[Found]:
    """Find the axes of some of the KINDS of tastes, by a generator each."""
    rows = observed(train)
    facts, numbers = UserFacts.of(rows, train.timestamp), ("year", "bias", "log n")

    def find_kind(of: str, rng: np.random.Generator) -> Found:
        if of == "users":
            return find(Sought(of, exchanged(rows), train.users.as_items(), numbers[1:], None), fold, rng)
        return find(Sought(of, rows, train.items, numbers, facts), fold, rng)

    with progress.stage(TASTES, N_STEPS * len(kinds)), ThreadPoolExecutor(n_cores()) as pool:
        return list(pool.map(find_kind, *zip(*kinds, strict=True)))


def collected(found: Iterable[Found]) -> tuple[list[Tastes], dict[str, NDArray[np.float32]]]:
    """Return what a run says of the axes of all kinds, and the arrays of the places on them."""
    tastes: list[Tastes] = []
    scores: dict[str, NDArray[np.float32]] = {}
    for one in found:
        if one is not None:
            tastes.append(one[0])
            scores |= one[1]
    return tastes, scores


def exchanged(rows: Observations) -> Observations:
    """Return ratings with users and items exchanged."""
    return Observations(rows.item, rows.user, rows.value, rows.n_items, rows.n_users)


def find(sought: Sought, fold: NDArray[np.uint8], rng: np.random.Generator) -> Found:
    """Find the axes of one kind, and the arrays of the places on them; None if nothing is known of the items.

    Of the users' axes, the places of the items are kept, too: which appeal to whom.
    """
    is_rated = sought.rows.counts()[1] > 0
    known = described(sought.things, is_rated)
    words = [("tag", name) for name in known.tag_names] + [("number", name) for name in known.number_names]
    with_numbers = sought.of == "items_with_numbers"
    years = np.array([np.nan if year is None else year for year in sought.things.years])
    has_years = len(set(years[is_rated & np.isfinite(years)].tolist())) > 1
    words += [("number", name) for name in sought.numbers if with_numbers and (has_years or name != "year")]
    if not words:
        progress.step(N_STEPS)
        return None
    tags, numbers = np.column_stack([known.tags, known.numbers]), np.zeros((len(known.tags), 0))
    if has_years and "year" in sought.numbers:
        numbers = years[:, None]
    axes = tag_tastes(sought.rows, tags, numbers, fold, rng, with_numbers=with_numbers, facts=sought.facts)
    if axes is None:
        return None
    found = [axis(axes, j, words) for j in range(len(axes.p))]
    arrays = {tastes_array(sought.of): axes.scores}
    if sought.of == "users":
        arrays[APPEAL] = np.ascontiguousarray(axes.users.T)
    return Tastes(sought.of, found, len(words), known.n_left_out, PERMUTATIONS), arrays


def axis(axes: TagTastes, j: int, names: list[tuple[str, str]]) -> TasteAxis:
    """Return what a run says of axis j, its words with the strongest first; names are (kind, name) of each column."""
    loadings, is_kept, held_out = axes.loadings[j], axes.is_kept[j], axes.held_out
    order = [g for g in np.argsort(-np.abs(loadings), kind="stable") if abs(loadings[g]) >= LEAST_LOADING]
    figures: dict[str, Any] = {name: float(getattr(held_out, name)[j]) for name in ("t", "slope", "share")}
    figures |= {name: float(getattr(axes, name)[j]) for name in ("p", "z", "halves")}
    words = [TasteWord(names[g][1], names[g][0], float(loadings[g]), bool(is_kept[g])) for g in order]
    return TasteAxis(words=words, goes_with=held_out.goes_with[j], **figures)

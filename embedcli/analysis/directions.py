"""Your own axis: from some items to others, every item ranked along it, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.effects import Candidates, Effect, test
from embedcli.analysis.selection import check_limit, rated
from embedcli.errors import UsageError
from embedcli.evidence.bases import side_by_side
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

RESAMPLES = 200  # of the anchors, where a side has several
CONTROLS = 200  # axes between items drawn at random
INTERVAL = 0.95


@dataclass(frozen=True)
class Placed:
    """An item on the axis: 0 where the items of the one side stand on average, 1 where those of the other do.

    `lower` to `upper` hold 95 % of its places when anchors and members are resampled; None where nothing can be.
    """

    rank: int
    title: str
    place: float
    lower: float | None
    upper: float | None
    n_ratings: int
    mean_rating: float | None
    id: str


@dataclass(frozen=True)
class Axis:
    """An axis through the embeddings.

    `share` is its share of the variance of the embeddings, `chance` the share of variance that 95 % of axes between
    as many items drawn at random stay below; `stability` the mean |correlation| of the places with those by members
    that left out a fold of the ratings each, None where there are none.
    """

    start: tuple[str, ...]
    end: tuple[str, ...]
    first: tuple[Placed, ...]
    last: tuple[Placed, ...]
    effects: tuple[Effect, ...]
    share: float
    chance: float
    stability: float | None
    n_items: int
    min_ratings: int
    n_members: int
    n_folds: int

    def to_frame(self) -> pd.DataFrame:
        """Return both ends as one table, with a column `end` that says which."""
        import pandas as pd

        ends = (("from", self.first), ("to", self.last))
        return pd.DataFrame([{"end": name, **vars(row)} for name, rows in ends for row in rows])


def axis(run: Run, start: Sequence[int], end: Sequence[int], *, limit: int = 10, min_ratings: int = 20) -> Axis:
    """Rank items along the direction from some items (rows) to others, and return `limit` at either end.

    The direction is the difference of the two sides' mean embeddings, in all members side by side; an item's place is
    its projection, 0 and 1 being the sides' means. The intervals draw the items of each side again (where there are
    several) and take one member (a fold's, where there are any) at a time: what they cannot vary is whom you chose.

    Raises UsageError for an empty side, an item on both or without training ratings, two sides at one place, and if
    no item passes.
    """
    check_limit(limit, "items per end")
    for side, option in ((start, "--from"), (end, "--to")):
        if not side:
            raise UsageError(f"the axis has no {option[2:]}", f"give {option} TITLE")
    if both := set(start) & set(end):
        title = run.items.titles[min(both)]
        raise UsageError(f"{title!r} stands on both sides of the axis", "give each title on one side")
    run.check_rated([*start, *end])
    passing = rated(run, min_ratings)
    start, end = list(start), list(end)
    every = side_by_side(run.array("item_factors"))
    places = _places(every, start, end)
    if places is None:
        raise UsageError("the two sides are at one place: there is no axis between them", "give other titles")
    rng = np.random.default_rng(0)
    folds = run.arrays.get("fold_item_factors")
    others = list(run.array("fold_item_factors") if folds is not None else run.array("item_factors"))
    drawn = _resampled(others, start, end, passing, rng)
    bounds = np.quantile(drawn, ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2), axis=0) if len(drawn) > 1 else None
    stability = None
    if folds is not None:
        found = [_places(member.astype(np.float64), start, end) for member in others]
        stability = float(np.mean([_r(places[passing], one[passing]) for one in found if one is not None]))
    order = np.argsort(places[passing], kind="stable")
    centred = every[passing] - every[passing].mean(0)
    first, last = (
        tuple(_placed(run, passing, places, bounds, int(j), rank) for rank, j in enumerate(ends[:limit], 1))
        for ends in (order, order[::-1])
    )
    return Axis(
        start=tuple(run.items.titles[row] for row in start),
        end=tuple(run.items.titles[row] for row in end),
        first=first,
        last=last,
        effects=test(Candidates.of(run, passing), places[passing][:, None])[0],
        share=_share(centred, every, start, end),
        chance=_chance(centred, every, passing, len(start), len(end), rng),
        stability=stability,
        n_items=len(passing),
        min_ratings=min_ratings,
        n_members=run.n_members,
        n_folds=0 if folds is None else len(others),
    )


def _places(factors: Floats, start: Sequence[int], end: Sequence[int]) -> Floats | None:
    """Return where items (I, R) lie between the means of two sides, 0 to 1; None where these are at one place."""
    origin = factors[list(start)].mean(0)
    direction = factors[list(end)].mean(0) - origin
    length = float(direction @ direction)
    if length < 1e-12:
        return None
    places: Floats = (factors - origin) @ direction / length
    return places


def _resampled(
    members: list[NDArray[np.floating]], start: list[int], end: list[int], passing: Rows, rng: np.random.Generator
) -> Floats:
    """Return places (n_draws, n passing) with the anchors of each side drawn again, one member at a time."""
    n_draws = RESAMPLES if max(len(start), len(end)) > 1 else len(members)
    drawn = []
    for at in range(n_draws):
        sides = [rng.choice(side, len(side)).tolist() if len(side) > 1 else side for side in (start, end)]
        found = _places(members[at % len(members)].astype(np.float64), *sides)
        if found is not None:
            drawn.append(found[passing])
    return np.array(drawn)


def _share(centred: Floats, every: Floats, start: Sequence[int], end: Sequence[int]) -> float:
    """Return the share of variance of centred (n, R) along the direction between two sides of every (I, R)."""
    direction = every[list(end)].mean(0) - every[list(start)].mean(0)
    length = np.linalg.norm(direction)
    if length < 1e-9:
        return 0.0
    return float(((centred @ (direction / length)) ** 2).sum() / (centred**2).sum())


def _chance(centred: Floats, every: Floats, passing: Rows, n_start: int, n_end: int, rng: np.random.Generator) -> float:
    """Return what the share of an axis between items drawn at random is at its 95th percentile."""
    shares = []
    for _ in range(CONTROLS if len(passing) >= n_start + n_end else 0):
        anchors = rng.choice(passing, n_start + n_end, replace=False)
        shares.append(_share(centred, every, anchors[:n_start].tolist(), anchors[n_start:].tolist()))
    return float(np.quantile(shares, 0.95)) if shares else 1.0


def _r(a: Floats, b: Floats) -> float:
    return float(abs(np.corrcoef(a, b)[0, 1])) if a.std() > 0 and b.std() > 0 else 0.0


def _placed(run: Run, passing: Rows, places: Floats, bounds: Floats | None, at: int, rank: int) -> Placed:
    row = int(passing[at])
    return Placed(
        rank=rank,
        title=run.items.titles[row],
        place=float(places[row]),
        lower=None if bounds is None else float(bounds[0, at]),
        upper=None if bounds is None else float(bounds[1, at]),
        n_ratings=int(run.item_stats.n_ratings[row]),
        mean_rating=run.item_stats.mean_of(row),
        id=run.items.ids[row],
    )

"""What the posterior of a run predicts: the mean of its states, the neighbours' residuals, and an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from embedcli.errors import RunError
from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.evidence.neighbours import Neighbours
from embedcli.evidence.observations import Observations
from embedcli.evidence.states import ARRAYS, States, UserStates, interval
from embedcli.run.record import Run

TOGETHER = 1 << 24  # pairs of a user and an item that are in memory at once
FEW = 0.05  # quantile of the users' numbers of ratings


class Prediction(NamedTuple):
    """The expected ratings of items (n,), cut to the scale and uncut, and the ends that hold 95 % of such ratings.

    The ends are None if the run kept no ratings: the covariance of a user comes from these.
    """

    expected: Floats
    uncut: Floats
    lower: Floats | None
    upper: Floats | None


@dataclass(frozen=True)
class PosteriorUser:
    """A user as the posterior knows it, with the items and ratings (n,) it comes from; `row` in the run, or None."""

    states: UserStates
    rated: Rows
    values: Floats
    row: int | None


class Predictor:
    """The posterior of a run, ready to predict."""

    def __init__(self, run: Run) -> None:
        """Raise RunError if the run has no posterior that predicts."""
        info = run.training.posterior
        if info is None or not has_states(run):
            raise RunError(f"run {run.name!r} has no posterior that predicts", "train again with `n_draws` 300")
        self.run = run
        arrays = {name: run.array(f"state_{name}") for name in ARRAYS}
        self.states = States(**arrays, usual_noise=info.noise, middle=info.middle)
        self.weight = info.neighbour_weight or 0.0 if info.neighbours_used and run.rows is not None else 0.0

    @cached_property
    def neighbours(self) -> Neighbours:
        """The residuals of the training ratings."""
        rows = self.run.rows
        assert rows is not None
        value = rows.value if rows.time_effect is None else rows.value - rows.time_effect
        ratings = Observations(rows.user, rows.item, value, len(self.run.users), len(self.run.items))
        return Neighbours(ratings, value - self.states.predict(ratings.user, ratings.item))

    def user(self, name: str | None, rated: Rows, values: Floats) -> PosteriorUser:
        """Return a user of the run by the id, or a new one (None) folded in exactly, with ratings (n,) of some items.

        Ratings of a new user that are fewer than most users of the run have are taken for a part of those there are.
        """
        if name is not None:
            row = self.run.users.ids.index(name)
            known = self.states.user(row, None if self.run.rows is None else rated)
            if self.run.rows is not None and self.run.rows.time_effect is not None:
                values = values - self.run.rows.time_effect[self.run.rows.user == row]
            return PosteriorUser(known, rated, values, row)
        n = self.run.user_stats.n_ratings
        is_all = bool(len(rated) >= np.quantile(n[n > 0], FEW))
        return PosteriorUser(self.states.fold_in(rated, values, is_all=is_all), rated, values, None)

    @cached_property
    def _rated(self) -> tuple[Rows, Rows]:
        """The items of the training ratings (n,), user by user, and where those of each user begin (U + 1,)."""
        rows = self.run.rows
        assert rows is not None
        order = np.argsort(rows.user, kind="stable")
        return rows.item[order].astype(np.int64), np.searchsorted(rows.user[order], np.arange(len(self.run.users) + 1))

    def at(self, row: int) -> tuple[UserStates, Rows]:
        """Return a user of the run and the items that this user rated: for many users, one after another."""
        if self.run.rows is None:
            return self.states.user(row, None), np.zeros(0, np.int64)
        items, begin = self._rated
        own = items[begin[row] : begin[row + 1]]
        return self.states.user(row, own), own

    def tables(self, users: Rows) -> Iterator[tuple[Rows, Table, Table]]:
        """Yield (some of these users of the run, what the states predict, what the neighbours add), in blocks.

        Both tables are (n, I), for all items, and not cut to the scale.
        """
        if self.weight:
            for some, corrections in self.neighbours.tables(users):
                yield some, self.states.table(some), np.float32(self.weight) * corrections
            return
        together, nothing = max(TOGETHER // len(self.run.items), 1), np.zeros(1, np.float32)
        for first in range(0, len(users), together):
            some = users[first : first + together]
            yield some, self.states.table(some), np.broadcast_to(nothing, (len(some), len(self.run.items)))

    def predict(self, user: PosteriorUser, rows: Rows) -> Prediction:
        """Predict the ratings of some items (n,)."""
        expected = user.states.predict(rows)
        if self.weight and len(user.rated):
            residuals = user.values - user.states.predict(user.rated)
            expected = expected + self.weight * self.neighbours.corrections(user.rated, residuals, user.row)[rows]
        scale, spread = self.run.data.scale, user.states.spread(rows)
        ends = (None, None) if spread is None else interval(expected, spread, scale)
        return Prediction(np.clip(expected, *scale), expected, *ends)


def has_states(run: Run) -> bool:
    """Whether a run has a posterior that predicts."""
    return all(f"state_{name}" in run.arrays for name in ARRAYS)

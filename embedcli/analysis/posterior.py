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
    """The expected ratings of items (n,), and the ends between which 95 % of such ratings lie, cut to the scale.

    The ends are None if the run kept no ratings: the covariance of a user comes from these.
    """

    expected: Floats
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
        ratings = Observations(rows.user, rows.item, rows.value, len(self.run.users), len(self.run.items))
        return Neighbours(ratings, ratings.value - self.states.predict(ratings.user, ratings.item))

    def known(self, row: int, rated: Rows, values: Floats) -> PosteriorUser:
        """Return a user of the run, given its training ratings."""
        return PosteriorUser(self.states.user(row, rated if self.run.rows is not None else None), rated, values, row)

    def fold_in(self, rated: Rows, values: Floats) -> PosteriorUser:
        """Return a new user with ratings (n,) of these items: exactly, in each state.

        If they are fewer than most users of the run have, they are taken for a part of what the user rated.
        """
        n = self.run.user_stats.n_ratings
        is_all = bool(len(rated) >= np.quantile(n[n > 0], FEW))
        return PosteriorUser(self.states.fold_in(rated, values, is_all=is_all), rated, values, None)

    @cached_property
    def _ratings(self) -> tuple[Rows, Floats, Rows]:
        """Items and values of the training ratings (n,), user by user, and where those of each user begin (U + 1,)."""
        rows = self.run.rows
        assert rows is not None
        order = np.argsort(rows.user, kind="stable")
        begin = np.searchsorted(rows.user[order], np.arange(len(self.run.users) + 1))
        return rows.item[order].astype(np.int64), rows.value[order].astype(np.float64), begin

    def at(self, row: int) -> PosteriorUser:
        """Return a user of the run."""
        if self.run.rows is None:
            return self.known(row, np.zeros(0, np.int64), np.zeros(0))
        items, values, begin = self._ratings
        own = slice(begin[row], begin[row + 1])
        return self.known(row, items[own], values[own])

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
        return Prediction(np.clip(expected, *scale), *ends)


def has_states(run: Run) -> bool:
    """Whether a run has a posterior that predicts."""
    return all(f"state_{name}" in run.arrays for name in ARRAYS)

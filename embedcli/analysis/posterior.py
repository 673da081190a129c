"""What the posterior of a run predicts: the mean of its states, the neighbours' residuals, and an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.errors import RunError
from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.evidence.neighbours import Neighbours
from embedcli.evidence.observations import Observations
from embedcli.evidence.states import ARRAYS, States, UserStates, draw_stars, interval
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
    """A user in the states of the posterior, with the residuals of the rated items (n,); `row` in the run, or None."""

    states: UserStates
    rated: NDArray[np.integer]
    residuals: NDArray[np.floating]
    row: int | None


class Predictor:
    """The posterior of a run, ready to predict."""

    def __init__(self, run: Run) -> None:
        """Raise RunError if the run has no posterior that predicts."""
        info = run.training.posterior
        if info is None or not has_states(run):
            hint = "embedcli recommend ranks without one" if run.data.implicit else "train again with `n_draws` 300"
            raise RunError(f"run {run.name!r} has no posterior that predicts", hint)
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
        return Neighbours.of(ratings, self.states.predict(ratings.user, ratings.item), rows.time_effect)

    def known(self, row: int, rated: Rows) -> PosteriorUser:
        """Return a user of the run, who rated these items (n,) in the training."""
        states = self.states.user(row, None if self.run.rows is None else rated)
        if not self.weight:
            return PosteriorUser(states, rated, np.zeros(len(rated)), row)
        own = self.neighbours.ratings.user == row
        return PosteriorUser(states, self.neighbours.ratings.item[own], self.neighbours.residuals[own], row)

    def fold_in(self, rated: Rows, values: Floats) -> PosteriorUser:
        """Return a new user with ratings (n,) of some items, exactly folded into each state.

        Fewer ratings than most users of the run have are taken as a part of what the user rated.
        """
        n = self.run.user_stats.n_ratings
        is_all = bool(len(rated) >= np.quantile(n[n > 0], FEW))
        states = self.states.fold_in(rated, values, is_all=is_all)
        return PosteriorUser(states, rated, values - states.predict(rated), None)

    @cached_property
    def _rated(self) -> tuple[Rows, Rows]:
        """The items of the training ratings (n,), sorted by user, and the first position of each user (U + 1,)."""
        assert self.run.rows is not None
        return self.run.rows.by_user(len(self.run.users))

    def at(self, row: int) -> tuple[UserStates, Rows]:
        """Return a user of the run and the items that this user rated: for many users, one after another."""
        if self.run.rows is None:
            return self.states.user(row, None), np.zeros(0, np.int64)
        items, begin = self._rated
        own = items[begin[row] : begin[row + 1]]
        return self.states.user(row, own), own

    def tables(self, users: Rows) -> Iterator[tuple[Rows, Table, Table]]:
        """Yield blocks of users of the run: their rows, the prediction of the states, the neighbours' correction.

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
            corrections = self.neighbours.corrections(user.rated, user.residuals, user.row)
            expected = expected + self.weight * corrections[rows]
        scale, spread = self.run.data.scale, user.states.spread(rows)
        ends = (None, None) if spread is None else interval(expected, spread, scale)
        return Prediction(np.clip(expected, *scale), expected, *ends)


def with_draws(run: Run) -> Run:
    """Return a run whose items are the users of another, with draws of their stars from the posterior of that one.

    A user's stars are the mean rating over all items with ratings. Given the items of a state they are normal, as an
    item's stars are. Any other run, and one without states or training rows, stays as it is.
    """
    of = run.turned
    if of is None or of.rows is None or not of.n_draws or not has_states(of) or of.training.posterior is None:
        return run
    rng = np.random.default_rng(of.training.config.seed if of.training.config else 0)
    means, sds = Predictor(of).states.stars_of_users(of.rows.user, of.rows.item, of.item_stats.n_ratings > 0)
    draws = draw_stars(means, sds, of.n_draws, rng)
    return replace(run, arrays={**run.arrays, "item_stars": np.clip(draws, *of.data.scale, out=draws)})


def has_states(run: Run) -> bool:
    """Whether a run has a posterior that predicts."""
    return all(f"state_{name}" in run.arrays for name in ARRAYS)

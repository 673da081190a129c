"""What the trained members of a run predict: for runs without a posterior, such as those of imported vectors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from embedcli.errors import RunError
from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.run.predictions import NAMES, mean_prediction, ratings_of
from embedcli.run.record import IMPORT_AGAIN, Run

TOGETHER = 1 << 22  # pairs of a user and an item that are in memory at once


def check_predicts(run: Run) -> None:
    """Raise RunError if a run lacks users or biases."""
    if missing := [name for name in NAMES if name not in run.arrays]:
        raise RunError(f"run {run.name!r} predicts nothing: it holds no {', '.join(missing)}", IMPORT_AGAIN)


class Members:
    """The members of a run, ready to predict."""

    def __init__(self, run: Run) -> None:
        check_predicts(run)
        self.run, self._arrays = run, {name: run.array(name) for name in NAMES}

    def predict(self, user: Rows, item: Rows) -> Floats:
        """Predict the ratings of pairs (n,): the mean over the members."""
        return mean_prediction(self._arrays, user.astype(np.int32), item.astype(np.int32), self.run.sigmoid_range)

    @cached_property
    def _rated(self) -> tuple[Rows, Rows]:
        """The items of the training ratings (n,), sorted by user, and the first position of each user (U + 1,)."""
        n_users = len(self.run.users)
        nothing = np.zeros(0, np.int64), np.zeros(n_users + 1, np.int64)
        return nothing if self.run.rows is None else self.run.rows.by_user(n_users)

    def rated(self, user: int) -> Rows:
        """Return the items that a user rated; none if the run kept no ratings."""
        items, begin = self._rated
        return items[begin[user] : begin[user + 1]]

    def tables(self, users: Rows) -> Iterator[tuple[Rows, Table]]:
        """Yield blocks of users of the run: their rows, and nearly their predictions (n, I) of all items."""
        factors, items, user_bias, item_bias, level = (self._arrays[name] for name in NAMES)
        together = max(TOGETHER // len(self.run.items), 1)
        for begin in range(0, len(users), together):
            some = users[begin : begin + together]
            total = np.zeros((len(some), len(self.run.items)), np.float32)
            for m in range(len(level)):
                logits = factors[m, some] @ items[m].T + user_bias[m, some, None] + item_bias[m] + level[m]
                total += ratings_of(logits, self.run.sigmoid_range)
            yield some, total / np.float32(len(level))

"""What like-minded users leave over: a correction of a model's predictions by the residuals of other users.

    correction_ui = sum over v of S_uv e_vi,   S_uv = sum over j of e_uj e_vj / ((n_uv + 200) var e),   S_uu = 0

with e the residuals of the training ratings and n_uv the number of items that both users rated. A factor model explains
what many share; a residual that a few users share is left to their neighbours.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.evidence.cores import n_cores
from embedcli.evidence.observations import Observations

DAMPING = 200.0  # items that two users need in common to be trusted by half
MOST_USERS = 10_000  # each user is compared with each other one
TOGETHER = 256  # users
LEAST_T = 2.0  # standard errors above 0


@dataclass(frozen=True)
class Neighbours:
    """The ratings of the training (n,), and what a model leaves of each, in stars."""

    ratings: Observations
    residuals: Table

    @classmethod
    def of(cls, ratings: Observations, expected: Table, of_time: Table | None) -> "Neighbours":
        """Take what a model expects of the ratings (n,), and the effects of their time, if it has any."""
        residuals = ratings.value - expected
        return cls(ratings, (residuals if of_time is None else residuals - of_time).astype(np.float32))

    @property
    def variance(self) -> np.float32:
        """The mean squared residual."""
        return np.float32((self.residuals.astype(np.float64) ** 2).mean())

    def corrections(
        self, items: NDArray[np.integer], residuals: NDArray[np.floating], itself: int | None = None
    ) -> Floats:
        """Return the corrections of all items (I,) for one user with residuals (n,) of some items.

        `itself` is the row of the user, if it is one of those of the training, who is not its own neighbour.
        """
        user, item, n_users, n_items = (getattr(self.ratings, name) for name in ("user", "item", "n_users", "n_items"))
        own, is_rated = np.zeros(n_items), np.zeros(n_items)
        own[items], is_rated[items] = residuals, 1
        n_together = np.bincount(user, is_rated[item], n_users)
        shared = np.bincount(user, self.residuals * own[item], n_users) / ((n_together + DAMPING) * self.variance)
        if itself is not None:
            shared[itself] = 0
        return np.asarray(np.bincount(item, self.residuals * shared[user], n_items), np.float64)

    def tables(self, users: Rows) -> Iterator[tuple[Rows, Table]]:
        """Yield (some of the users, their corrections of all items (n, I)), in blocks, on all cores."""
        import scipy.sparse as sp

        ratings, variance = self.ratings, self.variance
        at, shape = (ratings.user, ratings.item), (ratings.n_users, ratings.n_items)
        by_user, ones = (
            sp.csr_array((data, at), shape=shape) for data in (self.residuals, np.ones_like(self.residuals))
        )
        by_item = by_user.T.tocsr()

        def table(some: Rows) -> Table:
            own, is_rated = (matrix[some].toarray().T.copy() for matrix in (by_user, ones))
            shared = (by_user @ own) / ((ones @ is_rated + np.float32(DAMPING)) * variance)
            shared[some, np.arange(len(some))] = 0
            corrections: Table = (by_item @ shared).T
            return corrections

        blocks = [users[first : first + TOGETHER] for first in range(0, len(users), TOGETHER)]
        with ThreadPoolExecutor(n_cores()) as pool:
            for first in range(0, len(blocks), n_cores()):  # no more tables than cores are in memory
                some = blocks[first : first + n_cores()]
                yield from zip(some, pool.map(table, some), strict=True)

    def at(self, user: NDArray[np.int32], item: NDArray[np.int32]) -> Table:
        """Return the corrections of pairs of user and item (n,)."""
        found = np.zeros(len(user), np.float32)
        order = np.argsort(user, kind="stable")
        for users, table in self.tables(np.unique(user).astype(np.int64)):
            rows = order[slice(*np.searchsorted(user[order], (users[0], users[-1] + 1)))]
            found[rows] = table[np.searchsorted(users, user[rows]), item[rows]]
        return found


class Weight(NamedTuple):
    """The weight of the corrections, and its standard error."""

    value: float
    error: float

    @property
    def used(self) -> float:
        """The weight, or 0 unless it is above two standard errors."""
        return self.value if self.value > LEAST_T * self.error else 0.0


def weight_of(corrections: Table, residuals: NDArray[np.floating]) -> Weight:
    """Regress the residuals (n,) of ratings left out on their corrections, without an intercept."""
    x, y = corrections.astype(np.float64), residuals.astype(np.float64)
    squares = float(x @ x)
    if squares == 0:
        return Weight(0.0, 0.0)
    value = float(x @ y) / squares
    return Weight(value, float(np.sqrt(((y - value * x) ** 2).mean() / squares)))

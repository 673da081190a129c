"""What like-minded users leave over: a correction of a model's predictions by the residuals of other users.

    correction_ui = sum over v of S_uv e_vi,   S_uv = sum over j of e_uj e_vj / ((n_uv + 200) var e),   S_uu = 0

with e the residuals of the training ratings and n_uv the number of items that both users rated. A factor model explains
what many share; a residual that a few users share is left to their neighbours.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats
from embedcli.evidence.gram import Table
from embedcli.evidence.observations import Observations

DAMPING = 200.0  # items that two users need in common to be trusted by half
MOST_USERS = 10_000  # each user is compared with each other one
TOGETHER = 256  # users
LEAST_T = 2.0  # standard errors above 0


class Neighbours:
    """The residuals of the training ratings, as a matrix of users by items and its transpose."""

    def __init__(self, observations: Observations, residuals: NDArray[np.floating]) -> None:
        """Take residuals (n,) of the observations, in stars."""
        shape = observations.n_users, observations.n_items
        at = observations.user, observations.item
        self.by_user = sp.csr_array((residuals.astype(np.float32), at), shape=shape)
        self.by_item = self.by_user.T.tocsr()
        self.variance = np.float32((residuals.astype(np.float64) ** 2).mean())

    def corrections(self, items: NDArray[np.int64], residuals: Table, itself: int | None = None) -> Table:
        """Return the corrections of all items (I,) for one user with residuals (n,) of some items.

        `itself` is the row of the user, if it is one of those of the training, who is not its own neighbour.
        """
        own = np.zeros((self.by_user.shape[1], 2), np.float32)
        own[items] = np.column_stack([residuals, np.ones_like(residuals)])
        is_rated = sp.csr_array(
            (np.ones_like(self.by_user.data), self.by_user.indices, self.by_user.indptr), shape=self.by_user.shape
        )
        shared = (self.by_user @ own[:, 0]) / ((is_rated @ own[:, 1] + np.float32(DAMPING)) * self.variance)
        if itself is not None:
            shared[itself] = 0
        corrections: Table = self.by_item @ shared
        return corrections

    def tables(self, users: NDArray[np.int64], pool: Executor) -> Iterator[tuple[NDArray[np.int64], Table]]:
        """Yield (some of the users, their corrections of all items (n, I)), in blocks."""
        ones = sp.csr_array(
            (np.ones_like(self.by_user.data), self.by_user.indices, self.by_user.indptr), shape=self.by_user.shape
        )

        def table(some: NDArray[np.int64]) -> Table:
            of_some = self.by_user[some]
            residuals, seen = of_some.toarray().T.copy(), ones[some].toarray().T.copy()
            shared = (self.by_user @ residuals) / ((ones @ seen + np.float32(DAMPING)) * self.variance)
            shared[some, np.arange(len(some))] = 0
            corrections: Table = (self.by_item @ shared).T
            return corrections

        blocks = [users[first : first + TOGETHER] for first in range(0, len(users), TOGETHER)]
        yield from zip(blocks, pool.map(table, blocks), strict=True)

    def at(self, user: NDArray[np.int32], item: NDArray[np.int32], pool: Executor) -> Table:
        """Return the corrections of pairs of user and item (n,)."""
        found = np.zeros(len(user), np.float32)
        order = np.argsort(user, kind="stable")
        for users, table in self.tables(np.unique(user).astype(np.int64), pool):
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


def weight_of(corrections: Floats | Table, residuals: Floats | Table) -> Weight:
    """Regress the residuals (n,) of ratings left out on their corrections, without an intercept."""
    squares = float((corrections.astype(np.float64) ** 2).sum())
    if squares == 0:
        return Weight(0.0, 0.0)
    value = float(corrections.astype(np.float64) @ residuals) / squares
    rest = residuals - value * corrections
    return Weight(value, float(np.sqrt((rest.astype(np.float64) ** 2).mean() / squares)))

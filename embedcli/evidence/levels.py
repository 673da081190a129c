"""Effects of the time of a rating: what a user's ratings of one second, ten minutes or day have in common.

a_g ~ N(0, 1 / precision of the level) for each group g of ratings of a user within a stretch of time
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows, Table

STRETCHES = 1, 600, 86_400  # seconds
START_PRECISION, PRIOR_RATE = 20.0, 0.02  # of a level's precision: the start, and the rate of its gamma prior


class Level:
    """The groups of ratings of a user within a stretch of time, their effects, and the precision of these."""

    def __init__(self, user: NDArray[np.int32], seconds: NDArray[np.int64], stretch: int) -> None:
        number = seconds // stretch
        self.stretch, self.first = stretch, int(number.min(initial=0))
        self.span = int(number.max(initial=0)) - self.first + 1
        self.keys, groups = np.unique(self._keys(user, seconds), return_inverse=True)
        self.groups = groups.astype(np.int32)
        self.effects, self.precision = np.zeros(len(self.keys)), START_PRECISION

    def draw(self, rest: Floats, tau: Floats, rng: np.random.Generator) -> None:
        """Draw the effects, given what all else leaves of each rating (n,) and its precision (n,)."""
        n = len(self.effects)
        precision = np.bincount(self.groups, tau, n) + self.precision
        self.effects = np.bincount(self.groups, tau * rest, n) / precision + rng.normal(size=n) / np.sqrt(precision)
        self.precision = rng.gamma(n / 2 + 1) / ((self.effects**2).sum() / 2 + PRIOR_RATE)

    def places(self, user: NDArray[np.int32], seconds: NDArray[np.int64]) -> Rows:
        """Return the group that each of other ratings (m,) belongs to, -1 for none."""
        asked, number = self._keys(user, seconds), seconds // self.stretch - self.first
        place = np.searchsorted(self.keys, asked).clip(max=len(self.keys) - 1)
        return np.where((self.keys[place] == asked) & (number >= 0) & (number < self.span), place, -1)

    def at(self, places: Rows) -> Floats:
        """Return the effects of these groups (m,), 0 for none."""
        return np.where(places < 0, 0.0, self.effects[places])

    def _keys(self, user: NDArray[np.int32], seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        return user.astype(np.int64) * self.span + (seconds // self.stretch - self.first)


class Levels:
    """All levels of ratings (n,) of users at times in seconds; `effect` (n,) is the sum of their effects."""

    def __init__(self, user: NDArray[np.int32], seconds: NDArray[np.int64]) -> None:
        self.levels = [Level(user, seconds, stretch) for stretch in STRETCHES]
        self.effect = np.zeros(len(user), np.float32)

    def draw(self, rest: Floats, tau: Floats, rng: np.random.Generator) -> None:
        """Draw all effects, given what the rest of the model leaves of each rating (n,) and its precision (n,)."""
        rest = rest - self.effect
        for level in self.levels:
            rest += level.effects[level.groups]
            level.draw(rest, tau, rng)
            rest -= level.effects[level.groups]
        self.effect = np.sum([level.effects[level.groups] for level in self.levels], axis=0).astype(np.float32)

    @property
    def variance(self) -> float:
        """The variance of the effect at a moment of which nothing is known."""
        return sum(1 / level.precision for level in self.levels)

    def places(self, user: NDArray[np.int32], seconds: NDArray[np.int64]) -> list[Rows]:
        """Return the groups of other ratings (m,) at each level; of the first level, the same second."""
        return [level.places(user, seconds) for level in self.levels]

    def at(self, places: Sequence[Rows]) -> Table:
        """Return the sum of the effects at these groups, (m,)."""
        parts = [level.at(own) for level, own in zip(self.levels, places, strict=True)]
        return np.asarray(np.sum(parts, axis=0), np.float32)

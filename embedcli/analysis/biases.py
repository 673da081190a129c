"""Which items are liked best and least once it is known who rated them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedcli.errors import UsageError
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ItemBias:
    """One item of a ranking by bias.

    `bias` is in logits (of the sigmoid model), the mean over the members; `stars` is the mean predicted
    rating if every user rated the item; `spread` is the standard deviation of the bias over the members,
    which differ by seed alone: it is no interval, and None for a single member. `n_ratings` and `mean_rating`
    are over the training rows; without ratings the mean is None.
    """

    rank: int
    title: str
    bias: float
    stars: float | None
    spread: float | None
    n_ratings: int
    mean_rating: float | None
    id: str


@dataclass(frozen=True)
class Biases:
    """The two ends of the ranking by bias, each from its end inwards.

    `correlation_log_n` and `correlation_mean` are Pearson correlations of the bias with the logarithm of the
    number of ratings and with the raw mean, over the items that pass the filter and have ratings.
    """

    worst: tuple[ItemBias, ...]
    best: tuple[ItemBias, ...]
    min_ratings: int
    n_items: int
    n_members: int
    correlation_log_n: float | None
    correlation_mean: float | None

    def to_frame(self) -> pd.DataFrame:
        """Return both ends as one table, with a column `list` that says which end."""
        import pandas as pd

        ends = (("worst", self.worst), ("best", self.best))
        return pd.DataFrame([{"list": name, **vars(row)} for name, rows in ends for row in rows])


def biases(run: Run, *, min_ratings: int = 10, limit: int = 10) -> Biases:
    """Rank the items with at least `min_ratings` training ratings by bias, and return `limit` of each end.

    The bias of an item is what is left of its ratings once the users' biases and tastes are accounted for
    (Howard and Gugger 2020, chapter 8), in canonical form: 0 is the average item.

    Raises UsageError where no item passes the filter, RunError where the run has no biases.
    """
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of rows to show, such as -n 10")
    if min_ratings < 0:
        raise UsageError(f"--min-ratings {min_ratings} is below 0", "give 0 for all, or a number such as 10")
    by_member = run.array("item_bias").astype(np.float64)  # (M, I)
    bias = by_member.mean(0)
    spread = by_member.std(0, ddof=1) if len(by_member) > 1 else None
    stars = run.array("item_stars").mean(0, dtype=np.float64) if "item_stars" in run.arrays else None
    n, means = run.item_seen.n_ratings, run.item_seen.mean_rating
    passing = np.flatnonzero(n >= min_ratings)
    if not len(passing):
        raise UsageError(
            f"--min-ratings {min_ratings} leaves no {run.data.noun}: the most rated has {n.max():,}",
            f"give --min-ratings {n.max()} or less",
        )
    order = passing[np.lexsort((passing, bias[passing]))]  # the lowest first; ties by position

    def row(rank: int, j: int) -> ItemBias:
        return ItemBias(
            rank=rank,
            title=run.items.titles[j],
            bias=float(bias[j]),
            stars=None if stars is None else float(stars[j]),
            spread=None if spread is None else float(spread[j]),
            n_ratings=int(n[j]),
            mean_rating=float(means[j]) if n[j] else None,
            id=run.items.ids[j],
        )

    rated = passing[n[passing] > 0]
    return Biases(
        worst=tuple(row(rank, j) for rank, j in enumerate(order[:limit], 1)),
        best=tuple(row(rank, j) for rank, j in enumerate(order[::-1][:limit], 1)),
        min_ratings=min_ratings,
        n_items=len(passing),
        n_members=len(by_member),
        correlation_log_n=_correlation(bias[rated], np.log(n[rated])),
        correlation_mean=_correlation(bias[rated], means[rated]),
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Pearson's r, or None where one side does not vary."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])

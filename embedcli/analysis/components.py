"""The axes along which the item embeddings spread, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import skew
from sklearn.decomposition import PCA

from embedcli.analysis.effects import Effect, effects, names
from embedcli.errors import UsageError
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

TOP_ITEMS = 1000  # as in the lesson
CLEAR_SIGN = 0.1  # |correlation with the mean rating| from which it decides which pole is +


@dataclass(frozen=True)
class PoleItem:
    """An item near a pole; `score` is its coordinate on the component, in units of the factors."""

    title: str
    score: float
    n_ratings: int
    mean_rating: float | None
    year: int | None
    id: str


@dataclass(frozen=True)
class Component:
    """One principal component of the item factors.

    `share` is its share of the variance of the factors. `agreement` is the mean over the members of |Tucker's
    phi| between the component and its match in the PCA of that member alone; the members differ by seed only,
    so this says nothing of other ratings. It is None for a single member.
    """

    component: int
    share: float
    agreement: float | None
    positive_name: tuple[str, ...]
    negative_name: tuple[str, ...]
    effects: tuple[Effect, ...]
    positive: tuple[PoleItem, ...]
    negative: tuple[PoleItem, ...]


@dataclass(frozen=True)
class Components:
    """Principal components of the item factors of all members side by side, over `n_items` items."""

    components: tuple[Component, ...]
    n_items: int
    n_factors: int
    n_members: int
    items: str  # which items, in words
    scores: NDArray[np.float64]  # (n_items, K) coordinates
    rows: NDArray[np.int64]  # (n_items,) their row numbers in the run

    def to_frame(self) -> pd.DataFrame:
        """Return the items at the poles as one table, a row per component, pole and item."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"component": c.component, "share": c.share, "pole": sign, **vars(item)}
                for c in self.components
                for sign, pole in (("+", c.positive), ("-", c.negative))
                for item in pole
            ]
        )


def pca(
    run: Run,
    *,
    n_components: int = 3,
    limit: int = 5,
    min_ratings: int | None = None,
    top_items: int | None = None,
) -> Components:
    """Find the components along which the items' factors spread most, and what goes with each.

    scikit-learn's PCA of the item factors, each member centred, all members side by side (n_items, M k): with
    one member the lesson's method (Howard and Gugger 2020, chapter 8), with several a consensus that no
    rotation of a member's factors can change. The + pole of a component is that of the higher mean rating,
    or where that hardly differs, of the longer tail.

    The items are those with at least `min_ratings` ratings, of these the `top_items` most rated; by default
    the 1,000 most rated. `limit` items are returned per pole.

    Raises UsageError where the components or items asked for are not there.
    """
    factors = run.array("item_factors").astype(np.float64)  # (M, I, k)
    n_members, _, n_factors = factors.shape
    rows, described = select(run, min_ratings, top_items)
    check(n_components, limit, n_factors, len(rows))
    factors = factors[:, rows] - factors[:, rows].mean(1, keepdims=True)
    side_by_side = np.concatenate(factors, axis=1)  # (n, M k)
    fitted = PCA(n_components=n_components, svd_solver="full").fit(side_by_side)
    scores = fitted.transform(side_by_side) / np.sqrt(n_members)
    scores *= [_sign(score, run.item_seen.mean_rating[rows]) for score in scores.T]
    agreement = agreements(factors, scores) if n_members > 1 else [None] * n_components
    found = []
    for j, (share, agreed) in enumerate(zip(fitted.explained_variance_ratio_, agreement, strict=True)):
        tested = effects(run, rows, scores[:, j])
        order = rows[np.argsort(scores[:, j], kind="stable")]
        coordinate = dict(zip(rows.tolist(), scores[:, j].tolist(), strict=True))
        lowest, highest = (
            tuple(_pole_item(run, int(row), coordinate[int(row)]) for row in end[:limit])
            for end in (order, order[::-1])
        )
        found.append(Component(j + 1, float(share), agreed, *names(tested), tested, highest, lowest))
    return Components(tuple(found), len(rows), n_factors, n_members, described, scores, rows)


def select(run: Run, min_ratings: int | None, top_items: int | None) -> tuple[NDArray[np.int64], str]:
    """Return (the row numbers of the items to look at, the most rated first; which they are, in words)."""
    if top_items is not None and top_items < 1:
        raise UsageError(f"--top-items {top_items} is below 1", "give a number of items, such as 1000")
    if min_ratings is not None and min_ratings < 0:
        raise UsageError(f"--min-ratings {min_ratings} is below 0", "give 0 for all, or a number such as 10")
    n = run.item_seen.n_ratings
    order = np.lexsort((np.arange(len(n)), -n))
    order = order[n[order] >= (1 if min_ratings is None else min_ratings)]
    if min_ratings is None or top_items is not None:
        order = order[: top_items or TOP_ITEMS]
    if min_ratings is None:
        return order, f"the {len(order):,} most rated {run.data.noun}s"
    return order, f"{len(order):,} {run.data.noun}s with at least {min_ratings} ratings"


def check(n_components: int, limit: int, n_factors: int, n_items: int) -> None:
    """Raise UsageError where so many components, or items per pole, cannot be shown."""
    most = min(n_factors, n_items - 1)
    if most < 1:
        raise UsageError(
            f"{n_items} items are too few for a component", "lower --min-ratings or raise --top-items"
        )
    if not 1 <= n_components <= most:
        why = f"the run has {n_factors} factors" if n_factors == most else f"only {n_items} items are looked at"
        raise UsageError(
            f"--components {n_components} is not from 1 to {most}: {why}", f"give --components {min(3, most)}"
        )
    if limit < 1:
        raise UsageError(f"-n {limit} is below 1", "give the number of items per pole, such as -n 5")


def agreements(factors: NDArray[np.float64], scores: NDArray[np.float64]) -> list[float]:
    """Return, per component, the mean over the members of |Tucker's phi| with the member's own component.

    factors (M, n, k), centred; scores (n, K). A member's own components are matched to the K so that the sum
    of |phi| is largest (Hungarian assignment; Lorenzo-Seva and ten Berge 2006 on phi).
    """
    found = []
    for member in factors:
        own = PCA(svd_solver="full").fit_transform(member)  # (n, min(n, k))
        phi = np.abs(_unit(scores).T @ _unit(own))  # (K, k)
        found.append(phi[linear_sum_assignment(-phi)])
    return [float(mean) for mean in np.mean(found, axis=0)]


def _unit(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(columns, axis=0)
    return columns / np.where(length > 0, length, 1)


def _sign(scores: NDArray[np.float64], mean_rating: NDArray[np.float64]) -> float:
    rated = np.isfinite(mean_rating)
    varies = rated.sum() > 1 and np.ptp(scores[rated]) > 0 and np.ptp(mean_rating[rated]) > 0
    r = np.corrcoef(scores[rated], mean_rating[rated])[0, 1] if varies else 0.0
    return -1.0 if (r if abs(r) >= CLEAR_SIGN else skew(scores)) < 0 else 1.0


def _pole_item(run: Run, row: int, score: float) -> PoleItem:
    n, mean = int(run.item_seen.n_ratings[row]), float(run.item_seen.mean_rating[row])
    return PoleItem(run.items.titles[row], score, n, mean if n else None, run.items.years[row], run.items.ids[row])

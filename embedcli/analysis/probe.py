"""What can be read from the embeddings: each tag and number, against a control whose labels are shuffled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from embedcli.analysis.components import pca
from embedcli.analysis.effects import FEWEST_TAGGED, Candidates, false_discovery
from embedcli.analysis.selection import most_rated_first
from embedcli.errors import UsageError
from embedcli.evidence.bases import principal_axes, side_by_side
from embedcli.evidence.scores import auc
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

FOLDS = 5
SHUFFLES = 100
LEVEL = 0.05
MOST_DIRECTIONS = 50  # of all members' embeddings together
PENALTY = 10.0  # of the ridge regression, in units of the mean variance of a direction
TOLD_APART = 5  # components that may carry it


@dataclass(frozen=True)
class Probed:
    """How well a tag or a number is predicted for items that the probe has not seen.

    `score` is the ROC AUC of a tag and the R2 of a number, cross-validated; `control` the mean and `control_high` the
    95th percentile of the same with shuffled labels; `q` is Benjamini and Hochberg's within tags or numbers. The
    `component` with the largest |rank correlation| `by_component` carries most of it alone.
    """

    name: str
    kind: str  # "tag" or "number"
    score: float
    control: float
    control_high: float
    q: float
    readable: bool
    component: int
    by_component: float
    n: int


@dataclass(frozen=True)
class Probes:
    """All tags and numbers with enough items, the best predicted first."""

    probed: tuple[Probed, ...]
    n_items: int
    items: str
    n_members: int
    n_directions: int

    def to_frame(self) -> pd.DataFrame:
        """Return the probes as a table."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.probed])


def probe(run: Run, *, min_ratings: int | None = None, top_items: int | None = None, seed: int = 0) -> Probes:
    """Predict every tag and number of items from their embeddings by ridge regression, in five folds of the items.

    A linear probe (Alain and Bengio 2016) with control tasks whose labels are shuffled (Hewitt and Liang 2019): what it
    reads it reads beyond the control, or not at all. The directions are the largest principal ones of all members'
    embeddings side by side. A tag is predicted as 0 or 1 and scored by its ranks; the items as for `pca`.

    Raises UsageError where there are too few items or nothing to predict.
    """
    rows, described = most_rated_first(run, min_ratings, top_items)
    candidates = Candidates.of(run, rows)
    if len(rows) < 2 * FEWEST_TAGGED:
        raise UsageError(
            f"{len(rows)} {run.data.noun}s are too few to probe", "lower --min-ratings or raise --top-items"
        )
    x = _directions(run, rows)
    targets = _targets(candidates)
    if not targets:
        raise UsageError(
            f"there is no tag of at least {FEWEST_TAGGED} {run.data.noun}s and no number to predict",
            "give titles and tags when training: --items FILE",
        )
    rng = np.random.default_rng(seed)
    axes = pca(run, n_components=min(TOLD_APART, x.shape[1]), limit=1, min_ratings=min_ratings, top_items=top_items)
    found = [_probed(name, kind, y, known, x, axes.scores[rows], rng) for name, kind, y, known in targets]
    probed: list[Probed] = []
    for kind in ("tag", "number"):
        family = [(one, p) for one, p in found if one.kind == kind]
        q = false_discovery(np.array([p for _, p in family])[:, None])[:, 0]
        judged = [
            replace(one, q=float(value), readable=bool(value < LEVEL and one.score > one.control_high))
            for (one, _), value in zip(family, q, strict=True)
        ]
        probed += sorted(judged, key=lambda one: -one.score)
    return Probes(tuple(probed), len(rows), described, run.n_members, x.shape[1])


def _directions(run: Run, rows: NDArray[np.int64]) -> Floats:
    """Return the items (n, R) on the largest principal directions of all members' embeddings, with mean 0."""
    every = side_by_side(run.array("item_factors"))[rows]
    axes, variances = principal_axes(every)
    kept = min(MOST_DIRECTIONS, int((variances > 1e-18 * variances[0]).sum()), len(rows) // 4)
    scores: Floats = (every - every.mean(0)) @ axes[:, :kept]
    return scores


def _targets(candidates: Candidates) -> list[tuple[str, str, Floats, NDArray[np.bool_]]]:
    """Return (name, kind, values (n,), which are known (n,)) of what has enough items."""
    n = len(candidates.tags)
    found = []
    for name, carried in zip(candidates.tag_names, candidates.tags.T, strict=True):
        if FEWEST_TAGGED <= carried.sum() <= n - FEWEST_TAGGED:
            found.append((name, "tag", carried.astype(np.float64), np.ones(n, dtype=bool)))
    for name, values in zip(candidates.number_names, candidates.numbers.T, strict=True):
        known = np.isfinite(values)
        if known.sum() >= 2 * FEWEST_TAGGED and np.ptp(values[known]) > 0:
            found.append((name, "number", np.where(known, values, 0.0), known))
    return found


def _probed(
    name: str, kind: str, y: Floats, known: NDArray[np.bool_], x: Floats, axes: Floats, rng: np.random.Generator
) -> tuple[Probed, float]:
    """Probe one target -> (the probe, its p-value by the shuffles)."""
    x, y, axes = x[known], y[known], axes[known]
    shuffled = rng.permuted(np.tile(y, (SHUFFLES, 1)), axis=1)
    every = np.vstack([y, shuffled]).T  # (n, 1 + SHUFFLES)
    predicted = _cross_validated(x, every, rng.permutation(len(y)) % FOLDS)
    scores = auc(predicted, every) if kind == "tag" else _r2(predicted, every)
    control = scores[1:]
    # the normal tail beyond the shuffles: a hundred of them cannot tell p below .01
    z = (scores[0] - control.mean()) / max(control.std(ddof=1), 1e-9)
    ranks, of_y = rankdata(axes, axis=0), rankdata(y)
    by_component = np.array([np.corrcoef(column, of_y)[0, 1] for column in ranks.T])
    best = int(np.abs(by_component).argmax())
    low, high = float(control.mean()), float(np.quantile(control, 0.95))
    n = int(y.sum()) if kind == "tag" else len(y)
    told = Probed(name, kind, float(scores[0]), low, high, 1.0, False, best + 1, float(by_component[best]), n)
    return told, float(ndtr(-z))


def _cross_validated(x: Floats, y: Floats, fold: NDArray[np.int64]) -> Floats:
    """Predict the columns of y (n, T) by ridge regression on x (n, R), each fold from the others."""
    predicted = np.empty_like(y)
    for f in range(FOLDS):
        seen, left = fold != f, fold == f
        centre, level = x[seen].mean(0), y[seen].mean(0)
        own = x[seen] - centre
        gram = own.T @ own
        gram += PENALTY * np.trace(gram) / len(gram) / len(own) * np.eye(len(gram))
        weights = np.linalg.solve(gram, own.T @ (y[seen] - level))
        predicted[left] = level + (x[left] - centre) @ weights
    return predicted


def _r2(predicted: Floats, truth: Floats) -> Floats:
    """Return the share of the variance that is predicted, of each column."""
    found: Floats = 1 - ((truth - predicted) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
    return found

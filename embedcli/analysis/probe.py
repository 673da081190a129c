"""What can be read from the embeddings: each tag and number, against control labels that know its confounders only."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from embedcli.analysis.effects import QUALITY, Candidates
from embedcli.analysis.pca import pca
from embedcli.analysis.record import Record, Tone, Verdict, column, decimal, p_value, text, whole
from embedcli.analysis.selection import most_rated_first
from embedcli.data.features import FEWEST_TAGGED
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows, principal_axes, side_by_side
from embedcli.evidence.controls import control_numbers, control_tags
from embedcli.evidence.scores import auc
from embedcli.evidence.statistics import average_ranks, false_discovery_rates, upper_tail
from embedcli.run.record import Run

N_FOLDS = 5
N_CONTROLS = 100
MOST_ITEMS = 10_000  # with N_CONTROLS control labels each
LEVEL = 0.05
MOST_AXES = 50  # principal ones of all members' embeddings together
PENALTY = 10.0  # of the ridge regression, in units of the mean variance of an axis
N_COMPONENTS = 5  # that may carry a tag or number


@dataclass(frozen=True)
class Probed:
    """How well a tag or a number is predicted for items that the probe has not seen.

    `kind` is "tag", scored by ROC AUC, or "number", scored by R2. `q` and `readable` are None for bias and mean rating,
    which training writes into any embeddings, also without tastes: no control is honest.
    """

    name: Annotated[str, text("{kind}")]
    kind: str
    score: Annotated[float, decimal("{score}", "cross-validated score on items that the probe has not seen")]
    control: Annotated[float, decimal("control", "mean score of control labels")]
    control_high: Annotated[float, decimal("95 %", "95th percentile of the scores of control labels")]
    q: Annotated[
        float | None, p_value("q", "p value of the score, corrected for the number of tests (Benjamini-Hochberg)")
    ]
    readable: Annotated[
        bool | None,
        column(
            "readable",
            "q < .05, and a score above the 95th percentile of control labels and, if it is R2, above 0",
            lambda value: "yes" if value else "no",
            tone=lambda row: Tone.GOOD if row["readable"] else Tone.NONE,
        ),
    ]
    component: Annotated[int, whole("component", "the component that carries most of it alone")]
    by_component: Annotated[float, decimal("r", "rank correlation with that component", sign=True)]
    n: Annotated[int, whole("n", "number of {noun}s with the tag, or for which the number is known")]

    @property
    def judged(self) -> Verdict | None:
        """Whether it can be read from the embeddings; None if no control is honest."""
        if self.readable is None:
            return None
        return Verdict(Tone.GOOD, "readable") if self.readable else Verdict(Tone.NONE, "not readable")


@dataclass(frozen=True)
class Probes(Record):
    """All tags and numbers with enough items, tags first, the best predicted first."""

    row_fields = ("probed",)
    probed: tuple[Probed, ...]
    n_items: int
    items: str  # which items, in words
    n_members: int
    n_directions: int


def probe(run: Run, *, min_ratings: int | None = None, top_items: int | None = None, seed: int = 0) -> Probes:
    """Predict every tag and number of items from their embeddings by ridge regression, in five folds of the items.

    This is a linear probe (Alain and Bengio 2016) with control tasks (Hewitt and Liang 2019), whose labels depend on
    bias, log n and year as the real ones do, and on nothing else (for one of these, on the others). Its inputs are the
    largest principal axes of all members' embeddings side by side; the items as for `pca`, at most the MOST_ITEMS most
    rated.

    Raises UsageError if there are too few items, or nothing to predict.
    """
    rows, described = most_rated_first(run, min_ratings, top_items, MOST_ITEMS)
    if len(rows) < 2 * FEWEST_TAGGED:
        is_all = min_ratings is None and top_items is None
        hint = f"train on more {run.data.noun}s" if is_all else "lower `min_ratings` or raise `top_items`"
        raise UsageError(f"{len(rows)} {run.data.noun}s are too few to probe", hint)
    candidates = Candidates.of(run, rows)
    targets = _targets(candidates)
    if not targets:
        raise UsageError(
            f"there is no tag of at least {FEWEST_TAGGED} {run.data.noun}s and no number to predict",
            "attach a table that has them: embedcli runs describe RUN --items FILE",
        )
    every = side_by_side(run.array("item_factors")[:, rows])
    axes, variances = principal_axes(every)
    kept = min(MOST_AXES, int((variances > 1e-18 * variances[0]).sum()), len(rows) // 4)
    x = (every - every.mean(0)) @ axes[:, :kept]
    n_components = min(N_COMPONENTS, run.shape("item_factors")[2], x.shape[1])
    components = pca(run, components=n_components, limit=1, min_ratings=min_ratings, top_items=len(rows))
    rng = np.random.default_rng(seed)
    probed = [
        _probed(*target, candidates.confounders_of(target[0]), x, components.scores[rows], rng) for target in targets
    ]
    tags, numbers = ([row for row in probed if row.kind == kind] for kind in ("tag", "number"))
    return Probes((*_judged(tags), *_judged(numbers)), len(rows), described, run.n_members, x.shape[1])


def _judged(probed: list[Probed]) -> list[Probed]:
    """Correct the p-values of a family for the number of tests, and say what is readable; the best predicted first."""
    tested = [row for row in probed if row.q is not None]
    q = false_discovery_rates(np.array([row.q for row in tested]))
    judged = [
        replace(row, q=float(value), readable=bool(value < LEVEL and row.score > max(row.control_high, 0)))
        for row, value in zip(tested, q, strict=True)
    ]
    return sorted([*judged, *(row for row in probed if row.q is None)], key=lambda row: -row.score)


def _targets(candidates: Candidates) -> list[tuple[str, str, Floats]]:
    """Return the name, the kind and the values (n,) of the tags and numbers of enough items, a tag as 0 or 1."""
    tested = candidates.testable(least_known=2 * FEWEST_TAGGED)
    tags = zip(tested.tag_names, tested.tags.T.astype(np.float64), strict=True)
    numbers = zip(tested.number_names, tested.numbers.T, strict=True)
    return [(name, kind, values) for kind, family in (("tag", tags), ("number", numbers)) for name, values in family]


def _probed(
    name: str, kind: str, y: Floats, confounders: Floats, x: Floats, components: Floats, rng: np.random.Generator
) -> Probed:
    """Probe a tag or number, over the items that it is known of; `q` is its p-value by the controls, not corrected."""
    x, y, components, confounders = (array[np.isfinite(y)] for array in (x, y, components, confounders))
    controls_of = control_tags if kind == "tag" else control_numbers
    is_trained = name in QUALITY
    confounders = confounders[:, :0] if is_trained else confounders
    labels = np.vstack([y, controls_of(y, confounders, N_CONTROLS, rng)]).T  # (n, 1 + N_CONTROLS)
    predicted = _cross_validated(x, labels, rng.permutation(len(y)) % N_FOLDS)
    score, *controls = auc(predicted, labels) if kind == "tag" else _r2(predicted, labels)
    # the normal tail beyond the controls: a hundred of them cannot tell p below .01
    z = (score - np.mean(controls)) / max(np.std(controls, ddof=1), 1e-9)
    ranks = average_ranks(y)
    by_component = np.array([np.corrcoef(column, ranks)[0, 1] for column in average_ranks(components).T])
    strongest = int(np.abs(by_component).argmax())
    return Probed(
        name=name,
        kind=kind,
        score=float(score),
        control=float(np.mean(controls)),
        control_high=float(np.quantile(controls, 0.95)),
        q=None if is_trained else float(upper_tail(z)),
        readable=None,
        component=strongest + 1,
        by_component=float(by_component[strongest]),
        n=int(y.sum()) if kind == "tag" else len(y),
    )


def _cross_validated(x: Floats, y: Floats, fold: Rows) -> Floats:
    """Predict the columns of y (n, T) by ridge regression on x (n, R), each fold from the others."""
    predicted = np.empty_like(y)
    for f in range(N_FOLDS):
        train, test = fold != f, fold == f
        center, level = x[train].mean(0), y[train].mean(0)
        centered = x[train] - center
        gram = centered.T @ centered
        gram += PENALTY * np.trace(gram) / len(gram) / len(centered) * np.eye(len(gram))
        weights = np.linalg.solve(gram, centered.T @ (y[train] - level))
        predicted[test] = level + (x[test] - center) @ weights
    return predicted


def _r2(predicted: Floats, truth: Floats) -> Floats:
    """Return the share of the variance that is predicted, of each column."""
    r2: Floats = 1 - ((truth - predicted) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
    return r2

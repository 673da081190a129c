"""How far the predictions of the test rows are off: over all of them, and by kinds of users and items.

It displays, as the report does, and chooses nothing: the test rows are read by nothing that decides.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.record import Record, decimal, text, whole
from embedcli.errors import RunError, UsageError
from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import DAMPING, SWEEPS, Observations, bias_model
from embedcli.evidence.scores import bootstrap_of_users
from embedcli.run.record import POSTERIOR, HeldOutRows, Run

CUTS = (0, 1, 10, 20, 50, 100, 200, 500, 1000)  # numbers of training ratings from which a group begins
FEWEST_ROWS, FEWEST_USERS = 100, 10  # of a group whose error is worth a figure
MOST_TAGS = 10
USERS, ITEMS, TAGS = "users", "items", "tags"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupError:
    """The error of some test rows, with a 95 % interval by a bootstrap over the users.

    A group has the test rows of users (or items) with `n_from` to `n_to` training ratings (None: no limit), or of
    items with a tag. `baseline` is the RMSE of user and item biases alone; None without training rows.
    """

    kind: Annotated[str, text("by")]
    n_from: int | None
    n_to: int | None
    tag: str | None
    rmse: Annotated[float, decimal("RMSE", "root mean squared error", 3)]
    lower: Annotated[float, decimal("95 %", "interval by a bootstrap over the users", 3, end="upper")]
    upper: float
    baseline: Annotated[float | None, decimal("biases", "RMSE of user and item biases alone", 3)]
    n_rows: Annotated[int, whole("rows", "number of test rows")]
    n_users: Annotated[int, whole("users", "number of users with such rows")]


@dataclass(frozen=True)
class Accuracy(Record):
    """The error of all test rows and of groups of them; `model` is what predicts them, a name in the run's scores.

    `share_near` of the predictions are off by at most `near`, a star, or a tenth of a scale that is longer than ten.
    A group by numbers of ratings has at least FEWEST_ROWS rows of FEWEST_USERS users, or is joined to its neighbour;
    a tag with fewer is left out.
    """

    row_fields = ("groups",)
    model: str
    overall: GroupError
    near: float
    share_near: float
    groups: tuple[GroupError, ...]

    def of(self, kind: str) -> tuple[GroupError, ...]:
        """Return the groups of one kind."""
        return tuple(group for group in self.groups if group.kind == kind)


def accuracy(run: Run) -> Accuracy:
    """Return the RMSE of the test rows, over all and by group: users and items by ratings, and the commonest tags.

    The predictions are those of the posterior, or of the members averaged, cut to the scale, as in the run's scores.
    Raises RunError if the run kept no test rows, UsageError if the data is implicit: then RMSE says little.
    """
    if run.data.implicit:
        raise UsageError(
            "the data is implicit: the error of a sampled row says nothing of a group", "see the AUC of the run"
        )
    if run.heldout is None:
        raise RunError(f"run {run.name!r} kept no test rows", "train again with `split` random")
    errors = _Errors.of(run, run.heldout)
    every = np.ones(len(errors.user), dtype=np.bool_)
    overall = errors.group("all", every, None, None, None)
    masks = (*_by_numbers(run, run.heldout), *_by_tag(run, run.heldout))
    low, high = run.data.scale
    near = max(1.0, (high - low) / 10)
    return Accuracy(
        model="members averaged" if run.heldout.posterior is None else POSTERIOR,
        overall=overall,
        near=near,
        share_near=float((np.sqrt(errors.squared) <= near).mean()),
        groups=tuple(errors.group(kind, rows, first, last, tag) for kind, first, last, tag, rows in masks),
    )


@dataclass(frozen=True)
class _Errors:
    """Squared errors of the test rows (n,), and the draws of the bootstrap over their users."""

    user: NDArray[np.int32]
    squared: Floats
    squared_of_biases: Floats | None
    block: NDArray[np.int64]
    weights: Floats  # (draws, blocks); the first row has all weights 1

    @classmethod
    def of(cls, run: Run, rows: HeldOutRows) -> "_Errors":
        value, posterior = rows.value.astype(np.float64), rows.posterior
        predicted = rows.predictions.mean(0) if posterior is None else posterior

        def squared(predictions: NDArray[np.floating]) -> Floats:
            errors: Floats = (np.clip(predictions, *run.data.scale).astype(np.float64) - value) ** 2
            return errors

        biases = _bias_predictions(run, rows)
        user = np.asarray(rows.user)
        return cls(user, squared(predicted), None if biases is None else squared(biases), *bootstrap_of_users(user))

    def group(self, kind: str, rows: Mask, low: int | None, high: int | None, tag: str | None) -> GroupError:
        """Return the error of some rows, given by a mask (n,)."""
        n_blocks, biases = self.weights.shape[1], self.squared_of_biases
        block, squared = self.block[rows], self.squared[rows]
        n = self.weights @ np.bincount(block, minlength=n_blocks)
        total = self.weights @ np.bincount(block, squared, minlength=n_blocks)
        drawn = np.sqrt(total[n > 0] / n[n > 0])  # a draw of users without such rows has no error
        lower, upper = np.quantile(drawn[1:], (0.025, 0.975)) if len(drawn) > 1 else (np.nan, np.nan)
        baseline = None if biases is None or not rows.any() else float(np.sqrt(biases[rows].mean()))
        rmse = float(drawn[0]) if rows.any() else np.nan
        n_users = len(np.unique(self.user[rows]))
        return GroupError(kind, low, high, tag, rmse, float(lower), float(upper), baseline, int(rows.sum()), n_users)


def _bias_predictions(run: Run, rows: HeldOutRows) -> Floats | None:
    """Predict the test rows by user and item biases alone, as the run's baseline does; None without training rows."""
    if run.rows is None:
        return None
    train, test = (
        Observations(part.user, part.item, part.value, len(run.users), len(run.items)) for part in (run.rows, rows)
    )
    return bias_model(train, DAMPING, SWEEPS).predict(test)


def _by_numbers(run: Run, rows: HeldOutRows) -> Iterator[tuple[str, int, int | None, None, Mask]]:
    """Yield all rows (n,) by the number of training ratings of their user, then of their item.

    A group that is too small is joined with the next, the last one with the one before.
    """
    for kind, codes, stats in ((USERS, rows.user, run.user_stats), (ITEMS, rows.item, run.item_stats)):
        n = stats.n_ratings[np.asarray(codes)]
        starts: list[int] = []
        low: int | None = None
        for cut, end in pairwise((*CUTS, np.inf)):
            low = int(cut) if low is None and ((n >= cut) & (n < end)).any() else low
            if low is not None and _is_enough(rows, (n >= low) & (n < end)):
                starts.append(low)
                low = None
        last = next(cut for cut in (*CUTS, np.inf) if cut > n.max(initial=0))
        for begin, end in pairwise((*starts, last)):
            yield kind, int(begin), None if end == np.inf else int(end) - 1, None, np.asarray((n >= begin) & (n < end))


def _is_enough(rows: HeldOutRows, group: Mask) -> bool:
    """Whether the error of some rows, given by a mask (n,), is worth a figure."""
    return bool(group.sum() >= FEWEST_ROWS and len(np.unique(np.asarray(rows.user)[group])) >= FEWEST_USERS)


def _by_tag(run: Run, rows: HeldOutRows) -> Iterator[tuple[str, None, None, str, Mask]]:
    """Yield the rows (n,) of items with each of the tags that most test rows have."""
    item = np.asarray(rows.item)
    counts: Counter[str] = Counter()
    for row, n in enumerate(np.bincount(item, minlength=len(run.items)).tolist()):
        counts.update(dict.fromkeys(run.items.tags[row], n))
    for tag, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_TAGS]:
        carries = np.array([tag in tags for tags in run.items.tags], dtype=np.bool_)
        if _is_enough(rows, carries[item]):
            yield TAGS, None, None, tag, carries[item]

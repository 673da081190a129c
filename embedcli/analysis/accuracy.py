"""How far the predictions of the test rows are off: over all of them, and by kinds of users and items.

It displays, as the report does, and chooses nothing: the test rows are read by nothing that decides.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
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
FEWEST_ROWS, FEWEST_USERS = 30, 10  # of a group whose error is worth a number
MOST_TAGS = 10
USERS, ITEMS, TAGS = "users", "items", "tags"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupError:
    """The error of some test rows, with a 95 % interval by a bootstrap over the users.

    The rows are those of users, or items, with `n_from` to `n_to` training ratings (None: or more), or of items with
    a tag. `baseline` is the RMSE of user and item biases alone; None without training rows.
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

    A group of fewer than FEWEST_ROWS rows or FEWEST_USERS users has no figure.
    """

    row_fields = ("groups",)
    model: str
    overall: GroupError
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
    groups = (errors.group(kind, rows, low, high, tag) for kind, low, high, tag, rows in masks)
    return Accuracy(
        model="members averaged" if run.heldout.posterior is None else POSTERIOR,
        overall=overall,
        groups=tuple(group for group in groups if group.n_rows >= FEWEST_ROWS and group.n_users >= FEWEST_USERS),
    )


@dataclass(frozen=True)
class _Errors:
    """Squared errors of the test rows (n,), and the draws of the bootstrap over their users."""

    user: NDArray[np.int32]
    squared: Floats
    squared_of_biases: Floats | None
    block: NDArray[np.int64]
    weights: Floats  # (draws, blocks); the first is no draw

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
    """Yield the rows (n,) of users, then of items, by their numbers of training ratings."""
    for kind, codes, stats in ((USERS, rows.user, run.user_stats), (ITEMS, rows.item, run.item_stats)):
        n = stats.n_ratings[np.asarray(codes)]
        for low, high in zip(CUTS, (*CUTS[1:], None), strict=True):
            group = np.asarray((n >= low) & (n < (high or np.inf)))
            if group.any():
                yield kind, low, None if high is None else high - 1, None, group


def _by_tag(run: Run, rows: HeldOutRows) -> Iterator[tuple[str, None, None, str, Mask]]:
    """Yield the rows (n,) of items with each of the tags that most test rows have."""
    item = np.asarray(rows.item)
    counts: Counter[str] = Counter()
    for row, n in enumerate(np.bincount(item, minlength=len(run.items)).tolist()):
        counts.update(dict.fromkeys(run.items.tags[row], n))
    for tag, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_TAGS]:
        carries = np.array([tag in tags for tags in run.items.tags], dtype=np.bool_)
        yield TAGS, None, None, tag, carries[item]

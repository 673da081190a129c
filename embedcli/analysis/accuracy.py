"""How far the predictions of the test rows are off: over all of them, and by kinds of users and items.

It displays, in a report and for `embedcli evaluate`, and chooses nothing: nothing that decides reads the test rows.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.record import Record, decimal, text, whole
from embedcli.data.features import number_columns
from embedcli.data.ratings import kinds_of
from embedcli.errors import RunError, UsageError
from embedcli.evidence.bases import Floats
from embedcli.evidence.observations import DAMPING, SWEEPS, Observations, bias_model
from embedcli.evidence.scores import Resampled, bootstrap_of_users, resampled_root
from embedcli.run.record import MEMBERS, POSTERIOR, HeldOutRows, Run

CUTS = (0, 1, 10, 20, 50, 100, 200, 500, 1000)  # numbers of training ratings from which a group begins
FEWEST_ROWS, FEWEST_USERS = 100, 10  # of a group whose error is worth a figure
MOST_TAGS = 10
QUARTERS = (0.25, 0.5, 0.75)  # of the users, where the bins of a column of numbers end
USERS, ITEMS, TAGS, COLUMNS = "users", "items", "tags", "columns"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Some test rows, given by a mask (n,): all of one group of users, or of items.

    They have `n_from` to `n_to` training ratings (None: no limit), or a tag; a tag of users is a value of a column, or
    a range of numbers.
    """

    kind: str
    rows: Mask
    n_from: int | None = None
    n_to: int | None = None
    tag: str | None = None


@dataclass(frozen=True)
class GroupError:
    """The error of some test rows, with a 95 % interval by a bootstrap over the users; None if these do not differ.

    A group has the test rows of users (or items) with `n_from` to `n_to` training ratings (None: no limit), or of
    items (or users) with a tag. `baseline` is the RMSE of user and item biases alone; None without training rows.
    """

    kind: Annotated[str, text("by")]
    n_from: int | None
    n_to: int | None
    tag: str | None
    rmse: Annotated[float, decimal("RMSE", "root mean squared error", 3)]
    lower: Annotated[float | None, decimal("95 %", "interval by a bootstrap over the users", 3, end="upper")]
    upper: float | None
    baseline: Annotated[float | None, decimal("biases", "RMSE of user and item biases alone", 3)]
    n_rows: Annotated[int, whole("rows", "number of test rows")]
    n_users: Annotated[int, whole("users", "number of users with such rows")]

    @property
    def label(self) -> str:
        """The group in words, without its kind."""
        if self.tag is not None or self.n_from is None:
            return self.tag or "all"
        if self.n_to is None:
            return f"{self.n_from:,} or more"
        return "none" if self.n_to == 0 else f"{self.n_from:,} to {self.n_to:,}"


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
    """Return the RMSE of the test rows, over all and by group: users and items by ratings, their columns and tags.

    The predictions are those of the posterior, or of the members averaged, cut to the scale, as in the run's scores.
    Raises RunError if the run kept no test rows, UsageError if the data is implicit: then RMSE says little.
    """
    if run.data.implicit:
        raise UsageError(
            "the data is implicit: the error of a sampled row says nothing of a group", "see the AUC of the run"
        )
    errors = Errors.of(run, rows := heldout_of(run))
    overall, *found = (errors.group(group, errors.rmse(group.rows)) for group in groups(run, rows))
    low, high = run.data.scale
    near = max(1.0, (high - low) / 10)
    return Accuracy(
        model=model_of(rows),
        overall=overall,
        near=near,
        share_near=float((np.sqrt(errors.squared) <= near).mean()),
        groups=tuple(found),
    )


def heldout_of(run: Run) -> HeldOutRows:
    """Return the test rows of a run; RunError if it kept none."""
    if run.heldout is None:
        raise RunError(
            f"run {run.name!r} kept no test rows", "take a run trained with `split` random; imported runs have none"
        )
    return run.heldout


def model_of(rows: HeldOutRows) -> str:
    """Return what predicts the test rows best, a name in the run's scores."""
    return MEMBERS if rows.posterior is None else POSTERIOR


def have_same_test(a: Run, b: Run) -> bool:
    """Tell whether both runs hold the same test rows, with what they predict for them."""
    if a.heldout is None or b.heldout is None or (a.users.ids, a.items.ids) != (b.users.ids, b.items.ids):
        return False
    pairs = ((getattr(a.heldout, name), getattr(b.heldout, name)) for name in ("user", "item", "value"))
    return all(np.array_equal(*pair) for pair in pairs)


@dataclass(frozen=True)
class Errors:
    """Squared errors of the test rows (n,), and the draws of the bootstrap over their users."""

    user: NDArray[np.int32]
    squared: Floats
    squared_of_biases: Floats | None
    block: NDArray[np.int64]
    weights: Floats  # (draws, blocks); the first row has all weights 1

    @classmethod
    def of(cls, run: Run, rows: HeldOutRows) -> "Errors":
        """Square the errors of the predictions, cut to the scale."""
        value, posterior = rows.value.astype(np.float64), rows.posterior
        predicted = rows.predictions.mean(0) if posterior is None else posterior

        def squared(predictions: NDArray[np.floating]) -> Floats:
            errors: Floats = (np.clip(predictions, *run.data.scale).astype(np.float64) - value) ** 2
            return errors

        biases = _bias_predictions(run, rows)
        user = np.asarray(rows.user)
        return cls(user, squared(predicted), None if biases is None else squared(biases), *bootstrap_of_users(user))

    def rmse(self, rows: Mask) -> Resampled:
        """Return the RMSE of some rows, with its draws; NaN for a draw of users without such rows."""
        n_blocks, block = self.weights.shape[1], self.block[rows]
        n = np.bincount(block, minlength=n_blocks)
        total = np.bincount(block, self.squared[rows], n_blocks)
        return resampled_root(total.astype(np.float64), n.astype(np.float64), self.weights)

    def group(self, group: Group, found: Resampled) -> GroupError:
        """Return the error of a group, given its RMSE."""
        rows, biases, (lower, upper) = group.rows, self.squared_of_biases, found.interval
        return GroupError(
            kind=group.kind,
            n_from=group.n_from,
            n_to=group.n_to,
            tag=group.tag,
            rmse=found.value,
            lower=lower,
            upper=upper,
            baseline=None if biases is None or not rows.any() else float(np.sqrt(biases[rows].mean())),
            n_rows=int(rows.sum()),
            n_users=len(np.unique(self.user[rows])),
        )


def groups(run: Run, rows: HeldOutRows) -> Iterator[Group]:
    """Yield all test rows, and then the groups of them that are worth a figure."""
    yield Group("all", np.ones(len(rows.value), dtype=np.bool_))
    yield from _by_numbers(run, rows)
    yield from _by_column(run, rows)
    yield from _by_tag(run, rows)


def _bias_predictions(run: Run, rows: HeldOutRows) -> Floats | None:
    """Predict the test rows by user and item biases alone, as the run's baseline does; None without training rows."""
    if run.rows is None:
        return None
    train, test = (
        Observations(part.user, part.item, part.value, len(run.users), len(run.items)) for part in (run.rows, rows)
    )
    return bias_model(train, DAMPING, SWEEPS).predict(test)


def _by_numbers(run: Run, rows: HeldOutRows) -> Iterator[Group]:
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
            yield Group(kind, (n >= begin) & (n < end), int(begin), None if end == np.inf else int(end) - 1)


def _is_enough(rows: HeldOutRows, group: Mask) -> bool:
    """Whether the error of some rows, given by a mask (n,), is worth a figure."""
    return bool(group.sum() >= FEWEST_ROWS and len(np.unique(np.asarray(rows.user)[group])) >= FEWEST_USERS)


def _by_column(run: Run, rows: HeldOutRows) -> Iterator[Group]:
    """Yield the rows (n,) of users with each value of their columns: few words as they are, numbers in four bins."""
    user, kinds = np.asarray(rows.user), kinds_of(run.users.columns, len(run.users))
    found = {tag: np.array([tag in own for own in kinds], dtype=np.bool_) for tag in sorted(set().union(*kinds))}
    for name, numbers in number_columns(run.users.columns).items():
        known = np.isfinite(numbers)
        cuts = np.unique(np.quantile(numbers[known], QUARTERS))
        which = np.where(known, np.searchsorted(cuts, numbers), -1)
        for one in np.unique(which[known]):
            own = which == one
            low, high = numbers[own].min(), numbers[own].max()
            found[f"{name} {low:g}" + ("" if low == high else f" to {high:g}")] = own
    for tag, has in found.items():
        if _is_enough(rows, has[user]):
            yield Group(COLUMNS, has[user], tag=tag)


def _by_tag(run: Run, rows: HeldOutRows) -> Iterator[Group]:
    """Yield the rows (n,) of items with each of the tags that most test rows have."""
    item = np.asarray(rows.item)
    counts: Counter[str] = Counter()
    for row, n in enumerate(np.bincount(item, minlength=len(run.items)).tolist()):
        counts.update(dict.fromkeys(run.items.tags[row], n))
    for tag, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_TAGS]:
        carries = np.array([tag in tags for tags in run.items.tags], dtype=np.bool_)
        if _is_enough(rows, carries[item]):
            yield Group(TAGS, carries[item], tag=tag)

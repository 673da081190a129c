"""A run: what one training has learned and how, with all that the analyses need to know of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.errors import RunError
from embedcli.run.canonical import NAMES, canonical, item_stars


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows.

    The errors are RMSE in stars of the averaged members at the end of the epoch, over the training rows and
    over the test rows (None where nothing is left out); `learning_rate` is that of its last step.
    """

    epoch: int
    learning_rate: float
    train_rmse: float
    test_rmse: float | None
    seconds: float


@dataclass(frozen=True)
class Score:
    """Root mean squared error and mean absolute error, in stars, of one way to predict the test rows."""

    model: str
    rmse: float
    mae: float


@dataclass(frozen=True)
class Training:
    """How a run came about, as run.json keeps it.

    `shrinkage` is the sum over all steps of learning rate x weight decay, by role of the weights: what
    decoupled decay amounts to, whatever the batch size and the number of epochs.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    epochs: Sequence[Epoch] = ()
    scores: Sequence[Score] = ()
    protocol: str = ""
    shrinkage: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What the training rows say of each row of a table: the number of ratings and their mean.

    The mean of no ratings is NaN here, an empty field in a file, and null in JSON.
    """

    n_ratings: NDArray[np.int64]  # (n,)
    mean_rating: NDArray[np.float64]  # (n,) in stars

    @classmethod
    def of(cls, codes: NDArray[np.int32], values: NDArray[np.float32], n: int) -> Seen:
        """Count the ratings of each of n codes, and average them."""
        counts = np.bincount(codes, minlength=n)
        means = np.full(n, np.nan)
        np.divide(np.bincount(codes, values, n), counts, out=means, where=counts > 0)
        return cls(counts, means)


@dataclass(frozen=True)
class TrainingRows:
    """The ratings a run was trained on, as parallel arrays of codes and stars."""

    user: NDArray[np.int32]  # (n,)
    item: NDArray[np.int32]  # (n,)
    value: NDArray[np.float32]  # (n,)


@dataclass(frozen=True)
class Run:
    """A trained model in canonical form, and what its data set says of users and items.

    `arrays` has a leading axis for the member m: user_factors (M, U, k), item_factors (M, I, k),
    user_bias (M, U), item_bias (M, I), global_bias (M,), item_stars (M, I). Only item_factors is sure to be
    there; ask with `array`. Column j of an item array is row j of `items`.
    """

    name: str
    data: DataSet
    items: Items
    users: Users
    item_seen: Seen
    user_seen: Seen
    arrays: Mapping[str, NDArray[np.float32]]
    link: str = "sigmoid"
    y_range: tuple[float, float] | None = None
    training: Training = field(default_factory=Training)
    rows: TrainingRows | None = None
    created: str = ""
    command: str = ""

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, NDArray[np.float32]],
        train: Ratings,
        *,
        name: str = "",
        link: str = "sigmoid",
        y_range: tuple[float, float] | None = None,
        training: Training | None = None,
        keep_rows: bool = True,
    ) -> Run:
        """Make a run of a model trained anywhere, on the ratings `train`: the one door into a run.

        A model with all five arrays of the class's docstring is put into canonical form, and its item_stars
        are worked out; of a model with fewer, what is given is kept as it is.

        Raises RunError where an array has not the shape that the users and items ask for.
        """
        check_shapes({key: array.shape for key, array in arrays.items()}, len(train.users), len(train.items), name)
        item_seen = Seen.of(train.item, train.value, len(train.items))
        user_seen = Seen.of(train.user, train.value, len(train.users))
        if set(NAMES) <= set(arrays):
            rated_users = user_seen.n_ratings > 0
            arrays = canonical(arrays, rated_users, item_seen.n_ratings > 0)
            arrays["item_stars"] = item_stars(arrays, rated_users, link=link, y_range=y_range)
        return cls(
            name=name,
            data=train.data,
            items=train.items,
            users=train.users,
            item_seen=item_seen,
            user_seen=user_seen,
            arrays=arrays,
            link=link,
            y_range=y_range,
            training=training or Training(),
            rows=TrainingRows(train.user, train.item, train.value) if keep_rows else None,
        )

    def array(self, name: str) -> NDArray[np.float32]:
        """Return an array by name; RunError where this run has none of that name."""
        if name not in self.arrays:
            raise RunError(
                f"run {self.name!r} holds no {name}, only {', '.join(sorted(self.arrays))}",
                "train again with embedcli train, or choose another run with --run",
            )
        return self.arrays[name]

    @property
    def n_members(self) -> int:
        """Number of models trained together."""
        return int(self.array("item_factors").shape[0])

    @property
    def meta(self) -> dict[str, Any]:
        """What every output says of the run it is about."""
        import embedcli

        config = self.training.config
        return {
            "run": self.name,
            "data_set": self.data.title,
            "seed": config.get("seed"),
            "weight_decay": config.get("weight_decay"),
            "split": self.training.split.get("description"),
            "n_members": self.n_members,
            "version": embedcli.__version__,
        }


def check_shapes(shapes: Mapping[str, Sequence[int]], n_users: int, n_items: int, where: str) -> None:
    """Hold the shapes of a run's arrays against one another; RunError for the first that does not fit."""
    hint = "train again: embedcli train"
    if "item_factors" not in shapes or len(shapes["item_factors"]) != 3:
        raise RunError(f"{where}: there are no item_factors of shape (members, items, factors)", hint)
    n_members, _, k = shapes["item_factors"]
    expected = {
        "item_factors": (n_members, n_items, k),
        "user_factors": (n_members, n_users, k),
        "item_bias": (n_members, n_items),
        "user_bias": (n_members, n_users),
        "global_bias": (n_members,),
        "item_stars": (n_members, n_items),
    }
    for name, shape in shapes.items():
        if name in expected and tuple(shape) != expected[name]:
            raise RunError(
                f"{where}: {name} has the shape {tuple(shape)} where {expected[name]} is expected", hint
            )

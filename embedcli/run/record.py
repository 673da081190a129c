"""A run: what one training has learned and how, with all that the analyses need to know of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import BLOCK, DataSet, Items, Ratings, Users, count_codes
from embedcli.errors import RunError, UsageError
from embedcli.notebook import Card, Shown
from embedcli.run.canonical import canonical, trained_stars
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import APPEAL, NAMES, Arrays, Range, checked, table_array, tastes_array

LINKS = ("sigmoid", "identity")
ROUNDING = 1e-6  # of 32-bit factors
TRAIN_AGAIN = "train again with embedcli train, or choose another run with `run`"
IMPORT_AGAIN = "import a model of users and items: embedcli import --help, or choose another run with `run`"
# names of its scores
MEAN, BIASES, ONE_MEMBER, MEMBERS = "global mean", "user + item bias", "one member", "members averaged"
POSTERIOR, WITH_TIMES = "posterior", "posterior, time known"


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows, with the RMSE in stars of the averaged members at its end."""

    epoch: int
    learning_rate: float  # of its last step
    train_rmse: float  # over a sample of 10,000 training rows, or all
    test_rmse: float | None  # over a sample of 100,000 test rows, or all; None without any
    seconds: float


@dataclass(frozen=True)
class Score:
    """RMSE and MAE, in stars, of one way to predict the test rows; with implicit data also the AUC."""

    model: str
    rmse: float
    mae: float
    auc: float | None = None


@dataclass(frozen=True)
class ComponentTest:
    """Whether a component predicts unseen ratings: regression of held-out residuals on all contributions."""

    t: float  # of its contribution
    slope: float  # likewise; 1 is calibrated
    predicts: bool  # t is high enough
    real: bool  # t and the slope are high enough, and it is a taste
    goes_with: str | None = None  # what has most of it if it predicts and is no taste, such as "duplicate accounts"

    @property
    def verdict(self) -> str:
        """The result of the test in words."""
        if self.goes_with is not None:
            return f"goes with {self.goes_with}, not a taste"
        if self.real:
            return "real"
        if not self.predicts:
            return "does not predict"
        times = round(1 / self.slope)
        return f"predicts, but claims about {'twice' if times == 2 else f'{times} times'} what holds"


@dataclass(frozen=True)
class Evidence:
    """Tests of the components, the largest first, by members trained without a fold of the training rows each."""

    tests: Sequence[ComponentTest]  # of the preference basis
    pca_tests: Sequence[ComponentTest]  # of the PCA of the item factors over the most rated items
    n_sign_flips: int  # a second opinion on how many are real
    n_folds: int
    least_t: float  # thresholds of real
    least_slope: float
    explained: float | None = None  # share of the variance of held-out residuals, by the components of the preferences

    @property
    def n_real(self) -> int:
        """Number of components of the preference basis that passed, wherever they stand."""
        return sum(test.real for test in self.tests)

    @property
    def heldout_slope(self) -> float:
        """Held-out slope of the first component of the factors: below 1 with too little weight decay, else above."""
        return self.pca_tests[0].slope


@dataclass(frozen=True)
class TasteWord:
    """A tag or number that goes with an axis of tastes: the weighted correlation of the two, .3 or more."""

    name: str
    kind: str  # "tag" or "number"
    loading: float
    is_kept: bool  # whether all halves of the users agree on its sign


@dataclass(frozen=True)
class TasteAxis:
    """The evidence for an axis of tastes; see `evidence.tag_tastes.TagTastes` for the figures."""

    t: float
    slope: float
    share: float
    p: float
    z: float
    halves: float
    words: Sequence[TasteWord]
    goes_with: str | None = None  # what it goes with instead of taste, such as "time"


@dataclass(frozen=True)
class Tastes:
    """The axes of what people's tastes go by, in the words of what is known of the items, or of the users.

    `of` is "items", "items_with_numbers" or "users": whose tags and numbers are the words. The places on the axes are
    the array `tastes_OF` (r, n).
    """

    of: str
    axes: Sequence[TasteAxis]  # the last is the first that failed, if fewer than could be tested hold
    n_words: int  # tags and numbers
    n_left_out: int  # tags of too few or too many items
    n_permuted: int


@dataclass(frozen=True)
class SplitInfo:
    """How the ratings were split; the cold test rows are those without training ratings of their user, or item."""

    kind: str = ""
    seed: int | None = None
    description: str = ""
    leakage: str = ""
    n_train: int = 0
    n_test: int = 0
    n_cold_users: int = 0
    n_cold_items: int = 0


@dataclass(frozen=True)
class TimesInfo:
    """RMSE of the posterior with and without the effects of the time, on the test rows by whether a second is shared.

    Of `n_same_second` test rows, and not of `n_rest`, the user has a training row in the same second. A figure of no
    rows is None.
    """

    n_same_second: int
    n_rest: int
    same_second: float | None
    rest: float | None
    same_second_without: float | None
    rest_without: float | None


@dataclass(frozen=True)
class PosteriorInfo:
    """What a run says of its posterior: of the draws in `item_stars`, and of the states that predict, in stars."""

    n_draws: int
    noise: float  # usual standard deviation of a rating around its expectation
    n_effective: float = 0.0  # independent draws that those of the stars are worth
    n_states: int = 0
    middle: float = 0.0  # that all predictions of the states begin at
    neighbour_weight: float | None = None  # of the neighbours' residuals, on held-out training rows; None: not measured
    neighbour_error: float | None = None  # standard error of it
    neighbours_used: bool = False  # whether it is above two standard errors
    times: TimesInfo | None = None  # if it has effects of the time of a rating
    # log of how many times as likely users rated an item that they like a quarter of the scale more; None: not known
    by_taste: float | None = None
    by_taste_error: float | None = None  # standard error of it


@dataclass(frozen=True)
class Validation(Shown):
    """RMSE of members trained without a tenth of the training rows, on that tenth; its standard error is over users.

    The array `validation_errors` (2, V) has the sum of the squared errors and the number of rows of each user in it.
    """

    rmse: float
    standard_error: float
    n_rows: int


@dataclass(frozen=True)
class Training(Shown):
    """How a run came about, as run.json keeps it; `config`, `evidence` and `posterior` are None if there is none."""

    config: TrainConfig | None = None
    split: SplitInfo = SplitInfo()
    epochs: Sequence[Epoch] = ()
    scores: Sequence[Score] = ()
    protocol: str = ""
    # sum of learning rate x weight decay over the visits of one rating, by role of the weights
    shrinkage: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: Evidence | None = None
    posterior: PosteriorInfo | None = None
    tastes: Sequence[Tastes] = ()
    init_from: str | None = None  # name of the run that its members started from
    freeze: str | None = None  # what stayed as it was in that run: "items"
    aligned_to: str | None = None  # name of the run whose coordinates the factors have, by `run.align`
    validation: Validation | None = None  # of a trial of a sweep

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name; none if they are not known."""
        return asdict(self.config) if self.config else {}

    @property
    def model_score(self) -> Score | None:
        """The score of the trained model: of all its members averaged; None without test rows."""
        return next((score for score in reversed(self.scores) if score.model not in (POSTERIOR, WITH_TIMES)), None)

    @property
    def weight_decay(self) -> float | None:
        """Weight decay of the factors; None if it is not known."""
        return None if self.config is None else self.config.weight_decay


@dataclass(frozen=True)
class ItemStats(Shown):
    """Numbers and means of the training ratings of each row of a table; NaN for none, and for implicit data."""

    n_ratings: NDArray[np.int64]  # (n,)
    mean_rating: NDArray[np.float64]  # (n,) in stars

    @property
    def is_rated(self) -> NDArray[np.bool_]:
        """Which rows have ratings, (n,); all of them if none is known to have any."""
        return self.has_at_least(1)

    @property
    def is_known(self) -> bool:
        """Whether any row has ratings: none has in a run of vectors without ratings."""
        return bool(self.n_ratings.any())

    @property
    def n_unrated(self) -> int:
        """Number of rows without ratings although others have some."""
        return int((~self.is_rated).sum())

    def has_at_least(self, n: int) -> NDArray[np.bool_]:
        """Tell which rows have at least n ratings, (n,); all of them if none is known to have any."""
        enough: NDArray[np.bool_] = self.n_ratings >= n
        return enough if self.is_known else np.ones_like(enough)

    @property
    def weights(self) -> NDArray[np.int64]:
        """How much each row counts for, (n,): its number of ratings, or 1 if none is known to have any."""
        return self.n_ratings if self.is_known else np.ones_like(self.n_ratings)

    def mean_of(self, row: int) -> float | None:
        """Return the mean rating of a row, None if it has none."""
        mean = float(self.mean_rating[row])
        return None if np.isnan(mean) else mean

    @classmethod
    def of(cls, codes: NDArray[np.int32], values: NDArray[np.float32] | None, n: int) -> ItemStats:
        """Count the ratings of each of n codes, and average their values, if there are any."""
        counts, sums, means = count_codes(codes, n), np.zeros(n), np.full(n, np.nan)
        if values is not None:
            for begin in range(0, len(codes), BLOCK):  # `np.bincount` copies its arguments in 64 bits
                sums += np.bincount(codes[begin : begin + BLOCK], values[begin : begin + BLOCK], n)
            np.divide(sums, counts, out=means, where=counts > 0)
        return cls(counts, means)


@dataclass(frozen=True)
class RatingRows(Shown):
    """Ratings as parallel arrays of codes and stars."""

    user: NDArray[np.int32]  # (n,)
    item: NDArray[np.int32]  # (n,)
    value: NDArray[np.float32]  # (n,)

    def by_user(self, n_users: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the items (n,) sorted by user, and the first position of each user, and of the end, (n_users + 1,)."""
        order = np.argsort(self.user, kind="stable")
        return self.item[order].astype(np.int64), np.searchsorted(self.user[order], np.arange(n_users + 1))


@dataclass(frozen=True)
class TrainingRows(RatingRows):
    """The ratings a run was trained on."""

    time_effect: NDArray[np.float32] | None  # (n,) what the posterior has of the time of each, in stars


@dataclass(frozen=True)
class HeldOutRows(RatingRows):
    """The held-out ratings, and what members and posterior predict.

    Comparisons of runs and the errors of a report may look at them, which display: nothing is chosen by them.
    """

    predictions: NDArray[np.float32]  # (M, n) of the members
    posterior: NDArray[np.float32] | None  # (n,), if the run has one


@dataclass(frozen=True)
class EmbeddingTable(Shown):
    """A further embedding table of a run, such as the values of a column; its array is `table.NAME` (M, n, k)."""

    labels: Items  # with ids, titles and tags
    stats: ItemStats  # the training rows of each label, and the mean of the target over them

    @classmethod
    def of(cls, labels: Sequence[str], n_rows: NDArray[np.int64], mean_target: NDArray[np.float64]) -> EmbeddingTable:
        """Make a table of bare labels (n,)."""
        names, n = tuple(labels), len(labels)
        return cls(Items(names, names, (None,) * n, ((),) * n), ItemStats(n_rows, mean_target))


@dataclass(frozen=True)
class Run(Shown):
    """A trained model in canonical form, and what its data set says of users and items.

    `arrays` has a leading axis for the member m: user_factors (M, U, k), item_factors (M, I, k),
    user_bias (M, U), item_bias (M, I), global_bias (M,), and trained_stars (M, I), the mean rating that the member
    predicts for an item over all users. item_stars (D, I) has one for draws from the posterior, fold_item_factors
    (F, I, k) and fold_user_covariance (F, k, k) one for members that left out a fold of the ratings, half_item_factors
    (2 S, I, K) and half_axes (2 S, I, K), components by PCA and of the preferences, one for members on either half of
    the users in each of S splits. Only item_factors is sure to be there; ask with `array`. Column j of an item array
    is row j of `items`.
    A run may hold further embedding `tables`, or these alone; `table` gives a run whose items are one of them.
    `is_one_of_several` says that the folder it was opened from holds other runs, so that answers name it.
    """

    name: str
    data: DataSet
    items: Items
    users: Users
    item_stats: ItemStats
    user_stats: ItemStats
    arrays: Arrays
    link: str = "sigmoid"
    y_range: Range | None = None
    training: Training = field(default_factory=Training)
    rows: TrainingRows | None = None
    heldout: HeldOutRows | None = None
    tables: Mapping[str, EmbeddingTable] = field(default_factory=dict)
    created: str = ""
    command: str = ""
    is_one_of_several: bool = False
    turned: Run | None = None  # the run whose users are the items of this one

    def _card(self) -> Card:
        of, training = self.data.title or self.data.name, self.training
        n_users, n_items, n_rows = len(self.users), len(self.items), int(self.item_stats.n_ratings.sum())
        shapes = (f"{name} {self.shape(name)}" for name in self.arrays if name in NAMES or "." in name)
        scores = ", ".join(f"{score.rmse:.3f} ({score.model})" for score in training.scores)
        lines = {
            "size": f"{n_users:,} users, {n_items:,} {self.data.noun}s, {n_rows:,} training rows",
            "model": ", ".join(shapes),
            "weight decay": "not known" if training.weight_decay is None else f"{training.weight_decay:g}",
            "split": training.split.description,
            "RMSE": scores,
            "protocol": training.protocol if scores else "",
            "next": self._next(),
        }
        title = f"Run {self.name!r} of {of}" if self.name else f"Run of {of}, not saved"
        return Card(title, [(label, text) for label, text in lines.items() if text])

    def _next(self) -> str:
        """Return the first lines to type about the run."""
        if "item_factors" not in self.arrays:
            return f"run.table({next(iter(self.tables))!r})"
        most = int(np.argmax(self.item_stats.n_ratings)) if len(self.items) else 0
        looks = ["biases(run)", "pca(run)", f"similar(run, {self.items.titles[most]!r})", "map_items(run)"]
        kept = looks if "trained_stars" in self.arrays else looks[1:]
        return ", ".join(f"embedcli.{look}" for look in ([] if self.name else ["save_run(run)"]) + kept)

    def __dir__(self) -> list[str]:
        """List the names that users need."""
        return [name for name in super().__dir__() if not name.startswith("_") or name.startswith("__")]

    @classmethod
    def from_arrays(
        cls,
        arrays: Arrays,
        train: Ratings,
        *,
        name: str = "",
        link: str = "sigmoid",
        y_range: Range | None = None,
        training: Training | None = None,
        keep_rows: bool = True,
        heldout: HeldOutRows | None = None,
        time_effect: NDArray[np.float32] | None = None,
        stats: tuple[ItemStats, ItemStats] | None = None,
    ) -> Run:
        """Make a run of a model trained anywhere, on the ratings `train`: the one door into a run.

        A model with user and item factors and the three biases is put into canonical form, and its trained_stars
        are computed; all other arrays, such as `item_stars` (D, I), draws from a posterior, are kept as they are.
        `time_effect` (n,) is what the posterior has of the time of each rating. `keep_rows` False keeps neither `train`
        nor `heldout`. `stats` of the items and the users are counted in `train` unless they are given.

        Raises RunError if an array is not finite or does not have the shape that users and items ask for, if the link
        is unknown, and if a sigmoid has no range.
        """
        where = f"run {name!r}"
        if link not in LINKS or (link == "sigmoid" and y_range is None):
            raise RunError(
                f"{where}: the link {link!r} is unknown, or has no y_range",
                'give link="identity", or link="sigmoid" with y_range=(0, 5.5) or the like',
            )
        values = None if train.data.implicit else train.value
        counted = stats or (
            ItemStats.of(train.item, values, len(train.items)),
            ItemStats.of(train.user, values, len(train.users)),
        )
        run = cls(
            name=name,
            data=train.data,
            items=train.items,
            users=train.users,
            item_stats=counted[0],
            user_stats=counted[1],
            arrays=checked(arrays, {"users": len(train.users), "items": len(train.items)}, where),
            link=link,
            y_range=y_range,
            training=training or Training(),
            rows=TrainingRows(train.user, train.item, train.value, time_effect) if keep_rows else None,
            heldout=heldout if keep_rows else None,
        )
        return run._in_canonical_form() if set(NAMES) <= set(run.arrays) else run

    def _in_canonical_form(self) -> Run:
        rated_users = self.user_stats.is_rated
        centred = canonical(self.arrays, rated_users, self.item_stats.is_rated)
        if all(np.allclose(centred[name], self.arrays[name], 1e-5, ROUNDING) for name in NAMES):
            centred = {name: self.arrays[name] for name in NAMES}  # they were canonical: what was read stays as it was
        stars = trained_stars(centred, rated_users, self.sigmoid_range)
        return replace(self, arrays={**self.arrays, **centred, "trained_stars": stars})

    @classmethod
    def from_tables(
        cls,
        factors: Mapping[str, NDArray[np.floating]],
        tables: Mapping[str, EmbeddingTable],
        data: DataSet,
        *,
        name: str = "",
        training: Training | None = None,
    ) -> Run:
        """Make a run of named embedding tables, without users and items: factors (M, n, k) of each table.

        For entity embeddings of the categorical columns of a table (Guo and Berkhahn 2016).
        Raises RunError if there is no table, and if factors do not fit their table or are not finite.
        """
        sizes = {"users": 0, "items": 0} | {table_array(key): len(table.labels) for key, table in tables.items()}
        none = ItemStats(np.zeros(0, np.int64), np.zeros(0))
        return cls(
            name=name,
            data=data,
            items=Items((), (), (), ()),
            users=Users(()),
            item_stats=none,
            user_stats=none,
            arrays=checked({table_array(key): array for key, array in factors.items()}, sizes, f"run {name!r}"),
            link="identity",
            training=training or Training(),
            tables=dict(tables),
        )

    @property
    def sigmoid_range(self) -> Range | None:
        """The range that a sigmoid squeezes the predictions into; None if the link is the identity."""
        return self.y_range if self.link == "sigmoid" else None

    def table(self, name: str | None = None) -> Run:
        """Return a run whose items are the labels of one embedding table, so that every analysis works on it.

        None or "items" are the items themselves, "users" the users: the same model, seen from the other side.
        Raises UsageError, with the tables there are, for another name.
        """
        if name in (None, "items") and "item_factors" in self.arrays:
            return self
        if name == "users" and "user_factors" in self.arrays:
            return self._from_the_users()
        if name is None or name not in self.tables:
            there = ("items",) * ("item_factors" in self.arrays) + ("users",) * ("user_factors" in self.arrays)
            what = "has no items, only tables" if name is None else f"has no embedding table {name!r}"
            raise UsageError(
                f"run {self.name!r} {what}",
                f"choose one with `table`: {', '.join((*there, *self.tables))}",
            )
        table = self.tables[name]
        return replace(
            self,
            data=replace(self.data, noun=f"{name} value"),
            items=table.labels,
            item_stats=table.stats,
            arrays={"item_factors": self.array(table_array(name))},
            tables={},
        )

    def _from_the_users(self) -> Run:
        other = {"user_factors": "item_factors", "user_bias": "item_bias", "global_bias": "global_bias"}
        other |= {there: here for here, there in other.items()}
        arrays = {there: self.array(here) for here, there in other.items() if here in self.arrays}
        if set(NAMES) <= set(arrays):
            arrays["trained_stars"] = trained_stars(arrays, self.item_stats.is_rated, self.sigmoid_range)
        if tastes_array("users") in self.arrays:
            arrays[tastes_array("items")] = self.array(tastes_array("users"))
        if APPEAL in self.arrays:
            arrays[APPEAL] = self.array(APPEAL)
        tastes = [replace(tastes, of="items") for tastes in self.training.tastes if tastes.of == "users"]
        rows = self.rows
        return replace(
            self,
            data=replace(self.data, noun="user"),
            items=self.users.as_items(),
            users=Users(self.items.ids, {"title": self.items.titles}),
            item_stats=self.user_stats,
            user_stats=self.item_stats,
            arrays=arrays,
            training=replace(self.training, evidence=None, posterior=None, tastes=tastes),
            rows=None if rows is None else TrainingRows(rows.item, rows.user, rows.value, None),
            heldout=None,
            tables={},
            turned=self,
        )

    @property
    def other(self) -> str:
        """The word for what is on the other side of a rating: a user, or what users rate if the items are users."""
        return "user" if self.turned is None else self.turned.data.noun

    def array(self, name: str) -> NDArray[np.float32]:
        """Return an array by name; RunError if this run does not hold it."""
        if name not in self.arrays:
            raise RunError(
                f"run {self.name!r} holds no {name}, only {', '.join(sorted(self.arrays))}",
                TRAIN_AGAIN if self.training.config else IMPORT_AGAIN,
            )
        return self.arrays[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array, without reading it from its file; RunError as `array`."""
        shapes: Mapping[str, tuple[int, ...]] = getattr(self.arrays, "shapes", {})
        return shapes[name] if name in shapes else self.array(name).shape

    @property
    def n_members(self) -> int:
        """Number of models trained together."""
        return self.shape("item_factors" if "item_factors" in self.arrays else min(self.arrays))[0]

    @property
    def n_draws(self) -> int:
        """Number of draws from the posterior; 0 if there are none."""
        return self.shape("item_stars")[0] if "item_stars" in self.arrays else 0

    @property
    def headline(self) -> str:
        """Name the data set, and the run with its weight decay if its folder holds several."""
        if not self.is_one_of_several:
            return self.data.title
        decay = self.training.weight_decay
        return f"{self.data.title} | run {self.name}" + ("" if decay is None else f", weight decay {decay:g}")

    def is_unrated(self, row: int) -> bool:
        """Whether an item has no training rating although others have: its embedding is where training started."""
        return not self.item_stats.is_rated[row]

    def check_rated(self, rows: Sequence[int]) -> None:
        """Raise UsageError if one of these items has no training rating: its embedding says nothing."""
        for row in rows:
            if self.is_unrated(row):
                raise UsageError(
                    f"{self.items.titles[row]!r} has no training rating: its embedding is where the training started",
                    f"leave it out, or train on ratings of this {self.data.noun}",
                )

    @property
    def meta(self) -> dict[str, Any]:
        """What every output says of the run it is about."""
        import embedcli

        training = self.training
        return {
            "run": self.name,
            "data_set": self.data.title,
            "seed": training.config and training.config.seed,
            "weight_decay": training.weight_decay,
            "split": training.split.description or None,
            "n_members": self.n_members,
            "version": embedcli.__version__,
        }

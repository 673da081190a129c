"""The settings of a training. Every default of the program is declared here, once."""

import math
from dataclasses import dataclass
from typing import TypedDict

from embedcli.errors import UsageError
from embedcli.notebook import Shown

ENGINES = ("auto", "torch", "compiled")
LARGEST_BATCH = 512
IMPLICIT_RATE = 2.0  # times the learning rate
FEWEST_DRAWS, MOST_DRAWS = 100, 10_000
STEPS_PER_EPOCH = 175  # at least, by default: the moves of a row in one step do not know of each other
LEAST = {"n_factors": 1, "n_epochs": 1, "n_members": 1, "batch_size": 1, "n_negatives": 1, "seed": 0}

FIELDS = {  # of TrainConfig, by the options of the command line and the parameters of `fit` that have other names
    "factors": "n_factors",
    "epochs": "n_epochs",
    "lr": "learning_rate",
    "members": "n_members",
    "folds": "n_folds",
    "draws": "n_draws",
    "negatives": "n_negatives",
}


class Settings(TypedDict, total=False):
    """The settings of a training by keyword, as `fit` takes them: the fields of TrainConfig, named as options."""

    factors: int
    epochs: int
    lr: float
    weight_decay: float
    bias_weight_decay: float
    batch_size: int | None
    members: int
    seed: int
    y_range: tuple[float, float] | None
    folds: int
    draws: int
    timestamps: bool
    negatives: int
    device: str
    engine: str


@dataclass(frozen=True)
class TrainConfig(Shown):
    """Settings of a training. The defaults were chosen on a tenth of MovieLens 100K's training rows.

    The weight decays are decoupled (Loshchilov and Hutter, 2019): each rating, at learning rate `lr`, multiplies the
    weights of its user and its item by 1 - lr * decay. Raises UsageError for an invalid value.
    """

    n_factors: int = 50
    n_epochs: int = 5
    learning_rate: float = 1e-2  # the highest of the one-cycle schedule
    weight_decay: float = 0.4  # of the factors
    bias_weight_decay: float = 0.005
    batch_size: int | None = None  # of the torch engine; None: 512, or less if that leaves fewer than 175 steps
    n_members: int = 5  # models trained together; they share nothing but the ratings
    seed: int = 0
    y_range: tuple[float, float] | None = None  # of the predictions; None: by the scale, 0 to 5.5 for 1 to 5 stars
    n_folds: int = 5  # members trained without a fold of the training rows each, to test the components; 0: none
    n_draws: int = 300  # from a posterior, which give the stars their intervals; 0: none; implicit data gets none
    timestamps: bool = False  # whether the posterior has effects of the time of a rating
    n_negatives: int = 4  # sampled rows for each row of implicit data
    device: str = "cpu"
    engine: str = "auto"  # compiled, on the CPU; or torch, the reference

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"`{name}` {value} is below {least}", f"give {least} or more")
        if self.n_folds != 0 and self.n_folds < 2:
            raise UsageError(f"`n_folds` {self.n_folds} are too few", "give 0 for none, or 2 or more, such as 5")
        if self.n_draws != 0 and not FEWEST_DRAWS <= self.n_draws <= MOST_DRAWS:
            what = f"too {'few' if self.n_draws < FEWEST_DRAWS else 'many'} for an interval"
            raise UsageError(
                f"`n_draws` {self.n_draws} are {what}", f"give 0 for none, or {FEWEST_DRAWS} to {MOST_DRAWS}"
            )
        self._check_engine()
        self._check_rates()
        if self.y_range is not None and not -math.inf < self.y_range[0] < self.y_range[1] < math.inf:
            low, high = self.y_range
            raise UsageError(f"`y_range` {low:g} {high:g} is empty", "give the lower end first, as in `y_range` 0 5.5")

    def _check_engine(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"unknown `engine` {self.engine!r}", f"use {', '.join(ENGINES)}")
        if self.engine == "compiled":
            for name, given in (("device", self.device != "cpu"), ("batch_size", self.batch_size is not None)):
                if given:
                    value = getattr(self, name)
                    raise UsageError(f"`{name}` {value} has no meaning with `engine` compiled", "use `engine` torch")

    def _check_rates(self) -> None:
        rate = self.learning_rate
        if not 0 < rate < math.inf:
            fault = "not finite" if rate > 0 else "not above 0"
            raise UsageError(f"`learning_rate` {rate:g} is {fault}", "give a learning rate such as 0.01")
        for name in ("weight_decay", "bias_weight_decay"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                fault = "below 0" if value < 0 else "not finite"
                raise UsageError(f"`{name}` {value:g} is {fault}", "give 0 for none, or 0.5 or the like")
            if value * rate >= 1:
                what = f"`{name}` {value:g} times `learning_rate` {rate:g}"
                raise UsageError(
                    f"{what} is not below 1: a step would throw the weights away",
                    f"give `{name}` below {1 / rate:g}, or a lower `learning_rate`",
                )

    def step_sizes(self, *, implicit: bool) -> tuple[float, float, float]:
        """Return the peak learning rate and the weight decays of factors and biases, as one row of the data has them.

        Of implicit data, a positive shares its decays with its negatives, at twice the learning rate.
        """
        rate, share = (IMPLICIT_RATE, 1 / (1 + self.n_negatives)) if implicit else (1.0, 1.0)
        return self.learning_rate * rate, self.weight_decay * share, self.bias_weight_decay * share

    def batch_size_for(self, n_ratings: int) -> int:
        """Return the ratings per step and member of a training on n ratings."""
        return self.batch_size or max(1, min(LARGEST_BATCH, n_ratings // STEPS_PER_EPOCH))

"""The learning-rate finder: where the loss falls, where it is lowest, and which peak rates lie between."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.record import Record, column, decimal
from embedcli.errors import UsageError

MEMORY = 0.9  # of the smoothed loss: fastai has 0.98 for many more steps
BELOW = 10.0  # the lesson's rule: a tenth of the rate at which the loss is lowest


@dataclass(frozen=True)
class TriedRate:
    """A learning rate, and the loss of the ratings that were about to be trained at it."""

    learning_rate: Annotated[float, column("learning rate", "it rises from step to step", "{:.2g}".format)]
    loss: Annotated[float, decimal("loss", "mean squared error of the batch, before its step", 3)]
    smoothed: Annotated[float, decimal("smoothed", "moving average of the loss", 3)]


@dataclass(frozen=True)
class LearningRates(Record):
    """The rates of one rising sweep; `low` and `high` bracket the peak rate, `suggested` is their geometric mean."""

    row_fields = ("tried",)
    tried: tuple[TriedRate, ...]
    low: float
    high: float
    suggested: float


def learning_rates(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> LearningRates:
    """Return what the losses (n,) at rising rates (n,) tell.

    The loss is lowest at `high`, where a further rise begins to do harm; `low` is a tenth of that (Smith 2017, and
    fastai's `lr_find`). This is a rule of thumb: compare rates on held-out training rows to choose between them.
    """
    weights = MEMORY ** np.arange(len(losses))[::-1]
    sums = np.array([(losses[: j + 1] * weights[-j - 1 :]).sum() / weights[-j - 1 :].sum() for j in range(len(losses))])
    lowest = int(sums.argmin())
    if lowest in (0, len(losses) - 1):
        raise UsageError("the loss is lowest at an end of the rates: no learning rate is found", "use the default")
    high = float(rates[lowest])
    tried = tuple(map(TriedRate, rates.tolist(), losses.tolist(), sums.tolist()))
    return LearningRates(tried, high / BELOW, high, high / BELOW**0.5)

"""The lesson's training in plain PyTorch, and the weight decay of `embedcli train` that is as strong as its 0.1.

    python examples/lesson_training.py [--data PATH] [--small]

The model is a PyTorch module, rating = 5.5 x sigmoid(b_u + b_i + p_u . q_i), so any training loop of PyTorch trains
it. `train` below is the loop behind the lesson's `fit_one_cycle(5, 5e-3, wd=0.1)`:

- Minibatches of 64 ratings, in random order, five times through the ratings.
- AdamW: Adam, and before each step every weight is multiplied by 1 - learning rate x decay.
- One cycle: the learning rate rises to 5e-3 in the first quarter of the steps, then falls to almost 0; the momentum
  does the opposite.

Each step updates every weight, also those of users and films without a rating in the minibatch. `embedcli train`
uses another rule, stated in embedcli/training/engines: a rating updates and decays the rows of its user and its film
only, and it is a hundred times faster. So the same number means two things. AdamW's decay acts on all weights at all
7,000 steps, embedcli's on a row as often as the row has a rating, and less on the biases than on the factors.

To compare two decays, compare what they leave. The preference p_u . q_i is the part of a prediction that the factors
make, and weight decay shrinks it. Two decays are equally strong if the preferences (of the models in canonical form:
factors centred) have the same standard deviation over the training ratings. embedcli's decay is found by bisection.
The test ratings choose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from math import sqrt

import numpy as np
import torch
from made_data import RATINGS, ratings, run_script
from torch import Tensor

import embedcli
from embedcli import Run, TrainConfig
from embedcli.data.ratings import Ratings, Split
from embedcli.data.scale import y_range_for
from embedcli.run.predictions import predict
from embedcli.training.engines.torch import one_thread
from embedcli.training.evaluation import score
from embedcli.training.model import EmbeddingDotBias

N_FACTORS, N_EPOCHS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 50, 5, 64, 5e-3, 0.1
INITIAL_SD, WARM, START_DIVISOR = 0.01, 0.25, 25  # WARM: the share of the steps in which the rate rises
BISECTIONS = 8


def fit_one_cycle(
    groups: Sequence[tuple[Iterable[Tensor], float]],
    loss: Callable[[Tensor], Tensor],
    n: int,
    *,
    decay: float,
    n_epochs: int = N_EPOCHS,
    batch_size: int = BATCH_SIZE,
) -> None:
    """Minimise `loss`, a function of row numbers, over n rows. `groups` are weights and their highest learning rate."""
    optimiser = torch.optim.AdamW(
        [{"params": list(weights), "lr": rate} for weights, rate in groups],
        betas=(0.95, 0.99),
        eps=1e-5,
        weight_decay=decay,
        fused=True,
    )
    cycle = one_cycle(optimiser, [rate for _, rate in groups], n_steps(n, batch_size, n_epochs))
    for _ in range(n_epochs):
        for rows in torch.randperm(n).split(batch_size):  # all rows once, in random order, a minibatch at a time
            optimiser.zero_grad()
            loss(rows).backward()  # the derivative of the loss by every weight
            optimiser.step()  # in short: weight -= learning rate x (smoothed derivative + decay x weight)
            cycle.step()  # the learning rate of the next step


@one_thread()
def train(
    known: Ratings,
    decay: float,
    *,
    n_factors: int = N_FACTORS,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
) -> Run:
    """Train one model as the lesson does, with one decay of all weights and the constants of fastai."""
    torch.manual_seed(seed)
    n, n_rows = len(known), len(known.users) + len(known.items)
    start = (INITIAL_SD * torch.randn(1, n_rows, n_factors)).numpy()
    y_range = y_range_for(known.data, known.value)
    model = EmbeddingDotBias(start, len(known.users), global_bias=0.0, y_range=y_range)
    torch.nn.init.normal_(model.biases, std=INITIAL_SD)
    user, item, value = (torch.tensor(column)[None] for column in (known.user, known.item, known.value))

    def loss(rows: Tensor) -> Tensor:
        error: Tensor = model(user[:, rows], item[:, rows]) - value[:, rows]
        return error.square().mean()

    fit_one_cycle([(model.parameters(), learning_rate)], loss, n, decay=decay, batch_size=batch_size)
    return Run.from_arrays(model.arrays(), known, name="lesson", y_range=model.y_range)


def n_steps(n_ratings: int, batch_size: int, n_epochs: int = N_EPOCHS) -> int:
    """Return how many steps a training makes."""
    return n_epochs * -(-n_ratings // batch_size)


def one_cycle(
    optimiser: torch.optim.Optimizer, highest: float | list[float], steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return fastai's one cycle: from a 25th of the highest rates up to them, then down to almost 0, along cosines."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, highest, steps, pct_start=WARM, div_factor=START_DIVISOR, final_div_factor=4000
    )


def sum_of_rates(learning_rate: float, steps: int) -> float:
    """Return the sum of a cycle's learning rates: each cosine has the mean of its two ends."""
    return learning_rate * steps * (WARM * (1 + 1 / START_DIVISOR) + (1 - WARM)) / 2


def rmse(run: Run, rows: Ratings) -> float:
    """Return the RMSE of a run of one model on some ratings, in stars."""
    return score("", predict(run.arrays, rows.user, rows.item, run.y_range)[0], rows).rmse


def preference_sd(run: Run, rows: Ratings) -> float:
    """Return the standard deviation of p_u . q_i over some ratings, in logits."""
    users, items = run.array("user_factors")[0], run.array("item_factors")[0]
    return float(np.einsum("nk,nk->n", users[rows.user], items[rows.item]).std())


@dataclass(frozen=True)
class Trained:
    """What a training came to; errors are RMSE in stars."""

    decay: float
    preference_sd: float
    training: float
    test: float

    @classmethod
    def of(cls, run: Run, decay: float, split: Split) -> Trained:
        """Measure a run of one model."""
        return cls(decay, preference_sd(run, split.train), rmse(run, split.train), rmse(run, split.test))


def equally_strong(sd: float, of_decay: Callable[[float], Trained]) -> Trained:
    """Return the training whose preferences have the standard deviation `sd`, by bisection of the decay."""
    low, high = 0.02, 5.0
    for _ in range(BISECTIONS):
        found = of_decay(sqrt(low * high))
        low, high = (found.decay, high) if found.preference_sd > sd else (low, found.decay)
    return found


def compare(split: Split, n_factors: int, seed: int) -> tuple[Trained, Trained, Trained]:
    """Train as the lesson does, by embedcli's defaults, and by embedcli with a decay as strong as the lesson's."""

    def ours(decay: float) -> Trained:
        config = TrainConfig(n_factors, weight_decay=decay, n_members=1, n_folds=0, n_draws=0, seed=seed)
        return Trained.of(embedcli.fit(split, config), decay, split)

    lesson = Trained.of(train(split.train, WEIGHT_DECAY, n_factors=n_factors, seed=seed), WEIGHT_DECAY, split)
    return lesson, ours(TrainConfig.weight_decay), equally_strong(lesson.preference_sd, ours)


def main(data: str | None = None, *, small: bool = False) -> list[tuple[Trained, Trained, Trained]]:
    """Compare on splits with different seeds, print the means and the decays, and return what was trained."""
    known, n_factors, seeds = ratings(data, small=small), 20 if small else N_FACTORS, range(1 if small else 2)
    found = [compare(known.split("random", seed=seed), n_factors, seed) for seed in seeds]
    print(f"One model, means over random 90/10 splits with seeds 0 to {seeds[-1]}:")
    print(f"{'':24}decay  sd of p.q  training RMSE  test RMSE")
    names = ("lesson's AdamW", "embedcli, by default", "embedcli, equally strong")
    for name, *trained in zip(names, *found, strict=True):
        decay, sd, training, test = np.mean([astuple(row) for row in trained], axis=0)
        print(f"{name:24}{decay:5.2f}{sd:11.3f}{training:15.3f}{test:11.3f}")
    decays = ", ".join(f"{equal.decay:.2f}" for *_, equal in found)
    print(f"\nThe lesson's decay of {WEIGHT_DECAY:g} is as strong as {decays} in `embedcli train --members 1`.")
    return found


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

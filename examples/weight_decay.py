# %% [markdown]
"""Weight decay: what it costs on the ratings seen, what it gains on ratings left out, and when it is too much.

    python examples/weight_decay.py [--data PATH] [--small]

A model with 50 factors for each user and film has 133,875 weights on MovieLens 100K. That is more than it has ratings,
so it can learn the ratings by heart (it *overfits*): the error on the training ratings is low, and says nothing about
the next rating. *Weight decay* makes all weights shrink a little at each step. What many ratings ask for stays; what a
single rating asks for fades.

In its first form, weight decay (wd) is a term of the loss, the sum of squares of all weights:

    loss = error + wd * sum(w^2)            its derivative by w is 2 wd w

So a step makes each weight smaller by a share of itself. AdamW, which the lesson uses, leaves out the loss and the 2
and does just that. Before a step at learning rate lr:

    w *= 1 - lr * wd

What counts is therefore wd times the sum of the learning rates of all steps. The number wd alone says little: a
training with a tenth of the steps needs ten times the wd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lesson_training import BATCH_SIZE, LEARNING_RATE, N_FACTORS, n_steps, rmse, sum_of_rates, train
from made_data import RATINGS, ratings, run_script

from embedcli.data.ratings import Split

LESSON = (BATCH_SIZE, LEARNING_RATE)  # ratings in a minibatch, largest learning rate
FAST = (512, 0.01)  # an eighth of the steps
STRONG = 0.5  # for FAST as strong as the lesson's 0.1
Settings = tuple[tuple[tuple[int, float], float], ...]
SETTINGS: Settings = ((LESSON, 0.01), (LESSON, 0.1), (FAST, 0.0), (FAST, 0.05), (FAST, STRONG), (FAST, 20.0))
FACTORS = (5, 20, 50, 200)


@dataclass(frozen=True)
class Outcome:
    """A training and its outcome: errors (RMSE, in stars) and sizes of weights."""

    n_factors: int
    decay: float
    rates: float  # the sum of the learning rates of all steps
    training: float
    test: float
    factors: float  # root mean square
    largest: float  # of all weights, without its sign


# %%
def outcome(split: Split, recipe: tuple[int, float], decay: float, n_factors: int = N_FACTORS) -> Outcome:
    """Train with a decay, and read errors and sizes from the run."""
    batch_size, rate = recipe
    run = train(split.train, decay, n_factors=n_factors, batch_size=batch_size, learning_rate=rate)
    factors = np.concatenate([run.array("user_factors")[0], run.array("item_factors")[0]])
    biases = np.concatenate([run.array("user_bias")[0], run.array("item_bias")[0]])
    return Outcome(
        n_factors=n_factors,
        decay=decay,
        rates=sum_of_rates(rate, n_steps(len(split.train), batch_size)),
        training=rmse(run, split.train),
        test=rmse(run, split.test),
        factors=float(np.sqrt(np.mean(factors**2))),
        largest=float(max(np.abs(factors).max(), np.abs(biases).max())),
    )


# %% [markdown]
# ## How much decay?
# In the table, the lesson's recipe is a batch size of 64 and a learning rate of 5e-3. A second recipe has larger
# minibatches, so it makes an eighth of the steps. Compare 0.1 of the first with 0.5 of the second, and 0.01 with 0.05:
# wd is five times as large, but wd x sum of learning rates is nearly the same, and so is the test error.
#
# With no decay or a little, the training error is low and the test error high. The lesson's 0.1 is better than its
# 0.01. With too much (20), nothing is learned. As Adam moves a weight by at most about lr in a step, decay and step
# balance when lr x wd x |w| = lr. So hardly a weight grows beyond 1 / wd, here 0.05. Embeddings and biases are next to
# zero, each prediction is near the middle of the range, and the error is larger than that of the mean rating.
#
# The test ratings choose nothing here: the lesson names its decays. If you want to choose, hold out a part of the
# training ratings for that. An error by which something was chosen is too good to be true.


# %%
def decays(split: Split, settings: Settings) -> list[Outcome]:
    """Train with each decay, and print a row for each."""
    print(f"{'':36}wd x sum{'RMSE in stars':>21}{'size of weights':>19}")
    print(f"{'recipe':24}{'wd':>5}{'sum lr':>8}{'of lr':>8}{'training':>11}{'test':>9}{'factors':>10}{'largest':>9}")
    found = []
    for (batch, rate), decay in settings:
        row = outcome(split, (batch, rate), decay)
        found.append(row)
        name = f"batch {batch}, lr {rate:g}"
        print(f"{name:24}{decay:5g}{row.rates:8.2f}{decay * row.rates:8.2f}{row.training:11.3f}{row.test:9.3f}", end="")
        print(f"{row.factors:10.3f}{row.largest:9.3f}")
    spread = float(split.train.value.std())
    print(f"\nThe standard deviation of the ratings is {spread:.3f}: the error of predicting the mean for all.\n")
    return found


# %% [markdown]
# ## How many factors?
# Without decay, more factors are more room to learn ratings by heart: the training error falls, and the test error
# rises from some number on. With decay, many factors do less harm. So the usual advice is: take more factors than you
# need, and let weight decay decide how much of them is used.


# %%
def factors(split: Split, numbers: tuple[int, ...]) -> list[tuple[Outcome, Outcome]]:
    """Train with each number of factors, without and with decay, and print a row for each."""
    print(f"{'':20}{'without decay':>20}{f'with wd {STRONG:g}':>20}")
    print(f"{'factors':>7}{'weights':>13}{'training':>11}{'test':>9}{'training':>11}{'test':>9}")
    found = []
    for n_factors in numbers:
        free, decayed = (outcome(split, FAST, decay, n_factors) for decay in (0.0, STRONG))
        found.append((free, decayed))
        weights = (len(split.train.users) + len(split.train.items)) * (n_factors + 1)
        print(f"{n_factors:7}{weights:13,}{free.training:11.3f}{free.test:9.3f}", end="")
        print(f"{decayed.training:11.3f}{decayed.test:9.3f}")
    return found


# %%
def main(data: str | None = None, *, small: bool = False) -> tuple[list[Outcome], list[tuple[Outcome, Outcome]]]:
    """Print both tables; return their rows."""
    split = ratings(data, small=small).split("random", seed=0)
    return decays(split, SETTINGS[2:] if small else SETTINGS), factors(split, FACTORS[:3:2] if small else FACTORS)


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

# %% [markdown]
# ## Try this
# - Add (LESSON, 0.5) to SETTINGS. Its wd x sum of lr is five times that of the lesson's 0.1. Is it too much?
# - Train for ten epochs (N_EPOCHS in lesson_training.py). Which wd is now as strong as 0.1 was?
# - Choose a decay without the test ratings: split.train.split("random", seed=1) has training and validation ratings.
#
# ## Questions
# 1. Why does the training error rise with the decay, and the test error first fall?
# 2. A colleague halves the learning rate and keeps wd and the number of steps. Is his decay stronger or weaker?
# 3. `embedcli train` shrinks a row of a table only when a rating of this row is seen. Why is its wd another number
#    (lesson_training.py compares them)?

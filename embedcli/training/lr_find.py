"""The learning-rate finder of the lesson: the loss of each step while the learning rate rises (Smith 2017)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split
from embedcli.run.config import TrainConfig
from embedcli.training.config import resolve
from embedcli.training.engines.torch import check_device, one_thread, rising
from embedcli.training.implicit import sampled
from embedcli.training.learn import start
from embedcli.training.state import Streams

LOWEST, HIGHEST = 1e-4, 10.0  # learning rates
MOST_RATINGS = 200_000  # of users drawn at random: enough of each for the factors to move


@one_thread()
def try_rates(split: Split, config: TrainConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train one member for one epoch while the learning rate rises -> rates (n,) and losses (n,).

    The loss is the mean squared error of a batch of training rows before its step; the test rows are not used. The
    training ends when the loss is twice its lowest, or not finite.
    """
    config = replace(resolve(config, split.train), n_members=1, engine="torch")
    check_device(config.device)
    streams = Streams.of(config)
    split = replace(split, train=some_users(split.train, streams.sample))
    train = sampled(split, config.n_negatives, streams.negatives).train if split.train.data.implicit else split.train
    model, state = start(train, config, streams.members)
    n_steps = len(train) // config.batch_size_for(len(train))
    rates = np.geomspace(LOWEST, HIGHEST, n_steps)
    losses = np.array(list(rising(model, train, config, state, rates)))
    return rates[: len(losses)], losses


def some_users(train: Ratings, rng: np.random.Generator) -> Ratings:
    """Return the ratings of users drawn at random, MOST_RATINGS at most on average."""
    if len(train) <= MOST_RATINGS:
        return train
    is_taken = rng.random(len(train.users)) < MOST_RATINGS / len(train)
    return train.take(np.flatnonzero(is_taken[train.user]))

"""Learning: the members of a run, then further members on halves of the users, and without a fold of the rows each."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split, count_codes
from embedcli.evidence.halves import half_components
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays, predict
from embedcli.run.record import Epoch
from embedcli.training.checkpoint import Checkpoint
from embedcli.training.engines import START_MOMENT
from embedcli.training.evaluation import score
from embedcli.training.model import EmbeddingDotBias, new_model
from embedcli.training.older import Older
from embedcli.training.stages import OnStage, stage, testing
from embedcli.training.state import FEWEST_TESTED, FoldMembers, Streams, TrainingState, fold_of

SAMPLE = 10_000  # training rows that the training error of an epoch is measured on
MOST_TESTED = 100_000  # test rows that the test error of an epoch is measured on
SPLITS, FEW_SPLITS, MANY = 4, 1, 1_000_000  # of the users in halves; few from many training rows on


class Learned(NamedTuple):
    """The arrays of the members, the epochs of their training, the components of the half members, the fold members.

    Without tests of the components there are no arrays of halves, and no folds.
    """

    arrays: Arrays
    epochs: list[Epoch]
    halves: Arrays
    folds: FoldMembers | None


def learn(
    split: Split,
    config: TrainConfig,
    engine: ModuleType,
    streams: Streams,
    on_epoch: Callable[[Epoch], None],
    on_stage: OnStage,
    checkpoint: Checkpoint,
    older: Older | None,
) -> Learned:
    """Train the members on the training rows of a split with an engine, then half members and fold members.

    Each goes on from the checkpoint if it holds them. Only the members start from an older run: it has seen the rows
    that the others leave out.
    """
    train = split.train
    model, state = start(train, config, streams.members, older=older)
    sample, test = (drawn(rows, n, streams.sample) for rows, n in ((train, SAMPLE), (split.test, MOST_TESTED)))
    epochs = checkpoint.restore("members", model, state)
    for epoch in epochs:
        on_epoch(epoch)
    seconds = epochs[-1].seconds if epochs else 0.0
    for epoch in measured(engine.learn(model, train, config, state), model, sample, test, seconds):
        epochs.append(epoch)
        on_epoch(epoch)
        checkpoint.keep("members", model, state, epochs)
    halves: Arrays = {}
    folds, began = None, time.perf_counter()
    fold = fold_of(split, config, streams.folds)
    if fold is not None:
        with stage("agreement with the truth by members on halves of the users", on_stage, is_last=False):
            halves = learn_halves(engine, train, config, streams.halves, checkpoint)
        with stage(testing(config), on_stage, is_last=False):
            folds = learn_folds(engine, train, config, fold, streams.folds, began, checkpoint)
    elif config.n_folds:
        on_stage(f"components not tested: that takes {FEWEST_TESTED} training rows", None)
    return Learned(model.arrays(), epochs, halves, folds)


def start(
    train: Ratings,
    config: TrainConfig,
    generators: list[np.random.Generator],
    fold: NDArray[np.uint8] | None = None,
    older: Older | None = None,
) -> tuple[EmbeddingDotBias, TrainingState]:
    """Return an untrained model with a member for each generator, and the state before its first step."""
    model = new_model(train, config, generators, older)
    moment = np.full(len(model.biases), START_MOMENT, dtype=np.float32)
    return model, TrainingState(generators, moment, fold, frozen=older.frozen if older else None)


def learn_halves(
    engine: ModuleType, train: Ratings, config: TrainConfig, rng: np.random.Generator, checkpoint: Checkpoint
) -> Arrays:
    """Cut the users in halves at random, several times, and train a member on each half; return their components.

    The arrays have a leading axis (2 S) for the halves, those of a split side by side; none of a single user.
    """
    n_by_user, found = count_codes(train.user, len(train.users)), []
    rated = np.flatnonzero(n_by_user)
    if len(rated) < 2:
        return {}
    for number in range(SPLITS if len(train) < MANY else FEW_SPLITS):
        other = np.zeros(len(train.users), dtype=np.uint8)
        other[rng.permutation(rated)[: len(rated) // 2]] = 1
        left_out = other[train.user]  # by member 0: the rows of the users that are 0
        arrays = learn_without(engine, train, config, rng.spawn(2), left_out, checkpoint, f"halves-{number}")
        for m in range(2):
            counts = n_by_user * (other != m), count_codes(train.item[left_out != m], len(train.items))
            found.append(half_components(arrays["user_factors"][m], arrays["item_factors"][m], *counts))
    principal, preference = (np.stack(arrays) for arrays in zip(*found, strict=True))
    return {"half_item_factors": principal, "half_axes": preference}


def learn_folds(
    engine: ModuleType,
    train: Ratings,
    config: TrainConfig,
    fold: NDArray[np.uint8],
    rng: np.random.Generator,
    began: float,
    checkpoint: Checkpoint,
) -> FoldMembers:
    """Train a member without each fold (n,) of the training rows; the stage began at `began`."""
    arrays = learn_without(engine, train, config, rng.spawn(config.n_folds), fold, checkpoint, "folds")
    return FoldMembers(fold, arrays, time.perf_counter() - began)


def learn_without(
    engine: ModuleType,
    train: Ratings,
    config: TrainConfig,
    generators: list[np.random.Generator],
    fold: NDArray[np.uint8],
    checkpoint: Checkpoint,
    name: str,
) -> Arrays:
    """Train a member for each generator, member m without the rows whose fold (n,) is m; `name` is the checkpoint's."""
    model, state = start(train, config, generators, fold)
    checkpoint.restore(name, model, state)
    for _ in engine.learn(model, train, config, state):
        checkpoint.keep(name, model, state)
    return model.arrays()


def drawn(ratings: Ratings, n: int, rng: np.random.Generator) -> Ratings:
    """Return n of the ratings, drawn at random, or all if there are not more."""
    return ratings if len(ratings) <= n else ratings.take(rng.choice(len(ratings), n, replace=False, shuffle=False))


def measured(
    epochs: Iterator[tuple[int, float]], model: EmbeddingDotBias, sample: Ratings, test: Ratings, seconds: float
) -> Iterator[Epoch]:
    """Yield an Epoch for each epoch of an engine, with the errors on a sample of the training rows and on the test.

    `seconds` is how long the epochs before took.
    """
    began = time.perf_counter() - seconds

    def error(rows: Ratings) -> float:
        predicted = predict(model.arrays(), rows.user, rows.item, model.y_range)
        return score("", predicted.mean(0), rows).rmse

    for number, learning_rate in epochs:
        train_rmse, test_rmse = error(sample), error(test) if len(test) else None
        now = time.perf_counter()
        yield Epoch(number, learning_rate, train_rmse, test_rmse, now - began)
        began = time.perf_counter()

"""Learning: the members of a run, then further members that leave out a fold of the training rows each."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays, predict
from embedcli.run.record import Epoch
from embedcli.training.engines import START_MOMENT
from embedcli.training.evaluation import score
from embedcli.training.model import EmbeddingDotBias, new_model
from embedcli.training.stages import OnStage, stage, testing
from embedcli.training.state import FoldMembers, Streams, TrainingState

FEWEST_TESTED = 500  # training rows: with fewer, no component can be told from noise
SAMPLE = 10_000  # training rows that the training error of an epoch is measured on
MOST_TESTED = 100_000  # test rows that the test error of an epoch is measured on


class Learned(NamedTuple):
    """The arrays of the members, the epochs of their training, and the fold members; None if there are none."""

    arrays: Arrays
    epochs: list[Epoch]
    folds: FoldMembers | None


def learn(
    split: Split,
    config: TrainConfig,
    engine: ModuleType,
    streams: Streams,
    on_epoch: Callable[[Epoch], None],
    on_stage: OnStage,
) -> Learned:
    """Train the members on the training rows of a split with an engine, then the fold members."""
    train, epochs = split.train, []
    model, state = start(train, config, streams.members)
    samples = (drawn(rows, n, streams.sample) for rows, n in ((train, SAMPLE), (split.test, MOST_TESTED)))
    for epoch in measured(engine.learn(model, train, config, state), model, *samples):
        epochs.append(epoch)
        on_epoch(epoch)
    folds = None
    if config.n_folds and len(train) >= FEWEST_TESTED:
        with stage(testing(config), on_stage, is_last=False):
            folds = learn_folds(engine, train, config, streams.folds)
    elif config.n_folds:
        on_stage(f"components not tested: that takes {FEWEST_TESTED} training rows", None)
    return Learned(model.arrays(), epochs, folds)


def start(
    train: Ratings, config: TrainConfig, generators: list[np.random.Generator], fold: NDArray[np.uint8] | None = None
) -> tuple[EmbeddingDotBias, TrainingState]:
    """Return an untrained model with a member for each generator, and the state before its first step."""
    model = new_model(train, config, generators)
    moment = np.full(len(model.biases), START_MOMENT, dtype=np.float32)
    return model, TrainingState(generators, moment, fold)


def learn_folds(engine: ModuleType, train: Ratings, config: TrainConfig, rng: np.random.Generator) -> FoldMembers:
    """Cut the training rows in folds at random, and train a member without each."""
    began = time.perf_counter()
    fold = rng.integers(0, config.n_folds, len(train), dtype=np.uint8)
    model, state = start(train, config, rng.spawn(config.n_folds), fold)
    for _ in engine.learn(model, train, config, state):
        pass
    return FoldMembers(fold, model.arrays(), time.perf_counter() - began)


def drawn(ratings: Ratings, n: int, rng: np.random.Generator) -> Ratings:
    """Return n of the ratings, drawn at random, or all if there are not more."""
    return ratings if len(ratings) <= n else ratings.take(rng.choice(len(ratings), n, replace=False, shuffle=False))


def measured(
    epochs: Iterator[tuple[int, float]], model: EmbeddingDotBias, sample: Ratings, test: Ratings
) -> Iterator[Epoch]:
    """Yield an Epoch for each epoch of an engine, with the errors on a sample of the training rows and on the test."""
    began = time.perf_counter()

    def error(rows: Ratings) -> float:
        predicted = predict(model.arrays(), rows.user, rows.item, model.y_range)
        return score("", predicted.mean(0), rows).rmse

    for number, learning_rate in epochs:
        train_rmse, test_rmse = error(sample), error(test) if len(test) else None
        now = time.perf_counter()
        yield Epoch(number, learning_rate, train_rmse, test_rmse, now - began)
        began = time.perf_counter()

"""Learning: the members of a run, then further members that leave out a fold of the training rows each."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays, predict
from embedcli.run.record import Epoch
from embedcli.training.engines import torch as engine
from embedcli.training.evaluation import score
from embedcli.training.model import EmbeddingDotBias, new_model
from embedcli.training.stages import OnStage, stage, testing
from embedcli.training.state import FoldMembers, Streams, TrainingState

FEWEST_TESTED = 500  # training rows: with fewer, no component can be told from noise
SAMPLE = 10_000  # training rows that the training error of an epoch is measured on


class Learned(NamedTuple):
    """The arrays of the members, the epochs of their training, and the fold members; None if there are none."""

    arrays: Arrays
    epochs: list[Epoch]
    folds: FoldMembers | None


def learn(
    split: Split, config: TrainConfig, streams: Streams, on_epoch: Callable[[Epoch], None], on_stage: OnStage
) -> Learned:
    """Train the members on the training rows of a split, then the fold members."""
    train, epochs = split.train, []
    model, state = start(train, config, streams.members)
    sample = train.take(streams.sample.permutation(len(train))[:SAMPLE])
    for epoch in measured(engine.learn(model, train, config, state), model, sample, split.test):
        epochs.append(epoch)
        on_epoch(epoch)
    folds = None
    if config.n_folds and len(train) >= FEWEST_TESTED:
        with stage(testing(config), on_stage, is_last=False):
            folds = learn_folds(train, config, streams.folds)
    elif config.n_folds:
        on_stage(f"components not tested: that takes {FEWEST_TESTED} training rows", 0.0)
    return Learned(model.arrays(), epochs, folds)


def start(
    train: Ratings,
    config: TrainConfig,
    generators: list[np.random.Generator],
    rows: NDArray[np.int64] | None = None,
) -> tuple[EmbeddingDotBias, TrainingState]:
    """Return an untrained model with a member for each generator, and the state before its first step."""
    model = new_model(train, config, generators)
    moments = {name: np.zeros((2, *weight.shape), dtype=np.float32) for name, weight in model.named_parameters()}
    return model, TrainingState(generators, moments, rows)


def learn_folds(train: Ratings, config: TrainConfig, rng: np.random.Generator) -> FoldMembers:
    """Cut the training rows in folds at random, and train a member without each."""
    began = time.perf_counter()
    fold = rng.permutation(len(train)) % config.n_folds
    rows = [np.flatnonzero(fold != f) for f in range(config.n_folds)]
    fewest = min(map(len, rows))  # the folds differ by one row at most
    model, state = start(train, config, rng.spawn(config.n_folds), np.stack([own[:fewest] for own in rows]))
    for _ in engine.learn(model, train, config, state):
        pass
    return FoldMembers(fold, model.arrays(), time.perf_counter() - began)


def measured(
    epochs: Iterator[tuple[int, float]], model: EmbeddingDotBias, sample: Ratings, test: Ratings
) -> Iterator[Epoch]:
    """Yield an Epoch for each epoch of an engine, with the errors on a sample of the training rows and on the test."""
    began = time.perf_counter()

    def error(rows: Ratings) -> float:
        predicted = predict(model.arrays(), rows.user, rows.item, (model.low, model.high))
        return score("", predicted.mean(0), rows).rmse

    for number, learning_rate in epochs:
        train_rmse, test_rmse = error(sample), error(test) if len(test) else None
        now = time.perf_counter()
        yield Epoch(number, learning_rate, train_rmse, test_rmse, now - began)
        began = time.perf_counter()

"""Training: an iterator over epochs, and `fit`, which consumes it and makes a run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version

import numpy as np
import torch

import embedcli
from embedcli.data.ratings import Ratings, Split
from embedcli.errors import TrainingError, UsageError
from embedcli.run.record import Epoch, Run, Score, Training
from embedcli.training.config import TrainConfig
from embedcli.training.evaluation import PROTOCOL, baselines, predict, score
from embedcli.training.model import EmbeddingDotBias, initial_factors
from embedcli.training.optimiser import AdamW, one_cycle

COPIES = 5  # of the weights in memory: themselves, a start, a gradient and two moments
SAMPLE = 10_000  # training rows that the training error of an epoch is measured on


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch work on one thread: a step is too small to share, and the result is then the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def fit(
    split: Split,
    config: TrainConfig | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    *,
    keep_rows: bool = True,
) -> Run:
    """Train on the training rows of a split and return the run, in canonical form, not yet saved.

    The test rows are for display: nothing is chosen by them.

    Raises TrainingError where the loss is no longer finite, UsageError for a y_range that leaves ratings
    outside and for a device that is not there.
    """
    began = time.perf_counter()
    config = resolve(config or TrainConfig(), split.train)
    *members, sampler = generators(config)
    model = new_model(split.train, config, members)
    sample = split.train.take(sampler.permutation(len(split.train))[:SAMPLE])
    epochs = []
    for epoch in train(model, split, config, members, sample):
        epochs.append(epoch)
        on_epoch(epoch)
    training = Training(
        config=asdict(config),
        split={
            "kind": split.kind,
            "seed": split.seed,
            "description": split.description,
            "n_train": len(split.train),
            "n_test": len(split.test),
        },
        epochs=epochs,
        scores=scores(model, split),
        protocol=PROTOCOL,
        shrinkage=shrinkage(config, len(split.train)),
        seconds=time.perf_counter() - began,
        versions={"embedcli": embedcli.__version__, **{name: version(name) for name in ("torch", "numpy")}},
    )
    return Run.from_arrays(
        model.arrays(), split.train, y_range=config.y_range, training=training, keep_rows=keep_rows
    )


def train(
    model: EmbeddingDotBias,
    split: Split,
    config: TrainConfig,
    members: list[np.random.Generator],
    sample: Ratings,
) -> Iterator[Epoch]:
    """Train the members of a model together, in place, and yield each epoch as it ends.

    Each member sees every training row once per epoch, in an order of its own. The training error of an
    epoch is that on `sample`, drawn from the training rows. Raises TrainingError where the loss is no longer
    finite.
    """
    user, item = (
        torch.from_numpy(codes).to(config.device, torch.int64) for codes in (split.train.user, split.train.item)
    )
    value = torch.from_numpy(split.train.value).to(config.device)
    optimiser = AdamW(
        [
            (model.factors, config.weight_decay),
            (model.biases, config.bias_weight_decay),
        ]
    )
    learning_rates = schedule(config, len(split.train))
    for number in range(1, config.n_epochs + 1):
        began = time.perf_counter()
        order = torch.from_numpy(np.stack([rng.permutation(len(value)) for rng in members])).to(
            config.device
        )  # (M, n)
        total = torch.zeros((), device=config.device)
        for rows in order.split(config.batch_size_for(len(value)), 1):  # (M, B)
            learning_rate, beta1 = next(learning_rates)
            total += model.set_gradient(user[rows], item[rows], value[rows])
            optimiser.step(learning_rate, beta1)
        if not math.isfinite(total.item()):
            raise TrainingError(
                f"the loss is no longer finite in epoch {number}, at learning rate {learning_rate:.3g}",
                f"give a lower --lr than {config.learning_rate:g}",
            )
        train_rmse = score("", predict(model, sample).mean(0), sample).rmse
        test_rmse = score("", predict(model, split.test).mean(0), split.test).rmse if len(split.test) else None
        yield Epoch(number, learning_rate, train_rmse, test_rmse, time.perf_counter() - began)


def generators(config: TrainConfig) -> list[np.random.Generator]:
    """Return a generator per member, and one to sample with: no two of them, of any seeds, share a stream."""
    return [
        np.random.default_rng(seed) for seed in np.random.SeedSequence(config.seed).spawn(config.n_members + 1)
    ]


def new_model(train: Ratings, config: TrainConfig, members: list[np.random.Generator]) -> EmbeddingDotBias:
    """Return an untrained model that predicts the mean rating for everybody."""
    assert config.y_range is not None
    low, high = config.y_range
    share = (float(train.value.mean(dtype=np.float64)) - low) / (high - low)
    share = min(max(share, 1e-3), 1 - 1e-3)
    factors = initial_factors(members, len(train.users) + len(train.items), config.n_factors)
    mu = math.log(share / (1 - share))
    model = EmbeddingDotBias(factors, len(train.users), global_bias=mu, y_range=config.y_range)
    return model.to(config.device)


def resolve(config: TrainConfig, train: Ratings) -> TrainConfig:
    """Fill in what depends on the ratings, and check what does; raises UsageError."""
    low, high = train.data.scale
    if config.y_range is not None and not (config.y_range[0] <= low and high <= config.y_range[1]):
        raise UsageError(
            f"--y-range {config.y_range[0]:g} {config.y_range[1]:g} leaves out ratings, "
            f"which go from {low:g} to {high:g}",
            f"give at least --y-range {low:g} {high:g}",
        )
    try:
        torch.zeros(1, device=config.device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {config.device!r} cannot be used: {reason}", "use --device cpu") from error
    n_weights = config.n_members * (len(train.users) + len(train.items)) * (config.n_factors + 1)
    needed, there = COPIES * 4 * n_weights, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise UsageError(
            f"--members {config.n_members} times --factors {config.n_factors} need {needed / 2**30:,.0f} GB "
            f"of memory, this machine has {there / 2**30:,.0f}",
            "give fewer of either",
        )
    return replace(
        config,
        y_range=config.y_range or y_range_for(train),
        batch_size=config.batch_size_for(len(train)),
    )


def y_range_for(train: Ratings) -> tuple[float, float]:
    """Return a range a little wider than the scale, since a sigmoid never reaches its ends.

    By one step of the scale below and half a step above: 0 to 5.5 for whole stars from 1 to 5, as in the
    lesson. The step of a scale without steps counts as a tenth of it.
    """
    low, high = train.data.scale
    steps = np.diff(np.unique(train.value))
    step = max(float(steps.min(initial=high - low)), (high - low) / 10)
    return low - step, high + step / 2


def schedule(config: TrainConfig, n_ratings: int) -> Iterator[tuple[float, float]]:
    """Yield the (learning rate, beta1) of every step of a training on n ratings."""
    n_steps = config.n_epochs * math.ceil(n_ratings / config.batch_size_for(n_ratings))
    return (one_cycle(step, n_steps, config.learning_rate) for step in range(n_steps))


def shrinkage(config: TrainConfig, n_ratings: int) -> dict[str, float]:
    """Return the sum over all steps of learning rate x weight decay, by role of the weights."""
    total = sum(learning_rate for learning_rate, _ in schedule(config, n_ratings))
    return {"factors": total * config.weight_decay, "biases": total * config.bias_weight_decay}


def scores(model: EmbeddingDotBias, split: Split) -> list[Score]:
    """Score the baselines, one member (the mean of all members' figures) and the average of all members."""
    if not len(split.test):
        return []
    predictions = predict(model, split.test)  # (M, n)
    singles = [score("", prediction, split.test) for prediction in predictions]
    rmse, mae = (float(np.mean([getattr(single, figure) for single in singles])) for figure in ("rmse", "mae"))
    averaged = score("members averaged", predictions.mean(0), split.test)
    return [
        *baselines(split.train, split.test),
        Score("one member", rmse, mae),
        *([averaged] if len(singles) > 1 else []),
    ]

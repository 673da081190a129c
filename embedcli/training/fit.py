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
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import embedcli
from embedcli.data.ratings import Ratings, Split
from embedcli.errors import EmbedcliError, TrainingError, UsageError
from embedcli.run.canonical import Arrays
from embedcli.run.record import Epoch, Evidence, HeldOutRows, Run, Score, Training
from embedcli.training.config import TrainConfig
from embedcli.training.evaluation import PROTOCOL, baselines, predict, score
from embedcli.training.evidence import N_TESTED, gather
from embedcli.training.implicit import PROTOCOL as IMPLICIT_PROTOCOL
from embedcli.training.implicit import check_sampled, pairs, with_negatives
from embedcli.training.model import EmbeddingDotBias, initial_factors
from embedcli.training.optimiser import AdamW, one_cycle
from embedcli.training.posterior import sample as posterior_of

COPIES = 5  # of the weights in memory: themselves, a start, a gradient and two moments
MOST_FOLDS, FEWEST_IN_FOLD = 10, 100  # folds that any data may be cut in; rows of each, with more folds
FEWEST_TESTED = 500  # training rows: of fewer, a component cannot be told from noise
SAMPLE = 10_000  # training rows that the training error of an epoch is measured on


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch and BLAS work on one thread: a step is too small to share, and the result is the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def fit(
    split: Split,
    config: TrainConfig | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    *,
    on_stage: Callable[[str, float], None] = lambda stage, seconds: None,
    keep_rows: bool = True,
) -> Run:
    """Train on the training rows of a split and return the run, in canonical form, not yet saved.

    After the members, further ones that leave out a fold of the training rows each test the components, and draws
    from a posterior say how sure the stars are; `on_stage` is told when either is done, and the seconds it took.
    If either fails, the run comes without it, and `on_stage` is told why. The test rows are for display: nothing is
    chosen by them.

    Raises TrainingError where the loss is no longer finite, UsageError for a y_range that leaves ratings
    outside and for a device that is not there.
    """
    began = time.perf_counter()
    positives = split.train
    config = resolve(config or TrainConfig(), positives)
    *members, sampler, folder, drawer, chooser = generators(config)
    split = sampled(split, config, chooser) if positives.data.implicit else split
    train = split.train
    model = new_model(train, config, members)
    sample = train.take(sampler.permutation(len(train))[:SAMPLE])
    epochs = []
    for epoch in measured(learn(model, train, config, members), model, sample, split.test):
        epochs.append(epoch)
        on_epoch(epoch)
    arrays, evidence, posterior = model.arrays(), None, None
    if config.n_folds and len(train) >= FEWEST_TESTED:
        with stage(f"components tested by {config.n_folds} members that left out a fold each", on_stage):
            evidence, resampled = test_components(train, config, folder)
            arrays |= resampled
    elif config.n_folds:
        on_stage(f"components not tested: that takes {FEWEST_TESTED} training rows", 0.0)
    if config.n_draws:
        with stage(f"stars: {config.n_draws} draws from the posterior", on_stage):
            drawn = posterior_of(train, config.n_draws, drawer)
            arrays["item_stars"] = drawn.item_stars
            posterior = {"n_draws": config.n_draws, "noise": float(drawn.noise.mean())}
    held = heldout(model, split.test) if len(split.test) else None
    training = Training(
        config=asdict(config),
        split={
            "kind": split.kind,
            "seed": split.seed,
            "description": split.description,
            "leakage": split.leakage,
            "n_train": len(train),
            "n_test": len(split.test),
            **dict(zip(("n_cold_users", "n_cold_items"), split.n_cold, strict=True)),
        },
        epochs=epochs,
        scores=scores(split, held) if held else [],
        protocol=IMPLICIT_PROTOCOL if train.data.implicit else PROTOCOL,
        shrinkage=shrinkage(config, len(train)),
        seconds=time.perf_counter() - began,
        versions={
            "embedcli": embedcli.__version__,
            **{name: version(name) for name in ("torch", "numpy", "scipy")},
        },
        evidence=evidence,
        posterior=posterior,
    )
    return Run.from_arrays(
        arrays,
        positives,
        y_range=config.y_range,
        training=training,
        keep_rows=keep_rows,
        heldout=held,
    )


@contextmanager
def stage(done: str, on_stage: Callable[[str, float], None]) -> Iterator[None]:
    """Tell `on_stage` that a stage after the training is done, or why it failed: the training itself is not lost."""
    began = time.perf_counter()
    try:
        yield
    except (EmbedcliError, ArithmeticError, MemoryError, RuntimeError, np.linalg.LinAlgError) as error:
        done = f"left out, {done}: it failed: {str(error) or type(error).__name__}"
    on_stage(done, time.perf_counter() - began)


def heldout(model: EmbeddingDotBias, test: Ratings) -> HeldOutRows:
    """Return the test rows with what each member predicts for them."""
    return HeldOutRows(test.user, test.item, test.value, predict(model, test))


def learn(
    model: EmbeddingDotBias,
    train: Ratings,
    config: TrainConfig,
    members: list[np.random.Generator],
    rows: NDArray[np.int64] | None = None,
) -> Iterator[tuple[int, float]]:
    """Train the members of a model together, in place, and yield (epoch, learning rate) as each epoch ends.

    Each member sees every training row once per epoch, or every one of its own `rows` (M, n), in an order of its
    own. Raises TrainingError where the loss is no longer finite.
    """
    user, item = (torch.from_numpy(codes).to(config.device, torch.int64) for codes in (train.user, train.item))
    value = torch.from_numpy(train.value).to(config.device)
    optimiser = AdamW([(model.factors, config.weight_decay), (model.biases, config.bias_weight_decay)])
    of_members = [np.arange(len(train))] * len(members) if rows is None else list(rows)
    learning_rates = schedule(config, len(of_members[0]))
    for number in range(1, config.n_epochs + 1):
        order = np.stack([rng.permutation(own) for rng, own in zip(members, of_members, strict=True)])  # (M, n)
        total = torch.zeros((), device=config.device)
        batches = torch.from_numpy(order).to(config.device).split(config.batch_size_for(order.shape[1]), 1)
        for batch in batches:  # (M, B)
            learning_rate, beta1 = next(learning_rates)
            total += model.set_gradient(user[batch], item[batch], value[batch])
            optimiser.step(learning_rate, beta1)
        weights = (model.factors, model.biases)
        if not math.isfinite(total.item()) or not all(torch.isfinite(table).all() for table in weights):
            raise TrainingError(
                f"the loss is no longer finite in epoch {number}, at learning rate {learning_rate:.3g}",
                f"give a lower --lr than {config.learning_rate:g}",
            )
        yield number, learning_rate


def measured(
    epochs: Iterator[tuple[int, float]], model: EmbeddingDotBias, sample: Ratings, test: Ratings
) -> Iterator[Epoch]:
    """Yield an Epoch for each epoch of `learn`, with the errors on a sample of the training rows and on the test."""
    began = time.perf_counter()
    for number, learning_rate in epochs:
        train_rmse = score("", predict(model, sample).mean(0), sample).rmse
        test_rmse = score("", predict(model, test).mean(0), test).rmse if len(test) else None
        now = time.perf_counter()
        yield Epoch(number, learning_rate, train_rmse, test_rmse, now - began)
        began = time.perf_counter()


def test_components(train: Ratings, config: TrainConfig, rng: np.random.Generator) -> tuple[Evidence, Arrays]:
    """Test the components by members that leave out a fold of the training rows each: `evidence.gather`."""

    def fit_members(row_sets: list[NDArray[np.int64]]) -> dict[str, NDArray[np.float32]]:
        members = rng.spawn(len(row_sets))
        model = new_model(train, config, members)
        fewest = min(map(len, row_sets))  # the folds differ by one row at most
        for _ in learn(model, train, config, members, np.stack([rows[:fewest] for rows in row_sets])):
            pass
        return model.arrays()

    assert config.y_range is not None
    low, high = config.y_range
    share = (float(train.value.mean(dtype=np.float64)) - low) / (high - low)
    return gather(train, config.n_folds, fit_members, (high - low) * share * (1 - share), rng)


def sampled(split: Split, config: TrainConfig, rng: np.random.Generator) -> Split:
    """Return implicit data with rows of value 0 sampled: several for each training row, one for each test row."""
    taken = pairs(split.train, split.test)
    train = with_negatives(split.train, taken, config.n_negatives, rng)
    check_sampled(split.train, train, taken)
    return replace(split, train=train, test=with_negatives(split.test, taken, 1, rng))


def generators(config: TrainConfig) -> list[np.random.Generator]:
    """Return a generator per member, then one each to sample rows, cut folds, draw and choose what was not taken.

    No two of them, of any seeds, share a stream.
    """
    return [np.random.default_rng(seed) for seed in np.random.SeedSequence(config.seed).spawn(config.n_members + 4)]


def new_model(train: Ratings, config: TrainConfig, members: list[np.random.Generator]) -> EmbeddingDotBias:
    """Return an untrained model that predicts the mean rating for everybody."""
    assert config.y_range is not None
    low, high = config.y_range
    share = (float(train.value.mean(dtype=np.float64)) - low) / (high - low)
    share = min(max(share, 1e-3), 1 - 1e-3)
    factors = initial_factors(members, len(train.users) + len(train.items), config.n_factors)
    mu = math.log(share / (1 - share))
    model = EmbeddingDotBias(
        factors, len(train.users), global_bias=mu, y_range=config.y_range, logistic=train.data.implicit
    )
    return model.to(config.device)


def resolve(config: TrainConfig, train: Ratings) -> TrainConfig:
    """Fill in what depends on the ratings, and check what does; raises UsageError."""
    low, high = train.data.scale
    if train.data.implicit and config.y_range not in (None, (0.0, 1.0)):
        raise UsageError("--y-range has no meaning for implicit data: a chance is from 0 to 1", "leave it out")
    if config.y_range is not None and not (config.y_range[0] <= low and high <= config.y_range[1]):
        raise UsageError(
            f"--y-range {config.y_range[0]:g} {config.y_range[1]:g} leaves out ratings, "
            f"which go from {low:g} to {high:g}",
            f"give at least --y-range {low:g} {high:g}",
        )
    try:
        torch.zeros(1, device=config.device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"--device {config.device!r} cannot be used: {reason}", "use --device cpu") from error
    if config.n_folds > max(MOST_FOLDS, len(train) // FEWEST_IN_FOLD):
        raise UsageError(
            f"--folds {config.n_folds} are too many for {len(train):,} training rows",
            f"give --folds {max(MOST_FOLDS, len(train) // FEWEST_IN_FOLD)} or fewer",
        )
    check_memory(config, train)
    return replace(
        config,
        y_range=config.y_range or y_range_for(train),
        batch_size=config.batch_size_for(len(train) * (1 + config.n_negatives if train.data.implicit else 1)),
        n_draws=0 if train.data.implicit else config.n_draws,
    )


def check_memory(config: TrainConfig, train: Ratings) -> None:
    """Raise UsageError for a model that does not fit into the memory of this machine, where that is known."""
    if not hasattr(os, "sysconf"):
        return
    together = max(config.n_members, config.n_folds)
    n_weights = together * (len(train.users) + len(train.items)) * (config.n_factors + 1)
    needed = 4 * COPIES * n_weights + 8 * together * len(train)  # bytes; the order of the rows is of int64
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise UsageError(
            f"--members {config.n_members} times --factors {config.n_factors} need {needed / 2**30:,.0f} GB "
            f"of memory, this machine has {there / 2**30:,.0f}",
            "give fewer of either",
        )


def stored_bytes(config: TrainConfig, train: Ratings, n_test: int) -> int:
    """Return about how many bytes a run takes on the disk."""
    n_users, n_items = len(train.users), len(train.items)
    n_weights = config.n_members * (n_users + n_items) * (config.n_factors + 1)
    n_evidence = n_items * (config.n_draws + config.n_folds * (config.n_factors + N_TESTED) + config.n_members)
    texts = (
        *train.users.ids,
        *train.items.ids,
        *train.items.titles,
        *(tag for tags in train.items.tags for tag in tags),
    )
    n_text = sum(len(text.encode(errors="replace")) for text in texts) + 60 * (n_users + n_items)
    return 4 * (n_weights + n_evidence) + n_text + 9 * len(train) + (9 + 4 * config.n_members) * n_test


def y_range_for(train: Ratings) -> tuple[float, float]:
    """Return a range a little wider than the scale, since a sigmoid never reaches its ends.

    By one step of the scale below and half a step above: 0 to 5.5 for whole stars from 1 to 5, as in the
    lesson. The step of a scale without steps counts as a tenth of it.
    """
    low, high = train.data.scale
    if train.data.implicit:
        return low, high
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


def scores(split: Split, held: HeldOutRows) -> list[Score]:
    """Score the baselines, one member (the mean of all members' figures) and the average of all members."""
    singles = [score("", prediction, split.test) for prediction in held.predictions]
    rmse, mae = (float(np.mean([getattr(single, figure) for single in singles])) for figure in ("rmse", "mae"))
    aucs = [single.auc for single in singles if single.auc is not None]  # none of rows taken alone
    averaged = score("members averaged", held.predictions.mean(0), split.test)
    return [
        *baselines(split.train, split.test),
        Score("one member", rmse, mae, float(np.mean(aucs)) if aucs else None),
        *([averaged] if len(singles) > 1 else []),
    ]

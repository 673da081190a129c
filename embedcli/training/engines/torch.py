"""The PyTorch engine, the reference: all members step together, on minibatches of rows in random order."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from embedcli.data.ratings import Ratings
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig
from embedcli.training.config import shares
from embedcli.training.engines import BETA2, BIAS_RATE, EPS
from embedcli.training.model import EmbeddingDotBias, check_finite
from embedcli.training.schedule import one_cycle
from embedcli.training.state import TrainingState

WINDOW = 10  # batches


def learn(
    model: EmbeddingDotBias, ratings: Ratings, config: TrainConfig, state: TrainingState
) -> Iterator[tuple[int, float]]:
    """Train the members of a model together, in place, and yield (epoch, learning rate) as each epoch ends.

    Each member sees every training row of its own once per epoch, in an order of its own; with folds that differ in
    size, as many as the smallest member has. The training goes on from `state` and keeps it up to date, so it can be
    stopped after every epoch. On the CPU the result does not depend on the number of threads; CUDA adds up the rows of
    a batch in any order, so there two trainings differ by rounding.
    Raises TrainingError if a weight is no longer finite.
    """
    user, item = (torch.from_numpy(codes.astype(np.int64)).to(config.device) for codes in (ratings.user, ratings.item))
    share = torch.from_numpy(shares(ratings.value, model.y_range)).to(config.device)
    moment = torch.from_numpy(state.moment).to(config.device)  # shared on the CPU
    stamp = torch.full_like(moment, -1, dtype=torch.int64)
    free = free_rows(model, state)
    n_rows = state.n_rows(len(ratings))
    batch_size = config.batch_size_for(n_rows)
    n_steps = -(-n_rows // batch_size)
    highest, *_ = config.step_sizes(implicit=model.logistic)
    while state.epoch < config.n_epochs:
        order = torch.from_numpy(orders(state, len(ratings))).to(config.device)
        rates = one_cycle(state.epoch, config.n_epochs, n_steps, highest)
        for batch, rate in zip(order.split(batch_size, 1), rates, strict=True):  # (M, B)
            step(model, moment, stamp, user[batch], item[batch], share[batch], float(rate), config, free)
            state.passed += batch.shape[1]
        state.passed += len(ratings) - n_rows
        state.epoch += 1
        check_finite(model, state.epoch, float(rate), config.learning_rate)
        torch.from_numpy(state.moment).copy_(moment)
        yield state.epoch, float(rate)


@torch.no_grad()
def rising(
    model: EmbeddingDotBias, ratings: Ratings, config: TrainConfig, state: TrainingState, rates: NDArray[np.float64]
) -> Iterator[float]:
    """Train one member with a step at each of these rates; yield the squared error of each batch before its step.

    The rates are those of `config.learning_rate`, of which implicit data is trained at a multiple. Ends when the error
    is not finite, or twice the lowest of `WINDOW` batches in a row.
    """
    user, item = (torch.from_numpy(codes.astype(np.int64)).to(config.device) for codes in (ratings.user, ratings.item))
    value = torch.from_numpy(ratings.value).to(config.device)
    share = torch.from_numpy(shares(ratings.value, model.y_range)).to(config.device)
    moment = torch.from_numpy(state.moment).to(config.device)
    stamp = torch.full_like(moment, -1, dtype=torch.int64)
    order = torch.from_numpy(orders(state, len(ratings))).to(config.device)
    factor = config.step_sizes(implicit=model.logistic)[0] / config.learning_rate
    losses, lowest = deque[float](maxlen=WINDOW), np.inf
    for batch, rate in zip(order.split(config.batch_size_for(len(ratings)), 1), rates, strict=False):
        losses.append(float((model(user[batch], item[batch]) - value[batch]).square().mean()))
        recent = sum(losses) / len(losses)
        lowest = min(lowest, recent)
        if not recent <= 2 * lowest:  # or not finite
            return
        yield losses[-1]
        step(model, moment, stamp, user[batch], item[batch], share[batch], float(rate) * factor, config)


@torch.no_grad()
def step(
    model: EmbeddingDotBias,
    moment: Tensor,
    stamp: Tensor,
    users: Tensor,
    items: Tensor,
    share: Tensor,
    rate: float,
    config: TrainConfig,
    free: Tensor | None = None,
) -> None:
    """Step by the rule of the engines on a batch: codes of users and items and shares, (M, B) each.

    Moves of a row that stands in a batch several times add up; of its second moments the last stands. `moment` and
    `stamp` have one number for each row of the model; `stamp` says where in the batch a row stands last. `free` is 1
    for each row that is trained, and 0 for those that stay as they are.
    """
    rows = (torch.stack([users, items]) + model.offset).flatten()  # (2MB,)
    own = model.factors[rows]  # (2MB, k)
    other = own.unflatten(0, (2, -1)).flip(0).flatten(0, 1)
    bias = model.biases[rows]
    logit = model.global_bias + bias.view(2, -1).sum(0) + own.mul(other)[: len(rows) // 2].sum(1)  # (MB,)
    predicted = torch.sigmoid(logit)
    slope = predicted - share.flatten()
    if not model.logistic:
        slope = 2 * slope * predicted * (1 - predicted)
    slope = slope.repeat(2)
    square = slope.square() * other.square().sum(1) / config.n_factors
    moments = BETA2 * moment[rows] + (1 - BETA2) * square
    moment[rows] = moments[_last(rows, stamp)]
    _, decay, bias_decay = config.step_sizes(implicit=model.logistic)
    pull = slope / (moments.sqrt() + EPS)
    moves, bias_moves = other * pull[:, None] + decay * own, BIAS_RATE * slope + bias_decay * bias
    if free is not None:
        moves, bias_moves = moves * free[rows, None], bias_moves * free[rows]
    model.factors.index_add_(0, rows, moves, alpha=-rate)
    model.biases.index_add_(0, rows, bias_moves, alpha=-rate)


def free_rows(model: EmbeddingDotBias, state: TrainingState) -> Tensor | None:
    """Return 1 for each row of the model that is trained and 0 for those of frozen items; None if there are none."""
    if state.frozen is None:
        return None
    own = np.concatenate([np.ones(model.n_users, np.float32), ~state.frozen]).astype(np.float32)
    return torch.from_numpy(np.tile(own, model.n_members)).to(model.factors.device)


def _last(rows: Tensor, stamp: Tensor) -> Tensor:
    """Return, for each of these rows (n,), the position of its last occurrence; without waiting for a GPU."""
    place = torch.arange(len(rows), device=rows.device)
    stamp[rows] = -1
    return stamp.scatter_reduce_(0, rows, place, "amax")[rows]


def orders(state: TrainingState, n: int) -> NDArray[np.int64]:
    """Draw the order in which each member sees its rows, of n training rows, in the next epoch -> (M, n rows)."""
    own = [np.flatnonzero(state.is_seen(m, n)) for m in range(len(state.generators))]
    fewest = state.n_rows(n)
    return np.stack([rng.permutation(rows)[:fewest] for rng, rows in zip(state.generators, own, strict=True)])


def check_device(device: str) -> None:
    """Raise UsageError for a device that this machine does not have."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"`device` {device!r} cannot be used: {reason}", "use `device` cpu") from error


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

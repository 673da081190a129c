"""The compiled engine: one rating after another, one member a thread, about ten million ratings a second and core."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, count_codes
from embedcli.evidence.cores import n_cores
from embedcli.run.config import TrainConfig
from embedcli.training.config import shares
from embedcli.training.engines import CACHE_LINE, kernel
from embedcli.training.model import EmbeddingDotBias, check_finite
from embedcli.training.schedule import one_cycle
from embedcli.training.state import TrainingState

N_RATES = 1000  # learning rates in an epoch
Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]]


def learn(
    model: EmbeddingDotBias, ratings: Ratings, config: TrainConfig, state: TrainingState
) -> Iterator[tuple[int, float]]:
    """Train the members of a model, in place, and yield (epoch, learning rate) as each epoch ends.

    Each member sees the users in an order of its own, and the ratings of a user shuffled. The training goes on from
    `state` and keeps it up to date, so it can be stopped after every epoch. The result does not depend on the number
    of threads. Raises TrainingError if a weight is no longer finite.
    """
    rows = by_user(ratings, shares(ratings.value, model.y_range), state.fold)
    highest, *decays = config.step_sizes(implicit=model.logistic)
    members = [member(model, m, state.moment) for m in range(model.n_members)]

    def train(m: int, rates: NDArray[np.float32]) -> None:
        rng = state.generators[m]
        users = rng.permutation(model.n_users)
        seed = rng.integers(1, 2**63, dtype=np.uint64)
        decay = np.array(decays, np.float32)
        passed = state.passed[m : m + 1]
        kernel.epoch(members[m], rows, users, m, state.frozen, seed, rates, decay, model.logistic, passed)

    with ThreadPoolExecutor(min(model.n_members, n_cores())) as pool:
        while state.epoch < config.n_epochs:
            rates = one_cycle(state.epoch, config.n_epochs, N_RATES, highest)
            for finished in [pool.submit(train, m, rates) for m in range(model.n_members)]:
                finished.result()
            state.epoch += 1
            check_finite(model, state.epoch, float(rates[-1]), config.learning_rate)
            yield state.epoch, float(rates[-1])


def compile() -> str:
    """Compile the kernel, or load what was kept of it, by training on one rating; say it if it had to be compiled.

    Raises RuntimeError if what was kept is damaged.
    """
    if kernel.epoch.signatures:  # compiled or loaded before, by this process
        return ""
    one = np.zeros(1, np.float32)
    table = np.zeros((1, CACHE_LINE), np.float32)
    model = (table, table.copy(), *(one.copy() for _ in range(4)), np.float32(0), np.float32(1))
    rows = np.array([0, 1]), np.zeros(1, np.int32), one, np.empty(0, np.uint8)
    folder = kernel.epoch.stats.cache_path
    try:
        users, decays, passed = np.zeros(1, np.int64), np.zeros(2, np.float32), np.zeros(1, np.int64)
        kernel.epoch(model, rows, users, 0, None, np.uint64(1), one, decays, False, passed)
    except (EOFError, UnpicklingError, ValueError) as error:
        raise RuntimeError(f"its cache is damaged, remove {folder}") from error
    if kernel.epoch.stats.cache_hits:
        return ""
    return "engine compiled, once on this machine" if folder else "engine compiled: no folder to keep it in"


def by_user(ratings: Ratings, share: NDArray[np.float32], fold: NDArray[np.uint8] | None) -> Rows:
    """Return the ratings ordered by user: where those of each user begin (U + 1,), item, share and fold (n,)."""
    first = np.zeros(len(ratings.users) + 1, dtype=np.int64)
    np.cumsum(count_codes(ratings.user, len(ratings.users)), out=first[1:])
    item = np.require(ratings.item, requirements="W")  # the kernel is compiled for arrays that may be written to
    if (ratings.user[1:] < ratings.user[:-1]).any():
        order = np.argsort(ratings.user, kind="stable")
        item, share, fold = item[order], share[order], None if fold is None else fold[order]
    return first, item, share, np.empty(0, np.uint8) if fold is None else fold


def member(model: EmbeddingDotBias, m: int, moment: NDArray[np.float32]) -> tuple[Any, ...]:
    """Return the weights of a member as the kernel takes them: views of the parameters of the model."""
    n_rows = len(model.biases) // model.n_members
    tables = (model.factors.detach().numpy(), model.biases.detach().numpy(), moment)
    factors, biases, moments = (table[m * n_rows : (m + 1) * n_rows] for table in tables)
    of_users, of_items = slice(None, model.n_users), slice(model.n_users, None)
    return (
        *(factors[of_users], factors[of_items], biases[of_users], biases[of_items]),
        *(moments[of_users], moments[of_items]),
        *(np.float32(model.global_bias), np.float32(model.n_factors)),
    )

"""Learning: the members of a run, then further members on halves of the users, and without a fold of the rows each."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli import progress
from embedcli.data.ratings import Ratings, count_codes
from embedcli.evidence.halves import half_components
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays, predict
from embedcli.run.record import Epoch
from embedcli.training.checkpoint import Snapshot
from embedcli.training.engines import START_MOMENT
from embedcli.training.evaluation import score
from embedcli.training.model import EmbeddingDotBias, arrays_of, global_bias_of, new_model
from embedcli.training.older import Older
from embedcli.training.plan import Plan, in_order
from embedcli.training.ranks import Job, Team
from embedcli.training.stages import FOLDS, HALVES, MEMBERS, OnStage, stage, testing
from embedcli.training.state import FEWEST_TESTED, FoldMembers, Streams, TrainingState, Work

SAMPLE = 10_000  # training rows that the training error of an epoch is measured on
MOST_TESTED = 100_000  # test rows that the test error of an epoch is measured on
SPLITS, FEW_SPLITS, MANY = 4, 1, 1_000_000  # of the users in halves; few from many training rows on
Cut = tuple[int, NDArray[np.uint8], list[np.random.Generator]]  # number, half (U,) of each user, generators
Components = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # principal and preference axes of each half


class Learned(NamedTuple):
    """The arrays of the members, the epochs of their training, the components of the half members, the fold members.

    Without tests of the components there are no arrays of halves, and no folds.
    """

    arrays: Arrays
    epochs: list[Epoch]
    halves: Arrays
    folds: FoldMembers | None


class Trained(NamedTuple):
    """An epoch of some members: its learning rate, predictions (M, n) for each list of pairs, and their snapshot."""

    learning_rate: float
    predictions: list[NDArray[np.float32]]
    snapshot: Snapshot


class Learning(NamedTuple):
    """The jobs of learning, each for a share of the members, of the cuts of the users in halves, and of the folds.

    Members start from `begun`, if it is not None, after these epochs. `samples` are the training and the test rows
    that each epoch is measured on.
    """

    plan: Plan
    begun: Snapshot | None
    epochs: list[Epoch]
    samples: tuple[Ratings, Ratings]
    members: list[Job[Trained]]
    halves: list[Job[list[Components]]]
    folds: list[Job[Arrays]]


def n_cuts(work: Work) -> int:
    """Return how many times the users are cut in halves: few times in many rows, never if there is one user."""
    user = work.split.train.user
    if work.fold is None or user.min() == user.max():
        return 0
    return SPLITS if len(user) < MANY else FEW_SPLITS


def begin_learning(plan: Plan, work: Work, streams: Streams, older: Older | None, team: Team) -> Learning:
    """Give the jobs of learning to their ranks; rank 0 does its own when `learn` asks for them.

    The members go on from the checkpoint, or start from an older run. Only they do: an older run has seen the rows
    that half members and fold members leave out.
    """
    train, test = work.split.train, work.split.test
    begun, epochs = work.checkpoint.restore("members")
    if older and begun is None:
        begun = snapshot_of(*start(train, work.config, streams.members, older=older))
    starts = [(rng, begun and begun.member(m)) for m, rng in enumerate(streams.members)]
    samples = drawn(train, SAMPLE, streams.sample), drawn(test, MOST_TESTED, streams.sample)
    pairs = [(rows.user, rows.item) for rows in samples]
    cuts = list(cut_users(train, n_cuts(work), streams.halves))
    folds = [] if work.fold is None else list(enumerate(streams.folds.spawn(work.config.n_folds)))
    return Learning(
        plan,
        begun,
        epochs,
        samples,
        team.spread(plan.members, train_members, starts, pairs, older and older.frozen),
        team.spread(plan.halves, train_halves, cuts),
        team.spread(plan.folds, train_folds, folds),
    )


def learn(work: Work, learning: Learning, team: Team, on_epoch: Callable[[Epoch], None], on_stage: OnStage) -> Learned:
    """Have the members trained on the training rows of a split, then half members and fold members."""
    members, epochs = learn_members(work, learning, on_epoch)
    halves: Arrays = {}
    folds, began = None, time.perf_counter()
    team.catch_up()
    if work.fold is not None:
        with stage("agreement with the truth by members on halves of the users", on_stage, is_last=False):
            halves = learn_halves(learning)
        with stage(testing(work.config), on_stage, is_last=False):
            folds = learn_folds(learning, work.fold, began)
    elif work.config.n_folds:
        on_stage(f"components not tested: that takes {FEWEST_TESTED} training rows", None)
    return Learned(members, epochs, halves, folds)


def train_members(
    work: Work,
    starts: list[tuple[np.random.Generator, Snapshot | None]],
    pairs: list[tuple[NDArray[np.int32], NDArray[np.int32]]],
    frozen: NDArray[np.bool_] | None,
) -> Iterator[Trained]:
    """Train a member from each start, and yield each epoch, with what it predicts for users and items.

    The items that are `frozen` (I,) stay as they are.
    """
    model, state = start(work.split.train, work.config, [rng for rng, _ in starts])
    state.frozen = frozen
    if begun := [snapshot for _, snapshot in starts if snapshot is not None]:
        restore(model, state, together([range(len(begun))], begun))
    with epochs_of(MEMBERS, work, state):
        for _, learning_rate in work.engine.learn(model, work.split.train, work.config, state):
            predictions = [predict(model.arrays(), *own, model.y_range) for own in pairs]
            yield Trained(learning_rate, predictions, snapshot_of(model, state))


def learn_members(work: Work, learning: Learning, on_epoch: Callable[[Epoch], None]) -> tuple[Arrays, list[Epoch]]:
    """Have the members trained, and return their arrays and epochs; keep a checkpoint now and then."""
    epochs, last, shares = list(learning.epochs), learning.begun, learning.plan.members
    for epoch in epochs:
        on_epoch(epoch)
    for epoch, parts in measured(learning):
        epochs.append(epoch)
        on_epoch(epoch)
        is_last = len(epochs) == work.config.n_epochs
        if is_last or work.checkpoint.is_due:
            last = together(shares, [part.snapshot for part in parts])
            work.checkpoint.keep("members", last, epochs)
    assert last is not None
    train, config = work.split.train, work.config
    return arrays_of(last.weights, len(train.users), config.n_factors, global_bias_of(train, config)), epochs


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
    return model, TrainingState(generators, moment, fold)


def snapshot_of(model: EmbeddingDotBias, state: TrainingState) -> Snapshot:
    """Return what it takes to go on from here."""
    generators = [rng.bit_generator.state for rng in state.generators]
    return Snapshot(state.epoch, model.weights(), state.moment.reshape(model.n_members, -1), generators)


def restore(model: EmbeddingDotBias, state: TrainingState, snapshot: Snapshot) -> None:
    """Bring a model and its state to where a snapshot has them."""
    model.load(snapshot.weights)
    state.moment[:] = snapshot.moment.ravel()
    for generator, own in zip(state.generators, snapshot.generators, strict=True):
        generator.bit_generator.state = own
    state.epoch = snapshot.epoch


def together(shares: Sequence[Sequence[int]], parts: Sequence[Snapshot]) -> Snapshot:
    """Return the snapshot of all members, of parts that have a share of them each."""
    weights = joined(shares, [part.weights for part in parts])
    moment = joined(shares, [{"moment": part.moment} for part in parts])["moment"]
    generators = in_order(shares, [part.generators for part in parts])
    return Snapshot(parts[0].epoch, weights, moment, generators)


def cut_users(train: Ratings, n: int, rng: np.random.Generator) -> Iterator[Cut]:
    """Cut the users in halves at random, n times."""
    rated = np.flatnonzero(count_codes(train.user, len(train.users)))
    for number in range(n):
        other = np.zeros(len(train.users), dtype=np.uint8)
        other[rng.permutation(rated)[: len(rated) // 2]] = 1
        yield number, other, rng.spawn(2)


def train_halves(work: Work, cuts: list[Cut]) -> Iterator[list[Components]]:
    """Train a member on each half of the users, for each cut, and yield the components of all."""
    train, found = work.split.train, []
    n_by_user = count_codes(train.user, len(train.users))
    with progress.stage(HALVES, len(cuts), parts={HALVES: 1}):
        for number, other, generators in cuts:
            left_out = other[train.user]  # by member 0: the rows of the users that are 0
            arrays = learn_without(work, generators, left_out, f"halves-{number}", HALVES)
            halves = []
            for m in range(2):
                counts = n_by_user * (other != m), count_codes(train.item[left_out != m], len(train.items))
                halves.append(half_components(arrays["user_factors"][m], arrays["item_factors"][m], *counts))
            found.append(halves)
    yield found


def learn_halves(learning: Learning) -> Arrays:
    """Have members trained on halves of the users, and return their components.

    The arrays have a leading axis (2 S) for the halves, those of a cut side by side; none of a single user.
    """
    cuts = in_order(learning.plan.halves, [job.value() for job in learning.halves])
    if not cuts:
        return {}
    principal, preference = (np.stack(arrays) for arrays in zip(*chain(*cuts), strict=True))
    return {"half_item_factors": principal, "half_axes": preference}


def train_folds(work: Work, folds: list[tuple[int, np.random.Generator]]) -> Iterator[Arrays]:
    """Train a member without each of these folds, by a generator each, and yield their arrays."""
    assert work.fold is not None
    own = [number for number, _ in folds]
    labels = np.empty(work.config.n_folds, dtype=np.uint8)  # the rows that member m does not see have the label m
    labels[own + [number for number in range(len(labels)) if number not in own]] = np.arange(len(labels))
    is_all = len(own) == len(labels)
    name = "folds" if is_all else f"folds-{'-'.join(map(str, own))}"
    yield learn_without(work, [rng for _, rng in folds], work.fold if is_all else labels[work.fold], name, FOLDS)


def learn_folds(learning: Learning, fold: NDArray[np.uint8], began: float) -> FoldMembers:
    """Have a member trained without each fold; the stage began at `began`."""
    arrays = joined(learning.plan.folds, [job.value() for job in learning.folds])
    return FoldMembers(fold, arrays, time.perf_counter() - began)


def learn_without(
    work: Work, generators: list[np.random.Generator], fold: NDArray[np.uint8], name: str, shown: str
) -> Arrays:
    """Train a member for each generator, member m without the rows whose fold (n,) is m.

    `name` is the checkpoint's, `shown` that of the stage on a terminal.
    """
    model, state = start(work.split.train, work.config, generators, fold)
    begun, _ = work.checkpoint.restore(name)
    if begun is not None:
        restore(model, state, begun)
    with epochs_of(shown, work, state):
        for _ in work.engine.learn(model, work.split.train, work.config, state):
            if work.checkpoint.is_due:
                work.checkpoint.keep(name, snapshot_of(model, state))
    return model.arrays()


def epochs_of(name: str, work: Work, state: TrainingState) -> AbstractContextManager[progress.Stage]:
    """Open a stage whose share is that of the epochs of some members, also within an epoch."""
    n_left = len(work.split.train) * len(state.passed) * (work.config.n_epochs - state.epoch)
    return progress.stage(name, n_left, count=lambda: float(state.passed.sum()))


def joined(shares: Sequence[Sequence[int]], parts: Sequence[Arrays]) -> Arrays:
    """Return arrays with a leading axis of members, of parts that have a share of the members each."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.stack(in_order(shares, [list(part[name]) for part in parts])) for name in parts[0]}


def drawn(ratings: Ratings, n: int, rng: np.random.Generator) -> Ratings:
    """Return n of the ratings, drawn at random, or all if there are not more."""
    return ratings if len(ratings) <= n else ratings.take(rng.choice(len(ratings), n, replace=False, shuffle=False))


def measured(learning: Learning) -> Iterator[tuple[Epoch, tuple[Trained, ...]]]:
    """Yield each epoch when all members have it, with the errors on the sample of the training rows and on the test."""
    began = time.perf_counter()
    for number, parts in enumerate(zip(*learning.members, strict=True), len(learning.epochs) + 1):
        train_rmse, test_rmse = (
            score("", np.stack(in_order(learning.plan.members, predictions)).mean(0), rows).rmse if len(rows) else None
            for rows, *predictions in zip(learning.samples, *(part.predictions for part in parts), strict=True)
        )
        assert train_rmse is not None
        now = time.perf_counter()
        yield Epoch(number, parts[0].learning_rate, train_rmse, test_rmse, now - began), parts
        began = time.perf_counter()

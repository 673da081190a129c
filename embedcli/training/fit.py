"""`fit`: learn the members, assess them, make the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Unpack

import embedcli
from embedcli import progress
from embedcli.data.ratings import Frame, Ratings, Split
from embedcli.data.splits import TEST_FRACTION
from embedcli.errors import EmbedcliError, TrainingError, UsageError, known_as
from embedcli.evidence.components import n_flips
from embedcli.keywords import takes
from embedcli.run.config import FIELDS, Settings, TrainConfig
from embedcli.run.predictions import predict
from embedcli.run.record import Epoch, HeldOutRows, Run, SplitInfo, Training
from embedcli.training.assess import NOTHING_SHARED, Assessed, Shared, assess, begin_assessing, n_kinds
from embedcli.training.checkpoint import Checkpoint, key_of
from embedcli.training.config import resolve
from embedcli.training.engines import engine_of
from embedcli.training.engines.torch import check_device, one_thread
from embedcli.training.evaluation import PROTOCOL, scores
from embedcli.training.implicit import PROTOCOL as IMPLICIT_PROTOCOL
from embedcli.training.implicit import sampled
from embedcli.training.learn import Learned, begin_learning, learn, n_cuts
from embedcli.training.older import Older, check_freeze
from embedcli.training.plan import lengths, plan
from embedcli.training.ranks import team
from embedcli.training.schedule import shrinkage
from embedcli.training.stages import FINISHING, TRAINING, OnStage
from embedcli.training.state import Streams, Work, fold_of


@takes(TrainConfig, FIELDS)
@one_thread()
def fit(
    data: Split | Ratings | Frame,
    config: TrainConfig | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    *,
    split: str = "random",
    test_fraction: float = TEST_FRACTION,
    split_seed: int | None = None,
    on_stage: OnStage | None = None,
    keep_rows: bool = True,
    checkpoint: Checkpoint | None = None,
    init_from: Run | None = None,
    freeze: str | None = None,
    shared: Shared = NOTHING_SHARED,
    **settings: Unpack[Settings],
) -> Run:
    """Train on ratings and return the run, in canonical form, not yet saved: what `embedcli train` does.

        run = embedcli.fit(frame)  # a data frame with columns such as user_id, item_id and rating
        run = embedcli.fit(ratings, weight_decay=0.2, members=3, split="none")
        run = embedcli.fit(ratings.split("random", seed=1), on_epoch=print)

    `data` is a data frame, whose columns `Ratings.from_frame` detects, or Ratings, or a Split of them. Frames and
    ratings are split as `Ratings.split` does, by `split_seed`, or `seed` if it is None. The test rows are for display:
    nothing is chosen by them. The settings from `factors` to `engine` replace those of `config`, whose fields they are.

    `on_epoch` is called with each epoch, `on_stage` with a line and its seconds when the evidence is done. If that
    fails, the run comes without it, and `on_stage` is told why. `keep_rows` keeps the training ratings in the run.
    With `checkpoint=Checkpoint(Path("runs"))` (embedcli.training.checkpoint) a long training keeps what it has learned
    in that folder. After a kill, the same call with `resume=True` there goes on; `remove` it when the run is saved.
    Users and items that the run `init_from` knows start from its factors and biases, in a new cycle of the learning
    rate. With `freeze="items"` the items that it knows stay as they are. `shared` is what trainings of a sweep have in
    common.

    Raises TrainingError if the loss is no longer finite, UsageError for an invalid setting, for a y_range that leaves
    ratings outside and for a device that this machine does not have, DataError for an invalid frame.
    """
    began = time.perf_counter()
    on_stage = on_stage or (lambda line, seconds: None)
    given: dict[str, Any] = {FIELDS.get(name, name): value for name, value in settings.items()}
    names = {field: name for name, field in FIELDS.items()}
    with known_as(names):
        config = replace(config or TrainConfig(), **given)
        parts = _split(data, config, split, test_fraction, split_seed)
        config = resolve(config, parts.train)
        check_device(config.device)
        older = older_of(init_from, parts, config, freeze, on_stage)
        _, config = engine_of(config, on_stage)
        streams = Streams.of(config)
        rows = sampled(parts, config.n_negatives, streams.negatives) if parts.train.data.implicit else parts
        checkpoint = checkpoint or Checkpoint()
        if checkpoint.run_dir is not None:
            checkpoint.begin(key_of(config, parts, versions(), older.key if older else None), on_stage)
        work = Work(rows, config, fold_of(rows, config, streams.folds), checkpoint)
        n_flipped = 0 if work.fold is None else n_flips(len(rows.train))
        shares = plan(config, team().size, n_cuts(work), n_flipped, n_kinds(work))
        team().share(work)
        learning = begin_learning(shares, work, streams, older, team())
        assessing = begin_assessing(shares, work, streams, team(), shared)
    stages = lengths(config, len(rows.train), n_cuts(work), n_flipped, n_kinds(work))
    with progress.stage(TRAINING, parts=stages), known_as(names):
        try:
            learned = learn(work, learning, team(), on_epoch or (lambda epoch: None), on_stage)
        except TrainingError:
            checkpoint.remove()  # to go on would fail again
            raise
        del learning  # which has what the members started from
        assessed = assess(work, learned.arrays, learned.folds, assessing, streams, on_stage)
        team().share(None)  # or it would keep the rows
        finished = time.perf_counter()
        with progress.stage(FINISHING):
            run = make_run(rows, parts.train, config, learned, assessed, keep_rows=keep_rows)
    now = time.perf_counter()
    if now - finished >= 1:
        on_stage("test rows predicted, models put into canonical form", now - finished)
    init = older.run.name if older else None
    return replace(run, training=replace(run.training, seconds=now - began, init_from=init, freeze=freeze))


def _split(
    data: Split | Ratings | Frame, config: TrainConfig, split: str, test_fraction: float, split_seed: int | None
) -> Split:
    """Return training and test rows; UsageError for data that is not ratings, and for a split of what is split."""
    if isinstance(data, Split):
        if (split, test_fraction, split_seed) != ("random", TEST_FRACTION, None):
            raise UsageError("the data is split already", "leave `split`, `test_fraction` and `split_seed` out")
        return data
    if isinstance(data, str | os.PathLike):
        raise UsageError(f"{str(data)!r} is not ratings", "load them first: fit(load_ratings(...))")
    if not isinstance(data, Ratings):
        try:
            data = Ratings.from_frame(data)
        except EmbedcliError as error:
            raise type(error)(error.message, f"{error.hint}, with Ratings.from_frame") from None
    return data.split(
        split,
        seed=config.seed if split_seed is None else split_seed,
        test_fraction=test_fraction,
        keep_times=config.timestamps or config.n_folds > 0,
    )


def older_of(run: Run | None, parts: Split, config: TrainConfig, freeze: str | None, on_stage: OnStage) -> Older | None:
    """Return the run that a training starts from, and say so; UsageError if it does not fit."""
    check_freeze(freeze, has_run=run is not None)
    if run is None:
        return None
    older = Older.of(run, parts, config, freeze)
    for line in older.lines(parts):
        on_stage(line, None)
    return older


def versions() -> dict[str, str]:
    """Return the versions of this program and of the libraries that compute."""
    return {"embedcli": embedcli.__version__} | {name: version(name) for name in ("torch", "numpy", "scipy")}


def make_run(
    split: Split, positives: Ratings, config: TrainConfig, learned: Learned, assessed: Assessed, *, keep_rows: bool
) -> Run:
    """Make the run of a training; `positives` are the training rows without sampled ones."""
    train, test, heldout, posterior = split.train, split.test, None, assessed.posterior
    if len(test):
        predictions = predict(learned.arrays, test.user, test.item, config.y_range)
        heldout = HeldOutRows(test.user, test.item, test.value, predictions, posterior and posterior.predictions)
    training = Training(
        config=config,
        split=SplitInfo(split.kind, split.seed, split.description, split.leakage, len(train), len(test), *split.n_cold),
        epochs=learned.epochs,
        scores=scores(split, heldout, posterior and posterior.with_times) if heldout else [],
        protocol=IMPLICIT_PROTOCOL if train.data.implicit else PROTOCOL,
        shrinkage=shrinkage(config),
        versions=versions(),
        evidence=assessed.evidence,
        posterior=posterior and posterior.info,
        tastes=assessed.tastes,
    )
    arrays = {**learned.arrays, **learned.halves, **assessed.arrays}
    return Run.from_arrays(
        arrays,
        positives,
        y_range=config.y_range,
        training=training,
        keep_rows=keep_rows,
        heldout=heldout,
        time_effect=posterior and posterior.time_effects,
    )

"""`fit`: learn the members, assess them, make the run."""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import embedcli
from embedcli.data.ratings import Ratings, Split
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import predict
from embedcli.run.record import Epoch, HeldOutRows, Run, SplitInfo, Training
from embedcli.training.assess import Assessed, assess
from embedcli.training.config import resolve
from embedcli.training.engines import engine_of
from embedcli.training.engines.torch import check_device, one_thread
from embedcli.training.evaluation import PROTOCOL, scores
from embedcli.training.implicit import PROTOCOL as IMPLICIT_PROTOCOL
from embedcli.training.implicit import sampled
from embedcli.training.learn import Learned, learn
from embedcli.training.schedule import shrinkage
from embedcli.training.stages import OnStage
from embedcli.training.state import Streams


@one_thread()
def fit(
    split: Split,
    config: TrainConfig | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    *,
    on_stage: OnStage = lambda line, seconds: None,
    keep_rows: bool = True,
) -> Run:
    """Train on the training rows of a split and return the run, in canonical form, not yet saved.

    `on_stage` is told when the evidence is done and the seconds it took. If it fails, the run comes without it, and
    `on_stage` is told why. The test rows are for display: nothing is chosen by them.

    Raises TrainingError if the loss is no longer finite, UsageError for a y_range that leaves ratings outside and for
    a device that this machine does not have.
    """
    began = time.perf_counter()
    config = resolve(config or TrainConfig(), split.train)
    check_device(config.device)
    engine, config = engine_of(config, on_stage)
    streams = Streams.of(config)
    rows = sampled(split, config.n_negatives, streams.negatives) if split.train.data.implicit else split
    learned = learn(rows, config, engine, streams, on_epoch, on_stage)
    assessed = assess(rows, learned.arrays, learned.folds, config, streams, on_stage)
    finished = time.perf_counter()
    run = make_run(rows, split.train, config, learned, assessed, keep_rows=keep_rows)
    now = time.perf_counter()
    if now - finished >= 1:
        on_stage("test rows predicted, models put into canonical form", now - finished)
    return replace(run, training=replace(run.training, seconds=now - began))


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
        versions={"embedcli": embedcli.__version__} | {name: version(name) for name in ("torch", "numpy", "scipy")},
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

"""Assessing: which components are real and how sure the stars are, from arrays alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli import progress
from embedcli.data.features import item_features, user_features
from embedcli.data.ratings import Ratings, Split
from embedcli.evidence.choosing import choosing
from embedcli.evidence.components import Factors, component_evidence, n_tests, sign_flips
from embedcli.evidence.features import Known
from embedcli.evidence.posterior import STARS, Moments, TimeEffects, n_sweeps, predict_pairs, sample
from embedcli.evidence.scores import rmse
from embedcli.evidence.states import ARRAYS
from embedcli.evidence.verdicts import LEAST_SLOPE, LEAST_T
from embedcli.run.canonical import user_covariance
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays
from embedcli.run.record import POSTERIOR, ComponentTest, Evidence, PosteriorInfo, Tastes, TimesInfo
from embedcli.training.config import resolve, share_of_mean
from embedcli.training.evaluation import observed
from embedcli.training.implicit import sampled
from embedcli.training.plan import Plan, in_order
from embedcli.training.ranks import Job, Team
from embedcli.training.stages import DRAWS, TESTS, OnStage, stage, testing
from embedcli.training.state import FoldMembers, Streams, Work, fold_of
from embedcli.training.tastes import KINDS, Found, collected, find_kinds


class PosteriorOf(NamedTuple):
    """What a run says of its posterior, its arrays, and what it predicts of the test rows (m,).

    With effects of the time: also what it predicts of the test rows if their time is known, and the effects in the
    training rows (n,).
    """

    info: PosteriorInfo
    arrays: dict[str, NDArray[np.float32]]
    predictions: NDArray[np.float32]
    with_times: NDArray[np.float32] | None
    time_effects: NDArray[np.float32] | None


OF_MEMBERS = (  # settings that the posterior and the tastes do not depend on
    *("n_factors", "n_epochs", "learning_rate", "weight_decay", "bias_weight_decay"),
    *("batch_size", "y_range", "device", "engine"),
)
Part = PosteriorOf | Found  # a part of what trainings share


class Shared(NamedTuple):
    """What does not depend on the members, so that trainings that differ only in these have it in common.

    None is what is not known: each training finds it for itself.
    """

    posterior: PosteriorOf | None = None
    tastes: Sequence[Found] | None = None

    @staticmethod
    def parts(split: Split, config: TrainConfig) -> list[str]:
        """Return the names of the parts, each of which a process of its own can find."""
        config = resolve(config, split.train)
        has_tastes = not split.train.data.implicit and fold_of(split, config, np.random.default_rng()) is not None
        return [POSTERIOR] * bool(config.n_draws) + [*KINDS] * has_tastes

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> "Shared":
        """Put the parts together."""
        has_tastes = all(kind in parts for kind in KINDS)
        return cls(parts.get(POSTERIOR), [parts[kind] for kind in KINDS] if has_tastes else None)


NOTHING_SHARED = Shared()


def shared_by(config: TrainConfig) -> TrainConfig:
    """Return the settings that `Shared` depends on; the others have their defaults."""
    usual: dict[str, Any] = {own.name: own.default for own in fields(config) if own.name in OF_MEMBERS}
    return replace(config, **usual)


def shared_part(split: Split, config: TrainConfig, name: str) -> Part:
    """Find a part of what trainings share, as each of them would."""
    config = resolve(config, split.train)
    streams = Streams.of(config)
    rows = sampled(split, config.n_negatives, streams.negatives) if split.train.data.implicit else split
    if name == POSTERIOR:
        return posterior_of(rows, config, streams.posterior)
    fold = fold_of(rows, config, streams.folds)
    assert fold is not None
    generators = dict(zip(KINDS, streams.tastes.spawn(len(KINDS)), strict=True))
    (found,) = find_kinds(rows.train, fold, [(name, generators[name])])
    return found


class Assessed(NamedTuple):
    """The evidence of a run with its arrays, and its posterior; a part that failed or was left out is missing."""

    arrays: dict[str, NDArray[np.float32]]
    evidence: Evidence | None
    posterior: PosteriorOf | None
    tastes: list[Tastes]


class Assessing(NamedTuple):
    """The jobs of assessing: the sign flips, the tastes of all kinds, and the posterior; None for what is left out."""

    flips: Job[int] | None
    tastes: Job[list[Found]] | None
    posterior: Job[PosteriorOf] | None


def n_kinds(work: Work) -> int:
    """Return how many of the KINDS of tastes are sought: the last is in the users' columns."""
    train = work.split.train
    return 0 if work.fold is None or train.data.implicit else len(KINDS) - (not train.users.columns)


def begin_assessing(plan: Plan, work: Work, streams: Streams, team: Team, shared: Shared) -> Assessing:
    """Give the jobs of assessing to their ranks; rank 0 does its own when `assess` asks for them.

    What is `shared` is known already.
    """
    (of_flips,) = streams.folds.spawn(1)
    flips = None if work.fold is None else team.start(plan.flips, count_flips, of_flips)
    tastes: Job[list[Found]] | None = None
    posterior: Job[PosteriorOf] | None = None
    if known := shared.tastes:
        tastes = Job(lambda: iter([[*known]]))
    elif n_kinds(work):
        kinds = list(zip(KINDS, streams.tastes.spawn(len(KINDS)), strict=True))
        jobs = team.spread(plan.tastes, find_tastes, kinds)
        tastes = Job(lambda: iter([in_order(plan.tastes, [job.value() for job in jobs])]))
    if found := shared.posterior:
        posterior = Job(lambda: iter([found]))
    elif work.config.n_draws:
        posterior = team.start(plan.posterior, draw_posterior, streams.posterior)
    return Assessing(flips, tastes, posterior)


def assess(
    work: Work, members: Arrays, folds: FoldMembers | None, assessing: Assessing, streams: Streams, on_stage: OnStage
) -> Assessed:
    """Test the members' components by the fold members, and draw from a posterior, which also predicts the test rows.

    `on_stage` is told when either is done and its seconds, or why it failed.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    evidence = posterior = None
    tastes: list[Tastes] = []
    train, config = work.split.train, work.config
    if folds is not None and assessing.flips is not None:
        with stage(testing(config), on_stage, seconds_before=folds.seconds):
            with progress.stage(TESTS, n_tests(config.n_folds, len(train))):
                evidence = evidence_of(train, members, folds, config, streams.folds, assessing.flips.value())
            arrays["fold_item_factors"] = folds.arrays["item_factors"]
            is_rated = np.bincount(train.user, minlength=len(train.users)) > 0
            arrays["fold_user_covariance"] = user_covariance(folds.arrays["user_factors"], is_rated).astype(np.float32)
    if folds is not None and assessing.tastes is not None:
        with stage("tastes: axes tested against permuted tags", on_stage):
            tastes, places = collected(assessing.tastes.value())
            arrays |= places
    if assessing.posterior is not None:
        with stage(f"posterior: {config.n_draws} draws of the stars, and predictions", on_stage):
            posterior = assessing.posterior.value()
            arrays |= posterior.arrays
    return Assessed(arrays, evidence, posterior, tastes)


def count_flips(work: Work, rng: np.random.Generator) -> Iterator[int]:
    """Count the components by sign flips."""
    yield sign_flips(observed(work.split.train), rng)


def find_tastes(work: Work, kinds: list[tuple[str, np.random.Generator]]) -> Iterator[list[Found]]:
    """Find the axes of some kinds of tastes, by a generator each."""
    assert work.fold is not None
    yield find_kinds(work.split.train, work.fold, kinds)


def draw_posterior(work: Work, rng: np.random.Generator) -> Iterator[PosteriorOf]:
    """Draw from the posterior of the training rows, and predict the test rows."""
    yield posterior_of(work.split, work.config, rng)


def posterior_of(split: Split, config: TrainConfig, rng: np.random.Generator) -> PosteriorOf:
    """Draw from the posterior of the training rows, and predict the test rows."""
    train, test = split.train, split.test
    known = Known(user_features(train.users), item_features(train.items))
    moments = None
    if config.timestamps:
        assert train.timestamp is not None
        assert test.timestamp is not None
        moments = Moments(train.timestamp, test.user, test.timestamp)
    with progress.stage(DRAWS, n_sweeps(observed(train))):
        drawn = sample(observed(train), train.data.scale, config.n_draws, rng, known, moments)
    states, weight, effects = drawn.states, drawn.weight, drawn.time_effects
    arrays = {f"state_{name}": getattr(states, name) for name in ARRAYS}
    used = weight.used if weight else 0.0
    of_time = None if effects is None else effects.of_ratings
    predictions = predict_pairs(states, used, observed(train), test.user, test.item, of_time)
    with_times = predictions + effects.of_asked if effects and len(test) else None
    low, high = train.data.scale
    chosen = choosing(states, observed(train), (high - low) / STARS or 1.0, rng)
    info = PosteriorInfo(
        n_draws=config.n_draws,
        noise=states.usual_noise,
        n_effective=drawn.n_effective,
        n_states=len(states.items),
        middle=states.middle,
        neighbour_weight=weight and weight.value,
        neighbour_error=weight and weight.error,
        neighbours_used=used > 0,
        by_taste=chosen and chosen.by_taste,
        by_taste_error=chosen and chosen.error,
        times=times_of(test, effects, with_times, predictions) if effects and with_times is not None else None,
    )
    return PosteriorOf(info, {"item_stars": drawn.item_stars, **arrays}, predictions, with_times, of_time)


def times_of(test: Ratings, effects: TimeEffects, *predictions: NDArray[np.float32]) -> TimesInfo:
    """Say how well the test rows are predicted with and without effects of the time, those of a same second apart."""
    same = effects.has_same_second
    figures = [
        rmse(np.clip(predicted[rows], *test.data.scale), test.value[rows]) if rows.any() else None
        for predicted in predictions
        for rows in (same, ~same)
    ]
    return TimesInfo(int(same.sum()), int((~same).sum()), *figures)


def evidence_of(
    train: Ratings, members: Arrays, folds: FoldMembers, config: TrainConfig, rng: np.random.Generator, n_flips: int
) -> Evidence:
    """Return the tests of the members' components by the fold members; `n_flips` are found by sign flips."""
    assert config.y_range is not None
    low, high = config.y_range
    share = share_of_mean(train, config.y_range)
    whole, without = (Factors(arrays["user_factors"], arrays["item_factors"]) for arrays in (members, folds.arrays))
    stars_per_logit = (high - low) * share * (1 - share)  # the slope of the sigmoid at the mean rating
    judged = component_evidence(observed(train), whole, folds.fold, without, stars_per_logit, rng, train.timestamp)
    tests, pca_tests = (
        [tested(*found, is_implicit=train.data.implicit) for found in zip(*figures, causes, strict=True)]
        for figures, causes in zip((judged.preference, judged.pca), judged.goes_with, strict=True)
    )
    return Evidence(tests, pca_tests, n_flips, config.n_folds, LEAST_T, LEAST_SLOPE, judged.explained)


def tested(t: float, slope: float, goes_with: str | None, *, is_implicit: bool) -> ComponentTest:
    """Return the test of a component; rows without ratings show neither a use of the scale nor copies."""
    predicts = bool(t > LEAST_T)
    cause = goes_with if predicts and not is_implicit else None
    return ComponentTest(float(t), float(slope), predicts, bool(predicts and slope > LEAST_SLOPE and not cause), cause)

"""Assessing: which components are real and how sure the stars are, from arrays alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.features import item_features, user_features
from embedcli.data.ratings import Ratings, Split
from embedcli.evidence.components import LEAST_SLOPE, LEAST_T, component_evidence
from embedcli.evidence.features import Known
from embedcli.evidence.neighbours import Weight
from embedcli.evidence.posterior import predict_pairs, sample
from embedcli.evidence.states import ARRAYS
from embedcli.run.config import TrainConfig
from embedcli.run.record import ComponentTest, Evidence, PosteriorInfo
from embedcli.training.config import share_of_mean
from embedcli.training.evaluation import observed
from embedcli.training.stages import OnStage, stage, testing
from embedcli.training.state import FoldMembers, Streams


class Assessed(NamedTuple):
    """The evidence of a run and its arrays, and what the posterior predicts of the test rows (n,).

    A part that failed or was left out is missing.
    """

    arrays: dict[str, NDArray[np.float32]]
    evidence: Evidence | None
    posterior: PosteriorInfo | None
    predictions: NDArray[np.float32] | None


def assess(
    split: Split, folds: FoldMembers | None, config: TrainConfig, streams: Streams, on_stage: OnStage
) -> Assessed:
    """Test the components by the fold members, and draw from a posterior, which also predicts the test rows.

    `on_stage` is told when either is done and its seconds, or why it failed.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    evidence = posterior = predictions = None
    if folds is not None:
        with stage(testing(config), on_stage, seconds_before=folds.seconds):
            evidence, axes = evidence_of(split.train, folds, config, streams.folds)
            arrays |= {"fold_item_factors": folds.arrays["item_factors"], "fold_axes": axes}
    if config.n_draws:
        with stage(f"posterior: {config.n_draws} draws of the stars, and predictions", on_stage):
            posterior, of_states, predictions = posterior_of(split, config.n_draws, streams.posterior)
            arrays |= of_states
    return Assessed(arrays, evidence, posterior, predictions)


def posterior_of(
    split: Split, n_draws: int, rng: np.random.Generator
) -> tuple[PosteriorInfo, dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Draw from the posterior of the training rows; return what the run says of it, arrays, and predicted test rows."""
    train, test = split.train, split.test
    known = Known(user_features(train.users), item_features(train.items))
    drawn = sample(observed(train), train.data.scale, n_draws, rng, known)
    states, weight = drawn.states, drawn.weight or Weight(0.0, 0.0)
    info = PosteriorInfo(
        n_draws=n_draws,
        noise=states.usual_noise,
        n_effective=drawn.n_effective,
        n_states=len(states.items),
        middle=states.middle,
        neighbour_weight=None if drawn.weight is None else weight.value,
        neighbour_error=None if drawn.weight is None else weight.error,
        neighbours_used=weight.used > 0,
    )
    arrays = {f"state_{name}": getattr(states, name) for name in ARRAYS}
    predictions = predict_pairs(states, weight.used, observed(train), test.user, test.item)
    return info, {"item_stars": drawn.item_stars, **arrays}, predictions


def evidence_of(
    train: Ratings, folds: FoldMembers, config: TrainConfig, rng: np.random.Generator
) -> tuple[Evidence, NDArray[np.float32]]:
    """Return the tests of the components by the fold members, and the preference axes of these members."""
    assert config.y_range is not None
    low, high = config.y_range
    share = share_of_mean(train, config.y_range)
    factors = folds.arrays["user_factors"], folds.arrays["item_factors"]
    stars_per_logit = (high - low) * share * (1 - share)  # the slope of the sigmoid at the mean rating
    judged = component_evidence(observed(train), folds.fold, *factors, stars_per_logit, rng)
    tests, pca_tests = (
        [
            ComponentTest(float(t), float(slope), bool(t > LEAST_T), bool(t > LEAST_T and slope > LEAST_SLOPE))
            for t, slope in zip(*figures, strict=True)
        ]
        for figures in (judged.preference, judged.pca)
    )
    return Evidence(tests, pca_tests, judged.n_sign_flips, config.n_folds, LEAST_T, LEAST_SLOPE), judged.fold_axes

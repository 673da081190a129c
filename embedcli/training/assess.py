"""Assessing: which components are real and how sure the stars are, from arrays alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.evidence.components import LEAST_SLOPE, LEAST_T, component_evidence
from embedcli.evidence.posterior import sample
from embedcli.run.config import TrainConfig
from embedcli.run.record import ComponentTest, Evidence, PosteriorInfo
from embedcli.training.config import share_of_mean
from embedcli.training.evaluation import observed
from embedcli.training.stages import OnStage, stage, testing
from embedcli.training.state import FoldMembers, Streams


class Assessed(NamedTuple):
    """The evidence of a run and its arrays; a part that failed or was left out is missing."""

    arrays: dict[str, NDArray[np.float32]]
    evidence: Evidence | None
    posterior: PosteriorInfo | None


def assess(
    train: Ratings, folds: FoldMembers | None, config: TrainConfig, streams: Streams, on_stage: OnStage
) -> Assessed:
    """Test the components by the fold members, and draw the stars from a posterior.

    `on_stage` is told when either is done and its seconds, or why it failed.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    evidence = posterior = None
    if folds is not None:
        with stage(testing(config), on_stage, seconds_before=folds.seconds):
            evidence, axes = evidence_of(train, folds, config, streams.folds)
            arrays |= {"fold_item_factors": folds.arrays["item_factors"], "fold_axes": axes}
    if config.n_draws:
        with stage(f"stars: {config.n_draws} draws from the posterior", on_stage):
            drawn = sample(observed(train), train.data.scale, config.n_draws, streams.posterior)
            arrays["item_stars"] = drawn.item_stars
            posterior = PosteriorInfo(config.n_draws, float(drawn.noise.mean()))
    return Assessed(arrays, evidence, posterior)


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

"""Scores of a model on the test rows, and the baselines it must beat.

Protocol of every figure: RMSE and MAE over all rows given (never a mean of per-user figures), predictions
clipped to the rating scale, users and items without training ratings scored like all others.
"""

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings, Split
from embedcli.evidence.observations import DAMPING, SWEEPS, Observations, bias_model
from embedcli.evidence.scores import auc, rmse
from embedcli.run.record import BIASES, MEAN, MEMBERS, ONE_MEMBER, POSTERIOR, WITH_TIMES, HeldOutRows, Score

PROTOCOL = "RMSE and MAE over all test rows, predictions clipped to the rating scale, cold users and items scored"


def score(model: str, predictions: NDArray[np.floating], ratings: Ratings) -> Score:
    """Score predictions (n,) of the rows of `ratings` by the protocol of this module."""
    clipped = np.clip(predictions, *ratings.data.scale).astype(np.float64)
    area = float(auc(predictions, ratings.value)) if ratings.data.implicit else np.nan
    mae = float(np.mean(np.abs(clipped - ratings.value)))
    return Score(model, rmse(clipped, ratings.value), mae, None if np.isnan(area) else area)


def baselines(train: Ratings, test: Ratings) -> list[Score]:
    """Score models without factors: the global mean, and user and item biases alone (5 ratings of damping)."""
    biases = bias_model(observed(train), DAMPING, SWEEPS)
    return [
        score(MEAN, np.full(len(test), biases.mean), test),
        score(BIASES, biases.predict(observed(test)), test),
    ]


def scores(split: Split, heldout: HeldOutRows, with_times: NDArray[np.float32] | None) -> list[Score]:
    """Score the baselines, one member (the mean of all members' figures), all members averaged, and the posterior.

    `with_times` (n,) is what the posterior predicts if it also knows the time of each rating, or None.
    """
    singles = [score("", prediction, split.test) for prediction in heldout.predictions]
    errors, deviations = (float(np.mean([getattr(single, name) for single in singles])) for name in ("rmse", "mae"))
    areas = [single.auc for single in singles if single.auc is not None]  # none if all rows are positives
    averaged = score(MEMBERS, heldout.predictions.mean(0), split.test)
    return [
        *baselines(split.train, split.test),
        Score(ONE_MEMBER, errors, deviations, float(np.mean(areas)) if areas else None),
        *([averaged] if len(singles) > 1 else []),
        *(
            score(name, predicted, split.test)
            for name, predicted in ((POSTERIOR, heldout.posterior), (WITH_TIMES, with_times))
            if predicted is not None
        ),
    ]


def observed(ratings: Ratings) -> Observations:
    """Return ratings as bare arrays."""
    return Observations(ratings.user, ratings.item, ratings.value, len(ratings.users), len(ratings.items))

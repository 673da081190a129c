"""Whether the weight decay of a run suits its data: what held-out ratings and the posterior say of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.posterior import has_states
from embedcli.analysis.record import Tone, Verdict
from embedcli.analysis.selection import mean_over_members
from embedcli.evidence.bases import Floats, preference_axes
from embedcli.run.record import Run

PULL_FROM = (10, 20, 50, 100)  # numbers of ratings from which a group of items begins
TOGETHER = 1 << 14  # items whose draws are sorted at once
# thresholds measured in examples/benchmarks/decay.py
TOO_WEAK = 0.55  # strength of the trained tastes
TOO_LITTLE, TOO_STEEP = 0.65, 1.2  # held-out slope
USUAL = 0.4  # the default of --weight-decay


@dataclass(frozen=True)
class Pull:
    """Mean difference of the trained stars to the posterior's, of items with n_from to below n_to ratings."""

    n_from: int
    n_to: int | None
    n_items: int
    stars: float


@dataclass(frozen=True)
class Agreement:
    """How well the trained stars agree with the posterior, which allows for who rated what.

    `outside` is the share of the items that pass the filter whose trained stars are outside their interval. It says
    little of the weight decay: if people choose what to rate by taste, trained stars are too high at any.
    """

    outside: float
    pulls: tuple[Pull, ...]


@dataclass(frozen=True)
class DecayVerdict:
    """What the evidence says of the weight decay.

    `slope` is the held-out slope of the first component: a model with too little decay claims more than held-out
    ratings confirm. `strength` is that of `taste_strength`. None is not known.
    `verdict` is "too little", "about right", "too much", or "unclear" if the two disagree; `suggested` a value to try
    instead.
    """

    weight_decay: float
    verdict: str
    slope: float | None
    strength: float | None
    suggested: float | None

    @property
    def judged(self) -> Verdict:
        """The verdict as it is shown."""
        tones = {"about right": Tone.GOOD, "unclear": Tone.NONE}
        instead = "" if self.suggested is None else f", try {self.suggested:g}"
        words = f"weight decay {self.weight_decay:g}: {self.verdict}{instead}"
        return Verdict(tones.get(self.verdict, Tone.CAUTION), words)


def stars_interval(draws: NDArray[np.float32], interval: float = 0.95) -> tuple[Floats, Floats]:
    """Return (lower, upper), (n,) each: the equal-tailed interval of items' stars by the posterior's draws (D, n)."""
    tail = (1 - interval) / 2
    bounds = np.empty((2, draws.shape[1]))
    for begin in range(0, draws.shape[1], TOGETHER):
        here = slice(begin, begin + TOGETHER)
        bounds[:, here] = np.quantile(draws[:, here].T.copy(), (tail, 1 - tail), axis=1)
    return bounds[0], bounds[1]


def is_outside(stars: Floats, bounds: tuple[Floats, Floats]) -> NDArray[np.bool_]:
    """Return whether each item's stars (I,) are outside its interval."""
    lower, upper = bounds
    return (stars < lower) | (stars > upper)


def agreement(
    run: Run, bounds: tuple[Floats, Floats] | None = None, min_ratings: int = PULL_FROM[0]
) -> Agreement | None:
    """Compare the trained stars with the posterior; None if the run lacks either.

    `bounds` are the intervals of the stars of the items that pass the filter, at 95 % if not given.
    """
    passing = np.flatnonzero(run.item_stats.n_ratings >= min_ratings)
    if not run.n_draws or "trained_stars" not in run.arrays or not len(passing):
        return None
    n, stars = run.item_stats.n_ratings[passing], mean_over_members(run, "trained_stars")[passing]
    draws = run.array("item_stars")[:, passing]
    pull = stars - draws.mean(0, dtype=np.float64)
    return Agreement(
        outside=float(is_outside(stars, bounds or stars_interval(draws)).mean()),
        pulls=tuple(
            Pull(low, high, int(group.sum()), float(pull[group].mean()))
            for low, high in zip(PULL_FROM, (*PULL_FROM[1:], None), strict=True)
            if (group := (n >= low) & (n < (high or np.inf))).any()
        ),
    )


def taste_strength(run: Run) -> float | None:
    """Return how strong the trained tastes are, as a share of the posterior's, or None if the run lacks either.

    The strength is the standard deviation of the predicted preference p_u . q_i, in stars, over pairs of a user and an
    item drawn by their numbers of ratings. Weight decay weakens the tastes of the members; the posterior has none.
    """
    info, weights = run.training.posterior, (run.user_stats.n_ratings, run.item_stats.n_ratings)
    if info is None or not has_states(run) or not {"user_factors", "item_factors"} <= run.arrays.keys():
        return None

    def strength(users: NDArray[np.float32], items: NDArray[np.float32]) -> float:
        return float(np.linalg.norm(preference_axes(users, items, *weights, items.size)[1]))

    exact = strength(run.array("state_users")[..., 1:], run.array("state_items")[..., 1:])
    stars_per_logit = 1.0
    if run.sigmoid_range is not None:
        low, high = run.sigmoid_range
        stars_per_logit = (info.middle - low) * (high - info.middle) / (high - low)  # the slope at the mean rating
    trained = stars_per_logit * strength(run.array("user_factors"), run.array("item_factors"))
    return trained / exact if exact else None


def judge_decay(run: Run) -> DecayVerdict | None:
    """Judge the weight decay of a run; None if nothing is known that could judge it."""
    weight_decay, evidence = run.training.weight_decay, run.training.evidence
    strength = taste_strength(run)
    slope = evidence.heldout_slope if evidence is not None and evidence.pca_tests[0].predicts else None
    if weight_decay is None or (slope is None and strength is None):
        return None
    too_little = slope is not None and slope < TOO_LITTLE
    too_much = (strength is not None and strength < TOO_WEAK) or (slope is not None and slope > TOO_STEEP)
    verdict, suggested = "unclear" if too_little else "about right", None
    if too_little != too_much:
        verdict = "too little" if too_little else "too much"
        suggested = max(2 * weight_decay, USUAL) if too_little else weight_decay / 2
    return DecayVerdict(weight_decay, verdict, slope, strength, suggested)

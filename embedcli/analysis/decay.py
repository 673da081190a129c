"""Whether the weight decay of a run suits its data: what held-out ratings and the posterior say of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.selection import mean_over_members
from embedcli.evidence.bases import Floats
from embedcli.run.record import Run

PULL_FROM = (10, 20, 50, 100)  # numbers of ratings from which a group of items begins
MANY = PULL_FROM[-1]  # ratings of an item from which its stars judge the weight decay
TOO_MANY = 1000  # from which they do not: the interval is narrower than what the two models differ by
TOGETHER = 1 << 14  # items whose draws are sorted at once
FEWEST_JUDGES = 20  # least number of such items for a verdict
# thresholds measured in examples/benchmarks/decay.py
TOO_MUCH, FEWEST_OUTSIDE = 0.03, 2  # share of those items outside their interval, and how many there must be
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
    """How well the trained stars agree with the posterior, which knows no weight decay.

    `outside` is the share of the items that pass the filter whose trained stars are outside their interval.
    `outside_many` is that of the `n_many` with 100 to 999 ratings, None if there are fewer than 20: too much decay
    shows in them, because their intervals are narrow.
    """

    outside: float
    n_many: int
    outside_many: float | None
    pulls: tuple[Pull, ...]

    @property
    def is_too_much_decay(self) -> bool | None:
        """Whether the share outside says that the weight decay is too much; None without enough items."""
        if self.outside_many is None:
            return None
        return self.outside_many > TOO_MUCH and round(self.outside_many * self.n_many) >= FEWEST_OUTSIDE


@dataclass(frozen=True)
class DecayVerdict:
    """What the evidence says of the weight decay.

    `slope` is the held-out slope of the first component: a model with too little decay claims more than held-out
    ratings confirm. `n_many` and `outside_many` are those of `Agreement`. None is not known.
    `verdict` is "too little", "about right", "too much", or "unclear" if the two disagree; `suggested` a value to try
    instead.
    """

    weight_decay: float
    verdict: str
    slope: float | None
    n_many: int
    outside_many: float | None
    suggested: float | None


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
    draws, many = run.array("item_stars")[:, passing], (n >= MANY) & (n < TOO_MANY)
    outside = is_outside(stars, bounds or stars_interval(draws))
    pull = stars - draws.mean(0, dtype=np.float64)
    return Agreement(
        outside=float(outside.mean()),
        n_many=int(many.sum()),
        outside_many=float(outside[many].mean()) if many.sum() >= FEWEST_JUDGES else None,
        pulls=tuple(
            Pull(low, high, int(group.sum()), float(pull[group].mean()))
            for low, high in zip(PULL_FROM, (*PULL_FROM[1:], None), strict=True)
            if (group := (n >= low) & (n < (high or np.inf))).any()
        ),
    )


def judge_decay(run: Run) -> DecayVerdict | None:
    """Judge the weight decay of a run; None if nothing is known that could judge it."""
    weight_decay, evidence = run.training.weight_decay, run.training.evidence
    agreed = agreement(run)
    slope = evidence.heldout_slope if evidence is not None and evidence.pca_tests[0].predicts else None
    outside = None if agreed is None else agreed.outside_many
    if weight_decay is None or (slope is None and outside is None):
        return None
    too_little = slope is not None and slope < TOO_LITTLE
    too_much = (agreed is not None and bool(agreed.is_too_much_decay)) or (slope is not None and slope > TOO_STEEP)
    verdict, suggested = "unclear" if too_little else "about right", None
    if too_little != too_much:
        verdict = "too little" if too_little else "too much"
        suggested = max(2 * weight_decay, USUAL) if too_little else weight_decay / 2
    return DecayVerdict(
        weight_decay=weight_decay,
        verdict=verdict,
        slope=slope,
        n_many=0 if agreed is None else agreed.n_many,
        outside_many=outside,
        suggested=suggested,
    )

"""The posterior of a factor model: draws of the items' stars, and states of the chain that predict.

The model is that of `chain`. Its constants were chosen by the coverage of the intervals on simulated data
(examples/benchmarks/trust.py) and by the error on splits that no figure is reported on.
"""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Table
from embedcli.evidence.chain import Chain, Sweep, rows_of
from embedcli.evidence.cores import n_cores
from embedcli.evidence.features import Features, Known, features_of
from embedcli.evidence.gram import sides
from embedcli.evidence.levels import Levels
from embedcli.evidence.neighbours import MOST_USERS, Neighbours, Weight, weight_of
from embedcli.evidence.observations import Observations
from embedcli.evidence.states import States, draw_stars, predict

NOTHING = Known()
STARS = 4.0  # span of the scale that the priors are for
HELDOUT_SHARE, FEWEST_HELDOUT = 0.1, 50  # ratings left out to weigh the neighbours' residuals: the share, the fewest
MOST_ASKED = 1_000  # users they are of


class Schedule(NamedTuple):
    """How many sweeps a chain has, and the rank of who rated what."""

    settling: int  # near the mode
    burn_in: int  # thrown away
    heldout: int  # kept, without the ratings that weigh the neighbours' residuals
    again: int  # thrown away after these ratings are back
    kept: int
    every: int  # of which one is a state
    rank: int


USUAL = Schedule(settling=5, burn_in=20, heldout=25, again=10, kept=125, every=5, rank=100)
OF_MANY = Schedule(settling=3, burn_in=5, heldout=5, again=3, kept=20, every=2, rank=32)
OF_VERY_MANY = OF_MANY._replace(kept=12, every=1)
SCHEDULES = (5_000_000, OF_VERY_MANY), (500_000, OF_MANY), (0, USUAL)  # from so many ratings on


@dataclass(frozen=True)
class Data:
    """Ratings less the middle, in steps of a scale from 1 to 5, with all else that is known of them."""

    ratings: Observations
    known: Known
    seconds: NDArray[np.int64] | None  # (n,) time of each rating, if its effects are wanted

    def take(self, rows: NDArray[np.bool_]) -> "Data":
        """Return some of the ratings."""
        return Data(self.ratings.take(rows), self.known, None if self.seconds is None else self.seconds[rows])


class Moments(NamedTuple):
    """Times in seconds of the ratings (n,), and users and times of further ratings (m,) to predict at their time."""

    seconds: NDArray[np.int64]
    asked_user: NDArray[np.int32]
    asked_seconds: NDArray[np.int64]


class TimeEffects(NamedTuple):
    """Mean effects of the time, in stars: of each rating (n,) and of those asked for (m,); which share a second."""

    of_ratings: Table
    of_asked: Table
    has_same_second: NDArray[np.bool_]  # (m,) whether the user has another rating in the same second


@dataclass(frozen=True)
class Posterior:
    """Joint draws of the items' stars, states that predict, and the weight of the neighbours' residuals."""

    item_stars: Table  # (D, I) the mean rating if every user rated the item
    sweeps_stars: Table  # (T, I) the mean of the stars in each sweep that was kept
    n_effective: float  # independent draws that those of the stars are worth, of the median item
    states: States
    weight: Weight | None  # None if it is not known: too many users, or too few ratings
    time_effects: TimeEffects | None


def sample(
    observations: Observations,
    scale: tuple[float, float],
    n_draws: int,
    rng: np.random.Generator,
    known: Known = NOTHING,
    moments: Moments | None = None,
) -> Posterior:
    """Draw from the posterior given these ratings on a scale (lowest, highest).

    Stars are the linear prediction averaged over all users and cut to the scale once: the ratings have been cut
    already, so cutting each user's prediction again would draw them to the middle. Given the users of a state of the
    chain, the stars of the items are normal and independent, so a few states of the chain give all draws. Neither the
    neighbours' residuals nor the effects of the time are part of the stars.
    """
    low, high = scale
    middle = float(observations.value.mean(dtype=np.float64))
    unit = (high - low) / STARS or 1.0  # the priors are in steps of a scale from 1 to 5
    centred = replace(observations, value=(observations.value - np.float32(middle)) / np.float32(unit))
    data = Data(centred, known, moments and moments.seconds)
    schedule = schedule_of(len(centred.value))
    weight = start = None
    with ThreadPoolExecutor(n_cores()) as pool:
        if has_neighbours(centred):
            weight, start = weigh_neighbours(data, schedule, rng, pool)
        chain, features = begin(data, schedule, rng, pool, start)
        effects = Effects(chain.levels, moments) if moments else None
        sweeps, states = [], []
        for j in range(schedule.kept):
            is_state = j % schedule.every == schedule.every - 1
            if effects and is_state:  # the users of a sweep are drawn given the effects that it finds
                effects.add()
            sweeps.append(chain.sweep(pool))
            states += sweeps[-1:] * is_state
    means, sds = (np.array([getattr(sweep, name) for sweep in sweeps]) for name in ("stars_mean", "stars_sd"))
    stars = draw_stars(means, sds, n_draws, rng)
    stars *= np.float32(unit)
    stars += np.float32(middle)
    return Posterior(
        np.clip(stars, low, high, out=stars),
        (middle + unit * means).astype(np.float32),
        n_effective(means, sds, n_draws, centred.counts()[1] > 0),
        as_states(states, features, unit, middle, effects.variance / effects.n if effects else 0.0),
        weight,
        effects.mean(unit) if effects else None,
    )


def has_neighbours(ratings: Observations) -> bool:
    """Tell whether the neighbours' residuals are weighed: each user is compared with each other one."""
    return ratings.n_users <= MOST_USERS and len(ratings.value) * HELDOUT_SHARE >= FEWEST_HELDOUT


def n_sweeps(ratings: Observations) -> int:
    """Return the number of sweeps of `sample`, each of which is a step."""
    schedule = schedule_of(len(ratings.value))
    weighing = schedule.heldout + schedule.again if has_neighbours(ratings) else 0
    return schedule.settling + schedule.burn_in + weighing + schedule.kept


def schedule_of(n_ratings: int) -> Schedule:
    """Return the sweeps of a chain on so many ratings."""
    return next(schedule for least, schedule in SCHEDULES if n_ratings >= least)


class Effects:
    """Running sums of the effects of the time, of the chain's ratings and of those asked for, and their variance."""

    def __init__(self, levels: Levels | None, moments: Moments) -> None:
        assert levels is not None
        self.levels, self.places = levels, levels.places(moments.asked_user, moments.asked_seconds)
        self.own, self.asked = np.zeros_like(levels.effect), np.zeros(len(moments.asked_user), np.float32)
        self.variance, self.n = 0.0, 0

    def add(self) -> None:
        """Add the effects as they are now."""
        self.own += self.levels.effect
        self.asked += self.levels.at(self.places)
        self.variance += self.levels.variance
        self.n += 1

    def mean(self, unit: float) -> TimeEffects:
        """Return the means, in stars."""
        scale = np.float32(unit / self.n)
        return TimeEffects(self.own * scale, self.asked * scale, self.places[0] >= 0)


def begin(
    data: Data, schedule: Schedule, rng: np.random.Generator, pool: Executor, start: Chain | None = None
) -> tuple[Chain, Features]:
    """Return a chain after its burn-in, begun near the mode or where another chain stands."""
    ratings, levels = data.ratings, None if data.seconds is None else Levels(data.ratings.user, data.seconds)
    both = sides(ratings, ratings.value, may_change=levels is not None)
    features = features_of(both, data.known, schedule.rank, rng, pool)
    chain = Chain(ratings, both, (features.users, features.items), rng, levels=levels, start=start)
    if start is None:
        chain.settle(schedule.settling, pool)
    for _ in range(schedule.burn_in if start is None else schedule.again):
        chain.sweep(pool)
    return chain, features


def weigh_neighbours(data: Data, schedule: Schedule, rng: np.random.Generator, pool: Executor) -> tuple[Weight, Chain]:
    """Return the weight of the neighbours' residuals, measured on ratings left out, and the chain without these.

    These are a tenth of the ratings of at most 1,000 users: every one of them is compared with all others.
    """
    ratings = data.ratings
    is_asked = np.zeros(ratings.n_users, dtype=bool)
    is_asked[rng.permutation(ratings.n_users)[:MOST_ASKED]] = True
    is_left = (rng.random(len(ratings.value)) < HELDOUT_SHARE) & is_asked[ratings.user]
    seen, left = data.take(~is_left), data.take(is_left)
    chain, _ = begin(seen, schedule, rng, pool)
    effects = None
    if seen.seconds is not None and left.seconds is not None:
        effects = Effects(chain.levels, Moments(seen.seconds, left.ratings.user, left.seconds))
    rest = [part.ratings.value * np.float32(schedule.heldout) for part in (seen, left)]
    for _ in range(schedule.heldout):
        if effects:
            effects.add()
        sweep = chain.sweep(pool)
        for part, total in zip((seen, left), rest, strict=True):
            total -= predict(rows_of(sweep.user_mean), rows_of(sweep.items), part.ratings.user, part.ratings.item)
    if effects:
        for total, of_time in zip(rest, (effects.own, effects.asked), strict=True):
            total -= of_time
    of_seen, of_left = (total / np.float32(schedule.heldout) for total in rest)
    corrections = Neighbours(seen.ratings, of_seen).at(left.ratings.user, left.ratings.item)
    return weight_of(corrections, of_left), chain


def predict_pairs(
    states: States,
    weight: float,
    ratings: Observations,
    user: NDArray[np.int32],
    item: NDArray[np.int32],
    of_time: Table | None = None,
) -> Table:
    """Predict the ratings of pairs (n,), given those of the training, of which the neighbours' residuals come.

    `of_time` are the effects of the time in the ratings of the training.
    """
    predicted = states.predict(user, item)
    if weight and len(user):
        neighbours = Neighbours.of(ratings, states.predict(ratings.user, ratings.item), of_time)
        predicted += np.float32(weight) * neighbours.at(user, item)
    return predicted


def as_states(sweeps: list[Sweep], features: Features, unit: float, middle: float, of_time: float) -> States:
    """Return what is kept of some sweeps, in stars: all but the users' factors are in the unit of the ratings.

    The noise is that of a rating at a moment of which nothing is known: `of_time` is the variance of its effect.
    """
    d = len(sweeps[0].items)
    in_stars, of_users = np.full(d, unit), np.r_[unit, np.ones(d - 1)]
    weights = [features.weights_of_new(sweep.user_weights) * of_users for sweep in sweeps]
    square = np.outer(of_users, of_users)
    return States(
        items=np.array([rows_of(sweep.items) * in_stars.astype(np.float32) for sweep in sweeps]),
        users=np.array([rows_of(sweep.user_mean) * of_users.astype(np.float32) for sweep in sweeps]),
        directions=features.directions,
        weights=np.array(weights, np.float32),
        precision=np.array([sweep.user_precision / square for sweep in sweeps], np.float32),
        usual_mean=np.array([sweep.usual_user[0] * of_users for sweep in sweeps], np.float32),
        usual_precision=np.array([np.linalg.inv(sweep.usual_user[1]) / square for sweep in sweeps], np.float32),
        noise=unit * np.sqrt(np.mean([sweep.user_noise**2 for sweep in sweeps], 0) + of_time).astype(np.float32),
        usual_noise=unit * float(np.sqrt(np.mean([sweep.noise**2 for sweep in sweeps]) + of_time)),
        middle=middle,
    )


def n_effective(means: Floats, sds: Floats, n_draws: int, is_rated: NDArray[np.bool_]) -> float:
    """Return how many independent draws the stars of the median item are worth, given means and sds (T, I) of sweeps.

    The mean of D draws from T sweeps has the variance B tau / T + W / D: W within a sweep, B between sweeps, tau the
    sum of their autocorrelations, averaged over the items, up to the first that is not positive (Geyer 1992).
    """
    if not is_rated.any():
        return 0.0
    rest = means[:, is_rated] - means[:, is_rated].mean(0)
    between, within = (rest**2).mean(0), (sds[:, is_rated] ** 2).mean(0)
    n, tau = len(rest), 1.0
    for lag in range(1, n // 2):
        correlation = float(((rest[lag:] * rest[:-lag]).sum(0) / n / between).mean())
        if correlation <= 0:
            break
        tau += 2 * correlation
    return float(np.median((between + within) / (between * tau / n + within / n_draws)))

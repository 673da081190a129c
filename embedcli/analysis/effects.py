"""What goes with an axis of items: tags and numbers, by the size of their effect, beyond what chance makes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.selection import mean_over_members
from embedcli.evidence.bases import Floats, unit
from embedcli.evidence.statistics import average_ranks, false_discovery_rates, upper_tail
from embedcli.run.record import Run

THRESHOLD = 0.25  # smaller effects name nothing, however certain they are
LEVEL = 0.05  # of the gate, and of q
FEWEST_TAGGED = 20  # items with the tag, and without it: fewer are not tested
PERMUTATIONS = 1000
TOGETHER = 100  # permutations in memory at once
MOST_PERMUTED = 20_000  # items: with more, effects under permutation are drawn from their normal distribution
WORDS = {
    "bias": ("well liked", "little liked"),
    "mean rating": ("high mean rating", "low mean rating"),
    "year": ("newer", "older"),
    "log n": ("much rated", "little rated"),
}
MIXED = "mixed"  # a pole without a name
QUALITY = ("bias", "mean rating")  # they say the same, so that one of them is enough


@dataclass(frozen=True)
class Effect:
    """How strongly a tag or a number of the items goes with their order on an axis, -1 to 1.

    For a tag it is the rank-biserial correlation (the probability that an item with the tag is above one without it,
    minus the reverse), and `n` is the number of items with the tag. For a number it is Spearman's rank correlation
    over the `n` items with a known value. `q` is Benjamini and Hochberg's, within the tags or the numbers of the axis.
    `passed` says whether the effect may name a pole.
    """

    name: str
    kind: str  # "tag" or "number"
    effect: float
    n: int
    q: float
    passed: bool

    def word(self, positive: bool) -> str:
        """Return what this effect calls the positive or the negative pole."""
        return word(self.name, self.kind, is_high=(self.effect > 0) == positive)


def word(name: str, kind: str, *, is_high: bool) -> str:
    """Return what a tag, or a high or low number, calls a pole."""
    if kind == "tag":
        return name
    above, below = WORDS.get(name, (f"high {name}", f"low {name}"))
    return above if is_high else below


@dataclass(frozen=True)
class Candidates:
    """The tags and numbers of n items that an axis through them may be named after."""

    tag_names: tuple[str, ...]
    tags: NDArray[np.bool_]  # (n, n_tags)
    number_names: tuple[str, ...]
    numbers: Floats  # (n, n_numbers), NaN if not known

    @classmethod
    def of(cls, run: Run, rows: NDArray[np.int64]) -> Candidates:
        """Collect the tags and numbers of these rows of a run's items.

        The numbers are year, log n, mean rating (or the mean of another target) and, if the run has item biases,
        their mean over the members. The last three are unknown for an item without ratings.
        """
        n = run.item_stats.n_ratings[rows]
        numbers = {
            "year": np.array([run.items.years[row] for row in rows.tolist()], dtype=np.float64),  # NaN for None
            "log n": np.log(np.where(n > 0, n, np.nan)),
            f"mean {run.data.target}": run.item_stats.mean_rating[rows],
        }
        if "item_bias" in run.arrays and not run.data.implicit:  # else the bias says what log n says
            numbers["bias"] = np.where(n > 0, mean_over_members(run, "item_bias")[rows], np.nan)
        tags = [run.items.tags[row] for row in rows.tolist()]
        tag_names = tuple(sorted(set(chain.from_iterable(tags))))
        column = {name: j for j, name in enumerate(tag_names)}
        carried = np.zeros((len(rows), len(tag_names)), dtype=np.bool_)
        carriers = np.repeat(np.arange(len(rows)), [len(own) for own in tags])
        carried[carriers, np.array([column[name] for name in chain.from_iterable(tags)], dtype=np.int64)] = True
        return cls(tag_names, carried, tuple(numbers), np.column_stack(list(numbers.values())))

    def testable(self, least_known: int = FEWEST_TAGGED) -> Candidates:
        """Return the tags that enough items have and lack, and the numbers that vary and enough items have."""
        tag = (self.tags.sum(0) >= FEWEST_TAGGED) & ((~self.tags).sum(0) >= FEWEST_TAGGED)
        known = (column[np.isfinite(column)] for column in self.numbers.T)
        number = np.array([len(values) >= least_known and np.ptp(values) > 0 for values in known], dtype=np.bool_)
        tag_names, number_names = compress(self.tag_names, tag), compress(self.number_names, number)
        return Candidates(tuple(tag_names), self.tags[:, tag], tuple(number_names), self.numbers[:, number])


def effects_of(candidates: Candidates, scores: Floats, seed: int = 0) -> tuple[tuple[Effect, ...], ...]:
    """Test every tag and number against each of the K axes of scores (n, K): the effects of each, strongest first.

    An effect passes if it is at least THRESHOLD, its q is below LEVEL, and it is above the gate of its family.
    Tags and numbers of fewer than FEWEST_TAGGED items are left out. The p-values are those of the normal distribution
    with the exact variance under permutation, as in Mann and Whitney's test corrected for ties: far out in the tail,
    where permutations cannot count, they are above the exact ones.
    """
    tested = candidates.testable()
    families = (
        ("tag", tested.tag_names, tested.tags.sum(0), *_rank_biserial(tested.tags, scores)),
        ("number", tested.number_names, np.isfinite(tested.numbers).sum(0), *_spearman(tested.numbers, scores)),
    )
    by_axis: list[list[Effect]] = [[] for _ in scores.T]
    for (kind, names, n, sizes, z), gate in zip(families, gates(tested, seed), strict=True):
        q = false_discovery_rates(2 * upper_tail(np.abs(z)))
        passed = (np.abs(sizes) >= THRESHOLD) & (np.abs(sizes) > gate) & (q < LEVEL)
        for j, effects in enumerate(by_axis):
            columns = (values.tolist() for values in (sizes[:, j], n, q[:, j], passed[:, j]))
            effects += [Effect(name, kind, *figures) for name, *figures in zip(names, *columns, strict=True)]
    return tuple(_strongest_first(effects) for effects in by_axis)


def gates(candidates: Candidates, seed: int = 0) -> tuple[float, float]:
    """Return the (1 - LEVEL) quantiles of the largest |effect| of (tags, numbers) over permutations of the items.

    Whole rows of tags and of numbers are permuted, so that overlapping tags stay together (Westfall and Young 1993,
    single-step maxT): at most 5 % of axes are named by tags that are unrelated to them, however many tags there are.
    Scores without ties have the ranks 1 to n on every axis, so that one gate serves all axes. With more than
    MOST_PERMUTED items the effects are normal, with the covariance that permutations give them.
    """
    tested = candidates.testable()
    tag_weights, number_weights = _tag_weights(tested.tags), _number_weights(tested.numbers)
    weights = np.hstack([tag_weights, number_weights]).astype(np.float32)
    ranks = _centred_ranks(np.arange(len(weights))).astype(np.float32)
    rng = np.random.default_rng(seed)
    n, largest = len(weights), []
    covariance = weights.T.astype(np.float64) @ weights * (n * (n + 1) / 12) if n > MOST_PERMUTED else None
    for _ in range(PERMUTATIONS // TOGETHER):
        if covariance is None:
            effects: NDArray[np.floating] = rng.permuted(np.tile(ranks, (TOGETHER, 1)), axis=1) @ weights
        else:
            effects = rng.multivariate_normal(np.zeros(len(covariance)), covariance, TOGETHER)
        families = np.split(np.abs(effects), [tag_weights.shape[1]], axis=1)
        largest.append([sizes.max(1, initial=0) for sizes in families])
    tag, number = np.quantile(np.concatenate(largest, axis=1), 1 - LEVEL, axis=1, method="higher")
    return float(tag), float(number)


def names(effects: tuple[Effect, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the (positive, negative) pole by the effects that passed, the strongest first.

    A number names both poles, a tag the pole of its items. Of bias and mean rating only the stronger counts. A pole
    without a name is "mixed".
    """
    strong = _strongest_first([effect for effect in effects if effect.passed])
    quality = [effect for effect in strong if effect.name in QUALITY]

    def pole(positive: bool) -> tuple[str, ...]:
        own = [e for e in strong if e not in quality[1:] and (e.kind == "number" or (e.effect > 0) == positive)]
        return tuple(effect.word(positive) for effect in own) or (MIXED,)

    return pole(True), pole(False)


def without_quality(candidates: Candidates, scores: Floats) -> Floats:
    """Partial bias (or mean rating), log n and year out of scores (n, K): return the least-squares residuals.

    An unknown number is replaced by its mean, and a column of its own marks it.
    """
    quality = next((name for name in QUALITY if name in candidates.number_names), None)
    columns = [np.ones(len(scores))]
    for name, values in zip(candidates.number_names, candidates.numbers.T, strict=True):
        known = np.isfinite(values)
        if name in (quality, "log n", "year") and known.any():
            columns += [np.where(known, values - values[known].mean(), 0), ~known]
    design = np.column_stack(columns)
    return scores - design @ np.linalg.lstsq(design, scores, rcond=None)[0]


def _strongest_first(effects: list[Effect]) -> tuple[Effect, ...]:
    return tuple(sorted(effects, key=lambda effect: -abs(effect.effect)))


def _rank_biserial(tags: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Return the effects (n_tags, K), and their ratios to their standard deviations under permutation."""
    weights, ranks = _tag_weights(tags), _centred_ranks(scores)
    effects = weights.T @ ranks
    # the variance of w'r over all orders of r, if w and r have mean 0
    deviation = np.sqrt(np.outer((weights**2).sum(0), (ranks**2).sum(0) / (len(ranks) - 1)))
    return effects, np.divide(effects, deviation, out=np.zeros_like(effects), where=deviation > 0)


def _spearman(numbers: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Return the effects (n_numbers, K), and their ratios to their standard deviations under permutation."""
    known = np.isfinite(numbers)
    effects = np.zeros((numbers.shape[1], scores.shape[1]))
    for j, has_value in enumerate(known.T):
        effects[j] = unit(_centred_ranks(numbers[has_value, j])) @ unit(_centred_ranks(scores[has_value]))
    return effects, effects * np.sqrt(known.sum(0) - 1)[:, None]


def _tag_weights(tags: NDArray[np.bool_]) -> Floats:
    """Return weights (n, n_tags) whose products with the centred ranks of scores (n,) are the effects."""
    n, carriers = len(tags), tags.sum(0)
    weights: Floats = 2 / n * np.where(tags, 1 / carriers, -1 / (n - carriers))
    return weights


def _number_weights(numbers: Floats) -> Floats:
    """Return weights (n, n_numbers) whose products with the centred ranks 1 to n are the effects.

    They are an approximation if a number is not known for all items: those with a value are not ranked again.
    """
    weights = np.zeros_like(numbers)
    for weight, values in zip(weights.T, numbers.T, strict=True):
        known = np.isfinite(values)
        weight[known] = unit(_centred_ranks(values[known])) / np.sqrt(known.sum() * (len(values) ** 2 - 1) / 12)
    return weights


def _centred_ranks(values: NDArray[np.generic]) -> Floats:
    """Rank values (n,) or the columns of (n, K), ties by their mean rank, less the mean rank."""
    ranks: Floats = average_ranks(values) - (len(values) + 1) / 2
    return ranks

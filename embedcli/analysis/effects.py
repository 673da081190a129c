"""What goes with an axis of items: tags and numbers, by the size of their effect, beyond what chance makes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.selection import mean_over_members
from embedcli.data.features import FEWEST_TAGGED, number_columns
from embedcli.data.ratings import kinds_of
from embedcli.evidence.bases import Floats, unit
from embedcli.evidence.controls import without
from embedcli.evidence.statistics import average_ranks, false_discovery_rates, upper_tail
from embedcli.evidence.strata import Strata
from embedcli.run.record import Run

THRESHOLD = 0.25  # smaller effects name nothing, however certain they are
LEVEL = 0.05  # of q
GATE = 0.01  # the chance that an unrelated family passes it on an axis: about .05 on one of six

DRAWS = 2000  # of the effects under permutation
SMALLEST = 1e-6  # standard deviation of an effect, below which no permutation moves it; added to a singular covariance
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
    over the `n` items with a known value. `q` is Benjamini and Hochberg's, within the tags or the numbers of the axis:
    that of a tag says whether the effect is more than bias, log n and year explain, that of a number only whether it is
    more than chance. `passed` says whether the effect may name a pole.
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

        The numbers are year, log n, mean rating (or the mean of another target), if the run has item biases, their
        mean over the members, and the item table's columns of numbers, such as the age of users. Log n, mean rating
        and bias are unknown for an item without ratings. Columns of few words are tags, such as "gender F".
        """
        n = run.item_stats.n_ratings[rows]
        numbers = {
            "year": np.array([run.items.years[row] for row in rows.tolist()], dtype=np.float64),  # NaN for None
            "log n": np.log(np.where(n > 0, n, np.nan)),
            f"mean {run.data.target}": run.item_stats.mean_rating[rows],
        }
        if "item_bias" in run.arrays and not run.data.implicit:  # else the bias says what log n says
            numbers["bias"] = np.where(n > 0, mean_over_members(run, "item_bias")[rows], np.nan)
        further = number_columns(run.items.columns)
        numbers |= {name: values[rows] for name, values in further.items() if name not in numbers}
        kinds = kinds_of(run.items.columns, len(run.items))
        tags = [set(run.items.tags[row]).union(kinds[row]) for row in rows.tolist()]
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

    @property
    def confounders(self) -> Floats:
        """The numbers that tags must say something beyond, (n, m): bias (else mean rating), log n and year."""
        return self.confounders_of("")

    def confounders_of(self, name: str) -> Floats:
        """Return the confounders (n, m) except the one with this name."""
        quality = next((name for name in QUALITY if name in self.number_names), None)
        names = [own for own in (quality, "log n", "year") if own in self.number_names and own != name]
        return self.numbers[:, [self.number_names.index(name) for name in names]]


def effects_of(candidates: Candidates, scores: Floats, seed: int = 0) -> tuple[tuple[Effect, ...], ...]:
    """Test every tag and number against each of the K axes of scores (n, K): the effects of each, strongest first.

    What decides is z, the effect less its mean over permutations, in their standard deviations (both exact). A tag's z
    is what the tag says beyond bias, log n and year: of the ranks less what these explain, and under permutation
    within their strata. Numbers are permuted over all items. An effect passes if it is at least THRESHOLD, its z has
    the same sign and is above the gate of its family and axis, and its q is below LEVEL. Tags and numbers of fewer
    than FEWEST_TAGGED items are left out. The p-value of a z comes from the normal distribution.
    """
    tested, rng = candidates.testable(), np.random.default_rng(seed)
    tag_effects, tag_z, tag_gates = _test_tags(tested.tags, scores, candidates.confounders, rng)
    number_effects, number_z, number_gate = _test_numbers(tested.numbers, scores, rng)
    families = (
        ("tag", tested.tag_names, tested.tags.sum(0), tag_effects, tag_z, tag_gates),
        ("number", tested.number_names, np.isfinite(tested.numbers).sum(0), number_effects, number_z, number_gate),
    )
    by_axis: list[list[Effect]] = [[] for _ in scores.T]
    for kind, names, n, sizes, z, gate in families:
        q = false_discovery_rates(2 * upper_tail(np.abs(z)))
        passed = (np.abs(sizes) >= THRESHOLD) & (z * np.sign(sizes) > gate) & (q < LEVEL)
        for j, effects in enumerate(by_axis):
            columns = (values.tolist() for values in (sizes[:, j], n, q[:, j], passed[:, j]))
            effects += [Effect(name, kind, *figures) for name, *figures in zip(names, *columns, strict=True)]
    return tuple(_strongest_first(effects) for effects in by_axis)


def _test_tags(
    tags: NDArray[np.bool_], scores: Floats, confounders: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return the rank-biserial effects and the z (n_tags, K) of tags (n, n_tags), and the gates (K,) of |z|."""
    weights, beyond, strata = _tag_weights(tags), without(confounders, _centred_ranks(scores)), Strata.of(confounders)
    z = _ratio(strata.centred(weights).T @ beyond, strata.deviations(weights, beyond))
    return weights.T @ _centred_ranks(scores), z, _gates(weights, beyond, strata, rng)


def _test_numbers(numbers: Floats, scores: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return Spearman's correlations and the z (n_numbers, K) over the items of which each of the numbers is known.

    The gate of |z| (1,) is that of scores without ties, and serves all axes.
    """
    known = np.isfinite(numbers)
    effects, weights = np.zeros((numbers.shape[1], scores.shape[1])), np.zeros_like(numbers)
    for j, has_value in enumerate(known.T):
        weights[has_value, j] = _centred_ranks(numbers[has_value, j])
        effects[j] = unit(weights[has_value, j]) @ unit(_centred_ranks(scores[has_value]))
    ranks = _centred_ranks(np.arange(len(scores)))[:, None]
    gate = _gates(weights, ranks, Strata(np.zeros(len(scores), dtype=np.int64)), rng)
    return effects, effects * np.sqrt(known.sum(0) - 1)[:, None], gate


def _gates(weights: Floats, ranks: Floats, strata: Strata, rng: np.random.Generator) -> Floats:
    """Return the (1 - GATE) quantiles (K,) of the largest |z| of weights (n, J) over permutations, for ranks (n, K).

    Whole rows are permuted within strata, so that overlapping tags stay together (Westfall and Young 1993, single-step
    maxT): few axes are named by tags that say nothing beyond the strata, however many tags there are. The z of all
    tags are drawn from the normal distribution with the exact covariance under permutation. From 20 items with a tag
    on, its quantiles equal those of real permutations, which take twelve times as long.
    """
    centred, deviations = strata.centred(weights), np.sqrt(strata.variances(ranks))[strata.code]
    largest = np.empty((DRAWS, ranks.shape[1]))
    normal = rng.standard_normal((DRAWS, min(weights.shape)), dtype=np.float32)  # the same for each axis
    for j, deviation in enumerate(strata.deviations(weights, ranks).T):
        scaled = _ratio(centred.T, deviation[:, None]).T * deviations[:, [j]]  # X, of X'X the covariance of z
        root = scaled if scaled.shape[1] > len(scaled) else _root(scaled.T @ scaled)
        largest[:, j] = np.abs(normal @ root.astype(np.float32)).max(1, initial=0)
    return np.quantile(largest, 1 - GATE, axis=0, method="higher")


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


def _root(covariance: Floats) -> Floats:
    """Return R (J, J), of R'R a covariance with 1 or 0 on the diagonal, of overlapping tags perhaps singular."""
    return np.linalg.cholesky(covariance + SMALLEST * np.eye(len(covariance))).T.astype(np.float64)


def _ratio(values: Floats, deviations: Floats) -> Floats:
    """Return values (J, K) in units of their standard deviations; 0 for those that no permutation moves."""
    return np.divide(values, deviations, out=np.zeros(values.shape), where=deviations > SMALLEST)


def _tag_weights(tags: NDArray[np.bool_]) -> Floats:
    """Return weights (n, n_tags) whose products with the centred ranks of scores (n,) are the effects."""
    n, carriers = len(tags), tags.sum(0)
    weights: Floats = 2 / n * np.where(tags, 1 / carriers, -1 / (n - carriers))
    return weights


def _centred_ranks(values: NDArray[np.generic]) -> Floats:
    """Rank values (n,) or the columns of (n, K), ties by their mean rank, less the mean rank."""
    ranks: Floats = average_ranks(values) - (len(values) + 1) / 2
    return ranks

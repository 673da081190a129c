"""Tag tastes: what people's tastes go by, in the words of tags, each axis tested before it has a name.

What is left of the ratings after a model with biases alone is explained by what a user thinks of an item's tags,

    residual_ui = beta_u . t_i + e,   beta_u ~ N(0, Sigma),   e ~ N(0, s2)

fitted by EM (Dempster, Laird and Rubin 1977). The tags t are less what numbers of the items, such as their popularity,
say of them, and whitened: in these coordinates the axes of tastes are the eigenvectors of Sigma. An axis holds if it
predicts held-out ratings, if permuted tags do not make as strong a one, and if halves of the users give it the same
words. The permutations need no EM: the first step of EM from Sigma = 0 is one product of sparse matrices.

Users and items are the same to this module: with both exchanged it finds what the appeal of items goes by, in the
words of the users' columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Rows, Table
from embedcli.evidence.components import DAMPING, FOLD_SWEEPS, SWEEPS, explained_share, regress
from embedcli.evidence.confounds import UserFacts, explained, goes_with
from embedcli.evidence.observations import BiasModel, Observations, bias_model
from embedcli.evidence.statistics import average_ranks, best_assignment
from embedcli.evidence.strata import Strata
from embedcli.evidence.verdicts import LEAST_P
from embedcli.progress import step

MOST_AXES = 6
MOST_DIRECTIONS = 30  # principal ones of the tags
FEWEST_RATINGS = 5  # of a user: fewer say next to nothing of tastes
MOST_RATINGS, MOST_USERS = 200_000, 3_000  # a sample of the users is enough
PERMUTATIONS, FEW_PERMUTATIONS = 99, 24
TOGETHER = 8  # permutations
SPLITS = 3  # of the users in halves
STEPS, OF_PART, ALONG = 10, 5, 6  # of EM: of all ratings, of a part of them, and along some of the axes
START = 0.003  # variance of a taste at the start, in residual variances
SMALLEST = 1e-6  # variance of a direction of the tags, next to 1
TINY = 1e-30
OF_FIT, OF_PERMUTED, OF_HALVES, OF_HELD_OUT = 2, 8, 3, 7  # steps of `tag_tastes`, as long as each other
N_STEPS = OF_FIT + OF_PERMUTED + OF_HALVES + OF_HELD_OUT
LEAST_LEFT = 1e-3  # standard deviation of what is left of the ranks of a tag


class HeldOut(NamedTuple):
    """What axes say of held-out ratings: `t` and `slope` (r,) of the regression of the residuals on all together.

    `share` (r,) of the variance is explained by an axis beyond those before it. `goes_with` names what an axis goes
    with that is not a taste.
    """

    t: Floats
    slope: Floats
    share: Floats
    goes_with: list[str | None]


@dataclass(frozen=True)
class TagTastes:
    """Axes of tastes, the strongest first: those that are above permuted tags, and the first that is not.

    `scores` (r, I) are the items' places on the axes, with mean 0 and variance 1 over the ratings, and 0 for an item
    without ratings; `users` (U, r) what a user adds to the rating of an item at 1, in stars, and 0 for a user outside
    the sample. `loadings` (r, G) are the weighted correlations of the axes with the tags; `is_kept`
    (r, G) says whether all halves of the users agree on the sign. `p` and `z` (r,) compare the axis with permuted
    tags, given the axes before it. `halves` (r,) is the mean correlation of its matches in two halves.
    """

    scores: Table
    users: Table
    loadings: Floats
    is_kept: NDArray[np.bool_]
    held_out: HeldOut
    p: Floats
    z: Floats
    halves: Floats


class Tags(NamedTuple):
    """What is known of the items that have ratings: `tags` (I, G), of which `basis` (I, P) is partialled out.

    The columns of the basis are orthonormal, and times `root` (I, 1), that of the numbers of ratings. Tags are permuted
    within the strata.
    """

    tags: NDArray[Any]
    basis: NDArray[Any]
    root: NDArray[Any]
    strata: Strata

    def single(self) -> Tags:
        """Return the same in single precision, which is enough for what is only compared."""
        tags, basis, root = (array.astype(np.float32) for array in (self.tags, self.basis, self.root))
        return Tags(tags, basis, root, self.strata)


class Sums(NamedTuple):
    """Sums over the ratings of each user: of t t' (U, d, d) and of residual x t (U, d); and what the noise needs."""

    gram: Floats
    linear: Floats
    squares: float  # sum of the squared residuals
    n: int  # of ratings

    def of(self, users: NDArray[np.bool_], squares: Floats, n_ratings: NDArray[np.integer]) -> Sums:
        """Return the sums of some users, given the squares and numbers of ratings of each (U,)."""
        return Sums(self.gram[users], self.linear[users], float(squares[users].sum()), int(n_ratings[users].sum()))

    def along(self, directions: Floats) -> Sums:
        """Return the sums of the places on some directions (d, r)."""
        return self._replace(gram=directions.T @ self.gram @ directions, linear=self.linear @ directions)


class Tastes(NamedTuple):
    """Covariance (d, d) of what users think of the tags, the posterior mean (U, d) of each, and the noise variance."""

    covariance: Floats
    means: Floats
    noise: float

    def in_all_directions(self) -> tuple[Floats, float]:
        """Return a start for EM that is as strong, and the same in all directions."""
        d = len(self.covariance)
        return np.eye(d) * np.trace(self.covariance) / d, self.noise


class Axes(NamedTuple):
    """The axes of tastes: eigenvectors `turn` (d, r) of the covariance, and all that they come from.

    `residuals` (n,) are those of the ratings, `profiles` (I, d) the whitened tags of the items.
    """

    rows: Observations
    residuals: Floats
    profiles: Floats
    sums: Sums
    tastes: Tastes
    turn: Floats

    def first(self, n: int) -> Axes:
        """Return the strongest axes alone."""
        return self._replace(turn=self.turn[:, :n])

    @property
    def scores(self) -> Floats:
        """The places (I, r) of the items."""
        scores: Floats = self.profiles @ self.turn
        return scores

    def rest(self) -> Floats:
        """Return what these axes leave of the residuals (n,), with the users fitted to them alone."""
        start = self.turn.T @ self.tastes.covariance @ self.turn, self.tastes.noise
        users = fit(self.sums.along(self.turn), ALONG, start).means
        rest: Floats = self.residuals - np.einsum("nj,nj->n", users[self.rows.user], self.scores[self.rows.item])
        return rest


def tag_tastes(
    observations: Observations,
    tags: Floats,
    numbers: Floats,
    fold: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    with_numbers: bool = False,
    facts: UserFacts | None = None,
) -> TagTastes | None:
    """Find the axes of tastes for tags (I, G) of the items, and test them; None if there is nothing to find.

    Numbers (I, P) and tags may be unknown (NaN). Numbers, bias and log n are partialled out of the tags, and the tags
    are permuted among items alike in these. `with_numbers` they are columns like the tags, after them, in this order,
    and items are permuted freely. `fold` (n,) is the fold of each rating. Without `facts` of the users no axis goes
    with anything else than taste. A sample of the users is taken if there are many.
    """
    rows, users, items = compact(observations, rng)
    if not len(users):
        return None
    biases = bias_model(rows, DAMPING, SWEEPS)
    numbers = np.column_stack([numbers[items], biases.item_bias, np.log(biases.n_by_item)])
    known = described(tags[items], numbers, biases.n_by_item, with_numbers=with_numbers)
    left = partial_out(known, known.tags)
    profiles = left @ whitening(left, len(rows.value)) / known.root
    if not profiles.shape[1]:
        return None
    residuals = biases.residuals(rows)
    sums = sums_of(rows, residuals, profiles)
    tastes = fit(sums, STEPS)
    step(OF_FIT)
    axes = Axes(rows, residuals, profiles, sums, tastes, leading(tastes.covariance))
    p, z = against_permuted(axes, known, rng)
    axes = axes.first(len(p))
    correlations = left.T @ (known.root * profiles) / np.sqrt(len(rows.value) * (left**2).sum(0) + TINY)[:, None]
    halves, is_kept = in_halves(axes, correlations, rng)
    own_facts = None if facts is None else facts.take(users)
    return TagTastes(
        scores=spread_out(axes.scores.T, items, observations.n_items),
        users=spread_out((tastes.means @ axes.turn).T, users, observations.n_users).T,
        loadings=(correlations @ axes.turn).T,
        is_kept=is_kept,
        held_out=on_held_out(axes, fold[selected(observations, users)], biases, own_facts),
        p=p,
        z=z,
        halves=halves,
    )


def compact(observations: Observations, rng: np.random.Generator) -> tuple[Observations, Rows, Rows]:
    """Return the ratings of a sample of the users, by codes among those that occur; the users, the items (sorted).

    Users with few ratings are left out.
    """
    n_by_user = observations.counts()[0]
    order = rng.permutation(np.flatnonzero(n_by_user >= FEWEST_RATINGS))
    n_asked = int((np.cumsum(n_by_user[order]) <= max(MOST_RATINGS, n_by_user.max())).sum())
    users = np.sort(order[: min(n_asked, MOST_USERS)])
    rows = observations.take(selected(observations, users))
    items = np.unique(rows.item)
    user, item = (np.searchsorted(kinds, own) for kinds, own in ((users, rows.user), (items, rows.item)))
    numbered = Observations(user.astype(np.int32), item.astype(np.int32), rows.value, len(users), len(items))
    return numbered, users, items.astype(np.int64)


def selected(observations: Observations, users: Rows) -> NDArray[np.bool_]:
    """Return which ratings (n,) are by these users."""
    is_asked = np.zeros(observations.n_users, dtype=bool)
    is_asked[users] = True
    return is_asked[observations.user]


def spread_out(values: Floats, places: Rows, n: int) -> Table:
    """Return values (r, m) at their places among n, 0 elsewhere: (r, n)."""
    table = np.zeros((len(values), n), np.float32)
    table[:, places] = values
    return table


def described(tags: Floats, numbers: Floats, n_ratings: NDArray[np.int64], *, with_numbers: bool) -> Tags:
    """Return the tags with what is partialled out of them: linear and quadratic in the ranks of the numbers."""
    ranks, one = ranked(numbers), np.ones((len(tags), 1))
    is_unknown = ~np.isfinite(numbers)
    if with_numbers:
        tags, nuisance, strata = np.column_stack([tags, numbers]), one, Strata.of(np.zeros((len(tags), 0)))
    else:
        nuisance, strata = np.column_stack([one, ranks, ranks**2, is_unknown]), Strata.of(numbers)
    root = np.sqrt(n_ratings)[:, None]
    basis, lengths, _ = np.linalg.svd(nuisance * root, full_matrices=False)
    return Tags(ranked(tags), basis[:, lengths > SMALLEST * lengths[0]], root, strata)


def ranked(columns: Floats) -> Floats:
    """Return the centred ranks of columns (n, m), from -1/2 to 1/2, 0 if unknown; of a tag they are its two values."""
    ranks = np.zeros(columns.shape)
    for rank, column in zip(ranks.T, columns.T, strict=True):
        known = np.isfinite(column)
        rank[known] = average_ranks(column[known]) / max(known.sum(), 1) - 0.5
    return ranks


def partial_out(known: Tags, tags: NDArray[Any], further: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return tags (I, G) times the root of the weight, less what the basis and `further` orthogonal columns explain."""
    left: NDArray[Any] = tags * known.root
    for basis in (known.basis, further):
        if basis is not None:
            left = left - basis @ (basis.T @ left)
    return left


def whitening(left: NDArray[Any], weight: float) -> NDArray[Any]:
    """Return the map (G, d) of weighted tags (I, G) to the principal directions of their correlations, variance 1."""
    squares = (left.T @ left).astype(np.float64) / weight
    deviation = np.sqrt(np.diag(squares))
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > LEAST_LEFT)
    values, vectors = np.linalg.eigh(squares * np.outer(scale, scale))
    kept = np.flatnonzero(values > SMALLEST)[::-1][:MOST_DIRECTIONS]
    axes: NDArray[Any] = (scale[:, None] * vectors[:, kept] / np.sqrt(values[kept])).astype(left.dtype)
    return axes


def sums_of(rows: Observations, residuals: Floats, profiles: Floats) -> Sums:
    """Return the sums that EM needs, of ratings with these residuals (n,), given the items' profiles (I, d)."""
    order = np.argsort(rows.user, kind="stable")
    items, ends = rows.item[order], np.cumsum(np.bincount(rows.user, minlength=rows.n_users))
    gram = np.empty((rows.n_users, profiles.shape[1], profiles.shape[1]))
    for own, begin, end in zip(gram, np.r_[0, ends[:-1]], ends, strict=True):
        seen = profiles[items[begin:end]]
        own[:] = seen.T @ seen
    return Sums(gram, table_of(rows, residuals) @ profiles, float(residuals @ residuals), len(residuals))


def table_of(rows: Observations, values: NDArray[np.floating]) -> sp.csr_array:
    """Return values (n,) of ratings as a sparse table (U, I)."""
    return sp.csr_array((values, (rows.user, rows.item)), shape=(rows.n_users, rows.n_items))


def fit(sums: Sums, steps: int, start: tuple[Floats, float] | None = None) -> Tastes:
    """Fit covariance and noise by EM, from a start or from next to nothing."""
    n_users, d = sums.linear.shape
    noise = sums.squares / sums.n
    covariance, noise = start or (START * noise * np.eye(d), noise)
    for _ in range(steps):
        spread = np.linalg.inv(np.linalg.inv(covariance + SMALLEST * noise * np.eye(d)) + sums.gram / noise)
        means = (spread @ sums.linear[:, :, None])[:, :, 0] / noise
        explained = 2 * (means * sums.linear).sum() - np.einsum("ug,ugh,uh->", means, sums.gram, means, optimize=True)
        noise = max((sums.squares - explained + float((spread * sums.gram).sum())) / sums.n, SMALLEST * noise)
        covariance = (means.T @ means + spread.sum(0)) / n_users
    return Tastes(covariance, means, noise)


def leading(covariance: Floats) -> Floats:
    """Return the eigenvectors (d, d) of a covariance, the largest first."""
    vectors: Floats = np.linalg.eigh(covariance)[1][:, ::-1]
    return vectors


def against_permuted(axes: Axes, known: Tags, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Compare the axes in turn with permuted tags -> p (r,) and z (r,), up to the first p above LEAST_P.

    Given the axes before it, an axis is as strong as the largest eigenvalue of the first step of EM. An axis that
    two of the first few permutations reach is given up.
    """
    p: list[float] = []
    z: list[float] = []
    single = known.single()
    for j in range(min(MOST_AXES, axes.turn.shape[1])):
        step(OF_PERMUTED / MOST_AXES * (j > 0))
        left = LeftOver.by(axes.first(j), single)
        own, permuted = left.strengths(single.tags[None])[0], np.empty(0)
        for n in FEW_PERMUTATIONS, PERMUTATIONS:
            orders = known.strata.orders(n - len(permuted), rng)
            permuted = np.append(permuted, left.strengths(single.tags[orders]))
            p_value = float(1 + (permuted >= own).sum()) / (1 + len(permuted))
            if p_value > 2 / (1 + FEW_PERMUTATIONS):
                break
        p.append(p_value)
        z.append(float((own - permuted.mean()) / max(permuted.std(), TINY)))
        if p_value > LEAST_P:
            break
    step(OF_PERMUTED * (MOST_AXES + 1 - len(p)) / MOST_AXES)
    return np.array(p), np.array(z)


class LeftOver(NamedTuple):
    """What some axes leave: residuals as a `table` (U, I), divided by the root of the weight; the axes themselves."""

    table: sp.csr_array
    axes: Table
    known: Tags
    n: int

    @classmethod
    def by(cls, axes: Axes, known: Tags) -> LeftOver:
        """Take what axes, perhaps none, leave of the residuals."""
        n = len(axes.residuals)
        residuals = (axes.rest() if axes.turn.shape[1] else axes.residuals).astype(np.float32)
        table = table_of(axes.rows, residuals / known.root[axes.rows.item, 0])
        return cls(table, (axes.scores * known.root / np.sqrt(n)).astype(np.float32), known, n)

    def strengths(self, tags: Table) -> Floats:
        """Return how strong the strongest axis of each of several tables of tags (P, I, G) is."""
        found: list[float] = []
        for begin in range(0, len(tags), TOGETHER):  # side by side, the product takes half the time
            left = [partial_out(self.known, own, self.axes) for own in tags[begin : begin + TOGETHER]]
            white = [own @ whitening(own, self.n) for own in left]
            ends = np.cumsum([own.shape[1] for own in white])
            by_user = np.split(self.table @ np.hstack(white), ends[:-1], axis=1)
            found += [float(np.linalg.eigvalsh(own.T @ own).max(initial=0)) for own in by_user]
        return np.array(found)


def in_halves(axes: Axes, correlations: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Fit halves of the users -> mean correlation (r,) of the axes' matches, and which signs (r, G) all halves keep."""
    rows = axes.rows
    n = np.bincount(rows.user, minlength=rows.n_users)
    squares = np.bincount(rows.user, axes.residuals**2, rows.n_users).astype(np.float64)
    is_positive, agreed = correlations @ axes.turn > 0, []
    is_kept = np.ones(is_positive.shape, dtype=bool)
    for _ in range(SPLITS):
        is_first, matches = rng.permutation(rows.n_users) % 2 == 0, []
        for users in (is_first, ~is_first):
            sums = axes.sums.of(users, squares, n)
            of_half = leading(fit(sums, OF_PART, axes.tastes.in_all_directions()).covariance)
            own = counterparts(axes.turn, of_half)
            is_kept &= (correlations @ own > 0) == is_positive
            matches.append(own)
            step(OF_HALVES / (2 * SPLITS))
        agreed.append((matches[0] * matches[1]).sum(0))
    return np.mean(agreed, axis=0), is_kept.T


def counterparts(turn: Floats, others: Floats) -> Floats:
    """Return which of other axes (d, d) are most like these (d, r) together, with the sign that makes them alike."""
    alike = turn.T @ others
    match = best_assignment(np.abs(alike))
    return others[:, match] * np.where(np.take_along_axis(alike, match[:, None], 1)[:, 0] < 0, -1.0, 1.0)


def on_held_out(axes: Axes, fold: NDArray[np.uint8], biases: BiasModel, facts: UserFacts | None) -> HeldOut:
    """Explain the residuals of each fold by axes and users fitted without it, in the order of the axes they match."""
    rows = axes.rows
    contributions, residuals, causes = [], [], []
    n_folds = int(fold.max()) + 1
    for f in range(n_folds):
        step(OF_HELD_OUT / n_folds)
        is_seen = fold != f
        if is_seen.all():
            continue
        of_seen = bias_model(rows, DAMPING, FOLD_SWEEPS, seen=is_seen, start=biases)
        seen, unseen = rows.take(is_seen), rows.take(~is_seen)
        sums = sums_of(seen, of_seen.residuals(seen), axes.profiles)
        tastes = fit(sums, OF_PART, axes.tastes.in_all_directions())
        own = counterparts(axes.turn, leading(tastes.covariance))
        alone = fit(sums.along(own), ALONG, (own.T @ tastes.covariance @ own, tastes.noise))  # the scale takes longer
        users, scores = alone.means, axes.profiles @ own
        contributions.append(users[unseen.user] * scores[unseen.item])
        if facts:
            causes.append(explained(users, scores, unseen, of_seen, facts.seen(rows, of_seen, is_seen)))
        residuals.append(of_seen.residuals(unseen))
    x, y = np.concatenate(contributions), np.concatenate(residuals)
    total = [explained_share(x[:, :j], y) for j in range(x.shape[1] + 1)]
    t, slope = regress(x, y)
    if facts is None:
        return HeldOut(t, slope, np.diff(total), [None] * len(t))
    return HeldOut(t, slope, np.diff(total), goes_with(np.sum(causes, axis=0), facts.share_of_copies))

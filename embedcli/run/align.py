"""The coordinates of one run given to another: what a coordinate means stays the same from training to training.

A linear map of the item factors, and its inverse of the user factors, leave every prediction as it is. So the
coordinates that a training ends in mean nothing by themselves. Here they are put into a standard form, and turned onto
those of another run by the items that both have (Zielnicki and Hsiao 2025: standardise by a singular value
decomposition, then orthogonal Procrustes; Schönemann 1966). Nothing but the factors changes: not what is predicted,
and not the biases.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.errors import UsageError
from embedcli.run.record import Run

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
FEWEST_COMMON = 20  # items
FIRST = 5  # coordinates whose agreement is told
ROUNDS = 20  # of turning the members of a run onto their mean
BALANCED = 2.0  # largest over smallest stretch of a balancing map: trainings here end below 1.8 at any setting
SMALLEST = 1e-7  # singular value over the largest: less is rounding


def items_in_common(a: Run | Ratings, b: Run | Ratings) -> tuple[Rows, Rows, str]:
    """Return the rows (n,) in a and in b of the items that both have, and what they are matched by: "id" or "title".

    Items are matched by id if the ratings are the same, else by title without regard to case and punctuation; a title
    that occurs twice is left out.
    """
    matched_by = "id" if a.data.sha256 and a.data.sha256 == b.data.sha256 else "title"
    if matched_by == "id" and a.items.ids == b.items.ids:
        every = np.arange(len(a.items))
        return every, every, matched_by
    keys = [_keys(side, matched_by) for side in (a, b)]
    shared = [key for key in keys[0] if key in keys[1]]
    rows_a, rows_b = (np.array([rows[key] for key in shared], dtype=np.int64) for rows in keys)
    return rows_a, rows_b, matched_by


def _keys(side: Run | Ratings, matched_by: str) -> dict[str, int]:
    """Return the rows of the items by what they are matched by; what occurs twice is left out."""
    titles = (re.sub(r"\W+", " ", title.casefold()).strip() for title in side.items.titles)
    keys = side.items.ids if matched_by == "id" else tuple(titles)
    counts = Counter(keys)
    return {key: row for row, key in enumerate(keys) if counts[key] == 1}


def check_alignable(what: Run | Ratings, n_factors: int, to: Run) -> tuple[Rows, Rows]:
    """Return the rows of the items that a run, or the ratings it is trained on, has in common with another run.

    Raises UsageError if they are too few, and if the other run has another number of factors.
    """
    theirs = to.shape("item_factors")[2]
    if n_factors != theirs:
        raise UsageError(
            f"`align_to` {to.name!r} has {theirs} factors, not {n_factors}",
            f"give `n_factors` {theirs}, or align to another run",
        )
    rows, others, _ = items_in_common(what, to)
    if len(rows) < FEWEST_COMMON:
        raise UsageError(
            f"`align_to` {to.name!r} has {len(rows)} {to.data.noun}s in common with these ratings",
            f"give a run that shares {FEWEST_COMMON} titles or more",
        )
    return rows, others


def aligned(run: Run, to: Run) -> Run:
    """Return a run in the coordinates of another: the same predictions, from factors whose columns mean the same.

    Each member is balanced, which fixes its coordinates up to a rotation, and turned onto the other run's coordinates,
    see `coordinates`; so `aligned(run, run)` gives its standard form. The fold members are turned, too, with
    their users' covariances; the arrays of the posterior and of the half members have coordinates of their own.

    Raises UsageError as `check_alignable`, RunError for a run without item factors.
    """
    rows, others = check_alignable(run, run.shape("item_factors")[2], to)
    target, weight, maps = coordinates(to)[others], _weight(run, to, rows, others), []

    def turned(items: Floats) -> Floats:
        return rotation(items[rows], target, weight)

    for of_users, of_items, items in _balanced(run):
        turn = turned(items)
        maps.append((of_users @ turn, of_items @ turn))
    arrays = dict(run.arrays)
    for name, own_maps in zip(("user_factors", "item_factors"), zip(*maps, strict=True), strict=True):
        if name in arrays:
            arrays[name] = _mapped(arrays[name], own_maps)
    if "fold_item_factors" in arrays:
        folds = arrays["fold_item_factors"]
        turns = [turned(fold.astype(np.float64)) for fold in folds]
        arrays["fold_item_factors"] = _mapped(folds, turns)
        if "fold_user_covariance" in arrays:
            pairs = zip(turns, arrays["fold_user_covariance"], strict=True)
            arrays["fold_user_covariance"] = np.array([turn.T @ c @ turn for turn, c in pairs], dtype=np.float32)
    return replace(run, arrays=arrays, training=replace(run.training, aligned_to=to.name))


def agreement(run: Run, to: Run) -> Floats:
    """Return the correlation (k,) of each coordinate of an aligned run with the same of the other, over their items."""
    rows, others, _ = items_in_common(run, to)
    weight = _weight(run, to, rows, others)
    own, theirs = (x - weight @ x / weight.sum() for x in (coordinates(run)[rows], coordinates(to)[others]))
    sizes = np.sqrt((weight @ own**2) * (weight @ theirs**2))
    found: Floats = np.divide(weight @ (own * theirs), sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return found


def about_agreement(run: Run, to: Run) -> str:
    """Say how well an aligned run agrees with the other in its first coordinates, which are the largest."""
    first = np.abs(agreement(run, to))[:FIRST]
    return f"aligned to {to.name}: the first {len(first)} coordinates agree by |r| {first.min():.3f} or more"


def _weight(run: Run, to: Run, rows: Rows, others: Rows) -> Floats:
    """Return the weights (n,) of items that two runs have in common: the noise of both is as 1 over their ratings."""
    known, known_there = run.item_stats.n_ratings[rows], to.item_stats.n_ratings[others]
    weight: Floats = 1 / (1 / (1 + known) + 1 / (1 + known_there))
    return weight


def coordinates(run: Run) -> Floats:
    """Return the coordinates of the items (I, k) of a run: the mean of its members, in one form.

    The form of a run that is aligned is the one it has. Else its members are balanced and turned onto their mean, and
    that onto its principal axes, the largest first, each with its longest coordinate positive. Items count by their
    numbers of ratings.
    """
    if run.training.aligned_to is not None:
        mean: Floats = run.array("item_factors").mean(0, dtype=np.float64)
        return mean
    weight, n_members = 1.0 + run.item_stats.n_ratings, run.n_members
    together = np.concatenate([balanced for _, _, balanced in _balanced(run)], axis=1)  # (I, M k)
    products = (together.T * weight) @ together
    turns = np.eye(*products.shape)[:, : len(products) // n_members]  # (M k, k), at first of the first member alone
    for _ in range(ROUNDS if n_members > 1 else 0):
        turns = np.concatenate([_polar(block) for block in np.split(products @ turns, n_members)])
    mean = together @ turns / n_members
    standard: Floats = mean @ np.linalg.eigh((mean.T * weight) @ mean)[1][:, ::-1]
    longest = np.take_along_axis(standard, np.abs(standard).argmax(0)[None], 0)
    return standard * np.where(longest < 0, -1.0, 1.0)


def rotation(x: Floats, onto: Floats, weight: NDArray[np.floating]) -> Floats:
    """Return the rotation, or reflection, R (k, k) with the least weighted squares of x @ R - onto, (n, k) each."""
    return _polar((x.T * weight) @ onto)


def _polar(product: Floats) -> Floats:
    """Return the rotation, or reflection, that is nearest to a matrix (k, k)."""
    left, _, right = np.linalg.svd(product)
    turn: Floats = left @ right
    return turn


def _balanced(run: Run) -> list[tuple[Floats, Floats, Floats]]:
    """Return per member the maps (k, k) of user and item factors to balanced ones, and the balanced item factors.

    With P and Q the factors whose rows are weighted by the root of 1 + their numbers of ratings, P Q' = U S V', they
    become U S^1/2 and V S^1/2: a coordinate takes as much of both sides, and so it has the least noise. As every row
    has a weight, no prediction changes. A decay per rating ends nearly there: factors that no map would stretch much
    are left as they are, so that the components of a trained run, which it has tested, stay the same. Without user
    factors the item factors are taken as they are, too.
    """
    n_factors, found = run.shape("item_factors")[2], []
    for m, member in enumerate(run.array("item_factors")):
        items, own = member.astype(np.float64), np.eye(n_factors)
        if "user_factors" not in run.arrays:
            found.append((own, own, items))
            continue
        sides = ((run.array("user_factors")[m], run.user_stats), (items, run.item_stats))
        of_users, of_items = (_root((factors.T * (1.0 + stats.n_ratings)) @ factors) for factors, stats in sides)
        left, s, right = np.linalg.svd(of_users @ of_items.T)
        root = np.sqrt(np.divide(1, s, out=np.zeros_like(s), where=s > SMALLEST * s[0]))
        maps = of_items.T @ right.T * root, of_users.T @ left * root
        stretch = np.linalg.svd(maps[1], compute_uv=False)
        if stretch[0] < BALANCED * stretch[-1]:
            maps = own, own
        found.append((*maps, items @ maps[1]))
    return found


def _root(product: Floats) -> Floats:
    """Return a root R of a product R'R = X'X."""
    values, vectors = np.linalg.eigh(product)
    root: Floats = np.sqrt(values.clip(0))[:, None] * vectors.T
    return root


def _mapped(factors: NDArray[np.float32], maps: Sequence[Floats]) -> NDArray[np.float32]:
    """Return factors (M, n, k) of which each member is multiplied by its map (k, k)."""
    mapped = np.empty_like(factors, dtype=np.float32)
    for m, map_ in enumerate(maps):
        mapped[m] = factors[m].astype(np.float64) @ map_
    return mapped

"""How far components agree with the truth, by members trained on disjoint halves of the users.

Two halves share no rating, so what both find is not noise. With r the correlation (Tucker's phi) over the items of a
component as either half has it, sqrt(2 r / (1 + r)) is its correlation with its own expectation if it is found from
all users (Spearman 1910, Brown 1910). Two things keep that from the truth. The coordinates of rarely rated items are
shrunk: they are taken as n / (n + c) of the truth, with c fitted to what the halves have in common, and the truth as
equally spread among rarely and often rated items. And tastes that are nearly equally strong are turned into each other
by the items that happen to be there: so the halves take their axes from disjoint halves of the items, too.
Measured on planted worlds: `stability` of examples/benchmarks/trust.py.
"""

import numpy as np
from numpy.typing import NDArray

from embedcli.evidence.bases import Floats, Table, coordinates, most_rated, preference_axes, principal_axes, unit

N_KEPT = 12  # components of each half member
LEAST_ERROR = 0.05  # of the estimate: what the splits have in common, measured on planted worlds
HALF_SHRUNK = np.geomspace(0.1, 1000, 50)  # ratings at which a coordinate is half of the truth


def half_components(
    user_factors: Table, item_factors: Table, n_by_user: NDArray[np.int64], n_by_item: NDArray[np.int64]
) -> tuple[Table, Table]:
    """Return the coordinates (I, K) of all items on the largest components of one half member: PCA, and preference.

    user_factors (U, k) and item_factors (I, k) are those of the member, the numbers of ratings those of its half.
    K = min(N_KEPT, k). The PCA is over the most rated items of the half; a preference axis is scaled by its size.
    """
    items = item_factors.astype(np.float64)
    top = items[most_rated(n_by_item)]
    principal = (items - top.mean(0)) @ principal_axes(top)[0][:, :N_KEPT]
    _, s, axes = preference_axes(user_factors[None], item_factors[None], n_by_user, n_by_item, N_KEPT)
    preference = coordinates(item_factors[None], np.arange(len(items)), axes) * s[: axes[1].shape[1]]
    return principal.astype(np.float32), preference.astype(np.float32)


def truth_agreement(
    shown: Floats, halves: list[Floats], n_ratings: NDArray[np.int64]
) -> list[tuple[float | None, float | None]]:
    """Estimate the |Tucker's phi| of each component shown (n, K) with the truth, and its standard error.

    `halves` (2 S) are the components (n, K') of either half in each of S splits of the users, n_ratings (n,) the
    ratings of each item by all users. The component of a half is the one that is most like the component shown. The
    error is the standard deviation between the splits and LEAST_ERROR together; None of a single split, and
    both None without halves.
    """
    if not halves:
        return [(None, None)] * shown.shape[1]
    shown = unit(shown - shown.mean(0))
    sides = [_counterparts(shown, unit(half - half.mean(0))) for half in halves]
    common = np.array([a * b for a, b in zip(sides[::2], sides[1::2], strict=True)])  # (S, n, K); the sum over n is r
    shrunk = np.array([_shrinkage(products, n_ratings) for products in common.mean(0).T])
    estimates = _stepped_up(common.sum(1)) * shrunk  # (S, K)
    found = _stepped_up(common.sum(1).mean(0)) * shrunk
    if len(common) == 1:
        return [(float(phi), None) for phi in found]
    errors = np.hypot(estimates.std(0, ddof=1), LEAST_ERROR)
    return [(float(phi), float(error)) for phi, error in zip(found, errors, strict=True)]


def _counterparts(shown: Floats, half: Floats) -> Floats:
    """Return the component of a half (n, K') that is most like each one shown (n, K), with its sign -> (n, K)."""
    phi = shown.T @ half
    nearest = np.abs(phi).argmax(1)
    found: Floats = half[:, nearest] * np.sign(phi[np.arange(len(phi)), nearest])
    return found


def _stepped_up(r: Floats) -> Floats:
    """Return the correlation with its expectation of what two halves together find, from that of the halves."""
    r = r.clip(0, 1)
    found: Floats = np.sqrt(2 * r / (1 + r))
    return found


def _shrinkage(products: Floats, n_ratings: NDArray[np.int64]) -> float:
    """Return the correlation of a component, without its noise, with the truth that it shrinks.

    products (n,) of the coordinates in two halves are on average (m / (m + c))^2 times a constant, with m half the
    ratings; the constant and c are those with the least squares.
    """
    share = n_ratings / (n_ratings + 2 * HALF_SHRUNK[:, None])  # (50, n), of halves
    square = share**2
    explained = (square @ products).clip(0) ** 2 / (square**2).sum(1)
    c = HALF_SHRUNK[explained.argmax()]
    whole = n_ratings / (n_ratings + c)
    return float(whole.mean() / np.sqrt((whole**2).mean()))

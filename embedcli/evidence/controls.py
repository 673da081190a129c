"""Control labels: tags and numbers that depend on some confounders as the real ones do, and on nothing else."""

from __future__ import annotations

import numpy as np

from embedcli.evidence.bases import Floats
from embedcli.evidence.statistics import average_ranks

POWERS = 3  # of the ranks of a confounder
RIDGE = 0.1  # keeps logistic coefficients finite if the confounders tell who carries a tag
MOST_STEPS = 30


def design_of(confounders: Floats) -> Floats:
    """Return the columns 1, and for each of the confounders (n, m) the powers of its ranks; a column marks unknown."""
    columns = [np.ones(len(confounders))]
    for values in confounders.T:
        known = np.isfinite(values)
        ranks = np.zeros(len(values))
        ranks[known] = (2 * average_ranks(values[known]) - 1) / max(known.sum(), 1) - 1
        columns += [~known, *(ranks**power for power in range(1, POWERS + 1))]
    return np.column_stack(columns)


def without(confounders: Floats, values: Floats) -> Floats:
    """Return values (n, K) less what a polynomial of the ranks of the confounders (n, m) explains."""
    design = design_of(confounders)
    residuals: Floats = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return residuals


def control_tags(tag: Floats, confounders: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Draw n tags (n, I) that depend on the confounders (I, m) as a tag of 0 and 1 (I,) does, by logistic regression.

    What is found in the tag and not in these is more than the confounders (conditional randomisation test, Candes et
    al. 2018).
    """
    design = design_of(confounders)
    coefficients, penalty = np.zeros(design.shape[1]), RIDGE * np.eye(design.shape[1])
    for _ in range(MOST_STEPS):  # Newton's
        chance = 1 / (1 + np.exp(-design @ coefficients))
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, design.T @ (tag - chance) - RIDGE * coefficients)
        coefficients += step
        if np.abs(step).max() < 1e-6:
            break
    return (rng.random((n, len(tag))) < chance).astype(np.float64)


def control_numbers(number: Floats, confounders: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Draw n numbers (n, I): what the confounders (I, m) explain of a number (I,), plus its residuals permuted."""
    residuals = without(confounders, number[:, None])[:, 0]
    drawn: Floats = (number - residuals) + rng.permuted(np.tile(residuals, (n, 1)), axis=1)
    return drawn

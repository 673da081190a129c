"""What the formats of whole models hold: the arrays that predictions are made of, and what their rows are."""

from typing import Any

import numpy as np

from embedcli.run.predictions import NAMES, Arrays
from embedcli.run.record import ItemStats, Run


def arrays(run: Run) -> Arrays:
    """Return the factors and biases that the run has."""
    return {name: run.array(name) for name in NAMES if name in run.arrays}


def labels(run: Run) -> dict[str, str | list[Any]]:
    """Return what is known of the rows of the arrays, (n,) each, and how predictions are made: `link` and `y_range`."""
    items = run.items
    found: dict[str, str | list[Any]] = {"item_ids": list(items.ids)}
    if items.titles != items.ids:
        found["titles"] = list(items.titles)
    if any(items.years):
        found["years"] = ["" if year is None else str(year) for year in items.years]
    if any(items.tags):
        found["tags"] = list(map("|".join, items.tags))
    found |= _stats("item", run.item_stats)
    if "user_factors" in run.arrays or "user_bias" in run.arrays:
        found |= {"user_ids": list(run.users.ids), **_stats("user", run.user_stats), "link": run.link}
        if run.sigmoid_range is not None:
            found["y_range"] = list(run.sigmoid_range)
    return found


def _stats(side: str, stats: ItemStats) -> dict[str, str | list[Any]]:
    """Return the numbers and means of training ratings; none if they are not known."""
    found: dict[str, str | list[Any]] = {}
    if stats.is_known:
        found[f"{side}_n_ratings"] = stats.n_ratings.tolist()
    if np.isfinite(stats.mean_rating).any():
        found[f"{side}_mean_rating"] = stats.mean_rating.tolist()
    return found

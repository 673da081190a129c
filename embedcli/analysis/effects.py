"""What goes with a ranking: tags and numbers, by the size of their effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from embedcli.run.record import Run

THRESHOLD = 0.3  # an effect below it names nothing
FEWEST_TAGGED = 20  # items, with the tag and without it: of fewer, chance alone makes effects above the threshold
WORDS = {
    "mean rating": ("high mean rating", "low mean rating"),
    "year": ("newer", "older"),
    "log n": ("much rated", "little rated"),
}


@dataclass(frozen=True)
class Effect:
    """How strongly a tag or a number of the items goes with their order on an axis, -1 to 1.

    For a tag the rank-biserial correlation (the chance that an item with the tag stands above one without it,
    minus the reverse); for a number Spearman's rank correlation. `n` items were compared.
    """

    name: str
    kind: str  # "tag" or "number"
    effect: float
    n: int

    def word(self, positive: bool) -> str:
        """Say in words what this effect says of the positive or the negative pole."""
        if self.kind == "tag":
            return self.name
        above, below = WORDS[self.name]
        return above if (self.effect > 0) == positive else below


def effects(run: Run, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[Effect, ...]:
    """Return the effect of every tag and number on the scores (n,) of these items, the strongest first."""
    found = [_number(name, values[rows], scores) for name, values in _numbers(run).items()]
    found += [_tag(tag, np.array([tag in run.items.tags[j] for j in rows]), scores) for tag in _all_tags(run)]
    return tuple(sorted((effect for effect in found if effect), key=lambda effect: -abs(effect.effect)))


def names(effects: tuple[Effect, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the (positive, negative) pole by the effects that reach the threshold, the strongest first.

    A number says something of both poles, a tag of the one where its items stand; a pole that nothing
    reaches is "mixed".
    """
    strong = [effect for effect in effects if abs(effect.effect) >= THRESHOLD]

    def pole(positive: bool) -> tuple[str, ...]:
        here = [e for e in strong if e.kind == "number" or (e.effect > 0) == positive]
        return tuple(effect.word(positive) for effect in here) or ("mixed",)

    return pole(True), pole(False)


def _numbers(run: Run) -> dict[str, NDArray[np.float64]]:
    n = run.item_seen.n_ratings
    years = [np.nan if year is None else year for year in run.items.years]
    return {
        "mean rating": run.item_seen.mean_rating,
        "year": np.array(years, dtype=np.float64),
        "log n": np.log(np.where(n > 0, n, np.nan)),
    }


def _all_tags(run: Run) -> list[str]:
    return sorted({tag for tags in run.items.tags for tag in tags})


def _number(name: str, values: NDArray[np.float64], scores: NDArray[np.float64]) -> Effect | None:
    known = np.isfinite(values)
    values, scores = values[known], scores[known]
    if len(values) < FEWEST_TAGGED or np.ptp(values) == 0 or np.ptp(scores) == 0:
        return None
    effect = np.corrcoef(rankdata(values), rankdata(scores))[0, 1]
    return Effect(name, "number", float(effect), len(values))


def _tag(tag: str, tagged: NDArray[np.bool_], scores: NDArray[np.float64]) -> Effect | None:
    n = len(scores)
    if not FEWEST_TAGGED <= tagged.sum() <= n - FEWEST_TAGGED:
        return None
    ranks = rankdata(scores)
    return Effect(tag, "tag", float(2 * (ranks[tagged].mean() - ranks[~tagged].mean()) / n), int(tagged.sum()))

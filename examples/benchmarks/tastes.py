"""Measure whether the axes of tastes hold: the figures of docs/methods.md.

    OMP_NUM_THREADS=1 python examples/benchmarks/tastes.py [--worlds N] [--shuffles N]

On the worlds of tests/misspecified.py, 40 of each kind: whether a planted tag is a word of an axis that holds, whether
there are more axes than planted tags, and whether tags that follow nothing but quality and popularity give any. On
MovieLens 100K: the axes that hold, and how often any holds if films that are alike in year, bias and number of ratings
exchange their genres (200 times). Takes 8 minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import embedcli
from embedcli.analysis.tastes import why_unnamed
from embedcli.data.ratings import Ratings, Users
from embedcli.evidence.observations import bias_model
from embedcli.evidence.strata import Strata
from embedcli.run.record import TasteAxis
from embedcli.training.evaluation import observed
from embedcli.training.tastes import tastes_of

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from misspecified import Knobs, misspecified_world  # type: ignore[import-not-found]
from trust import FIRST, Figure

PLAIN, N_FOLDS = Knobs(), 5
PLANTED = {
    "three tags planted": PLAIN,
    "the same, 20,000 ratings": replace(PLAIN, size=(500, 300, 20_000)),
    "the same, of equal strength": replace(PLAIN, factors=(0.35, 0.35, 0.35)),
    "the same, half as close to the axes": replace(PLAIN, tag_align=0.7),
}
NONE = {
    "tags follow quality": replace(PLAIN, tag_align=0.0, tag_q=1.5),
    "tags follow popularity": replace(PLAIN, tag_align=0.0, tag_pop=1.5),
    "no tastes, tags follow both": replace(PLAIN, factors=(), tag_q=1.5, tag_pop=1.5),
    "no tastes, use of the scale, tags follow both": replace(PLAIN, factors=(), tag_q=1.5, tag_pop=1.5, stretch=0.5),
}


def holding(ratings: Ratings, seed: int) -> list[TasteAxis]:
    """Return the axes of tastes for tags that hold."""
    rng = np.random.default_rng([seed, 3])
    fold = rng.integers(0, N_FOLDS, len(ratings), dtype=np.uint8)
    alone = replace(ratings, users=Users(ratings.users.ids))
    (tastes, *_), _ = tastes_of(alone, fold, rng)
    return [axis for axis in tastes.axes if tastes.of == "items" and why_unnamed(axis) is None]


def planted(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how often planted tags are found, and how often more is found than was planted."""
    for what, knobs in PLANTED.items():
        n_planted, found, more = len(knobs.factors), [], []
        for seed in range(first, first + n_worlds):
            world = misspecified_world(seed, knobs)
            axes = holding(world.ratings, seed)
            words = {word.name for axis in axes for word in axis.words if word.is_kept}
            names = sorted({tag for tags in world.ratings.items.tags for tag in tags})
            found += [name in words for name in names[:n_planted]]
            more.append(len(axes) > n_planted)
        yield Figure(f"{what}: named", float(np.mean(found)), n_worlds, len(found), least=0.8)
        yield Figure(f"{what}: worlds with more axes than planted", float(np.mean(more)), n_worlds, n_worlds, most=0.0)


def none_planted(first: int, n_worlds: int) -> Iterator[Figure]:
    """Yield how often tags that are no taste give an axis."""
    for what, knobs in NONE.items():
        any_holds = [
            bool(holding(misspecified_world(seed, knobs).ratings, seed)) for seed in range(first, first + n_worlds)
        ]
        yield Figure(f"{what}: worlds with an axis", float(np.mean(any_holds)), n_worlds, n_worlds, most=0.05)


def movielens(first: int, n_shuffles: int) -> Iterator[Figure]:
    """Yield the axes that hold on MovieLens 100K, and how often any does if alike films exchange their genres."""
    ratings = embedcli.load_ratings("ml-100k").split("random", seed=0).train
    axes = holding(ratings, first)
    yield Figure("MovieLens 100K: axes that hold", len(axes), 1, len(axes), least=4)
    yield Figure("MovieLens 100K: their largest p", max(axis.p for axis in axes), 1, len(axes), most=0.02)
    biases = bias_model(observed(ratings), 3.0, 6)
    years = [np.nan if year is None else year for year in ratings.items.years]
    strata, rng = (
        Strata.of(np.column_stack([biases.item_bias, np.log1p(biases.n_by_item), years])),
        np.random.default_rng(first),
    )
    any_holds = []
    for j, order in enumerate(strata.orders(n_shuffles, rng)):
        tags = tuple(ratings.items.tags[row] for row in order)
        any_holds.append(bool(holding(replace(ratings, items=replace(ratings.items, tags=tags)), first + j)))
    what = "MovieLens 100K: genres exchanged among alike films, any axis"
    yield Figure(what, float(np.mean(any_holds)), 1, n_shuffles, most=0.05)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=40, help="of each kind; 40")
    parser.add_argument("--shuffles", type=int, default=200, help="of the genres of MovieLens 100K; 200")
    given = parser.parse_args()
    print(f"{'':76}{'asked':>15}{'found':>9}{'worlds':>7}{'items':>9}")
    figures = planted, none_planted, movielens
    for measure, n in zip(figures, (given.worlds, given.worlds, given.shuffles), strict=True):
        for figure in measure(FIRST, n):
            print(figure, flush=True)


if __name__ == "__main__":
    main()

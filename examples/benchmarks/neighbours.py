"""Measure what a change of the factors that no prediction shows does to neighbours, and which neighbours are better.

    python examples/benchmarks/neighbours.py [data|worlds|seconds] [--data DATA] [--worlds N]

data: a run of DATA is regauged: the item factors of each member and fold member are multiplied by a random matrix of
condition number 10, the user factors by its inverse. How many of the ten nearest of all items with ratings stay, by
preference and by cosine. Then, for items with 20 ratings or more, how many of the ten nearest each fold member finds
again, and how many share a tag with the item. Groups: how well fold members find them again.
worlds: how many of the ten nearest are among the true ten and in the true nearest tenth, in the worlds of
tests/worlds.py of which trust.py measures neighbours.
seconds: CPU seconds of analyses by preference over those by cosine, the median of pairs in alternating order.

Prints a line for each figure; 3 minutes on one core with the default 10 worlds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli.analysis.choices import Angle, Measure, Method
from embedcli.analysis.clusters import clusters
from embedcli.analysis.map import map_items
from embedcli.analysis.metric import fold_vectors, in_common, member_vectors, nearest, random_map
from embedcli.analysis.report import report
from embedcli.evidence.bases import Rows
from embedcli.run.record import Run

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from worlds import MOVIELENS, SIZES, make_world  # type: ignore[import-not-found]

NEAR = ("small", 8.0), ("middle", 8.0), ("middle", 24.0)  # strength of the tastes, as in trust.py
FIRST = 540_000  # seed of the first world
FEWEST = 20  # ratings of an item that has neighbours
N_PAIRS = 5

Line = tuple[str, float, float]  # what, by preference, by cosine


def regauged(run: Run, seed: int) -> Run:
    """Return a run with the same predictions, of its members and fold members, but other factors."""
    rng = np.random.default_rng(seed)
    changed: dict[str, NDArray[np.floating]] = dict(run.arrays.items())
    items, users = run.array("item_factors").astype(np.float64), run.array("user_factors").astype(np.float64)
    maps = [random_map(rng, items.shape[2]) for _ in items]
    changed["item_factors"] = items @ maps
    changed["user_factors"] = users @ np.linalg.inv(maps).transpose(0, 2, 1)
    if "fold_user_covariance" in changed:
        names = "fold_item_factors", "fold_user_covariance"
        folds, covariances = (run.array(name).astype(np.float64) for name in names)
        maps = [random_map(rng, items.shape[2]) for _ in folds]
        back = np.linalg.inv(maps)
        changed |= zip(names, (folds @ maps, back @ covariances @ back.transpose(0, 2, 1)), strict=True)
    return replace(run, arrays={name: array.astype(np.float32) for name, array in changed.items()})


def change_of_predictions(run: Run, other: Run) -> float:
    """Return the largest difference of a preference predicted by two runs, of any member, user and item."""
    p, q = ([run.array("user_factors"), run.array("item_factors")] for run in (run, other))
    pairs = zip(*p, *q, strict=True)
    return max(float(np.abs(a @ b.T - c @ d.T).max()) for a, b, c, d in pairs)


def kept(run: Run, other: Run, by: Measure) -> float:
    """Return the mean share of the ten nearest of all items with ratings that two runs have in common."""
    rows = np.flatnonzero(run.item_stats.n_ratings > 0)
    return in_common(*(nearest(member_vectors(one, by), rows) for one in (run, other)))


def found_again(run: Run, rows: Rows, by: Measure) -> float:
    """Return the mean share of the ten nearest that a fold member has among its own ten."""
    own = nearest(member_vectors(run, by), rows)
    return float(np.mean([in_common(own, nearest([fold], rows)) for fold in fold_vectors(run, by)]))


def with_same_tag(run: Run, rows: Rows, by: Measure) -> float:
    """Return the mean share of the ten nearest that share a tag with the item."""
    tags = [set(run.items.tags[row]) for row in rows]
    found = nearest(member_vectors(run, by), rows)
    return float(np.mean([bool(tags[item] & tags[near]) for item, own in enumerate(found) for near in own]))


def data(run: Run) -> Iterator[Line]:
    """Yield the figures of a run of real ratings."""
    other, rows = regauged(run, 0), np.flatnonzero(run.item_stats.n_ratings >= FEWEST)
    change = change_of_predictions(run, other)
    yield "largest change of a prediction by the regauging", change, change
    figures: dict[str, Callable[[Measure], float]] = {
        "share of the ten nearest kept, all items with ratings": lambda by: kept(run, other, by),
        "found again by a fold member": lambda by: found_again(run, rows, by),
        "share a tag": lambda by: with_same_tag(run, rows, by),
        "groups found again (adjusted Rand index)": lambda by: clusters(run, by=Angle(by)).stability or 0.0,
        "silhouette of the groups": lambda by: clusters(run, by=Angle(by)).silhouette,
        "of clouds without groups": lambda by: clusters(run, by=Angle(by)).control,
        "neighbours kept by the map of two components": lambda by: map_items(run, by=Angle(by)).fidelity.recall,
        "by t-SNE": lambda by: map_items(run, method=Method.TSNE, by=Angle(by)).fidelity.recall,
    }
    for what, figure in figures.items():
        yield what, figure(Measure.PREFERENCE), figure(Measure.COSINE)
    rng = np.random.default_rng(0)
    tags = [set(run.items.tags[row]) for row in rows]
    chance = float(np.mean([bool(tags[a] & tags[b]) for a, b in rng.integers(0, len(rows), (100_000, 2)) if a != b]))
    yield "random items share a tag", chance, chance


def worlds(n_worlds: int) -> Iterator[Line]:
    """Yield how near in truth the ten nearest are, by the planted preferences."""
    for at, (size, strength) in enumerate(NEAR):
        seeds = range(FIRST + 1000 * at, FIRST + 1000 * at + n_worlds)
        shares = np.mean([of_world(seed, size, strength) for seed in seeds], axis=0)
        for what, figures in zip(("among the true ten nearest", "in the true nearest tenth"), shares.T, strict=True):
            yield f"{size}, strength {strength:g}: {what}", *figures.tolist()


def of_world(seed: int, size: str, strength: float) -> list[list[float]]:
    """Return, by measure, the shares of the ten nearest that are among the true ten, and in the true tenth."""
    world = make_world(seed, SIZES[size], 2 + seed % 4, replace(MOVIELENS, strength=strength))
    run = embedcli.fit(world.ratings.split("none"), embedcli.TrainConfig(n_draws=0, n_folds=0, seed=seed))
    rows = np.flatnonzero(run.item_stats.n_ratings >= FEWEST)
    true = world.axes[rows] * np.sqrt(world.variance)
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    likeness = true @ true.T
    np.fill_diagonal(likeness, -np.inf)
    rank = np.argsort(np.argsort(-likeness, axis=1), axis=1)
    ranks = (
        np.take_along_axis(rank, nearest(member_vectors(run, by), rows), 1)
        for by in (Measure.PREFERENCE, Measure.COSINE)
    )
    return [[float((own < 10).mean()), float((own < (len(rows) - 1) / 10).mean())] for own in ranks]


def seconds(run: Run) -> Iterator[Line]:
    """Yield the CPU seconds of analyses."""
    rows = np.flatnonzero(run.item_stats.n_ratings >= FEWEST)
    analyses: dict[str, Callable[..., object]] = {
        "similar": partial(embedcli.similar, run, int(rows[0])),
        "clusters": partial(clusters, run),
        "map, components": partial(map_items, run),
        "map, t-SNE": partial(map_items, run, method=Method.TSNE),
        "report": partial(report, run),
    }
    for name, analyse in analyses.items():
        taken: dict[Measure, list[float]] = {Measure.PREFERENCE: [], Measure.COSINE: []}
        for pair in range(N_PAIRS):
            for by in list(taken)[:: 1 if pair % 2 else -1]:
                began = time.process_time()
                analyse(by=by)
                taken[by].append(time.process_time() - began)
        preference, cosine = (np.array(values) for values in taken.values())
        ratio = np.median(preference / cosine)
        yield f"CPU s of {name}, ratio {ratio:.2f}", float(np.median(preference)), float(np.median(cosine))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["data", "worlds", "seconds", "all"], default="all")
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--worlds", type=int, default=10)
    given = parser.parse_args()
    lines: list[Iterator[Line]] = []
    if given.what != "worlds":
        run = embedcli.fit(embedcli.load_ratings(given.data).split("random", seed=0))
        lines += [data(run)] if given.what in ("data", "all") else []
        lines += [seconds(run)] if given.what in ("seconds", "all") else []
    lines += [worlds(given.worlds)] if given.what in ("worlds", "all") else []
    print(f"{'':60}{'preference':>12}{'cosine':>12}")
    for what, preference, cosine in (line for figures in lines for line in figures):
        print(f"{what:60}{preference:12.3g}{cosine:12.3g}", flush=True)


if __name__ == "__main__":
    main()

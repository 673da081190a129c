"""Measure accuracy and speed of the defaults on MovieLens 100K: the figures of docs/methods.md.

    python examples/benchmarks/movielens.py accuracy
    OMP_NUM_THREADS=1 taskset -c 0 python examples/benchmarks/movielens.py speed

Accuracy: test RMSE and MAE (global, predictions clipped to 1..5, cold users and items scored) as means over
`random 90/10` seeds 0, 1, 2 and over the official folds u1 to u5. Speed: seconds of `fit` on 90,000 ratings by the
compiled and by the torch engine: minimum, median and maximum of seven runs after a first run, which loads or compiles
the engine. Needs MovieLens 100K (fetched if it is not in the cache; EMBEDCLI_DATA says where that is).
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace

import embedcli

RUNS = 7


def accuracy() -> None:
    """Print the mean errors of every model and baseline over the splits."""
    ratings = embedcli.load_ratings()
    splits = {
        "random 90/10, seeds 0..2": [("random", seed) for seed in range(3)],
        "official folds u1..u5": [(f"u{fold}", 0) for fold in range(1, 6)],
    }
    for name, members in splits.items():
        runs = [embedcli.fit(ratings.split(kind, seed=seed), embedcli.TrainConfig(seed=seed)) for kind, seed in members]
        print(f"{name:28}{'RMSE':>8}{'MAE':>8}")
        for scores in zip(*(run.training.scores for run in runs), strict=True):
            rmse, mae = (statistics.mean(getattr(score, figure) for score in scores) for figure in ("rmse", "mae"))
            print(f"  {scores[0].model:26}{rmse:8.4f}{mae:8.4f}")


def speed() -> None:
    """Print how long `fit` takes: one and five members by each engine, and all defaults, with their evidence."""
    split = embedcli.load_ratings().split("random", seed=0)
    bare = embedcli.TrainConfig(n_folds=0, n_draws=0)
    configs = {
        f"{n_members} {'member' if n_members == 1 else 'members'}, {engine}": replace(
            bare, n_members=n_members, engine=engine
        )
        for engine in ("compiled", "torch")
        for n_members in (1, 5)
    }
    configs["all defaults, with evidence"] = embedcli.TrainConfig()
    for name, config in configs.items():
        seconds = []
        for _ in range(RUNS + 1):
            began = time.perf_counter()
            embedcli.fit(split, config)
            seconds.append(time.perf_counter() - began)
        low, middle, high = min(seconds[1:]), statistics.median(seconds[1:]), max(seconds[1:])
        print(f"fit, {name}: {low:.2f} s, median {middle:.2f} s, {high:.2f} s; first {seconds[0]:.2f} s")


if __name__ == "__main__":
    {"accuracy": accuracy, "speed": speed}[sys.argv[1] if len(sys.argv) > 1 else "accuracy"]()

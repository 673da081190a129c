"""Measure accuracy and speed of the defaults on MovieLens 100K: the figures of docs/methods.md.

    python examples/benchmarks/movielens.py accuracy
    OMP_NUM_THREADS=1 taskset -c 0 python examples/benchmarks/movielens.py speed

Accuracy: test RMSE and MAE (global, predictions clipped to 1..5, cold users and items scored) as means over `random
90/10` seeds 0, 1, 2 and over the official folds u1 to u5; last the posterior with `--timestamps`. Speed: seconds of
`fit` on 90,000 ratings by the compiled and by the torch engine: minimum, median and maximum of seven runs after a
first run, which loads or compiles the engine; beside them two runs of the lesson's training, AdamW in plain PyTorch
(examples/lesson_training.py). Needs MovieLens 100K (fetched if it is not in the cache; EMBEDCLI_DATA says where that
is).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import embedcli
from embedcli import Run

sys.path.append(str(Path(__file__).parents[1]))
from lesson_training import WEIGHT_DECAY
from lesson_training import train as lesson

RUNS = 7


def accuracy() -> None:
    """Print the mean errors of every model and baseline over the splits."""
    ratings = embedcli.load_ratings()
    splits = {
        "random 90/10, seeds 0..2": [("random", seed) for seed in range(3)],
        "official folds u1..u5": [(f"u{fold}", 0) for fold in range(1, 6)],
    }
    for name, members in splits.items():
        print(f"{name:28}{'RMSE':>8}{'MAE':>8}")
        for timestamps, shown in ((False, slice(None)), (True, slice(-1, None))):
            runs = [
                embedcli.fit(ratings.split(kind, seed=seed), embedcli.TrainConfig(seed=seed, timestamps=timestamps))
                for kind, seed in members
            ]
            for scores in zip(*(run.training.scores[shown] for run in runs), strict=True):
                rmse, mae = (statistics.mean(getattr(score, figure) for score in scores) for figure in ("rmse", "mae"))
                print(f"  {scores[0].model:26}{rmse:8.4f}{mae:8.4f}")


def speed() -> None:
    """Print how long `fit` takes: one and five members by each engine, all defaults, and the lesson's training."""
    split = embedcli.load_ratings().split("random", seed=0)
    for engine in ("compiled", "torch"):
        for n_members in (1, 5):
            config = embedcli.TrainConfig(n_members=n_members, n_folds=0, n_draws=0, engine=engine)
            measure(f"fit, {engine} engine, members: {n_members}", partial(embedcli.fit, split, config))
    measure("fit, all defaults, with evidence", partial(embedcli.fit, split))
    measure("the lesson's training, one model", partial(lesson, split.train, WEIGHT_DECAY), runs=2)


def measure(name: str, train: Callable[[], Run], runs: int = RUNS) -> None:
    """Print the minimum, median and maximum of the seconds of some trainings after a first one."""
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        train()
        seconds.append(time.perf_counter() - began)
    low, middle, high = min(seconds[1:]), statistics.median(seconds[1:]), max(seconds[1:])
    print(f"{name}: {low:.2f} s, median {middle:.2f} s, {high:.2f} s; first {seconds[0]:.2f} s", flush=True)


if __name__ == "__main__":
    {"accuracy": accuracy, "speed": speed}[sys.argv[1] if len(sys.argv) > 1 else "accuracy"]()

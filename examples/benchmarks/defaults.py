"""How the defaults of `embedcli train` were chosen: RMSE on held-out training rows, around the defaults.

    python examples/benchmarks/defaults.py [--data ml-100k]

A tenth of the training rows of the random 90/10 splits with seeds 0, 1, 2 is held out. The test rows of these splits
are not used. The first table is a grid of learning rate and weight decay, the second changes one other setting at a
time: "one / five" is the mean RMSE of one member and the RMSE of five members averaged, means over the splits. The
averaged members want less weight decay than one member. Decay of the biases changes nothing up to about .05.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from statistics import mean
from typing import Any

import embedcli
from embedcli.data.ratings import Split

BASE = embedcli.TrainConfig(n_folds=0, n_draws=0)
RATES, DECAYS = (0.005, 0.0075, 0.01, 0.014, 0.02), (0.2, 0.3, 0.4, 0.6, 0.8)
OTHERS: dict[str, tuple[Any, ...]] = {
    "n_epochs": (3, 4, 5, 7, 10),
    "n_factors": (20, 30, 50, 80),
    "bias_weight_decay": (0.0, 0.005, 0.05, 0.2, 0.5, 2.0),
}


def errors(splits: list[Split], **settings: Any) -> str:
    """Return the RMSE of one member and of five averaged, means over the splits."""
    runs = [embedcli.fit(split, replace(BASE, **settings)) for split in splits]
    one, five = (mean(run.training.scores[place].rmse for run in runs) for place in (2, 3))
    return f"{one:.4f} / {five:.4f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-100k")
    ratings = embedcli.load_ratings(parser.parse_args().data)
    splits = [ratings.split("random", seed=seed).train.split("random", seed=99) for seed in range(3)]
    print(f"{'decay':>8}" + "".join(f"{f'lr {rate:g}':>17}" for rate in RATES))
    for decay in DECAYS:
        row = [errors(splits, learning_rate=rate, weight_decay=decay) for rate in RATES]
        print(f"{decay:8g}" + "".join(f"{cell:>17}" for cell in row), flush=True)
    for name, values in OTHERS.items():
        print()
        for value in values:
            print(f"{name} {value:g}".ljust(25), errors(splits, **{name: value}), flush=True)


if __name__ == "__main__":
    main()

"""Weight decay: what it costs on the ratings seen, what it gains on ratings left out, and when it is too much.

    python examples/weight_decay.py [--data PATH] [--small]

A model with 50 factors per user and film has more weights (131,250) than MovieLens 100K has ratings, so it can learn
ratings by heart: a low training error that says nothing about the next rating. Weight decay makes weights shrink
unless the ratings keep them up. What many ratings ask for stays; what a single one asks for fades.

The decay is decoupled (AdamW): a step at learning rate lr first multiplies each weight by 1 - lr x decay. As a step
of Adam moves a weight by about lr at most, the two balance where lr x decay x |w| = lr, at the latest:

    hardly a weight grows beyond 1 / decay

With 0.1 that forbids nothing. With 20 it leaves no weight more than about 0.05: all embeddings and biases are next
to zero, everybody is predicted the same rating, and training and validation error meet near the spread of the
ratings themselves. In between the training error rises with the decay, while the validation error first falls: its
lowest point is the decay to take. (Here one decay acts on all weights, as in the lesson. `embedcli train` decays
biases less: each is a single number that all ratings of a film or user share, and hardly overfits.)

The validation ratings are a tenth of the training ratings. The test ratings stay unseen until the decay is chosen:
an error that something was chosen by is too good to be true.

Stability is how well each of the first three principal components of the film embeddings is found again, as mean
|Tucker's phi| (1 is the same axis), by models that leave out a third of the ratings each. Ratings learned by heart
are not found again, so some decay makes the axes of MovieLens more stable; with far too much, the later ones are
noise, and only the first is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from made_data import options, ratings

import embedcli
from embedcli import Run, TrainConfig
from embedcli.data.ratings import Split

DECAYS = (0.0, 0.1, 0.4, 1.0, 4.0, 20.0)


@dataclass(frozen=True)
class Outcome:
    """What a training came to: errors (RMSE, in stars), sizes of weights (root mean squares), stability of axes."""

    decay: float
    training: float
    validation: float
    factors: float
    biases: float
    largest: float  # of all weights, without its sign
    stability: tuple[float, ...]  # of the first three components


def train(split: Split, decay: float, *, n_factors: int, n_folds: int) -> Run:
    """Train one model with the same decay on all weights, and others on parts of the ratings."""
    config = TrainConfig(
        n_factors=n_factors, weight_decay=decay, bias_weight_decay=decay, n_members=1, n_folds=n_folds, n_draws=0
    )
    return embedcli.fit(split, config)


def outcome(run: Run, decay: float) -> Outcome:
    """Read errors, sizes and stability from a run."""
    errors = run.training.epochs[-1]
    factors, biases = (
        np.concatenate([run.array("user_" + kind).ravel(), run.array("item_" + kind).ravel()])
        for kind in ("factors", "bias")
    )
    return Outcome(
        decay=decay,
        training=errors.train_rmse,
        validation=errors.test_rmse or 0.0,
        factors=float(np.sqrt(np.mean(factors**2))),
        biases=float(np.sqrt(np.mean(biases**2))),
        largest=float(max(np.abs(factors).max(), np.abs(biases).max())),
        stability=tuple(found.stability or 0.0 for found in embedcli.pca(run, n_components=3).components),
    )


def main(data: str | None = None, *, small: bool = False) -> tuple[list[Outcome], float]:
    """Train with each decay, print a row for each, and return the rows and the test error of the best."""
    n_factors, n_folds = (20, 2) if small else (50, 3)
    split = ratings(data, small=small).split("random", seed=0)
    inner = split.train.split("random", seed=1)  # its "test" rows are the validation rows
    spread = float(inner.train.value.std())
    print("        RMSE in stars           size of the weights         stability of")
    print(
        f"{'decay':>5}{'training':>11}{'validation':>12}{'factors':>10}{'biases':>8}{'largest':>9}   components 1 2 3"
    )
    found = []
    for decay in DECAYS:
        row = outcome(train(inner, decay, n_factors=n_factors, n_folds=n_folds), decay)
        found.append(row)
        phi = "  ".join(f"{value:.2f}" for value in row.stability)
        print(
            f"{decay:5g}{row.training:11.3f}{row.validation:12.3f}"
            f"{row.factors:10.3f}{row.biases:8.3f}{row.largest:9.3f}   {phi}"
        )
    print(f"\nThe spread of the ratings is {spread:.3f} stars: who predicts the mean for all is off by that.")
    best = min(found, key=lambda row: row.validation)
    test = train(split, best.decay, n_factors=n_factors, n_folds=0).training.epochs[-1].test_rmse or 0.0
    print(f"Lowest validation error: decay {best.decay:g}. Trained anew with it, the test error is {test:.3f}.")
    return found, test


if __name__ == "__main__":
    given = options(__doc__)
    main(given.data, small=given.small)

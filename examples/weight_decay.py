"""Weight decay: what it costs on the ratings seen, what it gains on ratings left out, and when it is too much.

    python examples/weight_decay.py [--data PATH] [--small]

A model with 50 factors per user and film has more weights (133,875) than MovieLens 100K has ratings, so it can learn
ratings by heart: a low training error that says nothing about the next rating. Weight decay makes weights shrink
unless the ratings keep them up. What many ratings ask for stays; what a single one asks for fades.

The training is the lesson's (lesson_training.py), and so is the decay: decoupled, of all weights at every step
(AdamW). A step at learning rate lr first multiplies each weight by 1 - lr x decay. As a step of Adam moves a weight
by about lr at most, the two balance where lr x decay x |w| = lr, at the latest:

    hardly a weight grows beyond 1 / decay

With 0.1 that forbids nothing. With 20 it leaves no weight more than about 0.05: all embeddings and biases are next
to zero, everybody is predicted the same rating, next to the middle of the range (2.75 stars), and the error is larger
than that of the mean rating. In between the training error rises with the decay, while the validation error first
falls: its lowest point is the decay to take. On MovieLens 100K that is the lesson's 0.1, and a tenth of it does little.

What counts is the decay times the sum of the learning rates of all steps: trained for fewer steps, a model needs more
decay. `embedcli train` has another rule, in which a row is decayed by each of its ratings, and other numbers;
lesson_training.py compares them. It also decays biases less: each is a single number that all ratings of a film or
user share, and hardly overfits.

The validation ratings are a tenth of the training ratings. The test ratings stay unseen until the decay is chosen:
an error that something was chosen by is too good to be true.

Truth is how well each of the first three principal components of the film embeddings agrees with the taste behind it:
an estimate of |Tucker's phi| (1 is the same axis) by two models that learn from one half of the users each. Ratings
learned by heart are not found again, so some decay brings the axes of MovieLens nearer to the truth; with far too much,
the later ones are noise, and only the first is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lesson_training import BATCH_SIZE, N_EPOCHS, N_FACTORS, rmse, train
from made_data import RATINGS, ratings, run_script

import embedcli
from embedcli.data.ratings import Ratings, Split

DECAYS = (0.0, 0.01, 0.1, 0.5, 20.0)
N_HALVES, N_STEPS = 2, 2_500  # steps of a training at least: few ratings are not learned by heart in five epochs


@dataclass(frozen=True)
class Outcome:
    """What a training came to: errors (RMSE, in stars), sizes of weights (root mean squares), truth of axes."""

    decay: float
    training: float
    validation: float
    factors: float
    biases: float
    largest: float  # of all weights, without its sign
    truth: tuple[float, ...]  # phi of the first three components


def outcome(split: Split, decay: float, n_factors: int) -> Outcome:
    """Train with a decay, and read errors, sizes and truth from the run."""
    run = train(split.train, decay, n_factors=n_factors, n_epochs=epochs(split.train), n_halves=N_HALVES)
    factors, biases = (
        np.concatenate([run.array("user_" + kind).ravel(), run.array("item_" + kind).ravel()])
        for kind in ("factors", "bias")
    )
    return Outcome(
        decay=decay,
        training=rmse(run, split.train),
        validation=rmse(run, split.test),
        factors=float(np.sqrt(np.mean(factors**2))),
        biases=float(np.sqrt(np.mean(biases**2))),
        largest=float(max(np.abs(factors).max(), np.abs(biases).max())),
        truth=tuple(found.truth_phi or 0.0 for found in embedcli.pca(run, components=3).components),
    )


def epochs(known: Ratings) -> int:
    """Return how often to go through the ratings: as the lesson does, or more often if they are few."""
    return max(N_EPOCHS, round(N_STEPS * BATCH_SIZE / len(known)))


def main(data: str | None = None, *, small: bool = False) -> tuple[list[Outcome], float]:
    """Train with each decay, print a row for each, and return the rows and the test error of the best."""
    n_factors = 30 if small else N_FACTORS
    split = ratings(data, small=small).split("random", seed=0)
    inner = split.train.split("random", seed=1)  # its "test" rows are the validation rows
    spread = float(inner.train.value.std())
    print("        RMSE in stars           size of the weights         truth of")
    print(
        f"{'decay':>5}{'training':>11}{'validation':>12}{'factors':>10}{'biases':>8}{'largest':>9}   components 1 2 3"
    )
    found = []
    for decay in DECAYS:
        row = outcome(inner, decay, n_factors)
        found.append(row)
        phi = "  ".join(f"{value:.2f}" for value in row.truth)
        print(
            f"{decay:5g}{row.training:11.3f}{row.validation:12.3f}"
            f"{row.factors:10.3f}{row.biases:8.3f}{row.largest:9.3f}   {phi}"
        )
    print(f"\nThe spread of the ratings is {spread:.3f} stars: who predicts the mean for all is off by that.")
    best = min(found, key=lambda row: row.validation)
    run = train(split.train, best.decay, n_factors=n_factors, n_epochs=epochs(split.train))
    test = rmse(run, split.test)
    print(f"Lowest validation error: decay {best.decay:g}. Trained anew with it, the test error is {test:.3f}.")
    return found, test


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

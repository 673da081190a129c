"""How well new users, folded in without training, are served by the trained members and by the posterior.

    python examples/benchmarks/recommend.py [--data PATH]

On fold u1 of MovieLens 100K, 150 users are left out of the training altogether. Each has at least 40 ratings in the
training part, five of them 5 stars. They are then made anew, and their films of the test part are ranked: how often
does one with 5 stars come before one with fewer (AUC)? The bias ranking knows nothing of the user.

The first table gives each user five 5-star films, as `embedcli recommend --like` does, or all training ratings. The
interval of a difference to the bias ranking resamples users. The second table gives the posterior some of the ratings,
drawn at random, as all that the user rated or as a part of it: `FEW` in embedcli/analysis/posterior.py decides which.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli import TrainConfig
from embedcli.analysis.posterior import PosteriorUser, Predictor
from embedcli.analysis.recommend import fold_in, predictions
from embedcli.data.ratings import Ratings, Split
from embedcli.evidence.bases import Floats, Rows
from embedcli.evidence.scores import auc
from embedcli.run.lookup import Row
from embedcli.run.record import Run

N_USERS, N_LIKES, FEWEST = 150, 5, 40
GIVEN = (1, 2, 5, 10, 20, None)  # ratings of a user; None for all
N_RESAMPLED = 2000


def left_out(split: Split) -> Rows:
    """Draw the users to leave out."""
    train, test = split.train, split.test
    n = np.bincount(train.user, minlength=len(train.users))
    n_best = np.bincount(train.user[train.value == 5], minlength=len(n))
    tested = np.array([len(np.unique(test.value[test.user == user] == 5)) == 2 for user in range(len(n))])
    enough = np.flatnonzero((n >= FEWEST) & (n_best >= N_LIKES) & tested)
    return np.random.default_rng(0).permutation(enough)[:N_USERS]


def of_user(ratings: Ratings, user: int) -> tuple[Rows, Floats]:
    """Return the items and ratings of a user, in an order of no meaning."""
    own = np.random.default_rng(user).permutation(np.flatnonzero(ratings.user == user))
    return ratings.item[own].astype(np.int64), ratings.value[own].astype(np.float64)


def rankings(run: Run, predictor: Predictor, train: tuple[Rows, Floats], films: Rows) -> dict[str, Floats]:
    """Return what some films of the test part are ranked by, by name."""
    stars = run.array("item_stars").mean(0)[films]
    rows, values = train
    likes = rows[values == 5][:N_LIKES]
    found = {"bias ranking": stars}
    for given, (rated, own) in {"five likes": (likes, np.full(N_LIKES, 5.0)), "all ratings": train}.items():
        trained = fold_in(run, dict(zip(map(Row, rated), own.tolist(), strict=True)))
        expected = predictor.predict(predictor.fold_in(rated, own), films).uncut
        found[f"{given}, members"] = predictions(run, trained, films).mean(0)
        found[f"{given}, posterior by stars"] = expected
        found[f"{given}, posterior by gain"] = expected - stars
    return found


def print_rankings(found: list[dict[str, float]]) -> None:
    """Print the mean AUC of each ranking, and the interval of its difference to the bias ranking."""
    table = np.array([list(of_one.values()) for of_one in found])
    gain = table - table[:, :1]
    rng = np.random.default_rng(0)
    drawn = np.array([gain[rng.integers(0, len(gain), len(gain))].mean(0) for _ in range(N_RESAMPLED)])
    lower, upper = np.quantile(drawn, (0.025, 0.975), axis=0)
    print(f"{len(table)} users" + " " * 24 + "AUC  less that of the bias ranking, 95 %")
    for j, name in enumerate(found[0]):
        print(f"{name:31} {table[:, j].mean():.3f}  {gain[:, j].mean():+.3f} ({lower[j]:+.3f} to {upper[j]:+.3f})")


def print_given(predictor: Predictor, split: Split, users: Rows) -> None:
    """Print AUC and RMSE of the posterior by the number of ratings that it is given."""
    print("\nratings given   AUC, as all  as a part   RMSE, as all  as a part")
    for n in GIVEN:
        scores: list[list[float]] = []
        squares: list[NDArray[np.float64]] = []
        for user in users:
            rows, values = of_user(split.train, user)
            rated, own = rows[:n], values[:n]
            films, truth = of_user(split.test, user)
            both = []
            for is_all in (True, False):
                known = PosteriorUser(predictor.states.fold_in(rated, own, is_all=is_all), rated, own, None)
                both.append(predictor.predict(known, films))
            scores.append([float(auc(found.uncut, (truth == 5).astype(float))) for found in both])
            squares.append(np.array([(found.expected - truth) ** 2 for found in both]))
        areas, errors = np.mean(scores, axis=0), np.sqrt(np.concatenate(squares, axis=1).mean(1))
        print(
            f"{'all' if n is None else n:>13}   {areas[0]:11.3f}  {areas[1]:9.3f}   {errors[0]:12.3f}  {errors[1]:9.3f}"
        )


def main(data: str) -> None:
    """Train without the users, fold each in, and print both tables."""
    split = embedcli.load_ratings(data).split("u1")
    users = left_out(split)
    rest = split.train.take(~np.isin(split.train.user, users))
    run = embedcli.fit(replace(split, train=rest), TrainConfig(n_folds=0))
    known = split.train.take(run.item_stats.n_ratings[split.train.item] > 0)  # `fold_in` refuses the other films
    split, predictor = replace(split, train=known), Predictor(run)
    found = []
    for user in users:
        films, truth = of_user(split.test, user)
        ranked = rankings(run, predictor, of_user(split.train, user), films)
        found.append({name: float(auc(by, (truth == 5).astype(float))) for name, by in ranked.items()})
    print_rankings(found)
    print_given(predictor, split, users)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="PATH", default="ml-100k", help="a folder or zip of MovieLens 100K")
    main(parser.parse_args().data)

"""Whether a user made of five likes, folded in without training, is served better than by the bias ranking.

    python examples/benchmarks/recommend.py [--data PATH]

On fold u1 of MovieLens 100K: 150 users with at least 40 ratings, five of which 5 stars, in the training part are left
out of the training altogether. Each is then made anew of five of its 5-star films of the training part, as by
`embedcli recommend --like`, and its films of the test part are ranked: how often does one with 5 stars stand before
one with fewer (AUC)? The same of the ranking by bias, which knows nothing of the user; and by all of the user's
training ratings. The interval of the difference resamples users.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

import embedcli
from embedcli import TrainConfig
from embedcli.analysis.recommend import fold_in, predictions
from embedcli.evidence.scores import auc

N_USERS, N_LIKES, FEWEST = 150, 5, 40


def main(data: str) -> None:
    """Train without the users, fold each in, and print the mean AUCs with the interval of the difference."""
    split = embedcli.load_ratings(data).split("u1")
    train, test = split.train, split.test
    rng = np.random.default_rng(0)
    n, n_best = np.bincount(train.user, minlength=943), np.bincount(train.user[train.value == 5], minlength=943)
    tested = np.array([len(np.unique(test.value[test.user == user] == 5)) == 2 for user in range(943)])
    users = rng.permutation(np.flatnonzero((n >= FEWEST) & (n_best >= N_LIKES) & tested))[:N_USERS]
    rest = ~np.isin(train.user, users)
    run = embedcli.fit(replace(split, train=train.take(rest)), TrainConfig(n_folds=0))
    stars = run.array("item_stars").mean(0)
    found = []
    for user in users:
        own, left = train.user == user, test.user == user
        rows, values = train.item[own], train.value[own]
        likes = rng.permutation(rows[values == 5])[:N_LIKES]
        by_likes = predictions(run, fold_in(run, dict.fromkeys(likes.tolist(), 5.0))).mean(0)
        by_all = predictions(run, fold_in(run, dict(zip(rows.tolist(), values.tolist(), strict=True)))).mean(0)
        best = (test.value[left] == 5).astype(float)
        found.append([auc(ranking[test.item[left]], best) for ranking in (stars, by_likes, by_all)])
    table = np.array(found, dtype=float)
    for name, mean in zip(("bias ranking", "five likes", "all training ratings"), table.mean(0), strict=True):
        print(f"{name:22} AUC {mean:.3f}")
    gain = table[:, 1:] - table[:, :1]
    drawn = np.array([gain[rng.integers(0, len(gain), len(gain))].mean(0) for _ in range(2000)])
    for name, own, mean in zip(("five likes", "all training ratings"), drawn.T, gain.mean(0), strict=True):
        low, high = np.quantile(own, (0.025, 0.975))
        print(f"{name:22} gain {mean:+.3f} (95 % {low:+.3f} to {high:+.3f}), {len(table)} users")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="PATH", default="ml-100k", help="a folder or zip of MovieLens 100K")
    main(parser.parse_args().data)

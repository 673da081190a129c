"""Hold the metrics of `embedcli evaluate` against RecTools and RecBole, and count how often its intervals cover.

    python examples/benchmarks/evaluate.py peers [RUN]       # pip install rectools recbole==1.2.1
    python examples/benchmarks/evaluate.py coverage

`peers` computes every metric of the lists of a run (default: the newest) a second time, by RecTools 0.19 (precision,
recall, NDCG with divide_by_achievable, coverage, popularity) and, if it can be imported, RecBole 1.2.1 (Gini).

`coverage` draws users from a population of 5,000, evaluates a run on each sample, and counts in how many samples the
95 % interval holds the mean over all samples, with 500 draws of each bootstrap for time. The last column is the share
of p < .05 for two runs that are equally good.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

import embedcli
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.evidence import scores
from embedcli.run.record import HeldOutRows, ItemStats, RatingRows, Run

N_USERS, N_ITEMS, PER_USER, PER_TEST = 5000, 300, 15, 5
N_SAMPLES, N_DRAWS, K = 200, 500, 10
N_METRICS = 7  # of the lists, and the RMSE of all test rows
TOLERANCE = 1e-6


def population(seed: int = 0, *, n_users: int = N_USERS) -> Run:
    """Return a run that was never trained: random factors, and ratings and predictions that follow them loosely."""
    rng = np.random.default_rng(seed)
    every = np.argsort(rng.exponential(1, (n_users, N_ITEMS)) * np.linspace(1, 6, N_ITEMS))[:, :PER_USER]
    user, item = np.repeat(np.arange(n_users), PER_USER).astype(np.int32), every.ravel().astype(np.int32)
    factors, items = rng.normal(0, 0.6, (n_users, 10)), rng.normal(0, 0.6, (N_ITEMS, 10))
    noise = np.repeat(rng.gamma(2, 0.3, n_users), PER_USER)  # some users are hard to predict
    felt = (factors[user] * items[item]).sum(1) + rng.normal(0, 1, len(user))
    value = np.clip(np.round(3.5 + felt), 1, 5).astype(np.float32)
    is_test = np.tile(np.arange(PER_USER) % (PER_USER // PER_TEST) == 0, n_users)
    ids = tuple(map(str, range(N_ITEMS)))
    of_items = Items(ids, ids, (None,) * N_ITEMS, ((),) * N_ITEMS)
    data = DataSet("made", "Made ratings", "made", "", (1.0, 5.0))
    rows = (column[~is_test] for column in (user, item, value))
    train = Ratings(data, Users(tuple(map(str, range(n_users)))), of_items, *rows)
    predictions = (value + noise * rng.normal(0, 1, len(user)))[is_test].astype(np.float32)
    heldout = HeldOutRows(user[is_test], item[is_test], value[is_test], predictions[None], None)
    arrays = {
        "user_factors": (factors + rng.normal(0, 1, factors.shape))[None],
        "item_factors": (items + rng.normal(0, 0.3, items.shape))[None],
        "user_bias": np.zeros((1, n_users)),
        "item_bias": np.zeros((1, N_ITEMS)),
        "global_bias": np.zeros(1),
    }
    narrow = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Run.from_arrays(narrow, train, name="made", y_range=(0.5, 5.5), heldout=heldout)


def twins(run: Run, rng: np.random.Generator) -> tuple[Run, Run]:
    """Return two runs that are equally good: for each user a coin decides which of them has which of two models."""
    assert run.heldout is not None
    factors = [run.array("user_factors") + rng.normal(0, 0.5, run.shape("user_factors")) for _ in range(2)]
    errors = run.heldout.predictions[0] - run.heldout.value
    of_rows = [errors, rng.permutation(errors)]
    heads = rng.random(len(run.users)) < 0.5
    pair = []
    for is_first in (heads, ~heads):
        chosen = np.where(is_first[None, :, None], *factors).astype(np.float32)
        off = np.where(is_first[run.heldout.user], *of_rows)
        heldout = replace(run.heldout, predictions=(run.heldout.value + off)[None].astype(np.float32))
        pair.append(replace(run, arrays={**run.arrays, "user_factors": chosen}, heldout=heldout))
    return pair[0], pair[1]


def sample(run: Run, users: np.ndarray) -> Run:
    """Return the run with some of its users alone."""
    new = np.full(len(run.users), -1, np.int32)
    new[users] = np.arange(len(users))

    def of(rows: RatingRows) -> dict[str, np.ndarray]:
        is_own = new[rows.user] >= 0
        return {"user": new[rows.user][is_own], "item": rows.item[is_own], "value": rows.value[is_own]}

    assert run.heldout is not None
    assert run.rows is not None
    own = new[run.heldout.user] >= 0
    arrays = {name: array[:, users] if name.startswith("user_") else array for name, array in run.arrays.items()}
    return replace(
        run,
        users=run.users.take(users),
        user_stats=ItemStats(run.user_stats.n_ratings[users], run.user_stats.mean_rating[users]),
        arrays=arrays,
        rows=replace(run.rows, **of(run.rows)),
        heldout=replace(run.heldout, predictions=run.heldout.predictions[:, own], **of(run.heldout)),
    )


def covered(n: int, n_samples: int, *, k: int = K) -> dict[str, tuple[float, float]]:
    """Return by metric the share of intervals of samples of n users that cover, and of p of twins below .05."""
    everyone, rng = population(), np.random.default_rng(1)
    found, ps = [], []
    for _ in range(n_samples):
        own = sample(everyone, np.sort(rng.choice(N_USERS, n, replace=False)))
        found.append([(row.value, row.lower, row.upper) for row in embedcli.evaluate(own, k=k).figures[:N_METRICS]])
        pair = embedcli.evaluate_pair(*twins(own, rng), k=k).figures[:N_METRICS]
        ps.append([row.p for row in pair])
    names = [row.metric for row in pair]
    value, low, high = np.transpose(np.array(found, float), (2, 0, 1))  # NaN, no interval, does not cover
    share = ((low <= value.mean(0)) & (value.mean(0) <= high)).mean(0)
    false = (np.array(ps, float) < 0.05).mean(0)
    return {name: (float(share[j]), float(false[j])) for j, name in enumerate(names)}


def peers(name: str | None) -> float:
    """Print each metric as embedcli and the peers have it; return the largest difference."""
    import pandas as pd
    from rectools import Columns
    from rectools.metrics import NDCG, AvgRecPopularity, CatalogCoverage, Precision, Recall

    run = embedcli.open_run(name)
    rows, seen = run.heldout, run.rows
    assert rows is not None
    assert seen is not None
    found = embedcli.evaluate(run, k=K)
    is_relevant = rows.value >= found.protocol.threshold
    relevant = pd.DataFrame({Columns.User: rows.user[is_relevant], Columns.Item: rows.item[is_relevant]})
    best = embedcli.predict_all(run, limit=K, min_ratings=1).to_frame()
    user = best["user"].map({identifier: row for row, identifier in enumerate(run.users.ids)})
    item = best["id"].map({identifier: row for row, identifier in enumerate(run.items.ids)})
    lists = pd.DataFrame({Columns.User: user, Columns.Item: item, Columns.Rank: best["rank"]})
    lists = lists[lists[Columns.User].isin(relevant[Columns.User])]
    train = pd.DataFrame({Columns.User: seen.user, Columns.Item: seen.item})
    profiles = train[train[Columns.User].isin(relevant[Columns.User])].copy()
    profiles[Columns.Rank] = profiles.groupby(Columns.User).cumcount() + 1
    catalog = train[Columns.Item].unique()
    popular, usual = AvgRecPopularity(K).calc(lists, train), AvgRecPopularity(len(catalog)).calc(profiles, train)
    theirs = {
        "precision": Precision(K).calc(lists, relevant),
        "recall": Recall(K).calc(lists, relevant),
        "NDCG": NDCG(K, divide_by_achievable=True).calc(lists, relevant),
        "coverage": CatalogCoverage(K, normalize=True).calc(lists, catalog),
        "popularity lift": popular / usual - 1,
    }
    try:
        from recbole.evaluator.metrics import GiniIndex
    except ImportError as error:
        print(f"no RecBole: {error}")
    else:
        theirs["Gini"] = GiniIndex.get_gini(None, lists[Columns.Item].to_numpy().reshape(-1, K), len(catalog))
    ours = {row.metric.partition("@")[0]: row.value for row in found.figures}
    for metric, figure in theirs.items():
        print(f"{metric + f'@{K}':20}{ours[metric]:.9f}  {figure:.9f}")
    return max(abs(ours[metric] - float(figure)) for metric, figure in theirs.items())


def main() -> None:
    """Run what the command line asks for."""
    what, *names = sys.argv[1:] or ["coverage"]
    if what == "peers":
        largest = peers(names[0] if names else None)
        print(f"largest difference {largest:.1e}")
        sys.exit(int(largest > TOLERANCE))
    scores.BOOTSTRAPS = N_DRAWS
    for n in (100, 400):
        print(f"{n} users: share of intervals that cover; share of p < .05 without a difference", flush=True)
        for metric, (share, p) in covered(n, N_SAMPLES).items():
            print(f"  {metric:20}{share:6.3f}{p:8.3f}", flush=True)


if __name__ == "__main__":
    main()

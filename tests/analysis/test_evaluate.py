"""Ranking metrics and errors by group: by brute force, on made runs, and their intervals in a simulation."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from embedcli.analysis import evaluate as module
from embedcli.analysis.accuracy import accuracy
from embedcli.analysis.evaluate import Evaluation, evaluate, evaluate_pair
from embedcli.analysis.predict import predict_all
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.errors import RunError, UsageError
from embedcli.run.record import HeldOutRows, Run

N_USERS, N_ITEMS = 40, 30


def made(seed: int = 0, *, n_users: int = N_USERS, of_model: int = 0, implicit: bool = False) -> Run:
    """Return a run of two random members that was never trained, with random training and test rows."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n_users * (N_ITEMS - 1))[: n_users * 15]  # nobody rated the last item
    user, item = (pairs // (N_ITEMS - 1)).astype(np.int32), (pairs % (N_ITEMS - 1)).astype(np.int32)
    value = (rng.integers(0, 2, len(user)) if implicit else rng.integers(1, 6, len(user))).astype(np.float32)
    scale = (0.0, 1.0) if implicit else (1.0, 5.0)
    ids = tuple(map(str, range(N_ITEMS)))
    items = Items(ids, tuple(f"Film {j}" for j in ids), (None,) * N_ITEMS, ((),) * N_ITEMS)
    users = Users(
        tuple(map(str, range(n_users))),
        {"age": tuple(str(20 + u % 20) for u in range(n_users)), "town": tuple("AB"[u % 2] for u in range(n_users))},
    )
    data = DataSet("made", "Made", "made", "", scale, "film", implicit=implicit)
    test = slice(0, n_users * 5)
    train = Ratings(data, users, items, user[test.stop :], item[test.stop :], value[test.stop :])
    rng = np.random.default_rng((seed, of_model))
    predictions = rng.uniform(*scale, (2, test.stop)).astype(np.float32)
    heldout = HeldOutRows(user[test], item[test], value[test], predictions, None)
    arrays = {
        "user_factors": rng.normal(0, 1, (2, n_users, 3)),
        "item_factors": rng.normal(0, 1, (2, N_ITEMS, 3)),
        "user_bias": rng.normal(0, 1, (2, n_users)),
        "item_bias": rng.normal(0, 1, (2, N_ITEMS)),
        "global_bias": np.zeros(2),
    }
    narrow = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Run.from_arrays(narrow, train, name=f"made-{of_model}", y_range=scale, heldout=heldout)


def by_hand(run: Run, k: int, lists: dict[int, list[int]]) -> dict[str, float]:
    """Compute the metrics of lists of items by user, one after another."""
    rows, seen = run.heldout, run.rows
    assert rows is not None
    assert seen is not None
    relevant: dict[int, set[int]] = {}
    for user, item, value in zip(rows.user.tolist(), rows.item.tolist(), rows.value.tolist(), strict=True):
        if value >= (1 if run.data.implicit else 4):
            relevant.setdefault(user, set()).add(item)
    assert set(lists) >= set(relevant)
    found: dict[str, list[float]] = {name: [] for name in ("precision", "recall", "NDCG", "listed", "rated")}
    n = [int((seen.item == item).sum()) for item in range(N_ITEMS)]
    times = [0] * sum(map(bool, n))
    for user, wanted in relevant.items():
        hits = [item in wanted for item in lists[user][:k]]
        found["precision"].append(sum(hits) / k)
        found["recall"].append(sum(hits) / len(wanted))
        most = sum(1 / log2(2 + j) for j in range(min(k, len(wanted))))
        found["NDCG"].append(sum(hit / log2(2 + j) for j, hit in enumerate(hits)) / most)
        found["listed"].append(float(np.mean([n[item] for item in lists[user][:k]])))
        found["rated"].append(float(np.mean([n[item] for item in seen.item[seen.user == user]])))
        for item in lists[user][:k]:
            times[item] += 1
    figures = {name: float(np.mean(values)) for name, values in found.items()}
    pairs = [abs(a - b) for a in times for b in times]
    return {
        **{f"{name}@{k}": figures[name] for name in ("precision", "recall", "NDCG")},
        f"coverage@{k}": sum(map(bool, times)) / len(times),
        f"Gini@{k}": sum(pairs) / (2 * len(times) * sum(times)),  # mean difference over twice the mean
        f"popularity lift@{k}": figures["listed"] / figures["rated"] - 1,
    }


def lists_of(run: Run, k: int) -> dict[int, list[int]]:
    """Return the best k items of each user, as `predict_all` has them."""
    found: dict[int, list[int]] = {}
    for row in predict_all(run, limit=k, min_ratings=1).predictions:
        found.setdefault(int(row["user"]) - int(run.users.ids[0]), []).append(int(row["id"]) - int(run.items.ids[0]))
    return found


def most_rated(run: Run, k: int) -> dict[int, list[int]]:
    """Return the k most rated items that each user has not rated."""
    assert run.rows is not None
    order = sorted(range(N_ITEMS - 1), key=lambda item: (-run.item_stats.n_ratings[item], item))
    seen = set(zip(run.rows.user.tolist(), run.rows.item.tolist(), strict=True))
    return {user: [item for item in order if (user, item) not in seen][:k] for user in range(len(run.users))}


def of_lists(found: Evaluation) -> dict[str, tuple[float, float | None]]:
    """Return value and baseline of each figure of lists."""
    return {row.metric: (row.value, row.baseline) for row in found.figures if row.metric != "RMSE"}


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("implicit", [False, True])
def test_metrics_by_brute_force(k: int, implicit: bool) -> None:
    """Each metric of the lists, and of those of the most rated items, is that of its definition, to 1e-12."""
    run = made(implicit=implicit)
    found = of_lists(evaluate(run, k=k))
    own, popular = by_hand(run, k, lists_of(run, k)), by_hand(run, k, most_rated(run, k))
    assert found == {name: pytest.approx((own[name], popular[name]), abs=1e-12) for name in own}


def test_lists_of_the_posterior(trained: Run) -> None:
    """A run with a posterior is evaluated by its lists, and by its predictions of the test rows."""
    found = evaluate(trained, k=3)
    assert (found.ranked_by, found.predicted_by) == ("posterior", "posterior")
    rows = trained.heldout
    assert rows is not None
    relevant = set(zip(rows.user[rows.value >= 4].tolist(), rows.item[rows.value >= 4].tolist(), strict=True))
    users = {user for user, _ in relevant}
    hits = sum((user, item) in relevant for user, items in lists_of(trained, 3).items() for item in items)
    assert of_lists(found)["precision@3"][0] == pytest.approx(hits / 3 / len(users), abs=1e-12)
    assert found.protocol.n_users == len(users)
    errors = accuracy(trained)
    assert [(row.value, row.lower, row.upper, row.baseline) for row in found.figures if row.metric == "RMSE"] == [
        (group.rmse, group.lower, group.upper, group.baseline) for group in (errors.overall, *errors.groups)
    ]


def test_protocol_is_what_was_done() -> None:
    """Candidates have a training rating, and a test rating is relevant in the upper quarter of the scale."""
    run = made()
    assert run.heldout is not None
    found = evaluate(run).protocol
    is_relevant = run.heldout.value >= 4
    assert (found.threshold, found.n_candidates, found.n_relevant) == (4.0, N_ITEMS - 1, is_relevant.sum())
    assert found.n_users == found.n_with_relevant == len(np.unique(run.heldout.user[is_relevant]))


def test_short_lists_and_a_sample_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with fewer candidates than `k` has a shorter list; of too many users a sample gets lists."""
    run = made()
    long = of_lists(evaluate(run, k=50))
    assert long["recall@50"] == (1.0, 1.0)
    assert long["coverage@50"][0] == 1.0
    monkeypatch.setattr(module, "MOST_USERS", 10)
    found = evaluate(run)
    assert found.protocol.n_users == 10 < found.protocol.n_with_relevant
    assert {row.n_users for row in found.figures if row.metric != "RMSE"} == {10}


def test_one_user_has_no_interval() -> None:
    """A single user has figures without intervals, and no test of a difference; a new one has no popularity lift."""
    one, other = (of_user(made(of_model=model), 1) for model in (0, 1))
    found = evaluate(one)
    assert found.protocol.n_users == 1
    assert {(row.lower, row.upper) for row in found.figures} == {(None, None)}
    assert {row.p for row in evaluate_pair(one, other).figures} <= {None, 1.0}
    rows = one.rows
    assert rows is not None
    seen = {name: getattr(rows, name)[rows.user != 1] for name in ("user", "item", "value")}
    new = replace(one, rows=replace(rows, **seen))
    assert {row.metric for row in found.figures} - {row.metric for row in evaluate(new).figures} == {
        "popularity lift@10"
    }


def of_user(run: Run, user: int) -> Run:
    """Return the run with the test rows of a user alone."""
    rows = run.heldout
    assert rows is not None
    own = rows.user == user
    seen = {name: getattr(rows, name)[own] for name in ("user", "item", "value")}
    return replace(run, heldout=replace(rows, predictions=rows.predictions[:, own], **seen))


def test_lists_are_no_longer_than_the_items() -> None:
    """A `k` far above the number of items takes no more memory, and all relevant candidates are found."""
    found = of_lists(evaluate(made(), k=10**12))
    assert found["recall@1000000000000"][0] == 1.0


def test_groups_by_the_columns_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of a column are groups as they are, numbers fall into four bins, and each has the RMSE of its rows."""
    monkeypatch.setattr("embedcli.analysis.accuracy.FEWEST_ROWS", 1)
    monkeypatch.setattr("embedcli.analysis.accuracy.FEWEST_USERS", 1)
    run = made()
    rows = run.heldout
    assert rows is not None
    found = {row.group: row for row in evaluate(run).figures if row.by == "user"}
    assert list(found) == ["town A", "town B", "age 20 to 24", "age 25 to 29", "age 30 to 34", "age 35 to 39"]
    squared = (np.clip(rows.predictions.mean(0), 1, 5).astype(np.float64) - rows.value) ** 2
    for group, own in (("town A", rows.user % 2 == 0), ("age 25 to 29", rows.user % 20 // 5 == 1)):
        assert found[group].value == pytest.approx(np.sqrt(squared[own].mean()))
        assert found[group].n_rows == own.sum()


def test_differences_are_paired() -> None:
    """A difference is that of both evaluations; a run and itself do not differ, and the order changes the sign."""
    a, b = made(), made(of_model=1)
    first, second = (evaluate(run).figures for run in (a, b))
    forth, back, same = evaluate_pair(a, b), evaluate_pair(b, a), evaluate_pair(a, a)
    for one, other, row, turned in zip(first, second, forth.figures, back.figures, strict=True):
        assert (row.metric, row.a, row.b) == (one.metric, one.value, other.value)
        assert row.change == pytest.approx(other.value - one.value)
        assert row.lower is not None
        assert row.upper is not None
        assert row.p is not None
        assert turned.upper is not None
        assert (row.change, row.lower, row.p) == pytest.approx((-turned.change, -turned.upper, turned.p))
        assert (row.lower <= 0 <= row.upper) == (row.p > 0.05) or 0.02 < row.p < 0.1
    assert {(row.change, row.lower, row.upper, row.p) for row in same.figures} == {(0.0, 0.0, 0.0, 1.0)}


def test_small_difference_for_every_user_is_sure() -> None:
    """If errors differ much between users and hardly between the runs, a small change of the RMSE has a small p."""
    a = made(n_users=200)
    rows = a.heldout
    assert rows is not None
    value, error = np.full_like(rows.value, 4.0), ((rows.user % 5) / 4).astype(np.float32)
    one, other = (
        replace(a, heldout=replace(rows, value=value, predictions=(value - times * error)[None])) for times in (1, 1.02)
    )
    row = next(row for row in evaluate_pair(one, other).figures if row.metric == "RMSE")
    single = next(row for row in evaluate(one).figures if row.metric == "RMSE")
    assert row.p is not None
    assert row.lower is not None
    assert row.upper is not None
    assert single.lower is not None
    assert single.upper is not None
    assert row.p < 1e-6
    assert 0 < row.lower < row.change < row.upper < 2 * row.change < (single.upper - single.lower)


def test_what_is_not_evaluated() -> None:
    """Without test rows, without relevant ones, and for two runs with other test rows, an error says so."""
    run = made()
    assert run.heldout is not None
    with pytest.raises(RunError, match="kept no test rows"):
        evaluate(replace(run, heldout=None))
    with pytest.raises(RunError, match="kept no training rows"):
        evaluate(replace(run, rows=None))
    with pytest.raises(RunError, match="predicts nothing"):
        evaluate(replace(run, arrays={"item_factors": run.array("item_factors")}))
    with pytest.raises(UsageError, match="none has 4 or more"):
        evaluate(replace(run, heldout=replace(run.heldout, value=np.ones_like(run.heldout.value))))
    with pytest.raises(UsageError, match="`k` 0 is below 1"):
        evaluate(run, k=0)
    with pytest.raises(UsageError, match="different test rows"):
        evaluate_pair(run, made(seed=1))


def test_implicit_data_has_no_errors_by_group() -> None:
    """With implicit data what the user took is relevant, and the error of sampled rows is not shown."""
    found = evaluate(made(implicit=True))
    assert found.predicted_by is None
    assert "RMSE" not in {row.metric for row in found.figures}
    assert found.protocol.threshold == 1.0

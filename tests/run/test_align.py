"""The coordinates of one run given to another, on planted factors and on a trained run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import World

from embedcli.analysis.pca import pca
from embedcli.analysis.similar import similar
from embedcli.errors import UsageError
from embedcli.run.align import agreement, aligned, coordinates
from embedcli.run.lookup import Row
from embedcli.run.record import Run
from embedcli.run.store import load, save

M, K = 3, 4
Maps = list[NDArray[np.float64]]


@pytest.fixture(scope="module")
def run(world: World) -> Run:
    """Return a run whose members are one model with four unequal factors, with a little noise of their own."""
    rng = np.random.default_rng(0)
    n = len(world.ratings.users), len(world.ratings.items)
    sizes = np.array([1.5, 1.0, 0.7, 0.5])
    users, items = (rng.normal(0, 1, (rows, K)) * sizes for rows in n)
    arrays = {
        "user_factors": users + rng.normal(0, 0.02, (M, n[0], K)),
        "item_factors": items + rng.normal(0, 0.02, (M, n[1], K)),
        "user_bias": rng.normal(0, 1, (M, n[0])),
        "item_bias": rng.normal(0, 1, (M, n[1])),
        "global_bias": np.zeros(M),
    }
    return Run.from_arrays(
        {name: array.astype(np.float32) for name, array in arrays.items()}, world.ratings, y_range=(0, 5.5)
    )


def regauged(run: Run, maps: Maps) -> Run:
    """Return a run whose item factors are multiplied by a map for each member, the user factors by its inverse."""
    items = np.array([factors @ own for factors, own in zip(run.array("item_factors"), maps, strict=True)])
    users = np.array([f @ np.linalg.inv(own).T for f, own in zip(run.array("user_factors"), maps, strict=True)])
    return replace(
        run, arrays={**run.arrays, "item_factors": items.astype(np.float32), "user_factors": users.astype(np.float32)}
    )


def some_maps(*, is_rotation: bool = False, k: int = K, seed: int = 1) -> Maps:
    """Return an invertible map (k, k) for each member: one that stretches, or a rotation."""
    rng = np.random.default_rng(seed)
    turns = [np.linalg.qr(rng.normal(size=(k, k)))[0] for _ in range(2 * M)]
    stretch = np.ones(k) if is_rotation else np.geomspace(0.3, 3, k)
    return [a * stretch @ b for a, b in zip(turns[::2], turns[1::2], strict=True)]


def products(run: Run) -> NDArray[np.float64]:
    """Return the dot products of all users and items, by member."""
    users, items = (run.array(name).astype(np.float64) for name in ("user_factors", "item_factors"))
    return users @ items.transpose(0, 2, 1)


def factors(run: Run) -> NDArray[np.float32]:
    """Return the factors of all items and users, by member."""
    return np.concatenate([run.array("item_factors"), run.array("user_factors")], 1)


def test_predictions_stay(run: Run) -> None:
    """All dot products stay, also those of rows without ratings and of a model of lower rank; the biases are kept."""
    flat = {name: run.array(name).copy() for name in ("user_factors", "item_factors")}
    flat["item_factors"][:, :, 3] = flat["item_factors"][:, :, 0]
    flat["user_factors"][:, :, 2] = 0
    for model in (run, replace(run, arrays={**run.arrays, **flat}), regauged(run, some_maps())):
        for to in (model, run):
            found = aligned(model, to)
            np.testing.assert_allclose(products(found), products(model), atol=2e-6)
            for name in ("item_bias", "user_bias", "global_bias", "trained_stars"):
                assert found.array(name) is model.array(name)


@pytest.mark.parametrize("is_rotation", [True, False])
def test_gauge_does_not_matter(run: Run, is_rotation: bool) -> None:
    """A model whose factors were mapped by any invertible maps has the same coordinates when it is aligned."""
    other = regauged(run, some_maps(is_rotation=is_rotation))
    if is_rotation:
        np.testing.assert_allclose(factors(aligned(other, run)), factors(aligned(run, run)), atol=1e-4)
    first, second = (regauged(run, some_maps(seed=seed)) for seed in (1, 2))
    for to in (run, first):
        np.testing.assert_allclose(factors(aligned(first, to)), factors(aligned(second, to)), atol=1e-4)


def test_standard_form(run: Run) -> None:
    """The coordinates of a run that is not aligned are uncorrelated, the largest first, each with a positive pole."""
    items = coordinates(regauged(run, some_maps()))
    weight = 1.0 + run.item_stats.n_ratings
    gram = (items.T * weight) @ items
    size = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(gram / np.outer(size, size), np.eye(K), atol=1e-6)
    assert (np.diff(size) < 0).all()
    assert (items[np.abs(items).argmax(0), range(K)] > 0).all()
    spread = aligned(run, run).array("item_factors").std(0).mean()
    assert spread < 0.05  # of the members, whose own noise is .02


def test_coordinates_are_handed_on(run: Run, tmp_path: Path) -> None:
    """A run that is aligned has the coordinates that the next is aligned to, also when it was saved in between."""
    first = aligned(regauged(run, some_maps(seed=3)), run)
    assert first.training.aligned_to == run.name
    save(replace(first, name="first"), tmp_path, name="first")
    stored = load(tmp_path / "first")
    assert stored.training.aligned_to == run.name
    np.testing.assert_array_equal(coordinates(stored), stored.array("item_factors").mean(0, dtype=np.float64))
    assert (agreement(first, run) > 0.99).all()
    later = regauged(run, some_maps(seed=4))
    np.testing.assert_allclose(factors(aligned(later, stored)), factors(aligned(later, run)), atol=0.02)


def test_what_a_trained_run_says_stays(trained: Run) -> None:
    """Components, their tests, neighbours and fold members of a trained run stay: its factors are only turned."""
    turned = regauged(trained, some_maps(is_rotation=True, k=8))
    found = aligned(turned, trained)
    before, after = (pca(run, components=2) for run in (trained, found))
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-4)
    assert [one.judged for one in after.components] == [one.judged for one in before.components]
    by_run = [similar(run, Row(7)).asked[0].neighbours for run in (trained, found)]
    assert [(one.id, one.folds) for one in by_run[0]] == [(one.id, one.folds) for one in by_run[1]]
    folds = found.array("fold_item_factors")
    assert np.corrcoef(folds[0, :, 0], coordinates(trained)[:, 0])[0, 1] > 0.95
    assert np.abs(np.corrcoef(trained.array("fold_item_factors")[0, :, 0], coordinates(trained)[:, 0])[0, 1]) < 0.9


def test_vectors_alone(run: Run) -> None:
    """Item factors without users are only turned, onto the items that both runs have."""
    vectors = replace(run, arrays={"item_factors": run.array("item_factors")})
    ids = tuple(f"x{j}" for j in range(len(run.items)))
    there = replace(run, items=replace(run.items, ids=ids), data=replace(run.data, sha256="1" * 64))
    maps = some_maps(is_rotation=True)
    turned = replace(vectors, arrays={"item_factors": regauged(run, maps).array("item_factors")})
    found, expected = (aligned(one, there).array("item_factors") for one in (turned, vectors))
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert aligned(turned, there).arrays.keys() == {"item_factors"}


def test_runs_that_cannot_be_aligned(run: Run) -> None:
    """Another number of factors, and too few items in common, are errors."""
    short = replace(run, arrays={"item_factors": run.array("item_factors")[:, :, :2]})
    with pytest.raises(UsageError, match="has 2 factors, not 4"):
        aligned(run, short)
    strangers = replace(run.items, titles=tuple(f"no {j}" for j in range(len(run.items))))
    with pytest.raises(UsageError, match="has 0 films in common"):
        aligned(run, replace(run, items=strangers, data=replace(run.data, sha256="1" * 64)))

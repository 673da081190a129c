"""Groups of items: planted ones are found, and a cloud without groups is called a continuum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from embedcli.analysis.choices import Grouping
from embedcli.analysis.clusters import clusters
from embedcli.errors import UsageError
from embedcli.run.record import Run


@pytest.mark.parametrize("method", Grouping)
def test_two_planted_groups_are_found(trained: Run, method: Grouping) -> None:
    """Two groups are the two planted genres, each with its tag, and more than a cloud without groups shows."""
    found = clusters(trained, clusters=2, method=method)
    tags = {tuple(tag.tag for tag in cluster.tags) for cluster in found.clusters}
    assert tags == {("Action",), ("Romance",)}
    assert found.has_groups
    assert found.stability is not None
    assert found.stability > 0.8
    assert sum(cluster.n for cluster in found.clusters) == found.n_items == len(found.grouped)
    with pytest.raises(UsageError, match="`clusters` 1 is not from 2"):
        clusters(trained, clusters=1)


def with_factors(run: Run, factors: np.ndarray) -> Run:
    """Return the run with one member, whose item factors are given."""
    return replace(run, arrays={"item_factors": factors[None].astype(np.float32)})


@pytest.mark.parametrize("method", Grouping)
def test_groups(trained: Run, method: Grouping) -> None:
    """Three planted groups are found, the largest first, and the silhouette is scikit-learn's of the unit vectors."""
    rng = np.random.default_rng(0)
    sizes = (60, 40, 20)
    planted = np.repeat([1, 2, 3], sizes)
    factors = rng.normal(size=(120, 8)) + 6 * np.eye(8)[np.repeat([0, 1, 2], sizes)]
    grouping = clusters(with_factors(trained, factors), clusters=3, method=method)
    assert {(planted[int(item.id) - 1], item.cluster) for item in grouping.grouped} == {(1, 1), (2, 2), (3, 3)}
    assert grouping.has_groups
    rows = [int(item.id) - 1 for item in grouping.grouped]
    directions = factors / np.linalg.norm(factors, axis=1, keepdims=True)
    expected = silhouette_score(directions[rows], planted[rows])
    assert grouping.silhouette == pytest.approx(expected, abs=1e-4)
    assert [cluster.stability for cluster in grouping.clusters] == [None] * 3


@pytest.mark.parametrize("method", Grouping)
def test_continuum(trained: Run, method: Grouping) -> None:
    """Of five normal clouds, stretched in some directions and of any lengths, none is called groups."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cloud = rng.normal(size=(120, 8)) * np.linspace(3, 1, 8)
        for lengths in (np.ones(120), rng.lognormal(0, 0.7, 120)):
            run = with_factors(trained, cloud * lengths[:, None])
            assert not clusters(run, clusters=4, method=method).has_groups


def test_lift_of_a_tag(trained: Run) -> None:
    """The lift of a tag is its share in the group over its share in all items."""
    grouping = clusters(trained, clusters=2)
    tags = dict(zip(trained.items.ids, trained.items.tags, strict=True))
    for cluster in grouping.clusters:
        (tagged,) = cluster.tags
        has_tag = np.array([tagged.tag in tags[item.id] for item in grouping.grouped])
        in_group = np.array([item.cluster == cluster.cluster for item in grouping.grouped])
        assert tagged.n == (has_tag & in_group).sum()
        assert tagged.lift == pytest.approx(has_tag[in_group].mean() / has_tag.mean())

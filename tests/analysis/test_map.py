"""Maps: coordinates, colours, and how much of the neighbourhoods they keep."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from embedcli.analysis import projections
from embedcli.analysis.choices import Measure, Method
from embedcli.analysis.clusters import clusters
from embedcli.analysis.map import map_items, neighbours_of, tag_groups
from embedcli.analysis.pca import pca
from embedcli.analysis.probe import probe
from embedcli.analysis.projections import fidelity
from embedcli.analysis.similar import similar
from embedcli.errors import UsageError
from embedcli.run.lookup import Row
from embedcli.run.record import ItemStats, Run


@pytest.mark.parametrize("together", [7, 250])
def test_fidelity_is_scikit_learns(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """Trustworthiness is scikit-learn's and recall that of brute force, however many items are compared at a time."""
    monkeypatch.setattr(projections, "TOGETHER", together)
    rng = np.random.default_rng(0)
    near = rng.normal(size=(60, 8))
    xy = near[:, :2] + 0.3 * rng.normal(size=(60, 2))
    found = fidelity(near, xy)
    assert found.trustworthiness == pytest.approx(trustworthiness(near, xy, n_neighbors=10))
    true, drawn = (NearestNeighbors(n_neighbors=10).fit(points).kneighbors()[1] for points in (near, xy))
    kept = [len(set(a) & set(b)) / 10 for a, b in zip(true.tolist(), drawn.tolist(), strict=True)]
    assert found.recall == pytest.approx(np.mean(kept))
    assert found.chance == pytest.approx(10 / 59)
    assert fidelity(near, near).recall == 1


def test_a_map_of_components_is_that_of_pca(trained: Run) -> None:
    """The places are the coordinates of the two components asked for, of the most rated items, the most rated first."""
    found = map_items(trained, components=(2, 1), top_items=20)
    axes = pca(trained, components=2)
    rows = [trained.items.ids.index(place.id) for place in found.places]
    np.testing.assert_allclose([(place.x, place.y) for place in found.places], axes.scores[rows][:, [1, 0]])
    assert rows == axes.item_rows[:20].tolist()
    assert found.axes is not None
    assert [axis.component for axis in found.axes] == [2, 1]
    assert found.share == pytest.approx(axes.components[0].share + axes.components[1].share)


def test_the_planted_tastes_are_apart_by_neighbours(trained: Run) -> None:
    """t-SNE keeps neighbours of one taste together, the same each time, and its axes have no names."""
    found, again = (map_items(trained, method=Method.TSNE, seed=3) for _ in range(2))
    assert found.places == again.places
    assert found.axes is None
    assert found.fidelity.recall > 3 * found.fidelity.chance
    xy = np.array([(place.x, place.y) for place in found.places])
    tags = [place.tags for place in found.places]
    nearest = NearestNeighbors(n_neighbors=5).fit(xy).kneighbors()[1]
    assert np.mean([tags[at] == tags[other] for at, others in enumerate(nearest) for other in others]) > 0.9


def test_highlights_are_on_the_map(trained: Run) -> None:
    """An item that is asked for is drawn in any case, once, and marked."""
    rare = trained.items.titles[int(np.argmin(trained.item_stats.n_ratings))]
    found = map_items(trained, top_items=10, highlight=[rare, rare])
    assert len(found.places) == 11
    assert [place.title for place in found.places if place.highlighted] == [rare]


def test_colors(trained: Run) -> None:
    """The colors show a number of each item, or one of its tags."""
    years = map_items(trained, color=["year"]).color
    assert years is not None
    assert years.is_number
    groups = map_items(trained, color=["genre"])
    assert groups.color is not None
    assert set(groups.color.tags) == {tag for tags in trained.items.tags for tag in tags}
    assert all(group in place.tags for group, place in zip(groups.color.groups, groups.places, strict=True) if group)
    with pytest.raises(UsageError, match="is a number, which goes alone"):
        map_items(trained, color=["Action", "year"])


@pytest.mark.parametrize("top_items", [5, 20, 119])
def test_an_item_has_the_color_of_its_rarest_tag_whatever_is_drawn(tagged: Run, top_items: int) -> None:
    """The tags are the seven commonest of the run, and the rarest is by counts over the run, not the items drawn."""
    found = map_items(tagged, color=["genre"], top_items=top_items, highlight=["Star Wars (1977)"]).color
    assert found is not None
    assert found.tags == ("Drama", "Comedy", "Action", "Thriller", "Romance", "Adventure", "Children's")
    places = map_items(tagged, top_items=top_items, highlight=["Star Wars (1977)"]).places
    at = [place.title for place in places].index("Star Wars (1977)")
    assert found.groups[at] == "Adventure"
    asked = map_items(tagged, color=["sci-fi", "War"], top_items=top_items, highlight=["Star Wars (1977)"]).color
    assert asked is not None
    assert (asked.tags, asked.groups[at]) == (("War", "Sci-Fi"), "Sci-Fi")


def test_ties_between_tags_are_alphabetical(tagged: Run) -> None:
    """Of two tags with as many items, the first in the alphabet is listed first and wins."""
    tags = [("Western", "Noir")] * 3 + [()] * (len(tagged.items) - 3)
    run = replace(tagged, items=replace(tagged.items, tags=tuple(tags)))
    found = tag_groups(run, np.array([0, 5]))
    assert (found.tags, found.groups) == (("Noir", "Western"), ("Noir", None))


def test_umap_is_optional(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If UMAP is not installed, the hint names its package on PyPI, not one of our own name."""
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match="needs UMAP") as caught:
        map_items(trained, method=Method.UMAP)
    assert caught.value.hint == "pip install umap-learn"


def test_highlights_can_be_titles_ids_and_rows(trained: Run) -> None:
    """An item is highlighted by its title, its id or its row number."""
    marked = map_items(trained, highlight=["Star Wars (1977)", "id:9", Row(10)])
    assert {point.id for point in marked.places if point.highlighted} == {"50", "9", "11"}


def test_neighbours_of_points_are_those_of_similar(trained: Run) -> None:
    """Each point has its ten nearest among the points with twenty ratings or more, with their evidence as `similar`.

    A point with fewer ratings has none, and is none.
    """
    drawn = map_items(trained, top_items=len(trained.items))
    n = trained.item_stats.n_ratings.copy()
    n[drawn.item_rows[4]] = 19
    run = replace(trained, item_stats=replace(trained.item_stats, n_ratings=n))
    points, nearest = neighbours_of(run, drawn)
    assert nearest is not None
    assert points.tolist() == [index for index, row in enumerate(drawn.item_rows) if n[row] >= 20]
    assert nearest.folds is not None
    assert nearest.co_raters is not None
    for j in (0, 7, 50):
        expected = similar(run, Row(drawn.item_rows[points[j]])).asked[0].neighbours
        assert [drawn.places[at].title for at in points[nearest.positions[j]]] == [one.title for one in expected]
        assert (nearest.folds[j] / nearest.n_folds).tolist() == [one.folds for one in expected]
        assert nearest.co_raters[j].tolist() == [one.co_raters for one in expected]


def test_points_of_a_run_without_ratings_have_neighbours(trained: Run) -> None:
    """Imported vectors have neighbours, by the cosine, but no evidence."""
    none = np.zeros_like(trained.item_stats.n_ratings)
    factors = {"item_factors": trained.array("item_factors")}
    run = replace(trained, arrays=factors, rows=None, item_stats=ItemStats(none, np.full(len(none), np.nan)))
    run = replace(run, training=replace(run.training, evidence=None))
    points, nearest = neighbours_of(run, map_items(run, top_items=30, min_ratings=0, method=Method.TSNE))
    assert nearest is not None
    assert (len(points), nearest.by, nearest.folds, nearest.co_raters) == (30, Measure.COSINE, None, None)


def test_only_the_most_rated_points_have_neighbours(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many points the most rated have neighbours, for the time grows with the square of their number."""
    monkeypatch.setattr(sys.modules["embedcli.analysis.map"], "MOST_WITH_NEIGHBOURS", 12)
    assert neighbours_of(trained, map_items(trained, top_items=30))[0].tolist() == list(range(12))


def test_points_have_the_interval_of_their_stars(trained: Run) -> None:
    """The bounds of a point are the 2.5th and the 97.5th percentile of its stars over the draws."""
    drawn = map_items(trained, top_items=20)
    bounds = np.quantile(trained.array("item_stars")[:, drawn.item_rows], (0.025, 0.975), axis=0)
    np.testing.assert_allclose([(point.lower, point.upper) for point in drawn.places], bounds.T)


def test_what_is_drawn_is_capped_and_said(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps, clusters and probes take no more than the most rated items, and say how many they leave out."""
    n = int((trained.item_stats.n_ratings >= 5).sum())
    for name, analysis in (("map", map_items), ("clusters", clusters), ("probe", probe)):
        limit, most = ("MOST_DRAWN", {Method.PCA: 90}) if name == "map" else ("MOST_ITEMS", 90)
        monkeypatch.setattr(importlib.import_module(f"embedcli.analysis.{name}"), limit, most)
        found = analysis(trained, min_ratings=5)
        assert found.items == f"the 90 most rated of {n} films"
        assert (len(found.places) if name == "map" else found.n_items) == 90

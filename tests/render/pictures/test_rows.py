"""Rankings, components and comparisons as pictures: what they show, and that it stands there in words too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from svg import Picture

from embedcli.analysis.biases import biases, movers
from embedcli.analysis.choices import By, PartialOut
from embedcli.analysis.compare import compare, side_by_side
from embedcli.analysis.pca import pca
from embedcli.errors import UsageError
from embedcli.render.pictures import biases as rankings
from embedcli.render.pictures import compare as comparisons
from embedcli.render.pictures import pca as components
from embedcli.run.record import Run


def words_of(content: bytes) -> str:
    """Return all words of an SVG, with blanks between them."""
    return " ".join(text.words for text in Picture(content).texts).replace("\xa0", " ")


@pytest.fixture
def scattered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what is drawn as dots and as bars, in the order of drawing."""
    drawn: list[dict[str, Any]] = []
    scatter, hlines = Axes.scatter, Axes.hlines

    def spy_scatter(self: Axes, x: Any, y: Any, **style: Any) -> Any:
        drawn.append({"x": np.array(x), "y": np.array(y), "marker": "o", **style})
        return scatter(self, x, y, **style)

    def spy_hlines(self: Axes, y: Any, low: Any, high: Any, **style: Any) -> Any:
        drawn.append({"y": np.array(y), "low": np.array(low), "high": np.array(high), **style})
        return hlines(self, y, low, high, **style)

    monkeypatch.setattr(Axes, "scatter", spy_scatter)
    monkeypatch.setattr(Axes, "hlines", spy_hlines)
    return drawn


def test_a_ranking_shows_intervals_and_stars(trained: Run, scattered: list[dict[str, Any]]) -> None:
    """Each film has its interval as a bar and its stars as a dot; those outside have a shape that the legend names."""
    ranking = biases(trained, limit=6)
    first = replace(ranking.worst[0], stars=(ranking.worst[0].upper or 0) + 0.2, is_outside=True)
    ranking = replace(ranking, worst=(first, *(replace(row, is_outside=False) for row in ranking.worst[1:])))
    content = rankings.draw(ranking, trained, ("worst",), "svg")
    bars, inside, outside = scattered
    assert np.allclose(bars["low"], [row.lower for row in ranking.worst])
    assert np.allclose(bars["high"], [row.upper for row in ranking.worst])
    assert np.allclose(inside["x"], [row.stars for row in ranking.worst[1:]])
    assert inside["y"].tolist() == [1, 2, 3, 4, 5]
    assert (outside["x"].tolist(), outside["y"].tolist(), outside["marker"]) == ([first.stars], [0], "D")
    assert inside["c"] != outside["c"]
    said = words_of(content)
    for row in ranking.worst:
        assert row.title in said
    assert "Worst films by bias" in said
    for entry in ("95 % interval", "the average", "trained model", "trained model, outside the interval"):
        assert entry in said
    assert "Bars: 95 % intervals from" in said
    assert "1 of 6 films: stars outside their 95 % interval." in said


def test_a_ranking_without_draws_has_no_bars(trained: Run, scattered: list[dict[str, Any]]) -> None:
    """A run without a posterior has stars alone, and one without users biases in logits; both say so."""
    arrays = {name: array for name, array in trained.arrays.items() if name != "item_stars"}
    run = replace(trained, arrays=arrays)
    assert "No intervals: there are no posterior draws for films." in words_of(
        rankings.draw(biases(run, limit=3), run, ("best", "worst"), "svg")
    )
    assert [set(drawn) & {"low"} for drawn in scattered] == [set(), set()]
    run = replace(trained, arrays={name: trained.arrays[name] for name in ("item_factors", "item_bias")})
    said = words_of(rankings.draw(biases(run, limit=3), run, ("best",), "svg"))
    assert "Bias in logits" in said
    assert "the average" not in said


def test_a_ranking_by_the_posterior_says_so(trained: Run) -> None:
    """The dots are then the posterior means, and none is called the trained model's."""
    said = words_of(rankings.draw(biases(trained, limit=3, by=By.POSTERIOR), trained, ("best",), "svg"))
    assert "Best films by posterior bias" in said
    assert "posterior mean" in said
    assert "trained model" not in said


def test_movers_go_from_the_mean_to_the_stars(trained: Run, scattered: list[dict[str, Any]]) -> None:
    """A hollow dot at the damped mean is joined to a full one at the stars."""
    moved = movers(trained, limit=3)
    said = words_of(rankings.draw_movers(moved, trained, "svg"))
    bars, means, stars = scattered[:3]
    assert np.allclose(means["x"], [row.damped_mean for row in moved.up])
    assert np.allclose(stars["x"], [row.stars for row in moved.up])
    assert np.allclose([bars["low"], bars["high"]], [means["x"], stars["x"]])
    for words in ("damped mean", "stars by the model", "Better than their mean says", "Worse than their mean says"):
        assert words in said


def test_components_show_both_poles(trained: Run, scattered: list[dict[str, Any]]) -> None:
    """A panel for each component: its share, its verdict in words, the names and the items of either pole."""
    found = pca(trained, components=2, limit=3)
    said = words_of(components.draw(found, trained, "svg"))
    for component in found.components:
        assert f"Component {component.component}: {100 * component.share:.1f} % of the variance" in said
        assert str(component.judged)[1:] in said
        for item in (*component.positive, *component.negative):
            assert item.title in said
        if component.has_name:
            assert f"← {', '.join(component.negative_name)}" in said
            assert f"{', '.join(component.positive_name)} →" in said
    negative = next(drawn for drawn in scattered if "x" in drawn)
    assert np.allclose(negative["x"], [item.score for item in found.components[0].negative])
    assert f"Ticks: all {found.n_items} films." in said


def test_components_without_quality_have_no_ticks(trained: Run) -> None:
    """With quality partialled out the coordinates of all items are not those of the poles: they are not drawn."""
    found = pca(trained, components=1, limit=3, partial_out=PartialOut.QUALITY)
    assert "Ticks" not in words_of(components.draw(found, trained, "svg"))


def test_tastes_are_drawn_if_they_hold(trained: Run) -> None:
    """An axis of tastes with a name has a panel of its own; one that does not hold has none."""
    found = pca(trained, components=1, limit=3)
    assert found.tastes is not None
    named = [card for card in found.tastes.cards if card.unnamed is None]
    assert named
    said = words_of(components.draw(found, trained, "svg"))
    for card in found.tastes.cards:
        assert (f"Taste {card.taste}: " in said) == (card.unnamed is None)
    assert f"← {', '.join(named[0].negative_name)}" in said


def test_two_runs_show_errors_and_changes(trained: Run, scattered: list[dict[str, Any]]) -> None:
    """Two runs have their errors, the interval of the change with its verdict, and the films that changed most."""
    other = replace(
        trained, name="other", arrays={**trained.arrays, "trained_stars": trained.array("trained_stars") + 0.1}
    )
    assert trained.heldout is not None
    heldout = replace(trained.heldout, predictions=trained.heldout.predictions * np.float32(0.9))
    other, run = replace(other, heldout=heldout), replace(trained, name="first")
    compared = compare(run, other, limit=4)
    said = words_of(comparisons.draw(compared, (run, other), "svg"))
    interval = compared.runs[1].rmse_change_interval
    assert interval is not None
    assert compared.runs[1].judged is not None
    assert compared.runs[1].judged.words in said
    (bar, errors, *_) = scattered
    assert np.isclose(bar["high"] - bar["low"], interval[1] - interval[0])
    assert np.allclose(errors["x"], [figures.rmse for figures in compared.runs])
    for change in compared.changes:
        assert change.title in said
    for words in ("Runs first, other", "stars by first", "stars by other", "What changed most", "Data: Made ratings."):
        assert words in said


def test_several_runs_show_errors_alone(trained: Run) -> None:
    """Of three runs there are no changes to draw; runs without errors have nothing, and the error says so."""
    runs = tuple(replace(trained, name=name) for name in ("one", "two", "three"))
    said = words_of(comparisons.draw(side_by_side(runs), runs, "svg"))
    assert "What changed most" not in said
    assert "one two three" in said
    bare = tuple(replace(run, training=replace(run.training, scores=())) for run in runs)
    with pytest.raises(UsageError, match="nothing to draw"):
        comparisons.draw(side_by_side(bare), bare, "svg")

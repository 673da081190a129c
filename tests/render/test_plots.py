"""Pictures: no label meets another label, its own or another labelled dot, or the edge."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib.axes
import pytest

from embedcli.analysis.choices import Method
from embedcli.analysis.maps import map_items
from embedcli.render import plots
from embedcli.run.record import Run


@pytest.mark.parametrize("method", [Method.PCA, Method.TSNE])
@pytest.mark.parametrize("top_items", [30, 119])
def test_labels_never_overlap(trained: Run, monkeypatch: pytest.MonkeyPatch, method: Method, top_items: int) -> None:
    """The boxes of all labels drawn, measured anew, are apart from each other and within the frame."""
    drawn: dict[str, Any] = {}
    label = plots._label

    def spy(axes: matplotlib.axes.Axes, canvas: Any, *others: Any) -> int:
        drawn.update(axes=axes, canvas=canvas)
        return label(axes, canvas, *others)

    monkeypatch.setattr(plots, "_label", spy)
    picture = plots.draw(map_items(trained, method=method, top_items=top_items), trained, "png", 200)
    texts = drawn["axes"].texts
    assert picture.n_labels == len(texts) >= 10
    boxes = [text.get_window_extent(drawn["canvas"].get_renderer()) for text in texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frame = drawn["axes"].get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)


@pytest.mark.parametrize("colour", ["year", "genre", "log n", "stars", "bias", "mean"])
def test_every_colour_is_drawn(trained: Run, colour: str) -> None:
    """A number and tags can be what colour says, in either kind of picture; a `$` in a title is no formula."""
    for kind in ("png", "svg"):
        assert plots.draw(map_items(trained, colour=[colour], highlight=["9"]), trained, kind, 5).content

"""Pictures: no label meets another label, its own or another labelled dot, or the edge; in SVG and PDF as in PNG."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
import zlib
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import matplotlib.axes
import numpy as np
import pytest
from matplotlib.transforms import Bbox

from embedcli.analysis.choices import Method
from embedcli.analysis.map import Map, map_items
from embedcli.render.map import TAG_RULE
from embedcli.render.pictures import map as plots
from embedcli.run.record import Run

SVG, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Text:
    """A line of text in an SVG: its words, its box, where its baseline begins, and its letters' shapes."""

    words: str
    box: Box
    start: tuple[float, float]
    glyphs: tuple[str, ...]


class Picture:
    """The texts that an SVG of matplotlib draws, the rotated ones left out, and the boxes of its dots in points."""

    def __init__(self, svg: bytes) -> None:
        root = ET.fromstring(svg, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
        outlines = {path.get("id"): path for path in root.iter(f"{SVG}path") if path.get("id")}
        self.texts = [
            text
            for group in root.iter(f"{SVG}g")
            if (group.get("id") or "").startswith("text_")
            for text in self._lines(group, outlines)
        ]
        dots = next(group for group in root.iter(f"{SVG}g") if group.get("id") == "PathCollection_1")
        self.dots = [box_of(path) for path in dots.findall(f"{SVG}path")]
        self.size = tuple(float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))

    def _lines(self, group: ET.Element, outlines: dict[str | None, ET.Element]) -> list[Text]:
        """Return the lines of a text; its words stand in a comment."""
        words = [html.unescape(str(child.text)).strip() for child in group if child.tag is ET.Comment]
        lines = [child for child in group if child.tag == f"{SVG}g"]
        found = []
        for line in lines:
            place = re.fullmatch(r"translate\((\S+) (\S+)\) scale\((\S+) (\S+)\)", line.get("transform", ""))
            if place is None:  # rotated
                continue
            x, y, across, up = map(float, place.groups())
            edges, glyphs = [(0.0, 0.0, 0.0, 0.0)], []
            for use in line.iter(f"{SVG}use"):
                glyphs.append(use.get(HREF, "")[1:])
                shift = re.match(r"translate\((\S+)", use.get("transform", "translate(0 0)"))
                assert shift is not None
                scale = float(re.findall(r"scale\((\S+)\)", outlines[glyphs[-1]].get("transform", ""))[0])
                left, top, right, bottom = (scale * edge for edge in box_of(outlines[glyphs[-1]]))
                edges.append((float(shift[1]) + left, top, float(shift[1]) + right, bottom))
            low, high = np.min(edges, axis=0), np.max(edges, axis=0)
            box = (x + across * low[0], y + up * high[3], x + across * high[2], y + up * low[1])
            found.append(Text(words[0], box, (x, y), tuple(glyphs)))
        return found


def box_of(path: ET.Element) -> Box:
    """Return the box of an outline: of all its points, those that steer its curves too."""
    points = np.array(re.findall(r"-?\d[\d.e-]*", path.get("d", "")), dtype=float).reshape(-1, 2)
    if not len(points):  # a blank
        return 0.0, 0.0, 0.0, 0.0
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return float(left), float(top), float(right), float(bottom)


def apart(one: Box, other: Box) -> float:
    """Return the distance between two boxes; 0 if they meet."""
    across = max(one[0] - other[2], other[0] - one[2], 0)
    down = max(one[1] - other[3], other[1] - one[3], 0)
    return float(np.hypot(across, down))


def labels_of(picture: Picture, found: Map) -> list[tuple[Text, float]]:
    """Return the labels of a map with the distance of each from its own dot."""
    own: dict[str, list[Box]] = {}
    for place, dot in zip(found.places, picture.dots, strict=True):
        own.setdefault(plots._short(place), []).append(dot)
    return [(text, min(apart(text.box, dot) for dot in own[text.words])) for text in picture.texts if text.words in own]


@dataclass(frozen=True)
class Drawn:
    """A map drawn as an SVG, the boxes of its labels as matplotlib measures them anew, and the box of its frame."""

    found: Map
    picture: plots.Picture
    labels: list[Bbox]
    frame: Bbox


def draw_svg(found: Map, run: Run) -> Drawn:
    """Draw a map with all labels that fit, and measure them."""
    measured: dict[str, Any] = {}
    label = plots._label

    def spy(axes: matplotlib.axes.Axes, canvas: Any, *others: Any) -> int:
        measured.update(axes=axes, canvas=canvas)
        return label(axes, canvas, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_label", spy)
        picture = plots.draw(found, run, "svg", 200)
    axes, renderer = measured["axes"], measured["canvas"].get_renderer()
    return Drawn(found, picture, [text.get_window_extent(renderer) for text in axes.texts], axes.get_window_extent())


@pytest.fixture(scope="module")
def few(trained: Run) -> Drawn:
    """Return the thirty most rated films, drawn by their components."""
    return draw_svg(map_items(trained, top_items=30), trained)


@pytest.fixture(scope="module", params=["30 by components", "119 by components", "119 by t-SNE"])
def drawn(request: pytest.FixtureRequest, trained: Run, few: Drawn) -> Drawn:
    """Return a drawn map of few or of all rated films."""
    if request.param == "30 by components":
        return few
    if request.param == "119 by components":
        return draw_svg(map_items(trained, top_items=119, components=(2, 1)), trained)
    return draw_svg(map_items(trained, method=Method.TSNE, top_items=119), trained)


def test_labels_never_overlap(drawn: Drawn) -> None:
    """The boxes of all labels drawn, measured anew, are apart from each other and within the frame."""
    boxes, frame = drawn.labels, drawn.frame
    assert drawn.picture.n_labels == len(boxes) >= 10
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)


def test_labels_of_an_svg_lie_by_their_dots(drawn: Drawn) -> None:
    """Measured in the file: each label is beside its own dot, no two labels overlap, none leaves the picture."""
    picture = Picture(drawn.picture.content)
    labels = labels_of(picture, drawn.found)
    assert len(labels) == drawn.picture.n_labels >= 10
    farthest = 2.6 * 10 + 6  # points: 2.6 lines further off, and the gap
    assert max(distance for _, distance in labels) < farthest
    assert np.median([distance for _, distance in labels]) < 12
    boxes = [text.box for text, _ in labels]
    assert min(apart(one, other) for one, other in combinations(boxes, 2)) > 0
    width, height = picture.size
    assert all(min(left, top) > 0 and right < width and bottom < height for left, top, right, bottom in boxes)


def test_a_pdf_is_drawn_as_an_svg(trained: Run, few: Drawn) -> None:
    """Every label of a PDF begins at the same point as in the SVG, and the same map makes the same file."""
    found = few.found
    drawn = plots.draw(found, trained, "pdf", 200)
    assert drawn.content.startswith(b"%PDF-")
    assert plots.draw(found, trained, "pdf", 200).content == drawn.content
    streams = re.findall(rb"/Filter /FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", drawn.content, re.DOTALL)
    text = b"\n".join(zlib.decompressobj().decompress(stream) for stream in streams)
    pairs = np.array(list(pairwise(float(number) for number in re.findall(rb"(?<![\w.])-?\d+(?:\.\d+)?(?= )", text))))
    picture = Picture(few.picture.content)
    labels = labels_of(picture, found)
    assert len(labels) == drawn.n_labels
    for label, _ in labels:
        start = np.array([label.start[0], picture.size[1] - label.start[1]])
        assert np.abs(pairs - start).max(1).min() < 0.1, label.words


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_number_is_drawn(trained: Run, kind: str) -> None:
    """A number can be what the colors show, in each kind of picture; tags are in `test_a_title_can_hold_anything`."""
    assert plots.draw(map_items(trained, color=["year"], highlight=["9"]), trained, kind, 5).content


@pytest.mark.parametrize("color", ["year", "log n", "stars", "bias", "mean"])
def test_every_number_has_a_value_to_draw(trained: Run, color: str) -> None:
    """Each number that can be a color has a finite value for every rated film."""
    found = map_items(trained, color=[color], top_items=60).color
    assert found is not None
    assert found.is_number
    assert np.isfinite(np.array(found.values, dtype=float)).sum() >= 59  # a film has no year


def test_the_legend_names_the_tags_and_the_rule(tagged: Run) -> None:
    """The legend says which color an item with several tags has; its tags do not depend on the items drawn."""
    for top_items in (10, 119):
        picture = plots.draw(map_items(tagged, color=["genre"], top_items=top_items), tagged, "svg", 0)
        words = [text.words for text in Picture(picture.content).texts]
        tags = ["Drama", "Comedy", "Action", "Thriller", "Romance", "Adventure", "Children's"]
        at = words.index(tags[0])
        assert words[at : at + 7] == tags
        assert TAG_RULE in words


def test_a_dollar_is_a_dollar(trained: Run) -> None:
    """A `$` in the title of an item or of the data, or in a tag, begins no formula: each letter is drawn as it is."""
    odd = ("Ke$ha", "A$AP Rocky & Joey Bada$$", "$x^2$ and \\alpha", "Up \\$5 or $6", "<b>$a_b$</b> -- &amp;")
    items = replace(
        trained.items,
        titles=(*odd, *trained.items.titles[len(odd) :]),
        tags=tuple(("$C_1$",) if "Action" in tags else tags for tags in trained.items.tags),
    )
    data = replace(trained.data, title="Made $1 to $2", noun="book")  # "film" has a ligature
    run = replace(trained, items=items, data=data)
    found = map_items(run, color=["genre"], highlight=items.ids[: len(odd)])
    picture = Picture(plots.draw(found, run, "svg", 8).content)
    drawn = {text.words.replace("- -", "--"): text for text in picture.texts}
    for words in (*odd, "$C_1$", f"Map by components 1 and 2 | Made $1 to $2 | {found.items}"):
        assert len(drawn[words].glyphs) == len(words), words
        assert not [glyph for glyph in drawn[words].glyphs if "Oblique" in glyph or "Cmr" in glyph]
    right = next(text for words, text in drawn.items() if "component 1" in words and "Map" not in words)
    assert "$C_1$" in right.words
    assert len(right.glyphs) == len(right.words)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_title_can_hold_anything(trained: Run, kind: str) -> None:
    """Control characters, half a surrogate pair and what XML forbids are drawn as marks; an SVG stays valid XML."""
    odd = ("a\x00b\x1b[31m", "c\ufffe\uffff", "d\ud800", "e\x85f\u2028g\x7f", "]]> --> <!-- &", "", "\x01" * 50)
    items = replace(
        trained.items,
        titles=(*odd, *trained.items.titles[len(odd) :]),
        tags=tuple(("tag\x02\ufffe",) if "Action" in tags else tags for tags in trained.items.tags),
    )
    run = replace(trained, items=items, data=replace(trained.data, title="made\x03\u2028\ud800"))
    found = map_items(run, color=["genre"], highlight=items.ids[: len(odd)])
    content = plots.draw(found, run, kind, 8).content
    if kind == "svg":
        words = [text.words for text in Picture(content).texts]
        assert "a\ufffdb\ufffd[31m" in words
        assert "e f g\ufffd" in words
        assert "tag\ufffd\ufffd" in words

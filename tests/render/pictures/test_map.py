"""Maps as pictures: labels by the rules of `labels.py`, measured in the files; in SVG and PDF as in PNG."""

from __future__ import annotations

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
from svg import SVG, Picture, Text, apart

from embedcli.analysis.choices import Method
from embedcli.analysis.map import Map, map_items
from embedcli.render.map import TAG_RULE
from embedcli.render.pictures import map as maps
from embedcli.render.pictures.labels import Crowd, Placed, distances, lines_meet_boxes, place
from embedcli.run.record import Run


@dataclass(frozen=True)
class Drawn:
    """A map drawn as an SVG, what was measured in it, and the labels as they were placed, in points."""

    found: Map
    result: maps.MapPicture
    picture: Picture
    crowd: Crowd
    placed: list[Placed]
    boxes: dict[int, Bbox]  # of the labels, by their dot, as matplotlib measures them anew, in points

    def texts(self) -> dict[int, Text]:
        """Return the labels in the file, by the index of their dot: each begins at its place."""
        height = self.picture.size[1]
        found = {}
        for label in self.placed:
            box = self.boxes[label.dot]
            inner = [
                text
                for text in self.picture.texts
                if box.x0 - 2 < text.box[0] and text.box[2] < box.x1 + 2
                if box.y0 - 2 < height - text.box[3] and height - text.box[1] < box.y1 + 2
            ]
            edges = np.array([text.box for text in inner])
            around = (*edges[:, :2].min(0).tolist(), *edges[:, 2:].max(0).tolist())
            found[label.dot] = replace(inner[0], box=around)
        return found


def draw_svg(found: Map, run: Run, n_labels: int = 200) -> Drawn:
    """Draw a map with all labels that fit, and measure them."""
    kept: dict[str, Any] = {}
    label = maps._label

    def spy_place(crowd: Crowd, *others: Any) -> list[Placed]:
        kept.update(crowd=crowd, placed=place(crowd, *others))
        return list(kept["placed"])

    def spy_label(page: Any, axes: matplotlib.axes.Axes, *others: Any) -> int:
        n = label(page, axes, *others)
        scale = page.figure.dpi / 72
        boxes = [text.get_window_extent(page.canvas.get_renderer()) for text in axes.texts]
        dots = [label.dot for label in kept["placed"]]
        kept["boxes"] = {dot: Bbox(box.get_points() / scale) for dot, box in zip(dots, boxes, strict=True)}
        return n

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "place", spy_place)
        patch.setattr(maps, "_label", spy_label)
        result = maps.draw(found, run, "svg", n_labels)
    return Drawn(found, result, Picture(result.content), **kept)


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
    """The boxes of all labels drawn, measured anew, are apart from each other, from all dots and within the frame."""
    boxes, crowd = list(drawn.boxes.values()), drawn.crowd
    left, bottom, right, top = crowd.frame
    assert drawn.result.n_labels == len(boxes) == len(drawn.placed) >= 10
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(left <= box.x0 and box.x1 <= right and bottom <= box.y0 and box.y1 <= top for box in boxes)
    clear = distances(np.array([box.extents for box in boxes]), crowd.centres) - crowd.radii
    assert clear.min() > 0


def test_labels_of_an_svg_lie_by_their_dots(drawn: Drawn) -> None:
    """Measured in the file: no label meets a label or a dot; each is nearest to its own dot or joined to it."""
    texts, dots = drawn.texts(), drawn.picture.dots
    assert len(texts) == drawn.result.n_labels
    for label in drawn.placed:
        text, apart_from = texts[label.dot], [apart(texts[label.dot].box, dot) for dot in dots]
        assert text.words.split()[0] == maps._wordings(drawn.found.places[label.dot].title)[0][0].split()[0]
        assert min(apart_from) > 0
        assert np.argmin(apart_from) == label.dot or label.line is not None, text.words
    boxes = [text.box for text in texts.values()]
    assert min(apart(one, other) for one, other in combinations(boxes, 2)) > 0
    width, height = drawn.picture.size
    assert all(min(left, top) > 0 and right < width and bottom < height for left, top, right, bottom in boxes)


def test_the_lines_of_an_svg_join_labels_and_dots(drawn: Drawn) -> None:
    """Each line in the file goes from the edge of its dot to the edge of its label, and crosses no other label."""
    height, joined = drawn.picture.size[1], [label for label in drawn.placed if label.line is not None]
    assert len(drawn.picture.lines) == len(joined)
    for label, line in zip(joined, drawn.picture.lines, strict=True):
        assert label.line is not None
        assert np.allclose(line, np.array(label.line) * [1, -1, 1, -1] + [0, height, 0, height], atol=0.1)
        assert np.isclose(np.hypot(*(label.line[:2] - drawn.crowd.centres[label.dot])), drawn.crowd.radii[label.dot])
        assert distances(drawn.boxes[label.dot].extents[None], np.array([label.line[2:]]))[0, 0] < 3
    others = {label.dot: [b.extents for dot, b in drawn.boxes.items() if dot != label.dot] for label in joined}
    assert not any(lines_meet_boxes(np.array([label.line]), np.array(others[label.dot])).any() for label in joined)


def test_the_caption_says_what_is_left_out(trained: Run) -> None:
    """The number of titles without room stands in the caption, in the result, and in the description of the file."""
    drawn = draw_svg(map_items(trained, top_items=119), trained)
    n = 119 - len(drawn.placed)
    assert n == drawn.result.n_left_out > 0
    said = f"{n} titles are left out for lack of room."
    root = ET.fromstring(drawn.result.content)
    assert said in root.findtext(f"{SVG}desc", "")
    assert said in " ".join(text.words for text in drawn.picture.texts).replace("\xa0", " ")
    few = maps.draw(map_items(trained, top_items=10), trained, "svg", 3)
    assert (few.n_labels, few.n_left_out) == (3, 0)
    assert b"left out" not in few.content


def test_the_caption_is_in_sentences(trained: Run) -> None:
    """A caption begins with a capital, says what is shown, the rule of the colors, the model and the data."""
    found = map_items(trained, color=["year"])
    said = maps.caption(found, trained, 0)
    assert said.startswith("The 50 most rated films on components found over")
    assert "% of the variance. Of a film's 10 nearest" in said
    assert "Colors show year" in said
    assert said.endswith("Model: 3 members, split random 90/10 seed 0. Data: Made ratings.")
    real = replace(trained, data=replace(trained.data, title="MovieLens 100K"))
    assert maps.caption(found, real, 0).endswith("Data: MovieLens 100K (GroupLens).")
    near = maps.caption(map_items(trained, method=Method.TSNE, top_items=60), trained, 0)
    assert near.startswith("The 60 most rated films (seed 0): only neighbours have a meaning")


def test_a_pdf_is_drawn_as_an_svg(trained: Run, few: Drawn) -> None:
    """Every label of a PDF begins at the same point as in the SVG, and the same map makes the same file."""
    found = few.found
    content = maps.draw(found, trained, "pdf", 200).content
    assert content.startswith(b"%PDF-")
    assert maps.draw(found, trained, "pdf", 200).content == content
    assert b"/Subtype /Type0" in content or b"/FontFile2" in content  # letters, not outlines
    streams = re.findall(rb"/Filter /FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    text = b"\n".join(zlib.decompressobj().decompress(stream) for stream in streams)
    pairs = np.array(list(pairwise(float(number) for number in re.findall(rb"(?<![\w.])-?\d+(?:\.\d+)?(?= )", text))))
    for label in few.texts().values():
        start = np.array([label.start[0], few.picture.size[1] - label.start[1]])
        assert np.abs(pairs - start).max(1).min() < 0.1, label.words


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_number_is_drawn(trained: Run, kind: str) -> None:
    """A number can be what the colors show, in each kind of picture; tags are in `test_a_title_can_hold_anything`."""
    assert maps.draw(map_items(trained, color=["year"], highlight=["9"]), trained, kind, 5).content


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
        picture = maps.draw(map_items(tagged, color=["genre"], top_items=top_items), tagged, "svg", 0)
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
    picture = Picture(maps.draw(found, run, "svg", 8).content)
    drawn = {text.words.replace("- -", "--"): text for text in picture.texts}
    for words in (*odd, "$C_1$", f"Made $1 to $2 | {found.items}"):
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
    content = maps.draw(found, run, kind, 8).content
    if kind == "svg":
        words = [text.words for text in Picture(content).texts]
        assert "a\ufffdb\ufffd[31m" in words
        assert "e f g\ufffd" in words
        assert "tag\ufffd\ufffd" in words

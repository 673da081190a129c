"""What an SVG of matplotlib draws: its texts with their boxes, its dots and its lines, all in points, y downwards."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np

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
        strokes = [group for group in root.iter(f"{SVG}g") if (group.get("id") or "").startswith("LineCollection")]
        paths = [path for group in strokes for path in group.findall(f"{SVG}path")]
        self.lines = [[float(number) for number in re.findall(r"-?\d[\d.]*", path.get("d", ""))] for path in paths]
        self.size = tuple(float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))

    def _lines(self, group: ET.Element, outlines: dict[str | None, ET.Element]) -> list[Text]:
        """Return the lines of a text; the words of each stand in a comment."""
        words = [html.unescape(str(child.text)).strip() for child in group if child.tag is ET.Comment]
        lines = [child for child in group if child.tag == f"{SVG}g"]
        found = []
        for line_words, line in zip(words, lines, strict=True):
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
            found.append(Text(line_words, box, (x, y), tuple(glyphs)))
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

"""Placing labels, in made crowds: the rules of `labels.py`, checked by plain geometry of one pair after another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from embedcli.render.pictures.labels import Crowd, Placed, place

Floats = NDArray[np.float64]
FRAME = np.array([0.0, 0.0, 800.0, 560.0])
HEIGHT, GAP = 10.0, 3.0


def crowd_of(kind: str, n: int) -> Crowd:
    """Return n dots: scattered evenly, in clusters as t-SNE makes them, in a tight heap, or all at one place."""
    rng = np.random.default_rng(n)
    spread = {
        "even": lambda: rng.uniform([40, 30], [760, 530], (n, 2)),
        "clusters": lambda: (
            rng.uniform([150, 120], [650, 440], (12, 2))[rng.integers(12, size=n)] + rng.normal(0, 22, (n, 2))
        ),
        "heap": lambda: rng.normal([400, 280], 12, (n, 2)),
        "one place": lambda: np.full((n, 2), [400.0, 280.0]),
    }
    return Crowd(np.array(spread[kind]()), rng.uniform(1.5, 5, n), FRAME, GAP, HEIGHT)


def sizes_of(n: int) -> list[Floats]:
    """Return the wordings of n labels: in one line, in two, and cut, which costs most."""
    widths = np.random.default_rng(1).uniform(45, 140, n)
    return [np.array([(width, 10, 0), (0.6 * width, 19, 1), (0.5 * width, 10, 50)]) for width in widths]


def box_of(label: Placed, sizes: list[Floats], order: list[int]) -> tuple[float, float, float, float]:
    """Return the box of a label."""
    width, height, _ = sizes[order.index(label.dot)][label.wording]
    x, y = label.middle
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def apart(box: tuple[float, float, float, float], x: float, y: float) -> float:
    """Return the distance from a box to a point."""
    return float(np.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3])))


def crosses(line: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> bool:
    """Whether a line runs through a box, at one of a thousand points."""
    if max(line[0], line[2]) < box[0] or min(line[0], line[2]) > box[2]:
        return False
    if max(line[1], line[3]) < box[1] or min(line[1], line[3]) > box[3]:
        return False
    share = np.linspace(0, 1, 1000)
    x, y = line[0] + share * (line[2] - line[0]), line[1] + share * (line[3] - line[1])
    return bool(((box[0] < x) & (x < box[2]) & (box[1] < y) & (y < box[3])).any())


def cross(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two lines cross: solve for the shares of both where they would."""
    if max(one[0], one[2]) < min(other[0], other[2]) or max(other[0], other[2]) < min(one[0], one[2]):
        return False
    steps = np.array([[one[2] - one[0], other[0] - other[2]], [one[3] - one[1], other[1] - other[3]]])
    if abs(np.linalg.det(steps)) < 1e-9:
        return False
    shares = np.linalg.solve(steps, np.array([other[0] - one[0], other[1] - one[1]]))
    return bool(((shares > 1e-9) & (shares < 1 - 1e-9)).all())


@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("kind", ["even", "clusters", "heap", "one place"])
def test_the_rules_hold(kind: str, n: int) -> None:
    """No label meets a label, a dot, the edge or another's line, no lines cross, and each is by its dot or joined."""
    crowd, sizes, order = crowd_of(kind, n), sizes_of(n), list(range(n))
    placed = place(crowd, order, sizes)
    assert len(placed) == len({label.dot for label in placed}) >= 5
    boxes = [box_of(label, sizes, order) for label in placed]
    for (one, box), (other, further) in combinations(zip(placed, boxes, strict=True), 2):
        assert box[2] <= further[0] or further[2] <= box[0] or box[3] <= further[1] or further[3] <= box[1]
        assert one.line is None or not crosses(one.line, further)
        assert other.line is None or not crosses(other.line, box)
        assert one.line is None or other.line is None or not cross(one.line, other.line)
    for label, box in zip(placed, boxes, strict=True):
        assert (np.array(box[:2]) >= FRAME[:2]).all()
        assert (np.array(box[2:]) <= FRAME[2:]).all()
        gaps = np.array([apart(box, *centre) for centre in crowd.centres])
        assert (gaps > crowd.radii).all()
        if label.line is None:
            assert gaps.argmin() == (gaps - crowd.radii).argmin() == label.dot
        else:
            assert not crosses(label.line, (box[0] + 1e-6, box[1] + 1e-6, box[2] - 1e-6, box[3] - 1e-6))
            assert apart(box, *label.line[2:]) < 1e-6
            assert np.isclose(np.hypot(*(crowd.centres[label.dot] - label.line[:2])), crowd.radii[label.dot])


@pytest.mark.parametrize(("kind", "n", "least"), [("even", 50, 50), ("even", 200, 150), ("clusters", 50, 46)])
def test_most_labels_have_room(kind: str, n: int, least: int) -> None:
    """Fifty even dots all get their label, two hundred three of four; fifty in clusters nearly all."""
    assert len(place(crowd_of(kind, n), list(range(n)), sizes_of(n))) >= least


def test_those_that_come_first_are_placed() -> None:
    """In a heap that has room for a few labels, those that come first in the order are among them."""
    crowd, order = crowd_of("heap", 50), list(range(49, -1, -1))
    placed = [label.dot for label in place(crowd, order, sizes_of(50))]
    assert order[:3] == placed[:3]
    assert len(placed) < 30


def test_a_label_is_cut_only_where_it_has_no_room() -> None:
    """A title is whole if it fits beside its dot or at a line; alone it has no line; in a narrow frame it is cut."""
    sizes = [np.array([(140.0, 10.0, 0.0), (70.0, 10.0, 50.0)])]
    alone = Crowd(np.array([[400.0, 280.0]]), np.array([3.0]), FRAME, GAP, HEIGHT)
    (label,) = place(alone, [0], sizes)
    assert (label.wording, label.line) == (0, None)
    walls = np.array([(x, y) for x in (306.0, 494.0) for y in np.arange(230.0, 331.0, 5)])
    among = Crowd(np.vstack([alone.centres, walls]), np.full(len(walls) + 1, 3.0), FRAME, GAP, HEIGHT)
    (label,) = place(among, [0], sizes)
    assert label.wording == 0
    narrow = Crowd(alone.centres, alone.radii, np.array([350.0, 0, 450, 560]), GAP, HEIGHT)
    (label,) = place(narrow, [0], sizes)
    assert label.wording == 1
    assert place(Crowd(alone.centres, alone.radii, np.array([390.0, 0, 410, 560]), GAP, HEIGHT), [0], sizes) == []


def test_lines_keep_clear_of_labelled_dots() -> None:
    """Among many labels no line crosses another dot that has a label, if it is not in one heap with its own."""
    crowd, order = crowd_of("clusters", 200), list(range(0, 200, 2))
    joined = [label for label in place(crowd, order, sizes_of(100)) if label.line is not None]
    assert len(joined) > 10
    share = np.linspace(0, 1, 500)[:, None]
    for label in joined:
        points = np.array(label.line[:2]) * (1 - share) + np.array(label.line[2:]) * share
        away = np.linalg.norm(crowd.centres - crowd.centres[label.dot], axis=1) - crowd.radii
        others = [dot for dot in order if away[dot] > crowd.radii[label.dot] + GAP]
        gaps = np.linalg.norm(points[:, None] - crowd.centres[others], axis=2) - crowd.radii[others]
        assert gaps.min() > 0


def test_a_place_is_the_same_each_time() -> None:
    """The same dots and labels give the same places."""
    first, second = (place(crowd_of("clusters", 50), list(range(50)), sizes_of(50)) for _ in range(2))
    assert first == second


def test_nothing_to_place() -> None:
    """Without labels, and without other dots, nothing goes wrong."""
    assert place(crowd_of("even", 3), [], []) == []

"""Placing labels in a crowd of dots: numbers in, places out.

A label lies beside its dot, nearer to it than to any other, or is joined to it by a line. No label meets a dot, another
label or its line; no two lines cross. All lengths are in one unit, such as points, with y upwards. A box is
(left, bottom, right, top), a line (x0, y0, x1, y1) from the dot to the label, NaN if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# where a label lies beside its dot, in halves of its own size: right, left, above, below, at the corners, and between
BESIDE = np.array(
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (0.5, 1), (-0.5, 1), (0.5, -1), (-0.5, -1)]
)
# numbers of angles of the lines, and whether they may cross dots that have labels, whose lines they would seem to be:
# if the labels are FEW, the next is tried until there is room for all
ATTEMPTS = ((16, False), (24, False), (32, False), (16, True), (24, True), (32, True))
FEW, NEARLY = 80, 0.75  # and NEARLY all have room: in a heap no angle helps
LENGTHS = (1.0, 1.7, 2.5, 3.5, 5.0, 7.0, 10.0)  # of the lines, in heights of a line of text
CLEARER = 0.8  # gaps by which a label without a line is nearer to its own dot than to any other
# what makes a place worse, in heights of a line of text: a line, a dot under the line, a label that lies beside another
# dot, or where another label would like to be
LINE, CROSSED, CLOSE, COVERED = 2.0, 12.0, 3.0, 0.2
POOR = 30.0  # the cost from which a place is as bad as none: that of a title that is cut
MOST_AWAY = 1.7  # heights of a line of text from a label to the next dot of any item: no label lies in a void
MOST_PUSHED = 2  # labels that make room for another
MOST_TRIED, MOST_TRIES = 40, 1500  # places for which others make room: of one label, and of all
TOGETHER = 32  # places of a label that are looked at together


@dataclass(frozen=True)
class Crowd:
    """Dots with centres (n, 2) and radii (n,); the box of all labels; the gap beside a dot; the height of a line."""

    centres: Floats
    radii: Floats
    frame: Floats
    gap: float
    height: float


@dataclass(frozen=True)
class Placed:
    """Where a label lies: the index of its dot, which of its wordings it has, its middle, its line or None."""

    dot: int
    wording: int
    middle: tuple[float, float]
    line: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Places:
    """Places for labels: boxes (C, 4), lines (C, 4), wordings (C,) and costs (C,)."""

    boxes: Floats
    lines: Floats
    wordings: NDArray[np.int64]
    costs: Floats

    def __getitem__(self, index: NDArray[np.generic] | slice | int) -> Places:
        return Places(self.boxes[index], self.lines[index], self.wordings[index], self.costs[index])

    @property
    def hull(self) -> Floats:
        """The boxes (C, 4) around each label with its line."""
        low, high = (np.fmin, np.fmax)
        ends = self.lines[..., :2], self.lines[..., 2:]
        left = low(low(self.boxes[..., :2], ends[0]), ends[1])
        return np.concatenate([left, high(high(self.boxes[..., 2:], ends[0]), ends[1])], axis=-1)

    def meet(self, boxes: Floats, lines: Floats) -> Flags:
        """Return which of the places (C,) have no room beside which other labels (P,) with their lines."""
        met = boxes_meet(self.boxes, boxes)
        met |= lines_meet_boxes(self.lines, boxes) | lines_meet_boxes(lines, self.boxes).T
        return met | lines_cross(self.lines, lines)


def place(crowd: Crowd, order: Sequence[int], offered: Sequence[Floats]) -> list[Placed]:
    """Place labels on the dots in `order`, those that come first before the others, and as many as there is room for.

    `offered` has an array (V, 3) for each label, of the widths, heights and costs of its wordings, a cost in heights of
    a line of text. Each label takes its best free place. Then those without a place push others aside that have another
    place, and at last all look for a better place that has become free.
    """
    best: list[Places | None] = []
    for n_angles, may_cross in ATTEMPTS[: None if len(order) <= FEW else 1]:
        board = _Board(_all_places(crowd, order, offered, n_angles, may_cross=may_cross))
        board.fill()
        found = [board.place_of(label) for label in range(len(order))]
        if not best or _worth(found) > _worth(best):
            best = found
        n_good = sum(place is not None and place.costs < POOR for place in best)
        if not NEARLY * len(order) <= n_good < len(order):
            break
    return [_placed(dot, place) for dot, place in zip(order, best, strict=True) if place is not None]


def _worth(places: Sequence[Places | None]) -> tuple[int, float]:
    """Return how good the places of labels are: by their number, then by their costs."""
    costs = [float(place.costs) for place in places if place is not None]
    return len(costs), -sum(costs)


class _Board:
    """Labels and the places that they have taken: `taken` (L,) is -1 for a label without a place."""

    def __init__(self, places: Sequence[Places]) -> None:
        self.places = places
        self.tries = MOST_TRIES
        self.taken = np.full(len(places), -1)
        self.boxes = np.full((len(places), 4), np.nan)
        self.lines = np.full((len(places), 4), np.nan)
        self.hulls = np.full((len(places), 4), np.nan)

    def fill(self) -> None:
        """Give places to as many labels as there is room for."""
        labels = range(len(self.places))
        for label in labels:
            self.settle(label)
        for label in labels:
            self.settle(label)
            self.push_in(label)
        for label in labels:
            self.settle(label)

    def place_of(self, label: int) -> Places | None:
        """Return the place that a label has taken, None if it has none."""
        taken = int(self.taken[label])
        return None if taken < 0 else self.places[label][taken]

    def settle(self, label: int) -> bool:
        """Give a label its best free place, if that is better than where it is; return whether it has one."""
        n = len(self.places[label].costs) if self.taken[label] < 0 else int(self.taken[label])
        for begin in range(0, n, TOGETHER):
            free = ~self._met(label, slice(begin, min(begin + TOGETHER, n)))[0].any(axis=1)
            if free.any():
                self._take(label, begin + int(np.argmax(free)))
                break
        return bool(self.taken[label] >= 0)

    def push_in(self, label: int) -> None:
        """Give a label the best place that few other labels block, if they all find another place."""
        own, before = self.places[label], int(self.taken[label])
        n = len(own.costs) if before < 0 else before
        if not n or (before >= 0 and own.costs[before] < POOR):
            return
        met, near = self._met(label, slice(n))
        for choice in np.flatnonzero(met.sum(axis=1) <= MOST_PUSHED)[: min(MOST_TRIED, self.tries)]:
            self.tries -= 1
            others = near[met[choice]].tolist()
            were = self.taken[others].tolist()
            self._take(label, int(choice))
            for other in others:
                self._take(other, -1)
            if all(self.settle(other) for other in others):
                return
            for one, place in zip([*others, label], [*were, before], strict=True):
                self._take(one, place)

    def _met(self, label: int, which: slice) -> tuple[Flags, NDArray[np.int64]]:
        """Return which places of a label (C,) meet which other labels (P,), and the numbers of these."""
        own = self.places[label][which]
        hull = own.hull
        around = np.concatenate([hull[:, :2].min(0), hull[:, 2:].max(0)])
        near = np.flatnonzero(boxes_meet(around[None], self.hulls)[0])
        near = near[near != label]
        return own.meet(self.boxes[near], self.lines[near]), near

    def _take(self, label: int, choice: int) -> None:
        self.taken[label] = choice
        if choice < 0:
            self.boxes[label] = self.lines[label] = self.hulls[label] = np.nan
            return
        own = self.places[label][choice]
        self.boxes[label], self.lines[label], self.hulls[label] = own.boxes, own.lines, own.hull


def _all_places(
    crowd: Crowd, order: Sequence[int], offered: Sequence[Floats], n_angles: int, *, may_cross: bool
) -> list[Places]:
    """Return the places of each label where it meets no dot and lies within the frame, the best first."""
    wanted = [_beside(crowd, dot, words[:1, :2])[0][:2] for dot, words in zip(order, offered, strict=True)]
    barred = np.zeros(len(crowd.centres), dtype=bool)
    barred[list(order)] = not may_cross
    spots = np.concatenate(wanted) if wanted else np.zeros((0, 4))  # where the labels would rather be
    return [
        _places(crowd, dot, words, barred, np.delete(spots, np.s_[2 * label : 2 * label + 2], axis=0), n_angles)
        for label, (dot, words) in enumerate(zip(order, offered, strict=True))
    ]


def _places(crowd: Crowd, dot: int, words: Floats, barred: Flags, spots: Floats, n_angles: int) -> Places:
    """Return the places of the label of one dot, the best first.

    `barred` (n,) are dots that no line may cross, `spots` (S, 4) boxes that other labels would like.
    """
    size = words[:, :2]
    boxes, steps, wordings = _beside(crowd, dot, size)
    joined_boxes, lines, lengths, joined_wordings = _joined(crowd, dot, size, n_angles)
    places = Places(
        np.concatenate([boxes, joined_boxes]),
        np.concatenate([np.full_like(boxes, np.nan), lines]),
        np.concatenate([wordings, joined_wordings]),
        np.concatenate([0.1 * steps, LINE + lengths]),
    )
    hull = places.hull
    low, high = hull[:, :2].min(0), hull[:, 2:].max(0)
    near = ((crowd.centres + crowd.radii[:, None] > low) & (crowd.centres - crowd.radii[:, None] < high)).all(axis=1)
    near[dot] = False
    centres, radii = crowd.centres[near], crowd.radii[near]
    outer = distances(places.boxes, centres) - radii  # (C, near)
    fits = (places.boxes[:, :2] >= crowd.frame[:2]).all(axis=1) & (places.boxes[:, 2:] <= crowd.frame[2:]).all(axis=1)
    fits &= (outer > 0.3 * crowd.gap).all(axis=1)
    fits[: len(boxes)] &= _nearest(crowd, dot, boxes, centres, radii)
    own = distances(places.boxes, crowd.centres[[dot]])[:, 0]
    fits &= np.minimum(own, outer.min(axis=1, initial=np.inf)) < MOST_AWAY * crowd.height
    crossed = lines_meet_dots(places.lines, centres, radii + 0.3 * crowd.gap)
    apart = np.linalg.norm(centres - crowd.centres[dot], axis=1) > radii + crowd.radii[dot] + crowd.gap
    fits &= ~crossed[:, barred[near] & apart].any(axis=1)  # what lies in one heap is crossed by any line
    places, outer, crossed = places[fits], outer[fits], crossed[fits].sum(axis=1)
    covered = boxes_meet(places.boxes, spots).sum(axis=1)
    costs = places.costs + words[places.wordings, 2] + CROSSED * crossed + COVERED * covered
    if outer.size:
        costs += CLOSE * ((outer.min(axis=1) < 2 * crowd.gap) & ~np.isnan(places.lines[:, 0]))
    best = np.argsort(costs, kind="stable")
    return Places(places.boxes, places.lines, places.wordings, costs)[best]


def _beside(crowd: Crowd, dot: int, size: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return boxes (V * 12, 4) beside a dot for a label of sizes (V, 2), the number of each place, and the wordings."""
    away = crowd.radii[dot] + crowd.gap
    shifts = np.where(np.abs(BESIDE) == 1, np.sign(BESIDE) * away, 0)
    shifts[np.abs(BESIDE).sum(1) == 2] *= np.sqrt(0.5)  # a corner as near as an edge
    middles = crowd.centres[dot] + shifts + BESIDE * size[:, None] / 2
    wordings = np.repeat(np.arange(len(size)), len(BESIDE))
    return _boxes(middles, size), np.tile(np.arange(len(BESIDE), dtype=np.float64), len(size)), wordings


def _joined(crowd: Crowd, dot: int, size: Floats, n_angles: int) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Return boxes further off and the lines to them, (C, 4), the lengths (C,) in heights of a line, the wordings."""
    centre, radius = crowd.centres[dot], crowd.radii[dot]
    angles = np.arange(n_angles) * 2 * np.pi / n_angles
    rays = np.column_stack([np.cos(angles), np.sin(angles)])
    away = radius + crowd.height * np.array(LENGTHS)
    points = (rays * away[:, None, None]).reshape(-1, 2)
    sides = np.tile(np.clip(1.5 * rays, -1, 1), (len(LENGTHS), 1))
    boxes = _boxes(centre + points + sides * size[:, None] / 2, size)
    ends = np.clip(centre, boxes[:, :2], boxes[:, 2:])
    steps = ends - centre
    starts = centre + steps * radius / np.linalg.norm(steps, axis=1, keepdims=True)
    lengths = np.tile(np.repeat(LENGTHS, n_angles), len(size))
    return boxes, np.hstack([starts, ends]), lengths, np.repeat(np.arange(len(size)), len(points))


def _boxes(middles: Floats, size: Floats) -> Floats:
    """Return the boxes (V * P, 4) of sizes (V, 2) around middles (V, P, 2)."""
    half = size[:, None] / 2
    return np.concatenate([middles - half, middles + half], axis=-1).reshape(-1, 4)


def _nearest(crowd: Crowd, dot: int, boxes: Floats, centres: Floats, radii: Floats) -> Flags:
    """Return which boxes (C,) are clearly nearer to a dot than to the others, from edge to edge and to its centre."""
    if not len(centres):
        return np.ones(len(boxes), dtype=bool)
    own, others = distances(boxes, crowd.centres[[dot]])[:, 0], distances(boxes, centres)
    clear = CLEARER * crowd.gap
    return np.asarray((own + clear < others.min(1)) & (own - crowd.radii[dot] + clear < (others - radii).min(1)))


def _placed(dot: int, place: Places) -> Placed:
    left, bottom, right, top = place.boxes.tolist()
    line = None if np.isnan(place.lines[0]) else tuple(place.lines.tolist())
    return Placed(dot, int(place.wordings), ((left + right) / 2, (bottom + top) / 2), line)


def distances(boxes: Floats, points: Floats) -> Floats:
    """Return the distances (C, P) from boxes (C, 4) to points (P, 2)."""
    left, bottom, right, top = boxes.T[:, :, None]
    x, y = points.T
    across, up = np.maximum(left - x, x - right).clip(0), np.maximum(bottom - y, y - top).clip(0)
    return np.asarray(np.sqrt(across**2 + up**2))


def boxes_meet(one: Floats, other: Floats) -> Flags:
    """Return which boxes (C, 4) overlap which others (P, 4), (C, P)."""
    left, bottom, right, top = one.T[:, :, None]
    return np.asarray((left < other[:, 2]) & (right > other[:, 0]) & (bottom < other[:, 3]) & (top > other[:, 1]))


def lines_meet_boxes(lines: Floats, boxes: Floats) -> Flags:
    """Return which lines (C, 4) enter which boxes (P, 4), (C, P)."""
    x, y, x1, y1 = lines.T[:, :, None]
    across, up = (np.where(np.abs(step) < 1e-9, 1e-9, step) for step in (x1 - x, y1 - y))
    left, bottom, right, top = boxes.T
    left, right, bottom, top = (left - x) / across, (right - x) / across, (bottom - y) / up, (top - y) / up
    enters = np.maximum(np.minimum(left, right), np.minimum(bottom, top))  # in shares of the line
    leaves = np.minimum(np.maximum(left, right), np.maximum(bottom, top))
    return np.asarray((enters < leaves) & (leaves > 0) & (enters < 1))


def lines_cross(one: Floats, other: Floats) -> Flags:
    """Return which lines (C, 4) cross which others (P, 4), (C, P)."""
    a0, b0, a1, b1 = one.T[:, :, None]
    x0, y0, x1, y1 = other.T

    def sides(of: tuple[Floats, ...], x: Floats, y: Floats) -> Floats:
        return (of[2] - of[0]) * (y - of[1]) - (of[3] - of[1]) * (x - of[0])

    line, others = (a0, b0, a1, b1), (x0, y0, x1, y1)
    of_other = sides(line, x0, y0) * sides(line, x1, y1)  # negative if the ends lie on either side
    return np.asarray((of_other <= 0) & (sides(others, a0, b0) * sides(others, a1, b1) <= 0))


def lines_meet_dots(lines: Floats, centres: Floats, radii: Floats) -> Flags:
    """Return which lines (C, 4) meet which dots (P,) with centres (P, 2), (C, P)."""
    x0, y0, x1, y1 = lines.T[:, :, None]
    across, up = x1 - x0, y1 - y0
    x, y = centres.T
    along = (((x - x0) * across + (y - y0) * up) / np.maximum(across**2 + up**2, 1e-9)).clip(0, 1)
    return np.asarray((x0 + along * across - x) ** 2 + (y0 + along * up - y) ** 2 < radii**2)

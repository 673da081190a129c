"""Placing labels beside the dots of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def spot(
    centre: Floats, radius: float, gap: float, width: float, height: float, taken: Floats, frame: Any
) -> tuple[Floats, Floats] | None:
    """Return (middle, box) of the first free position for a label around a dot; None if there is none.

    A box is (x0, y0, x1, y1); `taken` (n, 4) are the boxes that it must not overlap.
    """
    half = np.array([width / 2 + 1, height / 2 + 1])
    for further in (0.0, 1.2 * height, 2.6 * height):
        for right, up in STEPS:
            middle = centre + np.array([right, up]) * (radius + gap + further + np.array([width, height]) / 2)
            if right and up:  # at a corner the label may be nearer
                middle[0] = centre[0] + right * (0.5 * radius + gap + width / 2)
            box = np.concatenate([middle - half, middle + half])
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            overlaps = ((box[:2] < taken[:, 2:]) & (box[2:] > taken[:, :2])).all(axis=1)
            if inside and not overlaps.any():
                return middle, box
    return None

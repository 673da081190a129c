"""The palettes: seen on their paper, and told apart by the color-blind; the formulas are of the W3C and the CIE."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from embedcli.render.colors import DARK, LIGHT, SHAPES, Palette

Floats = NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> Floats:
    """Return the linear RGB of "#RRGGBB"."""
    value = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    result: Floats = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return result


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors as WCAG defines it, from 1 to 21."""
    low, high = sorted(float(TO_XYZ[1] @ linear(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: Floats) -> Floats:
    """Return the CIELAB coordinates of a linear RGB."""
    t = (TO_XYZ @ rgb) / TO_XYZ.sum(1)
    x, y, z = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(one: Floats, other: Floats) -> float:
    """Return the CIEDE2000 difference of two colors in CIELAB (Sharma, Wu and Dalal 2005)."""
    mean_chroma = (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    (l1, c1, h1), (l2, c2, h2) = (
        (x[0], np.hypot(stretch * x[1], x[2]), np.degrees(np.arctan2(x[2], stretch * x[1])) % 360) for x in (one, other)
    )
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    waves = ((0.17, 1, -30), (-0.24, 2, 0), (-0.32, 3, 6), (0.20, 4, -63))
    t = 1 - sum(size * np.cos(np.radians(times * hue + shift)) for size, times, shift in waves)
    for_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    for_chroma, for_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotated = (
        -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    )
    d_light, d_chroma = (l2 - l1) / for_light, (c2 - c1) / for_chroma
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / for_hue
    return float(np.sqrt(d_light**2 + d_chroma**2 + d_hue**2 + rotated * d_chroma * d_hue))


def test_the_difference_is_that_of_the_standard() -> None:
    """The formula gives the published values of Sharma, Wu and Dalal's test data (pairs 1, 7, 17 and 25)."""
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]
    for one, other, published in pairs:
        assert difference(np.array(one, float), np.array(other, float)) == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_color_is_seen_on_its_paper(palette: Palette) -> None:
    """Dots have a contrast of 3:1 or more against the paper, and texts 4.5:1, also on the paper of cards."""
    dots = [palette.plain, palette.rest, palette.marked, *palette.groups, *palette.numbers]
    assert min(contrast(color, palette.paper) for color in dots) >= 3
    texts = [palette.ink, palette.dim, palette.good, palette.caution, palette.marked]
    assert min(contrast(color, palette.paper) for color in texts) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_groups_are_told_apart_by_the_color_blind(palette: Palette, sight: str) -> None:
    """Any two colors of groups, the rest and what is marked differ by 12 or more in CIEDE2000, and so do shapes."""
    seen = [
        lab(np.clip(SIGHTS[sight] @ linear(color), 0, 1)) for color in (*palette.groups, palette.rest, palette.marked)
    ]
    assert min(difference(one, other) for one, other in combinations(seen, 2)) >= 12
    assert len(set(SHAPES)) == len(SHAPES) == len(palette.groups)

"""The colors of pictures and pages: one palette for light paper, one for dark.

Every color has a contrast of 3:1 or more against its paper, and any two of `groups`, `rest` and `marked` stay apart
(CIEDE2000 of 12 or more) for normal, protanopic, deuteranopic and tritanopic sight (Machado et al. 2009). So draw dots
opaque. Each group also has a shape of its own.
"""

from dataclasses import dataclass

SHAPES = ("o", "s", "^", "D", "v", "P", "X")  # as matplotlib calls them: one for each group


@dataclass(frozen=True)
class Palette:
    """Colors as "#RRGGBB": of the paper, of what is written and ruled on it, of dots, and of verdicts."""

    paper: str
    ink: str
    dim: str  # captions, ticks
    line: str  # rules and grids: for the eye only, without the contrast
    plain: str  # dots of one color
    rest: str  # dots of no group or without a number
    groups: tuple[str, ...]  # as many as SHAPES
    marked: str  # what is chosen or highlighted
    numbers: tuple[str, ...]  # from low to high: the part of viridis that has the contrast
    good: str  # real and stable
    caution: str  # claims too much, or unstable


LIGHT = Palette(
    paper="#FFFFFF",
    ink="#1B1B1B",
    dim="#5F6368",
    line="#DCDFE3",
    plain="#2756AE",
    rest="#7B8089",
    groups=("#2756AE", "#E24D17", "#2C835D", "#87426C", "#2795DC", "#550000", "#480073"),
    marked="#B00020",
    numbers=("#440154", "#482475", "#414287", "#355E8D", "#2A768E", "#218E8D", "#21A685"),
    good="#1A7F37",
    caution="#8F5F00",
)
DARK = Palette(
    paper="#14171C",
    ink="#E8E8E8",
    dim="#A5ABB3",
    line="#3A3F46",
    plain="#6177F5",
    rest="#7F8692",
    groups=("#6177F5", "#EFB808", "#2EB991", "#914C91", "#C6F5FE", "#AB461D", "#E8F1AF"),
    marked="#FF5468",
    numbers=("#2E6F8E", "#23888E", "#1FA187", "#3BBB75", "#73D056", "#B8DE29", "#FDE725"),
    good="#3FB950",
    caution="#E0A526",
)

"""The scale of ratings, and values that may not be ratings: codes for "not rated", mistakes, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from embedcli.data.ratings import DataSet

SAMPLE = 1_000_000  # ratings that the levels are detected from
MOST_STEPS = 101  # levels of a scale with steps; a scale with more levels has no steps
FEWEST_LEVELS = 3  # of a scale that another level can be far from
SHORT_SCALE = 21  # levels of a scale on which any 0 is noted: 0 to 10 in halves
PERCENT = 100.0  # a scale that goes this far includes 0
MANY_ZEROS = 0.3  # share of zeros that is noted on every scale
TAIL = 10  # times the median: no scale of whole numbers goes further
BULK = 4  # times the 90th percentile: likewise


def find_scale(value: NDArray[np.float32]) -> tuple[float, float, list[str]]:
    """Return the lowest and the highest of ratings (n,), and notes about them, one per line.

    The lines that begin with `note:` name values that may not be ratings, and what to do. Legitimate scales have none,
    except for a 0 on a short scale, which may be a code for "not rated".
    """
    ends, sample = [value.min(), value.max()], value
    if len(value) > SAMPLE:  # a random sample: every k-th might be of the same item
        sample = np.r_[ends, value[np.random.default_rng(0).integers(0, len(value), SAMPLE)]]
    levels, counts = np.unique(sample, return_counts=True)
    low, high = (float(end) + 0.0 for end in ends)  # -0 becomes 0
    step = f"in steps of {np.diff(levels).min(initial=high - low):.4g}" if len(levels) <= MOST_STEPS else ""
    summary = f"ratings from {low:g} to {high:g}" + (f" {step}" if step else ", without steps")
    return low, high, [summary, *(f"note: {line}" for line in _oddities(value, levels, counts))]


def _oddities(value: NDArray[np.float32], levels: NDArray[np.float32], counts: NDArray[np.int64]) -> list[str]:
    """Say which values may not be ratings, given the levels of a sample and their numbers of ratings."""
    first, last = _main_scale(levels, counts)
    scale = levels[first:last]
    if _looks_like_counts(scale, counts[first:last]):
        half, most = _quantile(levels, counts, 0.5), levels[-1]
        return [
            f"the ratings look like counts (half of them are {half:g} or less, the highest is {most:g}): "
            "if they are, train on who did what with `implicit`"
        ]
    notes = []
    if first:
        notes.append(_far_off(value, value < scale[0], scale))
    if last < len(levels):
        notes.append(_far_off(value, value > scale[-1], scale))
    negative = _lone_negative(value, scale)
    if negative is not None:
        notes.append(_not_rated(value, negative))
        scale = scale[1:]
    if scale[0] == 0 and len(scale) > 2:
        short = len(scale) <= SHORT_SCALE and scale[-1] < PERCENT
        if short or float((value == 0).mean()) > MANY_ZEROS:
            notes.append(_not_rated(value, 0.0))
    return notes


def _main_scale(levels: NDArray[np.float32], counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return the range [first, last) of the main scale: levels beyond it follow a gap wider than the whole scale."""
    first, last = 0, len(levels)
    for _ in ("one end", "the other"):
        if last - first <= FEWEST_LEVELS:
            break
        cut = first + int(np.diff(levels[first:last]).argmax()) + 1  # a gap that is wide enough is the widest
        gap = levels[cut] - levels[cut - 1]
        above_is_far = last == len(levels) and cut - first >= FEWEST_LEVELS and gap > levels[cut - 1] - levels[first]
        below_is_far = first == 0 and last - cut >= FEWEST_LEVELS and gap > levels[last - 1] - levels[cut]
        # a code is one of few levels: many levels with most of the ratings are the scale
        below_is_far &= bool(cut - first <= FEWEST_LEVELS or counts[first:cut].sum() < counts[cut:last].sum())
        above_is_far &= bool(last - cut <= FEWEST_LEVELS or counts[cut:last].sum() < counts[first:cut].sum())
        if above_is_far and below_is_far:
            above_is_far = bool(counts[cut:last].sum() <= counts[first:cut].sum())
        if above_is_far:
            last = cut
        elif below_is_far:
            first = cut
    return first, last


def _far_off(value: NDArray[np.float32], far: NDArray[np.bool_], scale: NDArray[np.float32]) -> str:
    """Say how many ratings are beyond a gap; `far` marks them."""
    low, high = float(value[far].min()), float(value[far].max())
    if low == high == 0:
        return _not_rated(value, 0.0)
    what, doubt = f"{low:g}", f'{low:g} is a mistake or means "not rated"'
    if low != high:
        what, doubt = f"from {low:g} to {high:g}", "they are mistakes or codes"
    return _advice(far, f"{what}, far from all others ({scale[0]:g} to {scale[-1]:g})", doubt)


def _looks_like_counts(levels: NDArray[np.float32], counts: NDArray[np.int64]) -> bool:
    """Tell whether ratings are integers from 0 on, most of them low, with a long tail."""
    if levels[0] < 0 or (levels % 1).any():
        return False
    median, most = (_quantile(levels, counts, share) for share in (0.5, 0.9))
    return bool(levels[-1] > max(TAIL * max(median, 1), BULK * most))


def _quantile(levels: NDArray[np.float32], counts: NDArray[np.int64], share: float) -> float:
    return float(levels[np.searchsorted(np.cumsum(counts), share * counts.sum())])


def _lone_negative(value: NDArray[np.float32], levels: NDArray[np.float32]) -> float | None:
    """Return the only negative rating, if it is an integer on a scale that goes further up than down: -1 on 0 to 5."""
    low, high = float(levels[0]), float(levels[-1])
    if not (low < 0 < high and -low < high and low % 1 == 0 and (levels < 0).sum() == 1):
        return None
    return low if not ((value < 0) & (value > low)).any() else None


def _not_rated(value: NDArray[np.float32], code: float) -> str:
    return _advice(value == np.float32(code), f"{code:g}", f'{code:g} means "not rated"')


def _advice(marked: NDArray[np.bool_], what: str, doubt: str) -> str:
    """Say how many ratings are marked, as a share if they are neither few nor rare, and what to do."""
    n, total = int(marked.sum()), len(marked)
    amount = f"{n / total:.0%} of the ratings are"
    if n < 10 or n < total / 100:
        amount = f"{n:,} of {total:,} ratings {'is' if n == 1 else 'are'}"
    return f"{amount} {what}: if {doubt}, leave {'that row' if n == 1 else 'those rows'} out of the file"


def y_range_for(data: DataSet, values: NDArray[np.float32]) -> tuple[float, float]:
    """Return for ratings (n,) a range a little wider than the scale, since a sigmoid never reaches its ends.

    By one step of the scale below and half a step above: 0 to 5.5 for whole stars from 1 to 5, as in the
    lesson. The step of a scale without steps counts as a tenth of it.
    """
    low, high = data.scale
    if data.implicit:
        return low, high
    steps = np.diff(np.unique(values))
    step = max(float(steps.min(initial=high - low)), (high - low) / 10)
    return low - step, high + step / 2

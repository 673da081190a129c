"""Scales of ratings: codes, slips and counts among them are noted, legitimate scales are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from embedcli.data import scale
from embedcli.data.loading import load
from embedcli.data.scale import find_scale


def notes_on(*parts: Sequence[float] | np.ndarray) -> list[str]:
    """Return the notes on ratings."""
    _, _, lines = find_scale(np.concatenate([np.asarray(part, dtype=np.float32) for part in parts]))
    return [line.removeprefix("note: ") for line in lines if line.startswith("note: ")]


def levels(low: float, high: float, step: float = 1, n: int = 90) -> np.ndarray:
    """Return each level of a scale equally often, n ratings or a few more."""
    found = np.arange(low, high + step / 2, step)
    return np.tile(found, -(-n // len(found)))


LEGITIMATE = {
    "stars": levels(1, 5),
    "half stars": levels(0.5, 5, 0.5),
    "tenths": levels(0.1, 5, 0.1),
    "1 to 10": levels(1, 10),
    "percent": levels(0, 100, n=1010),
    "percent in tens": levels(0, 100, 10),
    "around 0": levels(-10, 10),
    "Jester": np.linspace(-10, 10, 997),
    "thumbs": [1, -1] * 50,
    "thumbs and between": [1, 0, -1] * 50,
    "did or did not": [0] * 70 + [1] * 30,
    "a continuous scale": np.linspace(0, 1, 997),
    "mostly the lowest": [1] * 80 + [2, 3, 4, 5] * 5,
    "mostly the lowest of ten": [1] * 80 + list(range(2, 11)) * 2,
    "mostly the lowest percent": [1] * 60 + list(range(1, 101)),
    "three levels": [1] * 3 + [4, 5] * 50,
    "few rows": [1, 2, 5],
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_legitimate_scale_has_no_note(name: str) -> None:
    """A scale that people rate on, from thumbs to percent, is said without a doubt about its values."""
    assert notes_on(LEGITIMATE[name]) == []


ODD: dict[str, tuple[list[Sequence[float] | np.ndarray], str]] = {
    "anime": ([levels(1, 10, n=800), [-1] * 200], "20% of the ratings are -1:"),
    "one of -1": ([levels(1, 5), [-1]], "1 of 91 ratings is -1:"),
    "-1 below percent": ([levels(0, 100, n=1010), [-1] * 101], "9% of the ratings are -1:"),
    "-1 below few levels": ([[2, 4, 5] * 30, [-1] * 10], "10% of the ratings are -1:"),
    "Jester": ([np.linspace(-10, 10, 900), [99] * 300], "25% of the ratings are 99, far from all others (-10 to 10):"),
    "99 above percent": ([levels(0, 100, n=1010), [999] * 5], "5 of 1,015 ratings are 999, far from all others"),
    "a slip": ([levels(1, 5, n=500), [50]], "1 of 501 ratings is 50, far from all others (1 to 5):"),
    "a slip where most are low": ([[1] * 900, levels(1, 5), [50]], "1 of 991 ratings is 50, far from all others"),
    "two slips": ([levels(1, 5, n=500), [45, 50]], "2 of 502 ratings are from 45 to 50, far from all others (1 to 5):"),
    "a code far below": ([levels(1, 5, n=500), [-99] * 5], "5 of 505 ratings are -99, far from all others (1 to 5):"),
    "a rare 0": ([levels(1, 5, n=995), [0] * 5], "5 of 1,000 ratings are 0:"),
    "0 to 10": ([levels(0, 10, n=1100)], "9% of the ratings are 0:"),
    "0 far below": ([levels(7, 10), [0] * 30], "25% of the ratings are 0:"),
    "most are 0": ([levels(1, 100, n=400), [0] * 600], "60% of the ratings are 0:"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_may_be_no_rating_is_noted(name: str) -> None:
    """A code or a slip has one note, with the value, how many ratings have it, and what to do with their rows."""
    parts, said = ODD[name]
    [note] = notes_on(*parts)
    assert note.startswith(said)
    assert note.endswith(("leave those rows out of the file", "leave that row out of the file"))


def test_codes_at_both_ends_are_noted() -> None:
    """Codes above and below, and -1 beside 0, have a note each, however far each lies."""
    for high in (99, 9999):
        below, above = notes_on(levels(1, 5), [-99] * 5, [high] * 4)
        assert below.startswith("5 of 99 ratings are -99, far from all others (1 to 5)")
        assert above.startswith(f"4 of 99 ratings are {high}, far from all others (1 to 5)")
    negative, zero = notes_on(levels(0, 5), [-1] * 10)
    assert "are -1:" in negative
    assert "are 0:" in zero


@pytest.mark.parametrize("lowest", [0, 1])
def test_counts_are_noted(lowest: int) -> None:
    """Whole numbers with most at the lowest and a long tail look like counts, whatever stands alone at its end."""
    tail = np.unique(np.geomspace(1, 400, 40).astype(int))
    for most in ([], [1058]):
        [note] = notes_on([lowest] * 300, tail + lowest, most)
        assert note.startswith(f"the ratings look like counts (half of them are {lowest} or less, the highest is ")
        assert note.endswith("`implicit`")


def test_plays_are_noted() -> None:
    """Numbers of plays, without most at the lowest, look like counts by their tail alone."""
    plays = np.random.default_rng(0).lognormal(5.5, 1.5, 5000).round()
    assert ["counts" in note for note in notes_on(plays)] == [True]


def test_a_single_row_of_many_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single odd rating is found where levels come from a sample that lacks it, and so are more beyond the gap."""
    monkeypatch.setattr(scale, "SAMPLE", 200)
    value = np.tile(np.arange(1, 6, dtype=np.float32), 2000)
    value[[7, 9, 12]] = (-1, 45, 50)
    notes = notes_on(value)
    assert notes[0].startswith("2 of 10,000 ratings are from 45 to 50, far from all others")
    assert notes[1].startswith("1 of 10,000 ratings is -1:")
    value[3] = -2
    assert len(notes_on(value)) == 1  # two negative levels are no code


def test_a_step_is_said_as_it_is_written(tmp_path: Path) -> None:
    """Steps of a tenth are said as 0.1, not as single precision has them, and notes reach who reads the table."""
    path = tmp_path / "tenths.csv"
    rows = [f"u{at % 9},i{at % 7},{at / 10:g}\n" for at in range(1, 50)]
    path.write_text("user,item,rating\n" + "".join(rows) + "v,w,-1\n")
    said: list[str] = []
    assert load(path, on_note=said.append).data.scale == (-1, pytest.approx(4.9))
    assert "ratings from -1 to 4.9 in steps of 0.1" in said
    assert said[-1].startswith("note: 1 of 50 ratings is -1: ")

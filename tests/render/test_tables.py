"""How tables are laid out in a terminal: words, widths, bars and the colors of verdicts."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest
from conftest import Invoke
from hypothesis import given
from hypothesis import strategies as st
from render.test_golden import FAR, NAMED, TASTE, VIEWS, as_text, shown
from rich.console import Console

from embedcli.analysis.record import Column, Tone, Verdict, decimal, text, whole
from embedcli.analysis.similar import judge_folds
from embedcli.render import tables
from embedcli.render.bars import intervals
from embedcli.render.output import Format, write
from embedcli.render.pca import _card
from embedcli.render.view import UNLIMITED, Block, View, table
from embedcli.terminal import DRAWN, IN_ASCII

GREEN, YELLOW, DIM = "\x1b[32m", "\x1b[33m", "\x1b[2m"
BARS = "\u2500\u2576\u2574\u25cf"


def colored(name: str, width: int = 200) -> str:
    """Render a view for a terminal with colors."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard", no_color=False)
    return as_text(VIEWS[name](), Format.TABLE, console)


@pytest.mark.parametrize(
    ("view", "verdicts"),
    [
        ("pca", [f"{GREEN}real and stable", f"{YELLOW}real, but not stable", f"{DIM}not tested"]),
        ("pca", [f"{GREEN}real and stable", f"{YELLOW}unnamed: permuted tags make axes as strong"]),
        ("biases", [f"{YELLOW}2.60", f"{YELLOW}1.4..2.4", f"{YELLOW}!"]),
        ("similar", [f"{GREEN}stable 100 %", f"{DIM}weak 40 %"]),
        ("clusters", [f"{YELLOW}stable, no group", f"{YELLOW}a continuum, cut in pieces"]),
        ("axis", [f"{GREEN}more variance than random axes"]),
        ("probe", [f"{GREEN}yes", f"{DIM}no"]),
        ("compare", [f"{YELLOW}worse", f"{GREEN}more than seeds make"]),
    ],
)
def test_verdicts_are_in_color_and_in_words(view: str, verdicts: list[str]) -> None:
    """Green, yellow and dim are those of the terminal, never bold; the same words stand without color."""
    found, plainly = colored(view), shown(f"{view}.table-200")
    for verdict in verdicts:
        assert verdict in found
        assert verdict.partition("m")[2] in plainly
    assert "\x1b[" not in plainly
    assert "\x1b[1;3" not in found
    assert "38;" not in found  # no more than the sixteen colors


def test_tones_of_components_and_tastes() -> None:
    """What is real and stable is good; what claims too much, or is no taste, calls for caution; the rest is nothing."""
    weak: dict[str, Any] = {"real": False, "predicts": False, "verdict": "does not predict"}
    tones = {
        Tone.GOOD: [NAMED, TASTE],
        Tone.CAUTION: [
            FAR,
            replace(NAMED, truth_phi=None),
            replace(NAMED, real=False, verdict="goes with time: a drift, not a taste"),
            replace(TASTE, unnamed="it predicts, but claims too much", slope=0.4),
            replace(TASTE, may_be_scale=True),
        ],
        Tone.NONE: [
            replace(NAMED, **weak),
            replace(NAMED, verdict=None),
            replace(TASTE, unnamed="as strong axes come from permuted words", p=0.12),
        ],
    }
    for tone, judged in tones.items():
        assert [one.judged.tone for one in judged] == [tone] * len(judged)
    assert [judge_folds(share).tone for share in (1.0, 0.8, 0.4)] == [Tone.GOOD, Tone.CAUTION, Tone.NONE]


@pytest.mark.usefixtures("saved")
def test_colors_are_asked_for(embedcli: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets no color; FORCE_COLOR asks for it, and NO_COLOR and a dumb terminal do without."""
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" not in embedcli("pca").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert f"{GREEN}real and stable" in embedcli("pca").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert GREEN not in embedcli("pca").stdout
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in embedcli("pca").stdout


@dataclass(frozen=True)
class Measured:
    """A row with an interval."""

    title: Annotated[str, text("film")]
    value: Annotated[float, decimal("stars")]
    lower: Annotated[float, decimal("95 %", digits=1, end="upper", dot="value")]
    upper: float
    n: Annotated[int, whole("n")]
    id: Annotated[str, text("id")]


MEASURED = Measured("One", 2.0, 1.0, 4.0, 7, "One"), Measured("Two", 5.0, 3.0, 4.0, 12, "Two")


def drawn(rows: tuple[Measured, ...], width: int, **others: Any) -> str:
    """Render a table of rows with intervals."""
    view = View("measured", [replace(table(rows, Measured), **others)], [], {})
    return as_text(view, Format.TABLE, Console(file=io.StringIO(), width=width))


def test_intervals_are_drawn_to_scale() -> None:
    """A line from end to end on a scale in the header, to half a letter, and the dot where the value is."""
    column = next(column for column in table(MEASURED, Measured).columns if column.dot_key)
    bars = intervals(column, [vars(row) for row in MEASURED])
    assert bars is not None
    assert bars.header(17) == "1.0           5.0"
    assert [bars.draw(vars(row), 17) for row in MEASURED] == ["────●───────╴", " " * 8 + "────╴   ●"]
    assert bars.draw(vars(replace(MEASURED[0], lower=1.125, upper=1.875)), 17) == "╶───●"


@pytest.mark.parametrize(
    ("width", "has_bars"), [(80, False), (99, False), (100, True), (120, True), (UNLIMITED, False)]
)
def test_bars_stand_in_wide_terminals(width: int, has_bars: bool) -> None:
    """Intervals are drawn from 100 columns on, and not where nothing sets the width; the numbers stay."""
    found = drawn(MEASURED, width)
    assert (not set(BARS).isdisjoint(found)) is has_bars
    assert "1.0..4.0" in found


@pytest.mark.parametrize("view", ["biases", "axis", "recommend", "predict", "predict-all"])
def test_bars_are_in_tables_alone(view: str) -> None:
    """No other format holds a bar, and no table narrower than 100 columns."""
    for kind in ("table-80", "table-99", "md", "csv", "json"):
        assert set(BARS).isdisjoint(shown(f"{view}.{kind}"))


def test_bars_do_not_wrap_titles() -> None:
    """Bars take the room that is left: if a title needs it, there are none."""
    long = replace(MEASURED[0], title="word " * 14)
    assert set(BARS).isdisjoint(drawn((long, MEASURED[1]), 100))
    assert not set(BARS).isdisjoint(drawn((long, MEASURED[1]), 120))


def test_bars_are_explained() -> None:
    """The legend of an interval says what is drawn of it."""
    assert VIEWS["biases"]().legend["95 %"].endswith("; in a wide terminal a line, with a dot at the stars")


def test_one_row_has_no_scale() -> None:
    """A single interval is not drawn: its bar would always be the same."""
    assert set(BARS).isdisjoint(drawn(MEASURED[:1], 120))


@pytest.mark.parametrize("missing", ["lower", "value"])
def test_rows_without_an_interval_have_no_bar(missing: str) -> None:
    """A row whose interval or value is missing has no bar, and the others have theirs."""
    unknown = replace(MEASURED[0], **{missing: None})
    lines = drawn((*MEASURED, unknown), 120).splitlines()
    assert [set(BARS).isdisjoint(line) for line in lines[3:]] == [False, False, True]


def test_ascii_where_letters_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding without the letters of bars gets them in ASCII, as many letters wide."""
    file = io.BytesIO()
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="ascii"))
    write(View("measured", [table(MEASURED, Measured)], [], {}))
    sys.stdout.flush()
    assert "o---" in file.getvalue().decode("ascii")
    assert len(DRAWN) == len(IN_ASCII)


def test_ids_that_are_titles_are_not_shown() -> None:
    """A table and Markdown leave out ids that are all titles; records keep them."""
    view = View("measured", [table(MEASURED, Measured)], [vars(row) for row in MEASURED], {})
    assert not [kind for kind in (Format.TABLE, Format.MD) if "id" in render_words(view, kind)]
    assert "id" in render_words(view, Format.CSV)
    others = (MEASURED[0], replace(MEASURED[1], id="2"))
    view = View("measured", [table(others, Measured)], [], {})
    assert [kind for kind in (Format.TABLE, Format.MD) if "id" in render_words(view, kind)] == ["table", "md"]


def render_words(view: View, format: Format) -> list[str]:
    """Return the words of a view in a format."""
    return as_text(view, format, Console(file=io.StringIO(), width=UNLIMITED)).replace(",", " ").split()


WORDS = st.text(st.characters(codec="latin-1", categories=("L", "N", "P")), min_size=1, max_size=14)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=9).map(" ".join), min_size=1, max_size=4), st.integers(40, 130))
def test_no_word_of_a_title_is_broken(titles: list[str], width: int) -> None:
    """Whatever the titles, from 40 columns on every word is whole, and no line is longer than the width."""
    rows = tuple(Measured(title, 2.0, 1.0, 4.0, 1_000_000, str(j)) for j, title in enumerate(titles))
    lines = drawn(rows, width).splitlines()
    assert max(map(len, lines)) <= width
    words = [word for line in lines for word in line.split()]
    assert not [word for title in titles for word in tables.plain(title).split() if word not in words]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("view", VIEWS)
def test_words_are_whole_in_every_view(view: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No view breaks a word that its column has room for; columns that are left out are named."""
    monkeypatch.setattr(tables, "LONGEST_TITLE", 9)
    found, wide = shown(f"{view}.table-{width}"), shown(f"{view}.table-{UNLIMITED}").split()
    long = " ".join(word for word in wide if len(word) > tables.NARROW)
    words, *left_out = re.split(r"no\s+room\s+for:", found)
    assert not [word for word in words.split() if word not in wide and word not in long and set(word) - set(DRAWN)]
    assert max(map(len, found.splitlines())) <= width
    assert width < 80 or not left_out


@pytest.mark.parametrize(
    ("view", "kept"),
    [
        ("biases", ["stars", "95 %", "2.60", "1.4..2.4", "!"]),
        ("similar", ["stable 100 %"]),
        ("probe", ["readable", "yes"]),
    ],
)
def test_narrow_tables_keep_the_evidence(view: str, kept: list[str]) -> None:
    """At 40 columns the evidence is still there, and what is not is named."""
    found = shown(f"{view}.table-40")
    assert all(words in found for words in kept)
    assert "no room for: " in " ".join(found.split())


def test_a_component_without_a_name_says_so_once() -> None:
    """What is real and stable but goes with nothing has a line in words, and no poles of that name elsewhere."""
    mixed = replace(NAMED, positive_name=("mixed",), negative_name=("mixed",))
    assert (mixed.poles, mixed.judged.tone) == (None, Tone.GOOD)
    assert replace(mixed, negative_name=("newer",)).poles == "mixed | newer"
    view = View("cards", [_card(mixed, "film")], [], {})
    found = as_text(view, Format.TABLE, Console(file=io.StringIO(), width=80))
    assert "mixed" not in found
    assert "unnamed  no tag and no number goes with either pole" in found


def test_headers_stand_on_their_rows() -> None:
    """A header that wraps ends on the line above the first row."""
    column = Column("n", "number of ratings", "{:,}".format)
    words = Column("title", "title", is_number=False)
    view = View("t", [Block(columns=(words, column), rows=[{"title": "word " * 8, "n": 5}])], [], {})
    lines = as_text(view, Format.TABLE, Console(file=io.StringIO(), width=40)).splitlines()
    assert [line.split() for line in lines[2:5]] == [["number"], ["of"], ["title", "ratings"]]


def test_verdicts_read_well_without_color() -> None:
    """A verdict as text has its words first, then the figures."""
    assert str(Verdict(Tone.GOOD, "better", "-0.010")) == "better: -0.010"
    assert str(Verdict(Tone.NONE, "not tested")) == "not tested"
    assert json.dumps(Tone.GOOD) == '"good"'  # a name for a class of CSS

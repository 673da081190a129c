"""What a terminal would obey or hide never reaches it."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Invoke
from hypothesis import given
from hypothesis import strategies as st

from embedcli.analysis.record import Column
from embedcli.cli.notes import Notes
from embedcli.render.output import Format, write
from embedcli.render.view import Block, View
from embedcli.run.record import Run
from embedcli.run.store import save
from embedcli.terminal import plain, plain_lines, print_out

HOSTILE = "\u3164a\x1b[2J\x9b31m\u202eb\u200bc\u2066d\ufeff\x07\ud800\u2028e"


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_is_safe(text: str) -> None:
    """No letter that a terminal obeys, turns round or does not show is left, and no other letter is touched."""
    found = plain(text)
    assert not [
        letter
        for letter in found
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") or letter == "\u3164"
    ]
    assert len(found) == len(text)
    assert plain(found) == found


@pytest.mark.parametrize("text", ["Amélie", "Le fabuleux destin d\u2019Am\u00e9lie", "千と千尋", "\U0001f3ac", "a b"])
def test_usual_text_stays(text: str) -> None:
    """Letters of any script, and emoji, stay as they are."""
    assert plain(text) == text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_notes_are_lines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note with a line end or an escape in it, such as a file's name, is one plain line on stderr."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    Notes().say("error: a\nhint: rm -rf /", HOSTILE)
    assert isinstance(sys.stderr, io.StringIO)
    first, second, end = sys.stderr.getvalue().split("\n")
    assert (first, end) == ("error: a hint: rm -rf /", "")
    assert second == plain(HOSTILE)


@pytest.mark.parametrize("format", [format for format in Format if format is not Format.PARQUET])
def test_answers_on_a_terminal_are_plain(monkeypatch: pytest.MonkeyPatch, format: Format) -> None:
    """Whatever the format, an answer on a terminal holds no letter that it would obey, also in headers."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    row = {"title": HOSTILE}
    write(
        View(
            HOSTILE,
            [Block(HOSTILE, columns=[Column("title", HOSTILE, is_number=False)], rows=[row])],
            [row],
            row,
            HOSTILE,
        ),
        format,
    )
    assert isinstance(sys.stdout, Terminal)
    shown = re.sub(r"\x1b\[[12]?m", "", re.sub(r"\x1b\[0m", "", sys.stdout.getvalue()))  # bold, dim, and their end
    assert shown == plain_lines(shown)


def test_values_for_scripts_are_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is printed as it is into a pipe, and plainly on a terminal."""
    for stream, expected in ((io.StringIO(), "a\x1bb\n"), (Terminal(), "a\ufffdb\n")):
        monkeypatch.setattr(sys, "stdout", stream)
        print_out("a\x1bb")
        assert stream.getvalue() == expected


def test_names_of_files_and_runs_are_shown_plainly(embedcli: Invoke, trained: Run, tmp_path: Path) -> None:
    """A hostile file name, column name, title, user or run name never reaches stdout or stderr as it is."""
    table = tmp_path / "a\x1b[2Jb\u202e.csv"
    table.write_text("user\x1b]0;x\x07,item,rating\n1,2,x\x9b\n", encoding="utf-8")
    hostile = replace(
        trained, items=replace(trained.items, titles=(HOSTILE.replace("\ud800", ""), *trained.items.titles[1:]))
    )
    save(hostile, name="one")
    (tmp_path / "runs" / "one").rename(tmp_path / "runs" / "o\u202en\x1be")
    save(trained, name="two")
    for command in (
        ("train", table),
        ("data", "check", table),
        ("train", tmp_path / "no\x1bsuch"),
        ("biases", "--run", "o\u202en\x1be", "-n", "200", "--min-ratings", "0"),
        ("compare", "two", "o\u202en\x1be"),
        ("runs", "list"),
        ("runs", "show", "o\u202en\x1be"),
        ("similar", "a\x1b[2J", "--run", "two"),
        ("recommend", "--user", "\u202e\x1b", "--run", "two"),
        ("runs", "\x1b[31m"),
    ):
        result = embedcli(*command)
        for shown in (result.stdout, result.stderr):
            assert shown == plain_lines(shown), command

"""Pictures from the command line: which commands draw, what they are asked for, and what has no meaning."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from conftest import Invoke
from PIL import Image

pytestmark = pytest.mark.usefixtures("saved")
DRAWING = ("biases", "biases --worst", "biases --movers", "pca --components 1", "compare made made", "map")


@pytest.mark.parametrize("line", DRAWING)
def test_the_ending_draws(embedcli: Invoke, line: str) -> None:
    """-o FILE.png, .svg and .pdf are pictures; --size and --dpi give the pixels, --dark the paper; stdout is empty."""
    for ending, begin in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        done = embedcli(*shlex.split(line), "-o", f"a.{ending}", "--dark", "--size", "8 x 6.5")
        assert (done.exit_code, done.stdout) == (0, ""), done.stderr
        assert done.stderr.startswith(f"wrote a.{ending}")
        assert Path(f"a.{ending}").read_bytes().startswith(begin)
    assert embedcli(*shlex.split(line), "-o", "b.PNG", "--dark", "--size", "8X6.5", "--dpi", "40").exit_code == 0
    image = Image.open("b.PNG").convert("RGB")
    assert (image.size, image.getpixel((0, 0))) == ((320, 260), (0x14, 0x17, 0x1C))


@pytest.mark.parametrize("command", ["biases", "pca", "compare", "map"])
def test_the_help_names_the_endings(embedcli: Invoke, command: str) -> None:
    """The help of a command that draws names the endings of pictures, and shows one in its examples."""
    said = " ".join(embedcli(command, "--help").stdout.split())
    assert "Output file, such as out.png, .svg, .pdf" in said
    assert f"embedcli {command} " in said
    assert "(.png, .svg, .pdf)" in said or "-o map.png" in said


@pytest.mark.parametrize("line", ["biases -o a.html", "pca -o a.htm", "compare made made -o a.HTML"])
def test_only_a_map_and_a_report_are_pages(embedcli: Invoke, line: str) -> None:
    """A page of another answer is refused, and the hint names the commands that write pages."""
    done = embedcli(*line.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert "this answer is not a page" in done.stderr
    assert "embedcli report writes a page of all results, embedcli map one to search in" in done.stderr
    assert not list(Path().glob("a.*"))


@pytest.mark.parametrize(
    ("line", "complaint", "hint"),
    [
        ("map -o a.png --size 0x5", "--size '0x5' is not a size from 4x3 to 100x100 inches", "such as 8x6"),
        ("map -o a.png --size 5", "--size '5' is not a size", "give width and height"),
        ("map -o a.png --size -4x4", "--size '-4x4' is not a size", "such as 8x6"),
        ("map -o a.png --size 1e9x5", "--size '1e9x5' is not a size", "such as 8x6"),
        ("map -o a.png --size 100x100 --dpi 100", "are 100 million pixels, more than 50 million", "--size or --dpi"),
        ("map -o a.png --dpi 0", "--dpi 0 is not from 30 to 1200", "leave it out for 160"),
        ("map -o a.png --dpi 10000000", "--dpi 10000000 is not from 30 to 1200", "160"),
        ("map -o a.svg --dpi 100", "--dpi: a .svg has no pixels", "end the file in .png"),
        ("map --dark", "--dark: not for an answer that is not a picture", "-o FILE.png"),
        ("biases -o a.csv --size 8x6", "--size: not for an answer that is not a picture", "leave it out"),
        ("map -o a.html --dark --dpi 90", "--dark and --dpi: not for a page, which follows the browser", "them out"),
        ("biases -n 30 -o a.png --size 8x4", "60 rows do not fit into 4 inches", "or --size 8x"),
    ],
)
def test_what_has_no_meaning_is_an_error(embedcli: Invoke, line: str, complaint: str, hint: str) -> None:
    """An option of pictures with nonsense in it, or beside a table or a page, is one error and one hint."""
    done = embedcli(*line.split())
    assert (done.exit_code, done.stdout) == (2, "")
    error, hinted = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert complaint in error
    assert hinted.startswith("hint: ")
    assert hint in hinted
    assert not list(Path().glob("a.*"))


def test_what_is_left_out_is_said(embedcli: Invoke) -> None:
    """A map says on stderr how many labels it has, and how many had no room."""
    done = embedcli("map", "--top-items", "119", "--labels", "119", "-o", "a.png", "--size", "6x5")
    labelled, left_out = (
        int(word) for word in done.stderr.replace(",", "").split() if word.isdecimal() and word != "119"
    )
    assert done.stderr == (
        f"wrote a.png: 119 films, {labelled} of them labelled, {left_out} left out for lack of room\n"
    )
    assert labelled + left_out == 119

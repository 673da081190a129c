"""What all pictures share: size, colors, letters, what the file says of itself, and silence."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image
from svg import SVG, Picture

from embedcli.analysis.biases import biases, movers
from embedcli.analysis.compare import compare
from embedcli.analysis.map import map_items
from embedcli.analysis.pca import pca
from embedcli.errors import UsageError
from embedcli.render.colors import DARK, LIGHT
from embedcli.render.pictures import Style, figure
from embedcli.render.pictures import biases as rankings
from embedcli.render.pictures import compare as comparisons
from embedcli.render.pictures import map as maps
from embedcli.render.pictures import pca as components
from embedcli.run.record import Run
from embedcli.run.store import save

Draw = Callable[..., bytes]
NAMES = ("map", "biases", "movers", "pca", "compare")
ODD = (
    *("$x^2$ and \\alpha", "a\x00b\x1b[31m", "c\ufffe\uffff", "d\ud800", "e\x85f\u2028g\x7f", "]]> --> <!-- &", ""),
    *(
        "\u202eevil\u202c",
        "שלום עולם",
        "فيلم عربي",
        "Ψυχή",
        "千と千尋の神隠し",
        "🎬 👩\u200d👩\u200d👧",
        "e\u0301 combining",
    ),
    *("W" * 300, "long words " * 30, "\x01" * 50, "\u200b\u200d"),
)


def pixels(content: bytes) -> Image.Image:
    """Return a PNG as an image."""
    return Image.open(io.BytesIO(content)).convert("RGB")


def odd(run: Run) -> Run:
    """Return a run whose titles are hostile, and whose data, tag and name are too."""
    titles = tuple(ODD[row % len(ODD)] for row in range(len(run.items)))
    tags = tuple(("tag\x02\ufffe", "$C_1$") if "Action" in tags else tags for tags in run.items.tags)
    data = replace(run.data, title="made\x03\u2028\ud800 $1 to $2")
    return replace(run, name="r$un\x01", items=replace(run.items, titles=titles, tags=tags), data=data)


def drawers(run: Run) -> dict[str, Draw]:
    """Return the functions that draw each kind of picture of a run, by (kind, style); each analysis is done once."""
    found, ranking, moved = map_items(run, color=["genre"]), biases(run, limit=4), movers(run, limit=4)
    parts, compared = pca(run, n_components=2, limit=3), compare(run, run)
    return {
        "map": lambda kind, style: maps.draw(found, run, kind, 20, style).content,
        "biases": lambda kind, style: rankings.draw(ranking, run, ("best", "worst"), kind, style),
        "movers": lambda kind, style: rankings.draw_movers(moved, run, kind, style),
        "pca": lambda kind, style: components.draw(parts, run, kind, style),
        "compare": lambda kind, style: comparisons.draw(compared, (run, run), kind, style),
    }


@pytest.fixture(scope="module")
def drawn(trained: Run) -> dict[str, Draw]:
    """Return the functions that draw the trained run."""
    return drawers(trained)


@pytest.fixture(scope="module")
def odd_drawn(trained: Run) -> dict[str, Draw]:
    """Return the functions that draw a run whose titles, data, tag and name are hostile."""
    return drawers(odd(trained))


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_the_pixels_asked_for(drawn: dict[str, Draw], name: str) -> None:
    """The size in inches times the pixels per inch is the size of the PNG; in points it is that of the SVG."""
    style = Style(size=(7, 8), dpi=50)
    assert pixels(drawn[name]("png", style)).size == (350, 400)
    assert Picture(drawn[name]("svg", style)).size == (504, 576)
    width, height = pixels(drawn[name]("png", Style())).size
    assert width >= 1280
    assert height >= 500


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", [Style(dpi=40), Style(dark=True, dpi=40)])
def test_a_picture_is_light_or_dark(drawn: dict[str, Draw], name: str, style: Style) -> None:
    """The paper is that of the palette, from edge to edge, and the commonest color; ink of the other is not there."""
    image = pixels(drawn[name]("png", style))
    paper, other = (tuple(bytes.fromhex(own.paper[1:])) for own in ((DARK, LIGHT) if style.dark else (LIGHT, DARK)))
    rows = np.asarray(image)
    assert {tuple(rows[y, x].tolist()) for y in (0, -1) for x in (0, -1)} == {paper}
    assert (rows == np.array(paper)).all(axis=2).mean() > 0.5
    assert not (rows == np.array(other)).all(axis=2).any() or not style.dark


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_title_can_hold_anything(odd_drawn: dict[str, Draw], name: str, kind: str) -> None:
    """Control characters, half a surrogate pair and what XML forbids are drawn as marks; nothing is too long."""
    content = odd_drawn[name](kind, Style(dpi=40))
    if kind == "svg":
        picture = Picture(content)
        assert min(text.box[0] for text in picture.texts) > 0
        assert max(text.box[2] for text in picture.texts) < picture.size[0] + 1
        assert max(len(text.glyphs) for text in picture.texts) < 400


def test_letters_are_drawn_as_they_are(odd_drawn: dict[str, Draw]) -> None:
    """A dollar begins no formula; control characters become marks, and what turns the direction goes."""
    words = {text.words for text in Picture(odd_drawn["biases"]("svg", Style())).texts}
    words |= {text.words for text in Picture(odd_drawn["map"]("svg", Style())).texts}
    assert {"a\ufffdb\ufffd[31m", "e f g\ufffd", "evil", "Ψυχή", "שלום עולם", "tag\ufffd\ufffd", "$C_1$"} <= words


@pytest.mark.parametrize("name", ["map", "pca"])
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_is_the_same_file(drawn: dict[str, Draw], name: str, kind: str) -> None:
    """Drawn twice, a picture has the same bytes."""
    assert drawn[name](kind, Style(dpi=40)) == drawn[name](kind, Style(dpi=40))


def test_a_letter_without_a_font_is_a_mark(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter that no font has is one mark; if the system has a font with it, the letter is drawn."""
    monkeypatch.setattr(figure, "FALLBACKS", ())
    run = replace(trained, items=replace(trained.items, titles=("千と", *trained.items.titles[1:])))
    with figure.sheet(Style(), (5, 5), run) as page:
        assert page.written("千と Ω") == f"{figure.MISSING * 2} Ω"
    entry = font_manager.FontEntry(
        fname=font_manager.findfont("DejaVu Sans"), name="Made Gothic", style="normal", weight=400
    )
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist, entry])
    monkeypatch.setattr(figure, "FALLBACKS", ("Not there", "Made Gothic"))
    real, asked = font_manager.get_font, []

    class Made:
        """A font with one letter more."""

        def get_charmap(self) -> dict[int, int]:
            return {ord("千"): 1}

    def get_font(file: str) -> object:
        asked.append(file)
        return real(file) if len(asked) % 2 else Made()

    monkeypatch.setattr(font_manager, "get_font", get_font)
    with figure.sheet(Style(), (5, 5), run) as page:
        assert page.written("千と") == f"千{figure.MISSING}"
        import matplotlib

        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Made Gothic"]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_letter_that_bold_lacks_is_no_warning(trained: Run, kind: str) -> None:
    """A letter that the font has, but not in bold, as in a heading, is drawn as a mark without a word on stderr."""
    with figure.sheet(Style(dpi=40), (5, 5), trained) as page:
        assert page.written("\U0001d5a0") == "\U0001d5a0"
        page.head("\U0001d5a0", "\U0001d5a0", "$x^2_i \\frac{a} $")
        assert page.content(kind)


def test_a_file_says_what_it_is(drawn: dict[str, Draw]) -> None:
    """Title and caption of a picture stand in the file: in an SVG for screen readers, in PNG and PDF as metadata."""
    root = ET.fromstring(drawn["pca"]("svg", Style()))
    assert (root.get("role"), root.findtext(f"{SVG}title")) == ("img", "PCA of 3 members' embeddings")
    assert "Data: Made ratings." in root.findtext(f"{SVG}desc", "")
    image = Image.open(io.BytesIO(drawn["pca"]("png", Style(dpi=40))))
    assert image.info["Title"] == "PCA of 3 members' embeddings"
    assert image.info["Description"].endswith("Data: Made ratings.")
    document = drawn["pca"]("pdf", Style())
    assert b"/Title (PCA of 3 members' embeddings)" in document
    assert b"/FontFile2" in document  # as it is, not as outlines


def test_too_many_pixels_are_refused(trained: Run, drawn: dict[str, Draw]) -> None:
    """A picture of more than fifty million pixels, or with more rows than its height takes, says so."""
    with pytest.raises(UsageError, match="900 million pixels, more than 50 million"):
        drawn["map"]("png", Style(size=(50, 50), dpi=600))
    with pytest.raises(UsageError, match="40 rows do not fit into 3 inches") as raised:
        rankings.draw(biases(trained, limit=20), trained, ("best", "worst"), "png", Style(size=(6, 3)))
    assert "`size` 6x13" in raised.value.hint


def test_matplotlib_says_nothing(trained: Run, tmp_path: Path) -> None:
    """The first picture in a new home builds the list of fonts; stderr has our line alone, with any matplotlibrc."""
    save(trained, tmp_path / "runs")
    (tmp_path / "matplotlibrc").write_text("nonsense : 3\nfont.size : huge\n", encoding="utf-8")
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "new"), "HOME": str(tmp_path)}
    line = [sys.executable, "-W", "default", "-m", "embedcli", "biases", "-o", "biases.png", "--dpi", "40"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "wrote biases.png\n")

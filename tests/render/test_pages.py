"""The pages: one file, no network, safe with any title, and drawn in a real browser where there is one."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from embedcli.analysis.biases import biases
from embedcli.analysis.components import pca
from embedcli.analysis.maps import map_items
from embedcli.render.pages import map_page, report_page
from embedcli.run.record import Run

HOSTILE = "</script><script>alert(\"x\")</script> & <b>'quoted'</b> {{ 7 * 7 }} [markup]"


class Page(html.parser.HTMLParser):
    """What a page asks for from outside, and its texts by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what an element refers to."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.fixture(scope="module")
def hostile(trained: Run) -> Run:
    """Return the trained run with a title that would break a careless page."""
    titles = (HOSTILE, *trained.items.titles[1:])
    return replace(trained, name="made", items=replace(trained.items, titles=titles))


@pytest.fixture(scope="module")
def report(hostile: Run) -> str:
    """Return the report of that run."""
    found = map_items(hostile, top_items=len(hostile.items))
    return report_page(hostile, Path("runs/made"), biases(hostile), pca(hostile), found)


def test_the_report_is_one_file(report: str, hostile: Run) -> None:
    """Nothing is loaded from anywhere, the page is whole, and the same run makes the same page."""
    page = Page(report)
    assert page.links == ["data:,"]
    own = report.replace(re.findall(r"<script>(.*?)</script>", report, re.DOTALL)[0], "")  # without plotly.js
    assert not re.search(r"@import|url\(|https?://", own)
    assert page.tags.count("section") == 3
    assert {"main", "table", "details", "select", "input"} <= set(page.tags)
    again = report_page(
        hostile, Path("runs/made"), biases(hostile), pca(hostile), map_items(hostile, top_items=len(hostile.items))
    )
    assert again == report
    assert len(report) < 6_000_000


def test_titles_cannot_break_out(report: str, hostile: Run) -> None:
    """A title with HTML, a script's end or a template in it is text, in the page and in its data."""
    for page in (report, map_page(map_items(hostile, top_items=200), hostile)):
        assert 'alert("x")' not in page
        assert "<b>'quoted'" not in page
        data = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0]
        assert HOSTILE in [item["title"] for item in json.loads(data)["items"]]


def test_the_data_of_the_map(hostile: Run) -> None:
    """Every item has its place, figures and nearest; an item with few ratings has none."""
    page = map_page(map_items(hostile, top_items=200), hostile)
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    items = data["items"]
    assert len(items) == 119  # one has no rating
    assert data["tags"] == ["Action", "Romance", "unknown"]
    assert all(len(item["near"]) == 10 and at not in item["near"] for at, item in enumerate(items))
    assert all(item["low"] <= item["stars"] <= item["high"] for item in items)
    same = [items[other]["group"] == item["group"] for item in items for other in item["near"]]
    assert sum(same) / len(same) > 0.9  # the planted tastes


@pytest.mark.parametrize("lacking", ["test", "evidence", "biases"])
def test_reports_of_runs_that_lack_something(hostile: Run, lacking: str) -> None:
    """Without test rows, evidence or biases the report says so, and has all the rest."""
    run, ranking = hostile, biases(hostile)
    if lacking == "test":
        run = replace(run, training=replace(run.training, scores=(), epochs=()))
    if lacking == "evidence":
        run = replace(run, training=replace(run.training, evidence=None))
    page = report_page(
        run, Path("runs/made"), None if lacking == "biases" else ranking, pca(run), map_items(run, top_items=100)
    )
    expected = {"test": "none is left to test on", "evidence": "it was not tested", "biases": "no biases to rank by"}
    assert expected[lacking] in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium to draw the page")
@pytest.mark.parametrize("width", [375, 1280])
def test_a_browser_draws_the_report(report: str, tmp_path: Path, width: int) -> None:
    """Chromium draws every film and plot without an error on the console, and nothing is wider than the window.

    A film that is searched for is found, and its ten nearest are listed.
    """
    probe = """<script>addEventListener("load", () => setTimeout(() => {
      const search = document.getElementById("search");
      search.value = "star wars";
      search.dispatchEvent(new Event("input"));
      const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
      document.body.dataset.told = [wide, document.querySelectorAll("#map .points path").length,
        document.querySelectorAll(".plot .main-svg").length, document.querySelectorAll("#chosen li").length].join(" ");
    }, 500));</script>"""
    (tmp_path / "page.html").write_text(report.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    # a window of chromium is at least 500 wide: the phone is a frame in it
    frame = f'<iframe id="f" src="page.html" style="width:{width}px;height:900px;border:0"></iframe>'
    told = "<script>setTimeout(() => { document.title = f.contentDocument.body.dataset.told; }, 4000);</script>"
    (tmp_path / "frame.html").write_text(f"<!doctype html>{frame}{told}", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--dump-dom"]
    options += [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
    ]
    options += ["--allow-file-access-from-files", "--virtual-time-budget=9000", "--window-size=1400,1000"]
    done = subprocess.run(
        ["chromium", *options, f"--user-data-dir={tmp_path / 'profile'}", f"file://{tmp_path / 'frame.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r"<title>(\S+) (\d+) (\d+) (\d+)</title>", done.stdout)
    assert found is not None, done.stdout[-500:]
    assert found.group(1) == "false"
    assert int(found.group(2)) >= 119
    assert int(found.group(3)) >= 4
    assert found.group(4) == "10"

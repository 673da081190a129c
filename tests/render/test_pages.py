"""The pages: one file, no network, safe with any title, and drawn in a real browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import http.server
import importlib.util
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser

from embedcli.analysis import report as analysis
from embedcli.analysis.map import map_items
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


def report_of(run: Run, **asked: Any) -> str:
    """Return the report of a run."""
    return report_page(analysis.report(run, **asked), run, Path("runs/made"))


def data_of(page: str) -> Any:
    """Return the data that a page's script draws."""
    return json.loads(re.findall(r'<script type="application/json" id="map-data">(.*?)</script>', page, re.DOTALL)[0])


@pytest.fixture(scope="module")
def hostile(trained: Run) -> Run:
    """Return the trained run with a title that would break a careless page."""
    titles = (HOSTILE, *trained.items.titles[1:])
    return replace(trained, name="made", items=replace(trained.items, titles=titles))


@pytest.fixture(scope="module")
def report(hostile: Run) -> str:
    """Return the report of that run."""
    return report_of(hostile)


def test_the_report_is_one_file(report: str, hostile: Run) -> None:
    """Nothing is loaded from anywhere, the page is whole, and the same run makes the same page."""
    page = Page(report)
    assert all(link.startswith(("data:", "#")) for link in page.links)
    own = report.replace(re.findall(r"<script>(.*?)</script>", report, re.DOTALL)[0], "")  # without BokehJS
    assert not re.search(r"@import|url\(|https?://", own)
    assert {"main", "table", "details", "select", "input", "nav", "figure"} <= set(page.tags)
    assert report_of(hostile) == report
    assert len(report) < 3_000_000


def test_titles_cannot_break_out(report: str, hostile: Run) -> None:
    """A title with HTML, a script's end or a template in it is text, in the page and in its data."""
    for page in (report, map_page(map_items(hostile, top_items=200), hostile)):
        assert 'alert("x")' not in page
        assert "<b>'quoted'" not in page
        assert HOSTILE in data_of(page)["items"]["title"]


def test_the_data_of_the_map(hostile: Run) -> None:
    """Every item has its place, figures and nearest; an item with few ratings has none."""
    data = data_of(map_page(map_items(hostile, top_items=200), hostile))
    items, near, groups = data["items"], data["near"], data["colors"]["tags"]
    assert all(len(items[name]) == 119 for name in ("title", "id", "x", "y", "n", "stars", "tags"))  # one has no rating
    assert groups["names"] == ["Action", "Romance", "unknown"]
    assert near["of"] == [item for item, n in enumerate(items["n"]) if n >= 20]
    assert all(len(others) == 10 and item not in others for item, others in zip(near["of"], near["near"], strict=True))
    assert all(low <= high for low, high in zip(items["low"], items["high"], strict=True))
    of = groups["of"]
    same = [of[other] == of[item] for item, others in zip(near["of"], near["near"], strict=True) for other in others]
    assert sum(same) / len(same) > 0.9  # the planted tastes


def test_pictures_and_pages_color_alike(tagged: Run) -> None:
    """Star Wars has one color in every picture, page and report, whichever films are drawn."""
    groups = set()
    for top_items in (5, 20, 120):
        found = map_items(tagged, top_items=top_items, highlight=["Star Wars (1977)"], color=["genre"])
        plain = map_items(tagged, top_items=top_items, highlight=["Star Wars (1977)"])
        whole = report_of(tagged, sections=["map"])
        assert found.color is not None
        groups |= {found.color.groups[at] for at, place in enumerate(found.places) if place.title == "Star Wars (1977)"}
        for page in (map_page(found, tagged), map_page(plain, tagged), whole):
            data = data_of(page)
            tags = data["colors"]["tags"]
            assert tuple(tags["names"]) == found.color.tags
            own = tags["of"][data["items"]["title"].index("Star Wars (1977)")]
            groups.add(tags["names"][own])
    assert groups == {"Adventure"}


def test_a_page_has_the_tags_that_were_asked_for(tagged: Run) -> None:
    """`--color Sci-Fi,War` colors a page as it does a picture."""
    found = map_items(tagged, top_items=20, highlight=["Star Wars (1977)"], color=["Sci-Fi", "War"])
    data = data_of(map_page(found, tagged))
    tags = data["colors"]["tags"]
    assert (data["colors"]["first"], tags["names"]) == ("tags", ["War", "Sci-Fi"])
    assert tags["of"][data["items"]["title"].index("Star Wars (1977)")] == 1


def test_a_page_says_whose_neighbours_it_lists(hostile: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only the most rated films have neighbours, the caption says how many."""
    monkeypatch.setattr("embedcli.analysis.map.MOST_WITH_NEIGHBOURS", 12)
    assert "Neighbours are listed for the 12 most rated films." in map_page(map_items(hostile, top_items=50), hostile)


def test_a_page_begins_with_the_number_that_was_asked_for(tagged: Run) -> None:
    """`--color "log n"` colors a page by the number of ratings."""
    assert data_of(map_page(map_items(tagged, color="log n"), tagged))["colors"]["first"] == "n"


def test_a_page_runs_its_own_scripts_alone(report: str) -> None:
    """The policy comes before any script, allows no source, and names each script that is run by its hash."""
    policy = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', report)
    assert len(policy) == 1
    rules = dict(rule.split(" ", 1) for rule in policy[0].split("; "))
    assert report.index("Content-Security-Policy") < min(report.index("<script"), report.index("<style"))
    scripts = re.findall(r"<script>(.*?)</script>", report, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in digests),
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert len(scripts) == 2


ODD = (
    "</script><script>document.title='x'</script>",
    "<img src=x onerror=\"document.title='x'\">",
    '<a href="https://example.org">x</a>',
    "<b>x</b><br>y",
    "x<sub>2</sub> &lt;i&gt; &amp;amp;",
    '$$x^2$$ \\(y\\) %{x} <extra></extra> "{{ 7 }}"',
    "1984",
)
ODD_TAGS = {"Action": '<a href="https://example.org">A</a>', "Romance": "<b>R</b> &amp; %{x}", "unknown": "<img src=x>"}


@pytest.fixture(scope="module")
def odd(trained: Run) -> str:
    """Return the report of a run whose titles, tags and names have HTML in them."""
    n = len(trained.items)
    titles = tuple(f"{ODD[row % len(ODD)]}{row if row % len(ODD) < 6 else ''}" for row in range(n))
    tags = tuple(tuple(ODD_TAGS[tag] for tag in own) for own in trained.items.tags)
    data = replace(trained.data, title=ODD[0], noun="<i>film</i>")
    run = replace(trained, name="made", data=data, items=replace(trained.items, titles=titles, tags=tags))
    return report_of(run)


@contextmanager
def counting_server() -> Iterator[tuple[str, list[str]]]:
    """Serve nothing; give the address, and the paths that have been asked for."""
    requests: list[str] = []

    class Counter(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Counter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to draw the page")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser."""
    with Browser() as browser:
        yield browser


def texts(browser: Browser, selector: str) -> list[str]:
    """Return the texts of elements."""
    code = f"return [...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent.trim());"
    words: list[str] = browser.run(code)
    return words


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_the_report(report: str, browser: Browser, tmp_path: Path, width: int) -> None:
    """Chromium draws the report without a request or a word on the console, and nothing is wider than the window.

    A film that is searched for on its map is found, and its ten nearest are listed.
    """
    (tmp_path / "report.html").write_text(report, encoding="utf-8")
    browser.window(width, 900)
    browser.open(tmp_path / "report.html")
    assert browser.run("return document.documentElement.scrollWidth") == width
    browser.run("document.getElementById('map-search').focus()")
    browser.type("star wars")
    browser.key("Enter")
    browser.rest()
    assert texts(browser, "#map-chosen h3") == ["Star Wars (1977)"]
    assert len(texts(browser, "#map-chosen tbody tr")) == 10
    assert browser.run("return document.documentElement.scrollWidth") == width
    assert (browser.requests, browser.console) == ([], [])


@needs_chromium
def test_a_browser_shows_titles_as_they_are(odd: str, browser: Browser, tmp_path: Path) -> None:
    """Titles and tags with HTML or TeX in them are shown letter by letter: in rankings, legends, lists and on the map.

    There is no link, picture or script in the page but its own.
    """
    (tmp_path / "odd.html").write_text(odd, encoding="utf-8")
    browser.window(1280, 900)
    browser.open(tmp_path / "odd.html")
    titles = texts(browser, "#part-ranking .name bdi")
    assert len(titles) == 20
    assert all(any(title.startswith(one) for one in ODD) for title in titles)
    legend = texts(browser, "#map-legend li")
    assert all(any(tag in entry for entry in legend) for tag in ODD_TAGS.values())
    assert ODD_TAGS["Action"] in browser.run("return shownMap.chart.axes[0].axis_label.text")
    items = data_of(odd)["items"]
    labels = browser.run("return Array.from(shownMap.chart.sources.labels.data.text)")
    assert {label[:9] for label in labels} <= {title[:9] for title in items["title"]}
    browser.run("document.getElementById('map-plot').focus()")
    browser.key("ArrowDown")
    at = items["title"].index(texts(browser, "#map-tip b")[0])
    assert texts(browser, "#map-tip span")[0] == ", ".join(items["tag_names"][tag] for tag in items["tags"][at])
    browser.key("Enter")
    assert texts(browser, "#map-chosen h3") == [items["title"][at]]
    assert set(texts(browser, "#map-chosen tbody button")) <= set(items["title"])
    browser.run("document.querySelector('#map-table summary').click()")
    browser.frame()
    assert texts(browser, "#map-rows tbody td:first-child") == [title.strip() for title in items["title"]]
    live = browser.run("""
        return [...document.querySelectorAll("a, img, image, iframe, object, form")].map(one => one.outerHTML);""")
    assert all(re.match('<a (class="csv" download="[a-z-]+.csv" href="data:|href="#)', one) for one in live)
    assert browser.run("return document.title") == f"{ODD[0]}: what the model has learned"
    assert browser.run("return document.querySelectorAll('script').length") == odd.count("<script")
    assert (browser.requests, browser.console) == ([], [])


@needs_chromium
def test_the_policy_stops_what_gets_in(report: str, browser: Browser, tmp_path: Path) -> None:
    """Even if a title came to be read as HTML, its script would not run, and its picture would not be asked for."""
    with counting_server() as (address, requests):
        added = f"<script>document.title = 'x'; fetch('{address}/a')</script><img src='{address}/b'>"
        added += f"<img src='x:' onerror=\"document.title = 'x'\"><link rel='stylesheet' href='{address}/c'>"
        (tmp_path / "attacked.html").write_text(report.replace("<main>", f"<main>{added}"), encoding="utf-8")
        browser.open(tmp_path / "attacked.html")
        browser.run(f"await fetch('{address}/d').catch(() => 0); await new Promise(done => setTimeout(done, 300));")
        assert browser.run("return document.title").endswith("what the model has learned")
        assert requests == []
        assert len(browser.console) >= 4


def axe() -> Path | None:
    """Return axe.min.js: that of EMBEDCLI_AXE, or of the package axe-core-python."""
    package = importlib.util.find_spec("axe_core_python")
    if "EMBEDCLI_AXE" in os.environ:
        return Path(os.environ["EMBEDCLI_AXE"])
    return None if package is None or package.origin is None else Path(package.origin).parent / "axe.min.js"


@needs_chromium
@pytest.mark.skipif(
    axe() is None, reason="axe-core is not installed: pip install axe-core-python, or EMBEDCLI_AXE=FILE"
)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", ["map", "report"])
def test_pages_are_accessible(
    kind: str, dark: bool, report: str, hostile: Run, browser: Browser, tmp_path: Path
) -> None:
    """axe-core finds no serious violation on either page: at rest, with all open and found, and with a choice."""
    script = axe()
    assert script is not None
    page = report if kind == "report" else map_page(map_items(hostile, top_items=200), hostile)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    browser.window(1280, 900, dark=dark)
    browser.open(tmp_path / "page.html")
    browser.call("Runtime.evaluate", expression=script.read_text(encoding="utf-8"))

    def violations() -> list[Any]:
        found: list[Any] = browser.run("""
            const { violations } = await axe.run(document, { resultTypes: ["violations"] });
            return violations.filter(one => ["serious", "critical"].includes(one.impact))
                .map(({ id, nodes }) => [id, nodes.map(node => [node.html.slice(0, 200), node.failureSummary])]);""")
        return found

    assert violations() == []
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true;")
    browser.run("document.getElementById('map-search').focus()")
    browser.type("star")
    browser.key("ArrowDown")
    assert violations() == []
    browser.key("Enter")
    browser.rest()
    assert violations() == []

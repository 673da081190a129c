"""The pages: one file, no network, safe with any title, and drawn in a real browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import html
import html.parser
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from embedcli.analysis.biases import Biases, biases
from embedcli.analysis.map import map_items
from embedcli.analysis.pca import pca
from embedcli.render.map import TAG_RULE
from embedcli.render.pages import map_page, report_page
from embedcli.render.pages import report as report_of
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


def data_of(page: str) -> Any:
    """Return the data that a page's script draws."""
    return json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0])


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
    assert page.tags.count("section") == 3 + 2  # components, then the headline and the axis of the tastes
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
        assert HOSTILE in [item["title"] for item in data_of(page)["items"]]


def test_the_data_of_the_map(hostile: Run) -> None:
    """Every item has its place, figures and nearest; an item with few ratings has none."""
    data = data_of(map_page(map_items(hostile, top_items=200), hostile))
    items = data["items"]
    assert len(items) == 119  # one has no rating
    assert data["tags"] == ["Action", "Romance", "unknown"]
    assert all(len(item["near"]) == 10 and at not in item["near"] for at, item in enumerate(items))
    assert all(item["low"] <= item["high"] for item in items)
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
    expected = {"test": "none is left to test on", "evidence": "not tested", "biases": "no biases to rank by"}
    assert expected[lacking] in page


def test_pictures_and_pages_color_alike(tagged: Run) -> None:
    """Star Wars has one color in every picture, page and report, whichever films are drawn."""
    groups = set()
    for top_items in (5, 20, 120):
        found = map_items(tagged, top_items=top_items, highlight=["Star Wars (1977)"], color=["genre"])
        plain = map_items(tagged, top_items=top_items, highlight=["Star Wars (1977)"])
        whole = report_page(tagged, Path("runs/made"), biases(tagged), pca(tagged), plain)
        assert found.color is not None
        groups |= {found.color.groups[at] for at, place in enumerate(found.places) if place.title == "Star Wars (1977)"}
        for page in (map_page(found, tagged), map_page(plain, tagged), whole):
            data = data_of(page)
            assert tuple(data["tags"]) == found.color.tags
            assert data["rule"] == TAG_RULE
            own = next(item["group"] for item in data["items"] if item["title"] == "Star Wars (1977)")
            groups.add(data["tags"][own])
    assert groups == {"Adventure"}


def test_a_page_has_the_tags_that_were_asked_for(tagged: Run) -> None:
    """`--color Sci-Fi,War` colors a page as it does a picture."""
    found = map_items(tagged, top_items=20, highlight=["Star Wars (1977)"], color=["Sci-Fi", "War"])
    data = data_of(map_page(found, tagged))
    assert data["tags"] == ["War", "Sci-Fi"]
    assert [item["group"] for item in data["items"] if item["title"] == "Star Wars (1977)"] == [1]


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


@dataclass(frozen=True)
class Visit:
    """A page to open in the browser, and what to ask it: the body of an async function (window, document)."""

    page: str
    probe: str
    width: int = 1280


@dataclass(frozen=True)
class Seen:
    """What the function of a visit returned, and the lines of the browser's console about its page."""

    told: Any
    console: list[str]


def browse(visits: dict[str, Visit], folder: Path) -> dict[str, Seen]:
    """Open pages in chromium, one after another in one start of it.

    A page is a frame of another, since its policy lets no script in; and a phone is narrower than a window can be.
    """
    calls = []
    for name, visit in visits.items():
        (folder / f"{name}.html").write_text(visit.page, encoding="utf-8")
        calls.append(f'await open("{name}", {visit.width}, async (window, document) => {{ {visit.probe} }});')
    frames = """<!doctype html><pre id="told"></pre><script>
    const wait = time => new Promise(done => setTimeout(done, time));
    const until = async condition => { for (let n = 0; n < 500 && !condition(); n++) await wait(20); };
    const drawn = plot => plot.querySelector(".main-svg"), told = {};
    const open = async (name, width, probe) => {
      const frame = document.createElement("iframe");
      frame.style = `width:${width}px;height:900px;border:0`;
      frame.src = `${name}.html`;
      const loaded = new Promise(done => frame.onload = done);
      document.body.append(frame);
      await loaded;
      await until(() => [...frame.contentDocument.querySelectorAll(".plot")].every(drawn));
      told[name] = await probe(frame.contentWindow, frame.contentDocument).catch(String);
      frame.remove();
    };
    const all = async () => { CALLS };
    all().catch(error => told.error = String(error))
      .then(() => document.getElementById("told").textContent = JSON.stringify(told));
    </script>"""
    (folder / "frames.html").write_text(frames.replace("CALLS", "\n".join(calls)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--dump-dom"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += ["--enable-logging=stderr", "--allow-file-access-from-files", "--window-size=1400,1000"]
    options += ["--virtual-time-budget=120000", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        ["chromium", *options, f"file://{folder / 'frames.html'}"],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found = re.search(r'<pre id="told">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-500:]
    told, console = (
        json.loads(html.unescape(found[1])),
        [line for line in done.stderr.splitlines() if "CONSOLE" in line],
    )
    assert set(told) == set(visits), told.get("error")
    return {name: Seen(told[name], [line for line in console if f"{name}.html" in line]) for name in visits}


REPORT_PROBE = """
  const search = document.getElementById("search"), chosen = document.getElementById("chosen"), told = {};
  const head = () => document.querySelector("#chosen h3").textContent;
  told.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  search.value = "star wars";
  search.dispatchEvent(new window.Event("input"));
  told.found = document.getElementById("found").textContent;
  told.dots = document.querySelectorAll("#map .points path").length;
  told.plots = document.querySelectorAll(".plot .main-svg").length;
  told.near = chosen.querySelectorAll("li").length;
  const heads = [head()];
  chosen.querySelector("li button").click();
  heads.push(head());
  document.getElementById("map").emit("plotly_click", { points: [{ customdata: 3 }] });
  heads.push(head());
  told.heads = heads;
  told.requests = window.performance.getEntriesByType("resource").map(one => one.name);
  return told;"""
BUTTONS_PROBE = """
  const saved = [], buttons = [...document.querySelectorAll(".modebar-btn")];
  window.HTMLAnchorElement.prototype.click = function () { saved.push([this.download, this.href.slice(0, 5)]); };
  document.querySelector("#map .modebar-btn").click();
  await until(() => saved.length);
  const names = buttons.map(button => button.dataset.title);
  return { names, here: buttons.every(button => button.closest("#map")), saved };"""
ODD_PROBE = """
  const texts = where => [...document.querySelectorAll(where)].map(one => one.textContent), told = {};
  const map = document.getElementById("map"), hovered = [];
  told.ticks = ["best", "worst"].map(end => texts(`[data-plot=${end}] .ytick text`));
  told.legend = texts("#map .legendtext");
  told.axes = texts("#map .xtitle, #map .ytitle");
  for (const [curve, { text }] of map.data.slice(0, 2).entries()) for (const point of [0, 1, 2, 3, 4, 5, 6]) {
    window.Plotly.Fx.hover(map, [{ curveNumber: curve, pointNumber: point }]);
    await wait(100);
    hovered.push([map.data[curve].customdata[point], texts("#map .hoverlayer .hovertext text.nums").join()]);
  }
  told.hovered = hovered;
  document.getElementById("map").emit("plotly_click", { points: [{ customdata: 0 }] });
  told.chosen = texts("#chosen h3, #chosen li");
  const live = [...document.querySelectorAll("a, img, image, iframe, object, form")];
  told.live = live.map(one => one.outerHTML);
  told.scripts = document.querySelectorAll("script").length;
  told.title = document.title;
  told.requests = window.performance.getEntriesByType("resource").map(one => one.name);
  return told;"""
TICKS_PROBE = "return [...document.querySelectorAll('[data-plot=best] .ytick text')].map(one => one.textContent);"
ODD = (
    "</script><script>document.title='x'</script>",
    "<img src=x onerror=\"document.title='x'\">",
    '<a href="https://example.org">x</a>',
    "<b>x</b><br>y",
    "x<sub>2</sub> &lt;i&gt; &amp;amp;",
    '%{x} <extra></extra> "{{ 7 }}" $x$',
    "1984",
)
ODD_TAGS = {"Action": '<a href="https://example.org">A</a>', "Romance": "<b>R</b> &amp; %{x}", "unknown": "<img src=x>"}


@pytest.fixture(scope="module")
def odd(trained: Run) -> tuple[str, Biases]:
    """Return the report of a run whose titles, tags and names have HTML in them, and its ranking."""
    n = len(trained.items)
    titles = tuple(f"{ODD[row % len(ODD)]}{row if row % len(ODD) < 6 else ''}" for row in range(n))
    tags = tuple(tuple(ODD_TAGS[tag] for tag in own) for own in trained.items.tags)
    data = replace(trained.data, title=ODD[0], noun="<i>film</i>")
    run = replace(trained, name="made", data=data, items=replace(trained.items, titles=titles, tags=tags))
    ranking = biases(run)
    return report_page(run, Path("runs/made"), ranking, pca(run), map_items(run, top_items=n)), ranking


@pytest.fixture(scope="module")
def numbered(trained: Run) -> tuple[str, Biases]:
    """Return the report of a run without titles, which has ids in their place, and its ranking."""
    run = replace(trained, name="made", items=replace(trained.items, titles=trained.items.ids))
    ranking = biases(run)
    return report_page(run, Path("runs/made"), ranking, pca(run), map_items(run, top_items=20)), ranking


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


@pytest.fixture(scope="module")
def seen(
    report: str, odd: tuple[str, Biases], numbered: tuple[str, Biases], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """Return what chromium shows of all pages; of `attacked` also what it asked a server for."""
    with counting_server() as (address, requests):
        added = f"<script>document.title = 'x'; fetch('{address}/a')</script><img src='{address}/b'>"
        added += f"<img src='x:' onerror=\"document.title = 'x'\"><link rel='stylesheet' href='{address}/c'>"
        probe = f"await window.fetch('{address}/d').catch(() => 0); await wait(500); return document.title;"
        visits = {
            "narrow": Visit(report, REPORT_PROBE, 375),
            "wide": Visit(report, REPORT_PROBE),
            "buttons": Visit(report, BUTTONS_PROBE),
            "odd": Visit(odd[0], ODD_PROBE),
            "numbered": Visit(numbered[0], TICKS_PROBE),
            "attacked": Visit(report.replace("<main>", f"<main>{added}"), probe),
        }
        shown = browse(visits, tmp_path_factory.mktemp("browser"))
    attacked = shown["attacked"]
    return shown | {"attacked": replace(attacked, told={"title": attacked.told, "requests": requests})}


needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium to draw the page")


@needs_chromium
@pytest.mark.parametrize("width", ["narrow", "wide"])
def test_a_browser_draws_the_report(report: str, seen: dict[str, Seen], width: str) -> None:
    """Chromium draws every film and plot without an error on the console, and nothing is wider than the window.

    A film that is searched for is found, and its ten nearest are listed; one of them can be chosen in turn, as can a
    dot. The page asks for nothing.
    """
    told = seen[width].told
    assert not seen[width].console
    assert (told["wide"], told["found"], told["near"], told["requests"]) == (False, "1 found", 10, [])
    assert told["dots"] >= 119
    assert told["plots"] >= 4
    assert told["heads"][0] == "Nearest to Star Wars (1977)"
    assert told["heads"][2] == f"Nearest to {data_of(report)['items'][3]['title']}"
    assert len(set(told["heads"])) == 3


@needs_chromium
def test_the_buttons_of_the_map(seen: dict[str, Seen]) -> None:
    """The map can be zoomed, moved and saved as a PNG; no button uploads it, and the other plots have none."""
    told = seen["buttons"].told
    assert not seen["buttons"].console
    assert told["here"]
    assert told["names"] == ["Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
    assert told["saved"] == [["map.png", "blob:"]]


@needs_chromium
def test_a_browser_shows_titles_as_they_are(odd: tuple[str, Biases], seen: dict[str, Seen]) -> None:
    """Titles and tags with HTML in them are shown letter by letter: in plots, legends, lists and on hovering.

    There is no link, picture or script in the page but its own.
    """
    page, ranking = odd
    told = seen["odd"].told
    assert not seen["odd"].console
    assert (told["live"], told["requests"], told["title"]) == ([], [], f"{ODD[0]}: what the model has learned")
    assert told["scripts"] == page.count("<script")
    for ticks, rows in zip(told["ticks"], (ranking.best, ranking.worst), strict=True):
        assert sorted(re.sub(r" \(\d+\)$", "", tick) for tick in ticks) == sorted(
            report_of._short(row.title) for row in rows
        )
    assert set(ODD_TAGS.values()) <= set(told["legend"])
    assert ODD_TAGS["Action"] in told["axes"][0]
    items = data_of(page)["items"]
    for at, text in told["hovered"]:
        assert text.startswith(items[at]["title"] + ", ".join(items[at]["tags"]) + "n "), text
    assert told["chosen"][0] == f"Nearest to {items[0]['title']}"
    assert told["chosen"][1].startswith(items[items[0]["near"][0]]["title"])


@needs_chromium
def test_titles_that_are_numbers(numbered: tuple[str, Biases], seen: dict[str, Seen]) -> None:
    """A data set without titles has ids in their place: the ranking's plots show them as names, not on a scale."""
    assert not seen["numbered"].console
    assert sorted(seen["numbered"].told) == sorted(row.title for row in numbered[1].best)


@needs_chromium
def test_the_policy_stops_what_gets_in(seen: dict[str, Seen]) -> None:
    """Even if a title came to be read as HTML, its script would not run, and its picture would not be asked for."""
    told = seen["attacked"].told
    assert told["title"].endswith("what the model has learned")
    assert told["requests"] == []
    assert len(seen["attacked"].console) >= 4

"""The map page in a real browser: search, neighbours, labels, regions, keys, colors, paper."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser

from embedcli.analysis.map import map_items
from embedcli.analysis.similar import similar
from embedcli.render.colors import DARK, LIGHT
from embedcli.render.pages import map_page
from embedcli.render.pages.page import TEMPLATES
from embedcli.run.record import Run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to draw the page")
ASKED = {  # as people type it: what is meant
    "the godfather": "Godfather, The (1972)",
    "Godfather, the": "Godfather, The (1972)",
    "GODFATHER (1972": "Godfather, The (1972)",
    "les miserables": "Misérables, Les (1995)",
    "l'avventura": "Avventura, L' (1960)",
    "amelie": "Amélie (2001)",
    "star wars": "Star Wars (1977)",
    "redemption shawsh": "Shawshank Redemption, The (1994)",
    "id:9": "Made Film 8 (1967)",
    "strasse, die": "Straße, Die (1923)",
}
LABELS = """
    const { chart } = shownMap, { frame } = chart, { labels, dots } = chart.sources;
    const { items } = JSON.parse(document.getElementById("map-data").textContent);
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = "12px system-ui, sans-serif";
    const place = (x, y) => {
      const [left, top] = chart.pixels(x, y);
      return [left - frame.left, top - frame.top];
    };
    const box = (text, at) => {
      const [x, y] = place(labels.data.x[at], labels.data.y[at]), half = pen.measureText(text).width / 2;
      const [middle, base] = [x + labels.data.dx[at], y + labels.data.dy[at]];
      return { text, box: [middle - half, base - 6, middle + half, base + 6] };
    };
    const sizes = new Map(Array.from(dots.data.x, (x, at) => [`${x} ${dots.data.y[at]}`, dots.data.size[at]]));
    return {
      labels: Array.from(labels.data.text, box),
      dots: items.x.map((x, at) => [...place(x, items.y[at]), (sizes.get(`${x} ${items.y[at]}`) ?? 2) / 2]),
      frame: [frame.width, frame.height],
    };"""


@pytest.fixture(scope="module")
def films(tagged: Run) -> Run:
    """Return the tagged run with well-known titles, the ten most searched for, in place of its first ones."""
    titles = list(tagged.items.titles)
    free = (row for row, title in enumerate(titles) if title not in ASKED.values())
    for title in dict.fromkeys(ASKED.values()):
        if title not in titles:
            titles[next(free)] = title
    return replace(tagged, name="made", items=replace(tagged.items, titles=tuple(titles)))


@pytest.fixture(scope="module")
def page(films: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the map page of all films."""
    path = tmp_path_factory.mktemp("page") / "map.html"
    path.write_text(map_page(map_items(films, top_items=120), films), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def crowded(films: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a map of 3,000 films, more than have a shape and a size at once."""
    rng, n = np.random.default_rng(0), 3000
    factors = rng.normal(size=(1, n, 4)).astype(np.float32)
    items = replace(
        films.items,
        ids=tuple(map(str, range(n))),
        titles=tuple(f"Film Number {row} (1999)" for row in range(n)),
        years=(1999,) * n,
        tags=(("Drama",),) * n,
        columns={},
    )
    stats = replace(films.item_stats, n_ratings=np.arange(n, 0, -1), mean_rating=np.full(n, 3.0))
    run = replace(films, items=items, item_stats=stats, arrays={"item_factors": factors}, rows=None)
    run = replace(run, training=replace(run.training, evidence=None))
    path = tmp_path_factory.mktemp("page") / "crowded.html"
    path.write_text(map_page(map_items(run, top_items=n), run), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    """Yield a browser."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(started: Browser, page: Path) -> Iterator[Browser]:
    """Yield a browser with the page; afterwards it must have asked for nothing and said nothing."""
    started.window(1280, 900)
    started.open(page)
    yield started
    assert started.requests == []
    assert started.console == []


def text(browser: Browser, selector: str) -> str:
    """Return the text of an element."""
    words: str = browser.run(f"return document.querySelector({json.dumps(selector)}).innerText;")
    return words


def texts(browser: Browser, selector: str) -> list[str]:
    """Return the texts of elements."""
    code = f"return [...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText.trim());"
    words: list[str] = browser.run(code)
    return words


def search(browser: Browser, words: str) -> None:
    """Type words into the search and take what stands first."""
    browser.type(words)
    browser.key("Enter")
    browser.rest()


def test_search_by_keys_alone(browser: Browser) -> None:
    """Ten titles are found as people type them: Tab to the search, type, Enter; Escape begins again."""
    browser.key("Tab")
    for asked, meant in ASKED.items():
        search(browser, asked)
        assert text(browser, "#map-chosen h3") == meant, asked
        assert browser.run("return document.activeElement.value") == meant
        browser.key("Escape")
        assert texts(browser, "#map-chosen h3") == []


def test_the_list_of_the_search(browser: Browser) -> None:
    """The list is a combobox: arrows go round, Enter takes the active title, Escape closes, and the number is said."""
    browser.key("Tab")
    browser.type("made film 1")
    options = texts(browser, "#map-hits [role=option]")
    assert len(options) == 8
    assert all("Made Film" in option for option in options)
    assert re.fullmatch(r"\d+ films found, 8 listed", text(browser, "#map-told"))
    state = """const box = document.getElementById("map-search"), active = box.getAttribute("aria-activedescendant");
        return [box.getAttribute("aria-expanded"), active && document.getElementById(active).innerText.trim()];"""
    assert browser.run(state) == ["true", None]
    browser.key("ArrowUp")
    assert browser.run(state) == ["true", options[-1]]
    browser.key("ArrowDown")
    browser.key("ArrowDown")
    assert browser.run(state) == ["true", options[1]]
    browser.key("Escape")
    assert browser.run(state) == ["false", None]
    browser.key("ArrowDown")
    browser.key("Enter")
    assert text(browser, "#map-chosen h3") == options[0].rsplit(" n ", 1)[0]
    assert browser.run(state)[0] == "false"
    browser.key("Escape")
    browser.type("zzzz")
    assert text(browser, "#map-told") == "no film found"


def test_neighbours_stand_beside_the_map(browser: Browser, films: Run) -> None:
    """The chosen film's neighbours are those of `similar`, with its evidence, and stand in the window to the right.

    The film and its neighbours are marked and labelled on the map.
    """
    browser.key("Tab")
    search(browser, "star wars")
    expected = similar(films, "Star Wars (1977)").asked[0].neighbours
    n_folds = similar(films, "Star Wars (1977)").n_folds
    rows = [[cell.strip() for cell in row.split("\t")] for row in texts(browser, "#map-chosen tbody tr")]
    shown = [
        [one.title, f"{one.n_ratings}", f"{one.co_raters}", f"{round(one.folds * n_folds)}/{n_folds}"]
        for one in expected
    ]
    assert rows == shown
    right, left, low = browser.run("""
        const [map, panel] = ["map-plot", "map-chosen"].map(id => document.getElementById(id).getBoundingClientRect());
        const rows = document.querySelectorAll("#map-chosen tbody tr");
        return [map.right, panel.left, rows[rows.length - 1].getBoundingClientRect().bottom];""")
    assert right < left
    assert low < 900
    labels = {label["text"] for label in browser.run(LABELS)["labels"]}
    assert labels == {"Star Wars (1977)", *(one.title for one in expected)}
    assert browser.run("return shownMap.chart.sources.rings.data.x.length") == 11
    figures = text(browser, "#map-chosen dl")
    point = next(one for one in map_items(films, top_items=120).places if one.title == "Star Wars (1977)")
    assert f"{point.stars:.2f} (95 % {point.lower:.2f} to {point.upper:.2f})" in figures
    assert all(word in figures for word in (str(point.n_ratings), f"{point.mean_rating:.2f}", "1977", "Sci-Fi"))
    browser.click("#map-chosen tbody button")
    assert text(browser, "#map-chosen h3") == expected[0].title


def clear_labels(browser: Browser) -> int:
    """Check that no label lies over another, over a dot or beyond the frame, and return the number of labels."""
    drawn = browser.run(LABELS)
    (width, height), boxes = drawn["frame"], [label["box"] for label in drawn["labels"]]
    for one, other in combinations(boxes, 2):
        assert not (one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1])
    dots = np.array(drawn["dots"])
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
        x, y = dots[:, 0].clip(left, right), dots[:, 1].clip(top, bottom)
        assert (np.hypot(x - dots[:, 0], y - dots[:, 1]) >= dots[:, 2]).all()
    return len(boxes)


@pytest.mark.parametrize("which", ["page", "crowded"])
def test_labels_cover_nothing(started: Browser, which: str, request: pytest.FixtureRequest) -> None:
    """At rest, zoomed in and moved, no label lies over another label or a dot, and zooming in shows more of them."""
    started.window(1280, 900)
    started.open(request.getfixturevalue(which))
    at_rest = clear_labels(started)
    assert at_rest >= 10
    items = "const { items } = JSON.parse(document.getElementById('map-data').textContent);"
    share = f"{items} return shownMap.chart.sources.labels.data.x.length / items.x.length"
    before = started.run(share)
    started.run("document.getElementById('map-plot').focus()")
    started.key("ArrowDown")  # to the most rated, about which the keys zoom
    for key in "++++++":
        started.key(key)
    started.rest()
    assert clear_labels(started) >= 1
    n = started.run(f"{items} return items.x.filter((x, at) => shownMap.chart.shows(x, items.y[at])).length")
    assert started.run("return shownMap.chart.sources.labels.data.x.length") / n > before
    started.key("ArrowRight", shift=True)
    started.rest()
    clear_labels(started)
    assert started.console == []


def test_the_most_rated_are_labelled_first(started: Browser) -> None:
    """As in the pictures: of two dots with room for one label the first has it, to the right if there is room.

    A dot that may have a label further off has it there, joined by a line.
    """
    script = (TEMPLATES / "labels.js").read_text(encoding="utf-8")
    placed = started.run(
        script
        + """
        const occupied = new Occupied(200, 30), dot = { x: 60, y: 15, radius: 3, width: 100, height: 13 };
        for (const x of [45, 60]) occupied.add(x, 15, 3);
        occupied.sum();
        const told = ({ dot, x, y, line }) => [dot.name, x, y, line !== null];
        const place = (...dots) => placeLabels(dots, occupied, 9).map(told);
        return [place({ ...dot, name: "first" }, { ...dot, name: "second" }),
                place({ ...dot, x: 150, width: 60, name: "left" }),
                place({ ...dot, name: "first" }, { ...dot, x: 62, width: 30, reach: 90, name: "far" })];"""
    )
    assert placed[0] == [["first", 60 + 3 + 3 + 50, 15, False]]
    assert placed[1] == [["left", 150 - 3 - 3 - 30, 15, False]]
    assert [[name, is_far] for name, _, _, is_far in placed[2]] == [["first", False], ["far", True]]


@pytest.mark.parametrize("tool", ["box", "lasso"])
def test_a_region_is_listed_and_saved(browser: Browser, films: Run, tool: str) -> None:
    """A box or a lasso lists the films within it, the most rated first, and saves them as CSV."""
    browser.click(f"[data-drag={tool}]")
    left, top, width, height = browser.run("""
        const { left, top } = document.getElementById("map-plot").getBoundingClientRect(), { frame } = shownMap.chart;
        return [left + frame.left, top + frame.top, frame.width, frame.height];""")
    corners = [(left + width * x, top + height * y) for x, y in ((0.5, 0.05), (0.95, 0.05), (0.95, 0.95), (0.5, 0.95))]
    path = [corners[0], corners[2]] if tool == "box" else [*corners, corners[0]]
    browser.drag(*path)
    browser.rest()
    places = map_items(films, top_items=120).places
    x0, x1, y0, y1 = browser.run("const { x, y } = shownMap.chart; return [x.start, x.end, y.start, y.end];")
    at_x, at_y = (lambda share: x0 + share * (x1 - x0)), (lambda share: y1 - share * (y1 - y0))
    inside = [one for one in places if at_x(0.5) < one.x < at_x(0.95) and at_y(0.95) < one.y < at_y(0.05)]
    assert 10 < len(inside) < 110
    assert text(browser, "#map-chosen h3") == f"{len(inside)} films in the region"
    assert texts(browser, "#map-chosen li button") == [point.title for point in inside]
    tags = [tag for point in inside for tag in point.tags]
    commonest = max(tags, key=tags.count)
    assert f"Commonest tags: {commonest} {tags.count(commonest)}" in text(browser, "#map-told")
    browser.click("#map-chosen .save")
    rows = list(csv.DictReader(io.StringIO(browser.saved("region.csv").decode())))
    assert [row["title"] for row in rows] == [point.title for point in inside]
    assert [int(row["n"]) for row in rows] == [point.n_ratings for point in inside]
    assert rows[0]["tags"] == "|".join(inside[0].tags)
    assert browser.run("return shownMap.chart.sources.region.data.x.length") >= 4


def test_the_map_by_keys_alone(browser: Browser) -> None:
    """Tab reaches the map as one stop; arrows go from dot to dot, Enter chooses, and keys zoom, move and clear."""
    for _ in range(40):
        browser.key("Tab")
        if browser.run("return document.activeElement.id") == "map-plot":
            break
    ranges = "const { x, y } = shownMap.chart; return [x.start, x.end, y.start, y.end];"
    whole = browser.run(ranges)
    browser.key("ArrowRight")
    first = text(browser, "#map-told")
    assert re.match(r"Star Wars|.+, \d+ ratings, stars \d", first)
    browser.key("ArrowRight")
    second = text(browser, "#map-told")
    assert second != first
    browser.key("ArrowLeft")
    assert text(browser, "#map-told") != second
    browser.key("Enter")
    chosen = text(browser, "#map-chosen h3")
    assert chosen in text(browser, "#map-told")
    browser.key("+")
    browser.rest()
    zoomed = browser.run(ranges)
    assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) / 1.5)
    browser.key("ArrowUp", shift=True)
    browser.rest()
    assert browser.run(ranges)[2] > zoomed[2]
    browser.key("-")
    browser.key("0")
    browser.rest()
    assert browser.run(ranges) == whole
    within = "return document.activeElement.closest('#map-chosen, #map-plot')?.id"
    browser.run("document.querySelector('#map-chosen tbody button').focus()")
    browser.key("Enter")
    assert text(browser, "#map-chosen h3") != chosen
    assert browser.run(within) == "map-chosen"
    browser.run("document.querySelector('#map-chosen .head button').focus()")
    browser.key("Enter")
    assert texts(browser, "#map-chosen h3") == []
    assert browser.run(within) == "map-plot"
    browser.key("Enter")
    browser.key("Escape")
    assert texts(browser, "#map-chosen h3") == []
    browser.key("Tab")
    assert browser.run(within) is None


def test_buttons(browser: Browser) -> None:
    """Buttons zoom, show the whole map, list what is in view and save a PNG; none uploads anything."""
    names = texts(browser, ".map button")
    assert names[:8] == ["move", "box", "lasso", "+", "\u2212", "whole map", "list what is in view", "save as PNG"]
    assert not [name for name in names if re.search("upload|share|cloud|edit|chart studio", name, re.IGNORECASE)]
    width = "return shownMap.chart.x.end - shownMap.chart.x.start;"
    whole = browser.run(width)
    browser.click("[data-do=in]")
    assert browser.run(width) < whole
    browser.click("[data-do=view]")
    assert 0 < int(text(browser, "#map-chosen h3").split()[0]) < 119
    browser.click("[data-do=home]")
    assert browser.run(width) == whole
    browser.click("[data-do=png]")
    picture = browser.saved("map.png")
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


def test_the_wheel_scrolls_the_page(browser: Browser) -> None:
    """Over the map the wheel scrolls the page as elsewhere; with Ctrl it zooms the map."""
    browser.window(1280, 500)
    browser.rest()
    ranges = "return [shownMap.chart.x.start, shownMap.chart.x.end];"
    whole = browser.run(ranges)
    browser.wheel(400, 400, 100)
    browser.run("while (!window.scrollY) await new Promise(done => setTimeout(done, 10));")
    assert browser.run(ranges) == whole
    browser.run("window.scrollTo(0, 0)")
    browser.wheel(400, 400, -100, ctrl=True)
    browser.rest()
    assert browser.run(ranges) != whole
    assert browser.run("return window.scrollY") == 0


def test_colors_follow_the_reader(browser: Browser) -> None:
    """Light and dark have the palettes of pictures, also when the reader changes over; each choice has a legend."""
    seen = "return [shownMap.chart.plot.background_fill_color, [...new Set(shownMap.chart.sources.dots.data.color)]];"
    for palette, dark in ((LIGHT, False), (DARK, True)):
        browser.window(1280, 900, dark=dark)
        browser.frame()
        browser.frame()
        paper, colors = browser.run(seen)
        assert paper == palette.paper
        assert set(colors) <= {*palette.groups, palette.rest}
        assert len(colors) >= 6
        body = browser.run("return getComputedStyle(document.body).backgroundColor;")
        assert body == "rgb({}, {}, {})".format(*bytes.fromhex(palette.paper[1:]))


@pytest.mark.parametrize(
    ("choice", "rule", "entry"),
    [
        ("", "", r"^\S* films \(119\)$"),
        ("tags", "a film with several of these tags has the color of the rarest", r"Comedy \(\d+\)$"),
        ("number:n", "number of ratings, in bands of about equally many", r"\d+ to \d+ \(\d+\)$"),
        ("number:stars", "stars, in bands", r"\d\.\d\d to \d\.\d\d \(\d+\)$"),
        ("component:0", "component 1", r"-?\d\.\d\d to -?\d\.\d\d \(\d+\)$"),
        ("cluster", "silhouette", r"1: .*\(\d+\)$"),
        ("tag", "films with this tag", r"Comedy \(24\)$"),
    ],
)
def test_choices_of_color(browser: Browser, choice: str, rule: str, entry: str) -> None:
    """A number, a component, the clusters, all tags or one of them can be the color, and the legend says the rule."""
    if choice == "tag":
        options = "return [...document.querySelectorAll('#map-color option')].map(one => [one.textContent, one.value]);"
        choice = dict(browser.run(options))["Comedy"]
    browser.run(f"""const color = document.getElementById("map-color"); color.value = {choice!r};
        color.dispatchEvent(new Event("change"));""")
    assert browser.run("return document.getElementById('map-color').value") == choice
    entries = texts(browser, "#map-legend li")
    assert any(re.search(entry, one) for one in entries), entries
    assert sum(int(re.findall(r"\((\d+)\)$", one)[0]) for one in entries) == 119
    browser.click("#map-legend li:last-child button")
    assert texts(browser, "#map-chosen h3")[0].startswith(re.findall(r"\((\d+)\)$", entries[-1])[0])
    assert rule in text(browser, "#map-legend")


def test_the_same_as_a_table(browser: Browser) -> None:
    """Who reads no map reads a table of the same films, and saves all of them as CSV."""
    browser.run("document.querySelector('#map-table summary').click()")
    browser.frame()
    assert len(texts(browser, "#map-rows tbody tr")) == 119
    assert texts(browser, "#map-rows th")[:4] == ["title", "id", "n", "mean"]
    browser.run("document.getElementById('map-all').scrollIntoView()")
    browser.click("#map-all")
    assert len(browser.saved("map.csv").decode().splitlines()) == 120


def test_a_phone(browser: Browser) -> None:
    """At 390 pixels nothing is wider than the window; a chosen film's figures and the map are in sight together."""
    browser.window(390, 844)
    browser.rest()
    browser.run("document.getElementById('map-search').focus()")
    search(browser, "star wars")
    assert browser.run("return document.documentElement.scrollWidth") == 390
    map_top, map_bottom, panel_top, panel_bottom = browser.run("""
        const [map, panel] = ["map-plot", "map-chosen"].map(id => document.getElementById(id).getBoundingClientRect());
        return [map.top, map.bottom, panel.top, panel.bottom];""")
    assert -1 <= map_top < map_bottom <= panel_top < panel_bottom <= 845


def test_a_finger(browser: Browser, page: Path) -> None:
    """A finger chooses a dot by a tap, and scrolls the page over the map as elsewhere."""
    browser.window(390, 600)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        browser.open(page)
        x, y, title = browser.run("""
            const { chart } = shownMap, { left, top } = document.getElementById("map-plot").getBoundingClientRect();
            const { items } = JSON.parse(document.getElementById("map-data").textContent);
            const [x, y] = chart.pixels(items.x[0], items.y[0]);
            return [left + x, top + y, items.title[0]];""")
        browser.touch((x, y))
        assert text(browser, "#map-chosen h3") == title
        browser.key("Escape")
        browser.run("window.scrollTo(0, 0)")
        before = browser.run("return shownMap.chart.x.start;")
        browser.touch(*((200, 480 - 15 * step) for step in range(12)))
        browser.run("while (window.scrollY < 50) await new Promise(done => setTimeout(done, 10));")
        assert browser.run("return shownMap.chart.x.start;") == before
    finally:
        browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_paper(browser: Browser, page: Path) -> None:
    """In print the figure is one picture in light colors, also if the screen is dark; it is taken away afterwards."""
    browser.window(1280, 900, dark=True)
    browser.open(page)
    assert browser.pdf().startswith(b"%PDF")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    paper = browser.run("""
        const canvas = document.querySelector("#map-print canvas"), pen = canvas.getContext("2d");
        const paper = [...pen.getImageData(2, canvas.height / 2, 1, 1).data].slice(0, 3);
        return [paper, canvas.width, shownMap.chart.axes[0].axis_label_text_color];""")
    assert paper[0] == list(bytes.fromhex(LIGHT.paper[1:]))
    assert paper[1] > 600
    assert paper[2] == LIGHT.ink
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelector('#map-print').childElementCount") == 0
    assert browser.run("return shownMap.chart.axes[0].axis_label_text_color") == DARK.ink

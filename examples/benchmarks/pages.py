"""Measure the map page in a real browser: bytes, seconds to the first drawing, milliseconds of an interaction.

    python examples/benchmarks/pages.py [--items 1682 60000]

The items are made: clusters of random vectors, with skewed numbers of ratings. Chromium draws without a graphics card,
headless, 1280 x 900. "Drawn" is from opening the file until the map with its labels is on the screen. An interaction
is timed from the key or the wheel until its picture is drawn: median and longest of ten, on a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embedcli.analysis.map import map_items
from embedcli.data.ratings import DataSet, Items, Users
from embedcli.render.pages import map_page
from embedcli.run.record import ItemStats, Run

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from browser import Browser  # type: ignore[import-not-found]

TIMES = 10
TAGS = ("Drama", "Comedy", "Action", "Romance", "Thriller", "Children's", "War", "Western")


def made_run(n: int) -> Run:
    """Return a run of n items in 20 clusters, of which a few have most of the ratings."""
    rng = np.random.default_rng(0)
    users, items = rng.normal(size=(1, 500, 16)), rng.normal(size=(1, n, 16))
    items += 2 * rng.normal(size=(20, 16))[rng.integers(20, size=n)]
    tags = tuple((TAGS[tag],) for tag in rng.integers(len(TAGS), size=n))
    titles = tuple(f"Made Film of the Number {number} ({1950 + number % 70})" for number in range(n))
    years = tuple(1950 + number % 70 for number in range(n))
    n_ratings = np.sort((5 * rng.pareto(0.8, n) + 1).clip(max=50_000).astype(np.int64))[::-1].copy()
    return Run(
        "made",
        DataSet("made", "Made films", "made", "", (1, 5), "film"),
        Items(tuple(map(str, range(n))), titles, years, tags),
        Users(tuple(map(str, range(500)))),
        ItemStats(n_ratings, np.full(n, 3.5)),
        ItemStats(np.full(500, 10), np.full(500, 3.5)),
        {"user_factors": users.astype(np.float32), "item_factors": items.astype(np.float32)},
    )


def spread(browser: Browser, act: Callable[[], None]) -> str:
    """Return the median and the longest time in milliseconds from an action until it is on the screen."""
    times = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        act()
        browser.frame()
        times.append(1000 * (time.perf_counter() - begin))
        browser.rest()
    browser.key("0")
    browser.rest()
    return f"{statistics.median(times):5.0f} {max(times):4.0f}"


def measure(n: int, folder: Path) -> str:
    """Return a row of the table."""
    run = made_run(n)
    begin = time.perf_counter()
    page = map_page(map_items(run, top_items=n), run)
    made, path = time.perf_counter() - begin, folder / "map.html"
    path.write_text(page, encoding="utf-8")
    with Browser() as browser:
        begin = time.perf_counter()
        browser.open(path)
        drawn = time.perf_counter() - begin
        browser.run("document.getElementById('map-plot').focus()")
        actions: dict[str, Callable[[], None]] = {
            "zoom": lambda: browser.key("+"),
            "move": lambda: browser.key("ArrowRight", shift=True),
            "wheel": lambda: browser.wheel(500, 500, -120, ctrl=True),
            "step": lambda: browser.key("ArrowDown"),
            "choose": lambda: browser.key("Enter"),
        }
        figures = "".join(f" {spread(browser, act)}" for act in actions.values())
    return f"{n:8,}{len(page) / 1e6:7.1f}{made:7.1f}{drawn:8.2f}{figures}"


def main() -> None:
    """Print a row for each number of items."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[1682, 60_000])
    names = "".join(f"{name:>11}" for name in ("zoom", "move", "wheel", "step", "choose"))
    print(f"   items     MB made s drawn s{names}   (ms: median, longest)")
    for n in parser.parse_args().items:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(n, Path(folder)), flush=True)


if __name__ == "__main__":
    main()

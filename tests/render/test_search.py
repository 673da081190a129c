"""The search of the pages finds what the commands find: one rule in two languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import CHROMIUM, Browser
from planted import titled_run

from embedcli.errors import UsageError
from embedcli.render.pages.page import TEMPLATES
from embedcli.run import lookup
from embedcli.run.lookup import find
from embedcli.run.record import Run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to search in")
TITLES = (
    *("Godfather, The (1972)", "Godfather: Part II, The (1974)", "Star Wars (1977)", "Empire Strikes Back, The (1980)"),
    *("Sabrina (1954)", "Sabrina (1995)", "Chasing Amy (1997)", "Chasing Amy (1997)", "1900 (1976)", "2", "?! (1999)"),
    *("[REC] (2007)", "Amélie (2001)", "Avventura, L' (1960)", "Misérables, Les (1995)", "Misérables, Les (1998)"),
    *("Cité des enfants perdus, La (1995)", "Straße, Die (1923)", "ΟΔΟΣ ΣΟΦΙΑΣ (1980)", "Ąćę łódź (2001)", "Up (2009)"),
    *("Léon: The Professional (1994)", "Leon (2001)", "A Nous la Liberté (1931)", "Ran (1985)", "The Thing (1982)"),
    *(
        "\uff34\uff4f\uff4b\uff59\uff4f (1999)",
        "Ǆungla (1990)",
        "ﬁlm ﬂeuve (1970)",
        "Il Postino (1994)",
        "Tango, the, (1990)",
        "  Blank (1990)",
    ),
)
ODD = (
    "godfather",
    "GODFATHER, THE",
    "the godfather (1973)",
    "les miserables",
    "Miserables, Les (1998)",
    "leon",
    "léon",
)
ODD += (
    "id:3",
    "id:99",
    "title:2",
    "id:",
    "title:",
    "",
    " ",
    "strasse",
    "die strasse",
    "l'avventura",
    "lodz",
    "οδος σοφιας",
)
ODD += (
    "tokyo",
    "film fleuve",
    "cite des enfants perdus, la",
    "la cite",
    "wars",
    "war",
    "star wars (1978)",
    "part ii",
    "!?",
)


def spellings(title: str) -> list[str]:
    """Return a title as people type it."""
    bare = lookup._without_year(title)
    moved = lookup._article_first(title)
    typed = [title, bare, moved, lookup._article_first(bare), lookup._without_accents(title), bare[: len(bare) // 2]]
    typed += [f"{bare} (1900)", f" {title} ", title.replace(" (", "("), f"title:{title}"]
    return [spelling for text in typed for spelling in (text, text.upper(), text.lower(), text.swapcase())]


ASKED = list(dict.fromkeys([*ODD, *map(str, range(3)), *(one for title in TITLES for one in spellings(title))]))


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a run of these films, the first the most rated, with ids from 1 on."""
    return titled_run(TITLES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser that has the script of the search."""
    with Browser() as browser:
        browser.call("Runtime.evaluate", expression=(TEMPLATES / "search.js").read_text(encoding="utf-8"))
        yield browser


def found_by_script(browser: Browser, run: Run, method: str) -> list[list[int]]:
    """Return the items that the script finds for each spelling."""
    make = f"const search = new Search({list(run.items.titles)!r}, {list(run.items.ids)!r});"
    found: list[list[int]] = browser.run(f"{make} return {ASKED!r}.map(asked => search.{method}(asked));")
    return found


def test_the_script_finds_what_the_commands_find(run: Run, browser: Browser) -> None:
    """For every spelling the script finds one item where `find` does, the same, and none or several where it fails."""
    for asked, rows in zip(ASKED, found_by_script(browser, run, "find"), strict=True):
        try:
            assert rows == [find(run, asked)], asked
        except UsageError:
            assert len(rows) != 1, asked


def test_the_list_begins_with_what_is_meant(run: Run, browser: Browser) -> None:
    """What `find` would take stands first, then titles with all words, with words that begin so, with their letters."""
    texts = [lookup._without_accents(title) for title in run.items.titles]
    lists = zip(ASKED, found_by_script(browser, run, "find"), found_by_script(browser, run, "matches"), strict=True)
    for asked, found, matches in lists:
        words = lookup._words(asked.removeprefix("id:").removeprefix("title:"), lookup._without_accents)
        rows = range(len(texts)) if words else ()
        whole = [row for row in rows if words <= lookup._words(texts[row], str)]
        parts = [row for row in rows if all(word in texts[row] for word in words)]
        every = {row: lookup._words(texts[row], str) for row in parts}
        begun = [row for row in parts if all(any(one.startswith(word) for one in every[row]) for word in words)]
        assert matches == list(dict.fromkeys([*found, *whole, *begun, *parts])), asked


def test_letters_are_folded_alike(browser: Browser) -> None:
    """Every letter of the Latin, Greek, Cyrillic and Arabic scripts, and of full width, has one folded form in both."""
    letters = [chr(code) for code in [*range(0x20, 0x0700), *range(0x1E00, 0x2000), *range(0xFF00, 0xFFE0)]]
    letters = [letter for letter in letters if letter.isprintable()]
    for rule, fold in (("inAnyCase", lookup._folded), ("withoutAccents", lookup._without_accents)):
        folded = browser.run(f"return {letters!r}.map({rule});")
        different = [one for one, seen in zip(letters, folded, strict=True) if fold(one) != seen]
        assert not different

"""The report: its sentences are true, each figure has its data, and what a run lacks is said."""

from __future__ import annotations

import csv
import html
import html.parser
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from browser import CHROMIUM, Browser

from embedcli.analysis.accuracy import accuracy
from embedcli.analysis.biases import biases
from embedcli.analysis.choices import Section
from embedcli.analysis.clusters import clusters
from embedcli.analysis.pca import pca
from embedcli.analysis.probe import probe
from embedcli.analysis.report import Bet, Caution, Risk, bet, report
from embedcli.render.pages import report_page
from embedcli.render.pages.bars import Bar, Scale
from embedcli.render.pages.figures import of_accuracy
from embedcli.render.pages.story import headline
from embedcli.run.record import Run

HOSTILE = "</script><script>alert(\"x\")</script> & <b>'quoted'</b> {{ 7 * 7 }} [markup]"
FILES = {  # the CSV of each section
    "ranking": ["worst.csv", "best.csv"],
    "axes": ["axes.csv", "axes-tags.csv"],
    "tastes": ["tastes.csv", "tastes-tags.csv"],
    # that of the map comes from its button
    "clusters": ["groups.csv"],
    "probe": ["readable-tags.csv", "readable-numbers.csv"],
    "errors": ["errors-users.csv", "errors-items.csv", "errors-tags.csv", "scores.csv", "epochs.csv"],
    "settings": ["settings.csv"],
}


class Page(html.parser.HTMLParser):
    """The sections of a page: the text of each, and its files by name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.section, self.texts, self.files = "", dict[str, list[str]](), dict[str, dict[str, list[dict[str, str]]]]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a section, or read the file of a link."""
        values = {name: value or "" for name, value in attrs}
        if tag == "section":
            self.section = values["id"].removeprefix("part-")
        if "download" in values:
            begin, content = values["href"].split(",", 1)
            assert begin == "data:text/csv;charset=utf-8"
            rows = list(csv.DictReader(io.StringIO(unquote(content, errors="strict"))))
            self.files.setdefault(self.section, {})[values["download"]] = rows

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.texts.setdefault(self.section, []).append(data)

    def text(self, section: str = "") -> str:
        """Return the text of a section, with single blanks; "" is what stands before the first."""
        return " ".join(" ".join(self.texts[section]).replace("\u00a0", " ").split())


def page_of(run: Run, title: str = "", **asked: Any) -> str:
    """Return the report of a run."""
    return report_page(report(run, **asked), run, Path("runs/made"), title=title)


@pytest.fixture(scope="module")
def whole(trained: Run) -> Page:
    """Return the report of the trained run."""
    return Page(page_of(trained))


def sentences(run: Run) -> list[str]:
    """Return the headline of a run."""
    return [sentence.words for sentence in headline(report(run), run)]


def test_the_headline_is_three_true_sentences(trained: Run, whole: Page) -> None:
    """How far off predictions are, what films differ by, and what to be careful about are as the analyses say."""
    predicts, differs, careful = sentences(trained)
    assert all(sentence in whole.text() for sentence in (predicts, differs, careful))
    scores = {score.model: score.rmse for score in trained.training.scores}
    assert f"On {trained.training.split.n_test:,} test ratings" in predicts
    assert "(10 % of all, drawn at random, seed 0)" in predicts
    near = 100 * accuracy(trained).share_near
    assert (
        f"in {near:.0f} % of cases by at most 1 star; the mean rating alone is off by {scores['global mean']:.2f}"
        in predicts
    )
    assert f"is off by {scores['posterior']:.2f} stars (RMSE, on a scale of 1 to 5)" in predicts
    assert f"by {scores['user + item bias']:.2f}: tastes take" in predicts
    assert f"take {100 * (1 - scores['posterior'] / scores['user + item bias']):.0f} % off" in predicts
    components = pca(trained)
    for axis in components.components:
        assert (f"component {axis.component}, " in differs) == axis.has_name
    assert components.tastes is not None
    for card in components.tastes.cards:
        assert (", ".join(card.positive_name) in differs) == (card.unnamed is None)
    for end, rows in (("worst", biases(trained).worst), ("best", biases(trained).best)):
        n = sum(bet(row) is Bet.NO for row in rows)
        assert (f"{n} of the 10 {end}" in careful) == (n > 0)


def test_cautions_are_said_the_worst_first(trained: Run) -> None:
    """At most three are in the sentence; a model without use is said before everything else."""
    worse = [replace(score, rmse=2.0) if score.model == "posterior" else score for score in trained.training.scores]
    run = replace(trained, training=replace(trained.training, scores=worse))
    predicts, _, careful = sentences(run)
    assert predicts.endswith("the tastes do not help.")
    assert careful.startswith("The model predicts no better than biases alone")
    assert careful.count(";") <= 2
    nothing = replace(report(trained, sections=["settings"]), cautions=())
    assert "speaks against nothing" in headline(nothing, trained)[2].words


@pytest.mark.parametrize("risk", Risk)
def test_every_risk_has_its_words(trained: Run, risk: Risk) -> None:
    """A caution of each kind is a sentence with its figures."""
    found = report(trained, sections=["map"])
    assert found.ranking is not None
    assert found.ranking.choice is not None or risk is not Risk.CHOICE
    words = headline(replace(found, cautions=(Caution(risk, (1, 2)),)), trained)[2].words
    assert words[0].isupper()
    assert words.endswith(".")


def test_every_figure_has_its_data(trained: Run, whole: Page) -> None:
    """Each section has its files, and each file the rows and the figures of the analysis that is shown."""
    assert {section: list(files) for section, files in whole.files.items()} == FILES
    ranking, groups = biases(trained), clusters(trained)
    found, probes, components = accuracy(trained), probe(trained), pca(trained)

    def column(section: str, file: str, name: str) -> list[str]:
        return [row[name] for row in whole.files[section][file]]

    for end in ("worst", "best"):
        for name in ("title", "stars", "lower", "upper", "probability"):
            assert column("ranking", f"{end}.csv", name) == [str(getattr(row, name)) for row in getattr(ranking, end)]
    ends = [row["title"] for row in components.rows() if row["taste"] is None]
    assert column("axes", "axes.csv", "title") == ends
    assert column("axes", "axes-tags.csv", "effect") == [
        str(effect.effect) for axis in components.components for effect in axis.effects
    ]
    assert column("tastes", "tastes.csv", "title") == [
        row["title"] for row in components.rows() if row["taste"] is not None
    ]
    assert column("clusters", "groups.csv", "cluster") == [str(item.cluster) for item in groups.grouped]
    scores = [str(row.score) for kind in ("tag", "number") for row in probes.probed if row.kind == kind]
    assert column("probe", "readable-tags.csv", "score") + column("probe", "readable-numbers.csv", "score") == scores
    for kind in ("users", "items", "tags"):
        assert sorted(column("errors", f"errors-{kind}.csv", "rmse")) == sorted(str(g.rmse) for g in found.of(kind))
    assert column("errors", "scores.csv", "rmse") == [str(score.rmse) for score in trained.training.scores]
    assert "sha256" in column("settings", "settings.csv", "setting")


def test_whether_to_bet_stands_in_words(trained: Run, whole: Page) -> None:
    """How many films of a list to bet on stands above it, and each row has its figures and what to do."""
    text, ranking = whole.text("ranking"), biases(trained)
    words = {Bet.YES: "Bet on", Bet.MAYBE: "perhaps on", Bet.NO: "do not bet on"}
    for end, rows in (("best", ranking.best), ("worst", ranking.worst)):
        counts = {what: sum(bet(row) is kind for row in rows) for kind, what in words.items()}
        assert f"{'; '.join(f'{what} {n}' for what, n in counts.items() if n)}." in text
        assert text.count(f"likely one of the 10 {end}") == 1
    for row in ranking.worst:
        assert row.probability is not None
        likely = "over 99" if row.probability > 0.99 else "under 1" if row.probability < 0.01 else None
        likely = likely or f"{100 * row.probability:.0f}"
        figures = f"{row.stars:.2f} {row.lower:.2f} to {row.upper:.2f} {likely} % {row.rank_lower} to {row.rank_upper}"
        assert f"{figures} {bet(row).value}" in text


def test_cards_say_what_holds(trained: Run) -> None:
    """A named axis has its poles in the heading, one without a name says so plainly, and why."""
    components = pca(trained)
    named = next(axis for axis in components.components if axis.unnamed is not None)
    text = Page(page_of(trained, sections=["axes", "tastes"])).text("axes")
    for axis in components.components:
        heading = "No name that holds"
        if axis.has_name:
            low, high = ", ".join(axis.negative_name), ", ".join(axis.positive_name)
            heading = f"{low[0].upper()}{low[1:]} \u2194 {high}"
        assert f"Component {axis.component}, {100 * axis.share:.0f} % of the spread of the embeddings {heading}" in text
        assert axis.judged.words in text
        assert all(item.title in text for item in (*axis.positive, *axis.negative))
    assert named.t is not None
    assert f"t {named.t:.1f} (above 3: it predicts)" in text


def test_tastes_have_a_card_each(trained: Run, whole: Page) -> None:
    """How many axes of tastes hold is a sentence, not a card, and a sentence says why the last does not."""
    tastes = pca(trained).tastes
    assert tastes is not None
    text = whole.text("tastes")
    assert len(re.findall(r"How sure is this\?", text)) == tastes.n_named
    assert text.index("such axes hold") < text.index("Taste 1")
    for card in tastes.cards:
        assert card.unnamed is not None or f"Taste {card.taste}, {100 * card.share:.1f} % of what biases leave" in text
        assert card.unnamed is None or f"Taste {card.taste} does not hold: " in text


def test_title_and_sections(trained: Run) -> None:
    """The page has the title and the sections that are asked for, in their order; without a map it runs no script."""
    page = page_of(trained, title="Films <of> 1998", sections=["errors", "ranking"])
    assert "<title>Films &lt;of&gt; 1998</title>" in page
    assert "<h1>Films &lt;of&gt; 1998</h1>" in page
    assert re.findall('<section id="part-([a-z]+)"', page) == ["errors", "ranking"]
    assert re.findall('<a href="#part-([a-z]+)">(?!more)', page) == ["errors", "ranking"]
    assert "<script" not in page
    assert len(page) < 100_000
    every = page_of(trained)
    assert re.findall('<section id="part-([a-z]+)"', every) == [section.value for section in Section]


def test_titles_cannot_break_out(trained: Run) -> None:
    """A title, a tag or a name with HTML in it is text, in the page and in its files."""
    tags = tuple(tuple(f"{tag}{HOSTILE}" for tag in own) for own in trained.items.tags)
    titles = tuple(f"{HOSTILE} {row}" for row in range(len(trained.items)))
    run = replace(trained, items=replace(trained.items, titles=titles, tags=tags))
    page = page_of(replace(run, data=replace(run.data, title=HOSTILE, noun="<i>film</i>")), title=HOSTILE)
    assert 'alert("x")' not in page
    assert "<i>film" not in page
    assert "<b>'quoted'" not in page
    assert Page(page).files["ranking"]["best.csv"][0]["title"].startswith(HOSTILE)


def test_what_a_run_lacks_is_said(trained: Run) -> None:
    """A section without what it needs says in a line what is missing, and what gives it."""
    training = trained.training
    lacking = {
        "test rows": replace(trained, heldout=None, training=replace(training, scores=(), epochs=())),
        "evidence": replace(trained, training=replace(training, evidence=None)),
        "draws": replace(trained, arrays={k: v for k, v in trained.arrays.items() if k != "item_stars"}),
        "biases": replace(trained, arrays={"item_factors": trained.array("item_factors")}),
        "tags": replace(
            trained,
            items=replace(trained.items, tags=((),) * len(trained.items)),
            training=replace(training, tastes=()),
        ),
    }
    pages = {name: Page(page_of(run)) for name, run in lacking.items()}
    assert "none is left to test on; embedcli train --split random" in pages["test rows"].text()
    assert "kept no test rows. To mend it: take a run trained with `split` random" in pages["test rows"].text("errors")
    assert "It was not tested on held-out ratings: it may be chance." in pages["evidence"].text("axes")
    assert "omponents 1, 2 and 3 were not tested" in pages["evidence"].text()
    assert "There are no intervals" in pages["draws"].text("ranking")
    assert "Bet on" not in pages["draws"].text("ranking")
    assert "holds no item_bias" in pages["biases"].text("ranking")
    assert "the films have no tags. To mend it: embedcli train --items FILE" in pages["tags"].text("tastes")


def test_implicit_data_has_other_words(trained: Run) -> None:
    """Of implicit data the headline tells the AUC, and the errors say why they have no groups."""
    scores = [replace(score, auc=0.9 if score.model == "posterior" else 0.7) for score in trained.training.scores]
    run = replace(
        trained,
        data=replace(trained.data, implicit=True),
        arrays={name: array for name, array in trained.arrays.items() if name != "item_stars"},
        training=replace(trained.training, scores=scores, posterior=None),
    )
    page = Page(page_of(run))
    assert "above one that was not in 90 % of cases (AUC 0.900; chance is 50 %), biases alone in 70 %." in page.text()
    assert "the data is implicit" in page.text("errors")
    assert "There are no intervals: sampled rows" in page.text("ranking")


def test_the_run_is_told_at_the_end(whole: Page, trained: Run) -> None:
    """The last section has protocol, settings, versions and the data's sha256, and the terms of the data."""
    text = whole.text("settings")
    for words in (trained.data.sha256, trained.training.protocol, "weight_decay", "versions", "Data of your own"):
        assert words in text
    settings = {row["setting"] for row in whole.files["settings"]["settings.csv"]}
    assert not settings & {"arrays", "n_negatives"}
    movielens = replace(trained, data=replace(trained.data, name="ml-100k"))
    assert "GroupLens" in Page(page_of(movielens, sections=["settings"])).text("settings")


def test_the_same_can_be_done_again(trained: Run) -> None:
    """The commands that trained the run and made the report stand together, as typed."""
    run = replace(trained, command="embedcli train --epochs 3")
    page = report_page(report(run, sections=["settings"]), run, Path("r"), command="embedcli report --title 'A <b>'")
    assert "embedcli train --epochs 3\nembedcli report --title &#39;A &lt;b&gt;&#39;\n</pre>" in page


def test_words_are_explained_at_the_head(trained: Run, whole: Page) -> None:
    """A reader learns which of the two models predicts, and which one the sections look into."""
    text = whole.text()
    assert "Trained model 3 members, trained from different random numbers, which ranking, axes, map and groups" in text
    assert "Posterior a Bayesian model of the same ratings; it predicts" in text
    assert "7,200 ratings to train on, 800 to test on" in text
    lacking = replace(trained, training=replace(trained.training, posterior=None))
    assert "Posterior a" not in Page(page_of(lacking, sections=["settings"])).text()


def test_groups_are_cards_only_if_there_are_groups(trained: Run) -> None:
    """Pieces of a continuum are a folded table."""
    found = report(trained, sections=["clusters"])
    assert found.grouping is not None
    for silhouette, n_cards in ((0.9, len(found.grouping.clusters)), (-0.9, 0)):
        grouping = replace(found.grouping, silhouette=silhouette)
        page = report_page(replace(found, grouping=grouping), trained, Path("r"))
        assert page.count('<article class="card">') == n_cards
        assert ("<summary>The pieces</summary>" in page) == (n_cards == 0)
        assert "groups.csv" in page


def test_errors_are_on_one_scale(trained: Run) -> None:
    """All figures of errors have the same ticks, and a line at the error of all test rows."""
    bars = [figure for _, figure, _ in of_accuracy(accuracy(trained), "film", "stars")]
    assert len(bars) == 3
    assert len({(figure.scale, figure.line) for figure in bars}) == 1
    assert bars[0].line == bars[0].scale.at(accuracy(trained).overall.rmse)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((1.67, 2.6), [1.6, 1.8, 2.0, 2.2, 2.4, 2.6]),
        ((0.0, 100.0), [0, 20, 40, 60, 80, 100]),
        ((-0.21, 0.73), [-0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8]),
        ((0.51, 0.87), [0.5, 0.6, 0.7, 0.8, 0.9]),
        ((3.0, 3.0), [3, 4]),
        ((), [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_scales_have_round_ticks_that_hold_all_values(values: tuple[float, ...], ticks: list[float]) -> None:
    """The first tick is at or below the lowest value, the last at or above the highest, a round step apart."""
    scale = Scale.over([*values, None, np.nan])
    if len(set(values)) != 1:
        assert scale.ticks == pytest.approx(ticks)
    places = [float(scale.at(value).removesuffix("%")) for value in values]
    assert all(0 <= place <= 100 for place in places)
    assert (scale.at(scale.ticks[0]), scale.at(scale.ticks[-1])) == ("0.00%", "100.00%")
    assert Bar.on(scale, scale.ticks[0]) == Bar("0.00%")


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to draw the page")


@pytest.fixture(scope="module")
def opened(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Path]]:
    """Give a browser, and the file of a report whose titles are long and hostile."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    titles = (HOSTILE, *trained.items.titles[1:-1], "Donaudampfschifffahrtsgesellschaftskapitaen" * 3)
    path.write_text(page_of(replace(trained, items=replace(trained.items, titles=titles))), encoding="utf-8")
    with Browser() as browser:
        yield browser, path


@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
def test_a_browser_shows_the_report(opened: tuple[Browser, Path], width: int, dark: bool) -> None:
    """From a file the page asks for nothing, says nothing on the console, and is no wider than the window."""
    browser, path = opened
    browser.window(width, 900, dark=dark)
    browser.open(path)
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.run("return document.documentElement.scrollWidth") == width
    assert (browser.console, browser.requests) == ([], [])
    rows = browser.run(
        "return [...document.querySelectorAll('#part-ranking .row .plot-row')].map(one => one.clientWidth)"
    )
    assert min(rows) > 200
    assert len(rows) == 2 * 12  # with the axis above and below


@needs_chromium
def test_files_are_saved_from_a_file(opened: tuple[Browser, Path], tmp_path: Path) -> None:
    """Each link saves its CSV, from file:// and under the page's policy, without a request or a message."""
    browser, path = opened
    browser.window(1280, 900)
    browser.open(path)
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    names = browser.run("return [...document.querySelectorAll('a.csv')].map(one => one.download)")
    for index in range(len(names)):
        browser.run(f"document.querySelectorAll('a.csv')[{index}].click()")
        browser.run("await new Promise(done => setTimeout(done, 100))")
    assert (browser.console, len(names)) == ([], sum(map(len, FILES.values())))
    assert {file.name for file in tmp_path.iterdir()} == set(names)
    content = (tmp_path / "worst.csv").read_text(encoding="utf-8")
    titles = "document.querySelector('#part-ranking .rows').querySelectorAll('bdi')"
    shown = browser.run(f"return [...{titles}].map(one => one.innerText)")
    assert [row["title"] for row in csv.DictReader(io.StringIO(content))] == shown


@needs_chromium
def test_all_is_open_on_paper(opened: tuple[Browser, Path]) -> None:
    """Folded parts are closed on the screen and open in print, where nothing is left to select."""
    browser, path = opened
    browser.window(1280, 900)
    browser.open(path)
    parts = "[...document.querySelectorAll('.card .evidence, .card table')]"
    folded = f"return {parts}.filter(one => one.checkVisibility()).length"
    shown = "return ['nav', '.csv'].map(one => document.querySelector(one).checkVisibility())"
    assert (browser.run(folded), browser.run(shown)) == (0, [True, True])
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run(folded) == browser.run(f"return {parts}.length")
    assert browser.run(shown) == [False, False]
    browser.call("Emulation.setEmulatedMedia", media="")

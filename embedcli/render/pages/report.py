"""The report of a run as one page: the headline, then a part for each section."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from embedcli.analysis.accuracy import FEWEST_ROWS, FEWEST_USERS
from embedcli.analysis.biases import Biases
from embedcli.analysis.choices import Section
from embedcli.analysis.map import Map
from embedcli.analysis.record import Column, Row, Verdict
from embedcli.analysis.report import EVEN, FEW_KEPT, SURE, Report
from embedcli.analysis.selection import passing
from embedcli.data.catalog import CATALOG, MOVIELENS_TERMS
from embedcli.data.features import FEWEST_TAGGED
from embedcli.errors import EmbedcliError
from embedcli.render import biases as render_biases
from embedcli.render import probe as render_probe
from embedcli.render.output import Format, render
from embedcli.render.pages import cards, figures
from embedcli.render.pages.bars import Bars
from embedcli.render.pages.cards import Card
from embedcli.render.pages.figures import Figure
from embedcli.render.pages.map import map_context
from embedcli.render.pages.page import document, map_scripts
from embedcli.render.pages.story import (
    WEAK,
    counted,
    glossary,
    headline,
    listed,
    model_name,
    summary,
    with_article,
    within,
)
from embedcli.render.runs import EpochColumns, ScoreColumns, facts, protocol
from embedcli.render.view import Block, View, percent, table
from embedcli.run.record import Run

TITLES = {
    Section.RANKING: "Best and worst",
    Section.AXES: "Axes: the components of the embeddings",
    Section.TASTES: "What people's tastes go by",
    Section.MAP: "The map",
    Section.CLUSTERS: "Groups",
    Section.PROBE: "What can be read from the embeddings",
    Section.ERRORS: "How far off predictions are",
    Section.SETTINGS: "Protocol and settings",
}
UNKNOWN_TERMS = "Data of your own: embedcli does not know the terms under which it may be passed on."


@dataclass(frozen=True)
class File:
    """A table that the page holds as CSV, under a link."""

    name: str
    uri: str

    @classmethod
    def of(cls, name: str, records: Sequence[Row]) -> File:
        """Write records as CSV into a data: address, which a browser saves without a request or a script."""
        content = render(View("", [], records, {}), Format.CSV)
        return cls(f"{name}.csv", f"data:text/csv;charset=utf-8,{quote(content, safe=',;:/()!*.-_~')}")


@dataclass(frozen=True)
class Part:
    """What stands in a section; `files` belong to its cards or its map, those of bars and tables stand beside them."""

    section: Section
    title: str
    lead: Sequence[str] = ()
    verdict: Verdict | None = None
    bars: Sequence[tuple[Bars, File]] = ()
    cards: Sequence[Card] = ()
    tables: Sequence[tuple[str, Block, File]] = ()
    files: Sequence[tuple[str, File]] = ()
    map: Mapping[str, Any] | None = None
    explanation: Sequence[str] = ()
    after: Sequence[str] = ()
    commands: Sequence[str] = ()


def report_page(
    report: Report,
    run: Run,
    path: Path,
    *,
    title: str = "",
    command: str = "",
    in_words: Callable[[str], str] = str,
) -> str:
    """Return the report of a run as a page; titles in it are never read as HTML.

    `command` made the report; the page shows it, for others to do the same. `in_words` says what the library's
    messages say in the words of whoever asks: the command line has options.
    """
    makers: dict[Section, Callable[[Report, Run], Part]] = {
        Section.RANKING: _ranking,
        Section.AXES: _axes,
        Section.TASTES: _tastes,
        Section.MAP: _map,
        Section.CLUSTERS: _groups,
        Section.PROBE: _probes,
        Section.ERRORS: _errors,
    }
    parts = []
    for section in report.sections:
        if section is Section.SETTINGS:
            parts.append(_settings(run, path, command))
        elif section in report.missing:
            tables = _score_tables(run) if section is Section.ERRORS else ()
            parts.append(Part(section, TITLES[section], [in_words(_missing(report.missing[section]))], tables=tables))
        else:
            parts.append(makers[section](report, run))
    return document(
        "report.html.j2",
        run,
        title=title or f"{run.data.title}: what the model has learned",
        scripts=map_scripts() if any(part.map for part in parts) else {},
        styles=("report.css", "map.css"),
        summary=summary(run),
        headline=headline(report, run),
        glossary=glossary(run),
        sections=report.sections,
        parts=parts,
    )


def _missing(error: EmbedcliError) -> str:
    return f"Not shown: {error.message}. To mend it: {error.hint}."


def _ranking(report: Report, run: Run) -> Part:
    """Show the best and the worst, each with its interval, and whether to bet on it."""
    ranking, noun = report.ranking, run.data.noun
    assert ranking is not None
    value = run.data.value_noun if ranking.worst[0].stars is not None else "bias, in logits"
    return Part(
        Section.RANKING,
        TITLES[Section.RANKING],
        _of_ranking(ranking, run, value),
        bars=_with_files(figures.of_ranking(ranking, noun, value)),
        explanation=render_biases.view(ranking, run, ("best", "worst")).explanation,
    )


def _with_files(found: Sequence[Figure]) -> list[tuple[Bars, File]]:
    return [(bars, File.of(name, rows)) for name, bars, rows in found]


def _of_ranking(ranking: Biases, run: Run, value: str) -> list[str]:
    """Say what the lists are, what dot and bar mean, and what a bet is."""
    noun = run.data.noun
    lead = [
        f"Ranked by the {value} that the trained model predicts over all users, of "
        f"{passing(run, ranking.n_items, ranking.min_ratings)}."
    ]
    if run.data.implicit:
        return [*lead, "There are no intervals: sampled rows are no observations."]
    if not ranking.n_draws:
        return [*lead, "There are no intervals, so nothing tells which places are sure: embedcli train --draws 300."]
    lead.append(
        f"The dot is where the trained model puts {with_article(noun)}, the bar the {percent(ranking.interval)} "
        f"interval of its {value} by the posterior. A bet is on the {noun} being truly one of the "
        f"{len(ranking.worst)}. Bet: {percent(SURE)} or more; perhaps: {100 * EVEN:g} to {percent(SURE)}; do not bet: "
        f"below {percent(EVEN)}, or the dot outside the bar."
    )
    if ranking.choice is not None and ranking.choice.is_strong:
        lead.append(
            "Users choose by taste what to rate, and the intervals allow for that only in part: in simulations of data "
            f"like these, a 95 % interval holds in {render_biases.coverage(ranking.choice)} of cases."
        )
    return lead


def _axes(report: Report, run: Run) -> Part:
    """Show the components as cards."""
    components, noun = report.components, run.data.noun
    assert components is not None
    effects = [
        {"component": axis.component, **asdict(effect)} for axis in components.components for effect in axis.effects
    ]
    files = [("titles at the ends", File.of("axes", [row for row in components.rows() if row["taste"] is None]))]
    files += [("tags and numbers", File.of("axes-tags", effects))] if effects else []
    return Part(
        Section.AXES,
        TITLES[Section.AXES],
        [
            f"A component, an axis of the embeddings, orders the {noun}s by what the model has learned of them. It has "
            "a name only if held-out ratings confirm it, and models of different users agree on it."
        ],
        cards=cards.of_components(components, noun),
        files=files,
        explanation=cards.about_components(noun),
    )


def _tastes(report: Report, run: Run) -> Part:
    """Show the axes of tastes as cards."""
    components, noun = report.components, run.data.noun
    assert components is not None
    tastes = components.tastes
    if tastes is None:
        return Part(Section.TASTES, TITLES[Section.TASTES], [f"Not shown: {_why_no_tastes(run)}."])
    lead = (
        f"An axis of tastes says what divides people in the words of the {noun}s' tags, beyond how good "
        f"{with_article(noun)} is. It holds if it predicts held-out ratings, is stronger than axes of shuffled tags, "
        "and halves of the users agree on its words."
    )
    explained = f"{tastes.n_named} such axes hold: {'weak but ' if tastes.share < WEAK else ''}real"
    explained += f", together they explain {100 * tastes.share:.1f} % of what biases leave of held-out ratings"
    if tastes.embedding_share is not None:
        explained += f" (the embeddings {100 * tastes.embedding_share:.1f} %)"
    words = [{"taste": card.taste, **asdict(word)} for card in tastes.cards for word in card.words]
    rows = [row for row in components.rows() if row["taste"] is not None]
    return Part(
        Section.TASTES,
        TITLES[Section.TASTES],
        [lead, f"{explained}." if tastes.n_named else f"None holds, of {tastes.n_words} words."],
        cards=cards.of_tastes(tastes, noun),
        files=[("titles at the ends", File.of("tastes", rows)), ("tags", File.of("tastes-tags", words))],
        explanation=cards.about_tastes(noun),
        after=cards.without_card(tastes),
    )


def _why_no_tastes(run: Run) -> str:
    noun = run.data.noun
    if not any(run.items.tags):
        return f"the {noun}s have no tags. To mend it: embedcli train --items FILE reads them"
    if not run.training.tastes:
        return "the tags were not tested at the training. To mend it: embedcli train, with --folds 2 or more"
    return f"no tag is on {FEWEST_TAGGED} {noun}s and off {FEWEST_TAGGED}, which a test needs"


def _map(report: Report, run: Run) -> Part:
    """Show the map, as the page of `embedcli map` does."""
    drawn = report.drawn
    assert drawn is not None
    context = map_context(drawn, run, report.components, report.grouping)
    item = with_article(run.data.noun)
    lead = f"Each dot is {item}. {_closeness(drawn, item)} Choose {item} to list those that are truly near."
    return Part(
        Section.MAP,
        TITLES[Section.MAP],
        [lead],
        map=context,
        explanation=context["explanation"][1:],  # the first says how near, as the lead does
    )


def _closeness(drawn: Map, item: str) -> str:
    """Say how much it means that two items are near on a map."""
    fidelity, n = drawn.fidelity, drawn.fidelity.n_neighbours
    near = fidelity.recall * n
    kept = "fewer than one" if near < 1 else f"about {near:.0f}"
    shares = f"({100 * fidelity.recall:.0f} %, by chance {100 * fidelity.chance:.0f} %)"
    words = "little" if fidelity.recall < FEW_KEPT else "something"
    nearest = f"{n} nearest of {item} by {drawn.by.value}"
    return f"Closeness on this map means {words}: {kept} of the {nearest} is near it here {shares}."


def _groups(report: Report, run: Run) -> Part:
    """Show the groups as cards."""
    from embedcli.render.clusters import view  # its package is slow to import

    grouping, noun = report.grouping, run.data.noun
    assert grouping is not None
    lead = (
        f"The {noun}s have no groups of their own: these are pieces of a continuum, and another cut would do as well."
    )
    if grouping.has_groups:
        lead = f"The {noun}s form groups that are more separate than those of clouds without any."
    separation = f"separation (silhouette) {grouping.silhouette:.3f}; data without groups gives {grouping.control:.3f}"
    file = File.of("groups", grouping.rows())
    return Part(
        Section.CLUSTERS,
        TITLES[Section.CLUSTERS],
        [lead],
        replace(grouping.judged, evidence=separation),
        cards=cards.of_groups(grouping, noun) if grouping.has_groups else (),
        tables=() if grouping.has_groups else [("The pieces", cards.pieces(grouping, noun), file)],
        files=[(f"{noun}s by group", file)] if grouping.has_groups else (),
        explanation=view(grouping, run).explanation,
    )


def _probes(report: Report, run: Run) -> Part:
    """Show what can be read from the embeddings, against labels that know nothing of them."""
    probes, noun = report.probes, run.data.noun
    assert probes is not None
    judged = [row for row in probes.probed if row.readable is not None]
    one, n_readable = with_article(noun), sum(bool(row.readable) for row in judged)
    lead = (
        f"{n_readable} of {len(judged)} tags and numbers can be read from the embeddings. Each is predicted for "
        f"{noun}s that the probe has not seen."
    )
    scores = (
        "The dot is the score of the embeddings. For tags it is the AUC: how often "
        f"{one} with the tag is placed above one without (.5 by chance). For numbers it is R2: the share of the "
        "variance that is predicted (0 by chance)."
    )
    control = (
        f"The bar is the control: what bias, number of ratings and year of {one} alone reach, from the mean to the "
        "95th percentile. A tag or a number is readable if the dot is above the bar, with q < .05."
    )
    bars = _with_files(figures.of_probes(probes, noun))
    explanation = [*render_probe.view(probes, run).explanation]
    if len(judged) < len(probes.probed):
        explanation.append("They are not shown: training writes them into any embeddings.")
    return Part(Section.PROBE, TITLES[Section.PROBE], [lead, scores, control], bars=bars, explanation=explanation)


def _errors(report: Report, run: Run) -> Part:
    """Show the scores, and the errors of groups of users and items."""
    found = report.accuracy
    assert found is not None
    value, overall = run.data.value_noun, found.overall
    interval = ""
    if overall.n_users >= FEWEST_USERS and overall.lower is not None:
        interval = f"; 95 % interval {overall.lower:.3f} to {overall.upper:.3f} over users"
    lead = [
        f"The {model_name(found.model)} is off by {overall.rmse:.3f} {value} (RMSE: root mean squared error{interval}) "
        f"on {counted(overall.n_rows, 'test rating')} of {counted(overall.n_users, 'user')}, and in "
        f"{within(found, value)}."
    ]
    alone = [("the mean rating", report.simplest), (f"user and {run.data.noun} biases", report.baseline)]
    if errors := [f"{what} alone by {score.rmse:.3f}" for what, score in alone if score is not None]:
        lead[0] += f" For comparison: {listed(errors)}."
    if found.groups:
        lead.append(
            "Below, the dot is the error of a group of test ratings, the bar its 95 % interval, the short line the "
            "error of biases alone, and the dashed line the error of all. Groups of fewer than "
            f"{FEWEST_ROWS} test ratings or {FEWEST_USERS} users are joined to the next; tags with fewer are not shown."
        )
    return Part(
        Section.ERRORS,
        TITLES[Section.ERRORS],
        lead,
        bars=_with_files(figures.of_accuracy(found, run.data.noun, value)),
        tables=_score_tables(run),
        explanation=_protocol(run),
    )


def _protocol(run: Run) -> list[str]:
    """Say how the errors were measured, and what its words mean."""
    words = "MAE is the mean absolute error. Cold users and items have no training ratings."
    return [*found, words] if (found := protocol(run)) else []


def _score_tables(run: Run) -> list[tuple[str, Block, File]]:
    training, tables = run.training, []
    if training.scores:
        scores = File.of("scores", [asdict(score) for score in training.scores])
        tables.append(("All models on the test ratings", table(training.scores, ScoreColumns), scores))
    if training.epochs:
        epochs = File.of("epochs", [asdict(epoch) for epoch in training.epochs])
        tables.append(("The training, epoch by epoch", table(training.epochs, EpochColumns), epochs))
    return tables


def _settings(run: Run, path: Path, command: str) -> Part:
    """Show how the run came about, the commands that do the same again, and the terms of its data."""
    known = facts(run, path) | {"sha256": run.data.sha256}
    left_out = {"arrays"} if run.data.implicit else {"arrays", "n_negatives"}
    terms = MOVIELENS_TERMS if run.data.name in CATALOG else UNKNOWN_TERMS
    rows = [{"setting": name, "value": words} for name, words in known.items() if words and name not in left_out]
    columns = [Column("setting", "setting", is_number=False), Column("value", "value", is_number=False)]
    return Part(
        Section.SETTINGS,
        TITLES[Section.SETTINGS],
        [*_protocol(run), f"{terms} This page shows titles, positions and averages, and nobody's rating."],
        tables=[("Settings, data and versions", Block(columns=columns, rows=rows), File.of("settings", rows))],
        commands=[line for line in (run.command, command) if line],
    )

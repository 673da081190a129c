"""What a report tells of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embedcli.analysis import report as module
from embedcli.analysis.biases import biases
from embedcli.analysis.choices import Section
from embedcli.analysis.pca import pca
from embedcli.analysis.report import Bet, Caution, Risk, bet, report
from embedcli.errors import UsageError
from embedcli.run.record import Evidence, ItemStats, Run, Score

HEADLINE = ["settings"]  # a section that needs no analysis


def of(report: module.Report, risk: Risk) -> Caution | None:
    """Return the caution about a risk."""
    return next((caution for caution in report.cautions if caution.risk is risk), None)


def scored(run: Run, **rmse: float) -> Run:
    """Return a run whose scores are these."""
    scores = tuple(Score(name.replace("_", " "), value, value) for name, value in rmse.items())
    scores = tuple(replace(score, model="user + item bias") if score.model == "biases" else score for score in scores)
    return replace(run, training=replace(run.training, scores=scores))


def test_the_headline_has_the_figures_of_the_analyses(trained: Run) -> None:
    """Scores, ranking and components are those that the commands show."""
    found, scores = report(trained, sections=HEADLINE), {score.model: score for score in trained.training.scores}
    assert (found.model, found.baseline) == (scores["posterior"], scores["user + item bias"])
    assert found.gain == pytest.approx(1 - scores["posterior"].rmse / scores["user + item bias"].rmse)
    assert found.ranking == biases(trained)
    assert found.components is not None
    assert found.axes == pca(trained).components
    assert found.components.tastes is not None
    assert found.tastes == found.components.tastes.cards


def test_only_what_is_asked_for_is_made(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An analysis of a section that is not asked for is not made, and none is made twice."""
    called: list[str] = []
    for name in ("pca", "biases", "map_items", "probe", "accuracy"):
        usual: Any = getattr(module, name)

        def counted(*args: Any, _name: str = name, _usual: Any = usual, **more: Any) -> Any:
            called.append(_name)
            return _usual(*args, **more)

        monkeypatch.setattr(module, name, counted)
    found = report(trained, sections=["errors", "ranking", "errors"])
    assert (sorted(called), found.sections) == (["accuracy", "biases", "pca"], (Section.ERRORS, Section.RANKING))
    assert (found.drawn, found.probes, found.grouping) == (None, None, None)
    called.clear()
    whole = report(trained)
    assert sorted(called) == ["accuracy", "biases", "map_items", "pca", "probe"]
    assert whole.sections == tuple(Section)
    assert not whole.missing
    assert None not in (whole.drawn, whole.probes, whole.grouping, whole.accuracy)


def test_an_unknown_section_is_answered(trained: Run) -> None:
    """The error names the section, the hint all that there are."""
    with pytest.raises(UsageError, match="`sections` 'nonsense' is unknown") as caught:
        report(trained, sections=["map", "nonsense"])
    assert caught.value.hint == f"give one of {', '.join(Section)}"


@pytest.mark.parametrize(
    ("probability", "is_outside", "expected"),
    [
        (0.8, False, Bet.YES),
        (0.79, False, Bet.MAYBE),
        (0.5, False, Bet.MAYBE),
        (0.49, False, Bet.NO),
        (0.99, True, Bet.NO),
        (None, None, Bet.UNKNOWN),
    ],
)
def test_what_to_bet_on(trained: Run, probability: float | None, is_outside: bool | None, expected: Bet) -> None:
    """A bet is on what is likely in the list, and whose trained stars agree with the evidence."""
    row = replace(biases(trained).worst[0], probability=probability, is_outside=is_outside)
    assert bet(row) is expected


def test_cautions_count_what_the_analyses_show(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bets that are lost, and the axes of each verdict, are as many as there are."""
    found, ranking = report(trained), biases(trained)
    n_bad = sum(bet(row) is Bet.NO for row in (*ranking.best, *ranking.worst))
    assert of(found, Risk.BETS) == (Caution(Risk.BETS) if n_bad else None)
    others = tuple(axis.component for axis in found.axes if axis.goes_with is not None)
    assert of(found, Risk.NOT_TASTE) == (Caution(Risk.NOT_TASTE, others) if others else None)
    assert found.drawn is not None
    recall = found.drawn.fidelity.recall
    assert of(found, Risk.MAP) == (Caution(Risk.MAP) if recall < module.FEW_KEPT else None)
    monkeypatch.setattr(module, "FEW_KEPT", 1.1)
    assert of(report(trained, sections=["map"]), Risk.MAP) == Caution(Risk.MAP)
    order = [list(Risk).index(caution.risk) for caution in found.cautions]
    assert order == sorted(order)


def test_the_worst_caution_is_the_first(trained: Run) -> None:
    """A model that is no better than biases alone says nothing, whatever else the evidence shows."""
    useless = report(scored(trained, biases=0.8, members_averaged=0.9, posterior=0.8), sections=HEADLINE)
    assert (useless.cautions[0].risk, useless.gain) == (Risk.USELESS, pytest.approx(0))
    useful = report(scored(trained, biases=0.8, members_averaged=0.9, posterior=0.7), sections=HEADLINE)
    assert of(useful, Risk.USELESS) is None
    untested = report(scored(trained), sections=HEADLINE)
    assert (untested.cautions[0].risk, untested.model, untested.gain) == (Risk.UNTESTED, None, None)


def test_cautions_of_axes(trained: Run) -> None:
    """Axes that claim too much, are not stable, or were not tested are counted as what they are."""
    evidence = trained.training.evidence
    assert isinstance(evidence, Evidence)

    def risks(**first: Any) -> dict[Risk, tuple[int, ...]]:
        tests = [replace(evidence.pca_tests[0], goes_with=None, **first)]
        tests += [replace(test, predicts=False, real=False, goes_with=None) for test in evidence.pca_tests[1:]]
        run = replace(trained, training=replace(trained.training, evidence=replace(evidence, pca_tests=tests)))
        if not first:
            run = replace(run, training=replace(run.training, evidence=None))
        return {caution.risk: caution.axes for caution in report(run, sections=HEADLINE).cautions}

    claims = risks(predicts=True, real=False, slope=0.4)
    assert claims[Risk.CLAIMS] == (1,)
    assert Risk.UNSTABLE not in claims
    real = risks(predicts=True, real=True)
    assert not real.keys() & {Risk.CLAIMS, Risk.UNSTABLE, Risk.NO_EVIDENCE}
    assert risks()[Risk.NO_EVIDENCE] == (1, 2, 3)


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [
        ("draws", set()),
        ("test rows", {Section.ERRORS}),
        ("all but item factors", {Section.RANKING, Section.ERRORS}),
        ("all but a factor", {Section.MAP}),
        ("all but four items", {Section.RANKING, Section.MAP, Section.PROBE, Section.ERRORS}),
    ],
)
def test_runs_that_lack_something(trained: Run, lacking: str, missing: set[Section]) -> None:
    """What the run cannot tell is missing with a reason and what gives it; all else is there."""
    run, keep = trained, set(trained.arrays)
    if lacking == "draws":
        keep -= {"item_stars"}
        run = replace(run, training=replace(run.training, posterior=None))
    if lacking == "test rows":
        run = replace(run, heldout=None)
    if lacking == "all but item factors":
        keep = {"item_factors"}
        run = replace(run, rows=None, heldout=None, training=replace(run.training, evidence=None, posterior=None))
    run = replace(run, arrays={name: run.array(name) for name in keep})
    if lacking == "all but a factor":
        keep = {"item_factors", "item_bias", "item_stars", "trained_stars"}
        arrays = {name: run.array(name)[..., :1] if name == "item_factors" else run.array(name) for name in keep}
        run = replace(run, arrays=arrays, training=replace(run.training, evidence=None, posterior=None))
    if lacking == "all but four items":
        run = replace(
            run,
            items=run.items.take(np.arange(4)),
            item_stats=ItemStats(np.full(4, 3), run.item_stats.mean_rating[:4]),
            arrays={"item_factors": run.array("item_factors")[:, :4], "item_bias": run.array("item_bias")[:, :4]},
            training=replace(run.training, evidence=None, posterior=None, tastes=()),
            rows=None,
            heldout=None,
        )
    found = report(run)
    assert set(found.missing) == missing
    assert all(error.message and error.hint for error in found.missing.values())


def test_options_that_are_given_must_fit(trained: Run) -> None:
    """A number of components or ratings that a user gives and that does not fit is an error, the default adapts."""
    with pytest.raises(UsageError, match="`components` 9 is not from 1 to 8"):
        report(trained, sections=HEADLINE, components=9)
    with pytest.raises(UsageError, match="`min_ratings` 5000 leaves no film"):
        report(trained, sections=HEADLINE, min_ratings=5000)
    assert len(report(trained, sections=HEADLINE, components=2).axes) == 2

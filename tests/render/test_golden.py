"""Every view in every format, held against a file: tests/render/golden/VIEW.FORMAT or VIEW.table-WIDTH.

After a wanted change: EMBEDCLI_WRITE_GOLDENS=1 pytest tests/render, and read the difference.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from embedcli.analysis.axis import Axis, AxisItem
from embedcli.analysis.biases import Biases, Choice, ItemBias, Mover, Movers
from embedcli.analysis.choices import Basis, By, Grouping, Measure, Method, PartialOut, RankBy, Rotation, Sort
from embedcli.analysis.clusters import Cluster, Clusters, GroupedItem, Tagged
from embedcli.analysis.compare import Change, Comparison, Move, Pair, RunFigures, SideBySide
from embedcli.analysis.decay import Agreement, Pull
from embedcli.analysis.effects import Effect
from embedcli.analysis.evaluate import Difference, Evaluation, Figure, PairedEvaluation, Protocol
from embedcli.analysis.explain import Explanation, Part, PosteriorPrediction
from embedcli.analysis.map import Map, MapPoint
from embedcli.analysis.pca import Component, Components
from embedcli.analysis.poles import PoleItem
from embedcli.analysis.predict import PairPredictions, TopPredictions
from embedcli.analysis.probe import Probed, Probes
from embedcli.analysis.projections import Fidelity
from embedcli.analysis.recommend import Diversity, Recommendation, Recommendations
from embedcli.analysis.record import Column, Columns
from embedcli.analysis.similar import Neighbour, Neighbourhood, Neighbours
from embedcli.analysis.tastes import TagTastes, TasteCard
from embedcli.data.catalog import ML_100K
from embedcli.data.describe import describe_ratings
from embedcli.data.problems import Problems
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.errors import UsageError
from embedcli.render import (
    axis,
    biases,
    clusters,
    compare,
    evaluate,
    explain,
    pca,
    predict,
    probe,
    recommend,
    runs,
    similar,
    tables,
)
from embedcli.render import data as data_render
from embedcli.render import map as map_render
from embedcli.render.output import Format, format_of, render
from embedcli.render.view import UNLIMITED, Block, View
from embedcli.run.config import TrainConfig
from embedcli.run.files import SCHEMA_VERSION
from embedcli.run.record import ComponentTest, Epoch, Evidence, Run, Score, SplitInfo, TasteWord, Training
from embedcli.run.shelf import Entry

N = Column("n", "n", "{:,}".format)
BARS = "\u2588\u258f"
GOLDEN = Path(__file__).parent / "golden"
LONG = "Children of the Corn: The Gathering, with a Subtitle That Goes On and On and On and On (1996)"


def make_run() -> Run:
    """Return a run of two films that was never trained."""
    data = DataSet("made", "Made ratings", "made.zip", "0" * 60, (1.0, 5.0), "film")
    ratings = Ratings(
        data,
        Users(("1", "2")),
        Items(("10", "20"), ("One [1] (1990)", "Two (1991)"), (1990, 1991), (("Drama",), ())),
        np.array([0, 1], np.int32),
        np.array([0, 0], np.int32),
        np.array([4, 5], np.float32),
    )
    training = Training(
        config=TrainConfig(n_factors=2, weight_decay=0.5, n_members=2, batch_size=512, y_range=(0.0, 5.5)),
        split=SplitInfo("random", 0, "random 90/10 seed 0", n_train=2, n_test=1),
        epochs=[Epoch(1, 0.01, 1.2345, 1.3456, 0.5), Epoch(2, 0.001, 0.9, None, 12.0)],
        scores=[Score("global mean", 1.125, 0.9), Score("members averaged", 0.8888, 0.7)],
        protocol="RMSE and MAE as they should be",
        shrinkage={"factors": 2.2, "biases": 0.1},
        seconds=1.5,
        versions={"embedcli": "0", "torch": "2"},
    )
    arrays = {"item_factors": np.zeros((2, 2, 2), np.float32)}
    return Run.from_arrays(arrays, ratings, name="made", y_range=(0, 5.5), training=training)


def biases_view() -> View:
    """Return both ends of a ranking from draws, with a title that must wrap and figures that are missing."""
    best = (
        ItemBias(
            rank=1,
            title="Amélie | [so-called] *star* (2001)",
            bias=1.25,
            stars=4.5,
            lower=4.25,
            upper=4.75,
            is_outside=False,
            rank_lower=1,
            rank_upper=3,
            probability=0.98,
            n_ratings=1234,
            mean_rating=4.321,
            spread=None,
            id="20",
        ),
    )
    first = replace(best[0], title=LONG, bias=-1.02, stars=1.9, lower=1.4, upper=2.4, rank_upper=112, n_ratings=19)
    last = replace(first, rank=2, title="Nobody Saw It", n_ratings=0, mean_rating=None, probability=0.0)
    first = replace(first, stars=2.6, is_outside=True)
    pulls = (Pull(10, 20, 208, 0.17), Pull(100, None, 305, -0.004))
    found = RANKING | {"worst": (first, last), "best": best, "agreement": Agreement(0.036, pulls)}
    found["choice"] = Choice(2.203, 1.0, 0.79, 0.013, 0.8594)
    return biases.view(Biases(**found), make_run(), ("best", "worst"))


RANKING: dict[str, Any] = {
    "worst": (),
    "best": (),
    "by": By.TRAINED,
    "sort": Sort.BIAS,
    "interval": 0.95,
    "limit": 10,
    "min_ratings": 10,
    "n_items": 1152,
    "n_draws": 300,
    "agreement": None,
    "choice": None,
    "correlation_log_n": 0.43,
    "correlation_mean": None,
}


def trained_view() -> View:
    """Return the worst by the trained members, whose stars are not known."""
    row = ItemBias(1, LONG, -1.02, None, None, None, None, None, None, None, 19, 1.3, 0.125, "424")
    found = RANKING | {"worst": (row,), "best": (row,), "n_draws": 0, "correlation_mean": 0.97}
    return biases.view(Biases(**found), make_run(), ("worst",))


def movers_view() -> View:
    """Return an item whose stars are above its damped mean, and one below."""
    up = Mover(1, "Up (2009)", 3.45, 3.1, 0.35, 11, 2.91, "1")
    down = replace(up, title=LONG, difference=-0.4)
    return biases.movers(Movers(By.TRAINED, 10, 1152, 300, 0.43, None, (up,), (down,)), make_run())


EFFECTS = (
    Effect("mean rating", "number", 0.9, 1000, 0.0, True),
    Effect("year", "number", -0.44, 999, 0.0123, True),
    Effect("Drama", "tag", 0.32, 300, 0.001, True),
    Effect("Action", "tag", -0.22, 200, 0.5, False),
)
LOW = PoleItem(LONG, -1.5, 19, 1.3, 1996, "424")
CASABLANCA = PoleItem("Casablanca (1942)", 1.5, 243, 4.46, 1942, "483")
TASTE = TasteCard(
    taste=1,
    unnamed=None,
    positive_name=("Drama", "older"),
    negative_name=("Action", "Sci-Fi", "newer"),
    t=26.5,
    slope=1.05,
    p=0.01,
    z=21.3,
    halves=0.76,
    share=0.0084,
    r=0.51,
    words=(
        TasteWord("Action", "tag", -0.65, is_kept=True),
        TasteWord("Sci-Fi", "tag", -0.54, is_kept=True),
        TasteWord("Drama", "tag", 0.36, is_kept=True),
        TasteWord("year", "number", -0.35, is_kept=True),
        TasteWord("War", "tag", 0.31, is_kept=False),
    ),
    positive=(PoleItem(LONG, 1.25, 19, 1.3, None, "424"), PoleItem("Emma (1996)", 1.0, 177, 3.9, 1996, "708")),
    negative=(PoleItem("Heat (1995)", -1.5, 223, 3.9, 1995, "273"),),
)
NO_TASTE = replace(
    TASTE, taste=2, unnamed="permuted tags make axes as strong (p 0.12)", positive_name=(), negative_name=()
)
NAMED = Component(
    component=1,
    share=0.158,
    verdict="real",
    t=41.2,
    slope=0.91,
    predicts=True,
    real=True,
    goes_with=None,
    truth_phi=0.97,
    truth_phi_error=0.045,
    unnamed=None,
    positive_name=("high mean rating", "older", "Drama"),
    negative_name=("low mean rating", "newer"),
    effects=EFFECTS,
    positive=(CASABLANCA, PoleItem("Chinatown (1974)", 1.25, 147, 4.1, 1974, "654")),
    negative=(LOW,),
)
FAR = replace(
    NAMED,
    component=2,
    truth_phi=0.78,
    unnamed="its agreement with the truth is about 0.78, below 0.88",
    positive_name=(),
    negative_name=(),
)


def pca_view() -> View:
    """Return a component that is named, one that is not, and one that was never tested."""
    missing: dict[str, Any] = dict.fromkeys(
        ("verdict", "t", "slope", "predicts", "real", "truth_phi", "truth_phi_error")
    )
    untested = replace(
        FAR,
        component=3,
        share=0.01,
        unnamed="it was not tested on held-out ratings",
        effects=(),
        positive=(CASABLANCA,),
        **missing,
    )
    tests = [
        ComponentTest(41.2, 0.91, True, True),
        ComponentTest(9.0, 0.7, True, True),
        ComponentTest(1.0, 0.1, False, False),
    ]
    record = Components(
        basis=Basis.PCA,
        rotation=Rotation.NONE,
        partial_out=PartialOut.NOTHING,
        n_items=1000,
        n_members=5,
        items="the 1,000 most rated films",
        effect_threshold=0.25,
        n_tested=3,
        n_real=2,
        n_sign_flips=1,
        components=(NAMED, FAR, untested),
        tastes=TagTastes(False, 18, 1, 99, 1, 0.0084, 0.07, 3.0, 0.5, 0.02, 0.3, (TASTE, NO_TASTE)),
        evidence=Evidence(tests, tests, 1, 5, 3.0, 0.5),
        scores=np.array([[1.5, 0.5, 0.25], [-1.0, 0.0, 0.125]]),
        item_rows=np.arange(2),
    )
    return pca.view(record, make_run())


def axis_view() -> View:
    """Return an axis from two films to one, with intervals and a film without a mean."""
    first = AxisItem(1, LONG, -0.125, -0.5, 0.25, 19, 1.3, "424")
    last = AxisItem(1, "Casablanca (1942)", 1.25, 1.0, 1.5, 1234, None, "483")
    record = Axis(
        start=("One [1] (1990)", LONG),
        end=("Casablanca (1942)",),
        share=0.081,
        chance=0.042,
        stability=0.949,
        n_items=936,
        min_ratings=20,
        n_members=2,
        n_folds=5,
        effects=EFFECTS,
        first=(first,),
        last=(last,),
    )
    return axis.view(record, make_run())


def map_view() -> View:
    """Return a map of four films, two of them with a letter, by a component that is named and one that is not."""
    point = MapPoint("Casablanca (1942)", 0.5, -0.25, 243, 4.46, 4.5, 4.25, 4.75, 1.25, 1942, ("Drama",), True, "483")
    bare = replace(point, title=LONG, x=-1.5, stars=None, lower=None, upper=None, bias=None, year=None, tags=())
    points = (replace(bare, highlighted=False), point, *(replace(bare, y=y, highlighted=False) for y in (0.0, 1.0)))
    record = Map(
        method=Method.PCA,
        by=Measure.PREFERENCE,
        seed=0,
        items="the 4 most rated films",
        axes=(NAMED, FAR),
        axes_over="the 1,000 most rated films",
        share=0.258,
        fidelity=Fidelity(0.75, 0.25, 0.98765, 10),
        n_members=2,
        places=points,
        color=None,
        min_ratings=None,
        item_rows=np.arange(4),
    )
    return map_render.view(record, make_run(), n_labels=2)


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (0.5, "weight decay 0.5: too little, try 1"),
        (0.8, "weight decay 0.5: about right"),
        (2, "weight decay 0.5: too much, try 0.25"),
    ],
)
def test_training_says_whether_the_decay_suits(slope: float, words: str) -> None:
    """The summary tells too little weight decay from enough and too much, with the figure and a value to try."""
    run = make_run()
    tests = [ComponentTest(40.0, slope, True, True)]
    run = replace(run, training=replace(run.training, evidence=Evidence(tests, tests, 1, 5, 3.0, 0.5)))
    view = runs.summary(run, Path("runs/made"))
    assert str(view.verdict) == words
    assert f"Held-out slope of component 1 {slope:.2f}" in view.explanation[0]


def shelf_view() -> View:
    """Return a list of a run and a damaged one."""
    run = make_run()
    about = {
        "created": "2026-01-02T03:04:05+00:00",
        "data": {"title": "Made ratings"},
        "training": {
            "config": run.training.settings,
            "split": asdict(run.training.split),
            "scores": [{"model": "members averaged", "rmse": 0.88}],
        },
    }
    older = Entry(Path("runs/older"), 0, about)
    made = Entry(Path("runs/made"), 0, about | {"schema_version": SCHEMA_VERSION})
    return runs.shelf([made, Entry(Path("runs/broken"), 0, {}), older], Path("runs"))


def similar_view() -> View:
    """Return the neighbours of two items, one of a title that must wrap, and figures that are missing."""
    row = Neighbour(1, LONG, 0.876, 1.0, 0.5, 1234, 19, 1.3, "424")
    last = replace(row, rank=2, title="Nobody Saw It", folds=0.4, co_raters=0, n_ratings=0, mean_rating=None)
    hoods = (
        Neighbourhood("One [1] (1990)", "10", 2, 4.5, (row, last)),
        Neighbourhood("Two (1991)", "20", 0, None, (row,)),
    )
    return similar.view(Neighbours(hoods, Measure.COSINE, 2, 20, 939, 5), make_run())


def recommend_view() -> View:
    """Return recommendations to a new user of six ratings."""
    rows = (
        Recommendation(1, LONG, 4.4, 2.61, 5.0, 0.25, 1234, 4.321, "424"),
        Recommendation(2, "Two (1991)", 4.1, None, None, -0.5, 19, None, "20"),
    )
    profile, diversity = {f"Film {j}": float(j) for j in range(1, 7)}, Diversity(0.25, 0.5, 0.125, 0.75)
    found = Recommendations(None, RankBy.GAIN, True, profile, rows, 939, 6, 20, True, False, diversity)
    return recommend.view(found, make_run())


PREDICTED = {
    "prediction": np.array([4.4, np.nan]),
    "lower": np.array([2.654321, np.nan]),
    "upper": np.array([5.0, np.nan]),
}


def predict_view() -> View:
    """Return the predictions of a pair and of an unknown item."""
    rows = Columns(
        user=np.array(["7", "8"], object),
        id=np.array(["424", "nothing"], object),
        title=np.array([LONG, ""], object),
        **PREDICTED,
        n_ratings=np.array([1234, 0]),
    )
    return predict.pairs_view(PairPredictions(rows, 1, 0, 1, by_posterior=True, has_intervals=True), make_run())


def predict_all_view() -> View:
    """Return the two best items of a user, by gain."""
    rows = Columns(
        user=np.array(["7", "7"], object),
        rank=np.array([1, 2]),
        id=np.array(["424", "20"], object),
        title=np.array([LONG, "Two (1991)"], object),
        **{name: np.nan_to_num(values, nan=1.5) for name, values in PREDICTED.items()},
        gain=np.array([1.25, -0.5]),
    )
    return predict.top_view(
        TopPredictions(rows, 1, 939, 2, RankBy.GAIN, 20, by_posterior=True, has_intervals=True, knows_rated=True),
        make_run(),
    )


def explain_view() -> View:
    """Return the parts of a prediction, one of them with a name."""
    parts = (
        Part("global", 1.25),
        Part("user", -0.125),
        Part("film", 0.5),
        Part("component 1", 0.25, "high mean rating, older | low mean rating, newer"),
        Part("other components", -0.0625),
    )
    posterior = PosteriorPrediction(4.5, 2.75, 5.0)
    explanation = Explanation("196", LONG, "424", parts, 1.8125, 4.71, 4.72, posterior, 4.0, True, False, 19, 1.3)
    return explain.view(explanation, make_run())


def probe_view() -> View:
    """Return a tag that can be read, and a number that cannot."""
    tag = Probed("Film-Noir", "tag", 0.91, 0.5, 0.57, 0.0001, True, 1, 0.42, 24)
    number = Probed("year", "number", 0.01, -0.02, 0.03, 0.25, False, 3, -0.1, 999)
    return probe.view(Probes((tag, number), 1000, "the 1,000 most rated films", 5, 50), make_run())


def clusters_view() -> View:
    """Return two groups, one of them without tags."""
    tags = (Tagged("Western", 12, 6.5, 0.001), Tagged("Drama", 30, 1.25, 0.01))
    first = Cluster(1, 700, 0.05, 0.8, tags, ("One [1] (1990)", LONG), (LONG, "Two (1991)"))
    second = Cluster(2, 300, -0.01, None, (), ("Two (1991)",), ("Two (1991)",))
    grouped = (GroupedItem(1, "424", LONG), GroupedItem(2, "20", "Two (1991)"))
    found = Clusters(
        clusters=(first, second),
        method=Grouping.KMEANS,
        by=Measure.PREFERENCE,
        silhouette=0.031,
        control=0.04,
        stability=0.75,
        n_items=1000,
        items="the 1,000 most rated films",
        n_folds=5,
        grouped=grouped,
    )
    return clusters.view(found, make_run())


FIGURES = RunFigures("decay-0.5", 0.5, 0.882, None, None, "6 of 8", 6, 8, 0.8, 0.96, 0.036, 1.0, 913)
SECOND = replace(
    FIGURES,
    name="decay-2",
    weight_decay=2.0,
    rmse_change=0.019,
    rmse_change_interval=(0.015, 0.024),
    real="at least 8",
    n_real=8,
)


def side_by_side_view() -> View:
    """Return three runs, the first with all figures and the last with none."""
    bare = RunFigures("bare", None, None, None, None, None, None, 0, None, None, None, 0.9, 900)
    figures = SideBySide((FIGURES, SECOND, bare), {"weight_decay": (0.5, 2.0, None)}, False, 20)
    return compare.view(figures, [replace(make_run(), name=run.name) for run in figures.runs])


def compare_view() -> View:
    """Return two runs whose stars differ by more than seeds make."""
    comparison = Comparison(
        runs=(FIGURES, SECOND),
        settings={"weight_decay": (0.5, 2.0)},
        have_same_test=True,
        min_ratings=20,
        a="decay-0.5",
        b="decay-2",
        matched_by="id",
        n_common=1682,
        n_compared=913,
        saw_same_ratings=False,
        correlation=0.987,
        correlation_interval=(0.98, 0.99),
        change=0.125,
        seed_noise=0.03,
        components=(Pair(1, 2, "1 high mean rating | low mean rating", "2 (unnamed, shaky)", 0.949),),
        by=Measure.PREFERENCE,
        overlap=0.5,
        chance=0.01,
        n_sampled=900,
        within=0.75,
        changes=(Change(1, LONG, 2.5, 3.0, 0.5, 0.0625, None, 19, 21, "424"),),
        n_moved=1,
        moved=(Move(1, LONG, 0.75, 0.25, 0.0004, 19, 21, "424"),),
    )
    return compare.view(comparison, [replace(make_run(), name=run.name) for run in comparison.runs])


FIGURE = Figure("precision@10", "", "all", 0.0702, 0.0634, 0.0781, 0.083, None, 863)
PROTOCOL = Protocol(10, 1659, 863, 1063, 5618, 4.0)


def evaluate_view() -> View:
    """Return a figure of lists, and the errors of three groups."""
    rmse = Figure("RMSE", "", "all", 0.861, 0.844, 0.878, 0.923, 10_000, 923)
    few = replace(rmse, by="film's ratings", group="1,000 or more", baseline=None, n_rows=101, n_users=10)
    figures = (FIGURE, rmse, few, replace(few, by="user", group="occupation entertainment"))
    return evaluate.view(Evaluation(PROTOCOL, "posterior", "posterior", figures), make_run())


def evaluate_pair_view() -> View:
    """Return two runs, of which the second has better lists and a larger error."""
    lists = Difference("NDCG@10", "", "all", 0.1, 0.125, 0.025, 0.0125, 0.0375, 0.0001, 863)
    error = Difference("RMSE", "film's tag", "Drama", 0.861, 0.8625, 0.0015, -0.002, 0.005, 0.401, 801)
    found = PairedEvaluation("decay-0.5", "decay-2", PROTOCOL, (lists, error))
    return evaluate.pair_view(found, [replace(make_run(), name=name) for name in (found.a, found.b)])


def checks_view() -> View:
    """Return the check of a run that is whole and of one that is not."""
    found = {Path("runs/made"): {}, Path("runs/broken"): {"items.csv": "runs/broken/items.csv is missing"}}
    return runs.checks(found, Path("runs"))


def describe_view() -> View:
    """Return the description of three ratings."""
    data = DataSet("few", "A few ratings", "few.csv", "0" * 64, (1.0, 5.0), "book")
    ratings = Ratings(
        data=data,
        users=Users(("u1", "u2")),
        items=Items(("1", "2", "3"), ("A [1]", "2", "C"), (1999, None, None), (("Drama",), (), ())),
        user=np.array([0, 0, 1], dtype=np.int32),
        item=np.array([0, 1, 0], dtype=np.int32),
        value=np.array([1, 5, 5], dtype=np.float32),
        timestamp=np.array([880_000_000, 890_000_000, 885_000_000]),
    )
    return data_render.description_view(describe_ratings(ratings, n_bad_rows=2, n_repeated=1))


def problems_view() -> View:
    """Return a list of two problems."""
    found = Problems("ratings.csv")
    found.add("the rating is not a number", [(7, "good")])
    found.add("the row is blank", [(3, "")])
    return data_render.problems_view([found], "ratings.csv", 12)


VIEWS: dict[str, Callable[[], View]] = {
    "biases": biases_view,
    "movers": movers_view,
    "trained": trained_view,
    "catalog": lambda: data_render.catalog_view([(ML_100K, None)]),
    "axis": axis_view,
    "map": map_view,
    "pca": pca_view,
    "describe": describe_view,
    "problems": problems_view,
    "run": lambda: runs.details(make_run(), Path("runs/made")),
    "shelf": shelf_view,
    "checks": checks_view,
    "side-by-side": side_by_side_view,
    "clusters": clusters_view,
    "compare": compare_view,
    "evaluate": evaluate_view,
    "evaluate-pair": evaluate_pair_view,
    "explain": explain_view,
    "predict": predict_view,
    "predict-all": predict_all_view,
    "probe": probe_view,
    "recommend": recommend_view,
    "similar": similar_view,
    "summary": lambda: runs.summary(make_run(), Path("runs/made")),
}


def shown(name: str) -> str:
    """Render the view and format that the name of a golden file stands for."""
    view, _, kind = name.partition(".")
    format, _, width = kind.partition("-")
    console = Console(file=io.StringIO(), width=int(width or 80), markup=False, highlight=False, emoji=False)
    return as_text(VIEWS[view](), Format(format), console)


def as_text(view: View, format: Format, console: Console | None = None) -> str:
    """Render a view in a format that is text."""
    found = render(view, format, console)
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_view_is_the_golden_one(path: Path) -> None:
    """A view in a format is what its golden file says, to the letter."""
    if os.environ.get("EMBEDCLI_WRITE_GOLDENS"):
        path.write_text(shown(path.name), encoding="utf-8")
    assert shown(path.name) == path.read_text(encoding="utf-8")


def test_every_view_has_goldens() -> None:
    """Each view is held against a table and JSON at least."""
    names = {path.name for path in GOLDEN.iterdir()}
    assert {f"{view}.{kind}" for view in VIEWS for kind in ("table-80", "json")} <= names


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [80, 90])
def test_nothing_is_cut(view: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 80 columns on no letter is lost but those of long titles, and no line is too long: cells wrap."""
    monkeypatch.setattr(tables, "LONGEST_TITLE", 2)
    found, wide = shown(f"{view}.table-{width}"), shown(f"{view}.table-{UNLIMITED}")
    found, wide = (letters.translate({ord(letter): None for letter in BARS}) for letters in (found, wide))
    assert max(map(len, found.splitlines())) <= width
    assert sorted("".join(found.split())) == sorted("".join(wide.split()))


@pytest.mark.parametrize("view", VIEWS)
def test_long_tables_are_those_with_room(view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with too many rows to wrap them is what a table is when there is room for it."""
    with_room = shown(f"{view}.table-{UNLIMITED}")
    monkeypatch.setattr(tables, "MOST_WRAPPED", 0)
    without_bars = [line.rstrip(BARS + " ") for line in with_room.splitlines()]
    assert shown(f"{view}.table-{UNLIMITED}").splitlines() == without_bars


@pytest.mark.parametrize("view", VIEWS)
def test_json_is_json(view: str) -> None:
    """JSON can be read back and has a `meta` block; every line of NDJSON is an object with the same keys."""
    assert "meta" in json.loads(shown(f"{view}.json"))
    keys = {tuple(json.loads(line)) for line in shown(f"{view}.ndjson").splitlines()}
    assert len(keys) == 1


def odd_view(title: str) -> View:
    """Return a view of one row."""
    row = {"title": title, "n": 1_000_000}
    return View(
        "odd", [Block(columns=(Column("title", "title", is_number=False), N), rows=[row])], [row], {"rows": [row]}
    )


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_line_ends_in_a_field(format: str) -> None:
    """A title with a line end of any kind comes back from CSV and TSV as it was, and so does an escape."""
    for title in ("a\rb", "a\nb", "a\r\n", "a\x1b[31mb\tc", "a\u2028b"):
        shown = as_text(odd_view(title), Format(format))
        found = list(csv.reader(io.StringIO(shown, newline=""), delimiter="," if format == "csv" else "\t"))
        assert found == [["title", "n"], [title, "1000000"]]


@pytest.mark.parametrize("format", ["table", "md"])
def test_control_letters_do_not_reach_the_terminal(format: str) -> None:
    """What a terminal would obey is replaced, and a line end in a title breaks no row."""
    console = Console(file=io.StringIO(), width=80, markup=False, highlight=False, emoji=False)
    shown = as_text(odd_view("a\x1b]0;b\rc\x85d\u2028e"), Format(format), console)
    assert "a\ufffd]0;b c d e" in shown.replace("\\", "")


def test_wide_table_does_not_widen_the_captions() -> None:
    """Captions wrap at the width of the console, also under a table that is wider."""
    row = {"n": 10**60}
    view = View("wide", [Block(columns=(N,), rows=[row])], [row], {}, "word " * 30)
    shown = as_text(view, Format.TABLE, Console(file=io.StringIO(), width=40)).splitlines()
    assert max(map(len, shown)) > 60
    assert max(len(line) for line in shown if "word" in line) <= 40


def test_columns_move_together_where_room_is_scarce() -> None:
    """Columns stand two apart, and one apart where the table would otherwise be too wide."""
    widths = {20: 1, 21: 2}
    for width, gap in widths.items():
        shown = as_text(odd_view("ten letter"), Format.TABLE, Console(file=io.StringIO(), width=width))
        assert shown.splitlines()[-1] == "ten letter" + " " * gap + "1,000,000"


def test_no_rows_are_a_header() -> None:
    """An answer without rows is a header in CSV, so that what reads it knows the columns."""
    assert as_text(runs.shelf([], Path("runs")), Format.CSV).startswith("name,data_set,split,n_members,")


def test_records_of_a_run_are_raw() -> None:
    """`runs show` gives every value of the JSON under its dotted key, numbers as numbers."""
    view = runs.details(make_run(), Path("runs/made"))
    found = {record["key"]: record["value"] for record in view.records}
    assert found["epochs.0.train_rmse"] == 1.2345
    assert found["scores.1.model"] == "members averaged"
    assert found["config.y_range.1"] == 5.5
    assert (found["shrinkage.factors"], found["split.n_train"]) == (2.2, 2)


def test_times_are_in_utc() -> None:
    """A time is shown to the minute and called UTC, and is whole in the records."""
    about = {"created": "2026-01-02T03:04:05.678+02:00", "data": {"title": "x"}}
    view = runs.shelf([Entry(Path("runs/made"), 0, about)], Path("runs"))
    assert view.records[0]["created"] == "2026-01-02T01:04:05.678000+00:00"
    console = Console(file=io.StringIO(), width=80)
    assert "2026-01-02 01:04 UTC" in as_text(view, Format.TABLE, console)


def test_parquet_holds_the_records() -> None:
    """Parquet holds the records as typed columns: numbers, what is mixed as text, what is missing as null."""
    rows = [{"n": 1, "x": 1, "mixed": 1, "missing": None}, {"n": 2, "x": 0.5, "mixed": "\ud800a", "missing": None}]
    content = render(View("typed", [], rows, {}), Format.PARQUET)
    assert isinstance(content, bytes)
    found = pq.read_table(io.BytesIO(content)).to_pylist()
    assert found == [
        {"n": 1, "x": 1.0, "mixed": "1", "missing": None},
        {"n": 2, "x": 0.5, "mixed": "?a", "missing": None},
    ]


@pytest.mark.parametrize(
    ("ending", "asked", "expected"),
    [
        ("b.csv", None, Format.CSV),
        ("b.JSON", None, Format.JSON),
        ("b.txt", None, Format.TABLE),
        ("b.parquet", None, Format.PARQUET),
        ("b", None, Format.TABLE),
        ("b.dat", Format.TSV, Format.TSV),
        ("b.csv", Format.CSV, Format.CSV),
    ],
)
def test_the_ending_decides(ending: str, asked: Format | None, expected: Format) -> None:
    """The ending of a file is its format, whatever its case; an unknown one takes the format that is asked for."""
    assert format_of(asked, Path(ending)) is expected


@pytest.mark.parametrize(
    ("ending", "asked", "complaint"),
    [
        ("b.csv", Format.JSON, "b.csv ends in .csv, and json is asked for"),
        ("b.txt", Format.CSV, "b.txt ends in .txt, and csv is asked for"),
        ("b.html", Format.JSON, "b.html ends in .html, and json is asked for"),
        ("b.png", None, "b.png: this answer has no format .png"),
        ("b.docx", None, "b.docx: this answer has no format .docx"),
    ],
)
def test_endings_that_do_not_fit(ending: str, asked: Format | None, complaint: str) -> None:
    """An ending that disagrees with --format, or that no answer has, is refused before anything is written."""
    with pytest.raises(UsageError, match=complaint):
        format_of(asked, Path(ending))

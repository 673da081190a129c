"""Every view in every format, held against a file: tests/render/golden/VIEW.FORMAT or VIEW.table-WIDTH.

After a wanted change: EMBEDCLI_WRITE_GOLDENS=1 pytest tests/render, and read the difference.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.components import Component, Components, PoleItem
from embedcli.analysis.effects import Effect
from embedcli.data.catalogue import ML_100K
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.render import biases, catalogue, components, runs
from embedcli.render.output import Format, render
from embedcli.render.view import View
from embedcli.run.record import Epoch, Run, Score, Training
from embedcli.run.shelf import Entry

GOLDEN = Path(__file__).parent / "golden"
LONG = "Children of the Corn: The Gathering, with a Subtitle That Goes On and On and On and On (1996)"


def make_run() -> Run:
    """Return a run of two films that was never trained."""
    data = DataSet("made", "Made ratings", "made.zip", "0" * 64, (1.0, 5.0), "film")
    ratings = Ratings(
        data,
        Users(("1", "2")),
        Items(("10", "20"), ("One [1] (1990)", "Two (1991)"), (1990, 1991), (("Drama",), ())),
        np.array([0, 1], np.int32),
        np.array([0, 0], np.int32),
        np.array([4, 5], np.float32),
    )
    training = Training(
        config={"n_factors": 2, "weight_decay": 0.5, "n_members": 2, "seed": 0, "y_range": [0.0, 5.5]},
        split={"kind": "random", "description": "random 90/10 seed 0", "n_train": 2, "n_test": 1},
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
    """Return both ends of a ranking, with a title that must wrap and figures that are missing."""
    best = (ItemBias(1, "Amélie | [so-called] *star* (2001)", 1.25, 4.5, 0.0312, 1234, 4.321, "20"),)
    worst = (
        ItemBias(1, LONG, -1.02, 1.9, 0.125, 19, 1.3, "424"),
        ItemBias(2, "Nobody Saw It", -0.5, None, 0.25, 0, None, "7"),
    )
    return biases.view(Biases(worst, best, 0, 1152, 5, 0.43, None), make_run(), worst=True, best=True)


def components_view() -> View:
    """Return a named component and one that is mixed."""
    effects = (
        Effect("mean rating", "number", 0.9, 1000),
        Effect("year", "number", -0.44, 999),
        Effect("Drama", "tag", 0.32, 300),
        Effect("Action", "tag", -0.22, 200),
    )
    pole = (
        PoleItem("Casablanca (1942)", 1.5, 243, 4.46, 1942, "483"),
        PoleItem("Chinatown (1974)", 1.25, 147, 4.1, 1974, "654"),
    )
    low = (PoleItem(LONG, -1.5, 19, 1.3, 1996, "424"),)
    found = (
        Component(
            1,
            0.158,
            0.995,
            ("high mean rating", "older", "Drama"),
            ("low mean rating", "newer"),
            effects,
            pole,
            low,
        ),
        Component(2, 0.1, None, ("mixed",), ("mixed",), (), pole[:1], low),
    )
    nothing = np.zeros((0, 2))
    record = Components(found, 1000, 50, 5, "the 1,000 most rated films", nothing, nothing[:, 0].astype(int))
    return components.view(record, make_run())


def shelf_view() -> View:
    """Return a list of a run and a damaged one."""
    run = make_run()
    about = {
        "created": "2026-01-02T03:04:05+00:00",
        "data": {"title": "Made ratings"},
        "training": {"config": dict(run.training.config), "split": run.training.split, "scores": [{"rmse": 0.88}]},
    }
    return runs.shelf([Entry(Path("runs/made"), 0, about), Entry(Path("runs/broken"), 0, {})], Path("runs"))


VIEWS: dict[str, Callable[[], View]] = {
    "biases": biases_view,
    "catalogue": lambda: catalogue.view([(ML_100K, None)]),
    "components": components_view,
    "run": lambda: runs.details(make_run(), Path("runs/made")),
    "shelf": shelf_view,
    "summary": lambda: runs.summary(make_run(), Path("runs/made")),
}


def shown(name: str) -> str:
    """Render the view and format that the name of a golden file stands for."""
    view, _, kind = name.partition(".")
    format, _, width = kind.partition("-")
    console = Console(file=io.StringIO(), width=int(width or 80), markup=False, highlight=False, emoji=False)
    return render(VIEWS[view](), Format(format), console)


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
@pytest.mark.parametrize("width", [30, 80, 120])
def test_nothing_is_cut_at_any_width(view: str, width: int) -> None:
    """Whatever the width, no letter is lost: cells wrap, and from 80 columns on no line is too long."""
    found, wide = shown(f"{view}.table-{width}"), shown(f"{view}.table-1000")
    assert max(map(len, found.splitlines())) <= max(width, 79)
    assert sorted("".join(found.split())) == sorted("".join(wide.split()))


@pytest.mark.parametrize("view", VIEWS)
def test_json_is_json(view: str) -> None:
    """JSON can be read back and has a `meta` block; every line of NDJSON is an object with the same keys."""
    assert "meta" in json.loads(shown(f"{view}.json"))
    keys = {tuple(json.loads(line)) for line in shown(f"{view}.ndjson").splitlines()}
    assert len(keys) == 1

"""Exports are imports: what `import_run` reads of an export is what the run held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedcli.analysis.export import export_run, vector_table
from embedcli.run.importers.load import import_run
from embedcli.run.predictions import NAMES
from embedcli.run.record import Run

OF_VECTORS = [
    ("out", "projector", "out/vectors.tsv"),
    *((f"out.{ending}", None, f"out.{ending}") for ending in ("parquet", "csv", "txt")),
]
WHOLE = [("out.npz", None, "out.npz"), ("hub", "safetensors", "hub/model.safetensors")]


@pytest.fixture
def run(trained: Run) -> Run:
    """Return the trained run without the tag "unknown", which an import takes for none."""
    tags = tuple(() if own == ("unknown",) else own for own in trained.items.tags)
    return replace(trained, items=replace(trained.items, tags=tags))


@pytest.mark.parametrize(("output", "to", "source"), OF_VECTORS)
@pytest.mark.parametrize("members", [1, 3])
def test_vectors_come_back(run: Run, output: str, to: str | None, source: str, members: int) -> None:
    """Vectors and ids come back bit for bit, of one member as the run has them, and titles and tags where they fit."""
    factors = {name: run.array(name)[:members] for name in ("item_factors", "user_factors")}
    run = replace(run, arrays={**run.arrays, **factors})
    export_run(run, output, to=to)
    found = import_run(source)
    expected = run.array("item_factors") if members == 1 else vector_table(run, with_map=False).vectors[None]
    np.testing.assert_array_equal(found.array("item_factors"), expected)
    assert found.items.ids == run.items.ids
    if source != "out.txt":
        assert (found.items.titles, found.items.tags) == (run.items.titles, run.items.tags)
        np.testing.assert_array_equal(found.item_stats.n_ratings, run.item_stats.n_ratings)


@pytest.mark.parametrize(("output", "to", "source"), WHOLE)
def test_models_come_back(run: Run, output: str, to: str | None, source: str) -> None:
    """A whole model comes back: arrays bit for bit, ids, titles, tags, counts, link and range."""
    export_run(run, output, to=to)
    found = import_run(source)
    for name in NAMES:
        np.testing.assert_array_equal(found.array(name), run.array(name))
    assert (found.items.ids, found.items.titles, found.items.years, found.items.tags) == (
        run.items.ids,
        run.items.titles,
        run.items.years,
        run.items.tags,
    )
    assert found.users.ids == run.users.ids
    assert (found.link, found.y_range) == (run.link, run.y_range)
    for theirs, own in ((found.item_stats, run.item_stats), (found.user_stats, run.user_stats)):
        np.testing.assert_array_equal(theirs.n_ratings, own.n_ratings)
        np.testing.assert_array_equal(theirs.mean_rating, own.mean_rating)


@pytest.mark.parametrize("form", ["The  {} 100 %", "{}%20", "{} %25", "{}%"])
def test_ids_with_blanks_come_back(trained: Run, form: str) -> None:
    """Ids with blanks and percent signs come back from word2vec text."""
    ids = tuple(map(form.format, trained.items.ids))
    export_run(replace(trained, items=replace(trained.items, ids=ids)), "out.txt")
    assert import_run(Path("out.txt")).items.ids == ids

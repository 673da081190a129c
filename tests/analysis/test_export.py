"""Exports: what other programs read is what the run holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from safetensors import safe_open

from embedcli.analysis.biases import biases
from embedcli.analysis.choices import ExportFormat, Measure
from embedcli.analysis.export import export_run, vector_table
from embedcli.analysis.map import map_items
from embedcli.analysis.similar import similar
from embedcli.data.ratings import DataSet, Items, Users
from embedcli.errors import UsageError
from embedcli.evidence.bases import side_by_side
from embedcli.run.lookup import Row
from embedcli.run.predictions import NAMES, predict
from embedcli.run.record import EmbeddingTable, ItemStats, Run

AWKWARD = ("a\tb", "two\nlines", 'quo"ted', "a,b", "émigré \u2028", "  ", "100 %", "x")


def bare_run(
    factors: NDArray[np.floating], ids: tuple[str, ...] | None = None, titles: tuple[str, ...] | None = None
) -> Run:
    """Return a run of item factors (M, I, k) alone, as an import makes it."""
    n = factors.shape[1]
    ids = ids or tuple(f"w{number}" for number in range(n))
    none = ItemStats(np.zeros(n, np.int64), np.full(n, np.nan))
    return Run(
        "bare",
        DataSet("bare", "Bare", "made", "", (0, 1)),
        Items(ids, titles or ids, (None,) * n, ((),) * n),
        Users(()),
        none,
        ItemStats(np.zeros(0, np.int64), np.zeros(0)),
        {"item_factors": factors.astype(np.float32)},
        link="identity",
    )


def awkward_numbers(n: int = 8, k: int = 5) -> NDArray[np.float32]:
    """Return vectors (1, n, k) of numbers of all sizes, among them the largest, the smallest and -0."""
    rng = np.random.default_rng(0)
    numbers = (rng.normal(size=n * k) * 10.0 ** rng.integers(-44, 38, n * k)).astype(np.float32)
    numbers[:5] = np.array([3.4028235e38, 1e-45, -0.0, 0.1, 16777217])
    return numbers.reshape(1, n, k)


def table_of(path: Path) -> dict[str, list[str]]:
    """Return the columns of a CSV."""
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def from_csv(path: Path) -> tuple[list[str], Any]:
    """Return (ids, vectors) of a CSV."""
    columns = table_of(path)
    return columns["id"], [values for name, values in columns.items() if name.startswith("factor_")]


def read_vectors(path: Path) -> NDArray[np.float32]:
    """Return the vectors (n, R) of an export of any format with one vector per item."""
    if path.is_dir():
        lines = (path / "vectors.tsv").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return np.array([line.split("\t") for line in lines], dtype=np.float32)
    if path.suffix == ".parquet":
        return np.array(pq.read_table(path)["vector"].to_pylist(), dtype=np.float32)
    if path.suffix == ".csv":
        return np.array(from_csv(path)[1], dtype=np.float32).T
    header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    vectors = np.array([line.split(" ")[1:] for line in lines], dtype=np.float32)
    assert header == f"{len(vectors)} {vectors.shape[1]}"
    return vectors


OF_VECTORS = [("out", "projector"), ("out.parquet", None), ("out.csv", None), ("out.txt", None)]


@pytest.mark.parametrize(("output", "to"), OF_VECTORS)
def test_each_number_comes_back(output: str, to: str | None) -> None:
    """Vectors of one member are read back bit for bit, the largest, the smallest and -0 among them."""
    run = bare_run(awkward_numbers())
    export_run(run, output, to=to)
    found = read_vectors(Path(output))
    np.testing.assert_array_equal(found.view(np.int32), run.array("item_factors")[0].view(np.int32))


@pytest.mark.parametrize(("output", "to"), OF_VECTORS)
def test_exported_members_stand_side_by_side(trained: Run, output: str, to: str | None) -> None:
    """Squared distances and dot products of exported vectors are the means over the members."""
    export_run(trained, output, to=to)
    vectors = read_vectors(Path(output)).astype(np.float64)
    members = trained.array("item_factors").astype(np.float64)
    assert vectors.shape == (len(trained.items), members.shape[0] * members.shape[2])
    np.testing.assert_allclose(vectors @ vectors.T, np.mean([own @ own.T for own in members], axis=0), atol=1e-6)


def test_a_member_that_is_turned_changes_no_distance(trained: Run) -> None:
    """If one member is rotated, distances of the vectors stay as they are: those of averages would not."""
    factors = trained.array("item_factors").copy()
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(factors.shape[2],) * 2))[0]
    factors[1] = factors[1] @ rotation
    turned = replace(trained, arrays={**trained.arrays, "item_factors": factors})
    before, after = (vector_table(run, with_map=False).vectors for run in (trained, turned))
    np.testing.assert_allclose(before @ before.T, after @ after.T, atol=1e-5)
    a, b = trained.array("item_factors").mean(0), factors.mean(0)
    assert np.abs(a @ a.T - b @ b.T).max() > 0.01


def read_npz(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (arrays, labels) of a .npz."""
    with np.load(path, allow_pickle=False) as file:
        found = dict(file)
    labels = {name: found.pop(name).tolist() for name in list(found) if name not in NAMES}
    return found, labels


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (arrays, labels) of a folder with a model card."""
    with safe_open(path / "model.safetensors", framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, {name: json.loads(text) for name, text in file.metadata().items()}


WHOLE = [("out.npz", None, read_npz), ("hub", "safetensors", read_safetensors)]


@pytest.mark.parametrize(("output", "to", "read"), WHOLE)
def test_a_model_comes_back(trained: Run, output: str, to: str | None, read: Callable[[Path], Any]) -> None:
    """Arrays of all members come back bit for bit with ids, titles, counts and link: enough to predict."""
    export_run(trained, output, to=to)
    arrays, labels = read(Path(output))
    assert set(arrays) == set(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(arrays[name], trained.array(name))
    assert tuple(labels["item_ids"]) == trained.items.ids
    assert tuple(labels["user_ids"]) == trained.users.ids
    assert tuple(labels["titles"]) == trained.items.titles
    assert labels["tags"] == ["|".join(tags) for tags in trained.items.tags]
    assert labels["item_n_ratings"] == trained.item_stats.n_ratings.tolist()
    assert (labels["link"], tuple(labels["y_range"])) == (trained.link, trained.y_range)
    pairs = np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32)
    np.testing.assert_array_equal(
        predict(arrays, *pairs, tuple(labels["y_range"])), predict(trained.arrays, *pairs, trained.y_range)
    )


@pytest.mark.parametrize(("output", "to", "read"), WHOLE)
def test_vectors_alone_come_back(output: str, to: str | None, read: Callable[[Path], Any]) -> None:
    """A run of vectors alone has no users, no link and no titles to export, and all its numbers come back."""
    run = bare_run(awkward_numbers())
    exported = export_run(run, output, to=to)
    arrays, labels = read(Path(output))
    np.testing.assert_array_equal(arrays["item_factors"], run.array("item_factors"))
    assert labels == {"item_ids": list(run.items.ids)}
    assert "users" not in exported.content


def test_columns_are_those_of_the_analyses(trained: Run) -> None:
    """Bias, stars, interval, count and mean beside a vector are those of `biases`; what is not known is empty."""
    export_run(trained, "out.csv")
    columns = table_of(Path("out.csv"))
    ranking = biases(trained, limit=5)
    for row in (*ranking.best, *ranking.worst):
        j = columns["id"].index(row.id)
        for name in ("title", "bias", "stars", "lower", "upper", "n_ratings", "mean_rating"):
            value = getattr(row, name)
            shown = columns[name][j]
            assert shown == value if isinstance(value, str) else float(shown) == pytest.approx(value)
    assert columns["tags"] == ["|".join(tags) for tags in trained.items.tags]


def test_neighbours_are_those_of_similar(trained: Run) -> None:
    """The neighbours in Parquet are row numbers from 0, those of `similar`, with one minus its measure as distance."""
    export_run(trained, "out.parquet")
    rows = pq.read_table("out.parquet").to_pylist()
    has_them = trained.item_stats.n_ratings >= 20
    assert [row["neighbors"] is not None for row in rows] == has_them.tolist()
    for j in np.flatnonzero(has_them)[:5].tolist():
        near = similar(trained, Row(j)).asked[0].neighbours
        found = rows[j]["neighbors"]
        assert [rows[other]["id"] for other in found["ids"]] == [neighbour.id for neighbour in near]
        np.testing.assert_allclose(found["distances"], [1 - neighbour.similarity for neighbour in near], atol=1e-6)


def test_coordinates_are_those_of_the_map(trained: Run) -> None:
    """Coordinates in Parquet are the first two components, as `map` draws them, of every item."""
    export_run(trained, "out.parquet")
    columns = pq.read_table("out.parquet")
    by_id = {row["id"]: (row["x"], row["y"]) for row in columns.select(["id", "x", "y"]).to_pylist()}
    for point in map_items(trained, top_items=10).places:
        np.testing.assert_allclose(by_id[point.id], (point.x, point.y), atol=1e-9)


def test_nearest_of_all_in_a_run_without_ratings() -> None:
    """Without ratings each item has neighbours and coordinates, and no column says that it has no ratings."""
    factors = np.random.default_rng(0).normal(size=(2, 30, 4))
    run = bare_run(factors)
    export_run(run, "out.parquet")
    table = pq.read_table("out.parquet")
    assert table.column_names == ["id", "vector", "x", "y", "neighbors"]
    near = similar(run, Row(3), by=Measure.COSINE, min_ratings=0).asked[0].neighbours
    assert [run.items.ids[j] for j in table["neighbors"][3].as_py()["ids"]] == [neighbour.id for neighbour in near]
    export_run(bare_run(factors[:1, :, :1]), "line.parquet")  # of one factor: there is no second component
    assert pq.read_table("line.parquet").column_names == ["id", "vector", "neighbors"]


def test_neighbours_of_many_items_are_in_the_order_of_their_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distances never fall, also where the nearest were found by rounded cosines that nearly tie."""
    monkeypatch.setattr("embedcli.analysis.metric.MOST_EXACT", 0)
    run = bare_run(1 + 1e-4 * np.random.default_rng(0).normal(size=(1, 30, 4)))
    table = vector_table(run)
    assert table.neighbours is not None
    assert (np.diff(table.neighbours.distances, axis=1) >= 0).all()


def test_a_single_column_has_no_header() -> None:
    """Metadata of ids alone has no header, as the projector wants it; two columns have one, the titles first."""
    run = bare_run(awkward_numbers())
    export_run(run, "ids", to="projector")
    assert Path("ids/metadata.tsv").read_text().splitlines() == list(run.items.ids)
    export_run(bare_run(awkward_numbers(), titles=tuple("ABCDEFGH")), "titled", to="projector")
    assert Path("titled/metadata.tsv").read_text().splitlines()[:2] == ["title\tid", "A\tw0"]


def test_no_title_breaks_a_line() -> None:
    """Titles with tabs, line ends and quotes stay in their row and column, in TSV with blanks instead, in CSV whole."""
    run = bare_run(awkward_numbers(), titles=AWKWARD)
    export_run(run, "out", to="projector")
    lines = Path("out/metadata.tsv").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert len(lines) == 1 + len(AWKWARD)
    assert [line.count("\t") for line in lines] == [1] * len(lines)
    assert [line.partition("\t")[0] for line in lines[1:3]] == ["a b", "two lines"]
    assert len("\n".join(lines).splitlines()) == len(lines)
    export_run(run, "out.csv")
    assert table_of(Path("out.csv"))["title"] == list(AWKWARD)
    export_run(run, "out.parquet")
    assert pq.read_table("out.parquet")["title"].to_pylist() == list(AWKWARD)


def test_ids_with_blanks_are_tokens() -> None:
    """In word2vec text an id with a blank is one word, which decodes to the id; without blanks ids stay as they are."""
    from urllib.parse import unquote

    exported = export_run(bare_run(awkward_numbers(), ids=AWKWARD), "out.txt")
    tokens = [line.split(" ")[0] for line in Path("out.txt").read_text(encoding="utf-8").split("\n")[1:-1]]
    assert all(len(token.split()) == 1 for token in tokens)
    assert tuple(map(unquote, tokens)) == AWKWARD
    assert any("percent-encoded, as" in note for note in exported.notes)
    coded = ("a%20b", "100%", "c", "d", "e", "f", "g", "h")
    export_run(bare_run(awkward_numbers(), ids=coded), "out.txt")
    assert Path("out.txt").read_text().split("\n")[1].startswith("a%2520b ")
    plain = ("100%", "b", "c", "d", "e", "f", "g", "h")
    exported = export_run(bare_run(awkward_numbers(), ids=plain), "out.txt")
    assert Path("out.txt").read_text().split("\n")[1].startswith("100% ")
    assert exported.notes == ()


def test_users_and_tables(trained: Run) -> None:
    """Users are exported as items are, by their ids, and so is a table of a run that has nothing else."""
    export_run(trained.table("users"), "users.parquet")
    found = pq.read_table("users.parquet")
    assert tuple(found["id"].to_pylist()) == trained.users.ids
    expected = side_by_side(trained.array("user_factors")) / np.sqrt(trained.n_members)
    np.testing.assert_array_equal(read_vectors(Path("users.parquet")), expected.astype(np.float32))
    names, factors = tuple("abcdef"), np.random.default_rng(0).normal(size=(1, 6, 2))
    colors = EmbeddingTable.of(names, np.arange(6), np.full(6, 0.5))
    tables = Run.from_tables({"color": factors}, {"color": colors}, DataSet("t", "T", "made", "", (0, 1)))
    for format in ExportFormat:
        exported = export_run(tables.table("color"), f"colors-{format}", to=format)
        assert exported.output.exists()
        assert "6 color values" in exported.content


def test_what_a_reader_must_know_is_said(trained: Run) -> None:
    """Notes say what a vector of several members is, what its cosine is not, and which items have no rating."""
    counts = trained.item_stats.n_ratings.copy()
    counts[:2] = 0
    run = replace(trained, item_stats=replace(trained.item_stats, n_ratings=counts))
    notes = "\n".join(export_run(run, "out.csv").notes)
    assert "3 members x 8 factors side by side" in notes
    assert "embedcli similar --by cosine" in notes
    assert f"{(counts == 0).sum()} films have no training rating" in notes
    assert export_run(bare_run(awkward_numbers()), "bare.csv").notes == ()
    few = replace(run, item_stats=replace(run.item_stats, n_ratings=counts.clip(max=19)))
    assert any("no neighbors: fewer than two films have 20" in note for note in export_run(few, "few.parquet").notes)


def test_the_card_tells_figures_and_licence(trained: Run) -> None:
    """The card has the members' figures with their protocol, not the posterior's, and what the licence forbids."""
    run = replace(trained, data=replace(trained.data, name="ml-100k", title="MovieLens 100K"))
    exported = export_run(run, "hub", to="safetensors")
    card = Path("hub/README.md").read_text(encoding="utf-8")
    front, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert "license: other\nlicense_name: movielens\nlicense_link: https://" in front
    score = run.training.model_score
    assert score is not None
    assert f"    - type: rmse\n      value: {score.rmse:.4f}" in front
    assert f"| {score.model} | {score.rmse:.3f} | {score.mae:.3f} |" in body
    assert "| posterior |" not in body
    assert run.training.split.description in body
    assert "forbids redistribution" in body
    assert "forbids redistribution" in exported.notes[0]
    assert "200 users" in exported.notes[1]
    export_run(trained, "own", to="safetensors")
    assert Path("own/README.md").read_text(encoding="utf-8").startswith("---\nlicense: unknown\n")
    assert "trained with embedcli" in card
    export_run(bare_run(awkward_numbers()), "imported", to="safetensors")
    imported = Path("imported/README.md").read_text(encoding="utf-8")
    assert not [text for text in ("trained with", "model-index", "## Figures", "def predict") if text in imported]


def test_the_code_of_the_card_predicts(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python block of the card runs beside the model, and predicts what the run predicts."""
    export_run(trained, "hub", to="safetensors")
    code = Path("hub/README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir("hub")
    names: dict[str, Any] = {}
    exec(code, names)
    found = names["predict"](trained.users.ids[3], trained.items.ids[7])
    expected = predict(trained.arrays, np.array([3], np.int32), np.array([7], np.int32), trained.y_range).mean()
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("output", "to", "complaint", "hint"),
    [
        ("out.foo", None, "no format has the ending", "`to`: projector, parquet"),
        ("out", None, "it has no ending", "`to`"),
        ("out.csv", "npz", "ends in .csv, and `to` asks for npz", "change the ending"),
        ("out.csv", "nonsense", "`to` 'nonsense' is unknown", "word2vec"),
        ("out.safetensors", None, "is a folder with model.safetensors and README.md", "`output` out"),
        ("out.tsv", "projector", "is a folder with vectors.tsv and metadata.tsv", "`output` out"),
        ("there", "csv", "is a folder", "a file"),
        ("file.csv/out", "projector", "cannot be written", "another `output`"),
        ("nowhere/out.csv", None, "cannot be written", "another `output`"),
        ("runs/made/model.csv", None, "among the files of runs", "exports/model.csv"),
        ("runs/hub", "safetensors", "among the files of runs", "exports/hub"),
    ],
)
@pytest.mark.usefixtures("saved")
def test_refusals(output: str, to: str | None, complaint: str, hint: str) -> None:
    """A format that does not fit the path, and a place that is taken, are an error before anything is written."""
    Path("there").mkdir()
    Path("file.csv").write_text("mine")
    before = sorted(Path().rglob("*"))
    with pytest.raises(UsageError, match=complaint.replace("(", r"\(")) as error:
        export_run(bare_run(awkward_numbers()), output, to=to)
    assert hint in error.value.hint
    assert sorted(Path().rglob("*")) == before


def test_a_folder_keeps_its_files() -> None:
    """In a folder other files stay, and one in the way is an error that names it; a single file is replaced."""
    run = bare_run(awkward_numbers())
    Path("hub").mkdir()
    Path("hub/.gitattributes").write_text("mine")
    export_run(run, "hub", to="safetensors")
    assert sorted(path.name for path in Path("hub").iterdir()) == [".gitattributes", "README.md", "model.safetensors"]
    Path("hub/model.safetensors").unlink()
    Path("hub/README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"hub/README.md is there already") as error:
        export_run(run, "hub", to="safetensors")
    assert error.value.hint.endswith("rm hub/README.md")
    assert not Path("hub/model.safetensors").exists()
    assert Path("hub/README.md").read_text() == "mine"
    Path("out.csv").write_text("old")
    export_run(run, "out.csv")
    assert Path("out.csv").read_text().startswith("id,factor_1")

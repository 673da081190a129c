"""What other programs read of an export, and how long it takes to write: each format, read by the program it is for.

    python examples/benchmarks/exports.py [--run RUN] [--items N] [--factors K]

Without --run the items are made: 60,000 items x 50 factors of one member, with 500 users. TensorBoard's projector
plugin, DuckDB, gensim and huggingface_hub read the files if they are installed (pip install tensorboard duckdb gensim
huggingface_hub); otherwise that is said. CPU seconds are those of all threads.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.choices import ExportFormat
from embedcli.analysis.export import export_run, vector_table
from embedcli.data.ratings import DataSet, Items, Users
from embedcli.run.exporters.projector import METADATA
from embedcli.run.predictions import NAMES
from embedcli.run.record import ItemStats, Run
from embedcli.run.shelf import open_run

ENDINGS = {ExportFormat.PARQUET: ".parquet", ExportFormat.CSV: ".csv", ExportFormat.NPZ: ".npz"}
N_USERS = 500


def made_run(n: int, k: int) -> Run:
    """Return a run of n items x k factors, of which a few have most of the ratings."""
    rng = np.random.default_rng(0)
    titles = tuple(f"Made Film of the Number {number} ({1950 + number % 70})" for number in range(n))
    years = tuple(1950 + number % 70 for number in range(n))
    n_ratings = np.sort((5 * rng.pareto(0.8, n) + 1).clip(max=50_000).astype(np.int64))[::-1].copy()
    shapes = {"user_factors": (1, N_USERS, k), "item_factors": (1, n, k), "user_bias": (1, N_USERS)}
    shapes |= {"item_bias": (1, n), "global_bias": (1,), "trained_stars": (1, n), "item_stars": (300, n)}
    return Run(
        "made",
        DataSet("made", "Made films", "made", "", (1, 5), "film"),
        Items(tuple(map(str, range(n))), titles, years, (("Drama", "Comedy"),) * n),
        Users(tuple(map(str, range(N_USERS)))),
        ItemStats(n_ratings, np.full(n, 3.5)),
        ItemStats(np.full(N_USERS, 10), np.full(N_USERS, 3.5)),
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()},
        y_range=(0.5, 5.5),
    )


def same(found: Any, expected: NDArray[Any], what: str) -> str:
    """Return a word for the table; AssertionError if two arrays differ in a bit."""
    np.testing.assert_array_equal(np.asarray(found, dtype=expected.dtype), expected, err_msg=what)
    return f"{what} equal"


def by_tensorboard(path: Path, run: Run) -> str:
    """Ask the projector plugin for the vectors and the metadata, as its page does."""
    plugin = importlib.import_module("tensorboard.plugins.projector.projector_plugin")
    base = importlib.import_module("tensorboard.plugins.base_plugin")
    client_of = importlib.import_module("werkzeug.test").Client
    apps = plugin.ProjectorPlugin(base.TBContext(logdir=str(path))).get_plugin_apps()

    def ask(route: str, **query: Any) -> Any:
        response = client_of(apps[route]).get("/", query_string=query)
        assert response.status_code == 200, response.get_data()[:300]
        return response.get_data()

    (name,) = json.loads(ask("/runs"))
    (tensor,) = json.loads(ask("/info", run=name))["embeddings"]
    of_tensor = {"run": name, "name": tensor["tensorName"], "num_rows": len(run.items) + 1}
    table = vector_table(run, with_map=False)
    vectors = np.frombuffer(ask("/tensor", **of_tensor), dtype=np.float32).reshape(tensor["tensorShape"])
    lines = ask("/metadata", **of_tensor).decode().removesuffix("\n").split("\n")
    assert len(lines) == len(run.items) + (len(table.columns) > 1), f"{len(lines)} lines in {METADATA}"
    assert {line.count("\t") for line in lines} == {len(table.columns) - 1}
    return same(vectors, table.vectors, "vectors") + f", {len(lines) - 1:,} rows of {lines[0].split(chr(9))[:3]} ..."


def by_duckdb(path: Path, run: Run) -> str:
    """Query the columns that embedding-atlas documents: a vector, x, y, and neighbors with ids and distances."""
    duckdb = importlib.import_module("duckdb")
    at = f"read_parquet('{path}')"
    vectors = [vector for (vector,) in duckdb.sql(f"SELECT vector FROM {at}").fetchall()]
    same(vectors, vector_table(run, with_map=False).vectors, "vectors")
    n, n_with, fewest, most = duckdb.sql(
        f"SELECT count(*), count(neighbors), min(list_min(neighbors.ids)), max(list_max(neighbors.ids)) FROM {at}"
    ).fetchall()[0]
    assert n == len(run.items)
    assert 0 <= fewest <= most < n
    wrong = duckdb.sql(
        f"WITH t AS (SELECT *, row_number() OVER () - 1 AS row FROM {at}) SELECT count(*) FROM t WHERE "
        "list_contains(neighbors.ids, row) OR len(neighbors.ids) != len(neighbors.distances) OR x IS NULL OR y IS NULL "
        "OR list_sort(neighbors.distances) != neighbors.distances"
    ).fetchall()[0][0]
    assert wrong == 0
    kinds = dict(row[:2] for row in duckdb.sql(f"DESCRIBE SELECT vector, x, y, neighbors FROM {at}").fetchall())
    return f"vectors equal, neighbours of {n_with:,}; " + ", ".join(f"{name} {kind}" for name, kind in kinds.items())


def by_gensim(path: Path, run: Run) -> str:
    """Load the text as gensim's users do."""
    keyed = importlib.import_module("gensim.models").KeyedVectors.load_word2vec_format(str(path))
    ids = keyed.index_to_key
    assert tuple(ids) == run.items.ids or tuple(map(unquote, ids)) == run.items.ids
    same(keyed.vectors, vector_table(run, with_map=False).vectors, "vectors")
    nearest = [name for name, _ in keyed.most_similar(ids[0], topn=2)]
    return f"ids and vectors equal; nearest to {ids[0]}: {', '.join(nearest)}"


def by_hub(path: Path, run: Run) -> str:
    """Parse the model card as the Hugging Face hub does, and compare the arrays."""
    load = importlib.import_module("safetensors.numpy").load_file
    arrays = load(path / "model.safetensors")
    for name in NAMES:
        if name in run.arrays:
            same(arrays[name], run.array(name), name)
    card = importlib.import_module("huggingface_hub").ModelCard.load(path / "README.md")
    results = {result.metric_type: result.metric_value for result in card.data.eval_results or ()}
    return f"arrays equal; license {card.data.license} {card.data.license_name or ''}, {results or 'no figures'}"


def by_numpy(path: Path, run: Run) -> str:
    """Load the arrays without pickle."""
    with np.load(path, allow_pickle=False) as file:
        for name in NAMES:
            if name in run.arrays:
                same(file[name], run.array(name), name)
        return f"arrays equal: {', '.join(file.files)}"


def by_pandas(path: Path, run: Run) -> str:
    """Read the CSV, and compare the factors."""
    frame = importlib.import_module("pandas").read_csv(path, dtype={"id": str})
    factors = frame.filter(regex=r"^factor_\d+$").to_numpy(dtype=np.float32)
    return same(factors, vector_table(run, with_map=False).vectors, "vectors") + f", {len(frame.columns)} columns"


READERS: dict[ExportFormat, tuple[str, Callable[[Path, Run], str]]] = {
    ExportFormat.PROJECTOR: ("TensorBoard", by_tensorboard),
    ExportFormat.PARQUET: ("DuckDB", by_duckdb),
    ExportFormat.NPZ: ("NumPy", by_numpy),
    ExportFormat.WORD2VEC: ("gensim", by_gensim),
    ExportFormat.SAFETENSORS: ("Hugging Face", by_hub),
    ExportFormat.CSV: ("pandas", by_pandas),
}


def measure(run: Run, format: ExportFormat, folder: Path) -> str:
    """Return a row of the table."""
    path = folder / f"{format}{ENDINGS.get(format, '')}"
    began = time.process_time()
    export_run(run, path, to=format)
    seconds = time.process_time() - began
    size = sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
    program, read = READERS[format]
    try:
        found = read(path, run)
    except ModuleNotFoundError as error:
        found = f"not read: {error.name} is not installed"
    return f"{format:12}{seconds:6.2f}{size / 1e6:8.1f}  {program}: {found}"


def main() -> None:
    """Print a row for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="path of a run")
    parser.add_argument("--items", type=int, default=60_000)
    parser.add_argument("--factors", type=int, default=50)
    args = parser.parse_args()
    run = open_run(args.run) if args.run else made_run(args.items, args.factors)
    print("format       CPU s      MB  read by")
    with tempfile.TemporaryDirectory() as folder:
        for format in ExportFormat:
            print(measure(run, format, Path(folder)), flush=True)


if __name__ == "__main__":
    main()

"""Parquet: a row per item with its vector, coordinates and neighbours, in the columns that embedding-atlas reads."""

import io
from typing import Any

import numpy as np

from embedcli.run.exporters.table import Neighbours, VectorTable


def content(table: VectorTable) -> bytes:
    """Return the file: the columns of the table, `vector`, and if they are known `x`, `y` and `neighbors`.

    `neighbors` are {"ids": [...], "distances": [...]} with row numbers from 0; null for an item without any.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n, length = table.vectors.shape
    columns: dict[str, Any] = {name: pa.array(values) for name, values in table.columns.items()}
    flat = pa.array(np.ascontiguousarray(table.vectors).reshape(-1))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, length)
    if table.xy is not None:
        columns |= {"x": pa.array(table.xy[:, 0]), "y": pa.array(table.xy[:, 1])}
    if table.neighbours is not None:
        columns["neighbors"] = _structs(table.neighbours, n)
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _structs(found: Neighbours, n: int) -> Any:
    """Return an array of n structs of lists."""
    import pyarrow as pa

    order, lengths = np.argsort(found.rows), np.zeros(n, dtype=np.int32)
    lengths[found.rows] = found.ids.shape[1]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    ids, distances = (
        pa.ListArray.from_arrays(offsets, pa.array(values[order].reshape(-1)))
        for values in (found.ids, found.distances)
    )
    return pa.StructArray.from_arrays([ids, distances], ["ids", "distances"], mask=pa.array(lengths == 0))

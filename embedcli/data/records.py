"""Tables that are no separated text: Parquet, and JSON lines."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data import columns
from embedcli.data.columns import Layout
from embedcli.data.lanes import Part, part_of
from embedcli.data.problems import Problem, Problems
from embedcli.data.reading import Reading
from embedcli.data.rows import Rows
from embedcli.data.sources import Progress, Source
from embedcli.data.text import shorten
from embedcli.errors import DataError

BATCH = 1 << 20  # rows of a Parquet file read at a time
SAMPLE = 200  # rows that the layout is found from


def read_parquet(source: Source, reading: Reading, on_progress: Progress) -> tuple[Layout, Rows]:
    """Read a Parquet file; only the columns that are needed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = Rows(source.name, Problems(source.name, unit="row"), unit="row")
    try:
        with pq.ParquetFile(source.seekable()) as file:
            names = [field.name for field in file.schema_arrow]
            head = next(file.iter_batches(SAMPLE), None)
            if head is None or not head.num_rows:
                raise DataError(f"{source.name}: the file has no rows", "give a table with ratings in it")
            layout = columns.find_named(
                names, [[_text(v) for v in row.values()] for row in head.to_pylist()], reading, source.name
            )
            wanted = {role: names[place] for role, place in layout.places.items()}
            row, total = 1, file.metadata.num_rows
            for batch in file.iter_batches(BATCH, columns=list(dict.fromkeys(wanted.values()))):
                rows.add(_batch(batch, wanted, row, layout, rows.problems))
                row += batch.num_rows
                on_progress(source.name, row - 1, total)
    except (pa.ArrowException, OSError) as error:
        raise source.damaged(error) from error
    rows.sha256 = source.sha256()
    return layout, rows


def _batch(batch: Any, wanted: dict[str, str], first_row: int, layout: Layout, problems: Problems) -> Part:
    """Return the rows of a batch: as they are, or one by one where a value is missing or no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n = batch.num_rows
    try:
        numbers = {
            role: pc.cast(_as_number(batch[wanted[role]]), pa.float64()).to_numpy(zero_copy_only=False)
            for role in ("rating", "time")
            if role in wanted
        }
        if not all(np.isfinite(values).all() for values in numbers.values()):
            raise pa.ArrowInvalid("a number is missing")
        (user, user_ids), (item, item_ids) = (_coded(batch[wanted[role]]) for role in ("user", "item"))
    except pa.ArrowException:
        texts = zip(*([_text(value) for value in batch[name].to_pylist()] for name in wanted.values()), strict=True)
        return part_of(
            ((first_row + at, dict(zip(wanted, row, strict=True))) for at, row in enumerate(texts)), layout, problems
        )
    time = numbers["time"].astype(np.int64) if "time" in numbers else None
    return Part(user, item, user_ids, item_ids, numbers.get("rating"), time, range(first_row, first_row + n))


def _as_number(column: Any) -> Any:
    """Return a column of times as seconds since 1970; another one as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64())
    return column


def _coded(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Return codes (n,) and words of a column of ids; ArrowInvalid where one is missing or empty."""
    import pyarrow as pa

    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = [_text(word) for word in encoded.dictionary.to_pylist()]
    if encoded.null_count or "" in words:
        raise pa.ArrowInvalid("an id is missing")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32), words


def _text(value: Any) -> str:
    """Write a value as it would stand in a table; whole numbers that were kept as decimals lose their `.0`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()


def read_json_lines(source: Source, reading: Reading, on_progress: Progress) -> tuple[Layout, Rows]:
    """Read a file with a JSON object in each line."""
    rows = Rows(source.name, Problems(source.name))
    digest = hashlib.sha256()
    with source.open() as stream:

        def objects() -> Iterator[tuple[int, dict[str, Any] | Problem]]:
            for line, raw in enumerate(stream, 1):
                digest.update(raw)
                if line % 100_000 == 0:
                    on_progress(source.name, stream.done, stream.size)
                if raw.strip():
                    yield line, _object(raw)

        lines = objects()
        head = list(islice(lines, SAMPLE))
        known = [entry for _, entry in head if isinstance(entry, dict)]
        if not known:
            at, wrong = head[0]
            raise DataError(f"{source.name}, line {at}: {wrong}", "give one JSON object a line, or a CSV")
        names = list(dict.fromkeys(name for entry in known for name in entry))
        sample = [[_text(entry.get(name)) for name in names] for entry in known]
        layout = columns.find_named(names, sample, reading, source.name)
        wanted = {role: names[place] for role, place in layout.places.items()}

        def texts() -> Iterator[tuple[int, dict[str, str] | Problem]]:
            for found in (head, lines):
                for line, entry in found:
                    if isinstance(entry, Problem):
                        yield line, entry
                    else:
                        yield line, {role: _text(entry.get(name)) for role, name in wanted.items()}

        rows.add(part_of(texts(), layout, rows.problems))
    rows.sha256 = digest.hexdigest()
    return layout, rows


def _object(raw: bytes) -> dict[str, Any] | Problem:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    return Problem(0, "the line is no JSON object", shorten(raw.decode(errors="replace").strip()))

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
from embedcli.data.columns import TOLD, Layout
from embedcli.data.lanes import Part, part_of, told_of
from embedcli.data.problems import Problem, Problems
from embedcli.data.reading import Reading
from embedcli.data.rows import Rows
from embedcli.data.sources import Progress, Source
from embedcli.data.text import shorten
from embedcli.data.times import in_calendar
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
            sample = list(zip(*(_texts(column) for column in head.columns), strict=True))
            layout = columns.find_named(names, sample, reading, source.name)
            layout = layout.without(
                role
                for role in TOLD
                if role in layout.places and not _is_text(file.schema_arrow[layout.places[role]].type)
            )
            row, total = 1, file.metadata.num_rows
            wanted = {role: names[place] for role, place in layout.places.items()}
            for batch in file.iter_batches(BATCH, columns=list(dict.fromkeys(wanted.values()))):
                rows.add(_batch(batch, wanted, row, layout, rows.problems))
                layout = rows.trusted(layout)
                wanted = {role: names[place] for role, place in layout.places.items()}
                row += batch.num_rows
                on_progress(source.name, row - 1, total)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise source.damaged(error) from error
    rows.sha256 = source.sha256()
    return layout, rows


def _batch(batch: Any, wanted: dict[str, str], first_row: int, layout: Layout, problems: Problems) -> Part:
    """Return the rows of a batch: as they are, or one by one where a value is missing or no number."""
    import pyarrow as pa

    n = batch.num_rows
    try:
        value = _numbers(batch[wanted["rating"]]) if "rating" in wanted else None
        time = _times(batch[wanted["time"]], layout.time_form) if "time" in wanted else None
        coded = {role: _coded(batch[name]) for role, name in wanted.items() if role not in ("rating", "time")}
        (user, user_ids), (item, item_ids) = coded["user"], coded["item"]
        if "" in user_ids or "" in item_ids or (user < 0).any() or (item < 0).any():
            raise pa.ArrowInvalid("an id is missing")
    except pa.ArrowException:
        texts = zip(*(_texts(batch[name]) for name in wanted.values()), strict=True)
        return part_of(
            ((first_row + at, dict(zip(wanted, row, strict=True))) for at, row in enumerate(texts)), layout, problems
        )
    told = {role: told_of(item, len(item_ids), *coded[role]) for role in TOLD if role in coded}
    return Part(user, item, user_ids, item_ids, value, time, range(first_row, first_row + n), told)


def _numbers(column: Any) -> NDArray[np.float64]:
    """Return a column of numbers (n,); an ArrowException where one is missing or none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # what is beyond 2**53 is rounded: nanoseconds, not seconds
    numbers: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not np.isfinite(numbers).all():
        raise pa.ArrowInvalid("a number is missing")
    return numbers


def _times(column: Any, form: str) -> NDArray[np.int64]:
    """Return a column of times (n,), numbers in their unit, others in seconds; an ArrowException where one is odd."""
    import pyarrow as pa

    if _is_time(column.type):
        moments = _moments(column)
        seconds = moments.astype(np.int64)
        if np.isnat(moments).any() or not in_calendar(seconds).all():
            raise pa.ArrowInvalid("a time is missing")
        return seconds
    if form != "number":
        raise pa.ArrowInvalid("times are not numbers")
    numbers = _numbers(column)
    if np.abs(numbers).max(initial=0) >= 2**63:
        raise pa.ArrowInvalid("a time is out of range")
    return numbers.astype(np.int64)


def _is_time(type: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(type) or pa.types.is_timestamp(type))


def _is_text(type: Any) -> bool:
    import pyarrow as pa

    own = type.value_type if pa.types.is_dictionary(type) else type
    return bool(pa.types.is_string(own) or pa.types.is_large_string(own))


def _moments(column: Any) -> NDArray[np.datetime64]:
    """Return a column of dates or times in seconds (n,), not-a-time where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = pc.cast(column, pa.timestamp("s"), safe=False).to_numpy(zero_copy_only=False)
    return seconds.astype("datetime64[s]")  # type: ignore[no-any-return]


def _coded(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Return codes (n,) and words of a column; the code of what is missing is -1."""
    import pyarrow as pa

    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = [_text(word) for word in encoded.dictionary.to_pylist()]
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32), words


def _texts(column: Any) -> list[str]:
    """Write the values of a column as they would stand in a table, the times among them as ISO has it."""
    if _is_time(column.type):
        return ["" if moment == "NaT" else moment for moment in np.datetime_as_string(_moments(column)).tolist()]
    return [_text(value) for value in column.to_pylist()]


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

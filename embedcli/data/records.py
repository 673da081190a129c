"""Tables that are no separated text: Parquet, and JSON lines."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data import columns
from embedcli.data.columns import TOLD, Layout
from embedcli.data.lanes import Part, are_ids, are_ratings, part_of, told_of
from embedcli.data.problems import Problem, Problems
from embedcli.data.read_options import ReadOptions
from embedcli.data.rows import Rows
from embedcli.data.sources import Progress, Stream, damaged
from embedcli.data.text import shorten
from embedcli.data.times import in_calendar
from embedcli.errors import DataError

PARQUET = b"PAR1"
BATCH = 1 << 20  # rows of a Parquet file read at a time
CHUNK = 1 << 17  # JSON lines read at a time
SAMPLE = 200  # rows that the layout is found from
SAMPLE_SIZE = 1 << 20  # bytes of JSON lines that it is found from, if fewer
LARGE = 1 << 26  # bytes of a column in one row group of a Parquet file
LARGE_VALUE = 1_000  # bytes, on average, of a value in such a column


def read_parquet(stream: Stream, options: ReadOptions, on_progress: Progress) -> tuple[Layout, Rows]:
    """Read a Parquet file; only the columns that are needed."""
    import pyarrow as pa

    rows = Rows(stream.name, Problems(stream.name, unit="row"), unit="row")
    try:
        file = stream.on_disk()
        rows.sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        with open_parquet(file) as table:
            schema, total = table.schema_arrow, table.metadata.num_rows
            if not total:
                raise DataError(f"{stream.name}: the file has no rows", "give a table with ratings in it")

            def check(places: Iterable[int]) -> None:
                for fault in faults(table, places).values():
                    raise DataError(f"{stream.name}: {fault}", "name another column, as in --user-col, or mend it")

            def form_of(at: int) -> str | None:
                check([at])
                if is_time(schema[at].type):
                    return "iso"
                batch = next(table.iter_batches(SAMPLE, columns=[schema[at].name]))
                return columns.time_form(texts_of(batch[schema[at].name]))

            layout = columns.find_named(schema.names, form_of, options, stream.name)
            layout = layout.without(
                role for role in TOLD if role in layout.places and not _is_text(schema[layout.places[role]].type)
            )
            check(layout.places.values())
            row = 1
            wanted = {role: schema.names[place] for role, place in layout.places.items()}
            for batch in table.iter_batches(BATCH, columns=list(dict.fromkeys(wanted.values()))):
                rows.add(_batch(batch, wanted, row, layout, rows.problems))
                layout = rows.trusted(layout)
                wanted = {role: schema.names[place] for role, place in layout.places.items()}
                row += batch.num_rows
                on_progress(stream.name, row - 1, total)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise damaged(stream.name, error) from error
    return layout, rows


def open_parquet(file: IO[bytes]) -> Any:
    """Open a Parquet file; texts stay words of a dictionary, so that a long text of many rows is there once."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    words = [field.name for field in table.schema_arrow if _is_text(field.type)]
    return pq.ParquetFile(file, metadata=table.metadata, read_dictionary=words)


def faults(table: Any, places: Iterable[int]) -> dict[int, str]:
    """Say which of these columns of a Parquet file cannot be read, and why: one of two names, lists, huge values."""
    schema, metadata, found = table.schema_arrow, table.metadata, dict[int, str]()
    counts = Counter(schema.names)
    paths = {metadata.schema.column(at).path: at for at in range(metadata.num_columns)}
    groups = [
        group for at in range(metadata.num_row_groups) if (group := metadata.row_group(at)).total_byte_size > LARGE
    ]
    for at in places:
        name, type = schema.names[at], schema[at].type
        if counts[name] > 1:
            found[at] = f"{counts[name]} columns are called {shorten(name)!r}"
        elif not is_plain(type):
            found[at] = f"the column {shorten(name)!r} holds {shorten(str(type))}, not one value per row"
        elif name in paths:
            chunks = [group.column(paths[name]) for group in groups]
            if any(chunk.total_uncompressed_size > max(LARGE, LARGE_VALUE * chunk.num_values) for chunk in chunks):
                found[at] = (
                    f"the values of the column {shorten(name)!r} are larger than {LARGE_VALUE:,} bytes on average"
                )
    return found


def _batch(batch: Any, wanted: dict[str, str], first_row: int, layout: Layout, problems: Problems) -> Part:
    """Return the rows of a batch: as they are, or one by one where a value is missing or no number."""
    import pyarrow as pa

    n = batch.num_rows
    try:
        value = _numbers(batch[wanted["rating"]]) if "rating" in wanted else None
        time = _times(batch[wanted["time"]], layout.time_form) if "time" in wanted else None
        coded = {role: _coded(batch[name]) for role, name in wanted.items() if role not in ("rating", "time")}
        (user, user_ids), (item, item_ids) = coded["user"], coded["item"]
        if not are_ids(user_ids) or not are_ids(item_ids) or (user < 0).any() or (item < 0).any():
            raise pa.ArrowInvalid("an id is missing or too long")
        if value is not None and not are_ratings(value):
            raise pa.ArrowInvalid("a rating is out of range")
    except pa.ArrowException:
        texts = zip(*(texts_of(batch[name]) for name in wanted.values()), strict=True)
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

    if is_time(column.type):
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


def is_time(type: Any) -> bool:
    """Tell whether a type of Arrow is that of dates or of dates with times."""
    import pyarrow as pa

    return bool(pa.types.is_date(type) or pa.types.is_timestamp(type))


def is_plain(type: Any) -> bool:
    """Tell whether a type of Arrow has values that can be written as a text each, whatever they are."""
    import pyarrow as pa

    own = type.value_type if pa.types.is_dictionary(type) else type
    odd = (pa.types.is_nested, pa.types.is_duration, pa.types.is_time, pa.types.is_interval)
    return not any(is_odd(own) for is_odd in odd)


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
    """Return codes (n,) and words of a column, those that rows have; the code of what is missing is -1."""
    import pyarrow as pa

    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if codes.max(initial=-1) >= len(encoded.dictionary):
        raise pa.ArrowInvalid("a word that the dictionary does not have")
    is_there = np.zeros(len(encoded.dictionary) + 1, dtype=np.int32)  # the last for what is missing
    is_there[codes] = 1
    is_there[-1] = 0
    if is_there[:-1].all():
        return codes, texts_of(encoded.dictionary)
    new = np.r_[np.cumsum(is_there[:-1], dtype=np.int32) - 1, np.int32(-1)]
    return new[codes], texts_of(encoded.dictionary.take(pa.array(np.flatnonzero(is_there))))


def texts_of(column: Any) -> list[str]:
    """Write the values of a column as they would stand in a table, the times among them as ISO has it."""
    import pyarrow as pa

    if is_time(column.type):
        texts = np.datetime_as_string(_moments(column), unit="D" if pa.types.is_date(column.type) else "s").tolist()
        return ["" if text == "NaT" else text for text in texts]
    if pa.types.is_dictionary(column.type):
        codes, words = _coded(column)
        return [words[code] if code >= 0 else "" for code in codes.tolist()]
    return [text_of(value) for value in column.to_pylist()]


def text_of(value: Any) -> str:
    """Write a value as it would stand in a table; whole numbers that were kept as decimals lose their `.0`.

    Lists that are nested too deeply to be written are empty.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    try:
        return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()
    except RecursionError:
        return ""


def read_json_lines(stream: Stream, options: ReadOptions, on_progress: Progress) -> tuple[Layout, Rows]:
    """Read a file with a JSON object in each line."""
    rows = Rows(stream.name, Problems(stream.name))
    digest = hashlib.sha256()
    head = [json_object(raw) for raw in stream.head.split(b"\n")[:SAMPLE] if raw.strip()]
    known = [entry for entry in head if isinstance(entry, dict)]
    if not known:
        raise DataError(f"{stream.name}, line 1: {head[0]}", "give one JSON object a line, or a CSV")
    names = list(dict.fromkeys(name for entry in known for name in entry))

    def form_of(at: int) -> str | None:
        return columns.time_form([text_of(entry.get(names[at])) for entry in known])

    layout = columns.find_named(names, form_of, options, stream.name)
    wanted = {role: names[place] for role, place in layout.places.items()}

    def texts() -> Iterator[tuple[int, dict[str, str] | Problem]]:
        for line, raw in enumerate(stream.lines(), 1):
            digest.update(raw)
            if line % 100_000 == 0:
                on_progress(stream.name, stream.done, stream.size)
            if raw.strip():
                entry = json_object(raw)
                if not isinstance(entry, Problem):
                    entry = {role: text_of(entry.get(name)) for role, name in wanted.items()}
                yield line, entry

    lines = texts()
    for first in lines:
        rows.add(part_of(chain([first], islice(lines, CHUNK)), layout, rows.problems))
        layout = rows.trusted(layout)
    rows.sha256 = digest.hexdigest()
    return layout, rows


def json_object(raw: bytes) -> dict[str, Any] | Problem:
    """Return the JSON object in a line, or the problem that there is none."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    return Problem(0, "the line is no JSON object", shorten(raw.decode(errors="replace").strip()))

"""Tables with a vector in each row: Parquet with a column of lists, as embedding-atlas has it, and CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.sources import Source, damaged
from embedcli.data.text import number_of, shorten
from embedcli.errors import DataError
from embedcli.run.importers.vectors import Vectors, as_floats, check_growth, one_line, refused

NAMES = ("vector", "vectors", "embedding", "embeddings", "emb", "item_factors", "features")
TOGETHER = 1 << 22  # numbers that are read at a time
NUMBERED = re.compile(r"(.*?)(\d+)")
HINT = "give a column with a list of numbers in each row, all of one length"


def read_parquet(path: Path, arrays: Mapping[str, str]) -> tuple[Vectors, frozenset[str]]:
    """Return the vectors of a Parquet file, and the columns that describe no item: vectors, coordinates, neighbours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = str(path)
    try:
        with pq.ParquetFile(path) as table:
            schema, n_rows = table.schema_arrow, table.metadata.num_rows
            lists = [field.name for field in schema if _is_vector(field.type)]
            name = _column(lists, schema.names, arrays, where)
            n_numbers = _n_numbers(table.metadata, name)
            check_growth(where, 4 * max(n_numbers, n_rows), path.stat().st_size)
            if not n_rows:
                raise refused(where, "the file has no rows", HINT)
            batches = table.iter_batches(max(TOGETHER // max(n_numbers // n_rows, 1), 1), columns=[name])
            factors = as_floats(_joined((batch[name] for batch in batches), name, where), name, where)
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(where, error) from error
    others = {field.name for field in schema if pa.types.is_nested(field.type)} | {"x", "y"}
    return Vectors(where, f"Parquet, vectors of {name!r}", {"item_factors": factors[None]}), frozenset(others)


def _is_vector(type: Any) -> bool:
    """Tell whether an Arrow type is a list of numbers that are not whole."""
    import pyarrow as pa

    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(known(type) for known in is_list) and bool(pa.types.is_floating(type.value_type))


def _column(lists: Sequence[str], names: Sequence[str], arrays: Mapping[str, str], where: str) -> str:
    """Return the column of the vectors: as given, the only one, or the one with the most usual name."""
    given = arrays.get("item_factors")
    if given is not None and given not in lists:
        raise refused(
            where, f"{given!r} is not a column of lists of numbers", f"the columns are {', '.join(names)[:200]}"
        )
    usual = [name for name in NAMES if name in lists]
    if given is None and len(lists) != 1 and not usual:
        what = f"{len(lists):,} columns hold lists of numbers" if lists else "no column holds lists of numbers"
        hint = f"say which: `arrays` item_factors={lists[0]}" if lists else HINT
        raise refused(where, f"{what} among {', '.join(names)[:200]}", hint)
    name = given or (usual or list(lists))[0]
    if list(names).count(name) > 1:
        raise refused(where, f"{list(names).count(name)} columns are called {shorten(name)!r}", "rename them")
    return name


def _n_numbers(metadata: Any, name: str) -> int:
    """Return how many numbers a column of lists holds, by the metadata of the file."""
    chunks = (
        metadata.row_group(group).column(index)
        for group in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
    )
    own = (chunk.num_values for chunk in chunks if chunk.path_in_schema.startswith(f"{name}."))
    return sum(own)


def _joined(columns: Iterator[Any], name: str, where: str) -> NDArray[Any]:
    """Return the lists of columns as an array (n, length); DataError for a missing vector, and for another length."""
    blocks, length, row = list[NDArray[Any]](), None, 0
    for column in columns:
        if column.null_count:
            missing = row + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise refused(where, f"{name} is missing in row {missing:,}", HINT)
        flat = column.flatten()
        length = len(flat) // len(column) if length is None and len(column) else length
        lengths = np.diff(column.offsets.to_numpy()) if hasattr(column, "offsets") else np.full(len(column), length)
        if (
            (odd := np.flatnonzero(lengths != length)).size
            or len(flat) != len(column) * (length or 0)
            or flat.null_count
        ):
            what = f"{lengths[odd[0]]:,} numbers in row {row + odd[0]:,}" if odd.size else "a missing number"
            raise refused(where, f"{name} has {what}, not {length}", HINT)
        blocks.append(flat.to_numpy(zero_copy_only=False).astype(np.float32))
        row += len(column)
    return np.concatenate(blocks).reshape(row, length or 0)


def wide_columns(head: bytes) -> tuple[str, list[str]] | None:
    """Return the separator of text whose header ends with numbered columns, such as factor_1, and these columns.

    Two or more columns have the same name with rising numbers; None if there are none.
    """
    line = head.split(b"\n")[0].decode(errors="replace").rstrip("\r")
    for separator in (",", "\t", ";"):
        names = [name.strip().strip('"') for name in line.split(separator)]
        own = list[str]()
        for name in reversed(names):
            match, last = NUMBERED.fullmatch(name), NUMBERED.fullmatch(own[-1]) if own else None
            if match is None or (last and (match[1] != last[1] or int(match[2]) != int(last[2]) - 1)):
                break
            own.append(name)
        if len(own) > 1 and number_of(names[0]) is None:
            return separator, own[::-1]
    return None


def read_wide(path: Path, separator: str, columns: Sequence[str]) -> Vectors:
    """Return the vectors of delimited text with a numbered column for each of their numbers."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    where = str(path)
    convert = pa_csv.ConvertOptions(
        include_columns=list(columns), column_types=dict.fromkeys(columns, pa.float32()), null_values=[""]
    )
    blocks = list[NDArray[np.float32]]()
    try:
        with Source(where, path).open() as stream:
            parse = pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True)
            reader = pa_csv.open_csv(stream.on_disk(), parse_options=parse, convert_options=convert)
            for batch in reader:
                if any(column.null_count for column in batch.columns):
                    raise refused(where, "a number of a vector is missing", "fill it in, or leave the row out")
                blocks.append(np.column_stack([column.to_numpy() for column in batch.columns]))
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise refused(where, f"not a table of vectors: {one_line(error)}", "save it as CSV, in UTF-8") from error
    if not blocks:
        raise refused(where, "nothing follows the header", "give a row for each vector")
    name = f"{columns[0]} to {columns[-1]}"
    factors = as_floats(np.concatenate(blocks), name, where)
    return Vectors(where, f"a table, vectors of {name}", {"item_factors": factors[None]})

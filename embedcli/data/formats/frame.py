"""Data frames: of pandas, and of any library that hands its columns over as Arrow does, such as polars."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from embedcli.data.formats.blocks import Rows
from embedcli.data.formats.detect import ITEM_ROLES, detect_schema
from embedcli.data.formats.parquet import BATCH, SAMPLE, is_plain, is_text, parse_batch, text_of, texts_of
from embedcli.data.problems import Problems
from embedcli.data.read_options import ReadContext, ReadOptions
from embedcli.data.text import shorten
from embedcli.errors import DataError, UsageError

WHERE = "data frame"


def read_frame(frame: Any, context: ReadContext) -> Rows:
    """Read the columns of a frame that are needed; the frame stays as it is, and its rows are counted from 0.

    Raises UsageError for what is not a frame, and for an invalid option, DataError for a column that cannot be read.
    """
    columns = _Columns.of(frame)
    if not columns.n_rows:
        raise DataError(f"{WHERE}: it has no rows", "give a frame with a rating in each row")
    names, options = columns.names, context.options
    try:
        schema = detect_schema(names, len(names), options, WHERE, columns.sample)
    except DataError as error:
        if "`wide`" not in error.hint:
            raise
        raise DataError(error.message, "reshape it to a row per rating, such as with melt") from error
    used = {role: columns.array(index, role) for role, index in schema.column_index.items()}
    schema = schema.without(role for role in ITEM_ROLES if role in used and not is_text(used[role].type))
    rows = Rows(schema, Problems(WHERE, unit="row", remedy="correct it"), columns.n_rows)
    table = pa.table([used[role] for role in schema.column_index], names=list(schema.role_names.values()))
    row = 0
    for batch in table.combine_chunks().to_batches(BATCH):
        rows.add(parse_batch(batch, row, rows))
        row += batch.num_rows
    rows.convert_times()
    _check_named(rows, options)
    rows.sha256 = _digest(rows)
    return rows


def _check_named(rows: Rows, options: ReadOptions) -> None:
    """Raise DataError if a column that was named for its role is not read: nobody may see the note on it."""
    for role, name, what in (("time", options.time_col, "times"), ("title", options.title_col, "one title per item")):
        if name is not None and role not in rows.schema.column_index:
            raise DataError(
                f"{WHERE}: the column {shorten(name)!r} does not hold {what}", f"convert it, or leave `{role}_col` out"
            )


class _Columns:
    """The columns of a frame by their names, each converted when it is needed."""

    def __init__(self, names: Sequence[object], n_rows: int, frame: Any) -> None:
        self.names, self.n_rows, self._frame = [str(name) for name in names], n_rows, frame

    @classmethod
    def of(cls, frame: Any) -> "_Columns":
        """Return the columns of a frame, named levels of an index among them; UsageError for what is not a frame."""
        if hasattr(frame, "iloc") and hasattr(frame, "columns"):  # pandas, which may hold what Arrow does not
            levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
            frame = frame.reset_index(levels) if levels else frame
            return cls(list(frame.columns), len(frame), frame)
        try:
            if not hasattr(frame, "__arrow_c_stream__"):
                from pyarrow.interchange import from_dataframe

                frame = from_dataframe(frame)
            table = pa.table(frame)
        except (pa.ArrowException, AttributeError, TypeError, ValueError) as error:
            what = type(frame).__name__
            hint = "give its to_frame()" if hasattr(frame, "to_frame") else "make one of it: pandas.DataFrame(...)"
            raise UsageError(f"not a data frame, but {what}", hint) from error
        return cls(table.column_names, table.num_rows, table)

    def sample(self, index: int) -> list[str]:
        """Return the first values of a column as texts; none of a column that cannot be read."""
        array = self._converted(index, SAMPLE)
        return texts_of(array) if is_plain(array.type) else []

    def array(self, index: int, role: str) -> Any:
        """Return a column; DataError if its name is not its own, or if it does not have one value per row."""
        name = self.names[index]
        if self.names.count(name) > 1:
            raise DataError(
                f"{WHERE}: {self.names.count(name)} columns are called {shorten(name)!r}", "give each a name of its own"
            )
        array = self._converted(index)
        if not is_plain(array.type):
            raise DataError(
                f"{WHERE}: the column {shorten(name)!r} holds {shorten(str(array.type))}, not one value per row",
                f"name another column with `{role}_col`, or convert it",
            )
        return array

    def _converted(self, index: int, n: int | None = None) -> Any:
        """Return the first n values of a column, or all, as an Arrow array; mixed values are texts."""
        if isinstance(self._frame, pa.Table):
            return _plain_text(self._frame.column(index).slice(0, n))
        values = self._frame.iloc[:n, index]
        try:
            array = pa.array(values, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            array = pa.array([text_of(value) for value in values])
        return _plain_text(pa.chunked_array([array]) if isinstance(array, pa.Array) else array)


def _plain_text(column: Any) -> Any:
    """Return a column in one piece, its texts plain: codes of categories would order users and items by them."""
    words = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    plain = pa.large_string() if str(words) == "string_view" else words  # a view, as of polars, has few functions
    if plain != column.type:
        try:
            column = column.cast(plain)
        except pa.ArrowException:
            column = pa.chunked_array([pa.array(column.to_pylist(), plain)])
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _digest(rows: Rows) -> str:
    """Return the sha256 of what was read: the same for the same rows, whatever library holds them."""
    digest = hashlib.sha256()
    for ids in (rows.user_ids, rows.item_ids):
        digest.update("\n".join(ids).encode(errors="replace"))
    for column in rows.columns().values():
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()

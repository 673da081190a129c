"""A matrix of ratings: a row per user and a column per item, with a value that means "not rated"."""

from array import array
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from embedcli.data.formats.blocks import Block, Rows
from embedcli.data.formats.delimited import Layout, encoding_of, head_lines, layout_of, split_rows
from embedcli.data.formats.detect import TableSchema
from embedcli.data.formats.forms import rating_form, rating_of
from embedcli.data.formats.parse import LARGEST
from embedcli.data.formats.words import is_row_number, normalized, rank
from embedcli.data.problems import Problems
from embedcli.data.read_options import ReadContext
from embedcli.data.sources import Stream
from embedcli.data.text import number_of
from embedcli.errors import DataError, UsageError

CELLS = 1 << 20  # ratings that are kept as Python numbers at a time
ROLES = {"user": 0, "item": 1, "rating": 2}


def read_wide(stream: Stream, context: ReadContext) -> Rows:
    """Read a matrix of delimited text; `options.wide` and empty cells mean "not rated"."""
    if stream.format != "text":
        raise UsageError(f"`wide` reads delimited text, and {stream.name} is not", "save the matrix as CSV")
    encoding = encoding_of(stream.head, context.options.encoding, stream.name, context.on_note)
    layout = layout_of(head_lines(stream.head, encoding, stream.name), context.options.sep, stream.name)
    matrix = _Matrix(layout, context.options.wide or "", stream.name)
    names = ("column", matrix.row_name) if matrix.is_of_items else (matrix.row_name, "column")
    schema = TableSchema(layout.separator, layout.n_columns, ROLES, (*names, "cell"), notes=tuple(matrix.notes))
    rows = Rows(schema, context.problems_of(stream.name))
    lines = enumerate(split_rows(stream, encoding, layout), 1 + layout.n_before)
    if matrix.is_named:
        next(lines)
    for block in matrix.blocks(lines, rows.problems):
        rows.add(block)
        context.on_progress(stream.name, stream.done, stream.size)
    rows.sha256 = stream.digest.hexdigest()
    return rows


class _Matrix:
    """What the columns of a matrix are: one may name the user, one may count the ratings, the others are items."""

    def __init__(self, layout: Layout, missing: str, where: str) -> None:
        first, *rest = layout.rows
        self.n_columns, self.notes = layout.n_columns, list[str]()
        self.words: dict[str, float | None] = {"": None, missing.strip(): None}
        self.is_named = _is_header(first, rest)
        sample = [row for row in (rest if self.is_named else layout.rows) if len(row) == self.n_columns]
        if self.n_columns < 3 or not sample:
            raise DataError(f"{where}: not a matrix of users and items", "give a table with a column per item")
        columns = [[row[index].strip() for row in sample] for index in range(self.n_columns)]
        names = first if self.is_named else [str(number) for number in range(1, self.n_columns + 1)]
        form = rating_form(text for column in columns[1:] for text in column if text not in self.words)
        self.form, self._code = form or "number", number_of(missing)
        self.user: int | None = _user_column(names, columns) if self.is_named else self._unnamed_user(columns)
        counts = [0] if self.user != 0 and self._counts_ratings(columns) else []
        others = {self.user, *counts}
        self.items = [i for i in range(self.n_columns) if i not in others and rating_form(columns[i]) is not None]
        far = self._beyond(columns)
        self.items = [index for index in self.items if index not in far]
        self.names = [names[index].strip() for index in self.items]
        self.row_name = (
            names[self.user] if self.user is not None and self.is_named else "row" if self.user is None else "column 1"
        )
        if counts:
            self.notes.append(f"column 1, with values such as {columns[0][0]!r}, counts ratings and is not read")
        left_out = [names[i] for i in range(self.n_columns) if i not in others and i not in self.items]
        if left_out:
            self.notes.append(f"not read, as they are no ratings: {', '.join(left_out[:8])}")
        self.is_of_items = self.is_named and self.user is not None and _is_of_items(names[self.user])
        if self.is_of_items:
            self.notes.append(f"each row is one {self.row_name!r}, and each other column a user")

    def _unnamed_user(self, columns: Sequence[Sequence[str]]) -> int | None:
        """Return 0 if the first column holds users: words, or numbers that differ where ratings would not."""
        first, n_levels = set(columns[0]), len({text for column in columns[1:] for text in column})
        return 0 if rating_form(first) is None or len(columns[0]) == len(first) > n_levels else None

    def _counts_ratings(self, columns: Sequence[Sequence[str]]) -> bool:
        """Tell whether the first column holds the number of ratings of each row, or integers beyond all ratings."""
        cells = [[self._value(text) for text in column] for column in columns]
        rated = [[value for value in row if value is not None] for row in zip(*cells[1:], strict=True)]
        highest = max((value for row in rated for value in row), default=0.0)
        first = [-1.0 if value is None else value for value in cells[0]]
        is_beyond = min(first) > highest and not any(value % 1 for value in first)
        return is_beyond or first == [float(len(row)) for row in rated]

    def _beyond(self, columns: Sequence[Sequence[str]]) -> set[int]:
        """Return the columns whose every value is above all ratings of most others, such as the ages of users."""
        cells = {index: [self._value(text) for text in columns[index]] for index in self.items}
        rated = {index: [value for value in own if value is not None] for index, own in cells.items()}
        highest = median([max(own) for own in rated.values() if own] or [0.0])
        return {index for index, own in rated.items() if own and min(own) > highest}

    def _value(self, text: str) -> float | None:
        """Return the rating in a cell; None if it means "not rated", NaN if it is not a rating."""
        if text not in self.words:
            rating = rating_of(text, self.form)
            is_valid = rating is not None and abs(rating) <= LARGEST
            is_code = rating is not None and rating == self._code
            self.words[text] = None if is_code else rating if is_valid else float("nan")
        return self.words[text]

    def blocks(self, rows: Iterator[tuple[int, Sequence[str]]], problems: Problems) -> Iterator[Block]:
        """Yield the ratings of the rows, given with their lines."""
        users, lines, user, item, values = list[str](), array("q"), array("i"), array("i"), array("d")

        def block() -> Block:
            row, column = (np.array(user, np.int32), users), (np.array(item, np.int32), self.names)
            codes = {"user": column, "item": row} if self.is_of_items else {"user": row, "item": column}
            return Block(codes, np.array(values, np.float64), None, np.array(lines, np.int64))

        for number, (line, row) in enumerate(rows, 1):
            if len(row) != self.n_columns:
                if any(field.strip() for field in row):
                    problems.add(f"the row does not have {self.n_columns} columns", [(line, ",".join(row))])
                continue
            users.append(str(number) if self.user is None else row[self.user].strip())
            for code, index in enumerate(self.items):
                value = self._value(row[index].strip())
                if value is None:
                    continue
                if value != value:
                    problems.add("the rating is not a number", [(line, row[index])])
                    continue
                user.append(len(users) - 1)
                item.append(code)
                values.append(value)
                lines.append(line)
            if len(values) > CELLS:
                yield block()
                users, lines, user, item, values = [], array("q"), array("i"), array("i"), array("d")
        if values:
            yield block()


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row has the names of the items: words, or a word for the user above any of them."""
    words = [name.strip() for name in first if name.strip() and number_of(name.replace(",", ".")) is None]
    is_above_numbers = bool(words) and any(row and number_of(row[0]) is not None for row in rest)
    return len(words) > 1 or rank(first[0], "user") is not None or is_above_numbers


def _is_of_items(name: str) -> bool:
    """Tell whether a column is named as items or titles are, not as users are."""
    is_title = rank(name, "title") is not None and normalized(name) not in ("name", "nombre", "nome", "nom")
    return rank(name, "user") is None and (rank(name, "item") is not None or is_title)


def _user_column(names: Sequence[str], columns: Sequence[Sequence[str]]) -> int | None:
    """Return the column of users: named so, or the first if its name or its values are not those of an item."""
    named = [index for index, name in enumerate(names) if rank(name, "user") is not None]
    if named:
        return named[0]
    is_first = (
        is_row_number(names[0])
        or _is_of_items(names[0])
        or rating_form(columns[0]) is None
        or names[0].strip().casefold().endswith("id")
    )
    return 0 if is_first else None

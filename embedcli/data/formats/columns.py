"""The columns of a table with their first values, and the error for a table whose user or item is not known."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from embedcli.data.formats.forms import MISSING, time_form
from embedcli.data.formats.words import ONE_PERSON, is_id, is_row_number, normalized, rank
from embedcli.data.text import number_of, shorten
from embedcli.errors import DataError

PAIR = ("user", "item")
NUMBERED = 20  # first rows that a column counts one by one: fewer may do so by chance
WIDE = 8  # columns of numbers: with as many, and no user and item, each may hold the ratings of an item
NEARLY_ALL = 0.8  # share of such columns
SHOWN = 12  # columns that a message shows with their values
LEVELS = 21  # different ratings of a scale
PROSE = 60  # letters on average of a text that is not an id
ValuesOf = Callable[[int], Sequence[str]]  # the first values of a column


@dataclass(frozen=True)
class Columns:
    """The columns of a table, with their names, if they have any, and their first values."""

    header: Sequence[str] | None
    n: int
    where: str
    values_of: ValuesOf

    def name(self, index: int) -> str:
        """Name a column as an option takes it: by its name, or by its number from 1 on."""
        return self.header[index] if self.header else str(index + 1)

    def values(self, index: int) -> list[str]:
        """Return the first values of a column that say something."""
        return [text for value in self.values_of(index) if (text := value.strip()).casefold() not in MISSING]

    def is_filled(self, index: int) -> bool:
        """Tell whether half of the first values or more say something."""
        return 2 * len(self.values(index)) >= len(self.values_of(index))

    def is_numeric(self, index: int) -> bool:
        """Tell whether half of the first values or more are numbers."""
        values = self.values(index)
        return 2 * sum(number_of(value) is not None for value in values) >= max(len(values), 1)

    def counts_rows(self, index: int) -> bool:
        """Tell whether a column counts the rows one by one."""
        numbers = [number_of(value) for value in self.values_of(index)]
        first = numbers[0] if len(numbers) >= NUMBERED else None
        return first is not None and numbers == [first + row for row in range(len(numbers))]

    def shown(self, indexes: Sequence[int] | None = None) -> str:
        """Show columns, each with two of its first values."""
        indexes = range(self.n) if indexes is None else indexes
        texts = []
        for index in indexes[:SHOWN]:
            values = [shorten(value, 16) for value in dict.fromkeys(self.values(index))][:2]
            name = shorten(self.name(index), 30) if self.header else f"column {index + 1}"
            texts.append(f"{name} ({', '.join(values) or 'empty'})")
        return ", ".join(texts) + (f" and {len(indexes) - SHOWN:,} more" if len(indexes) > SHOWN else "")

    def missing(self, column_index: Mapping[str, int]) -> DataError:
        """Return the error for a table whose user or item is not known: with all its columns, and what to type."""
        missing = [role for role in PAIR if role not in column_index]
        where = self.where
        if not self.n:
            return DataError(f"{where}: there are no columns", "give a table with a user and an item in each row")
        n_numeric = sum(map(self.is_numeric, range(self.n)))
        if "item" in missing and self.n >= WIDE and n_numeric >= NEARLY_ALL * self.n:
            return self._matrix(where)
        if "user" in missing and any(normalized(name) in ONE_PERSON for name in self.header or ()):
            return DataError(
                f"{where}: the export of one person, without a column of the user; the columns are {self.shown()}",
                "put the exports of several people into one table, with a column named user",
            )
        known = " and the ".join(missing)
        why = f"no column has a known name of the {known}; the columns are"
        if self.header is None:
            why = f"{self.n} columns without a header: which are the user, the item and the rating? They are"
        message = f"{where}: {why} {self.shown()}"
        if missing == ["user"] and self._is_of_items(column_index["item"]):
            return DataError(
                f"{message}; no item has two rows",
                "give a table with a row per rating; this one may describe its `items`",
            )
        named = self._names(missing, column_index)
        if not named:
            return DataError(message, f"give a table with a column of the {known}")
        return DataError(message, f"name the column{'s' if len(missing) > 1 else ''}, such as {named}")

    def _names(self, missing: Sequence[str], column_index: Mapping[str, int]) -> str:
        """Return the options that name columns for the missing roles; empty if too few columns may hold ids."""
        free = [index for index in range(self.n) if index not in column_index.values()]
        ids = [index for index in free if self._may_be_id(index)]
        if len(ids) < len(missing):
            return ""
        if self.header is not None:
            ids.sort(key=lambda index: not is_id(self.name(index)))
        roles = dict(zip(missing, sorted(ids[: len(missing)]), strict=True))
        rating = next((index for index in free if index not in roles.values() and self._may_be_rating(index)), None)
        if self.header is None and "rating" not in column_index and rating is not None:
            roles["rating"] = rating
        return " ".join(f"`{role}_col` {shlex.quote(shorten(self.name(index)))}" for role, index in roles.items())

    def _may_be_id(self, index: int) -> bool:
        """Tell whether a column may hold ids: values that are neither fractions nor long texts."""
        values, name = self.values(index), self.name(index)
        numbers = [number for value in values if (number := number_of(value)) is not None]
        is_other = self.header is not None and (
            is_row_number(name)
            or any(rank(name, role) is not None for role in ("rating", "time", "count", "tags", "year"))
        )
        is_fraction = any(number % 1 for number in numbers)
        is_date = len(numbers) < len(values) and time_form(values, is_named=False) is not None
        return (
            bool(values)
            and not is_other
            and not is_date
            and not is_fraction
            and sum(map(len, values)) <= PROSE * len(values)
        )

    def _may_be_rating(self, index: int) -> bool:
        """Tell whether a column may hold ratings: numbers, few of them different, and more than one."""
        return self.is_numeric(index) and 1 < len(set(self.values(index))) <= LEVELS

    def _is_of_items(self, item: int) -> bool:
        """Tell whether each of the first rows has an item of its own."""
        values = self.values(item)
        return len(values) >= NUMBERED and len(set(values)) == len(values)

    def _matrix(self, where: str) -> DataError:
        """Return the error for a table with a column per item."""
        counts = Counter(value.strip() for index in range(self.n) for value in self.values_of(index))
        codes = [word for word, _ in counts.most_common() if word.casefold() in {*MISSING, "99", "-1", "0", "-99"}]
        return DataError(
            f"{where}: {self.n:,} columns, nearly all of numbers: it looks like a matrix with a row per user and a "
            f"column per item; the columns are {self.shown(range(min(self.n, 3)))} and so on",
            f'read it with `wide` {shlex.quote(codes[0] if codes else "")}, the value that means "not rated"',
        )

"""The columns of a table with their first values, and the error for a table whose user or item is not known."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from embedcli.data.formats.forms import MISSING, time_form
from embedcli.data.formats.words import ONE_PERSON, is_id, is_row_number, normalized, rank
from embedcli.data.text import number_of, shorten
from embedcli.errors import DataError

PAIR = ("user", "item")
NUMBERED = 20  # first rows that a column counts one by one: fewer may do so by chance
WIDE = 8  # columns of numbers: with as many, and no user and item, each may hold the ratings of an item
NEARLY_ALL = 0.8  # share of such columns
SHOWN = 12  # columns that a message shows with their values
HIGHEST = 100.0  # of a scale
DECIMALS = 3  # of a coordinate; ratings have fewer
FEWEST = 3  # columns of a matrix with the same few numbers
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

    def may_be_text(self, index: int) -> bool:
        """Tell whether a column holds more than the same sign again and again, as between two columns."""
        values = set(self.values(index))
        return len(values) > 1 or any(letter.isalnum() for value in values for letter in value)

    def coordinates(self, indexes: Sequence[int]) -> list[int]:
        """Return the first two neighbouring columns of degrees with three decimals or more; empty if there are none."""

        def are_degrees(index: int) -> bool:
            values = self.values(index)
            numbers = [number for value in values if (number := number_of(value)) is not None and abs(number) <= 180]
            n_long = sum(len(value.partition(".")[2]) >= DECIMALS for value in values)
            return 0 < len(numbers) == len(values) <= 2 * n_long

        return next((list(pair) for pair in pairwise(indexes) if all(map(are_degrees, pair))), [])

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
        where = f"{self.where}, line 1"
        if not self.n:
            return DataError(f"{where}: there are no columns", "give a table with a user and an item in each row")
        if self._is_matrix(column_index):
            return self._matrix(where, of_items="item" in column_index)
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
        lists = [self.name(index) for index in range(self.n) if any(v.startswith("[{") for v in self.values(index))]
        if lists:
            return DataError(message, f"write each entry of the lists in {shorten(lists[0])!r} as a row of its own")
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
        others = [index for index in free if index not in roles.values()]
        if self.header is None:
            ratings = filter(self.may_be_rating, others if "rating" not in column_index else ())
            times = (index for index in others if time_form(self.values(index), is_named=False) is not None)
            further = (("rating", ratings), ("time", times))
            roles |= {role: index for role, found in further for index in islice(found, 1)}
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
            and self.may_be_text(index)
            and not self.counts_rows(index)
            and not is_other
            and not is_date
            and not is_fraction
            and sum(map(len, values)) <= PROSE * len(values)
        )

    def may_be_rating(self, index: int) -> bool:
        """Tell whether a column may hold ratings: numbers up to 100, few of them different, and more than one."""
        values = self.values(index)
        sizes = [abs(number) for value in values if (number := number_of(value)) is not None]
        n_long = sum(len(value.partition(".")[2].rstrip("0")) >= DECIMALS for value in values)
        is_short = 2 * n_long < len(values) and max(sizes, default=0.0) <= HIGHEST
        return self.is_numeric(index) and 1 < len(set(values)) <= LEVELS and is_short

    def _is_of_items(self, item: int) -> bool:
        """Tell whether each of the first rows has an item of its own."""
        values = self.values(item)
        return len(values) >= NUMBERED and len(set(values)) == len(values)

    def _is_matrix(self, column_index: Mapping[str, int]) -> bool:
        """Tell whether nearly all columns hold ratings: many columns of numbers, or some of the same few numbers."""
        numeric = [index for index in range(self.n) if self.is_numeric(index)]
        levels = set[str]().union(*map(self.values, numeric))
        is_alike = self.header is not None and len(numeric) >= self.n - 2 and len(numeric) >= FEWEST
        is_alike &= 2 < len(levels) <= LEVELS and all(map(self.may_be_rating, numeric))
        is_wide = self.n >= WIDE and len(numeric) >= NEARLY_ALL * self.n
        return is_alike or (is_wide and "item" not in column_index)

    def _matrix(self, where: str, *, of_items: bool) -> DataError:
        """Return the error for a table with a column per item, or per user."""
        counts = Counter(value.strip() for index in range(self.n) for value in self.values_of(index))
        codes = [word for word, _ in counts.most_common() if word.casefold() in {*MISSING, "99", "-1", "0", "-99"}]
        shape = "a row per item and a column per user" if of_items else "a row per user and a column per item"
        return DataError(
            f"{where}: {self.n:,} columns, nearly all of numbers: it looks like a matrix with {shape}; the columns are "
            f"{self.shown(range(min(self.n, 3)))} and so on",
            f'read it with `wide` {shlex.quote(codes[0] if codes else "")}, the value that means "not rated"',
        )

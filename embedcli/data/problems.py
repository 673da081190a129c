"""The problems of a table: which rows are invalid, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from embedcli.data.text import shorten
from embedcli.errors import DataError

REPEATED = "the user has rated the item before"
KEPT = 10_000  # problems that are kept with their lines; of more only the number is known
MOST = 1_000_000  # problems of a table that has fewer good rows


@dataclass(frozen=True)
class Problem:
    """An invalid row: its line (or its row, if the file has no lines), the kind of problem, and the invalid value."""

    line: int
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}: {shorten(self.value)!r}"


@dataclass
class Problems:
    """The problems of a file, in the order of its lines; `n_good` counts the valid rows."""

    where: str
    unit: str = "line"
    remedy: str = "correct it, download or copy the file again"
    listed: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    n_good: int = 0

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, kind: str, rows: Iterable[tuple[int, str]], n: int = 1) -> None:
        """Add n problems of a kind, given the (line, value) of the first of them."""
        self.counts[kind] += n
        kept = islice(rows, max(KEPT - len(self.listed), 0))
        self.listed += [Problem(line, kind, shorten(value, 200)) for line, value in kept]

    def error(self) -> DataError:
        """Return the error that names the first problem and the number of problems."""
        first, n = self.listed[0], len(self)
        more = f" (and {n - 1:,} more such row{'s' if n > 2 else ''})" if n > 1 else ""
        return DataError(
            f"{self.where}, {self.unit} {first.line:,}: {first}{more}",
            f"{self.remedy}, or leave such rows out with `on_bad_rows` skip",
        )

    def summary(self) -> str:
        """Say how many rows were left out, why, and the first line of each kind."""
        first = {problem.kind: problem for problem in reversed(self.listed)}
        kinds = "; ".join(
            f"{n:,} x {kind} (first in {self.unit} {first[kind].line:,}: {shorten(first[kind].value, 30)!r})"
            for kind, n in self.counts.most_common()
            if kind in first
        )
        return f"{self.where}: {len(self):,} row{'s' if len(self) > 1 else ''} left out: {kinds}"

"""What is wrong with the rows of a table, and where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from embedcli.data.text import shorten
from embedcli.errors import DataError

REPEATED = "the user has rated the item before"
KEPT = 10_000  # problems that are kept with their lines; of more only the number is known
MOST = 1_000_000  # problems of a table that has fewer good rows


@dataclass(frozen=True)
class Problem:
    """A row that cannot be read: the line of the file (or the row of a file without lines), what is wrong, and how.

    `kind` is the same for all problems of one sort, `value` what stands there.
    """

    line: int
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}: {shorten(self.value)!r}"


@dataclass
class Problems:
    """The problems met while a file is read, in the order of its lines; `n_good` rows before had none."""

    where: str
    unit: str = "line"
    listed: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    n_good: int = 0

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, problem: Problem, n: int = 1) -> None:
        """Take note of a problem, or of n of its kind of which it is one."""
        self.counts[problem.kind] += n
        if len(self.listed) < KEPT:
            self.listed.append(replace(problem, value=shorten(problem.value, 200)))

    def error(self) -> DataError:
        """Return the error that names the first problem, and how many there are."""
        first, n = self.listed[0], len(self)
        more = f" (and {n - 1:,} more such row{'s' if n > 2 else ''})" if n > 1 else ""
        return DataError(
            f"{self.where}, {self.unit} {first.line:,}: {first}{more}",
            "correct that, or leave such rows out with --on-bad-rows skip",
        )

    def summary(self) -> str:
        """Say how many rows were left out, why, and where the first of each kind stands."""
        first = {problem.kind: problem for problem in reversed(self.listed)}
        kinds = "; ".join(
            f"{n:,} x {kind} (first in {self.unit} {first[kind].line:,}: {shorten(first[kind].value, 30)!r})"
            for kind, n in self.counts.most_common()
            if kind in first
        )
        return f"{self.where}: {len(self):,} row{'s' if len(self) > 1 else ''} left out: {kinds}"

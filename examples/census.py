"""The table of people that entity_embeddings.py learns from: UCI Adult if its files are given, else a made one.

    python examples/census.py [--data FOLDER]

UCI Adult is an extract of the 1994 census of the United States: 32,561 people to train on and 16,281 to test on. It has
eight columns of words (a missing word, `?`, is a word like any other), five columns of numbers, and the answer: did the
person earn more than $50,000 a year? Its files `adult.data` and `adult.test` come from archive.ics.uci.edu.

The made table has a geography. Each of its countries has a place on a map, and no column tells the place. But what a
person earns depends on it: in the north some jobs earn more and others less; in the east old people earn more, in the
west young people. A model that predicts well must have found the map.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made_data import file_in, run_script
from numpy.typing import NDArray

WORDS = ("workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country")
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
)
N_COUNTRIES, N_JOBS, N_TRAIN, N_TEST = 24, 8, 12_000, 4_000


# %% A table of people
@dataclass(frozen=True)
class Table:
    """People as rows: words as codes into `levels`, numbers with mean 0 and sd 1, and whether they earn much."""

    title: str
    levels: dict[str, tuple[str, ...]]  # the different words of each column of words
    codes: NDArray[np.int64]  # (n, n_columns)
    numbers: NDArray[np.float32]  # (n, n_numbers)
    target: NDArray[np.int64]  # (n,) 0 or 1
    n_train: int  # the first rows are the training people, all others the test people


# %% UCI Adult
def read(folder: Path) -> Table:
    """Read adult.data and adult.test; the numbers' means and the words' codes are those of adult.data."""
    people, n_train = [], 0
    for name in ("adult.data", "adult.test"):
        with file_in(folder, name).open(encoding="ascii", newline="") as file:
            people += [row for row in csv.reader(file, skipinitialspace=True) if len(row) == len(COLUMNS)]
        n_train = n_train or len(people)
    by_column = dict(zip(COLUMNS, zip(*people, strict=True), strict=True))
    levels = {name: tuple(sorted(set(by_column[name][:n_train]))) for name in WORDS}
    codes = np.array([[levels[name].index(word) for word in by_column[name]] for name in WORDS]).T
    numbers = np.array([by_column[name] for name in NUMBERS], dtype=np.float64).T
    numbers[:, 2:4] = np.log1p(numbers[:, 2:4])  # a few people gain a hundred thousand
    target = np.array([income.startswith(">50K") for income in by_column["income"]], dtype=np.int64)
    return Table("UCI Adult", levels, codes, standardised(numbers, n_train), target, n_train)


# %% The made table, with a map
def make(seed: int = 0) -> tuple[Table, NDArray[np.float64]]:
    """Draw people -> (table, the map: where each country truly lies (N_COUNTRIES, 2), east and north)."""
    rng = np.random.default_rng(seed)
    n = N_TRAIN + N_TEST
    places = rng.uniform(-1, 1, (N_COUNTRIES, 2))
    country, job = rng.integers(0, N_COUNTRIES, n), rng.integers(0, N_JOBS, n)
    age = rng.normal(size=n)
    east, north = places[country].T
    pays_north = np.where(np.arange(N_JOBS) % 2, 1.0, -1.0)
    felt = 3 * north * pays_north[job] + 3 * east * age + 0.3 * age
    target = (rng.random(n) < 1 / (1 + np.exp(-felt))).astype(np.int64)
    levels = {
        "country": tuple(f"Country {place + 1}" for place in range(N_COUNTRIES)),
        "job": tuple(f"job {number + 1}" for number in range(N_JOBS)),
    }
    codes = np.column_stack([country, job])
    return Table("Made census", levels, codes, standardised(age[:, None], N_TRAIN), target, N_TRAIN), places


def standardised(numbers: NDArray[np.float64], n_train: int) -> NDArray[np.float32]:
    """Return numbers (n, m) less their means over the first rows, in units of their standard deviations there."""
    known = numbers[:n_train]
    scaled: NDArray[np.float32] = ((numbers - known.mean(0)) / known.std(0)).astype(np.float32)
    return scaled


# %% Run it
def main(data: str | None = None) -> None:
    """Print what the table holds."""
    table = read(Path(data)) if data else make()[0]
    print(f"{table.title}: {table.n_train:,} people to train on, {len(table.target) - table.n_train:,} to test on")
    print(f"{table.target.mean():.1%} earn much")
    for name, words in table.levels.items():
        print(f"{name}: {len(words)} different words, such as {', '.join(words[:4])}")


if __name__ == "__main__":
    run_script(main, __doc__, small=False, data="a folder with adult.data and adult.test")

# %% Try this
# - Print make()[1]: the true places. Which country is furthest north?
# - Make the map matter less: replace both 3s in `felt` by 1. How much worse must every model become?
#
# Questions
# 1. Two countries lie at the same place. What does the table tell of them that is different?
# 2. All jobs pay the same in the north and in the south. Can any model find north and south then?
# 3. Why are the numbers standardised by the training people only?

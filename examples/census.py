"""The table that entity_embeddings.py learns from: UCI Adult where its files are given, else a small made one.

    python examples/census.py [--data FOLDER]

UCI Adult is an extract of the 1994 census of the United States: 32,561 people to learn from, 16,281 to test on,
eight columns of words (a missing word, `?`, is a word like any other) and numbers, and whether somebody earned more
than $50,000 a year. Its files `adult.data` and `adult.test` come from archive.ics.uci.edu.

The made table has a geography: each of its countries lies somewhere on a map, which no column tells. What a person
earns depends on it: going north pays for some jobs and costs others, going east pays for the old. A model that
predicts it well must have found the map.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORDS = ("workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country")
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
)
N_COUNTRIES, N_JOBS, N_TRAIN, N_TEST = 24, 8, 12_000, 4_000


@dataclass(frozen=True)
class Table:
    """People as rows: words as codes into `levels`, numbers with mean 0 and sd 1, and whether they earn much."""

    title: str
    levels: dict[str, tuple[str, ...]]  # the different words of each column of words
    codes: NDArray[np.int64]  # (n, n_columns)
    numbers: NDArray[np.float32]  # (n, n_numbers)
    target: NDArray[np.int64]  # (n,) 0 or 1
    n_train: int  # the rows up to here are to learn from, those after it to test on


def read(folder: Path) -> Table:
    """Read adult.data and adult.test; the numbers' means and the words' codes are those of adult.data."""
    people, n_train = [], 0
    for name in ("adult.data", "adult.test"):
        with (folder / name).open(encoding="ascii", newline="") as file:
            people += [row for row in csv.reader(file, skipinitialspace=True) if len(row) == len(COLUMNS)]
        n_train = n_train or len(people)
    by_column = dict(zip(COLUMNS, zip(*people, strict=True), strict=True))
    levels = {name: tuple(sorted(set(by_column[name][:n_train]))) for name in WORDS}
    codes = np.array([[levels[name].index(word) for word in by_column[name]] for name in WORDS]).T
    numbers = np.array([by_column[name] for name in NUMBERS], dtype=np.float64).T
    numbers[:, 2:4] = np.log1p(numbers[:, 2:4])  # a few people gain a hundred thousand
    target = np.array([income.startswith(">50K") for income in by_column["income"]], dtype=np.int64)
    return Table("UCI Adult", levels, codes, standardised(numbers, n_train), target, n_train)


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="a folder with adult.data and adult.test")
    given = parser.parse_args().data
    table = read(given) if given else make()[0]
    print(f"{table.title}: {table.n_train:,} people to learn from, {len(table.target) - table.n_train:,} to test on")
    print(f"{table.target.mean():.1%} earn much")
    for name, words in table.levels.items():
        print(f"{name}: {len(words)} levels, such as {', '.join(words[:4])}")

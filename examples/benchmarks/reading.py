"""How long 25 million ratings take to read, and how much memory: a made file of the shape of MovieLens 25M.

    python examples/benchmarks/reading.py [N]

Writes N (by default 25 million) ratings of 162,541 users and 59,047 films as CSV and as Parquet into a temporary
folder (0.9 GB), and reads each in a fresh process: ids to codes, scale, repeated pairs looked for, ready to train.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

N_USERS, N_ITEMS, RUNS = 162_541, 59_047, 3
READ = """
import resource, sys, time
began = time.perf_counter()
import embedcli
ratings = embedcli.load_ratings(sys.argv[1])
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{seconds:.2f} {peak:.2f} {len(ratings)} {len(ratings.users)} {len(ratings.items)}")
"""


def make(n: int) -> pa.Table:
    """Draw n different pairs, few users and films having most of them, by user; half stars and times."""
    rng = np.random.default_rng(0)
    m = n + n // 2 + 1000
    user = (N_USERS * rng.random(m) ** 2).astype(np.int64)
    item = (N_ITEMS * rng.random(m) ** 2).astype(np.int64)
    pair = np.unique(user * N_ITEMS + item)
    pair = np.sort(rng.choice(pair, n, replace=False)) if len(pair) > n else pair
    n = len(pair)
    return pa.table(
        {
            "userId": (pair // N_ITEMS + 1).astype(np.int32),
            "movieId": (pair % N_ITEMS * 3 + 1).astype(np.int32),
            "rating": rng.integers(1, 11, n) / 2,
            "timestamp": rng.integers(789_652_004, 1_574_327_703, n),
        }
    )


def write(folder: Path, n: int) -> None:
    """Write the made ratings as CSV and as Parquet."""
    table = make(n)
    arrow_csv.write_csv(table, folder / "ratings.csv")
    pq.write_table(table, folder / "ratings.parquet")


def main(n: int) -> None:
    """Make the files, read each a few times, and print the median seconds and the largest peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        # in a process of its own: a process that is started counts the memory of the one that started it
        writer = multiprocessing.get_context("spawn").Process(target=write, args=(Path(folder), n))
        writer.start()
        writer.join()
        for name in ("ratings.csv", "ratings.parquet"):
            command = [sys.executable, "-c", READ, str(Path(folder) / name)]
            told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(RUNS)]
            runs = [line.split() for line in told]
            seconds, peak = np.median([float(run[0]) for run in runs]), max(float(run[1]) for run in runs)
            n_ratings, n_users, n_items = (f"{int(count):,}" for count in runs[0][2:])
            print(f"{name:16} {seconds:5.1f} s {peak:5.2f} GB  {n_ratings} ratings, {n_users} users, {n_items} items")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25_000_000)

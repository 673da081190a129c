"""`embedcli train` on made ratings of 1, 5 or 25 million: seconds by stage, CPU seconds, memory, and two peers.

    python examples/benchmarks/scale.py [1m|5m|25m ...] [--options "--folds 0 --draws 0"] [--peers PYTHON]

Makes ratings of the shape of MovieLens (few users and films have most of them, six planted factors, half stars) as CSV
in a temporary folder, up to 0.7 GB, and trains on them as a whole process, with its lines on stderr. PYTHON is an
interpreter that has cornac or myfm; each fits the same random 90/10 split in a process of its own, on one thread.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numba import njit
from numpy.typing import NDArray

SHAPES = {"1m": (6_040, 3_706, 1_000_000), "5m": (32_500, 20_000, 5_000_000), "25m": (162_541, 59_047, 25_000_000)}
VARIANCES = np.array([0.06, 0.045, 0.033, 0.024, 0.017, 0.012])  # of the planted factors of the items
LEAST, NOISE = 20, 0.72  # ratings of a user; stars
PEERS = {
    "cornac": """
import cornac
data = cornac.data.Dataset.build(list(zip(user.tolist(), item.tolist(), value.tolist())))
began = time.process_time()
cornac.models.MF(k=50, max_iter=20, use_bias=True, num_threads=1, seed=0, verbose=False).fit(data)
""",
    "myfm": """
import myfm, scipy.sparse as sp
rows = np.arange(len(user))
one_hot = [sp.csr_matrix((np.ones(len(rows)), (rows, codes))) for codes in (user, item)]
began = time.process_time()
fm = myfm.MyFMRegressor(rank=10, random_seed=42)
fm.fit(sp.hstack(one_hot, format="csr"), value, n_iter=40, group_shapes=[part.shape[1] for part in one_hot])
""",
}
PEER = """
import sys, time
import numpy as np
columns = np.load(sys.argv[1])
test = np.random.default_rng(0).permutation(len(columns["user"]))[: len(columns["user"]) // 10]
user, item, value = (np.delete(columns[name], test) for name in ("user", "item", "value"))
{fit}
print(f"{{time.process_time() - began:.1f}} CPU s to fit")
"""


@njit
def draw_pairs(n_ratings, popularity, seed):  # type: ignore[no-untyped-def]
    """Draw different items for each user, by cumulative popularity (I,): n_ratings (U,) -> user (n,), item (n,)."""
    np.random.seed(seed)
    user, item = np.empty(n_ratings.sum(), np.int32), np.empty(n_ratings.sum(), np.int32)
    last_user, n = np.full(len(popularity), -1, np.int32), 0
    for u in range(len(n_ratings)):
        drawn = tried = 0
        while drawn < n_ratings[u] and tried < 60 * n_ratings[u]:
            tried += 1
            i = np.searchsorted(popularity, np.random.random())
            if last_user[i] != u:
                last_user[i] = u
                user[n], item[n] = u, i
                drawn, n = drawn + 1, n + 1
    return user[:n], item[:n]


def make(name: str, folder: Path) -> Path:
    """Write made ratings of a shape as CSV, and as codes for the peers; return the CSV."""
    n_users, n_items, n = SHAPES[name]
    rng = np.random.default_rng(2026)
    popularity = np.exp(rng.normal(0, 2.2, n_items))
    popularity = np.minimum(popularity, np.sort(popularity)[-max(20, n_items // 300)])
    activity = np.exp(rng.normal(0, 1.39, n_users))
    for _ in range(5):  # cut and stretched again, until the mean is right
        activity = (activity * (n / n_users - LEAST) / activity.mean()).clip(max=n_items * 0.3)
    n_ratings = LEAST + activity
    cumulative = np.cumsum(popularity)
    user, item = draw_pairs(n_ratings.astype(np.int64), cumulative / cumulative[-1], 7)
    value = draw_values(user, item, np.log(popularity), rng)
    times = rng.integers(789_652_004, 1_574_327_703, len(user))
    columns = {"userId": user + 1, "movieId": item * 3 + 1, "rating": value, "timestamp": times}
    arrow_csv.write_csv(pa.table(columns), folder / "ratings.csv")
    np.savez(folder / "codes.npz", user=user, item=item, value=value)
    return folder / "ratings.csv"


def draw_values(
    user: NDArray[np.int32], item: NDArray[np.int32], log_popularity: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw half stars of pairs (n,): biases, popular films being better, plus six tastes, plus noise."""
    n_users, n_items = int(user.max()) + 1, len(log_popularity)
    tastes = rng.normal(size=(n_users, len(VARIANCES))).astype(np.float32)
    films = (rng.normal(size=(n_items, len(VARIANCES))) * np.sqrt(VARIANCES)).astype(np.float32)
    popular = (log_popularity - log_popularity.mean()) / log_popularity.std()
    quality = 0.45 * (0.4 * popular + 0.92 * rng.normal(size=n_items))
    moods = 0.42 * rng.normal(size=n_users)
    stars: NDArray[np.float64] = 3.45 + moods[user] + quality[item] + NOISE * rng.normal(size=len(user))
    for begin in range(0, len(user), 1 << 20):
        here = slice(begin, begin + (1 << 20))
        stars[here] += np.einsum("nk,nk->n", tastes[user[here]], films[item[here]])
    halves: NDArray[np.float64] = np.clip(np.round(2 * stars) / 2, 0.5, 5)
    return halves


def measure(command: list[str], *, silent: bool = False) -> None:
    """Run a command, and print its seconds, CPU seconds and peak of memory; `silent` hides its stderr."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL if silent else None)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"it failed: {shlex.join(command)}")
    seconds, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    print(f"whole process: {seconds:.1f} s, {cpu:.1f} CPU s, {used.ru_maxrss / 2**20:.2f} GB\n", flush=True)


def main() -> None:
    """Make the ratings, train on them, and let the peers fit them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", choices=[[], *SHAPES], default=["1m"])
    parser.add_argument("--options", default="", help="options of embedcli train")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has cornac or myfm")
    given = parser.parse_args()
    for name in given.shapes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            # in a process of its own: a process that is started counts the memory of the one that started it
            subprocess.run([sys.executable, __file__, "--make", name, temporary], check=True)
            print(f"{name}: embedcli train {given.options}", flush=True)
            runs = ["--run-dir", str(folder / "runs")]
            measure(
                [
                    sys.executable,
                    "-m",
                    "embedcli",
                    "train",
                    str(folder / "ratings.csv"),
                    *runs,
                    *shlex.split(given.options),
                ]
            )
            for peer, fit in PEERS.items() if given.peers else ():
                if subprocess.run([given.peers, "-c", f"import {peer}"], capture_output=True, check=False).returncode:
                    print(f"{peer} is not installed in {given.peers}")
                    continue
                print(f"{name}: {peer}", flush=True)
                measure([given.peers, "-c", PEER.format(fit=fit), str(folder / "codes.npz")], silent=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        main()

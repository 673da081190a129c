"""Which items `embedcli compare` calls moved, on planted worlds in two periods: how many it finds, and false alarms.

Each world has the ratings of two periods, by other people or the same; in between a tenth of the films moves to new
positions, or none. Printed are, over all worlds: the share of false alarms among the films that are called moved
(at most 5 % is promised), worlds in which a film is called moved although none is, and the share of the moved films
that is found, by the fewer ratings of both periods and by how far they moved. About four minutes.

    python examples/benchmarks/drift.py
    python examples/benchmarks/drift.py --worlds 4 --size large
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli.analysis.moves import moves

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from worlds import SIZES, make_periods  # type: ignore[import-not-found]

LEAST = 20  # ratings in both periods
BY_RATINGS, BY_DISTANCE = (20, 40, 80, 160), (0.0, 0.4, 0.7, 1.0)  # where the groups begin; distance in stars
Found = dict[str, NDArray[np.float64]]


def measure(seed: int, size: str, share: float, *, same_users: bool) -> Found:
    """Train on both periods of a world, with different seeds; return what is found of its films (n,)."""
    world = make_periods(seed, SIZES[size], share=share, same_users=same_users)
    a, b = (
        embedcli.fit(ratings.split("none"), embedcli.TrainConfig(seed=2 * seed + period, n_draws=0))
        for period, ratings in enumerate((world.first, world.second))
    )
    fewer = np.minimum(a.item_stats.n_ratings, b.item_stats.n_ratings)
    rows = np.flatnonzero(fewer >= LEAST)
    found = moves(a, b, rows, rows)
    assert found is not None
    called = np.isin(np.arange(len(rows)), found.moved)
    ratio = found.distance / found.chance
    return {"called": called, "distance": world.distance[rows], "n": fewer[rows], "ratio": ratio, "p": found.p}


def report(title: str, worlds: list[Found]) -> None:
    """Print what was found in some worlds."""
    every = {key: np.concatenate([world[key] for world in worlds]) for key in worlds[0]}
    called, moved = every["called"].astype(bool), every["distance"] > 0
    false = (called & ~moved).sum()
    with_false = sum((world["called"].astype(bool) & (world["distance"] == 0)).any() for world in worlds)
    print(f"{title}: {len(worlds)} worlds, {len(called):,} films, {moved.sum()} moved, {called.sum()} called moved")
    print(
        f"  false alarms: {false}, in {with_false} worlds; {100 * false / max(called.sum(), 1):.1f} % of those called"
    )
    sizes = " ".join(f"{100 * (every['p'][~moved] < p).mean():.2f} %" for p in (0.05, 0.01, 0.001))
    print(f"  films that stayed with p below .05, .01, .001: {sizes}")
    if moved.any():
        print("  found, by distance in stars from   " + "".join(f"{d:14.1f}" for d in BY_DISTANCE) + "    any")
        for low, high in zip(BY_RATINGS, (*BY_RATINGS[1:], np.inf), strict=True):
            here = moved & (every["n"] >= low) & (every["n"] < high)
            bounds = (*zip(BY_DISTANCE, (*BY_DISTANCE[1:], np.inf), strict=True), (0, np.inf))
            groups = [here & (every["distance"] >= near) & (every["distance"] < far) for near, far in bounds]
            cells = (f"{called[g].sum():5} of {g.sum():3}" if g.any() else "-" for g in groups)
            print(f"    films with {low:3} ratings or more      " + "".join(f"{cell:>14}" for cell in cells))
    sys.stdout.flush()


def main() -> None:
    """Measure worlds in which films moved, in which none moved, and with the same users in both periods."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=8, help="of each kind")
    parser.add_argument("--size", choices=SIZES, default="middle")
    parser.add_argument("--first", type=int, default=200, help="seed of the first world")
    options = parser.parse_args()
    for title, share, same_users in (
        ("a tenth moved", 0.1, False),
        ("a tenth moved, the same users", 0.1, True),
        ("none moved", 0.0, False),
        ("none moved, the same users", 0.0, True),
    ):
        seeds = range(options.first, options.first + options.worlds)
        report(title, [measure(seed, options.size, share, same_users=same_users) for seed in seeds])


if __name__ == "__main__":
    main()

"""The ratings that the examples learn from: MovieLens 100K if it is at hand, else a small made set.

    python examples/made_data.py [--data PATH] [--small]

An example never downloads: `embedcli train` does, and from then on MovieLens 100K is in the cache and the examples
find it. `--data PATH` names a folder or zip of it instead. Otherwise the ratings are made, from a truth that is
known: how good a film is, how generous a user is, and three tastes, each of which films stand somewhere on. As in
MovieLens, most of a rating is noise and many films have few ratings, so that a large model learns ratings by heart.

`run_script` is how every example starts: it reads the command line, and says in one line if the data are wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

import embedcli
from embedcli.data.catalog import find_data_set
from embedcli.data.fetch import cached
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.errors import EmbedcliError, UsageError
from embedcli.terminal import plain

T = TypeVar("T")
RATINGS = "a folder or zip of MovieLens 100K, or any table of ratings"  # the help of --data
N_USERS, N_ITEMS, N_RATINGS = 500, 400, 30_000
TASTES = (("Action", "Romance", 0.45), ("Drama", "Comedy", 0.4))  # (one pole, the other, how much users differ)
AGE_TASTE = 0.4  # how much users differ in what they think of old films
SHARES = (0.06, 0.17, 0.44, 0.78)  # of MovieLens 100K's ratings: at most 1, 2, 3, 4 stars


def run_script(main: Callable[..., T], doc: str | None, *, small: bool = True, **options: str) -> T:
    """Run a script, and return what `main` does; wrong data are an `error:` line, a `hint:` line and exit code 2.

    `options` are names and helps, such as data=RATINGS. `main` gets by name what was typed, as str, and small=True. In
    a notebook there is no command line, and nothing was typed.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS
    )
    for name, text in options.items():
        parser.add_argument("--" + name.replace("_", "-"), metavar="PATH", help=text)
    if small:
        parser.add_argument("--small", action="store_true", help="made data and few steps, as in the tests")
    typed = vars(parser.parse_args([] if "ipykernel" in sys.modules else None))
    try:
        return main(**typed)
    except EmbedcliError as error:
        lines = f"error: {error.message}", f"hint: {error.hint}"
    except OSError as error:
        if not str(error.filename).startswith(typed.get("data", "\0")):
            raise
        lines = f"error: {error.filename}: {error.strerror}", f"hint: give --data {options['data']}"
    print(*map(plain, lines), sep="\n", file=sys.stderr)
    sys.exit(2)


def file_in(folder: str | Path, *names: str) -> Path:
    """Return the first of some files that a folder has; UsageError, with their names, if it has none of them."""
    found = [Path(folder) / name for name in names if (Path(folder) / name).is_file()]
    if not found:
        raise UsageError(f"there is no {' or '.join(names)} in {str(folder)!r}", "give --data the folder that has it")
    return found[0]


def ratings(data: str | None = None, *, small: bool = False) -> Ratings:
    """Return the ratings at `data`, else MovieLens 100K from the cache (unless `small`), else made ones; say which."""
    if data is not None:
        found = embedcli.load_ratings(data, offline=True, on_note=partial(print, file=sys.stderr))
    elif not small and cached(find_data_set("ml-100k")):
        found = embedcli.load_ratings("ml-100k", offline=True)
    else:
        found = make()
        if not small:
            print("MovieLens 100K is not in the cache (embedcli train fetches it): made ratings stand in for it.")
    print(f"{found.data.title}: {len(found):,} ratings, {len(found.users):,} users, {len(found.items):,} films\n")
    return found


def make(seed: int = 0) -> Ratings:
    """Draw ratings: quality + generosity + taste . film + noise, cut into 1 to 5 stars; good films are rated more."""
    rng = np.random.default_rng(seed)
    films = np.arange(N_ITEMS)
    years = rng.integers(1935, 1999, N_ITEMS)
    poles = np.stack([1 - 2 * (films // 2**axis % 2) for axis in range(len(TASTES))])  # (axes, I), of +1 and -1
    old = (years.mean() - years) / years.std()
    axes = np.vstack([poles, old])  # (axes + 1, I)
    spread = np.array([taste[2] for taste in TASTES] + [AGE_TASTE])
    tastes = rng.normal(0, 1, (N_USERS, len(axes))) * spread  # (U, axes + 1)
    quality, generosity = rng.normal(0, 0.6, N_ITEMS), rng.normal(0, 0.4, N_USERS)
    # the pairs rated: the largest of log weight + Gumbel noise are a draw without replacement
    weight = rng.normal(0, 0.9, N_USERS)[:, None] + (rng.normal(0, 1.3, N_ITEMS) + 0.5 * quality)  # (U, I)
    pairs = np.argpartition(-(weight + rng.gumbel(size=weight.shape)), N_RATINGS, axis=None)[:N_RATINGS]
    user, item = np.unravel_index(rng.permutation(pairs), weight.shape)
    felt = quality[item] + generosity[user] + (tastes[user] * axes.T[item]).sum(1) + rng.normal(0, 1.2, N_RATINGS)
    value = 1 + np.searchsorted(np.quantile(felt, SHARES), felt)
    names = [taste[:2] for taste in TASTES]
    tags = [tuple(names[axis][int(poles[axis, j] < 0)] for axis in range(len(names))) for j in films]
    return Ratings(
        data=DataSet("made", "Made ratings", "made", hashlib.sha256(value.tobytes()).hexdigest(), (1.0, 5.0), "film"),
        users=Users(tuple(str(u + 1) for u in range(N_USERS))),
        items=Items(
            ids=tuple(str(j + 1) for j in films),
            titles=tuple(f"Made Film {j + 1} ({years[j]})" for j in films),
            years=tuple(int(year) for year in years),
            tags=tuple(tags),
        ),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        value=value.astype(np.float32),
    )


def main(data: str | None = None, *, small: bool = False) -> None:
    """Draw how often each number of stars is given."""
    shown = ratings(data, small=small)
    for star in range(1, 6):
        print(f"{star}  {'*' * round(100 * float((shown.value == star).mean()))}")


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

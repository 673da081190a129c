"""The data sets that embedcli knows by name, and where each can be had."""

from __future__ import annotations

from dataclasses import dataclass

from embedcli.errors import UsageError


@dataclass(frozen=True)
class Download:
    """A file on a server; `size` in bytes."""

    file: str
    url: str
    size: int
    sha256: str


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


ML_100K = Entry(
    name="ml-100k",
    title="MovieLens 100K",
    summary="100,000 ratings of 1,682 films by 943 users, 1997-1998 (GroupLens)",
    sources=(
        Download(
            file="ml-100k.zip",
            url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
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
CATALOGUE = {entry.name: entry for entry in (ML_100K,)}


def find(name: str) -> Entry:
    """Return the data set of that name; UsageError where there is none."""
    if name not in CATALOGUE:
        raise UsageError(
            f"there is no data set named {name!r}",
            f"the names are: {', '.join(CATALOGUE)} (embedcli data list)",
        )
    return CATALOGUE[name]

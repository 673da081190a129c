"""The data set catalog: the data sets that embedcli knows by name, and where to download each."""

from dataclasses import dataclass

from embedcli.errors import UsageError


@dataclass(frozen=True)
class Download:
    """A file on a server; `size` is in bytes. A size or checksum that is None is unknown and not verified."""

    file: str
    url: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Wheel:
    """A wheel on the package index with a copy of the data set. It is read as a zip: never installed, never run."""

    file: str
    requirement: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CatalogEntry:
    """A data set with a name; its sources are tried in their order. `n_ratings` is None if the number changes."""

    name: str
    title: str
    summary: str
    sources: tuple[Download | Wheel, ...]
    n_ratings: int | None = None
    publisher: str = "GroupLens"


MOVIELENS_TERMS = (
    "MovieLens data by GroupLens Research, University of Minnesota (Harper and Konstan 2015): no commercial use "
    "without their permission; the README of the data set says what may be passed on."
)
MOVIELENS_PAGE = "https://grouplens.org/datasets/movielens/"  # with the README of each edition
NOT_PASSED_ON = ("ml-100k", "ml-1m", "ml-10m")  # editions whose README forbids redistribution; later ones allow it
GROUPLENS = "https://files.grouplens.org/datasets/movielens"

RECBOLE = Wheel(
    file="recbole-1.2.1-py3-none-any.whl",
    requirement="recbole==1.2.1",
    size=2_130_151,
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)

# source of the sha256, but for ml-100k: TensorFlow Datasets (url_checksums/movielens.txt); of the md5: GroupLens
SHA256 = {
    "ml-100k": "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    "ml-latest-small": "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
    "ml-1m": "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    "ml-20m": "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    "ml-25m": "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
}
MD5 = {"ml-10m": "ce571fd55effeba0271552578f2648bd"}


def _edition(
    name: str, title: str, n_ratings: int | None, about: str, n_bytes: int | None = None, *copies: Wheel
) -> CatalogEntry:
    """Return the entry of an edition of MovieLens."""
    summary = f"{about} (GroupLens)" if n_ratings is None else f"{n_ratings:,} ratings of {about} (GroupLens)"
    download = Download(f"{name}.zip", f"{GROUPLENS}/{name}.zip", n_bytes, SHA256.get(name), MD5.get(name))
    return CatalogEntry(name, f"MovieLens {title}", summary, (download, *copies), n_ratings)


ML_100K = _edition("ml-100k", "100K", 100_000, "1,682 films by 943 users, 1997-1998", 4_924_029, RECBOLE)
EDITIONS = (
    _edition("ml-latest-small", "latest small", 100_836, "9,742 films by 610 users, to 2018", 978_202),
    _edition("ml-1m", "1M", 1_000_209, "3,883 films by 6,040 users, 2000-2003", 5_917_549),
    _edition("ml-10m", "10M", 10_000_054, "10,681 films by 69,878 users, 1995-2009"),
    _edition("ml-20m", "20M", 20_000_263, "27,278 films by 138,493 users, 1995-2015", 198_702_078),
    _edition("ml-25m", "25M", 25_000_095, "62,423 films by 162,541 users, 1995-2019", 261_978_986),
    _edition("ml-32m", "32M", 32_000_204, "87,585 films by 200,948 users, 1995-2023"),
    _edition("ml-latest", "latest", None, "some 34 million ratings of 86,000 films by 331,000 users, growing"),
)
CATALOG = {entry.name: entry for entry in (ML_100K, *EDITIONS)}


def find_data_set(name: str) -> CatalogEntry:
    """Return the data set with this name; UsageError if there is none."""
    if name not in CATALOG:
        raise UsageError(
            f"there is no data set named {name!r}", f"the names are: {', '.join(CATALOG)} (embedcli data list)"
        )
    return CATALOG[name]

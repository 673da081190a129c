"""The files of a data set, in a folder or in a zip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from embedcli.data.sources import UNREADABLE, Source, open_zip
from embedcli.errors import DataError, UsageError

MOST = 1 << 24  # bytes of a file that is read whole: four times those of the largest movies.csv


@dataclass(frozen=True)
class Files:
    """Read-only access to the files of one folder, on disk or inside a zip.

    `names` maps a file's bare name to where it lies under `root`.
    """

    root: Path
    names: dict[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def holds(self, names: tuple[str, ...]) -> bool:
        """Tell whether any of these files is there."""
        return any(name in self.names for name in names)

    def read(self, name: str, most: int = MOST) -> bytes:
        """Return a file's bytes; DataError where it is missing or cannot be read."""
        if name not in self.names:
            raise DataError(
                f"{self.root}: there is no {name}",
                "give the extracted folder of the data set with --data, or the zip as it was downloaded",
            )
        with self.source(name).open() as stream:
            return stream.whole(
                most, "give the file of ratings itself, read as a table of any size, and --items for the titles"
            )

    def source(self, name: str) -> Source:
        """Return a file as a source of bytes."""
        if self.root.is_dir():
            return Source(self.where(name), self.root / self.names[name])
        return Source(self.where(name), self.root, self.names[name])

    def where(self, name: str) -> str:
        """Name a file for a message."""
        return str(self.root / self.names.get(name, name))

    @property
    def label(self) -> str:
        """Name the data set after its folder or zip; a run of that name must not be hidden."""
        return self.root.resolve().name.removesuffix(".zip").lstrip(".") or "data"


def open_files(path: Path, suffixes: tuple[str, ...]) -> Files:
    """Open a folder, or the folder inside a zip that holds a file whose name ends in one of the suffixes.

    Raises UsageError where nothing is at the path, DataError for a file that is no zip.
    """
    if path.is_dir():
        try:
            return Files(path, {entry.name: entry.name for entry in path.iterdir() if entry.is_file()})
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}", "check its permissions") from error
    if not path.exists():
        raise UsageError(
            f"there is no data set at {str(path)!r}",
            "give the extracted folder or the zip, or leave --data out to use MovieLens 100K",
        )
    try:
        with path.open("rb") as file:
            names = [name for name in open_zip(file).namelist() if not name.endswith("/")]
    except UNREADABLE as error:
        raise DataError(
            f"{path}: this is no readable zip: {error}",
            "give the extracted folder or the zip as it was downloaded; if it was cut short, download it again",
        ) from error
    members = {name: PurePosixPath(name) for name in names}
    folders = [member.parent for member in members.values() if member.name.endswith(suffixes)]
    chosen = min(folders, key=lambda folder: len(folder.parts), default=None)
    return Files(path, {member.name: name for name, member in members.items() if member.parent == chosen})

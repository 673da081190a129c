"""The files of a data set, in a folder or in a zip."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from embedcli.data import text
from embedcli.data.formats.delimited import encoding_of
from embedcli.data.sources import UNREADABLE, Source, open_zip
from embedcli.errors import DataError

MOST = 1 << 24  # bytes of a file that is read whole: four times those of the largest movies.csv


@dataclass(frozen=True)
class Files:
    """The files of one folder, on disk or inside a zip; `names` maps a file's bare name to its path under `root`."""

    root: Path
    names: dict[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def holds(self, names: tuple[str, ...]) -> bool:
        """Tell whether there is any of these files."""
        return any(name in self.names for name in names)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; DataError if it is missing, too large or cannot be read."""
        with self.source(name).open() as stream:
            content = stream.read(MOST + 1)
        if len(content) > MOST:
            raise DataError(
                f"{stream.name}: larger than {MOST >> 20} MB, too large for this kind of file",
                "give the file of ratings itself, as a table of any size, and the titles with `items`",
            )
        return content

    def table(
        self,
        name: str,
        *,
        separator: str,
        n_columns: int = 0,
        header: Sequence[str] = (),
        encoding: str | None = None,
        key: str | None = None,
    ) -> list[tuple[int, list[str]]]:
        """Return (line, fields) of each row of a small table, as `text.rows` does; the encoding may be detected."""
        raw, where = self.read(name), self.where(name)
        encoding = encoding or encoding_of(raw, None, where, lambda line: None)
        rows = text.rows(raw, encoding, where, separator=separator, n_columns=n_columns, header=header, key=key)
        return list(rows)

    def source(self, name: str) -> Source:
        """Return a file as a source of bytes; DataError if it is missing."""
        if name not in self.names:
            raise DataError(
                f"{self.root}: there is no {name}",
                "give the extracted folder of the data set, or the zip as it was downloaded",
            )
        if self.root.is_dir():
            return Source(self.where(name), self.root / self.names[name])
        return Source(self.where(name), self.root, self.names[name])

    def where(self, name: str) -> str:
        """Name a file for a message."""
        return str(self.root / self.names.get(name, name))

    @property
    def label(self) -> str:
        """Name the data set after its folder or zip, without the dot that would hide a run of this name."""
        return self.root.resolve().name.removesuffix(".zip").lstrip(".") or "data"


def open_files(path: Path, suffixes: tuple[str, ...]) -> Files:
    """Open a folder, or the topmost folder in a zip with a file that ends in a suffix; DataError if it is not a zip."""
    if path.is_dir():
        try:
            return Files(path, {entry.name: entry.name for entry in path.iterdir() if entry.is_file()})
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}", "check its permissions") from error
    try:
        with path.open("rb") as file:
            names = [name for name in open_zip(file).namelist() if not name.endswith("/")]
    except UNREADABLE as error:
        raise DataError(
            f"{path}: not a readable zip: {error}",
            "give the extracted folder or the zip as it was downloaded; if it was cut short, download it again",
        ) from error
    members = {name: PurePosixPath(name) for name in names}
    folders = [member.parent for member in members.values() if member.name.endswith(suffixes)]
    chosen = min(folders, key=lambda folder: len(folder.parts), default=None)
    return Files(path, {member.name: name for name, member in members.items() if member.parent == chosen})

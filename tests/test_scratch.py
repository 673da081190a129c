"""Files that appear whole or not at all, and leftovers that are cleaned up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedcli import scratch
from embedcli.scratch import PREFIX, remove_leftovers, scratch_folder, shared_file, write_whole

HOLD = """
import sys, time
from pathlib import Path
from embedcli.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


def leftovers(folder: Path) -> list[Path]:
    """Return what is unfinished in a folder."""
    return list(folder.glob(f"{PREFIX}*"))


def test_killed_process_leaves_nothing_for_long(tmp_path: Path) -> None:
    """What a process holds stays; once it is killed, the next that writes there removes it."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    write_whole(tmp_path / "answer", b"whole")
    assert len(leftovers(tmp_path)) == 1
    holder.kill()
    holder.wait()
    holder.stdout.close()
    write_whole(tmp_path / "answer", b"whole again")
    assert leftovers(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["answer"]


def test_shared_file_is_the_one_that_stands_there(tmp_path: Path) -> None:
    """Who waited for a file that was replaced meanwhile gets the new one, not the one it waited for."""
    path, waiting, content = tmp_path / "part", threading.Event(), []

    def wait_for_it() -> None:
        with shared_file(path, waiting.set) as file:
            content.append(file.read())

    waiter = threading.Thread(target=wait_for_it)
    with shared_file(path, lambda: None) as first:
        first.write(b"old")
        waiter.start()
        assert waiting.wait(timeout=5)
        path.unlink()
        path.write_bytes(b"new")
    waiter.join(timeout=5)
    assert content == [b"new"]


def test_shared_file_is_never_opened_through_a_link(tmp_path: Path) -> None:
    """A link that appears after the check is not followed either."""
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        scratch._open_own(str(tmp_path / "link"), os.O_RDWR)
    assert not (tmp_path / "precious").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_interrupted_write_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a write is interrupted, the file that was to be replaced is as it was, and nothing is left beside it."""
    path = tmp_path / "answer"
    path.write_text("old")

    def stop(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(scratch.os, "fsync", stop)
    with pytest.raises(error):
        write_whole(path, b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("answer", "old")]


def test_mode_and_link_are_kept(tmp_path: Path) -> None:
    """A link is followed, and the file it leads to keeps its mode."""
    real, link = tmp_path / "folder" / "real", tmp_path / "link"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o600)
    assert leftovers(tmp_path) == leftovers(real.parent) == []


def test_link_to_itself_is_refused(tmp_path: Path) -> None:
    """A link that leads nowhere but to itself is an error, and stays; one to a file not there yet makes that file."""
    loop, dangling = tmp_path / "loop", tmp_path / "dangling"
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic link"):
        write_whole(loop, b"x")
    write_whole(dangling, b"x")
    assert (loop.is_symlink(), dangling.is_symlink(), (tmp_path / "made").read_bytes()) == (True, True, b"x")


def test_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    """A file that is new has the mode of any other new file."""
    write_whole(tmp_path / "new", b"")
    (tmp_path / "usual").touch()
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_pipe_is_written_to(tmp_path: Path) -> None:
    """A device is written to, never replaced."""
    write_whole(Path(os.devnull), b"anything")
    assert not Path(os.devnull).is_file()


def test_old_leftovers_go_where_locks_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file system knows no locks, a leftover of two days is removed, and one of today stays."""
    monkeypatch.setattr(scratch, "locked", lambda folder: contextlib.nullcontext())
    for name in ("old", "new"):
        (tmp_path / f"{PREFIX}{name}").mkdir()
    two_days_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / f"{PREFIX}old", (two_days_ago, two_days_ago))
    remove_leftovers(tmp_path)
    assert [path.name for path in leftovers(tmp_path)] == [f"{PREFIX}new"]
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir()


def test_other_hidden_files_are_left_alone(tmp_path: Path) -> None:
    """A file, and a link, are not taken for a leftover, whatever their name."""
    (tmp_path / "target").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "target")
    (tmp_path / f"{PREFIX}file").touch()
    remove_leftovers(tmp_path)
    assert len(leftovers(tmp_path)) == 2


def test_a_folder_that_another_process_removes_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes a new folder for a leftover holds its lock while it removes it: another one is made."""
    usual, taken = scratch.locked, []

    @contextlib.contextmanager
    def held_at_first(folder: Path) -> Iterator[bool | None]:
        taken.append(folder)
        with usual(folder) as is_ours:
            yield False if len(taken) == 1 else is_ours

    monkeypatch.setattr(scratch, "locked", held_at_first)
    with scratch_folder(tmp_path) as folder:
        assert folder != taken[0]
        assert folder.is_dir()

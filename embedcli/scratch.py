"""Files and folders that appear whole or not at all, and what killed processes leave of them.

What is being written stands under a hidden name that begins with `.unfinished-`, locked by its process. The next
command that writes beside it removes those that no living process holds.
"""

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

PREFIX = ".unfinished-"
ABANDONED = 86_400.0  # seconds after which a folder is a leftover if locks do not work there (Windows)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Remove leftovers, then yield a new hidden folder in `parent`, removed at the end unless it was renamed."""
    remove_leftovers(parent)
    with contextlib.ExitStack() as stack:
        folder = _locked_folder(parent, stack)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


@contextlib.contextmanager
def shared_file(path: Path, on_wait: Callable[[], None]) -> Iterator[IO[bytes]]:
    """Yield a file that processes write in turn, open and locked; call `on_wait` if another process holds it.

    It has what the last process left there, and stays when it is closed: rename or remove it before that. A link, or
    anything else that is not a file of its own, is removed and never followed. If locks do not work, the file is a
    new one in a scratch folder. Raises OSError if that cannot be made either.
    """
    try:
        file = _locked_file(path, on_wait)
    except OSError:
        with scratch_folder(path.parent) as folder, (folder / path.name).open("w+b") as file:
            yield file
        return
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # what a full disk did not take was told when it was written
            file.close()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; OSError if that fails.

    A link is followed, and the mode of the file that is replaced is kept. A pipe or a device is written to.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    with contextlib.suppress(FileNotFoundError):
        path.stat()  # a link to itself leads nowhere
    target = Path(os.path.realpath(path))
    with scratch_folder(target.parent) as folder:
        whole = folder / target.name
        write_synced(whole, [content])
        if target.exists():
            whole.chmod(stat.S_IMODE(target.stat().st_mode))
        whole.replace(target)


def write_synced(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file part by part, and return when the disk has it."""
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the disk know what a folder contains."""
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(parent: Path) -> None:
    """Remove what killed processes left unfinished in a folder; what a living one holds stays."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError), locked(folder) as is_ours:  # another process may remove it as well
            if is_ours or (is_ours is None and time.time() - folder.stat().st_mtime > ABANDONED):
                shutil.rmtree(folder, ignore_errors=True)


def _locked_file(path: Path, on_wait: Callable[[], None]) -> IO[bytes]:
    if os.name == "nt":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(path))
    import fcntl

    while True:
        with contextlib.suppress(FileNotFoundError):
            if not _is_own(path.lstat()):
                path.unlink()
        file = open(path, "r+b", opener=_open_own)  # noqa: SIM115
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):  # renamed or removed by the process that held it
                if _is_own(path.lstat()) and os.path.samestat(path.lstat(), os.fstat(file.fileno())):
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def _is_own(status: os.stat_result) -> bool:
    """Tell whether this is a regular file with one name only."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _locked_folder(parent: Path, stack: contextlib.ExitStack) -> Path:
    while True:
        folder = parent / f"{PREFIX}{os.urandom(8).hex()}"
        folder.mkdir()
        with contextlib.suppress(FileNotFoundError):  # another process took it for a leftover before it was locked
            if stack.enter_context(locked(folder)) is not False and folder.exists():  # False: it is being removed
                return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool | None]:
    """Lock a folder; yield whether it is ours (not another process's), or None if locks do not work there."""
    if os.name == "nt":
        yield None
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    is_ours: bool | None = True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            is_ours = False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
        yield is_ours
    finally:
        os.close(descriptor)

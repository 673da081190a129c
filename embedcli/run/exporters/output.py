"""Where an export is written: a file, replaced as a whole or not at all, or a folder, in which no file is replaced."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedcli.errors import UsageError
from embedcli.scratch import scratch_folder, sync_folder, write_synced, write_whole


def check_place(path: Path, names: Sequence[str]) -> None:
    """Raise UsageError if a file, or a folder of files with these names, must not be written there."""
    folder = path.absolute().parent
    if (folder / "run.json").exists() or (names and any(folder.glob("*/run.json"))):
        raise UsageError(
            f"{path} would be among the files of runs in {folder}",
            f"give another `output`, such as {shlex.quote(f'exports/{path.name}')}",
        )
    if names and path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, and this format is a folder of files", "give a folder as `output`")
    if not names and path.is_dir():
        raise UsageError(f"{path} is a folder, and this format is a file", "give a file as `output`")
    for name in names:
        if (path / name).exists() or (path / name).is_symlink():
            raise UsageError(
                f"{path / name} is there already",
                f"give another `output`, or remove it: rm {shlex.quote(str(path / name))}",
            )


def write(path: Path, content: bytes | Mapping[str, bytes]) -> None:
    """Write a file, or a folder of files: whole or not at all if it is new. UsageError if that fails."""
    try:
        if isinstance(content, bytes):
            write_whole(path, content)
        elif path.is_dir():
            for name, part in content.items():
                write_whole(path / name, part)
        else:
            _write_folder(path.absolute(), content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", "give another `output`") from error


def _write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(path.parent) as scratch:
        for name, content in contents.items():
            write_synced(scratch / name, [content])
        sync_folder(scratch)
        scratch.rename(path)

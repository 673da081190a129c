"""Runs on disk: one directory each, complete or not there at all."""

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedcli.data.ratings import DataSet
from embedcli.errors import RunError, UsageError
from embedcli.run import DEFAULT_DIR, files
from embedcli.run.predictions import Range, check_shapes, table_array
from embedcli.run.record import Run, Training
from embedcli.scratch import locked, scratch_folder, sync_folder

MOST_BYTES_OF_A_NAME = 100  # of a run; a file name may have 255
ROOM = 1 << 20  # bytes that stay free on the disk


def save(run: Run, run_dir: Path = DEFAULT_DIR, *, name: str | None = None, command: str = "") -> Run:
    """Write a run under `run_dir` and return it with the name it has there.

    The default name is the data set's, with -2, -3, ... if older runs have it. All files are written and synced under
    a hidden name first and renamed together, so an interrupted save leaves nothing that looks like a run.
    Raises RunError if the folder cannot be written, UsageError if the name is taken, DataError for an id, a title or a
    tag that could not be read back.
    """
    if name is not None:
        check_name(name, run_dir)
    return _write(run, run_dir, (name,) if name else numbered(folder_name(run.data.name)), command)


def save_anywhere(
    run: Run, run_dir: Path, *, name: str | None = None, command: str = ""
) -> tuple[Run, Path, RunError | None]:
    """Write a run under `run_dir`, or if that fails, in another place: a finished training is not lost.

    A name that another training took in the meantime gets a number. Returns the run, its folder, and the error that
    kept it from being written under `run_dir`. Raises RunError if it cannot be written anywhere.
    """
    names = list(numbered(name or folder_name(run.data.name)))
    try:
        written = _write(run, run_dir, names, command)
        return written, run_dir / written.name, None
    except RunError as error:
        problem = error
    for other in (Path.cwd, Path.home, tempfile.gettempdir):
        try:
            folder = Path(tempfile.mkdtemp(prefix="embedcli-runs-", dir=other()))
            written = _write(run, folder, names, command)
        except (OSError, RuntimeError):  # the current folder is gone, or there is no home
            continue
        except RunError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        saved = folder / written.name
        return (
            written,
            saved,
            RunError(problem.message, f"it is saved elsewhere: open it with `run` {shlex.quote(str(saved))}"),
        )
    raise problem


def _write(run: Run, run_dir: Path, names: Iterable[str], command: str) -> Run:
    """Write a run under the first of these names that is free."""
    for table in (run.items, *(table.labels for table in run.tables.values())):
        files.check_storable(run.users, table)
    run = replace(run, created=datetime.now(UTC).isoformat(), command=command)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        with scratch_folder(run_dir) as scratch:
            files.write(run, scratch)
            sync_folder(scratch)
            target = _rename(scratch, run_dir, names)
        sync_folder(run_dir)
    except OSError as error:
        raise RunError(
            f"the run cannot be saved in {run_dir}: {error.strerror or error}",
            "make room, or give another folder with `run_dir`",
        ) from error
    return replace(run, name=target.name)


def describe(folder: Path, change: Callable[[Run], Run]) -> Run:
    """Change the titles, years and tags of the items of a run in its folder, and return the run.

    Raises RunError if that fails, which leaves the run as it was, or if another process is changing it.
    """
    with locked(folder) as is_ours:
        if is_ours is False:  # what it writes would be lost
            raise RunError(f"another process is changing {folder}", f"wait for it: embedcli runs show {folder.name}")
        run = change(load(folder))
        files.check_storable(run.users, run.items)
        try:
            files.replace_items(run, folder)
        except OSError as error:
            raise RunError(
                f"{folder}: cannot be written: {error.strerror or error}",
                "make room, or check the permissions of the folder",
            ) from error
    return run


def numbered(name: str) -> Iterator[str]:
    """Yield a name, then the same with -2, -3, ..."""
    return (name if number == 1 else f"{name}-{number}" for number in range(1, 100_000))


def folder_name(name: str) -> str:
    """Turn the name of a data set into a valid one for a run: letters, digits and '_.+-', not too many."""
    words = re.sub(r"[^\w.+-]+", "-", name).strip(".+-")
    return words.encode()[:MOST_BYTES_OF_A_NAME].decode(errors="ignore").rstrip(".+-") or "ratings"


def check_name(name: str, run_dir: Path) -> None:
    """Raise UsageError if a run cannot have that name."""
    if folder_name(name) != name:
        raise UsageError(
            f"`name` {name!r} is not a valid name for a run",
            "use letters, digits, '_', '-', '.' and '+', beginning with a letter, a digit or '_', "
            f"at most {MOST_BYTES_OF_A_NAME} bytes",
        )
    if (run_dir / name).exists():
        raise UsageError(
            f"there is a run named {name!r} in {run_dir} already",
            f"give another `name`, or remove it: rm -r {shlex.quote(str(run_dir / name))}",
        )


def check_writable(run_dir: Path, n_bytes: int = 0) -> None:
    """Raise RunError if a run of about n_bytes could not be saved, before any time is spent on training it."""
    existing = next(folder for folder in (run_dir.absolute(), *run_dir.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise RunError(
            f"no run can be saved in {run_dir}: {error.strerror or error}",
            "give a folder that can be written with `run_dir`",
        ) from error
    needed = n_bytes + ROOM
    if free < needed:
        raise RunError(
            f"no run can be saved in {run_dir}: it takes about {needed / 1e6:,.1f} MB, {free / 1e6:,.1f} MB are free",
            "make room, or give a folder on another disk with `run_dir`",
        )


def load(folder: Path) -> Run:
    """Read a run; every file is checked against the sha256 in run.json before it is used.

    The arrays are checked by name, type and shape now; arrays and rows are read when they are asked for.
    Raises RunError if a file is missing, damaged, or of another schema version.
    """
    if not folder.is_dir():
        raise RunError(f"there is no run at {folder}", "choose another one: embedcli runs list")
    about = files.read_json(folder / "run.json")
    try:
        sha256 = files.sha256_of(folder, about)
        return _load(folder, about, sha256)
    except (AttributeError, KeyError, TypeError, UsageError, ValueError) as error:
        raise files.damaged(folder / "run.json", f"not what a run says of itself: {error!r}") from error
    except RunError:
        if not _is_changed(folder, sha256):
            raise
    return load(folder)


def _is_changed(folder: Path, sha256: Mapping[str, str]) -> bool:
    """Tell whether `describe` changed a run since these sha256 were read."""
    return files.sha256_of(folder, files.read_json(folder / "run.json")) != sha256


def _load(folder: Path, about: Mapping[str, Any], sha256: Mapping[str, str]) -> Run:
    (items, item_stats), (users, user_stats), tables = files.read_labels(folder, sha256)
    arrays = files.ArrayFile(folder / "model.safetensors", sha256["model.safetensors"])
    sizes = {"users": len(users), "items": len(items)}
    sizes |= {table_array(name): len(table.labels) for name, table in tables.items()}
    check_shapes(arrays.shapes, sizes, f"{arrays.path} does not fit items.csv and users.csv")
    if others := [name for name, dtype in arrays.dtypes.items() if dtype != "F32"]:
        raise files.damaged(arrays.path, f"{others[0]} is not of 32-bit floating-point numbers")
    rows, heldout = files.read_rows(folder / "rows.safetensors", sha256.get("rows.safetensors"), len(users), len(items))
    return Run(
        name=folder.resolve().name,
        data=files.decoded(DataSet, about["data"]),
        items=items,
        users=users,
        item_stats=item_stats,
        user_stats=user_stats,
        arrays=arrays,
        link=about["link"],
        y_range=files.decoded(Range | None, about["y_range"]),
        training=files.decoded(Training, about["training"] | {"config": about["training"]["config"] or None}),
        rows=rows,
        heldout=heldout,
        tables=tables,
        created=about["created"],
        command=about["command"],
    )


def problems(folder: Path) -> dict[str, str]:
    """Read a run whole, and return its faults by file; none if it is as it was written."""
    try:
        hashes = files.sha256_of(folder, files.read_json(folder / "run.json"))
    except (AttributeError, RunError, KeyError, TypeError, ValueError) as error:
        return {"run.json": str(error)}
    faults = {}
    for name, sha256 in hashes.items():
        try:
            files.verify(folder / name, sha256)
        except RunError as error:
            faults[name] = error.message
    try:
        if faults:
            return problems(folder) if _is_changed(folder, hashes) else faults
        run = load(folder)
        for name in run.arrays:
            run.array(name)
        for part in (run.rows, run.heldout):
            for column in () if part is None else fields(part):
                getattr(part, column.name)
    except RunError as error:
        return {"run.json": error.message}
    return {}


def _rename(scratch: Path, run_dir: Path, names: Iterable[str]) -> Path:
    for target in map(run_dir.joinpath, names):
        try:
            if not target.exists():
                return scratch.rename(target)
        except OSError:
            if not target.exists():  # otherwise another training took the name a moment ago
                raise
    raise FileExistsError("every name for it is taken")

"""Runs on disk: one directory each, complete or not there at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from embedcli.data.ratings import DataSet
from embedcli.errors import RunError, UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.run.files import (
    TRAIN_AGAIN,
    ArrayFile,
    contents,
    known,
    pair,
    read_items,
    read_json,
    read_rows,
    read_tables,
    read_users,
)
from embedcli.run.record import ComponentTest, Epoch, Evidence, Run, Score, Training
from embedcli.run.shapes import check_shapes, table_array


def save(run: Run, run_dir: Path = DEFAULT_DIR, *, name: str | None = None, command: str = "") -> Run:
    """Write a run under `run_dir` and return it with the name it has there.

    The name is the data set's, with -2, -3, ... where older runs have it; a name that is asked for is taken
    as it is. All files are written and synced under a hidden name first and renamed together, so an
    interrupted save leaves nothing that looks like a run.

    Raises RunError where the folder cannot be written, UsageError where the name asked for is taken.
    """
    if name is not None:
        check_name(name, run_dir)
    run = replace(run, created=datetime.now(UTC).isoformat(), command=command)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=run_dir))
        try:
            scratch.chmod(0o777 & ~_umask())
            for file, content in contents(run):
                _write(scratch / file, content)
            _sync(scratch)
            target = _rename(scratch, run_dir, name, run.data.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _sync(run_dir)
    except OSError as error:
        raise RunError(
            f"the run cannot be saved in {run_dir}: {error.strerror or error}",
            "make room, or give another folder with --run-dir",
        ) from error
    return replace(run, name=target.name)


def check_name(name: str, run_dir: Path) -> None:
    """Raise UsageError where a run cannot be given that name."""
    if re.fullmatch(r"[\w][\w.+-]*", name) is None:
        raise UsageError(
            f"--name {name!r} is no name for a run",
            "use letters, digits, '_', '-', '.' and '+', beginning with a letter, a digit or '_'",
        )
    if (run_dir / name).exists():
        raise UsageError(
            f"there is a run named {name!r} in {run_dir} already",
            f"give another --name, or remove it: rm -r {run_dir / name}",
        )


def check_writable(run_dir: Path) -> None:
    """Raise RunError where a run could not be saved, before any time is spent on training it."""
    existing = next(folder for folder in (run_dir.absolute(), *run_dir.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise RunError(
            f"no run can be saved in {run_dir}: {error.strerror or error}",
            "give a folder that can be written with --run-dir",
        ) from error


def load(folder: Path) -> Run:
    """Read a run; the arrays are checked by name and shape now, and read when they are asked for.

    Raises RunError where a file is missing, damaged, or of a newer schema version.
    """
    if not folder.is_dir():
        raise RunError(f"there is no run at {folder}", TRAIN_AGAIN)
    about = read_json(folder / "run.json")
    items, item_seen = read_items(folder / "items.csv")
    users, user_seen = read_users(folder / "users.csv")
    arrays = ArrayFile(folder / "model.safetensors")
    tables = read_tables(folder / "tables.csv")
    sizes = {"users": len(users), "items": len(items)}
    sizes |= {table_array(name): len(table.labels) for name, table in tables.items()}
    check_shapes(arrays.shapes, sizes, f"{arrays.path} does not fit items.csv and users.csv")
    try:
        training, data = known(Training, about["training"]), known(DataSet, about["data"])
        training["epochs"] = [Epoch(**known(Epoch, epoch)) for epoch in training["epochs"]]
        training["scores"] = [Score(**known(Score, score)) for score in training["scores"]]
        if training["evidence"] is not None:
            evidence = known(Evidence, training["evidence"])
            for name in ("tests", "pca_tests"):
                evidence[name] = [ComponentTest(**known(ComponentTest, test)) for test in evidence[name]]
            training["evidence"] = Evidence(**evidence)
        data["scale"] = pair(data["scale"])
        return Run(
            name=folder.resolve().name,
            data=DataSet(**data),
            items=items,
            users=users,
            item_seen=item_seen,
            user_seen=user_seen,
            arrays=arrays,
            link=about["link"],
            y_range=None if about["y_range"] is None else pair(about["y_range"]),
            training=Training(**training),
            rows=read_rows(folder / "rows.safetensors"),
            tables=tables,
            created=about["created"],
            command=about["command"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / 'run.json'}: not what a run says of itself: {error!r}", TRAIN_AGAIN) from error


def _rename(scratch: Path, run_dir: Path, name: str | None, stem: str) -> Path:
    names = [name] if name else [stem, *(f"{stem}-{number}" for number in range(2, 100_000))]
    for candidate in names:
        target = run_dir / candidate
        if target.exists():
            continue
        try:
            return scratch.rename(target)
        except FileExistsError:
            continue  # another training took the name a moment ago
        except OSError as error:
            if not target.exists():
                raise error
    raise FileExistsError(f"every name like {names[0]!r} is taken")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

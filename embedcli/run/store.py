"""Runs on disk: one directory each, complete or not there at all.

run.json            what was trained, how, and what came of it (schema version, config, split, figures)
items.csv           id, title, year, tags, n_ratings, mean_rating, then what else the source has
users.csv           id, n_ratings, mean_rating, then what else the source has
model.safetensors   the arrays of the model; column j of an item array is row j of items.csv
rows.safetensors    the training rows, about nine bytes each (unless they were not to be kept)
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import DataSet, Items, Users
from embedcli.data.text import separated
from embedcli.errors import RunError, UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.run.record import (
    ComponentTest,
    Epoch,
    Evidence,
    Run,
    Score,
    Seen,
    Training,
    TrainingRows,
    check_shapes,
)

SCHEMA_VERSION = 1
TRAIN_AGAIN = "train again with embedcli train, or choose another run: embedcli runs list"
ITEM_FIELDS = ("id", "title", "year", "tags", "n_ratings", "mean_rating")
USER_FIELDS = ("id", "n_ratings", "mean_rating")


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
            for file, content in _files(run):
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
    about = _read_json(folder / "run.json")
    items, item_seen = _read_items(folder / "items.csv")
    users, user_seen = _read_users(folder / "users.csv")
    arrays = ArrayFile(folder / "model.safetensors")
    check_shapes(arrays.shapes, len(users), len(items), f"{arrays.path} does not fit items.csv and users.csv")
    try:
        training, data = _known(Training, about["training"]), _known(DataSet, about["data"])
        training["epochs"] = [Epoch(**_known(Epoch, epoch)) for epoch in training["epochs"]]
        training["scores"] = [Score(**_known(Score, score)) for score in training["scores"]]
        if training["evidence"] is not None:
            evidence = _known(Evidence, training["evidence"])
            for name in ("tests", "pca_tests"):
                evidence[name] = [ComponentTest(**_known(ComponentTest, test)) for test in evidence[name]]
            training["evidence"] = Evidence(**evidence)
        data["scale"] = _pair(data["scale"])
        return Run(
            name=folder.resolve().name,
            data=DataSet(**data),
            items=items,
            users=users,
            item_seen=item_seen,
            user_seen=user_seen,
            arrays=arrays,
            link=about["link"],
            y_range=None if about["y_range"] is None else _pair(about["y_range"]),
            training=Training(**training),
            rows=_read_rows(folder / "rows.safetensors"),
            created=about["created"],
            command=about["command"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / 'run.json'}: not what a run says of itself: {error!r}", TRAIN_AGAIN) from error


class ArrayFile(Mapping[str, NDArray[np.float32]]):
    """The arrays of a safetensors file by name, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        self.path = path
        self._damage = (OSError, SafetensorError)
        self._open: Callable[[], Any] = lambda: safe_open(path, framework="numpy")
        if not path.is_file():
            raise RunError(f"{path} is missing", TRAIN_AGAIN)
        try:
            with self._open() as file:
                self.shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except self._damage as error:
            raise RunError(f"{path} is damaged or cut short: {error}", TRAIN_AGAIN) from error

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self.shapes:
            raise KeyError(name)
        with self._open() as file:
            return file.get_tensor(name)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def _files(run: Run) -> Iterator[tuple[str, bytes]]:
    from safetensors.numpy import save as safetensors

    about = {
        "schema_version": SCHEMA_VERSION,
        "created": run.created,
        "command": run.command,
        "data": asdict(run.data),
        "link": run.link,
        "y_range": run.y_range,
        "training": asdict(run.training),
    }
    yield "run.json", (json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    items, seen = run.items, _as_text(run.item_seen)
    years = ["" if year is None else str(year) for year in items.years]
    tags = ["|".join(names) for names in items.tags]
    yield (
        "items.csv",
        _csv(
            (*ITEM_FIELDS, *items.columns),
            items.ids,
            items.titles,
            years,
            tags,
            *seen,
            *items.columns.values(),
        ),
    )
    yield (
        "users.csv",
        _csv(
            (*USER_FIELDS, *run.users.columns),
            run.users.ids,
            *_as_text(run.user_seen),
            *run.users.columns.values(),
        ),
    )
    yield (
        "model.safetensors",
        safetensors({name: np.ascontiguousarray(array) for name, array in run.arrays.items()}),
    )
    if run.rows is not None:
        levels, level = np.unique(run.rows.value, return_inverse=True)
        value = level.astype(np.uint8) if len(levels) <= 256 else run.rows.value
        rows = {"user": run.rows.user, "item": run.rows.item, "value": value}
        yield "rows.safetensors", safetensors(rows | ({"levels": levels} if value.dtype == np.uint8 else {}))


def _read_rows(path: Path) -> TrainingRows | None:
    if not path.exists():
        return None
    arrays = ArrayFile(path)
    if len({arrays.shapes.get(name, ()) for name in ("user", "item", "value")}) != 1 or "user" not in arrays.shapes:
        raise RunError(f"{path} is damaged: user, item and value are not of one length", TRAIN_AGAIN)
    return StoredRows(arrays)


class StoredRows(TrainingRows):
    """The training rows in a file, each column read when it is asked for."""

    def __init__(self, arrays: ArrayFile) -> None:
        object.__setattr__(self, "_arrays", arrays)

    def __getattr__(self, name: str) -> Any:
        if name not in ("user", "item", "value"):
            raise AttributeError(name)
        arrays: ArrayFile = self._arrays
        return arrays["levels"][arrays[name]] if name == "value" and "levels" in arrays.shapes else arrays[name]


def _as_text(seen: Seen) -> tuple[list[str], list[str]]:
    means = ["" if np.isnan(mean) else repr(float(mean)) for mean in seen.mean_rating]
    return [str(n) for n in seen.n_ratings], means


def _csv(header: tuple[str, ...], *columns: Any) -> bytes:
    return separated([header, *zip(*columns, strict=True)]).encode()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing", TRAIN_AGAIN) from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged or cut short: {error}", TRAIN_AGAIN) from error
    version = about.get("schema_version") if isinstance(about, dict) else None
    if not isinstance(version, int):
        raise RunError(f"{path} is damaged: it has no schema_version", TRAIN_AGAIN)
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{path} has schema version {version}, this embedcli reads up to {SCHEMA_VERSION}",
            "update embedcli: pip install --upgrade embedcli",
        )
    return dict(about)


def _known(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a record's fields; KeyError for one that is missing, what else there is is left."""
    return {field.name: values[field.name] for field in fields(record)}


def _pair(values: list[float]) -> tuple[float, float]:
    low, high = values
    return low, high


def _read_items(path: Path) -> tuple[Items, Seen]:
    columns = _read_csv(path, ITEM_FIELDS)
    ids, titles, years, tags, n_ratings, means = (columns.pop(name) for name in ITEM_FIELDS)
    try:
        items = Items(
            ids=tuple(ids),
            titles=tuple(titles),
            years=tuple(int(year) if year else None for year in years),
            tags=tuple(tuple(names.split("|")) if names else () for names in tags),
            columns={name: tuple(values) for name, values in columns.items()},
        )
        return items, _seen(n_ratings, means)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}", TRAIN_AGAIN) from error


def _read_users(path: Path) -> tuple[Users, Seen]:
    columns = _read_csv(path, USER_FIELDS)
    ids, n_ratings, means = (columns.pop(name) for name in USER_FIELDS)
    try:
        users = Users(tuple(ids), {name: tuple(values) for name, values in columns.items()})
        return users, _seen(n_ratings, means)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}", TRAIN_AGAIN) from error


def _seen(n_ratings: list[str], means: list[str]) -> Seen:
    return Seen(np.array([int(n) for n in n_ratings]), np.array([float(mean or "nan") for mean in means]))


def _read_csv(path: Path, required: tuple[str, ...]) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        if tuple(header[: len(required)]) != required:
            raise ValueError(f"its columns begin with {', '.join(header[: len(required)])}")
        return {name: list(values) for name, values in zip(header, zip(*rows, strict=True), strict=True)}
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing", TRAIN_AGAIN) from error
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path} is damaged or cut short: {error}", TRAIN_AGAIN) from error


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

"""The files of a run: what stands in each, written and read.

run.json            what was trained, how, and what came of it (schema version, config, split, figures)
items.csv           id, title, year, tags, n_ratings, mean_rating, then what else the source has
users.csv           id, n_ratings, mean_rating, then what else the source has
tables.csv          table, id, title, year, tags, n_rows, mean_target of the labels of further tables, if there are any
model.safetensors   the arrays of the model; column j of an item array is row j of items.csv
rows.safetensors    the training rows, about nine bytes each (unless they were not to be kept)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Items, Users
from embedcli.data.text import separated
from embedcli.errors import RunError
from embedcli.run.record import Run, Seen, Table, TrainingRows

SCHEMA_VERSION = 1
TRAIN_AGAIN = "train again with embedcli train, or choose another run: embedcli runs list"
ITEM_FIELDS = ("id", "title", "year", "tags", "n_ratings", "mean_rating")
USER_FIELDS = ("id", "n_ratings", "mean_rating")
TABLE_FIELDS = ("table", "id", "title", "year", "tags", "n_rows", "mean_target")


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


def contents(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file of a run."""
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
    yield (
        "items.csv",
        _csv((*ITEM_FIELDS, *run.items.columns), _described(run.items, run.item_seen, run.items.columns.values())),
    )
    users = zip(run.users.ids, *_as_text(run.user_seen), *run.users.columns.values(), strict=True)
    yield "users.csv", _csv((*USER_FIELDS, *run.users.columns), users)
    if run.tables:
        labels = ((name, *row) for name, table in run.tables.items() for row in _described(table.labels, table.seen))
        yield "tables.csv", _csv(TABLE_FIELDS, labels)
    yield (
        "model.safetensors",
        safetensors({name: np.ascontiguousarray(array) for name, array in run.arrays.items()}),
    )
    if run.rows is not None:
        levels, level = np.unique(run.rows.value, return_inverse=True)
        value = level.astype(np.uint8) if len(levels) <= 256 else run.rows.value
        rows = {"user": run.rows.user, "item": run.rows.item, "value": value}
        yield "rows.safetensors", safetensors(rows | ({"levels": levels} if value.dtype == np.uint8 else {}))


def read_rows(path: Path) -> TrainingRows | None:
    """Return the training rows in a file, to be read when they are asked for; None where they were not kept."""
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


def _described(items: Items, seen: Seen, columns: Iterable[Sequence[str]] = ()) -> Iterator[tuple[str, ...]]:
    """Yield a row for each item, or label: id, title, year, tags, n, mean, then the further columns."""
    years = ["" if year is None else str(year) for year in items.years]
    tags = ["|".join(names) for names in items.tags]
    return zip(items.ids, items.titles, years, tags, *_as_text(seen), *columns, strict=True)


def _csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    return separated([header, *rows]).encode()


def read_json(path: Path) -> dict[str, Any]:
    """Read run.json; RunError where it is missing, damaged, or of a newer schema version."""
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


def known(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a record's fields; KeyError for one that is missing and has no default.

    So an older run, which knows less, can be read; what else there is in the file is left.
    """
    return {
        field.name: values[field.name]
        for field in fields(record)
        if field.name in values or (field.default is MISSING and field.default_factory is MISSING)
    }


def pair(values: list[float]) -> tuple[float, float]:
    """Return both of two numbers; ValueError where there are more or fewer."""
    low, high = values
    return low, high


def read_items(path: Path) -> tuple[Items, Seen]:
    """Read items.csv."""
    columns = _read_csv(path, ITEM_FIELDS)
    required = [columns.pop(name) for name in ITEM_FIELDS]
    try:
        return _items(required, {name: tuple(values) for name, values in columns.items()})
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}", TRAIN_AGAIN) from error


def read_tables(path: Path) -> dict[str, Table]:
    """Read tables.csv; no tables where there is no such file."""
    if not path.exists():
        return {}
    columns = _read_csv(path, TABLE_FIELDS)
    names, *described = (columns[name] for name in TABLE_FIELDS)
    try:
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            rows.setdefault(name, []).append(row)
        return {name: Table(*_items([[c[j] for j in here] for c in described], {})) for name, here in rows.items()}
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}", TRAIN_AGAIN) from error


def _items(described: list[list[str]], columns: dict[str, tuple[str, ...]]) -> tuple[Items, Seen]:
    """Make items of the columns id, title, year, tags, n and mean; ValueError for a number that is none."""
    ids, titles, years, tags, n, means = described
    items = Items(
        ids=tuple(ids),
        titles=tuple(titles),
        years=tuple(int(year) if year else None for year in years),
        tags=tuple(tuple(names.split("|")) if names else () for names in tags),
        columns=columns,
    )
    return items, _seen(n, means)


def read_users(path: Path) -> tuple[Users, Seen]:
    """Read users.csv."""
    columns = _read_csv(path, USER_FIELDS)
    ids, n_ratings, means = (columns.pop(name) for name in USER_FIELDS)
    try:
        users = Users(tuple(ids), {name: tuple(values) for name, values in columns.items()})
        return users, _seen(n_ratings, means)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}", TRAIN_AGAIN) from error


def _seen(n_ratings: list[str], means: list[str]) -> Seen:
    return Seen(
        np.array([int(n) for n in n_ratings], dtype=np.int64), np.array([float(mean or "nan") for mean in means])
    )


def _read_csv(path: Path, required: tuple[str, ...]) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        if tuple(header[: len(required)]) != required:
            raise ValueError(f"its columns begin with {', '.join(header[: len(required)])}")
        columns = zip(*rows, strict=True) if rows else ((),) * len(header)
        return {name: list(values) for name, values in zip(header, columns, strict=True)}
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing", TRAIN_AGAIN) from error
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path} is damaged or cut short: {error}", TRAIN_AGAIN) from error

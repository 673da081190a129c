"""The files of a run, written and read: docs/run-format.md describes each of them."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import BLOCK, Items, Users, check_texts
from embedcli.data.text import separated, shorten
from embedcli.errors import DataError, RunError
from embedcli.run.record import EmbeddingTable, HeldOutRows, ItemStats, Run, TrainingRows
from embedcli.scratch import scratch_folder, sync_folder, write_synced

SCHEMA_VERSION = 2
TRAIN_AGAIN = "train again with embedcli train, or choose another run: embedcli runs list"
NAMES = ("run.json", "items.csv", "users.csv", "tables.csv", "model.safetensors", "rows.safetensors")
ITEM_FIELDS = ("id", "title", "year", "tags", "n_ratings", "mean_rating")
USER_FIELDS = ("id", "n_ratings", "mean_rating")
REPLACED = "replaced_files"  # the key of run.json with the new sha256 of a file that is being replaced
MOST_BYTES = 1 << 24  # of run.json: a thousand times what one has
TYPES = {"float32": "F32", "int32": "I32", "uint8": "U8"}  # of arrays, in the order that they are written in
OPTIONAL = "posterior", "time_effect"  # columns that not all runs have
Column = tuple[str, ...]
Part = bytes | memoryview
Made = TypeVar("Made")
TABLE_FIELDS = ("table", "id", "title", "year", "tags", "n_rows", "mean_target")


class ArrayFile(Mapping[str, NDArray[Any]]):
    """The arrays of a safetensors file by name, each read when it is asked for.

    The file is checked against its sha256 first: at once if `verify_now`, else when the first array is asked for.
    """

    def __init__(self, path: Path, sha256: str, *, verify_now: bool = True) -> None:
        self.path, self.verify = path, cache(partial(verify, path, sha256))  # a failure is not remembered
        if verify_now:
            self.verify()
        elif not path.is_file():
            raise missing(path)
        with self._open() as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
            self.dtypes = {name: part.get_dtype() for name, part in slices.items()}

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """Open the file; RunError if that fails."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="numpy") as file:
                yield file
        except (OSError, SafetensorError) as error:
            raise damaged(self.path, str(error)) from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.shapes:
            raise KeyError(name)
        self.verify()
        with self._open() as file:
            array: NDArray[Any] = file.get_tensor(name)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise damaged(self.path, f"{name} holds a number that is not finite")
        return array

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def missing(path: Path) -> RunError:
    """Return the error for a missing file."""
    return RunError(f"{path} is missing", TRAIN_AGAIN)


def damaged(path: Path, what: str) -> RunError:
    """Return the error for a file that is not as it was written."""
    return RunError(f"{path} is damaged: {what}", TRAIN_AGAIN)


def verify(path: Path, sha256: str) -> None:
    """Raise RunError if a file is missing, or its content does not have this sha256."""
    if not path.is_file():
        raise missing(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
    if digest != sha256:
        raise damaged(path, "its sha256 is not the one in run.json")


def write(run: Run, folder: Path) -> None:
    """Write all files of a run into a folder and sync them; run.json, with the sha256 of the others, is the last."""
    hashes: dict[str, str] = {}
    for name, parts in _contents(run):
        digest = hashlib.sha256()
        write_synced(folder / name, hashed(parts, digest))
        hashes[name] = digest.hexdigest()
    about = {
        "schema_version": SCHEMA_VERSION,
        "created": run.created,
        "command": run.command,
        "data": asdict(run.data),
        "link": run.link,
        "y_range": run.y_range,
        "training": asdict(run.training) | {"config": run.training.settings},
        "files": hashes,
    }
    write_synced(folder / "run.json", [_sealed(about)])


def replace_items(run: Run, folder: Path) -> None:
    """Write the titles, years and tags of a run's items, and the noun for one, into its folder; OSError if that fails.

    Whenever the process is killed, the run can be read: before items.csv is replaced, run.json states the old and the
    new sha256 of it, afterwards the new one.
    """
    name, parts = next(_contents(run))
    content = b"".join(parts)
    about = read_json(folder / "run.json")
    old, new = sha256_of(folder, about), {name: hashlib.sha256(content).hexdigest()}
    about = {key: value for key, value in about.items() if key not in ("files", REPLACED, "sha256")}
    about["data"] = asdict(run.data)
    versions = {
        "both.json": _sealed(about | {"files": old, REPLACED: new}),
        name: content,
        "run.json": _sealed(about | {"files": old | new}),
    }
    with scratch_folder(folder) as scratch:
        for file, version in versions.items():
            write_synced(scratch / file, [version])
        for file in versions:
            (scratch / file).replace(folder / file.replace("both", "run"))
            sync_folder(folder)


def sha256_of(folder: Path, about: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of each file that run.json states; of a file that was being replaced, the one that it has."""
    stated = dict(about["files"])
    for name, sha256 in about.get(REPLACED, {}).items():
        with suppress(RunError):
            verify(folder / name, sha256)
            stated[name] = sha256
    return stated


def _sealed(about: Mapping[str, Any]) -> bytes:
    """Return run.json with the sha256 of itself."""
    return (json.dumps({**about, "sha256": seal(about)}, indent=2, allow_nan=False) + "\n").encode()


def hashed(parts: Iterable[Part], digest: Any) -> Iterator[Part]:
    """Yield parts, each after it was added to a digest."""
    for part in parts:
        digest.update(part)
        yield part


def _contents(run: Run) -> Iterator[tuple[str, Iterable[Part]]]:
    """Yield (name, content in parts) of every file of a run but run.json."""
    items = _described(run.items, run.item_stats, run.items.columns.values())
    yield "items.csv", [separated([(*ITEM_FIELDS, *run.items.columns), *items]).encode()]
    users = zip(run.users.ids, *_as_text(run.user_stats), *run.users.columns.values(), strict=True)
    yield "users.csv", [separated([(*USER_FIELDS, *run.users.columns), *users]).encode()]
    if run.tables:
        labels = ((name, *row) for name, table in run.tables.items() for row in _described(table.labels, table.stats))
        yield "tables.csv", [separated([TABLE_FIELDS, *labels]).encode()]
    yield "model.safetensors", safetensors(run.arrays)
    if run.rows is not None:
        yield "rows.safetensors", safetensors(_rows(run.rows, run.heldout))


def safetensors(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> Iterator[Part]:
    """Yield the parts of a safetensors file: the bytes that the library makes, which copies all arrays for them."""
    arrays, kinds = dict(arrays), list(TYPES)  # read once
    names = sorted(arrays, key=lambda name: (kinds.index(arrays[name].dtype.name), name))
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name in names:
        array, begin = arrays[name], end
        end += array.nbytes
        header[name] = {"dtype": TYPES[array.dtype.name], "shape": array.shape, "data_offsets": (begin, end)}
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    yield len(head).to_bytes(8, "little") + head
    for name in names:
        flat = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), order="C", copy=False).reshape(-1)
        yield flat.view(np.uint8).data


def seal(about: Mapping[str, Any]) -> str:
    """Return the sha256 in run.json of itself: of all other values, keys sorted, as compact JSON."""
    rest = {key: value for key, value in about.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _rows(rows: TrainingRows, heldout: HeldOutRows | None) -> dict[str, NDArray[Any]]:
    """Return the columns of rows.safetensors; at most 256 different ratings are written as codes of `levels`."""
    columns: dict[str, NDArray[Any]] = {}
    for prefix, part in (("", rows), ("test_", heldout)):
        for column in () if part is None else fields(part):
            kind = np.int32 if column.name in ("user", "item") else np.float32
            if (values := getattr(part, column.name)) is not None:
                columns[prefix + column.name] = np.asarray(values, dtype=kind)
    levels = _levels([columns[name] for name in ("value", "test_value") if name in columns])
    if levels is not None:
        columns |= {name: _codes(levels, columns[name]) for name in ("value", "test_value") if name in columns}
        columns["levels"] = levels
    return columns


def _levels(columns: Iterable[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """Return the different values of columns, ascending; None if there are more than 256."""
    levels = np.zeros(0, dtype=np.float32)
    for column in columns:
        for begin in range(0, len(column), BLOCK):
            levels = np.union1d(levels, column[begin : begin + BLOCK])
            if len(levels) > 256:
                return None
    return levels


def _codes(levels: NDArray[np.float32], column: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the positions of values in their levels."""
    codes = np.empty(len(column), dtype=np.uint8)
    for begin in range(0, len(column), BLOCK):  # the positions are of 64 bits before they are codes
        codes[begin : begin + BLOCK] = np.searchsorted(levels, column[begin : begin + BLOCK])
    return codes


def read_rows(
    path: Path, sha256: str | None, n_users: int, n_items: int
) -> tuple[TrainingRows | None, HeldOutRows | None]:
    """Return the training and the held-out rows; None if not kept. Lengths are checked now, values when read."""
    if sha256 is None:
        return None, None
    arrays, sizes = ArrayFile(path, sha256, verify_now=False), {"user": n_users, "item": n_items}
    is_tested = any(name.startswith("test_") for name in arrays)
    return _StoredRows(arrays, "", sizes), _StoredHeldOut(arrays, "test_", sizes) if is_tested else None


class _Stored:
    """Rows in a file, each column read when it is asked for; RunError if it is not as it was written."""

    def __init__(self: Any, arrays: ArrayFile, prefix: str, sizes: Mapping[str, int]) -> None:
        wanted = {column.name: 1 + (column.name == "predictions") for column in fields(self)}
        for name in OPTIONAL:
            if prefix + name not in arrays.shapes:
                wanted.pop(name, None)
        shapes = [arrays.shapes.get(prefix + name, ()) for name in wanted]
        if len({shape[-1:] for shape in shapes}) != 1 or [len(shape) for shape in shapes] != list(wanted.values()):
            raise damaged(arrays.path, f"{', '.join(prefix + name for name in wanted)} are not columns of one length")
        for name, value in (("_arrays", arrays), ("_prefix", prefix), ("_sizes", sizes)):
            object.__setattr__(self, name, value)

    def __getattr__(self: Any, name: str) -> Any:
        if name not in {column.name for column in fields(self)}:
            raise AttributeError(name)
        arrays: ArrayFile = self._arrays
        if name in OPTIONAL and self._prefix + name not in arrays.shapes:
            return None
        column = arrays[self._prefix + name]
        kind, size = ("int32", self._sizes[name]) if name in self._sizes else ("float32", None)
        levels = arrays["levels"] if name == "value" and "levels" in arrays.shapes else None
        if levels is not None:
            kind, size = "uint8", len(levels)
        if column.dtype.name != kind or (
            size is not None and len(column) and not 0 <= column.min() <= column.max() < size
        ):
            raise damaged(arrays.path, f"{self._prefix + name} holds an invalid {name}")
        return column if levels is None else levels[column].astype(np.float32)


class _StoredRows(_Stored, TrainingRows):
    pass


class _StoredHeldOut(_Stored, HeldOutRows):
    pass


def check_storable(users: Users, items: Items) -> None:
    """Raise DataError, with the value, if an id, a title, a tag or a column cannot be written and read back."""
    for own, table in ((ITEM_FIELDS, items), (USER_FIELDS, users)):
        if taken := [name for name in table.columns if name in own]:
            raise DataError(f"a column is named {taken[0]!r}, as one of a run's own", "give the column another name")
    check_texts(users, items)


def _as_text(stats: ItemStats) -> tuple[list[str], list[str]]:
    means = ["" if mean != mean else repr(mean) for mean in stats.mean_rating.tolist()]  # NaN is not itself
    return list(map(str, stats.n_ratings.tolist())), means


def _described(items: Items, stats: ItemStats, columns: Iterable[Sequence[str]] = ()) -> Iterator[tuple[str, ...]]:
    """Yield a row for each item, or label: id, title, year, tags, n, mean, then the further columns."""
    years = ["" if year is None else str(year) for year in items.years]
    tags = ["|".join(names) for names in items.tags]
    return zip(items.ids, items.titles, years, tags, *_as_text(stats), *columns, strict=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read run.json; RunError if it is missing, damaged, changed, or of another schema version."""
    if not path.is_file():
        raise missing(path)
    try:
        about = json.loads(read_small(path), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, f"cut short or not JSON: {shorten(str(error), 200)}") from error
    version = about.get("schema_version") if isinstance(about, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise damaged(path, "it has no schema_version")
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{path} has schema version {shorten(str(version))}, this embedcli reads {SCHEMA_VERSION}",
            "update embedcli: pip install --upgrade embedcli",
        )
    if version < SCHEMA_VERSION:
        raise RunError(
            f"{path} has schema version {version}, of an older embedcli; this one reads {SCHEMA_VERSION}", TRAIN_AGAIN
        )
    if about.get("sha256") != seal(about):
        raise damaged(path, "it was changed after the training: its sha256 is not the one it states")
    return dict(about)


def read_small(path: Path) -> str:
    """Return the text of a file such as run.json; ValueError if it is larger than any such file."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    return content.decode()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def decoded(kind: Any, value: Any) -> Any:
    """Return a value of run.json as a type: records, lists and pairs of them, or None. Other keys of a record are left.

    KeyError for a missing key without a default, ValueError for a pair of another length.
    """
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        return None if value is None else decoded(get_args(kind)[0], value)
    if is_dataclass(kind):
        types = get_type_hints(kind)
        required = (field.name for field in fields(kind) if field.default is field.default_factory is MISSING)
        names = {*required, *(types.keys() & value.keys())}
        return kind(**{name: decoded(types[name], value[name]) for name in names})  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(decoded(own, item) for own, item in zip(get_args(kind), value, strict=True))
    if get_origin(kind) is Sequence:
        return [decoded(get_args(kind)[0], item) for item in value]
    return value


def read_labels(
    folder: Path, sha256: Mapping[str, str]
) -> tuple[tuple[Items, ItemStats], tuple[Users, ItemStats], dict[str, EmbeddingTable]]:
    """Read items.csv, users.csv and, if the run has it, tables.csv."""
    items = _read_csv(folder / "items.csv", sha256, ITEM_FIELDS, _items)
    users = _read_csv(folder / "users.csv", sha256, USER_FIELDS, _users)
    tables = _read_csv(folder / "tables.csv", sha256, TABLE_FIELDS, _tables) if "tables.csv" in sha256 else {}
    return items, users, tables


def _tables(own: list[Column], others: Mapping[str, Column]) -> dict[str, EmbeddingTable]:
    names, *described = own
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    columns = {name: [tuple(column[row] for row in here) for column in described] for name, here in rows.items()}
    return {name: EmbeddingTable(*_items(own_columns, {})) for name, own_columns in columns.items()}


def _items(own: list[Column], others: Mapping[str, Column]) -> tuple[Items, ItemStats]:
    """Make items of the columns id, title, year, tags, n and mean; ValueError for an invalid number."""
    ids, titles, years, tags, n, means = own
    numbers = tuple(_converted(lambda year: int(year) if year else None, years))
    names_of = tuple(_converted(lambda names: tuple(names.split("|")) if names else (), tags))
    return Items(ids, titles, numbers, names_of, others), _stats(n, means)


def _converted(convert: Callable[[str], Made], column: Column) -> Iterator[Made]:
    """Yield the texts of a column converted; a text that repeats is converted once."""
    values = {text: convert(text) for text in set(column)}
    return map(values.__getitem__, column)


def _users(own: list[Column], others: Mapping[str, Column]) -> tuple[Users, ItemStats]:
    return Users(own[0], others), _stats(*own[1:])


def _stats(n_ratings: Column, means: Column) -> ItemStats:
    numbers, floats = _converted(int, n_ratings), _converted(lambda mean: float(mean or "nan"), means)
    n = len(means)
    return ItemStats(np.fromiter(numbers, dtype=np.int64, count=n), np.fromiter(floats, dtype=np.float64, count=n))


def _read_csv(
    path: Path, sha256: Mapping[str, str], own: Column, make: Callable[[list[Column], Mapping[str, Column]], Made]
) -> Made:
    """Return what `make` makes of the run's own columns, which come first, and of the others."""
    verify(path, sha256[path.name])
    try:
        rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
        header = next(rows, [])
        if tuple(header[: len(own)]) != own:
            raise ValueError(f"its columns begin with {', '.join(header[: len(own)])}")
        # a list for each row would be kept, and looked at again and again by the garbage collector
        texts = list(chain.from_iterable(_of_length(rows, len(header))))
        columns = [tuple(texts[index :: len(header)]) for index in range(len(header))]
        return make(columns[: len(own)], dict(zip(header[len(own) :], columns[len(own) :], strict=True)))
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path, f"cut short or not the table it was: {error}") from error


def _of_length(rows: Iterable[list[str]], n: int) -> Iterator[list[str]]:
    """Yield rows of n fields; ValueError for another row."""
    for row in rows:
        if len(row) != n:
            raise ValueError(f"a row has {len(row)} columns, not {n}")
        yield row

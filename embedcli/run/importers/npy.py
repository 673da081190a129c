"""NumPy's arrays: one in a .npy, or several by name in a .npz, as implicit and embedcli write it. No pickle is read."""

from __future__ import annotations

import math
import zipfile
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.sources import UNREADABLE, damaged, open_zip
from embedcli.data.text import shorten
from embedcli.errors import DataError
from embedcli.run.importers.vectors import Part, check_growth, one_line, refused

MAGIC = b"\x93NUMPY"
ENDING = ".npy"
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# raised for a header that is not one: NumPy parses it as a literal
INVALID = (*UNREADABLE, SyntaxError, TypeError, KeyError, RecursionError, MemoryError, OverflowError)


def read_npy(path: Path) -> dict[str, Part]:
    """Return the one array of a .npy, named after the file."""
    with path.open("rb") as file:
        shape, dtype = _header(file, path.stat().st_size, str(path))
    return {path.stem: Part(shape, dtype.kind, partial(_read_file, path))}


def _read_file(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        return _array(file, path.stat().st_size, str(path))


def read_npz(path: Path) -> dict[str, Part]:
    """Return the arrays of a .npz by name; each is decompressed when it is read."""
    where, parts, size = str(path), dict[str, Part](), path.stat().st_size
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            members = archive.infolist()
            for member in members:
                _check_name(member.filename, where)
            check_growth(where, sum(member.file_size for member in members), size)
            for member in members:
                name = member.filename.removesuffix(ENDING)
                if name in parts:
                    raise refused(where, f"two arrays are named {shorten(name)!r}", "save it again with numpy.savez")
                parts[name] = _member(archive, member, path)
    except DataError:
        raise
    except UNREADABLE as error:
        raise damaged(where, error) from error
    return parts


def _check_name(name: str, where: str) -> None:
    """Raise DataError for the name of a file that is not the name of an array, such as one that leaves the folder."""
    if not name.endswith(ENDING) or ".." in name.split("/") or name.startswith("/") or "\\" in name:
        raise refused(
            where, f"it holds {shorten(name)!r}, which is not the name of an array", "save it with numpy.savez"
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Part:
    with archive.open(member) as file:
        shape, dtype = _header(file, member.file_size, f"{path}, {member.filename}")
    return Part(shape, dtype.kind, partial(_read_member, path, member.filename))


def _read_member(path: Path, name: str) -> NDArray[Any]:
    where = f"{path}, {name}"
    try:
        with path.open("rb") as raw, open_zip(raw) as archive, archive.open(name) as file:
            return _array(file, archive.getinfo(name).file_size, where)
    except UNREADABLE as error:
        raise damaged(where, error) from error


def _header(file: IO[bytes], size: int, where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of an array in `size` bytes; DataError if it claims more numbers than these hold, or fewer."""
    shape, _, dtype, begin = _parsed(file, where)
    claimed = begin + math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (claimed != size or not dtype.itemsize):
        raise refused(
            where, f"its header claims {shorten(str(shape))} {dtype}, {claimed:,} bytes of {size:,}", "save it again"
        )
    return shape, dtype


def _parsed(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return (shape, whether columns come first, data type, position of the first number) of an array."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"version {version} of the format is not read")
        shape, by_columns, dtype = HEADERS[version](file)
        if dtype.names is not None or dtype.subdtype is not None:
            raise ValueError(f"it is a table of {shorten(str(dtype))}, not an array of numbers")
        if not all(0 <= n < 1 << 48 for n in shape):
            raise ValueError(f"the shape is {shorten(str(shape))}")
        return shape, by_columns, dtype, file.tell()
    except INVALID as error:
        raise refused(where, f"not an array of NumPy: {one_line(error)}", "save it with numpy.save") from error


def _array(file: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """Read an array whose header was checked; DataError for objects, which only a pickle holds."""
    shape, by_columns, dtype, begin = _parsed(file, where)
    if dtype.hasobject:
        raise refused(
            where,
            "an array of Python objects, which only pickle reads: it may run any program",
            "save numbers as float32 and ids as texts: array.astype(str)",
        )
    flat: NDArray[Any] = np.frombuffer(file.read(size - begin), dtype)
    return flat.reshape(shape, order="F" if by_columns else "C")

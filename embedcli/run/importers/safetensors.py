"""safetensors: arrays by name behind a header of JSON, with texts beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.data.text import shorten
from embedcli.run.importers.vectors import Part, one_line, refused

MOST_HEADER = 1 << 26  # bytes: the ids of millions of rows
SAVE = "save it with safetensors.numpy.save_file, in float32"


def read_safetensors(path: Path) -> dict[str, Part]:
    """Return the arrays of a safetensors file, and the lists of its metadata that are JSON, such as `item_ids`.

    The library checks the header: every array lies in the file, and no two overlap.
    """
    where = str(path)
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
    if n_header > min(MOST_HEADER, path.stat().st_size - 8):
        raise refused(where, f"its header claims {n_header:,} bytes", SAVE)
    parts = dict[str, Part]()
    with _opened(path) as file:
        for name in file.keys():  # noqa: SIM118
            part = file.get_slice(name)
            kind = {"F": "f", "I": "i", "U": "u"}.get(part.get_dtype()[0], "V")
            parts[name] = Part(tuple(part.get_shape()), kind, partial(_read, path, name, part.get_dtype()))
        metadata = file.metadata() or {}
    return {**_texts(metadata), **parts}


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, framework="numpy")
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise refused(str(path), f"not valid safetensors: {one_line(error)}", SAVE) from error


def _read(path: Path, name: str, dtype: str) -> NDArray[Any]:
    with _opened(path) as file:
        try:
            array: NDArray[Any] = file.get_tensor(name)
        except Exception as error:  # the library raises many kinds for a type that NumPy lacks, such as BF16
            raise refused(str(path), f"{shorten(name)} is of {dtype}, which NumPy lacks", SAVE) from error
    return array


def _texts(metadata: Mapping[str, str]) -> dict[str, Part]:
    """Return the values of the metadata that are JSON: texts, numbers and lists of either, null for not a number."""
    parts = dict[str, Part]()
    for name, text in metadata.items():
        try:
            value: Any = json.loads(text)
            if isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                parts[name] = Part(() if isinstance(value, str) else (len(value),), "U", partial(_same, value))
            elif isinstance(value, int | float | list):
                numbers = np.array(value, dtype=np.float64)
                parts[name] = Part(numbers.shape, "f", partial(_same, numbers))
        except (ValueError, TypeError, OverflowError, RecursionError):
            continue  # a plain text, such as the name of a program
    return parts


def _same(value: Any) -> Any:
    return value

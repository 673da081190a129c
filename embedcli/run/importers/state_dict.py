"""The state_dict of a PyTorch model: tensors by the names of its layers, read by `torch.load` with weights_only."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from embedcli.data.sources import UNREADABLE, damaged, open_zip
from embedcli.data.text import shorten
from embedcli.errors import DataError
from embedcli.run.importers.vectors import Part, one_line, refused

NESTED = ("model", "state_dict", "model_state_dict")  # keys of a checkpoint that holds more than the model
HINT = "save the weights alone: torch.save(model.state_dict(), FILE)"
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")  # in what torch says that it refuses
PICKLE = "data.pkl"  # in the zip that torch.save writes


def is_state_dict(names: list[str]) -> bool:
    """Tell whether a zip with these members was written by `torch.save`."""
    return any(name.endswith(f"/{PICKLE}") for name in names)


def read_state_dict(path: Path) -> dict[str, Part]:
    """Return the tensors of a state_dict by name; of its pickle only tensors and plain values are made.

    Raises DataError for any other object, and for a file that claims more numbers than it has.
    """
    import torch

    where = str(path)
    _check_zip(path)
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file torch raises nearly any kind
        made = GLOBAL.search(str(error))
        what = f"its pickle would make {made[1]}, which is not a tensor" if made else f"not read: {one_line(error)}"
        raise refused(where, what, HINT) from error
    if not isinstance(loaded, Mapping):
        raise refused(where, f"a {type(loaded).__name__}, not a state_dict", HINT)
    inner = next((loaded[key] for key in NESTED if isinstance(loaded.get(key), Mapping)), loaded)
    tensors = {str(name): value for name, value in inner.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise refused(where, "there is no tensor", HINT)
    return {name: _part(name, tensor, where) for name, tensor in tensors.items()}


def _check_zip(path: Path) -> None:
    """Raise DataError if a member is compressed, as torch.save never does, or has a name that leaves the zip."""
    where = str(path)
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            members = archive.infolist()
    except UNREADABLE as error:
        raise damaged(where, error) from error
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or ".." in member.filename.split("/"):
            raise refused(where, f"{shorten(member.filename)!r} is not as torch.save writes it", HINT)
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise refused(where, "its members claim more bytes than it has", HINT)


def _part(name: str, tensor: Any, where: str) -> Part:
    """Return a tensor as an array; DataError if it has more numbers than its storage: it would grow when copied."""
    import torch

    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return Part(tuple(tensor.shape), "V", partial(_refuse, name, where))
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise refused(where, f"{shorten(name)} claims the shape {tuple(tensor.shape)}, which its storage lacks", HINT)
    kind = "f" if tensor.is_floating_point() else "V" if tensor.is_complex() or tensor.dtype is torch.bool else "i"
    return Part(tuple(tensor.shape), kind, partial(_array, tensor))


def _array(tensor: Any) -> Any:
    plain = tensor.detach()
    return (plain.float() if plain.is_floating_point() else plain).numpy()


def _refuse(name: str, where: str) -> Any:
    raise DataError(f"{where}: {name} is sparse or quantized", "save it as a dense tensor of float32")

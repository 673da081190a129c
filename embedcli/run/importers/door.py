"""The one door to vectors of other programs: recognises a file by its content, and reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from embedcli.data.foreign import BYTES, TAR
from embedcli.data.sources import UNREADABLE, damaged, open_zip
from embedcli.errors import DataError, UsageError
from embedcli.run.importers.vectors import Vectors, refused

HEAD = 1 << 12  # bytes that a format is recognised by
PICKLE = re.compile(rb"\x80[\x02-\x05]")
PICKLED = (
    "its arrays can be saved without pickle in a few lines: docs/usage.md, section Import, has those for LensKit, "
    "Surprise, RecBole, gensim and fastai"
)
FORMATS = "text of GloVe or word2vec, word2vec binary, a pair of .tsv, .npy, .npz, Parquet, safetensors, a state_dict"


def read_vectors(path: Path, arrays: Mapping[str, str]) -> Vectors:
    """Read vectors from a file in whatever format it is; `arrays` says which of its arrays has a role, by its name.

    Raises UsageError if there is no such file, DataError if it is not read.
    """
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", "check the path")
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not a file"
        raise refused(str(path), f"{what}, not vectors", "give a file of vectors")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        return _read(path, head, arrays)
    except DataError:
        raise
    except (*UNREADABLE, MemoryError) as error:
        raise damaged(str(path), error) from error


def _read(path: Path, head: bytes, arrays: Mapping[str, str]) -> Vectors:
    from embedcli.run.importers import named, npy, safetensors, text

    where = str(path)
    if not head.strip():
        raise refused(where, "the file is empty", f"give {FORMATS}")
    if head.startswith(npy.MAGIC):
        return named.vectors_of(npy.read_npy(path), arrays, where, "a NumPy array")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _read_zip(path, arrays)
    if head[8:9] == b"{":
        return named.vectors_of(safetensors.read_safetensors(path), arrays, where, "safetensors", is_model=True)
    if PICKLE.match(head):
        raise refused(where, "a pickle of Python, which may run any program when it is opened", PICKLED)
    foreign = next((about for magic, about in BYTES.items() if head.startswith(magic)), None)
    if foreign or head[TAR] == b"ustar":
        raise refused(where, f"this is {foreign[0] if foreign else 'a tar archive'}, not vectors", f"give {FORMATS}")
    return text.read_text(path)


def _read_zip(path: Path, arrays: Mapping[str, str]) -> Vectors:
    """Read a zip: an archive of NumPy or a state_dict of PyTorch."""
    from embedcli.run.importers import named, npy

    try:
        with path.open("rb") as file, open_zip(file) as archive:
            names = archive.namelist()
    except UNREADABLE as error:
        raise damaged(str(path), error) from error
    if names and all(name.endswith(npy.ENDING) for name in names):
        return named.vectors_of(npy.read_npz(path), arrays, str(path), "a NumPy archive")
    raise refused(str(path), f"a zip of {', '.join(names[:3]) or 'no file'}, not vectors", f"give {FORMATS}")

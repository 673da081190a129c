"""The one door to vectors of other programs: recognises a file by its content, and reads it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedcli.data.foreign import BYTES, TAR
from embedcli.data.formats.item_table import ItemFile
from embedcli.data.sources import UNREADABLE, damaged, open_zip
from embedcli.data.text import shorten
from embedcli.errors import DataError, UsageError
from embedcli.run.importers.vectors import Vectors, refused

IN_FOLDERS = ("model.safetensors", "vectors.tsv")
HEAD = 1 << 12  # bytes that a format is recognised by
PICKLE = re.compile(rb"\x80[\x02-\x05]")
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that older files of PyTorch begin with
PICKLED = (
    "its arrays can be saved without pickle in a few lines: docs/usage.md, section Import, has those for LensKit, "
    "Surprise, RecBole, gensim and fastai"
)
FORMATS = "text of GloVe or word2vec, word2vec binary, a pair of .tsv, .npy, .npz, Parquet, safetensors, a state_dict"


@dataclass(frozen=True)
class Found:
    """The vectors of a file, and the table that describes their rows, if there is one.

    `table` is a table that was read, or the file itself, of which the columns `without` are not of the items.
    """

    vectors: Vectors
    table: ItemFile | Path | None = None
    without: frozenset[str] = frozenset()


def read_vectors(path: Path, arrays: Mapping[str, str]) -> Found:
    """Read vectors from a file in whatever format it is; `arrays` says which of its arrays has a role, by its name.

    Raises UsageError if there is no such file, DataError if it is not read.
    """
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", "check the path")
    path = _in_folder(path) if path.is_dir() else path
    if not path.is_file():
        raise refused(str(path), "not a file", "give a file of vectors")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        return _read(path, head, arrays)
    except DataError:
        raise
    except (*UNREADABLE, MemoryError) as error:
        raise damaged(str(path), error) from error


def _in_folder(folder: Path) -> Path:
    """Return the vectors in a folder that embedcli or the projector wrote; DataError if there are none."""
    if (folder / "run.json").exists():
        raise refused(str(folder), "this is a run already", f"look into it with `run` {shlex.quote(str(folder))}")
    found = [folder / name for name in IN_FOLDERS if (folder / name).is_file() and not (folder / name).is_symlink()]
    if len(found) != 1:
        raise refused(
            str(folder), f"a folder with {len(found)} of {' and '.join(IN_FOLDERS)}", "give a file of vectors"
        )
    return found[0]


def _read(path: Path, head: bytes, arrays: Mapping[str, str]) -> Found:
    from embedcli.run.importers import named, npy, projector, safetensors, tables, text, word2vec

    where = str(path)
    if not head.strip():
        raise refused(where, "the file is empty", f"give {FORMATS}")
    if head.startswith(npy.MAGIC):
        return Found(named.vectors_of(npy.read_npy(path), arrays, where, "a NumPy array"))
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _read_zip(path, arrays)
    if head.startswith(b"PAR1"):
        vectors, others = tables.read_parquet(path, arrays)
        return Found(vectors, path, others)
    if head[8:9] == b"{":
        parts = safetensors.read_safetensors(path)
        return Found(named.vectors_of(parts, arrays, where, "safetensors", is_model=True))
    if head.startswith(LEGACY):
        raise refused(where, "a file of PyTorch before 1.6", "load it with weights_only=True, and save it again")
    if PICKLE.match(head):
        raise refused(where, "a pickle of Python, which may run any program when it is opened", PICKLED)
    foreign = next((about for magic, about in BYTES.items() if head.startswith(magic)), None)
    if foreign or head[TAR] == b"ustar":
        raise refused(where, f"this is {foreign[0] if foreign else 'a tar archive'}, not vectors", f"give {FORMATS}")
    if word2vec.is_binary(head):
        return Found(word2vec.read_binary(path))
    if projector.is_projector(head):
        return Found(*projector.read_projector(path))
    if (wide := tables.wide_columns(head)) is not None:
        return Found(tables.read_wide(path, *wide), path, frozenset(wide[1]))
    return Found(text.read_text(path))


def _read_zip(path: Path, arrays: Mapping[str, str]) -> Found:
    """Read a zip: an archive of NumPy or a state_dict of PyTorch."""
    from embedcli.run.importers import named, npy, state_dict

    try:
        with path.open("rb") as file, open_zip(file) as archive:
            names = archive.namelist()
    except UNREADABLE as error:
        raise damaged(str(path), error) from error
    if state_dict.is_state_dict(names):
        parts = state_dict.read_state_dict(path)
        return Found(named.vectors_of(parts, arrays, str(path), "a state_dict of PyTorch", is_model=True))
    if names and all(name.endswith(npy.ENDING) for name in names):
        return Found(named.vectors_of(npy.read_npz(path), arrays, str(path), "a NumPy archive"))
    shown = shorten(", ".join(names[:3]), 100) or "no file"
    raise refused(str(path), f"a zip of {shown}, not vectors", f"give {FORMATS}, not in a zip")

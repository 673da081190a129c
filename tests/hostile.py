"""Files that pretend to be vectors: each lies about its size, would run code, or holds what no model can."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

HUGE = 10**12
BOMB = 36 << 20  # bytes, of zeros: more than any file may decompress to
GOOD = np.arange(12, dtype=np.float32).reshape(4, 3)
IDS = np.array(["a", "b", "c", "d"])
SENTINEL = "code-was-run"  # the file that hostile code would make


class RunsCode:
    """An object whose pickle runs a command."""

    def __reduce__(self) -> Any:
        return os.system, (f"touch {SENTINEL}",)


def npy(array: Any, **more: Any) -> bytes:
    """Return an array as NumPy saves it."""
    file = io.BytesIO()
    np.save(file, array, **more)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    """Return arrays as NumPy saves them together."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    """Return a .npy with this header."""
    raw = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + data


def described(shape: str, dtype: str = "<f4") -> str:
    """Return the text of a header of NumPy."""
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def safetensors(table: Any, data: bytes = b"\0" * 48) -> bytes:
    """Return a safetensors file with this header."""
    raw = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def tensor(shape: list[int], begin: int, end: int) -> dict[str, Any]:
    """Return the entry of an array in such a header."""
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


def saved(value: Any, **more: Any) -> bytes:
    """Return what torch.save writes."""
    file = io.BytesIO()
    torch.save(value, file, **more)
    return file.getvalue()


def parquet(**columns: Any) -> bytes:
    """Return a Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def broken(content: bytes) -> bytes:
    """Return content with other bytes in its middle."""
    middle = len(content) // 3
    return content[:middle] + b"\xff" * 9 + content[middle + 9 :]


@cache
def files() -> dict[str, bytes]:
    """Return the content of each hostile file by its name."""
    nan, inf = GOOD.copy(), GOOD.copy()
    nan[1, 1], inf[2, 0] = np.nan, np.inf
    word = b"word " + GOOD[0].tobytes()
    lines = b"a 1 2 3\nb 4 5 6\n"
    good = {"item_factors": GOOD, "item_ids": IDS}
    return {
        # NumPy
        "claims.npy": header(described(f"({HUGE}, 3)"), GOOD.tobytes()),
        "claims-in-three.npy": header(described(f"({HUGE}, {HUGE}, {HUGE})"), GOOD.tobytes()),
        "negative.npy": header(described("(-1, 3)"), GOOD.tobytes()),
        "code-in-header.npy": header(f"__import__('os').system('touch {SENTINEL}')", GOOD.tobytes()),
        "long-header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{",
        "deep-header.npy": header("(" * 9_000 + ")" * 9_000),
        "objects.npy": npy(np.array([[RunsCode()], [RunsCode()]], dtype=object), allow_pickle=True),
        "cut.npy": npy(GOOD)[:-5],
        "longer.npy": npy(GOOD) + b"more",
        "empty-array.npy": npy(np.zeros((0, 5), np.float32)),
        "no-dimension.npy": npy(np.zeros((5, 0), np.float32)),
        "one-axis.npy": npy(np.zeros(5, np.float32)),
        "four-axes.npy": npy(np.zeros((1, 2, 3, 4), np.float32)),
        "records.npy": npy(np.zeros(3, [("a", "f4"), ("b", "f4")])),
        "words.npy": npy(np.array([["a", "b"], ["c", "d"]])),
        "nan.npy": npy(nan),
        "inf.npy": npy(inf),
        "too-large.npy": npy(np.full((3, 2), 1e300)),
        "bomb.npz": zipped({"vectors.npy": npy(np.zeros(BOMB // 4, np.float32).reshape(-1, 4))}, zipfile.ZIP_DEFLATED),
        "claims.npz": zipped({"vectors.npy": header(described(f"({HUGE}, 3)"), GOOD.tobytes())}),
        "objects.npz": npz(item_factors=GOOD, item_ids=np.array([RunsCode()] * 4, dtype=object)),
        "leaves.npz": zipped({"../../vectors.npy": npy(GOOD)}),
        "twice.npz": zipped({"vectors.npy": npy(GOOD), "vectorz.npy": npy(GOOD)}).replace(b"vectorz", b"vectors"),
        "broken.npz": broken(npz(**good)),
        "few-ids.npz": npz(item_factors=GOOD, item_ids=IDS[:3]),
        "same-ids.npz": npz(item_factors=GOOD, item_ids=np.array(["a", "b", "a", "d"])),
        "empty-id.npz": npz(item_factors=GOOD, item_ids=np.array(["a", "", "c", "d"])),
        "control-id.npz": npz(item_factors=GOOD, item_ids=np.array(["a", "b\x1b[31m", "c", "d"])),
        "other-factors.npz": npz(**good, user_factors=np.zeros((5, 2), np.float32)),
        "other-items.npz": npz(**good, item_bias=np.zeros(3, np.float32)),
        "other-members.npz": npz(**good, user_factors=np.zeros((2, 5, 3), np.float32)),
        "two.npz": npz(first=GOOD, second=GOOD),
        "link.npz": npz(**good, link=f"__import__('os').system('touch {SENTINEL}')"),
        "range.npz": npz(**good, link="sigmoid", y_range=np.array([5.5, 0.0])),
        "counts.npz": npz(**good, item_n_ratings=np.array([1.0, -2.0, 3.0, 4.0])),
        # safetensors
        "overlap.safetensors": safetensors({"a": tensor([4, 3], 0, 48), "b": tensor([4, 3], 0, 48)}),
        "beyond.safetensors": safetensors({"a": tensor([40, 3], 0, 480)}),
        "claims.safetensors": safetensors({"a": tensor([HUGE, 3], 0, 48)}),
        "long-header.safetensors": struct.pack("<Q", 1 << 60) + b"{" + b" " * 100,
        "deep-header.safetensors": safetensors(b'{"a":' + b"[" * 100_000),
        "no-json.safetensors": safetensors(b"{what}"),
        "nan.safetensors": safetensors({"a": tensor([4, 3], 0, 48)}, nan.tobytes()),
        # PyTorch
        "system.pt": zipped({"x/data.pkl": pickle.dumps(RunsCode(), protocol=2), "x/version": b"3\n"}),
        "object.pt": saved({"weight": RunsCode()}),
        "stretched.pt": saved({"item_factors": torch.zeros(1).expand(10**6, 10**6)}),
        "no-tensor.pt": saved({"epoch": 3}),
        "list.pt": saved([1, 2]),
        "cut.pt": saved({"weight": torch.ones(4, 3)})[:-40],
        "broken.pt": broken(saved({"weight": torch.ones(400, 3)})),
        "bomb.pt": zipped({"x/data.pkl": b"\0" * BOMB, "x/data/0": b"\0" * BOMB}, zipfile.ZIP_DEFLATED),
        "legacy.pt": saved({"weight": torch.ones(4, 3)}, _use_new_zipfile_serialization=False),
        "model.pkl": pickle.dumps({"model": RunsCode()}),
        # word2vec and text
        "claims.bin": f"{HUGE} 300\n".encode() + word,
        "cut.bin": b"2 3\n" + word + b"\n" + word[:-2],
        "endless-word.bin": b"2 3\n" + b"\xff" * 5_000,
        "nan.bin": b"1 3\nword " + nan[1].tobytes(),
        "more.bin": b"1 3\n" + word + b"\n" + word,
        "claims.txt": f"{HUGE} 3\n".encode() + lines,
        "fewer.txt": b"3 3\n" + lines,
        "nothing.txt": b"0 3\n",
        "mixed.txt": lines + b"c 7 8\n",
        "no-number.txt": lines + b"c 7 8 nine\n",
        "nan.txt": lines + b"c 7 nan 9\n",
        "same-words.txt": lines + b"a 7 8 9\n",
        "control-word.txt": lines + b"c\x1b]0; 7 8 9\n",
        "prose.txt": b"Once upon a time\nthere was a film\n",
        "endless-line.txt": b"a" + b" 1" * (1 << 20),
        "bomb.txt.gz": gzip.compress(b"a 1 2 3\n" + b"\0" * BOMB),
        "mixed.tsv": b"1\t2\n3\t4\t5\n",
        "missing.csv": b"id,factor_1,factor_2\na,1,2\nb,,3\n",
        "same-ids.csv": b"id,factor_1,factor_2\na,1,2\na,2,3\n",
        # Parquet
        "bomb.parquet": parquet(id=["a"], vector=pa.array([np.zeros(BOMB // 4, np.float32)])),
        "ragged.parquet": parquet(id=["a", "b"], vector=[[1.0, 2.0], [3.0]]),
        "missing.parquet": parquet(id=["a", "b"], vector=[[1.0, 2.0], None]),
        "no-vector.parquet": parquet(id=["a", "b"], value=[1.0, 2.0]),
        "same-ids.parquet": parquet(id=["a", "a"], vector=[[1.0, 2.0], [3.0, 4.0]]),
        "cut.parquet": parquet(id=["a", "b"], vector=[[1.0, 2.0], [3.0, 4.0]])[:-30],
        # others
        "empty.txt": b"",
        "model.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        "report.pdf": b"%PDF-1.7\n",
        "office.zip": zipped({"[Content_Types].xml": b"<Types/>"}),
    }


def write_all(folder: Path) -> list[Path]:
    """Write the hostile files, and what is not a file; return their paths."""
    folder.mkdir()
    contents = files()
    paths = [folder / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    labels = folder / "labels"
    labels.mkdir()
    (labels / "vectors.tsv").write_text("1\t2\n3\t4\n")
    (labels / "metadata.tsv").write_text("only one\n")
    others: dict[str, Callable[[Path], None]] = {
        "loop": lambda path: path.symlink_to(path),
        "zero": lambda path: path.symlink_to("/dev/zero"),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
    }
    for name, make in others.items():
        make(folder / name)
    return [*paths, labels / "vectors.tsv", *(folder / name for name in others)]

"""Formats that are not read: how a file of each begins, what it is called, and what to do with it."""

import re
from collections.abc import Sequence

from embedcli.data.text import shorten
from embedcli.errors import DataError

AS_CSV = "save the table as CSV and give that file"
_IN_PYTHON = "load it in Python and save the table with pandas as CSV or Parquet"
_IN_R = "load it in R and save the table with write.csv"
_UNPACK = "unpack it, and give the file of ratings"
BYTES = {  # first bytes: what the file is, and what to do
    b"%PDF": ("a PDF", AS_CSV),
    b"\xd0\xcf\x11\xe0": ("an old Excel file", AS_CSV),
    b"\x89PNG": ("a picture", AS_CSV),
    b"\xff\xd8\xff": ("a picture", AS_CSV),
    b"GIF8": ("a picture", AS_CSV),
    b"RIFF": ("a sound or a picture", AS_CSV),
    b"BZh": ("compressed by bzip2", "decompress it with bunzip2, and give the decompressed file"),
    b"\xfd7zXZ\0": ("compressed by xz", "decompress it with unxz, and give the decompressed file"),
    b"\x04\x22\x4d\x18": ("compressed by lz4", "decompress it with unlz4, and give the decompressed file"),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", _UNPACK),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"\x93NUMPY": ("a NumPy array", _IN_PYTHON),
    b"\x89HDF": ("an HDF5 file", _IN_PYTHON),
    b"ARROW1": ("an Arrow or Feather file", _IN_PYTHON),
    b"FEA1": ("a Feather file", _IN_PYTHON),
    b"ORC": ("an ORC file", "save it as Parquet or CSV, and give that file"),
    b"Obj\x01": ("an Avro file", "save it as Parquet or CSV, and give that file"),
    b"MATLAB": ("a MATLAB file", "load it with scipy.io.loadmat and save the table as CSV"),
    b"RDX": ("an R data file", _IN_R),
    b"X\n\0\0\0": ("an R data file", _IN_R),
}
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95.{8}|[c}\]()X\x8c])", re.DOTALL)
_TEXT = (  # how text begins, without blanks and in lower case: what the file is, and what to do
    (r"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"),
    (r"<(!doctype html|html|head|body)", "a web page", "open it in a browser, and download the file itself"),
    (r"<\?xml|<[a-z]+[ >]", "an XML or HTML file", AS_CSV),
    (
        r"-- (mysql|mariadb|phpmyadmin|postgresql|adminer|dump)|pragma foreign_keys|(create|drop) table|insert into"
        r"|set (names|sql_mode)|/\*!\d+|begin transaction",
        "an SQL dump",
        "load it into its database and export the table of ratings as CSV",
    ),
    (r"@relation", "an ARFF file of Weka", "leave out the lines that begin with @, and give the names in one line"),
    (r"%%matrixmarket", "a Matrix Market file", "load it with scipy.io.mmread and save the entries as CSV"),
    (r"\+-[-+]+\+\n", "a table drawn with lines", "export it as CSV"),
    (r"[a-z_][\w.]*(\[.*\])? ?= ?[\[{(]", "a program, or data written as one", _IN_PYTHON),
    (
        r"\[\s*\[|\[[^\[\]{}]*\],?\n\[",
        "a JSON array of arrays, without names",
        "give JSON objects with the names of their values, or a CSV file",
    ),
    (r"\{\\rtf", "an RTF document", AS_CSV),
    (
        r"\d+:\n\d+(,\d[\d.]*)?(,\d{4}-\d\d-\d\d)?\n",
        "in the blocks of the Netflix prize: a line with a film, then a line per user",
        "write the film into each line: user,item,rating,time",
    ),
    (
        r"\S+([ \t]+(\d+:)?\d+:[-+.\de]+){2,}[ \t]*(#.*)?\n",
        "in the sparse format of LibSVM or libFM",
        "write the user, the item and the rating of each line as three columns",
    ),
    (
        r"[\w/]+: .*\n[\w/]+: .*\n[\w/]+: ",
        "in blocks of name: value lines",
        "write each block as one row, with a column per name",
    ),
)
_BEGINNINGS = tuple((re.compile(start), what, hint) for start, what, hint in _TEXT)
TAR = slice(257, 262)  # where a tar archive says what it is


def check_bytes(head: bytes, name: str) -> None:
    """Raise DataError for a file that is not a table, by its first bytes."""
    found = next((about for magic, about in BYTES.items() if head.startswith(magic)), None)
    if head[TAR] == b"ustar":
        found = "a tar archive", "unpack it with tar -xf, and give the file of ratings"
    elif _PICKLE.match(head):
        found = "a pickle of Python, which may run any program when it is opened", _IN_PYTHON
    if found is not None:
        raise DataError(f"{name}: this is {found[0]}, not a table of ratings", found[1])


def check_text(lines: Sequence[str], name: str) -> None:
    """Raise DataError for text that is not a table, by its first lines."""
    filled = [line.strip() for line in lines if line.strip()][:5]
    start = "\n".join(line for line in filled if not re.match(r"%(?!%)", line)).casefold() + "\n"
    for beginning, what, hint in _BEGINNINGS:
        if beginning.match(start):
            raise DataError(f"{name}, line 1: this is {what}: {shorten(filled[0])!r}", hint)


def check_members(names: Sequence[str], name: str) -> None:
    """Raise DataError for a zip that is a file of another kind, by the names in it."""
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise DataError(f"{name}: this is an Excel or Office file", AS_CSV)
    if names and all(member.endswith(".npy") for member in names):
        raise DataError(f"{name}: this is a NumPy archive (npz), not a table of ratings", _IN_PYTHON)

"""The files of a data set, in a folder or in a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from embedcli.data import loading
from embedcli.data.files import open_files
from embedcli.errors import DataError, UsageError


def zipped(path: Path, *names: str) -> Path:
    """Write a zip whose members hold their own names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def test_bare_names(tmp_path: Path) -> None:
    """In a folder and in a zip, files are found by their bare names; sub-folders are not looked into."""
    folder = tmp_path / "set"
    (folder / "deeper").mkdir(parents=True)
    (folder / "u.data").write_text("set/u.data")
    (folder / "deeper" / "u.item").write_text("no")
    archive = zipped(tmp_path / "set.zip", "set/u.data", "set/deeper/u.item")
    for path in (folder, archive):
        files = open_files(path, ("u.data",))
        assert set(files.names) == {"u.data"}
        assert files.read("u.data") == b"set/u.data"
        assert files.where("u.data") == str(path / files.names["u.data"])


def test_the_shallowest_folder_is_chosen(tmp_path: Path) -> None:
    """What a Mac adds to a zip, and copies further down, are not taken for the data set."""
    names = ("old/backup/u.data", "__MACOSX/set/._u.data", "set/u.data", "set/u.item", "readme.txt")
    files = open_files(zipped(tmp_path / "set.zip", *names), ("u.data",))
    assert files.names == {"u.data": "set/u.data", "u.item": "set/u.item"}


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is named, with the folder or zip it should be in."""
    path = zipped(tmp_path / "set.zip", "set/u.data")
    with pytest.raises(DataError, match=r"set\.zip: there is no u\.item"):
        loading.load(path)


def test_nothing_there() -> None:
    """A path at which there is nothing is wrong usage."""
    with pytest.raises(UsageError, match="there is no data set at 'nowhere'"):
        loading.load("nowhere")


@pytest.mark.parametrize("names", [(), ("links.csv", "movies.csv")])
def test_files_of_something_else(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A zip and a folder that hold no data set are refused with what they hold."""
    folder = tmp_path / "other"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    with pytest.raises(DataError, match="links.csv, movies.csv" if names else "none at all"):
        loading.load(folder)
    with pytest.raises(DataError, match="it is not clear which of its files has the ratings"):
        loading.load(zipped(tmp_path / "other.zip", *names))


@pytest.mark.parametrize("keep", [0, 10, -30])
def test_a_zip_cut_short(tmp_path: Path, keep: int) -> None:
    """A file that is no zip, or no longer one, is refused."""
    path = zipped(tmp_path / "set.zip", "set/u.data", "set/u.item")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"set\.zip: not a readable zip"):
        loading.load(path)


@pytest.mark.parametrize(
    ("at", "byte", "complaint"),
    [
        (6, 200, "zip file version 20.0"),
        (8, 1, "password required"),
        (10, 77, "compression method is not supported"),
        (16, 0, "Bad CRC-32"),
    ],
)
def test_a_damaged_zip(tmp_path: Path, at: int, byte: int, complaint: str) -> None:
    """A damaged byte in the directory of a zip is answered with a complaint about the zip."""
    path = zipped(tmp_path / "set.zip", "u.data")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + at] = byte
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"set\.zip.*{complaint}"):
        open_files(path, ("u.data",)).read("u.data")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A zip that says its names are UTF-8 where they are not is refused like any damaged one."""
    path = zipped(tmp_path / "set.zip", "é/u.data")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(DataError, match=r"set\.zip: not a readable zip"):
        open_files(path, ("u.data",))


def test_a_run_is_not_taken_for_its_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run called ml-100k in the current folder does not hide the data set of that name; a copy of it does."""
    monkeypatch.setattr(loading, "fetch", lambda entry, **listeners: (Path(f"cached {entry.name}"), ""))
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "run.json").touch()
    with pytest.raises(UsageError, match="there is no data set at 'cached ml-100k'"):
        loading.load("ml-100k")
    (folder / "u.data").touch()
    with pytest.raises(DataError, match=r"ml-100k: there is no u\.item"):
        loading.load("ml-100k")


@pytest.mark.parametrize(("name", "label"), [("set.zip", "set"), (".set.zip", "set"), ("my set (1).zip", "my set (1)")])
def test_labels(tmp_path: Path, name: str, label: str) -> None:
    """A data set is named after its zip, without the dot that would hide its runs."""
    assert open_files(zipped(tmp_path / name, "u.data"), ("u.data",)).label == label

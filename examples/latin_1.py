"""Read text in the right encoding: UnicodeDecodeError, then encoding="latin-1".

    python examples/latin_1.py                 a made file of three films
    python examples/latin_1.py --data FOLDER   u.item, from the folder of MovieLens 100K

A file holds bytes: numbers from 0 to 255. An encoding says which bytes stand for which letter. All encodings here agree
on the English letters, digits and signs (ASCII, the bytes up to 127). They do not agree on é:

- latin-1 has one byte for every letter, 256 letters in all. É is 201, é is 233. It has no Greek, no Chinese.
- UTF-8 has one byte for ASCII, and two to four for everything else. é is 195, 169. It has every letter there is, and
  it is what Python expects.

MovieLens 100K is from 1998, and its titles are in latin-1. So the first try to read them fails. That is good luck: the
other mistake, UTF-8 read as latin-1, never fails, and nobody notices until the titles look strange.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from made_data import file_in, run_script

from embedcli.errors import UsageError

MADE = "1|Café Society (1995)|01-Jan-1995\n2|Plain Film (1996)|01-Jan-1996\n3|Señora Noël (1997)|01-Jan-1997\n"


# %% 1. One letter in two encodings
def letters() -> None:
    """Print the bytes of a word in both encodings."""
    for encoding in ("latin-1", "utf-8"):
        content = "café".encode(encoding)
        print(f"'café' in {encoding:8}{len(content)} bytes: {' '.join(str(byte) for byte in content)}")


# %% 2. The first try fails
def first_try(path: Path) -> str:
    """Read a file as UTF-8, print the error, and return what the error says."""
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        content = path.read_bytes()
        line = content.count(b"\n", 0, error.start) + 1
        around = content[content.rfind(b"\n", 0, error.start) + 1 : content.find(b"\n", error.start)]
        print(f"\nopen({path.name!r}, encoding='utf-8').read()\nUnicodeDecodeError: {error}")
        print(f"Line {line} has that byte: {around[:60]!r}")
        print(f"{content[error.start]} says in UTF-8 that more bytes of one letter follow, and they do not.")
        return str(error)
    raise UsageError(f"{path} is valid UTF-8, so there is no error to show", "give --data MovieLens 100K's own files")


# %% 3. The second try
def second_try(path: Path) -> list[str]:
    """Read a table with | between its columns as latin-1 -> the titles that are not ASCII; print them."""
    text = path.read_text(encoding="latin-1")
    titles = [row[1] for row in csv.reader(io.StringIO(text), delimiter="|", quoting=csv.QUOTE_NONE)]
    other = [title for title in titles if not title.isascii()]
    print(f"\nopen({path.name!r}, encoding='latin-1').read()")
    print(f"{len(titles):,} titles, {len(other)} of them with letters that are not ASCII:")
    for title in other:
        print(f"  {title}")
    print("With pandas: pandas.read_csv('u.item', sep='|', header=None, encoding='latin-1')")
    return other


# %% 4. The mistake that nobody sees
def silent_mistake() -> str:
    """Read UTF-8 as latin-1 -> the strange title that comes out; print it."""
    strange = "Café Society (1995)".encode().decode("latin-1")
    print(f"\nThe other way round, UTF-8 read as latin-1, there is no error: {strange}")
    print("Every byte is a letter of latin-1. So try UTF-8 first, and latin-1 only if that fails.")
    print("embedcli does this, and says in a note which encoding it took.")
    return strange


# %% Run it
def main(data: str | None = None) -> dict[str, object]:
    """Go through all parts -> the error's words, the titles that are not ASCII, and the strange title."""
    letters()
    with tempfile.TemporaryDirectory() as folder:
        path = file_in(data, "u.item") if data is not None else Path(folder) / "u.item"
        if data is None:
            path.write_text(MADE, encoding="latin-1")
        return {"error": first_try(path), "titles": second_try(path), "strange": silent_mistake()}


if __name__ == "__main__":
    run_script(main, __doc__, small=False, data="the folder with MovieLens 100K's u.item")

# %% Try this
# - In a Python prompt, type "é".encode("latin-1").decode("utf-8"), then "é".encode("utf-8").decode("latin-1").
# - Read the file with encoding="utf-8", errors="replace". What became of é, and can it be found again?
# - Type "Ω".encode("latin-1"). Why is there an error now?
#
# Questions
# 1. How many bytes has "naïve" in latin-1, and how many in UTF-8?
# 2. Why can a file of English titles only be read in both encodings, with the same result?
# 3. You see the title "CafÃ©". Which encoding does the file have, and which was it read in?

"""Text that a terminal can be given: nothing in it that the terminal would obey, and nothing that hides."""

import sys
import unicodedata

from embedcli.progress import end

FILLERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters that look like none
DRAWN, IN_ASCII = "\u2500\u2576\u2574\u25cf\u2588\u258f\u00b7\u2190\u2192\u2026", "---o#|.<>."  # of tables and maps
UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, bidi and zero-width, surrogates, separators of lines and paragraphs


def plain(text: str) -> str:
    """Return a line of text with blanks for blanks, and U+FFFD for what a terminal would obey or not show."""
    if text.isascii() and text.isprintable():
        return text
    unsafe = {letter for letter in text if letter in FILLERS or unicodedata.category(letter) in UNSAFE}
    return text.translate({ord(letter): " " if letter.isspace() else "\ufffd" for letter in unsafe})


def plain_lines(text: str) -> str:
    """Return lines of text, each as `plain` returns it; tabs stay."""
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))


def drawable(text: str, encoding: str) -> str:
    """Return text with ASCII for what is drawn, if an encoding lacks one of those letters."""
    try:
        DRAWN.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(str.maketrans(DRAWN, IN_ASCII))
    return text


def print_out(text: str) -> None:
    """Print a value for a script to take as it is, or for a person to read if stdout is a terminal."""
    if sys.stdout is not None:
        end()
        print(plain_lines(text) if sys.stdout.isatty() else text)

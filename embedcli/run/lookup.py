"""Look-up of an item as people ask for it: by id or by title, nearly as they remember it."""

import difflib
import re
import shlex
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from embedcli.data.text import id_text
from embedcli.errors import UsageError
from embedcli.run.record import Run

Reading = Callable[[str], str]
Name = str | float | np.generic  # a title or an id, which is a number in many data frames
ARTICLES = ("the", "a", "an", "la", "le", "les", "il", "el", "der", "die", "das", "l'")
MOST_SHOWN = 5  # titles in a hint
MOST_COMPARED = 50_000  # titles, the most rated, whose spelling is compared


class Row(int):
    """The row number of an item, as `find` returns it; a plain number is an id, since ids are often numbers."""


def find(run: Run, asked: Name) -> Row:
    """Return the row of the item that is asked for by its id or title.

    The order is: an exact id, an exact title, the title in any case, without its year, with its article moved ("The
    Godfather" finds "Godfather, The (1972)"), and the same without accents. A prefix 'id:' or 'title:' says which one
    it is. The search of the pages follows the same rule (render/pages/templates/search.js). Raises UsageError, with
    what to ask for, if no item fits, if several do, and if the words are the id of one item and the title of another.
    """
    asked = id_text(asked)
    by_id, by_title = _id_row(run, asked), _title_rows(run, asked)
    if by_id is not None and any(row != by_id for row in by_title):
        id_title, title_id = run.items.titles[by_id], run.items.ids[by_title[0]]
        raise UsageError(
            f"{asked!r} is the id of {id_title!r} and the title of the {run.data.noun} with the id {title_id!r}",
            f"ask for {shlex.quote(f'id:{asked}')} or {shlex.quote(f'title:{asked}')}",
        )
    if by_id is not None:
        return Row(by_id)
    if len(by_title) == 1:
        return Row(by_title[0])
    noun = run.data.noun
    if by_title:
        by_their_id = (f"{shlex.quote(f'id:{run.items.ids[row]}')} is {run.items.titles[row]!r}" for row in by_title)
        raise UsageError(f"{asked!r} is the title of {len(by_title)} {noun}s", f"ask by id: {_listed(by_their_id)}")
    near = _listed(map(shlex.quote, closest(run, asked)))
    hint = f"did you mean {near}?" if near else f"embedcli biases lists {noun}s with their ids"
    raise UsageError(f"run {run.name!r} has no {noun} {asked!r}", hint)


def find_all(run: Run, asked: Iterable[str]) -> list[int]:
    """Return the rows of many items; -1 for an item that is not there, and for a title that several have.

    The order is that of `find`; an id that is also the title of another item is the id.
    """
    ids = {name: row for row, name in enumerate(run.items.ids)}

    @cache
    def rows_by(*readings: Reading) -> Mapping[str, list[int]]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(run.items.titles):
            for reading in readings:
                title = reading(title)
            rows[title].append(row)
        return dict(rows)

    def row_of(text: str) -> int:
        row = ids.get(text, ids.get(text.removeprefix("id:")))
        if row is not None or text.startswith("id:"):
            return -1 if row is None else row
        title = text.removeprefix("title:")
        rows = rows_by().get(title) or _fitting(title, lambda meant, *readings: rows_by(*readings).get(meant, []))
        return rows[0] if len(rows) == 1 else -1

    return list(map(row_of, asked))


def closest(run: Run, asked: str, n: int = MOST_SHOWN) -> list[str]:
    """Return the titles that hold all words asked for, the most rated first, else those spelled most alike."""
    asked = re.sub("^(id|title):", "", asked)
    wanted, titles, n_ratings = _words(asked, _without_accents), run.items.titles, run.item_stats.n_ratings
    plain = [_without_accents(title) for title in titles]
    rows = _rows_with(wanted, plain) if wanted else []
    rows = [row for row in rows if wanted <= _words(titles[row], _without_accents)]
    rows.sort(key=lambda row: -n_ratings[row])
    if not rows:
        most_rated = np.sort(np.argsort(-n_ratings, kind="stable")[:MOST_COMPARED]).tolist()
        plain = [_without_year(titles[row].casefold()) for row in most_rated]
        alike = difflib.get_close_matches(_without_year(asked.casefold()), plain, n, cutoff=0.6)
        rows = [most_rated[plain.index(title)] for title in alike]
    return list(dict.fromkeys(titles[row] for row in rows))[:n]


def _id_row(run: Run, asked: str) -> int | None:
    if asked.startswith("title:"):
        return None
    ids = run.items.ids
    return next((ids.index(name) for name in (asked, asked.removeprefix("id:")) if name in ids), None)


def _title_rows(run: Run, asked: str) -> list[int]:
    """Return the rows of the titles that fit the words by the first reading that any title fits."""
    if asked.startswith("id:"):
        return []
    asked = asked.removeprefix("title:")
    titles = run.items.titles
    if rows := [row for row, title in enumerate(titles) if title == asked]:
        return rows

    @cache
    def candidates(fold: Reading) -> dict[int, str]:  # no reading drops another word than a year
        folded = [fold(title) for title in titles]
        return {row: folded[row] for row in _rows_with(_words(_without_year(fold(asked)), fold), folded)}

    def rows_of(meant: str, fold: Reading, reading: Reading) -> list[int]:
        return [row for row, title in candidates(fold).items() if reading(title) == meant]

    return _fitting(asked, rows_of)


def _fitting(asked: str, rows_of: Callable[..., list[int]]) -> list[int]:
    """Return the rows of the first reading of the words that has any.

    `rows_of(meant, fold, reading)` are those of the titles that are `meant` if folded and read in this way.
    """
    for fold in (_folded, _without_accents):
        wanted = fold(asked)
        has_year = _without_year(wanted) != wanted
        for reading in (str, _without_year, _article_first, _plainest):
            if has_year and reading is _without_year:
                continue  # whoever gives a year means it
            meant = reading(wanted)
            if rows := rows_of(meant, fold, reading):
                return [] if has_year and _without_year(meant) == meant else rows
    return []


def _rows_with(words: Collection[str], folded: Sequence[str]) -> list[int]:
    """Return the rows of the texts that contain the longest word, ignoring case; all rows if no word is given."""
    longest = max(words, key=len, default="")
    return [row for row, text in enumerate(folded) if longest in text]


def _folded(title: str) -> str:
    return title.casefold().strip()


def _without_year(title: str) -> str:
    return re.sub(r"\s*\(\d{4}\)\s*$", "", title)


def _article_first(title: str) -> str:
    """Return 'the godfather (1972)' for 'godfather, the (1972)'; another title stays as it is."""
    bare = _without_year(title)
    head, comma, article = bare.rpartition(", ")
    if comma and article in ARTICLES:
        return f"{article}{'' if article.endswith(chr(39)) else ' '}{head}{title[len(bare) :]}"
    return title


def _plainest(title: str) -> str:
    return _article_first(_without_year(title))


def _without_accents(title: str) -> str:
    """Return the folded title with plain letters: 'amelie' for 'Amélie'."""
    folded = _folded(title)
    if folded.isascii():
        return folded
    letters = unicodedata.normalize("NFKD", folded)
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def _words(title: str, fold: Reading) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", fold(title)))


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:MOST_SHOWN]) + (" ..." if len(shown) > MOST_SHOWN else "")

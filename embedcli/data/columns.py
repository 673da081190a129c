"""Which column of a table is what, found from the first rows of the file."""

from __future__ import annotations

import codecs
import csv
import io
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from embedcli.data.read_options import ReadOptions
from embedcli.data.sources import HEAD, Note
from embedcli.data.text import not_text, shorten
from embedcli.errors import DataError, UsageError

SEPARATORS = ("\t", "::", ";", "|", ",")
ROLES = ("user", "item", "rating", "time")
TOLD = ("title", "tags")  # roles of further columns, which tell of the items
USER = """user userid uid username reviewerid reviewer customerid customer memberid member profileid visitorid
    accountid personid raterid listenerid userkey usersha1 readerid playerid studentid clientid subscriberid u"""
NOUNS = {
    "film": "movieid movie filmid film movietitle imdbid tmdbid",
    "book": "bookid isbn isbn13 book",
    "track": "trackid track songid song",
    "artist": "artistid artist artistname",
    "anime": "animeid anime malid",
    "game": "gameid game appid boardgame",
    "product": "productid parentasin asin product sku",
    "place": "businessid business placeid restaurantid venueid",
    "recipe": "recipeid recipe",
    "joke": "jokeid joke",
    "article": "articleid article newsid",
    "item": "itemid item iid contentid objectid i",
}
RATING = """rating ratings score stars star overall bookrating userrating userscore reviewscore reviewrating
    reviewoverall ratingscore starrating vote grade ratingvalue myrating r"""
COUNT = "playcount plays playcounts listens listencount count clicks views purchases quantity playtime hours weight"
TIME = "timestamp time date datetime unixreviewtime reviewtime ratingtimestamp ratingdate createdat ratedat ts unixtime"
TITLES = (
    "title name booktitle movietitle originaltitle trackname trackname songname productname productname englishname"
)
TAGS = "genres genre tags tag categories category maincategory listedin topics"
WORDS = {
    "user": USER.split(),
    "item": [word for words in NOUNS.values() for word in words.split()],
    "rating": RATING.split(),
    "time": TIME.split(),
    "title": TITLES.split(),
    "tags": TAGS.split(),
}
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])")  # as seconds, all such numbers lie in August 1970
HEAD_LINES = 200
PLACES = {2: ROLES[:2], 3: ROLES[:3], 4: ROLES}  # of the roles in a table without a header


@dataclass(frozen=True)
class Layout:
    """How the lines of a table are to be read.

    `places` says in which column, from 0 on, each role stands; `header` holds the names of the columns, None where
    the first line is data already; `counts` names a column that counts instead of rating; `time_form` is how times
    are written: "number" (since 1970, in the unit that `times.unit_of` finds) or "iso", with the year first.
    """

    separator: str
    n_columns: int
    places: dict[str, int]
    header: tuple[str, ...] | None = None
    quotes: bool = True
    counts: str | None = None
    time_form: str = "number"
    notes: tuple[str, ...] = field(default=(), compare=False)

    def name(self, role: str) -> str:
        """Name the column of a role for a message."""
        place = self.places[role]
        return f"`{self.header[place]}`" if self.header else f"column {place + 1}"

    @property
    def noun(self) -> str:
        """Say what one item is called, going by the name of its column."""
        return noun_of(self.header[self.places["item"]]) if self.header else "item"

    @property
    def described(self) -> str:
        """Say which column was taken for what."""
        return ", ".join(f"{role} = {self.name(role)}" for role in (*ROLES, *TOLD) if role in self.places)

    def without(self, roles: Iterable[str]) -> Layout:
        """Return the layout without these roles."""
        left_out = set(roles)
        return replace(self, places={role: place for role, place in self.places.items() if role not in left_out})


def noun_of(name: str) -> str:
    """Say what one item is called, going by the name of the column of their ids."""
    return next((noun for noun, words in NOUNS.items() if plain(name) in words.split()), "item")


def find(lines: Sequence[str], options: ReadOptions, where: str) -> Layout:
    """Find the layout of a table from its first lines.

    Raises DataError where the lines are no table of ratings, UsageError for a column that is not there.
    """
    if not lines:
        raise DataError(f"{where}: the file is empty", "give a table with a user, an item and a rating in each row")
    separator = separator_of(lines, where) if options.sep is None else _given(options.sep)
    quotes = len(separator) == 1 and any('"' in line for line in lines)
    rows = split_rows(lines, separator, quotes, where)
    first, rest = rows[0], rows[1:]
    n_columns = len(first)
    header = tuple(first) if _is_header(first, rest, options) else None
    if header is not None and not rest:
        raise DataError(f"{where}, line 1: nothing follows the header", "give a table with ratings in it")
    places, notes = _places(header, n_columns, options, where)
    sample = [row for row in (rest if header else rows) if len(row) == n_columns]
    return _layout(
        separator, header, n_columns, places, notes, lambda at: time_form([row[at] for row in sample]), quotes
    )


def _layout(
    separator: str,
    header: tuple[str, ...] | None,
    n_columns: int,
    places: dict[str, int],
    notes: tuple[str, ...],
    form_of: Callable[[int], str | None],
    quotes: bool = False,
) -> Layout:
    """Complete a layout; `form_of` says how the times in a column are written, going by its first rows."""
    counts = None
    if "rating" not in places and header is not None:
        counts = next((name for name in header if plain(name) in COUNT.split()), None)
    form = form_of(places["time"]) if "time" in places else "number"
    if form is None:
        at = places.pop("time")
        name = header[at] if header else f"column {at + 1}"
        notes = (*notes, f"the times in `{name}` are neither numbers nor ISO dates: left out")
    return Layout(separator, n_columns, places, header, quotes, counts, form or "number", notes)


def find_named(names: Sequence[str], form_of: Callable[[int], str | None], options: ReadOptions, where: str) -> Layout:
    """Find the layout of a table whose columns have names of their own; `form_of` as for `_layout`."""
    places, notes = _places(tuple(names), len(names), options, where)
    return _layout(",", tuple(names), len(names), places, notes, form_of)


def first_lines(head: bytes, encoding: str, where: str) -> list[str]:
    """Return the first whole lines of a file, from its first bytes."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeError as error:
        raise not_text(error, encoding, where) from error
    lines = io.StringIO(text, newline=None).read().split("\n")
    if len(head) == HEAD:
        lines.pop()
        if not lines:
            raise DataError(
                f"{where}, line 1: the line does not end within {HEAD:,} bytes: {text[:40]!r}",
                "give a file with one row per line, or its encoding with --encoding",
            )
    return [line for line in lines if line.strip()][:HEAD_LINES]


def split_rows(lines: Sequence[str], separator: str, quotes: bool, where: str) -> list[list[str]]:
    """Split lines into fields; fields may be quoted if the separator is a single letter."""
    if not quotes:
        return [line.split(separator) for line in lines]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == ",")
    try:
        return list(reader)
    except csv.Error as error:  # a field that is too long
        raise DataError(
            f"{where}, line {reader.line_num:,}: {error}", "close the quotation mark that is open there"
        ) from error


def _given(separator: str) -> str:
    """Return a separator as it was typed, `\\t` and "tab" being one; UsageError for what cannot separate."""
    found = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
    if not found or set(found) & set('"\r\n'):
        raise UsageError(f"--sep {separator!r} cannot stand between columns", "give one such as ';', '|', '::' or tab")
    return found


def separator_of(lines: Sequence[str], where: str) -> str:
    """Return the separator that cuts the first lines into equally many columns, most of all."""
    shown = lines[:50] or [""]
    best, most = "", 1
    for separator in SEPARATORS:
        n_columns = [
            len(row) for row in split_rows(shown, separator, len(separator) == 1 and '"' in "".join(shown), where)
        ]
        first = n_columns[0]
        if first > most and n_columns.count(first) >= len(n_columns) / 2:
            best, most = separator, first
    if not best:
        raise DataError(
            f"{where}, line 1: these are not columns of a table: {shown[0][:60]!r}",
            "give a file whose columns are separated by commas, tabs, ; | or ::, or name the separator with --sep",
        )
    return best


def _is_header(first: list[str], rest: list[list[str]], options: ReadOptions) -> bool:
    """Tell whether the first row names the columns: by words known, or by words where the others have numbers."""
    given = (options.user_col, options.item_col, options.rating_col, options.time_col)
    if any(name in first for name in given if name and not name.isdecimal()):
        return True
    if sum(any(plain(name) in words for words in WORDS.values()) for name in first) >= 2:
        return True
    later = [row for row in rest if len(row) == len(first)]
    return any(
        later and not _is_number(name) and all(_is_number(row[place]) for row in later)
        for place, name in enumerate(first)
    )


def _places(
    header: tuple[str, ...] | None, n_columns: int, options: ReadOptions, where: str
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return in which column each role stands, as given, else by the words of the header, else by their order."""
    given = dict(zip(ROLES, (options.user_col, options.item_col, options.rating_col, options.time_col), strict=True))
    places = {role: place(name, header, n_columns, role, where) for role, name in given.items() if name is not None}
    for role, at in places.items():
        if other := next((own for own in places if own != role and places[own] == at), None):
            raise UsageError(f"{where}: --{role}-col and --{other}-col name the same column", "name a column for each")
    notes = []
    if header is None:
        usual = PLACES.get(n_columns)
        if usual is None and not {"user", "item"} <= set(places):
            raise DataError(
                f"{where}, line 1: {n_columns} columns without a header: which are the user, the item and the rating?",
                "say by number, as in --user-col 1 --item-col 2 --rating-col 3",
            )
        for at, role in enumerate(usual or ()):
            if at not in places.values():
                places.setdefault(role, at)
    called = header or tuple(map(str, range(1, n_columns + 1)))
    names = [plain(name) for name in header or ()]
    for role in ROLES:
        if role in places:
            continue
        found = [
            names.index(word) for word in WORDS[role] if word in names and names.index(word) not in places.values()
        ]
        if found:
            places[role] = found[0]
        if len(set(found)) > 1:
            others = ", ".join(f"`{called[at]}`" for at in dict.fromkeys(found[1:]))
            notes.append(f"the {role} could also be {others}: choose with --{role}-col")
    for role in TOLD:
        told = next((names.index(word) for word in WORDS[role] if word in names), None)
        if told is not None and told not in places.values():
            places[role] = told
    missing = [role for role in ("user", "item") if role not in places]
    if missing:
        if not called:
            raise DataError(
                f"{where}, line 1: there are no columns", "give a table with a user and an item in each row"
            )
        raise DataError(
            f"{where}, line 1: no column is known to be the {missing[0]} among {shorten(', '.join(called), 120)}",
            f"name it with --{missing[0]}-col, as in --{missing[0]}-col {shlex.quote(shorten(called[0]))}",
        )
    return places, tuple(notes)


def place(name: str, header: Sequence[str] | None, n_columns: int, role: str, where: str) -> int:
    """Return the number, from 0 on, of a column given by name or by number from 1 on; UsageError for none."""
    if header is not None and name in header:
        return list(header).index(name)
    if header is not None and name.casefold() in (folded := [column.casefold() for column in header]):
        return folded.index(name.casefold())
    if name.isdecimal() and len(name) < 10 and 1 <= int(name) <= n_columns:
        return int(name) - 1
    there = ", ".join(header) if header else f"1 to {n_columns}, as there is no header"
    raise UsageError(f"{where} has no column {shorten(name)!r} for --{role}-col", f"the columns are: {there[:200]}")


def plain(name: str) -> str:
    """Return a column's name as the lists of words have it: `User-ID`, `user_id:token` and `userId` are one."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r":(token|float)(_seq)?$", "", name.strip().casefold()))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def time_form(values: Sequence[str]) -> str | None:
    """Return how times are written, `number` or `iso`; None if they are neither."""
    values = [value.strip() for value in values if value.strip()]
    if not values:
        return None
    if all(_is_number(value) for value in values) and not all(map(DAY.fullmatch, values)):
        return "number"
    try:
        for value in values:
            datetime.fromisoformat(value)
    except ValueError:
        return None
    return "iso"


def encoding_of(head: bytes, given: str | None, where: str, on_note: Note) -> str:
    """Return how a file is written: as given, by its byte-order mark, else UTF-8 if it is that, else latin-1."""
    if given is not None:
        try:
            codecs.getincrementaldecoder(given)
            if "1,\n".encode(given).decode(given) == "1,\n":
                return codecs.lookup(given).name
            raise LookupError
        except (LookupError, ValueError) as error:  # also for what encodes no text, such as base64
            raise UsageError(
                f"--encoding {given!r} is unknown", "give utf-8, latin-1, cp1252, utf-16 or the like"
            ) from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise DataError(
            f"{where}, line {line}: there are NUL bytes: this is no text",
            "give a table as text, or say how it is written with --encoding, such as utf-16-le",
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        on_note(f"{where}: not UTF-8, read as latin-1 (--encoding says otherwise)")
        return "cp1252" if _is_cp1252(head) else "latin-1"
    return "utf-8"


def _is_cp1252(head: bytes) -> bool:
    """Tell whether bytes hold the typographic marks that Windows puts where latin-1 has nothing."""
    try:
        head.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return any(0x80 <= byte < 0xA0 for byte in head)

"""Detection of the columns of a table: user, item, rating, time, title and tags."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from embedcli.data.read_options import ReadOptions
from embedcli.data.text import number_of, shorten
from embedcli.errors import DataError, UsageError

ROLES = ("user", "item", "rating", "time")
ITEM_ROLES = ("title", "tags")  # roles of further columns, which describe the items
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
USER = """user userid uid username reviewerid reviewer customerid customer memberid member profileid visitorid
    accountid personid raterid listenerid userkey usersha1 readerid playerid studentid clientid subscriberid u"""
RATING = """rating ratings score stars star overall bookrating userrating userscore reviewscore reviewrating
    reviewoverall ratingscore starrating vote grade ratingvalue myrating r"""
TIME = "timestamp time date datetime unixreviewtime reviewtime ratingtimestamp ratingdate createdat ratedat ts unixtime"
TITLE = "title name booktitle movietitle originaltitle trackname trackname songname productname productname englishname"
TAGS = "genres genre tags tag categories category maincategory listedin topics"
COUNT = "playcount plays playcounts listens listencount count clicks views purchases quantity playtime hours weight"
WORDS = {  # normalized column names of each role, the most certain first
    role: words.split()
    for role, words in (
        *(("user", USER), ("item", " ".join(NOUNS.values())), ("rating", RATING), ("time", TIME)),
        *(("title", TITLE), ("tags", TAGS)),
    )
}
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])")  # as seconds, all such numbers are in August 1970
PAIR = ROLES[:2]
BY_POSITION = {2: PAIR, 3: ROLES[:3], 4: ROLES}  # roles of the columns of a table without a header


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table of ratings, and how its rows are written."""

    separator: str  # of delimited text
    n_columns: int
    column_index: dict[str, int]  # by role, from 0 on
    header: tuple[str, ...] | None = None  # None if the first line is data already
    quotes: bool = True  # whether fields of delimited text may be quoted
    counts: str | None = None  # name of the column of counts, if the table has no ratings
    time_form: str = "number"  # since 1970, in the unit that `times.unit_of` detects; or "iso"
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def role_names(self) -> dict[str, str]:
        """Return the name of the column of each role, if there is a header."""
        return {role: self.header[index] for role, index in self.column_index.items()} if self.header else {}

    def name(self, role: str) -> str:
        """Name the column of a role for a message."""
        index = self.column_index[role]
        return repr(self.header[index]) if self.header else f"column {index + 1}"

    @property
    def description(self) -> str:
        """Name the column of each role."""
        return ", ".join(f"{role} = {self.name(role)}" for role in (*ROLES, *ITEM_ROLES) if role in self.column_index)

    def without(self, roles: Iterable[str]) -> TableSchema:
        """Return the schema without these roles."""
        left_out = set(roles)
        kept = {role: index for role, index in self.column_index.items() if role not in left_out}
        return replace(self, column_index=kept)


def noun_of(name: str) -> str:
    """Return the noun for one item, by the name of the column of item ids."""
    return next((noun for noun, words in NOUNS.items() if normalized(name) in words.split()), "item")


def normalized(name: str) -> str:
    """Return a column name as WORDS has it: `User-ID`, `user_id:token` and `userId` are the same."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r":(token|float)(_seq)?$", "", name.strip().casefold()))


def detect_schema(
    header: Sequence[str] | None,
    n_columns: int,
    options: ReadOptions,
    where: str,
    time_form_of: Callable[[int], str | None],
) -> TableSchema:
    """Detect the role of each column: as the options say, else by the header, else by position.

    `time_form_of` is `time_form` of a column's first values. Raises UsageError for a column that does not exist,
    DataError if the user or the item is not known.
    """
    column_index = _given_columns(header, n_columns, options, where)
    notes: list[str] = []
    if header is None:
        _add_by_position(column_index, n_columns, options, where)
    else:
        notes = _add_by_name(column_index, header, options)
    _check_complete(column_index, header, n_columns, where)
    counts = None
    if "rating" not in column_index:
        counts = next((name for name in header or () if normalized(name) in COUNT.split()), None)
    schema = TableSchema(",", n_columns, column_index, None if header is None else tuple(header), False, counts)
    if "time" in column_index:
        form = time_form_of(column_index["time"])
        if form is None:
            notes.append(f"the times in {schema.name('time')} are neither numbers nor ISO dates and are ignored")
            schema = schema.without(["time"])
        schema = replace(schema, time_form=form or "number")
    return replace(schema, notes=tuple(notes))


def _given_columns(header: Sequence[str] | None, n_columns: int, options: ReadOptions, where: str) -> dict[str, int]:
    """Return the columns that the options name, by role."""
    names = zip(ROLES, (options.user_col, options.item_col, options.rating_col, options.time_col), strict=True)
    given = {role: column_index_of(name, header, n_columns, role, where) for role, name in names if name is not None}
    for role, index in given.items():
        if other := next((other for other in given if other != role and given[other] == index), None):
            raise UsageError(f"{where}: `{role}_col` and `{other}_col` name the same column", "name a column for each")
    return given


def _add_by_position(column_index: dict[str, int], n_columns: int, options: ReadOptions, where: str) -> None:
    """Add the roles of the columns of a table without a header."""
    roles = PAIR if options.pairs_only else BY_POSITION.get(n_columns, ())
    if not roles and not {"user", "item"} <= set(column_index):
        raise DataError(
            f"{where}, line 1: {n_columns} columns without a header: which are the user, the item and the rating?",
            "give their numbers, such as `user_col` 1 `item_col` 2 `rating_col` 3",
        )
    for index, role in enumerate(roles):
        if index not in column_index.values():
            column_index.setdefault(role, index)


def _add_by_name(column_index: dict[str, int], header: Sequence[str], options: ReadOptions) -> list[str]:
    """Add the roles of columns by their names, and return notes on roles that several columns could have."""
    names, notes = [normalized(name) for name in header], []
    for role in PAIR if options.pairs_only else ROLES:
        if role in column_index:
            continue
        candidates = [names.index(word) for word in WORDS[role] if word in names]
        candidates = [index for index in dict.fromkeys(candidates) if index not in column_index.values()]
        if candidates:
            column_index[role] = candidates[0]
        if len(candidates) > 1:
            others = ", ".join(repr(header[index]) for index in candidates[1:])
            notes.append(f"the {role} could also be {others}: choose with `{role}_col`")
    for role in () if options.pairs_only else ITEM_ROLES:
        index = next((names.index(word) for word in WORDS[role] if word in names), None)
        if index is not None and index not in column_index.values():
            column_index[role] = index
    return notes


def _check_complete(column_index: dict[str, int], header: Sequence[str] | None, n_columns: int, where: str) -> None:
    """Raise DataError if the user or the item column is not known."""
    missing = next((role for role in ("user", "item") if role not in column_index), None)
    if missing is None:
        return
    names = tuple(map(str, range(1, n_columns + 1))) if header is None else header
    if not names:
        raise DataError(f"{where}, line 1: there are no columns", "give a table with a user and an item in each row")
    raise DataError(
        f"{where}, line 1: no column has a known name of the {missing}, among {shorten(', '.join(names), 120)}",
        f"name the column, such as `{missing}_col` {shlex.quote(shorten(names[0]))}",
    )


def column_index_of(name: str, header: Sequence[str] | None, n_columns: int, role: str, where: str) -> int:
    """Return the index, from 0 on, of a column given by its name or its number from 1 on; UsageError if missing."""
    names = list(header or ())
    folded = [column.casefold() for column in names]
    if name in names:
        return names.index(name)
    if name.casefold() in folded:
        return folded.index(name.casefold())
    if name.isdecimal() and len(name) < 10 and 1 <= int(name) <= n_columns:
        return int(name) - 1
    known = ", ".join(names) if header else f"1 to {n_columns}, as there is no header"
    raise UsageError(f"{where} has no column {shorten(name)!r} for `{role}_col`", f"the columns are: {known[:200]}")


def is_header(first: list[str], rest: list[list[str]], options: ReadOptions) -> bool:
    """Tell whether the first row has column names: known words, or words above columns of numbers."""
    given = (options.user_col, options.item_col, options.rating_col, options.time_col)
    if any(name in first for name in given if name and not name.isdecimal()):
        return True
    if sum(any(normalized(name) in words for words in WORDS.values()) for name in first) >= 2:
        return True
    rows = [row for row in rest if len(row) == len(first)]
    return any(
        rows and number_of(name) is None and all(number_of(row[index]) is not None for row in rows)
        for index, name in enumerate(first)
    )


def time_form(values: Iterable[str]) -> str | None:
    """Return how times are written, `number` or `iso`; None if they are neither."""
    values = [value.strip() for value in values if value.strip()]
    if not values:
        return None
    if None not in map(number_of, values) and not all(map(DAY.fullmatch, values)):
        return "number"
    try:
        for value in values:
            datetime.fromisoformat(value)
    except ValueError:
        return None
    return "iso"

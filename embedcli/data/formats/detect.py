"""Detection of the columns of a table: user, item, rating, time, title and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from embedcli.data.formats.columns import NEARLY_ALL, NUMBERED, PAIR, Columns, ValuesOf
from embedcli.data.formats.forms import MISSING, date_forms, rating_form, time_form
from embedcli.data.formats.words import BEHAVIOR, WORDS, is_id, rank
from embedcli.data.read_options import ReadOptions
from embedcli.data.text import number_of, shorten
from embedcli.errors import UsageError

ROLES = ("user", "item", "rating", "time")
ITEM_ROLES = ("title", "tags")  # roles of further columns, which describe the items
ASIN, REVIEWER = re.compile(r"(B0|\d\d)[0-9A-Z]{8}"), re.compile(r"A[0-9A-Z]{9,20}")  # ids of Amazon
SCIENTIFIC = re.compile(r"\d[.,](\d+)E\+(\d+)", re.IGNORECASE)
MOST_MISSING, FEW_MISSING = 0.1, 2  # share and number of the first times: if more are missing, none is read
RATING_FORMS = {
    "comma": "numbers with a decimal comma",
    "truth": "true and false, read as 1 and 0",
    "out-of": 'written as "4/5", of which the first number is read',
    "unit": 'written as "4 stars", of which the number is read',
    "stars": "stars, which are counted",
}


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table of ratings, and how its rows are written."""

    separator: str  # of delimited text
    n_columns: int
    column_index: dict[str, int]  # by role, from 0 on
    header: tuple[str, ...] | None = None  # None if the first line is data already
    quotes: bool = True  # whether fields of delimited text may be quoted
    counts: str | None = None  # name of the column of counts, if the table has no ratings
    rating_form: str = "number"  # how ratings are written: see `forms.rating_form`
    time_form: str = "number"  # how times are written: see `forms.time_form`
    n_before: int = 0  # lines before the header or the first row
    blanks: bool = False  # whether runs of blanks and tabs separate the columns
    tag_mark: str = ""  # what separates the tags of a field, if that is known
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


def detect_schema(
    header: Sequence[str] | None, n_columns: int, options: ReadOptions, where: str, values_of: ValuesOf
) -> TableSchema:
    """Detect the role of each column: as the options say, else by the header, else by position and values.

    `values_of` returns the first values of a column. Raises UsageError for a column that does not exist, DataError if
    the user or the item is not known, and for ratings that are words.
    """
    columns = Columns(header, n_columns, where, values_of)
    column_index = _given_columns(columns, options)
    notes: list[str] = []
    if header is None:
        _add_by_position(column_index, columns, options, notes)
    else:
        _add_by_name(column_index, columns, options, notes)
    if not {"user", "item"} <= set(column_index):
        raise columns.missing(column_index)
    schema = TableSchema(",", n_columns, column_index, None if header is None else tuple(header), False)
    schema = _with_forms(schema, columns, options, notes)
    counts = None
    if "rating" not in schema.column_index:
        counts = next((name for name in header or () if rank(name, "count") is not None), schema.counts)
    tags = schema.role_names.get("tags", "")
    return replace(schema, counts=counts, notes=tuple(notes), tag_mark=" " if tags.endswith(":token_seq") else "")


def _given_columns(columns: Columns, options: ReadOptions) -> dict[str, int]:
    """Return the columns that the options name, by role."""
    names = zip(ROLES, (options.user_col, options.item_col, options.rating_col, options.time_col), strict=True)
    given = {
        role: column_index_of(name, columns.header, columns.n, role, columns.where)
        for role, name in names
        if name is not None
    }
    for role, index in given.items():
        if other := next((other for other in given if other != role and given[other] == index), None):
            raise UsageError(
                f"{columns.where}: `{role}_col` and `{other}_col` name the same column", "name a column for each"
            )
    return given


def _add_by_position(column_index: dict[str, int], columns: Columns, options: ReadOptions, notes: list[str]) -> None:
    """Add the roles of the columns of a table without a header: user, item, rating and time, if there are no more.

    Empty columns have no role, nor has a first column that counts the rows. A column of times is known by its values.
    """
    filled = [index for index in range(columns.n) if columns.values(index) and columns.may_be_text(index)]
    if filled and not any(map(columns.is_numeric, filled)):
        first = ", ".join(repr(shorten(columns.values_of(index)[0], 20)) for index in filled[:3])
        notes.append(f"line 1 ({first}) is read as data, not as names of columns")
    free = [index for index in filled if index not in column_index.values()]
    roles = [role for role in (PAIR if options.pairs_only else ROLES) if role not in column_index]
    pair = [role for role in PAIR if role in roles]
    if len(pair) == 2 and not options.pairs_only:
        if _counts_rows(columns, free):
            notes.append("column 1 counts the rows and is not read")
            free = free[1:]
        if places := columns.coordinates(free[2:]):
            notes.append(f"not read, as they look like coordinates: {columns.shown(places)}")
            free = [index for index in free if index not in places]
        if len(free) == 5 and {*columns.values(free[2])} <= BEHAVIOR:  # Steam: the hours are not ratings
            free = free[:2]
    if options.pairs_only:
        column_index.update(zip(pair, free, strict=False))
        return
    if len(free) > len(roles):
        return
    _take_time(column_index, columns, free, n_ids=len(pair))
    numbers = [index for index in free[len(pair) :] if rating_form(columns.values(index)) is not None]
    n_further = len(free) - len(pair)
    if "rating" in roles and not numbers and (n_further > 1 or (n_further and "time" in column_index)):
        return
    if len(pair) == 2 <= len(free) and _are_of_amazon(columns, free):
        notes.append("column 1 holds products of Amazon and column 2 its reviewers: the user is column 2")
        free = [free[1], free[0], *free[2:]]
    elif len(pair) == 2 <= len(free) and _is_title_first(columns, free):
        notes.append(f"the first column holds texts: if they are items, give `user_col` {free[1] + 1} `item_col` 1")
    column_index.update(zip(pair, free, strict=False))
    free = free[len(pair) :]
    if "rating" in roles and free and (numbers or pair):
        column_index["rating"] = (numbers or free)[0]
    others = [index for index in free if index != column_index.get("rating")]
    if others and "time" in roles:
        hint = "; if these are times, name them with `time_col`" if columns.is_numeric(others[0]) else ""
        notes.append(f"not read: {columns.shown(others)}{hint}")


def _take_time(column_index: dict[str, int], columns: Columns, free: list[int], n_ids: int) -> None:
    """Move the only column of times from the free ones, of which the first `n_ids` may be ids, to the roles."""
    forms = {index: time_form(columns.values(index), is_named=False) for index in free}
    # large numbers may also be ids
    times = [index for index in free if forms[index] and (index in free[n_ids:] or not columns.is_numeric(index))]
    if not times and len(free) == 4 and forms[free[0]] and _is_first_time(columns, free):
        times = free[:1]
    if "time" not in column_index and len(times) == 1:
        column_index["time"] = times[0]
        free.remove(times[0])


def _counts_rows(columns: Columns, free: Sequence[int]) -> bool:
    """Tell whether the first column counts the rows, and others have the user, the item and perhaps the rating."""
    n_times = sum(time_form(columns.values(index), is_named=False) is not None for index in free[2:])
    return free[:1] == [0] and columns.counts_rows(0) and len(free) - n_times > len(PAIR) + 1


def _is_first_time(columns: Columns, free: Sequence[int]) -> bool:
    """Tell whether the first of four columns, large numbers, are times: nearly all differ, and the last are ratings."""
    first, n_other = columns.values(free[0]), len(set(columns.values(free[1])))
    return (
        len(first) >= NUMBERED
        and len(set(first)) >= max(NEARLY_ALL * len(first), 2 * n_other)
        and columns.may_be_rating(free[3])
    )


def _is_title_first(columns: Columns, free: Sequence[int]) -> bool:
    """Tell whether the first column holds texts of several words, and the second numbers."""
    n_long = sum(" " in value for value in columns.values(free[0]))
    return free[0] == 0 and n_long >= len(columns.values(0)) / 4 and columns.is_numeric(free[1])


def _are_of_amazon(columns: Columns, free: Sequence[int]) -> bool:
    """Tell whether the first two columns hold products and reviewers of Amazon, in this order."""
    product, reviewer = (columns.values(index) for index in free[:2])
    return all(map(ASIN.fullmatch, product)) and all(map(REVIEWER.fullmatch, reviewer))


def _add_by_name(column_index: dict[str, int], columns: Columns, options: ReadOptions, notes: list[str]) -> None:
    """Add the roles of columns by their names, and note what could be otherwise."""
    assert columns.header is not None
    candidates = dict[str, list[int]]()
    for role in PAIR if options.pairs_only else ROLES:
        if role not in column_index:
            candidates[role] = _named(columns, role, column_index)
            if candidates[role]:
                column_index[role] = candidates[role][0]
    _add_last_id(column_index, columns, notes)
    events = [index for index in range(columns.n) if {*columns.values(index)} == BEHAVIOR]
    if events and "rating" in candidates and candidates["rating"]:
        value, candidates["rating"] = columns.name(column_index.pop("rating")), []
        notes.append(f"{value!r} is not read: it holds hours of what {columns.name(events[0])!r} calls play")
    for role, indexes in candidates.items():
        others = ", ".join(repr(columns.name(index)) for index in indexes if index not in column_index.values())
        if others:
            notes.append(f"the {role} could also be {others}: choose with `{role}_col`")
    for role in () if options.pairs_only else ITEM_ROLES:
        if found := _named(columns, role, column_index):
            column_index[role] = found[0]


def _named(columns: Columns, role: str, column_index: dict[str, int]) -> list[int]:
    """Return the free columns that are named as a role, the most certain first; ratings and times must look so."""
    ranks = {index: rank(columns.name(index), role) for index in range(columns.n) if index not in column_index.values()}
    found = sorted((not columns.is_filled(index), own, index) for index, own in ranks.items() if own is not None)
    named = [index for *_, index in found]
    form = {"rating": rating_form, "time": time_form}.get(role)
    fitting = [index for index in named if form is not None and form(columns.values(index)) is not None]
    return fitting or named


def _add_last_id(column_index: dict[str, int], columns: Columns, notes: list[str]) -> None:
    """Add the missing one of user and item: the only further column that is named as ids are; or the title."""
    missing = [role for role in PAIR if role not in column_index]
    free = [index for index in range(columns.n) if index not in column_index.values()]
    ids = [index for index in free if is_id(columns.name(index)) and not columns.counts_rows(index)]
    if missing == ["user"]:
        ids = [index for index in ids if rank(columns.name(index), "item") is None]
    if missing == ["item"] and not ids:
        ids = _named(columns, "title", column_index)[:1]
    if len(missing) == 1 and len(ids) == 1:
        role = missing[0]
        column_index[role] = ids[0]
        notes.append(f"{columns.name(ids[0])!r} is taken for the {role}: name another with `{role}_col` if it is not")


def _with_forms(schema: TableSchema, columns: Columns, options: ReadOptions, notes: list[str]) -> TableSchema:
    """Return the schema with the forms of its ratings and times, and without those that cannot be read."""
    index_of = schema.column_index
    cut = {role: next(filter(_is_cut, columns.values(index_of[role])), None) for role in PAIR}
    notes += [
        f"ids in {schema.name(role)} such as {value!r} were cut by a spreadsheet: several may have become the same"
        for role, value in cut.items()
        if value is not None
    ]
    if "rating" in index_of:
        form = rating_form(columns.values(index_of["rating"]))
        if form is None and options.implicit:
            schema = schema.without(["rating"])
        elif form is None:
            schema = replace(schema, rating_form="words")
        elif form != "number":
            notes.append(f"the ratings in {schema.name('rating')} are {RATING_FORMS[form.partition(' ')[0]]}")
            schema = replace(schema, rating_form=form)
    if "time" in index_of:
        values, all_values = columns.values(index_of["time"]), columns.values_of(index_of["time"])
        form, n_missing = time_form(values), len(all_values) - len(values)
        if options.time_col is None and n_missing > max(MOST_MISSING * len(all_values), FEW_MISSING) and values:
            notes.append(
                f"the times in {schema.name('time')} are not read: {n_missing / len(all_values):.0%} are missing"
            )
            schema = schema.without(["time"])
        elif form is None:
            why = "the day may be the month" if values and date_forms(values) else "neither numbers nor known dates"
            odd = [value for value in values if time_form([value]) is None] or values
            shown = f", such as {shorten(odd[0], 30)!r}" if odd else ""
            notes.append(f"the times in {schema.name('time')} are not read: {why}{shown}")
            schema = schema.without(["time"])
        elif form == "excel":
            notes.append(f"the times in {schema.name('time')} are read as days since 1900, as Excel writes them")
        schema = replace(schema, time_form=form or "number")
    return schema


def _is_cut(text: str) -> bool:
    """Tell whether a number in scientific notation has fewer digits than the number has."""
    match = SCIENTIFIC.fullmatch(text)
    return match is not None and len(match[1]) < int(match[2])


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


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]], options: ReadOptions) -> bool:
    """Tell whether the first row has column names: known words, or words above columns of numbers.

    A row that has numbers in other columns of numbers is not a header.
    """
    given = (options.user_col, options.item_col, options.rating_col, options.time_col)
    if any(name in first for name in given if name and not name.isdecimal()):
        return True
    if sum(any(rank(name, role) is not None for role in WORDS) for name in first) >= 2:
        return True
    rows = [row for row in rest if len(row) == len(first)]
    numeric = [index for index in range(len(first)) if _is_numeric([row[index] for row in rows])]
    if rows and not first[0].strip() and all(row[0].strip() for row in rows):  # the name of pandas' row numbers
        return any(name.strip() and number_of(name) is None for name in first)
    words = [index for index in numeric if first[index].strip().casefold() not in MISSING]
    is_known = any(rank(first[index], role) is not None for index in words for role in WORDS)
    return is_known or (bool(words) and all(number_of(first[index]) is None for index in numeric))


def _is_numeric(values: Iterable[str]) -> bool:
    """Tell whether the values that are not blank are numbers, with at least one."""
    numbers = [number_of(value) is not None for value in values if value.strip()]
    return bool(numbers) and all(numbers)

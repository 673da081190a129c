"""How ratings and times are written in a table: the form of a column by its first values, and the value of a text."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from embedcli.data.text import number_of
from embedcli.data.times import EARLIEST, EPOCH, EXCEL_DAYS, LATEST, excel_seconds

MISSING = {"", "-", "?", "na", "n/a", "nan", "null", "none", "\\n", "missing"}  # words that say nothing of a form
TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
COMMA = re.compile(r"[+-]?\d+,\d+")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
OUT_OF = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/|out of|of|von|sur|de)\s*(\d+)(?:\s*stars?)?", re.IGNORECASE)
UNIT = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(?:stars?|sterne?|[eé]toiles?|estrellas?|estrelas?|points?|punkte?|[★⭐*%星])\ufe0f?",
    re.IGNORECASE,
)
STARS = re.compile(r"([★⭐*]*)(½?)[☆✩]*\ufe0f?")
CALENDAR = re.compile(r"(19|20)\d\d((0[1-9]|1[0-2])([0-2]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?)?")
DIGITS = {4: "%Y", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # of a number that is a date, by its length
OLDEST = 1e8  # seconds: smaller numbers, before March 1973, are no times unless the column says so
_DAYS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
DATES = (
    *(day + clock for day in _DAYS for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")),
    *("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%m %d, %Y", "%d-%b-%y"),
    *(
        "%a %b %d %H:%M:%S %z %Y",
        "%a %b %d %H:%M:%S %Z %Y",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y-%m-%d %H:%M:%S %Z",
        "%Y-%m-%d %H:%M:%S %z",
    ),
)


def rating_form(values: Iterable[str]) -> str | None:
    """Return how ratings are written, as `rating_of` takes it; None if few of them are ratings.

    The forms are number, comma (a decimal comma), truth (true and false), "out-of 5" ("4/5"; ratings out of another
    number are of another scale), unit ("4 stars", "80 %") and stars.
    """
    texts = [text for value in values if (text := value.strip()).casefold() not in MISSING]
    commas = [text for text in texts if COMMA.fullmatch(text)]
    is_comma = bool(commas) and not all(map(THOUSANDS.fullmatch, commas)) and not any("." in text for text in texts)
    forms = ["comma"] if is_comma else []
    scales = {match[2] for match in map(OUT_OF.fullmatch, texts) if match}
    forms += ["number", "truth", *(f"out-of {scale}" for scale in scales if len(scales) == 1), "unit", "stars"]
    for form in forms:
        if 2 * sum(rating_of(text, form) is not None for text in texts) >= len(texts):
            return form
    return None


def rating_of(text: str, form: str) -> float | None:
    """Return the rating that a text is in a form, for words only if it is a number; None if it is not a rating."""
    if form in ("number", "words"):
        return number_of(text)
    if form == "comma":
        return number_of(text.replace(",", ".", 1)) if "." not in text else None
    if form == "truth":
        return TRUTH.get(text.casefold(), number_of(text))
    if form == "unit" or form.startswith("out-of"):
        match = (UNIT if form == "unit" else OUT_OF).fullmatch(text)
        is_of_scale = match is not None and (form == "unit" or match[2] == form.removeprefix("out-of "))
        return number_of(match[1].replace(",", ".")) if match and is_of_scale else None
    match = STARS.fullmatch(text)
    return len(match[1]) + (0.5 if match[2] else 0) if match and (match[1] or match[2]) else None


def time_form(values: Iterable[str], *, is_named: bool = True) -> str | None:
    """Return how times are written, as `time_of` takes it; None if they are not times.

    The forms are number (since 1970, in the unit that `times.unit_of` detects), excel (days since 1900), iso, or a
    format of `strptime`. Small numbers are times only if the column is named as one.
    """
    texts = [text for value in values if (text := value.strip()).casefold() not in MISSING]
    if not texts:
        return None
    numbers = [number for text in texts if (number := number_of(text)) is not None]
    if len(numbers) == len(texts):
        return _number_form(texts, numbers, is_named)
    fitting = date_forms(texts)
    return fitting[0] if len(fitting) == 1 else None


def date_forms(texts: Iterable[str]) -> list[str]:
    """Return the forms in which all texts are dates: two, if the day may be the month."""
    texts = list(texts)
    forms = [form for form in ("iso", *DATES) if all(time_of(text, form) is not None for text in texts)]
    return ["iso"] if "iso" in forms else forms


def _number_form(texts: Sequence[str], numbers: Sequence[float], is_named: bool) -> str | None:
    if all(map(CALENDAR.fullmatch, texts)) and len(lengths := set(map(len, texts))) == 1:
        form = DIGITS[lengths.pop()]
        if (is_named or form != "%Y") and all(time_of(text, form) is not None for text in texts):
            return form
    if all(EXCEL_DAYS[0] <= number <= EXCEL_DAYS[1] for number in numbers):
        return "excel" if is_named or any(number % 1 for number in numbers) else None
    return "number" if is_named or all(number >= OLDEST for number in numbers) else None


def time_of(text: str, form: str) -> int | None:
    """Return a time: a number in the unit of its column, other times in seconds since 1970; None if it is invalid."""
    if form in ("number", "excel"):
        number = number_of(text)
        if number is None or not abs(number) < 2**63:
            return None
        return int(number) if form == "number" else excel_seconds(number)
    try:
        moment = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
    except ValueError:
        return None
    seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(seconds=1)
    return seconds if EARLIEST <= seconds <= LATEST else None  # near the ends an offset leads out of the calendar

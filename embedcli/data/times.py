"""Times in tables: numbers in some unit since 1970, and the years that a calendar has."""

from datetime import UTC, datetime, timedelta
from typing import SupportsInt

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799  # the first and the last second of the years 1 to 9999
UNITS = ((1e17, 10**9), (1e14, 10**6), (1e11, 10**3))  # the least size in nano-, micro-, milliseconds
EXCEL_DAYS = (30_000, 55_000)  # from 1982 to 2050, as Excel counts days
EXCEL_1970, EXCEL_END = 25_569, 2_958_466  # the days 1970-01-01 and 10000-01-01
DAY = 86_400  # seconds
SAMPLE = 100_000  # times, evenly spread over all, that the unit is detected from


def unit_of(times: NDArray[np.int64]) -> int:
    """Return the number of time units per second, given times (n,): 1, a thousand, a million or a billion.

    The size of the median decides: seconds are below 1e11 until the year 5138. Zeros, unknown times, are ignored.
    """
    sample = times[:: max(len(times) // SAMPLE, 1)]
    sizes = np.abs(sample.astype(np.float64))  # the lowest integer has no absolute value
    sizes = sizes[sizes > 0]
    median = float(np.median(sizes)) if len(sizes) else 0.0
    return next((unit for least, unit in UNITS if median >= least), 1)


def in_calendar(seconds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each time (n,) in seconds since 1970 whether it is in the years 1 to 9999."""
    return (seconds >= EARLIEST) & (seconds <= LATEST)


def moment(seconds: SupportsInt) -> datetime:
    """Return a time in seconds since 1970 as a date and time in UTC."""
    return EPOCH + timedelta(seconds=int(seconds))


def excel_seconds(days: float) -> int | None:
    """Return days since 1900, as Excel counts them, in seconds since 1970; None if they are not of 1900 to 9999."""
    return round((days - EXCEL_1970) * DAY) if 0 <= days < EXCEL_END else None


def seconds_of_days(days: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return days (n,) as Excel counts them in seconds since 1970; None if any is not of 1900 to 9999."""
    if not ((days >= 0) & (days < EXCEL_END)).all():
        return None
    return np.rint((days - EXCEL_1970) * DAY).astype(np.int64)

"""Times: their unit is that of the whole column, and none outside the calendar gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedcli.data.describe import describe_ratings
from embedcli.data.formats import delimited
from embedcli.data.loading import load
from embedcli.data.read_options import OnBadRows, ReadOptions
from embedcli.data.splits import leakage
from embedcli.data.times import EARLIEST, LATEST, moment, unit_of
from embedcli.errors import DataError

SECONDS = [1_262_304_000 + 86_400 * day for day in range(40)]
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
Values = list[int] | list[str]
Writer = Callable[[Path, Values], Path]


def csv(folder: Path, times: Values) -> Path:
    """Write times as CSV."""
    path = folder / "t.csv"
    path.write_text("user,item,rating,timestamp\n" + "".join(f"u,i{at},3,{t}\n" for at, t in enumerate(times)))
    return path


def odd_csv(folder: Path, times: Values) -> Path:
    """Write times as CSV with a row that the fast parser leaves to the slow one."""
    path = csv(folder, times)
    path.write_text(path.read_text() + f'"v"" w",x,4,{times[-1]}\n')
    return path


def lines(folder: Path, times: Values) -> Path:
    """Write times as JSON lines."""
    path = folder / "t.jsonl"
    rows = [{"user": "u", "item": f"i{at}", "rating": 3, "timestamp": t} for at, t in enumerate(times)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parquet(folder: Path, times: Values | pa.Array) -> Path:
    """Write times as Parquet."""
    path, n = folder / "t.parquet", len(times)
    columns = {"user": ["u"] * n, "item": [f"i{at}" for at in range(n)], "rating": [3, 4] * (n // 2) + [3] * (n % 2)}
    pq.write_table(pa.table(columns | {"timestamp": times}), path)
    return path


def read(path: Path) -> list[int]:
    """Return the times of a table."""
    ratings = load(path, options=ReadOptions(duplicates="last", implicit=True))
    assert ratings.timestamp is not None
    return ratings.timestamp.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("write", [csv, odd_csv, lines, parquet])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("sign", [1, -1])
def test_every_unit_is_read(write: Writer, unit: str, sign: int, tmp_path: Path) -> None:
    """Seconds, milli-, micro- and nanoseconds are the same times, before 1970 too, in every parser and format."""
    found = read(write(tmp_path, [sign * second * UNITS[unit] for second in SECONDS]))
    assert found[: len(SECONDS)] == [sign * second for second in SECONDS]


def test_the_unit_is_that_of_the_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks without a time, or with early ones, have the unit of the whole column; 0 stays 0."""
    monkeypatch.setattr(delimited, "BLOCK", 200)
    times = [0] * 100 + [5 * 10**9] * 5 + [second * 1000 for second in SECONDS]
    assert read(csv(tmp_path, times)) == [0] * 100 + [5 * 10**6] * 5 + SECONDS
    assert unit_of(np.zeros(3, np.int64)) == 1
    assert unit_of(np.zeros(0, np.int64)) == 1


@pytest.mark.parametrize("write", [csv, odd_csv, lines, parquet])
def test_a_time_out_of_the_calendar_is_a_bad_row(write: Writer, tmp_path: Path) -> None:
    """A number in another unit than its column's names its row, is left out with skip, and the rest is read."""
    for odd in (SECONDS[0] * 1000, EARLIEST - 1, LATEST + 1, 9 * 10**18):
        path = write(tmp_path, [*SECONDS[:7], odd, *SECONDS[7:]])
        shown = rf"(line [89]|row 8): the time is not in the years 1 to 9999: '{odd}'\n"
        with pytest.raises(DataError, match=shown):
            load(path, options=ReadOptions(implicit=True))
        skipped = load(path, options=ReadOptions(implicit=True, on_bad_rows=OnBadRows.SKIP))
        assert skipped.timestamp is not None
        assert skipped.timestamp[: len(SECONDS)].tolist() == SECONDS
        assert describe_ratings(skipped).first == datetime(2010, 1, 1, tzinfo=UTC)
        assert set(skipped.item.tolist()) == set(range(len(skipped.items))) - {7}


def test_lines_are_right_after_a_time_out_of_the_calendar(tmp_path: Path) -> None:
    """A pair that stands again is named with its own lines, whatever rows before it were left out."""
    path = csv(tmp_path, [*SECONDS[:3], LATEST + 1, *SECONDS[3:]])
    path.write_text(path.read_text().replace(",i3,3,", ",i3,4,") + f"u,i5,4,{SECONDS[0]}\n")
    with pytest.raises(DataError, match="line 43: user 'u' has rated 'i5' before, in line 7"):
        load(path, options=ReadOptions(on_bad_rows=OnBadRows.SKIP))


@pytest.mark.parametrize("write", [csv, lines])
@pytest.mark.parametrize("odd", ["0000-01-01", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"])
def test_a_date_out_of_the_calendar_is_a_bad_row(write: Writer, odd: str, tmp_path: Path) -> None:
    """A date whose year is 0, or becomes so by its offset, is a bad row and no internal error."""
    dates = ["2010-01-02"] * 250  # more than the layout is found from
    with pytest.raises(DataError, match=rf"(line 25\d): the time is invalid: '{odd[:8]}"):
        load(write(tmp_path, [*dates, odd]), options=ReadOptions(implicit=True))


def test_the_ends_of_the_calendar_can_be_described(tmp_path: Path) -> None:
    """The first and the last second of the years 1 to 9999 are read, described and split at."""
    dates = ["0001-01-01T00:00:00", "2010-01-01T00:00:00", "9999-12-31T23:59:59"]
    path = csv(tmp_path, dates)
    assert read(path) == [EARLIEST, SECONDS[0], LATEST]
    found = describe_ratings(load(path, options=ReadOptions(implicit=True)))
    assert (found.first, found.last) == (datetime.min.replace(tzinfo=UTC), moment(LATEST))
    assert leakage("time", np.array([EARLIEST, EARLIEST]), np.array([True, False])).endswith("of 0001-01-01")


@pytest.mark.parametrize("write", [csv, odd_csv, lines, parquet])
def test_days_as_eight_digits(write: Writer, tmp_path: Path) -> None:
    """Numbers such as 20100102 are days, not seconds of August 1970; one that is no day is a bad row."""
    days = [date(2010, 1, 1) + timedelta(day) for day in range(40)]
    numbers = [int(f"{day:%Y%m%d}") for day in days]
    assert read(write(tmp_path, numbers))[: len(SECONDS)] == SECONDS
    with pytest.raises(DataError, match=r"(line 24[12]|row 241): the time is invalid: '20100231'"):
        load(write(tmp_path, [*numbers * 6, 20100231]), options=ReadOptions(implicit=True))


@pytest.mark.parametrize("unit", UNITS)
def test_typed_times_of_parquet(unit: str, tmp_path: Path) -> None:
    """Times that Parquet keeps as times need no unit found, and one out of the calendar or missing names its row."""
    late = [LATEST - 10, LATEST - 5] if unit != "ns" else SECONDS[:2]
    typed = pa.array([second * UNITS[unit] for second in late], pa.timestamp(unit))
    assert read(parquet(tmp_path, typed)) == late
    if unit != "ns":
        typed = pa.array([second * UNITS[unit] for second in (*SECONDS * 6, LATEST + 1)], pa.timestamp(unit))
        with pytest.raises(DataError, match=r"row 241: the time is invalid: '10000-01-01T00:00:00'"):
            load(parquet(tmp_path, typed))
    typed = pa.array([*(second * UNITS[unit] for second in SECONDS), None], pa.timestamp(unit, "UTC"))
    with pytest.raises(DataError, match="row 41: the time is empty"):
        load(parquet(tmp_path, typed))


def test_dates_of_parquet(tmp_path: Path) -> None:
    """Dates that Parquet keeps as dates are their midnights."""
    days = [date(2010, 1, 1) + timedelta(day) for day in range(40)]
    assert read(parquet(tmp_path, pa.array(days, pa.date32()))) == SECONDS

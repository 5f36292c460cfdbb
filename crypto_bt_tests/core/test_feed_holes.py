"""Holes in settlements and mark prices, against a walk over the rows, and on what was recorded."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.feed_holes import FEEDS, feed_holes
from crypto_bt.core.lacking import FUNDING, LACKING_SCHEMA, MARK_PRICES, ranges_of
from crypto_bt.core.schemas import UTC_MS
from crypto_bt_tests.recorded import RECORDED, needs_recorded

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SYMBOLS = ("AAA", "BBB", "CCC")
ONE = {"AAA": START}


def stored_of(stored: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """What is stored of the symbols that are looked at."""
    return {(owner, number) for owner, number in stored if owner in ("AAA", "BBB")}


def rows_of(name: str, *rows: tuple[str, datetime]) -> pl.DataFrame:
    schema = {"symbol": pl.String(), DATASETS[name].time: UTC_MS}
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


@pytest.mark.parametrize("name", sorted(FEEDS))
@given(
    stored=st.sets(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 24 * 6)), max_size=120),
    minutes=st.integers(0, 60 * 24 * 8),
)
def test_feed_holes_equal_a_walk_from_row_to_row(
    name: str, stored: set[tuple[str, int]], minutes: int
) -> None:
    until = START + timedelta(minutes=minutes)
    step, expected = FEEDS[name].step, []
    for symbol in ("AAA", "BBB"):
        times = sorted(START + number * HOUR for owner, number in stored if owner == symbol)
        midnight = until.replace(hour=0, minute=0)
        last = midnight - HOUR if name == MARK_PRICES else until
        if not times and stored_of(stored):
            first = START + min(number for _, number in stored_of(stored)) * HOUR
            times = [first + -(first - START) % step - step]
        for place, before in enumerate(times):
            after = times[place + 1] if place + 1 < len(times) else None
            usual = step
            if name == FUNDING and place > 0 and place + 2 < len(times):
                usual = min(step, max(before - times[place - 1], times[place + 2] - times[place + 1]))
            moment = before + usual
            while moment <= until and (moment < after if after else moment <= last):
                expected.append((name, symbol, moment))
                moment += usual
    rows = rows_of(name, *((symbol, START + number * HOUR) for symbol, number in stored))
    found = feed_holes({name: rows}, {"AAA": START, "BBB": START}, until)
    assert found.schema == LACKING_SCHEMA
    assert sorted(found.rows()) == sorted(expected)


@pytest.mark.parametrize("every", [1, 2, 4, 8])
def test_feed_holes_intervals_of_funding_up_to_8_hours_lack_nothing(every: int) -> None:
    rows = rows_of(FUNDING, *(("AAA", START + number * HOUR) for number in range(0, 240, every)))
    assert feed_holes({FUNDING: rows}, ONE, START + 240 * HOUR - timedelta(minutes=1)).is_empty()


@pytest.mark.parametrize(("every", "lost"), [(4, [20]), (1, range(20, 27)), (2, [20, 22]), (8, [24, 32])])
def test_feed_holes_settlements_missing_at_any_interval_are_found(every: int, lost: list[int]) -> None:
    hours = [number for number in range(0, 72, every) if number not in lost]
    late = timedelta(milliseconds=17)
    rows = rows_of(FUNDING, *(("AAA", START + number * HOUR + number % 3 * late) for number in hours))
    found = feed_holes({FUNDING: rows}, ONE, START + 71 * HOUR)
    assert found["open_time"].to_list() == [START + number * HOUR for number in lost]


def test_feed_holes_an_interval_that_changes_lacks_nothing() -> None:
    hours = [*range(0, 48, 8), *range(48, 72, 4), *range(72, 90, 1), *range(96, 200, 8)]
    rows = rows_of(FUNDING, *(("AAA", START + number * HOUR) for number in hours))
    assert feed_holes({FUNDING: rows}, ONE, START + 199 * HOUR).is_empty()


def test_feed_holes_before_the_first_row_none() -> None:
    rows = rows_of(MARK_PRICES, *(("AAA", START + number * HOUR) for number in range(100, 120)))
    assert feed_holes({MARK_PRICES: rows}, ONE, START + 5 * DAY).is_empty()


def test_feed_holes_of_a_symbol_without_rows_begin_with_the_feed_or_its_listing() -> None:
    rows = rows_of(FUNDING, *(("AAA", START + number * HOUR) for number in range(0, 48, 8)))
    begins = {"AAA": START, "BBB": START - DAY, "CCC": START + 30 * HOUR}
    found = feed_holes({FUNDING: rows}, begins, START + 40 * HOUR)
    expected = {"BBB": [0, 8, 16, 24, 32, 40], "CCC": [32, 40]}
    assert {symbol: [START + n * HOUR for n in hours] for symbol, hours in expected.items()} == {
        symbol: part["open_time"].to_list() for (symbol,), part in found.group_by("symbol")
    }


def test_feed_holes_of_nothing_none() -> None:
    assert feed_holes({}, ONE, START).schema == LACKING_SCHEMA


def test_feed_holes_of_two_feeds_are_one_range_of_days() -> None:
    marks = rows_of(MARK_PRICES, ("AAA", START + 23 * HOUR), ("AAA", START + 2 * DAY))
    rates = rows_of(FUNDING, ("AAA", START + 16 * HOUR), ("AAA", START + 2 * DAY))
    [found] = ranges_of(feed_holes({MARK_PRICES: marks, FUNDING: rates}, ONE, START + 2 * DAY))
    assert (found.start, found.end, found.datasets) == (START + DAY, START + 2 * DAY, (FUNDING, MARK_PRICES))


@needs_recorded
@pytest.mark.parametrize(
    ("name", "file", "time", "holed"),
    [
        (FUNDING, "funding.parquet", "funding_slot", {"1000PEPEUSDT"}),
        (MARK_PRICES, "mark_1h.parquet", "open_time", set()),
    ],
)
def test_feed_holes_in_what_was_recorded_are_the_collectors_alone(
    name: str, file: str, time: str, holed: set[str]
) -> None:
    """Years of intervals that differ and change: what the exchange has lacks nothing."""
    rows = pl.read_parquet(RECORDED / file).select("symbol", pl.col(time).cast(UTC_MS))
    rows = rows.rename({time: DATASETS[name].time}).sort(pl.all())
    symbols = rows["symbol"].unique().to_list()
    assert len(symbols) > 25
    until = rows.group_by("symbol").agg(pl.col(DATASETS[name].time).max()).select(pl.nth(1).min()).item()
    found = feed_holes({name: rows}, dict.fromkeys(symbols, START), until)
    assert set(found["symbol"]) == holed

"""Holes in settlements and mark prices, against a walk over the rows, and on what was recorded."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

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
        for before, after in [*pairwise(times), *((time, None) for time in times[-1:])]:
            moment = before + step
            while moment <= until and (moment < after if after else moment <= last):
                expected.append((name, symbol, moment))
                moment += step
    rows = rows_of(name, *((symbol, START + number * HOUR) for symbol, number in stored))
    found = feed_holes({name: rows}, ("AAA", "BBB"), until)
    assert found.schema == LACKING_SCHEMA
    assert sorted(found.rows()) == sorted(expected)


@pytest.mark.parametrize("every", [1, 2, 4, 8])
def test_feed_holes_intervals_of_funding_up_to_8_hours_lack_nothing(every: int) -> None:
    rows = rows_of(FUNDING, *(("AAA", START + number * HOUR) for number in range(0, 240, every)))
    assert feed_holes({FUNDING: rows}, SYMBOLS, START + 240 * HOUR - timedelta(minutes=1)).is_empty()


def test_feed_holes_before_the_first_row_and_of_a_symbol_without_rows_none() -> None:
    rows = rows_of(MARK_PRICES, *(("AAA", START + number * HOUR) for number in range(100, 120)))
    assert feed_holes({MARK_PRICES: rows}, SYMBOLS, START + 5 * DAY).is_empty()


def test_feed_holes_of_nothing_none() -> None:
    assert feed_holes({}, SYMBOLS, START).schema == LACKING_SCHEMA


def test_feed_holes_of_two_feeds_are_one_range_of_days() -> None:
    marks = rows_of(MARK_PRICES, ("AAA", START + 23 * HOUR), ("AAA", START + 2 * DAY))
    rates = rows_of(FUNDING, ("AAA", START + 16 * HOUR), ("AAA", START + 2 * DAY))
    [found] = ranges_of(feed_holes({MARK_PRICES: marks, FUNDING: rates}, SYMBOLS, START + 2 * DAY))
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
    found = feed_holes({name: rows}, symbols, until)
    assert set(found["symbol"]) == holed

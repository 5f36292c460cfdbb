"""Which candles are lacking, against a count by hand, and how they become ranges of days."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.lacking import LACKING_SCHEMA, MissingRange, lacking, ranges_of
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import UTC_MS

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KEYS = {"symbol": pl.String(), "open_time": UTC_MS}
SYMBOLS = ("BTCUSDT", "ETHUSDT")
hour = st.integers(0, 24 * 6)


def keys(*rows: tuple[str, datetime]) -> pl.DataFrame:
    """Stored keys, sorted."""
    return pl.DataFrame(list(rows), schema=KEYS, orient="row").sort("symbol", "open_time")


def lack(*rows: tuple[str, str, datetime]) -> pl.DataFrame:
    """What is lacking: dataset, symbol, open time."""
    return pl.DataFrame(list(rows), schema=LACKING_SCHEMA, orient="row")


@settings(deadline=None)
@given(
    stored=st.sets(st.tuples(st.sampled_from(SYMBOLS), hour), max_size=200),
    listed=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(-300, 60 * 24 * 6)),
    minutes=st.tuples(st.integers(0, 60 * 24 * 6), st.integers(0, 60 * 24 * 6)),
    timeframe=st.sampled_from(Timeframe),
)
def test_lacking_equals_what_a_walk_over_every_candle_finds(
    stored: set[tuple[str, int]],
    listed: dict[str, int],
    minutes: tuple[int, int],
    timeframe: Timeframe,
) -> None:
    have = {(symbol, timeframe.floor(START + number * HOUR)) for symbol, number in stored}
    begins = {symbol: START + timedelta(minutes=number) for symbol, number in listed.items()}
    first, end = (START + timedelta(minutes=number) for number in minutes)
    expected = []
    for symbol in sorted(begins):
        opened = START
        while opened + timeframe.delta <= end:
            if opened >= max(first, begins[symbol]) and (symbol, opened) not in have:
                expected.append((timeframe.dataset, symbol, opened))
            opened += timeframe.delta
    assert lacking(keys(*have), timeframe, begins, first, end).rows() == expected


def test_ranges_of_downtime_is_one_range_though_timeframes_end_on_different_days() -> None:
    hours = [("candles_1h", s, START + n * HOUR) for s in SYMBOLS for n in range(24 * 7 + 5)]
    days = [("candles_1d", s, START + n * DAY) for s in SYMBOLS for n in range(7)]
    assert ranges_of(lack(*hours, *days)) == [
        MissingRange(START, START + 8 * DAY, ("candles_1h", "candles_1d"), SYMBOLS)
    ]


def test_ranges_of_one_symbols_long_history_does_not_pull_the_others_along() -> None:
    long = [("candles_1d", "ETHUSDT", START + n * DAY) for n in range(30)]
    short = ("candles_1h", "BTCUSDT", START + 3 * DAY + 5 * HOUR)
    assert ranges_of(lack(*long, short)) == [
        MissingRange(START, START + 30 * DAY, ("candles_1d",), ("ETHUSDT",)),
        MissingRange(START + 3 * DAY, START + 4 * DAY, ("candles_1h",), ("BTCUSDT",)),
    ]


@settings(deadline=None)
@given(st.sets(st.tuples(st.sampled_from(("candles_1h", "candles_4h")), st.sampled_from(SYMBOLS), hour)))
def test_ranges_of_hold_every_candle_once_and_whole_days(found: set[tuple[str, str, int]]) -> None:
    rows = [(dataset, symbol, START + number * HOUR) for dataset, symbol, number in found]
    ranges = ranges_of(lack(*rows))
    for dataset, symbol, opened in rows:
        [holding] = [r for r in ranges if symbol in r.symbols and r.start <= opened < r.end]
        assert dataset in holding.datasets
    for item in ranges:
        assert (item.start - START) % DAY == (item.end - item.start) % DAY == timedelta(0)
        for symbol in item.symbols:
            days = {(opened - START) // DAY for _, name, opened in rows if name == symbol}
            span = range((item.start - START) // DAY, (item.end - START) // DAY)
            # A range ends where a day lacks nothing of its symbols.
            assert set(span) <= days
            assert {span.start - 1, span.stop}.isdisjoint(days)


def test_lacking_of_nothing_is_empty_and_has_no_ranges() -> None:
    found = lacking(keys(), Timeframe.H1, {}, START, START + DAY)
    assert found.schema == LACKING_SCHEMA
    assert ranges_of(found) == []

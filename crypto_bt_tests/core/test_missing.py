"""What is missing of a home's candles, against a count by hand, and the ranges made of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.doubt import WAIT
from crypto_bt.core.lacking import LACKING_SCHEMA, MissingRange
from crypto_bt.core.market import EXCHANGE_OPENED, Timeframe
from crypto_bt.core.missing import GRACE, Missing, missing_candles, missing_ranges, withheld
from crypto_bt.core.schemas import DECISION_SCHEMA, QUARANTINE_SCHEMA, UTC_MS

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KEYS = {"symbol": pl.String(), "open_time": UTC_MS}
SYMBOLS = ("AAA", "BBB", "CCC")
TIMEFRAMES = (Timeframe.H1, Timeframe.H4, Timeframe.D1)
NOTHING = pl.DataFrame(schema=LACKING_SCHEMA)
Candle = tuple[str, str, datetime]
hours = st.integers(0, 24 * 8)


def frame(candles: set[Candle], dataset: str) -> pl.DataFrame:
    rows = sorted((symbol, opened) for name, symbol, opened in candles if name == dataset)
    return pl.DataFrame(rows, schema=KEYS, orient="row")


def table(candles: set[Candle]) -> pl.DataFrame:
    return pl.DataFrame(sorted(candles), schema=LACKING_SCHEMA, orient="row")


def candles_of(start: datetime, end: datetime, *symbols: str) -> set[Candle]:
    """Every candle that opens in these days."""
    return {
        (timeframe.dataset, symbol, start + number * timeframe.delta)
        for timeframe in TIMEFRAMES
        for symbol in symbols
        for number in range((end - start) // timeframe.delta)
    }


def lack(
    stored: set[Candle],
    now: datetime,
    onboard: Mapping[str, datetime] | None = None,
    start: datetime = START,
    excused: pl.DataFrame = NOTHING,
) -> pl.DataFrame:
    return missing_candles(
        {timeframe.dataset: frame(stored, timeframe.dataset) for timeframe in TIMEFRAMES},
        onboard=dict.fromkeys(SYMBOLS, EXCHANGE_OPENED) if onboard is None else onboard,
        starts={timeframe.dataset: start for timeframe in TIMEFRAMES},
        excused=excused,
        now=now,
    )


@settings(deadline=None)
@given(
    gone=st.sets(st.tuples(st.sampled_from(TIMEFRAMES), st.sampled_from(SYMBOLS), hours), max_size=60),
    excused=st.sets(st.tuples(st.sampled_from(TIMEFRAMES), st.sampled_from(SYMBOLS), hours), max_size=20),
    listed=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(-24, 24 * 8)),
    first=st.integers(-24, 24 * 4),
    minutes=st.integers(0, 60 * 24 * 8),
)
def test_missing_candles_and_ranges_equal_a_walk_over_every_candle(
    gone: set[tuple[Timeframe, str, int]],
    excused: set[tuple[Timeframe, str, int]],
    listed: dict[str, int],
    first: int,
    minutes: int,
) -> None:
    def named(chosen: set[tuple[Timeframe, str, int]]) -> set[Candle]:
        return {(t.dataset, symbol, t.floor(START + number * HOUR)) for t, symbol, number in chosen}

    now, start = START + timedelta(minutes=minutes), START + first * HOUR
    onboard = {symbol: START + number * HOUR for symbol, number in listed.items()}
    stored = candles_of(START, START + 9 * DAY, *SYMBOLS) - named(gone)
    expected = {
        (name, symbol, opened)
        for name, symbol, opened in candles_of(START - 2 * DAY, START + 9 * DAY, *onboard)
        if opened + DATASETS[name].timeframe.delta <= now - GRACE  # type: ignore[union-attr]
        and opened >= max(start, onboard[symbol])
        and (name, symbol, opened) not in stored | named(excused)
    }

    found = lack(stored, now, onboard, start, table(named(excused)))
    assert set(found.iter_rows()) == expected
    assert found.height == len(expected)

    ranges = missing_ranges(found)
    for name, symbol, opened in expected:
        holding = [r.days for r in ranges if symbol in r.days.symbols and r.days.start <= opened < r.days.end]
        assert len(holding) == 1
        assert name in holding[0].datasets
    assert sum(item.candles for item in ranges) == len(expected)
    for item in ranges:
        held = {c for c in expected if c[1] in item.days.symbols and item.days.start <= c[2] < item.days.end}
        assert {c[0] for c in held} == set(item.days.datasets)
        assert {c[1] for c in held} == set(item.days.symbols)
        days = sorted({Timeframe.D1.floor(c[2]) for c in held})
        assert (item.days.start, item.days.end) == (days[0], days[-1] + DAY)
        assert all(after - before == DAY for before, after in pairwise(days))


def test_missing_candles_within_the_grace_none() -> None:
    closed = START + 10 * HOUR
    stored = candles_of(START, START + DAY, *SYMBOLS)
    stored = {c for c in stored if c[2] + HOUR < closed}
    assert lack(stored, closed + GRACE - timedelta(milliseconds=1)).is_empty()
    assert set(lack(stored, closed + GRACE)["open_time"]) == {closed - HOUR}


def test_missing_ranges_seven_days_of_downtime_one_range() -> None:
    stopped, now = START + DAY + 5 * HOUR, START + 8 * DAY + 9 * HOUR
    stored = {c for c in candles_of(START, START + 9 * DAY, *SYMBOLS) if c[2] < stopped}
    [found] = missing_ranges(lack(stored, now))
    datasets = ("candles_1h", "candles_4h", "candles_1d")
    assert found.days == MissingRange(START + DAY, START + 9 * DAY, datasets, SYMBOLS)


def test_missing_ranges_symbol_listed_in_the_downtime_joins_its_range() -> None:
    onboard = {**dict.fromkeys(SYMBOLS, EXCHANGE_OPENED), "CCC": START + 3 * DAY + 5 * HOUR}
    stored = candles_of(START, START + DAY, *SYMBOLS)
    found = lack(stored, START + 8 * DAY + GRACE, onboard)
    assert found.filter(symbol="CCC")["open_time"].min() == START + 3 * DAY + 5 * HOUR
    [joined] = missing_ranges(found)
    assert (joined.days.start, joined.days.symbols) == (START + DAY, SYMBOLS)


def test_missing_ranges_long_history_of_one_symbol_does_not_pull_the_others_along() -> None:
    old = candles_of(START - 300 * DAY, START, "AAA")
    new = candles_of(START - DAY, START, "BBB", "CCC")
    assert [r.days.symbols for r in missing_ranges(table(old | new))] == [("AAA",), ("BBB", "CCC")]


def test_missing_ranges_gaps_apart_stay_apart_oldest_first() -> None:
    found = missing_ranges(
        table(candles_of(START + 3 * DAY, START + 4 * DAY, "AAA") | candles_of(START, START + DAY, "AAA"))
    )
    assert [item.days.start for item in found] == [START, START + 3 * DAY]
    assert [item.candles for item in found] == [24 + 6 + 1] * 2


def test_missing_ranges_nothing_missing_none() -> None:
    assert missing_ranges(NOTHING) == []


def test_missing_candles_nothing_stored_of_a_symbol_from_the_history_start_on() -> None:
    stored = candles_of(START, START + 3 * DAY, "AAA", "BBB")
    found = lack(stored, START + 2 * DAY + GRACE)
    assert set(found.iter_rows()) == candles_of(START, START + 2 * DAY, "CCC")


def test_missing_candles_before_the_first_stored_are_missing_down_to_the_start() -> None:
    stored = candles_of(START, START + DAY, *SYMBOLS)
    found = lack(stored, START + DAY + GRACE, start=START - 2 * DAY)
    assert set(found.iter_rows()) == candles_of(START - 2 * DAY, START, *SYMBOLS)


def test_missing_candles_start_before_the_exchange_opened_counts_from_its_first_day() -> None:
    now = EXCHANGE_OPENED + DAY + GRACE
    onboard = {"AAA": EXCHANGE_OPENED - 40 * DAY}
    found = lack(set(), now, onboard, start=EXCHANGE_OPENED - 30 * DAY)
    assert found["open_time"].min() == EXCHANGE_OPENED


def test_missing_candles_dataset_without_a_start_does_not_count() -> None:
    found = missing_candles(
        {}, onboard={"AAA": EXCHANGE_OPENED}, starts={}, excused=NOTHING, now=START + 9 * DAY
    )
    assert found.is_empty()


def held(dataset: str, opened: datetime, reason: str, seen: datetime) -> tuple[object, ...]:
    return (dataset, "AAA", opened, reason, "[1]", seen)


@pytest.mark.parametrize(
    ("reason", "dataset", "decision", "waited", "expected"),
    [
        ("jump", "candles_1h", None, WAIT - HOUR, True),
        ("jump", "candles_1h", None, WAIT, False),
        ("jump", "candles_1h", "rejected", 5 * WAIT, True),
        ("jump", "candles_1h", "accepted", HOUR, False),
        ("jump", "candles_1h", "confirmed", HOUR, False),
        ("jump", "mark_price_1h", None, HOUR, False),
        ("null", "candles_1h", None, HOUR, False),
    ],
)
def test_withheld_is_what_waits_or_was_rejected(
    reason: str, dataset: str, decision: str | None, waited: timedelta, expected: bool
) -> None:
    now = START + 9 * DAY
    row = held(dataset, START, reason, now - waited)
    decisions = [] if decision is None else [(dataset, "AAA", START, decision, "a person", now)]
    found = withheld(
        pl.DataFrame([row], schema=QUARANTINE_SCHEMA, orient="row"),
        pl.DataFrame(decisions, schema=DECISION_SCHEMA, orient="row"),
        now,
    )
    assert found.rows() == ([(dataset, "AAA", START)] if expected else [])


def test_withheld_candle_seen_with_two_values_named_once() -> None:
    rows = [
        held("candles_1h", START, "jump", START + HOUR),
        held("candles_1h", START, "jump", START + 2 * HOUR),
    ]
    quarantine = pl.DataFrame(rows, schema=QUARANTINE_SCHEMA, orient="row")
    found = withheld(quarantine, pl.DataFrame(schema=DECISION_SCHEMA), START + 3 * HOUR)
    assert found.height == 1


def test_missing_round_trip_through_plain_values() -> None:
    item = Missing(MissingRange(START, START + DAY, ("candles_1h",), SYMBOLS), 7)
    assert Missing.from_plain(item.to_plain()) == item
    assert replace(item, candles=8) != item


@pytest.mark.parametrize("name", ["start", "end", "datasets", "symbols", "candles"])
def test_missing_from_plain_incomplete_refused(name: str) -> None:
    plain = Missing(MissingRange(START, START + DAY, ("candles_1h",), SYMBOLS), 7).to_plain()
    del plain[name]
    with pytest.raises(KeyError):
        Missing.from_plain(plain)

"""The synthetic market's rows: a pure function of seed, symbol and time."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.listings import listing_of
from crypto_bt.simulator.market import Window
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, market_at

HOUR = 3_600_000
LATE = market_at(datetime(2026, 11, 1, tzinfo=UTC))
MOMENTS = st.integers(0, 330 * 86_400_000).map(
    lambda passed: datetime(2025, 12, 1, tzinfo=UTC) + timedelta(milliseconds=passed)
)


#: Homes keep what a seed gave them: a later version must give the same again.
PINNED = [
    ("candles", Timeframe.M15, "39dbed55f2cdd0ce"),
    ("candles", Timeframe.H1, "d43bb36b7a67a5e9"),
    ("candles", Timeframe.H4, "bbf36cd43c85a35a"),
    ("candles", Timeframe.D1, "9a6474ee0e545be4"),
    ("mark_prices", Timeframe.M15, "99cceef580ca819d"),
    ("mark_prices", Timeframe.H1, "d1f9d8f5c3f12011"),
    ("mark_prices", Timeframe.H4, "846d282f12920e53"),
    ("mark_prices", Timeframe.D1, "f300f9feb007d55f"),
    ("funding", None, "39fb733534513abc"),
]


def everything(start=None, end=None):
    return Window(start, end, 1_000_000)


@settings(max_examples=30, deadline=None)
@given(
    now=MOMENTS,
    symbol=st.sampled_from(SYMBOLS),
    timeframe=st.sampled_from(Timeframe),
    back=st.integers(1, 60 * 24),
    limit=st.integers(1, 400),
)
def test_candles_asked_at_any_time_in_any_window_are_the_same(now, symbol, timeframe, back, limit):
    start = to_milliseconds(now) - back * HOUR
    market = market_at(now)
    rows = market.candles(symbol, timeframe, Window(start, None, limit))
    closed = [row for row in rows if row[6] < to_milliseconds(now)]
    later = LATE.candles(symbol, timeframe, Window(start, None, limit))

    assert closed == later[: len(closed)]
    assert len(rows) - len(closed) <= 1
    assert (
        market.mark_prices(symbol, timeframe, Window(start, None, limit))[: len(closed)]
        == (LATE.mark_prices(symbol, timeframe, Window(start, None, limit))[: len(closed)])
    )
    for row, final in zip(rows[len(closed) :], later[len(closed) :], strict=False):
        assert row[:2] == final[:2]
        assert Decimal(row[5]) < Decimal(final[5])


@settings(max_examples=30, deadline=None)
@given(now=MOMENTS, symbol=st.sampled_from(SYMBOLS), back=st.integers(1, 200))
def test_funding_asked_at_any_time_is_the_same(now, symbol, back):
    start, end = to_milliseconds(now) - back * HOUR, to_milliseconds(now)
    rows = market_at(now).funding(symbol, everything(start))

    assert rows == LATE.funding(symbol, everything(start, end))
    assert all(start <= row["fundingTime"] <= end for row in rows)


@settings(max_examples=30, deadline=None)
@given(
    now=MOMENTS,
    symbol=st.sampled_from(SYMBOLS),
    timeframe=st.sampled_from([Timeframe.H4, Timeframe.D1]),
    mark=st.booleans(),
)
def test_long_candles_equal_their_hours_to_the_last_digit(now, symbol, timeframe, mark):
    market = market_at(now)
    ask = market.mark_prices if mark else market.candles
    for row in ask(symbol, timeframe, Window(None, None, 5)):
        hours = ask(symbol, Timeframe.H1, everything(row[0], row[6]))
        assert row[1] == hours[0][1]
        assert Decimal(row[2]) == max(Decimal(hour[2]) for hour in hours)
        assert Decimal(row[3]) == min(Decimal(hour[3]) for hour in hours)
        assert row[4] == hours[-1][4]
        for column in (5, 7, 8, 9, 10):
            assert Decimal(row[column]) == sum(Decimal(hour[column]) for hour in hours), column


@settings(max_examples=40, deadline=None)
@given(now=MOMENTS, symbol=st.sampled_from(SYMBOLS), back=st.integers(1, 40_000), mark=st.booleans())
def test_quarters_add_up_to_their_hour_to_the_last_digit(now, symbol, back, mark):
    market = market_at(now)
    ask = market.mark_prices if mark else market.candles
    hour = to_milliseconds(Timeframe.H1.floor(now)) - back * HOUR
    for row in ask(symbol, Timeframe.H1, Window(hour, hour, 1)):
        quarters = ask(symbol, Timeframe.M15, everything(row[0], row[6]))
        assert [quarter[0] - row[0] for quarter in quarters] == [0, 900_000, 1_800_000, 2_700_000]
        assert [quarter[6] + 1 - quarter[0] for quarter in quarters] == [900_000] * 4
        assert (row[1], row[4]) == (quarters[0][1], quarters[-1][4])
        assert Decimal(row[2]) == max(Decimal(quarter[2]) for quarter in quarters)
        assert Decimal(row[3]) == min(Decimal(quarter[3]) for quarter in quarters)
        for column in (5, 7, 8, 9, 10):
            assert Decimal(row[column]) == sum(Decimal(quarter[column]) for quarter in quarters), column


@pytest.mark.parametrize(("what", "timeframe", "digest"), PINNED)
def test_figures_of_a_seed_never_change(what, timeframe, digest):
    market, total = market_at(), hashlib.sha256()
    for symbol in SYMBOLS:
        last = Window(None, None, 3000)
        ask = getattr(market, what)
        total.update(json.dumps(ask(symbol, timeframe, last) if timeframe else ask(symbol, last)).encode())

    assert total.hexdigest()[:16] == digest


def test_candles_latest_without_start_and_first_with_one():
    market = market_at()
    latest = market.candles("BTCUSDT", Timeframe.H1, Window(None, None, 3))
    first = market.candles("BTCUSDT", Timeframe.H1, Window(0, None, 3))

    now = to_milliseconds(NOW)
    assert [row[0] for row in latest] == [
        now // HOUR * HOUR - 2 * HOUR,
        now // HOUR * HOUR - HOUR,
        now // HOUR * HOUR,
    ]
    assert first[0][0] == to_milliseconds(listing_of("BTCUSDT").onboard)


@pytest.mark.parametrize("timeframe", [Timeframe.M15, Timeframe.H1])
def test_candles_have_plausible_parts(timeframe):
    for symbol in SYMBOLS:
        for row in LATE.candles(symbol, timeframe, Window(None, None, 4000)):
            opened, high, low, close, volume, quote = (float(row[column]) for column in (1, 2, 3, 4, 5, 7))
            assert low <= min(opened, close) <= max(opened, close) <= high
            assert 0 < float(row[9]) < volume
            assert low * volume * 0.99 - 1 <= quote <= high * volume * 1.01 + 1
            assert row[8] >= 1


def test_quarters_trade_within_their_range_and_neither_trend_nor_revert():
    for symbol in SYMBOLS[:2]:
        rows = LATE.candles(symbol, Timeframe.M15, Window(None, None, 35_000))
        opened, high, low, close, volume, quote = np.array(
            [[float(row[column]) for column in (1, 2, 3, 4, 5, 7)] for row in rows]
        ).T
        returns = np.diff(np.log(close))
        hourly = np.diff(np.log(close[3::4]))

        assert (low * volume * 0.9999 <= quote).all()
        assert (quote <= high * volume * 1.0001).all()
        assert np.array_equal(opened[1:4], close[:3])
        assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 0.03
        assert 0.9 < returns.std() * 2 / hourly.std() < 1.1


def test_candles_before_the_listing_do_not_exist():
    onboard = listing_of("XMRUSDT").onboard
    before = market_at(onboard - timedelta(hours=1))

    assert before.candles("XMRUSDT", Timeframe.H1, everything()) == []
    assert before.mark_prices("XMRUSDT", Timeframe.D1, everything()) == []
    assert before.funding("XMRUSDT", everything()) == []
    statuses = {info.symbol: info.status for info in before.symbols()}
    assert (statuses["XMRUSDT"], statuses["BTCUSDT"]) == ("PENDING_TRADING", "TRADING")


def test_candles_at_the_full_hour_have_no_unfinished_one():
    now = datetime(2026, 3, 14, tzinfo=UTC)
    for timeframe in Timeframe:
        row = market_at(now).candles("BTCUSDT", timeframe, Window(None, None, 1))[0]
        assert row == LATE.candles("BTCUSDT", timeframe, Window(row[0], None, 1))[0]


def test_funding_settles_on_its_slots_with_a_few_ms_of_delay():
    for symbol in SYMBOLS:
        every = listing_of(symbol).funding_hours * HOUR
        rows = LATE.funding(symbol, everything())
        delays = {row["fundingTime"] % every for row in rows}
        slots = [row["fundingTime"] // every for row in rows]
        rates = [float(row["fundingRate"]) for row in rows]

        assert delays <= set(range(18))
        assert len(delays) > 10
        assert slots == list(range(slots[0], slots[0] + len(slots)))
        assert max(map(abs, rates)) <= 0.0075
        assert 0 < sum(rates) / len(rates) < 0.0003
        hour = LATE.candles(symbol, Timeframe.H1, Window(slots[-2] * every, None, 1))[0]
        assert abs(float(rows[-2]["markPrice"]) / float(hour[1]) - 1) < 0.01

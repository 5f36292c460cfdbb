"""Open interest, accounts and taker volumes: the exchange's shape, its 30 days, its limit, one truth."""

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.positioning import PERIODS
from crypto_bt.simulator.recorded_positioning import OPEN_INTEREST_FILE, POSITIONING_FILE, RecordedPositioning
from crypto_bt.simulator.serving import running
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, get, market_at

HOUR = 3_600_000
DAYS_30 = 30 * 24 * HOUR
OPEN_INTEREST = "/futures/data/openInterestHist"
ACCOUNTS = "/futures/data/globalLongShortAccountRatio"
TAKER = "/futures/data/takerlongshortRatio"
PATHS = (OPEN_INTEREST, ACCOUNTS, TAKER)
#: Homes keep what a seed gave them: a later version must give the same again.
PINNED = [
    (OPEN_INTEREST, "cd7d7fbabaa5af02"),
    (ACCOUNTS, "82cf281ff3adce13"),
    (TAKER, "520174a7ae986c0e"),
]


@pytest.fixture(scope="module")
def exchange():
    with running(market_at()) as exchange:
        yield exchange


def ask(market, path, symbol, period, window):
    asked = {
        OPEN_INTEREST: market.positioning.open_interest,
        ACCOUNTS: market.positioning.account_ratio,
        TAKER: market.positioning.taker_volume,
    }
    return asked[path](symbol, period, window)


@needs_recorded
def test_open_interest_has_the_wire_shape_of_the_exchange(exchange):
    real = json.loads(
        (RECORDED / "fixtures/openInterestHist_BTCUSDT_4h_rest_shape_rebuilt_first30.json").read_text()
    )
    ours = get(exchange.url, OPEN_INTEREST, symbol="BTCUSDT", period="4h").json

    assert len(ours) == len(real) == 30
    for row in ours:
        assert [*row] == [*real[0]]
        assert {name: type(value) for name, value in row.items()} == {
            name: type(value) for name, value in real[0].items()
        }
        assert len(row["sumOpenInterest"].partition(".")[2]) == 8
        assert len(row["sumOpenInterestValue"].partition(".")[2]) == 8
    assert {row["timestamp"] % (4 * HOUR) for row in ours} == {0}


@pytest.mark.parametrize(("path", "digest"), PINNED)
def test_positioning_of_a_seed_never_changes(path, digest):
    total = hashlib.sha256()
    for symbol in SYMBOLS:
        total.update(json.dumps(ask(market_at(), path, symbol, "1h", Window(None, None, 720))).encode())

    assert total.hexdigest()[:16] == digest


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_positioning_rows_are_plausible_and_consistent(symbol):
    everything = Window(None, None, 500)
    market = market_at()
    closes = {row[0]: float(row[4]) for row in market.candles(symbol, Timeframe.H1, Window(None, None, 800))}
    interest = ask(market, OPEN_INTEREST, symbol, "1h", everything)
    held = [float(row["sumOpenInterest"]) for row in interest]

    assert len(held) == 500
    assert 1.02 < max(held) / min(held) < 20
    for row in interest:
        price = float(row["sumOpenInterestValue"]) / float(row["sumOpenInterest"])
        assert math.isclose(price, closes[row["timestamp"] - HOUR], rel_tol=0.001)
    for row in ask(market, ACCOUNTS, symbol, "1h", everything):
        long, short = Decimal(row["longAccount"]), Decimal(row["shortAccount"])
        assert long + short == 1
        assert math.isclose(float(long / short), float(row["longShortRatio"]), rel_tol=0.001)
        assert 0.1 < float(row["longShortRatio"]) < 10
    for row in ask(market, TAKER, symbol, "1h", everything):
        assert [*row] == ["buySellRatio", "buyVol", "sellVol", "timestamp"]
        assert math.isclose(
            float(row["buyVol"]) / float(row["sellVol"]), float(row["buySellRatio"]), abs_tol=1e-4
        )


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize(("period", "timeframe"), [("15m", "15m"), ("1h", "1h"), ("4h", "4h"), ("1d", "1d")])
def test_taker_volume_equals_that_of_the_candle(symbol, period, timeframe):
    market = market_at()
    rows = ask(market, TAKER, symbol, period, Window(None, None, 500))
    candles = market.candles(symbol, Timeframe(timeframe), Window(rows[0]["timestamp"], None, len(rows)))

    assert [row["timestamp"] for row in rows] == [candle[0] for candle in candles]
    for row, candle in zip(rows, candles, strict=True):
        assert row["buyVol"] == candle[9]
        assert Decimal(row["sellVol"]) == Decimal(candle[5]) - Decimal(candle[9])


def test_taker_volume_of_half_an_hour_is_two_quarters_and_of_five_minutes_unknown():
    market = market_at()
    (row,) = ask(market, TAKER, "BTCUSDT", "30m", Window(None, None, 1))
    quarters = market.candles("BTCUSDT", Timeframe.M15, Window(row["timestamp"], None, 2))

    assert Decimal(row["buyVol"]) == sum(Decimal(quarter[9]) for quarter in quarters)
    assert ask(market, TAKER, "BTCUSDT", "5m", Window(None, None, 1)) == []


@settings(max_examples=40, deadline=None)
@given(
    passed=st.integers(0, 40 * 24 * HOUR),
    symbol=st.sampled_from(SYMBOLS),
    path=st.sampled_from(PATHS),
    period=st.sampled_from(["15m", "1h", "2h", "1d"]),
    back=st.integers(1, 29 * 24),
    limit=st.integers(1, 500),
)
def test_positioning_asked_at_any_time_in_any_window_is_the_same(passed, symbol, path, period, back, limit):
    now = datetime(2026, 10, 2, tzinfo=UTC) - timedelta(milliseconds=passed)
    start = to_milliseconds(now) - back * HOUR
    rows = ask(market_at(now), path, symbol, period, Window(start, None, limit))
    later = ask(
        market_at(now + timedelta(hours=20)), path, symbol, period, Window(start, to_milliseconds(now), limit)
    )

    assert rows == [row for row in later if row["timestamp"] + PERIODS[period] <= to_milliseconds(now)]
    assert len(rows) <= limit
    assert all(start <= row["timestamp"] for row in rows)


@pytest.mark.parametrize("path", PATHS)
def test_positioning_serves_30_days_of_ended_periods_and_no_more(exchange, path):
    now = to_milliseconds(NOW)
    latest = get(exchange.url, path, symbol="BTCUSDT", period="1h").json
    first = get(exchange.url, path, symbol="BTCUSDT", period="1h", startTime=now - DAYS_30, limit=500).json
    older = get(exchange.url, path, symbol="BTCUSDT", period="1h", endTime=now - DAYS_30 - HOUR)
    refused = get(exchange.url, path, symbol="BTCUSDT", period="1h", startTime=now - DAYS_30 - 1)

    assert len(latest) == 30
    assert latest[-1]["timestamp"] == now // HOUR * HOUR - HOUR
    assert len(first) == 500
    assert 0 <= first[0]["timestamp"] - (now - DAYS_30) < HOUR
    assert (older.status, older.json) == (200, [])
    assert (refused.status, refused.json) == (
        400,
        {"code": -1130, "msg": "parameter 'startTime' is invalid."},
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOSUCHUSDT", "period": "1h"}, -1121),
        ({"period": "1h"}, -1102),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "BTCUSDT", "period": "3h"}, -1130),
        ({"symbol": "BTCUSDT", "period": "1h", "limit": 501}, -1130),
        ({"symbol": "BTCUSDT", "period": "1h", "limit": "many"}, -1100),
    ],
)
def test_positioning_wrong_parameter_is_refused(exchange, query, code):
    answer = get(exchange.url, OPEN_INTEREST, **query)

    assert (answer.status, answer.json["code"]) == (400, code)


def test_positioning_costs_no_weight_but_counts_against_1000_calls_in_five_minutes():
    seconds = [900.0]
    with running(market_at(), clock=lambda: seconds[0]) as exchange:
        for _ in range(999):
            exchange.positioning_calls.charge(1)
        served = get(exchange.url, TAKER, symbol="BTCUSDT", period="1h")
        refused = get(exchange.url, ACCOUNTS, symbol="BTCUSDT", period="1h")
        seconds[0] += 5
        get(exchange.url, OPEN_INTEREST, symbol="BTCUSDT", period="1h")

        assert (served.status, served.headers["X-MBX-USED-WEIGHT-1M"]) == (200, "0")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "300")
        assert (exchange.responses_429, exchange.calls_inside_retry_after) == (2, 1)
        assert get(exchange.url, "/fapi/v1/time").status == 200


def test_positioning_of_a_young_or_ended_symbol_covers_its_life_only():
    begins, ends = datetime(2026, 3, 2, 13, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)
    market = market_at(onboard={"SUIUSDT": begins}, delisted={"SUIUSDT": ends})
    for path in PATHS:
        stamps = [row["timestamp"] for row in ask(market, path, "SUIUSDT", "1h", Window(None, None, 500))]
        assert stamps == list(range(to_milliseconds(begins), to_milliseconds(ends), HOUR))


def recording(folder, now):
    """Hourly rows from 40 days before ``now`` to an hour after, the last but one without a value."""
    times = [now - timedelta(hours=hours) for hours in range(40 * 24, -2, -1)]
    base = {"symbol": "BTCUSDT", "period": "1h", "time": times}
    holes = [1.5] * (len(times) - 3) + [None, 2.5, 3.5]
    time = pl.col("time").cast(pl.Datetime("ms", "UTC"))
    pl.DataFrame({**base, "sum_open_interest": 80_485.615, "sum_open_interest_value": holes}).with_columns(
        time
    ).write_parquet(folder / OPEN_INTEREST_FILE)
    pl.DataFrame(
        {
            **base,
            "global_long_short_ratio": 1.5,
            "long_account": 0.6,
            "short_account": 0.4,
            "taker_buy_vol": 3.0,
            "taker_sell_vol": 2.0,
        }
    ).with_columns(time).write_parquet(folder / POSITIONING_FILE)


def test_recorded_positioning_serves_what_falls_into_the_30_days(tmp_path):
    recording(tmp_path, NOW)
    market, everything = RecordedPositioning(tmp_path, NOW), Window(None, None, 2000)
    now = to_milliseconds(NOW)
    interest = market.open_interest("BTCUSDT", "1h", everything)

    assert [row["timestamp"] for row in interest] == list(range(now - DAYS_30, now - HOUR, HOUR))
    assert interest[0]["sumOpenInterest"] == "80485.615"
    assert market.account_ratio("BTCUSDT", "1h", Window(now - HOUR, None, 9)) == [
        {
            "symbol": "BTCUSDT",
            "longAccount": "0.6",
            "longShortRatio": "1.5",
            "shortAccount": "0.4",
            "timestamp": now - HOUR,
        }
    ]
    assert market.taker_volume("BTCUSDT", "1h", Window(None, now - DAYS_30, 1)) == [
        {"buySellRatio": "1.5000", "buyVol": "3.0", "sellVol": "2.0", "timestamp": now - DAYS_30}
    ]
    assert market.open_interest("ETHUSDT", "1h", everything) == []
    assert market.open_interest("BTCUSDT", "4h", everything) == []


def test_recorded_positioning_without_files_is_empty(tmp_path):
    market = RecordedPositioning(tmp_path, NOW)

    assert market.open_interest("BTCUSDT", "1h", Window(None, None, 5)) == []
    assert market.taker_volume("BTCUSDT", "1h", Window(None, None, 5)) == []
    assert market.archived("BTCUSDT", NOW.date()) is None


@needs_recorded
def test_recorded_positioning_equals_the_file_at_its_own_time():
    last = datetime(2024, 9, 12, 9, 30, tzinfo=UTC)
    frame = pl.read_parquet(RECORDED / POSITIONING_FILE).filter(
        pl.col("period") == "30m", pl.col("time") >= last - timedelta(days=30)
    )
    served = RecordedPositioning(RECORDED, last).account_ratio("BTCUSDT", "30m", Window(None, None, 2000))

    assert len(served) > 1400
    assert [
        (row["timestamp"], float(row["longAccount"]), float(row["longShortRatio"])) for row in served
    ] == frame.sort("time").select(
        pl.col("time").dt.epoch("ms"), "long_account", "global_long_short_ratio"
    ).rows()

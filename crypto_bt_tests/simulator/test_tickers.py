"""Tickers of the last 24 hours, out of the candles."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.serving import running
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, get, market_at

TICKER = "/fapi/v1/ticker/24hr"


@pytest.fixture(scope="module")
def exchange():
    with running(market_at()) as exchange:
        yield exchange


def test_tickers_cover_every_symbol_with_the_turnover_of_its_last_day(exchange):
    rows = {row["symbol"]: row for row in get(exchange.url, TICKER).json}
    market = market_at()

    assert set(rows) == set(SYMBOLS)
    for symbol, row in rows.items():
        candles = market.candles(symbol, Timeframe.H1, Window(None, None, 24))
        assert row["lastPrice"] == candles[-1][4]
        assert row["openPrice"] == candles[0][1]
        assert float(row["highPrice"]) == max(float(candle[2]) for candle in candles)
        assert float(row["quoteVolume"]) == pytest.approx(sum(float(candle[7]) for candle in candles))
        assert float(row["volume"]) == pytest.approx(sum(float(candle[5]) for candle in candles))
        assert float(row["lowPrice"]) <= float(row["weightedAvgPrice"]) <= float(row["highPrice"])
        assert (row["openTime"], row["closeTime"]) == (
            to_milliseconds(NOW - timedelta(days=1)),
            to_milliseconds(NOW),
        )


def test_ticker_of_one_symbol_is_one_object_and_costs_1_all_cost_40():
    with running(market_at()) as exchange:
        everything = get(exchange.url, TICKER)
        one = get(exchange.url, TICKER, symbol="SUIUSDT")

    assert one.json in everything.json
    assert (everything.headers["X-MBX-USED-WEIGHT-1M"], one.headers["X-MBX-USED-WEIGHT-1M"]) == ("40", "41")


def test_ticker_of_an_unknown_symbol_is_refused(exchange):
    assert get(exchange.url, TICKER, symbol="NOSUCHUSDT").json["code"] == -1121


def test_tickers_leave_out_what_was_not_traded_that_day():
    market = market_at(
        onboard={"XMRUSDT": NOW + timedelta(hours=1)},
        delisted={"SUIUSDT": datetime(2026, 3, 10, tzinfo=UTC)},
    )
    with running(market) as exchange:
        assert {row["symbol"] for row in get(exchange.url, TICKER).json} == {"BTCUSDT", "NEWCOINUSDT"}
        assert get(exchange.url, TICKER, symbol="SUIUSDT").json == {}


@needs_recorded
def test_tickers_of_a_recorded_market_do_not_invent_a_turnover():
    market = RecordedMarket(RECORDED, symbols=20)
    with running(market) as exchange:
        rows = get(exchange.url, TICKER).json
    for row in rows:
        candles = market.candles(row["symbol"], Timeframe.H1, Window(row["openTime"] + 1, None, 24))
        known = all(candle[7] is not None for candle in candles)
        assert (row["quoteVolume"] is not None) == known
    assert len(rows) == 20

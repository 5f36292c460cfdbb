"""The adapter against a healthy loopback exchange: everything, once, and nothing that is open."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import FetchRequest
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, market_at
from crypto_bt_tests.sources.fake_time import FakeTime
from crypto_bt_tests.sources.sessions import fetch_all, rows_of, source_of, truth

MONTH = timedelta(days=30)


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_fetch_equals_the_market_and_leaves_out_the_open_candle(timeframe):
    market = market_at()
    request = FetchRequest(timeframe.dataset, "BTCUSDT", NOW - MONTH, NOW + timedelta(days=1))
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

    (batch,) = outcome.batches
    assert rows_of(batch) == truth(market, request, timeframe)
    assert batch.frame["open_time"][-1] == timeframe.floor(NOW) - timeframe.delta
    assert batch.frame.null_count().sum_horizontal().item() == 0
    assert (batch.quarantine.height, outcome.failures) == (0, [])


def test_fetch_all_many_symbols_and_datasets_equals_the_market():
    market = market_at()
    requests = [
        FetchRequest(timeframe.dataset, symbol, NOW - MONTH, NOW)
        for timeframe in Timeframe
        for symbol in SYMBOLS
    ]
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), requests)

        used = exchange.weight.peak
        assert sum(exchange.requests.values()) == outcome.usage.requests == 2 + 4 * (6 + 2 + 1 + 1)
        assert exchange.responses_429 == outcome.usage.responses_429 == 0

    assert used == outcome.usage.weight == outcome.usage.peak_minute_weight
    by_key = {(batch.dataset, batch.symbol): batch for batch in outcome.batches}
    assert len(by_key) == 16
    for request in requests:
        timeframe = DATASETS[request.dataset].timeframe
        batch = by_key[request.dataset, request.symbol]
        assert rows_of(batch) == truth(market, request, timeframe), request


def test_fetch_before_the_listing_begins_with_the_first_candle():
    market = market_at()
    onboard = {info.symbol: info.onboard for info in market.symbols()}["XMRUSDT"]
    request = FetchRequest("candles_1d", "XMRUSDT", datetime(2019, 1, 1, tzinfo=UTC), NOW)
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

        assert exchange.requests["/fapi/v1/klines"] == 1
    assert outcome.batches[0].frame["open_time"][0] == onboard


def test_fetch_window_of_the_future_asks_nothing():
    request = FetchRequest("candles_1h", "BTCUSDT", NOW + MONTH, NOW + 2 * MONTH)
    with running(market_at()) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

        assert exchange.requests["/fapi/v1/klines"] == 0
    assert outcome.batches[0].frame.is_empty()


def test_fetch_funding_pages_past_a_thousand_settlements():
    market = market_at()
    start = datetime(2024, 1, 1, tzinfo=UTC)
    request = FetchRequest("funding_rates", "BTCUSDT", start, NOW)
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

        assert exchange.requests["/fapi/v1/fundingRate"] == 3
    frame = outcome.batches[0].frame
    rows = market.funding("BTCUSDT", Window(to_milliseconds(start), to_milliseconds(NOW), 10**6))
    assert frame["funding_rate"].to_list() == [float(row["fundingRate"]) for row in rows]
    assert frame["mark_price"].to_list() == [float(row["markPrice"]) for row in rows]
    assert frame["funding_time"].to_list() == sorted(set(frame["funding_time"]))
    assert {to_milliseconds(time) % 3_600_000 for time in frame["funding_time"]} == {0}


def test_fetch_mark_prices_equal_the_market():
    market = market_at()
    request = FetchRequest("mark_price_1h", "SUIUSDT", NOW - MONTH, Timeframe.H1.floor(NOW))
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

    window = Window(
        to_milliseconds(Timeframe.H1.floor(NOW - MONTH)) + 1, to_milliseconds(request.end) - 1, 10**6
    )
    rows = market.mark_prices("SUIUSDT", Timeframe.H1, window)
    frame = outcome.batches[0].frame
    assert frame.select("open", "high", "low", "close").rows() == [
        tuple(map(float, row[1:5])) for row in rows
    ]


def test_fetch_unknown_symbol_fails_alone():
    requests = [FetchRequest("candles_1d", name, NOW - MONTH, NOW) for name in ("GONEUSDT", "BTCUSDT")]
    time = FakeTime()
    with running(market_at()) as exchange:
        outcome = fetch_all(source_of(exchange, time), requests)

    assert [batch.symbol for batch in outcome.batches] == ["BTCUSDT"]
    (failure,) = outcome.failures
    assert failure.request == requests[0]
    assert isinstance(failure.error, SourceRefused)
    assert failure.reason.startswith("GONEUSDT candles_1d 2026-02-12 to 2026-03-14: the exchange does not")
    assert time.sleeps == []


def test_fetch_dataset_that_is_not_carried_is_refused():
    with running(market_at()) as exchange:
        outcome = fetch_all(
            source_of(exchange, FakeTime()), [FetchRequest("universe", "BTCUSDT", NOW - MONTH, NOW)]
        )

    assert "does not carry" in outcome.failures[0].reason


def test_fetch_all_stays_within_its_share_in_every_minute():
    time = FakeTime()
    requests = [FetchRequest("candles_1h", symbol, NOW - 5 * MONTH, NOW) for symbol in SYMBOLS]
    with running(market_at(), weight_limit=40, clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time, share=0.5), requests)

        assert exchange.responses_429 == 0
        assert exchange.weight.peak <= 20
    assert len(outcome.batches) == 4
    assert outcome.usage.peak_minute_weight <= 20
    assert outcome.usage.waited_seconds == pytest.approx(sum(time.sleeps))
    assert outcome.usage.waited_seconds > 60


def test_fetch_all_whole_limit_is_used_without_a_429():
    time = FakeTime(start=6030.0)
    requests = [FetchRequest("candles_1h", symbol, NOW - 5 * MONTH, NOW) for symbol in SYMBOLS]
    with running(market_at(), weight_limit=40, clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time), requests)

        assert exchange.responses_429 == 0
    assert outcome.usage.peak_minute_weight == 40


def test_fetch_funding_keeps_the_limit_of_its_own():
    time = FakeTime()
    start = NOW - timedelta(days=1)
    requests = [FetchRequest("funding_rates", "BTCUSDT", start, NOW)] * 25
    with running(market_at(), clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time, share=0.02), requests)

        assert exchange.funding_calls.peak == 10
    assert (len(outcome.batches), outcome.usage.weight) == (25, 2)
    assert {round(seconds) for seconds in time.sleeps} == {300}
    assert len(time.sleeps) >= 2


def test_fetch_leaves_the_limit_to_another_program():
    time = FakeTime()
    requests = [FetchRequest("candles_1d", symbol, NOW - MONTH, NOW) for symbol in SYMBOLS]
    with running(market_at(), weight_limit=100, clock=time.clock) as exchange:
        exchange.weight.charge(97)
        outcome = fetch_all(source_of(exchange, time), requests)

        assert exchange.responses_429 == 0
    assert len(outcome.batches) == 4
    assert sum(time.sleeps) >= 60


def test_session_says_whose_data_it_is_and_when():
    async def session():
        async with source_of(exchange, FakeTime()) as source:
            return await source.identity(), await source.server_time(), await source.listings()

    with running(market_at()) as exchange:
        identity, now, listings = asyncio.run(session())

    assert (identity, now) == ("simulated:seed=7", NOW.replace(microsecond=0))
    assert set(listings) == set(SYMBOLS)
    assert listings["BTCUSDT"].tradable
    assert listings["BTCUSDT"].onboard == datetime(2019, 9, 8, tzinfo=UTC)


def test_fetch_outside_a_session_says_how_to_open_it():
    async def fetch():
        await source.fetch(FetchRequest("candles_1h", "BTCUSDT", NOW - MONTH, NOW))

    with running(market_at()) as exchange:
        source = source_of(exchange, FakeTime())
        with pytest.raises(RuntimeError, match="async with"):
            asyncio.run(fetch())


@needs_recorded
def test_fetch_recorded_market_equals_the_recording_gaps_and_nulls_included():
    market = RecordedMarket(RECORDED, symbols=None, days=30)
    listed = [info.symbol for info in market.symbols()]
    names = list(dict.fromkeys(["1000PEPEUSDT", *listed[-3:]]))
    start = datetime(2024, 4, 1, tzinfo=UTC)
    requests = [FetchRequest("candles_1h", name, start, market.now()) for name in names]
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), requests)

    assert outcome.failures == []
    for request in requests:
        (batch,) = [batch for batch in outcome.batches if batch.symbol == request.symbol]
        assert rows_of(batch) == truth(market, request, Timeframe.H1), request.symbol
        assert batch.quarantine.is_empty()
        assert batch.frame["taker_buy_volume"].null_count() == batch.frame.height


def test_fetch_skewed_clock_is_refused_only_when_it_is_compared():
    market = SyntheticMarket(7, ["BTCUSDT"], lambda: NOW)
    wall = NOW + timedelta(seconds=31)
    with running(market) as exchange:
        fetch_all(source_of(exchange, FakeTime(), wall=lambda: wall), [])
        with pytest.raises(
            Exception, match=r"clock is 31\.\d s ahead of the exchange's, limit 30 s"
        ) as caught:
            fetch_all(source_of(exchange, FakeTime(), check_skew=True, wall=lambda: wall), [])
    assert "timedatectl" in str(caught.value)

"""What every source must do; a new one is added to SOURCES."""

import asyncio
import math
from datetime import timedelta

import pytest

from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS, POSITIONING_DATASETS
from crypto_bt.core.errors import SourceError
from crypto_bt.core.market import SYMBOL_PATTERN
from crypto_bt.core.schemas import QUARANTINE_SCHEMA
from crypto_bt.simulator.serving import running
from crypto_bt.sources import BinanceUsdm, FetchPlan, FetchRequest, estimate
from crypto_bt_tests.simulator.calls import NOW, market_at

#: How to make each source over a loopback exchange's address, and the datasets it carries.
SOURCES = [
    pytest.param(
        lambda url: BinanceUsdm(url, 1.0, check_skew=False),
        (*CANDLE_DATASETS, "funding_rates", "mark_price_1h", *POSITIONING_DATASETS),
        id="BinanceUsdm",
    ),
]
contract = pytest.mark.parametrize(("make", "datasets"), SOURCES)


@pytest.fixture(scope="module")
def exchange():
    with running(market_at(), weight_limit=1_000_000) as exchange:
        yield exchange


def in_session(source, work):
    async def session():
        async with source:
            return await work(source)

    return asyncio.run(session())


@contract
def test_source_frames_have_the_schema_sorted_and_unique(exchange, make, datasets):
    start = NOW - timedelta(days=3)
    requests = [FetchRequest(name, "BTCUSDT", start, NOW) for name in datasets]

    async def work(source):
        return [await source.fetch(request) for request in requests]

    for request, batch in zip(requests, in_session(make(exchange.url), work), strict=True):
        dataset = DATASETS[request.dataset]
        assert (batch.dataset, batch.symbol) == (request.dataset, "BTCUSDT")
        assert dict(batch.frame.schema) == dataset.schema
        assert dict(batch.quarantine.schema) == QUARANTINE_SCHEMA
        assert batch.frame.height > 0
        times = batch.frame[dataset.time]
        assert times.to_list() == sorted(set(times))
        assert times.is_between(start, NOW, closed="left").all()
        if dataset.timeframe:
            assert times.max() + dataset.timeframe.delta <= NOW


@contract
def test_source_says_who_it_is_what_it_lists_and_when(exchange, make, datasets):
    async def work(source):
        return await source.identity(), await source.listings(), await source.server_time()

    identity, listings, now = in_session(make(exchange.url), work)

    assert identity == "simulated:seed=7"
    assert now.utcoffset() == timedelta(0)
    assert all(SYMBOL_PATTERN.match(symbol) and symbol == listings[symbol].symbol for symbol in listings)


@contract
def test_source_tickers_are_turnover_of_what_it_lists(exchange, make, datasets):
    async def work(source):
        return await source.tickers(), await source.listings()

    tickers, listings = in_session(make(exchange.url), work)

    assert tickers
    assert set(tickers) <= set(listings)
    assert all(math.isfinite(volume) and volume >= 0 for volume in tickers.values())


@contract
def test_source_failure_of_one_symbol_is_returned_and_the_others_come(exchange, make, datasets):
    batches = []
    requests = [
        FetchRequest(name, symbol, NOW - timedelta(days=2), NOW)
        for name in datasets
        for symbol in ("BTCUSDT", "GONEUSDT", "SUIUSDT")
    ]

    failures = in_session(make(exchange.url), lambda source: source.fetch_all(requests, batches.append))

    assert [failure.request for failure in failures] == [r for r in requests if r.symbol == "GONEUSDT"]
    assert all(isinstance(failure.error, SourceError) and failure.reason for failure in failures)
    assert {(b.dataset, b.symbol) for b in batches} == {
        (r.dataset, r.symbol) for r in requests if r.symbol != "GONEUSDT"
    }


@contract
def test_source_asked_twice_gives_the_same(exchange, make, datasets):
    request = FetchRequest(datasets[0], "BTCUSDT", NOW - timedelta(days=2), NOW)

    first, second = (in_session(make(exchange.url), lambda source: source.fetch(request)) for _ in range(2))

    assert first.frame.equals(second.frame)


@contract
def test_source_counts_what_it_used_and_estimates_it_before(exchange, make, datasets):
    candles = tuple(name for name in datasets if DATASETS[name].timeframe)
    plan = FetchPlan(candles, ("BTCUSDT", "GONEUSDT", "SUIUSDT"), NOW - timedelta(days=90), NOW)
    requests = [
        FetchRequest(name, symbol, plan.start, plan.end)
        for name in candles
        for symbol in ("BTCUSDT", "SUIUSDT")
    ]

    expected = asyncio.run(estimate(make(exchange.url), plan))
    source = make(exchange.url)
    in_session(source, lambda source: source.fetch_all(requests, lambda batch: None))

    assert (source.usage.requests, source.usage.weight) == (expected.requests, expected.weight)
    assert expected.seconds > 0


@contract
def test_source_error_in_the_callers_callback_is_not_swallowed(exchange, make, datasets):
    def fail(batch):
        raise ZeroDivisionError(batch.symbol)

    requests = [FetchRequest(datasets[0], "BTCUSDT", NOW - timedelta(days=2), NOW)]

    with pytest.raises(ZeroDivisionError, match="BTCUSDT"):
        in_session(make(exchange.url), lambda source: source.fetch_all(requests, fail))

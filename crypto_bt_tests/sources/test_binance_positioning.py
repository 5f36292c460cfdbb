"""Open interest, accounts, taker volume and tickers, through the real client and a socket."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.positioning import AVAILABLE_AFTER
from crypto_bt.core.raw_rows import numbers
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.sources import FetchRequest
from crypto_bt.sources.questions import read_tickers
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, market_at
from crypto_bt_tests.sources.fake_time import FakeTime
from crypto_bt_tests.sources.sessions import fetch_all, source_of

DAY = timedelta(days=1)
LAST = Timeframe.H1.floor(NOW) - timedelta(hours=1)
PATHS = {
    "open_interest": "/futures/data/openInterestHist",
    "long_short_ratio": "/futures/data/globalLongShortAccountRatio",
    "taker_volume": "/futures/data/takerlongshortRatio",
}
#: Our columns and the wire's, by dataset.
FIGURES = {
    "open_interest": {"open_interest": "sumOpenInterest", "open_interest_value": "sumOpenInterestValue"},
    "long_short_ratio": {
        "long_short_ratio": "longShortRatio", "long_account": "longAccount", "short_account": "shortAccount",
    },
    "taker_volume": {"buy_volume": "buyVol", "sell_volume": "sellVol", "buy_sell_ratio": "buySellRatio"},
}  # fmt: skip
feeds = pytest.mark.parametrize("dataset", POSITIONING_DATASETS)


def truth(market, dataset: str, symbol: str, start: datetime, end: datetime) -> list[Mapping]:
    """The market's own rows in [start, end)."""
    positioning = market.positioning
    ask = {
        "open_interest": positioning.open_interest,
        "long_short_ratio": positioning.account_ratio,
        "taker_volume": positioning.taker_volume,
    }[dataset]
    return list(ask(symbol, "1h", Window(to_milliseconds(start), to_milliseconds(end) - 1, 10**6)))


@feeds
def test_fetch_positioning_equals_the_market_up_to_the_last_hour_that_is_over(dataset):
    market = market_at()
    request = FetchRequest(dataset, "BTCUSDT", NOW - 3 * DAY, NOW + DAY)
    with running(market) as exchange:
        (batch,) = fetch_all(source_of(exchange, FakeTime()), [request]).batches

        assert exchange.requests[PATHS[dataset]] == 1
    rows = truth(market, dataset, "BTCUSDT", request.start, NOW)
    assert dict(batch.frame.schema) == DATASETS[dataset].schema
    assert [to_milliseconds(time) for time in batch.frame["observed_at"]] == [
        row["timestamp"] for row in rows
    ]
    for column, wire in FIGURES[dataset].items():
        assert batch.frame[column].to_list() == numbers([row[wire] for row in rows]).to_list()
    assert batch.frame["observed_at"][-1] == LAST
    assert batch.frame["available_at"][-1] == LAST + AVAILABLE_AFTER
    assert batch.quarantine.is_empty()


@feeds
def test_fetch_positioning_of_a_year_asks_for_what_is_kept_and_is_not_refused(dataset):
    request = FetchRequest(dataset, "BTCUSDT", NOW - 365 * DAY, NOW)
    with running(market_at()) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

        assert exchange.requests[PATHS[dataset]] == 2
    assert outcome.failures == []
    times = outcome.batches[0].frame["observed_at"]
    assert times.to_list() == [LAST - timedelta(hours=hour) for hour in range(len(times))][::-1]
    assert len(times) >= 30 * 24 - 2


@feeds
def test_fetch_positioning_that_is_not_kept_any_more_is_empty_without_a_request(dataset):
    request = FetchRequest(dataset, "BTCUSDT", NOW - 60 * DAY, NOW - 31 * DAY)
    with running(market_at()) as exchange:
        outcome = fetch_all(source_of(exchange, FakeTime()), [request])

        assert exchange.requests[PATHS[dataset]] == 0
    (batch,) = outcome.batches
    assert (batch.frame.height, batch.quarantine.height, outcome.failures) == (0, 0, [])


def test_fetch_positioning_keeps_its_own_limit_and_costs_no_weight():
    time = FakeTime()
    requests = [
        FetchRequest(name, symbol, NOW - DAY, NOW) for name in POSITIONING_DATASETS for symbol in SYMBOLS * 20
    ]
    with running(market_at(), clock=time.clock) as exchange:
        outcome = fetch_all(source_of(exchange, time, share=0.2), requests)

        assert exchange.positioning_calls.peak <= 200
        assert exchange.responses_429 == 0
    assert len(outcome.batches) == 240
    assert (outcome.usage.weight, outcome.usage.requests) == (2, 242)
    assert 300 <= outcome.usage.waited_seconds < 310


@feeds
@pytest.mark.parametrize("kind", [FaultKind.OVERLOADED, FaultKind.HTML, FaultKind.EMPTY, FaultKind.MALFORMED])
def test_fetch_positioning_after_a_fault_has_every_row(dataset, kind):
    market, time = market_at(), FakeTime()
    plan = FaultPlan([Fault(PATHS[dataset], 1, kind)])
    request = FetchRequest(dataset, "SUIUSDT", NOW - DAY, NOW)
    with running(market, faults=plan) as exchange:
        outcome = fetch_all(source_of(exchange, time), [request])

    assert (len(plan.fired), time.sleeps, outcome.failures) == (1, [5], [])
    assert outcome.batches[0].frame.height == len(truth(market, dataset, "SUIUSDT", request.start, NOW))


def tickers_of(exchange: LoopbackExchange):
    async def ask():
        async with source:
            return await source.tickers()

    source = source_of(exchange, FakeTime())
    return asyncio.run(ask()), source.usage


def test_tickers_are_one_call_of_its_weight():
    with running(market_at()) as exchange:
        tickers, usage = tickers_of(exchange)

        assert exchange.requests["/fapi/v1/ticker/24hr"] == 1
        assert exchange.weight.used == usage.weight == 2 + 40
    assert set(tickers) == set(SYMBOLS)
    assert all(volume > 0 for volume in tickers.values())


def test_tickers_that_are_no_list_are_asked_again():
    class OnceAnObject(LoopbackExchange):
        spoiled = 0

        async def _answer(self, request):
            if request.path.endswith("24hr") and not self.spoiled:
                self.spoiled += 1
                return web.json_response({"tickers": []})
            return await super()._answer(request)

    async def run():
        exchange = OnceAnObject(market_at())
        await exchange.start()
        try:
            async with source_of(exchange, time) as source:
                return await source.tickers(), exchange.spoiled
        finally:
            await exchange.stop()

    time = FakeTime()
    tickers, spoiled = asyncio.run(run())

    assert (set(tickers), spoiled, time.sleeps) == (set(SYMBOLS), 1, [5])


@pytest.mark.parametrize(
    "row",
    [
        None, [], {}, {"symbol": "BTCUSDT"}, {"symbol": 5, "quoteVolume": "1"},
        {"symbol": "BTC/USDT", "quoteVolume": "1"}, {"symbol": "BTCUSDT", "quoteVolume": "-1"},
        {"symbol": "BTCUSDT", "quoteVolume": "NaN"}, {"symbol": "BTCUSDT", "quoteVolume": "inf"},
        {"symbol": "BTCUSDT", "quoteVolume": None}, {"symbol": "BTCUSDT", "quoteVolume": True},
        {"symbol": "BTCUSDT", "quoteVolume": 10**400},
    ],
)  # fmt: skip
def test_read_tickers_leaves_out_rows_that_make_no_sense(row):
    assert read_tickers([row, {"symbol": "SUIUSDT", "quoteVolume": "12.5"}]) == {"SUIUSDT": 12.5}


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists, max_leaves=5))
def test_read_tickers_of_garbage_never_raises(answer):
    assert read_tickers(answer) in (None, {})

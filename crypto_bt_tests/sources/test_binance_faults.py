"""Every fault of the exchange, over a real socket; a pass counts only if the fault has fired."""

import asyncio
import random
from datetime import timedelta

import pytest

from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.errors import SourceRefused, SourceUnavailable
from crypto_bt.core.market import Timeframe
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import AddressRefused, FetchRequest
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, market_at
from crypto_bt_tests.sources.fake_time import FakeTime, FastTime
from crypto_bt_tests.sources.sessions import fetch_all, rows_of, source_of, truth

KLINES = "/fapi/v1/klines"
TIME = "/fapi/v1/time"
INFO = "/fapi/v1/exchangeInfo"
MONTH = timedelta(days=30)
PASSING = [
    FaultKind.OVERLOADED, FaultKind.HTML, FaultKind.EMPTY, FaultKind.MALFORMED, FaultKind.RESET,
    FaultKind.TRUNCATED,
]  # fmt: skip
REQUESTS = [FetchRequest("candles_1h", symbol, NOW - MONTH, NOW) for symbol in SYMBOLS]


def check_complete(market, requests, outcome):
    assert outcome.failures == []
    by_key = {(batch.dataset, batch.symbol): batch for batch in outcome.batches}
    assert len(by_key) == len(outcome.batches) == len(requests)
    for request in requests:
        batch = by_key[request.dataset, request.symbol]
        assert rows_of(batch) == truth(market, request, DATASETS[request.dataset].timeframe)
        assert batch.quarantine.is_empty()


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("path", [KLINES, TIME, INFO])
def test_fetch_after_a_fault_that_passes_has_every_row(kind, path):
    market, time = market_at(), FakeTime()
    plan = FaultPlan([Fault(path, 1, kind)])
    with running(market, faults=plan) as exchange:
        outcome = fetch_all(source_of(exchange, time), REQUESTS)

    assert len(plan.fired) == 1
    check_complete(market, REQUESTS, outcome)
    assert (outcome.usage.retries, time.sleeps) == (1, [5])


def test_fetch_slow_answer_is_asked_again():
    market, time = market_at(), FakeTime()
    plan = FaultPlan([Fault(KLINES, 2, FaultKind.SLOW, seconds=1.0)])
    with running(market, faults=plan) as exchange:
        outcome = fetch_all(source_of(exchange, time, timeout_seconds=0.4), REQUESTS)

    assert len(plan.fired) == 1
    check_complete(market, REQUESTS, outcome)
    assert outcome.usage.retries >= 1


def test_fetch_gives_up_after_five_tries_and_the_others_go_on():
    market, time = market_at(), FakeTime()
    plan = FaultPlan([Fault(KLINES, nth, FaultKind.OVERLOADED) for nth in range(1, 6)])
    requests = REQUESTS[:1]
    with running(market, faults=plan) as exchange:
        outcome = fetch_all(source_of(exchange, time), [*requests, REQUESTS[1]][:1])

        assert exchange.requests[KLINES] == 5
    assert len(plan.fired) == 5
    (failure,) = outcome.failures
    assert isinstance(failure.error, SourceUnavailable)
    assert "tried 5 times" in failure.reason
    assert failure.reason.startswith("BTCUSDT candles_1h")
    assert "http" not in failure.reason.replace("HTTP", "")
    assert time.sleeps == [5, 15, 45, 45]


def test_fetch_answer_of_a_wrong_shape_is_asked_again():
    class OnceAnObject(SyntheticMarket):
        spoiled = 0

        def candles(self, symbol, timeframe, window):
            if self.spoiled < 1:
                self.spoiled += 1
                return {"rows": []}
            return super().candles(symbol, timeframe, window)

    market, time = OnceAnObject(7, SYMBOLS, lambda: NOW), FakeTime()
    with running(market) as exchange:
        outcome = fetch_all(source_of(exchange, time), REQUESTS)

    assert (market.spoiled, time.sleeps) == (1, [5])
    check_complete(market, REQUESTS, outcome)


def test_fetch_429_pauses_the_whole_client_until_retry_after():
    time = FastTime()
    plan = FaultPlan([Fault(KLINES, 20, FaultKind.TOO_MANY, seconds=20)])
    many = [FetchRequest("candles_1d", name, NOW - MONTH, NOW) for name in SYMBOLS * 20]
    answers: list[tuple[float, int]] = []

    async def session():
        async with source:
            client = source._session._client
            note = client._on_answer

            def listen(status, headers):
                answers.append((time.clock(), status))
                note(status, headers)

            client._on_answer = listen
            return await source.fetch_all(many, lambda batch: None)

    with running(market_at(), faults=plan) as exchange:
        source = source_of(exchange, time)
        failures = asyncio.run(session())

    assert (len(plan.fired), failures, source.usage.responses_429) == (1, [], 1)
    refused = next(moment for moment, status in answers if status == 429)
    inside = [moment for moment, _ in answers if refused < moment < refused + 20]
    assert len(inside) <= 7, "no more than what was on its way"
    assert len([moment for moment, _ in answers if moment >= refused + 20]) >= 80 - 20 - 7


@pytest.mark.parametrize("kind", [FaultKind.RESTRICTED, FaultKind.BANNED])
@pytest.mark.parametrize(("path", "nth"), [(TIME, 1), (INFO, 1), (KLINES, 1), (KLINES, 9)])
def test_fetch_refused_address_stops_everything_at_once(kind, path, nth):
    time = FakeTime()
    plan = FaultPlan([Fault(path, nth, kind, seconds=120)])
    requests = [FetchRequest("candles_1d", name, NOW - MONTH, NOW) for name in SYMBOLS * 20]
    with running(market_at(), faults=plan) as exchange:
        with pytest.raises(AddressRefused) as caught:
            fetch_all(source_of(exchange, time), requests)

        asked = exchange.requests[KLINES]
    assert len(plan.fired) == 1
    assert time.sleeps == []
    assert asked <= nth + 8
    words = "banned this address for 120 s" if kind is FaultKind.BANNED else "EXCHANGE_URL"
    assert words in str(caught.value)
    assert isinstance(caught.value, SourceRefused)


def test_fetch_all_with_an_exchange_that_is_down_gives_up_soon():
    time = FakeTime()
    plan = FaultPlan([Fault(KLINES, nth, FaultKind.HTML) for nth in range(1, 500)])
    requests = [FetchRequest("candles_1d", name, NOW - MONTH, NOW) for name in SYMBOLS * 15]
    with running(market_at(), faults=plan) as exchange:
        outcome = fetch_all(source_of(exchange, time), requests)

    assert [failure.request for failure in outcome.failures] == requests
    assert len(plan.fired) <= (8 + 7) * 5
    assert "not asked" in outcome.failures[-1].reason


def test_open_without_an_exchange_is_one_clear_error():
    with running(market_at()) as exchange:
        url = exchange.url
    time = FakeTime()
    source = source_of(exchange, time)
    assert url == exchange.url

    with pytest.raises(SourceUnavailable, match="The exchange's clock: the connection failed") as caught:
        fetch_all(source, [])

    assert url not in str(caught.value)
    assert time.sleeps == [5, 15, 45, 45]


def test_open_with_an_empty_universe_is_no_market():
    with (
        running(SyntheticMarket(7, [], lambda: NOW)) as exchange,
        pytest.raises(SourceUnavailable, match="exchangeInfo"),
    ):
        fetch_all(source_of(exchange, FakeTime()), [])


def test_fetch_bad_rows_are_quarantined_and_the_rest_is_kept():
    class Spoiled(SyntheticMarket):
        def candles(self, symbol, timeframe, window):
            rows = [list(row) for row in super().candles(symbol, timeframe, window)]
            rows[3][4] = None
            rows[5][2] = "0.01"
            rows[7] = rows[7][:4]
            rows.append(rows[10])
            rows.append([*rows[11][:5], "1.0", *rows[11][6:]])
            rows.reverse()
            return rows

    healthy = market_at()
    market = Spoiled(7, SYMBOLS, lambda: NOW)
    start = Timeframe.H1.floor(NOW - timedelta(days=2))
    request = FetchRequest("candles_1h", "BTCUSDT", start, NOW)
    with running(market) as exchange:
        (batch,) = fetch_all(source_of(exchange, FakeTime()), [request]).batches

    expected = truth(healthy, request, Timeframe.H1)
    lost = {expected[index] for index in (3, 5, 7, 11)}
    assert rows_of(batch) == [row for row in expected if row not in lost]
    assert sorted(batch.quarantine["reason"]) == [
        "conflicting duplicate",
        "inconsistent",
        "null",
        "short row",
    ]


@pytest.mark.parametrize("seed", range(6))
def test_fetch_all_under_a_storm_of_faults_equals_the_market(seed):
    chance = random.Random(seed)
    requests = [
        FetchRequest(dataset, symbol, NOW - 4 * MONTH, NOW)
        for dataset in (*CANDLE_DATASETS, "mark_price_1h", "funding_rates")
        for symbol in SYMBOLS
    ]
    # At most four a path: no request can meet five of them, which would be one too many.
    calls = {TIME: 1, INFO: 1, KLINES: 30, "/fapi/v1/markPriceKlines": 20, "/fapi/v1/fundingRate": 4}
    faults = [
        Fault(path, nth, chance.choice([*PASSING, FaultKind.TOO_MANY]), seconds=chance.randint(1, 60))
        for path, count in calls.items()
        for nth in sorted(chance.sample(range(1, count + 1), min(count, 4)))
    ]
    market, time, plan = market_at(), FakeTime(), FaultPlan(faults)
    with running(market) as exchange:
        healthy = fetch_all(source_of(exchange, FakeTime()), requests)
    with running(market, faults=plan, clock=time.clock) as exchange:
        stormy = fetch_all(source_of(exchange, time), requests)

        assert exchange.calls_inside_retry_after == 0, f"seed {seed}"
    assert len(plan.fired) == len(faults) == 14, f"seed {seed}"
    assert (healthy.failures, stormy.failures) == ([], []), f"seed {seed}"
    truth_by_key = {(batch.dataset, batch.symbol): batch.frame for batch in healthy.batches}
    assert len(stormy.batches) == len(truth_by_key) == len(requests)
    for batch in stormy.batches:
        assert batch.frame.equals(truth_by_key[batch.dataset, batch.symbol]), f"seed {seed}"
    assert stormy.usage.retries == 14

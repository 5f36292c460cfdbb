"""The loopback exchange over a real socket."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise

import pytest

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import from_milliseconds, to_milliseconds
from crypto_bt.core.schemas import ORDER_RULES
from crypto_bt.simulator.endpoints import candle_weight
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.sources.exchange_info import listings_of
from crypto_bt_tests.recorded import RECORDED, needs_recorded
from crypto_bt_tests.simulator.calls import NOW, SYMBOLS, get, market_at

KLINES = "/fapi/v1/klines"
MARKS = "/fapi/v1/markPriceKlines"
FUNDING = "/fapi/v1/fundingRate"


@pytest.fixture(scope="module")
def exchange():
    with running(market_at(), weight_limit=1_000_000) as exchange:
        yield exchange


def shape(value):
    """Types of a JSON value, down to the digits of numbers written as strings."""
    if isinstance(value, list | tuple):
        return [shape(item) for item in value]
    if isinstance(value, str):
        float(value)
        return "number in a string"
    return type(value).__name__


@needs_recorded
@pytest.mark.parametrize("path", [KLINES, MARKS])
def test_klines_have_the_wire_shape_of_the_exchange(exchange, path):
    real = json.loads((RECORDED / "fixtures/rest_klines_1d/BTCUSDT.json").read_text())
    ours = get(exchange.url, path, symbol="BTCUSDT", interval="1d", limit=len(real)).json

    assert shape(ours) == shape(real)
    assert ours[-1][0] <= to_milliseconds(NOW) < ours[-1][6], "the last candle is still open"
    for row, following in pairwise(ours):
        assert row[6] + 1 == following[0] == row[0] + 86_400_000


@needs_recorded
def test_funding_has_the_wire_shape_of_the_exchange(exchange):
    real = json.loads((RECORDED / "fixtures/fundingRate_BTCUSDT_rest_shape_rebuilt_first30.json").read_text())
    ours = get(exchange.url, FUNDING, symbol="BTCUSDT", limit=30).json

    assert len(ours) == 30
    assert set(ours[0]) == set(real[0]) | {"markPrice"}
    assert all(type(ours[0][key]) is type(real[0][key]) for key in real[0])
    assert [row["fundingTime"] for row in ours] == sorted(row["fundingTime"] for row in ours)


@needs_recorded
def test_exchange_info_has_the_fields_of_the_real_one(exchange):
    real = json.loads((RECORDED / "reference/exchange_info_2025-12-24.json").read_text())
    ours = get(exchange.url, "/fapi/v1/exchangeInfo").json
    real_symbol = next(entry for entry in real["symbols"] if entry["symbol"] == "BTCUSDT")
    our_symbol = next(entry for entry in ours["symbols"] if entry["symbol"] == "BTCUSDT")

    assert set(ours) == set(real) | {"loopbackSource"}
    assert set(real_symbol) - set(our_symbol) == {"permissionSets"}
    for name, value in our_symbol.items():
        assert type(value) is type(real_symbol[name]), name
    kinds = {entry["filterType"]: set(entry) for entry in real_symbol["filters"]}
    for entry in our_symbol["filters"]:
        assert set(entry) == kinds[entry["filterType"]]


def test_exchange_info_states_order_rules_that_its_own_rows_keep():
    with running(market_at(symbols=["BTCUSDT", "ETHUSDT", "SUIUSDT", "1000PEPEUSDT"])) as exchange:
        listings = listings_of(get(exchange.url, "/fapi/v1/exchangeInfo").json)
        rows = {
            symbol: get(exchange.url, KLINES, symbol=symbol, interval="1h", limit=200).json
            for symbol in listings
        }

    rules = {
        symbol: tuple(getattr(listing, name) for name in ORDER_RULES) for symbol, listing in listings.items()
    }
    assert rules["BTCUSDT"] == (0.1, 0.001, 0.001, 100.0, 0.02)
    assert rules["ETHUSDT"] == (0.01, 0.01, 0.01, 20.0, 0.02)
    assert rules["SUIUSDT"][3:] == (5.0, 0.015)
    for symbol, (tick, lot, least, *_) in rules.items():
        assert least == lot > 0
        for row in rows[symbol]:
            steps = [Decimal(price) % Decimal(str(tick)) for price in row[1:5]]
            assert [*steps, Decimal(row[5]) % Decimal(str(lot))] == [0] * 5, symbol


def test_exchange_info_states_source_clock_and_limit():
    with running(market_at(), weight_limit=1234) as exchange:
        info = get(exchange.url, "/fapi/v1/exchangeInfo").json
        now = get(exchange.url, "/fapi/v1/time").json

    assert info["loopbackSource"] == "simulated:seed=7"
    assert info["serverTime"] == now["serverTime"] == to_milliseconds(NOW)
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 1234,
    }


@pytest.mark.parametrize("path", [KLINES, MARKS])
def test_klines_bounds_are_inclusive_and_the_default_is_500_rows(exchange, path):
    hour = 3_600_000
    start = to_milliseconds(NOW) // hour * hour - 800 * hour
    both = get(exchange.url, path, symbol="BTCUSDT", interval="1h", startTime=start, endTime=start + 2 * hour)

    assert [row[0] for row in both.json] == [start, start + hour, start + 2 * hour]
    assert len(get(exchange.url, path, symbol="BTCUSDT", interval="1h", startTime=start).json) == 500
    assert len(get(exchange.url, path, symbol="BTCUSDT", interval="1h", limit=1500).json) == 1500


def test_funding_bounds_are_inclusive_and_the_default_is_100_rows(exchange):
    latest = get(exchange.url, FUNDING, symbol="BTCUSDT").json
    first, last = latest[0]["fundingTime"], latest[-1]["fundingTime"]

    assert len(latest) == 100
    assert get(exchange.url, FUNDING, symbol="BTCUSDT", startTime=first, endTime=last).json == latest
    assert len(get(exchange.url, FUNDING, symbol="BTCUSDT", startTime=0, limit=1000).json) == 1000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOSUCHUSDT", "interval": "1h"}, -1121),
        ({"interval": "1h"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "7h"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": 1501}, -1130),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "many"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "startTime": 5, "endTime": 4}, -1023),
    ],
)
def test_klines_wrong_parameter_gets_the_code_of_the_exchange(exchange, query, code):
    answer = get(exchange.url, KLINES, **query)

    assert (answer.status, answer.json["code"]) == (400, code)


def test_unknown_path_is_404(exchange):
    assert get(exchange.url, "/api/v3/time").status == 404


def test_symbol_is_refused_with_the_words_of_the_exchange(exchange):
    answer = get(exchange.url, FUNDING, symbol="NOSUCHUSDT")

    assert answer.json == {"code": -1121, "msg": "Invalid symbol."}


@pytest.mark.parametrize(
    ("limit", "weight"),
    [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)],
)
def test_candle_weight_follows_the_limit(limit, weight):
    assert candle_weight({"limit": str(limit)}) == weight


def test_server_states_used_weight_and_refuses_past_the_limit():
    seconds = [600.0]
    with running(market_at(), weight_limit=6, clock=lambda: seconds[0]) as exchange:
        used = [
            get(exchange.url, "/fapi/v1/time").headers["X-MBX-USED-WEIGHT-1M"],
            get(exchange.url, KLINES, symbol="BTCUSDT", interval="1h").headers["X-MBX-USED-WEIGHT-1M"],
            get(exchange.url, FUNDING, symbol="BTCUSDT").headers["X-MBX-USED-WEIGHT-1M"],
        ]
        refused = get(exchange.url, "/fapi/v1/time")
        seconds[0] += 20
        again = get(exchange.url, "/fapi/v1/time")
        seconds[0] += 40
        later = get(exchange.url, "/fapi/v1/time")

        assert used == ["1", "6", "6"]
        assert (refused.status, refused.json["code"], refused.headers["Retry-After"]) == (429, -1003, "60")
        assert (again.status, again.headers["Retry-After"]) == (429, "40")
        assert (later.status, later.headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1")
        assert (exchange.responses_429, exchange.calls_inside_retry_after) == (2, 1)
        assert exchange.requests == {"/fapi/v1/time": 4, KLINES: 1, FUNDING: 1}


def test_server_limits_funding_calls_to_500_in_five_minutes():
    seconds = [900.0]
    with running(market_at(), clock=lambda: seconds[0]) as exchange:
        for _ in range(499):
            exchange.funding_calls.charge(1)
        served = get(exchange.url, FUNDING, symbol="BTCUSDT", limit=1)
        refused = get(exchange.url, FUNDING, symbol="BTCUSDT", limit=1)
        other = get(exchange.url, "/fapi/v1/time")

        assert (served.status, refused.status, other.status) == (200, 429, 200)
        assert refused.headers["Retry-After"] == "300"


def test_server_latency_holds_back_every_answer():
    with running(market_at(), latency_seconds=60) as exchange:
        for path in ("/fapi/v1/ping", "/fng/"):
            with pytest.raises(TimeoutError):
                get(exchange.url, path, timeout=0.2)
        assert exchange.requests == {"/fapi/v1/ping": 1, "/fng/": 1}


@pytest.mark.parametrize("kind", [FaultKind.OVERLOADED, FaultKind.EMPTY, FaultKind.MALFORMED])
def test_server_shows_faults_of_other_hosts_without_a_weight(kind):
    plan = FaultPlan([Fault("/fng/", 1, kind)])
    with running(market_at(), faults=plan) as exchange:
        spoiled, healthy = get(exchange.url, "/fng/"), get(exchange.url, "/fng/")

    assert (len(plan.fired), spoiled.text != healthy.text) == (1, True)
    assert "X-MBX-USED-WEIGHT-1M" not in spoiled.headers


def test_server_port_taken_is_one_clear_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} .*--port"):
            asyncio.run(LoopbackExchange(market_at(), port=port).start())


def test_server_refuses_an_address_that_others_can_reach():
    with pytest.raises(UsageError, match=r"0\.0\.0\.0"):
        LoopbackExchange(market_at(), host="0.0.0.0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_cleanly_on_a_signal(number):
    program = (
        "from crypto_bt.simulator.serving import serve\n"
        "from crypto_bt.simulator.synthetic import SyntheticMarket\n"
        "serve(SyntheticMarket(7, ['BTCUSDT']), on_ready=lambda url: print(url, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        assert get(url, "/fapi/v1/ping").json == {}
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=10)

    assert (process.returncode, errors) == (0, "")


def test_simulate_command_hands_on_its_latency():
    command = [sys.executable, "-m", "crypto_bt", "simulate", "--symbols", "1", "--port", "0", "--json"]
    with subprocess.Popen([*command, "--latency-ms", "60000"], stdout=subprocess.PIPE, text=True) as process:
        url = json.loads(process.stdout.readline())["url"]
        with pytest.raises(TimeoutError):
            get(url, "/fapi/v1/ping", timeout=0.2)
        process.terminate()

    assert process.returncode == 0


def test_ccxt_loads_the_markets_and_reads_candles(exchange):
    async def load():
        import ccxt.async_support as ccxt

        client = ccxt.binanceusdm()
        for name in client.urls["api"]:
            client.urls["api"][name] = f"{exchange.url}/fapi/v1"
        try:
            markets = await client.load_markets()
            rows = await client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "1d", "limit": 3})
        finally:
            await client.close()
        return markets, rows

    markets, rows = asyncio.run(load())

    assert {market["id"] for market in markets.values()} == set(SYMBOLS)
    bitcoin = markets["BTC/USDT:USDT"]
    assert (bitcoin["active"], bitcoin["swap"], bitcoin["linear"]) == (True, True, True)
    assert bitcoin["precision"]["price"] == 0.1
    assert from_milliseconds(bitcoin["created"]).year == 2019
    assert len(rows) == 3

"""The plain HTTP client: what it refuses, what it never does, and what it never says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.errors import SourceError, SourceRefused, SourceUnavailable
from crypto_bt.core.series import validate_series
from crypto_bt.sources import FetchRequest, coingecko, defillama, fear_greed, fred, series_sources
from crypto_bt.sources import series_client as module
from crypto_bt.sources.series_client import NotThere, SeriesClient, json_of

KEY = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ask(handler: Handler, waits: list[float] | None = None, query: dict[str, str] | None = None) -> object:
    """What the client makes of ``handler`` as the host."""

    async def sleep(seconds: float) -> None:
        (waits if waits is not None else []).append(seconds)

    async def run() -> object:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        client = SeriesClient("A source", f"http://{host}:{port}", sleep=sleep, chance=lambda: 0.5)
        try:
            async with client:
                return await client.get("/data", query or {"api_key": KEY}, json_of)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def answering(status: int, text: str = "{}", headers: dict[str, str] | None = None) -> Handler:
    """A host that always says the same."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=headers)

    return handler


def test_client_follows_no_redirect_so_that_no_key_reaches_another_host() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(status=302, headers={"Location": f"/stolen?{request.query_string}"})

    with pytest.raises(SourceRefused, match="HTTP 302"):
        ask(elsewhere)
    assert seen == ["/data"]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 418, 451])
def test_client_refusal_is_final_and_repeats_neither_query_nor_body(status: int) -> None:
    waits: list[float] = []
    with pytest.raises(SourceRefused, match=f"HTTP {status}") as raised:
        ask(answering(status, f"no api_key={KEY} here"), waits)
    assert waits == []
    assert KEY not in str(raised.value)
    assert "FRED_API_KEY" in str(raised.value)
    assert isinstance(raised.value, NotThere) == (status == 404)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_client_passing_trouble_is_asked_four_times_with_jitter(status: int) -> None:
    waits: list[float] = []
    with pytest.raises(SourceUnavailable, match=f"HTTP {status}") as raised:
        ask(answering(status, KEY), waits)
    assert waits == pytest.approx([10.5, 31.5, 63.0])
    assert KEY not in str(raised.value)


def test_client_asked_to_wait_for_hours_gives_up_at_once() -> None:
    waits: list[float] = []
    with pytest.raises(SourceUnavailable, match="429"):
        ask(answering(429, headers={"Retry-After": "7200"}), waits)
    assert waits == []


@pytest.mark.parametrize(
    "body", ["", "  ", "<html>", "[1, 2", "[" * 100_000, "nothing", '{"a": 1' + "0" * 5000 + "}"]
)
def test_client_body_that_is_no_json_is_asked_again(body: str) -> None:
    waits: list[float] = []
    with pytest.raises(SourceUnavailable):
        ask(answering(200, body), waits)
    assert len(waits) == 3


def test_client_endless_body_is_cut_off_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY", 100_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"0" * 10_000)
        except ConnectionError:
            return response

    with pytest.raises(SourceRefused, match="more than 100000 bytes"):
        ask(endless)


def test_client_compressed_bomb_is_cut_off_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY", 100_000)

    async def bomb(request: web.Request) -> web.StreamResponse:
        response = web.Response(body=b"0" * 20_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    with pytest.raises(SourceError):
        ask(bomb)


def test_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(SeriesClient("A source", "http://127.0.0.1:9").get("/", {}, json_of))


@pytest.mark.parametrize("source", series_sources("http://127.0.0.1:9", KEY), ids=lambda source: source.name)
def test_series_source_unknown_series_is_refused_before_anything_is_asked(source: object) -> None:
    request = FetchRequest(source.dataset, "NOSUCH", NOW - timedelta(days=1), NOW)
    with pytest.raises(SourceRefused, match=r"no series NOSUCH.*it has"):
        asyncio.run(source.fetch(request, NOW))
    assert source.usage.requests == 0
    assert KEY not in repr(source) + repr(vars(source)["_client"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.text(max_size=3)
        | st.sampled_from(
            [
                "data", "timestamp", "value", "observations", "date", "market_cap_percentage", "btc", "usd",
                "total_market_cap", "updated_at", "totalCirculatingUSD", "peggedUSD",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
CSV = st.lists(
    st.sampled_from(["observation_date,DFF\n", "2026-03-03,", "3.6", "\n", "\r", '"', "\0", ",", "."])
)
BODY = (
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | CSV.map("".join).map(str.encode)
)
READERS = {
    "fear_greed": fear_greed._read,
    "btc_dominance": lambda body: coingecko._read(body, "btc_dominance"),
    "stablecoin_supply": defillama._read,
    "CPIAUCSL": fred._read_json,
    "DFF": lambda body: fred._read_csv(body, "DFF"),
}


@given(body=BODY, series=st.sampled_from(sorted(READERS)))
def test_reader_of_any_body_gives_rows_or_none(body: bytes, series: str) -> None:
    try:
        rows = READERS[series](body)
    except ValueError:
        rows = None
    valid = validate_series(
        rows or [], dataset="macro_series", series=series, start=NOW - timedelta(days=99), end=NOW, now=NOW
    )
    assert valid.frame.height <= len(rows or [])


def test_reader_of_a_csv_with_a_field_too_long_is_none() -> None:
    assert fred._read_csv(b"observation_date,DFF\n" + b"1" * 200_000 + b",2\n", "DFF") is None
    assert fred._read_csv(b"\xef\xbb\xbfDATE,DFF\n2026-03-03,3.6\n", "DFF") == [("2026-03-03", "3.6")]
    assert fred._read_csv(b"DATE,DGS10\n2026-03-03,3.6\n", "DFF") is None

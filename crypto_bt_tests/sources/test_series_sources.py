"""Every source of series, against the loopback exchange: what each must keep, and what its faults become.

The loopback exchange has to serve a new source's path: ``simulator/outside.py``.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crypto_bt.core.availability import RULES
from crypto_bt.core.errors import SourceRefused, SourceUnavailable
from crypto_bt.core.feed_quality import AGE_LIMITS, EXPECTED_SERIES
from crypto_bt.core.schemas import SERIES_SCHEMA
from crypto_bt.core.series import PLAUSIBLE
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import FetchRequest, SeriesSource, series_sources

NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
PATHS = {
    "alternative.me": "/fng/",
    "FRED": "/graph/fredgraph.csv",
    "CoinGecko": "/api/v3/global",
    "DefiLlama": "/stablecoincharts/all",
}


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    """A loopback exchange on a standing clock."""
    with running(SyntheticMarket(7, ("BTCUSDT",), clock=lambda: NOW)) as serving:
        yield serving


def sources(url: str, waits: list[float] | None = None, key: str | None = None) -> dict[str, SeriesSource]:
    """The sources by name; their waits are noted instead of slept."""

    async def sleep(seconds: float) -> None:
        (waits if waits is not None else []).append(seconds)

    made = series_sources(url, key, sleep=sleep, chance=lambda: 0.0, timeout_seconds=2.0)
    return {source.name: source for source in made}


def fetch(source: SeriesSource, series: str, start: datetime = NOW - timedelta(days=100)) -> Any:
    """One answer, in a session of its own."""

    async def ask() -> Any:
        async with source:
            request = FetchRequest(source.dataset, series, start, NOW + timedelta(days=1))
            return await source.fetch(request, NOW)

    return asyncio.run(ask())


EVERY = [(source.name, series) for source in series_sources("http://127.0.0.1:1") for series in source.series]
contract = pytest.mark.parametrize(("name", "series"), EVERY)


@contract
def test_series_source_is_known_wherever_a_series_has_to_be(name: str, series: str) -> None:
    [dataset] = [made.dataset for made in series_sources("http://127.0.0.1:1") if made.name == name]
    assert series in RULES, "Say from when on its values are known: core/availability.py, RULES."
    assert series in PLAUSIBLE, "Give the range of what can be: core/series.py, PLAUSIBLE."
    assert series in EXPECTED_SERIES[dataset], "Name it: core/feed_quality.py, EXPECTED_SERIES."
    assert series in AGE_LIMITS, "Say how old it may be: core/feed_quality.py, AGE_LIMITS."


@contract
def test_series_source_gives_sorted_unique_rows_known_after_they_are_about(
    exchange: LoopbackExchange, name: str, series: str
) -> None:
    batch = fetch(sources(exchange.url)[name], series)
    frame = batch.frame
    assert dict(frame.schema) == SERIES_SCHEMA
    assert frame.height >= 1
    assert frame["series"].unique().to_list() == [series]
    assert frame["observed_at"].is_sorted()
    assert not frame["observed_at"].is_duplicated().any()
    assert frame["observed_at"].max() <= NOW
    assert (frame["available_at"] >= frame["observed_at"]).all()
    assert batch.quarantine.is_empty()


@contract
def test_series_source_asked_twice_gives_the_same(exchange: LoopbackExchange, name: str, series: str) -> None:
    first, second = (fetch(sources(exchange.url)[name], series) for _ in range(2))
    assert first.frame.equals(second.frame)


def test_fred_with_a_key_and_without_one_give_the_same(exchange: LoopbackExchange) -> None:
    without, with_key = sources(exchange.url), sources(exchange.url, key=KEY)
    for series in without["FRED"].series:
        assert fetch(with_key["FRED"], series).frame.equals(fetch(without["FRED"], series).frame)


FAULTS: list[tuple[FaultKind, Callable[[str], bool]]] = [
    (FaultKind.TOO_MANY, lambda said: "429" in said),
    (FaultKind.OVERLOADED, lambda said: "503" in said),
    (FaultKind.HTML, lambda said: "HTML page" in said),
    (FaultKind.EMPTY, lambda said: "empty body" in said),
    (FaultKind.RESET, lambda said: "connection failed" in said),
    (FaultKind.TRUNCATED, lambda said: "connection failed" in said),
]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(("kind", "says"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_series_source_tries_again_after_ten_thirty_sixty_seconds(
    name: str, kind: FaultKind, says: Callable[[str], bool]
) -> None:
    plan = FaultPlan([Fault(PATHS[name], nth, kind, seconds=1) for nth in (1, 2, 3)])
    waits: list[float] = []
    with running(SyntheticMarket(7, ("BTCUSDT",), clock=lambda: NOW), faults=plan) as serving:
        source = sources(serving.url, waits)[name]
        healed = fetch(source, source.series[0])
    assert len(plan.fired) == 3
    assert waits == [10.0, 30.0, 60.0]
    assert healed.frame.height >= 1
    assert source.usage.retries == 3

    plan = FaultPlan([Fault(PATHS[name], nth, kind, seconds=1) for nth in (1, 2, 3, 4)])
    with running(SyntheticMarket(7, ("BTCUSDT",), clock=lambda: NOW), faults=plan) as serving:
        source = sources(serving.url)[name]
        with pytest.raises(SourceUnavailable) as raised:
            fetch(source, source.series[0])
    assert len(plan.fired) == 4
    assert says(str(raised.value)), str(raised.value)
    assert "last values stay" in str(raised.value)


def test_series_source_waits_as_long_as_it_is_asked_to() -> None:
    plan = FaultPlan([Fault("/fng/", 1, FaultKind.TOO_MANY, seconds=77)])
    waits: list[float] = []
    with running(SyntheticMarket(7, ("BTCUSDT",), clock=lambda: NOW), faults=plan) as serving:
        fetch(sources(serving.url, waits)["alternative.me"], "fear_greed")
    assert waits == [77.0]


def test_series_source_nobody_listens_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match="the connection failed"):
        fetch(sources("http://127.0.0.1:9")["CoinGecko"], "btc_dominance")


def test_fred_wrong_key_is_refused_at_once_and_never_shown(exchange: LoopbackExchange) -> None:
    waits: list[float] = []
    secret = "not-a-key-but-secret"
    source = sources(exchange.url, waits, key=secret)["FRED"]
    with pytest.raises(SourceRefused, match="Check FRED_API_KEY") as raised:
        fetch(source, "DFF")
    assert waits == []
    shown = repr(raised.value) + str(raised.value) + repr(raised.value.__cause__) + repr(source)
    assert secret not in shown
    assert raised.value.__suppress_context__ or secret not in repr(raised.value.__context__)

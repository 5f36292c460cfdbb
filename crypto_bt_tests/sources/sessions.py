"""Sessions with a loopback exchange over a real socket, waiting in fake time."""

import asyncio
from dataclasses import dataclass

from crypto_bt.core.market import to_milliseconds
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.sources import Batch, BinanceUsdm, Failure, FetchRequest, Usage
from crypto_bt_tests.sources.fake_time import FakeTime


def source_of(exchange: LoopbackExchange, time: FakeTime, share: float = 1.0, **options) -> BinanceUsdm:
    """The adapter under test; its waits pass in ``time``, without jitter."""
    settings = {"check_skew": False, "sleep": time.sleep, "clock": time.clock, "chance": lambda: 0.0}
    return BinanceUsdm(exchange.url, share, **{**settings, **options})


@dataclass
class Outcome:
    batches: list[Batch]
    failures: list[Failure]
    usage: Usage


def fetch_all(source: BinanceUsdm, requests: list[FetchRequest]) -> Outcome:
    """Open, fetch, close."""
    batches: list[Batch] = []

    async def session():
        async with source:
            return await source.fetch_all(requests, batches.append)

    failures = asyncio.run(session())
    return Outcome(batches, failures, source.usage)


def truth(market, request: FetchRequest, timeframe) -> list[tuple]:
    """The market's own rows of ``request`` as (open_time in ms, open, ..., volume)."""
    window = Window(to_milliseconds(request.start), to_milliseconds(request.end) - 1, 10**6)
    rows = market.candles(request.symbol, timeframe, window)
    now = to_milliseconds(market.now())
    return [
        (row[0], *map(float, row[1:6])) for row in rows if row[0] + timeframe.milliseconds <= now
    ]  # fmt: skip


def rows_of(batch: Batch) -> list[tuple]:
    """The fetched candles in the same form."""
    columns = ["open_time", "open", "high", "low", "close", "volume"]
    return [(to_milliseconds(row[0]), *row[1:]) for row in batch.frame.select(columns).iter_rows()]

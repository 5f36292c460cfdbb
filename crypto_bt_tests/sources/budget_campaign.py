"""The budget campaign: four real processes start together on one ledger, beside a trader: who asks what.

Two updates, a catch-up and a backfill, each a process of its own with the real client, against one loopback
exchange that enforces its limit; a fifth process is the trader, with plain HTTP. Time runs SPEEDS times as
fast for the limits, the waits and the ledger alike, so that minutes pass in seconds; what the processor and
the socket take is not sped up, and so weighs as many times as much. In some repeats an update is killed with
kill -9 in the middle of its work, and another is started in its place. A repeat in which the trader, for want
of a processor, asked less than it should is void: it is counted as such, and made again at the next speed.
"""

import asyncio
import http.client
import math
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.market import STANDARD_TIMEFRAMES
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.simulator.server import LoopbackExchange
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import BinanceUsdm, FetchRequest

SPEEDS = (25, 25, 15, 15, 8, 8)
LIMIT = 2400
TRADER_SHARE = 0.7
SCHEDULED = 0.2
BACKFILL = 0.5
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CANDLES = tuple(timeframe.dataset for timeframe in STANDARD_TIMEFRAMES)
#: For so many symbols all feeds are asked, for the others candles only: the limits of calls hold for all.
ALL_FEEDS = 20
#: Real seconds that a repeat may take; a session that still runs then has failed.
LONGEST = 120.0
_TRADER = "trader"
_PRICE = 10
#: The trader asks nothing after this second of a minute, so that nothing of it arrives in the next.
_QUIET = 58.0

#: Children are forked from a small server that has only imported things, so that a start costs little.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["crypto_bt_tests.sources.budget_campaign", "ccxt.async_support"])


@dataclass(frozen=True)
class FastTime:
    """``speed`` times the machine's own monotonic time since ``origin``, the same in all processes."""

    origin: float
    speed: int

    def clock(self) -> float:
        return (time.monotonic() - self.origin) * self.speed

    def wall(self) -> datetime:
        return NOW + timedelta(seconds=self.clock())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


@dataclass(frozen=True)
class Work:
    """What one session asks: the last ``days`` of ``datasets`` of all symbols, ``more`` of the first."""

    name: str
    share: float
    days: int
    datasets: Sequence[str]
    more: Sequence[str] = ()

    def requests(self) -> list[FetchRequest]:
        asked = [(name, symbol) for name in self.datasets for symbol in UNIVERSE]
        asked += [(name, symbol) for name in self.more for symbol in UNIVERSE[:ALL_FEEDS]]
        return [FetchRequest(name, symbol, NOW - timedelta(days=self.days), NOW) for name, symbol in asked]


FEEDS = ("mark_price_1h", "funding_rates", *POSITIONING_DATASETS)
WORKS = (
    Work("update", SCHEDULED, 1, CANDLES, FEEDS),
    Work("other update", SCHEDULED, 1, CANDLES, FEEDS),
    Work("catch-up", SCHEDULED, 7, CANDLES, FEEDS),
    Work("backfill", BACKFILL, 120, ("candles_1h",)),
)


class WatchedExchange(LoopbackExchange):
    """Counts by minute what the trader and what we ask, and who was refused."""

    def __init__(self, market: SyntheticMarket, clock: Any) -> None:
        super().__init__(market, weight_limit=LIMIT, clock=clock)
        self.by: Counter[tuple[int, bool]] = Counter()
        self.refused: Counter[bool] = Counter()
        self._time = clock

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        trader = request.headers.get("User-Agent") == _TRADER
        cost = self._endpoints[request.path].weight(request.query)
        self.by[math.floor(self._time() / 60), trader] += cost
        response = await super()._answer(request)
        self.refused[trader] += response.status == 429
        return response


def trade(port: int, fast: FastTime, burst: float, at: float, stop: Any) -> None:
    """Use TRADER_SHARE of each minute's weight, a ``burst`` share of it at once at second ``at``; until told.

    A trader keeps its own limit too: what it could not ask in its minute it does not ask in the next.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port)
    # 1,500 candles of before the listing: the full price for an empty answer.
    path = "/fapi/v1/klines?symbol=BTCUSDT&interval=1d&limit=1500&startTime=1&endTime=2"
    calls = round(LIMIT * TRADER_SHARE / _PRICE)
    at_once = round(calls * burst)
    seconds = sorted([at] * at_once + [_QUIET * n / (calls - at_once) for n in range(calls - at_once)])
    while not stop.is_set():
        minute = math.floor(fast.clock() / 60)
        for second in seconds:
            while fast.clock() < minute * 60 + second and not stop.is_set():
                time.sleep(0.002)
            if stop.is_set() or fast.clock() >= minute * 60 + _QUIET:
                break
            connection.request("GET", path, headers={"User-Agent": _TRADER})
            connection.getresponse().read()
        while fast.clock() < (minute + 1) * 60 and not stop.is_set():
            time.sleep(0.002)


def work(url: str, ledger: Path, fast: FastTime, of: Work, outcome: Any) -> None:
    """One session: open, fetch all, say what came of it."""
    source = BinanceUsdm(
        url, of.share, ledger=ledger, check_skew=False, clock=fast.clock, sleep=fast.sleep, wall=fast.wall
    )
    rows = 0

    def count(batch: Any) -> None:
        nonlocal rows
        rows += batch.frame.height

    async def run() -> list[str]:
        async with source:
            return [failure.reason for failure in await source.fetch_all(of.requests(), count)]

    outcome.send((asyncio.run(run()), rows, source.usage))


@dataclass
class Repeat:
    """What one repeat saw; ``failures`` is empty when all held, ``voids`` counts those made again."""

    seed: str
    void: bool = False
    voids: int = 0
    failures: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


class Running:
    """One session's process."""

    def __init__(self, of: Work, url: str, ledger: Path, fast: FastTime) -> None:
        self.of = of
        self.outcome, outcome = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(url, ledger, fast, of, outcome), daemon=True)
        self.process.start()
        outcome.close()


def run_repeat(seed: str, market: SyntheticMarket, folder: Path) -> Repeat:
    """A repeat that is not void, or has failed; the last one when all were void."""
    repeat = Repeat(seed)
    for voids, speed in enumerate(SPEEDS):
        (place := folder / str(voids)).mkdir()
        repeat = asyncio.run(_run(seed, speed, market, place))
        repeat.voids = voids
        if not repeat.void or repeat.failures:
            break
    return repeat


async def _run(seed: str, speed: int, market: SyntheticMarket, folder: Path) -> Repeat:
    """Start all together, wait for all, and judge."""
    chance = random.Random(seed)
    repeat = Repeat(seed)
    fast = FastTime(time.monotonic() - chance.uniform(0, 60) / speed, speed)
    exchange = WatchedExchange(market, fast.clock)
    url = await exchange.start()
    stop = context.Event()
    burst = chance.choice([0.0, 0.0, 0.3])
    at = chance.uniform(0, 35)
    port = int(url.rpartition(":")[2])
    trader = context.Process(target=trade, args=(port, fast, burst, at, stop), daemon=True)
    trader.start()
    sessions: list[Running] = []
    killed = 0
    try:
        await fast.sleep(chance.uniform(0, 90))
        begin, ledger = fast.clock(), folder / "ledger"
        sessions = [Running(of, url, ledger, fast) for of in WORKS]
        if chance.random() < 0.3:
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            killed = _kill(sessions[0])
            sessions.append(Running(WORKS[0], url, ledger, fast))
        deadline = time.monotonic() + LONGEST
        for one in sessions:
            await asyncio.to_thread(one.process.join, max(deadline - time.monotonic(), 0))
        seconds = fast.clock() - begin
    finally:
        stop.set()
        for process in (trader, *(one.process for one in sessions)):
            await asyncio.to_thread(process.join, 5)
            process.kill()
        await exchange.stop()
    _judge(repeat, exchange, sessions[killed:])
    repeat.figures |= {"speed": speed, "killed": killed, "burst": burst > 0, "seconds": round(seconds, 1)}
    return repeat


def _kill(session: Running) -> int:
    """kill -9; 1 if it was still at work."""
    alive = session.process.is_alive()
    session.process.kill()
    session.process.join()
    return int(alive and session.process.exitcode == -signal.SIGKILL)


def _judge(repeat: Repeat, exchange: WatchedExchange, sessions: Sequence[Running]) -> None:
    ours = Counter({minute: cost for (minute, trader), cost in exchange.by.items() if not trader})
    traded = Counter({minute: cost for (minute, trader), cost in exchange.by.items() if trader})
    # The first and the last minute are not whole.
    whole = [traded[minute] for minute in sorted(traded)[1:-1]]
    waits = retries = 0
    for one in sessions:
        if not one.outcome.poll():
            repeat.failures.append(f"{one.of.name}: no outcome, exit code {one.process.exitcode}")
            continue
        failures, rows, usage = one.outcome.recv()
        waits, retries = waits + usage.waits, retries + usage.retries
        repeat.failures += [f"{one.of.name}: {failure}" for failure in failures]
        if not rows:
            repeat.failures.append(f"{one.of.name}: no rows")
        if usage.peak_minute_weight > one.of.share * LIMIT:
            repeat.failures.append(
                f"{one.of.name}: all of us used {usage.peak_minute_weight} when it asked, its share is "
                f"{one.of.share * LIMIT:.0f}"
            )
        if usage.ledger_trouble:
            repeat.failures.append(f"{one.of.name}: {usage.ledger_trouble}")
    most = {"ours": max(ours.values()), "all": max((ours + traded).values())}
    for what, least in (("ours", BACKFILL * LIMIT), ("all", LIMIT)):
        if most[what] > least:
            repeat.failures.append(f"{what}: {most[what]} weight in a minute, limit {least:.0f}")
    for trader, count in exchange.refused.items():
        if count:
            repeat.failures.append(f"{count} responses 429 to {'the trader' if trader else 'us'}")
    usual = sum(whole) / max(len(whole), 1)
    repeat.void = usual < 0.95 * TRADER_SHARE * LIMIT
    repeat.figures |= {
        "most_of_ours_in_a_minute": most["ours"],
        "most_of_all_in_a_minute": most["all"],
        "trader_in_a_minute": round(usual),
        "minutes": len(ours),
        "waits": waits,
        "retries": retries,
        "our_weight": sum(ours.values()),
    }
